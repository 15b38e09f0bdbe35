// Ports: server/filestore_test.go (delete blocks, removing ranges)
import { assert, assertEquals } from "@std/assert";
import { SequenceSet } from "../../../src/base/containers/avl/mod.ts";
import { DeleteRange, isKnownDeleteBlock } from "../../../src/store/delete_blocks.ts";
import type { MsgBlock } from "../../../src/store/file/block/msg_block.ts";
import type { FileStore } from "../../../src/store/file/file_store.ts";
import { recordSize } from "../../../src/store/file/format/record.ts";
import { deleteBlocksOf, removeRange } from "../../../src/store/file/stream/purge.ts";
import { EXPLICIT, VIA_LIMITS } from "../../../src/store/file/stream/removal.ts";
import { put } from "../../sim/store_permutations.ts";
import { blockCount, plainStores } from "./_filestore.ts";
import {
  assertDeleted,
  compactKeepingTombstones,
  dropBlockCache,
  tombstonesOf,
} from "./_filestore2.ts";

function setOf(seqs: number[]): SequenceSet {
  const set = new SequenceSet();
  for (const seq of seqs) set.insert(seq);
  return set;
}

function fill(fs: FileStore, count: number, bytes: number): void {
  for (let i = 0; i < count; i++) put(fs, "foo", new Uint8Array(bytes));
}

function remove(fs: FileStore, ...seqs: number[]): void {
  for (const seq of seqs) fs.removeMsg(seq);
}

Deno.test("TestFileStoreDeleteRangeTwoGaps", async () => {
  using stores = plainStores();
  const fs = stores.open({}, { blockBytes: 256 });
  fill(fs, 20, 256);
  assertEquals(blockCount(fs), 20);
  remove(fs, 10, 15);
  assertDeleted(fs, [[10, 1], [15, 1]]);
  await fs.stop();
});

Deno.test("TestFileStoreDeleteBlocksWithSingleMessageBlocks", async () => {
  using stores = plainStores();
  const fs = stores.open({}, { blockBytes: 256 });
  fill(fs, 20, 256);
  assertEquals(blockCount(fs), 20);
  remove(fs, 10);
  assertDeleted(fs, [[10, 1]]);
  remove(fs, 11);
  assertDeleted(fs, [[10, 2]]);
  remove(fs, 5);
  assertDeleted(fs, [[5, 1], [10, 2]]);
  remove(fs, 6, 7, 8, 9);
  assertDeleted(fs, [[5, 7]]);
  remove(fs, 3, 16, 17, 18);
  assertDeleted(fs, [[3, 1], [5, 7], [16, 3]]);
  remove(fs, 1);
  assertDeleted(fs, [[3, 1], [5, 7], [16, 3]]);
  remove(fs, 20);
  assertDeleted(fs, [[3, 1], [5, 7], [16, 3], [20, 1]]);
  remove(fs, 19);
  assertDeleted(fs, [[3, 1], [5, 7], [16, 5]]);
  await fs.stop();
});

Deno.test("TestPruneDeleteBlock", () => {
  const local = [
    setOf([8]),
    new DeleteRange(9, 2),
    new DeleteRange(139, 22),
    new DeleteRange(170, 6),
    new DeleteRange(200, 11),
  ];
  for (
    const [block, isKnown, left] of [
      [new DeleteRange(5, 1), false, 5],
      [setOf([8]), true, 4],
      [new DeleteRange(9, 2), true, 3],
      [new DeleteRange(47, 92), false, 3],
      [new DeleteRange(139, 22), true, 2],
      [new DeleteRange(200, 21), false, 1],
      [new DeleteRange(300, 1), false, 0],
      [new DeleteRange(301, 1), false, 0],
    ] as const
  ) {
    assertEquals(isKnownDeleteBlock(block, local), isKnown);
    assertEquals(local.length, left);
  }
  const sets = [setOf([1, 4, 5])];
  assertEquals([isKnownDeleteBlock(setOf([1, 3, 5]), sets), sets.length], [false, 1]);
  assertEquals([isKnownDeleteBlock(setOf([1, 4, 5]), sets), sets.length], [true, 0]);
  const mixed: (DeleteRange | SequenceSet)[] = [setOf([7, 8, 9])];
  assertEquals([isKnownDeleteBlock(new DeleteRange(7, 3), mixed), mixed.length], [true, 0]);
  mixed.push(new DeleteRange(7, 3));
  assertEquals([isKnownDeleteBlock(setOf([7, 8, 9]), mixed), mixed.length], [true, 0]);
});

