// Ports: server/filestore_test.go (compaction of blocks)
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { shouldCompact, shouldCompactInline } from "../../../src/store/file/block/compact.ts";
import { NO_RECORD } from "../../../src/store/file/block/msg_block.ts";
import type { FileStore } from "../../../src/store/file/file_store.ts";
import { compactHalfEmpty } from "../../../src/store/file/stream/syncing.ts";
import { LoadCode, StoredMsg } from "../../../src/store/stored_msg.ts";
import { eachFileStore, get, put } from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";
import { blockCount, loadCode, plainStores } from "./_filestore.ts";
import {
  blockFigures,
  compactKeepingTombstones,
  dropBlockCache,
  figures,
  isCompressed,
  rebuildFromFile,
  tombstonesOf,
} from "./_filestore2.ts";

Deno.test("TestFileStoreTombstoneRbytes", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*"] }, { blockBytes: 1024 });
  for (let i = 0; i < 34; i++) put(fs, "foo.22", "hello");
  assert(blockCount(fs) > 1);
  for (let seq = 11; seq <= 24; seq++) fs.removeMsg(seq);
  const block = fs.core.blocks[1]!;
  assert(block.rawBytes > block.bytes);
  await fs.stop();
});

Deno.test("TestFileStoreMsgBlockShouldCompact", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*"] });
  const payload = new Uint8Array(64 * 1024).fill(90);
  for (let i = 0; i < 190; i++) put(fs, "foo.22", payload);
  assert(blockCount(fs) > 1);
  for (let seq = 64; seq <= 127; seq++) fs.removeMsg(seq);
  const [first, second] = fs.core.blocks;
  assertEquals(first!.bytes, first!.rawBytes);
  assertEquals(shouldCompactInline(first!), false);
  assertEquals(shouldCompactInline(second!), false);
  await fs.stop();
});

Deno.test("TestFileStoreSyncCompressOnlyIfDirty", async () => {
  const time = new VirtualTime();
  using stores = plainStores(time.environment());
  const fs = stores.open({ subjects: ["foo.*"] }, { blockBytes: 256, syncIntervalMs: 250 });
  for (let i = 0; i < 13; i++) put(fs, "foo.BB", "hello");
  assertEquals(blockCount(fs), 3);
  for (const seq of [2, 3, 4, 5, 8, 9, 10, 11]) fs.removeMsg(seq);
  for (let i = 0; i < 6; i++) put(fs, "foo.BB", "hello");
  assertEquals(blockCount(fs), 5);
  const blocks = fs.core.blocks.slice();
  for (const block of blocks.slice(0, 3)) assert(shouldCompact(block), `block ${block.index}`);
  time.advance(2000);
  await fs.sync();
  for (const block of blocks) assert(!shouldCompact(block), `block ${block.index}`);
  fs.removeMsg(13);
  assertEquals(blocks[2]!.noCompact, false);
  await fs.stop();
});

Deno.test("TestFileStoreDmapBlockRecoverAfterCompact", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*"], maxMsgsPerSubject: 1 }, { blockBytes: 256 });
  for (let i = 1; i <= 6; i++) put(fs, `foo.${i}`, "hello");
  assertEquals(blockCount(fs), 1);
  for (let i = 2; i < 6; i++) put(fs, `foo.${i}`, "hello");
  assertEquals(blockCount(fs), 2);
  const block = fs.core.blocks[0]!;
  compactKeepingTombstones(fs, block);
  block.deleted.empty();
  const { lost, tombstones } = rebuildFromFile(block);
  assertEquals([lost, tombstones], [null, []]);
  assertEquals(block.deleted.size, 4);
  await fs.stop();
});

Deno.test("TestFileStoreRestoreDeleteTombstonesExceedingMaxBlkSize", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["foo.*"] }, { blockBytes: 256, asyncFlush: true });
    assertEquals(fs.purgeEx("", 1_000_000_000, 0), 0);
    // A tenth of Go's messages: each block that is left is synced by itself.
    for (let i = 1; i <= 1000; i++) put(fs, `foo.${i}`, "hello");
    for (let seq = 1_000_000_001; seq < 1_000_000_101; seq++) assert(fs.removeMsg(seq));
    const { core } = fs;
    for (const block of core.blocks) {
      assert(block.bytes < 256);
      assert(block.rawBytes < 256);
    }
    const empty = core.blocks.filter((block) => block.bytes === 0 && block !== core.lastBlock);
    assert(empty.length > 0);
    for (const block of empty) {
      const { bytes, rawBytes } = block;
      assert(shouldCompact(block));
      compactKeepingTombstones(fs, block);
      assertEquals([block.bytes, block.rawBytes], [bytes, rawBytes]);
    }
    assert(fs.removeMsg(1_000_000_000));
    for (const block of empty) block.noCompact = false;
    compactHalfEmpty(core);
    await fs.sync();
    for (const block of empty) {
      assertEquals([block.bytes, block.rawBytes], [0, 0]);
      assertEquals(core.byIndex.has(block.index), false);
    }
    await fs.stop();
  }));

