// Ports: server/auth_test.go
/**
 * Users, their copies, and clients without credentials.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import {
  cloneOptions,
  type ConnectionType,
  emptyNkeyUser,
  emptyOptions,
  emptyUser,
  type Options,
  OptionsError,
  parseServerUrl,
  type User,
} from "../../../src/config/mod.ts";
import { dnsAltNameMatches } from "../../../src/core/auth/dns_alt_name.ts";
import { OK } from "../../harness/raw_client.ts";
import { testServer } from "../../harness/server.ts";

function withUser(over: Partial<User>): Options {
  const options = emptyOptions();
  options.users = [{ ...emptyUser(), username: "foo", password: "bar", ...over }];
  return options;
}

function clonedUser(options: Options): User {
  return cloneOptions(options).users![0]!;
}

Deno.test("TestUserCloneNilPermissions", () => {
  const options = withUser({});
  const clone = clonedUser(options);
  assertEquals(clone, options.users![0]!);
  clone.password = "baz";
  assertNotEquals(clone, options.users![0]!);
});

Deno.test("TestUserClone", () => {
  const options = withUser({
    permissions: {
      publish: { allow: ["foo"], deny: null },
      subscribe: { allow: ["bar"], deny: null },
      response: null,
    },
  });
  const clone = clonedUser(options);
  assertEquals(clone, options.users![0]!);
  clone.permissions!.subscribe!.allow = ["baz"];
  assertNotEquals(clone, options.users![0]!);
});

Deno.test("TestUserClonePermissionsNoLists", () => {
  const { permissions } = clonedUser(
    withUser({ permissions: { publish: null, subscribe: null, response: null } }),
  );
  assertEquals(permissions!.publish, null);
  assertEquals(permissions!.subscribe, null);
});

Deno.test("TestUserCloneNoPermissions", () => {
  assertEquals(clonedUser(withUser({})).permissions, null);
});

Deno.test("TestUserCloneNil", () => {
  assertEquals(cloneOptions(emptyOptions()).users, null);
});

Deno.test("TestUserUnknownAllowedConnectionType", async () => {
  const types = (...names: string[]) => new Set(names as ConnectionType[]);
  const user = (allowed: Set<string>): User => ({
    ...emptyUser(),
    username: "user",
    password: "pwd",
    allowedConnectionTypes: allowed,
  });
  const nkey = (allowed: Set<string>) => ({
    ...emptyNkeyUser(),
    nkey: "somekey",
    allowedConnectionTypes: allowed,
  });
  const unknown = types("STANDARD", "someNewType");
  await assertRejects(
    () => testServer({ users: [user(unknown)] }),
    OptionsError,
    "connection type",
  );
  await assertRejects(
    () => testServer({ nkeys: [nkey(unknown)] }),
    OptionsError,
    "connection type",
  );

  // Another case is corrected.
  await using byName = await testServer({ users: [user(types("websocket"))] });
  assertEquals([...byName.server.options.users![0]!.allowedConnectionTypes!], ["WEBSOCKET"]);
  await using byKey = await testServer({ nkeys: [nkey(types("websocket"))] });
  assertEquals([...byKey.server.options.nkeys![0]!.allowedConnectionTypes!], ["WEBSOCKET"]);
});

Deno.test("TestNoAuthUser", async (t) => {
  await using server = await testServer(
    {},
    `accounts {
       FOO { users [ { user: "foo", password: "pwd1" } ] }
       BAR { users [ { user: "bar", password: "pwd2" } ] }
     }
     no_auth_user: "foo"`,
  );
  const cases: [string, { user?: string; pass?: string; token?: string }, string | null][] = [
    ["valid user/pwd", { user: "bar", pass: "pwd2" }, "BAR"],
    ["invalid pwd", { user: "bar", pass: "wrong" }, null],
    ["some token", { token: "sometoken" }, null],
    ["user used without pwd", { token: "bar" }, null],
    ["user with empty password", { user: "bar", pass: "" }, null],
    ["no user", {}, "FOO"],
  ];
  for (const [name, credentials, account] of cases) {
    await t.step(name, async () => {
      if (account === null) {
        await assertRejects(() => server.connect(credentials));
        return;
      }
      const client = await server.connect(credentials);
      assertEquals(server.connection(client.info!.client_id).account!.name, account);
      await client.close();
      await server.clientsCount(0);
    });
  }
});

Deno.test("TestNoAuthUserNoConnectProto", async () => {
  await using server = await testServer(
    {},
    `accounts { A { users [ { user: "foo", password: "pwd" } ] } }
     authorization { timeout: 1 }
     no_auth_user: "foo"`,
  );
  const first = await server.raw();
  await first.info();
  await first.send("PUB foo 2\r\nok\r\n");
  await first.expect(OK);
  await first.flush();
  assertEquals(server.server.clients.size, 1);
  first.close();
  await server.clientsCount(0);

  // Who says nothing at all is cut off as ever.
  const silent = await server.raw();
  await silent.info();
  await server.clientsCount(1);
  const startMs = performance.now();
  await silent.expectEnd();
  assert(performance.now() - startMs < 2000);
  await server.clientsCount(0);
});

Deno.test("TestUserConnectionDeadline", async () => {
  await using server = await testServer({
    authenticate: ({ user }) => user === "valid" ? { expiresMs: Date.now() + 50 } : null,
  });
  const client = await server.rawLogin({ user: "valid" });
  const end = await client.expectEnd();
  assertEquals(end, "-ERR 'User Authentication Expired'\r\n");
  const [closed] = server.server.closedConnections.all();
  assertEquals(closed!.reason, "Authentication Expired");
});

Deno.test("TestDNSAltNameMatching", () => {
  const cases: [altName: string, urls: string[], match: boolean][] = [
    ["foo", ["FOO"], true],
    ["foo", [".."], false],
    ["foo", ["."], false],
    ["Foo", ["foO"], true],
    ["FOO", ["foo"], true],
    ["foo1", ["bar"], false],
    ["multi", ["m", "mu", "mul", "multi"], true],
    ["multi", ["multi", "m", "mu", "mul"], true],
    ["foo.bar", ["foo", "foo.bar.bar", "foo.baz"], false],
    ["foo.Bar", ["foo", "bar.foo", "Foo.Bar"], true],
    ["foo.*", ["foo", "bar.foo", "Foo.Bar"], false],
    ["f*.bar", ["foo", "bar.foo", "Foo.Bar"], false],
    ["*.bar", ["foo.bar"], true],
    ["*", ["baz.bar", "bar", "z.y"], true],
    ["*", ["bar"], true],
    ["*", ["."], false],
    ["*", [""], true],
    ["*", ["*"], true],
    ["bar.*", ["bar.*"], true],
    ["*.Y-X-red-mgmt.default.svc", ["A.Y-X-red-mgmt.default.svc"], true],
    ["*.Y-X-green-mgmt.default.svc", ["A.Y-X-green-mgmt.default.svc"], true],
    ["*.Y-X-blue-mgmt.default.svc", ["A.Y-X-blue-mgmt.default.svc"], true],
    ["Y-X-red-mgmt", ["Y-X-red-mgmt"], true],
    ["Y-X-red-mgmt", ["X-X-red-mgmt"], false],
    ["Y-X-red-mgmt", ["Y-X-green-mgmt"], false],
    ["Y-X-red-mgmt", ["Y"], false],
    ["Y-X-red-mgmt", ["Y-X"], false],
    ["Y-X-red-mgmt", ["Y-X-red"], false],
    ["Y-X-red-mgmt", ["X-red-mgmt"], false],
    ["Y-X-green-mgmt", ["Y-X-green-mgmt"], true],
    ["Y-X-blue-mgmt", ["Y-X-blue-mgmt"], true],
    ["connect.Y.local", ["connect.Y.local"], true],
    ["connect.Y.local", [".Y.local"], false],
    ["connect.Y.local", ["..local"], false],
    ["gcp.Y.local", ["gcp.Y.local"], true],
    ["uswest1.gcp.Y.local", ["uswest1.gcp.Y.local"], true],
  ];
  for (const [altName, hosts, match] of cases) {
    const urls = hosts.map((host) => parseServerUrl(`nats://${host}`));
    assertEquals(dnsAltNameMatches(altName, urls), match, `${altName} ${hosts}`);
  }
});