Deno.test("TestFileStoreDeleteBlocks", async () => {
  using stores = plainStores();
  const fs = stores.open({}, { blockBytes: 256 });
  fill(fs, 20, 20);
  assertEquals(blockCount(fs), 5);
  remove(fs, 9);
  assertDeleted(fs, [[9, 1]]);
  remove(fs, 10);
  assertDeleted(fs, [[9, 2]]);
  remove(fs, 8);
  assertDeleted(fs, [{ set: [8] }, [9, 2]]);
  remove(fs, 18, 17);
  assertDeleted(fs, [{ set: [8] }, [9, 2], [17, 2]]);
  remove(fs, 6, 5, 7);
  assertDeleted(fs, [[5, 6], [17, 2]]);
  remove(fs, 20);
  assertDeleted(fs, [[5, 6], [17, 2], { set: [20] }]);
  remove(fs, 19);
  assertDeleted(fs, [[5, 6], [17, 4]]);
  remove(fs, 11, 12);
  assertDeleted(fs, [[5, 8], [17, 4]]);
  remove(fs, 1, 2, 3, 4);
  assertDeleted(fs, [[17, 4]]);
  await fs.stop();
});

Deno.test("TestFileStoreDeleteBlocksWithManyEmptyBlocks", async () => {
  using stores = plainStores();
  const fs = stores.open({}, { blockBytes: 33 * 6 });
  fill(fs, 6, 0);
  for (let i = 0; i < 5; i++) {
    fs.core.newBlock();
    remove(fs, i + 2);
    if (i > 0) remove(fs, 7 + (i - 1) * 2, 8 + (i - 1) * 2);
    if (i < 4) fill(fs, 2, 0);
  }
  assertDeleted(fs, [{ set: [2, 3, 4, 5, 6] }, [7, 8]]);
  for (const block of fs.core.blocks) compactKeepingTombstones(fs, block);
  assertDeleted(fs, [[2, 13]]);
  await fs.stop();
});

Deno.test("TestFileStoreRemoveMsgsInRange", async () => {
  using stores = plainStores();
  const fs = stores.open({}, { blockBytes: 256 });
  fill(fs, 20, 256);
  const removeIn = (first: number, last: number, blocks: number, firstSeq?: number) => {
    removeRange(fs.core, first, last, VIA_LIMITS);
    assertEquals(blockCount(fs), blocks);
    if (firstSeq !== undefined) assertEquals(fs.core.blocks[0]!.firstSeq, firstSeq);
  };
  assertEquals(blockCount(fs), 20);
  removeIn(1, 1, 19, 2);
  removeIn(1, 1, 19, 2);
  removeIn(1, 2, 18, 3);
  removeIn(3, 4, 16, 5);
  removeIn(9, 13, 11);
  assertDeleted(fs, [[9, 5]]);
  removeIn(8, 8, 10);
  assertDeleted(fs, [[8, 6]]);
  removeIn(17, 17, 9);
  assertDeleted(fs, [[8, 6], [17, 1]]);
  removeRange(fs.core, 20, 20, VIA_LIMITS);
  assertDeleted(fs, [[8, 6], [17, 1], [20, 1]]);
  removeIn(7, 18, 4);
  assertDeleted(fs, [[7, 12], [20, 1]]);
  removeIn(1, 20, 1);
  assertEquals(fs.core.blocks[0]!.msgs, 0);
  await fs.stop();
});

Deno.test("TestFileStoreRemoveMsgsInRangePartialBlocks", async () => {
  using stores = plainStores();
  const fs = stores.open({}, { blockBytes: 256 });
  fill(fs, 20, 16);
  const block = (i: number) => fs.core.blocks[i]!;
  const ends = (i: number) => [block(i).firstSeq, block(i).lastSeq];
  assertEquals(blockCount(fs), 4);
  removeRange(fs.core, 5, 6, VIA_LIMITS);
  compactKeepingTombstones(fs, block(0));
  assertEquals(blockCount(fs), 4);
  assertEquals([ends(0), ends(1)], [[1, 4], [7, 10]]);
  removeRange(fs.core, 4, 11, VIA_LIMITS);
  compactKeepingTombstones(fs, block(0));
  assertEquals(blockCount(fs), 3);
  assertEquals([ends(0), ends(1)], [[1, 3], [12, 15]]);
  removeRange(fs.core, 13, 14, VIA_LIMITS);
  compactKeepingTombstones(fs, block(1));
  assertEquals(blockCount(fs), 3);
  assertEquals([ends(0), ends(1)], [[1, 3], [12, 15]]);
  assertEquals(block(1).msgs, 2);
  removeRange(fs.core, 13, 20, VIA_LIMITS);
  compactKeepingTombstones(fs, block(1));
  assertEquals(blockCount(fs), 3);
  assertEquals([ends(0), ends(1)], [[1, 3], [12, 12]]);
  assertEquals(block(1).msgs, 1);
  removeRange(fs.core, 10, 20, VIA_LIMITS);
  assertEquals(blockCount(fs), 2);
  removeRange(fs.core, 1, 30, VIA_LIMITS);
  assertEquals(blockCount(fs), 1);
  assertEquals(ends(0), [21, 20]);
  await fs.stop();
});

