/**
 * Random accounts that export and import to natsts and to the real server: the same messages are
 * delivered, with the same subjects, headers and bodies. Prints its seed; skipped where the real
 * server is not on the path.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { emptyOptions, processConfigText } from "../../src/config/mod.ts";
import { systemConfigSource } from "../../src/platform/deno/config_source.ts";
import { RawClient } from "../harness/raw_client.ts";
import { referenceProgram } from "../harness/reference_server.ts";
import { until } from "../harness/server.ts";
import { SeededRandom } from "../sim/random.ts";
import { onEachServer, type Side } from "./_system_account.ts";

const program = referenceProgram("nats-server");

const CONFIGURATIONS = 3;
const PUBLICATIONS = 60;
const NAMES = ["A", "B", "C", "D"];

interface Subscribed {
  readonly account: string;
  readonly subject: string;
  readonly queue: string;
  /** It answers. */
  readonly serves: boolean;
}

interface Published {
  readonly account: string;
  readonly subject: string;
  readonly reply: string;
  readonly headers: boolean;
}

interface Scenario {
  readonly accounts: string;
  readonly subscribed: readonly Subscribed[];
  readonly published: readonly Published[];
}

interface Declared {
  readonly exports: string[];
  readonly imports: string[];
}

function accountsText(declared: ReadonlyMap<string, Declared>): string {
  const texts = [...declared].map(([name, { exports, imports }]) =>
    `${name} {
      users: [ {user: ${name}, password: pwd} ]
      exports: [\n${exports.join("\n")}\n]
      imports: [\n${imports.join("\n")}\n]
    }`
  );
  return `accounts {\n${texts.join("\n")}\n}`;
}

/** Whether the configuration can be used; imports may come back to where they started. */
function isValid(text: string): boolean {
  try {
    processConfigText(emptyOptions(), text, systemConfigSource());
    return true;
  } catch {
    return false;
  }
}

class ScenarioMaker {
  /** Subjects, by account, that somebody may listen to or publish to. */
  readonly #subjects = new Map<string, string[]>();

  constructor(readonly random: SeededRandom) {}

  #pick<T>(values: readonly T[]): T {
    return this.random.pick(values);
  }

  #literal(subject: string): string {
    return subject.replace(/>/g, () => this.#pick(["x", "x.y"]))
      .replace(/\*/g, () => this.#pick(["x", "y"]));
  }

  #export(exporter: string, importer: string, declared: ReadonlyMap<string, Declared>): void {
    const kind = this.#pick(["stream", "service"]);
    const own = exporter.toLowerCase();
    const position = this.random.chance(0.15);
    const subject = position
      ? `${kind[1]}.${own}.*.p`
      : `${kind[1]}.${own}.${this.#pick(["one", "*", ">", "*.*", "*.end"])}`;
    const rule = position
      ? ", account_token_position: 3"
      : this.#pick(["", "", `, accounts: [${importer}]`]);
    const response = kind === "service" ? this.#pick(["", "", ", response: stream"]) : "";
    const exports = declared.get(exporter)!.exports;
    if (!exports.some((text) => text.includes(`"${subject}"`))) {
      exports.push(`{ ${kind}: "${subject}"${rule}${response} }`);
    }
    let from = position ? subject.replace("*", importer) : subject;
    if (!position && this.random.chance(0.3)) from = this.#literal(subject);
    const wildcards = from.split(".").filter((token) => token === "*").length;
    const tail = from.endsWith(">") ? ".>" : "";
    const moved = Array.from({ length: wildcards }, (_, i) => `$${wildcards - i}`);
    const to = [`${kind[1]}i`, own, ...moved].join(".") + tail;
    const how = this.#pick(
      kind === "stream" ? ["", ", prefix: got", `, to: "${to}"`] : ["", `, to: "${to}"`],
    );
    const share = kind === "service" ? this.#pick(["", ", share: true"]) : "";
    const local = how === "" ? from : how.startsWith(", prefix") ? `got.${from}` : to;
    const { imports } = declared.get(importer)!;
    // The real server takes `share` of two imports of one subject for that of either, by chance.
    const imported = `{ ${kind}: {account: ${exporter}, subject: "${from}"}`;
    if (imports.some((text) => text.startsWith(imported))) return;
    imports.push(`${imported}${how}${share} }`);
    if (!isValid(accountsText(declared))) {
      imports.pop();
      return;
    }
    this.#subjects.get(exporter)!.push(from, subject);
    this.#subjects.get(importer)!.push(local.replace(/\$\d/g, "*"));
  }

  make(): Scenario {
    const names = NAMES.slice(0, 2 + this.random.below(3));
    const declared = new Map(names.map((name) => [name, { exports: [], imports: [] } as Declared]));
    for (const name of names) this.#subjects.set(name, ["own.x", "own.*"]);
    for (let i = 3 + this.random.below(7); i > 0; i--) {
      const exporter = this.#pick(names);
      this.#export(exporter, this.#pick(names.filter((name) => name !== exporter)), declared);
    }
    const subscribed: Subscribed[] = [];
    for (const account of names) {
      const subjects = this.#subjects.get(account)!;
      for (let i = 2 + this.random.below(4); i > 0; i--) {
        const subject = this.#pick([
          ...subjects,
          this.#literal(this.#pick(subjects)),
          this.#pick(subjects).replace(/^(\w+\.\w+)\..*/, "$1.>"),
          this.#pick(subjects).replace(/^\w+/, "*"),
        ]);
        // Which of a group gets a message is chance, so all of a group must be the same.
        const queue = this.random.chance(0.3) ? `q${subscribed.length}` : "";
        // Who answers what it got by `*` first might answer its own replies.
        const serves = this.random.chance(0.5) && !subject.startsWith("*");
        subscribed.push({ account, subject, queue, serves });
      }
    }
    const published: Published[] = [];
    for (let i = 0; i < PUBLICATIONS; i++) {
      const account = this.#pick(names);
      published.push({
        account,
        subject: this.#literal(this.#pick(this.#subjects.get(account)!)),
        reply: this.random.chance(0.5) ? `inbox.${i}` : "",
        headers: this.random.chance(0.4),
      });
    }
    return { accounts: accountsText(declared), subscribed, published };
  }
}

