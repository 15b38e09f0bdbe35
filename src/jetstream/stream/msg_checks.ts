/**
 * What the headers of a message ask for, and whether it may.
 *
 * Reference: processJetStreamMsg in server/stream.go, checkMsgHeadersPreClusteredProposal in
 * server/jetstream_batching.go; ADR-8, ADR-43, ADR-49, ADR-51.
 *
 * @module
 */
import { goQuote } from "../../base/text/go_format.ts";
import { textOfByteString } from "../../base/text/byte_string.ts";
import { type ApiError, apiError } from "../../jsapi/mod.ts";
import { appendHeader, headerValue, removeHeader } from "../../protocol/mod.ts";
import { fileMsgSize, LoadCode, memoryMsgSize, parseTtl, StoredMsg } from "../../store/mod.ts";
import type { StagedMessages } from "../batch/staged.ts";
import { checkScheduleHeaders } from "../schedule/checks.ts";
import { applyIncrement } from "./counter.ts";
import { MsgHeader, ROLLUP_ALL, ROLLUP_SUBJECT } from "./header_names.ts";
import type { Stream } from "./stream.ts";

/** Longest headers of a stored message: their length has 16 bits in some places. */
const HEADER_BYTES_MAX = 65_535;
const NO_BYTES = new Uint8Array(0);
const NATS_PREFIX = "Nats-";
const BATCH_PREFIX = "Nats-Batch-";
const LINE_END_BYTES = 2;
const LF = 10;

/** What is known of one message after its checks. */
export class MessageNotes {
  /** What is to be stored; borrowed. */
  headers: Uint8Array = NO_BYTES;
  payload: Uint8Array = NO_BYTES;
  msgId = "";
  /** Sequence of the message that this one repeats, or 0. */
  duplicateOf = 0;
  /** `sub`, `all` or empty. */
  rollup = "";
  /** −1 never, 0 none. */
  ttlSec = 0;
  isSchedule = false;
  /** Subject of a schedule that this message ends, or empty. */
  purgedSchedule = "";
}

/** Whole number of a header as the reference reads it: −1 where it is none. */
export function headerNumber(value: string): number {
  return /^\d{1,18}$/.test(value) ? Number(value) : -1;
}

/** Size of a message in the stream's store. */
export function storedBytes(
  storage: "file" | "memory",
  subject: string,
  headers: Uint8Array,
  payload: Uint8Array,
): number {
  return storage === "memory"
    ? memoryMsgSize(subject.length, headers.length, payload.length)
    : fileMsgSize(subject.length, headers.length, payload.length);
}

/** One message under check. */
interface Candidate {
  readonly stream: Stream;
  readonly subject: string;
  /** Comes from another stream or from the store itself: taken as it is. */
  readonly sourced: boolean;
  /** The batch that it is a part of, or null. */
  readonly staged: StagedMessages | null;
  readonly notes: MessageNotes;
  /** Value of a header, or empty. */
  value(name: string): string;
}

/**
 * Whether a header says anything that is checked: all of those begin with "Nats-". One pass over
 * the bytes instead of one for each of them; those of batches are checked where batches are.
 */
export function hasCheckedHeader(headers: Uint8Array): boolean {
  const last = headers.length - NATS_PREFIX.length;
  for (let at = LINE_END_BYTES; at < last; at++) {
    if (headers[at - 1] !== LF || headers[at] !== NATS_PREFIX.charCodeAt(0)) continue;
    if (startsWith(headers, at, NATS_PREFIX) && !startsWith(headers, at, BATCH_PREFIX)) return true;
  }
  return false;
}

