/**
 * The platform's server-side TLS: who is let in, what is known of them, and what is said of others.
 *
 * @module
 */
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { systemNet } from "../../../src/platform/deno/net.ts";
import { systemTls } from "../../../src/platform/deno/tls.ts";
import {
  type TlsServerSettings,
  TlsTexts,
  TlsVerificationError,
  type Transport,
  TransportError,
} from "../../../src/platform/mod.ts";
import { ExtendedKeyUsage, type IssuedCertificate, withCertificates } from "../../harness/certs.ts";

const TIMEOUT_MS = 5000;

function settings(
  certificates: readonly IssuedCertificate[],
  over: Partial<TlsServerSettings> = {},
): TlsServerSettings {
  return {
    certificates: certificates.map(({ certPem, keyPem }) => ({ chainPem: certPem, keyPem })),
    authoritiesPem: null,
    verifyClient: false,
    ciphers: null,
    curves: null,
    minVersion: "1.2",
    ...over,
  };
}

/** Accepts one connection with `given` and hands both ends to `use`. */
async function exchange(
  given: TlsServerSettings,
  client: ConnectionOptions,
  use: (server: Transport, socket: TLSSocket) => Promise<void>,
): Promise<void> {
  const listener = systemNet().listen("127.0.0.1", 0);
  const accepted = listener.accept().then((raw) =>
    systemTls().serverContext(given).accept(raw, TIMEOUT_MS)
  );
  const socket = connect({ host: "127.0.0.1", port: listener.address.port, ...client });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => {}); // the server's side is what is looked at
  try {
    const server = await accepted;
    await use(server, socket);
    server.close();
  } finally {
    listener.close();
    socket.destroy();
    await closed;
  }
}

