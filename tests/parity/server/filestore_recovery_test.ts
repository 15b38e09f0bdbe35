// Ports: server/filestore_test.go: opening a store again, with and without a fresh index.db.
import { assert, assertEquals } from "@std/assert";
import type { FileStore } from "../../../src/store/file/file_store.ts";
import { recordSize } from "../../../src/store/file/format/record.ts";
import { LoadCode } from "../../../src/store/stored_msg.ts";
import { FastState } from "../../../src/store/stream_store.ts";
import { eachFileStore, get, put, type Reopenable } from "../../sim/store_permutations.ts";
import { blockCount, compactByHand, indexPath, loadCode, plainStores } from "./_filestore.ts";

const A19 = "A".repeat(19);
const Z19 = "Z".repeat(19);

Deno.test("TestFileStoreRemoveOutOfOrderRecovery", (t) =>
  eachFileStore(t, async ({ open }) => {
    let fs = open({ subjects: ["foo"] });
    for (let i = 0; i < 100; i++) put(fs, "foo", "Hello World");
    assertEquals(fs.state().msgs, 100);
    for (let seq = 2; seq <= 100; seq += 2) assertEquals(fs.removeMsg(seq), true);
    const state = fs.state();
    assertEquals(state.msgs, 50);
    const check = () => {
      assertEquals(loadCode(fs, 1), LoadCode.Found);
      for (let seq = 2; seq <= 100; seq += 2) assert(loadCode(fs, seq) !== LoadCode.Found);
    };
    check();
    await fs.stop();
    fs = open({ subjects: ["foo"] });
    assertEquals(fs.state(), state);
    check();
    await fs.stop();
  }));

// Go removes an index file of older versions; here index.db goes too, so that the blocks speak.
Deno.test("TestFileStoreEraseAndNoIndexRecovery", (t) =>
  eachFileStore(t, async (stores) => {
    let fs = stores.open();
    for (let i = 0; i < 100; i++) put(fs, "foo", "Hello World");
    assertEquals(fs.state().msgs, 100);
    for (let seq = 2; seq <= 100; seq += 2) assertEquals(fs.eraseMsg(seq), true);
    assertEquals(fs.state().msgs, 50);
    await fs.stop();
    Deno.removeSync(indexPath(stores));
    fs = stores.open();
    assertEquals(fs.state().msgs, 50);
    for (let seq = 2; seq <= 100; seq += 2) assert(loadCode(fs, seq) !== LoadCode.Found);
    await fs.stop();
  }));

Deno.test("TestFileStoreStateWithBlkFirstDeleted", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["foo"] }, { blockBytes: 4096 });
    for (let i = 0; i < 500; i++) put(fs, "foo", "Hello World");
    assert(blockCount(fs) > 2);
    const first = fs.core.blocks[1]!.firstSeq;
    for (let seq = first; seq < first + 10; seq++) assertEquals(fs.removeMsg(seq), true);
    assertEquals(fs.state().numDeleted, 10);
    assertEquals(fs.state().deleted.length, 10);
    await fs.stop();
  }));

Deno.test("TestFileStoreFullStateBasics", (t) =>
  eachFileStore(t, async (stores) => {
    const open = () => stores.open({ subjects: ["*"] }, { blockBytes: 100 });
    const size = recordSize(1, 0, 19);
    assertEquals(size, 50);
    let fs = open();
    put(fs, "A", A19);
    put(fs, "A", Z19);
    assertEquals(blockCount(fs), 1);
    await fs.stop();
    assert(Deno.readFileSync(indexPath(stores)).length > 0);
    fs = open();
    const names = [...Deno.readDirSync(`${stores.dir}/msgs`)].map(({ name }) => name);
    assertEquals(names.filter((name) => /\.(fss|idx)$/.test(name)), []);
    const { msgs, firstSeq, lastSeq } = fs.state();
    assertEquals([msgs, firstSeq, lastSeq], [2, 1, 2]);
    assertEquals([get(fs, 1)?.payload, get(fs, 2)?.payload], [A19, Z19]);
    put(fs, "A", Z19);
    await fs.stop();
    const index = Deno.readFileSync(indexPath(stores));
    const reopen = async (payload: string, count: number, blocks: number) => {
      fs = open();
      put(fs, "A", payload);
      await fs.stop();
      // An index that knows only three messages.
      Deno.writeFileSync(indexPath(stores), index);
      fs = open();
      const state = fs.state();
      assertEquals([state.msgs, state.bytes], [count, count * size]);
      assertEquals([state.firstSeq, state.lastSeq], [1, count]);
      assertEquals(blockCount(fs), blocks);
      const info = fs.core.subjects.find("A")!;
      assertEquals([info.total, info.firstBlock, info.lastBlock], [count, 1, blocks]);
      await fs.stop();
    };
    await reopen(Z19, 4, 2);
    await reopen(A19, 5, 3);
  }));

