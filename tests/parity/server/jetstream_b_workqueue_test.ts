// Ports: server/jetstream_test.go
/**
 * Streams and consumers as work queues (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  deliveryInfo,
  jetStreamServer,
  JsClient,
  statusOf,
  textOf,
} from "../../harness/jetstream.ts";
import type { Inbox } from "../../harness/server.ts";
import { until } from "../../harness/server.ts";
import { pass, refusal, stateOf } from "./_jetstream_b.ts";
import {
  forBothStores,
  next,
  nextText,
  nothing,
  ns,
  pendingCount,
  requestNext,
} from "./_jetstream_consumer.ts";

const TEXT = "Hello World!";

type Storage = "memory" | "file";

/** A server with stream `S` for foo and bar, and worker `W`. */
async function withWorker(
  storage: Storage,
  test: (js: JsClient) => Promise<void>,
  more: Record<string, unknown> = {},
): Promise<void> {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "S", storage, subjects: ["foo", "bar"] });
  await js.addConsumer("S", { durable_name: "W", ack_policy: "explicit", ...more });
  assertEquals(server.consumer("S", "W").streamSeq, 1);
  await test(js);
}

async function expectWaiting(js: JsClient, count: number): Promise<void> {
  await until(async () => (await js.consumerInfo("S", "W")).num_waiting === count);
}

/** Waits for so many messages in the inbox. */
function received(inbox: Inbox, count: number): Promise<void> {
  return until(
    () => inbox.count === count,
    () => `expected ${count} messages, there are ${inbox.count}`,
  );
}

Deno.test("TestJetStreamWorkQueueMaxWaiting", async (t) => {
  await forBothStores(t, (storage) =>
    withWorker(storage, async (js) => {
      await refusal(() =>
        js.addConsumer("S", {
          durable_name: "foo",
          ack_policy: "explicit",
          max_waiting: 10,
          deliver_subject: "_INBOX.22",
        })
      );
      const { config } = await js.consumerInfo("S", "W");
      assertEquals(config["max_waiting"], 512);
      const inbox = js.subscribe("req.*");
      for (let i = 0; i < 512; i++) js.pull("S", "W", `req.${i}`);
      await expectWaiting(js, 512);
      assertMatch(statusOf(await requestNext(js, "S", "W")), /^409/);
      assertEquals(inbox.count, 0);
      await js.publish("foo", TEXT);
      await js.publish("bar", TEXT);
      await expectWaiting(js, 510);
    }));
});

Deno.test("TestJetStreamWorkQueueWrapWaiting", async (t) => {
  const waiting = 8;
  await forBothStores(t, (storage) =>
    withWorker(storage, async (js) => {
      const inbox = js.subscribe("req.*");
      for (let i = 0; i < waiting; i++) js.pull("S", "W", `req.${i}`);
      await expectWaiting(js, waiting);
      for (let i = 0; i < waiting / 2; i++) await js.publish("foo", TEXT);
      await expectWaiting(js, waiting / 2);
      for (let i = waiting; i < waiting + 2; i++) js.pull("S", "W", `req.${i}`);
      await expectWaiting(js, waiting / 2 + 2);
      for (let i = 0; i < waiting / 2 + 2; i++) await js.publish("bar", TEXT);
      await expectWaiting(js, 0);
      await received(inbox, waiting + 2);
    }, { max_waiting: waiting }));
});

Deno.test("TestJetStreamWorkQueueRequest", async (t) => {
  await forBothStores(t, (storage) =>
    withWorker(storage, async (js) => {
      const count = 25;
      await js.publishMany(count, "bar", TEXT);
      const inbox = js.subscribe("_.consumer._");
      js.pull("S", "W", "_.consumer._", { batch: count });
      await received(inbox, count);
      assertMatch(statusOf(await requestNext(js, "S", "W", { batch: 1, no_wait: true })), /^404/);
      await js.publishMany(count, "foo", TEXT);
      js.pull("S", "W", "_.consumer._", { batch: count + 10, no_wait: true });
      await received(inbox, 2 * count + 1);
      for (let i = 0; i <= 2 * count; i++) await next(inbox);
      await js.purge("S");
      const expiring = { batch: 1, expires: ns(100) };
      js.pull("S", "W", "_.consumer._", expiring);
      await pass(150);
      await js.publish("foo", TEXT);
      await js.publish("bar", TEXT);
      await pendingCount(inbox, 1);
      assertMatch(statusOf(await next(inbox)), /^408/);
      js.pull("S", "W", "_.consumer._", expiring);
      await pendingCount(inbox, 1);
      assertEquals(statusOf(await next(inbox)), "");
    }));
});

Deno.test("TestJetStreamWorkQueueAckAndNext", async (t) => {
  await forBothStores(t, (storage) =>
    withWorker(storage, async (js) => {
      await js.publishMany(100, "bar", TEXT);
      assertEquals((await stateOf(js, "S")).messages, 100);
      const reply = js.inbox();
      const inbox = js.subscribe(reply);
      js.pull("S", "W", reply);
      for (let i = 0; i < 100; i++) {
        const msg = await nextText(inbox, TEXT);
        js.nc.publish(msg.reply!, "+NXT", { reply });
      }
    }));
});

