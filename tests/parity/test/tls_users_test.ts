// Ports: test/tls_test.go
/**
 * Users known by their certificates.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import type { NatsConnection } from "@nats-io/transport-node";
import { type IssuedCertificate, withCertificates } from "../../harness/certs.ts";
import { RawClient } from "../../harness/raw_client.ts";
import { Inbox, type TestServer, testServer } from "../../harness/server.ts";

interface World {
  readonly ca: IssuedCertificate;
  /** A client's certificate. */
  issue(subject: string, names?: ({ type: "dns" | "email"; value: string })[]): Promise<
    IssuedCertificate
  >;
  serve(authorization: string): Promise<TestServer>;
}

function withWorld(use: (world: World) => Promise<void>): Promise<void> {
  let issued = 0;
  return withCertificates(({ factory, ca, server: { certFile, keyFile } }) =>
    use({
      ca,
      issue: (subject, names = [{ type: "dns", value: "localhost" }]) =>
        factory.issue(`user-${issued++}`, { subject, names }, ca),
      serve: (authorization) =>
        testServer(
          {},
          `tls { cert_file: "${certFile}", key_file: "${keyFile}", ca_file: "${ca.certFile}"
             timeout: 5, verify_and_map: true }
           authorization { ${authorization} }`,
        ),
    })
  );
}

/** A client with its certificate and the errors that the server sent it. */
async function login(
  server: TestServer,
  ca: IssuedCertificate,
  own: IssuedCertificate,
): Promise<{ client: NatsConnection; errors: string[] }> {
  const client = await server.connect({
    servers: `localhost:${server.port}`,
    tls: { ca: ca.certPem, cert: own.certPem, key: own.keyPem },
  });
  const errors: string[] = [];
  void (async () => {
    for await (const status of client.status()) {
      if (status.type === "error") errors.push(String(status.error));
    }
  })();
  return { client, errors };
}

const OPEN = `publish { allow = [">"] }, subscribe { allow = [">"] }`;
const PUBLIC = `permissions {
  publish { allow = ["public.>"] }
  subscribe { allow = ["public.>"] }
}`;
const SANDBOX = `publish { allow = ["public.>", "sandbox.>"] }
  subscribe { allow = ["public.>", "sandbox.>"] }`;

async function received(inbox: Inbox): Promise<void> {
  assertEquals((await inbox.next(1000)) !== null, true);
}

Deno.test("TestTLSClientCertificateCNBasedAuth", async () => {
  await withWorld(async ({ ca, issue, serve }) => {
    await using server = await serve(`${PUBLIC}
      users [
        { user = "CN=example.com,OU=NATS.io" }
        { user = "CN=example.com,OU=CNCF", permissions = { ${OPEN} } }
      ]`);
    const limited = await login(server, ca, await issue("OU=NATS.io, CN=example.com"));
    const admin = await login(server, ca, await issue("OU=CNCF, CN=example.com"));
    limited.client.publish("foo.bar", "hi");
    limited.client.subscribe("foo.>", { callback: () => {} });
    await limited.client.flush();
    const inbox = new Inbox(admin.client, ">");
    await admin.client.flush();
    admin.client.publish("hello", "hi");
    await received(inbox);
    assertEquals(limited.errors.length, 2);
    assertEquals(admin.errors, []);
  });
});

/** What clients with the default permissions, a sandbox and all permissions may do. */
async function expectThreeLevels(
  server: TestServer,
  ca: IssuedCertificate,
  certificates: { plain: IssuedCertificate; dev: IssuedCertificate; prod: IssuedCertificate },
): Promise<void> {
  const plain = await login(server, ca, certificates.plain);
  const dev = await login(server, ca, certificates.dev);
  const prod = await login(server, ca, certificates.prod);
  dev.client.publish("foo.bar", "hi");
  dev.client.subscribe("foo.>", { callback: () => {} });
  await dev.client.flush();
  const prodInbox = new Inbox(prod.client, ">");
  await prod.client.flush();
  prod.client.publish("hello", "hi");
  await received(prodInbox);

  const devInbox = new Inbox(dev.client, "sandbox.>");
  await dev.client.flush();
  dev.client.publish("sandbox.foo.bar", "hi!");
  await received(devInbox);
  await received(prodInbox);

  plain.client.subscribe("sandbox.>", { callback: () => {} });
  const plainInbox = new Inbox(plain.client, "public.>");
  await plain.client.flush();
  dev.client.publish("public.foo.bar", "hi!");
  await received(plainInbox);
  assertEquals(plain.errors.length + dev.errors.length, 3);
  assertEquals(prod.errors, []);
}

