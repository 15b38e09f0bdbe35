// Ports: server/store_test.go (limits, purging, truncating, accounting)
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { StreamStoreConfig } from "../../../src/store/config.ts";
import { StoreError, type StoreErrorCode } from "../../../src/store/errors.ts";
import { FileStore } from "../../../src/store/file/file_store.ts";
import type { MemoryStore } from "../../../src/store/memory/memory_store.ts";
import { LoadCode, StoredMsg } from "../../../src/store/stored_msg.ts";
import type { StreamStore } from "../../../src/store/stream_store.ts";
import { highOfNs, lowOfNs } from "../../../src/store/timestamp.ts";
import {
  eachFileStore,
  eachStore,
  memoryStore,
  NO_BYTES,
  put,
} from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";
import { blockCount, deletedEntries, loadCode } from "./_filestore.ts";
import { figures, rebuildState, removeIndex } from "./_filestore2.ts";

Deno.test("TestStoreCompactFullyDeletedRange", (t) =>
  eachStore(t, { name: "TEST", subjects: ["foo"], maxMsgsPerSubject: 0 }, (store) => {
    for (let i = 0; i < 3; i++) put(store, "foo");
    store.removeMsg(2);
    store.removeMsg(3);
    assertEquals(figures(store), [1, 1, 3]);
    store.compact(2);
    assertEquals(figures(store), [0, 4, 3]);
    assertEquals(store.state().firstTimeNs, 0n);
  }));

Deno.test("TestStoreDiscardNew", async (t) => {
  const cases: [string, Partial<StreamStoreConfig>, StoreErrorCode | null][] = [
    ["MaxMsgs", { maxMsgs: 1 }, "max_msgs"],
    ["MaxBytes", { maxBytes: 33 }, "max_bytes"],
    ["MaxMsgsPer", { maxMsgsPerSubject: 1 }, null],
    [
      "MaxMsgsPer_DiscardNewPer",
      { discardNewPerSubject: true, maxMsgsPerSubject: 1 },
      "max_msgs_per_subject",
    ],
    ["MaxMsgsPer_MaxMsgs", { maxMsgs: 1, maxMsgsPerSubject: 1 }, null],
    ["MaxMsgsPer_MaxBytes", { maxBytes: 33, maxMsgsPerSubject: 1 }, null],
    [
      "MaxMsgsPer_MaxMsgs_DiscardNewPer",
      { discardNewPerSubject: true, maxMsgs: 1, maxMsgsPerSubject: 1 },
      "max_msgs_per_subject",
    ],
    [
      "MaxMsgsPer_MaxBytes_DiscardNewPer",
      { discardNewPerSubject: true, maxBytes: 33, maxMsgsPerSubject: 1 },
      "max_msgs_per_subject",
    ],
  ];
  for (const [title, limits, code] of cases) {
    await t.step(
      title,
      (t) =>
        eachStore(t, { subjects: ["foo"], discard: "new", ...limits }, (store) => {
          const ns = BigInt(Date.now()) * 1_000_000n;
          const storeRaw = (checks: boolean) =>
            store.storeRawMsg("foo", NO_BYTES, NO_BYTES, 0, highOfNs(ns), lowOfNs(ns), 0, checks);
          put(store, "foo");
          let seq = 1;
          if (code === null) {
            storeRaw(true);
            seq++;
          } else {
            const error = assertThrows(() => storeRaw(true), StoreError);
            assertEquals(error.code, code);
          }
          assertEquals(figures(store), [1, seq, seq]);
          storeRaw(false);
          seq++;
          if ((limits.maxMsgsPerSubject ?? 0) > 0) assertEquals(figures(store), [1, seq, seq]);
          else assertEquals(figures(store), [2, seq - 1, seq]);
        }),
    );
  }
});

Deno.test("TestStoreMaxMsgsPerUpdateBug", (t) =>
  eachStore(t, { name: "TEST", subjects: ["foo"], maxMsgsPerSubject: 0 }, (store, config) => {
    for (let i = 0; i < 5; i++) put(store, "foo");
    assertEquals(figures(store), [5, 1, 5]);
    store.updateConfig({ ...config, maxMsgsPerSubject: 1 });
    assertEquals(figures(store), [1, 5, 5]);
    store.updateConfig({ ...config, maxMsgsPerSubject: -2 });
    const after = store instanceof FileStore ? store.core.config : (store as MemoryStore).config;
    assertEquals(after.maxMsgsPerSubject, -1);
  }));

/** What both kinds of stores go through; returns the last sequence that is left of "foo.0". */
function trimToOne(store: StreamStore, config: StreamStoreConfig): number {
  const payload = new Uint8Array(1024 * 1024);
  const fillBlock = (blocks: number) => {
    for (let i = 1; i <= 9; i++) put(store, `foo.${i}`, payload);
    if (store instanceof FileStore) assert(blockCount(store) >= blocks);
  };
  put(store, "foo.0");
  fillBlock(2);
  const seq = put(store, "foo.0");
  fillBlock(3);
  assert(store.removeMsg(put(store, "foo.0")));
  store.updateConfig({ ...config, maxMsgsPerSubject: 1 });
  assertEquals(store.subjectsState("foo.0").get("foo.0"), { msgs: 1, first: seq, last: seq });
  const msg = new StoredMsg();
  assertEquals([store.loadLastMsg("foo.0", msg), msg.seq], [LoadCode.Found, seq]);
  assertEquals([store.loadNextMsg("foo.0", 0, msg), msg.seq], [LoadCode.Found, seq]);
  return seq;
}

