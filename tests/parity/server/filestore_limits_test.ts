// Ports: server/filestore_test.go: limits of messages, bytes and messages per subject.
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import { writeStreamMeta } from "../../../src/store/file/stream/full_state_io.ts";
import { streamStoreConfig } from "../../../src/store/config.ts";
import { EMPTY_RECORD_BYTES } from "../../../src/store/file/format/record.ts";
import { removeMsg, VIA_LIMITS } from "../../../src/store/file/stream/removal.ts";
import { eachFileStore, put } from "../../sim/store_permutations.ts";
import { blockCount, plainStores } from "./_filestore.ts";

Deno.test("TestFileStoreStreamFailToRollBug", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ maxBytes: 300 }, { blockBytes: 512 });
    for (let i = 0; i < 200; i++) put(fs, "zzz", "ABC".repeat(33));
    fs.flushAllPending();
    const first = fs.core.blocks[0]!;
    assertEquals(blockCount(fs), 1);
    assert(first.index >= 60, `block index ${first.index}`);
    assert(Deno.statSync(first.path).size <= 512);
    await fs.stop();
  }));

Deno.test("TestFileStoreMaxMsgsPerSubject", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["kv.>"], maxMsgsPerSubject: 1 }, {
      blockBytes: 128,
      cacheExpireMs: 1000,
    });
    for (let round = 0; round < 2; round++) {
      for (let i = 1; i <= 100; i++) put(fs, `kv.${i}`, "value");
    }
    const { msgs, firstSeq, lastSeq, deleted } = fs.state();
    assertEquals([msgs, firstSeq, lastSeq, deleted.length], [100, 101, 200, 0]);
    assertEquals(blockCount(fs), 34);
    await fs.stop();
  }));

Deno.test("TestFileStoreMaxMsgsAndMaxMsgsPerSubject", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open(
      {
        subjects: ["kv.>"],
        discard: "new",
        maxMsgs: 100,
        discardNewPerSubject: true,
        maxMsgsPerSubject: 1,
      },
      { blockBytes: 128, cacheExpireMs: 1000 },
    );
    for (let i = 1; i <= 100; i++) put(fs, `kv.${i}`, "value");
    assertThrows(() => put(fs, "kv.101", "value"), StoreError);
    for (let i = 1; i <= 100; i++) assertThrows(() => put(fs, `kv.${i}`, "value"), StoreError);
    const { msgs, firstSeq, lastSeq, deleted } = fs.state();
    assertEquals([msgs, firstSeq, lastSeq, deleted.length], [100, 1, 100, 0]);
    await fs.stop();
  }));

Deno.test("TestFileStoreRebuildStateProperlyWithMaxMsgsPerSubject", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["foo", "bar", "baz"], maxMsgsPerSubject: 1 }, {
      blockBytes: 4096,
    });
    put(fs, "baz");
    for (let i = 1; i <= 1000; i++) {
      put(fs, "foo");
      put(fs, "bar");
    }
    assertEquals([fs.state().numSubjects, fs.state().msgs], [3, 3]);
    await fs.stop();
  }));

Deno.test("TestFileStoreUpdateMaxMsgsPerSubject", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ subjects: ["foo"], maxMsgsPerSubject: 10 });
    const { config } = fs.core;
    fs.updateConfig({ ...config, maxMsgsPerSubject: 50 });
    for (let i = 0; i < 22; i++) put(fs, "foo");
    assertEquals(fs.subjectsState("foo").get("foo")?.msgs, 22);
    fs.updateConfig({ ...config, maxMsgsPerSubject: 10 });
    assertEquals(fs.subjectsState("foo").get("foo")?.msgs, 10);
    await fs.stop();
  }));

Deno.test("TestFileStoreRestartWithExpireAndLockingBug", async () => {
  using stores = plainStores();
  let fs = stores.open({ subjects: ["*"] });
  for (let i = 0; i < 10; i++) {
    put(fs, "A", "HELLO WORLD");
    put(fs, "B", "HELLO WORLD");
  }
  await fs.stop();
  const limits = { subjects: ["*"], maxMsgs: 15, maxMsgsPerSubject: 2 };
  fs.core.config = streamStoreConfig({ name: "zzz", ...limits });
  writeStreamMeta(fs.core);
  fs = stores.open(limits);
  assertEquals(fs.state().msgs, 4);
  await fs.stop();
});

Deno.test("TestFileStoreInitialFirstSeq", (t) =>
  eachFileStore(t, async ({ open }) => {
    const fs = open({ firstSeq: 1000 });
    assertEquals(put(fs, "A", "OK"), 1000);
    assertEquals(put(fs, "B", "OK"), 1001);
    const { msgs, firstSeq, lastSeq } = fs.state();
    assertEquals([msgs, firstSeq, lastSeq], [2, 1000, 1001]);
    await fs.stop();
  }));

Deno.test("TestFileStoreRemoveLastNoDoubleTombstones", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["*"], maxMsgsPerSubject: 1 });
  put(fs, "A", "hello");
  removeMsg(fs.core, 1, VIA_LIMITS);
  assertEquals(blockCount(fs), 1);
  fs.core.blocks[0]!.load();
  assertEquals(fs.utilization().total, EMPTY_RECORD_BYTES);
  await fs.stop();
});
