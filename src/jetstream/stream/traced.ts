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
import type { MessageTrace } from "../../core/trace/message_trace.ts";
import { TraceHeader, TRACING_DISABLED } from "../../core/trace/trace_headers.ts";
import { type ApiError, apiError } from "../../jsapi/mod.ts";
import { headerValue, setHeader } from "../../protocol/mod.ts";
import { routeBatchMessage } from "../batch/route.ts";
import { MsgHeader } from "./header_names.ts";
import { apply, refuse, withoutStatus } from "./ingest.ts";
import { checkMessage, MessageNotes } from "./msg_checks.ts";
import type { Stream } from "./stream.ts";

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
  if (!trace.only && routeBatchMessage(stream, subject, reply, headers, payload)) return;
  const stored = stream.inputTransform?.match(subject) ?? subject;
  const notes = new MessageNotes();
  notes.headers = headers;
  notes.payload = payload;
  const answersTo = stream.config.noAck ? "" : reply;
  const error = stream.config.sealed
    ? apiError("JSStreamSealedErr")
    : checkMessage(stream, stored, notes, { sourced: false, staged: null, batched: false });
  if (error !== null) {
    refuse(stream, answersTo, error);
    event.error = errorText(stream, error, headers);
    return;
  }
  if (notes.duplicateOf > 0) {
    event.error = "msgid is duplicate";
    if (answersTo === "") return;
    stream.acks.acceptWith(answersTo, notes.duplicateOf, ',"duplicate": true');
    stream.js.markStreamDirty(stream);
    return;
  }
  event.subject = textOfByteString(stored);
  if (stream.config.retention === "interest" && !stream.signals.hasInterest(stored)) {
    event.nointerest = true;
  }
  if (trace.only) return;
  const failed = apply(stream, stored, answersTo, notes.headers, notes.payload, notes, null);
  if (failed !== null) event.error = failed.message;
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
    case "JSStreamWrongLastMsgIDErrF": {
      const expected = goQuote(textOfByteString(value(MsgHeader.ExpectedLastMsgId)));
      return `last msgid mismatch: ${expected} vs ${goQuote(textOfByteString(stream.lastMsgId))}`;
    }
    case "JSStreamWrongLastSequenceErrF": {
      const last = error.description.replace(/^.*: /, "");
      const ofSubject = value(MsgHeader.ExpectedLastSubjSeq);
      return ofSubject === ""
        ? `last sequence mismatch: ${value(MsgHeader.ExpectedLastSeq)} vs ${last}`
        : `last sequence by subject mismatch: ${ofSubject} vs ${last}`;
    }
    default:
      return error.message;
  }
}
