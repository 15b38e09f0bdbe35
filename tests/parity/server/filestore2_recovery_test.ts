// Ports: server/filestore_test.go (recovery with and without index.db)
import { assert, assertEquals, assertThrows } from "@std/assert";
import { putUvarint } from "../../../src/base/bytes/varint.ts";
import { StoreError } from "../../../src/store/errors.ts";
import type { FileStore } from "../../../src/store/file/file_store.ts";
import { recordSize } from "../../../src/store/file/format/record.ts";
import { writeFullState } from "../../../src/store/file/stream/full_state_io.ts";
import { LoadCode } from "../../../src/store/stored_msg.ts";
import { CapturedLog } from "../../harness/captured_log.ts";
import { realEnvironment } from "../../sim/environment.ts";
import { eachFileStore, put } from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";
import { blockCount, indexPath, loadCode, plainStores } from "./_filestore.ts";
import {
  blockFigures,
  figures,
  hasFile,
  msgsPath,
  rebuildState,
  removeIndex,
} from "./_filestore2.ts";

Deno.test("TestFileStoreRestoreIndexWithMatchButLeftOverBlocks", async () => {
  using stores = plainStores();
  const config = { subjects: ["foo.*"], maxMsgsPerSubject: 1 };
  let fs = stores.open(config, { blockBytes: 256 });
  for (let i = 1; i <= 12; i++) put(fs, `foo.${i}`, "hello");
  assertEquals(blockCount(fs), 2);
  await fs.stop();
  const index = Deno.readFileSync(indexPath(stores));
  assert(index.length > 0);
  fs = stores.open(config, { blockBytes: 256 });
  for (let i = 1; i <= 6; i++) put(fs, `foo.${i}`, "hello");
  assertEquals(figures(fs), [12, 7, 18]);
  await fs.stop();
  Deno.writeFileSync(indexPath(stores), index);
  fs = stores.open(config, { blockBytes: 256 });
  assertEquals(figures(fs), [12, 7, 18]);
  await fs.stop();
});

Deno.test("TestFileStoreWriteFullStateDetectCorruptState", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*"] });
  for (let i = 1; i <= 10; i++) put(fs, `foo.${i}`, "abc");
  fs.core.blockOf(2)!.msgs--;
  assertEquals(figures(fs), [10, 1, 10]);
  assertThrows(() => writeFullState(fs.core, false), StoreError, "corrupt state file");
  assertEquals(figures(fs), [9, 1, 10]);
  await fs.stop();
});

Deno.test("TestFileStoreRecoverFullStateDetectCorruptState", async () => {
  const log = new CapturedLog();
  using stores = plainStores({ ...realEnvironment(), log });
  let fs = stores.open({ subjects: ["foo.*"] });
  for (let i = 1; i <= 10; i++) put(fs, `foo.${i}`, "abc");
  await fs.stop();
  const content = Deno.readFileSync(indexPath(stores));
  // Zero messages, under a checksum that fits.
  putUvarint(content, 2, 0);
  const { hasher, disk } = fs.core.env;
  hasher.setKey(fs.core.hashKey);
  const sum = hasher.hash(content);
  const forged = new Uint8Array(content.length + sum.length);
  forged.set(content);
  forged.set(sum, content.length);
  disk.writeFile(indexPath(stores), forged);
  fs = stores.open({ subjects: ["foo.*"] });
  assertEquals(
    log.lines.filter(({ text }) => text.includes("internal inconsistency on recover")).length,
    1,
  );
  assertEquals(figures(fs), [10, 1, 10]);
  await fs.stop();
});

Deno.test("TestFileStoreRecoverOnlyBlkFiles", (t) =>
  eachFileStore(t, async (stores) => {
    const open = () => stores.open({ subjects: ["foo"] });
    let fs = open();
    put(fs, "foo");
    const before = fs.state();
    assertEquals([before.msgs, before.firstSeq, before.lastSeq], [1, 1, 1]);
    await fs.stop();
    fs = open();
    assertEquals(fs.state(), before);
    assert(hasFile(stores, "index.db"));
    await fs.stop();
    for (const name of ["10.blk.random", "10.blk.tmp"]) {
      Deno.writeFileSync(msgsPath(stores, name), new Uint8Array(0));
    }
    fs = open();
    assert(hasFile(stores, "index.db"));
    assertEquals(fs.state(), before);
    await fs.stop();
    removeIndex(stores);
    fs = open();
    assertEquals(fs.state(), before);
    await fs.stop();
  }));

