// Ports: server/jetstream_batching_test.go: atomic batches.
/**
 * Atomic batches (server/jetstream_batching_test.go). The reference runs some of its tests with one
 * and with three replicas: those named "… R1" are the half of one replica, and not the whole test.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { emptyOptions } from "../../../src/config/mod.ts";
import { atomicLimits, fastLimits } from "../../../src/jetstream/batch/limits.ts";
import { jetStreamServer } from "../../harness/jetstream.ts";
import { until } from "../../harness/server.ts";
import { accountOf, messagesOf, storedMsg } from "./_jetstream_a.ts";
import { refused } from "./_jetstream_b.ts";
import {
  assertBatch,
  assertError,
  batchHeaders,
  forEveryStream,
  requestAck,
  requestText,
  storedHeaders,
} from "./_jetstream_batch.ts";
import { next } from "./_jetstream_consumer.ts";

/** The header that asks for more than any server has. */
const UNREACHABLE_LEVEL = "9223372036854775807";

/** A server with stream `TEST` on `foo` that takes atomic batches. */
async function atomicServer(config: Record<string, unknown> = {}, options = "") {
  const server = await jetStreamServer({}, options);
  const js = await server.jetStream();
  await js.addStream({ name: "TEST", subjects: ["foo"], allow_atomic: true, ...config });
  return { server, js };
}

Deno.test("TestJetStreamAtomicBatchPublishCommitEobMaxBatchSize", async () => {
  const size = 3;
  const { server, js } = await atomicServer(
    {},
    `jetstream { limits { batch { max_msgs: ${size} } } }`,
  );
  await using _ = server;
  const publish = async (id: string, count: number) => {
    for (let seq = 1; seq <= count; seq++) {
      js.nc.publish("foo", "", { headers: batchHeaders(id, seq) });
    }
    return await requestAck(js, "foo", batchHeaders(id, count + 1, "eob"));
  };
  // The end itself is not one of the batch.
  assertBatch(await publish("uuid", size), size, "uuid", size);
  assertError(await publish("uuid2", size + 1), "JSAtomicPublishTooLargeBatchErrF", { size });
  const unknown = await requestAck(js, "foo", batchHeaders("uuid3", size + 1, "eob"));
  assertError(unknown, "JSAtomicPublishIncompleteBatchErr");
});

Deno.test("TestJetStreamAtomicBatchPublishCounterSingleServer", async (t) => {
  for (const storage of ["file", "memory"]) {
    await t.step(storage, async () => {
      const { server, js } = await atomicServer({ storage, allow_msg_counter: true });
      await using _ = server;
      const first = batchHeaders("uuid", 1);
      first.set("Nats-Incr", "1");
      js.nc.publish("foo", "", { headers: first });
      const last = batchHeaders("uuid", 2, "1");
      last.set("Nats-Incr", "2");
      assertBatch(await requestAck(js, "foo", last), 2, "uuid", 2);
      const value = async (seq: number) => (await storedMsg(js, "TEST", { seq })).text;
      assertEquals(await value(1), '{"val":"1"}');
      assertEquals(await value(2), '{"val":"3"}');
      const ack = await js.publish("foo", "", { "Nats-Incr": "5" });
      assertEquals(ack.seq, 3);
      assertEquals(await value(3), '{"val":"8"}');
    });
  }
});

Deno.test("TestJetStreamAtomicBatchPublishExpectedSeq", async () => {
  const { server, js } = await atomicServer();
  await using _ = server;
  await js.publish("foo", "hello");
  await js.publish("foo", "hello", { "Nats-Expected-Last-Sequence": "1" });
  const headers = batchHeaders("uuid", 1, "1");
  headers.set("Nats-Expected-Last-Sequence", "2");
  assertBatch(await requestAck(js, "foo", headers), 3, "uuid", 1);
  // The sequences that a cluster has proposed have no counterpart here: the stream's is the one.
  assertEquals(server.stream("TEST").lastSeq, 3);
});

Deno.test("TestJetStreamAtomicBatchPublishPersistModeAsync", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const config = { name: "TEST", subjects: ["foo"], allow_atomic: true, persist_mode: "async" };
  await refused(
    () => js.addStream(config),
    "async persist mode is not supported with atomic batch publish",
  );
});

