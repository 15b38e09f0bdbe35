// Ports: server/jetstream_consumer_test.go
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
import { fetchAll, next, nothing, ns, requestNext } from "./_jetstream_consumer.ts";

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

Deno.test("TestJetStreamConsumerPullOneShotBehavior", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", {
    durable_name: "dlc",
    ack_policy: "explicit",
    filter_subject: "foo",
  });
  const ask = async (batch: number, expiresMs: number, noWait: boolean) => {
    const startMs = performance.now();
    const request = { batch, expires: ns(expiresMs), no_wait: noWait };
    const inbox = js.pullInbox("TEST", "dlc", request);
    let count = 0;
    let status = "";
    while (count < batch && status === "") {
      const msg = await next(inbox);
      status = statusOf(msg);
      if (status === "") count++;
    }
    inbox.subscription.unsubscribe();
    return { count, status, tookMs: performance.now() - startMs };
  };
  const empty = await ask(1, 0, true);
  assertEquals([empty.count, empty.status], [0, "404 No Messages"]);
  assert(empty.tookMs < 1000);
  for (const [expiresMs, noWait] of [[150, false], [200, true]] as const) {
    const waited = await ask(1, expiresMs, noWait);
    assertEquals([waited.count, waited.status], [0, "408 Request Timeout"]);
    assert(waited.tookMs >= expiresMs);
  }
  await js.publishMany(20, "foo", "HELLO");
  for (
    const [batch, expiresMs, noWait] of [[1, 0, true], [5, 500, false], [5, 500, true]] as const
  ) {
    const served = await ask(batch, expiresMs, noWait);
    assertEquals([served.count, served.status], [batch, ""]);
    assert(served.tookMs < 450);
  }
});

Deno.test("TestJetStreamConsumerPullMultipleRequestsExpireOutOfOrder", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", {
    durable_name: "dlc",
    ack_policy: "explicit",
    filter_subject: "foo",
  });
  const inbox = js.subscribe("i.*");
  const startMs = performance.now();
  for (const expiresMs of [200, 100, 25, 75]) {
    js.pull("TEST", "dlc", `i.${expiresMs}`, { expires: ns(expiresMs) });
  }
  const order: string[] = [];
  for (let i = 0; i < 4; i++) order.push((await next(inbox)).subject);
  const tookMs = performance.now() - startMs;
  assert(tookMs >= 200 && tookMs < 2000);
  assertEquals(order, ["i.25", "i.75", "i.100", "i.200"]);
});

Deno.test("TestJetStreamConsumerPullNoAck", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["ORDERS.*"] });
  await js.addConsumer("TEST", { durable_name: "dlc", ack_policy: "none" });
});

Deno.test("TestJetStreamConsumerPullLastPerSubjectRedeliveries", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.>"] });
  for (let i = 0; i < 20; i++) await js.publish(`foo.${i}`, "msg");
  await js.addConsumer("TEST", {
    durable_name: "dur",
    ack_policy: "explicit",
    deliver_policy: "last_per_subject",
    filter_subject: ">",
    max_ack_pending: 10,
    max_batch: 10,
    ack_wait: ns(150),
  });
  await fetchAll(js, "TEST", "dur", 10);
  const { redeliverQueue } = server.consumer("TEST", "dur");
  await until(() => redeliverQueue.size === 10);
  for (const [index, msg] of (await fetchAll(js, "TEST", "dur", 10)).entries()) {
    assertEquals(msg.subject, `foo.${index}`);
    msg.respond();
  }
});

Deno.test("TestJetStreamConsumerPullTimeoutHeaders", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.>"] });
  await js.addConsumer("TEST", { durable_name: "dlc", ack_policy: "explicit" });
  js.nc.publish("foo.foo", "foo");
  js.nc.publish("foo.bar", "bar");
  js.nc.publish("foo.else", "baz");
  await js.nc.flush();
  const request = { batch: 50, expires: ns(100), max_bytes: 1024 };
  const inbox = js.pullInbox("TEST", "dlc", request);
  let messages = 0;
  let bytes = 0;
  const checkEnd = (msg: Msg, status: string) => {
    assertEquals(statusOf(msg), status);
    assertEquals(msg.headers?.get("Nats-Pending-Messages"), String(50 - messages));
    assertEquals(msg.headers?.get("Nats-Pending-Bytes"), String(1024 - bytes));
  };
  for (;;) {
    const msg = await next(inbox);
    if (statusOf(msg) !== "") {
      checkEnd(msg, "408 Request Timeout");
      break;
    }
    messages++;
    bytes += msg.data.length + msg.reply!.length + msg.subject.length;
  }
  assertEquals(messages, 3);
  // What is told when the server ends has them, too.
  messages = bytes = 0;
  const last = js.pullInbox("TEST", "dlc", { ...request, expires: ns(10_000) });
  await js.nc.flush();
  const stopping = server.test.server.stop();
  checkEnd(await next(last), "409 Server Shutdown");
  await stopping;
});

