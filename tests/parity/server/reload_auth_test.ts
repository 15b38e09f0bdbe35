// Ports: server/reload_test.go
/**
 * Reloads that change who may connect and what they may do.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { RawClient } from "../../harness/raw_client.ts";
import { expectViolation, LISTEN, type ReloadServer, reloadServer } from "../../harness/reload.ts";

const TYLER = LISTEN + "authorization { user: tyler, password: T0pS3cr3t }";
const DEREK = LISTEN + "authorization { user: derek, password: passw0rd }";
const TOKEN = LISTEN + "authorization { token: T0pS3cr3t }";
const NEW_TOKEN = LISTEN + "authorization { token: passw0rd }";

function users(password: string): string {
  return LISTEN + `authorization {
    users = [ {user: alice, password: ${password}}, {user: bob, password: bar} ]
    timeout: 0.5
  }`;
}

type Login = Record<string, unknown>;
const AS_TYLER = { user: "tyler", pass: "T0pS3cr3t" };
const AS_DEREK = { user: "derek", pass: "passw0rd" };
const AS_TOKEN = { auth_token: "T0pS3cr3t" };
const AS_NEW_TOKEN = { auth_token: "passw0rd" };
const AS_ALICE = { user: "alice", pass: "foo" };
const AS_NEW_ALICE = { user: "alice", pass: "baz" };
const AS_BOB = { user: "bob", pass: "bar" };
/** Nobody's names. */
const OPEN = {};

/** `before` is let in, and sent away when only `after` may be there. */
async function changesCredentials(
  configs: readonly [before: string, after: string],
  before: Login,
  after: Login,
): Promise<void> {
  await using server = await reloadServer(configs[0]);
  const client = await server.accepted(before);
  await server.reload(configs[1]);
  await server.refused(before);
  await server.accepted(after);
  // Who has a name that is no user's any more is closed without a word, to come again.
  if ("user" in before) assertEquals(await client.expectEnd(), "");
  else await expectViolation(client);
}

/** Everybody may come; nobody hears of an error. */
async function disables(config: string, before: Login): Promise<void> {
  await using server = await reloadServer(config);
  const client = await server.accepted(before);
  await server.reload(LISTEN);
  await server.accepted();
  if ("user" in before) assertEquals(await client.expectEnd(), "");
  else await client.flush();
}

Deno.test("TestConfigReloadRotateUserAuthentication", () =>
  changesCredentials([TYLER, DEREK], AS_TYLER, AS_DEREK));

Deno.test("TestConfigReloadEnableUserAuthentication", () =>
  changesCredentials([LISTEN, TYLER], OPEN, AS_TYLER));

Deno.test("TestConfigReloadDisableUserAuthentication", () => disables(TYLER, AS_TYLER));

Deno.test("TestConfigReloadRotateTokenAuthentication", () =>
  changesCredentials([TOKEN, NEW_TOKEN], AS_TOKEN, AS_NEW_TOKEN));

Deno.test("TestConfigReloadEnableTokenAuthentication", () =>
  changesCredentials([LISTEN, TOKEN], OPEN, AS_TOKEN));

Deno.test("TestConfigReloadDisableTokenAuthentication", () => disables(TOKEN, AS_TOKEN));

Deno.test("TestConfigReloadRotateUsersAuthentication", async () => {
  await using server = await reloadServer(users("foo"));
  const alice = await server.accepted(AS_ALICE);
  const bob = await server.accepted(AS_BOB);
  await bob.send("SUB foo 1\r\n");
  await bob.flush();
  await server.reload(users("baz"));
  await server.refused(AS_ALICE);
  await server.accepted(AS_NEW_ALICE);
  await expectViolation(alice);
  await bob.send("PUB foo 5\r\nhello\r\n");
  assertEquals((await bob.message()).body, "hello");
});

Deno.test("TestConfigReloadEnableUsersAuthentication", () =>
  changesCredentials([LISTEN, users("foo")], OPEN, AS_ALICE));

Deno.test("TestConfigReloadDisableUsersAuthentication", () => disables(users("foo"), AS_ALICE));

function roles(requester: string, denied: string): string {
  return LISTEN + `authorization {
    super_user = { publish = ">", subscribe = ">" }
    req_pub_user = ${requester}
    default_user = {
      subscribe = { allow: ["PUBLIC.>", "foo.*"], deny: ${denied} }
    }
    default_permissions: $default_user
    users = [
      {user: alice, password: foo, permissions: $super_user}
      {user: bob,   password: bar, permissions: $req_pub_user}
      {user: susan, password: baz}
    ]
  }`;
}

