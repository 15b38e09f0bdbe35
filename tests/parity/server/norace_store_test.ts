// Ports: server/norace_1_test.go, server/norace_2_test.go (storage)
import { assert, assertEquals } from "@std/assert";
import { sublistOf } from "../../../src/base/containers/gsl/mod.ts";
import { decodeStreamState } from "../../../src/store/delete_blocks.ts";
import {
  decodeConsumerState,
  encodeConsumerState,
} from "../../../src/store/file/format/consumer_state.ts";
import { recordSize } from "../../../src/store/file/format/record.ts";
import { writeFullState } from "../../../src/store/file/stream/full_state_io.ts";
import { firstSeqOf } from "../../../src/store/file/stream/removal.ts";
import { compactHalfEmpty } from "../../../src/store/file/stream/syncing.ts";
import { memoryMsgSize } from "../../../src/store/memory/memory_store.ts";
import { LoadCode, StoredMsg } from "../../../src/store/stored_msg.ts";
import type { StreamStore } from "../../../src/store/stream_store.ts";
import { memoryStore, put } from "../../sim/store_permutations.ts";
import { blockCount, indexPath, plainStores } from "./_filestore.ts";
import { figures } from "./_filestore2.ts";
import { checkPending } from "./_pending.ts";

/** Milliseconds of the fastest of some runs: what the work costs on a machine with other work. */
function fastest(runs: number, work: () => void): number {
  let best = Infinity;
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    work();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** Number of deleted sequences in an encoded state. */
function deletedIn(encoded: Uint8Array): number {
  return decodeStreamState(encoded).deleted.reduce((sum, block) => sum + block.state().count, 0);
}

Deno.test("TestNoRaceEncodeConsumerStateBug", () => {
  for (let i = 0; i < 200_000; i++) {
    const nowMs = Date.now();
    const ns = BigInt(nowMs + 1000) * 1_000_000n + BigInt(i);
    const state = {
      delivered: { consumer: 1, stream: 1 },
      ackFloor: { consumer: 0, stream: 0 },
      pending: new Map([
        [1, { sequence: 1, tsHigh: Number(ns >> 32n), tsLow: Number(ns & 0xffffffffn) }],
      ]),
      redelivered: null,
    };
    decodeConsumerState(encodeConsumerState(state, nowMs));
  }
});

Deno.test("TestNoRaceFileStoreFilteredStateWithLargeDeletes", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo"] }, { blockBytes: 4096, asyncFlush: true });
  // A fifth of Go's messages, in 1,075 blocks.
  const count = 100_000;
  for (let i = 0; i < count; i++) put(fs, "foo", "Hello World");
  for (let seq = 2; seq <= count; seq += 2) fs.removeMsg(seq);
  const elapsedMs = fastest(5, () => assertEquals(fs.filteredState(1, "").msgs, count / 2));
  assert(elapsedMs < 0.5, `${elapsedMs} ms`);
  await fs.stop();
});

Deno.test("TestNoRaceFileStoreNumPending", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["*.*.*.*"] }, { blockBytes: 2048, asyncFlush: true });
  checkPending(fs);
  await fs.stop();
});

Deno.test("TestNoRaceJetStreamConsumerFileStoreConcurrentDiskIO", async () => {
  using stores = plainStores();
  const fs = stores.open({ name: "MT" });
  const ns = BigInt(Date.now()) * 1_000_000n;
  const consumers = Array.from({ length: 1000 }, (_, i) =>
    fs.consumerStore(`o${i + 1}`, 0n, {
      ackPolicy: "explicit",
      maxDeliver: 0,
      memoryStorage: false,
    }));
  const start = Promise.withResolvers<void>();
  const work = consumers.map(async (consumer) => {
    await start.promise;
    consumer.updateDelivered(22, 22, 1, Number(ns >> 32n), Number(ns & 0xffffffffn));
    consumer.forceUpdate(decodeConsumerState(consumer.encodedState()));
    await Promise.resolve();
    consumer.delete();
  });
  start.resolve();
  await Promise.all(work);
  assertEquals([...Deno.readDirSync(`${stores.dir}/obs`)], []);
  await fs.stop();
});

