// Ports: server/events_test.go
/**
 * Events of a server that trusts operators. The reference's tests give such a server its system
 * account while it runs; here it has one from the start.
 *
 * @module
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import type { NatsConnection } from "@nats-io/transport-node";
import type { ServiceRequest } from "../../../src/events/requests.ts";
import { connectUser } from "../../harness/jwt_login.ts";
import {
  newAccount,
  operatorServer,
  operatorServerWithSystem,
  type TestAccount,
} from "../../harness/operator.ts";
import { Inbox, type TestServer, until } from "../../harness/server.ts";
import { ask, type Json, next } from "./_events.ts";

const TYPE = "io.nats.server.advisory.v1";

interface Trusted {
  server: TestServer;
  system: NatsConnection;
  accounts: TestAccount[];
}

/** Runs `use` with a client of the system account and `count` accounts beside it. */
async function withSystem(count: number, use: (trusted: Trusted) => Promise<void>): Promise<void> {
  const all = Array.from({ length: count + 1 }, () => newAccount());
  await using server = await operatorServerWithSystem(all);
  const [own, ...accounts] = all;
  await use({ server, accounts, system: await connectUser(server, own!) });
}

Deno.test("TestSystemAccount", async () => {
  const account = newAccount();
  await using server = await operatorServerWithSystem([account]);
  assertEquals(server.server.core.systemAccount!.name, account.key);
  const events = server.server.events!;
  assert(events.sender.client !== null);
  // The server does not hear itself.
  let heard = 0;
  events.offer("foo", () => void heard++);
  events.sender.send("foo", "hello");
  await (await connectUser(server, account)).flush();
  assertEquals(heard, 0);
});

/** The fields that all events of clients share. */
function checkEvent(event: Json, type: string, server: TestServer): void {
  assertEquals(event.type, `${TYPE}.${type}`);
  assert(Date.parse(event.timestamp) > 0);
  assertEquals(event.id.length, 22);
  assertEquals(event.server.id, server.server.id);
  assertGreater(event.server.seq, 0);
  assertEquals(event.client.name, "TEST EVENTS");
  assertEquals(event.client.lang, "nats.js");
}

/** The next two events: the number of connections, and the other one. */
async function nextTwo(inbox: Inbox): Promise<{ conns: Json; other: Json; subject: string }> {
  const both = [await next(inbox), await next(inbox)];
  const conns = both.find(({ subject }) => subject.endsWith(".SERVER.CONNS"))!;
  const other = both.find((one) => one !== conns)!;
  return { conns: conns.json(), other: other.json(), subject: other.subject };
}

Deno.test("TestSystemAccountNewConnection", async () => {
  await withSystem(1, async ({ server, system, accounts }) => {
    const [account] = accounts;
    const { key } = account!;
    const events = new Inbox(system, `$SYS.ACCOUNT.${key}.>`);
    await system.flush();
    const client = await connectUser(server, account!, { name: "TEST EVENTS" });
    const came = await nextTwo(events);
    assertEquals(came.conns.acc, key);
    const { conns, total_conns, leafnodes } = came.conns;
    assertEquals([conns, total_conns, leafnodes], [1, 1, 0]);
    assertEquals(came.subject, `$SYS.ACCOUNT.${key}.CONNECT`);
    checkEvent(came.other, "client_connect", server);

    client.subscribe("foo");
    client.subscribe("*");
    for (let i = 0; i < 10; i++) client.publish("foo", "HELLO WORLD");
    await client.flush();
    await client.close();
    const went = await nextTwo(events);
    assertEquals(went.conns.acc, key);
    assertEquals(
      [went.conns.conns, went.conns.total_conns, went.conns.leafnodes],
      [0, 0, 0],
    );
    assertEquals(went.subject, `$SYS.ACCOUNT.${key}.DISCONNECT`);
    checkEvent(went.other, "client_disconnect", server);
    assertGreater(went.other.server.seq, came.other.server.seq);
    assertEquals(went.other.sent, { msgs: 10, bytes: 110 });
    assertEquals(went.other.received, { msgs: 20, bytes: 220 });
  });
});

/** A client without credentials is refused. */
async function badLogin(server: TestServer): Promise<void> {
  const client = await server.rawLogin({ name: "TEST BAD LOGIN" });
  await client.expectEnd();
}

Deno.test("TestSystemAccountDisconnectBadLogin", async () => {
  await withSystem(0, async ({ server, system }) => {
    const errors = new Inbox(system, "$SYS.SERVER.*.CLIENT.AUTH.ERR");
    await system.flush();
    await badLogin(server);
    assertEquals((await next(errors)).json<Json>().reason, "Authentication Failure");
  });
});

Deno.test("TestServerEventsReceivedByQSubs", async () => {
  await withSystem(0, async ({ server, system }) => {
    const errors = new Inbox(system, "$SYS.SERVER.*.CLIENT.AUTH.ERR", "queue");
    await system.flush();
    await badLogin(server);
    assertEquals((await next(errors)).json<Json>().reason, "Authentication Failure");
  });
});

