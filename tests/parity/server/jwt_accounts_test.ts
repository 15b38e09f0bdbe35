/**
 * Ports: server/jwt_test.go, the tests of accounts: their expiry, limits and revocations.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  createAccount,
  createUser,
  encodeScopedUser,
  encodeUser,
  type KeyPair,
  nowS,
} from "../../harness/jwt.ts";
import { ERR, OK, PONG } from "../../harness/raw_client.ts";
import { until } from "../../harness/server.ts";
import { jwtServer, setupJwt } from "./_jwt.ts";

const EXPIRED = { iat: nowS() - 10, exp: nowS() - 2 };

Deno.test("TestJWTAccountExpired", async () => {
  await using setup = await setupJwt({ accountStandard: EXPIRED });
  assertStringIncludes(await setup.client.expectEnd(), "-ERR ");
});

Deno.test("TestJWTAccountExpiresAfterConnect", async () => {
  await using setup = await setupJwt({
    accountStandard: { iat: nowS() - 10, exp: nowS() + 2 },
  });
  const { server, account, client } = setup;
  await client.expect(OK);
  await client.expect(PONG);
  const live = await server.account(account);
  await until(() => live.trust!.expired, () => "Account not expired yet");
  assertEquals(await client.expectEnd(), "-ERR 'Account Authentication Expired'\r\n");
  assertStringIncludes(await (await server.client(account)).expectEnd(), "-ERR ");
});

Deno.test("TestJWTAccountRenew", async () => {
  await using setup = await setupJwt({ accountStandard: EXPIRED });
  const { server, account, client } = setup;
  assertStringIncludes(await client.expectEnd(), "-ERR ");
  await server.update(account, {}, { exp: nowS() + 5 });
  await (await server.client(account)).expect(PONG);
});

Deno.test("TestJWTAccountRenewFromResolver", async () => {
  await using server = await jwtServer();
  const pair = createAccount();
  server.addAccount(pair, {}, { iat: nowS() - 10, exp: nowS() + 1 });
  const account = await server.account(pair);
  await until(() => account.trust!.expired);
  assertStringIncludes(await (await server.client(pair)).expectEnd(), "-ERR ");
  server.addAccount(pair, {}, { exp: nowS() + 5 });
  // As in the reference: it was not looked at just now.
  account.updatedMs -= 3_600_000;
  await (await server.client(pair)).expect(PONG);
});

Deno.test("TestJWTAccountLimitsSubs", async () => {
  await using setup = await setupJwt({ account: { limits: { subs: 10 } } });
  const { server, account } = setup;
  const client = await server.client(account);
  await client.expect(PONG);
  const live = await server.account(account);
  assertEquals(live.limits.maxSubscriptions, 10);
  for (const connection of live.connections) assertEquals(connection.maxSubscriptions, 10);
  for (let i = 0; i < 10; i++) {
    await client.send(`SUB foo ${i}\r\nPING\r\n`);
    await client.expect(PONG);
  }
  await client.send("SUB foo 22\r\n");
  assertEquals((await client.expect(ERR))[1], "'maximum subscriptions exceeded'");
  await server.update(account, { limits: { subs: 5 } });
  assertStringIncludes(await client.expectEnd(), "maximum subscriptions exceeded");
});

Deno.test("TestJWTAccountLimitsSubsButServerOverrides", async () => {
  await using server = await jwtServer({ maxSubs: 2 });
  const pair = createAccount();
  server.addAccount(pair, { limits: { subs: 10 } });
  assertEquals((await server.account(pair)).limits.maxSubscriptions, 10);
  const client = await server.client(pair);
  await client.expect(PONG);
  await client.send("SUB foo 1\r\nSUB bar 2\r\nSUB baz 3\r\nPING\r\n");
  assertEquals((await client.expect(ERR))[1], "'maximum subscriptions exceeded'");
  await client.expect(PONG);
});

Deno.test("TestJWTAccountLimitsMaxPayload", async () => {
  await using setup = await setupJwt({ account: { limits: { payload: 8 } } });
  const { server, account } = setup;
  const client = await server.client(account);
  await client.expect(PONG);
  const live = await server.account(account);
  assertEquals(live.limits.maxPayload, 8);
  for (const connection of live.connections) assertEquals(connection.maxPayload, 8);
  await client.send("PUB foo 4\r\nXXXX\r\nPING\r\n");
  await client.expect(PONG);
  await client.send("PUB foo 10\r\nXXXXXXXXXX\r\nPING\r\n");
  assertStringIncludes((await client.expect(ERR))[1]!, "Maximum Payload");
});

Deno.test("TestJWTAccountLimitsMaxPayloadButServerOverrides", async () => {
  await using server = await jwtServer({ maxPayload: 4 });
  const pair = createAccount();
  server.addAccount(pair, { limits: { payload: 8 } });
  const client = await server.client(pair);
  await client.expect(PONG);
  await client.send("PUB foo 6\r\nXXXXXX\r\nPING\r\n");
  assertStringIncludes((await client.expect(ERR))[1]!, "Maximum Payload");
});

Deno.test("TestJWTAccountLimitsMaxConns", async () => {
  await using setup = await setupJwt({ account: { limits: { conn: 8 } } });
  const { server, account } = setup;
  await setup.client.expect(OK);
  for (let i = 0; i < 7; i++) await (await server.client(account)).expect(PONG);
  await (await server.client(account)).expect(ERR);
});

Deno.test("TestJWTAccountLimitsMaxConnsAfterExpired", async () => {
  await using server = await jwtServer();
  const pair = createAccount();
  server.addAccount(pair, { limits: { conn: 10 } });
  for (let i = 0; i < 4; i++) await (await server.client(pair)).expect(PONG);
  // As in the reference, the account is made to look expired, and not looked at just now: the next
  // client makes the server fetch it, and there are fewer connections then.
  const account = await server.account(pair);
  account.trust!.expired = true;
  account.updatedMs -= 2000;
  server.addAccount(pair, { limits: { conn: 2 } });
  await (await server.client(pair)).expect(ERR);
  await until(
    () => account.connections.size === 2,
    () => `Should have 2 clients, got ${account.connections.size}`,
  );
});

/** What a verbose client without a signature hears whose token says this. */
async function bearerLogin(
  issuer: (account: KeyPair) => string | undefined,
): Promise<RegExpExecArray> {
  await using server = await jwtServer();
  const pair = createAccount();
  server.addAccount(pair);
  const nats = { bearer_token: true, issuer_account: issuer(pair) };
  const client = await server.client(pair, nats, {}, { sig: undefined, verbose: true });
  return await client.expect(/^(\+OK|-ERR)/);
}

