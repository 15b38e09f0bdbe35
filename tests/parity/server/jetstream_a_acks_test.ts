// Ports: server/jetstream_test.go
/**
 * Deliveries and their acknowledgements (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { deliveryInfo, jetStreamServer, type JsClient, textOf } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import {
  fetchAll,
  forBothStores,
  next,
  ns,
  pendingCount,
  requestNext,
} from "./_jetstream_consumer.ts";
import { messagesOf, pushTo, takeAll } from "./_jetstream_a.ts";

Deno.test("TestJetStreamAckAllRedelivery", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "MY_S22", storage });
    const count = 100;
    await js.publishMany(count, "MY_S22", "Hello World!");
    assertEquals(server.stream("MY_S22").fastState().msgs, count);
    const { inbox, name } = await pushTo(js, "MY_S22", { ack_wait: ns(50), ack_policy: "all" });
    await until(() => inbox.count >= 5 * count);
    await js.deleteConsumer("MY_S22", name);
    for (let round = 0; round < 5; round++) {
      for (let i = 1; i <= count; i++) {
        assertEquals(deliveryInfo(await next(inbox)).streamSeq, i);
      }
    }
  });
});

/** Fetches ten, acknowledges the one at `index`, and fetches ten more without delay. */
async function ackAndGoOn(js: JsClient, consumer: string, index: number): Promise<void> {
  const msgs = await fetchAll(js, "TEST", consumer, 10);
  const startMs = performance.now();
  await js.ackSync(msgs[index]!);
  await fetchAll(js, "TEST", consumer, 10);
  await js.streamInfo("TEST");
  assert(performance.now() - startMs < 2000);
}

Deno.test("TestJetStreamAckAllWithLargeFirstSequenceAndNoAckFloor", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.>"] });
  await js.purge("TEST", { seq: 10_000_000_000 });
  await js.publishMany(100, "foo.bar", "hello");
  await js.addConsumer("TEST", { durable_name: "C1", filter_subject: "foo.*", ack_policy: "all" });
  await ackAndGoOn(js, "C1", 9);
  await js.addConsumer("TEST", { durable_name: "C2", filter_subject: "foo.*", ack_policy: "all" });
  await ackAndGoOn(js, "C2", 5);
});

Deno.test("TestJetStreamAckAllWithLargeFirstSequenceAndNoAckFloorWithInterestPolicy", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.>"], retention: "interest" });
  await js.purge("TEST", { seq: 10_000_000_000 });
  await js.addConsumer("TEST", { durable_name: "C1", filter_subject: "foo.*", ack_policy: "all" });
  await js.publishMany(100, "foo.bar", "hello");
  await ackAndGoOn(js, "C1", 5);
});

Deno.test("TestJetStreamAckExplicitMsgRemoval", async (t) => {
  const burst = 20;
  const first = Array.from({ length: burst }, (_, i) => i + 1);
  const second = first.map((seq) => seq + burst);
  for (const storage of ["file", "memory"]) {
    await t.step(storage === "file" ? "File" : "Memory", async () => {
      await using server = await jetStreamServer();
      const js1 = await server.jetStream();
      const js2 = await server.jetStream();
      await js1.addStream({
        name: "MY_STREAM",
        storage,
        subjects: ["foo.*"],
        retention: "interest",
      });
      const sequencesOf = async (inbox: typeof inbox1): Promise<number[]> => {
        const seen = new Set<number>();
        // On a busy machine some come a second time before their acknowledgement is there.
        while (seen.size < burst) {
          const msg = await next(inbox);
          msg.respond();
          seen.add(deliveryInfo(msg).streamSeq);
        }
        return [...seen].sort((a, b) => a - b);
      };
      const config = { filter_subject: "foo.bar", ack_policy: "explicit" };
      const { inbox: inbox1 } = await pushTo(js1, "MY_STREAM", { durable_name: "dur1", ...config });
      const config2 = { durable_name: "dur2", ack_wait: ns(100), ...config };
      const { inbox: inbox2 } = await pushTo(js2, "MY_STREAM", config2);
      for (const seq of first) {
        assertEquals((await js1.publish("foo.bar", `msg_${seq}`)).seq, seq);
      }
      assertEquals(await sequencesOf(inbox1), first);
      assertEquals(await sequencesOf(inbox2), first);
      await js1.nc.flush();
      await js2.nc.flush();
      await messagesOf(js1, "MY_STREAM", 0);
      inbox2.subscription.unsubscribe();
      await js2.nc.flush();
      for (const seq of second) {
        assertEquals((await js1.publish("foo.bar", `msg_${seq}`)).seq, seq);
      }
      assertEquals(server.stream("MY_STREAM").fastState().msgs, burst);
      assertEquals(await sequencesOf(inbox1), second);
      const { inbox: inbox3 } = await pushTo(js2, "MY_STREAM", config2);
      assertEquals(await sequencesOf(inbox3), second);
      await js1.nc.flush();
      await js2.nc.flush();
      await messagesOf(js1, "MY_STREAM", 0);
    });
  }
});

