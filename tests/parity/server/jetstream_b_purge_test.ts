// Ports: server/jetstream_test.go
/**
 * Purging streams, and what consumers see of it (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type ConsumerInfoJson, jetStreamServer, type JsClient } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { pass, stateOf } from "./_jetstream_b.ts";
import { fetchAll, forBothStores, next, nextText, ns, requestNext } from "./_jetstream_consumer.ts";

/** The figures of a consumer that these tests look at. */
function figures(info: ConsumerInfoJson): Record<string, number> {
  return {
    delivered: info.delivered.consumer_seq,
    deliveredStream: info.delivered.stream_seq,
    floor: info.ack_floor.consumer_seq,
    floorStream: info.ack_floor.stream_seq,
    ackPending: info.num_ack_pending,
    pending: info.num_pending,
    redelivered: info.num_redelivered,
  };
}

async function ackAll(js: JsClient, msgs: { respond(): boolean }[]): Promise<void> {
  for (const msg of msgs) msg.respond();
  await js.nc.flush();
}

// The reference waits for acknowledgements for a second.
Deno.test("TestJetStreamPartialPurgeWithAckPending", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  const [count, keep] = [100, 50];
  await js.publishMany(count, "foo", "OK");
  await js.addConsumer("TEST", { durable_name: "dlc", ack_policy: "explicit", ack_wait: ns(300) });
  await fetchAll(js, "TEST", "dlc", count);
  await js.purge("TEST", { keep });
  const { redeliverQueue } = server.consumer("TEST", "dlc");
  await until(() => redeliverQueue.size === keep);
  const info = async () => figures(await js.consumerInfo("TEST", "dlc"));
  const first = await info();
  const floors = { floor: keep, floorStream: keep };
  assertEquals(first, { ...first, ...floors, ackPending: keep, pending: 0 });
  await js.publishMany(count, "foo", "OK");
  const second = await info();
  assertEquals(second, {
    ...second,
    ...floors,
    ackPending: keep,
    pending: count,
    redelivered: 0,
  });
  const again = await fetchAll(js, "TEST", "dlc", keep);
  assertEquals(await info(), {
    delivered: count + keep,
    deliveredStream: count,
    ...floors,
    ackPending: keep,
    pending: count,
    redelivered: keep,
  });
  await ackAll(js, again);
  assertEquals(await info(), {
    delivered: count + keep,
    deliveredStream: count,
    floor: count + keep,
    floorStream: count,
    ackPending: 0,
    pending: count,
    redelivered: 0,
  });
  await ackAll(js, await fetchAll(js, "TEST", "dlc", count));
  assertEquals(await info(), {
    delivered: 2 * count + keep,
    deliveredStream: 2 * count,
    floor: 2 * count + keep,
    floorStream: 2 * count,
    ackPending: 0,
    pending: 0,
    redelivered: 0,
  });
});

Deno.test("TestJetStreamPurgeWithRedeliveredPending", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  const count = 100;
  await js.publishMany(count, "foo", "OK");
  await js.addConsumer("TEST", { durable_name: "dlc", ack_policy: "explicit", ack_wait: ns(300) });
  await fetchAll(js, "TEST", "dlc", count);
  const { redeliverQueue } = server.consumer("TEST", "dlc");
  await until(() => redeliverQueue.size === count);
  await fetchAll(js, "TEST", "dlc", count);
  await js.purge("TEST");
  assertEquals(figures(await js.consumerInfo("TEST", "dlc")), {
    delivered: 2 * count,
    deliveredStream: count,
    floor: 2 * count,
    floorStream: count,
    ackPending: 0,
    pending: 0,
    redelivered: 0,
  });
});

Deno.test("TestJetStreamPurgeAndFilteredConsumers", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "S", subjects: ["FOO.*"] });
  for (let i = 0; i < 10; i++) {
    await js.publish("FOO.adam", "M");
    await js.publish("FOO.eve", "F");
  }
  for (const who of ["adam", "eve"]) {
    const info = await js.addConsumer("S", {
      durable_name: who,
      ack_policy: "explicit",
      filter_subject: `FOO.${who}`,
    });
    assertEquals(info.num_pending, 10);
  }
  await js.addConsumer("S", { durable_name: "all", ack_policy: "explicit" });
  await js.purge("S", { filter: "FOO.adam" });
  assertEquals((await stateOf(js, "S")).messages, 10);
  assertEquals((await js.consumerInfo("S", "eve")).num_pending, 10);
  const adam = await js.consumerInfo("S", "adam");
  assertEquals([adam.num_pending, adam.ack_floor.stream_seq], [0, 20]);
  assertEquals((await js.consumerInfo("S", "all")).num_pending, 10);
});

Deno.test("TestJetStreamPurgeEffectsConsumerDelivery", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.*"] });
  await js.publish("foo.a", "show once");
  const inbox = js.subscribe("deliver");
  await js.addConsumer("TEST", {
    deliver_subject: "deliver",
    ack_policy: "explicit",
    ack_wait: ns(250),
    filter_subject: "foo.*",
  });
  await nextText(inbox, "show once");
  await js.purge("TEST");
  await js.publish("foo.b", "show twice?");
  await nextText(inbox, "show twice?");
  await nextText(inbox, "show twice?");
});

Deno.test("TestJetStreamPurgeExAndAccounting", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "TEST", subjects: ["*"], storage });
    await js.publishMany(200, (index) => index % 2 === 0 ? "foo" : "bar", "accounting");
    const used = async () => (await js.api("INFO"))[storage === "memory" ? "memory" : "storage"];
    const before = await used();
    await js.purge("TEST", { filter: "foo" });
    assert(before > 0);
    assertEquals(await used(), before / 2);
  });
});

