// Ports: server/opts_test.go
/** Users, permissions, operators. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { encodeOperator } from "@nats-io/jwt";
import { createOperator } from "@nats-io/nkeys";
import { applyBaseline, defaultOptions } from "../../../src/config/baseline.ts";
import type { Permissions } from "../../../src/config/auth_options.ts";
import { emptyOptions, type Options } from "../../../src/config/options.ts";
import { processConfigText } from "../../../src/config/process.ts";
import { defaultTlsOptions } from "../../../src/config/tls_options.ts";
import { validateOptions } from "../../../src/config/validate.ts";
import { memorySource } from "../conf/_memory_source.ts";
import { errorOf, processText } from "./_opts.ts";
import {
  authTimeouts,
  defaultPermissions,
  leafAuthTimeouts,
  misconfigurations,
  queueQualifiers,
} from "./_opts_cases.ts";
import {
  operatorJwt,
  operatorList,
  operatorWithMemoryResolver,
  operatorWithUrlResolver,
} from "./_opts_operators.ts";

/** What the reference's NewServer does with options before it makes a server of them. */
function prepare(options: Options): void {
  applyBaseline(options);
  validateOptions(options);
}

function prepareError(options: Options): string {
  return assertThrows(() => prepare(options), Error).message;
}

function userPermissions(options: Options, name: string): Permissions {
  const user = options.users?.find(({ username }) => username === name);
  assert(user !== undefined && user.permissions !== null, name);
  return user.permissions;
}

Deno.test("TestMultipleUsersConfig", () => {
  const options = processText(`
    listen: 127.0.0.1:4443
    authorization {
      users = [
        {user: alice, password: foo}
        {user: bob,   password: bar}
      ]
      timeout: 0.5
    }`);
  applyBaseline(options);
  assertEquals(options.users?.length, 2);
});

Deno.test("TestAuthorizationConfig", () => {
  const options = processText(`
    listen: 127.0.0.1:4222
    authorization {
      all = { publish = "*", subscribe = ">" }
      requester = { publish = ["req.foo", "req.bar"], subscribe = "_INBOX.>" }
      other = { subscribe = "PUBLIC.>" }
      service = { subscribe = "my.service.req", publish_allow_responses: true }
      stream = { subscribe = "my.service.req", allow_responses: {max: 10, expires: "1m"} }
      default_permissions: $other
      users = [
        {user: alice, password: foo, permissions: $all}
        {user: bob,   password: bar, permissions: $requester}
        {user: susan, password: baz}
        {user: svca,  password: pc,  permissions: $service}
        {user: svcb,  password: sam, permissions: $stream}
      ]
    }`);
  applyBaseline(options);
  assertEquals(options.users?.length, 5);
  const alice = userPermissions(options, "alice");
  assertEquals(alice.publish?.allow, ["*"]);
  assertEquals(alice.subscribe?.allow, [">"]);
  userPermissions(options, "bob");
  const susan = userPermissions(options, "susan");
  assertEquals(susan.publish, null);
  assertEquals(susan.subscribe?.allow, ["PUBLIC.>"]);
  const svca = userPermissions(options, "svca");
  assertEquals(svca.subscribe?.allow, ["my.service.req"]);
  assertEquals(svca.publish?.allow, []);
  assertEquals(svca.response, { maxMsgs: 1, expiresMs: 120_000 });
  const svcb = userPermissions(options, "svcb");
  assertEquals(svcb.subscribe?.allow, ["my.service.req"]);
  assertEquals(svcb.publish?.allow, []);
  assertEquals(svcb.response, { maxMsgs: 10, expiresMs: 60_000 });
});

