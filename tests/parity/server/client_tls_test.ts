// Ports: server/client_test.go
/**
 * TLS of single clients: closing, connections inside the process, and what is logged.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { CapturedLog } from "../../harness/captured_log.ts";
import { type TestCertificates, withCertificates } from "../../harness/certs.ts";
import { PONG, RawClient } from "../../harness/raw_client.ts";
import { testServer } from "../../harness/server.ts";
import { tlsOver } from "../../harness/tls_client.ts";

function tlsBlock({ server }: TestCertificates, more: string): string {
  return `tls { cert_file: "${server.certFile}", key_file: "${server.keyFile}", ${more} }`;
}

Deno.test("TestClientCloseTLSConnection", async () => {
  await withCertificates(async (certificates) => {
    await using server = await testServer(
      { tlsTimeoutMs: 100_000 },
      `${tlsBlock(certificates, "timeout: 100")}
       authorization { user: derek, password: foo }`,
    );
    const secured = await securedClient(server.port, certificates);
    await secured.send(
      'CONNECT {"user":"derek","pass":"foo","verbose":false,"pedantic":false,' +
        '"tls_required":true}\r\nPING\r\n',
    );
    await secured.expect(PONG);
    await server.clientsCount(1);
    const [own] = server.server.clients.values();
    assert(own!.transport.tls !== null);
    assertEquals(own!.host, "127.0.0.1");
    // The client does not read any more: writing stops, and closing must not wait for it.
    own!.out.append(new Uint8Array(64 * 1024 * 1024));
    own!.out.flush();
    const startMs = performance.now();
    own!.close("Client Closed");
    await server.clientsCount(0);
    assert(performance.now() - startMs < 3000);
    await secured.end();
  });
});

/** A client that has read INFO and gone on with TLS. */
async function securedClient(port: number, { ca }: TestCertificates): Promise<RawClient> {
  const socket = await Deno.connect({ hostname: "127.0.0.1", port });
  const buffer = new Uint8Array(4096);
  let text = "";
  while (!text.endsWith("\r\n")) {
    const count = await socket.read(buffer);
    text += new TextDecoder().decode(buffer.subarray(0, count!));
  }
  return new RawClient(
    await tlsOver(socket, { ca: ca.certPem, servername: "localhost" }),
  );
}

Deno.test("TestTLSClientHandshakeFirstAndInProcessConnection", async () => {
  await withCertificates(async (certificates) => {
    await using server = await testServer({}, tlsBlock(certificates, "timeout: 1, first: true"));
    const { server: natsts } = server;
    const tls = { ca: certificates.ca.certPem, servername: "localhost" };

    // Without TLS: it is offered, not asked for.
    const plain = new RawClient(natsts.connect());
    const info = await plain.login();
    assertEquals([info.tls_required ?? false, info.tls_available], [false, true]);
    await plain.flush();
    assertEquals(server.connection(info.client_id).transport.tls, null);
    await plain.end();

    // With TLS after INFO.
    const pipe = natsts.connect();
    const buffer = new Uint8Array(4096);
    const count = await pipe.read(buffer);
    const after = JSON.parse(new TextDecoder().decode(buffer.subarray(5, count!)));
    assertEquals([after.tls_required ?? false, after.tls_available], [false, true]);
    const upgraded = new RawClient(await tlsOver(pipe, tls));
    await upgraded.send("CONNECT {}\r\n");
    await upgraded.send("PING\r\n");
    await upgraded.expect(/PONG\r\n/);
    assert(server.connection(after.client_id).transport.tls !== null);
    await upgraded.end();

    // With TLS first: then it is required.
    const first = new RawClient(await tlsOver(natsts.connect(), tls));
    const told = await first.login();
    assertEquals(told.tls_required, true);
    await first.flush();
    const own = server.connection(told.client_id);
    assert(own.transport.tls !== null && own.handshakeFirst);
    await first.end();
  });
});

Deno.test("TestTLSClientHandshakeProbeErrorsLogAsDebug", async (t) => {
  const bad = "a".repeat(64);
  const cases: [name: string, more: string, peer: "silent" | "plain" | "tls", debug: boolean][] = [
    ["timeout", "timeout: 0.05", "silent", true],
    ["not_tls_first_record", "timeout: 1", "plain", true],
    ["pinned_cert_failure", `timeout: 1, verify: true, pinned_certs: ["${bad}"]`, "tls", false],
  ];
  await withCertificates(async (certificates) => {
    for (const [name, more, peer, debug] of cases) {
      await t.step(name, async () => {
        const logger = new CapturedLog({ debug: true });
        const { ca, client } = certificates;
        await using server = await testServer(
          { logger },
          tlsBlock(certificates, `ca_file: "${ca.certFile}", ${more}`),
        );
        const socket = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
        const buffer = new Uint8Array(4096);
        await socket.read(buffer);
        if (peer === "plain") await socket.write(new TextEncoder().encode("not tls\r\n"));
        let secured: { close(): void } = socket;
        if (peer === "tls") {
          secured = await tlsOver(socket, {
            ca: ca.certPem,
            servername: "localhost",
            cert: client.certPem,
            key: client.keyPem,
          });
        }
        await server.clientsCount(0);
        secured.close();
        const text = "TLS handshake error";
        assertEquals(logger.texts("debug", text).length, debug ? 1 : 0);
        assertEquals(logger.texts("error", text).length, debug ? 0 : 1);
      });
    }
  });
});
