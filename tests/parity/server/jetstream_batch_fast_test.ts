// Ports: server/jetstream_batching_test.go: fast batches.
/**
 * Fast batches (server/jetstream_batching_test.go). The reference runs some of its tests with one
 * and with three replicas: those named "… R1" are the half of one replica, and not the whole test.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { jetStreamServer } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import {
  assertBatch,
  FastOp,
  FastPublisher,
  forEveryStream,
  headersOf,
  storedHeaders,
} from "./_jetstream_batch.ts";
import { clientOf, messagesOf, storedMsg } from "./_jetstream_a.ts";
import { refused } from "./_jetstream_b.ts";

const { Start, Append, Commit, CommitEob, Ping } = FastOp;
const WRONG_LAST = headersOf({ "Nats-Expected-Last-Sequence": "100" });

/** A server with stream `TEST` on `foo` that takes fast batches, and a publisher of them. */
async function fastServer(config = "") {
  const server = await jetStreamServer({}, config);
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"], allow_batched: true });
  return { server, js, fast: new FastPublisher(js) };
}

Deno.test("TestJetStreamFastBatchPublishPing", async () => {
  const { server, fast } = await fastServer();
  await using _ = server;
  const send = (seq: number, op: number) => fast.send({ seq, op, flow: 2, gap: "ok" });
  send(1, Start);
  await fast.flow(0, 2);
  send(2, Append);
  // A ping sends the flow control again.
  send(2, Ping);
  for (let i = 0; i < 2; i++) await fast.flow(2, 2);
  // A ping makes a lost message known.
  send(3, Ping);
  await fast.gap(3, 4);
  await fast.flow(2, 2);
  send(4, Append);
  await fast.flow(4, 2);
  // The same for many, which move the flow control, too.
  send(100, Ping);
  await fast.gap(5, 101);
  await fast.flow(100, 2);
  send(101, CommitEob);
  await fast.batch(3, 100);
});

Deno.test("TestJetStreamFastBatchPublishGapOkBackwardSeq", async () => {
  const { server, fast } = await fastServer();
  await using _ = server;
  fast.send({ seq: 1, op: Start, gap: "ok" });
  assertEquals((await fast.answer()).type, "ack");
  fast.send({ seq: 5, op: Append, gap: "ok" });
  await fast.gap(2, 5);
  // Going back ends the batch, and is no gap.
  fast.send({ seq: 3, op: Append, gap: "ok" });
  const ack = await fast.answer();
  assertEquals([ack.error, ack.batch], [undefined, "uuid"]);
  await fast.silence(200);
});

Deno.test("TestJetStreamFastBatchSequentialDuplicateAndErrorPubAck", async () => {
  const { server, js, fast } = await fastServer();
  await using _ = server;
  await js.publish("foo", "", { "Nats-Msg-Id": "msgId" });
  fast.send({ seq: 1, op: Start, flow: 2, headers: headersOf({ "Nats-Msg-Id": "msgId" }) });
  assertEquals((await fast.answer()).msgs, 2);
  fast.send({ seq: 2, op: Append, flow: 2, headers: WRONG_LAST });
  await fast.failed(2, "JSStreamWrongLastSequenceErrF", { seq: 1 });
  // The batch had nothing but a duplicate.
  await fast.batch(0, 1);
});

Deno.test("TestJetStreamFastBatchPublish R1", async (t) => {
  await forEveryStream(t, async (storage, retention) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    const config = { name: "TEST", subjects: ["foo.*"], storage, retention };
    await js.addStream(config);
    const fast = new FastPublisher(js);
    const first = { seq: 0, op: Start as number, subject: "foo.0", data: "foo.0" };
    fast.send(first);
    await fast.refused("JSBatchPublishDisabledErr");
    await js.updateStream({ ...config, allow_batched: true });
    fast.send(first);
    await fast.refused("JSBatchPublishInvalidPatternErr");
    fast.send({ ...first, seq: 1, op: CommitEob });
    await fast.refused("JSBatchPublishInvalidPatternErr");
    fast.send({ ...first, seq: 1, id: "A".repeat(65) });
    await fast.refused("JSBatchPublishInvalidBatchIDErr");
    fast.send({ ...first, seq: 2, op: Append });
    await fast.refused("JSBatchPublishUnknownBatchIDErr");
    // A batch of one has no flow control.
    fast.send({ ...first, seq: 1, op: Commit });
    await fast.batch(1, 1);
    for (let seq = 1; seq <= 5; seq++) {
      const op = seq === 5 ? Commit : seq === 1 ? Start : Append;
      fast.send({ seq, op, subject: `foo.${seq}`, data: `foo.${seq}` });
      if (seq === 1) await fast.flow(0, 10);
    }
    await fast.batch(6, 5);
    if (retention === "interest") return;
    for (let i = 0; i < 6; i++) {
      const { subject, text } = await storedMsg(js, "TEST", { seq: i + 1 });
      assertEquals([subject, text], [`foo.${i}`, `foo.${i}`]);
    }
  });
});