Deno.test("TestJetStreamWorkQueueRequestBatch", async (t) => {
  await forBothStores(t, (storage) =>
    withWorker(storage, async (js) => {
      await js.publishMany(100, "bar", TEXT);
      assertEquals((await stateOf(js, "S")).messages, 100);
      const first = js.pullInbox("S", "W", "50");
      await pendingCount(first, 50);
      await js.purge("S");
      const second = js.pullInbox("S", "W", "50");
      await js.nc.flush();
      await js.publishMany(100, "bar", TEXT);
      await pendingCount(second, 50);
    }));
});

Deno.test("TestJetStreamWorkQueueRetentionStream", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({
      name: "MWQ",
      storage,
      subjects: ["MY_WORK_QUEUE.>"],
      retention: "workqueue",
    });
    const explicit = { ack_policy: "explicit" };
    await refusal(() => js.addConsumer("MWQ", { deliver_policy: "last", ack_policy: "none" }));
    await js.addConsumer("MWQ", { durable_name: "PBO", ...explicit });
    await refusal(() => js.addConsumer("MWQ", { ack_policy: "none" }));
    await js.deleteConsumer("MWQ", "PBO");
    assertEquals((await stateOf(js, "MWQ")).consumer_count, 0);
    let index = 1;
    const partition = async (filter: string) => {
      const name = `PPBO-${index++}`;
      const config = { durable_name: name, filter_subject: filter, ...explicit };
      await js.addConsumer("MWQ", config);
      return () => js.deleteConsumer("MWQ", name);
    };
    const deleteA = await partition("MY_WORK_QUEUE.A");
    const deleteB = await partition("MY_WORK_QUEUE.B");
    await refusal(() => partition("MY_WORK_QUEUE.A"));
    await refusal(() => partition("MY_WORK_QUEUE.B"));
    const deleteC = await partition("MY_WORK_QUEUE.C");
    for (const remove of [deleteA, deleteB, deleteC]) await remove();
    const deleteWide = await partition("MY_WORK_QUEUE.>");
    await refusal(() => partition("MY_WORK_QUEUE.*.BAR"));
    await deleteWide();
    const deleteNarrow = await partition("MY_WORK_QUEUE.*.BAR");
    await refusal(() => partition("MY_WORK_QUEUE.>"));
    await deleteNarrow();
    await js.addConsumer("MWQ", {
      durable_name: "DURABLE",
      deliver_subject: "SOME.SUBJ",
      ...explicit,
    });
    js.subscribe("ephemeral");
    await js.nc.flush();
    const ephemeral = { deliver_subject: "ephemeral", ...explicit };
    await refusal(() => js.addConsumer("MWQ", ephemeral));
    await js.deleteConsumer("MWQ", "DURABLE");
    await js.addConsumer("MWQ", ephemeral);
  });
});

/** A work queue stream with so many messages and a worker that numbers what it gets. */
async function withQueue(
  storage: Storage,
  count: number,
  more: Record<string, unknown>,
  test: (
    js: JsClient,
    get: (streamSeq: number, consumerSeq: number) => ReturnType<typeof requestNext>,
  ) => Promise<void>,
): Promise<void> {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "MY_WQ", storage, retention: "workqueue" });
  await js.publishMany(count, "MY_WQ", TEXT);
  assertEquals((await stateOf(js, "MY_WQ")).messages, count);
  await js.addConsumer("MY_WQ", { durable_name: "PBO", ack_policy: "explicit", ...more });
  await test(js, async (streamSeq, consumerSeq) => {
    const msg = await requestNext(js, "MY_WQ", "PBO");
    const info = deliveryInfo(msg);
    assertEquals([info.streamSeq, info.consumerSeq], [streamSeq, consumerSeq]);
    return msg;
  });
}

Deno.test("TestJetStreamWorkQueueAckWaitRedelivery", async (t) => {
  const count = 100;
  await forBothStores(
    t,
    (storage) =>
      withQueue(storage, count, { ack_wait: ns(700) }, async (js, get) => {
        for (let i = 1; i <= count; i++) await get(i, i);
        assertEquals((await stateOf(js, "MY_WQ")).messages, count);
        for (let i = 1; i <= count; i++) {
          const msg = await get(i, count + i);
          assert(deliveryInfo(msg).deliveries > 1);
          await js.ackSync(msg);
        }
        assertEquals((await stateOf(js, "MY_WQ")).messages, 0);
      }),
  );
});

Deno.test("TestJetStreamWorkQueueNakRedelivery", async (t) => {
  await forBothStores(t, (storage) =>
    withQueue(storage, 10, {}, async (js, get) => {
      for (let i = 1; i <= 5; i++) (await get(i, i)).respond();
      (await get(6, 6)).respond("-NAK");
      await js.nc.flush();
      await get(6, 7);
      await get(7, 8);
      await get(8, 9);
    }));
});

