// Ports: server/monitor_test.go
/**
 * `/connz`: what it says of a connection, and which connections it shows.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Server } from "../../../src/mod.ts";
import { withCertificates } from "../../harness/certs.ts";
import {
  askConnz,
  clientId,
  Clients,
  closedCount,
  type Json,
  MODES,
  pollVarz,
  readBody,
  readJson,
  TEXT_TYPE,
  TWO_ACCOUNTS,
  until,
  withMonitor,
} from "./_monitor.ts";

async function forBoth(use: (mode: number) => Promise<void>): Promise<void> {
  for (const mode of MODES) await use(mode);
}

Deno.test("TestMonitorConnz", async () => {
  await withMonitor(
    (server) =>
      forBoth(async (mode) => {
        const empty = await askConnz(server, mode);
        assertEquals([empty.num_connections, empty.total, empty.connections], [0, 0, []]);

        await using clients = new Clients(server);
        await clients.talkative({ user: "a", pass: "a" });
        const shown = await askConnz(server, mode, "?auth=1");
        assertEquals([shown.num_connections, shown.total], [1, 1]);
        assertEquals([shown.limit, shown.offset], [1024, 0]);
        assertEquals(shown.connections.length, 1);
        const [one] = shown.connections;
        assertNotEquals(one.cid, 0);
        assertEquals(one.ip, "127.0.0.1");
        assertNotEquals(one.port, 0);
        assertEquals([one.subscriptions, one.subscriptions_list], [0, undefined]);
        assertEquals(one.subscriptions_list_detail, undefined);
        assertEquals([one.in_msgs, one.out_msgs, one.in_bytes, one.out_bytes], [1, 1, 5, 5]);
        assert(Date.parse(one.start) > 0);
        assert(Date.parse(one.last_activity) >= Date.parse(one.start));
        for (const key of ["uptime", "idle", "rtt"]) assert(one[key] !== "", key);
        assertEquals([one.account, one.name_tag], ["A", "A"]);
        await clients[Symbol.asyncDispose]();
        await until(() => server.clients.size === 0);
      }),
    {},
    TWO_ACCOUNTS,
  );
});

Deno.test("TestMonitorConnzBadParams", async () => {
  await withMonitor(async (server) => {
    for (const name of ["auth", "subs", "offset", "limit", "state"]) {
      await readBody(server, `/connz?${name}=xxx`, 400, TEXT_TYPE);
    }
  });
});

async function withHelloSubscriber(query: string, check: (one: Json) => void): Promise<void> {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    const client = await clients.talkative();
    client.subscribe("hello.foo", { callback: () => {} });
    await client.flush();
    await forBoth(async (mode) => check((await askConnz(server, mode, query)).connections[0]));
  });
}

Deno.test("TestMonitorConnzWithSubs", () =>
  withHelloSubscriber("?subs=1", (one) => {
    assertEquals(one.subscriptions_list, ["hello.foo"]);
  }));

Deno.test("TestMonitorConnzWithSubsDetail", () =>
  withHelloSubscriber("?subs=detail", (one) => {
    assertEquals(one.subscriptions_list_detail.length, 1);
    assertEquals(one.subscriptions_list_detail[0].subject, "hello.foo");
  }));

Deno.test("TestMonitorClosedConnzWithSubsDetail", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    const client = await clients.talkative();
    client.subscribe("hello.foo", { callback: () => {} });
    await client.flush();
    await client.close();
    await closedCount(server, 1);
    await forBoth(async (mode) => {
      const { connections } = await askConnz(server, mode, "?state=closed&subs=detail");
      assertEquals(connections[0].subscriptions_list_detail.length, 1);
      assertEquals(connections[0].subscriptions_list_detail[0].subject, "hello.foo");
    });
  });
});

Deno.test("TestMonitorConnzWithCID", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    for (let i = 1; i <= 10; i++) {
      const client = await clients.talkative();
      if (i !== 5) continue;
      client.subscribe("hello.foo", { callback: () => {} });
      client.subscribe("hello.bar", { callback: () => {} });
      await client.flush();
    }
    await forBoth(async (mode) => {
      const shown = await askConnz(server, mode, "?cid=5");
      assertEquals([shown.num_connections, shown.connections.length], [1, 1]);
      assertEquals([shown.connections[0].cid, shown.connections[0].subscriptions], [5, 2]);
      const missed = await askConnz(server, mode, "?cid=100");
      assertEquals([missed.num_connections, missed.connections], [0, []]);
    });
  });
});

/** A duration such as `1.5ms` in milliseconds. */
function milliseconds(text: string): number {
  let total = 0;
  const units: Record<string, number> = {
    ns: 1e-6,
    "\u00b5s": 1e-3,
    ms: 1,
    s: 1000,
    m: 60_000,
    h: 3_600_000,
    d: 86_400_000,
    y: 365 * 86_400_000,
  };
  for (const [, value, unit] of text.matchAll(/([\d.]+)(ns|\u00b5s|ms|s|m|h|d|y)/g)) {
    total += Number(value) * units[unit!]!;
  }
  return total;
}

