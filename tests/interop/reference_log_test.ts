/**
 * The log of natsts beside that of the real server, line by line, while the same clients come and
 * go: start and stop, debug and trace lines, refusals, mappings. Skipped where the real server is
 * not on the path.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { applyBaseline, emptyOptions, processConfigFile } from "../../src/config/mod.ts";
import { openServerLog } from "../../src/logger/mod.ts";
import { Server } from "../../src/mod.ts";
import { systemConfigSource } from "../../src/platform/deno/config_source.ts";
import { systemEnvironment } from "../../src/platform/deno/environment.ts";
import { logWorld } from "../harness/logs.ts";
import { RawClient } from "../harness/raw_client.ts";
import { until } from "../harness/server.ts";

const hasReference = await new Deno.Command("nats-server", { args: ["-v"], stdout: "null" })
  .output().then(({ success }) => success, () => false);
if (!hasReference) console.log("skipped: nats-server is not on the path");

const CONFIG = `
server_name: twin
debug: true
trace: true
max_payload: 100
authorization { users = [
  { user: a, password: a, permissions: { publish: "x.>", subscribe: ["y.>", "z"] } }
  { user: b, password: "$2a$04$P/.bd.7unw9Ew7yWJqXsl.f4oNRLQGvadEL2YnqQXbbb.IVQajRdK" } ] }
mappings: { "x.m": "x.n" }
`;

const login = (user: string, pass: string, more = ""): string =>
  `CONNECT {"user":"${user}","pass":"${pass}","verbose":false${more}}\r\n`;

/** What each client sends; the server closes the connection, or the client does at the PONG. */
const SCRIPTS = [
  `${login("a", "a", ',"lang":"go","version":"1.2","name":"n","protocol":1,"headers":true')}` +
  "SUB y.1 1\r\nSUB q 2\r\nUNSUB 1 1\r\nPUB x.m 2\r\nok\r\nPUB z 2\r\nok\r\n" +
  "HPUB x.a 12 14\r\nNATS/1.0\r\n\r\nok\r\nPING\r\n",
  login("a", "bad"),
  "FOO\r\n",
  `${login("b", "foo")}SUB z 1\r\nPUB z r 2\r\nhi\r\nPUB z 101\r\n`,
  `${login("a", "a")}SUB\r\n`,
  `${login("a", "a")}PUB x.y zz\r\n`,
  `${login("b", "foo")}SUB > 1\r\nSUB > queue 2\r\nUNSUB 1\r\nPUB a 0\r\n\r\nPING\r\n`,
];

async function play(port: number): Promise<void> {
  for (const script of SCRIPTS) {
    const client = await RawClient.connect(port);
    await client.info();
    await client.send(script);
    await until(() => client.ended || client.pending.includes("PONG"));
    await client.end();
    // The end of one client is logged before the next one comes.
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** Texts that no two servers share, and lines that natsts has no use for yet. */
function settled(lines: readonly string[]): string[] {
  return lines.filter((line) => line !== "" && !/ (ACCOUNT|SYSTEM) - |Go build:/.test(line))
    .map((line) =>
      line.trimEnd().replace(/^\[\d+\] \S+ \S+ /, "")
        .replace(/\b127\.0\.0\.1:\d+/, "127.0.0.1:PORT")
        .replace(/\bN[A-Z0-9]{55}\b/, "ID")
        .replace(/sha256:[0-9a-f]+/, "DIGEST")
        .replace(/ \(natsts [\d.]+\)/, "")
        .replace(/\/\S+\.conf/, "FILE")
    );
}

async function reference(): Promise<string[]> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const file = await Deno.makeTempFile({ suffix: ".conf" });
  await Deno.writeTextFile(file, `${CONFIG}\nlisten: "127.0.0.1:${port}"\n`);
  const child = new Deno.Command("nats-server", { args: ["-c", file], stderr: "piped" }).spawn();
  let text = "";
  const reading = child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({ write: (piece) => void (text += piece) }),
  );
  await until(() => text.includes("Server is ready"));
  await play(port);
  child.kill("SIGINT");
  await child.status;
  await reading;
  await Deno.remove(file);
  return text.split("\n");
}

async function own(): Promise<string[]> {
  const file = await Deno.makeTempFile({ suffix: ".conf" });
  await Deno.writeTextFile(file, `${CONFIG}\nlisten: "127.0.0.1:-1"\n`);
  const options = emptyOptions();
  processConfigFile(options, file, systemConfigSource());
  options.logtime = true;
  applyBaseline(options);
  const lines: string[] = [];
  const server = new Server(options, systemEnvironment(openServerLog(options, logWorld(lines))));
  server.start();
  await play(server.port);
  await server.stop();
  await Deno.remove(file);
  return lines;
}

Deno.test({
  name: "natsts logs what nats-server logs",
  ignore: !hasReference,
  fn: async () => {
    const [ours, theirs] = await Promise.all([own(), reference()]);
    const stopLine = /^\[\w+\] (Trapped|Received signal)/;
    assertEquals(settled(ours), settled(theirs).filter((line) => !stopLine.test(line)));
  },
});
