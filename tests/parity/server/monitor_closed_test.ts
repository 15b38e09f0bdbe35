// Ports: server/monitor_test.go
/**
 * `/connz` of closed connections, of connections with TLS, its orders and pages; `/healthz`.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { connect } from "@nats-io/transport-node";
import { emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import type { Server } from "../../../src/mod.ts";
import { BadRequestError, connz, healthz } from "../../../src/monitor/mod.ts";
import { CONNECTION_ORDERS } from "../../../src/monitor/connz.ts";
import type { ConnectionSnapshot } from "../../../src/monitor/connection_info.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { parseDurationNs } from "../../../src/base/text/duration.ts";
import { type TestCertificates, withCertificates } from "../../harness/certs.ts";
import { testServer } from "../../harness/server.ts";
import {
  askConnz,
  Clients,
  closedCount,
  type Json,
  MODES,
  monitorOptions,
  pollConnz,
  pollVarz,
  readBody,
  TEXT_TYPE,
  until,
  withMonitor,
} from "./_monitor.ts";

/** The only closed connection, whose figures must fit together. */
async function expectClosedOnce(server: Server): Promise<void> {
  await closedCount(server, 1);
  const { connections } = await pollConnz(server, 1, "", { state: "closed" });
  assertEquals(connections.length, 1);
  const [one] = connections;
  const uptimeMs = Date.parse(one.stop) - Date.parse(one.start);
  const idleMs = Number(/^(\d+)s$/.exec(one.idle)![1]) * 1000;
  assert(idleMs <= uptimeMs, `idle ${idleMs}, up ${uptimeMs}`);
  assert(Date.parse(one.last_activity) > 0);
}

Deno.test("TestMonitorConnzClosedConnsBadClient", async () => {
  await withMonitor(async (server) => {
    (await Deno.connect({ hostname: "127.0.0.1", port: server.port })).close();
    await expectClosedOnce(server);
  });
});

function tlsOptions({ server, ca }: TestCertificates, more = "") {
  const options = emptyOptions();
  const text = `tls { cert_file: "${server.certFile}", key_file: "${server.keyFile}"
    ca_file: "${ca.certFile}", timeout: 1.5\n${more} }`;
  processConfigText(options, text, systemConfigSource());
  return { tlsConfig: options.tlsConfig, tlsTimeoutMs: options.tlsTimeoutMs };
}

Deno.test("TestMonitorConnzClosedConnsBadTLSClient", async () => {
  await withCertificates(async (certificates) => {
    await withMonitor(async (server) => {
      const client = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
      await client.write(new TextEncoder().encode("CONNECT {}\r\n"));
      client.close();
      await expectClosedOnce(server);
    }, tlsOptions(certificates));
  });
});

Deno.test("TestMonitorConnzTLSPeerCerts", async () => {
  await withCertificates(async (certificates) => {
    const options = tlsOptions(certificates, "verify: true");
    const subject = "CN=localhost,OU=nats.io,O=Synadia,ST=California,C=US";
    const own = await certificates.factory.issue("peer", {
      subject: "C=US, ST=California, O=Synadia, OU=nats.io, CN=localhost",
      names: [{ type: "dns", value: "localhost" }],
    }, certificates.ca);
    await withMonitor(async (server) => {
      const client = await connect({
        servers: `localhost:${server.port}`,
        reconnect: false,
        tls: { ca: certificates.ca.certPem, cert: own.certPem, key: own.keyPem },
      });
      for (const mode of MODES) {
        const plain = await askConnz(server, mode);
        assertEquals(plain.connections.length, 1);
        assertEquals(plain.connections[0].tls_peer_certs, undefined);
        const detailed = await askConnz(server, mode, "?auth=1");
        assertEquals(detailed.connections.length, 1);
        const certs = detailed.connections[0].tls_peer_certs;
        assertEquals(certs.length, 1);
        assertEquals(certs[0].subject, subject);
        assertEquals(certs[0].spki_sha256.length, 64);
        assertEquals(certs[0].cert_sha256.length, 64);
      }
      await client.close();
    }, options);
  });
});

