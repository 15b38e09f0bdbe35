/**
 * Headers of messages that direct gets answer, written without a string or an object per message.
 *
 * @module
 */
import { bytesOfByteString } from "../../base/text/byte_string.ts";
import { encodeTime } from "../../base/json/mod.ts";
import { HEADER_LINE } from "../../protocol/mod.ts";
import { secondsOf, type StoredMsg, subsecondNsOf } from "../../store/mod.ts";

const LINE_END_BYTES = 2;
const DIGIT_ZERO = 48;
const DOT = 46;
const LETTER_Z = 90;
const NANO_DIGITS = 9;
/** Room for all but the message's own headers and its subject. */
const LINES_BYTES_MAX = 512;

const SUBJECT = bytesOfByteString("\r\nNats-Subject: ");
const SEQUENCE = bytesOfByteString("\r\nNats-Sequence: ");
const TIME = bytesOfByteString("\r\nNats-Time-Stamp: ");
const PENDING = bytesOfByteString("Nats-Num-Pending: ");
const LAST = bytesOfByteString("Nats-Last-Sequence: ");
const LINE_END = bytesOfByteString("\r\n");

/** Writes the headers of one stream's messages. */
export class DirectHeaders {
  readonly #prefix: Uint8Array;
  readonly #streamLine: Uint8Array;
  #bytes = new Uint8Array(LINES_BYTES_MAX);
  #end = 0;
  /** The second that {@linkcode #date} shows. */
  #second = -1;
  #date: Uint8Array = new Uint8Array(0);

  /** `stream` is a byte string. */
  constructor(stream: string) {
    this.#streamLine = bytesOfByteString(`Nats-Stream: ${stream}`);
    this.#prefix = bytesOfByteString(HEADER_LINE);
  }

  /**
   * Headers of `message`: its own, and those that say what it is; with `pending` of 0 or more also
   * how many follow, and which one was sent before. Valid until the next call.
   */
  write(message: StoredMsg, pending: number, lastSeq: number): Uint8Array {
    const { bytes, subjectAt, subjectEnd, headersAt, headersEnd } = message;
    const most = headersEnd - headersAt + subjectEnd - subjectAt + LINES_BYTES_MAX;
    const needed = most + this.#streamLine.length;
    if (this.#bytes.length < needed) this.#bytes = new Uint8Array(needed);
    this.#end = 0;
    if (headersEnd === headersAt) this.#copy(this.#prefix, 0, this.#prefix.length);
    else this.#copy(bytes, headersAt, headersEnd - LINE_END_BYTES);
    this.#add(this.#streamLine);
    this.#add(SUBJECT);
    this.#copy(bytes, subjectAt, subjectEnd);
    this.#add(SEQUENCE);
    this.#number(message.seq);
    this.#add(TIME);
    this.#time(message.tsHigh, message.tsLow);
    this.#add(LINE_END);
    if (pending >= 0) {
      this.#add(PENDING);
      this.#number(pending);
      this.#add(LINE_END);
      this.#add(LAST);
      this.#number(lastSeq);
      this.#add(LINE_END);
    }
    this.#add(LINE_END);
    return this.#bytes.subarray(0, this.#end);
  }

  #add(bytes: Uint8Array): void {
    this.#copy(bytes, 0, bytes.length);
  }

  #copy(from: Uint8Array, start: number, end: number): void {
    const to = this.#bytes;
    let at = this.#end;
    for (let i = start; i < end; i++) to[at++] = from[i]!;
    this.#end = at;
  }

  #number(value: number): void {
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    let rest = value;
    for (let at = this.#end + digits - 1; at >= this.#end; at--) {
      this.#bytes[at] = DIGIT_ZERO + rest % 10;
      rest = Math.floor(rest / 10);
    }
    this.#end += digits;
  }

  /** RFC 3339 with as many digits of the nanoseconds as there are. */
  #time(high: number, low: number): void {
    const second = secondsOf(high, low);
    if (second !== this.#second) {
      this.#second = second;
      // Without the "Z".
      this.#date = bytesOfByteString(encodeTime(BigInt(second) * 1_000_000_000n).slice(0, -1));
    }
    this.#add(this.#date);
    let nanos = subsecondNsOf(high, low);
    if (nanos > 0) {
      this.#bytes[this.#end++] = DOT;
      let digits = NANO_DIGITS;
      for (; nanos % 10 === 0; nanos /= 10) digits--;
      for (let at = this.#end + digits - 1; at >= this.#end; at--) {
        this.#bytes[at] = DIGIT_ZERO + nanos % 10;
        nanos = Math.floor(nanos / 10);
      }
      this.#end += digits;
    }
    this.#bytes[this.#end++] = LETTER_Z;
  }
}