Deno.test("TestJetStreamFastBatchPublishGapDetection R1", async (t) => {
  for (const gap of ["fail", "ok", "unknown"]) {
    await t.step(`R1/${gap}`, async () => {
      const { server, fast } = await fastServer();
      await using _ = server;
      fast.send({ seq: 1, op: Start, gap });
      if (gap === "unknown") {
        await fast.refused("JSBatchPublishInvalidPatternErr");
        return;
      }
      await fast.flow(0, 10);
      fast.send({ seq: 3, op: Append, gap });
      await fast.gap(2, 3);
      if (gap === "fail") {
        await fast.batch(1, 1);
        return;
      }
      fast.send({ seq: 4, op: CommitEob, gap });
      await fast.batch(2, 3);
    });
  }
});

Deno.test("TestJetStreamFastBatchPublishFlowControl R1", async () => {
  const { server, fast } = await fastServer("jetstream { limits { batch { timeout: 750ms } } }");
  await using _ = server;
  for (let seq = 1; seq <= 5; seq++) {
    fast.send({ seq, op: seq === 5 ? Commit : seq === 1 ? Start : Append, flow: 2 });
    if (seq === 1) await fast.flow(0, 2);
    else if (seq % 2 === 0) await fast.flow(seq, 2);
    else if (seq === 5) await fast.batch(5, 5);
    // The whole takes longer than the timeout, which each message starts again.
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
});

Deno.test("TestJetStreamFastBatchPublishSourceAndMirror R1", async () => {
  const { server, js, fast } = await fastServer();
  await using _ = server;
  const elsewhere = { flow: 10, prefix: js.inbox() };
  fast.send({ seq: 1, op: Start, ...elsewhere });
  fast.send({ seq: 2, op: Append, ...elsewhere });
  fast.send({ seq: 3, op: Commit, flow: 10 });
  await fast.batch(3, 3);
  await js.deleteMsg("TEST", 2);
  await refused(
    () => js.addStream({ name: "M-no-batch", mirror: { name: "TEST" }, allow_batched: true }),
    "stream mirrors can not also use batch publishing",
  );
  await js.addStream({ name: "M", mirror: { name: "TEST" } });
  await js.addStream({ name: "S", sources: [{ name: "TEST" }], allow_batched: true });
  for (const name of ["M", "S"]) await messagesOf(js, name, 2);
  for (const seq of [1, 3]) assertEquals(await storedHeaders(js, "M", seq), {});
  for (const [seq, origin] of [[1, 1], [2, 3]] as const) {
    assertEquals(await storedHeaders(js, "S", seq), {
      "Nats-Stream-Source": `TEST ${origin} > > foo`,
    });
  }
});

Deno.test("TestJetStreamFastBatchPublishDuplicates R1", async () => {
  const { server, fast } = await fastServer();
  await using _ = server;
  const stream = server.stream("TEST");
  stream.msgIds.add("msgId", 1, stream.js.core.env.clock.nowMs());
  const headers = headersOf({ "Nats-Msg-Id": "msgId" });
  fast.send({ seq: 1, op: Commit, headers });
  const ack = await fast.batch(1, 1);
  assertEquals(ack.duplicate, true);
  assertEquals(stream.fastBatches.count, 0);
  const flow = 3;
  for (let seq = 1; seq <= 5; seq++) {
    fast.send({ seq, op: seq === 5 ? Commit : seq === 1 ? Start : Append, flow, headers });
    if (seq === 1) await fast.flow(0, flow);
    if (seq % flow === 0) await fast.flow(3, flow);
  }
  assertEquals((await fast.batch(0, 5)).duplicate, undefined);
  assertEquals(stream.fastBatches.count, 0);
});

Deno.test("TestJetStreamFastBatchPublishDuplicatesEobCommit R1", async () => {
  const { server, fast } = await fastServer();
  await using _ = server;
  const headers = headersOf({ "Nats-Msg-Id": "msgId" });
  fast.send({ seq: 1, op: Start, headers });
  fast.send({ seq: 2, op: Append, headers });
  await fast.flow(0, 10);
  fast.send({ seq: 3, op: CommitEob, headers });
  await fast.batch(1, 2);
});

Deno.test("TestJetStreamFastBatchPublishHeaderCheckError R1", async (t) => {
  for (const gap of ["fail", "ok"]) {
    await t.step(`R1/${gap}`, async () => {
      const { server, fast } = await fastServer();
      await using _ = server;
      fast.send({ seq: 1, op: Start, gap });
      fast.send({ seq: 2, op: Append, gap, headers: WRONG_LAST });
      await fast.flow(0, 10);
      await fast.failed(2, "JSStreamWrongLastSequenceErrF", { seq: 1 });
      if (gap === "ok") fast.send({ seq: 3, op: CommitEob, gap });
      await fast.batch(1, gap === "ok" ? 2 : 1);
    });
  }
});

Deno.test("TestJetStreamFastBatchPublishHeaderCheckErrorOnCommit R1", async (t) => {
  for (
    const [name, gap, seq] of [["fail", "fail", 2], ["ok", "ok", 2], ["gap/ok", "ok", 3]] as const
  ) {
    await t.step(`R1/${name}`, async () => {
      const { server, fast } = await fastServer();
      await using _ = server;
      fast.send({ seq: 1, op: Start, gap });
      await fast.flow(0, 10);
      fast.send({ seq, op: Commit, gap, headers: WRONG_LAST });
      if (seq === 3) await fast.gap(2, 3);
      await fast.failed(seq, "JSStreamWrongLastSequenceErrF", { seq: 1 });
      await fast.batch(1, seq - 1);
      assertEquals(server.stream("TEST").fastBatches.count, 0);
    });
  }
});

Deno.test("TestJetStreamFastBatchPublishLimits R1", async () => {
  const limits = "max_inflight_per_stream: 1, max_inflight_total: 1, timeout: 500ms";
  await using server = await jetStreamServer({}, `jetstream { limits { batch { ${limits} } } }`);
  const js = await server.jetStream();
  for (const name of ["FOO", "BAR"]) {
    await js.addStream({ name, subjects: [name.toLowerCase()], allow_batched: true });
  }
  const fast = new FastPublisher(js);
  fast.send({ seq: 1, op: Commit, id: "A".repeat(64) });
  assertBatch(await fast.answer(), 1, "A".repeat(64), 1);
  fast.send({ seq: 1, op: Commit, id: "A".repeat(65) });
  await fast.refused("JSBatchPublishInvalidBatchIDErr");
  fast.send({ seq: 1, op: Start });
  await fast.flow(0, 10);
  fast.send({ seq: 1, op: Commit, id: "exceeds_threshold" });
  await fast.refused("JSBatchPublishTooManyInflight");
  fast.send({ seq: 1, op: Commit, id: "bar", subject: "bar" });
  await fast.refused("JSBatchPublishTooManyInflight");
  const batches = server.stream("FOO").fastBatches;
  assert(batches.count === 1);
  await until(() => batches.count === 0);
  fast.send({ seq: 2, op: Commit });
  await fast.refused("JSBatchPublishUnknownBatchIDErr");
});

// Without the resets that a change of the leader makes: it is not the whole of the reference's test.
Deno.test("TestJetStreamFastBatchInitAckMessages on one server", async () => {
  const { server, fast } = await fastServer();
  await using _ = server;
  const open = async (id: string, flow: number, msgs: number) => {
    fast.send({ seq: 1, op: Start, id, flow });
    await fast.flow(0, msgs);
  };
  const end = async (id: string) => {
    fast.send({ seq: 2, op: CommitEob, id });
    assertEquals((await fast.answer()).batch, id);
  };
  // Alone it gets all that the publisher allows, up to 500; others begin with each message.
  await open("b1", 1000, 500);
  // With one alone each of its messages is far from being told.
  fast.send({ seq: 1, op: Start, id: "b2", flow: 1000 });
  await fast.flow(0, 1);
  await fast.flow(1, 2);
  await end("b1");
  await end("b2");
  await open("b3", 50, 50);
  fast.send({ seq: 1, op: Start, id: "b4", flow: 50 });
  await fast.flow(0, 1);
});

Deno.test("TestJetStreamFastBatchInitAckMessages", async () => {
  const { server, fast } = await fastServer();
  await using _ = server;
  const start = async (id: string, flow: number, msgs: number): Promise<void> => {
    fast.send({ id, seq: 1, op: Start, flow });
    await fast.flow(0, msgs);
  };
  const end = async (id: string): Promise<void> => {
    fast.send({ id, seq: 2, op: CommitEob });
    let answer = await fast.answer();
    // Beside others each message is acknowledged.
    while (answer.type === "ack") answer = await fast.answer();
    assertBatch(answer, answer.seq, id, 1);
  };
  // Alone: a whole window, which is less than the publisher would take.
  await start("b1", 1000, 500);
  // Beside another one.
  await start("b2", 1000, 1);
  // From the beginning, still beside it; on one server that is a new batch.
  await end("b1");
  await start("b1", 1000, 1);
  await end("b2");
  await end("b1");
  await start("b1", 1000, 500);
  await end("b1");
  // The publisher takes less.
  await start("b3", 50, 50);
  await start("b4", 50, 1);
});

Deno.test("TestJetStreamFastBatchPublishAccImportExport", async () => {
  await using server = await jetStreamServer(
    {},
    `jetstream: {max_mem_store: 1MB, max_file_store: 1MB}
    accounts: {
      A: {
        jetstream: enabled
        users: [ {user: a, password: a} ]
        exports [
          { service: "foo" }
        ]
      },
      B: {
        users: [ {user: b, password: b} ]
        imports [
          { service: { subject: "foo", account: A } }
        ]
      },
    }`,
  );
  const owner = await clientOf(server, "a", "a");
  await owner.addStream({ name: "TEST", subjects: ["foo"], allow_batched: true });
  for (const [index, user] of ["a", "b"].entries()) {
    const fast = new FastPublisher(await clientOf(server, user, user));
    fast.send({ seq: 1, op: Commit });
    await fast.batch(index + 1, 1);
  }
});
