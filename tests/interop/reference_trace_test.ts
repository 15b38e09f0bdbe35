/**
 * Random messages with trace headers to natsts and to the real server: the same events of each
 * trace, and the same messages delivered and stored. Prints its seed; skipped where the real
 * server is not on the path.
 *
 * Events of one message are compared in any order: the reference walks maps.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { headers as newHeaders, type NatsConnection } from "@nats-io/transport-node";
import { RawClient, type ReceivedMessage } from "../harness/raw_client.ts";
import { referenceProgram } from "../harness/reference_server.ts";
import { until } from "../harness/server.ts";
import { SeededRandom } from "../sim/random.ts";
import { onEachServer, type Side } from "./_system_account.ts";

const program = referenceProgram("nats-server");

// deno-lint-ignore no-explicit-any -- answers are looked into field by field
type Json = any;

const MESSAGES = 300;
/** How long nothing must arrive until all is there. */
const QUIET_MS = 250;

const ACCOUNTS = ["A", "B", "C", "D"] as const;

function config(storeDir: string): string {
  return `
    server_name: S
    accounts {
      A {
        jetstream: enabled
        users [
          { user: a, password: a }
          { user: p, password: p, permissions: {
              publish: { allow: ["a.>", "js.>", "t.p", "svc.>", "s.>"], deny: "a.secret" }
              subscribe: { allow: ">", deny: ["a.hidden", "s.hidden"] } } }
        ]
        exports [
          { stream: "s.>" }
          { service: "svc.>", allow_trace: true }
          { service: "quiet.>" }
          { service: "js.>", allow_trace: true }
          { service: "chunks.>", allow_trace: true, response_type: stream }
        ]
        mappings: { "m.*": "a.$1", "svc.map": "svc.one" }
      }
      B {
        jetstream: enabled
        users [{ user: b, password: b }]
        imports [
          { stream: { account: A, subject: "s.>" }, prefix: "from", allow_trace: true }
          { service: { account: A, subject: "svc.>" } }
          { service: { account: A, subject: "quiet.>" } }
          { service: { account: A, subject: "js.>" } }
          { service: { account: A, subject: "chunks.>" } }
        ]
        exports [
          { service: "svc.>", allow_trace: true }
          { service: "quiet.>", allow_trace: true }
        ]
      }
      C {
        users [{ user: c, password: c }]
        imports [
          { stream: { account: A, subject: "s.*.*" }, to: "s.$2.$1" }
          { service: { account: B, subject: "svc.>" }, to: "two.>" }
          { service: { account: B, subject: "quiet.>" } }
        ]
      }
      D {
        jetstream: enabled
        users [{ user: d, password: d }]
        msg_trace: { dest: "t.account" }
      }
      SYS { users [{ user: sys, password: sys }] }
    }
    jetstream { store_dir: "${storeDir}", max_mem: 64MB, max_file: 64MB }
    system_account: SYS
  `;
}

const STREAMS = [
  {
    user: "a",
    name: "ALL",
    subjects: ["js.all.>"],
    storage: "memory",
    allow_rollup_hdrs: true,
    allow_atomic: true,
    allow_batched: true,
    max_msg_size: 400,
    allow_direct: true,
    subject_transform: { src: "js.all.old", dest: "js.all.new" },
  },
  { user: "a", name: "FULL", subjects: ["js.full"], storage: "file", max_msgs: 4, discard: "new" },
  { user: "a", name: "IDLE", subjects: ["js.idle"], storage: "file", retention: "interest" },
  { user: "a", name: "TTL", subjects: ["js.ttl"], storage: "file", allow_msg_ttl: true },
  { user: "a", name: "COUNT", subjects: ["js.count"], storage: "file", allow_msg_counter: true },
  { user: "b", name: "IMPORTED", subjects: ["from.s.x.>"], storage: "memory" },
  { user: "d", name: "EXTERNAL", subjects: ["js.d"], storage: "memory" },
];

/** One message of a script. */
interface Publication {
  readonly user: string;
  readonly bytes: string;
}

const PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

