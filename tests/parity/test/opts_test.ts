// Ports: test/opts_test.go
/**
 * Configuration as INFO shows it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { withCertificates } from "../../harness/certs.ts";
import { testServer } from "../../harness/server.ts";

Deno.test("TestServerConfig", async () => {
  await using server = await testServer({}, "max_payload: 2222");
  const client = await server.raw();
  assertEquals((await client.info()).max_payload, 2222);
});

Deno.test("TestTLSConfig", async () => {
  await withCertificates(async ({ server: { certFile, keyFile } }) => {
    await using server = await testServer(
      {},
      `tls { cert_file: "${certFile}", key_file: "${keyFile}", timeout: 2 }
       authorization { user: derek, password: monkey, timeout: 1 }`,
    );
    const client = await server.raw();
    assertEquals((await client.info()).tls_required, true);
  });
});
