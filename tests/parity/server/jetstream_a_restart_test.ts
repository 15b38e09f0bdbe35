// Ports: server/jetstream_test.go
/**
 * What streams are after restarts, also with damaged files (server/jetstream_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { parseTime } from "../../../src/base/json/mod.ts";
import { healthz } from "../../../src/monitor/mod.ts";
import { FileStore } from "../../../src/store/mod.ts";
import { deliveryInfo, jetStreamServer, type JsClient } from "../../harness/jetstream.ts";
import { forBothStores, next, ns } from "./_jetstream_consumer.ts";
import { messagesOf, pushTo, refused } from "./_jetstream_a.ts";

Deno.test("TestJetStreamDeleteMsg", async (t) => {
  await forBothStores(t, async (storage) => {
    await using server = await jetStreamServer();
    let js = await server.jetStream();
    await js.addStream({ name: "foo", max_age: ns(3_600_000), storage, num_replicas: 1 });
    const publishTen = async () => {
      for (let i = 0; i < 10; i++) await js.publish("foo", "Hello World!");
    };
    await publishTen();
    const stream = server.stream("foo");
    const { msgs, bytes } = stream.fastState();
    assertEquals(msgs, 10);
    const msgBytes = bytes / 10;
    assert(msgBytes > 0);
    const deleteAndCheck = async (seq: number, expectedFirstSeq: number) => {
      const before = stream.store.state();
      assertEquals((await js.deleteMsg("foo", seq)).success, true);
      const after = stream.store.state();
      const { message } = await js.api("STREAM.MSG.GET.foo", { seq: expectedFirstSeq });
      assertEquals(after.firstTimeNs, parseTime(message.time));
      const expected = {
        ...before,
        msgs: before.msgs - 1,
        bytes: before.bytes - msgBytes,
        firstSeq: expectedFirstSeq,
        firstTimeNs: after.firstTimeNs,
      };
      const strip = { deleted: [], numDeleted: 0 };
      assertEquals({ ...after, ...strip }, { ...expected, ...strip });
    };
    await deleteAndCheck(5, 1);
    await deleteAndCheck(1, 2);
    await deleteAndCheck(10, 2);
    await deleteAndCheck(3, 2);
    await deleteAndCheck(2, 4);
    await js.purge("foo");
    await publishTen();
    for (const seq of [11, 15, 16, 20]) await deleteAndCheck(seq, 12);
    if (storage === "memory") return;
    await server.restart();
    const state = server.stream("foo").store.state();
    assertEquals(
      [state.msgs, state.bytes, state.firstSeq, state.lastSeq, state.numSubjects],
      [6, 6 * msgBytes, 12, 20, 1],
    );
    js = await server.jetStream();
    const { inbox } = await pushTo(js, "foo", { filter_subject: "foo" });
    for (const seq of [12, 13, 14, 17, 18, 19]) {
      assertEquals(deliveryInfo(await next(inbox)).streamSeq, seq);
    }
  });
});

Deno.test("TestJetStreamExpireAllWhileServerDown", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "TEST", max_age: ns(250), duplicate_window: ns(250) });
  await js.publishMany(10_000, "TEST", "OK");
  await server.stop();
  await new Promise((resolve) => setTimeout(resolve, 300));
  await server.restart();
  js = await server.jetStream();
  const messages = async () => (await js.streamInfo("TEST")).state.messages;
  assertEquals(await messages(), 0);
  await js.publishMany(10, "TEST", "OK");
  assertEquals(await messages(), 10);
});

Deno.test("TestJetStreamFileStoreErrorOpeningBlockAfterTruncate", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  assertEquals((await js.publish("foo")).seq, 1);
  const directory = `${server.stream("TEST").directory}/msgs`;
  await server.stop();
  await Deno.truncate(`${directory}/1.blk`, 1);
  await Deno.remove(`${directory}/index.db`);
  await server.restart();
  js = await server.jetStream();
  assertEquals((await js.publish("foo")).seq, 1);
});

Deno.test("TestJetStreamFileStoreFirstSeqAfterRestart", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  const first = 10_000;
  const { state } = await js.addStream({ name: "TEST", subjects: ["foo"], first_seq: first });
  assertEquals([state.first_seq, state.last_seq], [first, first - 1]);
  assertEquals((await js.publish("foo")).seq, first);
  const expectOne = async () => {
    const { state } = await js.streamInfo("TEST");
    assertEquals([state.messages, state.first_seq, state.last_seq], [1, first, first]);
  };
  await expectOne();
  await server.restart();
  js = await server.jetStream();
  await expectOne();
});

Deno.test("TestJetStreamLargeExpiresAndServerRestart", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  // Half of the reference's times.
  const maxAgeMs = 1000;
  await js.addStream({
    name: "S",
    subjects: ["foo"],
    max_age: ns(maxAgeMs),
    duplicate_window: ns(maxAgeMs),
  });
  const startMs = performance.now();
  await js.publish("foo", "ok");
  await new Promise((resolve) => setTimeout(resolve, maxAgeMs / 2));
  await server.restart();
  js = await server.jetStream();
  await messagesOf(js, "S", 0);
  assert(performance.now() - startMs < maxAgeMs + 500);
});

async function publishMegabytes(js: JsClient, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await js.publish("x", new Uint8Array(1024 * 1024).fill(65));
}

Deno.test("TestJetStreamMaxBytesIgnored", async () => {
  await using server = await jetStreamServer({ maxPayload: 2 * 1024 * 1024 });
  let js = await server.jetStream();
  const maxBytes = 10 * 1024 * 1024;
  await js.addStream({ name: "TEST", subjects: ["*"], max_bytes: maxBytes });
  await publishMegabytes(js, 10);
  assertEquals((await js.streamInfo("TEST")).state.messages, 9);
  const directory = `${server.stream("TEST").directory}/msgs`;
  await server.stop();
  await Deno.writeFile(`${directory}/1.blk`, new Uint8Array(0));
  await server.restart();
  js = await server.jetStream();
  await publishMegabytes(js, 10);
  assert((await js.streamInfo("TEST")).state.bytes <= maxBytes);
});

Deno.test("TestJetStreamMetaDataFailOnKernelFault", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  await js.publishMany(10, "foo", "OK");
  const { directory } = server.stream("TEST");
  await server.stop();
  for (const name of ["meta.inf", "meta.sum"]) {
    await Deno.writeFile(`${directory}/${name}`, new Uint8Array(0));
  }
  await server.restart();
  js = await server.jetStream();
  await refused(js.streamInfo("TEST"));
  const { status, error } = healthz(server.test.server).body;
  assertEquals(status, "unavailable");
  assertEquals(error, "JetStream stream '$G > TEST' could not be recovered");
  // Who adds it again has its messages again.
  await js.addStream({ name: "TEST", subjects: ["foo"] });
  assertEquals((await js.streamInfo("TEST")).state.messages, 10);
  await server.restart();
  js = await server.jetStream();
  assertEquals((await js.streamInfo("TEST")).state.messages, 10);
});

Deno.test("TestJetStreamMirroredConsumerFailAfterRestart", async () => {
  await using server = await jetStreamServer();
  let js = await server.jetStream();
  await js.addStream({ name: "S1", subjects: ["foo", "bar", "baz"] });
  await js.addStream({ name: "M1", mirror: { name: "S1" } });
  await js.addConsumer("M1", { durable_name: "C1", filter_subject: ">", ack_policy: "explicit" });
  await server.restart();
  js = await server.jetStream();
  await js.streamInfo("M1");
  await js.consumerInfo("M1", "C1");
});

Deno.test("TestJetStreamMsgBlkFailOnKernelFault", async () => {
  await using server = await jetStreamServer({ maxPayload: 2 * 1024 * 1024 });
  let js = await server.jetStream();
  const maxBytes = 10 * 1024 * 1024;
  await js.addStream({ name: "TEST", subjects: ["x"], max_bytes: maxBytes });
  await publishMegabytes(js, 20);
  assert((await js.streamInfo("TEST")).state.bytes < maxBytes);
  const { store, directory } = server.stream("TEST");
  assert(store instanceof FileStore);
  const { blocks } = store.core;
  assert(blocks.length > 2);
  const lost = `${directory}/msgs/${blocks[blocks.length - 2]!.index}.blk`;
  await server.stop();
  await Deno.remove(lost);
  await server.restart();
  js = await server.jetStream();
  const { data } = await refused(js.api("STREAM.MSG.GET.TEST", { seq: 17 }));
  assertEquals(data.err_code, 10037);
  assertEquals((await js.streamInfo("TEST")).state.num_deleted, 3);
  const { state } = await js.streamInfo("TEST", { deleted_details: true });
  assertEquals([state.num_deleted, state.deleted], [3, [16, 17, 18]]);
  await publishMegabytes(js, 20);
  assert((await js.streamInfo("TEST")).state.bytes <= maxBytes);
});
