/**
 * Decimal sizes of the protocol.
 *
 * @module
 */

const MAX_SIZE_DIGITS = 9;

/** Parses the digits `[start, end)`; -1 when there are none, other bytes, or more than nine. */
export function parseSize(buffer: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length <= 0 || length > MAX_SIZE_DIGITS) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = buffer[i]! - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