// A tenth of the reference's messages.
Deno.test("TestJetStreamPurgeExSeqInInteriorDeleteGap", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "TEST", subjects: ["test.*"], storage });
    const data = "\0".repeat(1024);
    await js.publish("test.start", data);
    await js.publishMany(1000, "test.mid", data);
    await js.publish("test.end", data);
    assertEquals((await stateOf(js, "TEST")).messages, 1002);
    await js.purge("TEST", { filter: "test.mid" });
    const gap = await stateOf(js, "TEST");
    assertEquals([gap.messages, gap.num_deleted], [2, 1000]);
    await js.purge("TEST", { seq: 900 });
    const state = await stateOf(js, "TEST");
    assertEquals([state.messages, state.num_deleted ?? 0], [1, 0]);
    assertEquals([state.first_seq, state.last_seq], [1002, 1002]);
  });
});

// A tenth of the reference's messages.
Deno.test("TestJetStreamPurgeExSeqSimple", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "TEST", subjects: ["test"], storage });
    await js.publishMany(1000, "test", "\0".repeat(1024));
    assertEquals((await stateOf(js, "TEST")).messages, 1000);
    await js.purge("TEST", { seq: 900 });
    const state = await stateOf(js, "TEST");
    assertEquals([state.messages, state.num_deleted ?? 0], [101, 0]);
    assertEquals([state.first_seq, state.last_seq], [900, 1000]);
  });
});

Deno.test("TestJetStreamSubjectFilteredPurgeClearsPendingAcks", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo", "bar"] });
  await js.publishMany(10, (index) => index % 2 === 0 ? "foo" : "bar", "OK");
  const pending = (info: ConsumerInfoJson) => [info.num_pending, info.num_ack_pending];
  const config = { name: "my_consumer", ack_policy: "explicit", max_ack_pending: 10 };
  assertEquals(pending(await js.addConsumer("TEST", config)), [10, 0]);
  const now = async () => pending(await js.consumerInfo("TEST", "my_consumer"));
  await fetchAll(js, "TEST", "my_consumer", 10);
  assertEquals(await now(), [0, 10]);
  await js.purge("TEST", { filter: "foo" });
  assertEquals(await now(), [0, 5]);
  await js.publishMany(5, "foo", "OK");
  await fetchAll(js, "TEST", "my_consumer", 5);
  assertEquals(await now(), [0, 10]);
});

Deno.test("TestJetStreamStreamPurge", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DC", storage });
    await js.publishMany(100, "DC", "OK!");
    assertEquals((await stateOf(js, "DC")).messages, 100);
    await js.purge("DC");
    const purged = await stateOf(js, "DC");
    assertEquals([purged.messages, purged.first_ts], [0, "0001-01-01T00:00:00Z"]);
    await pass(10);
    const nowMs = Date.now();
    await js.publish("DC", "OK!");
    const state = await stateOf(js, "DC");
    assertEquals(state.messages, 1);
    assert(Date.parse(state.first_ts) >= nowMs);
    assertEquals(state.first_ts, state.last_ts);
  });
});

Deno.test("TestJetStreamStreamPurgeWithConsumer", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DC", storage });
    await js.publishMany(100, "DC", "OK!");
    await js.addConsumer("DC", { durable_name: "WQ", ack_policy: "explicit" });
    for (let i = 0; i < 50; i++) (await requestNext(js, "DC", "WQ")).respond();
    for (let i = 0; i < 25; i++) await requestNext(js, "DC", "WQ");
    const before = figures(await js.consumerInfo("DC", "WQ"));
    assertEquals([before["floor"], before["ackPending"]], [50, 25]);
    await js.purge("DC");
    assertEquals((await stateOf(js, "DC")).messages, 0);
    const after = figures(await js.consumerInfo("DC", "WQ"));
    assertEquals(after, {
      ...after,
      ackPending: 0,
      deliveredStream: 100,
      floorStream: 100,
      floor: 75,
    });
    await js.publish("DC", "OK-22");
    assertEquals((await requestNext(js, "DC", "WQ")).string(), "OK-22");
  });
});

Deno.test("TestJetStreamStreamPurgeWithConsumerAndRedelivery", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DC", storage });
    await js.publishMany(100, "DC", "OK!");
    await js.addConsumer("DC", { durable_name: "WQ", ack_policy: "explicit", ack_wait: ns(200) });
    // At once, or the first ones come again in between.
    await fetchAll(js, "DC", "WQ", 50);
    const { redeliverQueue } = server.consumer("DC", "WQ");
    await until(() => redeliverQueue.size === 50);
    await js.purge("DC");
    assertEquals((await stateOf(js, "DC")).messages, 0);
    const after = figures(await js.consumerInfo("DC", "WQ"));
    assertEquals(after, {
      ...after,
      ackPending: 0,
      deliveredStream: 100,
      floorStream: 100,
      floor: 50,
    });
    await js.publish("DC", "OK-22");
    assertEquals((await requestNext(js, "DC", "WQ")).string(), "OK-22");
  });
});

Deno.test("TestJetStreamPerSubjectPending", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({
      name: "KV_X",
      subjects: ["$KV.X.>"],
      max_msgs_per_subject: 5,
      storage,
    });
    await js.publish("$KV.X.x.y.z", "hello world");
    await js.publish("$KV.X.1", "hello world");
    const inbox = js.subscribe("deliver");
    await js.addConsumer("KV_X", {
      deliver_subject: "deliver",
      filter_subject: "$KV.X.x.>",
      deliver_policy: "last_per_subject",
      ack_policy: "explicit",
    });
    const msg = await next(inbox);
    assertEquals(msg.reply!.split(".").at(-1), "0");
  });
});
