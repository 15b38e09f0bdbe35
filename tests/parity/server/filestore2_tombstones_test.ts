// Ports: server/filestore_test.go (tombstones, erasing, purging a block)
import { assert, assertEquals, assertThrows } from "@std/assert";
import { DiskError } from "../../../src/platform/disk.ts";
import { shouldCompact } from "../../../src/store/file/block/compact.ts";
import type { FileStore } from "../../../src/store/file/file_store.ts";
import { purgeBlock } from "../../../src/store/file/stream/removal.ts";
import { LoadCode } from "../../../src/store/stored_msg.ts";
import { Timestamp } from "../../../src/store/timestamp.ts";
import { bytesOf, eachFileStore, put, type Reopenable } from "../../sim/store_permutations.ts";
import { blockCount, loadCode, plainStores } from "./_filestore.ts";
import { figures, isCompressed, rebuildState, removeIndex } from "./_filestore2.ts";

const FOO = { subjects: ["foo"] };

function putMany(fs: FileStore, count: number): void {
  for (let i = 0; i < count; i++) put(fs, "foo");
}

/** Stops the store, opens it from its blocks alone, and compares its state with what it was. */
async function reopenFromBlocks(
  stores: Reopenable,
  fs: FileStore,
  options: { blockBytes?: number } = {},
): Promise<FileStore> {
  const before = fs.state();
  await fs.stop();
  removeIndex(stores);
  const again = stores.open(FOO, options);
  assertEquals(again.state(), before);
  return again;
}

Deno.test("TestFileStoreEraseMsgDoesNotLoseTombstones", (t) =>
  eachFileStore(t, async (stores) => {
    let fs = stores.open(FOO);
    putMany(fs, 2);
    put(fs, "foo", "secret!");
    fs.removeMsg(2);
    put(fs, "foo");
    fs.eraseMsg(3);
    const check = () => {
      assertEquals(figures(fs), [2, 1, 4]);
      assertEquals(fs.state().deleted, [2, 3]);
      assertEquals([loadCode(fs, 2), loadCode(fs, 3)], [LoadCode.Deleted, LoadCode.Deleted]);
    };
    check();
    fs = await reopenFromBlocks(stores, fs);
    check();
    await fs.stop();
  }));

Deno.test("TestFileStoreEraseMsgDoesNotLoseTombstonesInEmptyBlock", (t) =>
  eachFileStore(t, async (stores) => {
    let fs = stores.open(FOO);
    putMany(fs, 2);
    const block = fs.core.newBlock();
    put(fs, "foo", "secret!");
    fs.removeMsg(2);
    fs.eraseMsg(3);
    const check = () => {
      assertEquals(figures(fs), [1, 1, 3]);
      assertEquals(fs.state().deleted, [2, 3]);
      assertEquals([loadCode(fs, 2), loadCode(fs, 3)], [LoadCode.Deleted, LoadCode.NotFound]);
    };
    check();
    const file = new TextDecoder("latin1").decode(Deno.readFileSync(block.path));
    assertEquals(file.includes("secret!"), false);
    fs = await reopenFromBlocks(stores, fs);
    check();
    await fs.stop();
  }));

Deno.test("TestFileStoreTombstonesNoFirstSeqRollback", (t) =>
  eachFileStore(t, async (stores) => {
    const options = { blockBytes: 10 * 33 };
    let fs = stores.open(FOO, options);
    putMany(fs, 20);
    assertEquals(figures(fs), [20, 1, 20]);
    assertEquals(blockCount(fs), 2);
    for (let seq = 1; seq <= 20; seq++) fs.removeMsg(seq);
    assertEquals(figures(fs), [0, 21, 20]);
    assertEquals(blockCount(fs), 1);
    fs = await reopenFromBlocks(stores, fs, options);
    await fs.stop();
  }));

/** 50 messages, all but the first and the last removed, a new block, 50 more, all removed. */
function fillAndRemove(fs: FileStore): void {
  putMany(fs, 50);
  for (let seq = 2; seq <= 49; seq++) fs.removeMsg(seq);
  fs.core.newBlock();
  putMany(fs, 50);
  for (let seq = 50; seq <= 100; seq++) fs.removeMsg(seq);
  assertEquals(figures(fs), [1, 1, 100]);
}

Deno.test("TestFileStoreTombstonesSelectNextFirstCleanup", (t) =>
  eachFileStore(t, async (stores) => {
    const options = { blockBytes: 10 * 33 };
    let fs = stores.open(FOO, options);
    fillAndRemove(fs);
    fs.removeMsg(1);
    assertEquals(figures(fs), [0, 101, 100]);
    fs = await reopenFromBlocks(stores, fs, options);
    await fs.stop();
  }));

Deno.test("TestFileStoreTombstonesSelectNextFirstCleanupOnRecovery", (t) =>
  eachFileStore(t, async (stores) => {
    const options = { blockBytes: 10 * 33 };
    let fs = stores.open(FOO, options);
    fillAndRemove(fs);
    const { lastTimeNs } = fs.state();
    // Written but not applied: recovery has to do it.
    fs.core.writeTombstone(1, new Timestamp());
    await fs.stop();
    removeIndex(stores);
    fs = stores.open(FOO, options);
    assertEquals(fs.state(), {
      msgs: 0,
      bytes: 0,
      firstSeq: 101,
      firstTimeNs: 0n,
      lastSeq: 100,
      lastTimeNs,
      numSubjects: 0,
      numDeleted: 0,
      deleted: [],
      lost: null,
      consumers: 0,
    });
    await fs.stop();
  }));

