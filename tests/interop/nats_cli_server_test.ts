/**
 * `nats server ...` and `nats account ...` of the official command line: the same output against
 * natsts and the real server. Skipped where one of the two programs is missing.
 *
 * `nats server watch` and `nats server graph` draw on a terminal: see `nats_cli_watch_test.ts`.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { NatsConnection } from "@nats-io/transport-node";
import { referenceProgram } from "../harness/reference_server.ts";
import { until } from "../harness/server.ts";
import { onEachServer, type Side, steady } from "./_system_account.ts";
import { runNatsCli } from "./_nats_cli.ts";

const program = referenceProgram("nats-server");
const cli = referenceProgram("nats");

function config(storeDir: string): string {
  return `
    server_name: S
    accounts {
      A { jetstream: enabled, users [{ user: a, password: a }] }
      B { users [{ user: b, password: b }] }
      SYS { users [{ user: sys, password: sys }] }
    }
    jetstream { store_dir: "${storeDir}", max_mem: 64MB, max_file: 64MB }
    system_account: SYS
  `;
}

/** How many clients the server of a client of the system account has. */
async function connectionCount(system: NatsConnection): Promise<number> {
  const answer = await system.request("$SYS.REQ.SERVER.PING.CONNZ");
  return answer.json<{ data: { num_connections: number } }>().data.num_connections;
}

/** What a command prints and how it ends. */
async function run(side: Side, user: string, command: string): Promise<string> {
  const { text, code } = await runNatsCli(cli!, side.port, user, command);
  return `${command}\n${normalised(text)}\ncode ${code}`;
}

/** Lines that only one of the two servers can have. */
const OWN_LINES = /Configuration Digest|Git Commit/;

/** The text without what differs between two runs: ids, times, sizes, the width of tables. */
function normalised(text: string): string {
  const json = text.trimStart();
  if (json.startsWith("{") || json.startsWith("[")) {
    try {
      return JSON.stringify(steady(JSON.parse(json)))
        .replace(/,"natsts":"[^"]*"/, "")
        .replace(/"(go|store_dir|config_digest)":"[^"]*"/g, '"$1":""')
        .replace(/"\d{4}-\d\d-\d\dT[^"]*Z"/g, '"TIME"')
        .replace(/_INBOX\.[\w.]+/g, "INBOX");
    } catch (error) {
      // Some commands print one document a line, or text behind it.
      assert(error instanceof SyntaxError);
    }
  }
  return text.split("\n").filter((line) => !OWN_LINES.test(line)).join("\n")
    .replace(/\bN[A-Z2-7]{55}\b/g, "ID")
    .replace(/_INBOX\.\S+/g, "INBOX")
    .replace(/\/tmp\/\S+/g, "PATH")
    .replace(/\b(go|deno)\d[\d.]*/g, "RUNTIME")
    .replace(/\d[\d,.]*/g, "#")
    .replace(/# ?(B|KiB|MiB|GiB|ms|µs|ns|s|m|h)\b/g, "#")
    .replace(/(#:?)+s?/g, "#")
    .replace(/[█▉▊▋▌▍▎▏]+/g, "BAR")
    .replace(/─+/g, "─")
    .replace(/ +/g, " ");
}

function compare(name: string, user: string, commands: readonly string[]): void {
  const ignore = program === null || cli === null;
  Deno.test(
    { name: `nats ${name} prints what it prints with the real server`, ignore },
    async () => {
      const { theirs, ours } = await onEachServer(program!, config, async (side) => {
        const watcher = await side.connect({ user: "sys", pass: "sys", name: "watcher" });
        const maker = await side.connect({ user: "a", pass: "a", name: "maker" });
        await maker.request("$JS.API.STREAM.CREATE.S", '{"name":"S","subjects":["s"]}');
        await maker.request("s", "hello");
        await maker.close();
        // One subscription only: the real server lists more in any order.
        const client = await side.connect({ user: "a", pass: "a", name: "app" });
        client.subscribe("foo.*");
        await client.flush();
        const printed: string[] = [];
        for (const command of commands) {
          // The client of the command before may still be there for a moment.
          await until(async () => await connectionCount(watcher) === 2);
          printed.push(await run(side, user, command));
        }
        return printed;
      });
      for (const [i, one] of ours.entries()) assertEquals(one, theirs[i]);
    },
  );
}

/** What `nats events` prints of a client that comes and goes. */
async function watchEvents(side: Side): Promise<string[]> {
  const system = await side.connect({ user: "sys", pass: "sys" });
  const process = new Deno.Command(cli!, {
    args: [
      ...["--no-context", "--server", `nats://127.0.0.1:${side.port}`],
      ...["--user", "sys", "--password", "sys", "events", "--all"],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  try {
    await until(async () => {
      const answer = await system.request("$SYS.REQ.SERVER.PING.CONNZ", '{"sort":"cid"}');
      const { data } = answer.json<{ data: { connections: { subscriptions: number }[] } }>();
      return (data.connections[1]?.subscriptions ?? 0) >= 5;
    });
    const client = await side.connect({ user: "a", pass: "a", name: "app" });
    let text = "";
    for await (const part of process.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      // It may print what follows each other fast in any order.
      if (/Name: app[^]*Client Type:.*\n/.test(text)) await client.close();
      if (/Client Disconnection[^]*Client Published:.*\n/.test(text)) break;
    }
    // The real server may be late enough to tell the command of its own connection.
    const events = normalised(text.replace(/\[\w{22}\]/g, "[ID]")).split("[#] [ID] ")
      .filter((event) => !event.includes("NATS CLI"));
    return events.flatMap((event) => event.split("\n")).filter((line) => line !== "");
  } finally {
    process.kill("SIGKILL");
    await process.status;
  }
}

Deno.test({
  name: "nats events prints what it prints with the real server",
  ignore: program === null || cli === null,
}, async () => {
  const { theirs, ours } = await onEachServer(program!, config, watchEvents);
  assertEquals(ours, theirs);
});

compare("server list, info and ping", "sys", [
  "server list 1",
  "server list 1 --json",
  "server list 1 --sort conns",
  "server info",
  "server info S",
  "server info NOPE",
  "server ping 1",
]);

compare("server report", "sys", [
  "server report connections",
  "server report connections --sort in-msgs",
  "server report connections --account A --subject foo.*",
  "server report connections --state closed",
  "server report connections --json",
  "server report accounts",
  "server report accounts --json",
  "server report accounts A",
  "server report jetstream",
  "server report jetstream --account A",
  "server report health",
  "server report cpu",
  "server report mem",
  "server report routes",
  "server report gateways",
  "server report leafnodes",
]);

compare("server request", "sys", [
  "server request connections",
  "server request connections --sort subs --limit 1 --subscriptions --filter-account A",
  "server request connections --filter-user nobody",
  "server request connections --sort nope",
  "server request subscriptions",
  "server request variables",
  "server request variables --tags none",
  "server request routes",
  "server request gateways",
  "server request leafnodes",
  "server request jetstream",
  "server request jetstream --streams --consumer --config --account A",
  "server request jetstream-health",
  "server request jetstream-health --stream S --account A",
  "server request jetstream-health --stream NOPE --account A",
  "server request kick 999999 ID",
]);

compare("server check", "sys", [
  "server check connection",
  "server check server --name S",
  "server check server --name S --subs-critical 1",
  "server check server --name NOPE",
]);

compare("check of JetStream without JetStream", "sys", [
  "server check jetstream",
  "account info",
]);

compare("account", "a", [
  "account info",
  "account report connections",
  "account report statistics",
]);
