/**
 * Random histories of consumers on natsts and on the real server: the same deliveries and
 * statuses with the same reply subjects, and the same information after each step. Left out is
 * where natsts differs on purpose (src/jetstream/consumer/README.md). Prints its seed when it
 * fails; skipped where the real server is not on the path.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { startServer } from "../../src/mod.ts";
import { JsClient, statusOf, textOf } from "../harness/jetstream.ts";
import { referenceProgram, ReferenceServer } from "../harness/reference_server.ts";
import { SeededRandom } from "../sim/random.ts";

const program = referenceProgram("nats-server");
if (program === null) console.log("nats-server is not on the path: comparison skipped");

const HISTORIES = Number(Deno.env.get("HISTORIES") ?? "6");
const STEPS = 60;
/** How long both may take until they agree. */
const SETTLE_MS = 1500;
/** How long a request may take to be handled before something else happens. */
const HANDLING_MS = 200;
const SUBJECTS = ["m.a", "m.b", "m.c.x", "m.c.y"];
const AFTER_PURGE = /"stream_seq":\d+,?|"ack_floor":{[^}]*},/g;
const HOUR_NS = 3_600_000_000_000;

type Config = Record<string, unknown>;

const STREAMS: readonly Config[] = [
  {},
  { storage: "memory" },
  { max_msgs: 10 },
  { max_msgs_per_subject: 2 },
  { retention: "interest" },
  { retention: "workqueue" },
];

const CONSUMERS: readonly Config[] = [
  {},
  { filter_subject: "m.a" },
  { filter_subjects: ["m.b", "m.c.*"] },
  { filter_subject: "m.c.>", max_deliver: 2 },
  { max_ack_pending: 2 },
  { ack_policy: "none", filter_subject: "m.b" },
  { deliver_subject: "push.1" },
  { deliver_subject: "push.2", ack_policy: "none", headers_only: true },
  { deliver_policy: "last", filter_subject: "m.b" },
  { deliver_policy: "new" },
  { priority_policy: "overflow", priority_groups: ["A"], filter_subject: "m.a" },
  { priority_policy: "prioritized", priority_groups: ["A"], filter_subject: "m.b" },
  { priority_policy: "pinned_client", priority_groups: ["A"], priority_timeout: HOUR_NS },
];

/** Where nothing is removed: then natsts keeps the floor of AckAll below what is open. */
const ACK_ALL: readonly Config[] = [
  { ack_policy: "all" },
  { ack_policy: "all", filter_subject: "m.c.>" },
  { ack_policy: "all", max_ack_pending: 3 },
  { ack_policy: "all", deliver_subject: "push.1" },
];

const QUEUES: readonly Config[] = [
  { filter_subject: "m.a" },
  { filter_subjects: ["m.b", "m.c.x"], max_deliver: 2 },
  { filter_subject: "m.c.y", deliver_subject: "push.1" },
];

/** What one of the servers has said. */
class Side {
  readonly js: JsClient;
  /** What was delivered, as text, by consumer. */
  readonly got: Map<string, string[]> = new Map();
  /** Replies of deliveries, oldest first. */
  readonly replies: Map<string, string[]> = new Map();
  /** Ids of pinned clients. */
  readonly pins: Map<string, string> = new Map();

  constructor(readonly nc: NatsConnection) {
    this.js = new JsClient(nc);
  }

  listen(consumer: string, subject: string): void {
    const got: string[] = [];
    const replies: string[] = [];
    this.got.set(consumer, got);
    this.replies.set(consumer, replies);
    this.nc.subscribe(subject, {
      callback: (_error, msg) => {
        const status = statusOf(msg);
        const headers = [...msg.headers ?? []].map(([name, values]) => {
          if (name !== "Nats-Pin-Id") return `${name}: ${values}`;
          this.pins.set(consumer, values[0]!);
          return name;
        });
        // Without the time, and how many were left at the moment.
        const reply = (msg.reply ?? "").split(".").slice(0, 7).join(".");
        got.push([msg.subject, reply, status, ...headers, textOf(msg)].join(" "));
        if (msg.reply?.startsWith("$JS.ACK.")) replies.push(msg.reply);
      },
    });
  }

  /** All that can be seen. */
  async lines(purged: boolean): Promise<string[]> {
    const lines: string[] = [];
    for (const [consumer, got] of this.got) {
      const info = JSON.stringify(await this.js.consumerInfo("M", consumer), maskInfo);
      lines.push(purged ? info.replaceAll(AFTER_PURGE, "") : info);
      lines.push(...got.map((line, index) => `${consumer} ${index} ${line}`));
    }
    const { messages, first_seq, last_seq, num_deleted } = (await this.js.streamInfo("M")).state;
    lines.push(`M ${messages} ${first_seq} ${last_seq} ${num_deleted}`);
    return lines;
  }
}

function maskInfo(key: string, value: unknown): unknown {
  if (key === "last_active" || key === "pinned_client_id" || key === "pinned_ts") return "";
  return ["type", "created", "ts", "cluster", "config"].includes(key) ? undefined : value;
}

