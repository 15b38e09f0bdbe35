/**
 * Pull requests (server/jetstream_consumer_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Msg } from "@nats-io/transport-node";
import { deliveryInfo, jetStreamServer, statusOf } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { next, ns } from "./_jetstream_consumer.ts";

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