Deno.test("TestJetStreamAtomicBatchPublishExpectedLastSubjectSequence", async () => {
  const { server, js } = await atomicServer({ subjects: ["foo.*"] });
  await using _ = server;
  await js.publish("foo.A");
  await js.publish("foo.B");
  const first = batchHeaders("uuid", 1);
  first.set("Nats-Expected-Last-Sequence", "2");
  first.set("Nats-Expected-Last-Subject-Sequence", "1");
  first.set("Nats-Expected-Last-Subject-Sequence-Subject", "foo.A");
  assertEquals(await requestText(js, "foo.A", first), "");
  const last = batchHeaders("uuid", 2, "1");
  last.set("Nats-Expected-Last-Subject-Sequence", "2");
  last.set("Nats-Expected-Last-Subject-Sequence-Subject", "foo.B");
  assertBatch(await requestAck(js, "foo.B", last), 4, "uuid", 2);
});

Deno.test("TestJetStreamAtomicBatchPublishExpectedLastSubjectSequenceOwnership", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "EVENTS",
    subjects: ["events.>"],
    storage: "memory",
    allow_atomic: true,
  });
  const entry = `diary.entry_${"B".repeat(24)}`;
  const oldDay = `diary-day.day_${"C".repeat(43)}`;
  const targetDay = `diary-day.day_${"A".repeat(43)}`;
  const mutation = `mutation.mut_${"D".repeat(43)}`;
  const entities = Array.from(
    { length: 19 },
    (_, i) => `seed.entity_${String(i + 1).padStart(2, "0")}`,
  );
  entities[10] = targetDay;
  entities[17] = entry;
  entities[18] = oldDay;
  for (const [i, entity] of entities.entries()) {
    assertEquals((await js.publish(`events.${entity}.balance`)).seq, i + 1);
  }
  const expected = [[entry, 18], [oldDay, 19], [targetDay, 11], [mutation, 0]] as const;
  for (const [i, [entity, last]] of expected.entries()) {
    const isLast = i === expected.length - 1;
    const headers = batchHeaders("uuid", i + 1, isLast ? "1" : undefined);
    headers.set("Nats-Expected-Last-Subject-Sequence-Subject", `events.${entity}.*`);
    headers.set("Nats-Expected-Last-Subject-Sequence", String(last));
    const subject = `events.${entity}.balance`;
    if (isLast) assertBatch(await requestAck(js, subject, headers), 23, "uuid", 4);
    else if (i === 0) assertEquals(await requestText(js, subject, headers), "");
    else js.nc.publish(subject, "", { headers });
  }
});

Deno.test("TestJetStreamAtomicBatchPublishCommitUnsupported", async () => {
  const { server, js } = await atomicServer({ storage: "memory" });
  await using _ = server;
  for (const unsupported of ["", "unsupported", "0"]) {
    await requestText(js, "foo", batchHeaders("uuid", 1));
    const ack = await requestAck(js, "foo", batchHeaders("uuid", 2, unsupported));
    assertError(ack, "JSAtomicPublishInvalidBatchCommitErr");
    assertEquals(server.stream("TEST").atomicBatches.count, 0);
  }
  const headers = batchHeaders("uuid", 1, "1");
  headers.set("Nats-Required-Api-Level", UNREACHABLE_LEVEL);
  assertError(await requestAck(js, "foo", headers), "JSRequiredApiLevelErr");
  headers.set("Nats-Required-Api-Level", "0");
  assertBatch(await requestAck(js, "foo", headers), 1, "uuid", 1);
  assertEquals((await storedHeaders(js, "TEST", 1))["Nats-Required-Api-Level"], undefined);
});