Deno.test("TestFileStoreDontSpamCompactWhenMostlyTombstones", async () => {
  using stores = plainStores();
  const fs = stores.open(
    { name: "TEST", subjects: ["foo"] },
    { blockBytes: 4 * 1024 * 1024, asyncFlush: true },
  );
  const payload = "X".repeat(100);
  const lastSeq = 31_536 * 5 + 2;
  for (let seq = 1; seq <= lastSeq; seq++) put(fs, "foo", payload);
  assertEquals(blockCount(fs), 6);
  const { firstSeq } = fs.core.lastBlock!;
  assertEquals([firstSeq, fs.core.lastBlock!.lastSeq], [lastSeq - 1, lastSeq]);
  for (let seq = 1; seq < firstSeq; seq++) assert(fs.removeMsg(seq));
  assertEquals(blockCount(fs), 2);
  const block = fs.core.blocks[0]!;
  block.deleted.insert(lastSeq);
  block.bytes /= 2;
  block.msgs--;
  assertEquals([block.bytes, block.compactedBytes], [133, 0]);
  assert(shouldCompactInline(block));
  compactKeepingTombstones(fs, block);
  assertEquals(shouldCompactInline(block), false);
  assertEquals([block.bytes, block.compactedBytes], [133, 133]);
  block.bytes = Math.floor(block.bytes / 2);
  assert(shouldCompactInline(block));
  await fs.stop();
});

Deno.test("TestFileStoreMissingDeletesAfterCompact", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["foo"] });
    for (let i = 0; i < 6; i++) put(fs, "foo");
    for (const seq of [1, 3, 4, 6]) fs.removeMsg(seq);
    const block = fs.core.blocks[0]!;
    fs.core.newBlock();
    // Go's second block is empty; here the last sequence of the stream is never forgotten.
    put(fs, "foo");
    assertEquals(blockFigures(block), [2, 6, 2, 3]);
    for (const seq of [3, 4, 6]) assert(block.deleted.exists(seq));
    const compactAndLoad = () => {
      compactKeepingTombstones(fs, block);
      block.dropCache();
      block.deleted.empty();
      block.load();
    };
    compactAndLoad();
    assertEquals(blockFigures(block), [2, 5, 2, 2]);
    for (const seq of [3, 4]) assert(block.deleted.exists(seq));
    rebuildFromFile(block);
    assertEquals(blockFigures(block), [2, 5, 2, 2]);
    fs.removeMsg(5);
    compactAndLoad();
    assertEquals(blockFigures(block), [2, 2, 1, 0]);
    rebuildFromFile(block);
    assertEquals(blockFigures(block), [2, 2, 1, 0]);
    await fs.stop();
  }));

Deno.test("TestFileStoreCompactTombstonesBelowFirstSeq", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["foo"] });
    for (let i = 0; i < 3; i++) put(fs, "foo");
    fs.core.newBlock();
    put(fs, "foo");
    fs.removeMsg(3);
    fs.removeMsg(2);
    const state = fs.state();
    assertEquals([state.msgs, state.firstSeq, state.lastSeq], [2, 1, 4]);
    assertEquals(state.deleted, [2, 3]);
    assertEquals(blockCount(fs), 2);
    const block = fs.core.lastBlock!;
    const needed = () =>
      tombstonesOf(block).filter((seq) => fs.core.isTombstoneNeeded(block, seq)).length;
    assertEquals(needed(), 2);
    fs.removeMsg(1);
    assertEquals(needed(), 0);
    fs.core.newBlock();
    const { rawBytes } = block;
    assert(shouldCompact(block));
    compactHalfEmpty(fs.core);
    await fs.sync();
    assertNotEquals(block.rawBytes, rawBytes);
    await fs.stop();
  }));

Deno.test("TestFileStoreSkipMsgAndCompactRequiresAppend", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    put(fs, "foo", new Uint8Array(256 * 1024));
    fs.skipMsg(2);
    fs.compact(2);
    const state = fs.state();
    assertEquals([state.msgs, state.firstSeq, state.lastSeq], [0, 3, 2]);
    fs.skipMsg(3);
    const block = fs.core.blocks[0]!;
    dropBlockCache(block);
    block.load();
    assertEquals(fs.state().lost, null);
    await fs.stop();
  }));

