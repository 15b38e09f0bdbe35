// Ports: server/accounts_test.go
/**
 * Accounts of a configuration: isolation, users, limits and mappings.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { fromSeed } from "@nats-io/nkeys";
import { emptyOptions, type Options, processConfigText } from "../../../src/config/mod.ts";
import type { Account } from "../../../src/core/account/account.ts";
import { SubjectMappings } from "../../../src/subject/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { OK, PONG } from "../../harness/raw_client.ts";
import { Inbox, type TestServer, testServer } from "../../harness/server.ts";

function parsed(config: string): Options {
  const options = emptyOptions();
  processConfigText(options, config, systemConfigSource());
  return options;
}

Deno.test("TestAccountFromOptions", async () => {
  await using server = await testServer({}, "accounts = [ foo, bar ]");
  // The global and the system account are always there, and each can ask the system account.
  assertEquals(server.server.core.accounts.size, 4);
  assertEquals(server.account("foo").subscriptionCount, 4);
  assertEquals(server.account("bar").subscriptionCount, 4);
});

Deno.test("TestAccountGlobalDefault", async () => {
  await using server = await testServer();
  assertEquals(server.server.core.globalAccount, server.account("$G"));
  assertThrows(() => parsed("accounts { $G {} }"));
});

const FOO_AND_BAR = `accounts {
  foo { users [ { user: foo, password: foo } ] }
  bar { users [ { user: bar, password: bar } ] }
}`;

Deno.test("TestAccountIsolation", async () => {
  await using server = await testServer({}, FOO_AND_BAR);
  const foo = await server.rawWithConnection({ user: "foo", pass: "foo" });
  const bar = await server.rawWithConnection({ user: "bar", pass: "bar" });
  await bar.client.send("SUB foo 1\r\n");
  await bar.client.flush();
  await foo.client.send("SUB foo 1\r\nPUB foo 5\r\nhello\r\nPING\r\n");
  const message = await foo.client.message();
  assertEquals([message.subject, message.sid, message.body], ["foo", "1", "hello"]);
  await foo.client.expect(PONG);
  assertNotStrictEquals(foo.connection.account, bar.connection.account);
  await bar.client.flush();
  await bar.client.expectNothing();
});

Deno.test("TestAccountSimpleConfig", () => {
  assertEquals(parsed("accounts = [ foo, bar ]").accounts.map((each) => each.name), ["foo", "bar"]);
  assertThrows(() => parsed("accounts = [ foo, foo ]"));
});

Deno.test("TestAccountParseConfig", () => {
  const { accounts, users } = parsed(`accounts {
    synadia { users = [ { user: alice, password: foo }, { user: bob, password: bar } ] }
    nats.io {
      msg_trace: { dest: "my.trace.dest", sampling: 50% }
      users = [ { user: derek, password: foo }, { user: ivan, password: bar } ]
    }
  }`);
  assertEquals(accounts.length, 2);
  assertEquals(users!.length, 4);
  const nats = accounts.find((account) => account.name === "nats.io")!;
  assertEquals([nats.traceDest, nats.traceDestSampling], ["my.trace.dest", 50]);
  assertEquals(users!.find((user) => user.username === "derek")!.account, "nats.io");
});

Deno.test("TestAccountParseConfigDuplicateUsers", () => {
  assertThrows(() =>
    parsed(`accounts {
      synadia { users = [ { user: alice, password: foo }, { user: bob, password: bar } ] }
      nats.io { users = [ { user: alice, password: bar } ] }
    }`)
  );
});

Deno.test("TestAccountLimitsServerConfig", async () => {
  const config = `max_connections: 10
    accounts {
      MAXC {
        users = [ { user: derek, password: foo } ]
        limits { max_connections: 5, max_subs: 10, max_payload: 32k, max_leafnodes: 1 }
      }
    }`;
  assertEquals(parsed(config).accounts[0]!.limits!.maxLeafNodes, 1);
  await using server = await testServer({}, config);
  assertEquals(server.account("MAXC").limits.maxConnections, 5);
  const login = { user: "derek", pass: "foo" };
  for (let i = 0; i < 5; i++) await server.connect(login);
  await assertRejects(() => server.connect(login));
});

Deno.test("TestNewAccountAndRequireNewAlwaysError", async () => {
  await using server = await testServer(
    {},
    `accounts: {
       A: { users: [ { user: ua, password: pa } ] },
       B: { users: [ { user: ub, password: pb } ] },
     }`,
  );
  const login = { user: "ua", pass: "pa" };
  const good = await server.rawLogin(login);
  await good.flush();
  for (
    const more of [{ account: "ANY" }, { new_account: true }, { account: "B" }, { account: "A" }]
  ) {
    const client = await server.rawLogin({ ...login, ...more });
    await client.expect(/^-ERR 'Authorization Violation'\r\n/);
  }
});

Deno.test("TestAccountSystemPermsWithGlobalAccess", async () => {
  await using server = await testServer(
    {},
    `accounts { $SYS { users = [ { user: "admin", pass: "s3cr3t!" } ] } }`,
  );
  const anybody = await server.connect();
  assertEquals(server.connection(anybody.info!.client_id).account!.name, "$G");
  const admin = await server.connect({ user: "admin", pass: "s3cr3t!" });
  assertEquals(server.connection(admin.info!.client_id).account!.name, "$SYS");
  await assertRejects(() => server.connect({ user: "admin", pass: "wrong" }));
});

Deno.test("TestAccountMapsUsers", async () => {
  await using server = await testServer(
    {},
    `accounts {
       synadia {
         users = [
           { user: derek, password: foo }
           { nkey: UCNGL4W5QX66CFX6A6DCBVDH5VOHMI7B2UZZU7TXAUQQSI2JPHULCKBR }
         ]
       }
       nats {
         users = [
           { user: ivan, password: bar }
           { nkey: UDPGQVFIWZ7Q5UH4I5E6DBCZULQS6VTVBG6CYBD7JV3G3N2GMQOMNAUH }
         ]
       }
     }`,
  );
  for (const [user, pass, account] of [["derek", "foo", "synadia"], ["ivan", "bar", "nats"]]) {
    const { client, connection } = await server.rawWithConnection({ user, pass });
    await client.flush();
    assertEquals(connection.account!.name, account);
  }
  const seeds = [
    ["SUAPM67TC4RHQLKBX55NIQXSMATZDOZK6FNEOSS36CAYA7F7TY66LP4BOM", "synadia"],
    ["SUAIS5JPX4X4GJ7EIIJEQ56DH2GWPYJRPWN5XJEDENJOZHCBLI7SEPUQDE", "nats"],
  ] as const;
  const encoder = new TextEncoder();
  for (const [seed, account] of seeds) {
    const keys = fromSeed(encoder.encode(seed));
    const client = await server.raw();
    const { nonce, client_id } = await client.info();
    assert(nonce !== undefined && nonce !== "");
    const sig = keys.sign(encoder.encode(nonce)).toBase64({ alphabet: "base64url" });
    const login = { nkey: keys.getPublicKey(), sig, verbose: true, pedantic: true };
    await client.send(`CONNECT ${JSON.stringify(login)}\r\nPING\r\n`);
    await client.expect(OK);
    assertEquals(server.connection(client_id).account!.name, account);
  }
});

/** The mappings of the global account, which a test changes as it goes. */
function mappingsOf(server: TestServer, account: Account): SubjectMappings {
  const mappings = new SubjectMappings(server.server.core.env.random.below);
  account.mapper = mappings;
  return mappings;
}

