// Ports: server/norace_1_test.go: many consumers, and consumers of many messages.
/**
 * Consumers under volume (server/norace_1_test.go). The reference's numbers of messages and clients
 * are scaled down, where a test says so.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Kvm } from "@nats-io/kv";
import {
  deliveryInfo,
  jetStreamServer,
  type JsClient,
  type Json,
  textOf,
} from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { pushTo, takeAll } from "./_jetstream_a.ts";
import { fetchAll, forBothStores, ns } from "./_jetstream_consumer.ts";
import { elapsed, flood } from "./_jetstream_norace.ts";
import { pass, stateOf } from "./_jetstream_b.ts";

/** Longest page of names. */
const NAMES_MAX = 1024;

Deno.test("TestNoRaceJetStreamAPIConsumerListPaging", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "MYSTREAM" });
  js.subscribe("d.*");
  await js.nc.flush();
  // A wildcard is no interest in a deliver subject, so the first would be gone after 5 s, before a
  // busy machine has made the last.
  const inactive_threshold = 60e9;
  const create = (_: unknown, i: number) =>
    js.addConsumer("MYSTREAM", { deliver_subject: `d.${i + 1}`, inactive_threshold });
  await Promise.all(Array.from({ length: NAMES_MAX }, create));
  const check = async (offset: number, count: number, shown: number) => {
    const names = await js.api("CONSUMER.NAMES.MYSTREAM", offset > 0 ? { offset } : "");
    assertEquals([names.consumers.length, names.total, names.offset], [count, NAMES_MAX, shown]);
  };
  await check(0, NAMES_MAX, 0);
  await check(NAMES_MAX - 22, 22, NAMES_MAX - 22);
  await check(NAMES_MAX + 22, 0, NAMES_MAX);
});

Deno.test("TestNoRaceJetStreamConcurrentPullConsumerBatch", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "TEST",
    subjects: ["ORDERS.*"],
    storage: "memory",
    retention: "workqueue",
  });
  // A tenth of the reference's messages.
  const total = 10_000;
  await flood(js, "TEST", total, (i) => `ORDERS.${i + 1}`, "BUY");
  await js.addConsumer("TEST", {
    durable_name: "PROCESSOR",
    ack_policy: "explicit",
    max_ack_pending: 5000,
  });
  const size = 1000;
  let received = 0;
  const fetchAndAck = async () => {
    const client = await server.jetStream();
    for (;;) {
      const msgs = await client.fetch("TEST", "PROCESSOR", size, { expiresMs: 1000 });
      received += msgs.length;
      // Only the last of those that compete may get less than all.
      if (received >= total || msgs.length !== size) return;
      for (const msg of msgs) msg.respond();
    }
  };
  await Promise.all([fetchAndAck(), fetchAndAck()]);
  assertEquals(received, total);
});

Deno.test("TestNoRaceJetStreamConsumerCreateTimeNumPending", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["events.>"] });
  // 500,000 messages of 8 KiB on 100,000 subjects in the reference, which skips itself above
  // 50 ms: here other tests run beside it.
  const random = () => `events.${Math.floor(Math.random() * 10_000)}`;
  await flood(js, "TEST", 30_000, random, "X".repeat(512));
  for (
    const [durable_name, filter_subject] of [
      ["dlc", "events.*"],
      ["xxx", "events.9999"],
      ["zzz", ">"],
    ]
  ) {
    const ms = await elapsed(() =>
      js.addConsumer("TEST", { durable_name, filter_subject, ack_policy: "explicit" })
    );
    assert(ms < 150, `${filter_subject} took ${ms} ms`);
  }
});

Deno.test("TestNoRaceJetStreamConsumerFilterPerfDegradation", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "test", subjects: ["test.*.subj"] });
  // A fifth of the reference's messages.
  const total = 10_000;
  let count = 0;
  const deliver_subject = js.inbox();
  js.nc.subscribe(deliver_subject, {
    callback: (_error, msg) => {
      msg.respond();
      count++;
    },
  });
  await js.addConsumer("test", {
    deliver_subject,
    filter_subject: "test.*.subj",
    deliver_policy: "new",
    ack_policy: "explicit",
  });
  let sent = 0;
  const msg = new Uint8Array(1024);
  const send = async () => {
    const client = await server.jetStream();
    for (let i = 0; i < total / 5; i++) await client.publish(`test.${++sent}.subj`, msg);
  };
  await Promise.all([send(), send(), send(), send(), send()]);
  await until(() => count === total);
});