const SUBJECTS: Record<string, readonly string[]> = {
  a: [
    ...["own.a", "a.one", "a.hidden", "m.one", "m.hidden", "s.x.y", "s.hidden", "nobody"],
    ...["_GR_.x", "svc.one", "$JS.API.INFO", "$JS.API.DIRECT.GET.ALL.js.all.x"],
    ...["$SYS.REQ.USER.INFO", "$JS.ACK.ALL.x"],
  ],
  p: ["a.one", "a.secret", "nobody", "s.x.y", "svc.one"],
  b: ["svc.one", "svc.map", "svc.none", "quiet.one", "js.all.x", "js.full", "chunks.one", "q"],
  c: ["two.one", "two.map", "two.none", "quiet.one", "q"],
  d: ["q", "nobody", "js.d", "js.d"],
};

const DESTINATIONS = [
  ...["t.x", "t.x", "t.x", "t.x", "t.p", "t.p", "t.deny"],
  ...["t..x", "trace disabled", "_GR_.t", "$NRG.t", "t.*", "", "a.one"],
];

const OTHER_HEADERS = [
  ...["Other:a", "Other: b ", "nats-trace-dest: t.x", "Nats-Trace-Dest : t.x", ": none", "O: \t:"],
  ...[
    "Other: <\u00c3\u00a9&>",
    'Other: "\\',
    "Ot\u00ffher: \u00ff\u00c3",
    "O: \x01\x7f",
    "no colon",
  ],
];

/** Headers that streams look at. */
const STREAM_HEADERS: readonly (readonly [string, string])[] = [
  ["Nats-Msg-Id", "one"],
  ["Nats-Msg-Id", "two"],
  ["Nats-Expected-Stream", "ALL"],
  ["Nats-Expected-Stream", "WRONG"],
  ["Nats-Expected-Last-Sequence", "3"],
  ["Nats-Expected-Last-Sequence", "x"],
  ["Nats-Expected-Last-Subject-Sequence", "2"],
  ["Nats-Expected-Last-Subject-Sequence-Subject", "js.all.x"],
  ["Nats-Expected-Last-Msg-Id", "one"],
  ["Nats-Rollup", "sub"],
  ["Nats-Rollup", "wrong"],
  ["Nats-TTL", "10s"],
  ["Nats-TTL", "no"],
  ["Nats-Incr", "1"],
  ["Nats-Incr", "no"],
  ["Nats-Schedule", "@at 2100-01-01T00:00:00Z"],
  ["Nats-Scheduler", "x"],
];

/**
 * In fast batches the reference goes on after a wrong last message id as if the message were
 * stored, and expects the last sequence that a failed atomic batch has left behind.
 */
const BATCH_HEADERS = STREAM_HEADERS.filter(([name]) =>
  name !== "Nats-Expected-Last-Msg-Id" && name !== "Nats-Expected-Last-Sequence"
);

class Script {
  readonly publications: Publication[] = [];
  #count = 0;
  #batches = 0;

  constructor(readonly random: SeededRandom) {}

  pick<T>(values: readonly T[]): T {
    return values[this.random.below(values.length)]!;
  }

  chance(percentage: number): boolean {
    return this.random.below(100) < percentage;
  }

