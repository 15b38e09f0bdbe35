/**
 * Rewriting a block without what is deleted (reference: filestore.go compactWithFloor).
 *
 * @module
 */
import {
  EMPTY_RECORD_BYTES,
  erasedRecord,
  recordLength,
  RecordMark,
  recordMark,
  recordSeq,
} from "../format/record.ts";
import type { MsgBlock } from "./msg_block.ts";
import { replaceBlockFile } from "./replace.ts";

/** Smaller blocks are not compacted while they are in use. */
export const COMPACT_BYTES_MIN = 2 * 1024 * 1024;

/** True when removals have left so much dead data that a removal should compact. */
export function shouldCompactInline(block: MsgBlock): boolean {
  return block.rawBytes > COMPACT_BYTES_MIN && shouldCompact(block) &&
    (block.compactedBytes === 0 || block.bytes * 2 < block.compactedBytes);
}

/** True when less than half of the file is live. */
export function shouldCompact(block: MsgBlock): boolean {
  return block.bytes * 2 < block.rawBytes && !block.noCompact;
}

/**
 * Rewrites the block. Tombstones stay while `isNeeded` says that the message they remove could
 * come back. All data must have been flushed. A block that is still written to stays uncompressed.
 */
export function compactBlock(
  block: MsgBlock,
  isNeeded: (seq: number) => boolean,
  options: { compress: boolean } = { compress: true },
): void {
  const cache = block.load();
  const view = cache.view;
  const keep = new Uint8Array(cache.length + EMPTY_RECORD_BYTES);
  let size = 0;
  let first = Infinity;
  let last = 0;
  let lastAt = 0;
  for (let at = 0; at < cache.length;) {
    const length = recordLength(view, at);
    const mark = recordMark(view, at);
    const seq = recordSeq(view, at);
    const stays = mark === RecordMark.Tombstone
      ? seq < block.firstSeq && isNeeded(seq)
      : mark === RecordMark.None && seq >= block.firstSeq && !block.deleted.exists(seq);
    if (stays) {
      keep.set(cache.bytes.subarray(at, at + length), size);
      size += length;
      if (mark !== RecordMark.Tombstone) {
        if (last === 0) first = seq;
        last = seq;
        lastAt = at;
      }
    }
    at += length;
  }
  const end = block.lastSeq;
  if (last > 0 && last < end && block.host.isEndKnownLater(block)) {
    for (let seq = end; seq > last; seq--) block.deleted.delete(seq);
    block.lastSeq = last;
    block.lastTime.set(view.getUint32(lastAt + 16, true), view.getUint32(lastAt + 12, true));
  } else if (last > 0 && last < end) {
    // The stream ends with deleted sequences: an erased record says where.
    const { hasher } = block.host.env;
    hasher.setKey(block.hashKey);
    const { high, low } = block.lastTime;
    const erased = erasedRecord(hasher, block.lastSeq, high, low);
    keep.set(erased, size);
    size += erased.length;
  }
  if (last === 0 && block.firstSeq <= end) {
    block.lastSeq = block.firstSeq - 1;
    block.lastTime.clear();
    block.deleted.empty();
  }
  const before = block.rawBytes;
  replaceBlockFile(block, keep.subarray(0, size), options);
  block.fileFirstSeq = first;
  block.noCompact = block.rawBytes === before;
  block.compactedBytes = block.bytes;
  block.cache = null;
}
