/**
 * When TLS starts on a client connection, who may pass, and how names of certificates compare.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import { parseDn, sameDn, sameDnReordered } from "../../../src/core/auth/distinguished_name.ts";
import { type Server, startServer } from "../../../src/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { type TestCertificates, withCertificates } from "../../harness/certs.ts";

async function withServer(
  { ca, server: own }: TestCertificates,
  tls: string,
  more: string,
  use: (server: Server) => Promise<void>,
): Promise<void> {
  const options = emptyOptions();
  const text = `listen: "127.0.0.1:-1"\n${more}\ntls { cert_file: "${own.certFile}"
    key_file: "${own.keyFile}", ca_file: "${ca.certFile}"\n${tls}\n}`;
  processConfigText(options, text, systemConfigSource());
  const server = await startServer(options);
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

function client(
  server: Server,
  { ca, client: own }: TestCertificates,
  handshakeFirst: boolean,
): Promise<NatsConnection> {
  return connect({
    servers: `localhost:${server.port}`,
    reconnect: false,
    timeout: 5000,
    tls: { ca: ca.certPem, cert: own.certPem, key: own.keyPem, handshakeFirst },
  });
}

Deno.test("handshake_first: true takes only clients that begin", async () => {
  await withCertificates(async (certificates) => {
    await withServer(certificates, "handshake_first: true, timeout: 0.3", "", async (server) => {
      const nc = await client(server, certificates, true);
      await nc.flush();
      assertEquals(nc.info?.tls_required, true);
      await nc.close();
      await assertRejects(() => client(server, certificates, false));
    });
  });
});

Deno.test("handshake_first: auto takes both kinds", async () => {
  await withCertificates(async (certificates) => {
    await withServer(certificates, "handshake_first: auto", "", async (server) => {
      for (const first of [true, false]) {
        const nc = await client(server, certificates, first);
        await nc.flush();
        await nc.close();
      }
    });
  });
});

Deno.test("handshake_first with allow_non_tls takes plain clients after the delay", async () => {
  await withCertificates(async (certificates) => {
    const tls = 'handshake_first: "30ms"';
    await withServer(certificates, tls, "allow_non_tls: true", async (server) => {
      const nc = await client(server, certificates, true);
      await nc.flush();
      await nc.close();
      const plain = await connect({ servers: `127.0.0.1:${server.port}`, tls: null });
      assertEquals(plain.info?.tls_required ?? false, false);
      assertEquals(plain.info?.tls_available, true);
      await plain.close();
    });
  });
});

Deno.test("pinned certificates", async () => {
  await withCertificates(async (certificates) => {
    const wrong = `verify: true, pinned_certs: ["${"ab".repeat(32)}"]`;
    await withServer(certificates, wrong, "", async (server) => {
      await assertRejects(() => client(server, certificates, false));
    });
    const right = `verify: true, pinned_certs: ["${certificates.client.keyId}"]`;
    await withServer(certificates, right, "", async (server) => {
      const nc = await client(server, certificates, false);
      await nc.close();
    });
  });
});

Deno.test("in-process clients need no TLS", async () => {
  await withCertificates(async (certificates) => {
    await withServer(certificates, "", "", async (server) => {
      const transport = server.connect();
      const buffer = new Uint8Array(8192);
      const info = new TextDecoder().decode(
        buffer.subarray(0, (await transport.read(buffer)) ?? 0),
      );
      assert(!info.includes('"tls_required"') && info.includes('"tls_available":true'), info);
      await transport.write(new TextEncoder().encode('CONNECT {"verbose":false}\r\nPING\r\n'));
      const answer = buffer.subarray(0, (await transport.read(buffer)) ?? 0);
      assertEquals(new TextDecoder().decode(answer).startsWith("PONG\r\n"), true);
      transport.close();
    });
  });
});

Deno.test("a user named by the subject's distinguished name, in any order", async () => {
  await withCertificates(async (certificates) => {
    for (const user of ["CN=www.nats.io,OU=NATS.io", "OU=NATS.io,CN=www.nats.io"]) {
      const users = `authorization { users = [ {user: "${user}"} ] }`;
      await withServer(certificates, "verify_and_map: true", users, async (server) => {
        const nc = await client(server, certificates, false);
        await nc.close();
      });
    }
    const other = 'authorization { users = [ {user: "CN=other"} ] }';
    await withServer(certificates, "verify_and_map: true", other, async (server) => {
      await assertRejects(() => client(server, certificates, false));
    });
  });
});

Deno.test("distinguished names compare by their parts", () => {
  const parsed = (text: string) => {
    const name = parseDn(text);
    assert(typeof name !== "string", text);
    return name;
  };
  const name = parsed("CN=a\\,b,O=x+OU=y, C = US ");
  assertEquals(name[0], [{ type: "CN", value: "a,b" }]);
  assert(sameDn(name, parsed("cn=a\\2cb,ou=y+o=x,c=US")));
  assert(!sameDn(name, parsed("O=x+OU=y,CN=a\\,b,C=US")));
  assert(sameDnReordered(name, parsed("O=x+OU=y,CN=a\\,b,C=US")));
  assertEquals(parseDn("a,b"), "incomplete type, value pair");
});
