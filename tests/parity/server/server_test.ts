// Ports: server/server_test.go
/**
 * Starting, stopping, limits, and what a server says about itself.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  applyBaseline,
  emptyOptions,
  OptionsError,
  processConfigText,
  readCommandLine,
  validateOptions,
} from "../../../src/config/mod.ts";
import { Server, StartError, startServer } from "../../../src/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { systemEnvironment } from "../../../src/platform/deno/environment.ts";
import { discardLogger } from "../../../src/platform/mod.ts";
import { NATSTS_VERSION, VERSION } from "../../../src/server/version.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { testServer } from "../../harness/server.ts";

const SEMANTIC_VERSION =
  /^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z.-]+)?$/;

Deno.test("TestSemanticVersion", () => {
  assertMatch(VERSION, SEMANTIC_VERSION);
  assertMatch(NATSTS_VERSION, SEMANTIC_VERSION);
});

Deno.test("TestStartupAndShutdown", async () => {
  await using server = await testServer({ noSystemAccount: true });
  assert(server.server.ready);
  assertEquals(server.server.clients.size, 0);
  assertEquals(server.server.subscriptionCount, 0);
  await server.server.stop();
  assert(!server.server.ready);
});

Deno.test("TestConcurrentShutdown", async () => {
  const { server } = await testServer({ systemAccount: "$SYS" });
  assert(server.core.systemAccount !== null);
  await Promise.all(Array.from({ length: 32 }, () => server.stop()));
  await server.finished;
});

Deno.test("TestInfoServerNameDefaultsToPK", async () => {
  await using server = await testServer({ clientAdvertise: "nats.example.com" });
  const info = await (await server.raw()).info();
  assertEquals(info.server_name, info.server_id);
});

Deno.test("TestInfoServerNameIsSettable", async () => {
  await using server = await testServer({
    clientAdvertise: "nats.example.com",
    serverName: "test_server_name",
  });
  assertEquals((await (await server.raw()).info()).server_name, "test_server_name");
});

Deno.test("TestClientAdvertiseErrorOnStartup", async () => {
  await assertRejects(
    () => testServer({ clientAdvertise: "addr:::123" }),
    StartError,
    "ClientAdvertise",
  );
});

Deno.test("TestMaxConnections", async () => {
  await using server = await testServer({ maxConn: 1 });
  await server.connect();
  await assertRejects(() => server.connect());
});

Deno.test("TestMaxConnectionsPreventsAll", async () => {
  await using server = await testServer({ maxConn: -1 });
  await assertRejects(() => server.connect());
});

Deno.test("TestMaxSubscriptions", async () => {
  await using server = await testServer({ maxSubs: 10 });
  const client = await server.rawLogin();
  for (let i = 0; i < 10; i++) await client.send(`SUB foo.${i} ${i}\r\n`);
  await client.flush();
  await client.send("SUB foo.22 22\r\n");
  await client.expect(/^-ERR 'maximum subscriptions exceeded'\r\n/);
});

Deno.test("TestProcessCommandLineArgs", () => {
  const read = (...args: string[]) => readCommandLine(args, systemConfigSource(), NATSTS_VERSION);
  assertEquals(read("-a", "127.0.0.1", "-p", "9090").kind, "run");
  const version = read("version");
  assert(version.kind === "exit" && version.exitCode === 0);
  assertStringIncludes(version.stdout, `v${VERSION}`);
  const help = read("help");
  assert(help.kind === "exit" && help.exitCode === 0);
  assertStringIncludes(help.stdout, "Usage: nats-server [options]");
  const unknown = read("foo", "-p", "9090");
  assert(unknown.kind === "exit" && unknown.exitCode !== 0);
});

Deno.test("TestRandomPorts", async () => {
  await using server = await testServer({ httpHost: "127.0.0.1", httpPort: -1 });
  assert(server.port > 0);
  assert(server.port !== 4222);
  assert(server.server.monitorPort > 0);
});

Deno.test("TestNilMonitoringPort", async () => {
  await using server = await testServer({ httpPort: 0, httpsPort: 0 });
  assertEquals(server.server.monitor, null);
});

Deno.test("TestLameDuckOptionsValidation", async () => {
  await assertRejects(
    () => testServer({ lameDuckDurationMs: 5000, lameDuckGracePeriodMs: 10_000 }),
    OptionsError,
    "should be strictly lower",
  );
});

Deno.test("TestServerValidateGatewaysOptions", async (t) => {
  const options = (config: string) => {
    const parsed = emptyOptions();
    processConfigText(parsed, config, systemConfigSource());
    return parsed;
  };
  const base = `gateway { name: "A", listen: "127.0.0.1:5222", gateways: [ { name: "B",
    url: "nats://host:5222" } ] }`;
  const cases: [string, (o: ReturnType<typeof options>) => void, string][] = [
    ["gateway_has_no_name", (o) => o.gateway.name = "", "has no name"],
    ["gateway_has_no_port", (o) => o.gateway.port = 0, "no port specified"],
    ["gateway_dst_has_no_name", (o) => o.gateway.gateways[0]!.name = "", "has no name"],
    ["gateway_dst_urls_is_empty", (o) => o.gateway.gateways[0]!.urls = [], "has no URL"],
  ];
  for (const [name, spoil, wanted] of cases) {
    await t.step(name, () => {
      const spoiled = options(base);
      spoil(spoiled);
      assertThrows(() => validateOptions(spoiled), OptionsError, wanted);
    });
  }
});

Deno.test("TestClientWriteLoopStall", async () => {
  await using server = await testServer();
  const { client, connection } = await server.rawWithConnection();
  await client.send("SUB foo 1\r\n");
  await client.flush();
  const inner = connection.transport;
  let writes = 0;
  connection.replaceTransport({
    local: inner.local,
    remote: inner.remote,
    tls: inner.tls,
    read: (target) => inner.read(target),
    write: (bytes) => {
      writes++;
      return inner.write(bytes.subarray(0, 10));
    },
    close: () => inner.close(),
  });
  const sender = await server.connect();
  sender.publish("foo", new Uint8Array(100));
  assertEquals((await client.message()).body.length, 100);
  assert(writes > 10);
  await client.expectNothing(250);
});

Deno.test("TestServerAuthBlockAndSysAccounts", async () => {
  await using server = await testServer(
    {},
    `server_name: s-test
     authorization { users = [ { user: "u", password: "pass" } ] }
     accounts { $SYS: { users: [ { user: admin, password: pwd } ] } }`,
  );
  await server.connect({ user: "u", pass: "pass" });
  await assertRejects(() => server.connect(), Error, "Authorization Violation");
});

Deno.test("TestServerConfigLastLineComments", async () => {
  await using server = await testServer(
    {},
    `
    {
      "listen":  "0.0.0.0:4222"
    }
    # wibble
    `,
  );
  await server.connect();
});

Deno.test("TestServerClusterAndGatewayNameNoSpace", async () => {
  const cases: [string, string][] = [
    [`server_name: "my server"`, "server name cannot contain spaces"],
    [
      `server_name: "myserver", cluster { port: -1, name: "my cluster" }`,
      "cluster name cannot contain spaces",
    ],
    [
      `server_name: "myserver", gateway { port: -1, name: "my gateway" }`,
      "gateway name cannot contain spaces",
    ],
  ];
  for (const [config, wanted] of cases) {
    assertThrows(
      () => processConfigText(emptyOptions(), `port: -1\n${config}`, systemConfigSource()),
      Error,
      wanted,
    );
  }
  await assertRejects(
    () => startServer({ port: -1, serverName: "my server" }),
    Error,
    cases[0]![1],
  );
  const { cluster, gateway } = emptyOptions();
  await assertRejects(
    () => startServer({ port: -1, cluster: { ...cluster, name: "my cluster", port: -1 } }),
    Error,
    cases[1]![1],
  );
  await assertRejects(
    () => startServer({ port: -1, gateway: { ...gateway, name: "my gateway", port: -1 } }),
    Error,
    cases[2]![1],
  );
});

Deno.test("TestServerLogsConfigurationFile", async () => {
  const logger = new CapturedLog();
  await using _server = await testServer({ logger, configFile: "/etc/nats/some.conf" });
  assertEquals(logger.texts("notice", "Using configuration file: /etc/nats/some.conf").length, 1);
});

Deno.test("TestServerClientURL", () => {
  const environment = systemEnvironment(discardLogger());
  for (
    const [host, wanted] of [
      ["host.com", "nats://host.com:12345"],
      ["1.2.3.4", "nats://1.2.3.4:12345"],
      ["2000::1", "nats://[2000::1]:12345"],
    ] as const
  ) {
    const options = { ...emptyOptions(), host, port: 12345 };
    applyBaseline(options);
    assertEquals(new Server(options, environment).clientUrl, wanted);
  }
});

Deno.test("TestMonitoringNoTimeout", async () => {
  // A request whose line comes in two pieces, far apart, is answered.
  await using server = await testServer({ httpHost: "127.0.0.1", httpPort: -1 });
  const connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: server.server.monitorPort,
  });
  const encoder = new TextEncoder();
  await connection.write(encoder.encode("GET /varz HTTP/1.1\r\nHost: a\r\n"));
  await new Promise((resolve) => setTimeout(resolve, 200));
  await connection.write(encoder.encode("Connection: close\r\n\r\n"));
  const answer = await new Response(connection.readable).text();
  assertStringIncludes(answer, "HTTP/1.1 200 OK");
});

Deno.test("TestCustomClientAuthentication", async (t) => {
  for (const alwaysEnableNonce of [true, false]) {
    await t.step(alwaysEnableNonce ? "with nonce" : "without nonce", async () => {
      await using server = await testServer({
        alwaysEnableNonce,
        authenticate: ({ user, nonce }) => {
          assertEquals(nonce !== "", alwaysEnableNonce);
          return user === "valid" ? {} : null;
        },
      });
      await (await server.connect({ user: "valid", pass: "" })).close();
      await assertRejects(() => server.connect({ user: "invalid", pass: "" }));
    });
  }
});