Deno.test("TestFileStoreRecoverAfterRemoveOperation", async (t) => {
  const cases: [string, (fs: FileStore) => void, number[]][] = [
    ["None", () => {}, [4, 1, 4, 0]],
    ["RemoveMsg", (fs) => assert(fs.removeMsg(1)), [3, 2, 4, 0]],
    ["EraseMsg", (fs) => assert(fs.eraseMsg(1)), [3, 2, 4, 0]],
    ["Purge", (fs) => assertEquals(fs.purge(), 4), [0, 5, 4, 0]],
    ["PurgeEx-0", (fs) => assertEquals(fs.purgeEx("foo.0", 0, 0), 2), [2, 2, 4, 1]],
    ["PurgeEx-1", (fs) => assertEquals(fs.purgeEx("foo.1", 0, 0), 2), [2, 1, 4, 2]],
    ["Compact", (fs) => assertEquals(fs.compact(3), 2), [2, 3, 4, 0]],
    ["Truncate", (fs) => fs.truncate(2), [2, 1, 2, 0]],
  ];
  for (const [title, action, expected] of cases) {
    await t.step(title, (t) =>
      eachFileStore(t, async (stores) => {
        const open = () => stores.open({ subjects: ["foo.*"] });
        let fs = open();
        for (let i = 0; i < 4; i++) put(fs, `foo.${i % 2}`);
        action(fs);
        const before = fs.state();
        assertEquals([before.msgs, before.firstSeq, before.lastSeq, before.numDeleted], expected);
        await fs.stop();
        fs = open();
        assertEquals(fs.state(), before);
        await fs.stop();
        removeIndex(stores);
        fs = open();
        assertEquals(fs.state(), before);
        rebuildState(fs);
        assertEquals(fs.state(), before);
        await fs.stop();
      }));
  }
});

Deno.test("TestFileStoreRecoverAfterCompact", async (t) => {
  for (const [payloadSize, usesTombstones] of [[1024, true], [1024 * 1024, false]] as const) {
    await t.step(String(payloadSize), (t) =>
      eachFileStore(t, async (stores) => {
        const open = () => stores.open({ subjects: ["foo"] });
        let fs = open();
        const size = recordSize(3, 0, payloadSize);
        for (let i = 0; i < 4; i++) put(fs, "foo", new Uint8Array(payloadSize));
        const state = fs.state();
        assertEquals([state.msgs, state.firstSeq, state.lastSeq], [4, 1, 4]);
        assertEquals(state.bytes, size * 4);
        const isPlain = fs.core.keys === null && fs.core.compression === "none";
        const block = fs.core.lastBlock!;
        if (isPlain) assertEquals([block.bytes, block.rawBytes], [size * 4, size * 4]);
        assertEquals(fs.compact(4), 3);
        const before = fs.state();
        assertEquals([before.msgs, before.firstSeq, before.lastSeq], [1, 4, 4]);
        assertEquals(before.bytes, size);
        if (isPlain) {
          assertEquals(block.bytes, size);
          assertEquals(block.rawBytes, usesTombstones ? size * 4 + 30 * 3 : size);
        }
        await fs.stop();
        fs = open();
        assertEquals(fs.state(), before);
        await fs.stop();
        removeIndex(stores);
        fs = open();
        assertEquals(fs.state(), before);
        rebuildState(fs);
        assertEquals(fs.state(), before);
        await fs.stop();
      }));
  }
});

