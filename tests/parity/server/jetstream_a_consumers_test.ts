// Ports: server/jetstream_test.go
/**
 * Consumers: last messages per subject, ephemeral ones, what is told about them
 * (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { parseTime } from "../../../src/base/json/mod.ts";
import { deliveryInfo, jetStreamServer, textOf } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import {
  fetchAll,
  forBothStores,
  next,
  nextText,
  nothing,
  ns,
  pendingCount,
  requestNext,
} from "./_jetstream_consumer.ts";
import { messagesOf, pushTo, refused, storedMsg } from "./_jetstream_a.ts";

Deno.test("TestJetStreamDeliverLastPerSubject", async (t) => {
  for (const storage of ["file", "memory"]) {
    await t.step(storage === "file" ? "File" : "Memory", async () => {
      await using server = await jetStreamServer();
      const js = await server.jetStream();
      await js.addStream({ name: "KV", subjects: ["kv.>"], storage, max_msgs_per_subject: 5 });
      const keys = ["b1.foo", "b2.foo", "b1.bar", "b2.bar", "b1.baz", "b2.baz"];
      await js.publishMany(66, (i) => `kv.${keys[i % 6]}`, (i) => String(Math.floor(i / 6) + 1));
      const { data } = await refused(js.addConsumer("KV", {
        deliver_subject: "b",
        deliver_policy: "last_per_subject",
      }));
      assert(data.description.includes("filter subject is not set"), data.description);
      await js.addConsumer("KV", {
        deliver_subject: "d",
        deliver_policy: "last_per_subject",
        filter_subject: "kv.b1.*",
      });
      const inbox = js.subscribe("d");
      const expectNext = async (subject: string, seq: number, text: string) => {
        const msg = await next(inbox);
        assertEquals([msg.subject, deliveryInfo(msg).streamSeq, textOf(msg)], [subject, seq, text]);
      };
      await pendingCount(inbox, 3);
      await expectNext("kv.b1.foo", 61, "11");
      await expectNext("kv.b1.bar", 63, "11");
      await expectNext("kv.b1.baz", 65, "11");
      await js.publish("kv.b1.bar", "22");
      await js.publish("kv.b2.foo", "22");
      await pendingCount(inbox, 1);
      await expectNext("kv.b1.bar", 67, "22");
    });
  }
});

Deno.test("TestJetStreamDeliverLastPerSubjectNumPending", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "KV", subjects: ["KV.>"], max_msgs_per_subject: 5 });
  const keys = ["foo", "bar", "baz", "bat"];
  await js.publishMany(20, (i) => `KV.${keys[i % 4]}`, (i) => `msg${i}`);
  await js.deleteMsg("KV", 2);
  await js.deleteMsg("KV", 5);
  const info = await js.addConsumer("KV", {
    deliver_subject: js.inbox(),
    ack_policy: "explicit",
    deliver_policy: "last_per_subject",
    filter_subject: "KV.>",
  });
  assertEquals(info.num_pending, 4);
});

Deno.test("TestJetStreamDeliverLastPerSubjectWithKV", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", max_msgs_per_subject: 5, subjects: ["kv.>"] });
  for (
    const [subject, texts] of Object.entries({
      "kv.a": ["bad", "bad", "bad", "a"],
      "kv.a.b": ["bad", "bad", "a.b"],
      "kv.a.b.c": ["bad", "bad", "bad", "a.b.c"],
    })
  ) {
    for (const text of texts) await js.publish(subject, text);
  }
  await js.addConsumer("TEST", {
    name: "CONSUMER",
    filter_subject: "kv.>",
    deliver_policy: "last_per_subject",
    deliver_subject: "deliver",
    max_deliver: 1,
    ack_policy: "none",
    mem_storage: true,
    flow_control: true,
    idle_heartbeat: ns(5000),
  });
  const inbox = js.subscribe("deliver");
  for (const text of ["a", "a.b", "a.b.c"]) await nextText(inbox, text);
  await nothing(inbox, 200);
});

Deno.test("TestJetStreamDeliveryAfterServerRestart", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "MY_STREAM", subjects: ["foo.>"], retention: "interest" });
  const config = { durable_name: "dur", deliver_policy: "new", ack_policy: "explicit" };
  const { inbox } = await pushTo(js, "MY_STREAM", config);
  await js.publish("foo.bar", "msg1");
  (await nextText(inbox, "msg1")).respond();
  await js.nc.flush();
  await server.restart();
  js = await server.jetStream();
  const deliverSubject = js.inbox();
  await js.addConsumer("MY_STREAM", { ...config, deliver_subject: deliverSubject });
  await js.publish("foo.bar", "msg2");
  await nextText(js.subscribe(deliverSubject), "msg2");
});

Deno.test("TestJetStreamDirectConsumersBeingReported", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addStream({ name: "S", sources: [{ name: "TEST" }] });
  await js.publish("foo");
  await messagesOf(js, "S", 1);
  assertEquals((await js.streamInfo("TEST")).state.consumer_count, 0);
  assertEquals((await js.api("CONSUMER.NAMES.TEST")).consumers, []);
  assertEquals((await js.api("CONSUMER.LIST.TEST")).consumers, []);
});

Deno.test("TestJetStreamEphemeralConsumers", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "EP", subjects: ["foo.*"], storage });
    const { consumers } = server.stream("EP");
    const { inbox, name } = await pushTo(js, "EP", {});
    const consumer = server.consumer("EP", name);
    assert(consumer.active);
    assertEquals(consumers.size, 1);
    consumer.inactiveMs = 100;
    await js.publish("foo.22");
    await next(inbox);
    inbox.subscription.unsubscribe();
    await until(() => !consumer.active);
    // The client may come back; so it stays for a while.
    assertEquals(consumers.size, 1);
    await until(() => consumers.size === 0);
  });
});

Deno.test("TestJetStreamEphemeralPullConsumers", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "EC", storage: "memory" });
  const { consumers } = server.stream("EC");
  const add = async () => {
    const { name } = await js.addConsumer("EC", { ack_policy: "explicit" });
    const consumer = server.consumer("EC", name);
    // As the reference's test does, it shortens the time after the fact.
    consumer.inactiveMs = 50;
    consumer.timers.inactive!.setDelay(50);
    return name;
  };
  let name = await add();
  await until(() => !consumers.has(name));
  name = await add();
  const inbox = js.subscribe("xx");
  js.pull("EC", name, "xx", { batch: 10, expires: ns(250) });
  await js.nc.flush();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert(consumers.has(name));
  inbox.subscription.unsubscribe();
  await until(() => !consumers.has(name));
});

Deno.test("TestJetStreamEphemeralPullConsumersInactiveThresholdAndNoWait", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "ECIT", storage: "memory" });
  const { name } = await js.addConsumer("ECIT", {
    ack_policy: "explicit",
    inactive_threshold: ns(100),
  });
  for (let i = 0; i < 10; i++) {
    js.pull("ECIT", name, "xx", { batch: 10, no_wait: true });
    await js.nc.flush();
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  await js.consumerInfo("ECIT", name);
});

Deno.test("TestJetStreamFilteredConsumersWithWiderFilter", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo", "bar", "baz", "N.*"] });
  for (const subject of ["foo", "bar", "baz"]) await js.publish(subject, "OK");
  for (let i = 1; i <= 12; i++) await js.publish(`N.${i}`, "OK");
  await messagesOf(js, "TEST", 15);
  const cases: [string, number][] = [["*", 3], ["N.*", 12], ["*.*", 12], ["N.>", 12], [">", 15]];
  for (const [filter, count] of cases) {
    const { inbox } = await pushTo(js, "TEST", { filter_subject: filter, ack_policy: "explicit" });
    await pendingCount(inbox, count);
  }
});

Deno.test("TestJetStreamFlowControlStall", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "FC" });
  for (const times of [1, 8, 8]) await js.publish("FC", "X".repeat(times * 32768));
  // As ordered consumers of clients do: flow control is answered.
  const deliverSubject = js.inbox();
  let received = 0;
  js.nc.subscribe(deliverSubject, {
    callback: (_error, msg) => {
      if (msg.headers?.code === 100) {
        if (msg.reply) msg.respond();
        const stalled = msg.headers.get("Nats-Consumer-Stalled");
        if (stalled !== "") js.nc.publish(stalled);
      } else received++;
    },
  });
  await js.addConsumer("FC", {
    deliver_subject: deliverSubject,
    ack_policy: "none",
    flow_control: true,
    idle_heartbeat: ns(5000),
    mem_storage: true,
    max_deliver: 1,
    num_replicas: 1,
  });
  await until(() => received === 3);
});

Deno.test("TestJetStreamMaxDeliveryRedeliveredReporting", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.publish("foo");
  const waitMs = 100;
  const config = { durable_name: "CONSUMER", ack_policy: "explicit", ack_wait: ns(waitMs) };
  await js.addConsumer("TEST", { ...config, max_deliver: 1 });
  assertEquals((await js.streamInfo("TEST")).state.messages, 1);
  const expectCounts = async (ackPending: number, redelivered: number) => {
    const info = await js.consumerInfo("TEST", "CONSUMER");
    assertEquals([info.num_ack_pending, info.num_redelivered], [ackPending, redelivered]);
  };
  await fetchAll(js, "TEST", "CONSUMER", 1);
  await expectCounts(1, 0);
  await new Promise((resolve) => setTimeout(resolve, 2 * waitMs));
  assertEquals((await js.fetch("TEST", "CONSUMER", 1, { expiresMs: waitMs })).length, 0);
  await expectCounts(0, 0);
  // More deliveries, and any number of them, make it one that is redelivered.
  for (const max of [2, -1]) {
    await js.updateConsumer("TEST", { ...config, max_deliver: max });
    await expectCounts(0, 1);
  }
});

Deno.test("TestJetStreamMaxMsgsPerSubjectAndDeliverLastPerSubject", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const subjects = 300;
  await js.addStream({ name: "test", subjects: ["foo.>", "bar.>"], max_msgs_per_subject: 5 });
  const random = (below: number) => Math.floor(Math.random() * below);
  // Gaps within the stream come from the limit per subject.
  await js.publishMany(subjects * 10, () => `foo.${random(subjects)}`);
  await js.publishMany(subjects, () => `bar.${random(subjects / 10)}`);
  await js.addConsumer("test", {
    name: "test_consumer",
    filter_subjects: ["foo.>"],
    deliver_policy: "last_per_subject",
    ack_policy: "explicit",
  });
  const consumer = server.consumer("test", "test_consumer");
  const { skipList } = consumer;
  assert(skipList !== null);
  const expected = new Set(skipList.seqs);
  const { resumeSeq } = skipList;
  // A subject may be missing by chance.
  for (const msg of await fetchAll(js, "test", "test_consumer", expected.size)) {
    assert(expected.delete(deliveryInfo(msg).streamSeq));
    await js.ackSync(msg);
  }
  assertEquals(expected.size, 0);
  // Behind the list it goes on after the last message of the other subjects.
  assertEquals(consumer.streamSeq, resumeSeq + 1);
});

Deno.test("TestJetStreamMetadata", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DC", retention: "workqueue", storage });
    for (let i = 0; i < 10; i++) {
      js.nc.publish("DC", "OK!");
      await js.nc.flush();
    }
    assertEquals(server.stream("DC").fastState().msgs, 10);
    await js.addConsumer("DC", { durable_name: "WQ", ack_policy: "explicit" });
    for (let i = 1; i <= 10; i++) {
      const msg = await requestNext(js, "DC", "WQ");
      const { streamSeq, consumerSeq, deliveries, timeNs } = deliveryInfo(msg);
      assertEquals([streamSeq, consumerSeq, deliveries], [i, i, 1]);
      const { time } = await storedMsg(js, "DC", { seq: streamSeq });
      assertEquals(timeNs, parseTime(time));
      msg.respond("+ACK");
    }
    await js.nc.flush();
    const { data } = await refused(js.api("STREAM.MSG.GET.DC", { seq: 1 }));
    assertEquals([data.code, data.description], [404, "no message found"]);
  });
});
