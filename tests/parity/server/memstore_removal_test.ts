// Ports: server/memstore_test.go (compaction, purging, skipping, limits)
import { assertEquals, assertThrows } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import { memoryStore, put } from "../../sim/store_permutations.ts";
import { figures } from "./_filestore2.ts";

Deno.test("TestMemStoreCompact", async () => {
  const ms = memoryStore();
  for (let i = 0; i < 10; i++) put(ms, "foo", "Hello World");
  assertEquals(ms.state().msgs, 10);
  assertEquals(ms.compact(6), 5);
  assertEquals(figures(ms), [5, 6, 10]);
  assertEquals(ms.compact(100), 5);
  assertEquals(ms.state().firstSeq, 100);
  await ms.stop();
});

Deno.test("TestMemStoreDeleteAllFirstSequenceCheck", async () => {
  const ms = memoryStore({ subjects: ["foo"] });
  for (let i = 0; i < 10; i++) put(ms, "foo", "abc");
  for (let seq = 1; seq <= 10; seq++) ms.removeMsg(seq);
  assertEquals(figures(ms), [0, 11, 10]);
  await ms.stop();
});

Deno.test("TestMemStoreDeleteBlocks", async () => {
  const ms = memoryStore({ subjects: ["*"] });
  for (let i = 0; i < 10_000; i++) put(ms, "A", "OK");
  const removed = new Set<number>();
  while (removed.size < 5000) removed.add(Math.floor(Math.random() * 10_000) + 1);
  for (const seq of removed) ms.removeMsg(seq);
  assertEquals(ms.messages.deleted.size, ms.state().numDeleted);
  await ms.stop();
});

Deno.test("TestMemStorePurgeExWithDeletedMsgs", async () => {
  const ms = memoryStore({ subjects: ["foo"] });
  for (let i = 0; i < 10; i++) put(ms, "foo", "abc");
  ms.removeMsg(2);
  ms.removeMsg(9);
  assertEquals(ms.purgeEx("", 9, 0), 7);
  assertEquals(figures(ms), [1, 10, 10]);
  await ms.stop();
});

Deno.test("TestMemStorePurgeLeaksDmap", async () => {
  const ms = memoryStore({ name: "TEST", subjects: ["foo"] });
  for (let i = 0; i < 10; i++) put(ms, "foo");
  for (let seq = 2; seq <= 9; seq++) ms.removeMsg(seq);
  assertEquals(ms.messages.deleted.size, 8);
  assertEquals(ms.purge(), 2);
  assertEquals(ms.messages.deleted.size, 0);
  await ms.stop();
});

Deno.test("TestMemStoreSkipMsgs", async () => {
  let ms = memoryStore({ subjects: ["*"] });
  assertThrows(
    () => ms.skipMsgs(10, 100),
    StoreError,
    "expected sequence does not match store",
  );
  ms.skipMsgs(1, 100);
  assertEquals([ms.state().firstSeq, ms.state().lastSeq], [101, 100]);
  ms.skipMsgs(101, 100_000);
  assertEquals([ms.state().firstSeq, ms.state().lastSeq], [100_101, 100_100]);
  await ms.stop();
  ms = memoryStore({ subjects: ["*"] });
  put(ms, "foo");
  ms.skipMsgs(2, 10);
  const state = ms.state();
  assertEquals([state.msgs, state.firstSeq, state.lastSeq], [1, 1, 11]);
  assertEquals([state.numDeleted, state.deleted.length], [10, 10]);
  assertEquals(figures(ms), [1, 1, 11]);
  await ms.stop();
});

Deno.test("TestMemStoreStreamCompactMultiBlockSubjectInfo", async () => {
  const ms = memoryStore({ name: "TEST", subjects: ["foo.*"] });
  for (let i = 0; i < 1000; i++) put(ms, `foo.${i}`, "Hello World");
  assertEquals(ms.compact(501), 500);
  assertEquals(ms.state().numSubjects, 500);
  await ms.stop();
});

Deno.test("TestMemStoreStreamTruncateReset", async () => {
  const ms = memoryStore({ name: "TEST", subjects: ["foo"] });
  const check = (...expected: number[]) => {
    const { msgs, bytes, firstSeq, lastSeq, numSubjects, numDeleted } = ms.state();
    assertEquals([msgs, bytes, firstSeq, lastSeq, numSubjects, numDeleted], expected);
  };
  for (let i = 0; i < 1000; i++) put(ms, "foo", "Hello World");
  ms.truncate(0);
  check(0, 0, 0, 0, 0, 0);
  for (let i = 0; i < 1000; i++) put(ms, "foo", "Hello World");
  check(1000, 30_000, 1, 1000, 1, 0);
  await ms.stop();
});

Deno.test("TestMemStoreUpdateMaxMsgsPerSubject", async () => {
  const ms = memoryStore({ name: "TEST", subjects: ["foo"], maxMsgsPerSubject: 10 });
  ms.updateConfig({ ...ms.config, maxMsgsPerSubject: 50 });
  for (let i = 0; i < 22; i++) put(ms, "foo");
  assertEquals(ms.subjectsState("foo").get("foo")?.msgs, 22);
  ms.updateConfig({ ...ms.config, maxMsgsPerSubject: 10 });
  assertEquals(ms.subjectsState("foo").get("foo")?.msgs, 10);
  await ms.stop();
});