Deno.test("TestJetStreamAtomicPublishGetBatchSequence", async (t) => {
  const { server, js } = await atomicServer();
  await using _ = server;
  for (
    const [name, text, isRead] of [
      ["missing", null, false],
      ["empty-value", "", false],
      ["valid", "42", true],
      ["non-numeric", "abc", false],
      ["negative", "-1", false],
      ["overflow", "18446744073709551616", false],
    ] as const
  ) {
    await t.step(name, async () => {
      const headers = batchHeaders("uuid", text ?? "");
      if (text === null) headers.delete("Nats-Batch-Sequence");
      const ack = await requestAck(js, "foo", headers);
      // A sequence that was read misses those before it.
      if (isRead) assertError(ack, "JSAtomicPublishIncompleteBatchErr");
      else assertError(ack, "JSAtomicPublishMissingSeqErr");
    });
  }
});

Deno.test("TestJetStreamAtomicBatchPublish R1", async (t) => {
  await forEveryStream(t, async (storage, retention) => {
    await using server = await jetStreamServer();
    const js = await server.jetStream();
    const config = { name: "TEST", subjects: ["foo.*"], storage, retention };
    await js.addStream(config);
    const id = batchHeaders("uuid", 1);
    id.delete("Nats-Batch-Sequence");
    assertError(await requestAck(js, "foo.0", id, "foo.0"), "JSAtomicPublishDisabledErr");
    await js.updateStream({ ...config, allow_atomic: true });
    assertError(await requestAck(js, "foo.0", id, "foo.0"), "JSAtomicPublishMissingSeqErr");
    const late = await requestAck(js, "foo.0", batchHeaders("uuid", 2), "foo.0");
    assertError(late, "JSAtomicPublishIncompleteBatchErr");
    const single = await requestAck(js, "foo.0", batchHeaders("uuid", 1, "1"), "foo.0");
    assertBatch(single, 1, "uuid", 1);
    js.nc.publish("foo.0", "foo.0", { headers: batchHeaders("uuid", 1) });
    const gap = await requestAck(js, "foo.0", batchHeaders("uuid", 3), "foo.0");
    assertError(gap, "JSAtomicPublishIncompleteBatchErr");
    for (let seq = 1; seq < 5; seq++) {
      js.nc.publish(`foo.${seq}`, `foo.${seq}`, { headers: batchHeaders("uuid", seq) });
    }
    const ack = await requestAck(js, "foo.5", batchHeaders("uuid", 5, "1"), "foo.5");
    assertBatch(ack, 6, "uuid", 5);
    if (retention === "interest") return;
    for (let i = 0; i < 6; i++) {
      const { subject, text } = await storedMsg(js, "TEST", { seq: i + 1 });
      assertEquals([subject, text], [`foo.${i}`, `foo.${i}`]);
    }
  });
});

Deno.test("TestJetStreamAtomicBatchPublishEmptyAck R1", async (t) => {
  await forEveryStream(t, async (storage, retention) => {
    const { server, js } = await atomicServer({ subjects: ["foo.*"], storage, retention });
    await using _ = server;
    for (let seq = 1; seq < 5; seq++) {
      assertEquals(await requestText(js, `foo.${seq}`, batchHeaders("uuid", seq)), "");
    }
    assertBatch(await requestAck(js, "foo.5", batchHeaders("uuid", 5, "1")), 5, "uuid", 5);
  });
});

Deno.test("TestJetStreamAtomicBatchPublishCommitEob R1", async (t) => {
  await forEveryStream(t, async (storage, retention) => {
    const { server, js } = await atomicServer({ storage, retention });
    await using _ = server;
    const empty = await requestAck(js, "foo", batchHeaders("uuid", 1, "eob"));
    assertError(empty, "JSAtomicPublishIncompleteBatchErr");
    for (const seq of [1, 2]) js.nc.publish("foo", "", { headers: batchHeaders("uuid", seq) });
    assertBatch(await requestAck(js, "foo", batchHeaders("uuid", 3, "eob")), 2, "uuid", 2);
    if (retention === "interest") return;
    for (const seq of [1, 2]) {
      assertEquals(await storedHeaders(js, "TEST", seq), {
        "Nats-Batch-Id": "uuid",
        "Nats-Batch-Sequence": String(seq),
        ...(seq === 2 ? { "Nats-Batch-Commit": "1" } : {}),
      });
    }
  });
});

