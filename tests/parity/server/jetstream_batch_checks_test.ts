// Ports: server/jetstream_batching_test.go: checks of batches and counters, recovery.
/**
 * What is checked before a batch is stored, and what becomes of one whose commit was cut off
 * (server/jetstream_batching_test.go).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { shortHash } from "../../../src/base/crypto/short_hash.ts";
import { stageMessage } from "../../../src/jetstream/batch/atomic.ts";
import { StagedMessages } from "../../../src/jetstream/batch/staged.ts";
import { storeConfigOf, storePlace } from "../../../src/jetstream/stream/create.ts";
import { ingest } from "../../../src/jetstream/stream/ingest.ts";
import { checkMessage, MessageNotes } from "../../../src/jetstream/stream/msg_checks.ts";
import type { Stream } from "../../../src/jetstream/stream/stream.ts";
import { apiError } from "../../../src/jsapi/mod.ts";
import { appendHeader } from "../../../src/protocol/mod.ts";
import { FileStore, StoreError } from "../../../src/store/mod.ts";
import { jetStreamServer } from "../../harness/jetstream.ts";
import { messagesOf, storedMsg } from "./_jetstream_a.ts";
import { stateOf } from "./_jetstream_b.ts";
import { storedHeaders } from "./_jetstream_batch.ts";

const NO_BYTES = new Uint8Array(0);
const encoder = new TextEncoder();

function encodedHeaders(values: Record<string, string>): Uint8Array {
  let headers: Uint8Array | null = null;
  for (const [name, value] of Object.entries(values)) headers = appendHeader(headers, name, value);
  return headers ?? NO_BYTES;
}

function notesOf(values: Record<string, string>, body = ""): MessageNotes {
  const notes = new MessageNotes();
  notes.headers = encodedHeaders(values);
  notes.payload = encoder.encode(body);
  return notes;
}

Deno.test("TestJetStreamCounterNullSourcesHeaderDoesNotPanic", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const counter = { storage: "memory", allow_msg_counter: true };
  await js.addStream({ name: "O1", subjects: ["foo.*"], ...counter });
  await js.publish("foo.1", "", { "Nats-Incr": "5" });
  await js.addStream({ name: "M", subjects: ["foo"], ...counter });
  // Sources of null are stored as they are.
  await js.publish("foo", "", { "Nats-Incr": "1", "Nats-Counter-Sources": '{"O1":null}' });
  assertEquals((await storedHeaders(js, "M", 1))["Nats-Counter-Sources"], '{"O1":null}');
  // A batch reads them.
  const staged = new StagedMessages();
  const notes = notesOf(
    { "Nats-Incr": "5", "Nats-Stream-Source": "O1 1 > > foo.1" },
    '{"val":"5"}',
  );
  assertEquals(
    checkMessage(server.stream("M"), "foo", notes, { sourced: true, staged, batched: true }),
    null,
  );
  const { headers } = staged.counters.get("foo")!;
  assert(new TextDecoder().decode(headers).includes('Nats-Counter-Sources: {"O1":{"foo.1":"5"}}'));
  // So does what comes from the source.
  await js.updateStream({
    name: "M",
    subjects: ["foo"],
    sources: [{ name: "O1", subject_transforms: [{ src: "foo.*", dest: "foo" }] }],
    ...counter,
  });
  await messagesOf(js, "M", 2);
  assertEquals(JSON.parse((await storedMsg(js, "M", { seq: 2 })).text).val, "6");
  const sources = JSON.parse((await storedHeaders(js, "M", 2))["Nats-Counter-Sources"]!);
  assertEquals(sources.O1["foo.1"], "5");
});

Deno.test("TestJetStreamCounterStagingDoesNotCorruptCommittedTotal", async () => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  await js.addStream({
    name: "TEST",
    storage: "memory",
    allow_msg_counter: true,
    allow_atomic: true,
    subjects: ["foo"],
  });
  const stream = server.stream("TEST");
  // What is committed is what is stored: a sum of 2 that came from S1.
  const committed = '{"S1":{"foo":"2"}}';
  await js.publish("foo", "", { "Nats-Incr": "2", "Nats-Counter-Sources": committed });
  const staged = new StagedMessages();
  const source = { "Nats-Incr": "3", "Nats-Stream-Source": "S1 1 > > foo" };
  const notes = notesOf(source, '{"val":"5"}');
  assertEquals(checkMessage(stream, "foo", notes, { sourced: true, staged, batched: true }), null);
  const { payload } = staged.counters.get("foo")!;
  assertEquals(new TextDecoder().decode(payload), '{"val":"5"}');
  assertEquals((await storedMsg(js, "TEST", { seq: 1 })).text, '{"val":"2"}');
  assertEquals((await storedHeaders(js, "TEST", 1))["Nats-Counter-Sources"], committed);
  assertEquals((await stateOf(js, "TEST")).messages, 1);
});

for (
  const [name, isEob] of [
    ["TestJetStreamAtomicBatchPublishSingleServerRecovery", false],
    ["TestJetStreamAtomicBatchPublishSingleServerRecoveryCommitEob", true],
  ] as const
) {
  Deno.test(name, async () => {
    await using server = await jetStreamServer();
    let js = await server.jetStream();
    await js.addStream({ name: "TEST", subjects: ["foo"], allow_atomic: true });
    // A batch as nats-server stages it, whose commit stored one message only.
    const stream = server.stream("TEST");
    const headers = (seq: number, commit: string) =>
      encodedHeaders({
        "Nats-Batch-Id": "uuid",
        "Nats-Batch-Sequence": String(seq),
        ...(commit === "" ? {} : { "Nats-Batch-Commit": commit }),
      });
    const id = shortHash("uuid");
    const staged = new FileStore(
      stream.js.storeEnv,
      storePlace(stream.account, `${stream.directory}/batches/${id}`),
      { ...storeConfigOf(stream.config), name: id, subjects: [] },
    );
    staged.storeMsg("foo", headers(1, ""), NO_BYTES, 0);
    staged.storeMsg("foo", headers(2, isEob ? "" : "1"), NO_BYTES, 0);
    if (isEob) staged.storeMsg("foo", headers(3, "eob"), NO_BYTES, 0);
    await staged.stop();
    ingest(stream, "foo", "", headers(1, ""), NO_BYTES, true);
    await server.restart();
    js = await server.jetStream();
    const state = await stateOf(js, "TEST");
    assertEquals([state.messages, state.first_seq, state.last_seq], [2, 1, 2]);
    for (const seq of [1, 2]) {
      assertEquals(await storedHeaders(js, "TEST", seq), {
        "Nats-Batch-Id": "uuid",
        "Nats-Batch-Sequence": String(seq),
        ...(seq === 2 ? { "Nats-Batch-Commit": "1" } : {}),
      });
    }
  });
}

/** One message of a batch and what it is refused with. */
interface Item {
  readonly subject: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly error?: Parameters<typeof apiError>;
}

