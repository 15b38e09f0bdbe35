// Ports: server/reload_test.go, server/client_test.go, server/server_test.go, server/monitor_test.go, test/tls_test.go
/**
 * Reloads that change certificates and other rules of TLS.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { connect as connectTls } from "node:tls";
import { connect, type ConnectionOptions, type NatsConnection } from "@nats-io/transport-node";
import {
  ExtendedKeyUsage,
  type IssuedCertificate,
  type TestCertificates,
  withCertificates,
} from "../../harness/certs.ts";
import { connz } from "../../../src/monitor/mod.ts";
import { LISTEN, reloadServer } from "../../harness/reload.ts";
import type { TestServer } from "../../harness/server.ts";

const LOCAL = [
  { type: "dns", value: "localhost" },
  { type: "ip", value: "127.0.0.1" },
] as const;

function tlsBlock({ certFile, keyFile }: IssuedCertificate, more = ""): string {
  return `${LISTEN} tls { cert_file: "${certFile}", key_file: "${keyFile}", timeout: 2\n${more} }`;
}

/** A client of the official library; `own` is its certificate. */
function secure(
  server: TestServer,
  ca: IssuedCertificate,
  own: IssuedCertificate | null = null,
  more: ConnectionOptions = {},
): Promise<NatsConnection> {
  return connect({
    servers: `localhost:${server.port}`,
    reconnect: false,
    timeout: 5000,
    tls: {
      ca: ca.certPem,
      ...(own === null ? {} : { cert: own.certPem, key: own.keyPem }),
    },
    ...more,
  });
}

function plain(server: TestServer): Promise<NatsConnection> {
  return connect({ servers: `127.0.0.1:${server.port}`, reconnect: false, tls: null });
}

async function echoes(client: NatsConnection): Promise<void> {
  const subscription = client.subscribe("foo", { max: 1 });
  client.publish("foo", "hello");
  for await (const message of subscription) assertEquals(message.string(), "hello");
}

/** SHA-256 of the certificate that a server shows to who starts with TLS after INFO. */
async function shownCertificate(server: TestServer): Promise<string> {
  const { fingerprint256 } = await peerCertificate(server.port, true);
  return fingerprint256;
}

