// Ports: server/jetstream_consumer_test.go
/**
 * Counts and floors of consumers (server/jetstream_consumer_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { checkInterestState } from "../../../src/jetstream/consumer/interest_cleanup.ts";
import { checkNumPending, numPending } from "../../../src/jetstream/consumer/pending_count.ts";
import { hasMaxDeliveries } from "../../../src/jetstream/consumer/redelivery.ts";
import { deliveryInfo, jetStreamServer, textOf } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { fetchAll, forBothStores, next, nextText, nothing, ns } from "./_jetstream_consumer.ts";

Deno.test("TestJetStreamConsumerPendingCountWithRedeliveries", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", {
    durable_name: "test",
    ack_policy: "explicit",
    ack_wait: ns(50),
    max_deliver: 1,
  });
  const numPending = async () => (await js.consumerInfo("TEST", "test")).num_pending;
  await js.publish("foo", "msg1");
  const [first] = await fetchAll(js, "TEST", "test", 1);
  assertEquals(textOf(first!), "msg1");
  assertEquals(await numPending(), 0);
  const { pending } = server.consumer("TEST", "test");
  await until(() => pending.size === 0);
  await js.publish("foo", "msg2");
  const [second] = await fetchAll(js, "TEST", "test", 1);
  assertEquals(textOf(second!), "msg2");
  assertEquals(deliveryInfo(second!).deliveries, 1);
  assertEquals(await numPending(), 0);
});

Deno.test("TestJetStreamConsumerDeliverNewNotConsumingBeforeRestart", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", {
    deliver_subject: "to",
    durable_name: "dur",
    ack_policy: "explicit",
    deliver_policy: "new",
    filter_subject: "foo",
  });
  await js.publishMany(10, "foo", "msg");
  const numPending = async () => (await js.consumerInfo("TEST", "dur")).num_pending;
  assertEquals(await numPending(), 10);
  await server.restart();
  js = await server.jetStream();
  assertEquals(await numPending(), 10);
  const inbox = js.subscribe("to");
  for (let i = 0; i < 10; i++) await js.ackSync(await next(inbox));
  assertEquals(await numPending(), 0);
});

Deno.test("TestJetStreamConsumerNumPendingWithMaxPerSubjectGreaterThanOne", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({
      name: "TEST",
      subjects: ["KV.*.*"],
      max_msgs_per_subject: 2,
      storage,
    });
    const keys = ["plans.foo", "plans.bar", "plans.baz", "config.foo", "config.bar", "config.baz"];
    for (const key of [...keys, "plans.bar", "plans.baz"]) await js.publish(`KV.${key}`, "OK");
    const info = await js.addConsumer("TEST", {
      durable_name: "d",
      ack_policy: "explicit",
      deliver_policy: "last_per_subject",
      filter_subject: "KV.plans.*",
    });
    assertEquals(info.num_pending, 3);
    await js.deleteStream("TEST");
  });
});

Deno.test("TestJetStreamConsumerDeliverNewMaxRedeliveriesAndServerRestart", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.*"] });
  await js.addConsumer("TEST", {
    deliver_subject: "to",
    durable_name: "dur",
    ack_policy: "explicit",
    deliver_policy: "new",
    max_deliver: 3,
    ack_wait: ns(100),
    filter_subject: "foo.bar",
  });
  await js.publish("foo.bar", "msg");
  let inbox = js.subscribe("to");
  for (let i = 0; i < 3; i++) await next(inbox);
  await nothing(inbox, 150);
  await server.restart();
  js = await server.jetStream();
  inbox = js.subscribe("to");
  await nothing(inbox, 250);
});

Deno.test("TestJetStreamConsumerPendingLowerThanStreamFirstSeq", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.publishMany(10, "foo", "msg");
  await js.addConsumer("TEST", {
    deliver_subject: "to",
    durable_name: "dur",
    ack_policy: "explicit",
  });
  const inbox = js.subscribe("to");
  for (let i = 0; i < 10; i++) await js.ackSync(await next(inbox));
  server.consumer("TEST", "dur").stop({ deleteState: false, advisory: false });
  server.stream("TEST").store.compact(1_000_000);
  await server.restart();
  js = await server.jetStream();
  const { state } = await js.streamInfo("TEST");
  assertEquals(state.first_seq, 1_000_000);
  assertEquals(state.last_seq, 999_999);
  js.subscribe("to");
  await until(async () => {
    const info = await js.consumerInfo("TEST", "dur");
    // What was delivered stays, where to go on does not.
    return info.num_ack_pending === 0 && info.delivered.stream_seq === 10 &&
      server.consumer("TEST", "dur").streamSeq === 1_000_000;
  });
});

Deno.test("TestJetStreamConsumerMultipleSubjectsLast", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "name", subjects: ["events", "data", "other"] });
  const subjects = ["events", "data", "other", "events", "data", "data", "other", "other"];
  for (const [index, subject] of subjects.entries()) await js.publish(subject, String(index + 1));
  await js.addConsumer("name", {
    deliver_policy: "last",
    ack_policy: "explicit",
    deliver_subject: "deliver",
    filter_subjects: ["events", "data"],
    durable_name: "durable",
  });
  const inbox = js.subscribe("deliver");
  await js.ackSync(await nextText(inbox, "6"));
  await nothing(inbox);
  const info = await js.consumerInfo("name", "durable");
  assertEquals(info.num_ack_pending, 0);
  assertEquals(info.ack_floor.stream_seq, 6);
  assertEquals(info.ack_floor.consumer_seq, 1);
  assertEquals(info.num_pending, 0);
});

Deno.test("TestJetStreamConsumerMultipleSubjectsLastPerSubject", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "name", subjects: ["events.*", "data.>", "other"] });
  const send = async (subject: string, bad: number, good: string) => {
    for (let i = 0; i < bad; i++) await js.publish(subject, "bad");
    if (good !== "") await js.publish(subject, good);
  };
  await send("events.1", 1, "events.1");
  await send("data.1", 4, "data.1");
  await send("events.2", 2, "events.2");
  await send("other", 2, "");
  await js.addConsumer("name", {
    deliver_policy: "last_per_subject",
    ack_policy: "explicit",
    deliver_subject: "deliver",
    filter_subjects: ["events.*", "data.>"],
    durable_name: "durable",
  });
  const inbox = js.subscribe("deliver");
  for (const subject of ["events.1", "data.1", "events.2"]) {
    const msg = await nextText(inbox, subject);
    assertEquals(msg.subject, subject);
    if (subject !== "events.2") await js.ackSync(msg);
  }
  const info = await js.consumerInfo("name", "durable");
  assertEquals(info.ack_floor.consumer_seq, 2);
  assertEquals(info.ack_floor.stream_seq, 9);
  assertEquals(info.delivered.stream_seq, 10);
  assertEquals(info.delivered.consumer_seq, 3);
});

Deno.test("TestJetStreamConsumerMultipleSubjects", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "name", subjects: ["events.>", "data.>"] });
  for (let i = 0; i < 20; i += 2) {
    await js.publish("events.created", `created ${i}`);
    await js.publish("data.processed", `processed ${i + 1}`);
  }
  await js.addConsumer("name", {
    durable_name: "durable",
    deliver_subject: "deliver",
    filter_subjects: ["events.created", "data.processed"],
    ack_policy: "explicit",
  });
  const inbox = js.subscribe("deliver");
  for (let i = 0; i < 20; i++) await js.ackSync(await next(inbox));
  const info = await js.consumerInfo("name", "durable");
  assertEquals(info.num_ack_pending, 0);
  assertEquals(info.num_pending, 0);
  assertEquals(info.ack_floor.consumer_seq, 20);
  assertEquals(info.ack_floor.stream_seq, 20);
});

Deno.test("TestJetStreamConsumerPurge", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["test.>"] });
  await js.publish("test.1", "hello");
  await js.publish("test.2", "hello");
  const add = (stream: string, name: string, filter: string) =>
    js.addConsumer(stream, {
      durable_name: name,
      filter_subject: filter,
      ack_policy: "explicit",
    });
  await add("TEST", "consumer", "test.>");
  await js.purge("TEST", { filter: "test.2" });
  assertEquals((await js.consumerInfo("TEST", "consumer")).num_pending, 1);
  await fetchAll(js, "TEST", "consumer", 1);
  await js.addStream({ name: "OTHER", subjects: ["other.>"] });
  await js.publish("other.1", "hello");
  await js.publish("other.2", "hello");
  await add("OTHER", "other_consumer", "other.>");
  await js.purge("OTHER", {});
  assertEquals((await js.consumerInfo("OTHER", "other_consumer")).num_pending, 0);
  assertEquals((await js.fetch("OTHER", "other_consumer", 1, { expiresMs: 200 })).length, 0);
});

Deno.test("TestJetStreamConsumerUpdateFilterSubject", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "T", subjects: ["foo", "bar", "baz"] });
  for (let i = 0; i < 10; i++) await js.publish("foo", "OK");
  for (let i = 0; i < 20; i++) await js.publish("bar", "OK");
  const config = { durable_name: "d", ack_policy: "explicit" };
  await js.addConsumer("T", { ...config, filter_subject: "foo" });
  await fetchAll(js, "T", "d", 5);
  await js.updateConsumer("T", { ...config, filter_subject: "bar" });
  const [msg] = await fetchAll(js, "T", "d", 1);
  const info = deliveryInfo(msg!);
  assertEquals(info.consumerSeq, 6);
  assertEquals(info.streamSeq, 11);
  assertEquals(info.deliveries, 1);
  assertEquals(info.pending, 19);
  assert(msg!.subject === "bar");
});

// Messages live for 2 s in the reference.
Deno.test("TestJetStreamConsumerAckFloorWithExpired", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"], max_age: ns(400) });
  const count = 100;
  await js.publishMany(count, "foo", "OK");
  await js.addConsumer("TEST", {
    durable_name: "dlc",
    ack_policy: "explicit",
    ack_wait: ns(600),
  });
  await fetchAll(js, "TEST", "dlc", count);
  await until(async () => (await js.streamInfo("TEST")).state.messages === 0);
  await until(async () => (await js.consumerInfo("TEST", "dlc")).num_ack_pending === 0);
  const info = await js.consumerInfo("TEST", "dlc");
  assertEquals(info.delivered.consumer_seq, count);
  assertEquals(info.delivered.stream_seq, count);
  assertEquals(info.ack_floor.consumer_seq, count);
  assertEquals(info.ack_floor.stream_seq, count);
  assertEquals(info.num_pending, 0);
  assertEquals(info.num_redelivered, 0);
});

// Server issue 4685
Deno.test("TestJetStreamConsumerPendingForKV", async (t) => {
  for (const [name, storage] of [["File", "file"], ["Memory", "memory"]] as const) {
    await t.step(name, async () => {
      await using server = await jetStreamServer();
      const js = await server.jetStream();
      await js.addStream({
        name: "TEST",
        subjects: ["test.>"],
        storage,
        max_msgs_per_subject: 10,
        discard: "new",
      });
      await js.publish("test.1", "x");
      await js.publish("test.1", "y", { "Nats-Expected-Last-Sequence": "1" });
      for (const key of ["2", "3", "4", "5"]) await js.publish(`test.${key}`, "x");
      const { state } = await js.streamInfo("TEST", { subjects_filter: ">" });
      assertEquals(Object.keys(state.subjects).length, 5);
      const inbox = js.subscribe("to");
      await js.addConsumer("TEST", {
        deliver_subject: "to",
        deliver_policy: "last_per_subject",
        filter_subject: "test.>",
        ack_policy: "explicit",
      });
      assertEquals(deliveryInfo(await next(inbox)).pending, 4);
    });
  }
});

Deno.test("TestJetStreamConsumerNakThenAckFloorMove", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.publishMany(11, "foo", "OK");
  await js.addConsumer("TEST", {
    durable_name: "dlc",
    ack_policy: "explicit",
    // Longer than in the reference: nothing but the NAK is to bring a redelivery.
    ack_wait: ns(2000),
  });
  const floors = async () => {
    const info = await js.consumerInfo("TEST", "dlc");
    return [
      info.delivered.consumer_seq,
      info.delivered.stream_seq,
      info.ack_floor.consumer_seq,
      info.ack_floor.stream_seq,
      info.num_ack_pending,
    ];
  };
  const msgs = await fetchAll(js, "TEST", "dlc", 11);
  msgs[0]!.respond("-NAK");
  for (let i = 1; i < 10; i++) await js.ackSync(msgs[i]!);
  assertEquals((await floors()).slice(2), [0, 0, 2]);
  const [again] = await fetchAll(js, "TEST", "dlc", 1);
  await js.ackSync(again!);
  assertEquals(await floors(), [12, 11, 10, 10, 1]);
  // The last one takes the floor to what was delivered, redeliveries and all.
  await js.ackSync(msgs[10]!);
  assertEquals(await floors(), [12, 11, 12, 11, 0]);
});

Deno.test("TestJetStreamConsumerInfoNumPending", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "LIMITS", subjects: ["js.in.limits"], max_msgs: 100 });
  await js.addConsumer("LIMITS", { name: "PULL", ack_policy: "explicit" });
  await js.publishMany(1000, "js.in.limits", "x");
  assertEquals((await js.consumerInfo("LIMITS", "PULL")).num_pending, 100);
  await server.restart();
  js = await server.jetStream();
  assertEquals((await js.consumerInfo("LIMITS", "PULL")).num_pending, 100);
});

Deno.test("TestJetStreamConsumerDontDecrementPendingCountOnSkippedMsg", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", { durable_name: "CONSUMER" });
  const consumer = server.consumer("TEST", "CONSUMER");
  assertEquals(consumer.pendingCount, 0);
  await js.publish("foo");
  assertEquals(consumer.pendingCount, 1);
  await js.deleteMsg("TEST", 1);
  assertEquals(consumer.pendingCount, 0);
  await js.publish("foo");
  await js.publish("foo");
  assertEquals(consumer.pendingCount, 2);
  // As after a message was taken, and another skipped.
  consumer.streamSeq = 100;
  consumer.pendingCount--;
  consumer.pending.add(2, { sequence: 0, timeMs: 0 });
  consumer.onRemoved(2, "foo");
  assertEquals(consumer.pendingCount, 1);
  consumer.onRemoved(3, "foo");
  assertEquals(consumer.pendingCount, 1);
});

Deno.test("TestJetStreamConsumerPendingCountAfterMsgAckAboveFloor", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"], retention: "workqueue" });
  await js.publishMany(2, "foo");
  await js.addConsumer("TEST", { durable_name: "CONSUMER", ack_policy: "explicit" });
  const consumer = server.consumer("TEST", "CONSUMER");
  assertEquals(consumer.pendingCount, 2);
  const msgs = await fetchAll(js, "TEST", "CONSUMER", 2);
  await js.ackSync(msgs[1]!);
  assertEquals(consumer.pendingCount, 0);
});

Deno.test("TestJetStreamConsumerStateAlwaysFromStore", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.>"] });
  await js.addConsumer("TEST", {
    durable_name: "CONSUMER",
    ack_wait: ns(2000),
    ack_policy: "explicit",
    filter_subject: "foo.bar",
  });
  await js.publish("foo.bar");
  await js.publish("foo.other");
  const streamSeqs = async () => {
    const info = await js.consumerInfo("TEST", "CONSUMER");
    return [info.delivered.stream_seq, info.ack_floor.stream_seq];
  };
  assertEquals(await streamSeqs(), [0, 0]);
  const msgs = await js.fetch("TEST", "CONSUMER", 2, { expiresMs: 200 });
  assertEquals(msgs.length, 1);
  assertEquals(await streamSeqs(), [1, 0]);
  await js.ackSync(msgs[0]!);
  assertEquals(await streamSeqs(), [1, 1]);
});

Deno.test("TestJetStreamConsumerMaxDeliverUnderflow", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", { durable_name: "CONSUMER", max_deliver: -1 });
  const consumer = server.consumer("TEST", "CONSUMER");
  // Without a limit no count reaches it.
  const isLimited = () => {
    consumer.redelivered.set(9, 1_000_000);
    const reached = hasMaxDeliveries(consumer, 9);
    consumer.redelivered.clear();
    return reached;
  };
  assert(!isLimited());
  await js.updateConsumer("TEST", { durable_name: "CONSUMER", max_deliver: 1 });
  assert(isLimited());
  await js.updateConsumer("TEST", { durable_name: "CONSUMER", max_deliver: -1 });
  assert(!isLimited());
});

Deno.test("TestJetStreamConsumerOnlyRecalculatePendingIfFilterSubjectUpdated", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", { durable_name: "DURABLE" });
  await js.publish("foo");
  const consumer = server.consumer("TEST", "DURABLE");
  const counts = () => [consumer.pendingCount, consumer.pendingThrough];
  assertEquals(counts(), [1, 0]);
  await js.updateConsumer("TEST", { durable_name: "DURABLE" });
  assertEquals(counts(), [1, 0]);
  await js.updateConsumer("TEST", { durable_name: "DURABLE", filter_subject: "foo" });
  assertEquals(counts(), [1, 1]);
});

Deno.test("TestJetStreamConsumerCheckNumPending", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", { durable_name: "DURABLE" });
  await js.publishMany(5, "foo");
  const consumer = server.consumer("TEST", "DURABLE");
  assertEquals(consumer.streamSeq, 1);
  assertEquals(numPending(consumer), 5);
  consumer.streamSeq = 3;
  assertEquals(checkNumPending(consumer), 3);
  consumer.streamSeq = 100;
  assertEquals(checkNumPending(consumer), 0);
  for (let seq = 2; seq <= 5; seq++) await js.deleteMsg("TEST", seq);
  consumer.streamSeq = 2;
  consumer.pendingCount = 4;
  assertEquals(checkNumPending(consumer), 1);
});

Deno.test("TestJetStreamConsumerEfficientInterestStateCheck", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", retention: "interest", subjects: ["foo"] });
  await js.addConsumer("TEST", { durable_name: "CONSUMER", ack_policy: "explicit" });
  const none = new Uint8Array(0);
  const { store } = server.stream("TEST");
  store.storeMsg("foo", none, none, 0);
  store.storeMsg("foo", none, none, 0);
  store.skipMsgs(3, 10_000_000);
  store.storeMsg("foo", none, none, 0);
  const msgs = await fetchAll(js, "TEST", "CONSUMER", 3);
  await js.ackSync(msgs[0]!);
  const startMs = performance.now();
  checkInterestState(server.consumer("TEST", "CONSUMER"));
  assert(performance.now() - startMs < 1000);
});
