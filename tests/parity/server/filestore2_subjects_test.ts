// Ports: server/filestore_test.go (loading and counting by subject)
import { assert, assertEquals } from "@std/assert";
import { GenericSublist, sublistOf } from "../../../src/base/containers/gsl/mod.ts";
import { firstMatching } from "../../../src/store/file/block/search.ts";
import { subjectsOf } from "../../../src/store/file/block/subjects.ts";
import type { FileStore } from "../../../src/store/file/file_store.ts";
import { filterOfList } from "../../../src/store/msg_filter.ts";
import { firstSeqOf } from "../../../src/store/file/stream/removal.ts";
import { LoadCode, StoredMsg } from "../../../src/store/stored_msg.ts";
import { realEnvironment } from "../../sim/environment.ts";
import { eachFileStore, put } from "../../sim/store_permutations.ts";
import { blockCount, dropCaches, plainStores, WatchedDisk } from "./_filestore.ts";
import { dropBlockCache, figures } from "./_filestore2.ts";

/** Total, first and last block of a subject. */
function subjectInfo(fs: FileStore, subject: string): [number, number, number] {
  const info = fs.core.subjects.find(subject);
  assert(info !== null);
  return [info.total, info.firstBlock, info.lastBlock];
}

/** How many blocks have their records or subjects in memory. */
function loadedBlocks(fs: FileStore): number {
  return fs.core.blocks.filter((block) => block.cache !== null || block.subjects !== null).length;
}

/** Drops records and subjects of all blocks. */
function forgetAll(fs: FileStore): void {
  dropCaches(fs);
  for (const block of fs.core.blocks) block.subjects = null;
}

Deno.test("TestFileStoreLoadLastWildcard", async () => {
  const watched = new WatchedDisk();
  using stores = plainStores({ ...realEnvironment(), disk: watched.disk() });
  const fs = stores.open({ subjects: ["foo.*.*"] }, { blockBytes: 512 });
  put(fs, "foo.22.baz", "hello");
  put(fs, "foo.22.bar", "hello");
  for (let i = 0; i < 1000; i++) put(fs, "foo.11.foo", "hello");
  // Here also without records, so that one load has to happen.
  forgetAll(fs);
  watched.blockReads = 0;
  const msg = new StoredMsg();
  assertEquals(fs.loadLastMsg("foo.22.*", msg), LoadCode.Found);
  assertEquals(msg.seq, 2);
  assertEquals(watched.blockReads, 1);
  await fs.stop();
});

Deno.test("TestFileStoreLoadLastWildcardWithPresenceMultipleBlocks", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*.*"] }, { blockBytes: 64 });
  put(fs, "foo.22.bar", "hello");
  put(fs, "foo.22.baz", "ok");
  put(fs, "foo.22.baz", "ok");
  put(fs, "foo.22.bar", "hello22");
  assert(blockCount(fs) > 1);
  const msg = new StoredMsg();
  assertEquals(fs.loadLastMsg("foo.*.bar", msg), LoadCode.Found);
  assertEquals(new TextDecoder().decode(msg.payload()), "hello22");
  await fs.stop();
});

Deno.test("TestFileStoreFilteredPendingPSIMFirstBlockUpdate", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*"] }, { blockBytes: 512 });
  put(fs, "foo.baz", "hello");
  for (let i = 0; i < 1000; i++) put(fs, "foo.foo", "hello");
  put(fs, "foo.baz", "hello");
  put(fs, "foo.baz", "hello");
  assert(fs.removeMsg(1));
  assertEquals(blockCount(fs), 84);
  assertEquals(subjectInfo(fs, "foo.baz"), [2, 1, 84]);
  assertEquals(fs.filteredState(0, "foo.baz"), { msgs: 2, first: 1002, last: 1003 });
  assertEquals(subjectInfo(fs, "foo.baz"), [2, 84, 84]);
  await fs.stop();
});