Deno.test("TestStoreMaxMsgsPerUpdateToOneRemoveNewest", async (t) => {
  const config = { name: "TEST", subjects: ["foo.*"], maxMsgsPerSubject: -1 };
  await t.step("Memory", async () => {
    const store = memoryStore(config);
    trimToOne(store, store.config);
    await store.stop();
  });
  await eachFileStore(t, async ({ open }) => {
    let fs = open(config);
    const seq = trimToOne(fs, fs.core.config);
    await fs.stop();
    fs = open({ ...config, maxMsgsPerSubject: 1 });
    const msg = new StoredMsg();
    assertEquals([fs.loadLastMsg("foo.0", msg), msg.seq], [LoadCode.Found, seq]);
    await fs.stop();
  });
});

Deno.test("TestStorePurgeExKeepWithInteriorDeletes", (t) =>
  eachStore(t, { name: "TEST", subjects: ["foo"] }, (store) => {
    for (let i = 0; i < 50; i++) put(store, "foo");
    for (let seq = 2; seq <= 50; seq += 2) store.removeMsg(seq);
    assertEquals(figures(store), [25, 1, 50]);
    assertEquals(store.purgeEx("", 0, 5), 20);
    assertEquals(figures(store), [5, 41, 50]);
  }));

Deno.test("TestStorePurgeExSequenceOne", (t) =>
  eachStore(t, { name: "TEST", subjects: ["foo", "bar"] }, (store) => {
    for (let i = 0; i < 5; i++) {
      put(store, "foo");
      put(store, "bar");
    }
    const before = store.state();
    for (const [subject, keep] of [["", 0], [">", 0], ["foo", 0], ["", 3], ["foo", 3]] as const) {
      assertEquals(store.purgeEx(subject, 1, keep), 0);
      assertEquals(store.state(), before);
    }
  }));

Deno.test("TestStorePurgeExZero", (t) =>
  eachStore(t, { name: "TEST", subjects: ["foo"] }, (store) => {
    store.purge();
    assertEquals(figures(store), [0, 1, 0]);
    store.purgeEx("", 0, 0);
    assertEquals(figures(store), [0, 1, 0]);
  }));

type Action = (store: StreamStore, seq: number) => void;

function removeAndTruncate(remove: Action): Action {
  return (store, seq) => {
    assertEquals(put(store, "foo"), seq);
    remove(store, seq);
    store.truncate(seq);
  };
}

Deno.test("TestStoreStreamInteriorDeleteAccounting", async (t) => {
  // Go's third way, removing with a tombstone, is what every removal is here.
  const actions: [string, Action][] = [
    ["TruncateWithRemove", removeAndTruncate((store, seq) => assert(store.removeMsg(seq)))],
    ["TruncateWithErase", removeAndTruncate((store, seq) => assert(store.eraseMsg(seq)))],
    ["SkipMsg", (store) => void store.skipMsg(0)],
    ["SkipMsgs", (store, seq) => store.skipMsgs(seq, 1)],
  ];
  const config = { subjects: ["foo"] };
  for (const isEmpty of [false, true]) {
    for (const [title, action] of actions) {
      const run = (store: StreamStore) => {
        if (!isEmpty) assertEquals(put(store, "foo"), 1);
        action(store, isEmpty ? 1 : 2);
        assertEquals(figures(store), isEmpty ? [0, 2, 1] : [1, 1, 2]);
        return store.state();
      };
      await t.step(`Empty=${isEmpty}/${title}`, async (t) => {
        const memory = memoryStore(config);
        run(memory);
        await memory.stop();
        await eachFileStore(t, async (stores) => {
          let fs = stores.open(config);
          const before = run(fs);
          await fs.stop();
          fs = stores.open(config);
          assertEquals(fs.state(), before);
          await fs.stop();
          removeIndex(stores);
          fs = stores.open(config);
          assertEquals(fs.state(), before);
          rebuildState(fs);
          assertEquals(fs.state(), before);
          await fs.stop();
        });
      });
    }
  }
});

Deno.test("TestStoreTruncateCleansUpDmap", async (t) => {
  for (const to of [0, 1]) {
    await t.step(
      `Truncate(${to})`,
      (t) =>
        eachStore(t, { name: "TEST", subjects: ["foo"], maxMsgsPerSubject: 0 }, (store) => {
          const entries = () => deletedEntries(store);
          for (let i = 0; i < 3; i++) put(store, "foo");
          assertEquals(entries(), 0);
          store.removeMsg(2);
          assertEquals(entries(), 1);
          store.truncate(to);
          assertEquals(entries(), 0);
          assertEquals(figures(store), [to, to, to]);
        }),
    );
  }
});

Deno.test("TestStoreUpdateConfigTTLState", (t) => {
  const time = new VirtualTime();
  return eachStore(t, { name: "TEST", subjects: ["foo"] }, (store, config) => {
    const storeAndWait = () => {
      const seq = store.storeMsg("foo", NO_BYTES, NO_BYTES, 1);
      time.advance(2000);
      return loadCode(store, seq) === LoadCode.Found;
    };
    assertEquals(storeAndWait(), true);
    store.updateConfig({ ...config, allowMsgTtl: true });
    assertEquals(storeAndWait(), false);
    store.updateConfig({ ...config, allowMsgTtl: false });
    assertEquals(storeAndWait(), true);
  }, time.environment());
});
