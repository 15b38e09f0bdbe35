/**
 * The official `nats` command line against natsts. Skipped where it is not installed.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Server, startServer } from "../../src/mod.ts";

async function hasCli(): Promise<boolean> {
  try {
    return (await new Deno.Command("nats", { args: ["--version"], stdout: "null", stderr: "null" })
      .output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const ignore = !(await hasCli());
if (ignore) console.log("the nats CLI is not installed: its tests are skipped");

/** A `nats` command on its way. */
function start(server: Server, args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command("nats", {
    args: ["--no-context", "--server", `nats://127.0.0.1:${server.port}`, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Both outputs of a `nats` command that must end well. */
async function output(process: Deno.ChildProcess): Promise<string> {
  const { success, stdout, stderr } = await process.output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert(success, text);
  return text;
}

/** Resolves when `count` subscriptions are there. */
async function subscriptions(server: Server, count: number): Promise<void> {
  const end = performance.now() + 5000;
  while (server.subscriptionCount < count) {
    assert(performance.now() < end, "the subscription did not arrive");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function cliTest(name: string, use: (server: Server) => Promise<void>): void {
  Deno.test({ name: `nats ${name}`, ignore }, async () => {
    const server = await startServer({ host: "127.0.0.1", port: -1, noSystemAccount: true });
    try {
      await use(server);
    } finally {
      await server.stop();
    }
  });
}

cliTest("pub and sub", async (server) => {
  const receiver = start(server, ["sub", "greet.>", "--count", "2", "--headers-only"]);
  const plain = start(server, ["sub", "greet.*", "--count", "2", "--raw"]);
  await subscriptions(server, 2);
  await output(start(server, ["pub", "greet.joe", "hello", "-H", "Kind: test"]));
  await output(start(server, ["pub", "greet.jane", "hi"]));
  const text = await output(receiver);
  assertMatch(text, /greet\.joe/);
  assertMatch(text, /Kind: test/);
  assertEquals((await output(plain)).trim().split(/\s+/), ["hello", "hi"]);
});

cliTest("request and reply", async (server) => {
  const service = start(server, ["reply", "double", "twice {{Request}}", "--count", "1"]);
  await subscriptions(server, 1);
  assertMatch(await output(start(server, ["request", "double", "me", "--raw"])), /twice me/);
  // Its exit code is 1 after --count requests with every server.
  await service.output();
});

cliTest("request without a responder", async (server) => {
  const { stdout, stderr } = await start(server, ["request", "nobody", "x"]).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assertMatch(text, /No responders are available/);
});

cliTest("bench pub and sub", async (server) => {
  const receiver = start(server, [
    ...["bench", "sub", "load", "--msgs", "20000", "--size", "128", "--no-progress"],
  ]);
  await subscriptions(server, 1);
  const sender = ["bench", "pub", "load", "--msgs", "20000", "--size", "128", "--no-progress"];
  assertMatch(await output(start(server, sender)), /msgs\/sec/);
  assertMatch(await output(receiver), /msgs\/sec/);
});

cliTest("bench service", async (server) => {
  const service = start(server, ["bench", "service", "serve", "load", "--no-progress"]);
  await subscriptions(server, 1);
  const text = await output(
    start(server, ["bench", "service", "request", "load", "--msgs", "200", "--no-progress"]),
  );
  assertMatch(text, /msgs\/sec/);
  service.kill("SIGTERM");
  await service.output();
});

cliTest("server check connection", async (server) => {
  assertMatch(await output(start(server, ["server", "check", "connection"])), /^OK /);
});

cliTest("rtt", async (server) => {
  assertMatch(await output(start(server, ["rtt", "3"])), new RegExp(`127.0.0.1:${server.port}`));
});

cliTest("latency", async (server) => {
  const address = `nats://127.0.0.1:${server.port}`;
  const text = await output(
    start(server, ["latency", "--server-b", address, "--duration", "1s", "--rate", "200"]),
  );
  assertMatch(text, /Percentile|Message/);
});