Deno.test("TestSysSubscribeRace", async () => {
  await withSystem(0, async ({ server, system }) => {
    let going = true;
    const publishing = (async () => {
      while (going) {
        system.publish("foo", "hello");
        await system.flush();
      }
    })();
    let received = 0;
    server.server.events!.offer("foo", () => void received++);
    await until(() => received > 0);
    going = false;
    await publishing;
  });
});

Deno.test("TestSystemAccountInternalSubscriptions", async () => {
  {
    await using server = await operatorServer([newAccount()]);
    // Without a system account there is nothing to subscribe with.
    assertEquals(server.server.events, null);
  }
  await withSystem(0, async ({ server, system }) => {
    const events = server.server.events!;
    const received: ServiceRequest[] = [];
    const subscription = events.offer("foo", (request) => void received.push(request));
    system.publish("foo", "HELLO WORLD");
    await until(() => received.length === 1);
    const [{ subject, reply, body }] = received as [ServiceRequest];
    assertEquals([subject, reply, new TextDecoder().decode(body)], ["foo", "", "HELLO WORLD"]);
    events.withdraw(subscription);
    system.publish("foo", "You There?");
    await system.flush();
    // Nor does the server hear itself.
    events.offer("foo", (request) => void received.push(request));
    events.sender.send("foo", "HELLO WORLD");
    await system.flush();
    assertEquals(received.length, 1);
  });
});

Deno.test("TestServerEventsStatsZForcedBroadcastNotRateLimited", async () => {
  await withSystem(0, async ({ server, system }) => {
    const { statsz } = server.server.events!;
    statsz.stop();
    statsz.report();
    const reports = new Inbox(system, statsz.subject);
    await system.flush();
    // The last report is too recent for another one.
    statsz.report();
    await system.flush();
    assertEquals(reports.count, 0);
    system.publish(`$SYS.REQ.SERVER.${server.server.id}.STATSZ`);
    const report = (await next(reports)).json<Json>();
    assertEquals(report.server.id, server.server.id);
    assertEquals(report.statsz.connections, 1);
  });
});

Deno.test("TestServerEventsLDMKick", async () => {
  await withSystem(1, async ({ server, system, accounts }) => {
    const client = await connectUser(server, accounts[0]!, { name: "TEST EVENTS LDM+KICK" });
    const seen: string[] = [];
    void (async () => {
      for await (const { type } of client.status()) seen.push(type);
    })();
    const { client_id: cid } = client.info!;
    // Others come and go meanwhile; the reference has 100, but signing takes long in JavaScript.
    const others: NatsConnection[] = [];
    while (others.length < 20) others.push(await connectUser(server, accounts[0]!));
    const leaving = Promise.all(others.map((other) => other.close()));
    await ask(system, `$SYS.REQ.SERVER.${server.server.id}.LDM`, { cid });
    await until(() => seen.includes("ldm"));
    await ask(system, `$SYS.REQ.SERVER.${server.server.id}.KICK`, { cid });
    await client.closed();
    await leaving;
  });
});

Deno.test("TestServerEventsPingStatsSlowConsumersStats", async (t) => {
  await withSystem(0, async ({ server, system }) => {
    const counts = server.server.core.stats.slowConsumersByKind;
    const subjects = [
      { name: "server stats ping request subject", subject: "$SYS.REQ.SERVER.PING" },
      { name: "server ping request subject", subject: "$SYS.REQ.SERVER.PING.STATSZ" },
      {
        name: "server direct request subject",
        subject: `$SYS.REQ.SERVER.${server.server.id}.STATSZ`,
      },
    ];
    for (const { name, subject } of subjects) {
      await t.step(name, async () => {
        Object.assign(counts, { client: 0, route: 0, gateway: 0, leafnode: 0 });
        assertEquals((await ask(system, subject)).statsz.slow_consumer_stats, undefined);
        Object.assign(counts, { client: 1, route: 2, gateway: 3, leafnode: 4 });
        assertEquals(
          (await ask(system, subject)).statsz.slow_consumer_stats,
          { clients: 1, routes: 2, gateways: 3, leafs: 4 },
        );
      });
    }
  });
});

Deno.test("TestSubszPagination", async () => {
  await withSystem(1, async ({ server, system, accounts }) => {
    const [account] = accounts;
    const client = await connectUser(server, account!);
    for (let i = 0; i < 100; i++) client.subscribe(`foo.${i}`);
    await client.flush();
    const subject = `$SYS.REQ.ACCOUNT.${account!.key}.SUBSZ`;
    const first = (await ask(system, subject, { subscriptions: true, limit: 10 })).data;
    assertEquals(first.subscriptions_list.length, 10);
    // The server's own subscriptions count as well.
    assert(first.total >= 100 && first.total <= 110, String(first.total));
    for (let i = 0; i < 10; i++) client.subscribe("bar.*");
    await client.flush();
    const asked = { subscriptions: true, limit: 5, test: "bar.A" };
    const filtered = (await ask(system, subject, asked)).data;
    assertEquals(filtered.subscriptions_list.length, 5);
    assertEquals(filtered.total, 10);
  });
});
