/**
 * Takes messages into a stream in three steps: check the message, apply it to the store,
 * acknowledge it. Only the second is what replicas will do, too.
 *
 * Reference: processJetStreamMsg in server/stream.go.
 *
 * @module
 */
import { goJsonString } from "../../base/text/go_format.ts";
import { byteStringOfText, textOfByteString } from "../../base/text/byte_string.ts";
import { type ApiError, apiError } from "../../jsapi/mod.ts";
import { StoreError } from "../../store/mod.ts";
import { routeBatchMessage } from "../batch/route.ts";
import { counterValueOf } from "./counter.ts";
import { ROLLUP_ALL, ROLLUP_SUBJECT } from "./header_names.ts";
import { checkMessage, checkSizes, MessageNotes } from "./msg_checks.ts";
import { purgeStream } from "./removal.ts";
import { rePublish } from "./republish.ts";
import type { Stream } from "./stream.ts";
import { receiveTraced } from "./traced.ts";

const STATUS_LINE_BYTES = 10;
const BLANK = 32;
const CR = 13;

/** The end of a batch, whose acknowledgement says so. Ids are byte strings. */
export interface BatchEnd {
  readonly id: string;
  readonly size: number;
}

/** A published message. `message` (headers and body) is borrowed for the call. */
export function receive(
  stream: Stream,
  subject: string,
  reply: string,
  message: Uint8Array,
  headerBytes: number,
): void {
  if (stream.closed) return;
  const { trace } = stream.js.core;
  if (trace !== null) {
    return receiveTraced(stream, trace, subject, reply, message, headerBytes);
  }
  const headers = message.subarray(0, headerBytes);
  const payload = message.subarray(headerBytes);
  const plain = headerBytes === 0 ? headers : withoutStatus(headers);
  if (routeBatchMessage(stream, subject, reply, plain, payload) !== null) return;
  ingest(stream, subject, reply, plain, payload, false);
}

/** Headers whose first line says nothing but the version. */
export function withoutStatus(headers: Uint8Array): Uint8Array {
  const version = STATUS_LINE_BYTES - 2;
  if (headers.length <= STATUS_LINE_BYTES || headers[version] !== BLANK) return headers;
  let end = version;
  while (end < headers.length && headers[end] !== CR) end++;
  const out = new Uint8Array(headers.length - end + version);
  out.set(headers.subarray(0, version));
  out.set(headers.subarray(end), version);
  // Nothing but the status and the empty line is no header.
  return out.length <= STATUS_LINE_BYTES + 2 ? headers.subarray(0, 0) : out;
}

const NO_NOTES = new MessageNotes();

/**
 * Checks, stores and acknowledges a message. `headers` and `payload` are borrowed. With `sourced`
 * the message comes from another stream or from the store. Returns the error that it was refused
 * with, or null; duplicates are no error.
 */
export function ingest(
  stream: Stream,
  subject: string,
  reply: string,
  headers: Uint8Array,
  payload: Uint8Array,
  sourced: boolean,
): ApiError | null {
  if (stream.closed || stream.writeError !== null) return null;
  const { config } = stream;
  const answersTo = config.noAck ? "" : reply;
  if (stream.inputTransform !== null) subject = stream.inputTransform.match(subject) ?? subject;
  if (config.sealed) return refuse(stream, answersTo, apiError("JSStreamSealedErr"));
  if (headers.length === 0 && !config.allowMsgCounter) {
    const error = checkSizes(stream, subject, headers, payload);
    if (error !== null) return refuse(stream, answersTo, error);
    return apply(stream, subject, answersTo, headers, payload, NO_NOTES, null);
  }
  const notes = new MessageNotes();
  notes.headers = headers;
  notes.payload = payload;
  const error = checkMessage(stream, subject, notes, { sourced, staged: null, batched: false });
  if (error !== null) return refuse(stream, answersTo, error);
  if (notes.duplicateOf > 0) {
    if (answersTo !== "") {
      stream.acks.acceptWith(answersTo, notes.duplicateOf, ',"duplicate": true');
      stream.js.markStreamDirty(stream);
    }
    return null;
  }
  return apply(stream, subject, answersTo, notes.headers, notes.payload, notes, null);
}

/**
 * Stores a message of a mirror's origin at its sequence and time. Returns why that failed, or
 * null.
 */
