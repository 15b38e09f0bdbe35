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

/** Header of W3C's trace context, in any case. */
export const TRACE_PARENT = "traceparent";

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