Deno.test("TestMonitorConnzRTT", async () => {
  await withMonitor((server) =>
    forBoth(async (mode) => {
      await using clients = new Clients(server);
      const client = await clients.talkative();
      assertEquals((await askConnz(server, mode)).num_connections, 1);
      const connection = server.clients.get(clientId(client))!;
      connection.sendPing();
      await until(() => connection.pingsOut === 0);
      const { connections } = await askConnz(server, mode);
      const rttMs = milliseconds(connections[0].rtt);
      assert(rttMs >= 0.0001 && rttMs <= 200, connections[0].rtt);
      await clients[Symbol.asyncDispose]();
      await until(() => server.clients.size === 0);
    })
  );
});

Deno.test("TestMonitorConnzLastActivity", async () => {
  await withMonitor((server) =>
    forBoth(async (mode) => {
      await using clients = new Clients(server);
      const foo = await clients.connect({ name: "foo" });
      const bar = await clients.connect({ name: "bar" });
      await foo.flush();
      await bar.flush();
      const activity = async (): Promise<{ foo: string; bar: string }> => {
        const { connections } = await askConnz(server, mode, "?subs=1");
        const of = (name: string) =>
          connections.find((one: Json) => one.name === name).last_activity;
        return { foo: of("foo"), bar: of("bar") };
      };
      // Times are shown in milliseconds of the event loop's turns.
      const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
      const start = await activity();
      assert(Date.parse(start.foo) > 0 && Date.parse(start.bar) > 0);
      await pause();
      const subscription = foo.subscribe("hello.world", { callback: () => {} });
      await foo.flush();
      const subscribed = await activity();
      assertNotEquals(subscribed.foo, start.foo);
      await pause();
      bar.publish("hello.world", "Hello");
      await bar.flush();
      await foo.flush();
      const published = await activity();
      assertNotEquals(published.bar, start.bar);
      assertNotEquals(published.foo, subscribed.foo);
      await pause();
      subscription.unsubscribe();
      await foo.flush();
      assertNotEquals((await activity()).foo, published.foo);
    })
  );
});

Deno.test("TestMonitorConnzWithOffsetAndLimit", async () => {
  await withMonitor(async (server) => {
    await forBoth(async (mode) => {
      assertEquals((await askConnz(server, mode, "?offset=1&limit=1")).connections, []);
      const negative = await askConnz(server, mode, "?offset=-1&limit=-1");
      assertEquals([negative.connections, negative.offset], [[], 0]);
    });
    await using clients = new Clients(server);
    await clients.talkative();
    await clients.talkative();
    await forBoth(async (mode) => {
      for (const [offset, count] of [[1, 1], [2, 0]] as const) {
        const shown = await askConnz(server, mode, `?offset=${offset}&limit=1`);
        assertEquals([shown.limit, shown.offset], [1, offset]);
        assertEquals([shown.connections.length, shown.num_connections], [count, count]);
        assertEquals(shown.total, 2);
      }
    });
  });
});

Deno.test("TestMonitorConnzWithNamedClient", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    await (await clients.connect({ name: "test-client" })).flush();
    await forBoth(async (mode) => {
      const { connections } = await askConnz(server, mode);
      assertEquals(connections.map((one: Json) => one.name), ["test-client"]);
    });
  });
});

Deno.test("TestMonitorConnzClosedConnsRace", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    for (let i = 0; i < 100; i++) await (await clients.talkative()).close();
    await closedCount(server, 100);
    const ask = async (query: string): Promise<void> => {
      for (let i = 0; i < 20; i++) {
        assertEquals((await readJson(server, `/connz?${query}`)).connections.length, 100);
      }
    };
    await Promise.all([ask("state=closed&subs=true"), ask("state=closed")]);
  });
});

Deno.test("TestMonitorConnzTLSInHandshake", async () => {
  await withCertificates(({ server: { certFile, keyFile } }) =>
    withMonitor(
      async (server) => {
        const bare = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
        await until(() => server.clients.size === 1);
        await forBoth(async (mode) => {
          const { connections } = await askConnz(server, mode);
          assertEquals(connections.length, 1);
          assertEquals(connections[0].tls_version, undefined);
          assertEquals(connections[0].tls_cipher_suite, undefined);
        });
        bare.close();
      },
      { tlsTimeoutMs: 1500 },
      `tls { cert_file: "${certFile}", key_file: "${keyFile}" }`,
    )
  );
});

Deno.test("TestMonitorStacksz", async () => {
  await withMonitor(async (server) => {
    assert((await readBody(server, "/stacksz")).length > 0);
  });
});

Deno.test("TestMonitorVarzSubscriptionsResetProperly", async () => {
  await withMonitor((server) =>
    forBoth(async (mode) => {
      const first = (await pollVarz(server, mode)).subscriptions;
      assertEquals((await pollVarz(server, mode)).subscriptions, first);
    })
  );
});

// -------------------------------------------------------------------------------------- sorting