Deno.test("TestJetStreamAckNext", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "ACKNXT", storage: "memory" });
  await js.addConsumer("ACKNXT", { durable_name: "worker", ack_policy: "explicit" });
  for (let i = 0; i < 12; i++) await js.publish("ACKNXT", `msg ${i}`);
  const reply = js.inbox();
  const inbox = js.subscribe(reply);
  js.pull("ACKNXT", "worker", reply, "1");
  let msg = await next(inbox);
  js.nc.publish(msg.reply!, "+NXT", { reply });
  msg = await next(inbox);
  assertEquals(inbox.count, 0);
  const floor = async () => (await js.consumerInfo("ACKNXT", "worker")).ack_floor.stream_seq;
  assertEquals(await floor(), 1);
  assertEquals(textOf(msg), "msg 1");
  const expectTexts = async (start: number, count: number) => {
    for (let i = start; i < count + 1; i++) assertEquals(textOf(await next(inbox)), `msg ${i + 1}`);
  };
  js.nc.publish(msg.reply!, "+NXT 5", { reply });
  await expectTexts(1, 5);
  js.nc.publish(msg.reply!, `+NXT{"batch": 5}`, { reply });
  await expectTexts(6, 10);
  assertEquals(await floor(), 2);
});

Deno.test("TestJetStreamAckReplyStreamPending", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({
      name: "MY_WQ",
      subjects: ["foo.*"],
      storage,
      max_age: ns(1000),
      duplicate_window: ns(1000),
      retention: "workqueue",
    });
    const count = 100;
    const send = () => js.publishMany(count, "foo.1", "Hello World!");
    await send();
    const stream = server.stream("MY_WQ");
    assertEquals(stream.fastState().msgs, count);
    let consumer = "PBO";
    await js.addConsumer("MY_WQ", { durable_name: consumer, ack_policy: "explicit" });
    const expectPending = async (pending: number) => {
      let shown = -1;
      await until(
        async () => {
          shown = (await js.consumerInfo("MY_WQ", consumer)).num_pending;
          return shown === pending + 1;
        },
        () => `expected ${pending + 1} pending, there are ${shown}`,
        1000,
      );
      assertEquals(deliveryInfo(await requestNext(js, "MY_WQ", consumer)).pending, pending);
    };
    await expectPending(count - 1);
    await send();
    await expectPending(count * 2 - 2);
    await js.purge("MY_WQ");
    await js.publish("foo.1", "Hello World!");
    await expectPending(0);
    await js.publishMany(count, "foo.22", "Hello World!");
    await expectPending(count - 1);
    // One that was consumed does not count, one that was not does.
    await js.deleteMsg("MY_WQ", stream.fastState().firstSeq);
    await expectPending(count - 2);
    await js.deleteMsg("MY_WQ", 250);
    await expectPending(count - 4);
    await js.purge("MY_WQ");
    await send();
    await until(() => stream.fastState().msgs === 0);
    await js.publish("foo.33", "Hello World!");
    await expectPending(0);
    await js.deleteConsumer("MY_WQ", consumer);
    consumer = "PBO-FILTERED";
    await js.addConsumer("MY_WQ", {
      durable_name: consumer,
      ack_policy: "explicit",
      filter_subject: "foo.22",
    });
    await js.publishMany(count, "foo.33", "Hello World!");
    assertEquals((await js.consumerInfo("MY_WQ", consumer)).num_pending, 0);
    await js.publish("foo.22", "Hello World!");
    await expectPending(0);
    for (let i = 0; i < 4; i++) await js.publish("foo.22", "Hello World!");
    await expectPending(3);
    await js.deleteMsg("MY_WQ", 506);
    await expectPending(1);
    await js.publishMany(count, "foo.22", "Hello World!");
    await expectPending(100);
    await js.purge("MY_WQ");
    await js.publish("foo.22", "Hello World!");
    await expectPending(0);
  });
});