interface Case {
  readonly title: string;
  readonly config?: Partial<Stream["config"]>;
  readonly before?: (stream: Stream) => void;
  readonly batch: readonly Item[];
  readonly validate?: (staged: StagedMessages) => void;
}

const DUPLICATE = ["JSAtomicPublishContainsDuplicateMessageErr"] as const;
const CONSTANT = ["JSStreamWrongLastSequenceConstantErr"] as const;
const AT = { "Nats-Schedule": "@at 1970-01-01T00:00:00Z" };
const ROLLUP_SUB = { "Nats-Rollup": "sub" };
const schedules = { allowMsgSchedules: true };
const schedulesWithRollup = { allowMsgSchedules: true, allowRollup: true };
const discardNew = { discard: "new", maxMsgs: 2, maxBytes: 60 } as const;
const discardNewPer = { discard: "new", discardNewPer: true, maxMsgsPer: 1 } as const;
const purges = { "Nats-Schedule-Next": "purge", "Nats-Scheduler": "foo" };

function rollupFailed(err: string): Parameters<typeof apiError> {
  return ["JSStreamRollupFailedF", { err }];
}

function full(
  code: "max_msgs" | "max_bytes" | "max_msgs_per_subject",
): Parameters<typeof apiError> {
  return ["JSStreamStoreFailedF", { err: new StoreError(code) }];
}