export function ingestMirrored(
  stream: Stream,
  subject: string,
  headers: Uint8Array,
  payload: Uint8Array,
  at: { seq: number; tsHigh: number; tsLow: number },
): string | null {
  if (stream.writeError !== null) return stream.writeError.message;
  if (stream.inputTransform !== null) subject = stream.inputTransform.match(subject) ?? subject;
  const notes = new MessageNotes();
  notes.headers = headers;
  notes.payload = payload;
  const error = checkMessage(stream, subject, notes, {
    sourced: true,
    staged: null,
    batched: false,
  });
  if (error !== null) return error.description;
  if (stream.config.retention === "interest" && !stream.signals.hasInterest(subject)) {
    stream.lastSeq = stream.store.skipMsgNoInterest(at.seq);
    stream.js.markStreamDirty(stream);
    return null;
  }
  try {
    stream.store.storeRawMsg(
      subject,
      notes.headers,
      notes.payload,
      at.seq,
      at.tsHigh,
      at.tsLow,
      notes.ttlSec,
      true,
    );
  } catch (failure) {
    if (!(failure instanceof StoreError)) stream.failWrites(failure);
    return (failure as Error).message;
  }
  stream.lastMsgId = notes.msgId;
  stream.lastSeq = at.seq;
  stream.js.markStreamDirty(stream);
  stream.signals.stored(at.seq, subject);
  return null;
}

/** Answers a publisher with an error; returns it. */
export function refuse(stream: Stream, reply: string, error: ApiError): ApiError {
  if (reply !== "") {
    stream.acks.refuse(reply, error);
    stream.js.markStreamDirty(stream);
  }
  return error;
}

/**
 * Stores a message that was checked, and does what follows from it. `headers` and `payload` are
 * borrowed; `batch` is set for the last message of a batch. Returns what the store refused it
 * with, or null.
 */
export function apply(
  stream: Stream,
  subject: string,
  reply: string,
  headers: Uint8Array,
  payload: Uint8Array,
  notes: MessageNotes,
  batch: BatchEnd | null,
): ApiError | null {
  const { config, store, js } = stream;
  if (config.retention === "interest" && !stream.signals.hasInterest(subject)) {
    return skip(stream, subject, reply, notes, batch);
  }
  const target = stream.rePublishTransform === null ? "" : rePublish.target(stream, subject);
  const lastOfSubject = target === "" ? 0 : rePublish.lastSeq(stream, subject);
  let seq: number;
  try {
    seq = store.storeMsg(subject, headers, payload, notes.ttlSec);
  } catch (error) {
    return storeFailed(stream, reply, error);
  }
  stream.lastMsgId = notes.msgId;
  stream.lastSeq = seq;
  if (notes.msgId !== "") stream.msgIds.add(notes.msgId, seq, js.core.env.clock.nowMs());
  js.markStreamDirty(stream);
  rollUp(stream, subject, notes, 1);
  if (target !== "") rePublish.send(stream, target, subject, seq, lastOfSubject, headers, payload);
  if (reply !== "") {
    if (batch !== null) stream.acks.acceptWith(reply, seq, batchFields(batch));
    else if (config.allowMsgCounter) {
      stream.acks.acceptWith(reply, seq, `,"val":"${counterValueOf(payload)}"`);
    } else stream.acks.accept(reply, seq);
  }
  stream.signals.stored(seq, subject);
  return null;
}

/** Fields of an acknowledgement that say which batch it ends, as a byte string. */
export function batchFields({ id, size }: BatchEnd): string {
  const quoted = byteStringOfText(goJsonString(textOfByteString(id)));
  return `,"batch":${quoted},"count":${size}`;
}

/** Nobody is interested: only the sequence is used up. */
function skip(
  stream: Stream,
  subject: string,
  reply: string,
  notes: MessageNotes,
  batch: BatchEnd | null,
): null {
  const seq = stream.store.skipMsgNoInterest(0);
  stream.lastSeq = seq;
  stream.lastMsgId = notes.msgId;
  if (notes.msgId !== "") {
    stream.msgIds.add(notes.msgId, seq, stream.js.core.env.clock.nowMs());
  }
  rollUp(stream, subject, notes, 0);
  if (reply !== "") {
    if (batch === null) stream.acks.accept(reply, seq);
    else stream.acks.acceptWith(reply, seq, batchFields(batch));
  }
  stream.js.markStreamDirty(stream);
  return null;
}

function rollUp(stream: Stream, subject: string, notes: MessageNotes, keep: number): void {
  const { config } = stream;
  if (!config.allowRollup || config.denyPurge) return;
  if (notes.rollup === ROLLUP_SUBJECT) purgeStream(stream, { subject, sequence: 0, keep });
  else if (notes.rollup === ROLLUP_ALL) purgeStream(stream, { subject: "", sequence: 0, keep });
  if (notes.purgedSchedule !== "") {
    purgeStream(stream, { subject: notes.purgedSchedule, sequence: 0, keep: 0 });
  }
}

function storeFailed(stream: Stream, reply: string, error: unknown): ApiError | null {
  if (error instanceof StoreError) {
    switch (error.code) {
      case "max_msgs":
      case "max_bytes":
      case "max_msgs_per_subject":
      case "msg_too_large":
      case "closed":
        return refuse(stream, reply, apiError("JSStreamStoreFailedF", { err: error }));
    }
  }
  stream.failWrites(error);
  return null;
}