Deno.test("TestJetStreamWorkQueueWorkingIndicator", async (t) => {
  const ackWaitMs = 150;
  await forBothStores(
    t,
    (storage) =>
      withQueue(storage, 2, { ack_wait: ns(ackWaitMs) }, async (js, get) => {
        await get(1, 1);
        await pass(2 * ackWaitMs);
        const working = await get(1, 2);
        const endMs = performance.now() + 3 * ackWaitMs;
        while (performance.now() < endMs) {
          working.respond("+WPI");
          await js.nc.flush();
          await pass(ackWaitMs / 5);
        }
        const second = await get(2, 3);
        await pass(ackWaitMs / 2);
        second.respond("+WPI");
        (await get(1, 4)).respond();
        await get(2, 5);
      }),
  );
});

Deno.test("TestJetStreamWorkQueueTerminateDelivery", async (t) => {
  await forBothStores(
    t,
    (storage) =>
      withQueue(storage, 22, { ack_wait: ns(100) }, async (js, get) => {
        const advisories = js.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>");
        await get(1, 1);
        await pass(150);
        (await get(1, 2)).respond("+TERM with reason");
        await pass(150);
        await get(2, 3);
        const advisory = JSON.parse(textOf(await next(advisories)));
        assertEquals(advisory, {
          ...advisory,
          stream: "MY_WQ",
          consumer: "PBO",
          stream_seq: 1,
          consumer_seq: 2,
          deliveries: 2,
          reason: "with reason",
        });
      }),
  );
});

Deno.test("TestJetStreamNakRedeliveryWithNoWait", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.publish("foo", "NAK");
  await js.addConsumer("TEST", {
    durable_name: "dlc",
    ack_policy: "explicit",
    max_deliver: 3,
    ack_wait: ns(60_000),
    backoff: [ns(5000), ns(10_000)],
  });
  (await requestNext(js, "TEST", "dlc")).respond(`-NAK  {"delay":${ns(300)}}`);
  await until(async () => {
    const msg = await requestNext(js, "TEST", "dlc", { batch: 1, no_wait: true });
    return msg.data.length > 0;
  });
});

Deno.test("TestJetStreamNextMsgNoInterest", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "foo", storage });
    await js.addConsumer("foo", { durable_name: "WQ", ack_policy: "explicit" });
    /** Asks and goes away. */
    const abandon = async () => {
      js.pullInbox("foo", "WQ").subscription.unsubscribe();
      await js.nc.flush();
    };
    await abandon();
    js.nc.publish("foo", "OK");
    (await requestNext(js, "foo", "WQ")).respond();
    for (let i = 0; i < 10; i++) await abandon();
    for (let i = 0; i < 10; i++) js.nc.publish("foo", "OK");
    await js.nc.flush();
    for (let i = 0; i < 10; i++) (await requestNext(js, "foo", "WQ")).respond();
    await until(async () => {
      const info = await js.consumerInfo("foo", "WQ");
      return info.ack_floor.stream_seq === 11 && info.num_ack_pending === 0;
    });
  });
});

Deno.test("TestJetStreamRedeliverAndLateAck", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "LA", storage: "memory" });
  await js.addConsumer("LA", { durable_name: "DDD", ack_policy: "explicit", ack_wait: ns(100) });
  await js.publish("LA", TEXT);
  const msg = await requestNext(js, "LA", "DDD");
  const { redeliverQueue } = server.consumer("LA", "DDD");
  await until(() => redeliverQueue.size === 1);
  await js.ackSync(msg);
  await nothing(js.pullInbox("LA", "DDD"), 30);
});

Deno.test("TestJetStreamRedeliverCount", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DC", storage });
    await js.publish("DC", "OK!");
    await js.addConsumer("DC", { durable_name: "WQ", ack_policy: "explicit" });
    for (let i = 1; i <= 10; i++) {
      const msg = await requestNext(js, "DC", "WQ");
      const info = deliveryInfo(msg);
      assertEquals([info.streamSeq, info.consumerSeq, info.deliveries], [1, i, i]);
      msg.respond("-NAK");
      await js.nc.flush();
    }
  });
});

Deno.test("TestJetStreamPendingNextTimer", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "NT", storage: "memory", subjects: ["ORDERS.*"] });
  await js.addConsumer("NT", {
    durable_name: "DDD",
    ack_policy: "explicit",
    filter_subject: "ORDERS.test",
    ack_wait: ns(100),
  });
  for (let round = 0; round < 3; round++) {
    const nc = await server.test.connect();
    await js.publish("ORDERS.test", "Hello World! #1");
    await js.publish("ORDERS.test", "Hello World! #2");
    for (let i = 0; i < 2; i++) await requestNext(new JsClient(nc), "NT", "DDD");
    await nc.close();
    await pass(200);
  }
});