async function readText(transport: Transport, length: number): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(4096);
  while (text.length < length) {
    const count = await transport.read(buffer);
    if (count === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return text;
}

Deno.test("bytes go both ways and the state is known", async () => {
  await withCertificates(async ({ ca, server }) => {
    const client = { ca: ca.certPem, servername: "localhost" };
    await exchange(settings([server]), client, async (transport, socket) => {
      assertEquals(transport.tls?.version, "1.3");
      assertEquals(transport.tls?.serverName, "localhost");
      assertEquals(transport.tls?.cipherSuite.startsWith("TLS_"), true);
      assertEquals(transport.tls?.peerCertificates, []);
      assertEquals(transport.tls?.peerVerified, false);
      const text = "x".repeat(300_000);
      socket.write(text);
      assertEquals((await readText(transport, text.length)).length, text.length);
      const got = new Promise<string>((resolve) =>
        socket.once("data", (chunk) => resolve(chunk.toString()))
      );
      assertEquals(await transport.write(new TextEncoder().encode("hello")), 5);
      assertEquals(await got, "hello");
      socket.end();
      assertEquals(await transport.read(new Uint8Array(1)), null);
    });
  });
});

Deno.test("TLS 1.2 clients get a suite in Go's names", async () => {
  await withCertificates(async ({ ca, server }) => {
    const client = { ca: ca.certPem, servername: "localhost", maxVersion: "TLSv1.2" as const };
    await exchange(settings([server]), client, (transport) => {
      assertEquals(transport.tls?.version, "1.2");
      assertEquals(/^TLS_ECDHE_ECDSA_WITH_/.test(transport.tls!.cipherSuite), true);
      return Promise.resolve();
    });
  });
});

Deno.test("suites of TLS 1.2 that were left out are refused", async () => {
  await withCertificates(async ({ ca, server }) => {
    const client = { ca: ca.certPem, servername: "localhost", maxVersion: "TLSv1.2" as const };
    const ciphers = ["TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"];
    await assertRejects(
      () => exchange(settings([server], { ciphers }), client, () => Promise.resolve()),
      TransportError,
      "which cipher_suites leaves out",
    );
  });
});

Deno.test("the oldest version is honoured", async () => {
  await withCertificates(async ({ ca, server }) => {
    const client = { ca: ca.certPem, servername: "localhost", maxVersion: "TLSv1.2" as const };
    await assertRejects(
      () => exchange(settings([server], { minVersion: "1.3" }), client, () => Promise.resolve()),
      TransportError,
    );
  });
});

Deno.test("clients' certificates are checked", async (t) => {
  await withCertificates(async ({ factory, ca, server, client }) => {
    const verifying = settings([server], { authoritiesPem: ca.certPem, verifyClient: true });
    const as = (who: IssuedCertificate | null): ConnectionOptions => ({
      ca: ca.certPem,
      servername: "localhost",
      ...(who === null ? {} : { cert: who.certPem, key: who.keyPem }),
    });
    const refused = async (who: IssuedCertificate | null): Promise<TransportError> =>
      await assertRejects(
        () => exchange(verifying, as(who), () => Promise.resolve()),
        TransportError,
      );
    await t.step("a good one is let in", async () => {
      await exchange(verifying, as(client), (transport) => {
        assertEquals(transport.tls?.peerVerified, true);
        assertEquals(
          transport.tls?.peerCertificates[0],
          new Uint8Array(client.certificate.rawData),
        );
        return Promise.resolve();
      });
    });
    await t.step("none", async () => {
      assertEquals((await refused(null)).reason, TlsTexts.noCertificate);
    });
    const unknown =
      "tls: failed to verify certificate: x509: certificate signed by unknown authority";
    await t.step("of an authority that only has the same name", async () => {
      const forged = await factory.issue("forged", { subject: "CN=Test CA, O=NATS" });
      const error = await refused(await factory.issue("f", { subject: "CN=f" }, forged));
      assertInstanceOf(error, TlsVerificationError);
      assertEquals(error.reason, unknown);
    });
    await t.step("signed by itself", async () => {
      assertEquals(
        (await refused(await factory.issue("own", { subject: "CN=own" }))).reason,
        unknown,
      );
    });
    await t.step("signed by a certificate that is no authority", async () => {
      const error = await refused(await factory.issue("sub", { subject: "CN=sub" }, client));
      assertEquals(error.reason, unknown);
    });
    await t.step("expired", async () => {
      const old = await factory.issue("old", { subject: "CN=old", expired: true }, ca);
      const { reason } = await refused(old);
      const start = "tls: failed to verify certificate: x509: certificate has expired or is not " +
        "yet valid: current time ";
      assertEquals(reason.slice(0, start.length), start);
    });
    await t.step("for servers only", async () => {
      const usages = [ExtendedKeyUsage.serverAuth];
      const error = await refused(await factory.issue("srv", { subject: "CN=srv", usages }, ca));
      assertEquals(
        error.reason,
        "tls: failed to verify certificate: x509: certificate specifies an incompatible key usage",
      );
    });
  });
});

Deno.test("the server name picks the certificate", async () => {
  await withCertificates(async ({ factory, ca, server }) => {
    const names = [{ type: "dns" as const, value: "*.example.com" }];
    const other = await factory.issue("other", { subject: "CN=other", names }, ca);
    for (const [servername, subject] of [["a.example.com", "other"], ["localhost", "localhost"]]) {
      const client = { ca: ca.certPem, servername: servername! };
      await exchange(settings([server, other]), client, async (transport, socket) => {
        await transport.write(new TextEncoder().encode("x"));
        await new Promise((resolve) => socket.once("data", resolve));
        assertEquals(socket.getPeerCertificate().subject.CN, subject);
      });
    }
  });
});

Deno.test("silence, plain text and an early end are told apart", async (t) => {
  await withCertificates(async ({ server }) => {
    const context = systemTls().serverContext(settings([server]));
    const handshake = async (
      timeoutMs: number,
      act: (conn: Deno.Conn) => void,
    ): Promise<string> => {
      const listener = systemNet().listen("127.0.0.1", 0);
      const conn = await Deno.connect({ hostname: "127.0.0.1", port: listener.address.port });
      const raw = await listener.accept();
      listener.close();
      const accepted = context.accept(raw, timeoutMs);
      act(conn);
      const error = await assertRejects(() => accepted, TransportError);
      try {
        conn.close();
      } catch { /* closed by `act` */ }
      return error.reason;
    };
    await t.step("silence", async () => {
      assertEquals(await handshake(50, () => {}), TlsTexts.timeout);
    });
    await t.step("half a record", async () => {
      const half = new Uint8Array([0x16, 3, 1, 2]);
      assertEquals(await handshake(50, (conn) => void conn.write(half)), TlsTexts.timeout);
    });
    await t.step("plain text", async () => {
      const text = new TextEncoder().encode("CONNECT {}\r\n");
      assertEquals(await handshake(5000, (conn) => void conn.write(text)), TlsTexts.notTls);
    });
    await t.step("end", async () => {
      assertEquals(await handshake(5000, (conn) => conn.close()), TlsTexts.ended);
    });
  });
});

Deno.test("a peer that leaves half-way through the handshake is noticed at once", async () => {
  await withCertificates(async ({ server }) => {
    // The client's first flight, taken from a connection to somebody who only listens.
    const ear = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = ear.accept();
    const talker = connect({ host: "127.0.0.1", port: (ear.addr as Deno.NetAddr).port });
    talker.on("error", () => {});
    const heard = await accepted;
    const hello = new Uint8Array(4096);
    const count = await heard.read(hello);
    const closed = new Promise<void>((resolve) => talker.once("close", () => resolve()));
    talker.destroy();
    heard.close();
    ear.close();
    await closed;

    const listener = systemNet().listen("127.0.0.1", 0);
    const handshake = listener.accept().then((raw) =>
      systemTls().serverContext(settings([server])).accept(raw, 60_000)
    );
    const client = await Deno.connect({ hostname: "127.0.0.1", port: listener.address.port });
    await client.write(hello.subarray(0, count!));
    await client.closeWrite();
    await assertRejects(() => handshake, TransportError, "EOF");
    client.close();
    listener.close();
  });
});
