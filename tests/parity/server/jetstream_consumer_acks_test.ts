// Ports: server/jetstream_consumer_test.go
/**
 * Acknowledgements, redeliveries and back-off (server/jetstream_consumer_test.go). Waits are a
 * tenth of the reference's.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Next, takeNext } from "../../../src/jetstream/consumer/next_message.ts";
import { checkRedelivered, deliveryCount } from "../../../src/jetstream/consumer/redelivery.ts";
import { deliveryInfo, jetStreamServer, type JsClient, statusOf } from "../../harness/jetstream.ts";
import { type Inbox, until } from "../../harness/server.ts";
import { fetchAll, forBothStores, next, nothing, ns, requestNext } from "./_jetstream_consumer.ts";

/** An ephemeral push consumer on a fresh inbox. */
async function pushConsumer(
  js: JsClient,
  stream: string,
  config: Record<string, unknown>,
): Promise<Inbox> {
  const deliverSubject = js.inbox();
  const inbox = js.subscribe(deliverSubject);
  await js.addConsumer(stream, { deliver_subject: deliverSubject, ...config });
  return inbox;
}

Deno.test("TestJetStreamConsumerBackOff", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const [second, minute, hour] = [ns(1000), ns(60_000), ns(3_600_000)];
  const cases: [string, Record<string, unknown>, boolean][] = [
    ["backoff_with_max_deliver", { max_deliver: 3, backoff: [second, minute] }, false],
    ["backoff_with_max_deliver_equal", { max_deliver: 3, backoff: [second, minute, hour] }, false],
    ["backoff_with_max_deliver_equal_to_zero", { max_deliver: 0, backoff: [] }, false],
    ["backoff_with_max_deliver_smaller", { max_deliver: 2, backoff: [second, minute, hour] }, true],
    ["backoff_with_default_max_deliver", { backoff: [second, minute, hour] }, false],
  ];
  for (const [name, config, refused] of cases) {
    await t.step(name, async () => {
      const check = async (work: () => Promise<unknown>): Promise<void> => {
        if (refused) await assertRejects(work, Error, "max deliver");
        else await work();
      };
      await js.addStream({ name, subjects: [name] });
      await check(() => js.addConsumer(name, config));
      await js.addConsumer(name, { durable_name: "consumer" });
      await check(() =>
        js.updateConsumer(name, { ...config, durable_name: "consumer", description: "Updated" })
      );
    });
  }
});

// https://github.com/nats-io/nats-server/issues/6085
Deno.test("TestJetStreamConsumerBackoffNotRespectedWithMultipleInflightRedeliveries", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["events.>"] });
  const backOffMs = [200, 400];
  const inbox = await pushConsumer(js, "TEST", {
    max_deliver: 3,
    backoff: backOffMs.map(ns),
    ack_policy: "explicit",
  });
  const latestMs = (deliveries: number): number =>
    backOffMs.slice(0, deliveries - 1).reduce((sum, ms) => sum + ms, 150);
  const sentMs = performance.now();
  await js.publish("events.first", "msg-1");
  await next(inbox);
  assert(performance.now() - sentMs < latestMs(1));
  await next(inbox);
  assert(performance.now() - sentMs < latestMs(2));
  // A new message sets the timer to the first wait, although the other has the longest.
  const secondMs = performance.now();
  await js.publish("events.second", "msg-2");
  for (;;) {
    const msg = await next(inbox);
    if (msg.subject === "events.first") {
      assert(performance.now() - sentMs < latestMs(3));
      continue;
    }
    const { deliveries } = deliveryInfo(msg);
    assert(performance.now() - secondMs < latestMs(deliveries));
    if (deliveries >= 3) break;
  }
});

Deno.test("TestJetStreamConsumerBackoffWhenBackoffLengthIsEqualToMaxDeliverConfig", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["events.>"] });
  const backOffMs = [200, 400, 600];
  const inbox = await pushConsumer(js, "TEST", {
    max_deliver: 3,
    backoff: backOffMs.map(ns),
    ack_policy: "explicit",
  });
  const sentMs = performance.now();
  await js.publish("events.first", "msg-1");
  for (const waitMs of backOffMs) {
    await next(inbox);
    assert(performance.now() - sentMs < waitMs + 50);
  }
});

Deno.test("TestJetStreamConsumerRetryAckAfterTimeout", async (t) => {
  for (const [title, policy] of [["AckExplicit", "explicit"], ["AckAll", "all"]] as const) {
    await t.step(title, async () => {
      await using server = await jetStreamServer();
      const js = await server.jetStream();
      await js.addStream({ name: "TEST", subjects: ["foo"] });
      await js.publish("foo");
      await js.addConsumer("TEST", { durable_name: "CONSUMER", ack_policy: policy });
      const [msg] = await fetchAll(js, "TEST", "CONSUMER", 1);
      await js.ackSync(msg!, "");
      // Whoever did not get the answer may ask again.
      await js.ackSync(msg!);
    });
  }
});

