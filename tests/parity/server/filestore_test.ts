// Ports: server/filestore_test.go
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { FileStore } from "../../../src/store/file/file_store.ts";
import { streamStoreConfig } from "../../../src/store/config.ts";
import { StoreError } from "../../../src/store/errors.ts";
import { recordSize } from "../../../src/store/file/format/record.ts";
import { filteredPending } from "../../../src/store/file/block/search.ts";
import { MsgFilter } from "../../../src/store/msg_filter.ts";
import { bytesOf, eachFileStore, get, NO_BYTES, put } from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";
import { realEnvironment, temporaryDirectory } from "../../sim/environment.ts";

const HELLO = "Hello World";
const numbered = (i: number) => `[${String(i).padStart(8, "0")}] Hello World!`;

Deno.test("TestFileStoreBasics", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ open }) => {
    const fs = open();
    for (let i = 1; i <= 5; i++) {
      const nowNs = BigInt(time.nowMs) * 1_000_000n;
      assertEquals(put(fs, "foo", HELLO), i);
      const ts = fs.state().lastTimeNs;
      assert(ts >= nowNs && ts <= nowNs + 1_000_000n);
    }
    assertEquals(fs.state().msgs, 5);
    assertEquals(fs.state().bytes, 5 * recordSize(3, 0, HELLO.length));
    assertEquals(get(fs, 2)?.subject, "foo");
    assertEquals(get(fs, 2)?.payload, HELLO);
    assert(get(fs, 3) !== null);
    for (const [seq, left] of [[1, 4], [5, 3], [3, 2]] as const) {
      assertEquals(fs.removeMsg(seq), true);
      assertEquals(fs.state().msgs, left);
    }
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreMsgHeaders", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    const hdr = "name:derek";
    assertEquals(recordSize(3, hdr.length, HELLO.length), 22 + 3 + 4 + 10 + 11 + 8);
    fs.storeMsg("foo", bytesOf(hdr), bytesOf(HELLO), 0);
    assertEquals(get(fs, 1)?.payload, HELLO);
    assertEquals(get(fs, 1)?.headers, hdr);
    assertEquals(fs.eraseMsg(1), true);
    await fs.stop();
  }));

Deno.test("TestFileStoreBasicWriteMsgsAndRestore", (t) =>
  eachFileStore(t, async ({ open }) => {
    assertThrows(() => open({ storage: "memory" }), StoreError);
    assertThrows(() => open({ name: "" }), StoreError, "name required");
    let fs = open();
    for (let i = 1; i <= 100; i++) assertEquals(put(fs, "foo", numbered(i)), i);
    assertEquals(fs.state().msgs, 100);
    const bytes = 100 * recordSize(3, 0, numbered(22).length);
    assertEquals(fs.state().bytes, bytes);
    await fs.stop();
    assertThrows(() => put(fs, "foo", "no work"), StoreError, "store is closed");
    fs = open();
    assertEquals([fs.state().msgs, fs.state().bytes], [100, bytes]);
    for (let i = 101; i <= 200; i++) assertEquals(put(fs, "foo", numbered(i)), i);
    assertEquals(fs.state().msgs, 200);
    await fs.stop();
    fs = open();
    assertEquals([fs.state().msgs, fs.state().bytes], [200, 2 * bytes]);
    fs.purge();
    await fs.stop();
    fs = open();
    assertEquals([fs.state().msgs, fs.state().bytes], [0, 0]);
    const seq = put(fs, "foo", "Hello");
    fs.removeMsg(seq);
    await fs.stop();
    fs = open();
    assertEquals(fs.state().firstSeq, seq + 1);
    await fs.stop();
  }));

Deno.test("TestFileStoreSelectNextFirst", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({}, { blockBytes: 256 });
    for (let i = 0; i < 10; i++) put(fs, "zzz", HELLO);
    assertEquals(fs.state().msgs, 10);
    assertEquals(fs.core.blockOf(1)?.msgs, 5);
    for (let i = 2; i <= 7; i++) fs.removeMsg(i);
    assertEquals([fs.state().msgs, fs.state().firstSeq], [4, 1]);
    fs.removeMsg(1);
    assertEquals([fs.state().msgs, fs.state().firstSeq], [3, 8]);
    await fs.stop();
  }));

