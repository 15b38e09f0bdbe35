// Ports: test/monitor_test.go
/**
 * Monitoring as a tool sees it that knows only the URL.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ListenError } from "../../../src/platform/mod.ts";
import { withCertificates } from "../../harness/certs.ts";
import type { RawClient } from "../../harness/raw_client.ts";
import { type TestServer, testServer, until } from "../../harness/server.ts";

function monitored(): Promise<TestServer> {
  return testServer({ httpHost: "127.0.0.1", httpPort: -1, noSystemAccount: true });
}

// deno-lint-ignore no-explicit-any -- JSON as a tool reads it
async function get(server: TestServer, path: string): Promise<any> {
  const response = await fetch(`http://127.0.0.1:${server.server.monitorPort}${path}`);
  const body = await response.text();
  assertEquals(response.status, 200, body);
  return JSON.parse(body);
}

/** A client with one subscription that has received one message of five bytes from itself. */
async function talk(server: TestServer): Promise<void> {
  const client = await server.rawLogin();
  await client.send("SUB foo 1\r\nPUB foo 5\r\nHello\r\n");
  await client.message();
}

Deno.test("TestNoMonitorPort", async () => {
  await using server = await testServer({ httpPort: 0, noSystemAccount: true });
  assertEquals(server.server.monitor, null);
  assertEquals(server.server.monitorPort, 0);
});

Deno.test("TestVarz", async () => {
  await using server = await monitored();
  const before = await get(server, "/varz");
  assert(Date.now() - Date.parse(before.start) < 10_000);
  await talk(server);
  const response = await fetch(`http://127.0.0.1:${server.server.monitorPort}/varz`);
  const body = await response.text();
  assert(!body.includes("cluster_port"));
  const varz = JSON.parse(body);
  assertEquals(varz.connections, 1);
  assertEquals([varz.in_msgs, varz.out_msgs, varz.in_bytes, varz.out_bytes], [1, 1, 5, 5]);
  assertEquals(varz.max_pending, 64 * 1024 * 1024);
  assertEquals(varz.write_deadline, 10_000_000_000);
});

Deno.test("TestConnz", async () => {
  await using server = await monitored();
  const empty = await get(server, "/connz");
  assertEquals([empty.num_connections, empty.total, empty.connections], [0, 0, []]);
  await talk(server);
  const shown = await get(server, "/connz");
  assertEquals([shown.num_connections, shown.total, shown.connections.length], [1, 1, 1]);
  assertEquals([shown.limit, shown.offset], [1024, 0]);
  const [one] = shown.connections;
  assert(one.cid > 0 && one.port > 0);
  assertEquals(one.ip, "127.0.0.1");
  assertEquals([one.subscriptions, one.subscriptions_list], [1, undefined]);
  assertEquals([one.in_msgs, one.out_msgs, one.in_bytes, one.out_bytes], [1, 1, 5, 5]);
});

Deno.test("TestTLSConnz", async () => {
  await withCertificates(async ({ ca, server: { certFile, keyFile } }) => {
    await using server = await testServer(
      { httpHost: "127.0.0.1", httpsPort: -1, noSystemAccount: true },
      `tls { cert_file: "${certFile}", key_file: "${keyFile}", timeout: 2 }
       authorization { user: derek, password: monkey, timeout: 1 }`,
    );
    const client = await server.connect({
      servers: `localhost:${server.port}`,
      tls: { ca: ca.certPem },
      user: "derek",
      pass: "monkey",
    });
    let received = 0;
    client.subscribe("foo", { callback: () => void received++ });
    client.publish("foo", "Hello");
    await until(() => received === 1);

    const http = Deno.createHttpClient({ caCerts: [ca.certPem] });
    const response = await fetch(`https://127.0.0.1:${server.server.monitorPort}/connz`, {
      client: http,
    });
    assertEquals(response.status, 200);
    const shown = await response.json();
    http.close();
    assertEquals([shown.num_connections, shown.total, shown.connections.length], [1, 1, 1]);
    const [one] = shown.connections;
    assert(one.cid > 0 && one.port > 0);
    assertEquals(one.ip, "127.0.0.1");
    assertEquals([one.subscriptions, one.in_msgs, one.out_msgs], [1, 1, 1]);
    assertEquals([one.in_bytes, one.out_bytes], [5, 5]);
    assert(one.tls_version !== undefined && one.tls_cipher_suite !== undefined);
  });
});

Deno.test("TestConnzWithSubs", async () => {
  await using server = await monitored();
  await talk(server);
  const { connections } = await get(server, "/connz?subs=1");
  assertEquals(connections[0].subscriptions_list, ["foo"]);
});

