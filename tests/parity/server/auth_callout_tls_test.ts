/**
 * Ports: server/auth_callout_test.go, the test with clients' certificates, and of texts.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { titleCase } from "../../../src/core/auth/callout.ts";
import { readCertificate } from "../../../src/base/crypto/x509.ts";
import { goNameText } from "../../../src/base/crypto/name_text.ts";
import { type IssuedCertificate, withCertificates } from "../../harness/certs.ts";
import { answer, ISSUER, serveCallout, userIn, userInfo } from "../../harness/callout.ts";
import { testServer } from "../../harness/server.ts";

function subjectOf(pem: string): string {
  const base64 = pem.replace(/-----[^-]+-----|\s/g, "");
  return goNameText(readCertificate(Uint8Array.fromBase64(base64)).subject);
}

Deno.test("TestAuthCalloutClientTLSCerts", () =>
  withCertificates(async ({ factory, ca, server: own }) => {
    const certificate = await factory.issue("callout", {
      subject: "CN=example.com, OU=NATS.io",
      names: [{ type: "dns", value: "localhost" }],
    }, ca);
    await using server = await testServer(
      {},
      `
      server_name: T
      tls {
        cert_file: "${own.certFile}", key_file: "${own.keyFile}", ca_file: "${ca.certFile}"
        verify: true, timeout: 5
      }
      accounts { AUTH { users [ {user: "auth", password: "pwd"} ] }, FOO {} }
      authorization {
        timeout: 1s
        auth_callout { issuer: "${ISSUER}", account: AUTH, auth_users: [ auth ] }
      }
    `,
    );
    const login = (client: IssuedCertificate) => ({
      servers: `localhost:${server.port}`,
      tls: { ca: ca.certPem, cert: client.certPem, key: client.keyPem },
    });
    const service = await server.connect({ ...login(certificate), user: "auth", pass: "pwd" });
    await serveCallout(service, (request) => {
      const { server: { name }, client, tls } = request;
      assertEquals([name, client.host], ["T", "127.0.0.1"]);
      // Verified ones are in the chains, the authority after the client's.
      assertEquals(tls?.certs, undefined);
      assertEquals(tls!.verified_chains.length, 1);
      const [chain] = tls!.verified_chains;
      assertEquals(chain.length, 2);
      assertEquals(chain[1].trim(), ca.certPem.trim());
      if (!subjectOf(chain[0]).startsWith("CN=example.com")) return null;
      return answer(request, { jwt: userIn(request.user, "FOO", {}, { name: "dlc" }) });
    });
    const info = await userInfo(await server.connect(login(certificate)));
    assertEquals([info.user, info.account], ["dlc", "FOO"]);
  }));

Deno.test("TestTitleCaseEmptyString", () => {
  assertEquals(titleCase(""), "");
});
