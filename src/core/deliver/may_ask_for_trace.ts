/**
 * Whether a message may ask to be traced: all that one pays which does not.
 *
 * Reference: initMsgTrace in server/msgtrace.go.
 *
 * @module
 */
import { TRACE_PARENT, TraceHeader } from "../trace/trace_headers.ts";

const LF = 10;
const COLON = 58;
const BIG_N = 78;
const SMALL_T = 116;
const LOWER_CASE = 32;

/** Whether the line at `at` is a header called `name`, in any case with `fold`. */
function isHeader(bytes: Uint8Array, at: number, end: number, name: string, fold: number): boolean {
  const length = name.length;
  if (at + length >= end || bytes[at + length] !== COLON) return false;
  for (let i = 0; i < length; i++) {
    if ((bytes[at + i]! | fold) !== (name.charCodeAt(i) | fold)) return false;
  }
  return true;
}

/**
 * Whether the headers in `[start, end)` may ask for a trace: all that a message without one pays.
 * `external` counts in the header of W3C's trace context. True for all that
 * `readTraceHeaders` takes, but for a trace context alone without `external`.
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
