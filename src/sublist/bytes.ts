/**
 * The inner loops of matching: comparing and hashing subjects and tokens as 32-bit words, and
 * finding their dots four bytes at a time.
 *
 * Words read past the end by up to three bytes and mask the rest away. Every buffer given to
 * these functions must therefore reach {@linkcode wordPadding} bytes past the range it is
 * asked about; {@linkcode MatchScratch} sees to that. A `DataView` costs a third of what bytes
 * one by one cost here, and an eighth of `charCodeAt` on many strings
 * (bench/micro/sublist_bench.ts).
 *
 * @module
 */

/** How many bytes past the end of a range must still be inside the buffer. */
export const wordPadding = 4;

const fourDots = 0x2e2e2e2e;
const sevenBits = 0x7f7f7f7f;

/** Whether `length` bytes of `a` from `i` and of `b` from `j` are the same. */
export function sameBytes(
  a: DataView,
  i: number,
  b: DataView,
  j: number,
  length: number,
): boolean {
  const stop = i + length - 4;
  for (; i <= stop; i += 4, j += 4) {
    if (a.getInt32(i, true) !== b.getInt32(j, true)) return false;
  }
  const rest = stop + 4 - i;
  if (rest === 0) return true;
  return ((a.getInt32(i, true) ^ b.getInt32(j, true)) << (32 - rest * 8)) === 0;
}

/**
 * Hash of the token in `[start, end)`, a non-negative small integer. Two multiplications a word
 * with a shift between them keep it from having collisions that work for every `seed`.
 */
export function hashToken(view: DataView, start: number, end: number, seed: number): number {
  let h = seed ^ (end - start);
  let i = start;
  for (; i + 4 <= end; i += 4) {
    h = Math.imul(h ^ view.getInt32(i, true), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
  }
  if (i < end) {
    h = Math.imul(h ^ (view.getInt32(i, true) << (32 - (end - i) * 8)), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
  }
  return (h ^ (h >>> 16)) & 0x3fffffff;
}

/** Hash of the whole subject in `[start, end)`, a non-negative small integer; for the cache. */
export function hashSubject(view: DataView, start: number, end: number): number {
  let h = end - start;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    h = Math.imul(h ^ view.getInt32(i, true), 0x9e3779b1);
    h ^= h >>> 15;
  }
  if (i < end) {
    h = Math.imul(h ^ (view.getInt32(i, true) << (32 - (end - i) * 8)), 0x9e3779b1);
    h ^= h >>> 15;
  }
  h = Math.imul(h, 0x85ebca6b);
  return (h ^ (h >>> 13)) & 0x3fffffff;
}

/**
 * Writes the end of each token of `[start, end)` to `ends` and returns the number of tokens: 0
 * if one is empty, -1 if `ends` is too small.
 */
export function splitTokens(
  view: DataView,
  start: number,
  end: number,
  ends: Int32Array,
): number {
  let count = 0;
  let tokenStart = start;
  for (let i = start; i < end; i += 4) {
    const x = view.getInt32(i, true) ^ fourDots;
    // The high bit of each byte that was a dot.
    let dots = ~(((x & sevenBits) + sevenBits) | x | sevenBits);
    while (dots !== 0) {
      const at = i + ((31 - Math.clz32(dots & -dots)) >> 3);
      if (at >= end) break;
      if (at === tokenStart) return 0;
      if (count === ends.length) return -1;
      ends[count++] = at;
      tokenStart = at + 1;
      dots &= dots - 1;
    }
  }
  if (tokenStart >= end) return 0;
  if (count === ends.length) return -1;
  ends[count++] = end;
  return count;
}
