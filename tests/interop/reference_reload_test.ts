/**
 * Reloads of natsts beside those of the real server: both run as processes, their configuration
 * file changes, and SIGHUP makes them read it. Log lines, what clients are sent, who is closed and
 * what /varz shows must be the same. Skipped where the real server is not on the path.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { RawClient } from "../harness/raw_client.ts";
import { referenceProgram } from "../harness/reference_server.ts";
import { until } from "../harness/server.ts";

const program = referenceProgram("nats-server");
if (program === null) console.log("skipped: nats-server is not on the path");

/** A configuration that is reloaded, and the clients that are there when that happens. */
interface Step {
  readonly name: string;
  readonly before?: string;
  readonly after: string;
  readonly clients?: readonly (readonly [connect: Record<string, unknown>, commands: string])[];
}

const users = (list: string, more = ""): string =>
  `authorization { users = [ ${list} ]\n timeout: 3 }\n${more}`;

const ANY = [{}, "SUB foo 1\r\n"] as const;
const ANN = [{ user: "ann", pass: "a" }, "SUB x.> 1\r\nSUB y q 2\r\n"] as const;
const BOB = [{ user: "bob", pass: "b" }, "SUB x.> 1\r\nSUB y q 2\r\n"] as const;
const TOKEN = [{ auth_token: "t" }, "SUB foo 1\r\n"] as const;

const BOTH = users("{user: ann, password: a}, {user: bob, password: b}");
const A_ACCOUNT = `accounts { A { users: [ {user: ann, password: a} ] }
  B { users: [ {user: bob, password: b} ] } }`;
const A_TOKEN = "authorization { token: t }";
const LIMITS = `max_payload: 1000, max_connections: 100, ping_interval: "30s", ping_max: 5
  write_deadline: "5s", max_control_line: 2048, client_advertise: "me:1"
  connect_error_reports: 7, reconnect_error_reports: 8, max_traced_msg_len: 9
  server_tags: ["a:b", "c"], server_metadata: { k: v }, no_fast_producer_stall: true`;
const LINKED = (exported: string): string =>
  `accounts {
    A { users: [ {user: ann, password: a} ], exports: [ {stream: "${exported}"} ] }
    B { users: [ {user: bob, password: b} ], imports: [ {stream: {account: A, subject: "${exported}"}} ] }
  }`;

const STEPS: readonly Step[] = [
  { name: "nothing changes", after: "", clients: [ANY] },
  { name: "limits", after: LIMITS, clients: [ANY] },
  { name: "limits go", before: LIMITS, after: "", clients: [ANY] },
  { name: "logging", after: "logtime_utc: true\ntrace_headers: true", clients: [ANY] },
  { name: "too many connections", after: "max_connections: 1", clients: [ANY, ANY] },
  { name: "nobody may come", after: "max_connections: 0", clients: [ANY] },
  { name: "users come", after: BOTH, clients: [ANY] },
  {
    name: "a password and permissions change",
    before: BOTH,
    after: users(
      `{user: ann, password: other}, {user: bob, password: b, permissions: {
        publish: "p", subscribe: {allow: ["x.a", "y other"]}}}`,
    ),
    clients: [ANN, BOB],
  },
  {
    name: "a user goes",
    before: BOTH,
    after: users("{user: ann, password: a}"),
    clients: [ANN, BOB],
  },
  { name: "users move into accounts", before: BOTH, after: A_ACCOUNT, clients: [ANN, BOB] },
  {
    name: "an account goes",
    before: A_ACCOUNT,
    after: `accounts { A { users: [ {user: ann, password: a} ] } }`,
    clients: [ANN, BOB],
  },
  { name: "an import changes", before: LINKED("x.a"), after: LINKED("x.b"), clients: [ANN, BOB] },
  { name: "a token comes", after: A_TOKEN, clients: [ANY] },
  { name: "a token goes", before: A_TOKEN, after: "", clients: [TOKEN] },
  {
    name: "what anybody is cannot come",
    before: BOTH,
    after: `${BOTH}no_auth_user: ann`,
    clients: [ANY].slice(1),
  },
  {
    name: "only the system account has users",
    after: `accounts { $SYS { users: [ {user: ann, password: a} ] } }`,
    clients: [ANY],
  },
  ...[
    "max_subs: 10",
    "max_pending: 1000000",
    `lame_duck_duration: "40s"`,
    "disable_sublist_cache: true",
    "logfile_size_limit: 1000000",
    "server_name: other",
    "system_account: other\naccounts { other {} }",
    "max_subs: 'garbage'",
    "no_such_field: 1",
    "{{{",
    "no_auth_user: nobody",
    "listen: 127.0.0.1:1",
    "client_advertise: 'me:port'",
    `lame_duck_grace_period: "3s"`,
    "max_closed_clients: 5",
    "always_enable_nonce: true",
    "allow_non_tls: true",
    "no_system_account: true",
    "http_base_path: /x",
    "max_sub_tokens: 4",
  ].map((after) => ({ name: `refused: ${after}`, after, clients: [ANY] })),
];

