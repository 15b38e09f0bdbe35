// Ports: server/filestore_test.go: rewriting blocks, compacting and truncating the stream.
import { assert, assertEquals } from "@std/assert";
import { rebuildBlock } from "../../../src/store/file/block/rebuild.ts";
import { recordSize } from "../../../src/store/file/format/record.ts";
import type { FileStore } from "../../../src/store/file/file_store.ts";
import { FastState } from "../../../src/store/stream_store.ts";
import { eachFileStore, get, put } from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";
import { blockCount, compactByHand, deletedEntries, indexPath, plainStores } from "./_filestore.ts";

function fastState(fs: FileStore): FastState {
  const state = new FastState();
  fs.fastState(state);
  return state;
}

Deno.test("TestFileStoreStreamTruncate", (t) =>
  eachFileStore(t, async (stores) => {
    const open = () => stores.open({ subjects: ["*"] }, { blockBytes: 350 });
    let fs = open();
    for (let i = 1; i < 50; i++) put(fs, "foo", "ok");
    for (let i = 50; i <= 100; i++) put(fs, "bar", "ok");
    assertEquals(fs.state().msgs, 100);
    fs.truncate(50);
    assertEquals(fs.state().msgs, 50);
    for (const seq of [10, 20, 30, 40]) fs.removeMsg(seq);
    fs.truncate(25);
    const before = fs.state();
    assertEquals(before.msgs, 23);
    assertEquals(before.deleted, [10, 20]);
    await fs.stop();
    fs = open();
    assertEquals(fs.state(), before);
    assert(fs.core.blocks[0]!.load().length > 0);
    await fs.stop();
    Deno.removeSync(indexPath(stores));
    fs = open();
    assertEquals(fs.state(), before);
    await fs.stop();
  }));

Deno.test("TestFileStoreStreamTruncateResetMultiBlock", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["foo"] }, { blockBytes: 128 });
    // A tenth of Go's 1,000 messages: 50 blocks.
    for (let i = 0; i < 100; i++) put(fs, "foo", "Hello World");
    await fs.sync();
    assertEquals(blockCount(fs), 50);
    fs.truncate(0);
    assertEquals(blockCount(fs), 0);
    let state = fs.state();
    assertEquals([state.msgs, state.bytes, state.firstSeq, state.lastSeq], [0, 0, 0, 0]);
    assertEquals([state.numSubjects, state.numDeleted], [0, 0]);
    for (let i = 0; i < 100; i++) put(fs, "foo", "Hello World");
    await fs.sync();
    state = fs.state();
    assertEquals([state.msgs, state.bytes, state.firstSeq, state.lastSeq], [100, 4400, 1, 100]);
    assertEquals([state.numSubjects, state.numDeleted], [1, 0]);
    await fs.stop();
  }));

Deno.test("TestFileStoreCollapseDmap", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({}, { blockBytes: 4 * recordSize(3, 0, 12) });
    for (let i = 0; i < 10; i++) put(fs, "foo", "Hello World!");
    assertEquals(fs.state().msgs, 10);
    for (const seq of [2, 4, 8]) {
      fs.removeMsg(seq);
      assertEquals(fs.state().firstSeq, 1);
    }
    assertEquals(fs.state().msgs, 7);
    assertEquals(deletedEntries(fs), 3);
    for (const [seq, entries, first] of [[1, 2, 3], [3, 1, 5], [5, 1, 6]] as const) {
      fs.removeMsg(seq);
      assertEquals([deletedEntries(fs), fs.state().firstSeq], [entries, first]);
    }
    fs.removeMsg(7);
    assertEquals(deletedEntries(fs), 2);
    fs.removeMsg(6);
    assertEquals(deletedEntries(fs), 0);
    await fs.stop();
  }));