  /** Headers with which a message may be traced; `any` may have some that few clients can read. */
  #traceHeaders(any: boolean): string[] {
    const lines: string[] = [];
    if (this.chance(85)) lines.push(`Nats-Trace-Dest: ${this.pick(DESTINATIONS)}`);
    if (this.chance(5)) lines.push("Nats-Trace-Dest: t.second");
    if (this.chance(35)) {
      lines.push(`Nats-Trace-Only: ${this.pick(["true", "1", "ON", "false", "yes", ""])}`);
    }
    if (this.chance(20)) {
      const name = this.pick(["traceparent", "TraceParent"]);
      lines.push(
        `${name}: ${PARENT}-${this.pick(["01", "01", "00", "25", "ff", "7f", "1", "+1"])}`,
      );
    }
    if (this.chance(4)) lines.push("Nats-Trace-Origin-Account: X");
    if (this.chance(4)) lines.push("Nats-Trace-Hop: 1.2");
    if (this.chance(10)) lines.push(this.pick(any ? OTHER_HEADERS : ["Other:a", "Other: b "]));
    return lines;
  }

  publish(user: string, subject: string, reply: string, lines: readonly string[], body = ""): void {
    const all = [...lines];
    all.splice(this.random.below(all.length + 1), 0, `N: ${this.#count++}`);
    const headers = `NATS/1.0\r\n${all.map((line) => `${line}\r\n`).join("")}\r\n`;
    const sizes = `${headers.length} ${headers.length + body.length}`;
    const to = reply === "" ? subject : `${subject} ${reply}`;
    this.publications.push({ user, bytes: `HPUB ${to} ${sizes}\r\n${headers}${body}\r\n` });
  }

  #body(): string {
    return "x".repeat(this.pick([0, 1, 20, 300]));
  }

  #plain(): void {
    const user = this.pick(Object.keys(SUBJECTS));
    const subject = this.pick(SUBJECTS[user]!);
    const reply = subject.startsWith("$")
      ? "nobody.listens"
      : this.chance(50)
      ? `${this.pick(["r", "r", "e"])}.${user}`
      : this.chance(3)
      ? "_R_.x"
      : "";
    const lines = this.#traceHeaders(user === "a" && subject !== "svc.one");
    this.publish(user, subject, reply, lines, this.#body());
  }

  #toStream(): void {
    const lines = this.#traceHeaders(true);
    for (let i = this.random.below(3); i > 0; i--) {
      const [name, value] = this.pick(STREAM_HEADERS);
      lines.push(`${name}: ${value}`);
    }
    const subject = this.pick([
      ...["js.all.x", "js.all.x", "js.all.y", "js.all.old", "js.full", "js.idle", "js.ttl"],
      "js.count",
    ]);
    const body = this.chance(50) ? "" : this.#body();
    this.publish(this.pick(["a", "a", "p"]), subject, this.chance(60) ? "r.a" : "", lines, body);
  }

  /** An atomic batch of which any message may be wrong or missing. */
  #atomicBatch(): void {
    const id = `batch${this.#batches++}`;
    const size = 1 + this.random.below(3);
    for (let seq = 1; seq <= size; seq++) {
      if (this.chance(7)) continue;
      const lines = [`Nats-Batch-Id: ${id}`, `Nats-Batch-Sequence: ${seq}`];
      if (seq === size) lines.push(`Nats-Batch-Commit: ${this.pick(["1", "1", "1", "bad"])}`);
      if (this.chance(60)) lines.push("Nats-Trace-Dest: t.x");
      if (this.chance(15)) lines.push(this.pick(BATCH_HEADERS).join(": "));
      // The reference tells of one subject of a committed batch, any of them.
      const subject = this.pick(["js.all.x", "js.all.x", "js.ttl"]);
      this.publish("a", subject, this.chance(80) ? "r.a" : "", lines, "batch");
    }
  }

  #fastBatch(): void {
    const id = `fast${this.#batches++}`;
    const gap = this.pick(["fail", "ok"]);
    const size = 1 + this.random.below(3);
    for (let seq = 1; seq <= size; seq++) {
      if (this.chance(7)) continue;
      const operation = seq === size ? 2 : seq === 1 ? 0 : 1;
      const lines: string[] = [];
      if (this.chance(60)) lines.push("Nats-Trace-Dest: t.x");
      if (this.chance(15)) lines.push(this.pick(BATCH_HEADERS).join(": "));
      const reply = `r.a.${id}.10.${gap}.${seq}.${operation}.$FI`;
      this.publish("a", "js.all.x", reply, lines, "fast");
    }
  }

  make(count: number): readonly Publication[] {
    // One of each, whatever chance brings.
    const traced = ["Nats-Trace-Dest: t.x"];
    for (const subject of ["m.one", "s.x.y", "own.a", "js.all.y", "_GR_.x"]) {
      this.publish("a", subject, "", traced);
    }
    this.publish("a", "nobody", "e.a", traced);
    this.publish("b", "svc.one", "r.b", traced);
    while (this.publications.length < count) {
      switch (this.random.below(12)) {
        case 0:
          this.#atomicBatch();
          break;
        case 1:
          this.#fastBatch();
          break;
        case 2:
        case 3:
        case 4:
        case 5:
          this.#toStream();
          break;
        default:
          this.#plain();
      }
    }
    return this.publications;
  }
}