Deno.test("TestJetStreamAtomicBatchPublishLimits R1", async () => {
  const size = 2;
  const limits = `max_inflight_per_stream: 1, max_inflight_total: 1, max_msgs: ${size}`;
  await using server = await jetStreamServer(
    {},
    `jetstream { limits { batch { ${limits}, timeout: 500ms } } }`,
  );
  const js = await server.jetStream();
  for (const name of ["FOO", "BAR"]) {
    await js.addStream({ name, subjects: [name.toLowerCase()], allow_atomic: true });
  }
  const single = (id: string, subject = "foo") => requestAck(js, subject, batchHeaders(id, 1, "1"));
  assertBatch(await single("A".repeat(64)), 1, "A".repeat(64), 1);
  assertError(await single("A".repeat(65)), "JSAtomicPublishInvalidBatchIDErr");
  js.nc.publish("foo", "", { headers: batchHeaders("uuid", 1) });
  assertError(await single("exceeds_threshold"), "JSAtomicPublishTooManyInflight");
  assertError(await single("bar", "bar"), "JSAtomicPublishTooManyInflight");
  const batches = server.stream("FOO").atomicBatches;
  assertEquals(batches.count, 1);
  await until(() => batches.count === 0);
  const late = await requestAck(js, "foo", batchHeaders("uuid", 2, "1"));
  assertError(late, "JSAtomicPublishIncompleteBatchErr");
  for (const count of [size, size + 1]) {
    for (let seq = 1; seq < count; seq++) {
      js.nc.publish("foo", "", { headers: batchHeaders("exceeds_threshold", seq) });
    }
    const ack = await requestAck(js, "foo", batchHeaders("exceeds_threshold", count, "1"));
    if (count <= size) assertBatch(ack, 3, "exceeds_threshold", count);
    else assertError(ack, "JSAtomicPublishTooLargeBatchErrF", { size });
  }
});

Deno.test("TestJetStreamAtomicBatchPublishDedupeNotAllowed R1", async (t) => {
  await forEveryStream(t, async (storage, retention) => {
    const { server, js } = await atomicServer({ storage, retention });
    await using _ = server;
    const headers = (msgId: string, seq: number, commit?: string) => {
      const all = batchHeaders("uuid", seq, commit);
      all.set("Nats-Msg-Id", msgId);
      return all;
    };
    await js.publish("foo", "", { "Nats-Msg-Id": "pre-existing" });
    const repeated = await requestAck(js, "foo", headers("pre-existing", 1, "1"));
    assertError(repeated, "JSAtomicPublishContainsDuplicateMessageErr");
    js.nc.publish("foo", "", { headers: headers("msgId1", 1) });
    assertBatch(await requestAck(js, "foo", headers("msgId2", 2, "1")), 3, "uuid", 2);
  });
});

Deno.test("TestJetStreamAtomicBatchPublishSourceAndMirror R1", async () => {
  const { server, js } = await atomicServer();
  await using _ = server;
  for (const seq of [1, 2]) js.nc.publish("foo", "", { headers: batchHeaders("uuid", seq) });
  assertBatch(await requestAck(js, "foo", batchHeaders("uuid", 3, "1")), 3, "uuid", 3);
  await js.deleteMsg("TEST", 2);
  await refused(
    () => js.addStream({ name: "M-no-batch", mirror: { name: "TEST" }, allow_atomic: true }),
    "stream mirrors can not also use atomic publishing",
  );
  await js.addStream({ name: "M", mirror: { name: "TEST" } });
  await js.addStream({ name: "S", sources: [{ name: "TEST" }], allow_atomic: true });
  for (const name of ["M", "S"]) await messagesOf(js, name, 2);
  for (const seq of [1, 3]) assertEquals(await storedHeaders(js, "M", seq), {});
  for (const [seq, origin] of [[1, 1], [2, 3]] as const) {
    assertEquals(await storedHeaders(js, "S", seq), {
      "Nats-Stream-Source": `TEST ${origin} > > foo`,
    });
  }
});