Deno.test("TestFileStoreSparseCompaction", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["kv.>"] }, { blockBytes: 1024 * 1024 });
    for (let i = 1; i <= 1000; i++) put(fs, `kv.${i % 10}`, "ABC".repeat(33));
    const { msgs, firstSeq, lastSeq } = fs.state();
    assertEquals([msgs, firstSeq, lastSeq], [1000, 1, 1000]);
    const compact = () => {
      const state = fastState(fs);
      const { total, reported } = fs.utilization();
      assert(blockCount(fs) >= 2);
      compactByHand(fs, fs.core.blocks[0]!);
      assertEquals(fastState(fs), state);
      const after = fs.utilization();
      assertEquals(after.reported, reported);
      // With both, a smaller block may compress to as many bytes.
      if (fs.core.keys === null || fs.core.compression === "none") assert(after.total < total);
    };
    assertEquals(blockCount(fs), 1);
    fs.core.newBlock();
    fs.core.writeTombstone(1000, fs.core.totals.lastTime);
    assertEquals(fs.removeMsg(1), true);
    compact();
    for (const seq of [1000, 999, 998, 997]) assertEquals(fs.removeMsg(seq), true);
    compact();
    for (const seq of [500, 502, 504, 506, 508, 510]) assertEquals(fs.eraseMsg(seq), true);
    compact();
    await fs.stop();
  }));

Deno.test("TestFileStoreSparseCompactionWithInteriorDeletes", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["kv.>"] });
    for (let i = 1; i <= 1000; i++) put(fs, `kv.${i % 10}`, "OK");
    for (const seq of [500, 600, 700, 800]) assertEquals(fs.removeMsg(seq), true);
    assertEquals(get(fs, 900)?.payload, "OK");
    const block = fs.core.lastBlock!;
    block.closeFile();
    compactByHand(fs, block);
    assertEquals(get(fs, 900)?.payload, "OK");
    await fs.stop();
  }));

Deno.test("TestFileStoreCompactReclaimHeadSpace", (t) =>
  eachFileStore(t, async ({ open }) => {
    // A quarter of Go's sizes: 63 messages in the first block and 37 in the second.
    const options = { blockBytes: 1024 * 1024 };
    let fs = open({ subjects: ["*"] }, options);
    const payload = crypto.getRandomValues(new Uint8Array(16 * 1024));
    const text = new TextDecoder().decode(payload);
    const check = (blocks: number) => {
      assertEquals(blockCount(fs), blocks);
      fs.flushAllPending();
      for (const block of fs.core.blocks) {
        if (fs.core.compression === "none") {
          assertEquals(block.rawBytes, Deno.statSync(block.path).size);
        }
        assertEquals(get(fs, block.firstSeq)?.payload, text);
        assertEquals(get(fs, block.lastSeq)?.payload, text);
      }
    };
    for (let i = 0; i < 100; i++) put(fs, "z", payload);
    assertEquals(blockCount(fs), 2);
    fs.compact(33);
    check(2);
    fs.compact(85);
    check(1);
    put(fs, "z", payload);
    check(1);
    await fs.stop();
    fs = open({ subjects: ["*"] }, options);
    check(1);
    put(fs, "z", payload);
    await fs.stop();
  }));

Deno.test("TestFileStoreRebuildStateDmapAccountingBug", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({}, { blockBytes: 1024 * 1024 });
    for (let i = 0; i < 100; i++) put(fs, "foo");
    for (let seq = 2; seq <= 40; seq++) fs.removeMsg(seq);
    const block = fs.core.blocks[0]!;
    const check = () =>
      assertEquals(block.msgs, block.lastSeq - block.firstSeq + 1 - block.deleted.size);
    check();
    compactByHand(fs, block);
    fs.removeMsg(1);
    fs.flushAllPending();
    rebuildBlock(block);
    check();
    await fs.stop();
  }));

Deno.test("TestFileStoreDoubleCompactWithWriteInBetweenEncryptedBug", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    for (let i = 0; i < 5; i++) put(fs, "foo", "ouch");
    fs.compact(5);
    assertEquals(fs.state().lastSeq, 5);
    for (let i = 0; i < 5; i++) put(fs, "foo", "ouch");
    fs.compact(10);
    assertEquals(fs.state().lastSeq, 10);
    await fs.stop();
  }));

