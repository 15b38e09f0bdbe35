/**
 * The state of a block from its records alone, and the repair of a damaged file (reference:
 * filestore.go rebuildStateFromBufLocked).
 *
 * A damaged record becomes an erased one of the same sequence when its sequence can still be
 * told, so that no sequence is used twice; everything cut out is kept in the stream's `lost`
 * directory. Records before and after it stay.
 *
 * @module
 */
import { HASH_INPUT_AT } from "../../../base/crypto/mod.ts";
import type { LostStreamData } from "../../stream_store.ts";
import { StoreError } from "../../errors.ts";
import { looksCompressed } from "../format/compression.ts";
import {
  erasedRecord,
  hasHeaders,
  isSaneRecord,
  recordLength,
  RecordMark,
  recordMark,
  recordSeq,
} from "../format/record.ts";
import type { MsgBlock } from "./msg_block.ts";
import { type DamagedRange, findDamage } from "./survey.ts";
import { replaceBlockFile } from "./replace.ts";

const NO_BYTES = new Uint8Array(0);

/** A larger file is not read in one go: the hasher keeps its memory. */
const INTACT_BYTES_MAX = 16 << 20;

/** Outcome of a rebuild. */
export interface RebuildResult {
  /** Null when nothing was damaged. */
  lost: LostStreamData | null;
  /** Sequences that tombstones in this block remove, mostly from earlier blocks. */
  tombstones: number[];
}

/**
 * Reads the block's file, repairs it when damaged, and sets the block's state from it. `deleted`
 * and `firstSeq` of the block, when known, are respected.
 */
export function rebuildBlock(block: MsgBlock): RebuildResult {
  block.cache = null;
  let bytes: Uint8Array;
  try {
    bytes = block.readRecords();
  } catch (error) {
    if (error instanceof StoreError && error.code === "no_block_data") {
      return { lost: loseAll(block), tombstones: [] };
    }
    if (error instanceof StoreError && error.code === "bad_msg") {
      // The compressed form cannot be read at all: the whole file is the damage.
      keepLostBytes(block, block.host.env.disk.readFile(block.path), 0);
      const lost = loseAll(block) ?? { msgs: [], bytes: block.rawBytes };
      replaceBlockFile(block, NO_BYTES, { compress: false });
      return { lost, tombstones: [] };
    }
    throw error;
  }
  const damage = findDamage(block.host.env.hasher, block.hashKey, bytes);
  let lost: LostStreamData | null = null;
  if (damage.length > 0 || lastRecordSeq(bytes) < block.lastSeq) {
    const repaired = repair(block, bytes, damage);
    bytes = repaired.bytes;
    lost = repaired.lost;
  }
  const tombstones = rebuildState(block, bytes);
  // What was just verified is not read again for the subjects.
  block.indexRecords(bytes);
  return { lost, tombstones };
}

/**
 * The state of a block that is plain and without damage, in one go: its file is read to where it is
 * verified. Null when it is something else, and then `block` is of no more use. `bytes` are in the
 * hasher's memory: valid until that is used again.
 */
export function rebuildIntactBlock(
  block: MsgBlock,
): { bytes: Uint8Array; tombstones: number[] } | null {
  const { env, loadCipher } = block.host;
  if (loadCipher !== null || block.cipher !== null) return null;
  const { hasher } = env;
  const file = env.disk.open(block.path, "read");
  let size: number;
  try {
    size = file.size();
    if (size === 0 || size > INTACT_BYTES_MAX) return null;
    hasher.ensure(size);
    const target = hasher.bytes.subarray(HASH_INPUT_AT, HASH_INPUT_AT + size);
    if (file.readAt(target, 0) !== size || looksCompressed(target)) return null;
  } finally {
    file.close();
  }
  hasher.setKey(block.hashKey);
  if (hasher.scan(HASH_INPUT_AT, size) !== size) return null;
  block.rawBytes = size;
  const bytes = hasher.bytes.subarray(HASH_INPUT_AT, HASH_INPUT_AT + size);
  const tombstones = rebuildState(block, bytes);
  const span = block.lastSeq - block.firstSeq + 1;
  return span - block.deleted.size === block.msgs ? { bytes, tombstones } : null;
}

