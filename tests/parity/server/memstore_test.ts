// Ports: server/memstore_test.go
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import { memoryMsgSize } from "../../../src/store/memory/memory_store.ts";
import { FastState } from "../../../src/store/stream_store.ts";
import { bytesOf, get, memoryStore, put } from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";

const HELLO = "Hello World";

Deno.test("TestMemStoreBasics", async () => {
  const time = new VirtualTime();
  const ms = memoryStore({}, time.environment());
  const nowNs = BigInt(time.nowMs) * 1_000_000n;
  assertEquals(put(ms, "foo", HELLO), 1);
  const state = ms.state();
  assert(state.lastTimeNs >= nowNs && state.lastTimeNs <= nowNs + 1_000_000n);
  assertEquals([state.msgs, state.bytes], [1, memoryMsgSize(3, 0, HELLO.length)]);
  assertEquals([get(ms, 1)?.subject, get(ms, 1)?.payload], ["foo", HELLO]);
  await ms.stop();
});

Deno.test("TestMemStoreMsgLimit", async () => {
  const ms = memoryStore({ maxMsgs: 10 });
  for (let i = 0; i < 10; i++) put(ms, "foo", HELLO);
  assertEquals(ms.state().msgs, 10);
  put(ms, "foo", HELLO);
  assertEquals([ms.state().msgs, ms.state().lastSeq, ms.state().firstSeq], [10, 11, 2]);
  assertEquals(get(ms, 1), null);
  await ms.stop();
});

Deno.test("TestMemStoreBytesLimit", async () => {
  const size = memoryMsgSize(3, 0, 512);
  const ms = memoryStore({ maxBytes: size * 1024 });
  const msg = new Uint8Array(512);
  for (let i = 0; i < 1024; i++) put(ms, "foo", msg);
  assertEquals([ms.state().msgs, ms.state().bytes], [1024, size * 1024]);
  for (let i = 0; i < 10; i++) put(ms, "foo", msg);
  const state = ms.state();
  assertEquals([state.msgs, state.bytes], [1024, size * 1024]);
  assertEquals([state.firstSeq, state.lastSeq], [11, 1034]);
  await ms.stop();
});

Deno.test("TestMemStoreBytesLimitWithDiscardNew", async () => {
  const ms = memoryStore({ maxBytes: 100, discard: "new" });
  const msg = new Uint8Array(7);
  for (let i = 0; i < 10; i++) {
    if (i < 3) put(ms, "tiny", msg);
    else assertThrows(() => put(ms, "tiny", msg), StoreError, "maximum bytes exceeded");
  }
  assertEquals([ms.state().msgs, ms.state().bytes], [3, 3 * memoryMsgSize(4, 0, 7)]);
  await ms.stop();
});

Deno.test("TestMemStoreTimeStamps", async () => {
  const time = new VirtualTime();
  const ms = memoryStore({}, time.environment());
  let last = BigInt(time.nowMs) * 1_000_000n;
  for (let i = 0; i < 10; i++) {
    time.advance(0.005);
    put(ms, "foo", HELLO);
  }
  for (let seq = 1; seq <= 10; seq++) {
    const { ns } = get(ms, seq)!;
    assert(ns > last);
    last = ns;
  }
  await ms.stop();
});

Deno.test("TestMemStorePurge", async () => {
  const ms = memoryStore();
  for (let i = 0; i < 10; i++) put(ms, "foo", HELLO);
  assertEquals(ms.state().msgs, 10);
  ms.purge();
  assertEquals(ms.state().msgs, 0);
  await ms.stop();
});

Deno.test("TestMemStoreEraseMsg", async () => {
  const ms = memoryStore();
  put(ms, "foo", HELLO);
  assertEquals(get(ms, 1)?.payload, HELLO);
  assertEquals(ms.eraseMsg(1), true);
  await ms.stop();
});

Deno.test("TestMemStoreMsgHeaders", async () => {
  const ms = memoryStore();
  const hdr = "name:derek";
  assertEquals(memoryMsgSize(3, hdr.length, HELLO.length), 3 + hdr.length + HELLO.length + 16);
  ms.storeMsg("foo", bytesOf(hdr), bytesOf(HELLO), 0);
  assertEquals([get(ms, 1)?.payload, get(ms, 1)?.headers], [HELLO, hdr]);
  assertEquals(ms.eraseMsg(1), true);
  await ms.stop();
});

Deno.test("TestMemStoreStreamStateDeleted", async () => {
  const ms = memoryStore();
  for (let i = 1; i <= 10; i++) put(ms, "foo", `[${String(i).padStart(8, "0")}] Hello World!`);
  assertEquals(ms.state().deleted, []);
  for (let seq = 2; seq < 10; seq += 2) ms.removeMsg(seq);
  assertEquals(ms.state().deleted, [2, 4, 6, 8]);
  ms.removeMsg(1);
  ms.removeMsg(3);
  assertEquals(ms.state().deleted, [6, 8]);
  assertEquals(ms.state().firstSeq, 5);
  ms.purge();
  assertEquals(ms.state().deleted, []);
  await ms.stop();
});

Deno.test("TestMemStoreStreamTruncate", async () => {
  const ms = memoryStore();
  for (let i = 1; i < 50; i++) put(ms, "foo", "ok");
  for (let i = 50; i <= 100; i++) put(ms, "bar", "ok");
  assertEquals(ms.state().msgs, 100);
  ms.truncate(50);
  assertEquals(ms.state().msgs, 50);
  for (const seq of [10, 20, 30, 40]) ms.removeMsg(seq);
  ms.truncate(25);
  const state = ms.state();
  assertEquals([state.msgs, state.numSubjects, state.deleted], [23, 1, [10, 20]]);
  await ms.stop();
});

Deno.test("TestMemStorePurgeExWithSubject", async () => {
  const ms = memoryStore();
  for (let i = 0; i < 100; i++) put(ms, "foo");
  ms.purgeEx("foo", 0, 0);
  assertEquals(ms.state().msgs, 0);
  await ms.stop();
});

Deno.test("TestMemStoreInitialFirstSeq", async () => {
  const ms = memoryStore({ firstSeq: 1000 });
  assertEquals(put(ms, "A", "OK"), 1000);
  assertEquals(put(ms, "B", "OK"), 1001);
  const state = new FastState();
  ms.fastState(state);
  assertEquals([state.msgs, state.firstSeq, state.lastSeq], [2, 1000, 1001]);
  await ms.stop();
});