Deno.test("TestNoRaceJetStreamFileStoreKeyFileCleanup", async () => {
  using stores = plainStores();
  const fs = stores.open(
    { name: "TEST" },
    { blockBytes: 256 * 1024, keyGen: () => new Uint8Array(32).fill(3), asyncFlush: true },
  );
  // A quarter of Go's messages in blocks of a quarter of the size.
  const seqs = Array.from({ length: 2500 }, (_, i) => {
    put(fs, `X.${i}`, "Z".repeat(1024));
    return i + 1;
  });
  for (let i = seqs.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [seqs[i], seqs[j]] = [seqs[j]!, seqs[i]!];
  }
  for (const seq of seqs) fs.removeMsg(seq);
  const keys = [...Deno.readDirSync(`${stores.dir}/msgs`)].filter(({ name }) =>
    name.endsWith(".key")
  );
  assert(keys.length <= 1, `${keys.length} key files`);
  await fs.stop();
});

Deno.test("TestNoRaceJetStreamFileStoreLargeKVAccessTiming", async () => {
  using stores = plainStores();
  const fs = stores.open(
    { subjects: ["KV.STREAM_NAME.*"], maxMsgsPerSubject: 1 },
    { blockBytes: 4096, cacheExpireMs: 30_000, asyncFlush: true },
  );
  // A tenth of Go's keys, in 3,334 blocks.
  const count = 10_000;
  const payload = "Z".repeat(1024);
  for (let i = 1; i <= count; i++) put(fs, `KV.STREAM_NAME.${i}`, payload);
  const msg = new StoredMsg();
  const load = (key: number) => {
    assertEquals(fs.loadLastMsg(`KV.STREAM_NAME.${key}`, msg), LoadCode.Found);
    assertEquals(msg.payload().length, 1024);
  };
  let key = 0;
  const lastMs = fastest(10, () => load(count - key++));
  key = 0;
  const firstMs = fastest(10, () => load(1 + key++));
  assert(lastMs <= 0.1 && firstMs <= 0.2, `last ${lastMs} ms, first ${firstMs} ms`);
  const seekFirstMs = fastest(5, () => firstSeqOf(fs.core, "KV.STREAM_NAME.1"));
  const seekLastMs = fastest(5, () => firstSeqOf(fs.core, `KV.STREAM_NAME.${count}`));
  assert(seekFirstMs <= 0.1 && seekLastMs <= 0.2, `${seekFirstMs} ms, ${seekLastMs} ms`);
  await fs.stop();
});

Deno.test("TestNoRaceFileStoreLargeMsgsAndFirstMatching", async () => {
  using stores = plainStores();
  const fs = stores.open(
    { subjects: [">"] },
    { blockBytes: 8 * 1024 * 1024, asyncFlush: true },
  );
  for (const second of ["bar", "baz"]) {
    for (let i = 0; i < 150_000; i++) put(fs, `foo.${second}.${i}`);
  }
  assertEquals(blockCount(fs), 2);
  const { firstSeq } = fs.core.blocks[1]!;
  const msg = new StoredMsg();
  const load = () => fastest(5, () => void fs.loadNextMsg("*.baz.*", firstSeq, msg));
  for (let seq = firstSeq; seq < 300_000 - 40; seq++) fs.removeMsg(seq);
  const fewMs = load();
  assert(fewMs < 0.2, `${fewMs} ms`);
  for (let seq = 300_000 - 40; seq < 300_000; seq++) fs.removeMsg(seq);
  const oneMs = load();
  assert(oneMs < 0.2, `${oneMs} ms`);
  await fs.stop();
});

Deno.test("TestNoRaceFileStoreMsgLimitsAndOldRecoverState", async (t) => {
  // A hundredth of Go's messages.
  const before = 100;
  const after = 10_001;
  const maxBytes = 10_653_532;
  const sizeOf = (i: number) => recordSize(`foo.${i}`.length, 0, 1024);
  let fitting = 0;
  for (let i = before + after - 1, bytes = 0; i >= 0; i--, fitting++) {
    bytes += sizeOf(i < before ? i : i - before);
    if (bytes > maxBytes) break;
  }
  assert(fitting > after && fitting < before + after);
  for (
    const [name, limits, msgs] of [
      ["MaxMsgsPer", { maxMsgsPerSubject: 1 }, after],
      ["MaxMsgs", { maxMsgs: after }, after],
      ["MaxBytes", { maxBytes }, fitting],
    ] as const
  ) {
    await t.step(name, async () => {
      using stores = plainStores();
      const open = () => stores.open({ subjects: ["foo.*"], ...limits }, { asyncFlush: true });
      const payload = new Uint8Array(1024);
      let fs = open();
      for (let i = 0; i < before; i++) put(fs, `foo.${i}`, payload);
      await fs.stop();
      const index = Deno.readFileSync(indexPath(stores));
      assert(index.length > 0);
      fs = open();
      for (let i = 0; i < after; i++) put(fs, `foo.${i}`, payload);
      const last = before + after;
      const expected: [number, number, number] = [msgs, last - msgs + 1, last];
      assertEquals(figures(fs), expected);
      await fs.stop();
      Deno.writeFileSync(indexPath(stores), index);
      fs = open();
      assertEquals(figures(fs), expected);
      await fs.stop();
    });
  }
});

