/**
 * Decimal numbers in bytes (server/util.go parseInt64).
 *
 * @module
 */

/**
 * The number that the digits `[start, end)` of the borrowed `buffer` write; -1 if there are none,
 * if another byte is among them, or if the number is no safe integer.
 */
export function parseDigits(buffer: Uint8Array, start: number, end: number): number {
  if (start >= end) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = buffer[i]! - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
    if (value > Number.MAX_SAFE_INTEGER) return -1;
  }
  return value;
}