Deno.test("TestFileStoreFullStateTestUserRemoveWAL", (t) =>
  eachFileStore(t, async (stores) => {
    const open = () => stores.open({ subjects: ["*"] }, { blockBytes: 132 });
    let fs = open();
    put(fs, "A", A19);
    put(fs, "Z", Z19);
    fs.removeMsg(1);
    assertEquals(get(fs, 2)?.payload, Z19);
    assertEquals(blockCount(fs), 1);
    let state = fs.state();
    await fs.stop();
    const index = Deno.readFileSync(indexPath(stores));
    fs = open();
    assertEquals(loadCode(fs, 2), LoadCode.Found);
    assertEquals(loadCode(fs, 1), LoadCode.NotFound);
    assertEquals(fs.state(), state);
    assert(state.firstTimeNs > 0n);

    put(fs, "A", A19);
    put(fs, "Z", Z19);
    fs.removeMsg(2);
    fs.removeMsg(4);
    state = fs.state();
    assertEquals(state.deleted.length, state.numDeleted);
    await fs.stop();
    fs = open();
    assertEquals(fs.state(), state);
    assert(state.firstTimeNs > 0n);
    await fs.stop();

    // The tombstones in the last block say what the old index does not know.
    Deno.writeFileSync(indexPath(stores), index);
    fs = open();
    const { lost, ...rest } = fs.state();
    assertEquals(lost?.msgs, [2]);
    assertEquals({ ...rest, lost: null }, state);
    assert(state.firstTimeNs > 0n);
    await fs.stop();
  }));

Deno.test("TestFileStoreFullStateTestSysRemovals", (t) =>
  eachFileStore(t, async ({ open }) => {
    const config = { subjects: ["*"], maxMsgs: 10, maxMsgsPerSubject: 1 };
    let fs = open(config, { blockBytes: 100 });
    const check = async (msgs: number, firstSeq: number, lastSeq: number) => {
      const state = fs.state();
      assertEquals([state.msgs, state.firstSeq, state.lastSeq], [msgs, firstSeq, lastSeq]);
      await fs.stop();
      fs = open(config, { blockBytes: 100 });
      assertEquals(fs.state(), state);
    };
    for (const subject of "ABAB") put(fs, subject, A19);
    await check(2, 3, 4);
    for (const subject of "CDEFGHIJ") put(fs, subject, A19);
    await check(10, 3, 12);
    put(fs, "ZZZ", A19);
    await check(10, 4, 13);
    await fs.stop();
  }));

Deno.test("TestFileStoreSelectBlockWithFirstSeqRemovals", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["*"], maxMsgsPerSubject: 1 }, { blockBytes: 100 });
    const subjects = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+@$^";
    for (let i = 0; i < 65; i++) put(fs, subjects[i]!, A19);
    assertEquals(blockCount(fs), 33);
    // The limit per subject takes the first message of each block.
    for (let i = 0; i < subjects.length; i += 2) put(fs, subjects[i]!, A19);
    const { firstSeq, lastSeq } = fs.state();
    for (let seq = firstSeq; seq <= lastSeq; seq++) {
      assertEquals(fs.core.blockPosition(seq), Math.floor((seq - 1) / 2));
      assert(fs.core.blockOf(seq) !== null);
    }
    await fs.stop();
  }));

