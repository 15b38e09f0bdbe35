// Ports: server/filestore_test.go: messages that grow too old.
import { assert, assertEquals } from "@std/assert";
import type { FileStore } from "../../../src/store/file/file_store.ts";
import { eachFileStore, get, put } from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";
import { blockCount } from "./_filestore.ts";

const ABOUT_100 = "ABC".repeat(33);

Deno.test("TestFileStoreAgeLimit", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ open }) => {
    const fs = open({ maxAgeNs: 1_000_000_000n }, { blockBytes: 256 });
    const checkExpired = () => {
      time.advance(1500);
      assertEquals([fs.state().msgs, fs.state().bytes], [0, 0]);
    };
    // A tenth of Go's 500 messages where each block is also sealed and synced.
    const isPlain = fs.core.keys === null && fs.core.compression === "none";
    const count = isPlain ? 500 : 50;
    for (let i = 0; i < count; i++) put(fs, "foo", "Hello World");
    assertEquals(fs.state().msgs, count);
    checkExpired();
    for (let i = 0; i < count; i++) put(fs, "foo", "Hello World");
    assertEquals(fs.state().msgs, count);
    for (let i = 0; i < 4; i++) fs.removeMsg(count + 2 + i * (count / 5));
    checkExpired();
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreAgeLimitRecovery", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ open }) => {
    const config = { subjects: ["foo"], maxAgeNs: 1_000_000_000n };
    let fs = open(config, { cacheExpireMs: 1 });
    for (let i = 0; i < 100; i++) put(fs, "foo", "Hello World");
    assertEquals(fs.state().msgs, 100);
    await fs.stop();
    time.advance(1000);
    fs = open(config);
    time.advance(1000);
    assertEquals([fs.state().msgs, fs.state().bytes], [0, 0]);
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreExpireMsgsOnStart", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ dir, open }) => {
    const ttlMs = 250;
    const config = { subjects: ["orders.*"], maxAgeNs: 250_000_000n };
    const start = () => open(config, { blockBytes: 8 * 1024 });
    let fs: FileStore | null = null;
    const fresh = async () => {
      if (fs !== null) await fs.stop();
      await Deno.remove(dir, { recursive: true }).catch(() => {});
      return fs = start();
    };
    const restart = async (delayMs: number) => {
      await fs!.stop();
      time.advance(delayMs);
      return fs = start();
    };
    const load = (count: number) => {
      for (let i = 1; i <= count; i++) put(fs!, `orders.${i % 10}`, ABOUT_100);
    };
    const checkState = (msgs: number, firstSeq: number, lastSeq: number) => {
      const state = fs!.state();
      assertEquals([state.msgs, state.firstSeq, state.lastSeq], [msgs, firstSeq, lastSeq]);
    };
    const checkFiltered = (subject: string, msgs: number, first: number, last: number) =>
      assertEquals(fs!.filteredState(1, subject), { msgs, first, last });

    await fresh();
    load(500);
    await restart(ttlMs + 100);
    checkState(0, 501, 500);
    assertEquals(blockCount(fs!), 1);

    await fresh();
    load(10);
    time.advance(100);
    load(10);
    checkFiltered("orders.*", 20, 1, 20);
    await restart(ttlMs - 75);
    checkState(10, 11, 20);
    assertEquals(blockCount(fs!), 1);
    checkFiltered("orders.*", 10, 11, 20);
    checkFiltered("orders.5", 1, 15, 15);

    await fresh();
    load(5);
    time.advance(100);
    load(15);
    await restart(ttlMs - 75);
    checkState(15, 6, 20);
    checkFiltered("orders.*", 15, 6, 20);
    checkFiltered("orders.5", 2, 10, 20);

    // The end of a block is all deletes.
    await fresh();
    load(150);
    time.advance(100);
    load(100);
    assertEquals(blockCount(fs!), 5);
    const last = fs!.core.blocks[0]!.lastSeq;
    for (let seq = last; seq > last - 10; seq--) assertEquals(fs!.removeMsg(seq), true);
    await restart(ttlMs - 75);
    checkState(100, 151, 250);
    assertEquals(blockCount(fs!), 3);

    // Interior deletes go with what expires.
    await fresh();
    load(10);
    for (const seq of [2, 4, 6]) fs!.removeMsg(seq);
    time.advance(100);
    load(10);
    await restart(ttlMs - 75);
    checkState(10, 11, 20);
    assertEquals(blockCount(fs!), 1);

    // A block that ends with deleted messages.
    await fresh();
    load(7);
    time.advance(100);
    load(3);
    for (const seq of [8, 9, 10]) fs!.removeMsg(seq);
    await restart(ttlMs - 75);
    checkState(0, 11, 10);

    // Compacting keeps the subjects right.
    await fresh();
    load(100);
    checkFiltered("orders.*", 100, 1, 100);
    checkFiltered("orders.5", 10, 5, 95);
    fs!.compact(51);
    checkFiltered("orders.*", 50, 51, 100);
    checkFiltered("orders.5", 5, 55, 95);
    await fs!.stop();
  }, time.environment());
});