Deno.test("TestJetStreamConsumerMessageDeletedDuringRedelivery", async (t) => {
  for (const storage of ["memory", "file"]) {
    await t.step(storage === "memory" ? "Memory" : "File", async () => {
      await using server = await jetStreamServer();
      const js = await server.jetStream();
      await js.addStream({ name: "TEST", subjects: ["foo"], storage });
      await js.publishMany(3, "foo");
      await js.addConsumer("TEST", {
        durable_name: "CONSUMER",
        ack_policy: "explicit",
        ack_wait: ns(1000),
      });
      await fetchAll(js, "TEST", "CONSUMER", 3);
      await js.deleteMsg("TEST", 2);
      const consumer = server.consumer("TEST", "CONSUMER");
      await until(() => consumer.pending.size === 2);
      // The state as it would be had the consumer missed the removal.
      consumer.redeliverQueue.clear();
      consumer.pending.clear();
      consumer.pending.add(2, { sequence: 0, timeMs: 0 });
      consumer.redeliverQueue.add(2);
      consumer.ackFloorConsumer = consumer.ackFloorStream = 0;
      consumer.consumerSeq = consumer.streamSeq = 11;
      assertEquals(takeNext(consumer), Next.None);
      assertEquals(consumer.pending.size, 0);
      assertEquals(consumer.ackFloorConsumer, 10);
      assertEquals(consumer.ackFloorStream, 10);
    });
  }
});

Deno.test("TestJetStreamConsumerDeliveryCount", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.publishMany(2, "foo");
  await js.addConsumer("TEST", {
    durable_name: "CONSUMER",
    ack_policy: "explicit",
    ack_wait: ns(1000),
    max_deliver: 1,
  });
  const msgs = await fetchAll(js, "TEST", "CONSUMER", 2);
  await js.ackSync(msgs[1]!, "-NAK");
  const consumer = server.consumer("TEST", "CONSUMER");
  assertEquals(deliveryCount(consumer, 1), 1);
  assertEquals(deliveryCount(consumer, 2), 1);
  assertEquals((await js.fetch("TEST", "CONSUMER", 1, { expiresMs: 250 })).length, 0);
  assertEquals(deliveryCount(consumer, 1), 1);
  assertEquals(deliveryCount(consumer, 2), 1);
});

Deno.test("TestJetStreamConsumerMaxDeliveries", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "MY_WQ", subjects: ["MY_WQ"], storage });
    await js.publish("MY_WQ", "Hello World!");
    const inbox = await pushConsumer(js, "MY_WQ", {
      ack_policy: "explicit",
      ack_wait: ns(10),
      max_deliver: 5,
    });
    await until(() => inbox.count === 5);
    await nothingMore(inbox, 5);
  });
});

async function nothingMore(inbox: Inbox, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await next(inbox);
  await nothing(inbox, 50);
}

Deno.test("TestJetStreamConsumerAckFloorFill", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "MQ", subjects: ["MQ"], storage });
    for (let i = 1; i <= 4; i++) await js.publish("MQ", `msg-${i}`);
    const deliverSubject = js.inbox();
    const inbox = js.subscribe(deliverSubject);
    await js.addConsumer("MQ", {
      durable_name: "d",
      deliver_subject: deliverSubject,
      ack_policy: "explicit",
    });
    const first = await next(inbox);
    (await next(inbox)).respond();
    (await next(inbox)).respond();
    await js.nc.flush();
    assertEquals((await js.consumerInfo("MQ", "d")).ack_floor.consumer_seq, 0);
    first.respond();
    await js.nc.flush();
    assertEquals((await js.consumerInfo("MQ", "d")).ack_floor.consumer_seq, 3);
  });
});

Deno.test("TestJetStreamConsumerAckAck", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "ACK-ACK", subjects: ["ACK-ACK"], storage: "memory" });
  await js.addConsumer("ACK-ACK", { durable_name: "worker", ack_policy: "explicit" });
  await js.publishMany(4, "ACK-ACK", "Hello World!");
  for (const body of ["+ACK", "-NAK", "+WPI", "+TERM"]) {
    const msg = await requestNext(js, "ACK-ACK", "worker");
    await js.ackSync(msg, body);
  }
});

Deno.test("TestJetStreamConsumerAckV1NameWithPercent", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TE%ST", subjects: ["TE%ST"], storage: "memory" });
  await js.addConsumer("TE%ST", { durable_name: "wor%ker", ack_policy: "explicit" });
  await js.publish("TE%ST", "Hello World!");
  const msg = await requestNext(js, "TE%ST", "wor%ker");
  assert(msg.reply!.startsWith("$JS.ACK.TE%ST.wor%ker."));
  await js.ackSync(msg);
  assertEquals((await js.consumerInfo("TE%ST", "wor%ker")).num_ack_pending, 0);
});

