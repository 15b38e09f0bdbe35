// Ports: logger/syslog_test.go
/**
 * Lines for syslog daemons.
 *
 * @module
 */
import dgram from "node:dgram";
import { assert, assertEquals } from "@std/assert";
import { emptyOptions, type Options } from "../../../src/config/mod.ts";
import {
  openServerLog,
  type ServerLog,
  syslogAddress,
  syslogTag,
} from "../../../src/logger/mod.ts";
import { logWorld } from "../../harness/logs.ts";

/** A log to a daemon that only records. */
function localLog(over: Partial<Options>): { log: ServerLog; lines: string[] } {
  const lines: string[] = [];
  const log = openServerLog(
    { ...emptyOptions(), syslog: true, ...over },
    logWorld([], {
      dialSyslog: (network) => {
        assertEquals(network, "local");
        return { send: (line) => void lines.push(line), close: () => {} };
      },
    }),
  );
  return { log, lines };
}

Deno.test("TestSysLogger", () => {
  const { log, lines } = localLog({});
  assertEquals([log.debugEnabled, log.traceEnabled], [false, false]);
  log.notice("foo");
  assert(/^<29>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d nats-server\[\d+\]: foo\n$/.test(lines[0]!));
});

Deno.test("TestSysLoggerWithDebugAndTrace", () => {
  const { log } = localLog({ debug: true, trace: true });
  assertEquals([log.debugEnabled, log.traceEnabled], [true, true]);
});

Deno.test("TestSysLoggerTagGen", () => {
  const cases = [
    ["nats-server", "nats-server"],
    ["./nats-server", "nats-server"],
    ["home/bin/nats-server", "nats-server"],
    ["../../nats-server", "nats-server"],
    ["nats-server.service1", "nats-server.service1"],
    ["nats-server_service1", "nats-server_service1"],
    ["nats-server-service1", "nats-server-service1"],
    ["nats-server service1", "nats-server service1"],
  ] as const;
  for (const [program, tag] of cases) assertEquals(syslogTag(program), tag);
});

/** What a daemon behind UDP receives while `use` logs. */
async function receivedBy(
  over: Partial<Options>,
  use: (log: ServerLog) => void,
  wanted: number,
  program = "nats-server",
): Promise<string> {
  const daemon = dgram.createSocket("udp4");
  let received = "";
  const arrived = Promise.withResolvers<void>();
  daemon.on("message", (bytes) => {
    received += bytes.toString();
    if (received.split("\n").length > wanted) arrived.resolve();
  });
  await new Promise<void>((resolve) => daemon.bind(0, "127.0.0.1", () => resolve()));
  const log = openServerLog(
    { ...emptyOptions(), remoteSyslog: `udp://127.0.0.1:${daemon.address().port}`, ...over },
    logWorld([], { program }),
  );
  use(log);
  if (wanted > 0) await arrived.promise;
  else await new Promise((resolve) => setTimeout(resolve, 100));
  log.close();
  await new Promise<void>((resolve) => daemon.close(() => resolve()));
  return received;
}

const VERBOSE = { debug: true, trace: true };

Deno.test("TestSysLoggerTag", async () => {
  const line = await receivedBy(VERBOSE, (log) => log.notice("foo"), 1, "ServerLoggerTag");
  const [before, ...rest] = line.split("[");
  assertEquals(rest.length, 1);
  assert(before!.includes("ServerLoggerTag"), line);
});

Deno.test("TestRemoteSysLogger", async () => {
  await receivedBy(VERBOSE, (log) => {
    assertEquals([log.debugEnabled, log.traceEnabled], [true, true]);
    log.notice("foo");
  }, 1);
});

async function expectOutput(use: (log: ServerLog) => void, wanted: string): Promise<void> {
  const line = await receivedBy(VERBOSE, use, 1);
  const parts = line.split("]: ");
  assertEquals(parts.length, 2, line);
  assertEquals(parts[1], wanted);
}

Deno.test("TestRemoteSysLoggerNotice", () =>
  expectOutput((log) => log.notice("foo bar"), "foo bar\n"));
Deno.test("TestRemoteSysLoggerDebug", () =>
  expectOutput((log) => log.debug("foo qux"), "foo qux\n"));
Deno.test("TestRemoteSysLoggerTrace", () =>
  expectOutput((log) => log.trace("foo qux"), "foo qux\n"));

Deno.test("TestRemoteSysLoggerDebugDisabled", async () => {
  assertEquals(await receivedBy({}, (log) => log.debug("foo qux"), 0), "");
});

Deno.test("TestRemoteSysLoggerTraceDisabled", async () => {
  assertEquals(await receivedBy({ debug: true }, (log) => log.trace("foo qux"), 0), "");
});

Deno.test("TestGetNetworkAndAddrUDP", () => {
  assertEquals(syslogAddress("udp://foo.com:1000"), { network: "udp", address: "foo.com:1000" });
});

Deno.test("TestGetNetworkAndAddrTCP", () => {
  assertEquals(syslogAddress("tcp://foo.com:1000"), { network: "tcp", address: "foo.com:1000" });
});

Deno.test("TestGetNetworkAndAddrUnix", () => {
  assertEquals(syslogAddress("unix:///foo.sock"), { network: "unix", address: "/foo.sock" });
});