Deno.test("TestFileStoreSkipMsg", (t) =>
  eachFileStore(t, async ({ open }) => {
    let fs = open({}, { blockBytes: 256 });
    for (let i = 0; i < 10; i++) fs.skipMsg(0);
    assertEquals([fs.state().msgs, fs.state().firstSeq, fs.state().lastSeq], [0, 11, 10]);
    put(fs, "zzz", "Hello World!");
    fs.skipMsg(0);
    fs.skipMsg(0);
    put(fs, "zzz", "Hello World!");
    fs.skipMsg(0);
    const check = () =>
      assertEquals([fs.state().msgs, fs.state().firstSeq, fs.state().lastSeq], [2, 11, 15]);
    check();
    await fs.stop();
    fs = open({}, { blockBytes: 256 });
    check();
    assertEquals([get(fs, 11)?.subject, get(fs, 11)?.payload], ["zzz", "Hello World!"]);
    fs.skipMsg(0);
    assertEquals(put(fs, "AAA", "Skip?"), 17);
    await fs.stop();
    fs = open({}, { blockBytes: 256 });
    assertEquals([get(fs, 17)?.subject, get(fs, 17)?.payload], ["AAA", "Skip?"]);
    await fs.stop();
  }));

Deno.test("TestFileStoreMsgLimit", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ maxMsgs: 10 });
    for (let i = 0; i < 10; i++) put(fs, "foo", HELLO);
    assertEquals(fs.state().msgs, 10);
    put(fs, "foo", HELLO);
    assertEquals([fs.state().msgs, fs.state().firstSeq, fs.state().lastSeq], [10, 2, 11]);
    assertEquals(get(fs, 1), null);
    await fs.stop();
  }));

Deno.test("TestFileStoreMsgLimitBug", (t) =>
  eachFileStore(t, async ({ open }) => {
    let fs = open({ maxMsgs: 1 });
    put(fs, "foo", HELLO);
    put(fs, "foo", HELLO);
    await fs.stop();
    fs = open({ maxMsgs: 1 });
    put(fs, "foo", HELLO);
    await fs.stop();
  }));

Deno.test("TestFileStoreBytesLimit", (t) =>
  eachFileStore(t, async ({ open }) => {
    const size = recordSize(3, 0, 512);
    const fs = open({ maxBytes: size * 1024 });
    const msg = new Uint8Array(512);
    for (let i = 0; i < 1024; i++) put(fs, "foo", msg);
    assertEquals([fs.state().msgs, fs.state().bytes], [1024, size * 1024]);
    for (let i = 0; i < 10; i++) put(fs, "foo", msg);
    const state = fs.state();
    assertEquals([state.msgs, state.bytes], [1024, size * 1024]);
    assertEquals([state.firstSeq, state.lastSeq], [11, 1034]);
    await fs.stop();
  }));

Deno.test("TestFileStoreBytesLimitWithDiscardNew", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ maxBytes: 100, discard: "new" });
    const msg = new Uint8Array(7);
    for (let i = 0; i < 10; i++) {
      if (i < 2) put(fs, "tiny", msg);
      else assertThrows(() => put(fs, "tiny", msg), StoreError, "maximum bytes exceeded");
    }
    assertEquals([fs.state().msgs, fs.state().bytes], [2, 2 * recordSize(4, 0, 7)]);
    await fs.stop();
  }));

Deno.test("TestFileStoreTimeStamps", (t) => {
  const time = new VirtualTime();
  return eachFileStore(t, async ({ open }) => {
    const fs = open();
    let last = BigInt(time.nowMs) * 1_000_000n;
    for (let i = 0; i < 10; i++) {
      time.advance(5);
      put(fs, "foo", HELLO);
    }
    for (let seq = 1; seq <= 10; seq++) {
      const { ns } = get(fs, seq)!;
      assert(ns > last);
      last = ns;
    }
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreCompact", (t) =>
  eachFileStore(t, async ({ open }) => {
    let fs = open({}, { blockBytes: 350 });
    for (let i = 0; i < 10; i++) put(fs, "foo", HELLO);
    assertEquals(fs.state().msgs, 10);
    assertEquals(fs.compact(6), 5);
    assertEquals([fs.state().msgs, fs.state().firstSeq], [5, 6]);
    assertEquals(fs.compact(100), 5);
    assertEquals(fs.state().firstSeq, 100);
    await fs.stop();
    fs = open({}, { blockBytes: 350 });
    assertEquals(fs.state().firstSeq, 100);
    await fs.stop();
  }));

Deno.test("TestFileStoreCompactLastPlusOne", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({}, { blockBytes: 8192, asyncFlush: true });
    // A file per message: a tenth of Go's 10,000 once, fewer where each is also sealed and synced.
    const isPlain = fs.core.keys === null && fs.core.compression === "none";
    const count = isPlain ? 1000 : 100;
    const msg = new Uint8Array(10_000);
    for (let i = 0; i < count; i++) put(fs, "foo", msg);
    fs.flushAllPending();
    assertEquals(fs.state().msgs, count);
    fs.compact(count + 1);
    assertEquals(fs.state().msgs, 0);
    put(fs, "foo", msg);
    assertEquals(fs.state().msgs, 1);
    await fs.stop();
  }));

Deno.test("TestFileStoreCompactMsgCountBug", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    for (let i = 0; i < 10; i++) put(fs, "foo", HELLO);
    assertEquals(fs.state().msgs, 10);
    for (const seq of [2, 3, 4]) fs.eraseMsg(seq);
    for (const seq of [7, 8, 9]) fs.removeMsg(seq);
    assertEquals(fs.compact(6), 2);
    assertEquals(fs.state().msgs, 2);
    await fs.stop();
  }));