const to = (subject: string, weight = 100) => ({ subject, weight, cluster: "" });

/** Two publishes to foo, one while it is mapped to bar and one afterwards. */
async function expectMapping(connectFirst: boolean): Promise<void> {
  await using server = await testServer();
  const { globalAccount } = server.server.core;
  const early = connectFirst ? await server.connect() : null;
  await early?.flush();
  const mappings = mappingsOf(server, globalAccount);
  mappings.add("foo", [to("bar")]);
  const client = early ?? await server.connect();
  const foo = new Inbox(client, "foo");
  const bar = new Inbox(client, "bar");
  client.publish("foo");
  await client.flush();
  assertEquals([foo.count, bar.count], [0, 1]);
  assert(mappings.remove("foo"));
  client.publish("foo");
  await client.flush();
  assertEquals([foo.count, bar.count], [1, 1]);
}

Deno.test("TestAccountBasicRouteMapping", () => expectMapping(false));
Deno.test("TestAccountRouteMappingChangesAfterClientStart", () => expectMapping(true));

Deno.test("TestAccountWildcardRouteMapping", async () => {
  await using server = await testServer();
  const mappings = mappingsOf(server, server.server.core.globalAccount);
  mappings.add("foo.*.*", [to("bar.$2.$1")]);
  mappings.add("bar.*.>", [to("baz.$1.>")]);
  const client = await server.connect();
  const inboxes = ["foo.>", "bar.>", "baz.>"].map((subject) => new Inbox(client, subject));
  client.publish("foo.1.2");
  await client.flush();
  assertEquals(inboxes.map((inbox) => inbox.count), [0, 1, 0]);
});

function expectAbout(count: number, expected: number): void {
  const tolerance = expected / 5;
  assert(
    count >= expected - tolerance && count <= expected + tolerance,
    `expected about ${expected}, got ${count}`,
  );
}