Deno.test("TestJetStreamAckReplyStreamPendingWithAcks", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "MY_STREAM", subjects: ["foo", "bar", "baz"], storage });
    const count = 500;
    await js.publishMany(count * 3, (i) => ["foo", "bar", "baz"][i % 3]!, "Hello!");
    assertEquals(server.stream("MY_STREAM").fastState().msgs, count * 3);
    let info = await js.addConsumer("MY_STREAM", {
      durable_name: "D-1",
      ack_policy: "explicit",
      filter_subject: "foo",
      deliver_subject: "_d_",
    });
    assertEquals(info.num_pending, count);
    await pendingCount(js.subscribe("_d_"), count);
    info = await js.consumerInfo("MY_STREAM", "D-1");
    assertEquals([info.num_pending, info.num_ack_pending], [0, count]);
  });
});

Deno.test("TestJetStreamActiveDelivery", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "ADS", subjects: ["foo.*"], storage });
    await js.publishMany(100, "foo.22", "Hello World!");
    assertEquals(server.stream("ADS").fastState().msgs, 100);
    await js.addConsumer("ADS", { durable_name: "to", deliver_subject: "d" });
    const startMs = performance.now();
    await takeAll(js.subscribe("d"), 100);
    assert(performance.now() - startMs < 2000);
  });
});

Deno.test("TestJetStreamBackOffCheckPending", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.publish("foo", "Hello World!");
  const { inbox, name } = await pushTo(js, "TEST", {
    ack_policy: "explicit",
    max_deliver: 1000,
    backoff: [ns(50), ns(250), ns(1000)],
  });
  // Each look at pending deliveries reads the figures of the store first.
  const consumer = server.consumer("TEST", name);
  let looks = 0;
  const start = performance.now();
  await next(inbox);
  assert(performance.now() - start < 50);
  const original = consumer.streamState.bind(consumer);
  consumer.streamState = () => {
    looks++;
    return original();
  };
  let sinceMs = performance.now();
  const expectAfter = async (lowMs: number, highMs: number) => {
    await next(inbox);
    const tookMs = performance.now() - sinceMs;
    assert(tookMs >= lowMs && tookMs <= highMs, `${tookMs}`);
    sinceMs = performance.now();
  };
  await expectAfter(25, 90);
  await expectAfter(200, 320);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert(looks >= 2 && looks <= 3, `${looks} looks`);
});

Deno.test("TestJetStreamBasicAckPublish", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "foo", subjects: ["foo.*"], storage });
    for (let i = 0; i < 50; i++) await js.publish("foo.bar", "Hello World!");
    assertEquals(server.stream("foo").fastState().msgs, 50);
  });
});