Deno.test("TestFileStoreRecoverWithEmptyMessageBlock", (t) =>
  eachFileStore(t, async (stores) => {
    const open = () => stores.open({ subjects: ["foo"] }, { blockBytes: 33 * 4 });
    let fs = open();
    for (let i = 0; i < 4; i++) put(fs, "foo");
    assertEquals(blockCount(fs), 1);
    for (const seq of [1, 2]) assert(fs.removeMsg(seq));
    assertEquals(blockCount(fs), 2);
    const before = fs.state();
    assertEquals([before.msgs, before.firstSeq, before.lastSeq], [2, 3, 4]);
    await fs.stop();
    fs = open();
    assertEquals(fs.state(), before);
    await fs.stop();
    removeIndex(stores);
    fs = open();
    assertEquals(fs.state(), before);
    rebuildState(fs);
    assertEquals(fs.state(), before);
    await fs.stop();
  }));

Deno.test("TestFileStoreRemoveMsgBlockFirst", async () => {
  using stores = plainStores();
  let fs = stores.open({ subjects: ["test"] });
  put(fs, "test");
  assertEquals(figures(fs), [1, 1, 1]);
  await fs.stop();
  for (const name of ["index.db", "1.blk"]) Deno.removeSync(msgsPath(stores, name));
  fs = stores.open({ subjects: ["test"], allowMsgTtl: true });
  assertEquals(figures(fs), [0, 0, 0]);
  await fs.stop();
});

Deno.test("TestFileStoreRemoveMsgBlockLast", async () => {
  using stores = plainStores();
  let fs = stores.open({ subjects: ["test"] });
  put(fs, "test");
  assertEquals(figures(fs), [1, 1, 1]);
  Deno.renameSync(msgsPath(stores, "1.blk"), msgsPath(stores, "1.blk.cp"));
  fs.removeMsg(1);
  assert(hasFile(stores, "2.blk"));
  assert(!hasFile(stores, "1.blk"));
  await fs.stop();
  removeIndex(stores);
  Deno.renameSync(msgsPath(stores, "1.blk.cp"), msgsPath(stores, "1.blk"));
  fs = stores.open({ subjects: ["test"], allowMsgTtl: true });
  assertEquals(figures(fs), [0, 2, 1]);
  assert(!hasFile(stores, "1.blk"));
  await fs.stop();
});

Deno.test("TestFileStoreLeftoverSkipMsgInDmap", async () => {
  using stores = plainStores();
  const config = { subjects: ["test.*"], maxMsgsPerSubject: 1 };
  let fs = stores.open(config);
  fs.skipMsg(0);
  const check = () => {
    const { firstSeq, lastSeq, numDeleted } = fs.state();
    assertEquals([firstSeq, lastSeq, numDeleted], [2, 1, 0]);
    assertEquals(blockFigures(fs.core.lastBlock!), [2, 1, 0, 0]);
  };
  check();
  // Stopped without writing the state.
  fs.flushAllPending();
  fs.abandon();
  fs = stores.open(config);
  check();
  await fs.stop();
});

