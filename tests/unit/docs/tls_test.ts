/**
 * The configurations of docs/tls.md start servers.
 *
 * @module
 */
import { assert } from "@std/assert";
import { withCertificates } from "../../harness/certs.ts";
import { testServer } from "../../harness/server.ts";

Deno.test("the configurations of docs/tls.md start servers", async () => {
  const text = await Deno.readTextFile("docs/tls.md");
  const examples = [...text.matchAll(/```conf\n([\s\S]*?)```/g)].map(([, code]) => code!);
  assert(examples.length > 0);
  await withCertificates(async ({ ca, server, factory }) => {
    for (const example of examples) {
      const config = example.replaceAll("/etc/nats/server.pem", server.certFile)
        .replaceAll("/etc/nats/server-key.pem", server.keyFile)
        .replaceAll("/etc/nats/ca.pem", ca.certFile)
        .replaceAll("/var/lib/nats", factory.folder);
      await using running = await testServer({}, config);
      assert(running.server.ready);
    }
  });
});
