// Ports: server/jetstream_test.go
/**
 * Publishing into streams: acknowledgements, expectations, ids and headers
 * (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { headers } from "@nats-io/transport-node";
import { FileStore } from "../../../src/store/mod.ts";
import { jetStreamServer, type JsClient, textOf } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { pass, publishWith, refusal, refused, stateOf } from "./_jetstream_b.ts";
import { forBothStores, next, ns } from "./_jetstream_consumer.ts";

Deno.test("TestJetStreamPubAck", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "PUBACK", subjects: ["foo"], storage: "memory" });
  for (let seq = 1; seq <= 1000; seq++) {
    const ack = await js.publish("foo", "HELLO");
    assertEquals([ack.stream, ack.seq], ["PUBACK", seq]);
  }
});

Deno.test("TestJetStreamNoAckStream", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "foo", storage, no_ack: true });
    const inbox = js.subscribe("reply");
    js.nc.publish("foo", "Hello World!", { reply: "reply" });
    await js.nc.flush();
    assertEquals(await inbox.next(25), null);
    assertEquals((await stateOf(js, "foo")).messages, 1);
  });
});

Deno.test("TestJetStreamMsgGetNoAdvisory", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "foo" });
  await js.publishMany(100, "foo", "ok");
  const advisories = js.subscribe("$JS.EVENT.ADVISORY.>");
  await js.api("STREAM.MSG.GET.foo", { seq: 1 });
  await js.nc.flush();
  assertEquals(await advisories.next(30), null);
});

Deno.test("TestJetStreamMsgHeaders", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "foo", max_age: ns(3_600_000), storage });
    const all = headers();
    all.set("Accept-Encoding", "json");
    all.set("Authorization", "s3cr3t");
    const text = "Hello JetStream Headers - #1!";
    js.nc.publish("foo", text, { headers: all });
    await js.nc.flush();
    const state = await stateOf(js, "foo");
    assertEquals(state.messages, 1);
    assert(state.bytes > 0);
    const { message } = await js.api("STREAM.MSG.GET.foo", { seq: 1 });
    const expected = "NATS/1.0\r\nAccept-Encoding: json\r\nAuthorization: s3cr3t\r\n\r\n";
    assertEquals([atob(message.hdrs), atob(message.data)], [expected, text]);
    const inbox = js.subscribe("deliver");
    await js.addConsumer("foo", { deliver_subject: "deliver", ack_policy: "none" });
    const msg = await next(inbox);
    assertEquals(msg.headers?.get("Accept-Encoding"), "json");
    assertEquals(msg.headers?.get("Authorization"), "s3cr3t");
    assertEquals(textOf(msg), text);
  });
});

Deno.test("TestJetStreamMsgIDHeaderCollision", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["ORDERS.*"] });
  const publish = async (...pairs: [string, string][]) => {
    assertEquals((await publishWith(js, "ORDERS.test", pairs, "ok")).error, undefined);
  };
  await publish(["Nats-Msg-Id", "1"]);
  await publish(["Orig-Nats-Msg-Id", "1"]);
  await publish(["Original-Nats-Msg-Id", "1"]);
  await publish(["Original-Nats-Msg-Id", "1"], ["Really-Original-Nats-Msg-Id", "1"]);
  await publish(["X", "Nats-Msg-Id:1"]);
  assertEquals((await stateOf(js, "TEST")).messages, 5);
});

Deno.test("TestJetStreamNegativeDupeWindow", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await refused(() =>
    js.addStream({
      name: "TEST",
      retention: "workqueue",
      max_consumers: 1,
      max_msgs: -1,
      max_bytes: -1,
      discard: "new",
      duplicate_window: -1,
      max_msgs_per_subject: -1,
      max_msg_size: -1,
      num_replicas: 1,
    }), "duplicates window can not be negative");
});

Deno.test("TestJetStreamPublishDeDupe", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  const config = { name: "DeDupe", max_age: ns(3_600_000), subjects: ["foo.*"] };
  const created = await js.addStream(config);
  assertEquals(created.config.duplicate_window, ns(120_000));
  await refusal(() => js.updateStream({ ...config, duplicate_window: -ns(25) }));
  await refusal(() => js.updateStream({ ...config, duplicate_window: ns(7_200_000) }));
  const send = async (seq: number, id: string) => {
    const ack = await js.publish(`foo.${seq}`, "Hello DeDupe!", { "Nats-Msg-Id": id });
    assertEquals(ack.seq, seq);
    return ack;
  };
  const sendAll = async (first: number, ids: string[]) => {
    for (const [index, id] of ids.entries()) await send(first + index, id);
  };
  const messages = async (count: number) =>
    assertEquals((await stateOf(js, "DeDupe")).messages, count);
  const ids = (count: number) =>
    until(
      () => server.stream("DeDupe").msgIds.size === count,
      () => `expected ${count} ids, there are ${server.stream("DeDupe").msgIds.size}`,
    );
  await sendAll(1, ["AA", "BB", "CC", "ZZ"]);
  await messages(4);
  await send(1, "AA");
  await send(2, "BB");
  await send(4, "ZZ");
  await messages(4);
  assertEquals(server.stream("DeDupe").msgIds.size, 4);
  await js.updateStream({ ...config, duplicate_window: ns(100) });
  await pass(200);
  await sendAll(5, ["AAA", "BBB", "CCC", "DDD", "ZZZ"]);
  await ids(5);
  await ids(0);
  await js.updateStream({ ...config, duplicate_window: ns(1_800_000) });
  await js.purge("DeDupe");
  const last = ["AAAA", "BBBB", "CCCC", "DDDD", "EEEE"];
  await sendAll(10, last);
  await server.restart();
  js = await server.jetStream();
  await messages(5);
  await ids(5);
  await sendAll(10, last);
  await messages(5);
  await ids(5);
  assertEquals((await send(10, "AAAA")).duplicate, true);
  // Ids stay when messages are purged.
  await js.purge("DeDupe");
  await ids(5);
});

Deno.test("TestJetStreamPublishExpect", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "EXPECT", max_age: ns(3_600_000), subjects: ["foo.*"] });
  const publish = (all: Record<string, string>, subject = "foo.bar") =>
    js.publish(subject, "HELLO", all);
  await publish({ "Nats-Expected-Stream": "EXPECT" });
  await refusal(() => publish({ "Nats-Expected-Stream": "ORDERS" }));
  for (const seq of ["10", "0"]) {
    await refusal(() =>
      publish({ "Nats-Expected-Stream": "EXPECT", "Nats-Expected-Last-Sequence": seq })
    );
  }
  await publish({ "Nats-Msg-Id": "AAA" });
  await refusal(() => publish({ "Nats-Msg-Id": "ZZZ", "Nats-Expected-Last-Msg-Id": "BBB" }));
  await server.restart();
  js = await server.jetStream();
  await publish({
    "Nats-Expected-Last-Sequence": "2",
    "Nats-Expected-Last-Msg-Id": "AAA",
    "Nats-Msg-Id": "BBB",
  }, "foo.baz");
});

Deno.test("TestJetStreamPublishExpectNoMsg", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "KV", subjects: ["KV.>"], max_msgs_per_subject: 5 });
  await js.publish("KV.22", "hello world");
  const none = { "Nats-Expected-Last-Subject-Sequence": "0" };
  await js.publish("KV.33", "", none);
  await refusal(() => js.publish("KV.22", "", none));
  await js.purge("KV");
  await js.publish("KV.22", "", none);
});

Deno.test("TestJetStreamRejectLargePublishes", async () => {
  const recordBytesMax = 32 * 1024 * 1024;
  await using server = await jetStreamServer({}, `max_payload: ${recordBytesMax + 2048}`);
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["test"] });
  await js.publish("test", new Uint8Array(recordBytesMax - 1024));
  await refused(
    () => js.publish("test", new Uint8Array(recordBytesMax + 1024)),
    "message too large",
  );
  await js.publish("test", "ok");
});

Deno.test("TestJetStreamPersistModeAsync", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const config = { name: "TEST", subjects: ["foo"], storage: "memory", persist_mode: "async" };
  await refused(
    () => js.addStream(config),
    "async persist mode is only supported on file storage",
  );
  const created = await js.addStream({ ...config, storage: "file" });
  assertEquals(created.config.persist_mode, "async");
  assertEquals((await js.publish("foo")).seq, 1);
  const { store } = server.stream("TEST");
  assert(store instanceof FileStore);
  assert(store.core.options.asyncFlush && store.core.config.asyncPersist);
  await refused(
    () => js.updateStream({ ...config, storage: "file", persist_mode: undefined }),
    "stream configuration update can not change persist mode",
  );
});

// What follows is only measured in the reference, with a million messages each and skipped by
// default; here it is checked that nothing is lost.
const COUNT = 5000;

async function publishAndCount(
  js: JsClient,
  config: Record<string, unknown>,
  publish: () => Promise<void>,
  count = COUNT,
): Promise<void> {
  await js.addStream(config);
  await publish();
  assertEquals((await stateOf(js, String(config["name"]))).messages, count);
}

Deno.test("TestJetStreamPubAckPerf", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await publishAndCount(
    js,
    { name: "foo", storage: "memory" },
    () => js.publishMany(COUNT, "foo", "OK"),
  );
});

Deno.test("TestJetStreamPubPerf", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await publishAndCount(js, { name: "sr22", subjects: ["foo"] }, async () => {
    const producers = await Promise.all(Array.from({ length: 5 }, () => server.test.connect()));
    await Promise.all(producers.map((producer) => {
      for (let i = 0; i < COUNT / 5; i++) producer.publish("foo", "Hello World");
      return producer.flush();
    }));
  });
  await server.restart();
  assertEquals((await stateOf(await server.jetStream(), "sr22")).messages, COUNT);
});

Deno.test("TestJetStreamPubPerfWithFullStream", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await publishAndCount(js, { name: "foo", max_msgs: COUNT }, async () => {
    await js.publishMany(COUNT, "foo", "OK");
    await js.publishMany(COUNT, "foo", "OK");
  });
  assertEquals((await stateOf(js, "foo")).first_seq, COUNT + 1);
});

Deno.test("TestJetStreamPubSubPerf", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "MSET22", subjects: ["foo"] });
  const inbox = js.subscribe("d");
  await js.addConsumer("MSET22", { deliver_subject: "d", ack_policy: "none" });
  for (let i = 0; i < COUNT; i++) js.nc.publish("foo", "Hello World");
  await until(() => inbox.count === COUNT);
});

Deno.test("TestJetStreamPubWithAsyncResponsePerf", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await publishAndCount(js, { name: "sr33", subjects: ["foo"] }, async () => {
    for (let i = 0; i < COUNT; i++) js.nc.publish("foo", "Hello World", { reply: "bar" });
    await js.nc.flush();
  });
});

Deno.test("TestJetStreamPubWithSyncPerf", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await publishAndCount(js, { name: "foo" }, async () => {
    for (let i = 0; i < COUNT / 5; i++) await js.publish("foo", "Hello World");
  }, COUNT / 5);
});
