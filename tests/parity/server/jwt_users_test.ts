/**
 * Ports: server/jwt_test.go, the tests of users, their permissions and their expiry.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { jwtAuthenticator } from "@nats-io/transport-node";
import type { ConnectionPermissions } from "../../../src/core/permission/permissions.ts";
import { createAccount, createOperator, createUser, encodeUser, nowS } from "../../harness/jwt.ts";
import { OK, PONG, type RawClient } from "../../harness/raw_client.ts";
import { testServer, until } from "../../harness/server.ts";
import { type JwtServer, JwtServer as Wrapper, jwtServer, oKp, setupJwt } from "./_jwt.ts";

// deno-lint-ignore no-explicit-any -- whatever a test wants to state
type Body = Record<string, any>;

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

/** Longer than in Go, since several users log in at once. */
const VALID_MS = 3000;
const TOLERANCE_MS = 500;

/** A time of the day in a zone, as JWTs state it. */
function timeOfDay(ms: number, timeZone: string | undefined): string {
  return new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone }).format(ms);
}

function timeRange(startMs: number, validMs: number, zone?: string): Record<string, string> {
  return { start: timeOfDay(startMs, zone), end: timeOfDay(startMs + validMs, zone) };
}

/** Waits for the client's end, which must not be later than so long after `startMs`. */
async function expiresBy(client: RawClient, startMs: number, validMs: number): Promise<void> {
  const end = await client.expectEnd(10_000);
  assertStringIncludes(end, "-ERR 'User Authentication Expired'");
  assert(Date.now() < startMs + validMs + TOLERANCE_MS, `after ${Date.now() - startMs} ms`);
}

Deno.test("TestJWTTimeExpiration", async () => {
  await using server = await jwtServer();
  const account = createAccount();
  server.addAccount(account);
  const year = { exp: nowS() + 365 * 24 * 3600 };
  const accepted = async (limits: Body, standard: Body): Promise<RawClient> => {
    const client = await server.client(account, limits, standard);
    await client.expect(PONG);
    return client;
  };
  const simple = async (zone?: string): Promise<void> => {
    const startMs = Date.now();
    const times = [timeRange(startMs, VALID_MS, zone)];
    const client = await accepted({ times, times_location: zone }, year);
    await expiresBy(client, startMs, VALID_MS);
  };
  const double = async (): Promise<void> => {
    const startMs = Date.now();
    const secondMs = startMs + 2 * VALID_MS;
    const limits = { times: [timeRange(startMs, VALID_MS), timeRange(secondMs, VALID_MS)] };
    await expiresBy(await accepted(limits, year), startMs, VALID_MS);
    for (;;) {
      const again = await server.client(account, limits, year);
      await until(() => again.ended || /^PONG/m.test(again.pending));
      if (again.ended) {
        // Between the ranges nobody gets in; the official client of the Go test tries again, too.
        assertStringIncludes(again.pending, "Authorization Violation");
        assert(Date.now() < secondMs + TOLERANCE_MS);
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      await again.expect(PONG);
      await expiresBy(again, secondMs, VALID_MS);
      return;
    }
  };
  const lower = async (): Promise<void> => {
    const startMs = Date.now();
    const exp = Math.floor((startMs + VALID_MS) / 1000);
    const client = await accepted({ times: [timeRange(startMs, 2 * VALID_MS)] }, { exp });
    await expiresBy(client, startMs, VALID_MS);
  };
  await Promise.all([
    simple(),
    simple("Europe/Berlin"),
    simple("America/New_York"),
    double(),
    lower(),
  ]);
});

Deno.test("TestJWTExpiredUserCredentialsRenewal", async () => {
  await using server = await jwtServer();
  const account = createAccount();
  server.addAccount(account);
  const user = createUser();
  const valid = (seconds: number): string =>
    encodeUser(user, account, {}, { exp: nowS() + seconds });
  let jwt = valid(2);
  const client = await server.test.connect({
    authenticator: jwtAuthenticator(() => jwt, user.getSeed()),
    reconnect: true,
    reconnectTimeWait: 25,
    reconnectJitter: 0,
    reconnectJitterTLS: 0,
    maxReconnectAttempts: 2,
  });
  const seen: string[] = [];
  const reconnected = (async () => {
    for await (const { type } of client.status()) {
      seen.push(type);
      if (type === "reconnect") return;
    }
  })();
  jwt = valid(30);
  await reconnected;
  assert(seen.includes("disconnect"));
  assert(!client.isClosed(), "Got disconnected when we should have reconnected.");
  await client.flush();
});
