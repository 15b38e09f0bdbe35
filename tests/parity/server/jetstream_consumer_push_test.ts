// Ports: server/jetstream_consumer_test.go
/**
 * Push consumers: interest that comes and goes, moves, limits (server/jetstream_consumer_test.go).
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { deleteAfter } from "../../../src/jetstream/consumer/inactivity.ts";
import { FileStore } from "../../../src/store/mod.ts";
import { ApiFailure, deliveryInfo, jetStreamServer } from "../../harness/jetstream.ts";
import { type Inbox, until } from "../../harness/server.ts";
import { forBothStores, next, ns, pendingCount, requestNext } from "./_jetstream_consumer.ts";

Deno.test("TestJetStreamConsumerDurableReconnectWithOnlyPending", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DT", storage, subjects: ["foo.*"] });
    const config = { durable_name: "d22", ack_policy: "explicit", ack_wait: ns(25) };
    await js.addConsumer("DT", { ...config, deliver_subject: "one" });
    const consumer = server.consumer("DT", "d22");
    await js.publish("foo.22", "1");
    let inbox = js.subscribe("one");
    await until(() => inbox.count >= 1);
    inbox.subscription.unsubscribe();
    await until(() => !consumer.active);
    await js.publish("foo.22", "2");
    await js.addConsumer("DT", { ...config, deliver_subject: "two" });
    inbox = js.subscribe("two");
    for (let i = 0; i < 2; i++) {
      const { streamSeq, deliveries } = deliveryInfo(await next(inbox));
      assert(streamSeq !== 1 || deliveries > 1, "the first was delivered before");
      assert(streamSeq === 1 || streamSeq === 2);
    }
  });
});

Deno.test("TestJetStreamConsumerDurableFilteredSubjectReconnect", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DT", storage, subjects: ["foo.*"] });
    const count = 50;
    const send = () => js.publishMany(count, (i) => i % 2 === 0 ? "foo.AA" : "foo.ZZ", "OK!");
    await send();
    const deliverSubject = js.inbox();
    await js.addConsumer("DT", {
      durable_name: "d33",
      deliver_subject: deliverSubject,
      filter_subject: "foo.AA",
      deliver_policy: "last",
      ack_policy: "explicit",
      ack_wait: ns(100),
    });
    const inbox = js.subscribe(deliverSubject);
    let offset = 47;
    const getMsg = async (seq: number) => {
      const msg = await next(inbox);
      const { consumerSeq, streamSeq, deliveries } = deliveryInfo(msg);
      assertEquals(consumerSeq, seq);
      assertEquals(streamSeq, 2 * seq + offset);
      assertEquals(deliveries, 1);
      return msg;
    };
    (await getMsg(1)).respond();
    await send();
    assertEquals((await js.streamInfo("DT")).state.messages, 2 * count);
    let nextSeq = 2;
    let noAcks = 0;
    for (let i = 0; i < count / 2; i++) {
      const msg = await getMsg(nextSeq++);
      if (i % 2 === 0) msg.respond();
      else noAcks++;
    }
    for (let i = 0; i < noAcks; i++) {
      const msg = await next(inbox);
      const { consumerSeq, deliveries } = deliveryInfo(msg);
      assertEquals(consumerSeq, nextSeq++);
      assert(deliveries >= 2);
      msg.respond();
    }
    await send();
    offset -= noAcks * 2;
    for (let i = 0; i < count / 2; i++) (await getMsg(nextSeq++)).respond();
  });
});

// 10,000 messages in the reference.
Deno.test("TestJetStreamConsumerInactiveNoDeadlock", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DC", subjects: ["DC"], storage });
    await js.publishMany(2000, "DC", "OK!");
    assertEquals((await js.streamInfo("DC")).state.messages, 2000);
    const inbox = js.subscribe("to");
    await js.nc.flush();
    const { name } = await js.addConsumer("DC", { deliver_subject: "to" });
    for (let i = 0; i < 10; i++) await next(inbox);
    inbox.subscription.unsubscribe();
    await js.nc.flush();
    await js.deleteConsumer("DC", name);
  });
});

Deno.test("TestJetStreamConsumerReconnect", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "ET", storage, subjects: ["foo.*"] });
    let inbox = js.subscribe("delivery");
    await js.nc.flush();
    const { name } = await js.addConsumer("ET", {
      deliver_subject: "delivery",
      ack_policy: "explicit",
    });
    const consumer = server.consumer("ET", name);
    assert(consumer.active);
    assertEquals(server.stream("ET").consumers.size, 1);
    const getMsg = async (seq: number) => {
      const msg = await next(inbox);
      assertEquals(deliveryInfo(msg).consumerSeq, seq);
      msg.respond();
    };
    const send = () => js.nc.publish("foo.22", "OK!");
    send();
    await getMsg(1);
    inbox.subscription.unsubscribe();
    inbox = js.subscribe("delivery");
    await js.nc.flush();
    send();
    await getMsg(2);
    inbox.subscription.unsubscribe();
    await until(() => !consumer.active);
    for (let i = 3; i <= 10; i++) send();
    await js.nc.flush();
    inbox = js.subscribe("delivery");
    for (let i = 3; i <= 10; i++) await getMsg(i);
  });
});

Deno.test("TestJetStreamConsumerDurableReconnect", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DT", storage, subjects: ["foo.*"] });
    const config = { durable_name: "d22", ack_policy: "explicit", ack_wait: ns(50) };
    await js.addConsumer("DT", { ...config, deliver_subject: "one" });
    const consumer = server.consumer("DT", "d22");
    for (let i = 0; i < 10; i++) js.nc.publish("foo.22", "OK!");
    let inbox = js.subscribe("one");
    await until(() => inbox.count >= 10);
    const getMsg = async (seq: number) => {
      const msg = await next(inbox);
      assertEquals(deliveryInfo(msg).streamSeq, seq);
      msg.respond();
      msg.respond();
    };
    for (let i = 1; i <= 5; i++) await getMsg(i);
    inbox.subscription.unsubscribe();
    await until(() => !consumer.active);
    inbox = js.subscribe("two");
    await js.nc.flush();
    await js.addConsumer("DT", { ...config, deliver_subject: "two" });
    for (let i = 6; i <= 10; i++) await getMsg(i);
  });
});

Deno.test("TestJetStreamConsumerFilterSubject", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "MY_STREAM", subjects: ["foo"] });
  const config = { durable_name: "d", ack_policy: "explicit", filter_subject: "foo" };
  const info = await js.addConsumer("MY_STREAM", { ...config, deliver_subject: "A" });
  assertEquals(info.config.filter_subject, "foo");
  await js.addConsumer("MY_STREAM", { ...config, deliver_subject: "B" });
});

Deno.test("TestJetStreamConsumerUpdateRedelivery", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "MY_STREAM", storage, subjects: ["foo.>"], retention: "interest" });
    const config = {
      durable_name: "dur22",
      filter_subject: "foo.bar",
      ack_policy: "explicit",
      ack_wait: ns(300),
      max_deliver: 3,
    };
    let inbox = js.subscribe("one");
    await js.addConsumer("MY_STREAM", { ...config, deliver_subject: "one" });
    const consumer = server.consumer("MY_STREAM", "dur22");
    const count = 20;
    for (let i = 1; i <= count; i++) await js.publish("foo.bar", `msg-${i}`);
    assertEquals((await js.streamInfo("MY_STREAM")).state.messages, count);
    for (let i = 0; i < count; i++) {
      const msg = await next(inbox);
      if (deliveryInfo(msg).streamSeq % 4 === 0) msg.respond();
    }
    inbox.subscription.unsubscribe();
    await until(() => !consumer.active);
    for (let i = count; i < count * 2; i++) await js.publish("foo.bar", `msg-${i}`);
    inbox = js.subscribe("two");
    await js.nc.flush();
    await js.addConsumer("MY_STREAM", { ...config, deliver_subject: "two" });
    const expectSeqs = async (total: number, check: (seq: number, count: number) => void) => {
      await until(() => inbox.count >= total);
      for (let i = 0, expected = 1; i < total; i++, expected++) {
        const msg = await next(inbox);
        if (expected <= count && expected % 4 === 0) expected++;
        const { streamSeq, deliveries } = deliveryInfo(msg);
        assertEquals(streamSeq, expected);
        check(streamSeq, deliveries);
        if (streamSeq > count) msg.respond();
      }
    };
    await expectSeqs(count + count - 5, (seq, deliveries) => {
      assertEquals(deliveries, seq <= count ? 2 : 1);
    });
    await expectSeqs(count - 5, (_seq, deliveries) => assertEquals(deliveries, 3));
  });
});

Deno.test("TestJetStreamConsumerMaxAckPending", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "MY_STREAM", storage, subjects: ["foo.*"] });
    await assertRejects(() =>
      js.addConsumer("MY_STREAM", {
        durable_name: "d22",
        deliver_subject: js.inbox(),
        ack_policy: "none",
        max_ack_pending: 1,
      }), ApiFailure);
    await js.publishMany(100, "foo.bar", (i) => `MSG: ${i + 1}`);
    const max = 33;
    const add = (name: string) =>
      js.addConsumer("MY_STREAM", {
        durable_name: name,
        deliver_subject: `to.${name}`,
        ack_policy: "explicit",
        max_ack_pending: max,
      });
    await add("d22");
    let inbox = js.subscribe("to.d22");
    await pendingCount(inbox, max);
    for (let i = 0; i < max; i++) (await next(inbox)).respond();
    await pendingCount(inbox, max);
    server.consumer("MY_STREAM", "d22").stop({ deleteState: false, advisory: false });
    await js.purge("MY_STREAM");
    // One that is there while messages are published.
    await add("d33");
    inbox = js.subscribe("to.d33");
    await pendingCount(inbox, 0);
    await js.publishMany(100, "foo.baz", (i) => `MSG: ${i + 1}`);
    await pendingCount(inbox, max);
  });
});

Deno.test("TestJetStreamConsumerPullMaxAckPending", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "MY_STREAM", storage, subjects: ["foo.*"] });
    await js.publishMany(100, "foo.bar", (i) => `MSG: ${i + 1}`);
    const max = 33;
    await js.addConsumer("MY_STREAM", {
      durable_name: "d22",
      ack_policy: "explicit",
      max_ack_pending: max,
    });
    const toAck = [];
    for (let i = 0; i < max; i++) toAck.push(await requestNext(js, "MY_STREAM", "d22"));
    for (const msg of toAck) msg.respond();
    const inbox = js.pullInbox("MY_STREAM", "d22", { batch: max });
    await pendingCount(inbox, max);
  });
});

Deno.test("TestJetStreamConsumerPullMaxAckPendingRedeliveries", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "MY_STREAM", storage, subjects: ["foo.*"] });
    await js.publishMany(10, "foo.bar", (i) => `MSG: ${i + 1}`);
    await js.addConsumer("MY_STREAM", {
      durable_name: "d22",
      deliver_policy: "by_start_sequence",
      opt_start_seq: 4,
      ack_policy: "explicit",
      ack_wait: ns(20),
      max_ack_pending: 1,
    });
    for (let delivery = 1; delivery <= 5; delivery++) {
      const info = deliveryInfo(await requestNext(js, "MY_STREAM", "d22"));
      assertEquals(info.streamSeq, 4);
      assertEquals(info.consumerSeq, delivery);
      assertEquals(info.deliveries, delivery);
      assertEquals(info.pending, 10 - 4);
    }
  });
});

Deno.test("TestJetStreamConsumerBadNumPending", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "ORDERS", subjects: ["orders.*"] });
  const newOrders = () => js.publishMany(10, "orders.created", "NEW");
  await newOrders();
  const push = async (filter: string): Promise<{ name: string; inbox: Inbox }> => {
    const deliverSubject = js.inbox();
    const inbox = js.subscribe(deliverSubject);
    const { name } = await js.addConsumer("ORDERS", {
      deliver_subject: deliverSubject,
      filter_subject: filter,
      ack_policy: "explicit",
    });
    return { name, inbox };
  };
  const created = await push("orders.created");
  const monitor = await push("orders.*");
  const approve = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) {
      (await next(created.inbox)).respond();
      await js.publish("orders.approved", "APPROVED");
    }
  };
  for (const total of [20, 40]) {
    await approve();
    await until(async () => (await js.streamInfo("ORDERS")).state.messages === total);
    for (const { name } of [created, monitor]) {
      assertEquals((await js.consumerInfo("ORDERS", name)).num_pending, 0);
    }
    if (total === 20) await newOrders();
  }
});

Deno.test("TestJetStreamConsumerCleanupWithRetentionPolicy", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "ORDERS", subjects: ["orders.*"], retention: "interest" });
  const inbox = js.subscribe("to");
  const { name } = await js.addConsumer("ORDERS", {
    deliver_subject: "to",
    filter_subject: "orders.*",
    ack_policy: "explicit",
  });
  await js.publishMany(10, (i) => `orders.${i + 1}`, "Hello World");
  for (let i = 0; i < 10; i++) await js.ackSync(await next(inbox));
  const consumer = server.consumer("ORDERS", name);
  // A floor that the reference once fell over.
  consumer.ackFloorStream = server.stream("ORDERS").fastState().lastSeq + 2;
  inbox.subscription.unsubscribe();
  await js.deleteConsumer("ORDERS", name);
  await js.streamInfo("ORDERS");
});

Deno.test("TestJetStreamConsumerPendingBugWithKV", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "KV", subjects: ["kv.>"], storage, max_msgs_per_subject: 1 });
    for (const [key, value] of [["1", "1"], ["2", "2"], ["3", "3"], ["1", "4"]] as const) {
      await js.publish(`kv.${key}`, value);
    }
    assertEquals((await js.streamInfo("KV")).state.messages, 3);
    const info = await js.addConsumer("KV", {
      durable_name: "dlc",
      deliver_subject: "xxx",
      deliver_policy: "last_per_subject",
      filter_subject: ">",
    });
    assertEquals(info.num_pending, 3);
  });
});

Deno.test("TestJetStreamConsumerPushBound", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", storage: "memory", subjects: ["foo"] });
  const create = (name: string, deliverSubject: string) =>
    js.api(`CONSUMER.DURABLE.CREATE.TEST.${name}`, {
      stream_name: "TEST",
      config: { durable_name: name, deliver_subject: deliverSubject, ack_policy: "explicit" },
    });
  const isBound = async (name: string) => (await js.consumerInfo("TEST", name)).push_bound ?? false;
  await create("dlc", "d.X");
  assert(!await isBound("dlc"));
  const inbox = js.subscribe("d.X");
  await js.nc.flush();
  assert(await isBound("dlc"));
  inbox.subscription.unsubscribe();
  await js.nc.flush();
  assert(!await isBound("dlc"));
  // A queue group that the consumer does not name does not count.
  await create("ik", "d.Z");
  const group = js.subscribe("d.Z", "g22");
  await js.nc.flush();
  assert(!await isBound("ik"));
  group.subscription.unsubscribe();
  await js.nc.flush();
  assert(!await isBound("ik"));
  await create("rip", "");
  assert(!await isBound("rip"));
});

Deno.test("TestJetStreamConsumerInternalClientLeak", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["TEST"], storage: "memory" });
  const account = server.test.account("$G");
  const before = { connections: account.connections.size, subs: account.sublist.count };
  for (let i = 0; i < 10; i++) {
    const { name } = await js.addConsumer("TEST", { deliver_subject: "x" });
    deleteAfter(server.consumer("TEST", name), 50);
  }
  await until(async () => (await js.streamInfo("TEST")).state.consumer_count === 0);
  assertEquals(
    { connections: account.connections.size, subs: account.sublist.count },
    before,
  );
});

Deno.test("TestJetStreamConsumerEventingRaceOnShutdown", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"], storage: "memory" });
  const creating = (async () => {
    try {
      for (;;) {
        const deliverSubject = js.inbox();
        js.subscribe(deliverSubject);
        await js.addConsumer("TEST", { deliver_subject: deliverSubject, ack_policy: "explicit" });
      }
    } catch {
      // The server went away.
    }
  })();
  await until(() => server.stream("TEST").consumers.size > 5);
  await server.stop();
  await creating;
});

Deno.test("TestJetStreamConsumerNoMsgPayload", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "S", subjects: ["S"] });
  for (let i = 0; i < 10; i++) await js.publish("S", "A".repeat(128), { name: "derek" });
  await js.addConsumer("S", {
    deliver_subject: "_d_",
    durable_name: "d22",
    headers_only: true,
  });
  const inbox = js.subscribe("_d_");
  for (let i = 0; i < 10; i++) {
    const msg = await next(inbox);
    assertEquals(msg.data.length, 0);
    assertEquals(msg.headers?.get("Nats-Msg-Size"), "128");
    assertEquals(msg.headers?.get("name"), "derek");
  }
});

Deno.test("TestJetStreamConsumerEOFBugNewFileStore", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.bar.*"] });
  await js.addStream({ name: "M", mirror: { name: "TEST" } });
  const deliverSubject = js.inbox();
  const inbox = js.subscribe(deliverSubject);
  await js.nc.flush();
  await js.addConsumer("M", { deliver_subject: deliverSubject, filter_subject: "foo.>" });
  await js.publishMany(100, "foo.bar.baz", "OK");
  for (let i = 0; i < 100; i++) (await next(inbox, 10_000)).respond();
  await js.nc.flush();
  // What is known of the subjects of its first block expires.
  const store = server.stream("M").store;
  assert(store instanceof FileStore);
  store.core.blocks[0]!.subjects = null;
  await js.publish("foo.bar.baz", "OK");
  await next(inbox, 10_000);
});
