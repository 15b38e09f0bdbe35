/**
 * Ports: server/jwt_test.go, the tests of templates, scopes, and of where and when users connect.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  decodeUserClaims,
  emptyUserPermissionLimits,
  fillTemplate,
  TemplateError,
  timesAllowed,
} from "../../../src/identity/mod.ts";
import {
  createAccount,
  createUser,
  encodeScopedUser,
  encodeUser,
  nowS,
} from "../../harness/jwt.ts";
import { ERR, OK, PONG } from "../../harness/raw_client.ts";
import { testServer } from "../../harness/server.ts";
import { JwtServer, jwtServer } from "./_jwt.ts";

const HOUR = 3600;

/** A scoped user `myname` with these tags, and what fills templates for it. */
function templates(tags: string[]) {
  const [account, user] = [createAccount(), createUser()];
  const claims = decodeUserClaims(
    encodeScopedUser(user, createAccount(), account, { tags }, { name: "myname" }),
  );
  const known = { nameTag: "accname", tags: ["acc:acc1", "acc:acc2"] };
  const fill = (pub: { allow?: string[]; deny?: string[] }, sub: typeof pub = {}) =>
    fillTemplate(
      {
        ...emptyUserPermissionLimits(),
        pub: { allow: [], deny: [], ...pub },
        sub: { allow: [], deny: [], ...sub },
      },
      claims,
      known,
    );
  return { account: account.getPublicKey(), user: user.getPublicKey(), fill };
}

Deno.test("TestJWTTemplates", () => {
  const { account, user, fill } = templates([
    "foo:foo1",
    "foo:foo2",
    "bar:bar1",
    "bar:bar2",
    "bar:bar3",
  ]);
  const deny = ["{{tag(foo)}}.{{account-tag(acc)}}"];
  const pub = { allow: ["{{tag(foo)}}.none.{{tag(bar)}}"], deny };
  const sub = {
    allow: ["{{tag(NOT_THERE)}}"],
    deny: ["foo.{{name()}}.{{subject()}}.{{account-name()}}.{{account-subject()}}.bar"],
  };
  const filled = fill(pub, sub);
  assertEquals(filled.pub.allow.sort(), [
    "foo1.none.bar1",
    "foo1.none.bar2",
    "foo1.none.bar3",
    "foo2.none.bar1",
    "foo2.none.bar2",
    "foo2.none.bar3",
  ]);
  assertEquals(filled.pub.deny.sort(), ["foo1.acc1", "foo1.acc2", "foo2.acc1", "foo2.acc2"]);
  assertEquals(filled.sub, { allow: [], deny: [`foo.myname.${user}.accname.${account}.bar`, ">"] });
  assertThrows(
    () => fill({ ...pub, deny: [...deny, "{{tag(NOT_THERE)}}"] }, sub),
    TemplateError,
    "generated invalid subject",
  );
});

Deno.test("TestJWTInLineTemplates", () => {
  const { fill } = templates(["bucket:a"]);
  const { pub } = fill({ allow: ["$JS.API.STREAM.INFO.KV_{{tag(bucket)}}"] });
  assertEquals(pub.allow, ["$JS.API.STREAM.INFO.KV_a"]);
});

Deno.test("TestJWTTemplateGoodTagAfterBadTag", () => {
  const { fill } = templates(["foo:foo1"]);
  assertThrows(
    () => fill({ deny: ["{{tag(NOT_THERE)}}.{{tag(foo)}}"] }),
    TemplateError,
    "generated invalid subject",
  );
});

Deno.test("TestJWTLimitsTemplate", async (t) => {
  await using server = await jwtServer();
  const [account, signer, user] = [createAccount(), createAccount(), createUser()];
  const template = {
    pub: { allow: ["foo.{{name()}}"], deny: ["denied"] },
    sub: { allow: ["foo.{{name()}}"] },
  };
  server.addAccount(account, {
    signing_keys: [{ kind: "user_scope", key: signer.getPublicKey(), role: "", template }],
  });
  const jwt = encodeScopedUser(user, signer, account, {}, { name: "myname" });
  await t.step("pass", async () => {
    const client = await server.clientOf(user, jwt);
    await client.expect(PONG);
    await client.send("SUB foo.myname 1\r\nPUB foo.myname 0\r\n\r\n");
    assertEquals((await client.message()).subject, "foo.myname");
  });
  await t.step("fail", async () => {
    const client = await server.clientOf(user, jwt);
    await client.expect(PONG);
    await client.send("PUB foo.othername 0\r\n\r\n");
    assertStringIncludes(
      (await client.expect(ERR))[1]!,
      'Permissions Violation for Publish to "foo.othername"',
    );
  });
});