Deno.test("TestNoRaceJetStreamDeleteConsumerWithInterestStreamAndHighSeqs", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["log.>"], retention: "interest" });
  const consumer = { durable_name: "c", ack_policy: "explicit" };
  await js.addConsumer("TEST", consumer);
  const base = await elapsed(() => js.deleteConsumer("TEST", "c"));
  // 5,000,000 messages in the reference: only the sequence matters.
  await flood(js, "TEST", 10, "log.Z", "ZZZ");
  server.stream("TEST").store.skipMsgs(11, 5_000_000);
  server.stream("TEST").lastSeq = 5_000_010;
  assertEquals((await stateOf(js, "TEST")).last_seq, 5_000_010);
  await js.addConsumer("TEST", consumer);
  const again = await elapsed(() => js.deleteConsumer("TEST", "c"));
  assert(again <= 100 * base, `${again} ms, before ${base} ms`);
});

Deno.test("TestNoRaceJetStreamDeleteStreamManyConsumers", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "MYS", storage: "file" });
  // A quarter of the reference's consumers.
  const create = (_: unknown, i: number) =>
    js.addConsumer("MYS", { durable_name: `D-${i}`, deliver_subject: `deliver.${i}` });
  await Promise.all(Array.from({ length: 500 }, create));
  await js.deleteStream("MYS");
  assertEquals(server.test.server.jetStream!.accounts.get("$G")!.streams.size, 0);
});

Deno.test("TestNoRaceJetStreamEndToEndLatency", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  const receiver = await server.jetStream();
  let arrived: () => void = () => {};
  const deliver_subject = receiver.inbox();
  receiver.nc.subscribe(deliver_subject, { callback: () => arrived() });
  await receiver.addConsumer("TEST", { deliver_subject, ack_policy: "none" });
  let longest = 0;
  // 50,000 in the reference.
  for (let i = 0; i < 1000; i++) {
    const next = new Promise<void>((resolve) => arrived = resolve);
    longest = Math.max(
      longest,
      await elapsed(() => Promise.all([js.publish("foo", "ok"), next])),
    );
  }
  assert(longest <= 250, `${longest} ms`);
});

Deno.test("TestNoRaceJetStreamLargeNumConsumersSparseDelivery", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["ID.*"] });
  // 10,000 consumers and 100,000 messages in the reference, which does not run it by default.
  const create = (_: unknown, i: number) =>
    js.addConsumer("TEST", {
      durable_name: `d-${i + 3}`,
      filter_subject: `ID.${i + 3}`,
      ack_policy: "none",
    });
  await Promise.all(Array.from({ length: 500 }, create));
  const receiver = await server.jetStream();
  const total = 10_000;
  const many = await pushTo(receiver, "TEST", { filter_subject: "ID.2", ack_policy: "none" });
  const last = await pushTo(receiver, "TEST", { filter_subject: "ID.1", ack_policy: "none" });
  const sender = await server.jetStream();
  for (let i = 0; i < total; i++) sender.nc.publish("ID.2", "ok");
  sender.nc.publish("ID.1", "ok");
  await until(() => many.inbox.count === total && last.inbox.count === 1);
});

Deno.test("TestNoRaceJetStreamManyPullConsumersNeedAckOptimization", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "ORDERS",
    subjects: ["ORDERS.*"],
    storage: "memory",
    retention: "interest",
  });
  // 100,000 messages in the reference, which does not run it by default.
  const consumers = 500;
  const total = 10_000;
  const create = (_: unknown, i: number) =>
    js.addConsumer("ORDERS", {
      durable_name: `ORDERS_${i + 1}`,
      filter_subject: `ORDERS.${i + 1}`,
      ack_policy: "all",
    });
  await Promise.all(Array.from({ length: consumers }, create));
  await flood(js, "ORDERS", total, (i) => `ORDERS.${i % consumers + 1}`, "HELLO");
  const msgs = await fetchAll(js, "ORDERS", "ORDERS_500", total / consumers);
  await js.ackSync(msgs.at(-1)!);
  assertEquals((await stateOf(js, "ORDERS")).messages, total - total / consumers);
});