Deno.test("TestNoRaceFileStoreMsgLoadNextMsgMultiPerf", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*"] });
  for (let i = 0; i < 1000; i++) put(fs, `foo.${i}`, "ZZZ");
  const msg = new StoredMsg();
  const walk = (load: (seq: number) => LoadCode) =>
    fastest(10, () => {
      for (let i = 0; i < 1000; i++) {
        assertEquals(load(i + 1), LoadCode.Found);
        assertEquals(msg.seq, i + 1);
        assertEquals(msg.subject(), `foo.${i}`);
      }
    });
  const baselineMs = walk((seq) => fs.loadNextMsg("", seq, msg)) + 1;
  const wildcardMs = walk((seq) => fs.loadNextMsg("foo.>", seq, msg));
  assert(wildcardMs < 2 * baselineMs, `${wildcardMs} ms, baseline ${baselineMs} ms`);
  const one = sublistOf(["foo.>"]);
  const oneMs = walk((seq) => fs.loadNextMsgMulti(one, seq, msg));
  assert(oneMs < 2 * baselineMs, `${oneMs} ms, baseline ${baselineMs} ms`);
  const many = sublistOf(Array.from({ length: 1000 }, (_, i) => `foo.${i}`));
  const manyMs = walk((seq) => fs.loadNextMsgMulti(many, seq, msg));
  assert(manyMs < 3 * baselineMs, `${manyMs} ms, baseline ${baselineMs} ms`);
  await fs.stop();
});

Deno.test("TestNoRaceFileStorePurgeExAsyncTombstones", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["*.*"] });
  // Five times what Go does once, to have the fastest of them.
  put(fs, "foo.A", "zzz");
  for (let run = 0; run < 5; run++) {
    put(fs, `foo.B${run}`, "zzz");
    for (let i = 0; i < 500; i++) put(fs, `foo.C${run}`, "zzz");
  }
  put(fs, "foo.D", "zzz");
  let run = 0;
  const oneMs = fastest(5, () => {
    for (const block of fs.core.blocks) block.load();
    assertEquals(fs.purgeEx(`foo.B${run++}`, 0, 0), 1);
  });
  run = 0;
  const manyMs = fastest(5, () => {
    for (const block of fs.core.blocks) block.load();
    assertEquals(fs.purgeEx(`foo.C${run++}`, 0, 0), 500);
  });
  assert(oneMs * 50 > manyMs, `one ${oneMs} ms, 500 ${manyMs} ms`);
  await fs.stop();
});

Deno.test("TestNoRaceFileStoreWriteFullStateUniqueSubjects", async () => {
  using stores = plainStores();
  const fs = stores.open(
    { subjects: ["records.>"], maxMsgsPerSubject: 1, maxBytes: 15 * 1024 ** 3 },
    { asyncFlush: true },
  );
  // A hundredth of Go's 5,000,000 messages; the state is written while they come.
  const labels = ["AAAAA", "BBBB", "CCCC", "DD", "EEEEE"];
  const nuid = () => crypto.randomUUID().replaceAll("-", "").slice(0, 22).toUpperCase();
  const payload = "Z".repeat(128);
  let slowestMs = 0;
  for (let i = 0; i < 50_000; i++) {
    const label = labels[i % (labels.length - 1)]!;
    const subject = `records.${nuid()}.${nuid()}.${nuid()}.${label}.${nuid()}`;
    slowestMs = Math.max(slowestMs, fastest(1, () => void put(fs, subject, payload)));
    if (i % 10_000 === 0) writeFullState(fs.core, false);
  }
  assert(slowestMs < 500, `${slowestMs} ms`);
  await fs.stop();
  assert(Deno.statSync(indexPath(stores)).size > 5 * 1024 * 1024);
});