Deno.test("TestFileStoreRemoveMsgsInRangeWithTombstones", async () => {
  using stores = plainStores();
  const fs = stores.open({}, { blockBytes: 256 });
  fill(fs, 4, 0);
  fs.core.newBlock();
  fill(fs, 4, 0);
  fs.core.newBlock();
  fill(fs, 4, 0);
  remove(fs, 4, 3, 2, 10);
  fs.core.newBlock();
  fill(fs, 4, 0);
  remove(fs, 14, 15);
  fs.core.newBlock();
  fill(fs, 4, 0);
  const seen = (block: MsgBlock) => [block.firstSeq, block.lastSeq, tombstonesOf(block)];
  assertEquals(fs.core.blocks.map(seen), [
    [1, 4, []],
    [5, 8, []],
    [9, 12, [4, 3, 2, 10]],
    [13, 16, [14, 15]],
    [17, 20, []],
  ]);
  removeRange(fs.core, 4, 17, EXPLICIT);
  // Go keeps the records of the third block and tombstones for them; here the block is rewritten
  // with nothing but the tombstones that the first one needs.
  assertEquals(fs.core.blocks.map(seen), [
    [1, 4, []],
    [13, 12, [4, 3, 2]],
    [18, 20, [17]],
  ]);
  for (let i = 0; i < 2; i++) {
    removeRange(fs.core, 1, 100, EXPLICIT);
    assertEquals(fs.core.blocks.map(seen), [[21, 20, [20]]]);
  }
  await fs.stop();
});

Deno.test("TestFileStoreSyncDeletedDmapAliasRace", async () => {
  using stores = plainStores();
  const fs = stores.open({}, { blockBytes: 1024 });
  fill(fs, 600, 50);
  for (let seq = 2; seq < 600; seq += 3) fs.removeMsg(seq);
  for (const block of fs.core.blocks.slice(0, -1)) compactKeepingTombstones(fs, block);
  const deleted = deleteBlocksOf(fs.core).map((block) =>
    block instanceof SequenceSet ? block.clone() : new DeleteRange(block.first, block.count)
  );
  assert(deleted.length > 0);
  const before = fs.state();
  // What one replica has deleted, while blocks are dropped from memory and loaded again.
  for (let round = 0; round < 20; round++) {
    for (const block of fs.core.blocks) {
      dropBlockCache(block);
      if (round % 2 === 0) block.load();
    }
    fs.syncDeleted(deleted);
    assertEquals(fs.state(), before);
  }
  await fs.stop();
});

Deno.test("TestFileStoreDeleteMapView", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo"] }, { blockBytes: 10 * recordSize(3, 0, 5) });
  for (let i = 0; i < 100; i++) put(fs, "foo", "hello");
  const expected = new Set<number>();
  for (let seq = 1; seq <= 100; seq++) {
    if (seq % 10 === 1 || seq % 10 === 0) continue;
    fs.removeMsg(seq);
    expected.add(seq);
  }
  // Go clones the deletes of all open blocks into a view; here the blocks themselves are asked.
  const check = (blocks: readonly MsgBlock[]) => {
    const open = blocks.filter((block) => !block.closed);
    const exists = (seq: number) => open.some((block) => block.deleted.exists(seq));
    assertEquals(open.reduce((sum, block) => sum + block.deleted.size, 0), expected.size);
    for (let seq = 0; seq <= 101; seq++) assertEquals(exists(seq), expected.has(seq));
    for (let seq = 101; seq >= 0; seq--) assertEquals(exists(seq), expected.has(seq));
    for (let i = 0; i < 400; i++) {
      const seq = Math.floor(Math.random() * 102);
      assertEquals(exists(seq), expected.has(seq));
    }
  };
  check(fs.core.blocks);
  const { firstSeq, lastSeq } = fs.core.blocks[3]!;
  const count = blockCount(fs);
  for (let seq = firstSeq; seq <= lastSeq; seq++) {
    if (!expected.delete(seq)) fs.removeMsg(seq);
  }
  assertEquals(blockCount(fs), count - 1);
  check(fs.core.blocks);
  const stale = fs.core.blocks.slice();
  fs.compact(41);
  for (const seq of expected) if (seq < 41) expected.delete(seq);
  check(stale);
  await fs.stop();
});
