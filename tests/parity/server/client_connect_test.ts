// Ports: server/client_test.go
/**
 * CONNECT: what is kept of it, how connections are named, and what ends them.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createUser } from "@nats-io/nkeys";
import type { Connection } from "../../../src/core/connection/connection.ts";
import { ConnectOptions } from "../../../src/protocol/mod.ts";
import { withCertificates } from "../../harness/certs.ts";
import { OK, PONG, RawClient } from "../../harness/raw_client.ts";
import { testServer, until } from "../../harness/server.ts";

/** What the server keeps of a CONNECT. */
async function connected(connect: Record<string, unknown>): Promise<ConnectOptions> {
  await using server = await testServer();
  const client = await server.raw();
  const info = await client.info();
  await client.send(`CONNECT ${JSON.stringify(connect)}\r\n`);
  await client.expect(OK);
  return server.connection(info.client_id).connect;
}

function options(fields: Partial<ConnectOptions>): ConnectOptions {
  return Object.assign(new ConnectOptions(), fields);
}

Deno.test("TestClientConnect", async () => {
  assertEquals(
    await connected({ verbose: true, pedantic: true, tls_required: false, echo: false }),
    options({ verbose: true, pedantic: true, echo: false }),
  );
  assertEquals(
    await connected({ user: "derek", pass: "foo" }),
    options({ echo: true, verbose: true, pedantic: true, user: "derek", pass: "foo" }),
  );
  assertEquals(
    await connected({ user: "derek", pass: "foo", name: "router" }),
    options({ user: "derek", pass: "foo", name: "router" }),
  );
  assertEquals(
    await connected({ auth_token: "YZZ222", name: "router" }),
    options({ auth_token: "YZZ222", name: "router" }),
  );
});

Deno.test("TestClientConnectProto", async () => {
  const basic = { verbose: true, pedantic: true, tls_required: false };
  assertEquals((await connected(basic)).protocol, 0);
  assertEquals((await connected({ ...basic, protocol: 1 })).protocol, 1);

  await using server = await testServer();
  const client = await server.raw();
  await client.info();
  await client.send('CONNECT {"protocol":22}\r\n');
  assertStringIncludes(await client.expectEnd(), "-ERR 'invalid client protocol'\r\n");
});

Deno.test("TestNonTLSConnectionState", async () => {
  await using server = await testServer();
  const { connection } = await server.rawWithConnection();
  assertEquals(connection.transport.tls, null);
});

Deno.test("TestClientPing", async () => {
  await using server = await testServer();
  const client = await server.raw();
  await client.info();
  await client.send("PING\r\n");
  await client.expect(PONG);
});

Deno.test("TestAuthorizationTimeout", async () => {
  await using server = await testServer({ authorization: "my_token", authTimeoutMs: 400 });
  const client = await server.raw();
  await client.info();
  assertStringIncludes(await client.line(), "Authentication Timeout");
});

Deno.test("TestClientMapRemoval", async () => {
  await using server = await testServer();
  const client = await server.rawLogin();
  await client.flush();
  assertEquals(server.server.clients.size, 1);
  client.close();
  await server.clientsCount(0);
});

Deno.test("TestClientUserInfo", async () => {
  await using server = await testServer();
  const { connection } = await server.rawWithConnection();
  const shown = (fields: Partial<ConnectOptions>): string => {
    Object.assign(connection.connect, new ConnectOptions(), fields);
    return connection.authUserText;
  };
  const nkey = "UD6AYQSOIN2IN5OGC6VQZCR4H3UFMIOXSW6NNS6N53CLJA4PB56CEJJI";
  assertEquals(shown({ nkey }), `Nkey "${nkey}"`);
  assertEquals(shown({ user: "foo" }), 'User "foo"');
  assertEquals(shown({}), 'User "N/A"');
  assertEquals(shown({ auth_token: "s3cr3t!" }), 'Token "[REDACTED]"');
});

Deno.test("TestClientAuthRequiredNoAuthUser", async () => {
  await using server = await testServer(
    {},
    `accounts: { A: { users: [ { user: user, password: pass } ] } }
     no_auth_user: user`,
  );
  await server.connect();
  const info = await (await server.raw()).info();
  assertEquals(info.auth_required ?? false, false);
});

/** An in-process client that sent these CONNECTs, and the server's side of it. */
async function inProcess(
  config: string,
  connects: readonly (string | ((nonce: string) => string))[],
  use: (connection: Connection, labels: readonly string[]) => void | Promise<void>,
): Promise<void> {
  await using server = await testServer({}, config);
  const client = new RawClient(server.server.connect());
  const info = await client.info();
  const connection = server.connection(info.client_id);
  const labels: string[] = [];
  for (const connect of connects) {
    const json = typeof connect === "string" ? connect : connect(info.nonce);
    await client.send(`CONNECT ${json}\r\nPING\r\n`);
    await client.expect(PONG);
    labels.push(connection.label);
  }
  await use(connection, labels);
  await client.end();
}

Deno.test("TestRemoteAddress", async () => {
  await inProcess("", ['{"verbose":false}'], (connection) => {
    assert(connection.label.startsWith("pipe - cid:"), connection.label);
    assertEquals(connection.host, "");
  });
});

