/**
 * Pull requests (server/jetstream_consumer_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Msg } from "@nats-io/transport-node";
import {
  ApiFailure,
  deliveryInfo,
  jetStreamServer,
  type JsClient,
  statusOf,
} from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { next, nothing, ns, requestNext } from "./_jetstream_consumer.ts";

Deno.test("TestJetStreamConsumerPullHeartBeats", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "T", subjects: ["T"], storage: "memory" });
  await js.addConsumer("T", { durable_name: "dlc", ack_policy: "explicit" });
  const ask = async (batch: number, heartbeatMs: number, expiresMs: number, expected: number) => {
    const request = { batch, idle_heartbeat: ns(heartbeatMs), expires: ns(expiresMs) };
    const received: { atMs: number; msg: Msg }[] = [];
    const reply = js.inbox();
    const subscription = js.nc.subscribe(reply, {
      callback: (_error, msg) => void received.push({ atMs: performance.now(), msg }),
    });
    js.pull("T", "dlc", reply, request);
    // A heartbeat may come before the end.
    await until(() => received.length >= expected && /^4/.test(statusOf(received.at(-1)!.msg)));
    subscription.unsubscribe();
    return received;
  };
  for (const expiresMs of [0, 100]) {
    const received = await ask(1, expiresMs === 0 ? 100 : 75, expiresMs, 1);
    assertEquals(received.length, 1);
    assertEquals(statusOf(received[0]!.msg), "400 Bad Request - heartbeat value too large");
  }
  const startMs = performance.now();
  const beats = await ask(1, 50, 250, 5);
  assertEquals(beats.length, 5);
  for (let i = 0; i < 4; i++) {
    assertEquals(statusOf(beats[i]!.msg), "100 Idle Heartbeat");
    assert(beats[i]!.atMs >= startMs + 50);
  }
  assert(statusOf(beats[4]!.msg).startsWith("408"));
  // None while there is traffic.
  const publishing = (async () => {
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      await js.publish("T");
    }
  })();
  const busy = await ask(10, 75, 350, 6);
  await publishing;
  for (let i = 0; i < 5; i++) assertEquals(statusOf(busy[i]!.msg), "");
  assert(statusOf(busy.at(-1)!.msg).startsWith("408"));
});

Deno.test("TestJetStreamConsumerPullConsumerFIFO", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "T", subjects: ["T"] });
  await js.addConsumer("T", { durable_name: "d", ack_policy: "explicit" });
  const inboxes = Array.from(
    { length: 10 },
    () => js.pullInbox("T", "d", { batch: 10, expires: ns(60_000) }),
  );
  await js.nc.flush();
  for (let i = 0; i < 100; i++) await js.publish("T", "FIFO FTW!");
  for (const [index, inbox] of inboxes.entries()) {
    await until(() => inbox.count === 10);
    for (let i = 0; i < 10; i++) {
      assertEquals(deliveryInfo(await next(inbox)).streamSeq, index + 1 + 10 * i);
    }
  }
});

Deno.test("TestJetStreamConsumerPullConsumerOneShotOnMaxAckLimit", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "T", subjects: ["T"] });
  await js.publishMany(10, "T", "OK");
  await js.addConsumer("T", { durable_name: "d", ack_policy: "explicit", max_ack_pending: 5 });
  const startMs = performance.now();
  // What the Go client asks for when it fetches for half a second.
  const msgs = await js.fetch("T", "d", 10, { expiresMs: 490, no_wait: true });
  assert(performance.now() - startMs < 500);
  assertEquals(msgs.length, 5);
});

Deno.test("TestJetStreamConsumerPullRemoveInterest", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "MYS-PULL", subjects: ["MYS-PULL"], storage: "memory" });
  await js.addConsumer("MYS-PULL", { durable_name: "worker", ack_policy: "explicit" });
  // Waits, and its client goes away.
  js.pullInbox("MYS-PULL", "worker");
  await js.nc.flush();
  await js.nc.close();
  await server.test.clientsCount(0);
  js = await server.jetStream();
  await js.publish("MYS-PULL", "Hello World!");
  let info = deliveryInfo(await requestNext(js, "MYS-PULL", "worker"));
  assertEquals(info.consumerSeq, 1);
  assertEquals(info.deliveries, 1);
  // Ten that wait with subscriptions of their own, and give up.
  for (let i = 0; i < 10; i++) {
    const inbox = js.pullInbox("MYS-PULL", "worker");
    await js.nc.flush();
    inbox.subscription.unsubscribe();
  }
  await js.publish("MYS-PULL", "Hello World!");
  info = deliveryInfo(await requestNext(js, "MYS-PULL", "worker"));
  assertEquals(info.consumerSeq, 2);
  assertEquals(info.deliveries, 1);
});

async function withOneWaiting(test: (js: JsClient) => Promise<void>): Promise<void> {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["TEST.A"] });
  await js.addConsumer("TEST", { durable_name: "dur", max_waiting: 1, ack_policy: "explicit" });
  const timedOut = await requestNext(js, "TEST", "dur", { batch: 1, expires: ns(250) });
  assert(statusOf(timedOut).startsWith("408"));
  js.pullInbox("TEST", "dur", { batch: 1 });
  await test(js);
}

Deno.test("TestJetStreamConsumerPullMaxWaitingOfOne", async () => {
  await withOneWaiting(async (js) => {
    const refused = await requestNext(js, "TEST", "dur", { batch: 1, expires: ns(250) });
    assertEquals(statusOf(refused), "409 Exceeded MaxWaiting");
  });
});

Deno.test("TestJetStreamConsumerPullMaxWaitingOfOneWithHeartbeatInterval", async () => {
  await withOneWaiting(async (js) => {
    // Who listens to heartbeats is not told.
    const request = { batch: 1, expires: ns(500), idle_heartbeat: ns(250) };
    await nothing(js.pullInbox("TEST", "dur", request), 300);
  });
});

Deno.test("TestJetStreamConsumerPullMaxWaiting", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["test.*"] });
  const config = { durable_name: "dur", ack_policy: "explicit" };
  await js.addConsumer("TEST", { ...config, max_waiting: 10 });
  await assertRejects(
    () => js.updateConsumer("TEST", { ...config, max_waiting: 1 }),
    ApiFailure,
    "can not be updated",
  );
});

Deno.test("TestJetStreamConsumerPullRequestCleanup", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "T", subjects: ["T"], storage: "memory" });
  await js.addConsumer("T", { durable_name: "dlc", ack_policy: "explicit" });
  const inbox = js.subscribe("xx");
  for (let i = 0; i < 100; i++) js.pull("T", "dlc", "xx", { batch: 10, expires: ns(100) });
  await until(() => inbox.count === 100);
  assertEquals((await js.consumerInfo("T", "dlc")).num_waiting, 0);
});

Deno.test("TestJetStreamConsumerPullRequestMaximums", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["TEST"], storage: "memory" });
  await js.addConsumer("TEST", {
    durable_name: "dlc",
    max_batch: 10,
    max_bytes: 10_000,
    max_expires: ns(1000),
    ack_policy: "explicit",
  });
  const cases: [number, number, number, string][] = [
    [11, 0, 100, "409 Exceeded MaxRequestBatch of 10"],
    [1, 0, 600_000, "409 Exceeded MaxRequestExpires of 1s"],
    [10, 20_000, 600, "409 Exceeded MaxRequestMaxBytes of 10000"],
  ];
  for (const [batch, maxBytes, expiresMs, status] of cases) {
    const request = { batch, max_bytes: maxBytes, expires: ns(expiresMs) };
    assertEquals(statusOf(await requestNext(js, "TEST", "dlc", request)), status);
  }
});
