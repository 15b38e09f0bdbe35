// Ports: server/events_test.go
/**
 * What the system account is told about accounts, and what it changes in them.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { NatsConnection } from "@nats-io/transport-node";
import { emptyOptions } from "../../../src/config/mod.ts";
import { ServerError } from "../../../src/errors/mod.ts";
import { connectUser } from "../../harness/jwt_login.ts";
import { createAccount, encodeAccount, nowS, operatorKeys } from "../../harness/jwt.ts";
import {
  newAccount,
  operatorOptions,
  operatorServer,
  operatorServerWithSystem,
  type TestAccount,
} from "../../harness/operator.ts";
import { jetStreamServer } from "../../harness/jetstream.ts";
import { Inbox, type TestServer, testServer, until } from "../../harness/server.ts";
import { ask, type Json } from "./_events.ts";

/** The account that a new JWT of `account` describes. */
function again(account: TestAccount, nats: Json = {}, standard: Json = {}): TestAccount {
  return { ...account, jwt: encodeAccount(account.pair, nats, standard) };
}

/** Makes the server know an account that is only in its resolver so far. */
async function lookUp(server: TestServer, { key }: TestAccount): Promise<void> {
  const found = await server.server.operators!.lookup(key);
  assert(!("failed" in found));
}

async function rawAsk(client: NatsConnection, subject: string, body = ""): Promise<string> {
  return (await client.request(subject, body, { timeout: 10_000 })).string();
}

function assertContains(text: string, parts: readonly string[]): void {
  for (const part of parts) assertStringIncludes(text, part);
}

Deno.test("TestBadAccountUpdate", async () => {
  const account = newAccount();
  await using server = await operatorServer([account]);
  await lookUp(server, account);
  // The JWT of another account.
  const wrong = server.server.operators!.update(
    server.account(account.key),
    encodeAccount(createAccount()),
  );
  assertEquals(wrong, new ServerError("ErrAccountValidation").message);
});

Deno.test("TestSystemAccountFromConfig", async () => {
  const account = newAccount();
  await using web = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(account.jwt),
  );
  await using server = await testServer(
    {},
    `trusted: ${operatorKeys.getPublicKey()}
     system_account: ${account.key}
     resolver: URL("http://127.0.0.1:${web.addr.port}/jwt/v1/accounts/")`,
  );
  assertEquals(server.server.core.systemAccount?.name, account.key);
});

Deno.test("TestAccountClaimsUpdates", async (t) => {
  const subjects = {
    new: (key: string) => `$SYS.REQ.ACCOUNT.${key}.CLAIMS.UPDATE`,
    old: (key: string) => `$SYS.ACCOUNT.${key}.CLAIMS.UPDATE`,
  };
  for (const [name, subject] of Object.entries(subjects)) {
    await t.step(name, async () => {
      const own = newAccount();
      const account = newAccount({ limits: { conn: 4 } });
      await using server = await operatorServerWithSystem([own, account]);
      await lookUp(server, account);
      const { limits } = server.account(account.key);
      assertEquals(limits.maxConnections, 4);
      const system = await connectUser(server, own);
      const times = { iat: nowS() - 30, exp: nowS() + 2 };
      const { jwt } = again(account, { limits: { conn: 8 } }, times);
      system.publish(subject(account.key), jwt);
      await system.flush();
      await until(() => server.account(account.key).limits.maxConnections === 8);
    });
  }
});