Deno.test("TestJetStreamAtomicBatchPublishCleanup on one server", async (t) => {
  for (const mode of ["Disable", "Delete", "Commit"]) {
    await t.step(mode, async () => {
      await using server = await jetStreamServer();
      const js = await server.jetStream();
      const config = { name: "TEST", subjects: ["foo"] };
      await js.addStream(config);
      const stream = server.stream("TEST");
      const { batches } = accountOf(server).js;
      await js.updateStream({ ...config, allow_atomic: true });
      assertEquals(stream.atomicBatches.count, 0);
      js.nc.publish("foo", "", { headers: batchHeaders("uuid", 1) });
      await requestAck(js, "foo", batchHeaders("commit", 1, "1"));
      assertEquals([stream.atomicBatches.count, batches.atomic], [1, 1]);
      assert(batches.stagedBytes > 0);
      if (mode === "Disable") await js.updateStream({ ...config, allow_atomic: false });
      else if (mode === "Delete") await js.deleteStream("TEST");
      else await requestAck(js, "foo", batchHeaders("uuid", 2, "1"));
      assertEquals([stream.atomicBatches.count, batches.atomic, batches.stagedBytes], [0, 0, 0]);
    });
  }
});

// Without the reload that is refused: it is not the whole of the reference's test.
Deno.test("TestJetStreamAtomicBatchPublishConfigOpts without a reload", async () => {
  const timeoutMs = 10_000;
  const standard = emptyOptions();
  assertEquals(atomicLimits(standard), {
    inflightPerStream: 50,
    inflightTotal: 1000,
    size: 1000,
    timeoutMs,
  });
  const { inflightPerStream, inflightTotal } = fastLimits(standard);
  assertEquals([inflightPerStream, inflightTotal], [1000, 50_000]);
  await using server = await jetStreamServer(
    {},
    `jetstream {
      limits {
        batch {
          max_inflight_per_stream: 10
          max_inflight_total: 20
          max_msgs: 100
          timeout: 5s
        }
      }
    }`,
  );
  const { jetStreamLimits: limits } = server.test.server.options;
  assertEquals(limits.maxBatchInflightPerStream, 10);
  assertEquals(limits.maxBatchInflightTotal, 20);
  assertEquals(limits.maxBatchSize, 100);
  assertEquals(limits.maxBatchTimeoutMs, 5000);
});

Deno.test("TestJetStreamAtomicBatchPublishDenyHeaders R1", async (t) => {
  const { server, js } = await atomicServer();
  await using _ = server;
  const header = "Nats-Expected-Last-Msg-Id";
  await t.step(header, async () => {
    const headers = batchHeaders("uuid", 1);
    headers.set(header, "msgId");
    js.nc.publish("foo", "", { headers });
    const ack = await requestAck(js, "foo", batchHeaders("uuid", 2, "eob"));
    assertError(ack, "JSAtomicPublishUnsupportedHeaderBatchErr", { header });
  });
});

Deno.test("TestJetStreamAtomicBatchPublishAdvisories R1", async () => {
  // The reference waits 2 s for its timeout.
  const { server, js } = await atomicServer(
    {},
    "jetstream { limits { batch { timeout: 300ms } } }",
  );
  await using _ = server;
  const inbox = js.subscribe("$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.*");
  await js.nc.flush();
  const advisory = async (reason: string) => {
    const { batch, reason: told } = JSON.parse((await next(inbox)).string());
    assertEquals([batch, told], ["uuid", reason]);
  };
  for (const seq of [1, 3]) js.nc.publish("foo", "", { headers: batchHeaders("uuid", seq) });
  await advisory("incomplete");
  for (let seq = 1; seq < 1002; seq++) {
    js.nc.publish("foo", "", { headers: batchHeaders("uuid", seq) });
  }
  const large = await requestAck(js, "foo", batchHeaders("uuid", 1002, "1"));
  assertError(large, "JSAtomicPublishTooLargeBatchErrF", { size: 1000 });
  await advisory("large");
  js.nc.publish("foo", "", { headers: batchHeaders("uuid", 1) });
  await advisory("timeout");
  const headers = batchHeaders("uuid", 1);
  headers.set("Nats-Required-Api-Level", UNREACHABLE_LEVEL);
  js.nc.publish("foo", "", { headers });
  await advisory("unsupported");
});
