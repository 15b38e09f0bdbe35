/**
 * The `nats` command line's JetStream commands against natsts, side by side with the real
 * nats-server: both must print the same, but for times, ids and rates. Skipped where the programs
 * are not installed.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { jetStreamServer } from "../harness/jetstream.ts";
import { referenceProgram, ReferenceServer } from "../harness/reference_server.ts";

const cli = referenceProgram("nats");
const reference = referenceProgram("nats-server");
const ignore = cli === null || reference === null;
if (ignore) {
  console.log("nats or nats-server is not installed: the JetStream CLI tests are skipped");
}

interface Outcome {
  readonly success: boolean;
  readonly text: string;
}

async function nats(port: number, args: readonly string[], stdin = ""): Promise<Outcome> {
  const process = new Deno.Command(cli!, {
    args: ["--no-context", "--server", `nats://127.0.0.1:${port}`, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin)).catch(() => {});
  await writer.close().catch(() => {});
  const { success, stdout, stderr } = await process.output();
  return { success, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** Without what differs from run to run. */
function normalized(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?/g, "TIME")
    .replace(/\b\d\d:\d\d:\d\d(\.\d+)?\b/g, "CLOCK")
    .replace(/\b(\d+(\.\d+)?(ns|µs|us|ms|s|m|h|d))+\b/g, "SPAN")
    .replace(/\b[A-Z0-9]{56}\b/g, "SERVER")
    .replace(/\bN[A-Z0-9]{55}\b/g, "SERVER")
    .replace(/nats:\/\/127\.0\.0\.1:\d+/g, "URL")
    .replace(/127\.0\.0\.1:\d+/g, "ADDRESS")
    .replace(/Client ID: \d+/g, "Client ID: N")
    .replace(/_INBOX\.[A-Za-z0-9.]+/g, "INBOX")
    .replace(/\b[A-Za-z0-9]{22}\b/g, "NUID")
    .replace(/\d+(\.\d+)? ?(KiB|MiB|GiB|B)\/s(ec)?/g, "RATE")
    .replace(/[\d,]+ msgs\/sec/g, "RATE")
    .replace(/(Reserved|Storage|Memory): *[\d.]+ [KMGT]?i?B( Storage)? of [\d.]+ [KMGT]iB/g, "USED")
    .split("\n").map((line) => line.replace(/\s+/g, " ").trim()).join("\n");
}

const STREAM = ["--defaults", "--storage", "file"];
const CONSUMER = ["--pull", "--defaults"];

/** Commands in their order; all must give the same on both servers. */
const COMMANDS: readonly (readonly string[])[] = [
  ["stream", "add", "ORDERS", "--subjects", "orders.>", ...STREAM],
  ["stream", "add", "ORDERS", "--subjects", "orders.>", ...STREAM, "--max-msgs", "7"],
  ["pub", "orders.new", "order {{Count}}", "--count", "20", "--jetstream"],
  ["pub", "orders.paid", "paid {{Count}}", "--count", "5", "--jetstream"],
  ["stream", "info", "ORDERS"],
  ["stream", "info", "ORDERS", "--json"],
  ["stream", "info", "NONE"],
  ["stream", "ls"],
  ["stream", "ls", "--names"],
  ["stream", "report"],
  ["stream", "find"],
  ["stream", "subjects", "ORDERS"],
  ["stream", "get", "ORDERS", "3"],
  ["stream", "get", "ORDERS", "--last-for", "orders.paid"],
  ["stream", "rmm", "ORDERS", "4", "--force"],
  ["stream", "state", "ORDERS"],
  ["stream", "gaps", "ORDERS", "--force", "--no-progress"],
  ["stream", "edit", "ORDERS", "--max-msgs", "22", "--force"],
  ["stream", "copy", "ORDERS", "COPY", "--subjects", "copy.>"],
  ["stream", "add", "MIRROR", "--mirror", "ORDERS", ...STREAM],
  ["stream", "graph"],
  ["consumer", "add", "ORDERS", "C", ...CONSUMER],
  ["consumer", "add", "ORDERS", "F", "--filter", "orders.paid", ...CONSUMER],
  ["consumer", "info", "ORDERS", "C"],
  ["consumer", "ls", "ORDERS"],
  ["consumer", "next", "ORDERS", "C", "--ack", "--raw"],
  ["consumer", "next", "ORDERS", "C", "--count", "3", "--ack", "--raw"],
  ["consumer", "next", "ORDERS", "F", "--no-ack"],
  ["consumer", "sub", "ORDERS", "C", "--count", "2", "--raw"],
  ["consumer", "report", "ORDERS"],
  ["consumer", "pause", "ORDERS", "F", "1h", "--force"],
  ["consumer", "resume", "ORDERS", "F", "--force"],
  ["consumer", "edit", "ORDERS", "F", "--description", "changed", "--force"],
  ["consumer", "state", "ORDERS", "C"],
  ["consumer", "rm", "ORDERS", "F", "--force"],
  ["stream", "view", "ORDERS", "3"],
  ["stream", "purge", "ORDERS", "--subject", "orders.paid", "--force"],
  ["stream", "seal", "COPY", "--force"],
  ["kv", "add", "CONF", "--history", "5"],
  ["kv", "put", "CONF", "a.b", "one"],
  ["kv", "put", "CONF", "a.b", "two"],
  ["kv", "create", "CONF", "c", "first"],
  ["kv", "create", "CONF", "c", "again"],
  ["kv", "update", "CONF", "c", "second", "3"],
  ["kv", "update", "CONF", "c", "third", "3"],
  ["kv", "get", "CONF", "a.b", "--raw"],
  ["kv", "get", "CONF", "missing"],
  ["kv", "history", "CONF", "a.b"],
  ["kv", "del", "CONF", "c", "--force"],
  ["kv", "ls", "CONF"],
  ["kv", "ls"],
  ["kv", "info", "CONF"],
  ["kv", "purge", "CONF", "a.b", "--force"],
  ["kv", "compact", "CONF", "--force"],
  ["kv", "del", "CONF", "--force"],
  ["object", "add", "FILES"],
  ["object", "ls"],
  ["object", "info", "FILES"],
  ["object", "del", "FILES", "--force"],
  ["stream", "add", "COUNT", "--subjects", "count.>", "--allow-counter", ...STREAM],
  ["counter", "add", "count.x", "5"],
  ["counter", "add", "count.x", "2"],
  ["counter", "get", "count.x"],
  ["account", "info"],
  ["server", "check", "stream", "--stream", "ORDERS"],
  ["server", "check", "jetstream"],
  ["errors", "ls"],
  ["stream", "rm", "MIRROR", "--force"],
  ["stream", "rm", "ORDERS", "--force"],
  ["stream", "rm", "COUNT", "--force"],
];

