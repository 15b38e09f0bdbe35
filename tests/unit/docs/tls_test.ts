/**
 * The configurations of docs/tls.md, docs/websocket.md and docs/mqtt.md start servers.
 *
 * @module
 */
import { assert } from "@std/assert";
import { withCertificates } from "../../harness/certs.ts";
import { testServer } from "../../harness/server.ts";

for (const path of ["docs/tls.md", "docs/websocket.md", "docs/mqtt.md"]) {
  Deno.test(`the configurations of ${path} start servers`, async () => {
    const text = await Deno.readTextFile(path);
    const examples = [...text.matchAll(/```conf\n([\s\S]*?)```/g)].map(([, code]) => code!);
    assert(examples.length > 0);
    await withCertificates(async ({ ca, server, factory }) => {
      for (const example of examples) {
        const config = example.replaceAll("/etc/nats/server.pem", server.certFile)
          .replaceAll("/etc/nats/server-key.pem", server.keyFile)
          .replaceAll("/etc/nats/ca.pem", ca.certFile)
          .replaceAll("/var/lib/nats", factory.folder)
          .replaceAll(/0\.0\.0\.0:(8443|1883)/g, "127.0.0.1:-1");
        await using running = await testServer({}, config);
        assert(running.server.ready);
      }
    });
  });
}
