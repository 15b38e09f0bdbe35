// Ports: server/closed_conns_test.go
/**
 * What the server remembers of connections that are gone.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { ClosedState } from "../../../src/core/connection/closed_state.ts";
import type { ClosedConnection } from "../../../src/server/closed_connections.ts";
import { withCertificates } from "../../harness/certs.ts";
import { type TestServer, testServer, until } from "../../harness/server.ts";

async function closed(server: TestServer, total: number): Promise<ClosedConnection[]> {
  const { closedConnections } = server.server;
  await until(
    () => closedConnections.total === total,
    () => `expected ${total} closed connections, there are ${closedConnections.total}`,
  );
  return closedConnections.all();
}

async function expectReason(server: TestServer, reasons: ClosedState[]): Promise<void> {
  const all = await closed(server, reasons.length);
  assertEquals(all.map((connection) => connection.reason), reasons);
}

Deno.test("TestClosedConnsAccounting", async () => {
  const kept = 10;
  await using server = await testServer({ maxClosedClients: kept, noSystemAccount: true });
  const first = await server.connect();
  const id = first.info!.client_id;
  await first.close();
  const [only] = await closed(server, 1);
  assertEquals(only!.connection.id, id);

  for (let i = 0; i < 21; i++) {
    await (await server.connect()).close();
    await closed(server, i + 2);
  }
  const ids = (await closed(server, 22)).map((connection) => connection.connection.id);
  assertEquals(ids, Array.from({ length: kept }, (_, i) => 22 - kept + 1 + i));
});

Deno.test("TestClosedConnsSubsAccounting", async () => {
  await using server = await testServer();
  const client = await server.connect();
  for (let i = 0; i < 10; i++) client.subscribe(`foo.${i}`, { callback: () => {} });
  await client.flush();
  await client.close();
  const [only] = await closed(server, 1);
  assertEquals(only!.subscriptions.length, 10);
});

Deno.test("TestClosedAuthorizationTimeout", async () => {
  await using server = await testServer({ authorization: "my_token", authTimeoutMs: 400 });
  await server.raw();
  await expectReason(server, [ClosedState.AuthenticationTimeout]);
});

Deno.test("TestClosedAuthorizationViolation", async () => {
  await using server = await testServer({ authorization: "my_token" });
  await assertRejects(() => server.connect());
  await expectReason(server, [ClosedState.AuthenticationViolation]);
});

Deno.test("TestClosedUPAuthorizationViolation", async () => {
  await using server = await testServer({ username: "my_user", password: "my_secret" });
  await assertRejects(() => server.connect());
  await assertRejects(() => server.connect({ user: "my_user", pass: "wrong_pass" }));
  await expectReason(server, [
    ClosedState.AuthenticationViolation,
    ClosedState.AuthenticationViolation,
  ]);
});

Deno.test("TestClosedMaxPayload", async () => {
  await using server = await testServer({ maxPayload: 100 });
  const client = await server.raw();
  await client.send("PUB foo.bar 1024\r\n");
  await expectReason(server, [ClosedState.MaxPayloadExceeded]);
});

Deno.test("TestClosedTLSHandshake", async () => {
  await withCertificates(async ({ ca, server: { certFile, keyFile } }) => {
    await using server = await testServer(
      {},
      `tls { cert_file: "${certFile}", key_file: "${keyFile}", ca_file: "${ca.certFile}"
         verify: true, timeout: 2 }`,
    );
    await assertRejects(() =>
      server.connect({ servers: `localhost:${server.port}`, tls: { ca: ca.certPem } })
    );
    await expectReason(server, [ClosedState.TLSHandshakeError]);
  });
});