Deno.test("TestConnectionStringWithLogConnectionInfo", async () => {
  const first =
    '{"verbose":false,"pedantic":false,"version":"1.0.0","lang":"go","name":"test-client"}';
  const other = first.replace("test-client", "test-client:new");
  await inProcess("", [first, first, first, first, other], (connection, labels) => {
    assertEquals(labels[0], `pipe - cid:${connection.id} - "v1.0.0:go:test-client"`);
    assertEquals(new Set(labels).size, 1);
  });
});

Deno.test("TestLogConnectionAuthInfo", async (t) => {
  const quiet = '"verbose":false,"pedantic":false';
  await t.step("username_password", () =>
    inProcess(
      "authorization { user: testuser, password: testpass }",
      [`{${quiet},"user":"testuser","pass":"testpass"}`],
      (connection) => assertStringIncludes(connection.label, '"$G/user:testuser"'),
    ));
  await t.step("token", () =>
    inProcess(
      "authorization { token: secret-token }",
      [`{${quiet},"auth_token":"secret-token"}`],
      (connection) => assertStringIncludes(connection.label, '"$G/token"'),
    ));
  await t.step("nkey", () => {
    const keys = createUser();
    const nkey = keys.getPublicKey();
    const sign = (nonce: string): string =>
      btoa(String.fromCharCode(...keys.sign(new TextEncoder().encode(nonce))))
        .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    return inProcess(
      `authorization { users: [ { nkey: ${nkey} } ] }`,
      [(nonce) => `{${quiet},"nkey":"${nkey}","sig":"${sign(nonce)}"}`],
      (connection) => assertStringIncludes(connection.label, `"$G/nkey:${nkey}"`),
    );
  });
  await t.step("combined_info_and_auth", () =>
    inProcess(
      "authorization { user: testuser, password: testpass }",
      [
        `{${quiet},"user":"testuser","pass":"testpass","version":"1.0.0","lang":"go",` +
        '"name":"test-client"}',
      ],
      (connection) => {
        assertStringIncludes(connection.label, '"v1.0.0:go:test-client"');
        assertStringIncludes(connection.label, '"$G/user:testuser"');
      },
    ));
  await t.step("no_auth", () =>
    inProcess("", [`{${quiet}}`], (connection) => {
      assert(!connection.label.includes("$G/"), connection.label);
    }));
});

Deno.test("TestClientIPv6Address", async () => {
  const listener = (() => {
    try {
      return Deno.listen({ hostname: "::1", port: 0 });
    } catch (_noIpv6) {
      return null;
    }
  })();
  // As the reference does where IPv6 is missing.
  if (listener === null) return console.log("skipped: no IPv6 here");
  listener.close();
  await using server = await testServer({ host: "::" });
  const client = await server.raw("::1");
  const info = await client.login();
  assert(server.connection(info.client_id).label.startsWith("[::1]"));
});

Deno.test("TestCloseConnectionVeryEarly", async (t) => {
  const early = async (config: string): Promise<void> => {
    await using server = await testServer({}, config);
    for (let i = 0; i < 20; i++) (await RawClient.connect(server.port)).close();
    await until(() => server.server.totalConnections === 20);
    await server.clientsCount(0);
    await server.raw();
    await server.clientsCount(1);
  };
  await t.step("no_tls", () => early(""));
  await t.step("tls", () =>
    withCertificates(({ ca, server: { certFile, keyFile } }) =>
      early(
        `tls { cert_file: "${certFile}", key_file: "${keyFile}", ca_file: "${ca.certFile}" }`,
      )
    ));
});

Deno.test("TestClientRepeatConnectSwitchesAccountAndCleansOldSubs", async (t) => {
  for (const user of ["ub", "ua"]) {
    await t.step(user === "ub" ? "ToDifferentAccount" : "SameAccount", async () => {
      await using server = await testServer(
        {},
        `accounts: {
           A: { users: [ { user: ua, password: pa } ] }
           B: { users: [ { user: ub, password: pb } ] }
         }`,
      );
      const a = server.account("A");
      const b = server.account("B");
      const client = await server.raw();
      await client.info();
      await client.send(
        'CONNECT {"verbose":false,"user":"ua","pass":"pa"}\r\nSUB foo 1\r\nPING\r\n',
      );
      await client.expect(PONG);
      assertEquals(a.match("foo").psubs.length, 1);
      assertEquals(a.connections.size, 1);

      const pass = user === "ub" ? "pb" : "pa";
      await client.send(
        `CONNECT {"verbose":false,"user":"${user}","pass":"${pass}"}\r\nPING\r\n`,
      );
      await client.expect(PONG);
      assertEquals(a.match("foo").psubs.length, 0);
      assertEquals([a.connections.size, b.connections.size], user === "ub" ? [0, 1] : [1, 0]);

      const other = await server.connect({ user: "ua", pass: "pa" });
      other.publish("foo", "should-not-arrive");
      await other.flush();
      await client.expectNothing(150);
    });
  }
});