/** Sequence of the last message or skip in good records, 0 when there is none. */
function lastRecordSeq(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let last = 0;
  for (let at = 0; at < bytes.length && isSaneRecord(view, at, bytes.length);) {
    if (recordMark(view, at) !== RecordMark.Tombstone) last = recordSeq(view, at);
    at += recordLength(view, at);
  }
  return last;
}

function loseAll(block: MsgBlock): LostStreamData | null {
  if (block.msgs === 0) return null;
  const lost: LostStreamData = { msgs: [], bytes: block.bytes };
  for (let seq = block.firstSeq; seq <= block.lastSeq; seq++) {
    if (!block.deleted.exists(seq)) lost.msgs.push(seq);
  }
  block.msgs = 0;
  block.bytes = 0;
  block.rawBytes = 0;
  block.subjects = null;
  block.deleted.empty();
  block.firstSeq = block.lastSeq + 1;
  block.firstTime.clear();
  return lost;
}

function repair(
  block: MsgBlock,
  bytes: Uint8Array,
  damage: DamagedRange[],
): { bytes: Uint8Array; lost: LostStreamData } {
  const hasher = block.host.env.hasher;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lost: LostStreamData = { msgs: [], bytes: 0 };
  const parts: Uint8Array[] = [];
  let at = 0;
  let before = 0;
  for (const range of damage) {
    parts.push(bytes.subarray(at, range.start));
    for (; at < range.start; at += recordLength(view, at)) {
      if (recordMark(view, at) !== RecordMark.Tombstone) before = recordSeq(view, at);
    }
    at = range.end;
    lost.bytes += range.end - range.start;
    keepLostBytes(block, bytes.subarray(range.start, range.end), range.start);
    const after = nextSeq(view, range.end, damage, bytes.length);
    // The damage may be in the sequence itself: it must fit between its neighbours.
    const fits = range.seq > before && (after === 0 ? range.seq === before + 1 : range.seq < after);
    const seq = fits ? range.seq : before > 0 && after === before + 2 ? before + 1 : 0;
    if (range.isTail || seq === 0) continue;
    lost.msgs.push(seq);
    hasher.setKey(block.hashKey);
    parts.push(erasedRecord(hasher, seq, 0, 0).slice());
    before = seq;
  }
  parts.push(bytes.subarray(at));
  for (; at < bytes.length; at += recordLength(view, at)) {
    if (recordMark(view, at) !== RecordMark.Tombstone) before = recordSeq(view, at);
  }
  if (before < block.lastSeq) {
    // The end was cut off, but it is known how far it went.
    for (let seq = before + 1; seq <= block.lastSeq; seq++) {
      if (seq >= block.firstSeq && !block.deleted.exists(seq)) lost.msgs.push(seq);
    }
    hasher.setKey(block.hashKey);
    const { high, low } = block.lastTime;
    parts.push(erasedRecord(hasher, block.lastSeq, high, low).slice());
  }
  let size = 0;
  for (const part of parts) size += part.length;
  const out = new Uint8Array(size);
  size = 0;
  for (const part of parts) {
    out.set(part, size);
    size += part.length;
  }
  if (damage.length === 1 && damage[0]!.start === size && !block.isCompressed) cutFile(block, size);
  else replaceBlockFile(block, out, { compress: false });
  return { bytes: out, lost };
}

/** Cuts an unfinished end off in place: that needs no room, and a full disk may have caused it. */
function cutFile(block: MsgBlock, size: number): void {
  const file = block.host.env.disk.open(block.path, "write");
  try {
    file.truncate(size);
    file.syncDataNow();
  } finally {
    file.close();
  }
  block.rawBytes = size;
}