Deno.test("TestJetStreamConsumerAckV2NameWithPercent", async () => {
  await using server = await jetStreamServer({
    jetStreamDomain: "hu%b",
    featureFlags: new Map([["js_ack_fc_v2", true]]),
  });
  const js = await server.jetStream();
  await js.addStream({ name: "TE%ST", subjects: ["TE%ST"], storage: "memory" });
  await js.addConsumer("TE%ST", { durable_name: "wor%ker", ack_policy: "explicit" });
  await js.publish("TE%ST", "Hello World!");
  const msg = await requestNext(js, "TE%ST", "wor%ker");
  assert(msg.reply!.startsWith("$JS.ACK.hu%b.szMpdrwD.TE%ST.wor%ker."), msg.reply);
  await js.ackSync(msg);
  assertEquals((await js.consumerInfo("TE%ST", "wor%ker")).num_ack_pending, 0);
});

// 25,000 items in the reference, which expire after 3 s; asked of the state after them, not polled.
Deno.test("TestJetStreamConsumerStuckAckPending", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const name = "TEST_ACTIVE_WORK_ITEMS";
  await js.addStream({ name, max_msgs_per_subject: 1, subjects: [`${name}.>`] });
  await js.addConsumer(name, {
    durable_name: "items",
    ack_policy: "explicit",
    max_ack_pending: -1,
    max_waiting: 20_000,
    ack_wait: ns(1500),
  });
  let done = false;
  const worker = (async () => {
    while (!done) {
      for (const msg of await js.fetch(name, "items", 200, { expiresMs: 200 })) {
        assertEquals(statusOf(msg), "");
        const leftMs = Number(new TextDecoder().decode(msg.data)) - Date.now();
        msg.respond(leftMs > 0 ? `-NAK {"delay":${ns(leftMs)}}` : "+ACK");
      }
    }
  })();
  const items = 1000;
  for (let i = 0; i < items; i += 100) {
    const on = (index: number) => `${name}.${i + index}`;
    await js.publishMany(100, on, () => String(Date.now() + 3000));
    await js.publishMany(100, on, () => String(Date.now() + 300));
  }
  await until(async () => {
    const info = await js.consumerInfo(name, "items");
    return info.num_ack_pending === 0 && info.num_pending === 0;
  });
  done = true;
  await worker;
});

Deno.test("TestJetStreamConsumerAckSampling", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  const add = (name: string, frequency: string) =>
    js.addConsumer("TEST", {
      durable_name: name,
      ack_policy: "explicit",
      filter_subject: "foo",
      sample_freq: frequency,
    });
  await add("dlc", "100%");
  await js.publish("foo", "Hello");
  const metrics = js.subscribe("$JS.EVENT.METRIC.>");
  for (const msg of await fetchAll(js, "TEST", "dlc", 1)) await js.ackSync(msg);
  const metric = (await next(metrics)).json<Record<string, unknown>>();
  assertEquals([metric.stream, metric.consumer, metric.consumer_seq], ["TEST", "dlc", 1]);
  await add("alps", "50%");
  const total = 500;
  await js.publishMany(total, "foo", "Hello");
  const msgs = await fetchAll(js, "TEST", "alps", total);
  await Promise.all(msgs.map((msg) => js.ackSync(msg)));
  await js.nc.flush();
  assert(metrics.count >= 200 && metrics.count <= 300, `${metrics.count} of about 250`);
});

Deno.test("TestJetStreamConsumerAckSamplingSpecifiedUsingUpdateConsumer", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  const config = { durable_name: "dlc", ack_policy: "explicit", filter_subject: "foo" };
  await js.addConsumer("TEST", config);
  await js.updateConsumer("TEST", { ...config, sample_freq: "100%" });
  await js.publish("foo", "Hello");
  const metrics = js.subscribe("$JS.EVENT.METRIC.>");
  for (const msg of await fetchAll(js, "TEST", "dlc", 1)) await js.ackSync(msg);
  const metric = (await next(metrics)).json<Record<string, unknown>>();
  assertEquals([metric.stream, metric.consumer, metric.consumer_seq], ["TEST", "dlc", 1]);
});

