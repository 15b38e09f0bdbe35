/**
 * Takes a traced message into a stream: what comes of it is an event of its trace, and with
 * `Nats-Trace-Only` it is checked but not stored.
 *
 * Reference: processInboundJetStreamMsg and the parts of processJetStreamMsg in server/stream.go
 * for traces; ADR-41.
 *
 * @module
 */
import { goQuote } from "../../base/text/go_format.ts";
import { textOfByteString } from "../../base/text/byte_string.ts";
import type { JetStreamEvent, MessageTrace } from "../../core/trace/message_trace.ts";
import { TraceHeader, TRACING_DISABLED } from "../../core/trace/trace_headers.ts";
import { type ApiError, apiError } from "../../jsapi/mod.ts";
import { headerValue, setHeader } from "../../protocol/mod.ts";
import type { BatchOutcome } from "../batch/outcome.ts";
import { routeBatchMessage } from "../batch/route.ts";
import { MsgHeader } from "./header_names.ts";
import { apply, refuse, withoutStatus } from "./ingest.ts";
import { checkMessage, headerNumber, MessageNotes } from "./msg_checks.ts";
import type { Stream } from "./stream.ts";

const DUPLICATE = "msgid is duplicate";
/** What -1 becomes as an unsigned number. */
const NO_SEQUENCE = "18446744073709551615";

/** Takes a message while `trace` is its trace. `message` is borrowed. */
export function receiveTraced(
  stream: Stream,
  trace: MessageTrace,
  subject: string,
  reply: string,
  message: Uint8Array,
  headerBytes: number,
): void {
  let headers = withoutStatus(message.slice(0, headerBytes));
  const payload = message.subarray(headerBytes);
  // A stored message must not leave another trace when it is delivered.
  if (!trace.only) headers = setHeader(headers, TraceHeader.Destination, TRACING_DISABLED);
  const event = trace.addJetStream(stream.name);
  const stored = stream.inputTransform?.match(subject) ?? subject;
  if (!trace.only) {
    const outcome = routeBatchMessage(stream, subject, reply, headers, payload);
    if (outcome !== null) {
      noteBatch(stream, trace, event, { subject: stored, headers }, outcome);
      return;
    }
  }
  const broken = stream.writeError;
  if (broken !== null) {
    event.error = broken.message;
    return;
  }
  const notes = new MessageNotes();
  notes.headers = headers;
  notes.payload = payload;
  const answersTo = stream.config.noAck ? "" : reply;
  const error = stream.config.sealed
    ? apiError("JSStreamSealedErr")
    : checkMessage(stream, stored, notes, { sourced: false, staged: null, batched: false });
  if (error !== null) {
    const late = error.id === "JSMessageTTLInvalidErr" ||
      error.id === "JSAccountResourcesExceededErr";
    if (late) noteStored(stream, event, stored);
    // These the reference finds when it is about to store the message.
    if (late && trace.only) return;
    refuse(stream, answersTo, error);
    event.error = errorText(stream, error, headers);
    return;
  }
  if (notes.duplicateOf > 0) {
    event.error = DUPLICATE;
    if (answersTo === "") return;
    stream.acks.acceptWith(answersTo, notes.duplicateOf, ',"duplicate": true');
    stream.js.markStreamDirty(stream);
    return;
  }
  noteStored(stream, event, stored);
  if (trace.only) return;
  const failed = apply(stream, stored, answersTo, notes.headers, notes.payload, notes, null);
  if (failed !== null) event.error = errorText(stream, failed, headers);
  else if (stream.writeError !== null) event.error = stream.writeError.message;
}

function noteStored(stream: Stream, event: JetStreamEvent, subject: string): void {
  event.subject = textOfByteString(subject);
  if (stream.config.retention === "interest" && !stream.signals.hasInterest(subject)) {
    event.nointerest = true;
  }
}

function noteBatch(
  stream: Stream,
  trace: MessageTrace,
  event: JetStreamEvent,
  { subject, headers }: { subject: string; headers: Uint8Array },
  outcome: BatchOutcome,
): void {
  switch (outcome) {
    case "stored":
      return noteStored(stream, event, subject);
    case "duplicate":
      event.error = DUPLICATE;
      return;
    // The reference tells nothing of messages of which nothing is known yet.
    case "waits":
    case "none":
      return trace.withhold();
    default:
      event.error = outcome instanceof Error
        ? batchErrorText(stream, outcome, headers)
        : batchErrorText(stream, outcome.error, outcome.headers);
  }
}

/** What the reference says in a trace of a message of a batch that it refuses with `error`. */
function batchErrorText(stream: Stream, error: ApiError, headers: Uint8Array): string {
  const place = `'${textOfByteString(stream.account.name)} > ${stream.name}'`;
  switch (error.id) {
    case "JSStreamMessageExceedsMaximumErr":
      return `JetStream message size exceeds limits for ${place}`;
    case "JSStreamHeaderExceedsMaximumErr":
      return `JetStream header size exceeds limits for ${place}`;
    case "JSAtomicPublishContainsDuplicateMessageErr":
      return DUPLICATE;
    default:
      return errorText(stream, error, headers);
  }
}

/** What the reference says in a trace of a message that it refuses with `error`. */
function errorText(stream: Stream, error: ApiError, headers: Uint8Array): string {
  const value = (name: string): string => headerValue(headers, 0, headers.length, name) ?? "";
  switch (error.id) {
    case "JSStreamNotMatchErr":
      return "expected stream does not match";
    case "JSMessageTTLDisabledErr":
      return "message TTL disabled";
    case "JSStreamMessageExceedsMaximumErr":
    case "JSStreamHeaderExceedsMaximumErr":
      return "maximum payload exceeded";
    case "JSStreamRollupFailedF":
    case "JSStreamStoreFailedF":
      return error.description;
    case "JSStreamWrongLastMsgIDErrF": {
      const expected = goQuote(textOfByteString(value(MsgHeader.ExpectedLastMsgId)));
      return `last msgid mismatch: ${expected} vs ${goQuote(textOfByteString(stream.lastMsgId))}`;
    }
    case "JSStreamWrongLastSequenceConstantErr":
      return value(MsgHeader.ExpectedLastSubjSeq) === ""
        ? "last sequence mismatch"
        : "last sequence by subject mismatch";
    case "JSStreamWrongLastSequenceErrF": {
      const last = error.description.replace(/^.*: /, "");
      const ofSubject = value(MsgHeader.ExpectedLastSubjSeq);
      return ofSubject === ""
        ? `last sequence mismatch: ${shownSequence(value(MsgHeader.ExpectedLastSeq))} vs ${last}`
        : `last sequence by subject mismatch: ${shownSequence(ofSubject)} vs ${last}`;
    }
    default:
      return error.message;
  }
}

/** A sequence as the reference prints it. */
function shownSequence(text: string): string {
  const sequence = headerNumber(text);
  return sequence < 0 ? NO_SEQUENCE : String(sequence);
}
