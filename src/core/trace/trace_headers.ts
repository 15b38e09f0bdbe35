/**
 * The headers that make a message leave a trace.
 *
 * Reference: genHeaderMapIfTraceHeadersPresent in server/msgtrace.go; ADR-41.
 *
 * @module
 */
import { byteStringOf } from "../../base/text/byte_string.ts";
import { HEADER_LINE } from "../../protocol/mod.ts";

/** Headers of traced messages. */
export const TraceHeader = {
  Destination: "Nats-Trace-Dest",
  Hop: "Nats-Trace-Hop",
  OriginAccount: "Nats-Trace-Origin-Account",
  Only: "Nats-Trace-Only",
  AcceptEncoding: "Accept-Encoding",
} as const;

/** A destination that says not to trace any more; no valid subject. */
export const TRACING_DISABLED = "trace disabled";

const TRACE_PARENT = "traceparent";
const LF = 10;
const BIG_N = 78;
const SMALL_T = 116;
const LOWER_CASE = 32;

/** Whether the line at `at` is a header called `name`, in any case with `fold`. */
function isHeader(bytes: Uint8Array, at: number, end: number, name: string, fold: number): boolean {
  const length = name.length;
  if (at + length >= end || bytes[at + length] !== 58) return false;
  for (let i = 0; i < length; i++) {
    if ((bytes[at + i]! | fold) !== (name.charCodeAt(i) | fold)) return false;
  }
  return true;
}

/**
 * Whether the headers in `[start, end)` may ask for a trace: all that a message without one pays.
 * `external` counts in the header of W3C's trace context. True for all that
 * {@linkcode readTraceHeaders} takes, but for a trace context alone without `external`.
 */
export function mayAskForTrace(
  bytes: Uint8Array,
  start: number,
  end: number,
  external: boolean,
): boolean {
  let at = bytes.indexOf(LF, start) + 1;
  while (at > 0 && at < end) {
    const first = bytes[at]!;
    if (first === BIG_N) {
      if (
        isHeader(bytes, at, end, TraceHeader.Destination, 0) ||
        isHeader(bytes, at, end, TraceHeader.OriginAccount, 0)
      ) return true;
    } else if (external && (first | LOWER_CASE) === SMALL_T) {
      if (isHeader(bytes, at, end, TRACE_PARENT, LOWER_CASE)) return true;
    }
    at = bytes.indexOf(LF, at) + 1;
  }
  return false;
}

/** Headers of a message that asks for a trace. */
export interface TraceHeaders {
  /** Names as they were written, and values; byte strings. */
  readonly all: Map<string, string[]>;
  /** Only a trace context asks for it: the account says where the trace goes. */
  readonly external: boolean;
}

/** Reads a message's headers (byte strings); null when they ask for no trace. */
export function readTraceHeaders(headers: Uint8Array): TraceHeaders | null {
  const text = byteStringOf(headers, 0, headers.length);
  if (!text.startsWith(HEADER_LINE)) return null;
  const all = new Map<string, string[]>();
  let destination = false;
  let sampled = false;
  for (let at = HEADER_LINE.length; at < text.length;) {
    const colon = text.indexOf(":", at);
    if (colon < 0) break;
    const lineEnd = text.indexOf("\r\n", colon + 1);
    if (lineEnd < 0) break;
    const name = text.slice(at, colon);
    const value = text.slice(colon + 1, lineEnd).replace(/^[ \t]+|[ \t]+$/g, "");
    at = lineEnd + 2;
    if (name === "" || value === "") continue;
    if (name.toLowerCase() === TRACE_PARENT) sampled ||= isSampled(value);
    else if (name === TraceHeader.Destination) {
      if (!destination && value === TRACING_DISABLED) return null;
      destination = true;
    }
    const values = all.get(name);
    if (values === undefined) all.set(name, [value]);
    else values.push(value);
  }
  if (!destination && !sampled) return null;
  return { all, external: !destination };
}

/** Whether a trace context, `00-<trace>-<parent>-<flags>`, has its flag of sampling set. */
function isSampled(context: string): boolean {
  const parts = context.split("-");
  // Read as a signed byte: flags from 80 on are too large, and there may be a plus.
  return parts.length === 4 && /^[0-7+][0-9a-fA-F]$/.test(parts[3]!) &&
    (parseInt(parts[3]!, 16) & 1) === 1;
}