Deno.test("TestFileStoreFullStateMultiBlockPastWAL", (t) =>
  eachFileStore(t, async (stores) => {
    const open = () => stores.open({ subjects: ["*"] }, { blockBytes: 100 });
    let fs = open();
    put(fs, "A", A19);
    put(fs, "B", Z19);
    assertEquals(blockCount(fs), 1);
    await fs.stop();
    const index = Deno.readFileSync(indexPath(stores));
    fs = open();
    for (const subject of "CDEFGH") put(fs, subject, A19);
    assertEquals(blockCount(fs), 4);
    const state = fs.state();
    await fs.stop();
    Deno.writeFileSync(indexPath(stores), index);
    fs = open();
    assertEquals(fs.state(), state);
    assert(state.firstTimeNs > 0n);
    await fs.stop();
  }));

Deno.test("TestFileStoreFullStateMidBlockPastWAL", (t) =>
  eachFileStore(t, async (stores) => {
    const open = () => stores.open({ subjects: ["*"], maxMsgsPerSubject: 1 });
    let fs = open();
    for (const subject of "ABCDE") put(fs, subject, Z19);
    assertEquals(blockCount(fs), 1);
    await fs.stop();
    const index = Deno.readFileSync(indexPath(stores));
    fs = open();
    for (const subject of "FGHIJ") put(fs, subject, Z19);
    fs.removeMsg(2);
    assertEquals(blockCount(fs), 1);
    const state = fs.state();
    await fs.stop();
    Deno.writeFileSync(indexPath(stores), index);
    fs = open();
    assertEquals(fs.state(), state);
    assert(Deno.statSync(indexPath(stores)).isFile);
    await fs.stop();
  }));

Deno.test("TestFileStoreTrackSubjLenForPSIM", async () => {
  using stores = plainStores();
  let fs = stores.open({ subjects: [">"] });
  const known = new Map<string, number>();
  const below = (limit: number) => Math.floor(Math.random() * limit);
  const token = () => crypto.getRandomValues(new Uint8Array(below(4) + 2)).toHex();
  for (let i = 0; i < 1000; i++) {
    const subject = Array.from({ length: below(6) + 1 }, token).join(".");
    if (known.has(subject)) continue;
    known.set(subject, subject.length);
    put(fs, subject);
  }
  const check = () => {
    let total = 0;
    for (const length of known.values()) total += length;
    assertEquals(fs.core.subjectBytes, total);
  };
  check();
  for (let i = 0; i < 500; i++) {
    const seq = below(1000) + 1;
    const msg = get(fs, seq);
    if (msg === null) continue;
    fs.removeMsg(seq);
    known.delete(msg.subject);
  }
  check();
  await fs.stop();
  fs = stores.open({ subjects: [">"] });
  check();
  fs.purge();
  known.clear();
  check();
  await fs.stop();
});

Deno.test("TestFileStoreLargeFullStatePSIM", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: [">"] });
  const below = (limit: number) => Math.floor(Math.random() * limit);
  const noise = crypto.getRandomValues(new Uint8Array(64 * 1024));
  const token = () => {
    const at = below(noise.length - 10);
    return noise.subarray(at, at + below(8) + 2).toHex();
  };
  // A fifth of Go's 100,000 subjects.
  const subjects = new Set<string>();
  for (let i = 0; i < 20_000; i++) {
    const subject = `${Array.from({ length: below(6) + 1 }, token).join(".")}.${i}`;
    subjects.add(subject);
    put(fs, subject);
  }
  await fs.stop();
  const again = stores.open({ subjects: [">"] });
  assertEquals(again.state().numSubjects, subjects.size);
  await again.stop();
});

Deno.test("TestFileStoreLargeFullStateMetaCleanup", async () => {
  using stores = plainStores();
  let fs = stores.open({ subjects: [">"] });
  for (let i = 0; i < 1000; i++) put(fs, "foo.bar.baz");
  await fs.stop();
  const files = [`${stores.dir}/msgs/1.idx`, `${stores.dir}/msgs/1.fss`];
  for (const file of files) Deno.writeTextFileSync(file, "ABC".repeat(33));
  fs = stores.open({ subjects: [">"] });
  assertEquals(fs.state().msgs, 1000);
  for (const file of files) assertEquals(fs.core.env.disk.stat(file), null);
  await fs.stop();
});

