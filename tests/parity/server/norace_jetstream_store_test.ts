// Ports: server/norace_1_test.go, server/norace_2_test.go (storage, through a server)
import { assert, assertEquals } from "@std/assert";
import { decodeStreamState } from "../../../src/store/delete_blocks.ts";
import { jetStreamServer } from "../../harness/jetstream.ts";
import { usedBytes } from "../../harness/memory.ts";
import { flood } from "./_jetstream_norace.ts";

Deno.test("TestNoRaceJetStreamFileStoreCompaction", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "KV",
    subjects: ["KV.>"],
    max_msgs_per_subject: 1,
    storage: "file",
  });
  // Four fifths of Go's messages.
  const payload = "Z".repeat(4096);
  await js.publish("KV.FM", payload);
  for (let round = 0; round < 2; round++) {
    await js.publishMany(8000, (i) => `KV.${i + 1}`, payload);
  }
  const { total, reported } = server.stream("KV").store.utilization();
  assert(reported / total >= 0.8, `${reported} of ${total}`);
});

Deno.test("TestNoRaceBinaryStreamSnapshotEncodingBasic", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "TEST",
    subjects: ["*"],
    max_msgs_per_subject: 1,
    storage: "file",
  });
  await js.publish("key:1", "hello");
  const payload = "Z".repeat(8 * 1024);
  await js.publishMany(1001, "key:2", payload);
  await js.publishMany(998 * 2, (i) => `key:${3 + Math.floor(i / 2)}`, payload);
  await js.publish("key:2", "hello");
  await js.publish("key:2", "world");
  const { state } = await js.streamInfo("TEST");
  assertEquals([state.messages, state.first_seq, state.last_seq], [1000, 1, 3000]);
  assertEquals(state.num_deleted, 2000);
  const decoded = decodeStreamState(server.stream("TEST").store.encodedStreamState(0));
  assertEquals([decoded.msgs, decoded.firstSeq, decoded.lastSeq], [1000, 1, 3000]);
  assertEquals(decoded.deleted.reduce((sum, block) => sum + block.state().count, 0), 2000);
});

Deno.test("TestNoRaceJetStreamLastSubjSeqAndFilestoreCompact", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "MQTT_sess",
    subjects: ["MQTT.sess.>"],
    storage: "file",
    retention: "limits",
    num_replicas: 1,
    max_msgs_per_subject: 1,
  });
  const first = new Uint8Array(40);
  const second = new Uint8Array(380);
  // A quarter of Go's subjects.
  for (let round = 0; round < 2; round++) {
    const work = Array.from({ length: 1000 }, async (_, i) => {
      const subject = `MQTT.sess.client_${i}`;
      const { seq } = await js.publish(subject, first);
      await js.publish(subject, second, { "Nats-Expected-Last-Subject-Sequence": String(seq) });
    });
    await Promise.all(work);
  }
  assertEquals((await js.streamInfo("MQTT_sess")).state.messages, 1000);
});

Deno.test("TestNoRaceJetStreamMemstoreWithLargeInteriorDeletes", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "TEST",
    subjects: ["foo", "bar"],
    max_msgs_per_subject: 1,
    storage: "memory",
  });
  await js.publish("foo", "Hello World!");
  // Go publishes 1,000,000 messages; here all but the last go to the stream's store directly.
  const { store } = server.stream("TEST");
  const payload = new TextEncoder().encode("Hello World!");
  for (let i = 1; i < 1_000_000; i++) store.storeMsg("bar", new Uint8Array(0), payload, 0);
  let elapsedMs = Infinity;
  for (let run = 0; run < 3; run++) {
    const start = performance.now();
    const state = store.state();
    elapsedMs = Math.min(elapsedMs, performance.now() - start);
    assertEquals([state.msgs, state.firstSeq, state.lastSeq], [2, 1, 1_000_000]);
    assertEquals(state.deleted.length, 999_998);
  }
  assert(elapsedMs < 1000, `${elapsedMs} ms`);
});

Deno.test("TestNoRaceJetStreamClusterExtendedStreamPurgeStall", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "KV", subjects: ["kv.>"], storage: "file" });
  // A hundredth of the reference's 5 GB, whose test is skipped there.
  const [count, subjects] = [5000, 1000];
  await flood(js, "KV", count, (i) => `kv.${i % subjects}`, new Uint8Array(10 * 1024));
  const before = usedBytes();
  const { success, purged } = await js.purge("KV", { filter: "kv.20" });
  const grown = Math.round((usedBytes() - before) / 1024 ** 2);
  assertEquals([success, purged], [true, count / subjects]);
  // A block or two, not the stream.
  assert(grown < 25, `${grown} MiB more in use`);
});