Deno.test(
  { name: "nats' JetStream commands print the same as with nats-server", ignore },
  async () => {
    const directory = await Deno.makeTempDir();
    try {
      await using ours = await jetStreamServer({ serverName: "N" });
      await using theirs = await ReferenceServer.start(reference!, [
        "-n",
        "N",
        "-js",
        "-sd",
        directory,
      ]);
      for (const args of COMMANDS) {
        const [a, b] = await Promise.all([nats(ours.port, args), nats(theirs.port, args)]);
        assertEquals(normalized(a.text), normalized(b.text), `nats ${args.join(" ")}`);
        assertEquals(a.success, b.success, `nats ${args.join(" ")}: ${a.text}`);
      }
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
);

Deno.test({ name: "nats bench's JetStream commands run", ignore: cli === null }, async () => {
  await using server = await jetStreamServer();
  const more = ["--msgs", "2000", "--no-progress", "--stream", "B"];
  for (
    const args of [
      ["js", "pub", "async", "b", "--batch", "100", "--create", ...more],
      ["js", "pub", "sync", "b", ...more],
      ["js", "ordered", ...more],
      ["js", "consume", "--batch", "100", ...more],
      ["js", "fetch", "--batch", "100", ...more],
      ["js", "get", "sync", ...more],
      ["js", "get", "batch", "--batch", "100", ...more],
      ["kv", "put", "--msgs", "500", "--no-progress"],
      ["kv", "get", "--msgs", "500", "--no-progress"],
    ]
  ) {
    const { success, text } = await nats(server.port, ["bench", ...args]);
    assert(success, `nats bench ${args.join(" ")}: ${text}`);
    assertMatch(text, /msgs\/sec/, `nats bench ${args.join(" ")}`);
  }
});

Deno.test({ name: "streams move by backup and restore, both ways", ignore }, async () => {
  const directory = await Deno.makeTempDir();
  try {
    await using ours = await jetStreamServer();
    const args = ["-js", "-sd", `${directory}/store`];
    await using theirs = await ReferenceServer.start(reference!, args);
    const ok = async (port: number, args: readonly string[]): Promise<string> => {
      const { success, text } = await nats(port, args);
      assert(success, `nats ${args.join(" ")}: ${text}`);
      return text;
    };
    const state = async (port: number): Promise<unknown> => {
      const stream = JSON.parse(await ok(port, ["stream", "info", "S", "--json"]));
      const consumer = JSON.parse(await ok(port, ["consumer", "info", "S", "C", "--json"]));
      return {
        config: stream.config,
        state: stream.state,
        ackFloor: consumer.ack_floor.stream_seq,
        pending: consumer.num_pending,
      };
    };
    await ok(ours.port, ["stream", "add", "S", "--subjects", "s.>", ...STREAM]);
    await ok(ours.port, ["consumer", "add", "S", "C", ...CONSUMER]);
    await ok(ours.port, ["pub", "s.{{Count}}", "body {{Count}}", "--count", "200"]);
    await ok(ours.port, ["stream", "rmm", "S", "50", "--force"]);
    await ok(ours.port, ["consumer", "next", "S", "C", "--count", "10", "--ack", "--raw"]);
    const before = await state(ours.port);
    await ok(ours.port, ["stream", "backup", "S", `${directory}/one`, "--no-progress"]);
    await ok(theirs.port, ["stream", "restore", `${directory}/one`, "--no-progress"]);
    assertEquals(await state(theirs.port), before);
    await ok(theirs.port, ["consumer", "next", "S", "C", "--count", "5", "--ack", "--raw"]);
    const there = await state(theirs.port);
    await ok(theirs.port, ["stream", "backup", "S", `${directory}/two`, "--no-progress"]);
    await ok(ours.port, ["stream", "rm", "S", "--force"]);
    await ok(ours.port, ["stream", "restore", `${directory}/two`, "--no-progress"]);
    assertEquals(await state(ours.port), there);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
