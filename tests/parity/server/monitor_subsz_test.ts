// Ports: server/monitor_test.go
/**
 * `/subsz`: counters and lists of subscriptions.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { NatsConnection } from "@nats-io/transport-node";
import {
  Clients,
  type Json,
  MODES,
  pollSubsz,
  readBody,
  TEXT_TYPE,
  TWO_ACCOUNTS,
  withMonitor,
} from "./_monitor.ts";

/** 2^63-1, with which a sum of offset and limit would overflow in Go. */
const INT64_MAX = "9223372036854775807";

async function subscribeFoo(client: NatsConnection, publish: boolean): Promise<void> {
  for (const subject of ["foo.*", "foo.bar", "foo.foo"]) {
    client.subscribe(subject, { callback: () => {} });
  }
  if (publish) { for (const last of ["bar", "baz", "foo"]) client.publish(`foo.${last}`, "Hello"); }
  await client.flush();
}

async function subscribeMany(client: NatsConnection): Promise<void> {
  for (let i = 0; i < 200; i++) client.subscribe(`foo.${i}`, { callback: () => {} });
  await client.flush();
}

Deno.test("TestSubsz", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    await clients.talkative();
    for (const mode of MODES) {
      const shown = await pollSubsz(server, mode, "");
      assertEquals(shown.num_subscriptions, 0);
      assertEquals(shown.num_inserts, 1);
      assertEquals(shown.num_matches, 1);
    }
  });
});

Deno.test("TestMonitorSubszDetails", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    await subscribeFoo(await clients.talkative(), true);
    for (const mode of MODES) {
      const shown = await pollSubsz(server, mode, "?subs=1", { subscriptions: true });
      assertEquals(shown.num_subscriptions, 3);
      assertEquals(shown.total, 3);
      assertEquals(shown.subscriptions_list.length, 3);
    }
  });
});

Deno.test("TestMonitorSubszWithOffsetAndLimit", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    await subscribeMany(await clients.talkative());
    for (const mode of MODES) {
      const shown = await pollSubsz(server, mode, "?subs=1&offset=10&limit=100", {
        subscriptions: true,
        offset: 10,
        limit: 100,
      });
      assertEquals(shown.num_subscriptions, 200);
      assertEquals(shown.total, 200);
      assertEquals(shown.offset, 10);
      assertEquals(shown.limit, 100);
      assertEquals(shown.subscriptions_list.length, 100);
    }
  });
});

Deno.test("TestMonitorSubszOffsetOverflow", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    await subscribeFoo(await clients.talkative(), false);
    for (const mode of MODES) {
      const shown = await pollSubsz(server, mode, `?subs=1&offset=${INT64_MAX}&limit=1`, {
        subscriptions: true,
        offset: Number(INT64_MAX),
        limit: 1,
      });
      assertEquals(shown.subscriptions_list?.length ?? 0, 0);
    }
    const offset = Number(INT64_MAX);
    await pollSubsz(server, 1, "", { subscriptions: true, offset, limit: offset });
  });
});

Deno.test("TestMonitorSubszTestPubSubject", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    await subscribeFoo(await clients.talkative(), false);
    for (const mode of MODES) {
      let shown = await pollSubsz(server, mode, "?subs=1&test=foo.foo", {
        subscriptions: true,
        test: "foo.foo",
      });
      assertEquals(shown.total, 2);
      assertEquals(shown.subscriptions_list.length, 2);
      shown = await pollSubsz(server, mode, "?subs=1&test=foo", {
        subscriptions: true,
        test: "foo",
      });
      assertEquals(shown.subscriptions_list?.length ?? 0, 0);
    }
    for (const test of ["*", "foo.*", "foo.>", "foo..bar"]) {
      await readBody(server, `/subsz?subs=1&test=${test}`, 400, TEXT_TYPE);
    }
  });
});

Deno.test("TestMonitorSubszMultiAccount", async () => {
  await withMonitor(
    async (server) => {
      await using clients = new Clients(server);
      await subscribeFoo(await clients.talkative({ user: "a", pass: "a" }), true);
      await subscribeFoo(await clients.talkative({ user: "b", pass: "b" }), true);
      for (const mode of MODES) {
        let shown = await pollSubsz(server, mode, "?subs=1", { subscriptions: true });
        assertEquals(shown.num_subscriptions, 6);
        assertEquals(shown.total, 6);
        assertEquals(shown.subscriptions_list.length, 6);
        for (const { account } of shown.subscriptions_list) {
          assert(account === "A" || account === "B", account);
        }
        shown = await pollSubsz(server, mode, "?subs=1&acc=A", {
          subscriptions: true,
          account: "A",
        });
        assertEquals(shown.num_subscriptions, 3);
        assertEquals(shown.total, 3);
        assertEquals(shown.subscriptions_list.length, 3);
        for (const { account } of shown.subscriptions_list) assertEquals(account, "A");
      }
    },
    {},
    TWO_ACCOUNTS,
  );
});

Deno.test("TestMonitorSubszMultiAccountWithOffsetAndLimit", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    await subscribeMany(await clients.talkative({ user: "a", pass: "a" }));
    await subscribeMany(await clients.talkative({ user: "b", pass: "b" }));
    for (const mode of MODES) {
      const shown = await pollSubsz(server, mode, "?subs=1&offset=10&limit=100", {
        subscriptions: true,
        offset: 10,
        limit: 100,
      });
      assertEquals(shown.num_subscriptions, 400);
      assertEquals(shown.total, 400);
      assertEquals(shown.offset, 10);
      assertEquals(shown.limit, 100);
      assertEquals(shown.subscriptions_list.length, 100);
    }
  });
});

Deno.test("subsz() shows a subscription to an imported stream as its client's", async () => {
  await withMonitor(
    async (server) => {
      await using clients = new Clients(server);
      const client = await clients.connect({ user: "b", pass: "b" });
      client.subscribe("news.1");
      await client.flush();
      const shown = await pollSubsz(server, 0, "?subs=1");
      const accounts = shown.subscriptions_list
        .filter(({ subject }: Json) => subject === "news.1")
        .map(({ account, account_tag }: Json) => [account, account_tag]);
      assertEquals(accounts, [["B", "B"], ["B", "B"]]);
    },
    {},
    `accounts {
       A { exports [ { stream: "news.*" } ] }
       B {
         users [ { user: b, password: b } ]
         imports [ { stream: { account: A, subject: "news.*" } } ]
       }
     }`,
  );
});