Deno.test("TestFileStoreWildcardFilteredPendingPSIMFirstBlockUpdate", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*.*"] }, { blockBytes: 512 });
  put(fs, "foo.22.baz", "hello");
  put(fs, "foo.22.bar", "hello");
  for (let i = 0; i < 1000; i++) put(fs, "foo.1.foo", "hello");
  put(fs, "foo.22.baz", "hello");
  put(fs, "foo.22.baz", "hello");
  put(fs, "foo.22.bar", "hello");
  put(fs, "foo.22.bar", "hello");
  assert(fs.removeMsg(1));
  assert(fs.removeMsg(2));
  assertEquals(blockCount(fs), 92);
  assertEquals(subjectInfo(fs, "foo.22.baz"), [2, 1, 92]);
  assertEquals(subjectInfo(fs, "foo.22.bar"), [2, 1, 92]);
  assertEquals(fs.filteredState(0, "foo.22.*"), { msgs: 4, first: 1003, last: 1006 });
  assertEquals(subjectInfo(fs, "foo.22.baz"), [2, 92, 92]);
  assertEquals(subjectInfo(fs, "foo.22.bar"), [2, 92, 92]);
  await fs.stop();
});

Deno.test("TestFileStoreFilteredPendingPSIMFirstBlockUpdateNextBlock", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*.*"] }, { blockBytes: 128 });
  for (let i = 0; i < 4; i++) {
    put(fs, "foo.22.bar", "hello");
    put(fs, "foo.22.baz", "hello");
  }
  assertEquals(blockCount(fs), 4);
  assertEquals(subjectInfo(fs, "foo.22.bar"), [4, 1, 4]);
  assert(fs.removeMsg(1));
  assertEquals(fs.filteredState(0, "foo.22.bar"), { msgs: 3, first: 3, last: 7 });
  assertEquals(subjectInfo(fs, "foo.22.bar"), [3, 2, 4]);
  assert(fs.removeMsg(2));
  assertEquals(blockCount(fs), 3);
  assertEquals(subjectInfo(fs, "foo.22.baz"), [3, 1, 4]);
  assertEquals(fs.filteredState(0, "foo.*.baz"), { msgs: 3, first: 4, last: 8 });
  assertEquals(subjectInfo(fs, "foo.22.baz"), [3, 2, 4]);
  await fs.stop();
});

Deno.test("TestFileStoreLargeSparseMsgsDoNotLoadAfterLast", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*.*"] }, { blockBytes: 128 });
  for (let i = 0; i < 2; i++) {
    put(fs, "foo.22.bar", "hello");
    put(fs, "foo.22.baz", "hello");
  }
  for (let i = 0; i < 16; i++) put(fs, "foo.22.baz", "hello");
  assertEquals(blockCount(fs), 10);
  forgetAll(fs);
  assertEquals(fs.loadNextMsg("foo.*.bar", 4, new StoredMsg()), LoadCode.Eof);
  assertEquals(loadedBlocks(fs), 1);
  await fs.stop();
});

Deno.test("TestFileStoreCheckSkipFirstBlockBug", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*.*"] }, { blockBytes: 128 });
  put(fs, "foo.BB.bar", "hello");
  put(fs, "foo.BB.bar", "hello");
  put(fs, "foo.AA.bar", "hello");
  for (let i = 0; i < 5; i++) put(fs, "foo.BB.bar", "hello");
  put(fs, "foo.AA.bar", "hello");
  put(fs, "foo.AA.bar", "hello");
  assertEquals(blockCount(fs), 5);
  fs.removeMsg(3);
  fs.removeMsg(4);
  assertEquals(blockCount(fs), 4);
  assertEquals(fs.loadNextMsg("foo.AA.bar", 4, new StoredMsg()), LoadCode.Found);
  await fs.stop();
});

Deno.test("TestFileStoreCheckSkipFirstBlockNotLoadOldBlocks", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*.*"] }, { blockBytes: 128 });
  put(fs, "foo.BB.bar", "hello");
  put(fs, "foo.AA.bar", "hello");
  for (let i = 0; i < 6; i++) put(fs, "foo.BB.bar", "hello");
  put(fs, "foo.AA.bar", "hello");
  put(fs, "foo.AA.bar", "hello");
  for (let i = 0; i < 4; i++) put(fs, "foo.BB.bar", "hello");
  assertEquals(blockCount(fs), 7);
  fs.removeMsg(1);
  fs.removeMsg(2);
  assertEquals(blockCount(fs), 6);
  forgetAll(fs);
  assertEquals(fs.loadNextMsg("foo.AA.bar", 11, new StoredMsg()), LoadCode.Eof);
  assertEquals(loadedBlocks(fs), 1);
  await fs.stop();
});

