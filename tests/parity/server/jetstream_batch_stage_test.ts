// Ports: server/jetstream_batching_test.go: TestJetStreamAtomicBatchPublishStageAndCommit.
/**
 * Messages of an atomic batch are checked one after the other, each as if those before it were
 * stored, and change nothing until all of them are (server/jetstream_batching_test.go).
 *
 * Where the reference's test says what a cluster has proposed and not stored yet, these messages
 * are stored here: one server stores in the turn in which it checks.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { stageMessage } from "../../../src/jetstream/batch/atomic.ts";
import { StagedMessages } from "../../../src/jetstream/batch/staged.ts";
import { apply, ingest } from "../../../src/jetstream/stream/ingest.ts";
import { MessageNotes } from "../../../src/jetstream/stream/msg_checks.ts";
import type { Stream } from "../../../src/jetstream/stream/stream.ts";
import { apiError } from "../../../src/jsapi/mod.ts";
import { appendHeader } from "../../../src/protocol/mod.ts";
import { LoadCode, StoredMsg, StoreError } from "../../../src/store/mod.ts";
import { newSubjectTransform } from "../../../src/subject/mod.ts";
import { jetStreamServer } from "../../harness/jetstream.ts";

const NO_BYTES = new Uint8Array(0);
const encoder = new TextEncoder();

function encodedHeaders(values: Record<string, string>): Uint8Array {
  let headers: Uint8Array | null = null;
  for (const [name, value] of Object.entries(values)) headers = appendHeader(headers, name, value);
  return headers ?? NO_BYTES;
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
  /** Prepares the stream. */
  readonly before?: (stream: Stream) => void;
  readonly batch: readonly Item[];
  /** What the whole batch will change. */
  readonly validate?: (staged: StagedMessages) => void;
  /** What it has changed once it is stored. */
  readonly committed?: (stream: Stream) => void;
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
    committed: ({ msgIds }) => assertEquals([msgIds.find("foo"), msgIds.find("bar")], [1, 2]),
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
    committed: (stream) => assertEquals(lastOf(stream, "foo"), '{"val":"1"}'),
  },
  {
    title: "counter-multiple",
    config: { allowMsgCounter: true },
    batch: [
      { subject: "foo", headers: { "Nats-Incr": "1" } },
      { subject: "foo", headers: { "Nats-Incr": "2" } },
    ],
    validate: (staged) => assertEquals(total(staged), '{"val":"3"}'),
    committed: (stream) => assertEquals(lastOf(stream, "foo"), '{"val":"3"}'),
  },
  {
    title: "counter-pre-init",
    config: { allowMsgCounter: true },
    before: (stream) =>
      void stream.store.storeMsg("foo", NO_BYTES, encoder.encode('{"val":"1"}'), 0),
    batch: [{ subject: "foo", headers: { "Nats-Incr": "2" } }],
    validate: (staged) => assertEquals(total(staged), '{"val":"3"}'),
    committed: (stream) => assertEquals(lastOf(stream, "foo"), '{"val":"3"}'),
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
    title: "msg-schedules-purge-inflight-not-schedule",
    config: schedulesWithRollup,
    before: (stream) => publish(stream, "foo"),
    batch: [{ subject: "bar", headers: purges, error: ["JSMessageSchedulesSchedulerInvalidErr"] }],
  },
  {
    title: "msg-schedules-purge-inflight-schedule",
    config: schedulesWithRollup,
    before: (stream) => publish(stream, "foo", { ...AT, "Nats-Schedule-Target": "baz" }),
    batch: [{ subject: "bar", headers: purges }],
  },
  {
    title: "discard-new",
    config: discardNew,
    batch: [{ subject: "foo1" }, { subject: "foo2" }],
    validate: (staged) => assertEquals(sizes(staged), [["foo1", 1, 20], ["foo2", 1, 20]]),
    committed: (stream) => assertEquals(contents(stream), [2, 40]),
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
    committed: (stream) => assertEquals(contents(stream), [1, 19]),
  },
  {
    title: "discard-new-max-msgs-per-subj-duplicate",
    config: discardNewPer,
    batch: [{ subject: "foo" }, { subject: "foo", error: full("max_msgs_per_subject") }],
  },
  {
    title: "discard-new-max-msgs-per-subj-inflight",
    config: discardNewPer,
    before: (stream) => publish(stream, "foo"),
    batch: [{ subject: "foo", error: full("max_msgs_per_subject") }],
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
    title: "expect-per-subj-in-process",
    before: (stream) => publish(stream, "foo", expecting(0)),
    batch: [{
      subject: "foo",
      headers: expecting(10),
      error: ["JSStreamWrongLastSequenceErrF", { seq: 1 }],
    }],
    validate: ({ expected }) => assertEquals(expected.size, 0),
  },
  {
    title: "expect-per-subj-inflight",
    before: (stream) => publish(stream, "bar"),
    batch: [{
      subject: "foo",
      headers: expecting(10, "bar"),
      error: ["JSStreamWrongLastSequenceErrF", { seq: 1 }],
    }],
    validate: ({ expected }) => assertEquals(expected.size, 0),
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
  {
    title: "subject-transform",
    before: (stream) => {
      stream.inputTransform = newSubjectTransform("foo", "bar", () => 0);
    },
    batch: [{ subject: "foo" }, { subject: "bar" }],
    validate: (staged) => assertEquals(sizes(staged), [["bar", 2, 38]]),
    committed: (stream) => {
      assertEquals(contents(stream), [2, 38]);
      assertEquals([...stream.store.subjectsTotals(">")], [["bar", 2]]);
    },
  },
];

