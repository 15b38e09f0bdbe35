// Ports: server/monitor_test.go: JetStream in /varz, /jsz and /healthz.
/**
 * JetStream in `/varz`, `/jsz` and `/healthz` (server/monitor_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { API_LEVEL } from "../../../src/jsapi/mod.ts";
import type { Server, StartOptions } from "../../../src/mod.ts";
import { healthz, type HealthzOptions } from "../../../src/monitor/healthz.ts";
import { jetStreamServer, JsClient, type Json } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { messagesOf } from "./_jetstream_a.ts";
import {
  Clients,
  MODES,
  monitorOptions,
  pollVarz,
  readBody,
  readJson,
  withMonitor,
} from "./_monitor.ts";

/** Runs `use` beside a server with monitoring and JetStream. */
async function withJetStream(
  use: (server: Server) => Promise<void>,
  over: StartOptions = {},
): Promise<void> {
  await using server = await jetStreamServer({ ...monitorOptions(), ...over });
  await use(server.test.server);
}

Deno.test("TestMonitorHandleVarz", async () => {
  await using started = await jetStreamServer(
    { httpHost: "127.0.0.1", httpPort: -1 },
    `system_account: SYS
     accounts {
       SYS { users [{user: sys, password: pwd}] }
       ACC {
         users [{user: usr, password: pwd}]
         jetstream: {max_store: 4Mb, max_memory: 5Mb}
       }
       BCC_TO_HAVE_ONE_EXTRA { users [{user: usr2, password: pwd}], jetstream: enabled }
     }
     jetstream: {
       max_mem_store: 10Mb
       max_file_store: 10Mb
       unique_tag: az
       limits: { max_ha_assets: 1000 }
     }
     cluster {
       name: cluster_name
       listen: 127.0.0.1:0
       routes: [nats-route://127.0.0.1:0]
     }
     server_name: "server_-1"
     server_tags: [ "az:-1", "tag" ]`,
  );
  const { server } = started.test;
  for (const mode of MODES) {
    const { start } = await pollVarz(server, mode);
    assert(Date.now() - Date.parse(start) < 10_000);
  }
  await using clients = new Clients(server);
  await clients.talkative({ user: "sys", pass: "pwd" });
  for (const mode of MODES) {
    const v = await pollVarz(server, mode);
    assertEquals(v.connections, 1);
    assert(v.total_connections >= 1);
    assertEquals([v.in_msgs, v.in_bytes, v.out_msgs, v.out_bytes], [1, 5, 1, 5]);
    assertEquals([v.in_client_msgs, v.in_client_bytes], [1, 5]);
    assertEquals([v.out_client_msgs, v.out_client_bytes], [1, 5]);
    assert(v.subscriptions > 10);
    assertEquals(v.server_name, "server_-1");
    assert(v.tags.includes("tag"));
    assertEquals(v.jetstream.config.store_dir, `${server.options.storeDir}/jetstream`);
    assertEquals(v.jetstream.stats.accounts, 2);
    assertEquals(v.jetstream.limits.max_ha_assets, 1000);
  }
});

Deno.test("TestMonitorVarzJSApiLevel", async () => {
  await withJetStream(async (server) => {
    const { jetstream } = await pollVarz(server, 0);
    assertEquals(jetstream.stats.api.level, API_LEVEL);
  });
});

Deno.test("TestMonitorVarzSyncInterval", async () => {
  await withJetStream(async (server) => {
    const { config } = (await pollVarz(server, 0)).jetstream;
    assertEquals(config.sync_interval, 22e9);
    assertEquals(config.sync_always, true);
  }, { syncIntervalMs: 22_000, syncAlways: true });
});

