// Ports: server/jetstream_test.go
/**
 * Key-value buckets, through the official client (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type KV, type KvEntry, Kvm, type KvWatchOptions } from "@nats-io/kv";
import { jetstream, StorageType } from "@nats-io/jetstream";
import { jetStreamServer, type JsClient } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { next, nothing, ns } from "./_jetstream_consumer.ts";
import { clientOf, refused, storedMsg } from "./_jetstream_a.ts";

// The client keeps timers of its own a moment after it was closed.
const relaxed = { sanitizeOps: false, sanitizeResources: false };

/** Collects what a watcher is told, until the test stops it. */
async function watch(
  kv: KV,
  options: KvWatchOptions = {},
): Promise<{ entries: KvEntry[]; stop: () => void }> {
  const iterator = await kv.watch(options);
  const entries: KvEntry[] = [];
  void (async () => {
    for await (const entry of iterator) entries.push(entry);
  })();
  return { entries, stop: () => iterator.stop() };
}

async function keysOf(kv: KV): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of await kv.keys()) keys.push(key);
  return keys;
}

async function historyOf(kv: KV, key: string): Promise<KvEntry[]> {
  const entries: KvEntry[] = [];
  for await (const entry of await kv.history({ key })) entries.push(entry);
  return entries;
}

Deno.test({ name: "TestJetStreamKVDelete", ...relaxed }, async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const kv = await new Kvm(js.nc).create("deletion", { history: 10 });
  for (const key of ["a", "a.a", "a.b", "a.b.c"]) await kv.put(key, "");
  assertEquals((await keysOf(kv)).length, 4);
  const info = await js.addConsumer("KV_deletion", {
    name: "keys",
    filter_subject: "$KV.deletion.a.*",
    deliver_policy: "last_per_subject",
    deliver_subject: "keys",
    max_deliver: 1,
    ack_policy: "none",
    mem_storage: true,
    flow_control: true,
    idle_heartbeat: ns(5000),
  });
  assertEquals(info.num_pending, 2);
  const inbox = js.subscribe("keys");
  await next(inbox);
  await next(inbox);
  await nothing(inbox);
  await kv.delete("a.a");
  await kv.delete("a.b");
  const { entries, stop } = await watch(kv);
  await until(() => entries.length === 4);
  stop();
  assertEquals(entries.filter(({ operation }) => operation === "DEL").length, 2);
});

Deno.test({ name: "TestJetStreamKVHistoryRegression", ...relaxed }, async (t) => {
  await using server = await jetStreamServer();
  const { nc } = await server.jetStream();
  for (const storage of [StorageType.File, StorageType.Memory]) {
    await t.step({
      name: storage === StorageType.File ? "File" : "Memory",
      ...relaxed,
      fn: async () => {
        const kv = await new Kvm(nc).create("TEST", { history: 4, storage });
        const first = await kv.create("foo", "a");
        await kv.update("foo", "ab", first);
        await kv.delete("foo");
        await kv.create("foo", "abc");
        await kv.delete("foo");
        const history = await historyOf(kv, "foo");
        assertEquals(history.length, 4);
        await kv.update("foo", "abcd", history.at(-1)!.revision);
        await kv.purge("foo");
        await kv.create("foo", "abcde");
        await kv.purge("foo");
        assertEquals((await historyOf(kv, "foo")).length, 1);
        await kv.destroy();
      },
    });
  }
});

/** Expires a purge's marker, which must leave nothing behind. */
async function expirePurge(js: JsClient, storage: string): Promise<void> {
  // What the client of the reference makes of a bucket with times to live of two seconds and a
  // minute for the markers of limits, in half the time.
  await js.addStream({
    name: "KV_bucket",
    subjects: ["$KV.bucket.>"],
    max_msgs_per_subject: 1,
    storage,
    max_age: ns(1000),
    duplicate_window: ns(1000),
    subject_delete_marker_ttl: ns(60_000),
    allow_msg_ttl: true,
    allow_rollup_hdrs: true,
    allow_direct: true,
    deny_delete: true,
    discard: "new",
  });
  const purge = (more: Record<string, string> = {}) =>
    js.publish("$KV.bucket.key", "", {
      "KV-Operation": "PURGE",
      "Nats-Rollup": "sub",
      ...more,
    });
  const get = (seq: number) => js.api("STREAM.MSG.GET.KV_bucket", { seq });
  const expectGone = async (seq: number) => assertEquals((await refused(get(seq))).errCode, 10037);
  const expire = async (seq: number, headers: Record<string, string>) => {
    await purge(headers);
    const msg = await storedMsg(js, "KV_bucket", { seq });
    assert(msg.headers.includes("KV-Operation: PURGE"));
    await until(() => get(seq).then(() => false, () => true));
    await expectGone(seq);
    await expectGone(seq + 1);
    assertEquals((await js.streamInfo("KV_bucket")).state.messages, 0);
  };
  await expire(1, {});
  await expire(2, { "Nats-TTL": "1s" });
}

