// Ports: server/filestore_test.go: counts, states and last sequences by subject.
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import { BlockSubject } from "../../../src/store/file/block/msg_block.ts";
import { refreshSubject } from "../../../src/store/file/block/subjects.ts";
import { subjectIsSubsetMatch } from "../../../src/subject/mod.ts";
import { realEnvironment } from "../../sim/environment.ts";
import { eachFileStore, get, put } from "../../sim/store_permutations.ts";
import { blockCount, plainStores, WatchedDisk } from "./_filestore.ts";

const below = (limit: number) => Math.floor(Math.random() * limit);

Deno.test("TestFileStoreAllFilteredStateWithDeleted", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["foo"] }, { blockBytes: 1024 });
    for (let i = 0; i < 100; i++) put(fs, "foo", "Hello World");
    const remove = (...seqs: number[]) => {
      for (const seq of seqs) assertEquals(fs.removeMsg(seq), true);
    };
    const check = (start: number, msgs: number, first: number, last: number) =>
      assertEquals(fs.filteredState(start, ""), { msgs, first, last });
    check(1, 100, 1, 100);
    remove(2);
    check(2, 98, 3, 100);
    remove(3, 4, 5);
    check(2, 95, 6, 100);
    check(6, 95, 6, 100);
    remove(8, 10, 12, 14, 16, 18);
    check(7, 88, 7, 100);
    fs.purge();
    check(0, 0, 101, 100);
    await fs.stop();
  }));

Deno.test("TestFileStoreSubjectsTotals", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["*.*"] });
  const counts = { foo: new Map<string, number>(), bar: new Map<string, number>() };
  for (let i = 0; i < 10_000; i++) {
    const prefix = below(2) === 0 ? "foo" : "bar";
    const subject = `${prefix}.${below(100)}`;
    counts[prefix].set(subject, (counts[prefix].get(subject) ?? 0) + 1);
    put(fs, subject, "Hello World");
  }
  for (const [subject, count] of counts.foo) {
    assertEquals(fs.subjectsTotals(subject).get(subject), count);
  }
  const sum = (totals: Map<string, number>) => [...totals.values()].reduce((a, b) => a + b, 0);
  for (const prefix of ["foo", "bar"] as const) {
    const totals = fs.subjectsTotals(`${prefix}.*`);
    assertEquals(totals.size, counts[prefix].size);
    assertEquals(sum(totals), sum(counts[prefix]));
  }
  assertEquals(fs.subjectsTotals("*.*").size, counts.foo.size + counts.bar.size);
  await fs.stop();
});

Deno.test("TestFileStoreNumPendingLargeNumBlks", async () => {
  const watched = new WatchedDisk();
  using stores = plainStores({ ...realEnvironment(), disk: watched.disk() });
  const fs = stores.open({ subjects: ["zzz"] }, { blockBytes: 128 });
  // A fifth of Go's 10,000 messages, a block for each.
  for (let i = 0; i < 2000; i++) put(fs, "zzz", "X".repeat(100));
  assertEquals(blockCount(fs), 2000);
  // Go limits the time it takes, to 15 and 25 ms; here the blocks that are read tell the same.
  const pending = (start: number, readsMax: number) => {
    watched.blockReads = 0;
    const startMs = performance.now();
    const { total } = fs.numPending(start, "zzz", false);
    assert(performance.now() - startMs < 500);
    assert(watched.blockReads <= readsMax, `${watched.blockReads} blocks read`);
    return total;
  };
  assertEquals(pending(800, 800), 1201);
  assertEquals(pending(1200, 801), 801);
  fs.removeMsg(200);
  fs.removeMsg(1800);
  assertEquals(pending(800, 2), 1200);
  assertEquals(pending(1200, 2), 800);
  await fs.stop();
});

Deno.test("TestFileStoreRecaluclateFirstForSubjBug", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["*"] });
  for (const subject of ["foo", "bar", "foo"]) put(fs, subject);
  fs.removeMsg(1);
  fs.removeMsg(2);
  const block = fs.core.blocks[0]!;
  const state = new BlockSubject();
  Object.assign(state, { msgs: 1, first: 1, last: 3, firstStale: true });
  block.dropCache();
  refreshSubject(block, "foo", state);
  assertEquals([state.msgs, state.first, state.last, state.firstStale], [1, 3, 3, false]);
  await fs.stop();
});

Deno.test("TestFileStoreNumPendingLastBySubject", async () => {
  const watched = new WatchedDisk();
  using stores = plainStores({ ...realEnvironment(), disk: watched.disk() });
  const fs = stores.open({ subjects: ["foo.*.*"] }, { blockBytes: 1024 });
  for (let i = 1; i <= 1000; i++) put(fs, `foo.${below(20) + 1}.${i}`, "ABC".repeat(25));
  assert(blockCount(fs) > 100);
  watched.blockReads = 0;
  assertEquals(fs.numPending(0, "foo.*.*", true).total, 1000);
  assertEquals(watched.blockReads, 0);
  for (const filter of ["foo.10.*", "*.22.*", "*.*.222", "foo.5.999", "*.2.*"]) {
    const start = below(250) + 200;
    let expected = 0;
    for (let seq = start; seq <= 1000; seq++) {
      if (subjectIsSubsetMatch(get(fs, seq)!.subject, filter)) expected++;
    }
    assertEquals(fs.numPending(start, filter, true).total, expected, `${filter} from ${start}`);
  }
  await fs.stop();
});

Deno.test("TestFileStoreMultiLastSeqs", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*", "bar.*"] }, { blockBytes: 256 });
  for (const prefix of ["foo", "bar"]) {
    for (let i = 0; i < 33; i++) {
      for (const name of ["foo", "bar", "baz"]) put(fs, `${prefix}.${name}`, "abc");
    }
  }
  const check = (filters: string[], maxSeq: number, expected: number[]) =>
    assertEquals(fs.multiLastSeqs(filters, maxSeq, -1), expected);
  check(["foo.*"], 3, [1, 2, 3]);
  check(["foo.*"], 0, [97, 98, 99]);
  check(["bar.*"], 0, [196, 197, 198]);
  check(["bar.*"], 99, []);
  const foos = ["foo.foo", "foo.bar", "foo.baz"];
  const bars = ["bar.foo", "bar.bar", "bar.baz"];
  check(foos, 3, [1, 2, 3]);
  check(foos, 0, [97, 98, 99]);
  check(bars, 0, [196, 197, 198]);
  check(bars, 99, []);
  check(["foo.foo"], 3, [1]);
  check(["foo.*", "foo.bar"], 3, [1, 2, 3]);
  check(["bar.>", "bar.bar", "bar.baz"], 0, [196, 197, 198]);
  check([">"], 0, [97, 98, 99, 196, 197, 198]);
  check([">"], 99, [97, 98, 99]);
  await fs.stop();
});

Deno.test("TestFileStoreMultiLastSeqsMaxAllowed", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*"] });
  for (let i = 1; i <= 100; i++) put(fs, `foo.${i}`, "abc");
  const error = assertThrows(() => fs.multiLastSeqs(["foo.*"], 0, 10), StoreError);
  assertEquals(error.code, "too_many_results");
  await fs.stop();
});
