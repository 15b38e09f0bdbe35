/**
 * Users of certificates, and who names them over WebSocket.
 *
 * Ports: server/auth_test.go, server/auth_callout_test.go
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { readCertificate } from "../../../src/base/crypto/x509.ts";
import { goNameText } from "../../../src/base/crypto/name_text.ts";
import { answer, ISSUER, serveCallout, userIn } from "../../harness/callout.ts";
import { type TestCertificates, withCertificates } from "../../harness/certs.ts";
import { type TestServer, testServer } from "../../harness/server.ts";
import { WebsocketClient } from "../../harness/websocket_client.ts";

const CERT_USER = "CN=www.nats.io,OU=NATS.io";
const ACCEPTED = "PONG";
const VIOLATION = "-ERR 'Authorization Violation'";

/** A server whose clients are mapped by certificate, and those over WebSocket are not. */
function mapping(certificates: TestCertificates, more: string): Promise<TestServer> {
  const { ca, server: { certFile, keyFile } } = certificates;
  return testServer(
    {},
    `tls {
       cert_file: "${certFile}", key_file: "${keyFile}", ca_file: "${ca.certFile}"
       verify_and_map: true, timeout: 5
     }
     websocket { listen: "127.0.0.1:-1", no_tls: true }
     ${more}`,
  );
}

/** Logs in over WebSocket; the answer must begin with `expected`. */
async function expectAnswer(
  { server }: TestServer,
  user: string,
  pass: string,
  expected: string,
): Promise<void> {
  const connect = { ...(user === "" ? {} : { user }), ...(pass === "" ? {} : { pass }) };
  const login = await WebsocketClient.login(server.websocket!.port, {}, connect);
  using _client = login.client;
  assert(login.answer.startsWith(expected), login.answer);
}

Deno.test("TestAuthCertMappedUserWithPassword", () =>
  withCertificates(async (certificates) => {
    await using server = await mapping(
      certificates,
      `authorization { users [
        { user = "CN=other.example.com,OU=NATS.io" }
        { user = "${CERT_USER}", password = "s3cr3t" }
      ] }`,
    );
    const { ca, client } = certificates;
    const login = {
      servers: `localhost:${server.port}`,
      tls: { ca: ca.certPem, cert: client.certPem, key: client.keyPem },
    };
    await assertRejects(() => server.connect(login), Error, "Authorization Violation");
    const both = await server.connect({
      ...login,
      authenticator: () => ({ user: "", pass: "s3cr3t" }),
    });
    await both.flush();
    await expectAnswer(server, CERT_USER, "s3cr3t", ACCEPTED);
    await expectAnswer(server, CERT_USER, "", VIOLATION);
  }));

Deno.test("TestAuthNoAuthUserWithoutPasswordAndCertMapping", () =>
  withCertificates(async (certificates) => {
    await using server = await mapping(
      certificates,
      `authorization { users [ { user = "${CERT_USER}" }, { user = "guest" } ] }
       no_auth_user: "guest"`,
    );
    await expectAnswer(server, "", "", ACCEPTED);
    await expectAnswer(server, "guest", "", ACCEPTED);
    await expectAnswer(server, CERT_USER, "", VIOLATION);
  }));

Deno.test("TestAuthCertMappedUserConnectionTypeScope", async (t) => {
  const cases: readonly [name: string, types: string, expected: string][] = [
    ["unscoped", "", VIOLATION],
    [
      "standard and websocket",
      ', allowed_connection_types: ["STANDARD","WEBSOCKET"]',
      VIOLATION,
    ],
    ["websocket only", ', allowed_connection_types: ["WEBSOCKET"]', ACCEPTED],
    ["mqtt and websocket", ', allowed_connection_types: ["MQTT","WEBSOCKET"]', ACCEPTED],
  ];
  await withCertificates(async (certificates) => {
    for (const [name, types, expected] of cases) {
      await t.step(name, async () => {
        const users = `{ user = "${CERT_USER}" }, { user = "scoped"${types} }`;
        await using server = await mapping(certificates, `authorization { users [ ${users} ] }`);
        await expectAnswer(server, "scoped", "", expected);
      });
    }
  });
});

function subjectOf(pem: string): string {
  const base64 = pem.replace(/-----[^-]+-----|\s/g, "");
  return goNameText(readCertificate(Uint8Array.fromBase64(base64)).subject);
}

Deno.test("TestAuthCalloutWSClientTLSCerts", () =>
  withCertificates(async ({ factory, ca, server: own }) => {
    const certificate = await factory.issue("callout", {
      subject: "CN=example.com, OU=NATS.io",
      names: [{ type: "dns", value: "localhost" }],
    }, ca);
    const tls = `tls {
      cert_file: "${own.certFile}", key_file: "${own.keyFile}", ca_file: "${ca.certFile}"
      verify: true, timeout: 5
    }`;
    await using server = await testServer(
      {},
      `server_name: T
       ${tls}
       websocket { listen: "127.0.0.1:-1", ${tls} }
       accounts { AUTH { users [ {user: "auth", password: "pwd"} ] }, FOO {} }
       authorization {
         timeout: 1s
         auth_callout { issuer: "${ISSUER}", account: AUTH, auth_users: [ auth ] }
       }`,
    );
    const { certPem: cert, keyPem: key } = certificate;
    const service = await server.connect({
      servers: `localhost:${server.port}`,
      tls: { ca: ca.certPem, cert, key },
      user: "auth",
      pass: "pwd",
    });
    await serveCallout(service, (request) => {
      const { server: { name }, client, tls } = request;
      assertEquals([name, client.host], ["T", "127.0.0.1"]);
      // Verified ones are in the chains, the authority after the client's.
      assertEquals(tls?.certs, undefined);
      assertEquals(tls!.verified_chains.length, 1);
      const [chain] = tls!.verified_chains;
      assertEquals(chain.length, 2);
      if (!subjectOf(chain[0]).startsWith("CN=example.com")) return null;
      return answer(request, { jwt: userIn(request.user, "FOO", {}, { name: "dlc" }) });
    });
    const login = { ca: ca.certPem, cert, key };
    using client = await WebsocketClient.ready(server.server.websocket!.port, login);
    await client.send("SUB inbox 1\r\nPUB $SYS.REQ.USER.INFO inbox 0\r\n\r\n");
    const text = await client.text();
    const { data } = JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
    assertEquals([data.user, data.account], ["dlc", "FOO"]);
  }));