Deno.test("TestNoRaceJetStreamOrderedConsumerMissingMsg", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "benchstream", subjects: ["testsubject"] });
  // 1,000,000 messages in the reference, which does not run it by default.
  const total = 5000;
  const receive = async () => {
    const client = await server.jetStream();
    const { inbox } = await pushTo(client, "benchstream", {
      ack_policy: "none",
      max_deliver: 1,
      flow_control: true,
      idle_heartbeat: ns(5000),
      num_replicas: 1,
      mem_storage: true,
    });
    let received = 0;
    return async () => {
      while (received < total) {
        const msg = await inbox.next(5000);
        assert(msg !== null, `${received} of ${total}`);
        if (msg.headers?.code === 100) {
          // Flow control wants an answer, heartbeats say where it waits.
          if (msg.reply) msg.respond();
          continue;
        }
        const { consumerSeq, streamSeq } = deliveryInfo(msg);
        assertEquals(consumerSeq, streamSeq);
        received++;
      }
    };
  };
  const receivers = await Promise.all(Array.from({ length: 10 }, receive));
  await flood(js, "benchstream", total, "testsubject", new Uint8Array(500));
  await Promise.all(receivers.map((all) => all()));
});

Deno.test("TestNoRaceJetStreamKVLock", async () => {
  await using server = await jetStreamServer();
  await new Kvm(await server.test.connect()).create("LOCKS");
  // 100 clients for 10 s in the reference.
  const end = performance.now() + 1000;
  let holders = 0;
  let locked = 0;
  const contend = async () => {
    const kv = await new Kvm(await server.test.connect()).open("LOCKS");
    while (performance.now() < end) {
      let revision: number;
      try {
        revision = await kv.create("MY_LOCK", "Z");
      } catch {
        await pass(10);
        continue;
      }
      assertEquals(++holders, 1);
      await pass(10);
      assertEquals(--holders, 0);
      locked++;
      await kv.delete("MY_LOCK", { previousSeq: revision });
    }
  };
  await Promise.all(Array.from({ length: 20 }, contend));
  assert(locked > 1);
});

Deno.test("TestNoRaceJetStreamServiceImportAccountSwapIssue", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo", "bar"] });
  await js.addConsumer("TEST", {
    durable_name: "dlc",
    filter_subject: "foo",
    ack_policy: "explicit",
  });
  // The client's own for its requests is there already.
  const before = server.test.server.subscriptionCount;
  // 3 s in the reference.
  const end = performance.now() + 300;
  const publish = async () => {
    while (performance.now() < end) {
      await js.publish("foo", "Hello");
      await js.streamInfo("TEST");
    }
  };
  let received = 0;
  const pull = async () => {
    for (;;) {
      const msgs = await js.fetch("TEST", "dlc", 1, { expiresMs: 200 });
      if (msgs.length === 0) return;
      received += msgs.length;
      for (const msg of msgs) await js.ackSync(msg);
    }
  };
  await Promise.all([publish(), pull()]);
  assert(received > 0);
  assertEquals((await stateOf(js, "TEST")).messages, received);
  await js.nc.flush();
  assertEquals(server.test.server.subscriptionCount, before);
});

Deno.test("TestNoRaceJetStreamSparseConsumers", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await forBothStores(t, async (storage) => {
    await js.addStream({
      name: "TEST",
      storage,
      max_msgs_per_subject: 25_000_000,
      subjects: ["*"],
    });
    // 1,000,000 messages between those in the reference, which tolerates 500 ms.
    for (let i = 0; i < 2; i++) {
      await js.publish("foo", "ok");
      await flood(js, "TEST", 20_000, "bar", "ok");
      await js.publish("foo", "ok");
    }
    const inbox = js.subscribe("x.x");
    const { num_pending } = await js.addConsumer("TEST", {
      deliver_subject: "x.x",
      filter_subject: "foo",
      ack_policy: "none",
    });
    assertEquals(num_pending, 4);
    const ms = await elapsed(() => takeAll(inbox, num_pending));
    assert(ms < 250, `${ms} ms`);
    inbox.subscription.unsubscribe();
    await js.deleteStream("TEST");
  });
});

