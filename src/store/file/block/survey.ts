/**
 * Telling good records from damage. The reference cuts a block at its first bad record; here the
 * records behind it are found again, and only the damaged one is lost.
 *
 * @module
 */
import { HASH_INPUT_AT, type HighwayHash, ScanStop } from "../../../base/crypto/mod.ts";
import {
  EMPTY_RECORD_BYTES,
  isSaneRecord,
  recordLength,
  RecordMark,
  recordMark,
  recordSeq,
} from "../format/record.ts";

/** Bytes that are verified at a time: small enough for the processor's cache. */
const WINDOW_BYTES = 1 << 20;

/** A range of bytes that are no good records. */
export interface DamagedRange {
  start: number;
  end: number;
  /** Sequence that its first bytes name, if they look like a record; 0 otherwise. */
  seq: number;
  /** The record was cut off by the end of the file. */
  isTail: boolean;
}

/** Size of the good records at the beginning of `[start, bytes.length)`. */
function goodPrefix(hasher: HighwayHash, bytes: Uint8Array, start: number): number {
  let at = start;
  let windowBytes = WINDOW_BYTES;
  while (at < bytes.length) {
    const size = Math.min(windowBytes, bytes.length - at);
    hasher.ensure(size);
    hasher.bytes.set(bytes.subarray(at, at + size), HASH_INPUT_AT);
    const good = hasher.scan(HASH_INPUT_AT, size);
    const stop = hasher.scanStop();
    at += good;
    if (stop === ScanStop.Bad) break;
    if (stop === ScanStop.Incomplete) {
      if (at - good + size === bytes.length) {
        if (good === 0 || size < windowBytes) break;
      } else if (good === 0) windowBytes *= 2;
    }
  }
  return at - start;
}

/** True when all of `bytes` (borrowed) is good records under `key`. */
export function isIntact(hasher: HighwayHash, key: Uint8Array, bytes: Uint8Array): boolean {
  hasher.setKey(key);
  return goodPrefix(hasher, bytes, 0) === bytes.length;
}

/** All ranges of `bytes` (borrowed) that are no good records, ascending. */
export function findDamage(
  hasher: HighwayHash,
  key: Uint8Array,
  bytes: Uint8Array,
): DamagedRange[] {
  hasher.setKey(key);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const damage: DamagedRange[] = [];
  let at = 0;
  while (at < bytes.length) {
    at += goodPrefix(hasher, bytes, at);
    if (at >= bytes.length) break;
    const sane = isSaneRecord(view, at, bytes.length);
    const next = nextGoodRecord(hasher, bytes, view, at, sane);
    const isPlain = at + 22 <= bytes.length && recordMark(view, at) === RecordMark.None;
    damage.push({
      start: at,
      end: next,
      seq: isPlain ? recordSeq(view, at) : 0,
      isTail: next === bytes.length && !(sane && at + recordLength(view, at) === next),
    });
    at = next;
  }
  return damage;
}

/** Offset of the next good record after the bad one at `at`, or the end. */
function nextGoodRecord(
  hasher: HighwayHash,
  bytes: Uint8Array,
  view: DataView,
  at: number,
  sane: boolean,
): number {
  if (sane) {
    const next = at + recordLength(view, at);
    if (next === bytes.length || isGoodRecord(hasher, bytes, view, next)) {
      return startOfChain(hasher, bytes, view, at + EMPTY_RECORD_BYTES, next);
    }
  }
  for (let candidate = at + 1; candidate + EMPTY_RECORD_BYTES <= bytes.length; candidate++) {
    if (isGoodRecord(hasher, bytes, view, candidate)) return candidate;
  }
  return bytes.length;
}

/**
 * Where the damage is in a record's length, it may reach over good ones to the end of another: the
 * first good record from `from` on from which records follow each other exactly up to `to`, or `to`.
 * What merely looks like a record, inside a payload, ends elsewhere.
 */
function startOfChain(
  hasher: HighwayHash,
  bytes: Uint8Array,
  view: DataView,
  from: number,
  to: number,
): number {
  for (let candidate = from; candidate + EMPTY_RECORD_BYTES <= to; candidate++) {
    let at = candidate;
    while (at < to && isSaneRecord(view, at, to)) at += recordLength(view, at);
    if (at === to && isGoodRecord(hasher, bytes, view, candidate)) return candidate;
  }
  return to;
}

function isGoodRecord(
  hasher: HighwayHash,
  bytes: Uint8Array,
  view: DataView,
  at: number,
): boolean {
  if (!isSaneRecord(view, at, bytes.length)) return false;
  const length = recordLength(view, at);
  hasher.ensure(length);
  hasher.bytes.set(bytes.subarray(at, at + length), HASH_INPUT_AT);
  return hasher.scan(HASH_INPUT_AT, length) === length;
}
