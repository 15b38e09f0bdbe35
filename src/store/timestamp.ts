/**
 * Message times: nanoseconds since the epoch as two 32-bit halves, the form they have in records.
 * A full 64-bit value does not fit a number and a bigint costs an allocation per message, so the
 * stores compare and copy halves and convert only at their edges.
 *
 * @module
 */

const TWO_32 = 4294967296;
const NANOS = 1_000_000_000;

/** Upper half of `ns`. */
export function highOfNs(ns: bigint): number {
  return Number(BigInt.asUintN(64, ns) >> 32n);
}

/** Lower half of `ns`. */
export function lowOfNs(ns: bigint): number {
  return Number(ns & 0xffffffffn);
}

/** A time to look for among stored ones, none of which is before the epoch. */
export function soughtNs(ns: bigint): bigint {
  return ns < 0n ? 0n : ns;
}

/** The halves as nanoseconds (signed 64 bits). */
export function nsOfHalves(high: number, low: number): bigint {
  return BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low));
}

/** Milliseconds since the epoch with a fraction; exact to a quarter of a microsecond. */
export function msOfHalves(high: number, low: number): number {
  return (high * TWO_32 + low) / 1e6;
}

/** Negative, zero or positive as the first time is before, equal to or after the second. */
export function compareHalves(
  aHigh: number,
  aLow: number,
  bHigh: number,
  bLow: number,
): number {
  return aHigh !== bHigh ? aHigh - bHigh : aLow - bLow;
}

/** Nanoseconds below the second of a time. */
export function subsecondNsOf(high: number, low: number): number {
  // 2^48 mod 10^9 and 2^32 mod 10^9 keep every product below 2^53.
  return ((high >>> 16) * 976_710_656 + (high & 0xffff) * 294_967_296 + low) % NANOS;
}

/** Whole seconds of a time. */
export function secondsOf(high: number, low: number): number {
  return Math.round((high * TWO_32 + low - subsecondNsOf(high, low)) / NANOS);
}

/** A mutable time. */
export class Timestamp {
  high = 0;
  low = 0;

  /** True for the zero value, which stands for "no time". */
  isZero(): boolean {
    return this.high === 0 && this.low === 0;
  }

  set(high: number, low: number): void {
    this.high = high;
    this.low = low;
  }

  copyFrom(other: Timestamp): void {
    this.high = other.high;
    this.low = other.low;
  }

  clear(): void {
    this.high = 0;
    this.low = 0;
  }

  /**
   * Moves the time one nanosecond past `other` unless it is later already. A clock of milliseconds
   * gives many messages the same time; their order must show in it.
   */
  movePast(other: Timestamp): void {
    if (this.high > other.high || (this.high === other.high && this.low > other.low)) return;
    this.low = other.low + 1;
    this.high = other.high;
    if (this.low < TWO_32) return;
    this.low = 0;
    this.high++;
  }

  /** Nanoseconds since the epoch. */
  toNs(): bigint {
    return nsOfHalves(this.high, this.low);
  }

  setNs(ns: bigint): void {
    this.high = highOfNs(ns);
    this.low = lowOfNs(ns);
  }

  /** Sets the time from milliseconds with a fraction, without a bigint. */
  setMs(ms: number): void {
    const wholeMs = Math.floor(ms);
    const restNs = Math.floor((ms - wholeMs) * 1e6);
    // wholeMs · 10^6 in two parts of at most 2^46, so that nothing is rounded.
    const upper = Math.floor(wholeMs / 1048576) * 1e6;
    const lower = (wholeMs % 1048576) * 1e6 + restNs;
    const rest = lower + (upper % 4096) * 1048576;
    this.high = Math.floor(upper / 4096) + Math.floor(rest / TWO_32);
    this.low = rest % TWO_32;
  }
}
