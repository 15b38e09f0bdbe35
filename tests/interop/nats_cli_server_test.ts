/**
 * `nats server ...` and `nats account ...` of the official command line: the same output against
 * natsts and the real server. Skipped where one of the two programs is missing.
 *
 * `nats server watch` and `nats server graph` draw on a terminal, which tests do not have; what
 * they ask for is compared in `reference_events_test.ts`.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { referenceProgram } from "../harness/reference_server.ts";
import { onEachServer, type Side, steady } from "./_system_account.ts";

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

/** What a command prints and how it ends. */
async function run(side: Side, user: string, command: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(cli!, {
    args: [
      ...["--no-context", "--timeout", "500ms"],
      ...["--server", `nats://127.0.0.1:${side.port}`, "--user", user, "--password", user],
      ...command.split(" "),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
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
    .replace(/─+/g, "─")
    .replace(/ +/g, " ");
}

function compare(name: string, user: string, commands: readonly string[]): void {
  const ignore = program === null || cli === null;
  Deno.test(
    { name: `nats ${name} prints what it prints with the real server`, ignore },
    async () => {
      const { theirs, ours } = await onEachServer(program!, config, async (side) => {
        const client = await side.connect({ user: "a", pass: "a", name: "app" });
        client.subscribe("foo.*");
        await client.request("$JS.API.STREAM.CREATE.S", '{"name":"S","subjects":["s"]}');
        await client.request("s", "hello");
        const printed: string[] = [];
        for (const command of commands) printed.push(await run(side, user, command));
        return printed;
      });
      for (const [i, one] of ours.entries()) assertEquals(one, theirs[i]);
    },
  );
}

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