Deno.test("TestFileStoreCompactRewritesFileWithSwap", async () => {
  using stores = plainStores();
  const fs = stores.open();
  for (let i = 0; i < 20; i++) put(fs, "foo", new Uint8Array(256 * 1024));
  fs.compact(20);
  assertEquals(figures(fs), [1, 20, 20]);
  const block = fs.core.blocks[0]!;
  dropBlockCache(block);
  const cache = block.load();
  assertEquals(cache.slotCount, 1);
  assertEquals(cache.slots[0], 0);
  await fs.stop();
});

Deno.test("TestFileStoreIndexCacheBufIdxMismatch", async (t) => {
  for (
    const [kind, head, tail] of [
      ["CompactHead", true, false],
      ["CompactTail", false, true],
      ["Compact", true, true],
    ] as const
  ) {
    await t.step(kind, (t) =>
      eachFileStore(t, async ({ open }) => {
        const fs = open();
        for (let i = 0; i < 5; i++) put(fs, "foo");
        fs.core.newBlock();
        put(fs, "foo");
        const block = fs.core.blocks[0]!;
        assertEquals(blockFigures(block), [1, 5, 5, 0]);
        if (head) block.firstSeq = 2;
        if (tail) block.deleted.insert(5);
        compactKeepingTombstones(fs, block);
        assertEquals([block.firstSeq, block.lastSeq], [head ? 2 : 1, tail ? 4 : 5]);
        // What is known contradicts the file.
        block.firstSeq = 1;
        block.lastSeq = 5;
        block.load();
        // Go takes the file's word for the end too; here an end that is missing is damage, and its
        // sequence stays used.
        assertEquals(block.msgs, 5 - (head ? 1 : 0) - (tail ? 1 : 0));
        assertEquals([block.firstSeq, block.lastSeq], [head ? 2 : 1, 5]);
        const out = new StoredMsg();
        for (let seq = 1; seq <= 5; seq++) {
          const isGone = (seq === 1 && head) || (seq === 5 && tail);
          assertEquals(block.fetch(seq, out) === LoadCode.Found, !isGone);
        }
        assertEquals(fs.state().lost?.msgs, tail ? [5] : undefined);
        await fs.stop();
      }));
  }
  for (const [kind, left] of [["TruncateFull", 0], ["TruncatePartial", 2]] as const) {
    await t.step(kind, (t) =>
      eachFileStore(t, async ({ open }) => {
        const fs = open();
        for (let i = 0; i < 5; i++) put(fs, "foo");
        const block = fs.core.blocks[0]!;
        dropBlockCache(block);
        Deno.truncateSync(block.path, left === 0 ? 0 : Deno.statSync(block.path).size / 2);
        block.load();
        assertEquals(block.msgs, left);
        // Go's block then ends with what is left; here sequences that were used stay used.
        assertEquals([block.firstSeq, block.lastSeq], left === 0 ? [6, 5] : [1, 5]);
        const out = new StoredMsg();
        for (let seq = 1; seq <= 5; seq++) {
          const code = block.fetch(seq, out);
          if (left === 0) assertEquals(code, LoadCode.NotFound);
          else assertEquals(code, seq <= left ? LoadCode.Found : LoadCode.Deleted);
        }
        await fs.stop();
      }));
  }
});

Deno.test("TestFileStoreIndexCacheBufTombstoneMismatch", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    for (let i = 0; i < 3; i++) put(fs, "foo");
    fs.removeMsg(2);
    const block = fs.core.blocks[0]!;
    dropBlockCache(block);
    const cache = block.load();
    assertEquals([...cache.slots.subarray(0, cache.slotCount)], [0, 33, 66]);
    await fs.stop();
  }));

Deno.test("TestFileStoreIndexCacheBufTombstoneMismatchAfterCompact", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    for (let i = 0; i < 3; i++) put(fs, "foo");
    fs.removeMsg(2);
    const block = fs.core.blocks[0]!;
    compactKeepingTombstones(fs, block);
    block.deleted.empty();
    const cache = block.load();
    assertEquals(block.deleted.size, 1);
    assert(block.deleted.exists(2));
    assertEquals([...cache.slots.subarray(0, cache.slotCount)], [0, NO_RECORD, 33]);
    await fs.stop();
  }));

Deno.test("TestFileStoreIndexCacheBufEraseMsgMismatch", async () => {
  using stores = plainStores();
  const fs = stores.open();
  for (let i = 0; i < 3; i++) put(fs, "foo");
  fs.eraseMsg(2);
  const before = fs.state();
  assertEquals(before.msgs, 2);
  fs.core.totals.msgs = 3;
  const block = fs.core.blocks[0]!;
  dropBlockCache(block);
  block.deleted.empty();
  const cache = block.load();
  assertEquals([...cache.slots.subarray(0, cache.slotCount)], [0, 33, 66]);
  assertEquals(fs.state(), before);
  await fs.stop();
});

