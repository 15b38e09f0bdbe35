/**
 * What monitoring shows of the WebSocket listener, and who may come to it without CONNECT.
 *
 * Ports: server/monitor_test.go, server/parser_test.go
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { testServer } from "../../harness/server.ts";
import { WebsocketClient } from "../../harness/websocket_client.ts";
import { operatorKeys, publicKey } from "../../harness/jwt.ts";

Deno.test("TestMonitorWebsocket", async () => {
  const pin = "7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069";
  const options = emptyOptions();
  processConfigText(
    options,
    `trusted: ${publicKey(operatorKeys)}
    authorization { users [ { user: someuser, password: "" } ] }
    websocket {
      listen: "127.0.0.1:-1", advertise: "somehost:8080", no_auth_user: someuser
      jwt_cookie: somecookiename, authorization { timeout: 2 }, no_tls: true
      same_origin: true, allowed_origins: ["https://origin1", "https://origin2"]
      compression: true, handshake_timeout: 4s
    }`,
    systemConfigSource(),
  );
  // Go's test sets these without the `tls` block that a file needs.
  options.websocket.tlsMap = true;
  options.websocket.tlsPinnedCerts = new Set([pin]);
  await using server = await testServer({ ...options, httpHost: "127.0.0.1", httpPort: -1 });
  const expected = {
    host: "127.0.0.1",
    port: server.server.websocket!.port,
    advertise: "somehost:8080",
    no_auth_user: "someuser",
    jwt_cookie: "somecookiename",
    handshake_timeout: 4_000_000_000,
    auth_timeout: 2,
    no_tls: true,
    tls_map: true,
    tls_pinned_certs: [pin],
    same_origin: true,
    allowed_origins: ["https://origin1", "https://origin2"],
    compression: true,
  };
  const answer = await fetch(`http://127.0.0.1:${server.server.monitorPort}/varz`);
  assertEquals((await answer.json()).websocket, expected);
  assertEquals(server.server.varz().websocket, {
    ...expected,
    tls_cert_not_after: undefined,
    tls_ocsp_peer_verify: undefined,
  });
});

const NO_AUTH_USER = (user: string): string => `
  websocket { listen: "127.0.0.1:-1", no_tls: true }
  authorization { users [ { user: foo, password: pwd, ${user} } ] }
  no_auth_user: foo`;

/** What the server answers to a PING before CONNECT, of a plain client and of one over WebSocket. */
async function pingFirst(user: string): Promise<string[]> {
  await using server = await testServer({}, NO_AUTH_USER(user));
  const plain = await server.raw();
  await plain.info();
  await plain.send("PING\r\n");
  const first = await plain.expect(/(PONG|-ERR.*)\r\n/);
  using client = await WebsocketClient.connect(server.server.websocket!.port);
  await client.next();
  await client.send("PING\r\n");
  return [first[1]!, (await client.text()).trim()].map((text) => text.slice(0, 4));
}

Deno.test("TestParsePingNoAuthUserEnforcesUserRestrictions", async (t) => {
  await t.step("AllowedConnectionTypes", async () => {
    assertEquals(await pingFirst('allowed_connection_types: ["WEBSOCKET"]'), ["-ERR", "PONG"]);
  });
  await t.step("ProxyRequired", async () => {
    assertEquals(await pingFirst("proxy_required: true"), ["-ERR", "-ERR"]);
  });
});