function total(staged: StagedMessages): string {
  return new TextDecoder().decode(staged.counters.get("foo")!.payload);
}

function sizes({ subjects }: StagedMessages): [string, number, number][] {
  return [...subjects].map(([subject, { msgs, bytes }]) => [subject, msgs, bytes]);
}

/** Messages and bytes of a stream. */
function contents(stream: Stream): [number, number] {
  const { msgs, bytes } = stream.fastState();
  return [msgs, bytes];
}

/** Body of the last message of a subject. */
function lastOf(stream: Stream, subject: string): string {
  const message = new StoredMsg();
  assertEquals(stream.store.loadLastMsg(subject, message), LoadCode.Found);
  return new TextDecoder().decode(message.bytes.subarray(message.payloadAt, message.payloadEnd));
}

/** Stores a message as if it was published. */
function publish(stream: Stream, subject: string, headers: Record<string, string> = {}): void {
  // What it says is taken, whatever the stream's configuration.
  const { config } = stream;
  stream.config = { ...config, ...schedulesWithRollup };
  ingest(stream, subject, "", encodedHeaders(headers), NO_BYTES, false);
  stream.config = config;
  assertEquals(stream.lastSeq, 1);
}

Deno.test("TestJetStreamAtomicBatchPublishStageAndCommit", async (t) => {
  await using server = await jetStreamServer();
  const js = await server.jetStream();
  const subjects = ["foo", "bar", "baz"];
  for (const [index, { title, config, before, batch, ...more }] of CASES.entries()) {
    await t.step(title, async () => {
      const name = `TEST${index}`;
      await js.addStream({ name, storage: "memory", allow_atomic: true, subjects });
      const stream = server.stream(name);
      before?.(stream);
      stream.config = { ...stream.config, ...config };
      const present = { contents: contents(stream), msgIds: stream.msgIds.size };
      const staged = new StagedMessages();
      const checked: { subject: string; notes: MessageNotes }[] = [];
      for (const { subject: published, headers = {}, body = "", error } of batch) {
        const subject = stream.inputTransform?.match(published) ?? published;
        const notes = new MessageNotes();
        notes.headers = encodedHeaders(headers);
        notes.payload = encoder.encode(body);
        const expected = error === undefined ? null : apiError(...error);
        const found = stageMessage(stream, subject, notes, staged);
        assertEquals(found?.message, expected?.message);
        if (found === null) checked.push({ subject, notes });
        // So far nothing is stored.
        assertEquals({ contents: contents(stream), msgIds: stream.msgIds.size }, present);
      }
      more.validate?.(staged);
      if (checked.length === batch.length) {
        for (const { subject, notes } of checked) {
          apply(stream, subject, "", notes.headers, notes.payload, notes, null);
        }
        more.committed?.(stream);
      }
      await js.deleteStream(name);
    });
  }
});
