/**
 * Writing to a block: records go into its cache, and what is not yet in the file is written with
 * one call by {@linkcode flushBlock} (reference: filestore.go writeMsgRecordLocked,
 * flushPendingMsgsLocked). This is the hot path of every publish.
 *
 * @module
 */
import { HASH_INPUT_AT } from "../../../base/crypto/mod.ts";
import { buildRecord, EMPTY_RECORD_BYTES, RecordMark } from "../format/record.ts";
import type { Timestamp } from "../../timestamp.ts";
import { BlockCache, BlockSubject, type MsgBlock, NO_RECORD } from "./msg_block.ts";

const NO_BYTES = new Uint8Array(0);

/** Makes the block ready to take records: its key known, its file open, its cache loaded. */
export function openForWriting(block: MsgBlock): BlockCache {
  if (block.file === null) {
    // A block that was opened empty has not been read, so that nobody has asked for its key.
    if (block.cipher === null) block.host.loadCipher?.(block);
    block.file = block.host.env.disk.open(block.path, "create");
    block.needDirSync = true;
  }
  return block.cache ?? (block.rawBytes > 0 ? block.load() : freshCache(block));
}

function freshCache(block: MsgBlock): BlockCache {
  const cache = new BlockCache(block.host.takeBuffer() ?? new Uint8Array(4096), 0);
  block.cache = cache;
  return cache;
}

/**
 * Appends the record of a message and accounts for it. Returns its size. `headers` and `payload`
 * are borrowed.
 */
export function appendMessage(
  block: MsgBlock,
  seq: number,
  tsHigh: number,
  tsLow: number,
  subject: string,
  headers: Uint8Array,
  payload: Uint8Array,
): number {
  const cache = block.cache !== null && block.file !== null ? block.cache : openForWriting(block);
  const size = putRecord(
    block,
    cache,
    seq,
    RecordMark.None,
    tsHigh,
    tsLow,
    subject,
    headers,
    payload,
  );
  if ((block.firstSeq === 0 || block.firstTime.isZero()) && seq >= block.firstSeq) {
    block.firstSeq = seq;
    block.firstTime.set(tsHigh, tsLow);
  }
  if (
    block.fileFirstSeq === Infinity || (block.fileFirstSeq === 0 && cache.slotCount === 0)
  ) block.fileFirstSeq = seq;
  pushSequence(block, cache, seq, cache.length - size);
  block.lastSeq = seq;
  block.lastTime.set(tsHigh, tsLow);
  block.bytes += size;
  block.msgs++;
  block.recentlyWritten = true;
  const subjects = block.subjects;
  if (subjects !== null && subject.length > 0) {
    let state = subjects.find(subject);
    if (state === null) {
      state = new BlockSubject();
      state.first = seq;
      subjects.insert(subject, state);
    }
    state.msgs++;
    state.last = seq;
    state.lastStale = false;
  }
  return size;
}

/**
 * Undoes {@linkcode appendMessage} for the last message, of `size` bytes, because it could not be
 * written; `lastTime` is the time of the one before.
 */
export function takeBack(block: MsgBlock, size: number, lastTime: Timestamp): void {
  const cache = block.cache;
  if (cache !== null) {
    cache.length -= size;
    cache.slotCount--;
  }
  block.rawBytes -= size;
  block.bytes -= size;
  block.msgs--;
  block.lastSeq--;
  block.lastTime.copyFrom(lastTime);
  block.subjects = null;
  if (block.msgs > 0) return;
  block.firstSeq = block.lastSeq + 1;
  block.firstTime.clear();
  if (cache !== null) cache.slotCount = 0;
}

/** Appends a skip of `seq`; the caller accounts for it in `deleted` or `firstSeq`. */
export function appendSkip(block: MsgBlock, seq: number, tsHigh: number, tsLow: number): void {
  const cache = openForWriting(block);
  putRecord(block, cache, seq, RecordMark.Erased, tsHigh, tsLow, "", NO_BYTES, NO_BYTES);
  pushSequence(block, cache, seq, cache.length - EMPTY_RECORD_BYTES);
  block.lastSeq = seq;
  block.lastTime.set(tsHigh, tsLow);
}

/** Appends a tombstone: message `seq` is removed wherever it is. */
export function appendTombstone(
  block: MsgBlock,
  seq: number,
  tsHigh: number,
  tsLow: number,
): void {
  const cache = openForWriting(block);
  putRecord(block, cache, seq, RecordMark.Tombstone, tsHigh, tsLow, "", NO_BYTES, NO_BYTES);
  if (block.msgs === 0 && seq > block.lastSeq) {
    block.lastSeq = seq;
    block.lastTime.set(tsHigh, tsLow);
    block.firstSeq = seq + 1;
    block.firstTime.clear();
    cache.slotCount = 0;
    cache.firstSeq = 0;
  }
}

function putRecord(
  block: MsgBlock,
  cache: BlockCache,
  seq: number,
  mark: number,
  tsHigh: number,
  tsLow: number,
  subject: string,
  headers: Uint8Array,
  payload: Uint8Array,
): number {
  const hasher = block.host.env.hasher;
  hasher.setKey(block.hashKey);
  const size = buildRecord(hasher, seq, mark, tsHigh, tsLow, subject, headers, payload);
  if (cache.length + size > cache.bytes.length) cache.reserve(size, block.host.blockBytesMax);
  cache.bytes.set(hasher.bytes.subarray(HASH_INPUT_AT, HASH_INPUT_AT + size), cache.length);
  cache.length += size;
  block.rawBytes += size;
  block.touched = true;
  return size;
}

/** Gives `seq` its slot, and empty ones to the sequences skipped before it. */
function pushSequence(block: MsgBlock, cache: BlockCache, seq: number, offset: number): void {
  if (cache.slotCount === 0) {
    cache.firstSeq = seq;
    // A block that starts with deleted sequences keeps them before its first slot.
    if (block.msgs > 0 && block.firstSeq < seq) cache.firstSeq = block.firstSeq;
  }
  while (cache.firstSeq + cache.slotCount < seq) cache.pushSlot(NO_RECORD);
  cache.pushSlot(offset);
}

/** Hands everything unwritten to the operating system. */
export function flushBlock(block: MsgBlock): void {
  const cache = block.cache;
  if (cache === null || cache.length === cache.written) return;
  if (block.file === null) {
    block.file = block.host.env.disk.open(block.path, "create");
    block.needDirSync = true;
  }
  let pending = cache.bytes.subarray(cache.written, cache.length);
  if (block.cipher !== null) pending = block.cipher.apply(pending, cache.written);
  block.needSync = true;
  block.file.writeAt(pending, cache.written);
  cache.written = cache.length;
}
