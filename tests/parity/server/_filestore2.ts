/**
 * More of what the ports of the reference's file store tests share: files of a store, states, and
 * what is deleted.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { SequenceSet } from "../../../src/base/containers/avl/mod.ts";
import { DeleteRange } from "../../../src/store/delete_blocks.ts";
import { flushBlock } from "../../../src/store/file/block/append.ts";
import { compactBlock } from "../../../src/store/file/block/compact.ts";
import type { MsgBlock } from "../../../src/store/file/block/msg_block.ts";
import { rebuildBlock } from "../../../src/store/file/block/rebuild.ts";
import { compressionHead } from "../../../src/store/file/format/compression.ts";
import type { FileStore } from "../../../src/store/file/file_store.ts";
import { deleteBlocksOf } from "../../../src/store/file/stream/purge.ts";
import { FastState, type StreamStore } from "../../../src/store/stream_store.ts";
import { bytesOf } from "../../sim/store_permutations.ts";
import { indexPath } from "./_filestore.ts";

/** Path of a file in the `msgs` directory. */
export function msgsPath(stores: { dir: string }, name: string): string {
  return `${stores.dir}/msgs/${name}`;
}

/** Removes `index.db`, so that only the blocks speak. */
export function removeIndex(stores: { dir: string }): void {
  Deno.removeSync(indexPath(stores));
}

/** True when there is such a file in the `msgs` directory. */
export function hasFile(stores: { dir: string }, name: string): boolean {
  try {
    Deno.statSync(msgsPath(stores, name));
    return true;
  } catch {
    return false;
  }
}

/** Number of messages, first and last sequence. */
export function figures(store: StreamStore): [number, number, number] {
  const state = new FastState();
  store.fastState(state);
  return [state.msgs, state.firstSeq, state.lastSeq];
}

/** First and last sequence, number of messages and of deletes of a block. */
export function blockFigures(block: MsgBlock): [number, number, number, number] {
  return [block.firstSeq, block.lastSeq, block.msgs, block.deleted.size];
}

/** Headers with the given lines. */
export function headersOf(lines: Record<string, string>): Uint8Array {
  const text = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return bytesOf(`NATS/1.0\r\n${text}\r\n`);
}

/** Sets the figures of the stream again from its blocks. */
export function rebuildState(fs: FileStore): void {
  fs.core.recount();
}

/** Rewrites a block without what is deleted; all its tombstones for earlier blocks stay. */
export function compactKeepingTombstones(fs: FileStore, block: MsgBlock): void {
  fs.core.flush();
  compactBlock(block, () => true, { compress: block !== fs.core.lastBlock });
}

/** Drops the records of one block, after writing out what it has. */
export function dropBlockCache(block: MsgBlock): void {
  flushBlock(block);
  block.dropCache();
}

/** Reads the block from its file and sets its state from the records alone. */
export function rebuildFromFile(block: MsgBlock): ReturnType<typeof rebuildBlock> {
  flushBlock(block);
  return rebuildBlock(block);
}

/** True when the file of the block is compressed. */
export function isCompressed(fs: FileStore, block: MsgBlock): boolean {
  flushBlock(block);
  let bytes = fs.core.env.disk.readFile(block.path);
  if (block.cipher === null) fs.core.loadCipher?.(block);
  if (block.cipher !== null && bytes.length > 0) bytes = block.cipher.apply(bytes, 0);
  return compressionHead(bytes).headBytes > 0;
}

/** Sequences of all tombstones in a block. */
export function tombstonesOf(block: MsgBlock): number[] {
  return block.tombstones().map((tombstone) => tombstone.seq);
}

/** Asserts what the store has deleted: `[first, count]` is a range, `{ set }` a set. */
export function assertDeleted(
  fs: FileStore,
  expected: readonly ([number, number] | { set: number[] })[],
): void {
  const found: unknown[] = deleteBlocksOf(fs.core).map((block) => {
    if (block instanceof DeleteRange) return [block.first, block.count];
    const set: number[] = [];
    (block as SequenceSet).range((seq) => set.push(seq) > 0);
    return { set };
  });
  assertEquals(found, [...expected]);
}
