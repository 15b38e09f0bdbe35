// Ports: server/server_test.go
/**
 * Listeners: where clients reach them, what happens when they cannot accept, and log lines that
 * are held back.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { applyBaseline, emptyOptions, type Options } from "../../../src/config/mod.ts";
import { Server } from "../../../src/mod.ts";
import { ProfilingPort } from "../../../src/monitor/mod.ts";
import { systemEnvironment } from "../../../src/platform/deno/environment.ts";
import { systemLoop } from "../../../src/platform/deno/loop.ts";
import { discardLogger, ListenError } from "../../../src/platform/mod.ts";
import { ACCEPT_SLEEP_MAX_MS, AcceptErrors } from "../../../src/server/accept_errors.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { testServer, until } from "../../harness/server.ts";

/** A server that is not started. */
function unstarted(over: Partial<Options>): Server {
  const options = { ...emptyOptions(), ...over };
  applyBaseline(options);
  return new Server(options, systemEnvironment(discardLogger()));
}

Deno.test("TestAcceptError", async () => {
  const errors = new AcceptErrors(discardLogger(), systemLoop());
  const error = new Error("any error");
  assertEquals(await errors.wait("Test", error, false, 3_600_000), 3_600_000);
  assertEquals(await errors.wait("Test", error, true, 10), 20);
  const almost = 0.6 * ACCEPT_SLEEP_MAX_MS;
  assertEquals(await errors.wait("Test", error, true, almost), ACCEPT_SLEEP_MAX_MS);
  const startMs = performance.now();
  const waiting = errors.wait("Test", error, true, ACCEPT_SLEEP_MAX_MS);
  errors.stop();
  assert(await waiting < 0);
  assert(performance.now() - startMs < ACCEPT_SLEEP_MAX_MS);
  assert(await errors.wait("Test", error, true, almost) < 0);
});

Deno.test("TestClientAdvertiseConnectURL", () => {
  const plain = unstarted({ port: 4222, clientAdvertise: "nats.example.com" });
  assertEquals(plain.clientConnectUrls, ["nats.example.com:4222"]);
  const withPort = unstarted({ port: 4222, clientAdvertise: "nats.example.com:7777" });
  assertEquals(withPort.clientConnectUrls, ["nats.example.com:7777"]);
  assertEquals([withPort.info.host, withPort.info.port], ["nats.example.com", 7777]);
  const anyPort = unstarted({ port: 0, clientAdvertise: "nats.example.com:7777" });
  assertEquals([anyPort.info.host, anyPort.info.port], ["nats.example.com", 7777]);
});

Deno.test("TestGetConnectURLs", () => {
  let globalHost = "";
  for (const host of ["0.0.0.0", "::"]) {
    const urls = unstarted({ host, port: 4222 }).clientConnectUrls;
    assert(urls.length > 0);
    for (const url of urls) {
      assert(url.endsWith(":4222"));
      const address = url.slice(0, -":4222".length).replace(/^\[|\]$/g, "");
      assert(!/^(0\.|127\.|169\.254\.|::1?$|fe80)/i.test(address), `${url} is not global`);
      globalHost ||= address;
    }
  }
  for (const host of ["127.0.0.1", "::1", globalHost]) {
    const shown = host.includes(":") ? `[${host}]` : host;
    assertEquals(unstarted({ host, port: 4222 }).clientConnectUrls, [`${shown}:4222`]);
  }
});

Deno.test("TestServerRateLimitLogging", async () => {
  const logger = new CapturedLog();
  await using server = await testServer({ logger });
  const { core } = server.server;
  core.rateLimitMs = 100;
  const counts = (): number[] =>
    ["Warning number 1", "Warning number 2", "warning value"].map((part) =>
      logger.texts("warn", part).length
    );
  /** Until what was held back may be logged again. */
  const expired = async (): Promise<void> => {
    const sinceMs = performance.now();
    await until(() => performance.now() - sinceMs > 110);
    logger.lines.length = 0;
  };

  for (const value of [1, 2]) {
    core.rateLimitedWarn("Warning number 1");
    core.rateLimitedWarn("Warning number 2");
    core.rateLimitedWarn(`warning value ${value}`, "warning value");
  }
  assertEquals(counts(), [1, 1, 1]);
  await expired();
  core.rateLimitedWarn("Warning number 1");
  core.rateLimitedWarn("warning value 1", "warning value");
  assertEquals(counts(), [1, 0, 1]);

  const [first, second] = [
    (await server.rawWithConnection({ name: "c1" })).connection,
    (await server.rawWithConnection({ name: "c2" })).connection,
  ];
  await expired();
  for (const [connection, value] of [[first, 1], [second, 2]] as const) {
    connection.rateLimitedWarn("Warning number 1");
    connection.rateLimitedWarn("Warning number 2");
    connection.rateLimitedWarn(`warning value ${value}`, "warning value");
  }
  assertEquals(counts(), [1, 1, 1]);
  await expired();
  first.rateLimitedWarn("Warning number 1");
  second.rateLimitedWarn("Warning number 1");
  first.rateLimitedWarn("warning value 1", "warning value");
  assertEquals(counts(), [1, 0, 1]);
});

Deno.test("TestStartProfiler", async () => {
  const port = new ProfilingPort(unstarted({ host: "127.0.0.1", profPort: -1 }));
  assert(port.port > 0);
  await port.stop();
});

Deno.test("TestNoDeadlockOnStartFailure", async () => {
  // An address that no machine has; the reference has a name that no server of names knows.
  const host = "192.0.2.1";
  const { cluster } = emptyOptions();
  const server = unstarted({
    host,
    port: 4222,
    httpHost: host,
    cluster: { ...cluster, host: "127.0.0.1", port: -1 },
    profPort: -1,
  });
  assertThrows(() => server.start(), ListenError);
  await server.stop();
});

Deno.test("start() opens nothing once the server was stopped", async () => {
  const server = unstarted({ host: "127.0.0.1", port: -1, httpHost: "127.0.0.1", httpPort: -1 });
  await server.stop();
  server.start();
  assertEquals([server.ready, server.monitor], [false, null]);
});
