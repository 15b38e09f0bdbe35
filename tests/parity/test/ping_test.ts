// Ports: test/ping_test.go
/**
 * The server's PINGs and what becomes of clients that do not answer.
 *
 * @module
 */
import { assert } from "@std/assert";
import { withCertificates } from "../../harness/certs.ts";
import { ERR, PING, PONG, RawClient } from "../../harness/raw_client.ts";
import { type TestServer, testServer } from "../../harness/server.ts";

const PING_INTERVAL_MS = 50;
const MAX_PINGS = 2;

function pingServer(): Promise<TestServer> {
  return testServer({ pingIntervalMs: PING_INTERVAL_MS, maxPingsOut: MAX_PINGS });
}

/** Sees the pings, the error and the end. */
async function expectToGoStale(client: RawClient): Promise<void> {
  for (let i = 0; i < MAX_PINGS; i++) await client.expect(PING);
  await client.expect(ERR);
  await client.expectEnd();
}

Deno.test("TestPingSentToTLSConnection", async () => {
  await withCertificates(async ({ ca, server: { certFile, keyFile } }) => {
    await using server = await testServer(
      { pingIntervalMs: PING_INTERVAL_MS, maxPingsOut: MAX_PINGS },
      `tls { cert_file: "${certFile}", key_file: "${keyFile}", timeout: 5 }`,
    );
    const plain = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    let info = "";
    const buffer = new Uint8Array(4096);
    while (!info.endsWith("\r\n")) {
      info += new TextDecoder().decode(buffer.subarray(0, (await plain.read(buffer))!));
    }
    const tls = await Deno.startTls(plain, { hostname: "localhost", caCerts: [ca.certPem] });
    const client = new RawClient(tls);
    await client.send('CONNECT {"verbose":false,"pedantic":false,"tls_required":true}\r\n');
    await expectToGoStale(client);
    await client.end();
  });
});

Deno.test("TestPingInterval", async () => {
  await using server = await pingServer();
  await expectToGoStale(await server.rawLogin());
});

Deno.test("TestUnpromptedPong", async () => {
  await using server = await pingServer();
  const client = await server.rawLogin();
  for (let i = 0; i < 100; i++) await client.send("PONG\r\n");
  await expectToGoStale(client);
});

Deno.test("TestPingSuppresion", async () => {
  const pingIntervalMs = 100;
  await using server = await testServer({ pingIntervalMs });
  const connected = performance.now();
  const client = await server.rawLogin();
  await client.expect(PING);
  const pingedMs = performance.now() - connected;
  await client.send("PONG\r\n");
  // A timer may be a millisecond early. The reference's bound is 130 ms; tests here share cores.
  assert(pingedMs >= pingIntervalMs - 1, `pinged too early, after ${pingedMs} ms`);
  assert(pingedMs <= 2000, `pinged too late, after ${pingedMs} ms`);
  await new Promise((resolve) => setTimeout(resolve, pingIntervalMs / 2));
  await client.send("PING\r\n");
  await client.expect(PONG);
  // The PING that is due now is not sent, because the client was heard of.
  await client.expectNothing(pingIntervalMs - 10);
});
