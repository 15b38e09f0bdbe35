// Ports: server/store_test.go (loading, counting, times)
import { assert, assertEquals } from "@std/assert";
import { sublistOf } from "../../../src/base/containers/gsl/mod.ts";
import type { TreeLeaf } from "../../../src/base/containers/stree/mod.ts";
import { FileStore } from "../../../src/store/file/file_store.ts";
import { subjectsOf } from "../../../src/store/file/block/subjects.ts";
import type { MemoryStore } from "../../../src/store/memory/memory_store.ts";
import { LoadCode, StoredMsg } from "../../../src/store/stored_msg.ts";
import { FastState, type StreamStore } from "../../../src/store/stream_store.ts";
import { highOfNs, lowOfNs } from "../../../src/store/timestamp.ts";
import { eachStore, get, NO_BYTES, put } from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";

function lastTime(store: StreamStore): [number, bigint] {
  const state = new FastState();
  store.fastState(state);
  return [state.lastSeq, state.lastTime.toNs()];
}

Deno.test("TestFileStoreMultiLastSeqsAndLoadLastMsgWithLazySubjectState", (t) =>
  eachStore(t, { subjects: ["foo"] }, (store) => {
    const msg = new StoredMsg();
    for (let i = 0; i < 3; i++) put(store, "foo");
    assertEquals(store.multiLastSeqs(["foo"], 0, 0), [3]);
    store.removeMsg(3);
    assertEquals(store.multiLastSeqs(["foo"], 0, 0), [2]);
    put(store, "foo");
    assertEquals([store.loadLastMsg("foo", msg), msg.seq], [LoadCode.Found, 4]);
    store.removeMsg(4);
    assertEquals([store.loadLastMsg("foo", msg), msg.seq], [LoadCode.Found, 2]);
  }));

/** Stores `count` messages and returns the time of the second. */
function timeOfSecond(store: StreamStore, count: number): bigint {
  for (let i = 0; i < count; i++) put(store, "foo");
  return get(store, 2)!.ns;
}

Deno.test("TestStoreGetSeqFromTimeWithInteriorDeletesGap", (t) =>
  eachStore(t, { subjects: ["foo"] }, (store) => {
    const start = timeOfSecond(store, 10);
    for (let seq = 4; seq <= 7; seq++) store.removeMsg(seq);
    assertEquals(store.seqFromTimeNs(start), 2);
  }));

Deno.test("TestStoreGetSeqFromTimeWithTrailingDeletes", (t) =>
  eachStore(t, { subjects: ["foo"] }, (store) => {
    const start = timeOfSecond(store, 3);
    store.removeMsg(3);
    assertEquals(store.seqFromTimeNs(start), 2);
  }));

Deno.test("TestStoreLoadNextMsgWildcardStartBeforeFirstMatch", (t) =>
  eachStore(t, { subjects: ["bar.*", "foo.*"] }, (store) => {
    for (let i = 0; i < 100; i++) put(store, `bar.${i}`);
    assertEquals(put(store, "foo.1"), 101);
    const msg = new StoredMsg();
    assertEquals(store.loadNextMsg("foo.*", 1, msg), LoadCode.Found);
    assertEquals([msg.subject(), msg.seq], ["foo.1", 101]);
    assertEquals(store.loadNextMsg("foo.*", 102, msg), LoadCode.Eof);
    assertEquals(msg.skip, 101);
  }));

Deno.test("TestStoreMsgLoadPrevMsg", (t) =>
  eachStore(t, { subjects: ["foo.*", "bar.*"] }, (store) => {
    for (const subject of ["foo.1", "bar.1", "foo.2", "bar.2", "foo.3"]) put(store, subject, "ZZZ");
    const msg = new StoredMsg();
    for (
      const [filter, subject, seq] of [
        ["", "foo.3", 5],
        ["foo.2", "foo.2", 3],
        ["foo.*", "foo.3", 5],
      ] as const
    ) {
      assertEquals(store.loadPrevMsg(filter, 5, msg), LoadCode.Found);
      assertEquals([msg.subject(), msg.seq], [subject, seq]);
    }
    assertEquals(store.loadPrevMsg("baz.*", 5, msg), LoadCode.Eof);
    assertEquals(msg.skip, 1);
  }));

Deno.test("TestStoreMsgLoadPrevMsgMulti", (t) =>
  eachStore(t, { subjects: ["foo.*"] }, (store) => {
    for (let i = 1; i <= 1000; i++) put(store, `foo.${i}`, "ZZZ");
    const msg = new StoredMsg();
    const filters = sublistOf(["foo.5", "foo.15", "foo.105"]);
    let count = 0;
    for (let seq = 1000; seq > 5; seq--) {
      assertEquals(store.loadPrevMsgMulti(filters, seq, msg), LoadCode.Found);
      assertEquals(msg.subject(), `foo.${msg.seq}`);
      seq = msg.seq;
      count++;
    }
    assertEquals(store.loadPrevMsgMulti(filters, 4, msg), LoadCode.Eof);
    assertEquals(count, 3);
  }));