Deno.test("TestFileStoreRecoverDoesNotResetStreamState", async (t) => {
  const time = new VirtualTime();
  await eachFileStore(t, async (stores) => {
    const open = () =>
      stores.open({
        subjects: ["ev.1"],
        maxAgeNs: 2_000_000_000n,
        retention: "workqueue",
      }, { blockBytes: 1024 });
    let fs = open();
    for (let i = 0; i < 500; i++) put(fs, "foo", "Hello World");
    assert(blockCount(fs) > 1);
    time.advance(2500);
    const blocks = blockCount(fs);
    const { path } = fs.core.blocks[0]!;
    await fs.stop();
    assert(hasFile(stores, "index.db"));
    assertEquals(blocks, 1);
    Deno.removeSync(path);
    fs = open();
    const [, first, last] = figures(fs);
    assert(first !== 0 || last !== 0);
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreRemoveBlockWithStaleStreamState", (t) =>
  eachFileStore(t, async (stores) => {
    let fs = stores.open({ subjects: ["foo"] });
    for (let i = 0; i < 3; i++) {
      if (i > 0) fs.core.newBlock();
      put(fs, "foo");
    }
    assertEquals(blockCount(fs), 3);
    const { path } = fs.core.blocks[1]!;
    await fs.stop();
    Deno.removeSync(path);
    fs = stores.open({ subjects: ["foo"] });
    assertEquals([1, 2, 3].map((seq) => loadCode(fs, seq)), [
      LoadCode.Found,
      LoadCode.NotFound,
      LoadCode.Found,
    ]);
    await fs.stop();
  }));

Deno.test("TestFileStoreDetectDeleteGapWithLastSkipMsg", (t) =>
  eachFileStore(t, async (stores) => {
    let fs = stores.open({ subjects: ["foo"] });
    put(fs, "foo");
    fs.skipMsgs(2, 3);
    const before = fs.state();
    assertEquals([before.msgs, before.firstSeq, before.lastSeq, before.numDeleted], [1, 1, 4, 3]);
    await fs.stop();
    removeIndex(stores);
    fs = stores.open({ subjects: ["foo"] });
    assertEquals(fs.state(), before);
    assertEquals(blockFigures(fs.core.blocks[0]!), [1, 4, 1, 3]);
    await fs.stop();
  }));

Deno.test("TestFileStoreDetectDeleteGapWithOnlySkipMsg", (t) =>
  eachFileStore(t, async (stores) => {
    let fs = stores.open({ subjects: ["foo"] });
    fs.skipMsg(1);
    fs.skipMsgs(2, 3);
    const before = fs.state();
    assertEquals([before.msgs, before.firstSeq, before.lastSeq, before.numDeleted], [0, 5, 4, 0]);
    await fs.stop();
    removeIndex(stores);
    fs = stores.open({ subjects: ["foo"] });
    assertEquals(fs.state(), before);
    assertEquals(blockFigures(fs.core.blocks[0]!), [5, 4, 0, 0]);
    await fs.stop();
  }));

Deno.test("TestFileStorePreserveLastSeqAfterCompact", (t) =>
  eachFileStore(t, async (stores) => {
    let fs = stores.open();
    put(fs, "foo");
    fs.compact(2);
    const before = fs.state();
    assertEquals([before.msgs, before.firstSeq, before.lastSeq], [0, 2, 1]);
    await fs.stop();
    removeIndex(stores);
    fs = stores.open();
    assertEquals(fs.state(), before);
    await fs.stop();
  }));

Deno.test("TestFileStoreTrailingSkipMsgsFromStreamStateFile", (t) =>
  eachFileStore(t, async (stores) => {
    let fs = stores.open({ subjects: [">"] });
    for (let i = 0; i < 10; i++) put(fs, "foo");
    const { path } = fs.core.lastBlock!;
    await fs.stop();
    Deno.truncateSync(path, 33 * 5);
    fs = stores.open({ subjects: [">"] });
    const state = fs.state();
    assertEquals([state.msgs, state.firstSeq, state.lastSeq], [5, 1, 10]);
    for (let seq = 1; seq <= 10; seq++) {
      assertEquals(loadCode(fs, seq), seq <= 5 ? LoadCode.Found : LoadCode.NotFound);
    }
    assertEquals(blockCount(fs), 2);
    assertEquals(blockFigures(fs.core.lastBlock!), [11, 10, 0, 0]);
    await fs.stop();
  }));

Deno.test("TestFileStoreSelectMsgBlockBinarySearch", (t) =>
  eachFileStore(t, async (stores) => {
    let fs = stores.open({ subjects: [">"] });
    for (let i = 0; i < 33; i++) {
      if (i > 0) fs.core.newBlock();
      put(fs, "foo");
      put(fs, "foo");
      if (i !== 15) continue;
      for (const seq of [2, 5]) {
        fs.core.newBlock();
        fs.removeMsg(seq);
      }
    }
    const check = () => {
      for (
        const [seq, position, index] of [
          [2, 0, 1],
          [5, 2, 3],
          [1, 0, 1],
          [10, 4, 5],
          [64, 33, 34],
        ] as const
      ) {
        assertEquals(fs.core.blockPosition(seq), position);
        assertEquals(fs.core.blockOf(seq)?.index, index);
      }
    };
    check();
    await fs.stop();
    removeIndex(stores);
    fs = stores.open({ subjects: [">"] });
    check();
    await fs.stop();
  }));
