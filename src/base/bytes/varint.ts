/**
 * Variable-length integers as Go's `encoding/binary` writes them: seven bits a byte, low bits
 * first; signed values are zigzag coded. Plain numbers where values fit 53 bits, bigint forms for
 * nanosecond times and other full 64-bit values.
 *
 * @module
 */

/** Longest encoding of a 64-bit value in bytes. */
export const VARINT_BYTES_MAX = 10;

const TWO_32 = 4294967296;
const TWO_49 = 2 ** 49;

/** Bytes that {@linkcode putUvarint} needs for `value`, a safe non-negative integer. */
export function uvarintSize(value: number): number {
  let size = 1;
  while (value >= 128) {
    value = Math.floor(value / 128);
    size++;
  }
  return size;
}

/** Writes `value` (a safe non-negative integer) at `at`; returns the offset after it. */
export function putUvarint(target: Uint8Array, at: number, value: number): number {
  while (value > 0x7fffffff) {
    target[at++] = (value % 128) | 0x80;
    value = Math.floor(value / 128);
  }
  while (value >= 0x80) {
    target[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  target[at++] = value;
  return at;
}

/** Writes an unsigned 64-bit `value` at `at`; returns the offset after it. */
export function putUvarint64(target: Uint8Array, at: number, value: bigint): number {
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    target[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  target[at++] = Number(rest);
  return at;
}

/** Writes a signed 64-bit `value` zigzag coded at `at`; returns the offset after it. */
export function putVarint64(target: Uint8Array, at: number, value: bigint): number {
  const signed = BigInt.asIntN(64, value);
  return putUvarint64(target, at, (signed << 1n) ^ (signed >> 63n));
}

/**
 * Reads varints one after the other. After the first malformed or short value `failed` stays
 * true and every read returns 0, so that a decoder checks once at its end.
 */
export class VarintReader {
  /** Offset of the next unread byte. */
  at: number;
  /** True once a value was short, too long, or above 2^53−1 where a number was asked for. */
  failed = false;

  /** `bytes` is borrowed for the reader's lifetime. */
  constructor(readonly bytes: Uint8Array, at = 0) {
    this.at = at;
  }

  /** The next unsigned value as a number. */
  uvarint(): number {
    const bytes = this.bytes;
    let at = this.at;
    if (this.failed) return 0;
    let value = 0;
    let scale = 1;
    for (;;) {
      if (at >= bytes.length) break;
      const byte = bytes[at++]!;
      if (byte < 0x80) {
        if (scale > TWO_49 || (scale === TWO_49 && byte >= 16)) {
          if (byte !== 0 || at - this.at > VARINT_BYTES_MAX) break;
        }
        this.at = at;
        return value + byte * scale;
      }
      if (scale > TWO_49) break;
      if (scale === TWO_49 && (byte & 0x7f) >= 16) break;
      value += (byte & 0x7f) * scale;
      scale *= 128;
    }
    this.failed = true;
    return 0;
  }

  /** The next unsigned value with all its 64 bits. */
  uvarint64(): bigint {
    if (this.failed) return 0n;
    const bytes = this.bytes;
    let low = 0;
    let high = 0;
    let shift = 0;
    let at = this.at;
    for (;;) {
      if (at >= bytes.length || at - this.at >= VARINT_BYTES_MAX) break;
      const byte = bytes[at++]!;
      const bits = byte & 0x7f;
      if (shift < 28) low += bits * 2 ** shift;
      else if (shift === 28) {
        low += (bits & 0x0f) * 2 ** 28;
        high += bits >>> 4;
      } else high += bits * 2 ** (shift - 32);
      shift += 7;
      if (byte < 0x80) {
        if (high >= TWO_32) break;
        this.at = at;
        return (BigInt(high) << 32n) | BigInt(low);
      }
    }
    this.failed = true;
    return 0n;
  }

  /** The next signed (zigzag) value. */
  varint64(): bigint {
    const raw = this.uvarint64();
    return BigInt.asIntN(64, (raw >> 1n) ^ -(raw & 1n));
  }

  /** A view of the next `length` bytes, or null (and `failed`) when there are fewer. Borrowed. */
  take(length: number): Uint8Array | null {
    if (this.failed || this.at + length > this.bytes.length) {
      this.failed = true;
      return null;
    }
    const view = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    return view;
  }
}
