/**
 * Sends the same requests to natsts and to the real server and compares their answers byte for
 * byte, but for times, ids and names of servers. The requests are in `requests/`, a line each:
 * subject, headers in double brackets, body. Skipped where the real server is not on the path.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { startServer } from "../../src/mod.ts";
import { referenceProgram, ReferenceServer } from "../harness/reference_server.ts";

const program = referenceProgram("nats-server");
if (program === null) console.log("nats-server is not on the path: comparison skipped");

const FOLDER = new URL("requests/", import.meta.url);
const TIMEOUT_MS = 400;

/** What no two servers share. */
const MASKS: readonly [RegExp, string][] = [
  [/"(created|ts|timestamp|time|first_ts|last_ts|last_active)":"[^"]*"/g, '"$1":""'],
  [/"leader":"[^"]*"/g, '"leader":""'],
  [/"(pause_remaining|active)":\d+/g, '"$1":0'],
  [/(\$JS\.SNAPSHOT\.RESTORE\.\w+)\.\w+/g, "$1"],
];

function mask(text: string): string {
  return MASKS.reduce((masked, [pattern, by]) => masked.replace(pattern, by), text);
}

async function answer(connection: NatsConnection, line: string): Promise<string> {
  const [, subject, given, body] = /^(\S+)(?: \[\[(.*?)\]\])? ?(.*)$/.exec(line)!;
  const sent = headers();
  for (const header of given?.split(";") ?? []) {
    const [name, value] = header.split("=");
    sent.set(name!, value!);
  }
  const options = given === undefined ? {} : { headers: sent };
  try {
    const message = await connection.request(subject!, body!, { timeout: TIMEOUT_MS, ...options });
    const shown = [...message.headers ?? []]
      .map(([name, values]) => `${name}: ${name === "Nats-Time-Stamp" ? "" : values}`);
    const status = message.headers === undefined
      ? ""
      : `${message.headers.code} ${message.headers.description} `;
    return `${status}${shown.join("; ")} ${mask(message.string())}`;
  } catch (error) {
    return (error as Error).message;
  }
}

for (const file of ["streams.txt", "consumers.txt"]) {
  Deno.test({
    name: `JetStream answers as the reference does: ${file}`,
    ignore: program === null,
    async fn() {
      const store = Deno.makeTempDirSync({ prefix: "natsts-compare-" });
      const lines = (await Deno.readTextFile(new URL(file, FOLDER))).split("\n")
        .filter((line) => line !== "");
      try {
        await using reference = await ReferenceServer.start(program!, [
          "-js",
          "-sd",
          `${store}/go`,
        ]);
        await using natsts = await startServer({
          host: "127.0.0.1",
          port: -1,
          jetStream: true,
          storeDir: `${store}/ts`,
        });
        const theirs = await connect({ servers: `127.0.0.1:${reference.port}` });
        const ours = await connect({ servers: `127.0.0.1:${natsts.port}` });
        const differences: string[] = [];
        for (const line of lines) {
          const [expected, actual] = await Promise.all([answer(theirs, line), answer(ours, line)]);
          if (expected !== actual) differences.push(`${line}\n  go: ${expected}\n  ts: ${actual}`);
        }
        await Promise.all([theirs.close(), ours.close()]);
        assertEquals(differences, []);
      } finally {
        Deno.removeSync(store, { recursive: true });
      }
    },
  });
}