/** Both servers, and what is done to them. */
class Pair {
  readonly log: string[] = [];
  readonly configs: Map<string, Config> = new Map();
  isAckAll = false;
  /** From then on they looked ahead differently far, and the reference's floor may stay behind. */
  purged = false;
  /** Something was refused (-NAK). */
  refused = false;
  /** New messages of the stream push old ones out. */
  displaces = false;

  constructor(readonly sides: readonly [Side, Side], readonly random: SeededRandom) {}

  both<T>(work: (side: Side) => Promise<T>): Promise<T[]> {
    return Promise.all(this.sides.map(work));
  }

  async start(): Promise<void> {
    this.isAckAll = this.random.chance(0.2);
    const stream = this.isAckAll ? {} : this.random.pick(STREAMS);
    this.displaces = "max_msgs" in stream || "max_msgs_per_subject" in stream;
    this.log.push(`stream ${JSON.stringify(stream)}`);
    // The reference removes the folder of an account while the next first stream is created.
    await this.both((side) => side.js.addStream({ name: "KEEP", subjects: ["k"] }));
    await this.both((side) => side.js.addStream({ name: "M", subjects: ["m.>"], ...stream }));
    const others = stream.retention === "workqueue" ? QUEUES : CONSUMERS;
    const kinds = this.isAckAll ? ACK_ALL : others;
    for (const [index, kind] of kinds.entries()) {
      if (index >= 4 && this.random.chance(0.4)) continue;
      await this.addConsumer(`c${index}`, kind);
    }
  }

  async addConsumer(name: string, kind: Config): Promise<void> {
    const ack = kind.ack_policy === "none" ? {} : { ack_wait: HOUR_NS };
    const config = { durable_name: name, ack_policy: "explicit", ...ack, ...kind };
    this.configs.set(name, config);
    await this.both(async (side) => {
      side.listen(name, String(kind.deliver_subject ?? `pull.${name}`));
      await side.nc.flush();
      await side.js.addConsumer("M", config);
    });
  }

  async step(): Promise<void> {
    const { random } = this;
    const name = random.pick([...this.configs.keys()]);
    const kind = random.below(100);
    if (kind < 35) await this.publish();
    else if (kind < 60) await this.pull(name);
    else if (kind < 85) await this.acknowledge(name);
    else if (kind < 95) await this.remove();
    else if (kind < 97) await this.reset(name);
    else await this.update(name);
    await this.compare();
  }

  async publish(): Promise<void> {
    const subject = this.random.pick(SUBJECTS);
    const body = "x".repeat(this.random.below(30));
    const count = 1 + this.random.below(3);
    this.log.push(`publish ${count} ${subject}`);
    for (let i = 0; i < count; i++) await this.publishOne(subject, body);
  }

  /** Publishes, and lets deliveries come first where the next message may displace one. */
  async publishOne(subject: string, body = ""): Promise<void> {
    await this.both(({ js }) => js.publish(subject, body));
    if (this.displaces) await this.agree(HANDLING_MS);
  }

  async pull(name: string): Promise<void> {
    const { random } = this;
    const config = this.configs.get(name)!;
    if (config.deliver_subject !== undefined) return;
    const request: Config = { batch: 1 + random.below(4) };
    // When too much is pending the reference forgets for a while that a request does not wait.
    const form = config.max_ack_pending === undefined ? random.below(5) : 2;
    if (form < 2) request.no_wait = true;
    else if (form === 2) request.expires = HOUR_NS;
    else if (form === 3) Object.assign(request, { no_wait: true, max_bytes: 60 });
    const isPinned = config.priority_policy === "pinned_client";
    if (config.priority_groups !== undefined && random.chance(0.95)) {
      request.group = "A";
      if (config.priority_policy === "overflow") {
        request[random.pick(["min_pending", "min_ack_pending"])] = random.below(4);
      } else if (!isPinned) request.priority = random.below(4);
    }
    this.log.push(`${name} pull ${JSON.stringify(request)}`);
    const asPinned = isPinned && random.chance(0.6);
    await this.both(({ js, pins }) => {
      const more = asPinned && pins.has(name) ? { id: pins.get(name) } : {};
      js.pull("M", name, `pull.${name}`, { ...request, ...more });
      return js.nc.flush();
    });
    if (config.priority_groups === undefined) return;
    // The reference handles requests later than it answers PING. What comes next may displace what
    // is asked for, so each side has its time; they need not agree yet.
    await this.agree(HANDLING_MS);
    // The reference asks an idle consumer's requests anew only when a message comes.
    await this.publish();
  }