Deno.test("TestMonitorHealthzStatusUnavailable", async (t) => {
  await withJetStream(async (server) => {
    await server.jetStream!.stop();
    for (
      const [name, query, code, status] of [
        ["healthz", "?", 503, "unavailable"],
        ["js-enabled-only", "?js-enabled-only=true", 503, "unavailable"],
        ["js-server-only", "?js-server-only=true", 200, "ok"],
      ] as const
    ) {
      const ask = async (more: string) =>
        JSON.parse(await readBody(server, `/healthz${query}${more}`, code)).status;
      await t.step(name, async (t) => {
        await t.step("no-details", async () => assertEquals(await ask(""), status));
        await t.step("with-details", async () => {
          assertEquals(await ask("&details=true"), status === "ok" ? "ok" : "error");
        });
      });
    }
  });
});

Deno.test("TestServerHealthz", async (t) => {
  const status = (server: Server, options?: HealthzOptions) => {
    const { code, body } = healthz(server, options);
    return [code, body.status];
  };
  await withMonitor(async (server) => {
    await t.step("BasicHealth", () => {
      assertEquals(status(server), [200, "ok"]);
      assertEquals(status(server, {}), [200, "ok"]);
      assertEquals(status(server, { jsServerOnly: true }), [200, "ok"]);
    });
    await t.step("BadRequestMissingAccount", () => {
      assertEquals(status(server, { stream: "TEST" }), [400, "error"]);
    });
    await t.step("BadRequestMissingStream", () => {
      assertEquals(status(server, { account: "ACC", consumer: "TEST" }), [400, "error"]);
    });
    await t.step("DetailsOption", () => {
      assertEquals(status(server, { details: true }), [200, "ok"]);
      const { code, body } = healthz(server, { stream: "TEST", details: true });
      assertEquals(code, 400);
      assertEquals(body.errors![0]!.type, "BAD_REQUEST");
    });
  });
  await t.step("ServerNotReady", async () => {
    await withMonitor(async (server) => {
      // A server in lame duck mode has no listener any more, and its clients keep it alive.
      await using clients = new Clients(server);
      await clients.connect();
      const leaving = server.lameDuckShutdown();
      assertEquals(status(server), [500, "error"]);
      await server.stop();
      await leaving;
    }, { lameDuckGracePeriodMs: 10_000, lameDuckDurationMs: 30_000 });
  });
  await t.step("JetStreamUnavailable", async () => {
    await withJetStream(async (server) => {
      await server.jetStream!.stop();
      assertEquals(status(server), [503, "unavailable"]);
      assertEquals(status(server, { jsServerOnly: true })[1], "ok");
    });
  });
});