/** Stores `count` messages and returns their times. */
function storeTimed(fs: FileStore, count: number): bigint[] {
  return Array.from({ length: count }, () => get(fs, put(fs, "foo"))!.ns);
}

Deno.test("TestFileStoreCompactRestoresLastSeq", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    const times = storeTimed(fs, 4);
    const block = fs.core.blocks[0]!;
    const check = (first: number, last: number, msgs: number) => {
      assertEquals(blockFigures(block), [first, last, msgs, last - first + 1 - msgs]);
      assertEquals(block.firstTime.toNs(), times[first - 1]);
      assertEquals(block.lastTime.toNs(), times[last - 1]);
    };
    check(1, 4, 4);
    fs.removeMsg(1);
    check(2, 4, 3);
    fs.removeMsg(4);
    check(2, 4, 2);
    // Go's block is the only one; here the last sequence of the stream is never forgotten.
    fs.core.newBlock();
    put(fs, "foo");
    compactKeepingTombstones(fs, block);
    check(2, 3, 2);
    await fs.stop();
  }));

Deno.test("TestFileStoreCompactFullyResetsFirstAndLastSeq", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    const times = storeTimed(fs, 2);
    const block = fs.core.blocks[0]!;
    assertEquals(blockFigures(block), [1, 2, 2, 0]);
    assertEquals([block.firstTime.toNs(), block.lastTime.toNs()], times);
    block.load();
    block.deleted.insert(1);
    block.deleted.insert(2);
    block.msgs = 0;
    compactKeepingTombstones(fs, block);
    assertEquals(blockFigures(block), [1, 0, 0, 0]);
    assertEquals([block.firstTime.toNs(), block.lastTime.toNs()], [times[0]!, 0n]);
    await fs.stop();
  }));

Deno.test("TestFileStoreCompactHeadReclaimRecompressedBlock", (t) =>
  eachFileStore(t, async ({ open }) => {
    const options = { blockBytes: 8 * 1024 * 1024 };
    let fs = open({ subjects: ["zzz"] }, options);
    const payloads = Array.from(
      { length: 50 },
      () => crypto.getRandomValues(new Uint8Array(64 * 1024)),
    );
    for (const payload of payloads) put(fs, "zzz", payload);
    const block = fs.core.lastBlock!;
    // A block is compressed when the next one begins.
    fs.core.newBlock();
    assertEquals(isCompressed(fs, block), fs.core.compression === "s2");
    assert(block.rawBytes > 2 * 1024 * 1024);
    fs.compact(45);
    const check = () => {
      const out = new StoredMsg();
      for (let seq = 45; seq <= 50; seq++) {
        assertEquals(fs.loadMsg(seq, out), LoadCode.Found);
        assertEquals(out.payload(), payloads[seq - 1]);
      }
    };
    check();
    await fs.stop();
    fs = open({ subjects: ["zzz"] }, options);
    assertEquals(figures(fs)[0], 6);
    check();
    await fs.stop();
  }));

Deno.test("TestFileStoreIdxAccountingForSkipMsgs", async (t) => {
  for (const many of [false, true]) {
    await t.step(many ? "SkipMsgs" : "SkipMsg", (t) =>
      eachFileStore(t, async ({ open }) => {
        const fs = open({ subjects: ["foo"] });
        put(fs, "foo");
        if (many) fs.skipMsgs(2, 10);
        else for (let i = 0; i < 10; i++) fs.skipMsg(i + 2);
        put(fs, "foo");
        for (let seq = 1; seq <= 12; seq++) {
          const isSkipped = seq >= 2 && seq <= 11;
          assertEquals(loadCode(fs, seq), isSkipped ? LoadCode.Deleted : LoadCode.Found);
        }
        assertEquals(fs.core.blocks[0]!.cache?.slotCount, 12);
        await fs.stop();
      }));
  }
});

Deno.test("TestFileStoreCompactStoreMsgRace", async (t) => {
  for (const storesFirst of [false, true]) {
    await t.step(storesFirst ? "store first" : "compact first", async () => {
      using stores = plainStores();
      const fs = stores.open();
      put(fs, "foo", "first");
      let purged = 0;
      let stored = 0;
      const compacting = async () => {
        await Promise.resolve();
        purged = fs.compact(2);
      };
      const storing = async () => {
        await Promise.resolve();
        stored = put(fs, "foo", "second");
      };
      await Promise.all(storesFirst ? [storing(), compacting()] : [compacting(), storing()]);
      assertEquals([purged, stored], [1, 2]);
      assertEquals(get(fs, 2)?.payload, "second");
      assertEquals(figures(fs), [1, 2, 2]);
      await fs.stop();
    });
  }
});
