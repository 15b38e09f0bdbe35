/**
 * Ports: server/jwt_test.go, the tests of users, their permissions and their expiry.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { ConnectionPermissions } from "../../../src/core/permission/permissions.ts";
import { createAccount, createOperator, nowS } from "../../harness/jwt.ts";
import { OK, PONG } from "../../harness/raw_client.ts";
import { testServer } from "../../harness/server.ts";
import { type JwtServer, JwtServer as Wrapper, jwtServer, oKp, setupJwt } from "./_jwt.ts";

/** Permissions of the only client of an account. */
function permissionsOf(server: JwtServer, account: string): ConnectionPermissions {
  const [connection] = server.test.account(account).connections;
  assert(connection?.permissions, "Expected client permissions to be set");
  return connection.permissions;
}

function mayPublish(permissions: ConnectionPermissions, subject: string): boolean {
  return permissions.canPublish(subject, 0);
}

Deno.test("TestJWTUser", async () => {
  const pair = createAccount();
  {
    await using plain = new Wrapper(
      await testServer({ trustedKeys: [oKp.getPublicKey()] }),
    );
    assert(plain.test.server.info.auth_required);
    const without = await plain.test.rawLogin({ verbose: true, pedantic: true });
    assertStringIncludes(await without.expectEnd(), "-ERR ");
    // No resolver is there either.
    const client = await plain.client(pair);
    assertStringIncludes(await client.expectEnd(), "-ERR ");
  }
  await using server = await jwtServer();
  server.addAccount(pair);
  await (await server.client(pair)).expect(PONG);
});

Deno.test("TestJWTUserBadTrusted", async () => {
  // Here the operator that is trusted is another one, which no account is signed by.
  await using server = await jwtServer({ trustedKeys: [createOperator().getPublicKey()] });
  assert(server.test.server.info.auth_required);
  const pair = createAccount();
  server.addAccount(pair);
  assertStringIncludes(await (await server.client(pair)).expectEnd(), "-ERR ");
});

Deno.test("TestJWTUserExpired", async () => {
  await using setup = await setupJwt({ userStandard: { iat: nowS() - 10, exp: nowS() - 2 } });
  assertStringIncludes(await setup.client.expectEnd(), "-ERR ");
});

Deno.test("TestJWTUserExpiresAfterConnect", async () => {
  await using setup = await setupJwt({ userStandard: { exp: nowS() + 2 } });
  await setup.client.expect(OK);
  await setup.client.expect(PONG);
  assertEquals(await setup.client.expectEnd(), "-ERR 'User Authentication Expired'\r\n");
});

Deno.test("TestJWTUserPermissionClaims", async () => {
  await using setup = await setupJwt({
    user: {
      pub: { allow: ["foo", "bar"], deny: ["baz"] },
      sub: { allow: ["foo", "bar"], deny: ["baz"] },
    },
  });
  await setup.client.expect(OK);
  const { source } = permissionsOf(setup.server, setup.account.getPublicKey());
  assertEquals(source.publish, { allow: ["foo", "bar"], deny: ["baz"] });
  assertEquals(source.subscribe, { allow: ["foo", "bar"], deny: ["baz"] });
});

Deno.test("TestJWTAccountDefaultPermissionsUpdateRefreshesClients", async () => {
  const only = (subject: string) => ({
    default_permissions: { pub: { allow: [subject] }, sub: { allow: [subject] } },
  });
  await using setup = await setupJwt({ account: only("foo") });
  const { server, account, client } = setup;
  await client.expect(OK);
  await client.expect(PONG);
  const before = permissionsOf(server, account.getPublicKey());
  assert(mayPublish(before, "foo"));
  assert(before.canSubscribe("foo", null));
  await client.send("SUB foo 1\r\nPING\r\n");
  await client.expect(OK);
  await client.expect(PONG);

  const { connections } = await server.update(account, only("bar"));
  const after = permissionsOf(server, account.getPublicKey());
  assert(!mayPublish(after, "foo"));
  assert(mayPublish(after, "bar"));
  assert(!after.canSubscribe("foo", null));
  assert(after.canSubscribe("bar", null));
  assertEquals([...connections][0]!.subscriptions.has("1"), false);
  assertStringIncludes(
    await client.line(),
    `Permissions Violation for Subscription to "foo"`,
  );
  await client.send("PUB foo 0\r\n\r\n");
  // The client is verbose: what it may not publish is still confirmed as received.
  await client.expect(/Permissions Violation for Publish to "foo"/);
});

Deno.test("TestJWTAccountDefaultPermissionsUpdateKeepsExplicitUserPermissions", async () => {
  const only = (subject: string) => ({ pub: { allow: [subject] }, sub: { allow: [subject] } });
  await using setup = await setupJwt({
    account: { default_permissions: only("foo") },
    user: only("baz"),
  });
  const { server, account, client } = setup;
  await client.expect(OK);
  await client.expect(PONG);
  const check = (other: string): void => {
    const permissions = permissionsOf(server, account.getPublicKey());
    assert(mayPublish(permissions, "baz"));
    assert(!mayPublish(permissions, other));
    assert(permissions.canSubscribe("baz", null));
    assert(!permissions.canSubscribe(other, null));
  };
  check("foo");
  await server.update(account, { default_permissions: only("bar") });
  check("bar");
});

/** Permissions to answer, of a user whose JWT has this `resp`. */
async function responseOf(resp: { max: number; ttl: number }) {
  await using setup = await setupJwt({ user: { resp } });
  await setup.client.expect(OK);
  const permissions = permissionsOf(setup.server, setup.account.getPublicKey());
  assert(permissions.limitsPublish);
  assert(!mayPublish(permissions, "anything"));
  return permissions.response;
}

Deno.test("TestJWTUserResponsePermissionClaims", async () => {
  assertEquals(await responseOf({ max: 22, ttl: 100_000_000 }), { maxMsgs: 22, expiresMs: 100 });
});

Deno.test("TestJWTUserResponsePermissionClaimsDefaultValues", async () => {
  assertEquals(await responseOf({ max: 0, ttl: 0 }), { maxMsgs: 1, expiresMs: 120_000 });
});

Deno.test("TestJWTUserResponsePermissionClaimsNegativeValues", async () => {
  assertEquals(await responseOf({ max: -1, ttl: -1e9 }), { maxMsgs: -1, expiresMs: -1000 });
});

Deno.test("TestJWTUserSigningKey", async () => {
  const account = createAccount();
  const signer = createAccount();
  const issuer = { issuer_account: account.getPublicKey() };
  {
    await using plain = new Wrapper(await testServer({ trustedKeys: [oKp.getPublicKey()] }));
    assert(plain.test.server.info.auth_required);
    const without = await plain.test.rawLogin({ verbose: true, pedantic: true });
    assertStringIncludes(await without.expectEnd(), "-ERR ");
    // No resolver is there either.
    assertStringIncludes(await (await plain.client(signer, issuer)).expectEnd(), "-ERR ");
  }
  await using server = await jwtServer();
  server.addAccount(account);
  // The signing key is not known.
  assertStringIncludes(await (await server.client(signer, issuer)).expectEnd(), "-ERR ");
  await server.update(account, { signing_keys: [signer.getPublicKey()] });
  const client = await server.client(signer, issuer);
  await client.expect(PONG);
  await client.expectNothing();
  assert(!client.ended);
  // Whom a key signed that does not sign any more has to go.
  await server.update(account, {});
  await client.expectEnd();
});
