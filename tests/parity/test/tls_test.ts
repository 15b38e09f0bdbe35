// Ports: test/tls_test.go
/**
 * TLS for clients, with the official client.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type ConnectionOptions, type NatsConnection } from "@nats-io/transport-node";
import { emptyOptions, type Options, processConfigText } from "../../../src/config/mod.ts";
import { type Logger, type Server, startServer } from "../../../src/mod.ts";
import { discardLogger } from "../../../src/platform/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import {
  type IssuedCertificate,
  type TestCertificates,
  withCertificates,
} from "../../harness/certs.ts";

function tlsBlock({ ca, server }: TestCertificates, more = ""): string {
  return `tls { cert_file: "${server.certFile}", key_file: "${server.keyFile}"
    ca_file: "${ca.certFile}", timeout: 2\n${more}\n}`;
}

async function withServer(
  config: string,
  use: (server: Server) => Promise<void>,
  over: Partial<Options> & { logger?: Logger } = {},
): Promise<void> {
  const options = emptyOptions();
  processConfigText(options, `listen: "127.0.0.1:-1"\n${config}`, systemConfigSource());
  const server = await startServer({ ...options, ...over });
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

function client(
  server: Server,
  ca: IssuedCertificate | null,
  own: IssuedCertificate | null = null,
  more: ConnectionOptions = {},
): Promise<NatsConnection> {
  return connect({
    servers: `localhost:${server.port}`,
    reconnect: false,
    maxReconnectAttempts: 0,
    timeout: 5000,
    tls: {
      ...(ca === null ? {} : { ca: ca.certPem }),
      ...(own === null ? {} : { cert: own.certPem, key: own.keyPem }),
    },
    ...more,
  });
}

const AUTH = `authorization { user: derek, password: porkchop, timeout: 1 }`;
const LOGIN = { user: "derek", pass: "porkchop" };

async function expectSecureEcho(nc: NatsConnection, subject: string): Promise<void> {
  const subscription = nc.subscribe(subject, { max: 1 });
  nc.publish(subject, "We are Secure!");
  await nc.flush();
  let count = 0;
  for await (const _ of subscription) count++;
  assertEquals(count, 1);
}

async function checkConnection(certificates: TestCertificates, more = ""): Promise<void> {
  await withServer(`${tlsBlock(certificates, more)}\n${AUTH}`, async (server) => {
    await assertRejects(() => client(server, null, null, LOGIN));
    await assertRejects(() => client(server, null));
    const nc = await client(server, certificates.ca, null, LOGIN);
    await expectSecureEcho(nc, "foo-tls");
    await nc.close();
  });
}

Deno.test("TestTLSConnection", async () => {
  await withCertificates((certificates) => checkConnection(certificates));
});

Deno.test("TestTLSClientCertificate", async () => {
  await withCertificates(async (certificates) => {
    await withServer(tlsBlock(certificates, "verify: true"), async (server) => {
      await assertRejects(() => client(server, certificates.ca));
      const nc = await client(server, certificates.ca, certificates.client);
      await nc.flush();
      await nc.close();
    });
  });
});

Deno.test("TestTLSClientCertificateHasUserID", async () => {
  await withCertificates(async (certificates) => {
    const config = `${tlsBlock(certificates, "verify_and_map: true")}
      authorization { users = [ {user: "derek@nats.io", permissions: {publish: "foo"}} ] }`;
    await withServer(config, async (server) => {
      const nc = await client(server, certificates.ca, certificates.client);
      await nc.close();
    });
  });
});

Deno.test("TestTLSClientCertificateCheckWithAllowedConnectionTypes", async () => {
  await withCertificates(async (certificates) => {
    const config = `${tlsBlock(certificates, "verify_and_map: true")}
      authorization { users = [ {user: "derek@nats.io", permissions: {publish: "foo"},
        allowed_connection_types: ["WEBSOCKET"]} ] }`;
    await withServer(config, async (server) => {
      await assertRejects(() => client(server, certificates.ca, certificates.client));
    });
  });
});

Deno.test("TestTLSClientCertificateNoSubjectWithSANAuth", async (t) => {
  await withCertificates(async (certificates) => {
    const { factory, ca } = certificates;
    const names = [{ type: "dns" as const, value: "localhost" }];
    const own = await factory.issue("no-subject", { subject: "", names }, ca);
    const config = `${tlsBlock(certificates, "verify_and_map: true")}
      authorization { users = [ {user: "localhost"} ] }`;
    await withServer(config, async (server) => {
      await t.step("no-subject cert with SAN connects", async () => {
        const nc = await client(server, ca, own);
        await nc.close();
      });
      await t.step("no client cert is rejected", async () => {
        await assertRejects(() => client(server, ca));
      });
    });
  });
});

Deno.test("TestTLSVerifyClientCertificate", async () => {
  await withCertificates(async ({ ca, server: own, client: certificate }) => {
    const config = `tls { cert_file: "${own.certFile}", key_file: "${own.keyFile}", verify: true }`;
    await withServer(config, async (server) => {
      await assertRejects(() => client(server, ca, certificate));
    });
  });
});

/** Connects in plain text and returns what comes until `until` bytes satisfy it or the end. */
async function plainRead(conn: Deno.Conn, until: (text: string) => boolean): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(4096);
  while (!until(text)) {
    const count = await conn.read(buffer);
    if (count === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return text;
}

Deno.test("TestTLSConnectionTimeout", async () => {
  await withCertificates(async (certificates) => {
    await withServer(`${tlsBlock(certificates)}\n${AUTH}`, async (server) => {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
      const info = await plainRead(conn, (text) => text.includes("\n"));
      assert(info.startsWith("INFO "), info);
      // Nothing more but the end, or the error that the reference would queue.
      const rest = await plainRead(conn, () => false).catch(() => "");
      assert(rest === "" || rest.includes("-ERR 'Secure Connection - TLS Required"), rest);
      conn.close();
    }, { tlsTimeoutMs: 250 });
  });
});

Deno.test("TestTLSAuthorizationShortTimeout", async () => {
  await withCertificates(async (certificates) => {
    await withServer(`${tlsBlock(certificates)}\n${AUTH}`, async (server) => {
      const error = await assertRejects(() => client(server, null, null, LOGIN), Error);
      assert(!/record|wrong version/i.test(error.message), error.message);
    }, { authTimeoutMs: 1 });
  });
});

Deno.test("TestClientTLSAndNonTLSConnections", async () => {
  await withCertificates(async (certificates) => {
    await withServer(`${tlsBlock(certificates)}\nallow_non_tls: true`, async (server) => {
      const nc = await client(server, certificates.ca);
      const nc2 = await connect({ servers: `127.0.0.1:${server.port}`, tls: null });
      const count = 100;
      const sub = nc.subscribe("foo", { max: count });
      const sub2 = nc2.subscribe("bar", { max: count });
      await Promise.all([nc.flush(), nc2.flush()]);
      for (let i = 0; i < count; i++) {
        nc2.publish("foo", "HELLO FROM PLAINTEXT");
        nc.publish("bar", "HELLO FROM TLS");
      }
      for (const subscription of [sub, sub2]) {
        let got = 0;
        for await (const _ of subscription) got++;
        assertEquals(got, count);
      }
      await Promise.all([nc.close(), nc2.close()]);
    });
  });
});

Deno.test("TestTLSStressConnect", async () => {
  await withCertificates(async (certificates) => {
    await withServer(tlsBlock(certificates), async (server) => {
      const stress = async (index: number): Promise<void> => {
        for (let i = 0; i < 33; i++) {
          const nc = await client(server, certificates.ca);
          await expectSecureEcho(nc, `foo.${index}`);
          await nc.close();
        }
      };
      await Promise.all([stress(0), stress(1), stress(2)]);
    });
  });
});

Deno.test("TestTLSBadAuthError", async () => {
  await withCertificates(async (certificates) => {
    await withServer(`${tlsBlock(certificates)}\n${AUTH}`, async (server) => {
      const login = { user: "derek", pass: "NOT_THE_PASSWORD" };
      const error = await assertRejects(
        () => client(server, certificates.ca, null, login),
        Error,
      );
      assertEquals(error.message.toLowerCase().replaceAll("'", ""), "authorization violation");
    });
  });
});

Deno.test("TestTLSConnectionRate", async () => {
  await withCertificates(async (certificates) => {
    let warned: (text: string) => void = () => {};
    const warning = new Promise<string>((resolve) => warned = resolve);
    const logger = { ...discardLogger(), warn: (text: string) => warned(text) };
    await withServer(tlsBlock(certificates, "connection_rate_limit: 3"), async (server) => {
      let count = 0;
      while (count < 10) {
        try {
          const nc = await client(server, certificates.ca);
          await nc.close();
          count++;
        } catch (_throttled) {
          break;
        }
      }
      assertEquals(count, 3);
      assert((await warning).includes("connections due to TLS rate limiting"));
    }, { logger });
  });
});

Deno.test("TestTLSClientSVIDAuth", async (t) => {
  await withCertificates(async (certificates) => {
    const { factory, ca } = certificates;
    const svid = (name: string): Promise<IssuedCertificate> =>
      factory.issue(name, {
        subject: "C=US, O=SPIRE",
        names: [{ type: "url", value: `spiffe://localhost/my-nats-service/${name}` }],
      }, ca);
    const a = await svid("user-a");
    const b = await svid("user-b");
    const userA = '{ user = "spiffe://localhost/my-nats-service/user-a" }';
    const userB = `{ user = "spiffe://localhost/my-nats-service/user-b"
      permissions = { subscribe = { deny = ">" } } }`;
    const userC = '{ user = "spiffe://localhost/my-nats-service/user-c" }';
    type Case = [name: string, users: string, own: IssuedCertificate, result: string];
    const cases: Case[] = [
      ["connect with tls using certificate with URIs", userA, a, "answer"],
      [
        "connect with tls using certificate with limited different permissions",
        `${userA}, ${userB}`,
        b,
        "silence",
      ],
      [
        "connect with tls without URIs in permissions will still match SAN",
        '{ user = "O=SPIRE,C=US" }',
        b,
        "answer",
      ],
      ["connect with tls but no permissions", userC, a, "refused"],
    ];
    for (const [name, users, own, result] of cases) {
      await t.step(name, async () => {
        const config = `${tlsBlock(certificates, "insecure: true, verify_and_map: true")}
          authorization { users = [ ${users} ] }`;
        await withServer(config, async (server) => {
          if (result === "refused") {
            const error = await assertRejects(() => client(server, ca, own), Error);
            assertEquals(error.message.replaceAll("'", ""), "Authorization Violation");
            return;
          }
          const nc = await client(server, ca, own);
          nc.subscribe("ping", { callback: (_error, message) => void message?.respond?.("pong") });
          await nc.flush();
          const timeout = result === "answer" ? 10_000 : 250;
          const request = nc.request("ping", "ping", { timeout });
          if (result === "answer") assertEquals((await request).string(), "pong");
          else await assertRejects(() => request);
          await nc.close();
        });
      });
    }
  });
});
