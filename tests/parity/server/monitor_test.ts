// Ports: server/monitor_test.go
/**
 * The monitoring port, `/varz`, accounts, health and what is said of absent features.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  accountStatz,
  accountz,
  BadRequestError,
  connz,
  jsz,
  routez,
  subsz,
  uptimeText,
} from "../../../src/monitor/mod.ts";
import { withCertificates } from "../../harness/certs.ts";
import {
  Clients,
  HTML_TYPE,
  MODES,
  pollConnz,
  pollVarz,
  readBody,
  readJson,
  TEXT_TYPE,
  withMonitor,
} from "./_monitor.ts";

Deno.test("TestMyUptime", () => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;
  let span = 22 * second;
  assertEquals(uptimeText(span), "22s");
  span += 4 * minute;
  assertEquals(uptimeText(span), "4m22s");
  span += 4 * hour;
  assertEquals(uptimeText(span), "4h4m22s");
  span += 32 * day;
  assertEquals(uptimeText(span), "32d4h4m22s");
  span += 22 * 365 * day;
  assertEquals(uptimeText(span), "22y32d4h4m22s");
});

Deno.test("TestMonitorNoPort", async () => {
  await withMonitor(async (server) => {
    assertEquals(server.monitorPort, 0);
    for (const path of ["varz", "healthz", "connz"]) {
      await assertRejects(() => fetch(`http://127.0.0.1:11245/${path}`));
    }
  }, { httpPort: 0 });
});

Deno.test("TestMonitorHTTPBasePath", async () => {
  await withMonitor(async (server) => {
    await readBody(server, "/nats", 200, HTML_TYPE);
  }, { httpBasePath: "/nats" });
});

Deno.test("TestMonitorHandleRoot", async () => {
  await withMonitor(async (server) => {
    await using clients = new Clients(server);
    await clients.talkative();
    const response = await fetch(`http://127.0.0.1:${server.monitorPort}/`);
    assertEquals(response.status, 200);
    const body = new Uint8Array(await response.arrayBuffer());
    assert(body.every((byte) => byte < 0x80));
    assert(response.headers.get("content-type")!.includes("text/html"));
  });
});

Deno.test("TestMonitorConcurrentMonitoring", async () => {
  await withMonitor(async (server) => {
    const endpoints = ["varz", "varz", "varz", "connz", "connz", "subsz", "subsz", "routez"];
    await Promise.all([...endpoints, "routez"].map(async (endpoint) => {
      for (let i = 0; i < 50; i++) {
        const response = await fetch(`http://127.0.0.1:${server.monitorPort}/${endpoint}`);
        await response.text();
        assertEquals(response.status, 200);
        assertEquals(response.headers.get("content-type"), "application/json");
      }
    }));
  });
});

Deno.test("TestMonitorHandler", async () => {
  await withMonitor(async (server) => {
    assert(server.monitor !== null);
    await server.stop();
    assertEquals(server.monitor, null);
  });
});

Deno.test("TestMonitorServerIDs", async () => {
  await withMonitor(async (server) => {
    for (const mode of MODES) {
      const { server_id } = await pollVarz(server, mode);
      assert(server_id !== "");
      assertEquals((await pollConnz(server, mode, "")).server_id, server_id);
      const routes = mode === 0 ? await readJson(server, "/routez") : routez(server);
      assertEquals(routes.server_id, server_id);
    }
  });
});

Deno.test("TestMonitorHttpStatsNoUpdatedWhenUsingServerFuncs", async () => {
  await withMonitor(async (server) => {
    for (let i = 0; i < 10; i++) {
      server.monitor!.varz();
      connz(server);
      routez(server);
      subsz(server);
    }
    const stats = (await pollVarz(server, 1)).http_req_stats;
    for (const path of ["/varz", "/connz", "/routez", "/subsz"]) {
      assertEquals(stats[path] ?? 0, 0);
    }
  });
});

Deno.test("TestMonitorClusterEmptyWhenNotDefined", async () => {
  await withMonitor(async (server) => {
    assertEquals((await readJson(server, "/varz")).cluster, {});
  });
});

Deno.test("TestMonitorAccountz", async () => {
  await withMonitor(async (server) => {
    for (const mode of MODES) {
      const all = mode === 0 ? await readJson(server, "/accountz") : accountz(server);
      assertEquals(all.server_id, server.id);
      assertEquals([...all.accounts].sort(), ["$G", "$SYS"]);
      assertEquals(all.system_account, "$SYS");
    }
    for (const mode of MODES) {
      const one = mode === 0
        ? await readJson(server, "/accountz?acc=$SYS")
        : accountz(server, "$SYS");
      assertEquals(one.account_detail.account_name, "$SYS");
      assertEquals(one.account_detail.name_tag, "$SYS");
      assertEquals(one.account_detail.is_system, true);
      assertEquals(one.system_account, "$SYS");
    }
  }, { noSystemAccount: false });
});

Deno.test("TestMonitorAccountStatz", async () => {
  await withMonitor(async (server) => {
    for (const mode of MODES) {
      const shown = mode === 0
        ? await readJson(server, "/accstatz?unused=1")
        : accountStatz(server, { unused: true });
      assertEquals(shown.server_id, server.id);
      assertEquals(shown.account_statz.length, 2);
      for (const { acc, name, conns } of shown.account_statz) {
        assert(acc === "$G" || acc === "$SYS", acc);
        assertEquals(name, acc);
        assertEquals(conns, 0);
      }
    }
  }, { noSystemAccount: false });
});

Deno.test("TestMonitorJszNonJszServer", async () => {
  await withMonitor((server) => {
    assert(server.ready);
    assertEquals(JSON.parse(jsz(server)).server_id, server.id);
    // The text starts as the reference's errSkipZreq.
    assertThrows(() => jsz(server, { leaderOnly: true }), BadRequestError, "filtered response");
    return Promise.resolve();
  }, { httpPort: 0 });
});

Deno.test("TestMonitorHealthzStatusOK", async (t) => {
  await withMonitor(async (server) => {
    const cases = {
      "healthz": "/healthz",
      "js-enabled-only": "/healthz?js-enabled-only=true",
      "js-server-only": "/healthz?js-server-only=true",
    };
    for (const [name, path] of Object.entries(cases)) {
      await t.step(name, async () => {
        assertEquals(JSON.parse(await readBody(server, path)).status, "ok");
      });
    }
  });
});

Deno.test("TestMonitorVarzMetadata", async () => {
  await withMonitor(async (server) => {
    assertEquals((await pollVarz(server, 1)).metadata, { key1: "value1", key2: "value2" });
  });
});

Deno.test("TestMonitorVarzTLSCertEndDate", async () => {
  await withCertificates(async ({ server: own, ca }) => {
    const tls = `tls { cert_file: "${own.certFile}", key_file: "${own.keyFile}"
      ca_file: "${ca.certFile}" }`;
    // Blocks that are not listened on may still name a certificate.
    const config = `${tls}\ncluster { ${tls} }\ngateway { ${tls} }\nleafnodes { ${tls} }
      mqtt { ${tls} }\nwebsocket { ${tls} }`;
    await withMonitor(
      async (server) => {
        const shown = await readJson(server, "/varz");
        const expected = own.certificate.notAfter.toISOString().replace(/\.\d+Z$/, "Z");
        for (const part of ["cluster", "gateway", "leaf", "mqtt", "websocket"]) {
          assertEquals(shown[part].tls_cert_not_after, expected, part);
        }
        assertEquals(shown.tls_cert_not_after, expected);
      },
      {},
      config,
    );
  });
});

Deno.test("TestMonitorConnzBadParams", async () => {
  await withMonitor(async (server) => {
    for (const name of ["auth", "subs", "offset", "limit", "state"]) {
      await readBody(server, `/connz?${name}=xxx`, 400, TEXT_TYPE);
    }
  });
});