Deno.test("TestMonitorConnzTLSCfg", async () => {
  await withCertificates(async (certificates) => {
    const { tlsConfig, tlsTimeoutMs } = tlsOptions(certificates, "verify: true");
    const tls = { tlsConfig, tlsTimeoutMs };
    const { cluster, gateway, leafNode } = emptyOptions();
    const over = {
      ...tls,
      cluster: { ...cluster, ...tls },
      gateway: { ...gateway, ...tls },
      leafNode: { ...leafNode, ...tls },
    };
    await withMonitor(async (server) => {
      const startMs = performance.now();
      for (const mode of MODES) {
        const varz = await pollVarz(server, mode);
        assert(performance.now() - startMs < 1500);
        for (const part of [varz, varz.cluster, varz.gateway, varz.leaf]) {
          assertEquals([part.tls_verify, part.tls_required, part.tls_timeout], [true, true, 1.5]);
        }
      }
    }, over);
  });
});

Deno.test("TestMonitorConnzOffsetOverflow", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    await clients.talkative();
    for (const mode of MODES) {
      const offset = Number.MAX_SAFE_INTEGER;
      const shown = await pollConnz(server, mode, "?offset=9223372036854775807&limit=1", {
        offset,
        limit: 1,
      });
      assertEquals([shown.connections, shown.num_connections], [[], 0]);
    }
    connz(server, { offset: Number.MAX_SAFE_INTEGER, limit: Number.MAX_SAFE_INTEGER });
  });
});

Deno.test("TestMonitorConnzSortBadRequest", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    for (let i = 0; i < 4; i++) await clients.talkative();
    await readBody(server, "/connz?sort=foo", 400, TEXT_TYPE);
    assertThrows(() => connz(server, { sort: "foo" }), BadRequestError);
  });
});

Deno.test("TestMonitorConnzSortByIdleTime", async (t) => {
  const minute = 60_000;
  const hour = 60 * minute;
  // Start and last activity, in ms before now; null is the zero time.
  const cases: Record<string, [number | null, number | null][]> = {
    "zero values": [[null, null], [null, null], [null, null], [null, null]],
    "equal last activity times": [
      [50 * minute, minute],
      [30 * minute, minute],
      [10_000, minute],
      [2 * hour, minute],
    ],
    "last activity in the future": [
      [50 * minute, -10 * minute],
      [30 * minute, -5 * minute],
      [24 * hour, -2000],
      [10_000, -15 * minute],
      [2 * hour, -minute],
    ],
    "unsorted": [
      [50 * minute, 10 * minute],
      [30 * minute, 5 * minute],
      [24 * hour, 2000],
      [10_000, 15 * minute],
      [2 * hour, minute],
    ],
    "unsorted with zero value start time": [
      [null, 10 * minute],
      [null, 5 * minute],
      [null, 2000],
      [null, 15 * minute],
      [null, minute],
    ],
    "sorted": [
      [24 * hour, 2000],
      [2 * hour, minute],
      [30 * minute, 5 * minute],
      [50 * minute, 10 * minute],
      [10_000, 15 * minute],
    ],
    "sorted with zero value start time": [
      [null, 2000],
      [null, minute],
      [null, 5 * minute],
      [null, 10 * minute],
      [null, 15 * minute],
    ],
  };
  const nowMs = Date.now();
  for (const [name, times] of Object.entries(cases)) {
    await t.step(name, () => {
      const snapshots = times.map(([start, last]) => ({
        startMs: start === null ? 0 : nowMs - start,
        lastMs: last === null ? 0 : nowMs - last,
      } as ConnectionSnapshot));
      const sorted = snapshots.toSorted(CONNECTION_ORDERS.get("idle")!);
      // What is shown begins with the longest idle one: the reference turns its order around.
      const idles = sorted.map(({ lastMs }) => nowMs - lastMs).reverse();
      assertEquals(idles, idles.toSorted((a, b) => a - b));
    });
  }
});

Deno.test("TestMonitorConnzSortByRTT", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    for (let i = 0; i < 10; i++) await clients.connect();
    for (const mode of MODES) {
      const shown = await pollConnz(server, mode, "?sort=rtt", { sort: "rtt" });
      assertEquals(shown.num_connections, 10);
      const rtts = shown.connections.map((one: Json) => Number(parseDurationNs(one.rtt)));
      assertEquals(rtts, rtts.toSorted((a: number, b: number) => b - a));
    }
  });
});