Deno.test("TestFileStoreIndexDBExistsAfterShutdown", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: [">"] });
  for (let i = 0; i < 1000; i++) put(fs, "foo.bar.baz");
  fs.core.dirty = 1;
  fs.core.env.disk.removeTree(indexPath(stores));
  await fs.stop();
  assert(Deno.statSync(indexPath(stores)).size > 0);
});

Deno.test("TestFileStoreRecoverWithRemovesAndNoIndexDB", async () => {
  using stores = plainStores();
  let fs = stores.open({ subjects: ["foo.*"] }, { blockBytes: 250 });
  for (let i = 1; i <= 10; i++) put(fs, `foo.${i}`, "abc");
  for (const seq of [1, 2, 8]) fs.removeMsg(seq);
  const check = () => {
    const { firstSeq, lastSeq, msgs } = fs.state();
    assertEquals([firstSeq, lastSeq, msgs], [3, 10, 7]);
  };
  check();
  compactByHand(fs, fs.core.lastBlock!);
  await fs.stop();
  Deno.removeSync(indexPath(stores));
  fs = stores.open({ subjects: ["foo.*"] });
  check();
  await fs.stop();
});

async function reload(stores: Reopenable, skip: (fs: FileStore) => void): Promise<void> {
  let fs = stores.open({ subjects: ["foo.*"] });
  skip(fs);
  for (let i = 0; i < 5; i++) {
    await fs.stop();
    fs = stores.open({ subjects: ["foo.*"] });
    assertEquals([fs.state().firstSeq, fs.state().lastSeq], [23, 22]);
  }
  await fs.stop();
}

Deno.test("TestFileStoreReloadAndLoseLastSequence", async () => {
  using stores = plainStores();
  await reload(stores, (fs) => {
    for (let i = 0; i < 22; i++) fs.skipMsg(0);
  });
});

Deno.test("TestFileStoreReloadAndLoseLastSequenceWithSkipMsgs", async () => {
  using stores = plainStores();
  await reload(stores, (fs) => fs.skipMsgs(0, 22));
});

Deno.test("TestFileStoreSkipMsgs", async () => {
  using stores = plainStores();
  let fs = stores.open({ subjects: ["*"] }, { blockBytes: 1024 });
  let refused = "";
  try {
    fs.skipMsgs(10, 100);
  } catch (error) {
    refused = (error as { code: string }).code;
  }
  assertEquals(refused, "sequence_mismatch");
  fs.skipMsgs(1, 100);
  assertEquals([fs.state().firstSeq, fs.state().lastSeq, blockCount(fs)], [101, 100, 1]);
  fs.skipMsgs(101, 100_000);
  assertEquals([fs.state().firstSeq, fs.state().lastSeq], [100_101, 100_100]);
  assertEquals(blockCount(fs), 1);
  await fs.stop();

  using others = plainStores();
  fs = others.open({ subjects: ["*"] }, { blockBytes: 1024 });
  put(fs, "foo");
  fs.skipMsgs(2, 10);
  const state = fs.state();
  assertEquals([state.firstSeq, state.lastSeq, state.msgs], [1, 11, 1]);
  assertEquals([state.numDeleted, state.deleted.length], [10, 10]);
  const fast = new FastState();
  fs.fastState(fast);
  assertEquals([fast.firstSeq, fast.lastSeq, fast.msgs, fast.numDeleted], [1, 11, 1, 10]);
  await fs.stop();
});

Deno.test("TestFileStoreSkipMsgAndNumBlocks", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["zzz"] }, { blockBytes: 128 });
  put(fs, "zzz", "X".repeat(100));
  fs.skipMsgs(0, 10_000);
  put(fs, "zzz", "X".repeat(100));
  assertEquals(blockCount(fs), 3);
  await fs.stop();
});