/** The certificate at a port; where INFO comes first it is read before. */
async function peerCertificate(
  port: number,
  infoFirst: boolean,
): Promise<{ fingerprint256: string; subjectaltname?: string }> {
  const { connect } = await import("node:net");
  const socket = connect(port, "127.0.0.1");
  await new Promise((resolve) => socket.once(infoFirst ? "data" : "connect", resolve));
  const tls = connectTls({ socket, rejectUnauthorized: false });
  try {
    await new Promise<void>((resolve, reject) => {
      tls.once("secureConnect", () => resolve());
      tls.once("error", reject);
    });
    return tls.getPeerCertificate();
  } finally {
    tls.on("error", () => {});
    tls.destroy();
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function another(certificates: TestCertificates, name: string): Promise<IssuedCertificate> {
  const { factory, ca } = certificates;
  return factory.issue(name, { subject: `CN=${name}`, names: [...LOCAL] }, ca);
}

Deno.test("TestConfigReloadRotateTLS", () =>
  withCertificates(async (certificates) => {
    const { factory, ca, server: before } = certificates;
    // The new certificate is its own authority, and the client has the same.
    const after = await factory.issue("new", {
      subject: "CN=localhost",
      names: [...LOCAL],
      authority: true,
      usages: [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth],
    });
    await using server = await reloadServer(tlsBlock(before));
    const client = await secure(server, ca);
    await server.reload(tlsBlock(after, `ca_file: "${after.certFile}", verify: true`));
    await assertRejects(() => secure(server, after));
    await (await secure(server, after, after)).close();
    await echoes(client);
    await client.close();
  }));

Deno.test("TestConfigReloadEnableTLS", () =>
  withCertificates(async ({ ca, server: certificate }) => {
    await using server = await reloadServer(LISTEN);
    await (await plain(server)).close();
    await server.reload(tlsBlock(certificate));
    await (await secure(server, ca)).close();
  }));

Deno.test("TestConfigReloadDisableTLS", () =>
  withCertificates(async ({ ca, server: certificate }) => {
    await using server = await reloadServer(tlsBlock(certificate));
    await (await secure(server, ca)).close();
    await server.reload(LISTEN);
    await assertRejects(() => secure(server, ca));
    await (await plain(server)).close();
  }));

Deno.test("TestConfigReloadRotateTLSMultiCert", () =>
  withCertificates(async (certificates) => {
    const { ca, client: own } = certificates;
    const a = await another(certificates, "srva");
    const b = await another(certificates, "srvb");
    const block = (pairs: readonly IssuedCertificate[], more = "") => {
      const list = pairs.map(({ certFile, keyFile }) =>
        `{ cert_file: "${certFile}", key_file: "${keyFile}" }`
      );
      return `${LISTEN} tls { certs = [ ${list.join(", ")} ], timeout: 2\n${more} }`;
    };
    await using server = await reloadServer(block([a]));
    const certA = await shownCertificate(server);
    const client = await secure(server, ca);
    await server.reload(block([a, b], `ca_file: "${ca.certFile}", verify: true`));
    await assertRejects(() => secure(server, ca));
    await (await secure(server, ca, own)).close();
    const certB = await shownCertificate(server);
    await echoes(client);
    await client.close();
    await server.reload(block([b]));
    const certC = await shownCertificate(server);
    const last = await secure(server, ca);
    await echoes(last);
    await last.close();
    assertEquals(certA, certB);
    assertNotEquals(certB, certC);
  }));

Deno.test("TestTLSMinVersionConfig", () =>
  withCertificates(async ({ ca, server: certificate }) => {
    const config = (version: string) =>
      tlsBlock(certificate, `ca_file: "${ca.certFile}", min_version: ${version}`);
    await using server = await reloadServer(config(`"1.3"`));
    const versions = async (most: "TLSv1.2" | "TLSv1.3"): Promise<void> => {
      const { connect } = await import("node:net");
      const socket = connect(server.port, "127.0.0.1");
      await new Promise((resolve) => socket.once("data", resolve));
      const tls = connectTls({ socket, ca: ca.certPem, host: "localhost", maxVersion: most });
      try {
        await new Promise<void>((resolve, reject) => {
          tls.once("secureConnect", () => resolve());
          tls.once("error", reject);
          tls.once("close", () => reject(new Error("closed")));
        });
      } finally {
        tls.on("error", () => {});
        tls.destroy();
        socket.destroy();
      }
    };
    await assertRejects(() => versions("TLSv1.2"));
    await versions("TLSv1.3");
    await assertRejects(() => server.reload(config(`"1.0"`)));
    await server.reload(config(`"1.3"`));
    await server.reload(config(`"1.2"`));
    await versions("TLSv1.2");
    await versions("TLSv1.3");
    const error = await assertRejects(() => server.reload(config(`"1.4"`)), Error);
    assertStringIncludes(error.message, "unknown version: 1.4");
  }));

Deno.test("TestTLSPinnedCertsClient", () =>
  withCertificates(async ({ ca, server: certificate, client: own }) => {
    const config = (keyId: string) =>
      tlsBlock(certificate, `ca_file: "${ca.certFile}", verify: true, pinned_certs: ["${keyId}"]`);
    const foreign = `aaaaaaaa${own.keyId.slice(8)}`;
    await using server = await reloadServer(config(foreign));
    assertEquals(server.server.options.tlsPinnedCerts?.size, 1);
    await assertRejects(() => secure(server, ca, own));
    await server.reload(config(own.keyId));
    const client = await secure(server, ca, own);
    await client.flush();
    await client.close();
  }));

Deno.test("TestAllowNonTLSReload", () =>
  withCertificates(async ({ ca, server: certificate }) => {
    const config = (interval: string) =>
      `${tlsBlock(certificate, `ca_file: "${ca.certFile}"`)}
      ping_interval: "${interval}"
      allow_non_tls: true`;
    await using server = await reloadServer(config("10s"));
    const check = async (): Promise<void> => {
      const client = await server.raw();
      const info = await client.info();
      assertEquals([info.tls_available, info.tls_required ?? false], [true, false]);
    };
    await check();
    await server.reload(config("20s"));
    await check();
  }));

Deno.test("TestMonitorReloadTLSConfig", () =>
  withCertificates(async ({ factory, ca, server: certificate }) => {
    const noIp = await factory.issue("noip", {
      subject: "CN=localhost",
      names: [{ type: "dns", value: "localhost" }],
    }, ca);
    const config = (pair: IssuedCertificate) =>
      tlsBlock(pair, `ca_file: "${ca.certFile}", verify_and_map: true`) +
      `\nhttps: "127.0.0.1:-1"`;
    await using server = await reloadServer(config(noIp));
    const names = async () =>
      (await peerCertificate(server.server.monitorPort, false)).subjectaltname ?? "";
    assert(!(await names()).includes("127.0.0.1"));
    await server.reload(config(certificate));
    assertStringIncludes(await names(), "127.0.0.1");
  }));

/** What /connz says of the TLS of the only client. */
function shownTls(server: TestServer): { first: boolean; version: string } {
  const [shown] = connz(server.server).connections!;
  return { first: shown!.tls_first ?? false, version: shown!.tls_version ?? "" };
}

/** A client with or without "TLS first"; resolves when it is gone again. */
async function comes(
  server: TestServer,
  ca: IssuedCertificate,
  handshakeFirst: boolean,
): Promise<{ first: boolean; version: string }> {
  const client = await secure(server, ca, null, { tls: { ca: ca.certPem, handshakeFirst } });
  const shown = shownTls(server);
  await client.close();
  await server.clientsCount(0);
  return shown;
}

Deno.test("TestTLSClientHandshakeFirst", () =>
  withCertificates(async ({ ca, server: pair }) => {
    const config = (first: string) =>
      tlsBlock(pair, `first: ${first}`).replace("timeout: 2", "timeout: 1");
    await using server = await reloadServer(config("true"));
    await assertRejects(() => comes(server, ca, false));
    assertEquals((await comes(server, ca, true)).first, true);
    await server.reload(config("false"));
    await assertRejects(() => comes(server, ca, true));
    assertEquals((await comes(server, ca, false)).first, false);
    await server.reload(config("true"));
    assertEquals((await comes(server, ca, true)).first, true);
  }));

Deno.test("TestTLSClientHandshakeFirstFallbackDelay", () =>
  withCertificates(async ({ ca, server: pair }) => {
    const config = (first: string) =>
      tlsBlock(pair, `first: ${first}`).replace("timeout: 2", "timeout: 1");
    await using server = await reloadServer(config("auto"));
    assertEquals((await comes(server, ca, false)).first, false);
    await server.reload(config(`"1s"`));
    const startMs = performance.now();
    assertEquals((await comes(server, ca, true)).first, true);
    // It did not wait for the fallback.
    assert(performance.now() - startMs < 900);
  }));

Deno.test("TestTLSClientHandshakeFirstFallbackDelayAndAllowNonTLS", () =>
  withCertificates(async ({ ca, server: pair }) => {
    const config = (first: string) =>
      `${
        tlsBlock(pair, `first: ${first}`).replace("timeout: 2", "timeout: 1")
      }\nallow_non_tls: true`;
    await using server = await reloadServer(config("true"));
    assertEquals((await comes(server, ca, true)).first, true);
    await assertRejects(() => comes(server, ca, false));
    await assertRejects(() => plain(server));
    await server.clientsCount(0);
    await server.reload(config(`"25ms"`));
    assertEquals((await comes(server, ca, true)).first, true);
    assertEquals((await comes(server, ca, false)).first, false);
    const client = await plain(server);
    assertEquals(shownTls(server), { first: false, version: "" });
    await client.close();
  }));
