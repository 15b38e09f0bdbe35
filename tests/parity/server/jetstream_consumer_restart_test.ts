// Ports: server/jetstream_consumer_test.go
/**
 * What consumers are after a restart of the server (server/jetstream_consumer_test.go). Clients
 * of the reference reconnect; here a new client subscribes.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ApiFailure, deliveryInfo, jetStreamServer } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { fetchAll, next, ns } from "./_jetstream_consumer.ts";

Deno.test("TestJetStreamConsumerEphemeralRecoveryAfterServerRestart", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "MYS", subjects: ["MYS"] });
  const inbox = js.subscribe("to");
  await js.nc.flush();
  const { name } = await js.addConsumer("MYS", { deliver_subject: "to", ack_policy: "explicit" });
  await js.publishMany(100, "MYS", "Hello World!");
  assertEquals((await js.streamInfo("MYS")).state.messages, 100);
  for (let i = 0; i <= 6; i++) (await next(inbox)).respond();
  await js.nc.flush();
  for (let i = 0; i < 2; i++) {
    await server.restart();
    js = await server.jetStream();
    js.subscribe("to");
    await js.nc.flush();
    const consumer = server.consumer("MYS", name);
    assertEquals(consumer.config.durable, "");
    await until(() => consumer.active);
  }
  // Without its client it goes away like any other.
  const consumer = server.consumer("MYS", name);
  consumer.inactiveMs = 10;
  await js.nc.close();
  await until(() => !server.stream("MYS").consumers.has(name));
});

Deno.test("TestJetStreamConsumerMaxDeliveryAndServerRestart", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "MYS", subjects: ["MYS"] });
  const streamCreated = server.stream("MYS").createdNs;
  const max = 3;
  await js.addConsumer("MYS", {
    durable_name: "TO",
    deliver_subject: "D.TO",
    ack_policy: "explicit",
    ack_wait: ns(100),
    max_deliver: max,
  });
  const consumerCreated = server.consumer("MYS", "TO").createdNs;
  let received = 0;
  const listen = async () => {
    js.nc.subscribe("D.TO", { callback: () => void received++ });
    await js.nc.flush();
  };
  const expectReceived = (count: number) =>
    until(() => received === count, () => `expected ${count}, received ${received}`);
  await listen();
  await js.publish("MYS", "order-1");
  await expectReceived(max);
  await js.publish("MYS", "order-2");
  // The first delivery and one more.
  await expectReceived(max + 2);
  await server.restart();
  js = await server.jetStream();
  assertEquals((await js.streamInfo("MYS")).state.messages, 2);
  await listen();
  await js.publish("MYS", "order-3");
  assertEquals((await js.streamInfo("MYS")).state.messages, 3);
  await server.restart();
  js = await server.jetStream();
  assertEquals((await js.streamInfo("MYS")).state.messages, 3);
  await listen();
  await expectReceived(max * 3);
  assertEquals(server.stream("MYS").createdNs, streamCreated);
  assertEquals(server.consumer("MYS", "TO").createdNs, consumerCreated);
});

Deno.test("TestJetStreamConsumerDeleteAndServerRestart", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "MYQ", subjects: ["MYQ"] });
  await js.addConsumer("MYQ", { durable_name: "WQ", ack_policy: "explicit" });
  await js.deleteConsumer("MYQ", "WQ");
  assertEquals(server.stream("MYQ").consumers.size, 0);
  await server.restart();
  js = await server.jetStream();
  assert((await js.streamInfo("MYQ")).config.name === "MYQ");
  assertEquals(server.stream("MYQ").consumers.size, 0);
});

Deno.test("TestJetStreamConsumerUpdateSurvival", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "X", subjects: ["X"] });
  const config = { durable_name: "dlc", ack_policy: "explicit" };
  await js.addConsumer("X", { ...config, max_ack_pending: 1024 });
  const info = await js.updateConsumer("X", { ...config, max_ack_pending: 22 });
  assertEquals(info.config.max_ack_pending, 22);
  await server.restart();
  js = await server.jetStream();
  assertEquals((await js.consumerInfo("X", "dlc")).config.max_ack_pending, 22);
});

Deno.test("TestJetStreamConsumerWithCorruptStateIsDeleted", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.addConsumer("TEST", { durable_name: "DURABLE" });
  assertEquals((await js.api("CONSUMER.NAMES.TEST")).consumers, ["DURABLE"]);
  await js.consumerInfo("TEST", "DURABLE");
  const { directory } = server.stream("TEST");
  await server.stop();
  const path = `${directory}/obs/DURABLE/o.dat`;
  const { size } = await Deno.stat(path);
  assert(size > 0);
  await Deno.writeFile(path, new Uint8Array(size));
  await server.restart();
  js = await server.jetStream();
  assertEquals((await js.api("CONSUMER.NAMES.TEST")).consumers, []);
  const missing = await assertRejects(() => js.consumerInfo("TEST", "DURABLE"), ApiFailure);
  assertEquals(missing.errCode, 10014);
  // The reference removes the files; here they are kept aside, and the name is free.
  await js.addConsumer("TEST", { durable_name: "DURABLE" });
});

Deno.test("TestJetStreamConsumerReconcileConsumerAfterStreamDataLoss", async (t) => {
  for (const total of [1, 2]) {
    await t.step(String(total), async () => {
      await using server = await jetStreamServer();
      let js = await server.jetStream();
      await js.addStream({ name: "TEST", subjects: ["foo"] });
      await js.publishMany(total, "foo");
      await js.addConsumer("TEST", { durable_name: "DURABLE", ack_policy: "explicit" });
      await js.addConsumer("TEST", { durable_name: "CONSUMER", ack_policy: "explicit" });
      for (const msg of await fetchAll(js, "TEST", "CONSUMER", total)) await js.ackSync(msg);
      const isDone = async (delivered: number) => {
        const info = await js.consumerInfo("TEST", "CONSUMER");
        assertEquals([info.num_pending, info.num_ack_pending], [0, 0]);
        assertEquals([info.delivered.stream_seq, info.ack_floor.stream_seq], [total, total]);
        assertEquals(info.delivered.consumer_seq, delivered);
      };
      await isDone(total);
      const { directory } = server.stream("TEST");
      await server.stop();
      const block = `${directory}/msgs/1.blk`;
      if (total > 1) {
        const { size } = await Deno.stat(block);
        await Deno.truncate(block, Math.floor(size / 2) + 1);
      } else {
        await Deno.remove(block);
      }
      await Deno.remove(`${directory}/msgs/index.db`);
      await server.restart();
      js = await server.jetStream();
      // The last message is lost, its sequence is given once more.
      assertEquals((await js.publish("foo")).seq, total);
      const [msg] = await fetchAll(js, "TEST", "CONSUMER", 1);
      assertEquals(deliveryInfo(msg!).streamSeq, total);
      await js.ackSync(msg!);
      await isDone(total + 1);
    });
  }
});

Deno.test("what was delivered too often stays in an interest stream after a restart", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"], retention: "interest" });
  await js.addConsumer("TEST", {
    durable_name: "CONSUMER",
    ack_policy: "explicit",
    max_deliver: 1,
    ack_wait: ns(50),
  });
  await js.publishMany(3, "foo");
  const msgs = await fetchAll(js, "TEST", "CONSUMER", 3);
  await js.ackSync(msgs[0]!);
  await until(() => server.consumer("TEST", "CONSUMER").pending.size === 0);
  const state = async () => {
    const { messages, first_seq, last_seq } = (await js.streamInfo("TEST")).state;
    return [messages, first_seq, last_seq];
  };
  assertEquals(await state(), [2, 2, 3]);
  for (let i = 0; i < 2; i++) {
    await server.restart();
    js = await server.jetStream();
    assertEquals(await state(), [2, 2, 3]);
  }
  await js.deleteMsg("TEST", 2);
  assertEquals(await state(), [1, 3, 3]);
  assertEquals([...server.consumer("TEST", "CONSUMER").redelivered.keys()], [3]);
});