Deno.test("TestJetStreamConsumerMaxDeliverUpdate", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  const config = { durable_name: "ard", ack_policy: "explicit", filter_subject: "foo" };
  for (const maxDeliver of [2, 3]) {
    const add = maxDeliver === 2 ? js.addConsumer : js.updateConsumer;
    await add.call(js, "TEST", { ...config, max_deliver: maxDeliver });
    await js.publish("foo", "Hello");
    for (let i = 0; i < maxDeliver; i++) {
      const msgs = await js.fetch("TEST", "ard", 2, { expiresMs: 100 });
      assertEquals(msgs.length, 1);
      msgs[0]!.respond("-NAK");
    }
    assertEquals((await js.fetch("TEST", "ard", 2, { expiresMs: 100 })).length, 0);
  }
});

Deno.test("TestJetStreamConsumerAckReplyFormats", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.publishMany(4, "foo");
  await js.addConsumer("TEST", { durable_name: "C", ack_policy: "explicit" });
  await fetchAll(js, "TEST", "C", 4);
  for (
    const reply of [
      "$JS.ACK.TEST.C.1.1.1.0.0",
      "$JS.ACK._.szMpdrwD.TEST.C.1.2.2.0.0",
      "$JS.ACK._.szMpdrwD.TEST.C.1.3.3.0.0.random",
      "$JS.ACK._.szMpdrwD.TEST.C.1.4.4.0.0.random.more.tokens",
    ]
  ) {
    const answer = await js.nc.request(reply, "", { timeout: 1000 });
    assertEquals(answer.data.length, 0);
  }
  assertEquals((await js.consumerInfo("TEST", "C")).num_ack_pending, 0);
});

/** A stream of `count` messages, and a consumer that delivers each of them twice at most. */
async function deliveredTwice(js: JsClient, count: number, config: object): Promise<void> {
  await js.addStream({ name: "TEST", subjects: ["foo"], ...config });
  await js.publishMany(count, "foo");
  await js.addConsumer("TEST", {
    durable_name: "CONSUMER",
    ack_policy: "explicit",
    max_deliver: 2,
    ack_wait: ns(100),
  });
  for (let i = 0; i < 2; i++) await fetchAll(js, "TEST", "CONSUMER", count);
}

Deno.test("TestJetStreamConsumerWQMaxDeliveryAckFloorAdvancesWithPending", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await deliveredTwice(js, 3, { retention: "workqueue" });
  await js.publish("foo");
  await new Promise((resolve) => setTimeout(resolve, 150));
  await fetchAll(js, "TEST", "CONSUMER", 1);
  const { pending, redelivered, ackFloorStream } = server.consumer("TEST", "CONSUMER");
  assertEquals(pending.size, 1);
  assertEquals(redelivered.size, 3);
  assertEquals(ackFloorStream, 3);
});

Deno.test("TestJetStreamConsumerWQMaxDeliveryRdcCleanedOnMaxAge", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await deliveredTwice(js, 3, { retention: "workqueue", max_age: ns(750) });
  assertEquals((await js.fetch("TEST", "CONSUMER", 1, { expiresMs: 200 })).length, 0);
  const consumer = server.consumer("TEST", "CONSUMER");
  assertEquals(consumer.redelivered.size, 3);
  await until(() => consumer.streamState().msgs === 0);
  await until(() => consumer.redelivered.size === 0);
  assertEquals(consumer.store!.state()?.redelivered?.size ?? 0, 0);
});

Deno.test("TestJetStreamConsumerMaxDeliveryRdcNoLeakOnBatchRemoval", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await deliveredTwice(js, 5, {});
  assertEquals((await js.fetch("TEST", "CONSUMER", 1, { expiresMs: 250 })).length, 0);
  const consumer = server.consumer("TEST", "CONSUMER");
  assertEquals(consumer.redelivered.size, 5);
  assertEquals(consumer.pending.size, 0);
  // Not message by message, but all at once.
  server.stream("TEST").store.compact(6);
  await until(() => (consumer.store!.state()?.redelivered?.size ?? 0) === 0);
  assertEquals(consumer.redelivered.size, 0);
});

Deno.test("TestJetStreamConsumerCheckRedeliveredUpdatesRdc", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.publishMany(5, "foo");
  await js.addConsumer("TEST", {
    durable_name: "CONSUMER",
    ack_policy: "explicit",
    max_deliver: 2,
    ack_wait: ns(1000),
  });
  // As it is after the first three were delivered too often.
  const consumer = server.consumer("TEST", "CONSUMER");
  const { redelivered, redeliverQueue } = consumer;
  for (let seq = 1; seq <= 4; seq++) {
    redelivered.set(seq, seq === 4 ? 1 : 2);
    redeliverQueue.add(seq);
  }
  consumer.ackFloorStream = 3;
  checkRedelivered(consumer);
  assertEquals([...redelivered.keys()], [1, 2, 3, 4]);
  assertEquals([1, 2, 3, 4].map((seq) => redeliverQueue.has(seq)), [false, false, false, true]);
  await js.purge("TEST");
  checkRedelivered(consumer);
  assertEquals(redelivered.size, 0);
});