function login(user: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { user, pass: user, name: user, headers: true, no_responders: true, ...more };
}

async function rawClient(side: Side, options: Record<string, unknown>): Promise<RawClient> {
  const client = await RawClient.connect(side.port);
  await client.login(options);
  return client;
}

/** Without what differs between runs. */
function masked(text: string): string {
  return text.replace(/_R_\.\w+\.\w+/g, "REPLY").replace(/"ts":"[^"]*"/g, '"ts":""')
    .replace(/"cid":\d+/g, '"cid":0')
    .replace(/"(time|start)":"[^"]*"/g, '"$1":""').replace(/Nats-Request-Info: .*/g, "INFO");
}

/** The text of bytes that stand in one character each. */
function utf8(bytes: string): string {
  return new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
}

/** A trace with its events in order of their text. */
function maskedTrace(body: string): string {
  const trace = JSON.parse(body);
  const [ingress, ...others] = trace.events.map((event: unknown) => masked(JSON.stringify(event)));
  const events = [ingress, ...others.sort()].join("\n  ");
  const server = Object.keys(trace.server).join();
  return `${masked(JSON.stringify({ ...trace, server, events: [] }))}\n  ${events}`;
}

interface Listener {
  readonly name: string;
  readonly client: RawClient;
}

/** Services that answer, with the headers of the request if it has a body. */
async function startServices(side: Side): Promise<NatsConnection[]> {
  const answer = async (user: string, subject: string): Promise<NatsConnection> => {
    const client = await side.connect({ user, pass: user, name: `service ${subject}` });
    client.subscribe(subject, {
      queue: "services",
      callback: (_error, message) => {
        const headers = newHeaders();
        const n = message.headers?.get("N") ?? "";
        headers.set("N", n);
        if (message.data.length > 1) headers.set("Nats-Trace-Dest", "t.answer");
        message.respond("answer", { headers });
        if (subject.startsWith("chunks")) message.respond("", { headers });
      },
    });
    await client.flush();
    return client;
  };
  return await Promise.all([
    answer("a", "svc.one"),
    answer("a", "quiet.one"),
    answer("a", "chunks.one"),
    answer("b", "q"),
  ]);
}

async function startListeners(side: Side): Promise<Listener[]> {
  const listeners: Listener[] = [];
  const listen = async (name: string, user: string, subscriptions: string[], more = {}) => {
    const client = await rawClient(side, login(user, { name, ...more }));
    for (const [i, subscription] of subscriptions.entries()) {
      await client.send(`SUB ${subscription} ${i}\r\n`);
    }
    await client.flush();
    listeners.push({ name, client });
  };
  for (const account of ACCOUNTS) {
    const user = account.toLowerCase();
    await listen(`traces ${user}`, user, ["t.>"]);
    await listen(`replies ${user}`, user, ["r.>"]);
  }
  await listen("app a", "a", ["a.*", "a.one queue-a", "*.x.y", "nobody.else"]);
  await listen("plain a", "a", ["a.>"], { headers: false, no_responders: false });
  await listen("denied", "p", ["a.*", "s.>"]);
  await listen("app b", "b", ["from.>", "from.s.x.* queue-b", "q workers", "svc.>"]);
  await listen("app c", "c", ["s.*.* queue-c", "s.y.x"]);
  await listen("app d", "d", ["q"]);
  return listeners;
}