Deno.test("TestMonitorConnzWithStateForClosedConns", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    const each = 10;
    for (let i = 0; i < each; i++) {
      const leaving = await clients.talkative();
      leaving.subscribe("hello.closed.conns", { callback: () => {} });
      await leaving.flush();
      await leaving.close();
      const staying = await clients.talkative();
      staying.subscribe("hello.open.conns", { callback: () => {} });
    }
    for (const mode of MODES) {
      await until(async () => {
        const { connections } = await askConnz(server, mode, "?state=closed");
        return connections.length === each;
      });
      const shown = async (query: string) => (await askConnz(server, mode, query)).connections;
      assertEquals((await shown("?state=open")).length, each);
      assertEquals((await shown("?state=ALL")).length, 2 * each);
      // Connection 1 is closed, connection 2 is open.
      assertEquals((await shown("?cid=1&state=open")).length, 0);
      assertEquals((await shown("?cid=1&state=closed")).length, 1);
      assertEquals((await shown("?cid=1&state=ALL")).length, 1);
      const listed = await shown("?cid=1&state=closed&subs=true");
      assertEquals(listed.length, 1);
      assertEquals([listed[0].subscriptions, listed[0].subscriptions_list.length], [1, 1]);
      const counted = await shown("?cid=1&state=closed&subs=false");
      assertEquals(counted.length, 1);
      assertEquals([counted[0].subscriptions, counted[0].subscriptions_list], [1, undefined]);
      assertEquals((await shown("?cid=2&state=open")).length, 1);
      assertEquals((await shown("?cid=2&state=all")).length, 1);
      assertEquals((await shown("?cid=2&state=closed")).length, 0);
    }
  });
});

Deno.test("TestConnzClosedSubsDetailNoSharedMutation", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    const client = await clients.talkative();
    client.subscribe("foo.bar", { callback: () => {} });
    await client.flush();
    await client.close();
    await closedCount(server, 1);
    await Promise.all(
      [1, 2, 3, 4].map(() => askConnz(server, 0, "?state=closed&subs=detail")),
    );
    const detailed = await askConnz(server, 1, "?state=closed&subs=detail");
    assertEquals(detailed.connections[0].subscriptions_list_detail.length, 1);
    const plain = await pollConnz(server, 1, "", { state: "closed" });
    assertEquals(plain.connections.length, 1);
    assertEquals(plain.connections[0].subscriptions_list_detail, undefined);
  });
});

Deno.test("TestMonitorHealthzStatusError", async () => {
  await withMonitor(async (server) => {
    // A server in lame duck mode has no listener any more, and its clients keep it alive.
    await using clients = new Clients(server);
    await clients.connect();
    const leaving = server.lameDuckShutdown();
    await readBody(server, "/healthz", 500);
    assertEquals(healthz(server).body.status, "error");
    await server.stop();
    await leaving;
  }, { ...monitorOptions(), lameDuckGracePeriodMs: 10_000, lameDuckDurationMs: 30_000 });
});

Deno.test("TestMonitorVarzFeatureFlags", async () => {
  await withMonitor(async (server) => {
    const { feature_flags } = await pollVarz(server, 1);
    assertEquals(feature_flags, { js_ack_fc_v2: true, js_raft_delete_range: false });
  }, { featureFlags: new Map([["js_ack_fc_v2", true], ["unknown", true]]) });
});

Deno.test("TestMonitorRoutezWithBadParams", async () => {
  await withMonitor((server) =>
    readBody(server, "/routez?subs=xxx", 400, TEXT_TYPE).then(() => {})
  );
});

Deno.test("TestMonitorServerIDZRequest", async () => {
  await using server = await testServer(
    { serverName: "TEST22" },
    'accounts { $SYS { users = [ { user: "admin", pass: "s3cr3t!" } ] } }',
  );
  const client = await server.connect({ user: "admin", pass: "s3cr3t!" });
  for (const whom of ["PING", server.server.id]) {
    const answer = await client.request(`$SYS.REQ.SERVER.${whom}.IDZ`, "", { timeout: 10_000 });
    const { name, id } = answer.json<{ name: string; id: string }>();
    assertEquals(name, "TEST22");
    assert(id.startsWith("N"));
  }
});