Deno.test("TestJetStreamConsumerPullBatchCompleted", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.publishMany(10, "foo", "x".repeat(128));
  await js.addConsumer("TEST", { durable_name: "dur", ack_policy: "explicit" });
  const request = { batch: 0, max_bytes: 1024, expires: ns(250) };
  const inbox = js.pullInbox("TEST", "dur", request);
  assertEquals(statusOf(await next(inbox)), "");
  assertEquals(statusOf(await next(inbox)), "409 Batch Completed");
});

Deno.test("TestJetStreamConsumerPullLargeBatchExpired", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", {
    durable_name: "dlc",
    ack_policy: "explicit",
    max_waiting: 10,
    max_ack_pending: 10 * 50_000_000,
  });
  for (let i = 0; i < 10; i++) {
    js.pull("TEST", "dlc", "bar", { batch: 50_000_000, expires: ns(100) });
  }
  await js.nc.flush();
  const { queue } = server.consumer("TEST", "dlc").pulls!;
  await until(() => queue.isEmpty);
  const startMs = performance.now();
  await js.fetch("TEST", "dlc", 1, { expiresMs: 100 });
  await server.stop();
  assert(performance.now() - startMs < 400);
});

// 1,000 messages 10 ms apart in the reference.
Deno.test("TestJetStreamConsumerPullTimeout", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["TEST"] });
  await js.addConsumer("TEST", { durable_name: "pr", ack_policy: "explicit" });
  const count = 100;
  const publishing = (async () => {
    for (let i = 0; i < count; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      await js.publish("TEST", "data");
    }
  })();
  const ask = () => js.pull("TEST", "pr", "_pr_", { batch: 200, expires: ns(50) });
  let got = 0;
  js.nc.subscribe("_pr_", {
    callback: (_error, msg) => {
      if (statusOf(msg) === "408 Request Timeout") ask();
      else {
        got++;
        msg.respond();
      }
    },
  });
  ask();
  await publishing;
  await until(() => got >= count, () => `${got} of ${count}`);
});

Deno.test("TestJetStreamConsumerPullMaxBytes", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["TEST"] });
  const [msgBytes, dataBytes] = [100_000, 99_900];
  await js.publishMany(20, "TEST", "Z".repeat(dataBytes));
  await js.addConsumer("TEST", { durable_name: "pr", ack_policy: "explicit" });
  const inbox = js.subscribe("_pr_");
  const ask = async (request: Record<string, unknown>, count: number, status: string) => {
    js.pull("TEST", "pr", "_pr_", { no_wait: true, ...request });
    for (let i = 0; i < count; i++) {
      const msg = await next(inbox);
      assertEquals([msg.data.length, statusOf(msg)], [dataBytes, ""]);
    }
    assertEquals(statusOf(await next(inbox)), status);
    await js.nc.flush();
    assertEquals(inbox.count, 0);
  };
  const tooLarge = "409 Message Size Exceeds MaxBytes";
  await ask({ max_bytes: 100 }, 0, tooLarge);
  await ask({ batch: 1, max_bytes: 10_000_000 }, 1, "409 Batch Completed");
  await ask({ batch: 5, max_bytes: 10_000_000 }, 5, "409 Batch Completed");
  await ask({ batch: 1000, max_bytes: msgBytes * 4 }, 4, tooLarge);
  await ask({ batch: 1000, max_bytes: msgBytes }, 1, tooLarge);
});

Deno.test("TestJetStreamConsumerNoWaitNoMessagesOnEos", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", { durable_name: "CONSUMER" });
  // So that the request is let in and then sees the end of the stream.
  server.consumer("TEST", "CONSUMER").pendingCount++;
  const msg = await requestNext(js, "TEST", "CONSUMER", { no_wait: true });
  assertEquals(statusOf(msg), "404 No Messages");
});

Deno.test("TestJetStreamConsumerNoWaitNoMessagesOnEosWithDeliveredMsgs", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", { durable_name: "CONSUMER" });
  await js.publish("foo", "msg");
  const inbox = js.pullInbox("TEST", "CONSUMER", { no_wait: true, batch: 2 });
  const msg = await next(inbox);
  assertEquals([msg.subject, new TextDecoder().decode(msg.data)], ["foo", "msg"]);
  assertEquals(statusOf(await next(inbox)), "404 No Messages");
});