Deno.test("TestFileStoreRememberLastMsgTime", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ open }) => {
    const config = { maxAgeNs: 1_000_000_000n };
    let fs = open(config);
    const restart = async () => {
      await fs.stop();
      fs = open(config);
    };
    // 64 KiB of Go's 2 MiB: the size plays no part.
    const payload = new Uint8Array(64 * 1024);
    const store = (): { seq: number; ns: bigint } => {
      time.advance(3);
      const seq = put(fs, "foo", payload);
      return { seq, ns: get(fs, seq)!.ns };
    };
    let stored = store();
    assertEquals(fs.removeMsg(stored.seq), true);
    assertEquals(fs.state().lastTimeNs, stored.ns);
    await restart();
    assertEquals(fs.state().lastTimeNs, stored.ns);

    stored = store();
    fs.purge();
    await restart();
    assertEquals(fs.state().lastTimeNs, stored.ns);

    store();
    stored = store();
    assertEquals(stored.seq, 4);
    time.advance(2000);
    assertEquals(fs.state().msgs, 0);
    await restart();
    assertEquals(fs.state().lastTimeNs, stored.ns);

    store();
    stored = store();
    assertEquals(stored.seq, 6);
    assertEquals(fs.removeMsg(6), true);
    assertEquals(fs.removeMsg(5), true);
    await restart();
    assertEquals(fs.state().lastTimeNs, stored.ns);
    assertEquals(fs.state().lastSeq, 6);
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreShortIndexWriteBug", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ open }) => {
    const config = { maxAgeNs: 1_000_000_000n };
    let fs = open(config);
    for (let i = 0; i < 100; i++) put(fs, "foo");
    time.advance(2000);
    assertEquals([fs.state().msgs, fs.state().firstSeq], [0, 101]);
    await fs.stop();
    fs = open(config);
    assertEquals([fs.state().firstSeq, fs.state().lastSeq], [101, 100]);
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreEncryptedKeepIndexNeedBekResetBug", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ open }) => {
    const fs = open({ maxAgeNs: 1_000_000_000n });
    for (let i = 0; i < 5; i++) put(fs, "foo", "ouch");
    time.advance(2000);
    assertEquals(fs.state().msgs, 0);
    for (let i = 0; i < 5; i++) put(fs, "foo", "ouch");
    fs.core.lastBlock!.dropCache();
    assertEquals(fs.core.lastBlock!.cache, null);
    assertEquals(get(fs, 10)?.payload, "ouch");
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreFSSCloseAndKeepOnExpireOnRecoverBug", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ open }) => {
    const config = { subjects: ["foo"], maxAgeNs: 100_000_000n };
    let fs = open(config);
    put(fs, "foo");
    await fs.stop();
    time.advance(200);
    fs = open(config);
    assertEquals(fs.state().numSubjects, 0);
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreExpireOnRecoverSubjectAccounting", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ open }) => {
    const config = { subjects: ["*"], maxAgeNs: 200_000_000n };
    const payload = "A".repeat(19);
    let fs = open(config, { blockBytes: 100 });
    put(fs, "A", payload);
    put(fs, "B", payload);
    time.advance(100);
    put(fs, "C", payload);
    assertEquals(blockCount(fs), 2);
    await fs.stop();
    time.advance(110);
    fs = open(config, { blockBytes: 100 });
    assertEquals(fs.state().numSubjects, 1);
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreBadFirstAndFailedExpireAfterRestart", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ open }) => {
    const config = { subjects: ["foo"], maxAgeNs: 1_000_000_000n };
    const startMs = time.nowMs;
    let fs = open(config, { blockBytes: 256 });
    for (let i = 0; i < 7; i++) put(fs, "foo", "ZZ");
    // Go's own timer expires the first ones meanwhile as well.
    time.advance(1500);
    const seq = put(fs, "foo", "ZZ");
    put(fs, "foo", "ZZ");
    assertEquals(fs.core.lastBlock!.firstSeq, 8);
    fs.removeMsg(seq);
    await fs.stop();
    time.advance(Math.max(0, 2000 - (time.nowMs - startMs)));
    fs = open(config, { blockBytes: 256 });
    const { msgs, firstSeq, firstTimeNs } = fs.state();
    assertEquals([msgs, firstSeq], [1, 9]);
    assert(firstTimeNs > 0n);
    time.advance(2000);
    const state = fs.state();
    assertEquals([state.msgs, state.firstSeq, state.lastSeq], [0, 10, 9]);
    assertEquals(state.lastTimeNs, firstTimeNs);
    await fs.stop();
  }, time.environment());
});