Deno.test("TestFileStoreMaxMsgsPerSubjectOneStaleFblkAfterRestart", async () => {
  using stores = plainStores();
  const config = { subjects: ["foo.*"], maxMsgsPerSubject: 1 };
  let fs = stores.open(config, { blockBytes: 256 });
  put(fs, "foo.0", "hello");
  for (let i = 1; blockCount(fs) < 2; i++) put(fs, `foo.${i}`, "hello");
  const seq = put(fs, "foo.0", "hello");
  const msg = new StoredMsg();
  assertEquals([fs.loadLastMsg("foo.0", msg), msg.seq], [LoadCode.Found, seq]);
  await fs.stop();
  Deno.statSync(`${stores.dir}/msgs/index.db`);
  fs = stores.open(config, { blockBytes: 256 });
  assertEquals([fs.loadLastMsg("foo.0", msg), msg.seq], [LoadCode.Found, seq]);
  assertEquals(msg.subject(), "foo.0");
  assertEquals(subjectInfo(fs, "foo.0"), [1, 2, 2]);
  await fs.stop();
});

Deno.test("TestFileStoreNumPendingMulti", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["ev.*"] });
  const total = 100_000;
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  let state = seed;
  const random = (n: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * n);
  };
  const start = 5_000 + random(90_000);
  const subjects = Array.from({ length: 10_000 }, (_, i) => `ev.${random(1 << 30)}X${i}`);
  const payload = new Uint8Array(999).fill(90);
  for (let i = 0; i < total; i++) put(fs, subjects[random(subjects.length)]!, payload);
  const filters = new GenericSublist<null>();
  while (filters.count() < 5000) {
    const filter = subjects[random(subjects.length)]!;
    if (!filters.hasInterest(filter)) filters.insert(filter, null);
  }
  const { total: pending } = fs.numPendingMulti(start, filters, false);
  let expected = 0;
  const msg = new StoredMsg();
  for (let seq = start; seq <= total; seq++) {
    assertEquals(fs.loadMsg(seq, msg), LoadCode.Found);
    if (filters.hasInterest(msg.subject())) expected++;
  }
  assertEquals(pending, expected);
  await fs.stop();
});

Deno.test("TestFileStoreAllLastSeqs", async () => {
  using stores = plainStores();
  // Written at the end of the turn: 100,000 single writes show nothing more.
  const fs = stores.open({ subjects: ["*.*"], maxMsgsPerSubject: 50 }, { asyncFlush: true });
  const subjects = ["foo.foo", "foo.bar", "foo.baz", "bar.foo", "bar.bar", "bar.baz"];
  for (let i = 0; i < 100_000; i++) {
    put(fs, subjects[Math.floor(Math.random() * subjects.length)]!, "abc");
  }
  const msg = new StoredMsg();
  const expected = subjects.map((subject) => {
    assertEquals(fs.loadLastMsg(subject, msg), LoadCode.Found);
    return msg.seq;
  });
  assertEquals(fs.allLastSeqs(), expected.sort((a, b) => a - b));
  await fs.stop();
});

Deno.test("TestFileStoreSubjectForSeq", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.>"] });
  assertEquals(put(fs, "foo.bar"), 1);
  assertEquals(fs.subjectForSeq(0), null);
  assertEquals(fs.subjectForSeq(1), "foo.bar");
  assertEquals(fs.subjectForSeq(2), null);
  await fs.stop();
});

Deno.test("TestFileStoreFirstMatchingMultiExpiry", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["foo.>"] });
    for (const payload of ["A", "B", "C"]) put(fs, "foo.foo", payload);
    // What is read through loses its records only when the block is not written any more.
    fs.core.newBlock();
    const block = fs.core.blocks[0]!;
    dropBlockCache(block);
    const filters = sublistOf(["foo.foo"]);
    const msg = new StoredMsg();
    for (const seq of [1, 2, 3]) {
      assert(firstMatching(block, filterOfList(filters), seq, msg));
      assertEquals(msg.seq, seq);
      assertEquals(block.isReadThrough(msg.seq), seq === 3);
    }
    block.lastLoadedSeq = 0;
    for (const seq of [1, 2, 3]) {
      assertEquals(fs.loadNextMsgMulti(filters, seq, msg), LoadCode.Found);
      assertEquals(block.cache === null, seq === 3);
    }
    await fs.stop();
  }));