Deno.test("TestFileStoreEmptyBlockContainsPriorTombstones", (t) =>
  eachFileStore(t, async (stores) => {
    let fs = stores.open(FOO);
    putMany(fs, 2);
    fs.core.newBlock();
    put(fs, "foo");
    fs.removeMsg(2);
    fs.removeMsg(3);
    const check = () => {
      assertEquals(figures(fs), [1, 1, 3]);
      assertEquals(fs.state().deleted, [2, 3]);
      assertEquals(blockCount(fs), 3);
      assertEquals([loadCode(fs, 2), loadCode(fs, 3)], [LoadCode.Deleted, LoadCode.NotFound]);
    };
    check();
    fs = await reopenFromBlocks(stores, fs);
    check();
    put(fs, "foo");
    assertEquals(blockCount(fs), 3);
    fs.removeMsg(1);
    assertEquals(blockCount(fs), 1);
    await fs.stop();
  }));

Deno.test("TestFileStoreAtomicEraseMsg", async (t) => {
  for (const inLast of [true, false]) {
    await t.step(`lmb=${inLast}`, (t) =>
      eachFileStore(t, async (stores) => {
        let fs = stores.open(FOO);
        putMany(fs, 3);
        const compresses = fs.core.compression === "s2";
        if (!inLast) {
          const first = fs.core.blocks[0]!;
          const last = fs.core.newBlock();
          assertEquals(isCompressed(fs, last), false);
          assertEquals(isCompressed(fs, first), compresses);
        }
        assertEquals(figures(fs), [3, 1, 3]);
        assert(fs.eraseMsg(2));
        assertEquals(figures(fs), [2, 1, 3]);
        assertEquals(fs.state().numDeleted, 1);
        assertEquals(put(fs, "foo"), 4);
        const before = fs.state();
        const checkCompressed = () => {
          for (const block of fs.core.blocks) {
            assertEquals(isCompressed(fs, block), compresses && block !== fs.core.lastBlock);
          }
        };
        checkCompressed();
        await fs.stop();
        fs = stores.open(FOO);
        assertEquals(fs.state(), before);
        checkCompressed();
        fs = await reopenFromBlocks(stores, fs);
        checkCompressed();
        rebuildState(fs);
        assertEquals(fs.state(), before);
        checkCompressed();
        await fs.stop();
      }));
  }
});

Deno.test("TestFileStoreEraseMsgErr", (t) =>
  eachFileStore(t, async (stores) => {
    const fs = stores.open(FOO);
    putMany(fs, 2);
    const block = fs.core.blocks[0]!;
    assert(block.cache !== null);
    // The file cannot be replaced: a directory is where the new one would be written.
    Deno.mkdirSync(`${block.path}.tmp`);
    if (fs.core.keys !== null) {
      // Encrypted blocks are not rewritten to erase a message.
      assert(fs.eraseMsg(2));
      await fs.stop();
      return;
    }
    assertThrows(() => fs.eraseMsg(2), DiskError);
    assert(fs.writeError() !== null);
    fs.abandon();
    Deno.removeSync(`${block.path}.tmp`);
    const again = stores.open(FOO);
    assertEquals(loadCode(again, 1), LoadCode.Found);
    await again.stop();
  }));

Deno.test("TestFileStorePurgeMsgBlock", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open(FOO, { blockBytes: 10 * 33 });
    putMany(fs, 20);
    assertEquals(blockCount(fs), 2);
    assertEquals(figures(fs), [20, 1, 20]);
    assertEquals(fs.state().bytes, 20 * 33);
    purgeBlock(fs.core, fs.core.blocks[0]!);
    assertEquals(blockCount(fs), 1);
    assertEquals(figures(fs), [10, 11, 20]);
    assertEquals(fs.state().bytes, 10 * 33);
    await fs.stop();
  }));

Deno.test("TestFileStorePurgeMsgBlockUpdatesSubjects", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open(FOO, { blockBytes: 10 * 33 });
    putMany(fs, 20);
    assertEquals(fs.subjectsTotals("foo").get("foo"), 20);
    purgeBlock(fs.core, fs.core.blocks[0]!);
    assertEquals(figures(fs), [10, 11, 20]);
    assertEquals(fs.subjectsTotals("foo").get("foo"), 10);
    await fs.stop();
  }));

Deno.test("TestFileStoreSyncBlocksNoErrorOnConcurrentRemovedBlock", async () => {
  using stores = plainStores();
  const fs = stores.open();
  putMany(fs, 2);
  fs.core.newBlock();
  put(fs, "foo");
  fs.removeMsg(2);
  fs.core.newBlock();
  put(fs, "foo");
  fs.removeMsg(3);
  const block = fs.core.blocks[1]!;
  assertEquals(block.index, 2);
  block.noCompact = false;
  // Here the emptied block was already compacted to its tombstone when its message went.
  assertEquals([shouldCompact(block), block.msgs], [true, 0]);
  const syncing = fs.sync();
  fs.core.forceRemoveBlock(block);
  await syncing;
  assertEquals(fs.writeError(), null);
  assertEquals(put(fs, "foo", bytesOf("healthy")), 5);
  await fs.stop();
});