/** A server that runs as a process of its own. */
class Process implements AsyncDisposable {
  log = "";
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;

  constructor(
    command: string,
    args: readonly string[],
    readonly file: string,
    readonly head: string,
    readonly port: number,
    readonly monitorPort: number,
  ) {
    this.#child = new Deno.Command(command, {
      args: [...args, "-c", file],
      stdout: "null",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    }).spawn();
    this.#reading = this.#child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(
      new WritableStream({ write: (text) => void (this.log += text) }),
    );
  }

  async write(config: string): Promise<void> {
    await Deno.writeTextFile(this.file, `${this.head}${config}\n`);
  }

  hangUp(): void {
    this.#child.kill("SIGHUP");
  }

  async varz(): Promise<Record<string, unknown>> {
    return await (await fetch(`http://127.0.0.1:${this.monitorPort}/varz`)).json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGINT");
    await this.#child.status;
    await this.#reading;
  }
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

async function start(command: string, args: readonly string[], folder: string): Promise<Process> {
  const port = freePort();
  const monitorPort = freePort();
  const file = `${folder}/${port}.conf`;
  const head = `listen: 127.0.0.1:${port}\nhttp: 127.0.0.1:${monitorPort}\n`;
  await Deno.writeTextFile(file, head);
  const server = new Process(command, args, file, head, port, monitorPort);
  await until(() => server.log.includes("Server is ready"), () => server.log, 20_000);
  return server;
}

const SHOWN = [
  "auth_required",
  "max_connections",
  "ping_interval",
  "ping_max",
  "auth_timeout",
  "max_control_line",
  "max_payload",
  "max_pending",
  "write_deadline",
  "tags",
  "metadata",
  "connections",
];

/** What no two servers share. */
function settled(server: Process, text: string): string {
  return text.replaceAll(server.file, "FILE").replaceAll(String(server.port), "PORT")
    .replaceAll(String(server.monitorPort), "MONITOR")
    .replace(/sha256:[0-9a-f]+/g, "DIGEST").replace(/\b127\.0\.0\.1:\d+/g, "ADDRESS");
}

/** Rewrites the file, and returns what the log says when the server has read it. */
async function reload(server: Process, config: string): Promise<string> {
  const start = server.log.length;
  const said = (): string => server.log.slice(start);
  await server.write(config);
  server.hangUp();
  await until(
    () => /(Reloaded server configuration|Failed to reload).*\n/.test(said()),
    () => `${config}: ${said()}`,
  );
  return said();
}