// What can be asked without a cluster: it is not the whole of the reference's test.
Deno.test("TestMonitorJsz on one server", async (t) => {
  await using server = await jetStreamServer(
    monitorOptions(),
    `system_account: SYS
    accounts {
      SYS { users [{user: sys, password: pwd}] }
      ACC { users [{user: usr, password: pwd}], jetstream: {max_store: 4Mb, max_memory: 5Mb} }
      BCC_TO_HAVE_ONE_EXTRA { users [{user: usr2, password: pwd}], jetstream: enabled }
    }
    jetstream: {
      max_mem_store: 10Mb
      max_file_store: 10Mb
      unique_tag: az
      limits: { max_ha_assets: 1000 }
    }`,
  );
  const js = new JsClient(await server.test.connect({ user: "usr", pass: "pwd" }));
  await js.addStream({ name: "my-stream", subjects: ["foo", "bar"] });
  await js.addStream({ name: "my-other-stream", subjects: ["baz"] });
  await js.addStream({ name: "my-stream-mirror", mirror: { name: "my-stream" } });
  for (const stream of ["my-stream", "my-other-stream", "my-stream-mirror"]) {
    await js.addConsumer(stream, { durable_name: `my-consumer-${stream}`, ack_policy: "explicit" });
  }
  await js.publish("foo");
  await messagesOf(js, "my-stream-mirror", 1);
  const jsz = (query = "") => readJson(server.test.server, `/jsz${query}`);
  const names = async (query: string): Promise<string[]> =>
    ((await jsz(query)).account_details ?? []).map(({ name }: Json) => name);
  /** The streams of account ACC by name. */
  const streams = async (query: string): Promise<Map<string, Json>> => {
    const { account_details } = await jsz(`?acc=ACC&${query}`);
    assertEquals(account_details.length, 1);
    return new Map((account_details[0].stream_detail ?? []).map((one: Json) => [one.name, one]));
  };
  await t.step("default", async () => {
    const info = await jsz();
    assertEquals(info.account_details, undefined);
    assertEquals([info.streams, info.consumers, info.messages, info.total], [3, 3, 2, 2]);
    assertEquals(info.limits.max_ha_assets, 1000);
  });
  await t.step("accounts", async () => {
    const { account_details } = await jsz("?accounts=true");
    const all = account_details.map(({ id, name }: Json) => [id, name]).sort();
    const other = "BCC_TO_HAVE_ONE_EXTRA";
    assertEquals(all, [["ACC", "ACC"], [other, other]]);
  });
  await t.step("accounts reserved metrics", async () => {
    const body = (account: string) =>
      readBody(server.test.server, `/jsz?accounts=true&acc=${account}`);
    const reserved = async (account: string) => {
      const text = await body(account);
      const details = text.slice(text.indexOf('"account_details"'));
      return ["memory", "storage"].map((kind) =>
        new RegExp(`"reserved_${kind}": (\\d+)`).exec(details)![1]
      );
    };
    assertEquals(await reserved("ACC"), ["5242880", "4194304"]);
    const none = "18446744073709551615";
    assertEquals(await reserved("BCC_TO_HAVE_ONE_EXTRA"), [none, none]);
  });
  await t.step("offset-too-big", async () => {
    assertEquals(await names("?accounts=true&offset=10"), []);
  });
  await t.step("limit", async () => {
    assertEquals((await names("?accounts=true&limit=1")).length, 1);
    assertEquals((await names("?accounts=true&offset=1&limit=1")).length, 1);
  });
  await t.step("offset-stable", async () => {
    for (const offset of [0, 1]) {
      const query = `?accounts=true&offset=${offset}&limit=1`;
      const first = await names(query);
      assertEquals(first.length, 1);
      assertEquals(await names(query), first);
    }
  });
  await t.step("filter-account", async () => {
    assertEquals(await names("?acc=ACC"), ["ACC"]);
    assertEquals((await streams("")).size, 0);
  });
  await t.step("streams", async () => {
    const all = await streams("streams=true");
    assertEquals(all.size, 3);
    for (const stream of all.values()) assertEquals(stream.consumer_detail, undefined);
  });
  await t.step("consumers", async () => {
    for (const stream of (await streams("consumers=true")).values()) {
      assertEquals(stream.consumer_detail.length, 1);
      assertEquals(stream.config, undefined);
      assertEquals(stream.consumer_detail[0].config, undefined);
      assertEquals(stream.consumer_raft_groups, undefined);
    }
  });
  await t.step("direct-consumers", async () => {
    await until(async () => {
      const all = await streams("consumers=true&direct-consumers=true");
      for (const { name, direct_consumer_detail: direct, consumer_detail } of all.values()) {
        if (direct === undefined) continue;
        assertEquals([name, direct.length], ["my-stream", 1]);
        assert(!consumer_detail.some((one: Json) => one.name === direct[0].name));
        return true;
      }
      return false;
    });
  });
  await t.step("config", async () => {
    for (const stream of (await streams("consumers=true&config=true")).values()) {
      assert(stream.config !== undefined);
      assert(stream.consumer_detail[0].config !== undefined);
    }
  });
  await t.step("replication", async () => {
    const mirror = (await streams("streams=true")).get("my-stream-mirror");
    assert(mirror.mirror !== undefined);
  });
  await t.step("account-non-existing", async () => {
    assertEquals(await names("?acc=DOES_NOT_EXIST"), []);
  });
  await t.step("account-non-existing-with-stream-details", async () => {
    assertEquals(await names("?acc=DOES_NOT_EXIST&streams=true"), []);
  });
  await t.step("unique-tag-exists", async () => {
    assertEquals((await jsz()).config.unique_tag, "az");
  });
  await t.step("js-api-level", async () => {
    assertEquals((await jsz()).api.level, API_LEVEL);
  });
});
