/**
 * Short names made of longer ones: accounts in subjects, generated consumers, peers.
 *
 * Reference: getHash in server/events.go.
 *
 * @module
 */
import { createHash } from "node:crypto";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SHORT_DIGITS = 8;

/** Eight letters and digits that stand for `text`. */
export function shortHash(text: string): string {
  const sum = createHash("sha256").update(text).digest();
  let short = "";
  for (let i = 0; i < SHORT_DIGITS; i++) short += DIGITS[sum[i]! % DIGITS.length]!;
  return short;
}