Deno.test("TestAccountReqMonitoring", async () => {
  const own = newAccount();
  const unused = newAccount();
  const account = newAccount({
    limits: { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 },
  });
  await using started = await jetStreamServer({
    ...operatorOptions([own, unused, account]),
    systemAccount: own.key,
  });
  const server = started.test;
  await lookUp(server, unused);
  const system = await connectUser(server, own);
  const client = await connectUser(server, account);
  const about = (name: string, { key } = account) => `$SYS.REQ.ACCOUNT.${key}.${name}`;

  assertContains(await rawAsk(system, about("SUBSZ")), ['"num_subscriptions":5,']);
  client.subscribe("foo");
  await client.flush();
  assertContains(await rawAsk(system, about("SUBSZ")), [
    '"num_subscriptions":6,',
    '"subject":"foo"',
  ]);
  assertContains(await rawAsk(system, about("CONNZ")), ['"num_connections":1,', '"total":1,']);
  assertContains(await rawAsk(system, about("JSZ")), ['"memory":0,', '"storage":0,']);
  const one = ['"conns":1,', '"total_conns":1', '"slow_consumers":0', '"num_subscriptions":'];
  const nothing = ['"sent":{"msgs":0,"bytes":0', '"received":{"msgs":0,"bytes":0'];
  const whole = [...one, ...nothing, `"acc":"${account.key}"`];
  assertContains(await rawAsk(system, about("STATZ")), whole);

  const all = "$SYS.REQ.ACCOUNT.PING.STATZ";
  assertContains(await rawAsk(system, all), [
    ...one,
    `"acc":"${account.key}"`,
    `"acc":"${own.key}"`,
  ]);
  const only = ({ key }: TestAccount, more = {}) => JSON.stringify({ accounts: [key], ...more });
  assertContains(await rawAsk(system, all, only(own)), one);
  assertContains(await rawAsk(system, all, only(account)), whole);

  const idle = [
    '"conns":0,',
    '"total_conns":0',
    '"slow_consumers":0',
    `"acc":"${unused.key}"`,
  ];
  const withUnused = only(unused, { include_unused: true });
  assertContains(await rawAsk(system, about("STATZ", unused), withUnused), idle);
  assertContains(await rawAsk(system, all, withUnused), idle);
  const silence = new Inbox(system, "silence");
  system.publish(all, only(unused), { reply: "silence" });
  await system.flush();
  assertEquals(await silence.next(200), null);

  // From within the account; one more message shows in the counters.
  client.publish("foo");
  const answers = new Inbox(client, "answers");
  client.publish(all, "", { reply: "answers" });
  const text = (await answers.next())!.string();
  assertContains(text, [
    '"conns":1,',
    '"total_conns":1',
    '"slow_consumers":0',
    '"sent":{"msgs":1,"bytes":0',
    `"acc":"${account.key}"`,
  ]);
  assert(/"received":\{"msgs":[12],"bytes":0/.test(text), text);
  assertEquals(await answers.next(200), null);
});

Deno.test("TestAccountReqInfo", async () => {
  const own = newAccount();
  const exporter = newAccount({ exports: [{ subject: "req.*", type: "service" }] });
  const importer = newAccount({
    imports: [{ account: exporter.key, subject: "req.1", type: "service" }],
  });
  await using server = await operatorServerWithSystem([own, exporter, importer], {
    serverName: "S",
    cluster: { ...emptyOptions().cluster, name: "abc" },
  });
  await lookUp(server, exporter);
  await lookUp(server, importer);
  const system = await connectUser(server, own);
  const check = ({ data: info, server: from }: Json, { key, jwt }: TestAccount): void => {
    assertEquals(
      [info.complete, info.expired, info.jetstream_enabled, info.client_connections],
      [true, false, false, 0],
    );
    assertEquals([info.account_name, info.leafnode_connections, info.jwt], [key, 0, jwt]);
    assertEquals([from.cluster, from.name, from.host], ["abc", "S", "127.0.0.1"]);
    assert(from.seq >= 1);
  };
  const first = await ask(system, `$SYS.REQ.ACCOUNT.${exporter.key}.INFO`);
  check(first, exporter);
  assertEquals(first.data.exports.length, 1);
  assertEquals(first.data.imports.length, 4);
  const [{ subject, type, response_type }] = first.data.exports;
  assertEquals([subject, type, response_type], ["req.*", "service", "Singleton"]);
  assertEquals(first.data.subscriptions, 4);

  const second = await ask(system, `$SYS.REQ.ACCOUNT.${importer.key}.INFO`);
  check(second, importer);
  assertEquals(second.data.exports, undefined);
  assertEquals(second.data.imports.length, 5);
  const found = second.data.imports.find((one: Json) => one.subject === "req.1");
  assertEquals([found.type, found.account], ["service", exporter.key]);
  assertEquals(second.data.subscriptions, 5);
});

Deno.test("TestAccountClaimsUpdatesWithServiceImports", async () => {
  const own = newAccount();
  const exporter = newAccount({ exports: [{ subject: "req.*", type: "service" }] });
  const imports = [{ account: exporter.key, subject: "req.1", type: "service" }];
  const importer = newAccount({ imports });
  await using server = await operatorServerWithSystem([own, exporter, importer]);
  await lookUp(server, exporter);
  await lookUp(server, importer);
  const before = server.server.subscriptionCount;
  const system = await connectUser(server, own);
  for (let i = 1; i <= 10; i++) {
    const { jwt } = again(importer, { imports, limits: { conn: i } });
    system.publish(`$SYS.REQ.ACCOUNT.${importer.key}.CLAIMS.UPDATE`, jwt);
  }
  await system.flush();
  await until(() => server.account(importer.key).limits.maxConnections === 10);
  assert(server.server.subscriptionCount <= before);
});

Deno.test("TestAccountConnsLimitExceededAfterUpdate", async () => {
  const own = newAccount();
  const account = newAccount({ limits: { conn: 10 } });
  await using server = await operatorServerWithSystem([own, account]);
  let refused = false;
  while (!refused) {
    await connectUser(server, account).catch(() => refused = true);
  }
  await server.clientsCount(10);
  const { jwt } = again(account, { limits: { conn: 2 } });
  assertEquals(server.server.operators!.update(server.account(account.key), jwt), null);
  assertEquals(server.account(account.key).limits.maxConnections, 2);
  await server.clientsCount(2);
});

Deno.test("TestAccountConnsLimitExceededAfterUpdateDisconnectNewOnly", async () => {
  const own = newAccount();
  const account = newAccount({ limits: { conn: 10 } });
  await using server = await operatorServerWithSystem([own, account]);
  for (let i = 0; i < 5; i++) await connectUser(server, account, { name: "OLD" });
  for (let i = 0; i < 5; i++) await connectUser(server, account, { name: "NEW" });
  await server.clientsCount(10);
  const { jwt } = again(account, { limits: { conn: 5 } });
  assertEquals(server.server.operators!.update(server.account(account.key), jwt), null);
  assertEquals(server.account(account.key).limits.maxConnections, 5);
  await server.clientsCount(5);
  for (const { connect } of server.server.clients.values()) assertEquals(connect.name, "OLD");
});

Deno.test("TestServerEventsStatsZJetStreamApiLevel", async () => {
  const own = newAccount();
  await using started = await jetStreamServer({
    ...operatorOptions([own]),
    systemAccount: own.key,
  });
  const system = await connectUser(started.test, own);
  const { statsz } = await ask(system, "$SYS.REQ.SERVER.PING.STATSZ");
  assertEquals(statsz.jetstream.stats.api.level, 4);
});
