/**
 * A loaded message: ranges of a buffer that the store owns. Loading one allocates nothing.
 *
 * @module
 */
import { byteStringOf } from "../base/text/byte_string.ts";
import { nsOfHalves } from "./timestamp.ts";

const NO_BYTES = new Uint8Array(0);

/** How a load ended. */
export const LoadCode = {
  /** The message is in the given {@linkcode StoredMsg}. */
  Found: 0,
  /** There is no such message, but later ones may come before the end. */
  NotFound: 1,
  /** The sequence asked for is after the last one, or nothing matches up to the end. */
  Eof: 2,
  /** The sequence was deleted. */
  Deleted: 3,
} as const;
/** One of {@linkcode LoadCode}. */
export type LoadCode = typeof LoadCode[keyof typeof LoadCode];

/**
 * Filled in by the load methods. The ranges stay valid until the next call that changes the
 * store; whoever keeps a message copies it.
 */
export class StoredMsg {
  /** Borrowed. */
  bytes: Uint8Array = NO_BYTES;
  subjectAt = 0;
  subjectEnd = 0;
  /** Start and end of the headers; equal when there are none. */
  headersAt = 0;
  headersEnd = 0;
  payloadAt = 0;
  payloadEnd = 0;
  seq = 0;
  /** Time in nanoseconds, upper half. */
  tsHigh = 0;
  /** Time in nanoseconds, lower half. */
  tsLow = 0;
  /** After a load that found nothing: where the search ended. */
  skip = 0;

  /** Subject as a byte string. */
  subject(): string {
    return byteStringOf(this.bytes, this.subjectAt, this.subjectEnd);
  }

  /** Headers, borrowed; empty when there are none. */
  headers(): Uint8Array {
    return this.bytes.subarray(this.headersAt, this.headersEnd);
  }

  /** Payload, borrowed. */
  payload(): Uint8Array {
    return this.bytes.subarray(this.payloadAt, this.payloadEnd);
  }

  /** Bytes of subject, headers and payload, without what a store adds to them. */
  contentBytes(): number {
    return this.subjectEnd - this.subjectAt + (this.headersEnd - this.headersAt) +
      (this.payloadEnd - this.payloadAt);
  }

  /** Time in nanoseconds since the epoch. */
  timeNs(): bigint {
    return nsOfHalves(this.tsHigh, this.tsLow);
  }

  /** True when the subject is exactly the byte string `subject`. */
  hasSubject(subject: string): boolean {
    const size = this.subjectEnd - this.subjectAt;
    if (size !== subject.length) return false;
    const bytes = this.bytes;
    const at = this.subjectAt;
    for (let i = size - 1; i >= 0; i--) if (bytes[at + i] !== subject.charCodeAt(i)) return false;
    return true;
  }
}