async function play(server: Process, step: Step): Promise<unknown> {
  const { before = "", after, clients = [] } = step;
  await reload(server, before);
  const present: RawClient[] = [];
  for (const [connect, commands] of clients) {
    const client = await RawClient.connect(server.port);
    await client.info();
    await client.send(`CONNECT ${JSON.stringify({ verbose: false, ...connect })}\r\n${commands}`);
    await client.flush();
    present.push(client);
  }
  const start = server.log.length;
  await reload(server, after);
  const seen: string[] = [];
  for (const client of present) {
    // Who may stay answers; who may not is closed.
    await client.send("PING\r\n").catch(() => {});
    await until(() => client.ended || client.pending.includes("PONG"));
    seen.push(`${client.pending.replace("PONG\r\n", "")}${client.ended ? "END" : ""}`);
  }
  const { connections: _, ...varz } = await server.varz();
  for (const client of present) await client.end();
  await until(async () => (await server.varz()).connections === 0);
  const lines = settled(server, server.log.slice(start)).split("\n").filter((line) =>
    /\[(INF|WRN|ERR)\]/.test(line)
  )
    .map((line) => line.replace(/^\[\d+\] \S+ \S+ /, "").replace(/ - cid:\d+/, "").trimEnd());
  return {
    reloaded: lines.filter((line) => /Reload|reload/.test(line)),
    // Clients are looked at in any order.
    others: lines.filter((line) => !/Reload|reload/.test(line)).sort(),
    clients: seen.sort(),
    varz: Object.fromEntries(SHOWN.map((name) => [name, varz[name]])),
  };
}

Deno.test({
  name: "reloads are those of the real server",
  ignore: program === null,
  fn: async (t) => {
    const folder = await Deno.makeTempDir({ prefix: "natsts-reload-" });
    try {
      await using theirs = await start(program!, [], folder);
      await using ours = await start(
        Deno.execPath(),
        ["run", "-A", "--no-check", "main.ts"],
        folder,
      );
      assert(theirs.port !== ours.port);
      for (const step of STEPS) {
        await t.step(step.name, async () => {
          const expected = await play(theirs, step);
          assertEquals(await play(ours, step), expected);
        });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

const cli = referenceProgram("nats");

/** Runs a program to its end and returns what it prints, without what no two servers share. */
async function printed(server: Process, command: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return settled(server, `${decoder.decode(stdout)}${decoder.decode(stderr)}code ${code}`)
    .replace(/\bN[A-Z2-7]{55}\b/g, "ID").replace(/\b(go|deno)\d[\d.]*/g, "RUNTIME")
    .replace(/\d+(\.\d+)?(ms|µs|s)?/g, "#").replace(/ +/g, " ");
}

Deno.test({
  name: "nats server config reload and --signal reload do what they do with the real server",
  ignore: program === null || cli === null,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "natsts-reload-" });
    const run = ["run", "-A", "--no-check", "main.ts"];
    const both = [[program!, []], [Deno.execPath(), run]] as const;
    const results: unknown[] = [];
    try {
      for (const [command, args] of both) {
        await using server = await start(command, args, folder);
        const pidFile = `${folder}/${server.port}.pid`;
        const base = `pid_file: "${pidFile}"
          accounts { $SYS { users: [ {user: sys, password: sys} ] } }\n`;
        await reload(server, base);
        const id = String((await server.varz()).server_id);
        const login = ["--no-context", "--user", "sys", "--password", "sys"];
        const ask = () =>
          printed(server, cli!, [
            ...login,
            ...["--server", `nats://127.0.0.1:${server.port}`],
            ...["server", "config", "reload", "--force", id],
          ]);
        const limit = async () => (await server.varz()).max_payload;
        const seen: unknown[] = [];
        await server.write(`${base}max_payload: 100`);
        seen.push(await ask(), await limit());
        await server.write(`${base}max_payload: 200\nmax_sub_tokens: 3`);
        seen.push(await ask(), await limit());
        await server.write(`${base}max_payload: 300`);
        seen.push(await printed(server, command, [...args, "--signal", `reload=${pidFile}`]));
        await until(async () => (await limit()) === 300);
        results.push(seen);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    assertEquals(results[1], results[0]);
  },
});
