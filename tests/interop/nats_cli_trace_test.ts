/**
 * `nats trace` of the official command line: the same output against natsts and the real server.
 * Skipped where one of the two programs is missing.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { referenceProgram } from "../harness/reference_server.ts";
import { onEachServer, type Side } from "./_system_account.ts";
import { runNatsCli } from "./_nats_cli.ts";

const program = referenceProgram("nats-server");
const cli = referenceProgram("nats");

function config(storeDir: string): string {
  return `
    server_name: S
    accounts {
      A {
        jetstream: enabled
        users [{ user: a, password: a }]
        exports [
          { stream: "news.>" }
          { service: "open.>", allow_trace: true }
          { service: "shut.>" }
        ]
        mappings { old: new }
        msg_trace: { dest: "traces.account" }
      }
      B {
        users [
          { user: b, password: b }
          { user: p, password: p, permissions: { publish: "open.>", subscribe: "_INBOX.>" } }
        ]
        imports [
          { stream: { account: A, subject: "news.>" }, to: "from.a.>", allow_trace: true }
          { service: { account: A, subject: "open.>" }, to: "ask.>" }
          { service: { account: A, subject: "shut.>" } }
        ]
      }
      SYS { users [{ user: sys, password: sys }] }
    }
    jetstream { store_dir: "${storeDir}", max_mem: 64MB, max_file: 64MB }
    system_account: SYS
  `;
}

/** User and arguments. */
const COMMANDS: readonly (readonly [string, string])[] = [
  ["a", "trace nobody"],
  ["a", "trace old --deliver"],
  ["a", "trace old payload --deliver -T"],
  ["a", "trace news.one --deliver -H Some:header"],
  ["b", "trace ask.it --deliver"],
  ["b", "trace shut.it"],
  ["b", "trace shut.it --deliver"],
  ["a", "trace stored.one"],
  ["a", "trace stored.one --deliver"],
  ["a", "trace stored.one --deliver -H Nats-Expected-Stream:OTHER"],
  ["a", "trace stored.one --deliver -H Nats-Msg-Id:1"],
  ["a", "trace stored.one --deliver -H Nats-Msg-Id:1"],
  ["a", "trace wanted.one"],
  ["a", "trace $JS.API.INFO"],
  ["p", "trace open.it"],
];

async function run(side: Side, user: string, command: string): Promise<string> {
  const { text, code } = await runNatsCli(cli!, side.port, user, command);
  return `${user}: nats ${command}\n${normalised(text)}\ncode ${code}`;
}

/** The text without what differs between two runs: ids, addresses and times. */
function normalised(text: string): string {
  return text.replace(/\bN[A-Z2-7]{55}\b/g, "ID")
    .replace(/_INBOX\.\w+(\.\w+)?/g, "INBOX")
    .replace(/\d\d:\d\d:\d\d(\.\d+)?/g, "TIME")
    .replace(/cid:\d+/gi, "cid:#")
    .replace(/[\d.]+(µs|ms|s)\b/g, "DURATION");
}

Deno.test({
  name: "nats trace prints what it prints with the real server",
  ignore: program === null || cli === null,
  fn: async () => {
    const { theirs, ours } = await onEachServer(program!, config, async (side) => {
      const connect = (user: string, name: string) => side.connect({ user, pass: user, name });
      const [ofA, ofB] = [await connect("a", "receiver a"), await connect("b", "receiver b")];
      for (
        const stream of [
          { name: "STORED", subjects: ["stored.>"], storage: "file" },
          { name: "WANTED", subjects: ["wanted.>"], storage: "file", retention: "interest" },
        ]
      ) await ofA.request(`$JS.API.STREAM.CREATE.${stream.name}`, JSON.stringify(stream));
      ofA.subscribe("new", { queue: "workers" });
      ofA.subscribe("open.it");
      ofA.subscribe("shut.it");
      ofB.subscribe("from.a.>");
      await Promise.all([ofA.flush(), ofB.flush()]);
      const printed: string[] = [];
      for (const [user, command] of COMMANDS) printed.push(await run(side, user, command));
      return printed;
    });
    for (const [i, text] of ours.entries()) assertEquals(text, theirs[i]);
    assertStringIncludes(ours.join("\n"), "receiver a");
  },
});