  async acknowledge(name: string): Promise<void> {
    const { random } = this;
    const config = this.configs.get(name)!;
    const replies = this.sides.map((side) => side.replies.get(name)!);
    if (replies[0]!.length === 0 || config.ack_policy === "none") return;
    const at = random.below(Math.min(replies[0]!.length, 5));
    const bodies = ["", "+ACK", "+OK", "+ACK"];
    if (config.ack_policy !== "all") bodies.push("+TERM why", "+WPI", "+NXT 2");
    // The reference counts a redelivery that no request takes.
    if (config.priority_groups === undefined && config.ack_policy !== "all") bodies.push("-NAK");
    const body = random.pick(bodies);
    this.refused ||= body === "-NAK";
    const keeps = body === "-NAK" || body === "+WPI";
    this.log.push(`${name} ${replies[0]![at]} ${body}`);
    await Promise.all(this.sides.map(async ({ nc }, index) => {
      nc.publish(replies[index]![at]!, body, { reply: `pull.${name}` });
      if (!keeps) replies[index]!.splice(at, 1);
      await nc.flush();
    }));
  }

  async remove(): Promise<void> {
    const { random } = this;
    if (this.isAckAll) return;
    const { first_seq, last_seq } = (await this.sides[0].js.streamInfo("M")).state;
    const seq = first_seq + random.below(Math.max(1, last_seq - first_seq + 1));
    // The reference forgets at a purge what was refused, until its time for an answer is over.
    const kind = this.refused ? 3 : 1 + random.below(5);
    this.purged ||= kind < 3;
    switch (kind) {
      // Not with "keep": the reference then miscounts what is to come.
      case 1:
        this.log.push(`purge below ${seq}`);
        await this.both(({ js }) => js.purge("M", { seq }));
        break;
      case 2:
        this.log.push("purge");
        await this.both(({ js }) => js.purge("M"));
        break;
      default:
        this.log.push(`delete ${seq}`);
        await this.both(({ js }) => js.request("$JS.API.STREAM.MSG.DELETE.M", { seq }));
    }
    // The reference does not deliver what there is room for now until something happens.
    for (const subject of SUBJECTS) await this.publishOne(subject);
  }

  async reset(name: string): Promise<void> {
    const { last_seq } = (await this.sides[0].js.streamInfo("M")).state;
    const seq = this.random.below(last_seq + 1);
    this.log.push(`${name} reset ${seq}`);
    const answers = await this.both(async ({ js, replies }) => {
      // What was delivered before cannot be acknowledged any more.
      replies.get(name)!.length = 0;
      const { error, reset_seq } = await js.request(`$JS.API.CONSUMER.RESET.M.${name}`, { seq });
      return { error, reset_seq };
    });
    assertEquals(answers[1], answers[0]);
  }

  async update(name: string): Promise<void> {
    const config: Config = {
      ...this.configs.get(name)!,
      max_ack_pending: this.random.pick([1, 3, 50]),
    };
    // Pull requests, see there.
    if (config.ack_policy === "none" || config.deliver_subject === undefined) return;
    this.log.push(`${name} ${JSON.stringify(config)}`);
    this.configs.set(name, config);
    await this.both(({ js }) => js.updateConsumer("M", config));
  }

  /** Waits until both have said the same. */
  async compare(): Promise<void> {
    const difference = await this.agree(SETTLE_MS);
    if (difference !== null) assertEquals(difference.more, difference.missing);
  }

  /** Null as soon as both have said the same; in what they differ when they have not in time. */
  async agree(withinMs: number): Promise<{ more: string[]; missing: string[] } | null> {
    const endMs = performance.now() + withinMs;
    for (;;) {
      const [theirs, ours] = await this.both((side) => side.lines(this.purged));
      const missing = theirs!.filter((line) => !ours!.includes(line));
      const more = ours!.filter((line) => !theirs!.includes(line));
      if (missing.length + more.length === 0 && theirs!.length === ours!.length) return null;
      if (performance.now() > endMs) return { more, missing };
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

Deno.test({
  name: "consumers do what those of the reference do, in random histories",
  ignore: program === null,
  async fn() {
    const store = await Deno.makeTempDir({ prefix: "natsts-consumers-" });
    const given = Deno.env.get("SEED");
    const first = given === undefined ? Math.floor(Math.random() * 1e9) : Number(given);
    try {
      await using reference = await ReferenceServer.start(program!, ["-js", "-sd", `${store}/go`]);
      await using natsts = await startServer({
        host: "127.0.0.1",
        port: -1,
        jetStream: true,
        storeDir: `${store}/ts`,
      });
      for (let seed = first; seed < first + (given === undefined ? HISTORIES : 1); seed++) {
        const theirs = await connect({ servers: `127.0.0.1:${reference.port}` });
        const ours = await connect({ servers: `127.0.0.1:${natsts.port}` });
        const pair = new Pair([new Side(theirs), new Side(ours)], new SeededRandom(seed));
        try {
          await pair.start();
          for (let step = 0; step < STEPS; step++) await pair.step();
          await pair.both(({ js }) => js.deleteStream("M"));
        } catch (error) {
          console.error(
            `SEED=${seed}\n${pair.log.slice(0, 1).concat(pair.log.slice(-15)).join("\n")}`,
          );
          throw error;
        } finally {
          await Promise.all([theirs.close(), ours.close()]);
        }
      }
    } finally {
      await Deno.remove(store, { recursive: true });
    }
  },
});