Deno.test("TestConnzWithOffsetAndLimit", async () => {
  await using server = await monitored();
  await talk(server);
  await talk(server);
  const shown = await get(server, "/connz?offset=1&limit=1");
  assertEquals([shown.limit, shown.offset], [1, 1]);
  assertEquals([shown.connections.length, shown.num_connections, shown.total], [1, 1, 2]);
});

Deno.test("TestConnzWithAuth", async () => {
  await using server = await testServer(
    { httpHost: "127.0.0.1", httpPort: -1 },
    "authorization { users = [ {user: alice, password: foo}, {user: bob, password: bar} ] }",
  );
  const client = await server.rawLogin({ user: "alice", pass: "foo" });
  await client.send("SUB foo 1\r\nPUB foo 5\r\nHello\r\n");
  await client.message();
  const { connections } = await get(server, "/connz?auth=1");
  assertEquals(connections[0].authorized_user, "alice");
});

Deno.test("TestConnzWithAccounts", async () => {
  const accounts = {
    engineering: ["alice", "bob"],
    legal: ["john", "mary"],
    finance: ["peter", "paul"],
  };
  const users = (names: string[]) =>
    names.map((name) => `{user: ${name}, password: $password}`).join(", ");
  await using server = await testServer(
    { httpHost: "127.0.0.1", httpPort: -1 },
    `password = "s3cr3t!"
     accounts: {
       ${
      Object.entries(accounts).map(([name, names]) => `${name}: { users = [ ${users(names)} ] }`)
        .join("\n")
    }
     }
     no_sys_acc: true`,
  );
  const { options } = server.server;
  assertEquals([options.users!.length, options.accounts.length], [6, 3]);
  const accountOf = new Map<string, string>();
  const clients: RawClient[] = [];
  for (const { username, password, account } of options.users!) {
    const client = await server.rawLogin({ user: username, pass: password });
    await client.flush();
    clients.push(client);
    accountOf.set(username, account);
  }
  const all = await get(server, "/connz?auth=1");
  assertEquals(all.num_connections, 6);
  for (const [i, one] of all.connections.entries()) {
    assertEquals(one.cid, i + 1);
    assert(one.account !== "");
    assertEquals(one.account, accountOf.get(one.authorized_user));
  }
  const pull = async (state: string): Promise<void> => {
    for (const name of Object.keys(accounts)) {
      const shown = await get(server, `/connz?auth=1&acc=${name}&state=${state}`);
      assertEquals(shown.num_connections, 2);
      for (const one of shown.connections) assertEquals(one.account, name);
    }
    for (const user of accountOf.keys()) {
      const shown = await get(server, `/connz?auth=1&user=${user}&state=${state}`);
      assertEquals(shown.num_connections, 1);
      assertEquals(shown.connections[0].authorized_user, user);
    }
  };
  await pull("open");
  for (const client of clients) await client.end();
  await server.clientsCount(0);
  await pull("closed");
});

Deno.test("TestSubsz", async () => {
  await using server = await monitored();
  await talk(server);
  const shown = await get(server, "/subscriptionsz");
  assertEquals([shown.num_subscriptions, shown.num_inserts, shown.num_matches], [1, 1, 1]);
});

Deno.test("TestHTTPHost", async () => {
  await using server = await monitored();
  assertEquals(server.server.options.httpHost, "127.0.0.1");
  await get(server, "/varz");
});

Deno.test("TestMonitorBothPortsConfigured", async () => {
  const error = await assertRejects(
    () => testServer({ httpHost: "127.0.0.1", httpPort: -1, httpsPort: -1 }),
    ListenError,
  );
  assertStringIncludes(error.message, "specify both HTTP");
});

Deno.test("TestMonitorNoTLSConfig", async () => {
  const error = await assertRejects(
    () => testServer({ httpHost: "127.0.0.1", httpsPort: -1 }),
    ListenError,
  );
  assertStringIncludes(error.message, "TLS");
});

Deno.test("TestMonitorErrorOnListen", async () => {
  await using server = await monitored();
  const error = await assertRejects(
    () => testServer({ httpHost: "127.0.0.1", httpPort: server.server.monitorPort }),
    ListenError,
  );
  assertStringIncludes(error.message, "listen");
});

Deno.test("TestMonitorStop", async () => {
  const server = await monitored();
  const { monitorPort } = server.server;
  await server[Symbol.asyncDispose]();
  await assertRejects(() => fetch(`http://127.0.0.1:${monitorPort}/varz`));
});