Deno.test("TestNoRaceFilestoreBinaryStreamSnapshotEncodingLargeGaps", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["zzz"] }, { blockBytes: 512, asyncFlush: true });
  const payload = "X".repeat(128);
  put(fs, "zzz", payload);
  // A tenth of Go's messages: each removal makes a block and removes one.
  const count = 2000;
  for (let i = 2; i < count; i++) fs.removeMsg(put(fs, "zzz"));
  put(fs, "zzz", payload);
  compactHalfEmpty(fs.core);
  await fs.sync();
  const encoded = fs.encodedStreamState(0);
  assert(encoded.length < 512, `${encoded.length} bytes`);
  const state = decodeStreamState(encoded);
  assertEquals([state.msgs, state.firstSeq, state.lastSeq], [2, 1, count]);
  assertEquals(state.deleted.length, 1);
  assertEquals(deletedIn(encoded), count - 2);
  await fs.stop();
});

Deno.test("TestNoRaceMemStoreCompactPerformance", async () => {
  const payload = new Uint8Array(1000);
  const size = memoryMsgSize(3, 0, payload.length);
  const count = 10_000;
  const ms = memoryStore({ maxBytes: size * count });
  const fill = (more: number) => {
    for (let i = 0; i < more; i++) put(ms, "foo", payload);
  };
  fill(count);
  assertEquals([ms.state().msgs, ms.state().bytes], [count, size * count]);
  fill(1000);
  const firstMs = fastest(1, () => assertEquals(ms.compact(count + 1000), count - 1));
  const farSeq = 10_000_000_000;
  assertEquals(ms.compact(farSeq), 1);
  fill(count);
  const secondMs = fastest(1, () => assertEquals(ms.compact(farSeq + count - 1), count - 1));
  assert(secondMs - firstMs < 1000, `${firstMs} ms, ${secondMs} ms`);
  await ms.stop();
});

Deno.test("TestNoRaceStoreReverseWalkWithDeletesPerf", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: ["foo.*"] }, { asyncFlush: true });
  const ms = memoryStore({ subjects: ["foo.*"] });
  // A fifth of Go's messages.
  const count = 200_000;
  const msg = new StoredMsg();
  const stored: StreamStore[] = [fs, ms];
  for (const store of stored) {
    put(store, "foo.A", "Hello");
    for (let i = 0; i < count; i++) put(store, "foo.B", "Hello");
    put(store, "foo.C", "Hello");
    assertEquals(figures(store)[0], count + 2);
    assertEquals(store.purgeEx("foo.B", 0, 0), count);
    const preload = () => {
      if (store === fs) { for (const block of fs.core.blocks) block.load(); }
    };
    preload();
    const eachMs = fastest(1, () => {
      for (let seq = count + 2; seq > 0; seq--) store.loadMsg(seq, msg);
    });
    preload();
    let seen = 0;
    const prevMs = fastest(5, () => {
      seen = 0;
      let seq = count + 2;
      while (store.loadPrevMsg("", seq, msg) === LoadCode.Found) {
        seq = msg.seq - 1;
        seen++;
      }
    });
    assertEquals(seen, 2);
    const factor = store === fs ? 10 : 1;
    assert(prevMs * factor < eachMs, `${store.type}: previous ${prevMs} ms, each ${eachMs} ms`);
  }
  await fs.stop();
  await ms.stop();
});

Deno.test("TestNoRaceStoreStreamEncoderDecoder", async (t) => {
  const config = { subjects: ["*"], maxMsgsPerSubject: 1 };
  const payload = "ABC".repeat(33);
  // Go stores for ten seconds; here as many keys, and each state that would have been asked for.
  const run = (store: StreamStore) => {
    let state = 2_222_222;
    for (let i = 1; i <= 150_000; i++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      put(store, String(Math.floor((state / 0x80000000) * 256_000)), payload);
      if (i % 15_000 !== 0) continue;
      const start = performance.now();
      const encoded = store.encodedStreamState(0);
      assert(performance.now() - start < 2000);
      assert(encoded.length <= 700 * 1024, `${encoded.length} bytes`);
      assert(decodeStreamState(encoded).deleted.length > 0);
    }
  };
  await t.step("MemStore", async () => {
    const ms = memoryStore(config);
    run(ms);
    await ms.stop();
  });
  await t.step("FileStore", async () => {
    using stores = plainStores();
    const fs = stores.open(config, { asyncFlush: true });
    run(fs);
    await fs.stop();
  });
});