Deno.test("TestJWTBearerToken", async () => {
  assertEquals((await bearerLogin(() => undefined))[1], "+OK");
});

Deno.test("TestJWTBearerWithIssuerSameAsAccountToken", async () => {
  assertEquals((await bearerLogin((account) => account.getPublicKey()))[1], "+OK");
});

Deno.test("TestJWTBearerWithBadIssuerToken", async () => {
  assertEquals((await bearerLogin(() => createAccount().getPublicKey()))[1], "-ERR");
});

Deno.test("TestJWTUserRevokedOnAccountUpdate", async () => {
  await using setup = await setupJwt({});
  const { server, account, client } = setup;
  await client.expect(OK);
  await client.expect(PONG);
  const [connection] = (await server.account(account)).connections;
  const user = connection!.jwtUser!.claims.subject;
  await server.update(account, { revocations: { [user]: nowS() } });
  assertEquals((await client.expect(ERR))[1], "'User Authentication Revoked'");
});

Deno.test("TestJWTUserRevoked", async () => {
  await using server = await jwtServer();
  const pair = createAccount();
  const user = createUser();
  server.addAccount(pair, { revocations: { [user.getPublicKey()]: nowS() } });
  const client = await server.clientOf(user, encodeUser(user, pair));
  assertStringIncludes((await client.expect(ERR))[1]!, "Authorization");
});

Deno.test("TestJWTUserLimitsOverflowInt32SubPub", async (t) => {
  const beyond = 2 ** 31;
  await t.step("Subs", async () => {
    await using setup = await setupJwt({ user: { subs: beyond } });
    await setup.client.expect(OK);
    await setup.client.expect(PONG);
    await setup.client.send("SUB foo 1\r\nPING\r\n");
    await setup.client.expect(OK);
  });
  await t.step("Payload", async () => {
    await using setup = await setupJwt({ user: { payload: beyond } });
    await setup.client.expect(OK);
    await setup.client.expect(PONG);
    await setup.client.send("PUB baz 5\r\nhello\r\nPING\r\n");
    await setup.client.expect(OK);
  });
  await t.step("ScopedSigningKey", async () => {
    await using server = await jwtServer();
    const [pair, signer, user] = [createAccount(), createAccount(), createUser()];
    const template = { subs: beyond, payload: beyond };
    const scope = { kind: "user_scope", key: signer.getPublicKey(), role: "", template };
    server.addAccount(pair, { signing_keys: [scope] });
    const jwt = encodeScopedUser(user, signer, pair);
    const client = await server.clientOf(user, jwt, { verbose: true, pedantic: true });
    await client.expect(OK);
    await client.expect(PONG);
    await client.send("SUB foo 1\r\nPING\r\n");
    await client.expect(OK);
    await client.expect(PONG);
    await client.send("PUB baz 5\r\nhello\r\nPING\r\n");
    await client.expect(OK);
  });
});