function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (bytes[at + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** Where a message comes from. */
export interface CheckOptions {
  /** Another stream, or the store itself: it is taken as it is. */
  readonly sourced: boolean;
  /** The messages of its atomic batch that were checked before it, or null. */
  readonly staged: StagedMessages | null;
  /** A fast or atomic batch. */
  readonly batched: boolean;
}

/**
 * Checks a message and fills `notes`, whose headers and payload are those given. Returns why the
 * message is refused, or null; a duplicate is no error, but noted.
 */
export function checkMessage(
  stream: Stream,
  subject: string,
  notes: MessageNotes,
  options: CheckOptions,
): ApiError | null {
  const error = notes.headers.length === 0
    ? checkCounter(stream, subject, notes, null, options)
    : checkHeaders(stream, subject, notes, options);
  if (error !== null || notes.duplicateOf > 0) return error;
  return checkSizes(stream, subject, notes.headers, notes.payload) ??
    (notes.headers.length === 0 ? null : takeTtl(stream, subject, notes));
}

/** The order of the checks is the reference's, which has another one for batches. */
function checkHeaders(
  stream: Stream,
  subject: string,
  notes: MessageNotes,
  options: CheckOptions,
): ApiError | null {
  const headers = notes.headers = removeHeader(notes.headers, MsgHeader.ClientInfo);
  const candidate: Candidate = {
    stream,
    subject,
    sourced: options.sourced,
    staged: options.staged,
    notes,
    value: (name) => headerValue(headers, 0, headers.length, name) ?? "",
  };
  const increment = readIncrement(candidate);
  if (increment instanceof Error) return increment;
  const misplaced = checkStream(candidate) ?? checkTtl(candidate, options.batched);
  if (misplaced !== null) return misplaced;
  if (options.batched) {
    const repeated = checkMsgId(candidate);
    if (repeated !== null || notes.duplicateOf > 0) return repeated;
    return checkCounter(stream, subject, notes, increment, options) ??
      checkLastSeq(candidate) ?? checkLastOfSubject(candidate) ??
      checkScheduleHeaders(stream, subject, notes, options) ??
      checkLastMsgId(candidate) ?? checkRollup(candidate);
  }
  const error = checkLastOfSubject(candidate) ?? checkLastSeq(candidate) ??
    checkScheduleHeaders(stream, subject, notes, options) ?? checkMsgId(candidate);
  if (error !== null || notes.duplicateOf > 0) return error;
  return checkLastMsgId(candidate) ?? checkRollup(candidate) ??
    checkCounter(stream, subject, notes, increment, options);
}

function checkCounter(
  stream: Stream,
  subject: string,
  notes: MessageNotes,
  increment: bigint | null,
  { staged }: CheckOptions,
): ApiError | null {
  if (!stream.config.allowMsgCounter) return null;
  if (increment === null) return apiError("JSMessageIncrMissingErr");
  return applyIncrement(stream, subject, notes, increment, staged);
}

/** Whether a message of this size may be stored; returns why not, or null. */
export function checkSizes(
  stream: Stream,
  subject: string,
  headers: Uint8Array,
  payload: Uint8Array,
): ApiError | null {
  const { config, js } = stream;
  const { maxMsgSize, storage } = config;
  if (maxMsgSize >= 0 && headers.length + payload.length > maxMsgSize) {
    return apiError("JSStreamMessageExceedsMaximumErr");
  }
  if (headers.length > HEADER_BYTES_MAX) return apiError("JSStreamHeaderExceedsMaximumErr");
  if (js.limitsExceeded(storage)) {
    js.warnResourcesExceeded(storage);
    return apiError("JSInsufficientResourcesErr");
  }
  const bytes = storedBytes(storage, subject, headers, payload);
  if (stream.account.wouldExceed(stream.tier, storage, config.replicas, bytes)) {
    const { log } = js.core.env;
    const text =
      `JetStream ${storage} resource limits exceeded for account: "${stream.account.name}"`;
    if (js.core.mayLog(text)) log.warn(text);
    return apiError("JSAccountResourcesExceededErr");
  }
  return null;
}

/** Headers that contradict an increment. */
const NOT_WITH_INCREMENT: readonly string[] = [
  MsgHeader.Rollup,
  MsgHeader.ExpectedStream,
  MsgHeader.ExpectedLastMsgId,
  MsgHeader.ExpectedLastSubjSeqSubj,
  MsgHeader.ExpectedLastSeq,
  MsgHeader.ExpectedLastSubjSeq,
];

function readIncrement({ stream, notes, sourced, value }: Candidate): bigint | null | ApiError {
  const text = value(MsgHeader.Incr);
  if (text === "") return null;
  if (!/^[+-]?\d+$/.test(text)) return apiError("JSMessageIncrInvalidErr");
  if (!sourced) {
    if (!stream.config.allowMsgCounter) return apiError("JSMessageIncrDisabledErr");
    if (notes.payload.length > 0) return apiError("JSMessageIncrPayloadErr");
    if (NOT_WITH_INCREMENT.some((name) => value(name) !== "")) {
      return apiError("JSMessageIncrInvalidErr");
    }
  }
  return BigInt(text.replace("+", ""));
}

function checkStream({ stream, value }: Candidate): ApiError | null {
  const expected = value(MsgHeader.ExpectedStream);
  return expected !== "" && expected !== stream.subjectName
    ? apiError("JSStreamNotMatchErr")
    : null;
}

/** Whether the message may have the TTL that it has; of batches also whether that is one. */
function checkTtl({ stream, sourced, value }: Candidate, batched: boolean): ApiError | null {
  const text = value(MsgHeader.Ttl);
  if (sourced || text === "") return null;
  const ttl = parseTtl(text);
  if (stream.config.allowMsgTtl) {
    return batched && ttl === null ? apiError("JSMessageTTLInvalidErr") : null;
  }
  return (ttl ?? (batched ? 1 : 0)) === 0 ? null : apiError("JSMessageTTLDisabledErr");
}

function checkLastSeq({ stream, staged, value }: Candidate): ApiError | null {
  const last = value(MsgHeader.ExpectedLastSeq);
  if (last === "") return null;
  const lastSeq = stream.lastSeq + (staged?.count ?? 0);
  if (headerNumber(last) !== lastSeq) return wrongLastSequence(lastSeq);
  return staged !== null && staged.count > 0
    ? apiError("JSStreamWrongLastSequenceConstantErr")
    : null;
}

function checkLastOfSubject({ stream, subject, staged, value }: Candidate): ApiError | null {
  const wanted = value(MsgHeader.ExpectedLastSubjSeq);
  const otherSubject = value(MsgHeader.ExpectedLastSubjSeqSubj);
  if (wanted === "") {
    return otherSubject === "" ? null : apiError("JSStreamExpectedLastSeqPerSubjectInvalid");
  }
  const of = otherSubject === "" ? subject : otherSubject;
  if (staged?.subjects.has(of) === true) return apiError("JSStreamWrongLastSequenceConstantErr");
  const last = staged?.expected.get(of) ?? lastSeqOf(stream, of);
  if (last !== headerNumber(wanted)) return wrongLastSequence(last);
  staged?.expected.set(of, last);
  return null;
}

/** Sequence of the last message of `subject`, or 0. */
export function lastSeqOf(stream: Stream, subject: string): number {
  const message = new StoredMsg();
  return stream.store.loadLastMsg(subject, message) === LoadCode.Found ? message.seq : 0;
}

function wrongLastSequence(seq: number): ApiError {
  return apiError("JSStreamWrongLastSequenceErrF", { seq });
}

function checkMsgId({ stream, staged, notes, value }: Candidate): ApiError | null {
  const id = notes.msgId = value(MsgHeader.MsgId);
  // What a mirror gets was checked by its origin.
  if (id === "" || stream.config.mirror !== null) return null;
  notes.duplicateOf = stream.msgIds.find(id);
  if (staged === null) return null;
  if (notes.duplicateOf > 0 || staged.msgIds.has(id)) {
    return apiError("JSAtomicPublishContainsDuplicateMessageErr");
  }
  staged.msgIds.add(id);
  return null;
}

function checkLastMsgId({ stream, value }: Candidate): ApiError | null {
  const expected = value(MsgHeader.ExpectedLastMsgId);
  return expected === "" || expected === stream.lastMsgId
    ? null
    : apiError("JSStreamWrongLastMsgIDErrF", { id: textOfByteString(stream.lastMsgId) });
}

function checkRollup({ stream, subject, sourced, staged, notes, value }: Candidate) {
  // The checks of schedules may have added one.
  const rollup = notes.rollup !== "" ? notes.rollup : value(MsgHeader.Rollup).toLowerCase();
  if (rollup === "") return null;
  const { allowRollup, denyPurge } = stream.config;
  const failed = (err: string): ApiError => apiError("JSStreamRollupFailedF", { err });
  if (!sourced && (!allowRollup || denyPurge)) return failed("rollup not permitted");
  switch (rollup) {
    case ROLLUP_SUBJECT:
      if (staged?.subjects.has(subject) === true) return failed("batch rollup sub invalid");
      break;
    case ROLLUP_ALL:
      if (staged !== null && staged.count > 0) return failed("batch rollup all invalid");
      break;
    default:
      return failed(`rollup value invalid: ${goQuote(textOfByteString(rollup))}`);
  }
  notes.rollup = rollup;
  return null;
}

function takeTtl(stream: Stream, subject: string, notes: MessageNotes): ApiError | null {
  const text = headerValue(notes.headers, 0, notes.headers.length, MsgHeader.Ttl) ?? "";
  if (text === "") return null;
  // Nobody looks at the TTL of what is not stored.
  if (stream.config.retention === "interest" && !stream.signals.hasInterest(subject)) return null;
  const ttl = parseTtl(text);
  if (ttl === null) return apiError("JSMessageTTLInvalidErr");
  notes.ttlSec = ttl;
  const { subjectDeleteMarkerTtl, maxMsgsPer } = stream.config;
  // A message must not go before the marker of the one that it replaced.
  const leastSec = Math.floor(Number(subjectDeleteMarkerTtl) / 1e9);
  if (ttl > 0 && maxMsgsPer !== 1 && ttl < leastSec) {
    notes.ttlSec = leastSec;
    const kept = removeHeader(notes.headers, MsgHeader.Ttl);
    notes.headers = appendHeader(kept.length === 0 ? null : kept, MsgHeader.Ttl, String(leastSec));
  }
  return null;
}