/** Without what differs between runs. */
function masked(text: string): string {
  return text.replace(/_R_\.\w+\.\w+/g, "REPLY")
    .replace(/"(start|host|id|rtt|server|ver|cluster)":("[^"]*"|\d+)/g, '"$1":0')
    .replaceAll("\r\n", "|");
}

/** Plays a scenario; returns what each message brought about. */
async function play(side: Side, { subscribed, published }: Scenario): Promise<string[]> {
  const clients = new Map<string, RawClient>();
  const connect = async (name: string, account: string, more = {}): Promise<RawClient> => {
    const client = await RawClient.connect(side.port);
    await client.login({ user: account, pass: "pwd", name, headers: true, ...more });
    clients.set(name, client);
    return client;
  };
  try {
    for (const [i, { account, subject, queue }] of subscribed.entries()) {
      for (let member = 0; member < (queue === "" ? 1 : 2); member++) {
        const client = await connect(`${i} ${account} ${subject} ${queue} ${member}`, account);
        await client.send(`SUB ${subject} ${queue} ${i}\r\n`);
        await client.flush();
      }
    }
    const publishers = new Map<string, RawClient>();
    for (const account of new Set(published.map((one) => one.account))) {
      const name = `publisher ${account}`;
      const client = await connect(name, account, { no_responders: true, echo: false });
      await client.send("SUB inbox.* 1\r\n");
      await client.flush();
      publishers.set(account, client);
    }
    const outcomes: string[] = [];
    for (const [i, { account, subject, reply, headers }] of published.entries()) {
      const publisher = publishers.get(account)!;
      const lines = `NATS/1.0\r\nN: ${i}\r\n\r\n`;
      await publisher.send(
        headers
          ? `HPUB ${subject} ${reply} ${lines.length} ${lines.length + 2}\r\n${lines}hi\r\n`
          : `PUB ${subject} ${reply} 2\r\nhi\r\n`,
      );
      outcomes.push(...await outcome(`${i} ${account} ${subject} ${reply}`, clients, subscribed));
    }
    return outcomes;
  } finally {
    await Promise.all([...clients.values()].map((client) => client.end()));
  }
}

/** What arrives because of one message; services answer what they get once. */
async function outcome(
  what: string,
  clients: ReadonlyMap<string, RawClient>,
  subscribed: readonly Subscribed[],
): Promise<string[]> {
  const seen: string[] = [];
  for (let round = 0; round < 3; round++) {
    const arrived: string[] = [];
    // Two flushes of all: what one brings about may reach another that was flushed before.
    for (let i = 0; i < 2; i++) {
      for (const client of clients.values()) await client.send("PING\r\n");
      for (const client of clients.values()) {
        await until(() => client.pending.split("PONG\r\n").length > i + 1, () => what);
      }
    }
    for (const [name, client] of clients) {
      const index = parseInt(name);
      for (;;) {
        // The servers ask for signs of life when they like.
        client.pending = client.pending.replaceAll(/^P[IO]NG\r\n/gm, "");
        if (client.pending === "") break;
        const message = await client.message();
        const { subject, reply, headers, body } = message;
        const service = Number.isNaN(index) ? null : subscribed[index]!;
        const by = service === null ? name : name.slice(0, -2);
        arrived.push(`${by}: ${masked(`${subject} ${reply} ${headers}`)} ${body}`);
        if (service?.serves && reply !== "" && body === "hi") {
          await client.send(`PUB ${reply} 6\r\nanswer\r\n`);
        }
      }
    }
    if (arrived.length === 0) break;
    seen.push(...arrived.sort().map((line) => `  ${round} ${line}`));
  }
  return [what, ...seen];
}

Deno.test({
  name: "accounts that share deliver what those of the real server deliver",
  ignore: program === null,
  fn: async (t) => {
    const seed = Number(Deno.env.get("SEED") ?? Math.floor(Math.random() * 1e9));
    console.log(`seed ${seed}`);
    for (let i = 0; i < CONFIGURATIONS; i++) {
      await t.step(`configuration ${i}`, async () => {
        const scenario = new ScenarioMaker(new SeededRandom(seed + i)).make();
        const config = () => `server_name: S\n${scenario.accounts}`;
        const { theirs, ours } = await onEachServer(
          program!,
          config,
          (side) => play(side, scenario),
        );
        assertEquals(ours, theirs, `${scenario.accounts}\n${JSON.stringify(scenario.subscribed)}`);
      });
    }
  },
});

// deno-lint-ignore no-explicit-any -- answers are looked into field by field
type Json = any;

const SHARING = `
  server_name: S
  accounts {
    A {
      users: [ {user: a, password: pwd} ]
      exports: [
        { stream: "s.>" }
        { stream: "p.*", accounts: [B] }
        { service: "one", latency: { sampling: 100%, subject: "lat.one" } }
        { service: "two.*", response: stream, accounts: [B], response_threshold: "7s" }
        { service: "three.*", account_token_position: 2, allow_trace: true, response: chunked }
        { service: "four", latency: { sampling: headers, subject: "lat.four" } }
      ]
      mappings: { "m.*": "n.$1", "w": [ {dest: "w1", weight: 30%}, {dest: "w2", weight: 70%} ] }
    }
    B {
      users: [ {user: b, password: pwd} ]
      imports: [
        { stream: {account: A, subject: "s.>"}, prefix: "got" }
        { stream: {account: A, subject: "p.*"}, to: "q.$1", allow_trace: true }
        { service: {account: A, subject: "one"}, to: "uno", share: true }
        { service: {account: A, subject: "two.*"}, to: "due.$1" }
        { service: {account: A, subject: "three.B"} }
        { service: {account: A, subject: "four"} }
      ]
    }
    SYS { users: [ {user: sys, password: pwd} ] }
  }
  system_account: SYS
`;

/** Lists whose order says nothing, in order of their text; without what differs between runs. */
function comparable(detail: Json): Json {
  const byText = (values: Json[] | undefined): string[] | undefined =>
    values?.map((value) => JSON.stringify(value).replace(/_R_\.\w+\.\w+(\.\w+(?=\.T))?/g, "REPLY"))
      // The real server gives each account services of the system account of its own.
      .filter((text) => !text.includes("$SYS")).sort();
  const responses = Object.values(detail.responses ?? {});
  const { update_time: _u, sublist_stats, subscriptions: _s, ...rest } = detail;
  return {
    ...rest,
    exports: byText(detail.exports),
    imports: byText(detail.imports),
    responses: byText(responses),
    stats: Object.keys(sublist_stats ?? {}).sort(),
  };
}

Deno.test({
  name: "accountz tells of exports, imports, mappings and replies what the real server tells",
  ignore: program === null,
  fn: async () => {
    const { theirs, ours } = await onEachServer(program!, () => SHARING, async (side) => {
      const [a, b, system] = await Promise.all(
        ["a", "b", "sys"].map((user) => side.connect({ user, pass: "pwd" })),
      );
      for (const subject of ["one", "two.x"]) a!.subscribe(subject, { callback: () => {} });
      await a!.flush();
      b!.subscribe("answers");
      b!.publish("uno", "", { reply: "answers" });
      b!.publish("due.x", "", { reply: "answers" });
      await b!.flush();
      const details: Json[] = [];
      for (const acc of ["A", "B"]) {
        const body = JSON.stringify({ account: acc });
        const answer = await system!.request("$SYS.REQ.SERVER.PING.ACCOUNTZ", body);
        details.push(comparable((answer.json() as Json).data.account_detail));
      }
      return details;
    });
    for (const [i, detail] of ours.entries()) assertEquals(detail, theirs[i]);
  },
});