async function publish(client: RawClient, subject: string, body: string): Promise<void> {
  await client.send(`PUB ${subject} ${body.length}\r\n${body}\r\n`);
  await client.flush();
}

async function expectBody(client: RawClient, body: string): Promise<void> {
  assertEquals((await client.message()).body, body);
}

/** Nothing has come: neither a message nor an error. */
async function expectQuiet(client: RawClient): Promise<void> {
  await client.flush();
}

Deno.test("TestConfigReloadChangePermissions", async () => {
  await using server: ReloadServer = await reloadServer(
    roles(`{ publish = ["req.foo", "req.bar"], subscribe = "_INBOX.>" }`, `"foo.bar"`),
  );
  const bob = await server.accepted(AS_BOB);
  await bob.send("SUB _INBOX.> inbox\r\n");
  await bob.flush();
  const alice = await server.accepted(AS_ALICE);
  await alice.send("SUB req.foo req\r\n");
  await publish(alice, "_INBOX.foo", "hello");
  await expectBody(bob, "hello");
  await bob.send("PUB req.foo 5\r\nworld\r\n");
  await expectBody(alice, "world");
  // Susan may subscribe to both, but foo.bar is kept from her.
  const susan = await server.accepted({ user: "susan", pass: "baz" });
  await susan.send("SUB foo.* foo\r\n");
  await susan.flush();
  await publish(alice, "foo.bar", "hello");
  await susan.send("SUB PUBLIC.* public\r\n");
  await susan.flush();
  await publish(alice, "PUBLIC.foo", "hello monkey");
  await expectBody(susan, "hello monkey");

  await server.reload(
    roles(`{ publish = ["_INBOX.foo.bar"], subscribe = "_INBOX.foo.>" }`, `["PUBLIC.foo"]`),
  );
  assertEquals(
    await bob.line(),
    `-ERR 'Permissions Violation for Subscription to "_INBOX.>" (sid "inbox")'`,
  );
  await bob.send("PUB req.foo 4\r\nhola\r\n");
  assertEquals(await bob.line(), `-ERR 'Permissions Violation for Publish to "req.foo"'`);
  await publish(alice, "_INBOX.foo", "mundo");
  await expectQuiet(alice);
  await expectQuiet(bob);
  // What is allowed now.
  await bob.send("SUB _INBOX.foo.> new\r\nPUB _INBOX.foo.bar 7\r\ntesting\r\n");
  await expectBody(bob, "testing");
  await expectQuiet(bob);
  // Susan heard PUBLIC.foo before and does not now; with foo.bar it is the other way round.
  await publish(alice, "PUBLIC.foo", "hello monkey");
  await publish(alice, "foo.bar", "hello?");
  await expectBody(susan, "hello?");
  await expectQuiet(susan);
});

Deno.test("TestConfigReloadRevokesQueueSubscriptionWithQueueScopedDeny", async () => {
  const config = (deny: string) =>
    LISTEN + `authorization { users: [ {
      user: attacker, password: pass
      permissions: { subscribe: { allow: [">"]\n ${deny} } }
    } ] }`;
  await using server = await reloadServer(config(""));
  const client = await server.accepted({ user: "attacker", pass: "pass" });
  await client.send("SUB admin.secret workers 1\r\n");
  await client.flush();
  await server.reload(config(`deny: ["admin.secret workers"]`));
  assertEquals(
    await client.line(),
    `-ERR 'Permissions Violation for Subscription to "admin.secret" using queue "workers" (sid "1")'`,
  );
  await client.send("PUB admin.secret 7\r\nblocked\r\n");
  await client.flush();
  await client.expectNothing();
});

Deno.test("TestConfigReloadValidate", async () => {
  const config = (list: string) =>
    LISTEN + `no_auth_user: a\nauthorization { users [ ${list} {user: "b", password: "b"} ] }`;
  await using server = await reloadServer(config(`{user: "a", password: "a"},`));
  // The user that no_auth_user names is gone.
  const error = await assertRejects(() => server.reload(config("")), Error);
  assertStringIncludes(error.message, "no_auth_user:");
});

Deno.test("TestConfigReloadIgnoreCustomAuth", async () => {
  await using server = await reloadServer(LISTEN, { authenticate: () => ({ account: "$G" }) });
  const { authenticate } = server.server.env;
  assert(authenticate !== undefined);
  const client = await server.accepted();
  await server.reload();
  assertEquals(server.server.env.authenticate, authenticate);
  await client.flush();
  await server.accepted();
});
