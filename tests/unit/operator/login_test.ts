/**
 * Own tests of logins in operator mode.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { createUser, encodeUser } from "../../harness/jwt.ts";
import { jwtClient, newAccount, operatorServer, userClient } from "../../harness/operator.ts";
import { connz } from "../../../src/monitor/mod.ts";
import { OK, PONG } from "../../harness/raw_client.ts";

Deno.test("a user of a preloaded account logs in, and INFO says what is needed", async () => {
  const account = newAccount({}, { name: "acc" });
  await using server = await operatorServer([account]);
  const { client, info } = await userClient(server, account);
  assertEquals(info.auth_required, true);
  assertMatch(info.nonce, /^[\w-]{15}$/);
  await client.expect(OK);
  await client.expect(PONG);
  assertEquals(server.account(account.key).nameTag, "acc");
});

Deno.test("users without a JWT, with a wrong signature, or of unknown accounts are refused", async () => {
  const account = newAccount();
  await using server = await operatorServer([account]);
  const plain = await server.rawLogin({ user: "a", pass: "b" });
  assertMatch(await plain.expectEnd(), /^-ERR 'Authorization Violation'/);
  const user = createUser();
  const jwt = encodeUser(user, account.pair);
  const thief = await jwtClient(server, createUser(), jwt);
  assertMatch(await thief.client.expectEnd(), /^-ERR 'Authorization Violation'/);
  const stranger = await userClient(server, newAccount());
  assertMatch(await stranger.client.expectEnd(), /^-ERR 'Authorization Violation'/);
});

Deno.test("monitoring shows nobody a bearer token, of those who were refused neither", async () => {
  const allowing = newAccount();
  const forbidding = newAccount({ limits: { disallow_bearer: true } });
  await using server = await operatorServer([allowing, forbidding]);
  const accepted = await userClient(server, allowing, { bearer_token: true }, {}, { sig: "" });
  await accepted.client.expect(OK);
  await accepted.client.expect(PONG);
  const refused = await userClient(server, forbidding, { bearer_token: true }, {}, { sig: "" });
  await refused.client.expectEnd();
  const plain = await userClient(server, allowing);
  await plain.client.expect(OK);
  await plain.client.expect(PONG);
  for (const auth of [true, false]) {
    const shown = connz(server.server, { state: "all", auth }).connections ?? [];
    assertEquals(shown.length, 3);
    const withJwt = shown.filter((one) => "jwt" in one && one.jwt !== undefined);
    assertEquals(withJwt.length, auth ? 1 : 0);
  }
});
