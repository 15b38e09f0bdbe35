/**
 * The reply subject of a delivered message, which the receiver acknowledges with.
 *
 * ```text
 * $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time ns>.<pending>
 * $JS.ACK.<domain>.<account hash>.<stream>.<consumer>.<the same five>[.<more>]
 * ```
 *
 * Reference: ackReply, ackReplyInfo in server/consumer.go.
 *
 * @module
 */
import { bytesOfByteString } from "../../base/text/byte_string.ts";
import { secondsOf, subsecondNsOf } from "../../store/timestamp.ts";

const DOT = 46;
const ZERO = 48;
const NUMBERS = 5;
const DIGITS_MAX = 20;
const SUBSECOND_DIGITS = 9;
const TOKENS_V1 = 9;
const TOKENS_V2 = 11;
/** What stands for something that is no number; never a sequence. */
const NOT_A_NUMBER = Number.MAX_SAFE_INTEGER;

/** Writes reply subjects into one buffer, digit by digit. */
export class AckSubjectWriter {
  /** Holds the last subject written, up to what {@linkcode write} returned. */
  readonly bytes: Uint8Array;
  readonly #prefixBytes: number;

  /** `prefix` is a byte string and ends with a dot. */
  constructor(prefix: string) {
    this.#prefixBytes = prefix.length;
    this.bytes = new Uint8Array(prefix.length + NUMBERS * (DIGITS_MAX + 1));
    this.bytes.set(bytesOfByteString(prefix));
  }

  /** Writes the subject of a delivery; returns its length. */
  write(
    deliveries: number,
    streamSeq: number,
    consumerSeq: number,
    tsHigh: number,
    tsLow: number,
    pending: number,
  ): number {
    const { bytes } = this;
    let at = writeNumber(bytes, this.#prefixBytes, deliveries);
    bytes[at++] = DOT;
    at = writeNumber(bytes, at, streamSeq);
    bytes[at++] = DOT;
    at = writeNumber(bytes, at, consumerSeq);
    bytes[at++] = DOT;
    at = writeTime(bytes, at, tsHigh, tsLow);
    bytes[at++] = DOT;
    return writeNumber(bytes, at, pending);
  }
}

/** Writes `value` in decimal; returns where it ends. */
export function writeNumber(to: Uint8Array, at: number, value: number): number {
  let end = at + 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) end++;
  let rest = value;
  for (let i = end - 1; i >= at; i--) {
    const next = Math.floor(rest / 10);
    to[i] = rest - next * 10 + ZERO;
    rest = next;
  }
  return end;
}

/** Nanoseconds do not fit a number, seconds and the rest of them do. */
function writeTime(to: Uint8Array, at: number, tsHigh: number, tsLow: number): number {
  const seconds = secondsOf(tsHigh, tsLow);
  let rest = subsecondNsOf(tsHigh, tsLow);
  if (seconds === 0) return writeNumber(to, at, rest);
  at = writeNumber(to, at, seconds);
  for (let i = at + SUBSECOND_DIGITS - 1; i >= at; i--) {
    const next = Math.floor(rest / 10);
    to[i] = rest - next * 10 + ZERO;
    rest = next;
  }
  return at + SUBSECOND_DIGITS;
}

/** What a reply subject says. All are 0 for a subject that is none. */
export class AckInfo {
  streamSeq = 0;
  consumerSeq = 0;
  deliveries = 0;

  /** Reads a byte string; false, and zeros, when it is no reply subject. */
  parse(subject: string): boolean {
    this.streamSeq = this.consumerSeq = this.deliveries = 0;
    if (!subject.startsWith("$JS.ACK.")) return false;
    let tokens = 1;
    for (let i = 0; i < subject.length; i++) if (subject.charCodeAt(i) === DOT) tokens++;
    if (tokens !== TOKENS_V1 && tokens < TOKENS_V2) return false;
    let at = 0;
    for (let skip = tokens === TOKENS_V1 ? 4 : 6; skip > 0; at++) {
      if (subject.charCodeAt(at) === DOT) skip--;
    }
    let end = subject.indexOf(".", at);
    this.deliveries = numberAt(subject, at, end);
    at = end + 1;
    end = subject.indexOf(".", at);
    this.streamSeq = numberAt(subject, at, end);
    at = end + 1;
    this.consumerSeq = numberAt(subject, at, subject.indexOf(".", at));
    return true;
  }
}

function numberAt(subject: string, start: number, end: number): number {
  if (end <= start) return NOT_A_NUMBER;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = subject.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) return NOT_A_NUMBER;
    value = value * 10 + digit;
  }
  return Math.min(value, NOT_A_NUMBER);
}