Deno.test("TestStoreMsgLoadPrevMsgMultiFullWildcardSkip", (t) =>
  eachStore(t, { subjects: ["foo.*"] }, (store) => {
    for (let i = 1; i <= 10; i++) put(store, `foo.${i}`, "ZZZ");
    const msg = new StoredMsg();
    const filters = sublistOf([">"]);
    const seen: number[] = [];
    let seq = 10;
    while (store.loadPrevMsgMulti(filters, seq, msg) === LoadCode.Found) {
      seen.push(msg.seq);
      seq = msg.seq - 1;
    }
    assertEquals(msg.skip, 1);
    assertEquals(seen, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  }));

Deno.test("TestStoreNumPendingLastPerSubjectExcludeOvercount", (t) =>
  eachStore(t, { subjects: ["foo.*"] }, (store) => {
    for (let i = 0; i < 10; i++) put(store, "foo.A", "x");
    put(store, "foo.B", "x");
    put(store, "foo.C", "x");
    store.skipMsgs(13, 87);
    assertEquals(put(store, "foo.B", "x"), 100);
    store.skipMsgs(101, 899);
    assertEquals(put(store, "foo.C", "x"), 1000);
    assertEquals(store.numPending(13, "foo.*", true).total, 2);
    assertEquals(store.numPendingMulti(13, sublistOf(["foo.*"]), true).total, 2);
  }));

Deno.test("TestStoreSkipMsgNoInterestAdvancesLastTime", (t) => {
  const time = new VirtualTime();
  return eachStore(t, { subjects: ["foo"] }, (store) => {
    assertEquals(store.skipMsgNoInterest(0), 1);
    const [seq, first] = lastTime(store);
    assertEquals([store.state().msgs, seq], [0, 1]);
    time.advance(200);
    assertEquals(store.skipMsgNoInterest(0), 2);
    assertEquals([store.state().msgs, lastTime(store)[0]], [0, 2]);
    assert(lastTime(store)[1] > first);
  }, time.environment());
});

Deno.test("TestStoreSkipMsgsCarryForwardLastTime", (t) =>
  eachStore(t, { subjects: ["foo"] }, (store) => {
    const day = 86_400_000_000_000n;
    const old = BigInt(Math.floor(Date.now() / 1000)) * 1_000_000_000n - 30n * day;
    const storeAt = (seq: number, ns: bigint) =>
      store.storeRawMsg("foo", NO_BYTES, NO_BYTES, seq, highOfNs(ns), lowOfNs(ns), 0, false);
    storeAt(1, old);
    assertEquals(lastTime(store), [1, old]);
    store.skipMsgs(2, 10);
    assertEquals(lastTime(store), [11, old]);
    assertEquals(store.skipMsg(12), 12);
    assertEquals(lastTime(store), [12, old]);
    store.skipMsgs(13, 5);
    assertEquals(lastTime(store), [17, old]);
    const newer = old + 15n * day;
    storeAt(18, newer);
    assertEquals(store.seqFromTimeNs(old), 1);
    assertEquals(store.seqFromTimeNs(old + 5n * day), 18);
    assertEquals(store.seqFromTimeNs(newer), 18);
  }));

Deno.test("TestStoreSkipMsgsCarryForwardLastTimeFromEmpty", async (t) => {
  const time = new VirtualTime();
  for (const count of [1, 5]) {
    await t.step(
      count === 1 ? "SkipMsg" : "SkipMsgs",
      (t) =>
        eachStore(t, { subjects: ["foo"] }, (store) => {
          assertEquals(lastTime(store), [0, 0n]);
          const nowNs = BigInt(time.nowMs) * 1_000_000n;
          if (count === 1) assertEquals(store.skipMsg(0), 1);
          else store.skipMsgs(1, count);
          assertEquals(lastTime(store), [count, nowNs]);
          time.advance(200);
          assertEquals(store.skipMsg(0), count + 1);
          assertEquals(lastTime(store), [count + 1, nowNs]);
        }, time.environment()),
    );
  }
});

/** The present state of subject "foo", with ends that may be stale. */
interface SubjectState extends TreeLeaf {
  msgs: number;
  first: number;
  last: number;
  firstStale: boolean;
  lastStale: boolean;
}

Deno.test("TestStoreSubjectStateConsistencyOptimization", (t) =>
  eachStore(t, { subjects: ["foo"] }, (store) => {
    const found = (): SubjectState | null =>
      store instanceof FileStore
        ? subjectsOf(store.core.lastBlock!).find("foo")
        : (store as MemoryStore).messages.subjects.find("foo");
    const fill = (count: number) => {
      for (let i = 0; i < count; i++) put(store, "foo");
    };
    const remove = (...seqs: number[]) => {
      for (const seq of seqs) assert(store.removeMsg(seq));
    };
    const expectState = (first: number, last: number, isStale: boolean) => {
      const state = found();
      assert(state !== null);
      assertEquals([state.msgs, state.first, state.last], [1, first, last]);
      assertEquals([state.firstStale, state.lastStale], [isStale, isStale]);
    };
    const msg = new StoredMsg();
    const expectSeq = (seq: number) => {
      assertEquals([store.loadNextMsg("foo", 0, msg), msg.seq], [LoadCode.Found, seq]);
      assertEquals([store.loadLastMsg("foo", msg), msg.seq], [LoadCode.Found, seq]);
      found();
    };
    found();
    fill(3);
    remove(2, 1);
    expectState(3, 3, false);
    expectSeq(3);
    fill(2);
    remove(3, 5);
    expectState(3, 5, true);
    expectSeq(4);
    // Here loading does not always look at the block's subjects; Go's corrects them.
    store.subjectsState("foo");
    fill(2);
    remove(7, 4);
    expectState(4, 7, true);
    expectSeq(6);
    store.subjectsState("foo");
    fill(2);
    remove(9, 8);
    expectState(6, 6, false);
    expectSeq(6);
  }));