/** Three clients beside `first`; what a sort key gives is in the order of `before`. */
async function expectOrder(
  query: string,
  before: (a: Json, b: Json) => boolean,
  first: (client: NatsConnection) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    await first(await clients.talkative());
    for (let i = 0; i < 3; i++) await clients.talkative();
    await forBoth((mode) => inOrder(server, mode, query, before));
  });
}

async function inOrder(
  server: Server,
  mode: number,
  query: string,
  before: (a: Json, b: Json) => boolean,
): Promise<void> {
  const { connections } = await askConnz(server, mode, query);
  assert(connections.length >= 4);
  for (let i = 1; i < connections.length; i++) {
    assert(before(connections[i - 1], connections[i]), `${query}: ${i}`);
  }
}

const byCid = (a: Json, b: Json): boolean => a.cid < b.cid;
const falling = (key: string) => (a: Json, b: Json): boolean => a[key] >= b[key];
const subscribeHello = async (client: NatsConnection): Promise<void> => {
  client.subscribe("hello.world", { callback: () => {} });
  await client.flush();
};

Deno.test("TestMonitorConnzDefaultSorted", () => expectOrder("", byCid));
Deno.test("TestMonitorConnzSortedByCid", () => expectOrder("?sort=cid", byCid));
Deno.test("TestMonitorConnzSortedByStart", () =>
  expectOrder("?sort=start", (a, b) => Date.parse(a.start) <= Date.parse(b.start)));
Deno.test("TestMonitorConnzSortedBySubs", () =>
  expectOrder("?sort=subs", falling("subscriptions"), subscribeHello));
Deno.test("TestMonitorConnzSortedByPending", () =>
  expectOrder("?sort=pending", falling("pending_bytes"), subscribeHello));
Deno.test("TestMonitorConnzSortedByLast", () =>
  expectOrder(
    "?sort=last",
    (a, b) => Date.parse(a.last_activity) >= Date.parse(b.last_activity),
    subscribeHello,
  ));

Deno.test("TestMonitorConnzSortedByBytesAndMsgs", async () => {
  const keys = [
    ["bytes_to", "out_bytes"],
    ["msgs_to", "out_msgs"],
    ["bytes_from", "in_bytes"],
    ["msgs_from", "in_msgs"],
  ] as const;
  for (const [sort, key] of keys) {
    await expectOrder(`?sort=${sort}`, falling(key), async (client) => {
      for (let i = 0; i < 100; i++) client.publish("foo", "Hello World");
      await client.flush();
    });
  }
});

Deno.test("TestMonitorConnzSortedByUptime", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    for (let i = 0; i < 4; i++) {
      await clients.talkative();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await forBoth((mode) =>
      inOrder(server, mode, "?sort=uptime", (a, b) => Date.parse(a.start) >= Date.parse(b.start))
    );
  });
});

Deno.test("TestMonitorConnzSortedByIdle", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    for (const idleMs of [5000, 10_000, 2000, 20_000]) {
      const client = await clients.talkative();
      server.clients.get(clientId(client))!.lastActivityMs -= idleMs;
    }
    await forBoth((mode) =>
      inOrder(server, mode, "?sort=idle", (a, b) => milliseconds(a.idle) >= milliseconds(b.idle))
    );
  });
});

/** Closes four clients, changes what is remembered of them, and asks. */
async function expectClosedOrder(
  query: string,
  change: (record: Json, i: number) => void,
  before: (a: Json, b: Json) => boolean,
): Promise<void> {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    for (let i = 0; i < 4; i++) await (await clients.connect()).close();
    await closedCount(server, 4);
    for (const [i, record] of server.closedConnections.all().entries()) change(record, i);
    await forBoth((mode) => inOrder(server, mode, query, before));
  });
}

Deno.test("TestMonitorConnzSortedByStopTimeClosedConn", () =>
  expectClosedOrder(
    "?state=closed&sort=stop",
    (record, i) => record.stopMs -= ((i * 37) % 120) * 60_000,
    (a, b) => Date.parse(a.stop) >= Date.parse(b.stop),
  ));

Deno.test("TestMonitorConnzSortedByReason", () =>
  expectClosedOrder(
    "?state=closed&sort=reason",
    (record, i) => record.reason = ["Write Error", "Read Error", "Kicked", "Client Closed"][i],
    (a, b) => a.reason <= b.reason,
  ));

Deno.test("TestMonitorConnzSortedByUptimeClosedConn", () =>
  expectClosedOrder(
    "?state=closed&sort=uptime",
    (record, i) => record.connection.startMs -= 10_000 * (3 - i),
    (a, b) => Date.parse(a.stop) - Date.parse(a.start) <= Date.parse(b.stop) - Date.parse(b.start),
  ));

async function refusedOnOpen(sort: string): Promise<void> {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    for (let i = 0; i < 4; i++) await clients.connect();
    await assertRejects(() => askConnz(server, 1, `?sort=${sort}`));
  });
}

Deno.test("TestMonitorConnzSortedByStopOnOpen", () => refusedOnOpen("stop"));
Deno.test("TestMonitorConnzSortedByReasonOnOpen", () => refusedOnOpen("reason"));
