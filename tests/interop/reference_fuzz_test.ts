/**
 * Random protocol scripts to natsts and to the real server: the same answers, in the same order
 * but for messages to several subscriptions. Prints its seed; skipped where the real server is
 * not on the path.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { emptyOptions, processConfigText } from "../../src/config/mod.ts";
import { startServer } from "../../src/mod.ts";
import { systemConfigSource } from "../../src/platform/deno/config_source.ts";
import { RawClient } from "../harness/raw_client.ts";
import { until } from "../harness/server.ts";

const hasReference = await new Deno.Command("nats-server", { args: ["-v"], stdout: "null" })
  .output().then(({ success }) => success, () => false);
if (!hasReference) console.log("skipped: nats-server is not on the path");

const SCRIPTS = 150;
const OPERATIONS_MAX = 25;

const INVALID_SUBJECT = "-ERR 'Invalid Publish Subject'";

const CONFIG = `
max_payload: 1000
max_subscriptions: 12
max_sub_tokens: 5
authorization { users = [
  { user: a, password: a }
  { user: p, password: p, permissions: {
      publish: { allow: ["a.>", "b", "*.c"], deny: ["a.secret", "a.*.x"] }
      subscribe: { allow: ["a.>", "b", "*.c q*", "a.b work"], deny: ["a.secret", "a.b.> busy"] } } }
  { user: r, password: r, permissions: {
      publish: "a.>", subscribe: ">", allow_responses: { max: 2 } } } ] }
mappings: { "m.*": "a.$1", "m.x.*": "b", "lost": [ { destination: gone, weight: 0% } ] }
`;

class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * bound);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

const TOKENS = ["a", "b", "c", "x", "secret", "m", "*", ">", "", "a*", "lost", "é", "$SYS", "_R_"];

function subject(dice: Dice): string {
  const count = dice.pick([1, 1, 2, 2, 2, 3, 3, 6]);
  const tokens = Array.from({ length: count }, () => TOKENS[dice.below(dice.pick([6, 8, 14]))]!);
  return tokens.join(".") || "a";
}

/** One line, or a publish with its payload; well formed most of the time. */
function operation(dice: Dice): string {
  const sid = dice.below(5);
  const body = "x".repeat(dice.pick([0, 1, 5, 200]));
  const reply = dice.pick(["", "", ` ${subject(dice)}`]);
  switch (dice.below(14)) {
    case 0:
    case 1:
    case 2:
      return `SUB ${subject(dice)} ${sid}\r\n`;
    case 3:
      return `SUB ${subject(dice)} ${dice.pick(["q1", "work", "busy", "z"])} ${sid}\r\n`;
    case 4:
      return `UNSUB ${sid}${dice.pick(["", " 1", " 3", " 0"])}\r\n`;
    case 5:
      return "PING\r\n";
    case 6: {
      const headers = `NATS/1.0${dice.pick(["", "\r\nA: b"])}\r\n\r\n`;
      return `HPUB ${subject(dice)}${reply} ${headers.length} ${headers.length + body.length}\r\n` +
        `${headers}${body}\r\n`;
    }
    case 7:
      return dice.below(6) === 0
        ? dice.pick([
          "PUB a\r\n",
          "SUB a\r\n",
          "+OK\r\n",
          "NOPE\r\n",
          "PUB a 1001\r\n",
          "PUB a x\r\n",
        ])
        : "ping\r\n";
    default:
      return `${dice.pick(["PUB", "pub"])} ${subject(dice)}${reply} ${body.length}\r\n${body}\r\n`;
  }
}

function script(dice: Dice): string[] {
  const user = dice.pick(["a", "a", "p", "p", "r"]);
  const connect = {
    user,
    pass: user,
    verbose: dice.below(4) === 0,
    pedantic: dice.below(4) === 0,
    echo: dice.below(8) !== 0,
    headers: dice.below(4) !== 0,
    no_responders: dice.below(3) === 0,
    protocol: dice.below(2),
  };
  const operations = Array.from(
    { length: 1 + dice.below(OPERATIONS_MAX) },
    () => operation(dice),
  );
  return [`CONNECT ${JSON.stringify(connect)}\r\n`, ...operations, "PING\r\n"];
}

/** Answers up to the PONG of the last PING, or the end; messages between two other lines are sorted. */
async function play(port: number, pieces: readonly string[]): Promise<string[]> {
  const client = await RawClient.connect(port);
  await client.info();
  let text = "";
  for (const piece of pieces) text += piece;
  const bytes = [...new TextEncoder().encode(text)].map((byte) => String.fromCharCode(byte));
  await client.send(bytes.join("")).catch(() => {});
  const pings = pieces.filter((piece) => /^ping/i.test(piece)).length;
  await until(
    () => client.ended || (client.pending.match(/^PONG\r\n/gm)?.length ?? 0) === pings,
    () => `no end: ${client.pending}`,
  );
  const lines = client.pending.split("\r\n");
  const ended = client.ended;
  await client.end();
  const out: string[] = [];
  let messages: string[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    if (/^H?MSG /.test(line)) {
      // A body has no line end of its own but those of its headers.
      let body = "";
      let left = Number(line.split(" ").at(-1));
      do {
        const next = lines[++i]!;
        body += `${next}|`;
        left -= next.length + 2;
      } while (left > -2);
      messages.push(`${line} ${body}`);
      continue;
    }
    out.push(...messages.sort());
    messages = [];
    // The reference says this again when a payload comes in two of its reads.
    const again = line === INVALID_SUBJECT && out.at(-1) === line;
    if (!again && !line.startsWith("INFO ")) out.push(line);
  }
  return [...out, ended ? "closed" : "open"];
}

Deno.test({
  name: "natsts answers random scripts as nats-server does",
  ignore: !hasReference,
  fn: async () => {
    const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1_000_000);
    console.log(`seed ${seed}`);
    const options = emptyOptions();
    processConfigText(options, `listen: "127.0.0.1:-1"\n${CONFIG}`, systemConfigSource());
    const own = await startServer(options);
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const file = await Deno.makeTempFile({ suffix: ".conf" });
    await Deno.writeTextFile(file, `listen: "127.0.0.1:${port}"\n${CONFIG}`);
    const go = new Deno.Command("nats-server", { args: ["-c", file], stderr: "null" }).spawn();
    try {
      await until(() =>
        Deno.connect({ hostname: "127.0.0.1", port }).then((c) => (c.close(), true), () => false)
      );
      const dice = new Dice(seed);
      for (let i = 0; i < SCRIPTS; i++) {
        const pieces = script(dice);
        const [ours, theirs] = [await play(own.port, pieces), await play(port, pieces)];
        assertEquals(ours, theirs, `seed ${seed}, script ${i}:\n${pieces.join("")}`);
      }
    } finally {
      go.kill("SIGKILL");
      await go.status;
      await own.stop();
      await Deno.remove(file);
    }
  },
});