for (
  const [name, multi] of [
    ["TestFileStoreLoadNextMsgSkipAhead", false],
    ["TestFileStoreLoadNextMsgMultiSkipAhead", true],
  ] as const
) {
  Deno.test(name, async (t) => {
    for (const single of [true, false]) {
      for (const fromHead of [true, false]) {
        await t.step(
          `${single ? "Single" : "Multi"}/${fromHead ? "Head" : "Interior"}`,
          (t) =>
            eachFileStore(t, async ({ open }) => {
              const fs = open({ subjects: [">"] });
              for (let i = 0; i < 10; i++) {
                put(fs, !single && i % 2 === 0 ? "c" : "a");
                if ((i + 1) % 2 === 0) fs.core.newBlock();
              }
              put(fs, "b");
              for (const block of fs.core.blocks) block.touched = false;
              const start = fromHead ? 0 : 3;
              const msg = new StoredMsg();
              const code = multi
                ? fs.loadNextMsgMulti(sublistOf(["b", "d"]), start, msg)
                : fs.loadNextMsg("b", start, msg);
              assertEquals([code, msg.seq], [LoadCode.Found, 11]);
              for (const block of fs.core.blocks) {
                const mayLook = block.index === 6 || (block.index === 2 && !fromHead);
                assertEquals(block.touched, mayLook, `block ${block.index}`);
              }
              await fs.stop();
            }),
        );
      }
    }
  });
}

Deno.test("TestFileStoreDontLoadSubjectStateIfNotPurged", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: [">"] });
  put(fs, "foo");
  const block = fs.core.blocks[0]!;
  block.subjects = null;
  assertEquals(fs.purgeEx("bar", 0, 0), 0);
  assertEquals(block.subjects, null);
  await fs.stop();
});

Deno.test("TestFileStoreOnlyLoadSubjectStateOnBlocksWithinInterestRange", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: [">"] });
  put(fs, "foo");
  fs.core.newBlock();
  put(fs, "bar");
  const blocks = fs.core.blocks.slice();
  for (const block of blocks) block.subjects = null;
  for (const block of blocks) block.touched = false;
  assertEquals(fs.purgeEx("bar", 0, 0), 1);
  // The second block is emptied and goes; only it was looked into.
  assertEquals(blocks.map((block) => block.touched), [false, true]);
  assertEquals(blocks[0]!.subjects, null);
  await fs.stop();
});

Deno.test("TestFileStoreRemovePerSubjectWithMultipleBlocks", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: [">"] });
  put(fs, "foo");
  fs.core.newBlock();
  put(fs, "foo");
  assertEquals(firstSeqOf(fs.core, "foo"), 1);
  assert(fs.removeMsg(2));
  assertEquals(firstSeqOf(fs.core, "foo"), 1);
  await fs.stop();
});

Deno.test("TestFileStoreGeneratePerSubjectInfoFssNilOnError", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo"] });
  put(fs, "foo", "hello");
  const block = fs.core.lastBlock!;
  // Damage in the file, found while the subjects are collected.
  dropBlockCache(block);
  block.subjects = null;
  Deno.writeFileSync(block.path, new Uint8Array(Deno.statSync(block.path).size));
  assertEquals(subjectsOf(block).size(), 0);
  assertEquals(fs.state().lost?.msgs, [1]);
  assertEquals(figures(fs)[0], 0);
  await fs.stop();
});

Deno.test("TestFileStoreMultiLastSeqsDoesNotReorderConfigSubjects", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["orders.*", "billing.*"] });
  put(fs, "orders.1", "x");
  put(fs, "billing.1", "x");
  fs.multiLastSeqs(["orders.*", "billing.*"], 0, 0);
  assertEquals(fs.core.config.subjects, ["orders.*", "billing.*"]);
  await fs.stop();
});

Deno.test("TestFileStoreSubjectForSeqAliasRace", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.>"] }, { blockBytes: 1024 });
  const subjects = Array.from(
    { length: 256 },
    (_, i) => `foo.seq-${String(i + 1).padStart(5, "0")}-${"A".repeat(40)}`,
  );
  for (const subject of subjects) put(fs, subject, "payload");
  assert(blockCount(fs) >= 4);
  // Subjects that were returned stay what they are while caches go and are loaded again.
  const held: [number, string][] = [];
  for (let round = 0; round < 8; round++) {
    for (let i = 0; i < 256; i++) {
      const seq = Math.floor(Math.random() * 256) + 1;
      const subject = fs.subjectForSeq(seq);
      assert(subject !== null);
      held.push([seq, subject]);
      if (i % 16 === 0) { for (const block of fs.core.blocks) dropBlockCache(block); }
    }
  }
  for (const [seq, subject] of held) assertEquals(subject, subjects[seq - 1]);
  await fs.stop();
});
