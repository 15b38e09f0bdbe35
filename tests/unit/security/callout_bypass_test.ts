/**
 * Nobody passes by the authorization service by naming its users.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  answer,
  calloutServer,
  ISSUER,
  issuerKeys,
  newUser,
  serveCallout,
} from "../../harness/callout.ts";
import { encodeAccount } from "../../harness/jwt.ts";
import { newAccount, operatorServerWithSystem } from "../../harness/operator.ts";

const VIOLATION = "-ERR 'Authorization Violation'\r\n";

Deno.test("the nkey of CONNECT, which nobody has checked, does not pass by the service", async () => {
  let asked = 0;
  await using callout = await calloutServer(
    `authorization {
       users: [ { user: auth, password: pwd }, { user: bob, password: b } ]
       auth_callout { issuer: "${ISSUER}", auth_users: [ auth ] }
     }`,
    (request) => {
      asked++;
      return answer(request, { error: "no" });
    },
  );
  const client = await callout.server.rawLogin({ nkey: "auth", user: "bob", pass: "b" });
  assertEquals(await client.expectEnd(), VIOLATION);
  assertEquals(asked, 1);
});

Deno.test("names and keys beside a JWT do not pass by the service of its account", async () => {
  const service = newUser(issuerKeys);
  const claims = { authorization: { auth_users: [service.key], allowed_accounts: ["*"] } };
  const auth = { pair: issuerKeys, key: ISSUER, jwt: encodeAccount(issuerKeys, claims) };
  await using server = await operatorServerWithSystem([newAccount(), auth]);
  let asked = 0;
  await serveCallout(await server.connect(service.credentials), (request) => {
    asked++;
    return answer(request, { error: "no" });
  });
  const { jwt } = newUser(issuerKeys, { bearer_token: true });
  for (const claim of [{ user: service.key }, { nkey: service.key }]) {
    const client = await server.rawLogin({ jwt, ...claim });
    assertEquals(await client.expectEnd(), VIOLATION);
  }
  assertEquals(asked, 2);
});