Deno.test("TestJWTQueuePermissions", async (t) => {
  await using server = await jwtServer();
  const account = createAccount();
  server.addAccount(account);
  const cases = [
    ["allow", "queue.dev", false],
    ["allow", "", true],
    ["allow", "bad", true],
    ["deny", "", false],
    ["deny", "queue.dev", true],
  ] as const;
  for (const [kind, queue, refused] of cases) {
    await t.step(kind + queue, async () => {
      const client = await server.client(account, { sub: { [kind]: ["foo.> *.dev"] } });
      await client.expect(PONG);
      await client.send(`SUB foo.bar ${queue} 1\r\nPING\r\n`);
      const line = await client.line();
      const violation = 'Permissions Violation for Subscription to "foo.bar"';
      if (refused) assertStringIncludes(line, violation);
      else assertEquals(line, "PONG");
    });
  }
});

/** A range of times of day from `startS` on, in the zone of this machine. */
function range(startS: number, forS: number) {
  const at = (seconds: number): string =>
    new Date(seconds * 1000).toLocaleTimeString("en-GB", { hourCycle: "h23" });
  return { start: at(startS), end: at(startS + forS) };
}

Deno.test("TestJWTUserLimits", async (t) => {
  await using server = await jwtServer();
  const account = createAccount();
  server.addAccount(account);
  const now = nowS() - 1;
  const inAnHour = range(now + HOUR, HOUR);
  const cases: [passes: boolean, nats: Record<string, unknown>][] = [
    [true, {}],
    [false, { src: "8.8.8.8/8" }],
    [true, { src: "8.8.8.8/0" }],
    [true, { src: "127.0.0.1/8" }],
    [true, { src: "8.8.8.8/8,127.0.0.1/8" }],
    [false, { src: "8.8.8.8/8,9.9.9.9/8" }],
    [true, { times: [range(now, HOUR)] }],
    [false, { times: [inAnHour] }],
    [true, { times: [inAnHour, range(now, HOUR)] }],
    [false, { times: [inAnHour, range(now + 2 * HOUR, HOUR)] }],
    [false, { times: [range(now + HOUR, 3 * HOUR), range(now + 2 * HOUR, 2 * HOUR)] }],
    [false, { times: [range(now + HOUR, 3 * HOUR), range(now + 2 * HOUR, HOUR)] }],
    [true, { times: [range(now, 25 * HOUR)] }],
    [true, { times: [range(now, -HOUR)] }],
  ];
  for (const [i, [passes, nats]] of cases.entries()) {
    await t.step(String(i), async () => {
      const client = await server.client(account, nats, { exp: now + 365 * 24 * HOUR });
      if (passes) await client.expect(PONG);
      else assertEquals((await client.expect(ERR))[1], "'Authorization Violation'");
    });
  }
});

Deno.test("TestJWTValidateTimesAt", async (t) => {
  const day = { start: "09:00:00", end: "17:00:00" };
  const night = { start: "22:00:00", end: "06:00:00" };
  const early = { start: "00:00:00", end: "08:00:00" };
  const cases: [name: string, hour: number, times: (typeof day)[], leftHours: number][] = [
    ["inside window", 14.5, [day], 2.5],
    ["before window", 8, [day], 0],
    ["after window", 18, [day], 0],
    ["cross midnight inside window before midnight", 23.5, [night], 6.5],
    ["cross midnight inside window after midnight", 5, [night], 1],
    ["cross midnight before window", 21, [night], 0],
    ["cross midnight after window", 7, [night], 0],
    ["overlap after midnight", 1, [night, early], 7],
    ["overlap after midnight reversed order", 1, [early, night], 7],
  ];
  const today = Math.floor(nowS() / (24 * HOUR)) * 24 * HOUR * 1000;
  for (const [name, hour, times, leftHours] of cases) {
    await t.step(name, () => {
      const found = timesAllowed({ times, locale: "UTC" }, today + hour * HOUR * 1000);
      assertEquals(found, { allowed: leftHours > 0, leftMs: leftHours * HOUR * 1000 });
    });
  }
});

Deno.test("TestJWTNoOperatorMode", async (t) => {
  for (const login of [true, false]) {
    await t.step(login ? "with a user" : "without", async () => {
      await using server = new JwtServer(
        await testServer({}, login ? "authorization { users: [{ user: u, password: pwd }] }" : ""),
      );
      const user = createUser();
      const jwt = encodeUser(user, createAccount(), {}, { exp: nowS() + HOUR });
      const client = await server.test.raw();
      await client.login({
        jwt,
        sig: "x",
        verbose: true,
        ...(login ? { user: "u", pass: "pwd" } : {}),
      });
      await client.expect(OK);
      const connections = [...server.test.server.clients.values()];
      assertEquals(connections.length, 1);
      assert(connections.every(({ connect }) => connect.jwt === ""));
    });
  }
});