Deno.test("TestJetStreamKVNoSubjectDeleteMarkerOnPurgeMarker", async (t) => {
  for (const storage of ["file", "memory"]) {
    await t.step(storage === "file" ? "File" : "Memory", async () => {
      await using server = await jetStreamServer();
      await expirePurge(await server.jetStream(), storage);
    });
  }
});

Deno.test({ name: "TestJetStreamKVReductionInHistory", ...relaxed }, async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  // A tenth of the reference's keys.
  const [history, keys] = [4, 100];
  const kv = await new Kvm(js.nc).create("TEST", { history });
  const data = "ABC".repeat(330);
  let values = 0;
  while (values < history * keys) {
    const puts = Array.from(
      { length: 200 },
      () => kv.put((Math.floor(Math.random() * keys) + 1).toString(16).toUpperCase(), data),
    );
    await Promise.all(puts);
    ({ values } = await kv.status());
  }
  const before = (await js.request("$JS.API.INFO")).storage;
  const expectAllKeys = async () => {
    const all = await keysOf(kv);
    assertEquals(all.length, keys);
    for (const key of all) assert(await kv.get(key) !== null);
  };
  await expectAllKeys();
  const { config } = await js.streamInfo("KV_TEST");
  await js.updateStream({ ...config, max_msgs_per_subject: 1 });
  assert(before > (await js.request("$JS.API.INFO")).storage);
  await expectAllKeys();
});

Deno.test({ name: "TestJetStreamMemoryCorruption", ...relaxed }, async () => {
  await using server = await jetStreamServer();
  const { nc } = await server.jetStream();
  const errors: unknown[] = [];
  void (async () => {
    for await (const status of nc.status()) if (status.type === "error") errors.push(status);
  })();
  const kv = await new Kvm(nc).create("bucket", { storage: StorageType.Memory });
  const watchers = [await watch(kv), await watch(kv, { headers_only: true })];
  await kv.put("key1", "aaa");
  await kv.put("key1", "aab");
  await kv.put("key2", "zza");
  await kv.put("key2", "zzb");
  await kv.delete("key1");
  await kv.delete("key2");
  await kv.put("key1", "aac");
  await kv.put("key2", "zzc");
  await kv.delete("key1");
  await kv.delete("key2");
  await kv.purge("key1");
  await kv.purge("key2");
  // The client of the reference counts the end of the initial values, too.
  for (const { entries, stop } of watchers) {
    await until(() => entries.length === 12);
    stop();
  }
  assertEquals(errors, []);
});

Deno.test({ name: "TestJetStreamCrossAccounts", ...relaxed }, async () => {
  await using server = await jetStreamServer(
    {},
    `accounts: {
      A: {
        users: [ {user: a, password: a} ]
        jetstream: enabled
        exports: [
          {service: '$JS.API.>' }
          {service: '$KV.>'}
          {stream: 'accI.>'}
        ]
      },
      I: {
        users: [ {user: i, password: i} ]
        imports: [
          {service: {account: A, subject: '$JS.API.>'}, to: 'fromA.>' }
          {service: {account: A, subject: '$KV.>'}, to: 'fromA.$KV.>' }
          {stream: {subject: 'accI.>', account: A}}
        ]
      }
    }`,
  );
  const owner = await clientOf(server, "a", "a");
  const other = await clientOf(server, "i", "i", { inboxPrefix: "accI" });
  const buckets = [
    await new Kvm(owner.nc).create("Map", { history: 10 }),
    await new Kvm(jetstream(other.nc, { apiPrefix: "fromA" })).create("Map", { history: 10 }),
  ] as const;
  const watchers = [
    await watch(buckets[0], { key: "map" }),
    await watch(buckets[1], { key: "map" }),
  ];
  /** Both see the entry, and both watchers are told of it as their only news. */
  let told = 0;
  const expectNews = async (operation: string, value: string): Promise<void> => {
    for (const { entries } of watchers) {
      await until(() => entries.length > told, () => `no news of ${operation} ${value}`, 10_000);
      const entry = entries[told]!;
      assertEquals([entry.key, entry.operation, entry.string()], ["map", operation, value]);
    }
    told++;
  };
  const expectValue = async (value: string): Promise<void> => {
    for (const bucket of buckets) {
      const entry = await bucket.get("map");
      assert(entry !== null);
      assertEquals([entry.key, entry.string()], ["map", value]);
    }
  };
  const revision = await buckets[1].put("map", "value");
  await expectValue("value");
  await expectNews("PUT", "value");
  await buckets[1].update("map", "updated", revision);
  await expectValue("updated");
  await expectNews("PUT", "updated");
  await buckets[1].purge("map");
  await expectNews("PURGE", "");
  // As Go's client does it: markers of any age go.
  const purged = await other.request("fromA.STREAM.PURGE.KV_Map", { filter: "$KV.Map.map" });
  assertEquals([purged.error, purged.success], [undefined, true]);
  assertEquals((await owner.streamInfo("KV_Map")).state.messages, 0);
  await buckets[1].delete("map");
  const left = await buckets[0].get("map");
  assert(left === null || left.operation === "DEL");
  for (const { stop } of watchers) stop();
});