Deno.test("TestJetStreamBasicDeliverSubject", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "MSET", subjects: ["foo.*"], storage });
    const stream = server.stream("MSET");
    let count = 100;
    await js.publishMany(count, "foo.bar", (i) => String(i + 1));
    assertEquals(stream.fastState().msgs, count);
    const js2 = await server.jetStream();
    const deliverSubject = js2.inbox();
    const { inbox, name } = await pushTo(js2, "MSET", { deliver_subject: deliverSubject });
    const expectMsgs = async (at: typeof inbox, firstSeq: number) => {
      const msgs = await takeAll(at, count);
      for (const [i, msg] of msgs.entries()) {
        assertEquals(msg.subject, "foo.bar");
        assertEquals(deliveryInfo(msg).consumerSeq, i + firstSeq);
        msg.respond();
      }
    };
    await expectMsgs(inbox, 1);
    await js.publishMany(count, "foo.bar", (i) => String(count + i + 1));
    assertEquals(stream.fastState().msgs, count * 2);
    await expectMsgs(inbox, 101);
    assertEquals(inbox.count, 0);
    await js.deleteConsumer("MSET", name);
    const again = (config: Record<string, unknown>) =>
      js2.addConsumer("MSET", { deliver_subject: deliverSubject, ...config });
    const last = await again({ deliver_policy: "last" });
    const msg = await next(inbox);
    assertEquals(deliveryInfo(msg).consumerSeq, 1);
    assertEquals(textOf(msg), "200");
    await js.deleteConsumer("MSET", last.name);
    assertEquals(inbox.count, 0);
    await again({ deliver_policy: "by_start_sequence", opt_start_seq: 101 });
    await expectMsgs(inbox, 1);
    const group = await pushTo(js2, "MSET", { deliver_subject: "_qg_", deliver_group: "dev" });
    count *= 2;
    await expectMsgs(group.inbox, 1);
  });
});

Deno.test("TestJetStreamBasicWorkQueue", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "MY_MSG_SET", subjects: ["foo", "bar"], storage });
    await js.addConsumer("MY_MSG_SET", { durable_name: "WQ", ack_policy: "explicit" });
    assertEquals(server.consumer("MY_MSG_SET", "WQ").consumerSeq, 1);
    const count = 100;
    await js.publishMany(count, "bar", "Hello World!");
    assertEquals(server.stream("MY_MSG_SET").fastState().msgs, count);
    const expectNext = async (seq: number) => {
      const msg = await requestNext(js, "MY_MSG_SET", "WQ");
      assertEquals(msg.subject, "bar");
      assertEquals(deliveryInfo(msg).consumerSeq, seq);
    };
    for (let i = 1; i <= count; i++) await expectNext(i);
    // What is published while somebody waits comes at once.
    const startMs = performance.now();
    const delayed = new Promise((resolve) => setTimeout(resolve, 50))
      .then(() => js.publish("bar", "Hello World!"));
    await expectNext(count + 1);
    assert(performance.now() - startMs >= 49);
    await delayed;
    const sending = js.publishMany(count, "bar", "Hello World!");
    for (let i = count + 2; i < count * 2 + 2; i++) await expectNext(i);
    await sending;
  });
});

Deno.test("TestJetStreamCanNotNakAckd", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DC", storage });
    await js.publishMany(10, "DC", "OK!");
    assertEquals(server.stream("DC").fastState().msgs, 10);
    await js.addConsumer("DC", { durable_name: "WQ", ack_policy: "explicit" });
    const replies: string[] = [];
    for (let i = 1; i <= 10; i++) {
      const msg = await requestNext(js, "DC", "WQ");
      replies.push(msg.reply!);
      if (i % 2 === 0) msg.respond();
    }
    await js.nc.flush();
    const refuses = async (reply: string) => {
      js.nc.publish(reply, "-NAK");
      await js.nc.flush();
      assertEquals((await js.fetch("DC", "WQ", 1, { expiresMs: 10, no_wait: true })).length, 0);
    };
    // The reference fakes subjects that nobody listens to; these are the real ones.
    for (let i = 2; i <= 10; i += 2) await refuses(replies[i - 1]!);
    await refuses(replies[0]!.replace(".1.1.1.", ".1.22.22."));
  });
});