Deno.test("TestFileStoreRemovePartialRecovery", (t) =>
  eachFileStore(t, async ({ open }) => {
    let fs = open({ subjects: ["foo"] });
    for (let i = 0; i < 100; i++) put(fs, "foo", HELLO);
    assertEquals(fs.state().msgs, 100);
    for (let i = 1; i <= 50; i++) fs.removeMsg(i);
    const before = fs.state();
    assertEquals(before.msgs, 50);
    await fs.stop();
    fs = open({ subjects: ["foo"] });
    assertEquals(fs.state(), before);
    await fs.stop();
  }));

Deno.test("TestFileStoreEraseMsg", async () => {
  using dir = temporaryDirectory();
  const config = streamStoreConfig({ name: "zzz" });
  const fs = new FileStore(realEnvironment(), { storeDir: `${dir.path}/S` }, config);
  put(fs, "foo", HELLO);
  put(fs, "foo", HELLO);
  assertEquals(get(fs, 1)?.payload, HELLO);
  assertEquals(fs.eraseMsg(1), true);
  assertEquals(get(fs, 1), null);
  fs.flushAllPending();
  const onDisk = Deno.readFileSync(`${dir.path}/S/msgs/1.blk`);
  const view = new DataView(onDisk.buffer);
  assertEquals(view.getUint32(0, true), recordSize(3, 0, HELLO.length));
  assertEquals(view.getUint16(20, true), 0);
  assert((view.getUint32(8, true) & 0x80000000) !== 0);
  assertEquals([view.getUint32(12, true), view.getUint32(16, true)], [0, 0]);
  assertNotEquals(onDisk.subarray(25, 36), bytesOf(HELLO));
  await fs.stop();
});

Deno.test("TestFileStoreWriteAndReadSameBlock", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    for (let i = 1; i <= 10; i++) {
      put(fs, "foo", "Hello World!");
      assert(get(fs, i) !== null);
    }
    await fs.stop();
  }));

Deno.test("TestFileStoreAndRetrieveMultiBlock", (t) =>
  eachFileStore(t, async ({ open }) => {
    const options = { blockBytes: 4 * recordSize(3, 0, 12) };
    let fs = open({}, options);
    for (let i = 0; i < 20; i++) put(fs, "foo", "Hello World!");
    assertEquals(fs.state().msgs, 20);
    await fs.stop();
    fs = open({}, options);
    for (let i = 1; i <= 20; i++) assert(get(fs, i) !== null);
    await fs.stop();
  }));

Deno.test("TestFileStoreStreamStateDeleted", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open();
    for (let i = 1; i <= 10; i++) put(fs, "foo", numbered(i));
    assertEquals(fs.state().deleted, []);
    for (let seq = 2; seq < 10; seq += 2) fs.removeMsg(seq);
    assertEquals(fs.state().deleted, [2, 4, 6, 8]);
    fs.removeMsg(1);
    fs.removeMsg(3);
    assertEquals(fs.state().deleted, [6, 8]);
    assertEquals(fs.state().firstSeq, 5);
    fs.purge();
    assertEquals(fs.state().deleted, []);
    await fs.stop();
  }));

Deno.test("TestFileStorePurgeExKeepOneBug", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["*"] }, { blockBytes: 128 });
    const fill = "X".repeat(128);
    put(fs, "A", "META");
    put(fs, "B", fill);
    put(fs, "A", "META");
    put(fs, "B", fill);
    assertEquals(fs.filteredState(1, "A").msgs, 2);
    assertEquals(fs.purgeEx("A", 0, 1), 1);
    assertEquals(fs.filteredState(1, "A").msgs, 1);
    await fs.stop();
  }));

Deno.test("TestFileStoreFilteredPendingBug", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["*"] });
    for (const subject of ["foo", "bar", "baz"]) put(fs, subject, "msg");
    const pending = filteredPending(fs.core.lastBlock!, new MsgFilter("foo"), 3);
    assertEquals(pending, { msgs: 0, first: 0, last: 0 });
    await fs.stop();
  }));

Deno.test("a store with a missing key says so", async () => {
  using dir = temporaryDirectory();
  const env = realEnvironment();
  const config = streamStoreConfig({ name: "zzz" });
  const options = { storeDir: `${dir.path}/S`, keyGen: () => new Uint8Array(32).fill(7) };
  const fs = new FileStore(env, options, config);
  fs.storeMsg("foo", NO_BYTES, bytesOf(HELLO), 0);
  await fs.stop();
  const open = () => new FileStore(env, { storeDir: options.storeDir }, config);
  assertThrows(open, StoreError, "encrypted store encountered with no main key");
});