function expecting(seq: number, of = ""): Record<string, string> {
  const headers = { "Nats-Expected-Last-Subject-Sequence": String(seq) };
  return of === "" ? headers : { ...headers, "Nats-Expected-Last-Subject-Sequence-Subject": of };
}

const CASES: readonly Case[] = [
  {
    title: "dedupe-distinct",
    batch: [
      { subject: "foo", headers: { "Nats-Msg-Id": "foo" } },
      { subject: "bar", headers: { "Nats-Msg-Id": "bar" } },
    ],
    validate: ({ msgIds }) => assertEquals([...msgIds], ["foo", "bar"]),
  },
  {
    title: "dedupe",
    before: (stream) => stream.msgIds.add("foo", 1, stream.js.core.env.clock.nowMs()),
    batch: [{ subject: "foo", headers: { "Nats-Msg-Id": "foo" }, error: [...DUPLICATE] }],
  },
  {
    title: "dedupe-staged",
    batch: [
      { subject: "foo", headers: { "Nats-Msg-Id": "foo" } },
      { subject: "foo", headers: { "Nats-Msg-Id": "foo" }, error: [...DUPLICATE] },
    ],
  },
  {
    title: "counter-single",
    config: { allowMsgCounter: true },
    batch: [{ subject: "foo", headers: { "Nats-Incr": "1" } }],
    validate: (staged) => assertEquals(total(staged), '{"val":"1"}'),
  },
  {
    title: "counter-multiple",
    config: { allowMsgCounter: true },
    batch: [
      { subject: "foo", headers: { "Nats-Incr": "1" } },
      { subject: "foo", headers: { "Nats-Incr": "2" } },
    ],
    validate: (staged) => assertEquals(total(staged), '{"val":"3"}'),
  },
  {
    title: "counter-pre-init",
    config: { allowMsgCounter: true },
    before: (stream) =>
      void stream.store.storeMsg("foo", NO_BYTES, encoder.encode('{"val":"1"}'), 0),
    batch: [{ subject: "foo", headers: { "Nats-Incr": "2" } }],
    validate: (staged) => assertEquals(total(staged), '{"val":"3"}'),
  },
  {
    title: "msg-schedules-disabled",
    batch: [
      { subject: "foo", headers: AT, error: ["JSMessageSchedulesDisabledErr"] },
      {
        subject: "foo",
        headers: { "Nats-Schedule": "disabled" },
        error: ["JSMessageSchedulesDisabledErr"],
      },
    ],
  },
  {
    title: "msg-schedules-ttl-disabled",
    config: schedules,
    batch: [{
      subject: "foo",
      headers: { ...AT, "Nats-Schedule-TTL": "1s" },
      error: ["JSMessageTTLDisabledErr"],
    }],
  },
  {
    title: "msg-schedules-ttl-invalid",
    config: { allowMsgSchedules: true, allowMsgTtl: true },
    batch: [{
      subject: "foo",
      headers: { ...AT, "Nats-Schedule-TTL": "invalid" },
      error: ["JSMessageSchedulesTTLInvalidErr"],
    }],
  },
  {
    title: "msg-schedules-rollup-invalid",
    config: schedules,
    batch: [{
      subject: "foo",
      headers: { ...AT, "Nats-Schedule-Rollup": "invalid" },
      error: ["JSMessageSchedulesRollupInvalidErr"],
    }],
  },
  {
    title: "msg-schedules-invalid-schedule",
    config: schedules,
    batch: [{
      subject: "foo",
      headers: { "Nats-Schedule": "invalid" },
      error: ["JSMessageSchedulesPatternInvalidErr"],
    }],
  },
  ...[["invalid", "Not/A/Zone"], ["empty", ""]].map(([name, zone]): Case => ({
    title: `msg-schedules-${name}-time-zone`,
    config: schedules,
    batch: [{
      subject: "foo",
      headers: { "Nats-Schedule": "0 * * * * *", "Nats-Schedule-Time-Zone": zone! },
      error: ["JSMessageSchedulesTimeZoneInvalidErr"],
    }],
  })),
  ...[
    ["mismatch", "not.matching"],
    ["must-be-literal", "foo.*"],
    ["must-be-unique", "foo"],
  ].map(([name, target]): Case => ({
    title: `msg-schedules-target-${name}`,
    config: schedules,
    batch: [{
      subject: "foo",
      headers: { ...AT, "Nats-Schedule-Target": target! },
      error: ["JSMessageSchedulesTargetInvalidErr"],
    }],
  })),
  {
    title: "msg-schedules-rollup-disabled",
    config: schedules,
    batch: [{
      subject: "foo",
      headers: { ...AT, "Nats-Schedule-Target": "bar", ...ROLLUP_SUB },
      error: rollupFailed("rollup not permitted"),
    }],
  },
  {
    title: "msg-schedules",
    config: schedulesWithRollup,
    batch: [
      { subject: "foo", headers: { ...AT, "Nats-Schedule-Target": "baz" } },
      { subject: "bar", headers: { ...AT, "Nats-Schedule-Target": "baz", ...ROLLUP_SUB } },
    ],
  },
  {
    title: "msg-schedules-purge-staged-not-schedule",
    config: schedulesWithRollup,
    batch: [
      { subject: "foo" },
      { subject: "bar", headers: purges, error: ["JSMessageSchedulesSchedulerInvalidErr"] },
    ],
  },
  {
    title: "msg-schedules-purge-staged-schedule",
    config: schedulesWithRollup,
    batch: [
      { subject: "foo", headers: { ...AT, "Nats-Schedule-Target": "baz" } },
      { subject: "bar", headers: purges },
    ],
    validate: ({ subjects }) => assertEquals(subjects.get("foo")!.isSchedule, true),
  },
  {
    title: "msg-schedules-purge-staged-overwritten",
    config: schedulesWithRollup,
    batch: [
      { subject: "foo", headers: { ...AT, "Nats-Schedule-Target": "baz" } },
      { subject: "foo" },
      { subject: "bar", headers: purges, error: ["JSMessageSchedulesSchedulerInvalidErr"] },
    ],
  },
  {
    title: "discard-new",
    config: discardNew,
    batch: [{ subject: "foo1" }, { subject: "foo2" }],
    validate: (staged) => assertEquals(sizes(staged), [["foo1", 1, 20], ["foo2", 1, 20]]),
  },
  {
    title: "discard-new-max-msgs",
    config: discardNew,
    batch: [{ subject: "foo" }, { subject: "foo" }, { subject: "foo", error: full("max_msgs") }],
  },
  {
    title: "discard-new-max-bytes",
    config: discardNew,
    batch: [
      { subject: "foo1", body: "A".repeat(10) },
      { subject: "foo2", body: "A".repeat(11), error: full("max_bytes") },
    ],
  },
  {
    title: "discard-new-max-msgs-per-subj",
    config: discardNewPer,
    batch: [{ subject: "foo" }],
    validate: (staged) => assertEquals(sizes(staged), [["foo", 1, 19]]),
  },
  {
    title: "discard-new-max-msgs-per-subj-duplicate",
    config: discardNewPer,
    batch: [{ subject: "foo" }, { subject: "foo", error: full("max_msgs_per_subject") }],
  },
  {
    title: "discard-new-max-msgs-per-subj-pre-existing",
    config: discardNewPer,
    before: (stream) => void stream.store.storeMsg("foo", NO_BYTES, NO_BYTES, 0),
    batch: [{ subject: "foo", error: full("max_msgs_per_subject") }],
  },
  {
    title: "expect-last-seq",
    batch: [{ subject: "foo", headers: { "Nats-Expected-Last-Sequence": "0" } }, {
      subject: "bar",
    }],
  },
  {
    title: "expect-last-seq-not-first",
    batch: [
      { subject: "foo" },
      {
        subject: "bar",
        headers: { "Nats-Expected-Last-Sequence": "0" },
        error: ["JSStreamWrongLastSequenceErrF", { seq: 1 }],
      },
    ],
  },
  {
    title: "expect-last-seq-invalid-first",
    batch: [{
      subject: "foo",
      headers: { "Nats-Expected-Last-Sequence": "1" },
      error: ["JSStreamWrongLastSequenceErrF", { seq: 0 }],
    }],
  },
  {
    title: "expect-last-seq-invalid",
    batch: [
      { subject: "foo", headers: { "Nats-Expected-Last-Sequence": "0" } },
      {
        subject: "bar",
        headers: { "Nats-Expected-Last-Sequence": "0" },
        error: ["JSStreamWrongLastSequenceErrF", { seq: 1 }],
      },
    ],
  },
  {
    title: "expect-per-subj-simple",
    batch: [
      { subject: "foo", headers: expecting(0) },
      { subject: "bar", headers: expecting(0) },
    ],
    validate: ({ expected }) => assertEquals([...expected], [["foo", 0], ["bar", 0]]),
  },
  {
    title: "expect-per-subj-redundant-in-batch",
    batch: [
      { subject: "foo", headers: expecting(0) },
      { subject: "foo", headers: expecting(1), error: [...CONSTANT] },
      { subject: "foo", headers: expecting(0), error: [...CONSTANT] },
    ],
  },
  {
    title: "expect-per-subj-dupe-in-change",
    batch: [
      { subject: "foo", headers: expecting(0, "baz") },
      { subject: "bar", headers: expecting(0, "baz") },
    ],
    validate: ({ expected }) => assertEquals([...expected], [["baz", 0]]),
  },
  {
    title: "expect-per-subj-not-first",
    batch: [
      { subject: "foo" },
      { subject: "foo", headers: expecting(0), error: [...CONSTANT] },
      { subject: "bar", headers: expecting(0, "foo"), error: [...CONSTANT] },
    ],
  },
  {
    title: "rollup-deny-purge",
    config: { allowRollup: true, denyPurge: true },
    batch: [{ subject: "foo", headers: ROLLUP_SUB, error: rollupFailed("rollup not permitted") }],
  },
  {
    title: "rollup-invalid",
    config: { allowRollup: true },
    batch: [{
      subject: "foo",
      headers: { "Nats-Rollup": "invalid" },
      error: rollupFailed('rollup value invalid: "invalid"'),
    }],
  },
  {
    title: "rollup-all-first",
    config: { allowRollup: true },
    batch: [{ subject: "foo", headers: { "Nats-Rollup": "all" } }],
  },
  {
    title: "rollup-all-not-first",
    config: { allowRollup: true },
    batch: [
      { subject: "foo" },
      {
        subject: "bar",
        headers: { "Nats-Rollup": "all" },
        error: rollupFailed("batch rollup all invalid"),
      },
    ],
  },
  {
    title: "rollup-sub-unique",
    config: { allowRollup: true },
    batch: [
      { subject: "foo", headers: ROLLUP_SUB },
      { subject: "bar", headers: ROLLUP_SUB },
    ],
  },
  {
    title: "rollup-sub-overlap",
    config: { allowRollup: true },
    batch: [
      { subject: "foo", headers: ROLLUP_SUB },
      { subject: "foo", headers: ROLLUP_SUB, error: rollupFailed("batch rollup sub invalid") },
    ],
  },
];

function total(staged: StagedMessages): string {
  return new TextDecoder().decode(staged.counters.get("foo")!.payload);
}

function sizes({ subjects }: StagedMessages): [string, number, number][] {
  return [...subjects].map(([subject, { msgs, bytes }]) => [subject, msgs, bytes]);
}

// The cases about what a cluster has proposed and not stored yet are left out: it is not the whole
// of the reference's test.
Deno.test("TestJetStreamAtomicBatchPublishStageAndCommit on one server", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const subjects = ["foo", "bar", "baz"];
  for (const [index, { title, config, before, batch, validate }] of CASES.entries()) {
    await t.step(title, async () => {
      const name = `TEST${index}`;
      await js.addStream({ name, storage: "memory", allow_atomic: true, subjects });
      const stream = server.stream(name);
      before?.(stream);
      stream.config = { ...stream.config, ...config };
      const staged = new StagedMessages();
      for (const { subject, headers = {}, body = "", error } of batch) {
        const expected = error === undefined ? null : apiError(...error);
        const found = stageMessage(stream, subject, notesOf(headers, body), staged);
        assertEquals(found?.message, expected?.message);
      }
      validate?.(staged);
      await js.deleteStream(name);
    });
  }
});
