// Ports: server/jetstream_test.go
/**
 * Streams that keep messages only while consumers need them (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Msg } from "@nats-io/transport-node";
import { expireAllPending } from "../../../src/jetstream/consumer/redelivery.ts";
import {
  decodeConsumerState,
  encodeConsumerState,
} from "../../../src/store/file/format/consumer_state.ts";
import { jetStreamServer, type JsClient } from "../../harness/jetstream.ts";
import { type Inbox, until } from "../../harness/server.ts";
import {
  fetchAll,
  forBothStores,
  next,
  nextText,
  ns,
  pendingCount,
} from "./_jetstream_consumer.ts";
import { messagesOf, pushTo } from "./_jetstream_a.ts";

const NO_BYTES = new Uint8Array(0);

async function messagesNow(js: JsClient, stream: string): Promise<number> {
  return (await js.streamInfo(stream)).state.messages;
}

Deno.test("TestJetStreamCleanupNoInterestAboveThreshold", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["a", "b"], retention: "interest" });
  await js.addConsumer("TEST", { durable_name: "A", filter_subject: "a" });
  await js.addConsumer("TEST", { durable_name: "B", filter_subject: "b" });
  const { store } = server.stream("TEST");
  for (const subject of ["a", "b"]) {
    for (let i = 0; i < 100_000; i++) store.storeMsg(subject, NO_BYTES, NO_BYTES, 0);
  }
  assertEquals(await messagesNow(js, "TEST"), 200_000);
  await js.deleteConsumer("TEST", "A");
  await messagesOf(js, "TEST", 100_000);
});

Deno.test("TestJetStreamDanglingMessageAutoCleanup", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"], retention: "interest" });
  await js.addConsumer("TEST", {
    durable_name: "dlc",
    filter_subject: "foo",
    ack_policy: "explicit",
    max_ack_pending: 10,
  });
  await js.publishMany(100, "foo", "msg");
  for (const msg of await fetchAll(js, "TEST", "dlc", 10)) await js.ackSync(msg);
  assertEquals((await js.consumerInfo("TEST", "dlc")).ack_floor.stream_seq, 10);
  const { directory } = server.stream("TEST");
  await server.stop();
  // As if the consumer had acknowledged what the stream did not remove.
  const path = `${directory}/obs/dlc/o.dat`;
  const state = decodeConsumerState(await Deno.readFile(path));
  state.delivered = { consumer: 90, stream: 90 };
  state.ackFloor = { consumer: 90, stream: 90 };
  await Deno.writeFile(path, encodeConsumerState(state, Date.now()));
  await server.restart();
  js = await server.jetStream();
  assertEquals(await messagesNow(js, "TEST"), 10);
});

Deno.test("TestJetStreamInterestMaxDeliveryReached", async (t) => {
  for (const useNak of [true, false]) {
    for (const action of ["fetch", "expire pending"]) {
      await t.step(`${useNak ? "" : "no-"}nak/${action}`, async () => {
        await using server = await jetStreamServer();
        const js = await server.jetStream();
        await js.addStream({ name: "TEST", subjects: ["test"], retention: "interest" });
        // A quarter of the reference's waits.
        const config = { filter_subject: "test", ack_policy: "explicit" };
        await js.addConsumer("TEST", {
          durable_name: "consumer",
          ...config,
          ack_wait: ns(250),
          max_deliver: 1,
        });
        await js.publish("test", "hello");
        assertEquals(await messagesNow(js, "TEST"), 1);
        const [msg] = await fetchAll(js, "TEST", "consumer", 1);
        if (useNak) msg!.respond("-NAK");
        const ackPending = async () => (await js.consumerInfo("TEST", "consumer")).num_ack_pending;
        assertEquals(await ackPending(), 1);
        const expectNone = async () =>
          assertEquals((await js.fetch("TEST", "consumer", 1, { expiresMs: 60 })).length, 0);
        if (action === "fetch") {
          await new Promise((resolve) => setTimeout(resolve, 250));
          await expectNone();
        } else expireAllPending(server.consumer("TEST", "consumer"));
        await expectNone();
        assertEquals(await ackPending(), 0);
        assertEquals(await messagesNow(js, "TEST"), 1);
        await js.addConsumer("TEST", { durable_name: "consumer2", ...config });
        const [other] = await fetchAll(js, "TEST", "consumer2", 1);
        await js.ackSync(other!);
        assertEquals(await messagesNow(js, "TEST"), 1);
      });
    }
  }
});

Deno.test("TestJetStreamInterestRetentionBug", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo.>"], retention: "interest" });
  await js.addConsumer("TEST", { durable_name: "c1", ack_policy: "explicit" });
  const publish = async (firstSeq: number, messages: number) => {
    await js.publish("foo.bar");
    const { state } = await js.streamInfo("TEST");
    assertEquals([state.first_seq, state.messages], [firstSeq, messages]);
  };
  await publish(1, 1);
  await js.addConsumer("TEST", {
    durable_name: "c2",
    filter_subject: "foo.foo",
    ack_policy: "explicit",
  });
  await publish(1, 2);
});

Deno.test("TestJetStreamInterestRetentionStream", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DC", storage, retention: "interest" });
    const total = 100;
    await js.publishMany(total, "DC", "OK!");
    const expectMsgs = (count: number) => messagesOf(js, "DC", count);
    await expectMsgs(0);
    const { inbox: explicit } = await pushTo(js, "DC", { ack_policy: "explicit" });
    const { inbox: all } = await pushTo(js, "DC", { ack_policy: "all" });
    const { inbox: none } = await pushTo(js, "DC", { ack_policy: "none" });
    await js.publishMany(total, "DC", "OK!");
    await expectMsgs(total);
    for (const inbox of [explicit, all, none]) await pendingCount(inbox, total);
    const ackNext = async (inbox: Inbox) => {
      (await next(inbox)).respond();
      await js.nc.flush();
    };
    const odds: Msg[] = [];
    for (let i = 1; i <= total; i++) {
      const msg = await next(explicit);
      if (i % 2 === 0) msg.respond();
      else odds.push(msg);
    }
    await js.nc.flush();
    await expectMsgs(total);
    await ackNext(all);
    await expectMsgs(total);
    await ackNext(all);
    await expectMsgs(total - 1);
    await ackNext(all);
    await expectMsgs(total - 1);
    for (const msg of odds) msg.respond();
    await js.nc.flush();
    await expectMsgs(total - 3);
    for (let left = all.count; left > 0; left--) {
      const msg = await next(all);
      if (left === 1) msg.respond();
    }
    await js.nc.flush();
    await expectMsgs(0);
  });
});

Deno.test("TestJetStreamInterestRetentionStreamWithDurableRestart", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "IK", storage, retention: "interest" });
    const stream = server.stream("IK");
    const expectMsgs = (count: number) => until(() => stream.fastState().msgs === count);
    const config = { durable_name: "ivan", deliver_policy: "new", ack_policy: "none" };
    const leave = async (inbox: Inbox) => {
      inbox.subscription.unsubscribe();
      await until(() => !server.consumer("IK", "ivan").active);
    };
    let { inbox } = await pushTo(js, "IK", config);
    await js.publish("IK", "M1");
    await js.publish("IK", "M2");
    await pendingCount(inbox, 2);
    await expectMsgs(0);
    await leave(inbox);
    await js.publish("IK", "M3");
    await js.publish("IK", "M4");
    await expectMsgs(2);
    ({ inbox } = await pushTo(js, "IK", config));
    await pendingCount(inbox, 2);
    for (const text of ["M3", "M4"]) await nextText(inbox, text);
    await expectMsgs(0);
    await leave(inbox);
    await js.deleteConsumer("IK", "ivan");
    ({ inbox } = await pushTo(js, "IK", { ...config, ack_policy: "explicit" }));
    await pendingCount(inbox, 0);
    await expectMsgs(0);
    for (let i = 1; i <= 10; i++) await js.publish("IK", `M${i}`);
    await expectMsgs(10);
    await pendingCount(inbox, 10);
    await pushTo(js, "IK", { ...config, durable_name: "derek", ack_policy: "explicit" });
    for (let i = 11; i <= 20; i++) await js.publish("IK", `M${i}`);
    await expectMsgs(20);
    await pendingCount(inbox, 20);
    await js.deleteConsumer("IK", "ivan");
    await expectMsgs(10);
    await js.deleteConsumer("IK", "derek");
    await expectMsgs(0);
  });
});

Deno.test("TestJetStreamInterestRetentionStreamWithFilteredConsumers", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DC", subjects: ["*"], storage, retention: "interest" });
    const config = { ack_policy: "explicit" };
    const { inbox: foo } = await pushTo(js, "DC", { ...config, filter_subject: "foo" });
    const { inbox: bar } = await pushTo(js, "DC", { ...config, filter_subject: "bar" });
    const ackNext = async (inbox: Inbox) => await js.ackSync(await next(inbox));
    const expectMsgs = async (count: number) => assertEquals(await messagesNow(js, "DC"), count);
    await js.publish("foo", "FILTERED");
    await expectMsgs(1);
    await ackNext(foo);
    await expectMsgs(0);
    await js.publish("bar", "FILTERED");
    await js.publish("foo", "FILTERED");
    await expectMsgs(2);
    await ackNext(bar);
    await expectMsgs(1);
    await ackNext(foo);
    await expectMsgs(0);
  });
});

Deno.test("TestJetStreamInterestRetentionWithWildcardsAndFilteredConsumers", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    await js.addStream({ name: "DCWC", subjects: ["foo.*"], storage, retention: "interest" });
    const stream = server.stream("DCWC");
    await js.publishMany(10, "foo.bar", "Hello World!");
    assertEquals(stream.fastState().msgs, 0);
    await js.addConsumer("DCWC", {
      durable_name: "ddd",
      filter_subject: "foo.bar",
      ack_policy: "explicit",
    });
    await js.publish("foo.bar", "Hello World!");
    const { msgs, firstSeq } = stream.fastState();
    assertEquals([msgs, firstSeq], [1, 11]);
    await js.publish("foo.baz", "Hello World!");
    assertEquals(stream.fastState().msgs, 1);
  });
});

Deno.test("TestJetStreamInterestStreamConsumerFilterEdit", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "INTEREST", retention: "interest", subjects: ["interest.>"] });
  const config = { durable_name: "C0", ack_policy: "explicit" };
  await js.addConsumer("INTEREST", { ...config, filter_subject: "interest.>" });
  for (let i = 0; i < 10; i++) await js.publish(`interest.${i}`, String(i));
  assertEquals(await messagesNow(js, "INTEREST"), 10);
  await js.updateConsumer("INTEREST", { ...config, filter_subject: "interest.1" });
  assertEquals(await messagesNow(js, "INTEREST"), 1);
});

Deno.test("TestJetStreamInterestStreamNoInterestSkipAdvancesLastTime", async (t) => {
  for (const storage of ["memory", "file"]) {
    await t.step(storage === "memory" ? "Memory" : "File", async () => {
      await using server = await jetStreamServer();
      const js = await server.jetStream();
      await js.addStream({ name: "TEST", subjects: ["foo"], storage, retention: "interest" });
      const publish = async (seq: number) => {
        assertEquals((await js.publish("foo", "x")).seq, seq);
        const { state } = await js.streamInfo("TEST");
        assertEquals([state.messages, state.last_seq], [0, seq]);
        return Date.parse(state.last_ts);
      };
      const first = await publish(1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert(await publish(2) > first);
    });
  }
});

Deno.test("TestJetStreamInterestStreamWithDuplicateMessages", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "INTEREST", subjects: ["interest"], retention: "interest" });
  const publish = () => js.publish("interest", "", { "Nats-Msg-Id": "dedupe" });
  let ack = await publish();
  assertEquals([ack.seq, ack.duplicate ?? false], [1, false]);
  ack = await publish();
  assertEquals([ack.seq, ack.duplicate], [1, true]);
});

Deno.test("TestJetStreamInterestStreamWithFilterSubjectsConsumer", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "INTEREST", retention: "interest", subjects: ["interest.>"] });
  await js.addConsumer("INTEREST", {
    durable_name: "C",
    filter_subjects: ["interest.a", "interest.b"],
    ack_policy: "explicit",
  });
  for (const token of ["a", "b", "c"]) await js.publish(`interest.${token}`);
  assertEquals(await messagesNow(js, "INTEREST"), 2);
});

Deno.test("TestJetStreamExpireCausesDeadlock", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "TEST",
    subjects: ["foo.*"],
    storage: "memory",
    max_msgs: 10,
    retention: "interest",
  });
  await pushTo(js, "TEST", { filter_subject: "foo.bar", ack_policy: "explicit" });
  const js2 = await server.jetStream();
  await Promise.all([js, js2].map((each) => each.publishMany(1000, "foo.bar", "HELLO")));
  assertEquals(await messagesNow(js, "TEST"), 10);
});