Deno.test("TestAccountSimpleWeightedRouteMapping", async () => {
  await using server = await testServer();
  const mappings = mappingsOf(server, server.server.core.globalAccount);
  mappings.add("foo", [to("bar", 50)]);
  const client = await server.connect();
  const foo = new Inbox(client, "foo");
  const bar = new Inbox(client, "bar");
  for (let i = 0; i < 500; i++) client.publish("foo");
  await client.flush();
  expectAbout(foo.count, 250);
  assertEquals(foo.count + bar.count, 500);
});

Deno.test("TestAccountMultiWeightedRouteMappings", async () => {
  await using server = await testServer();
  const mappings = mappingsOf(server, server.server.core.globalAccount);
  assertThrows(() => mappings.add("foo", [to("bar", 150)]));
  mappings.add("foo", [to("bar", 50)]);
  mappings.add("foo", [to("bar", 50), to("baz", 50)]);
  assertThrows(() => mappings.add("foo", [to("bar", 50), to("bar", 50)]));
  assertThrows(() => mappings.add("foo", [to("bar", 50), to("baz", 60)]));
  mappings.remove("foo");
  // What is missing to 100 stays where it is.
  mappings.add("foo", [to("bar", 50), to("baz", 30)]);
  const client = await server.connect();
  const inboxes = ["foo", "bar", "baz"].map((subject) => new Inbox(client, subject));
  const total = 5000;
  for (let i = 0; i < total; i++) client.publish("foo");
  await client.flush();
  for (const [i, weight] of [20, 50, 30].entries()) {
    expectAbout(inboxes[i]!.count, total / Math.floor(100 / weight));
  }
});

const MAPPINGS = `mappings = {
  foo: bar
  foo.*: [ { dest: bar.v1.$1, weight: 40% }, { destination: baz.v2.$1, weight: 20 } ]
  bar.*.*: RAB.$2.$1
}`;

Deno.test("TestGlobalAccountRouteMappingsConfiguration", async () => {
  await using server = await testServer({}, MAPPINGS);
  const client = await server.connect();
  const bar = new Inbox(client, "bar");
  const first = new Inbox(client, "bar.v1.>");
  const second = new Inbox(client, "baz.v2.>");
  const rab = new Inbox(client, "RAB.>");
  const own = new Inbox(client, "foo.*");
  client.publish("foo");
  client.publish("bar.11.22");
  for (let i = 0; i < 500; i++) client.publish("foo.22");
  await client.flush();
  assertEquals([bar.count, rab.count], [1, 1]);
  assert(first.count >= second.count && own.count >= second.count);
});

Deno.test("TestAccountRouteMappingsConfiguration", async () => {
  await using server = await testServer(
    { httpHost: "127.0.0.1", httpPort: -1 },
    `accounts { synadia { users = [ { user: derek, password: foo } ]\n${MAPPINGS}\n} }`,
  );
  assert(server.account("synadia").mapper !== null);
  const answer = await fetch(
    `http://127.0.0.1:${server.server.monitorPort}/accountz?acc=synadia`,
  );
  const { account_detail } = await answer.json();
  assertEquals(Object.keys(account_detail.mappings).length, 3);
});

Deno.test("TestAccountRouteMappingsWithLossInjection", async () => {
  await using server = await testServer(
    {},
    `mappings = { foo: { dest: foo, weight: 80% }, bar: { dest: bar, weight: 0% } }`,
  );
  const client = await server.connect();
  const foo = new Inbox(client, "foo");
  const bar = new Inbox(client, "bar");
  for (let i = 0; i < 1000; i++) client.publish("foo");
  await client.flush();
  assert(foo.count < 1000);
  for (let i = 0; i < 1000; i++) client.publish("bar");
  await client.flush();
  assertEquals(bar.count, 0);
});

Deno.test("TestAccountRouteMappingsWithOriginClusterFilter", async () => {
  await using server = await testServer(
    {},
    `mappings = { foo: { dest: bar, cluster: SYN, weight: 100% } }`,
  );
  const client = await server.connect();
  const foo = new Inbox(client, "foo");
  for (let i = 0; i < 1000; i++) client.publish("foo");
  await client.flush();
  assertEquals(foo.count, 1000);
  (server.server.core.globalAccount.mapper as SubjectMappings).clusterName = "SYN";
  const bar = new Inbox(client, "bar");
  for (let i = 0; i < 1000; i++) client.publish("foo");
  await client.flush();
  assertEquals(bar.count, 1000);
});

Deno.test("TestAccountUserSubPermsWithQueueGroups", async () => {
  await using server = await testServer(
    {},
    `authorization {
       users = [ { user: user, password: "pass", permissions: {
         publish: "foo.restricted"
         subscribe: { allow: "foo.>", deny: "foo.restricted" }
         allow_responses: { max: 1, ttl: 0s }
       } } ]
     }`,
  );
  const client = await server.connect({ user: "user", pass: "pass" });
  const inbox = new Inbox(client, "foo.>", "qg");
  client.publish("foo.restricted", "RESTRICTED");
  await client.flush();
  assertEquals(inbox.count, 0);
});
