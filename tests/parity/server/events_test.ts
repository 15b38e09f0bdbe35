// Ports: server/events_test.go
/**
 * Events of the system account, and its statistics.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { appendHeader } from "../../../src/protocol/mod.ts";
import { Inbox, testServer, until } from "../../harness/server.ts";
import { ask, next } from "./_events.ts";

const ADMIN = `accounts { $SYS { users [{user: "admin", password: "pwd"}] } }`;
const encoder = new TextEncoder();

Deno.test("TestSystemAccountNoAuthUser", async (t) => {
  await using server = await testServer({}, ADMIN);
  const cases = [
    { name: "valid user/pwd", login: { user: "admin", pass: "pwd" }, account: "$SYS" },
    { name: "invalid pwd", login: { user: "admin", pass: "wrong" }, account: null },
    { name: "some token", login: { token: "sometoken" }, account: null },
    // Go takes a user without a password in an URL for a token.
    { name: "user used without pwd", login: { token: "admin" }, account: null },
    { name: "user with empty password", login: { user: "admin", pass: "" }, account: null },
    { name: "no user means global account", login: {}, account: "$G" },
  ];
  for (const { name, login, account } of cases) {
    await t.step(name, async () => {
      if (account === null) {
        await assertRejects(() => server.connect(login), Error, "Authorization Violation");
      } else {
        const client = await server.connect(login);
        const [connection] = server.server.clients.values();
        assertEquals(connection!.account!.name, account);
        await client.close();
      }
      await server.clientsCount(0);
    });
  }
});

Deno.test("TestServerAccountConns", async () => {
  await using server = await testServer(
    {},
    `system_account: SYS
     accounts: {
       SYS: {users: [{user: s, password: s}]}
       ACC: {users: [{user: a, password: a}]}
     }`,
  );
  server.server.events!.accountConnections.heartbeatMs = 100;
  const client = await server.connect({ user: "a", pass: "a" });
  const foo = new Inbox(client, "foo");
  const text = "HELLO WORLD";
  client.publish("foo", text);
  // This one only counts as received.
  client.publish("bar", text);
  await client.flush();
  assertEquals((await next(foo)).string(), text);
  const system = await server.connect({ user: "s", pass: "s" });
  const conns = new Inbox(system, "$SYS.ACCOUNT.ACC.SERVER.CONNS");
  const { received, sent } = (await next(conns)).json<Record<string, Record<string, number>>>();
  assertEquals([received!.msgs, received!.bytes], [2, 2 * text.length]);
  assertEquals([sent!.msgs, sent!.bytes], [1, text.length]);
});

Deno.test("TestServerEventsStatszSingleServer", async () => {
  await using server = await testServer({}, ADMIN);
  // The first report is due, and nobody is there to hear it.
  await new Promise((resolve) => setTimeout(resolve, 275));
  assertEquals(server.server.core.stats.outMsgs, 0);
  assertEquals(server.account("$SYS").outMsgs, 0);
  const system = await server.connect({ user: "admin", pass: "pwd" });
  const statsz = new Inbox(system, "$SYS.SERVER.*.STATSZ");
  await next(statsz);
});

Deno.test("TestServerEventsPingStatsStaleConnectionStats", async () => {
  await using server = await testServer(
    {},
    `system_account = sys
     accounts {
       a { users = [{ user: a, pass: a }] }
       b { users = [{ user: b, pass: b }] }
       sys { users = [{ user: sys, pass: sys }] }
     }`,
  );
  const subjects = [
    `$SYS.REQ.SERVER.${server.server.id}.STATSZ`,
    "$SYS.REQ.SERVER.PING.STATSZ",
    "$SYS.REQ.SERVER.PING",
  ];
  const system = await server.connect({ user: "sys", pass: "sys" });
  const { stats } = server.server.core;
  for (const subject of subjects) {
    const { statsz } = await ask(system, subject);
    assertEquals(statsz.stale_connection_stats, undefined);
    assertEquals(stats.staleConnections, 0);
    assertEquals(Object.values(stats.staleConnectionsByKind), [0, 0, 0, 0]);
  }
  Object.assign(stats.staleConnectionsByKind, { client: 1, route: 2, gateway: 3, leafnode: 4 });
  stats.staleConnections = 10;
  for (const subject of subjects) {
    const { statsz } = await ask(system, subject);
    assertEquals(statsz.stale_connection_stats, { clients: 1, routes: 2, gateways: 3, leafs: 4 });
    assertEquals(statsz.stale_connections, 10);
  }
});

Deno.test("TestServerEventsConnectDisconnectForGlobalAcc", async () => {
  await using server = await testServer({}, ADMIN);
  const system = await server.connect({ user: "admin", pass: "pwd" });
  const connects = new Inbox(system, "$SYS.ACCOUNT.$G.CONNECT");
  const disconnects = new Inbox(system, "$SYS.ACCOUNT.$G.DISCONNECT");
  await system.flush();
  const client = await server.connect();
  assertEquals((await next(connects)).subject, "$SYS.ACCOUNT.$G.CONNECT");
  await client.close();
  assertEquals((await next(disconnects)).subject, "$SYS.ACCOUNT.$G.DISCONNECT");
});

Deno.test("TestSendInternalAccountMsgWithReplyDoesNotMutateHeaderSlice", async () => {
  await using server = await testServer();
  const client = await server.connect();
  const foo = new Inbox(client, "foo");
  await client.flush();
  // Headers that stand in a larger buffer, as they do where one is used again.
  const headers = appendHeader(null, "Foo", "bar");
  const buffer = new Uint8Array(256).fill(7);
  buffer.set(headers);
  const snapshot = buffer.slice();
  const { core } = server.server;
  const body = encoder.encode("REPRO_LEAK_BODY");
  core.internal.publish(core.globalAccount, "foo", "", buffer.subarray(0, headers.length), body);
  const message = await next(foo);
  assertEquals(message.string(), "REPRO_LEAK_BODY");
  assertEquals(message.headers!.get("Foo"), "bar");
  assertEquals(buffer, snapshot);
});

Deno.test("a refused client leaves no count of connections behind", async () => {
  await using server = await testServer({}, ADMIN);
  const system = await server.connect({ user: "admin", pass: "pwd" });
  const errors = new Inbox(system, `$SYS.SERVER.${server.server.id}.CLIENT.AUTH.ERR`);
  await system.flush();
  await assertRejects(() => server.connect({ user: "admin", pass: "wrong" }));
  const event = (await next(errors)).json<Record<string, unknown>>();
  assertEquals(event.reason, "Authentication Failure");
  await until(() => server.account("$G").connections.size === 0);
  assert(server.account("$SYS").connections.size === 1);
});
