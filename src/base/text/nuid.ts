/**
 * Unique ids as NATS makes them: 22 digits of base 62.
 *
 * @module
 */

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const NUID_DIGITS = 22;
/** The largest multiple of 62 that a byte can be below: bytes from there on would favour digits. */
const UNBIASED = 248;

/** A new id from random bytes that `random` must make fit for secrets. */
export function nuid(random: { fill(target: Uint8Array): void }): string {
  const bytes = new Uint8Array(NUID_DIGITS * 2);
  let id = "";
  while (id.length < NUID_DIGITS) {
    random.fill(bytes);
    for (let i = 0; i < bytes.length && id.length < NUID_DIGITS; i++) {
      if (bytes[i]! < UNBIASED) id += DIGITS[bytes[i]! % DIGITS.length]!;
    }
  }
  return id;
}