Deno.test("TestNewStyleAuthorizationConfig", () => {
  const options = processText(`
    listen: 127.0.0.1:4222
    authorization {
      normal = {
        publish = { allow = ["foo", "bar", "baz"] }
        subscribe = { deny = "$SYS.>" }
      }
      admin = {
        publish = "$SYS.>"
        subscribe = { deny = ["foo", "bar", "baz"] }
      }
      users = [
        {user: alice, password: foo, permissions: $normal}
        {user: bob, password: special, permissions: $admin}
      ]
    }`);
  applyBaseline(options);
  assertEquals(options.users?.length, 2);
  assertEquals(userPermissions(options, "alice"), {
    publish: { allow: ["foo", "bar", "baz"], deny: null },
    subscribe: { allow: null, deny: ["$SYS.>"] },
    response: null,
  });
  assertEquals(userPermissions(options, "bob"), {
    publish: { allow: ["$SYS.>"], deny: null },
    subscribe: { allow: null, deny: ["foo", "bar", "baz"] },
    response: null,
  });
});

const NKEY_1 = "UDKTV7HZVYJFJN64LLMYQBUR6MTNNYCDC3LAZH4VHURW3GZLL3FULBXV";
const NKEY_2 = "UA3C5TBZYK5GJQJRWPMU6NFY5JNAEVQB2V2TUZFZDHFJFUYVKTTUOFKZ";

Deno.test("TestNkeyUsersConfig", () => {
  const options = processText(
    `authorization { users = [ {nkey: "${NKEY_1}"}, {nkey: "${NKEY_2}"} ] }`,
  );
  assertEquals(options.nkeys?.length, 2);
});

Deno.test("TestNkeyUsersDefaultPermissionsConfig", () => {
  const options = processText(defaultPermissions);
  const check = (byDefault: Permissions | null, own: Permissions | null) => {
    assertEquals(byDefault?.publish?.allow?.[0], "foo");
    assertEquals(byDefault?.subscribe, null);
    assertEquals(own?.subscribe?.allow?.[0], "bar");
    assertEquals(own?.publish, null);
  };
  assertEquals(options.users?.length, 4);
  const of = (name: string) => userPermissions(options, name);
  check(of("user"), of("other"));
  check(of("accuser"), of("accother"));
  assertEquals(options.nkeys?.length, 4);
  const ofNkey = (start: string) =>
    options.nkeys!.find(({ nkey }) => nkey.startsWith(start))!.permissions;
  check(ofNkey("UDK"), ofNkey("UA3"));
  check(ofNkey("UC4"), ofNkey("UDL"));
});

Deno.test("TestNkeyUsersWithPermsConfig", () => {
  const options = processText(`
    authorization {
      users = [
        {nkey: "${NKEY_1}",
         permissions = {
           publish = "$SYS.>"
           subscribe = { deny = ["foo", "bar", "baz"] }
         }
        }
      ]
    }`);
  assertEquals(options.nkeys?.length, 1);
  assertEquals(options.nkeys?.[0]?.permissions, {
    publish: { allow: ["$SYS.>"], deny: null },
    subscribe: { allow: null, deny: ["foo", "bar", "baz"] },
    response: null,
  });
});

Deno.test("TestBadNkeyConfig", () => {
  errorOf('authorization { users = [ {nkey: "Ufoo"}] }');
});

Deno.test("TestNkeyWithPassConfig", () => {
  errorOf(`authorization { users = [ {nkey: "${NKEY_1}", pass: "foo"} ] }`);
});

Deno.test("TestTokenWithUserPass", () => {
  const error = errorOf(
    "authorization={\n  user: user\n  pass: password\n  token: $2a$11$whatever\n}",
  );
  assert(error.includes("token"), error);
});

Deno.test("TestTokenWithUsers", () => {
  const error = errorOf(
    "authorization={\n  token: $2a$11$whatever\n  users: [ {user: test, password: test} ]\n}",
  );
  assert(error.includes("token"), error);
});

Deno.test("TestAccountUsersLoadedProperly", () => {
  const authorization = `authorization {
    users [
      {user: ivan, password: bar}
      {nkey : UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX}
    ]
  }\n`;
  const accounts = `accounts {
    synadia {
      users [
        {user: derek, password: foo}
        {nkey : UBAAQWTW6CG2G6ANGNKB5U2B7HRWHSGMZEZX3AQSAJOQDAUGJD46LD2E}
      ]
    }
  }\n`;
  // The reference repeats the test for its random order; ours is that of the file.
  for (const blocks of [authorization + accounts, accounts + authorization]) {
    const options = processText(`listen: "127.0.0.1:-1"\n${blocks}`);
    prepare(options);
    assertEquals([options.users?.length, options.nkeys?.length], [2, 2]);
  }
});