/** Plays the script; returns what came of each message, by its number, and the stored messages. */
async function play(side: Side, script: readonly Publication[]): Promise<string[]> {
  const manager = async (user: string, subject: string, body: unknown): Promise<Json> => {
    const client = await managers[user]!;
    return (await client.request(`$JS.API.STREAM.${subject}`, JSON.stringify(body))).json();
  };
  const managers: Record<string, Promise<NatsConnection>> = {};
  for (const user of ["a", "b", "d"]) managers[user] = side.connect({ user, pass: user });
  for (const { user, ...stream } of STREAMS) {
    assertEquals((await manager(user, `CREATE.${stream.name}`, stream)).error, undefined);
  }
  const services = await startServices(side);
  const listeners = await startListeners(side);
  const publishers = new Map<string, RawClient>();
  for (const user of Object.keys(SUBJECTS)) {
    const client = await rawClient(side, login(user, { name: `publisher ${user}`, echo: false }));
    await client.send(`SUB own.${user} 1\r\nSUB e.${user} 2\r\n`);
    await client.flush();
    publishers.set(user, client);
  }
  const outcomes: string[] = [];
  const clients = [...publishers.values(), ...listeners.map(({ client }) => client)];
  try {
    for (const { user, bytes } of script) {
      const client = publishers.get(user)!;
      await client.send(`${bytes}PING\r\n`);
      await until(() => /^PONG\r\n/m.test(client.pending), () => `no PONG after ${bytes}`);
      // Answers come at any time, but not the word that there is nobody to give one.
      const told = client.pending.split("\r\n").filter((line) => /^-ERR|^NATS.* 503/.test(line));
      outcomes.push(`${user} sees ${masked(told.join(", "))}`);
      client.pending = "";
      for (const service of services) await service.flush();
    }
    let seen = -1;
    await until(async () => {
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      const before = seen;
      seen = listeners.reduce((sum, { client }) => sum + client.pending.length, 0);
      return seen === before;
    });
    const byNumber = new Map<number, string[]>();
    for (const { name, client } of listeners) {
      // The reference leaves room for a reply subject in what it says itself.
      client.pending = client.pending.replace(/^(H?MSG \S+ \S+) {2}/gm, "$1 ");
      while (client.pending !== "") {
        if (!/^H?MSG /.test(client.pending)) {
          const line = await client.line();
          if (line !== "PING") outcomes.push(`${name} sees ${line}`);
          continue;
        }
        const message: ReceivedMessage = await client.message();
        const isTrace = message.body.startsWith('{"server":{');
        const text = utf8(message.body);
        const number = Number(
          (isTrace
            ? /(?<=["n]N":\[")\d+/.exec(text)?.[0]
            : /^N: (\d+)/m.exec(message.headers)?.[1]) ?? -1,
        );
        const body = isTrace ? maskedTrace(text) : masked(message.body);
        const { subject, sid, reply, headers } = message;
        const group = byNumber.get(number) ?? [];
        byNumber.set(number, group);
        group.push(masked(`${name} gets ${subject} ${sid} ${reply} ${headers}${body}`));
      }
    }
    for (const [i, { bytes }] of script.entries()) {
      const group = (byNumber.get(i) ?? []).sort();
      outcomes[i] = [`${i} ${bytes}`, outcomes[i]!, ...group].join("\n");
    }
    outcomes.push(...(byNumber.get(-1) ?? []).sort());
    for (const { user, name } of STREAMS) {
      for (let next = 1;;) {
        const request = { seq: next, next_by_subj: ">" };
        const { message } = await manager(user, `MSG.GET.${name}`, request);
        if (message === undefined) break;
        const { seq, subject, hdrs = "", data = "" } = message;
        outcomes.push(`${name} ${seq} ${subject} ${atob(hdrs)} ${atob(data)}`);
        next = seq + 1;
      }
    }
    return outcomes;
  } finally {
    for (const client of clients) await client.end();
  }
}

Deno.test({
  name: "natsts traces random messages as nats-server does",
  ignore: program === null,
  fn: async () => {
    const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1_000_000);
    console.log(`seed ${seed}`);
    const script = new Script(new SeededRandom(seed)).make(MESSAGES);
    const { theirs, ours } = await onEachServer(program!, config, (side) => play(side, script));
    for (const [i, outcome] of ours.entries()) assertEquals(outcome, theirs[i], `seed ${seed}`);
    assertEquals(ours.length, theirs.length);
    // The script must have come across all of this.
    const all = ours.join("\n");
    for (const type of ["in", "sm", "se", "si", "js", "eg"]) {
      assertStringIncludes(all, `{"type":"${type}"`);
    }
    for (const part of ["-ERR", "NATS/1.0 503", "Not delivered"]) assertStringIncludes(all, part);
  },
});