Deno.test("TestNoRaceJetStreamWorkQueueLoadBalance", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({ name: "MY_MSG_SET", subjects: ["foo", "bar"] });
  await js.addConsumer("MY_MSG_SET", { durable_name: "WQ", ack_policy: "explicit" });
  const workers = 25;
  const total = 1000;
  const counts = new Array<number>(workers).fill(0);
  let received = 0;
  const clients = await Promise.all(Array.from({ length: workers }, () => server.jetStream()));
  const work = async (client: JsClient, index: number) => {
    while (received < total) {
      let msg;
      try {
        const subject = "$JS.API.CONSUMER.MSG.NEXT.MY_MSG_SET.WQ";
        msg = await client.nc.request(subject, "", { timeout: 300, noMux: true });
      } catch {
        return;
      }
      assertEquals(textOf(msg), "Hello World!");
      msg.respond();
      counts[index]!++;
      received++;
    }
  };
  const done = Promise.all(clients.map(work));
  for (let i = 0; i < total; i++) await js.publish("bar", "Hello World!");
  await done;
  const target = total / workers;
  const delta = target / 2 + 5;
  for (const count of counts) {
    assert(Math.abs(count - target) <= delta, `${count} of about ${target}`);
  }
});

Deno.test("TestNoRaceJetStreamSlowFilteredInitialPendingAndFirstMsg", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({
    name: "S",
    subjects: ["foo", "bar", "baz", "foo.bar.baz", "foo.*"],
    // Makes blocks of 4 MiB, as the reference's test asks for.
    max_bytes: 16 * 1024 * 1024,
  });
  // A tenth of the reference's messages, and larger ones, so that there are several blocks.
  const each = 10_000;
  const body = "HELLO".repeat(40);
  await flood(js, "S", 3 * each, (i) => ["foo", "bar", "baz"][i % 3]!, body);
  await flood(js, "S", each, "foo.bar.baz", body);
  await flood(js, "S", each, (i) => `foo.${i + 1}`, body);
  let index = 0;
  const check = async (filter_subject: string, start: number, pending: number) => {
    const config: Json = {
      filter_subject,
      durable_name: `dur-${++index}`,
      ack_policy: "explicit",
      ...(start > 1 ? { opt_start_seq: start, deliver_policy: "by_start_sequence" } : {}),
    };
    const begin = performance.now();
    const { num_pending } = await js.addConsumer("S", config);
    const ms = performance.now() - begin;
    assertEquals(num_pending, pending, `${filter_subject} from ${start}`);
    assert(ms < 150, `${filter_subject} from ${start} took ${ms} ms`);
  };
  await check(`foo.${each}`, 1, 1);
  await check(`foo.${each}`, 22_200, 1);
  await check("foo", 1, each);
  await check("foo", 4, each - 1);
  await check("foo.bar.baz", 1, each);
  await check("foo.bar.baz", 35_001, 5000);
  await check("*", 1, 3 * each);
  await check("*", 4, 3 * each - 3);
  await check(">", 1, 5 * each);
  await check(">", 5000, 5 * each - 5000 + 1);
  await check("foo.10", 1, 1);
  // A start that is late in the stream is found as fast.
  await js.addConsumer("S", {
    durable_name: "dlc",
    filter_subject: `foo.${each}`,
    ack_policy: "explicit",
  });
  assert(await elapsed(() => fetchAll(js, "S", "dlc", 1)) < 150);
  for (const seq of [1, 4, 7]) await js.deleteMsg("S", seq);
  await check("foo", 1, each - 3);
  const cat = await js.addConsumer("S", {
    durable_name: "cat",
    filter_subject: ">",
    ack_policy: "explicit",
  });
  assertEquals(cat.num_pending, 5 * each - 3);
  await js.publish("foo", "HELLO AGAIN");
  assertEquals((await js.consumerInfo("S", "cat")).num_pending, 5 * each - 2);
  await server.restart();
  js = await server.jetStream();
  await check(`foo.${each}`, 1, 1);
  await check("foo", 1, each - 2);
});