Deno.test("TestReadOperatorJWT", () => {
  const options = processText(operatorWithUrlResolver);
  assertEquals(
    options.systemAccount,
    "ADZ547B24WHPLWOK7TMLNBSA7FQFXR6UM2NZ4HHNIB7RDFVZQFOZ4GQQ",
  );
  assertEquals(options.accountResolver, {
    kind: "url",
    url: "http://localhost:8000/jwt/v1/accounts/",
  });
});

Deno.test("TestReadMultipleOperatorJWT", () => {
  const options = processText(operatorList);
  assertEquals(options.trustedOperators.map(({ claims }) => claims.name), ["OP", "op2"]);
  assertEquals(options.trustedOperators.map(({ claims }) => claims.nats.systemAccount), [
    "ADZ547B24WHPLWOK7TMLNBSA7FQFXR6UM2NZ4HHNIB7RDFVZQFOZ4GQQ",
    "ACQTWVGSGHYVY3R6D2WMO3V6LV2MGK5B7G47E43BHJB6FQVY7EHNTMMG",
  ]);
  assertEquals(options.systemAccount, "SYSACC");
});

Deno.test("TestReadOperatorJWTSystemAccountMatch", () => {
  prepare(processText(
    `${operatorWithMemoryResolver}
    system_account: ADSPOYMHXJN6JVYQCLRZ5XQ5IUN6A3S33XA4NV4VH74423U7U7YR4YVW`,
  ));
});

Deno.test("TestReadOperatorJWTSystemAccountMismatch", () => {
  const error = prepareError(processText(
    `${operatorWithMemoryResolver}
    system_account: ADXJJCDCSRSMCOV25FXQW7R4QOG7R763TVEXBNWJHLBMBGWOJYG5XZBG`,
  ));
  assert(
    error.includes("system_account in config and operator JWT must be identical"),
    error,
  );
});

async function operatorAsking(version: string): Promise<Options> {
  // The package does not know the field, but encodes it.
  const claims = { assert_server_version: version } as Parameters<typeof encodeOperator>[2];
  const jwt = await encodeOperator("op", createOperator(), claims);
  return processText(`operator: ${jwt}\nresolver: MEM\n`);
}

Deno.test("TestReadOperatorAssertVersion", async () => {
  const options = await operatorAsking("1.2.3");
  assertEquals(options.trustedOperators[0]?.claims.nats.assertServerVersion, "1.2.3");
  prepare(options);
});

Deno.test("TestReadOperatorAssertVersionFail", async () => {
  const error = prepareError(await operatorAsking("10.20.30"));
  assert(error.includes("expected major version 10 > server major version"), error);
});

Deno.test("TestDefaultAuthTimeout", () => {
  const plain = emptyOptions();
  prepare(plain);
  assertEquals(plain.authTimeoutMs, 2000);
  const secure = emptyOptions();
  secure.tlsConfig = { ...defaultTlsOptions(), timeoutMs: 4000 };
  secure.tlsTimeoutMs = 4000;
  prepare(secure);
  assertEquals(secure.authTimeoutMs, 5000);
});

Deno.test("TestQueueQualifierOnlyAllowedForSubscribePermissions", async (t) => {
  for (const { name, config, wrong } of queueQualifiers) {
    await t.step(name, () => {
      if (wrong) errorOf(config);
      else processText(config);
    });
  }
  const options = defaultOptions();
  options.cluster.permissions = {
    import: null,
    export: { allow: null, deny: ["admin.secret workers"] },
  };
  assertThrows(() => validateOptions(options), Error);
});

Deno.test("TestResolverPinnedAccountsFail", () => {
  const config = (pinned: string) =>
    `operator: ${operatorJwt}\nresolver: URL(foo.bar)\nresolver_pinned_accounts: [${pinned}]\n`;
  const error = prepareError(processText(config("f")));
  assert(error.includes(" is not a valid public account nkey"), error);
  const types = errorOf(config("1, x"));
  assert(types.includes("parsing resolver_pinned_accounts: unsupported type"), types);
});

