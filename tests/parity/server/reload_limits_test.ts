// Ports: server/reload_test.go, server/monitor_test.go
/**
 * Reloads that change limits, addresses and what monitoring shows, and reloads that are refused.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { ReloadError } from "../../../src/reload/mod.ts";
import { LISTEN, reloadServer } from "../../harness/reload.ts";
import { testServer } from "../../harness/server.ts";

Deno.test("TestConfigReloadNoConfigFile", async () => {
  await using server = await testServer();
  const { configLoadMs } = server.server;
  await assertRejects(() => server.server.reload(), ReloadError);
  assertEquals(server.server.configLoadMs, configLoadMs);
});

Deno.test("TestConfigReloadUnsupportedHotSwapping", async () => {
  await using server = await reloadServer(LISTEN);
  const { configLoadMs } = server.server;
  const error = await assertRejects(
    () => server.reload("listen: 127.0.0.1:9999"),
    ReloadError,
  );
  assertStringIncludes(error.message, "not supported");
  assertEquals(server.server.configLoadMs, configLoadMs);
});

Deno.test("TestConfigReloadMaxSubsUnsupported", async () => {
  await using server = await reloadServer(LISTEN + "max_subs: 1");
  await assertRejects(() => server.reload(LISTEN + "max_subs: 10"), ReloadError);
});

Deno.test("TestConfigReloadClientAdvertise", async () => {
  const config = (more: string) => `listen: "0.0.0.0:-1"\n${more}`;
  await using server = await reloadServer(config(""));
  const { port, info } = server.server;
  for (
    const [more, expected] of [
      [`client_advertise: "me:1"`, ["me", 1]],
      [`client_advertise: "me"`, ["me", port]],
      [`client_advertise: "me:-1"`, ["me", port]],
      ["", ["0.0.0.0", port]],
    ] as const
  ) {
    await server.reload(config(more));
    assertEquals<(string | number)[]>([info.host, info.port], [...expected]);
  }
});

Deno.test("TestConfigReloadMaxConnections", async () => {
  await using server = await reloadServer(LISTEN);
  const clients = [await server.accepted(), await server.accepted()];
  await server.clientsCount(2);
  await server.reload(LISTEN + "max_connections: 1");
  await Promise.race(clients.map((client) => client.expectEnd()));
  await server.clientsCount(1);
  const late = await server.raw();
  assertStringIncludes(await late.expectEnd(), "-ERR 'maximum connections exceeded'\r\n");
});

Deno.test("TestConfigReloadMaxConnectionsPreventAll", async () => {
  await using server = await reloadServer(LISTEN);
  const clients = [await server.accepted(), await server.accepted()];
  await server.clientsCount(2);
  await server.reload(LISTEN + "max_connections: 0");
  await Promise.all(clients.map((client) => client.expectEnd()));
  await server.clientsCount(0);
  const late = await server.raw();
  assertStringIncludes(await late.expectEnd(), "-ERR 'maximum connections exceeded'\r\n");
});

Deno.test("TestConfigReloadMaxPayload", async () => {
  await using server = await reloadServer(LISTEN);
  const publisher = await server.accepted();
  const subscriber = await server.accepted();
  await subscriber.send("SUB foo 1\r\n");
  await subscriber.flush();
  await publisher.send("PUB foo 5\r\nhello\r\n");
  assertEquals((await subscriber.message()).body, "hello");
  await server.reload(LISTEN + "max_payload: 1");
  await publisher.send("PUB foo 5\r\nhello\r\n");
  assertStringIncludes(await publisher.expectEnd(), "-ERR 'Maximum Payload Violation'\r\n");
  await subscriber.flush();
  await subscriber.expectNothing(20);
});

Deno.test("TestConfigReloadMaxControlLineWithClients", async () => {
  await using server = await reloadServer(LISTEN);
  const client = await server.accepted();
  const withoutEnd = (length: number) => `SUB ${"a".repeat(length)}`;
  // The limit that the connection has is seen in what it accepts.
  await client.send(`${withoutEnd(1000)} 1\r\n`);
  await client.flush();
  await server.reload("listen: 127.0.0.1:-1; max_control_line: 222");
  assertEquals(server.server.options.maxControlLine, 222);
  await client.send(`${withoutEnd(200)} 2\r\n`);
  await client.flush();
  await client.send(`${withoutEnd(300)} 3\r\n`);
  assertStringIncludes(await client.expectEnd(), "-ERR 'maximum control line exceeded'\r\n");
});

Deno.test("TestConfigReloadAndVarz", async () => {
  const template = (more: string) => `
		port: -1
		${more}
	`;
  await using server = await reloadServer(template(""));
  const before = server.server.varz();
  assertEquals(Date.parse(before.config_load_time as string), server.server.configLoadMs);
  assertEquals(before.max_connections, 65536);
  assertEquals(
    before.config_digest,
    "sha256:7ea4cc5c6864139d814ce940a40ee6546b7ac5285eec3c390a4ce11e34dc1102",
  );
  await server.write(template("max_connections: 10"));
  while (Date.now() === server.server.configLoadMs) {
    await new Promise((done) => setTimeout(done, 1));
  }
  await server.reload();
  const after = server.server.varz();
  assertNotEquals(after.config_load_time, before.config_load_time);
  assertEquals(after.max_connections, 10);
  assertEquals(
    after.config_digest,
    "sha256:508a26309068f62c3022aa8951e712ed8ff5dd6f2360f727ad8242a2a233176e",
  );
});

Deno.test("TestConfigReloadConnectErrReports", async () => {
  await using server = await reloadServer(LISTEN);
  const { options } = server.server;
  assertEquals([options.connectErrorReports, options.reconnectErrorReports], [3600, 1]);
  await server.reload(LISTEN + "connect_error_reports: 2\nreconnect_error_reports: 3");
  assertEquals([options.connectErrorReports, options.reconnectErrorReports], [2, 3]);
});

Deno.test("TestMonitorVarzReloadRace", async () => {
  await using server = await testServer({
    httpPort: -1,
    httpHost: "127.0.0.1",
    noSystemAccount: true,
  });
  const url = `http://127.0.0.1:${server.server.monitorPort}/varz`;
  const read = async (): Promise<void> => {
    const response = await fetch(url);
    assert(response.ok);
    await response.json();
  };
  await read();
  const readers = Array.from({ length: 20 }, read);
  for (let i = 0; i < 20; i++) {
    await server.server.reloadOptions({ ...server.server.options });
    await read();
  }
  await Promise.all(readers);
});
