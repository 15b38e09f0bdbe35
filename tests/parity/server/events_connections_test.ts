// Ports: server/events_test.go
/**
 * The number of an account's connections, told again and again while there are any, and requests
 * for statistics that are meant for other servers. The reference's tests listen on one server of a
 * cluster to what the other one says; here a client of the system account listens.
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import type { NatsConnection } from "@nats-io/transport-node";
import { emptyOptions } from "../../../src/config/mod.ts";
import { connectUser } from "../../harness/jwt_login.ts";
import { newAccount, operatorServerWithSystem, type TestAccount } from "../../harness/operator.ts";
import { Inbox, type TestServer, until } from "../../harness/server.ts";
import { ask, type Json, next } from "./_events.ts";

const DEADLINE_MS = 10_000;

interface Trusted {
  server: TestServer;
  system: NatsConnection;
  account: TestAccount;
}

/** Runs `use` with a client of the system account and an account for so many connections. */
async function withAccount(
  maxConnections: number,
  use: (trusted: Trusted) => Promise<void>,
): Promise<void> {
  const own = newAccount();
  const account = newAccount({ limits: { conn: maxConnections } });
  await using server = await operatorServerWithSystem([own, account], {
    serverName: "B_SRV",
    cluster: { ...emptyOptions().cluster, name: "TEST_CLUSTER_22" },
  });
  await use({ server, account, system: await connectUser(server, own) });
}

/** Whether the account will report on its own. */
function isTracked({ server }: TestServer, { key }: TestAccount): boolean {
  return server.events!.accountConnections.tracked.has(server.core.accounts.get(key)!);
}

const eventually = (done: () => boolean): Promise<void> => until(done, undefined, DEADLINE_MS);

Deno.test("TestConnectionUpdatesTimerProperlySet", async () => {
  await withAccount(10, async ({ server, system, account }) => {
    const { accountConnections } = server.server.events!;
    accountConnections.heartbeatMs = 50;
    const updates = new Inbox(system, `$SYS.ACCOUNT.${account.key}.SERVER.CONNS`);
    await system.flush();
    const client = await connectUser(server, account);
    const times: number[] = [];
    while (times.length <= 10) {
      times.push(Date.parse((await next(updates)).json<Json>().timestamp));
    }
    // Ten beats of 50 ms: no more than 15 of them would do in that time.
    assertGreaterOrEqual(times[10]! - times[0]!, 500 * 10 / 15);
    assert(isTracked(server, account));
    await client.close();
    await eventually(() => !isTracked(server, account));
  });
});

Deno.test("TestSystemAccountConnectionUpdatesStopAfterNoLocal", async () => {
  await withAccount(4, async ({ server, system, account }) => {
    const updates = new Inbox(system, `$SYS.ACCOUNT.${account.key}.SERVER.CONNS`);
    await system.flush();
    const clients: NatsConnection[] = [];
    while (clients.length < 4) clients.push(await connectUser(server, account));
    await eventually(() => updates.count === 4);
    assert(isTracked(server, account));
    await Promise.all(clients.map((client) => client.close()));
    await eventually(() => updates.count === 8);
    for (let i = 0; i < 7; i++) await next(updates);
    assertEquals((await next(updates)).json<Json>().conns, 0);
    await system.flush();
    assertEquals(await updates.next(50), null);
    assert(!isTracked(server, account));
  });
});

Deno.test("TestGatewayNameClientInfo", async () => {
  await withAccount(-1, async ({ server }) => {
    const client = await server.raw();
    assertEquals((await client.info()).cluster, "TEST_CLUSTER_22");
  });
});

Deno.test("TestServerEventsPingStatsZFilter", async (t) => {
  await withAccount(-1, async ({ server, system }) => {
    const names = ["cluster", "host", "server_name"];
    const requests = [
      ...names.map((name) => `{"${name}":"DOESNOTEXIST"}`),
      ...names.map((name) => JSON.stringify({ [name]: "DOESNOTEXIST" }, null, 2)),
    ];
    for (const [i, request] of requests.entries()) {
      await t.step(`TestServerEventsPingStatsZFilter-${i}`, async () => {
        const answers = new Inbox(system, `filtered.${i}`);
        system.publish("$SYS.REQ.SERVER.PING", request, { reply: `filtered.${i}` });
        // Were the server meant, its answer would come before this one.
        const { server: from } = await ask(system, "$SYS.REQ.SERVER.PING", "{}");
        assertEquals(from.id, server.server.id);
        assertEquals(answers.count, 0);
      });
    }
  });
});

Deno.test("TestServerEventsPingStatsZFailFilter", async () => {
  await withAccount(-1, async ({ system }) => {
    const { error } = await ask(system, "$SYS.REQ.SERVER.PING", "{MALFORMEDJSON");
    assertEquals(error.code, 400);
  });
});

Deno.test("TestServerEventsProfileZNotBlockingRecvQ", async (t) => {
  await withAccount(-1, async ({ server, system }) => {
    const { promise: stuck, resolve: release } = Promise.withResolvers<void>();
    const events = server.server.events!;
    let waiting = 0;
    events.offer("stuck", async () => {
      waiting++;
      await stuck;
    });
    system.publish("stuck");
    await eventually(() => waiting === 1);
    // The reference takes a second.
    const request = { name: "cpu", duration: 50_000_000 };
    for (const whom of ["PING", server.server.id]) {
      await t.step(
        whom === "PING" ? "server profilez request" : "server direct request",
        async () => {
          const { data } = await ask(system, `$SYS.REQ.SERVER.${whom}.PROFILEZ`, request);
          assertEquals(data.error, undefined);
          assert(atob(data.profile).length > 0);
        },
      );
    }
    release();
  });
});