Deno.test("TestTLSClientCertificateSANsBasedAuth", async () => {
  await withWorld(async ({ ca, issue, serve }) => {
    await using server = await serve(`${PUBLIC}
      users [
        { user = "CN=www.nats.io" }
        { user = "app.nats.prod", permissions = { ${OPEN} } }
        { user = "app.nats.dev", permissions = { ${SANDBOX} } }
      ]`);
    await expectThreeLevels(server, ca, {
      plain: await issue("CN=www.nats.io", [
        { type: "dns", value: "localhost" },
        { type: "dns", value: "example.com" },
      ]),
      dev: await issue("CN=www.nats.io", [
        { type: "dns", value: "app.nats.dev" },
        { type: "dns", value: "*.app.nats.dev" },
      ]),
      prod: await issue("CN=www.nats.io", [
        { type: "dns", value: "app.nats.prod" },
        { type: "dns", value: "*.app.nats.prod" },
      ]),
    });
  });
});

Deno.test("TestTLSClientCertificateTLSAuthMultipleOptions", async () => {
  await withWorld(async ({ ca, issue, serve }) => {
    await using server = await serve(`${PUBLIC}
      users [
        { user = "CN=www.nats.io" }
        { user = "*.app.nats.prod", permissions = { ${OPEN} } }
        { user = "root@app.nats.dev", permissions = { ${SANDBOX} } }
      ]`);
    await expectThreeLevels(server, ca, {
      plain: await issue("CN=www.nats.io", [
        { type: "dns", value: "app.nats.dev" },
        { type: "dns", value: "*.app.nats.dev" },
      ]),
      dev: await issue("CN=www.nats.io", [
        { type: "dns", value: "app.nats.dev" },
        { type: "email", value: "admin@app.nats.dev" },
        { type: "email", value: "root@app.nats.dev" },
      ]),
      prod: await issue("CN=www.nats.io", [
        { type: "dns", value: "app.nats.prod" },
        { type: "dns", value: "*.app.nats.prod" },
      ]),
    });
  });
});

const A = "C=US, ST=CA, L=Los Angeles, O=NATS, OU=NATS, CN=localhost, DC=foo1, DC=foo2";
const B = "C=US, ST=CA, L=Los Angeles, O=NATS, OU=NATS, CN=localhost";
const C = "C=US, ST=CA, L=Los Angeles, O=NATS, OU=NATS, CN=localhost, DC=foo3, DC=foo4";
const D = "C=US, ST=CA, L=Los Angeles, OU=NATS, O=NATS, CN=*.example.com, DC=example, DC=com";
const E = "CN=John Doe, CN=123456, CN=jdoe, OU=Users, OU=Organic Units, DC=acme, DC=com";
const F = "DC=org, DC=OpenSSL, O=users+DC=DEV, CN=John Doe";

const FULL = "CN=localhost,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US";
const DENIED = `, permissions = { subscribe = { deny = ">" } }`;

/** Name, subject of the certificate, users, and what comes of it. */
type NameCase = readonly [string, string, readonly string[], "answered" | "refused" | "silent"];

