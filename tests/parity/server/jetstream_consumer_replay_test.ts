// Ports: server/jetstream_consumer_test.go
/**
 * Replay with the original timing (server/jetstream_consumer_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { jetStreamServer, type JsClient } from "../../harness/jetstream.ts";
import { forBothStores, next, pendingCount, requestNext } from "./_jetstream_consumer.ts";

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Publishes with random gaps; returns them. The gaps are what the test is about. */
async function publishWithGaps(js: JsClient, count: number): Promise<number[]> {
  const gaps: number[] = [];
  let lastMs = performance.now();
  for (let i = 0; i < count; i++) {
    gaps.push(performance.now() - lastMs);
    lastMs = performance.now();
    await js.publish("DC", "OK!");
    await sleep(10 + Math.random() * 20);
  }
  return gaps;
}

/** Messages come with the gaps that they had; a busy machine may spoil some of them. */
async function checkGaps(gaps: number[], receive: () => Promise<unknown>): Promise<void> {
  await receive();
  const firstMs = performance.now();
  const off: number[] = [];
  for (let i = 1; i < gaps.length; i++) {
    const startMs = performance.now();
    await receive();
    off.push(Math.abs(performance.now() - startMs - gaps[i]!));
  }
  const wantedMs = gaps.slice(1).reduce((sum, gap) => sum + gap, 0);
  const tookMs = performance.now() - firstMs;
  assert(tookMs > wantedMs - 30, `${tookMs} in place of ${wantedMs}`);
  off.sort((a, b) => a - b);
  assert(off[off.length >> 1]! < 15, `off by ${off}`);
}

Deno.test("TestJetStreamConsumerReplayRate", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DC", subjects: ["DC"], storage });
    const count = 10;
    const gaps = await publishWithGaps(js, count);
    assertEquals((await js.streamInfo("DC")).state.messages, count);
    const instant = js.subscribe("instant");
    await js.addConsumer("DC", { deliver_subject: "instant" });
    const instantMs = performance.now();
    for (let i = 0; i < count; i++) await next(instant);
    assert(performance.now() - instantMs < 10 * count);
    const original = js.subscribe("original");
    await js.addConsumer("DC", { deliver_subject: "original", replay_policy: "original" });
    await checkGaps(gaps, () => next(original));
    await js.addConsumer("DC", {
      durable_name: "PM",
      ack_policy: "explicit",
      replay_policy: "original",
    });
    await checkGaps(gaps, () => requestNext(js, "DC", "PM"));
  });
});

Deno.test("TestJetStreamConsumerReplayRateNoAck", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DC", subjects: ["DC"], storage });
    for (let i = 0; i < 10; i++) {
      await js.publish("DC", "Hello World");
      await sleep(Math.random() * 5);
    }
    assertEquals((await js.streamInfo("DC")).state.messages, 10);
    await js.addConsumer("DC", {
      durable_name: "derek",
      deliver_subject: "d.dc",
      ack_policy: "none",
      replay_policy: "original",
    });
    await sleep(Math.random() * 20);
    await pendingCount(js.subscribe("d.dc"), 10);
  });
});

// The reference counts goroutines; here the sanitizers see a timer that is left.
Deno.test("TestJetStreamConsumerReplayQuit", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DC", subjects: ["DC"], storage });
    await js.publish("DC", "OK!");
    await sleep(100);
    await js.publish("DC", "OK!");
    assertEquals((await js.streamInfo("DC")).state.messages, 2);
    const inbox = js.subscribe("to");
    const { name } = await js.addConsumer("DC", {
      deliver_subject: "to",
      replay_policy: "original",
    });
    await next(inbox);
    const consumer = server.consumer("DC", name);
    assert(consumer.timers.delay?.active === true);
    await js.deleteConsumer("DC", name);
    assert(!consumer.timers.delay!.active);
  });
});