Deno.test("TestAuthorizationAndAccountsMisconfigurations", async (t) => {
  for (const { name, config, error } of misconfigurations) {
    await t.step(name, () => {
      const actual = errorOf(config);
      assert(actual.includes(error), actual);
    });
  }
});

Deno.test("TestProcessConfigString", async (t) => {
  for (const { name, config, error } of misconfigurations) {
    await t.step(name, () => {
      const read = () => processConfigText(emptyOptions(), config, memorySource());
      const actual = assertThrows(read, Error);
      assert(actual.message.includes(error), actual.message);
    });
  }
});

Deno.test("TestDefaultSentinel", () => {
  const options = processText('default_sentinel: "hello"\n');
  assertEquals(options.defaultSentinel, "hello");
  assertEquals(prepareError(options), "default sentinel requires operators and accounts");
});

Deno.test("TestAuthorizationTimeoutConfigParsing", async (t) => {
  for (const { name, config, parsedMs, runningMs, error } of authTimeouts) {
    await t.step(name, () => {
      if (error !== undefined) {
        const actual = errorOf(config);
        assert(actual.includes(error), actual);
        return;
      }
      const options = processText(config);
      assertEquals(options.authTimeoutMs, parsedMs!);
      prepare(options);
      assertEquals(options.authTimeoutMs, runningMs!);
    });
  }
});

Deno.test("TestLeafnodeAuthorizationTimeoutConfigParsing", async (t) => {
  for (const { name, config, parsedMs, error } of leafAuthTimeouts) {
    await t.step(name, () => {
      if (error === undefined) {
        assertEquals(processText(config).leafNode.authTimeoutMs, parsedMs!);
      } else {
        const actual = errorOf(config);
        assert(actual.includes(error), actual);
      }
    });
  }
});

Deno.test("TestOptionsProxyRequired", () => {
  const single = processText(
    "port: -1\nauthorization { user: user, password: pwd, proxy_required: true }",
  );
  assertEquals([single.username, single.password], ["user", "pwd"]);
  assertEquals(single.proxyRequired, true);

  const named = `
    {user: user1, password: pwd1}
    {user: user2, password: pwd2, proxy_required: true}
    {user: user3, password: pwd3, proxy_required: false}`;
  const proxied = "UCARKS2E3KVB7YORL2DG34XLT7PUCOL2SVM7YXV6ETHLW6Z46UUJ2VZ3";
  const direct = "UD6AYQSOIN2IN5OGC6VQZCR4H3UFMIOXSW6NNS6N53CLJA4PB56CEJJI";
  const users = `users: [ ${named}
    {nkey: "${proxied}", proxy_required: true}
    {nkey: "${direct}", proxy_required: false}
  ]`;
  const required = (list: readonly { proxyRequired: boolean }[] | null) =>
    list?.map(({ proxyRequired }) => proxyRequired);
  for (const block of [`authorization { ${users} }`, `accounts { A { ${users} } }`]) {
    const options = processText(`port: -1\n${block}`);
    assertEquals(required(options.users), [false, true, false]);
    assertEquals(options.nkeys?.map(({ nkey }) => nkey), [proxied, direct]);
    assertEquals(required(options.nkeys), [true, false]);
  }
  assertEquals(
    processText(`accounts { A { ${users} } }`).accounts.map(({ name }) => name),
    ["A"],
  );

  const leaf = (fields: string) =>
    processText(`port: -1\nleafnodes { port: -1, authorization { ${fields} } }`).leafNode;
  const user = leaf("user: user, password: pwd, proxy_required: true");
  assertEquals([user.username, user.password, user.proxyRequired], ["user", "pwd", true]);
  const nkey = leaf(`nkey: "${proxied}", proxy_required: true`);
  assertEquals([nkey.nkey, nkey.proxyRequired], [proxied, true]);
  assertEquals(required(leaf(`users: [ ${named} ]`).users), [false, true, false]);
  assertNotEquals(leaf(`users: [ ${named} ]`).users, []);
});