const SEQUENCES: readonly NameCase[] = [
  ["full RDN sequence", A, [`"${FULL},DC=foo1,DC=foo2"`], "answered"],
  ["full RDN sequence in original order", A, [`"DC=foo2,DC=foo1,${FULL}"`], "answered"],
  [
    "partial RDN sequence has different permissions",
    B,
    [`"DC=foo2,DC=foo1,${FULL}"`, `"${FULL},DC=foo1,DC=foo2"`, `"${FULL}"${DENIED}`],
    "silent",
  ],
  [
    "RDN sequence partially matches",
    C,
    [`"DC=foo2,DC=foo1,${FULL}"`, `"${FULL},DC=foo1,DC=foo2"`, `"${FULL}"`],
    "answered",
  ],
  [
    "RDN sequence does not match",
    C,
    [`"${FULL},DC=foo1,DC=foo2"`, `"DC=foo2,DC=foo1,${FULL}"`],
    "refused",
  ],
  [
    "space after comma does not matter",
    A,
    [`"DC=foo2, DC=foo1, CN=localhost, OU=NATS, O=NATS, L=Los Angeles, ST=CA, C=US"`],
    "answered",
  ],
  [
    "full RDN sequence respects order",
    D,
    [`"DC=com, DC=example, CN=*.example.com, O=NATS, OU=NATS, L=Los Angeles, ST=CA, C=US"`],
    "answered",
  ],
  [
    "added domainComponents also match",
    D,
    [`"CN=*.example.com,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US,DC=example,DC=com"`],
    "answered",
  ],
  [
    "correct order takes precedence",
    D,
    [
      `"CN=*.example.com,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US,DC=example,DC=com"${DENIED}`,
      `"DC=com,DC=example,CN=*.example.com,O=NATS,OU=NATS,L=Los Angeles,ST=CA,C=US"`,
      `"CN=*.example.com,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US"${DENIED}`,
    ],
    "answered",
  ],
  [
    "multiple CN elements",
    E,
    [`"DC=com,DC=acme,OU=Organic Units,OU=Users,CN=jdoe,CN=123456,CN=John Doe"`],
    "answered",
  ],
  ["a multi value RDN", F, [`"CN=John Doe,DC=DEV+O=users,DC=OpenSSL,DC=org"`], "answered"],
  [
    "a multi value RDN without a match",
    F,
    [`"CN=John Doe,DC=DEV,DC=OpenSSL,DC=org"`],
    "refused",
  ],
  [
    "a multi value RDN that is reordered",
    F,
    [`"CN=John Doe,O=users+DC=DEV,DC=OpenSSL,DC=org"`],
    "answered",
  ],
];

const REORDERED: readonly NameCase[] = [
  ["a multi value RDN", F, [`"DC=org,DC=OpenSSL,O=users+DC=DEV,CN=John Doe"`], "answered"],
  ["RDNs that are not equal", F, [`"DC=org,DC=OpenSSL,O=users,CN=John Doe"`], "refused"],
  ["not equal in another order", F, [`"DC=OpenSSL, DC=org, O=users, CN=John Doe"`], "refused"],
];

async function expectNames(t: Deno.TestContext, cases: readonly NameCase[]): Promise<void> {
  await withWorld(async ({ ca, issue, serve }) => {
    for (const [name, subject, users, outcome] of cases) {
      await t.step(name, async () => {
        const own = await issue(subject);
        const list = users.map((user) => `{ user = ${user} }`).join("\n");
        await using server = await serve(`users = [ ${list} ]`);
        if (outcome === "refused") {
          await assertRejects(() => login(server, ca, own), Error, "Authorization Violation");
          return;
        }
        const { client } = await login(server, ca, own);
        client.subscribe("ping", {
          callback: (error, message) => {
            if (error === null) message.respond("pong");
          },
        });
        await client.flush();
        const timeout = outcome === "answered" ? 10_000 : 250;
        const answer = client.request("ping", "ping", { timeout }).then(
          () => true,
          () => false,
        );
        assertEquals(await answer, outcome === "answered");
      });
    }
  });
}

Deno.test("TestTLSClientAuthWithRDNSequence", (t) => expectNames(t, SEQUENCES));
Deno.test("TestTLSClientAuthWithRDNSequenceReordered", (t) => expectNames(t, REORDERED));

Deno.test("TestTLSInProcessConnection", async () => {
  await withCertificates(async ({ server: { certFile, keyFile } }) => {
    await using server = await testServer(
      {},
      `tls { cert_file: "${certFile}", key_file: "${keyFile}", timeout: 2 }
       authorization { user: derek, password: monkey, timeout: 1 }`,
    );
    const client = new RawClient(server.server.connect());
    const info = await client.login({ user: "derek", pass: "monkey" });
    assertEquals(info.tls_required ?? false, false);
    await client.flush();
    assertEquals(server.connection(info.client_id).transport.tls, null);
    await client.end();
  });
});