/** Sequence of the first good message record from `at` on, or 0. */
function nextSeq(view: DataView, at: number, damage: DamagedRange[], end: number): number {
  while (at < end) {
    const inside = damage.find((range) => at >= range.start && at < range.end);
    if (inside !== undefined) {
      at = inside.end;
      continue;
    }
    if (recordMark(view, at) !== RecordMark.Tombstone) return recordSeq(view, at);
    at += recordLength(view, at);
  }
  return 0;
}

/** Keeps bytes that were cut out of a block, named by block and offset. */
export function keepLostBytes(block: MsgBlock, bytes: Uint8Array, offset: number): void {
  if (bytes.length === 0) return;
  const { disk, clock, log } = block.host.env;
  const path = `${block.host.lostDir}/${block.index}.blk.${offset}.${Math.floor(clock.nowMs())}`;
  try {
    disk.makeDirs(block.host.lostDir);
    disk.writeFile(path, bytes);
  } catch (error) {
    log.error(`Filestore [${block.host.streamName}] could not keep damaged data: ${error}`);
  }
}

/** Sets the block's state from good records; returns the sequences of its tombstones. */
export function rebuildState(block: MsgBlock, bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tombstones: number[] = [];
  let maxTombstone = 0;
  let tombstoneHigh = 0;
  let tombstoneLow = 0;
  let last = 0;
  let firstNeedsSet = true;
  const deleted = block.deleted;
  block.msgs = 0;
  block.bytes = 0;
  block.subjects = null;
  block.lastSeq = 0;
  block.lastTime.clear();
  block.fileFirstSeq = Infinity;
  block.ttls = 0;
  block.schedules = 0;
  for (let at = 0; at < bytes.length;) {
    const length = recordLength(view, at);
    const start = at;
    at += length;
    const mark = recordMark(view, start);
    const seq = recordSeq(view, start);
    const tsLow = view.getUint32(start + 12, true);
    const tsHigh = view.getUint32(start + 16, true);
    if (mark === RecordMark.Tombstone) {
      tombstones.push(seq);
      if (seq > maxTombstone) {
        maxTombstone = seq;
        tombstoneHigh = tsHigh;
        tombstoneLow = tsLow;
      }
      continue;
    }
    if (mark === RecordMark.None && block.fileFirstSeq === Infinity) block.fileFirstSeq = seq;
    const isGone = seq === 0 || mark === RecordMark.Erased || seq < block.firstSeq ||
      deleted.exists(seq);
    if (isGone && seq < block.firstSeq) continue;
    if (!isGone && firstNeedsSet) {
      block.firstSeq = seq;
      block.firstTime.set(tsHigh, tsLow);
      firstNeedsSet = false;
    }
    if (seq > last) {
      if (last > 0 && block.msgs !== 0) {
        for (let gap = last + 1; gap < seq; gap++) deleted.insert(gap);
      }
      last = seq;
      block.lastSeq = seq;
      block.lastTime.set(tsHigh, tsLow);
    } else if (!isGone) continue;
    if (isGone) {
      if (block.msgs === 0) {
        block.firstSeq = seq + 1;
        block.firstTime.clear();
        deleted.delete(seq);
      } else if (seq !== 0) deleted.insert(seq);
    } else {
      block.msgs++;
      block.bytes += length;
      if (hasHeaders(view, start)) block.countSpecial(bytes, view, start);
    }
  }
  for (
    let first = deleted.state().first;
    deleted.size > 0 && first < block.firstSeq;
    first = deleted.state().first
  ) deleted.delete(first);
  if (block.msgs === 0) {
    if (block.firstSeq > 0) block.lastSeq = block.firstSeq - 1;
    else if (maxTombstone > 0) {
      block.firstSeq = maxTombstone + 1;
      block.firstTime.clear();
      if (block.lastSeq === 0) {
        block.lastSeq = maxTombstone;
        block.lastTime.set(tombstoneHigh, tombstoneLow);
      }
    }
    deleted.empty();
  }
  return tombstones;
}