Deno.test("TestFileStoreCompactAllWithDanglingLMB", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["foo"] });
    for (let i = 0; i < 100; i++) put(fs, "foo", "ZZ");
    fs.removeMsg(100);
    assertEquals(fs.compact(100), 99);
    assertEquals(put(fs, "foo", "ZZ"), 101);
    await fs.stop();
  }));

Deno.test("TestFileStoreStreamCompactMultiBlockSubjectInfo", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["foo.*"] }, { blockBytes: 128 });
    // A fifth of Go's 1,000 messages, with the three digits that make two fill a block.
    for (let i = 100; i < 300; i++) put(fs, `foo.${i}`, "Hello World");
    assertEquals(blockCount(fs), 100);
    assertEquals(fs.compact(101), 100);
    assertEquals(blockCount(fs), 50);
    assertEquals(fs.state().numSubjects, 100);
    await fs.stop();
  }));

Deno.test("TestFileStoreMsgBlockCompactionAndHoles", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["*"], maxMsgsPerSubject: 1 });
  for (const subject of "ABCDEFGHIJ") put(fs, subject, "Z".repeat(1024));
  for (let seq = 2; seq < 10; seq++) fs.removeMsg(seq);
  assertEquals(blockCount(fs), 1);
  const before = fs.utilization();
  compactByHand(fs, fs.core.blocks[0]!);
  const after = fs.utilization();
  assertEquals(after.reported, before.reported);
  assertEquals(after.total, after.reported);
  await fs.stop();
});

Deno.test("TestFileStoreCompactingBlocksOnSync", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["*"], maxMsgsPerSubject: 1 }, {
      blockBytes: 1000,
      syncIntervalMs: 100,
    });
    const subjects = "ABCDEFGHIJKLMNOPQRST";
    for (const subject of subjects) put(fs, subject, "Z".repeat(19));
    assertEquals(blockCount(fs), 1);
    const { total, reported } = fs.utilization();
    assertEquals(total, reported);
    for (let i = 1; i < 19; i++) put(fs, subjects[i]!, "Z".repeat(19));
    assertEquals(blockCount(fs), 2);
    const first = fs.core.blocks[0]!;
    assertEquals(first.bytes, 100);
    if (fs.core.compression === "none") assertEquals(first.rawBytes, 1000);
    else assert(first.rawBytes > 100);
    time.advance(100);
    assert(first.rawBytes <= first.bytes, `${first.rawBytes} raw bytes`);
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreCompactAndPSIMWhenDeletingBlocks", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["*"] }, { blockBytes: 512 });
  for (let i = 0; i < 10; i++) put(fs, "A", "ABC".repeat(33));
  assertEquals(blockCount(fs), 4);
  assertEquals(fs.compact(10), 9);
  assertEquals(blockCount(fs), 1);
  const info = fs.core.subjects.find("A")!;
  assertEquals([info.total, info.firstBlock, info.lastBlock], [1, 1, 4]);
  await fs.stop();
});

Deno.test("TestFileStoreEraseMsgWithDbitSlots", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo"] });
  put(fs, "foo", "abd");
  for (let i = 0; i < 10; i++) fs.skipMsg(0);
  put(fs, "foo", "abd");
  // The skips go, which leaves slots without a record.
  compactByHand(fs, fs.core.blocks[0]!);
  assertEquals(fs.eraseMsg(1), true);
  await fs.stop();
});

Deno.test("TestFileStoreEraseMsgWithAllTrailingDbitSlots", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo"] });
  put(fs, "foo", "abc");
  put(fs, "foo", "abcdefg");
  for (let i = 0; i < 10; i++) fs.skipMsg(0);
  compactByHand(fs, fs.core.blocks[0]!);
  assertEquals(fs.eraseMsg(2), true);
  await fs.stop();
});
