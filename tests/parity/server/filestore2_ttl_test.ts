// Ports: server/filestore_test.go (message TTLs, delete markers, schedules)
import { assert, assertEquals, assertThrows } from "@std/assert";
import { putVarint64 } from "../../../src/base/bytes/varint.ts";
import { headerValue } from "../../../src/protocol/headers.ts";
import { scheduleRules } from "../../../src/jetstream/schedule/rules.ts";
import { HeaderName } from "../../../src/store/headers.ts";
import { StoreError } from "../../../src/store/errors.ts";
import { recordSize } from "../../../src/store/file/format/record.ts";
import { recoverTtls } from "../../../src/store/file/stream/recovery.ts";
import { purgeBlock } from "../../../src/store/file/stream/removal.ts";
import { MsgScheduling, type ScheduleRules } from "../../../src/store/scheduling.ts";
import type { StreamStore } from "../../../src/store/stream_store.ts";
import { highOfNs, lowOfNs } from "../../../src/store/timestamp.ts";
import { bytesOf, eachFileStore, NO_BYTES, put } from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";
import { blockCount, plainStores } from "./_filestore.ts";
import { figures, headersOf, msgsPath, removeIndex } from "./_filestore2.ts";

const TTL_CONFIG = { subjects: ["test"], allowMsgTtl: true };

function rulesOf(time: VirtualTime): ScheduleRules {
  return scheduleRules(time.environment().clock);
}

function scheduleHeaders(atMs: number, more: Record<string, string> = {}): Uint8Array {
  return headersOf({ "Nats-Schedule": `@at ${new Date(atMs).toISOString()}`, ...more });
}

/** Stores a message without payload under a TTL, with a header for it or none. */
function putTtl(store: StreamStore, ttlSec: number, hasHeader: boolean): number {
  const headers = hasHeader ? headersOf({ "Nats-TTL": String(ttlSec) }) : NO_BYTES;
  return store.storeMsg("test", headers, NO_BYTES, ttlSec);
}

Deno.test("TestFileStoreMessageTTL", async () => {
  const time = new VirtualTime();
  using stores = plainStores(time.environment());
  const fs = stores.open(TTL_CONFIG);
  for (let i = 0; i < 10; i++) putTtl(fs, 1, false);
  assertEquals(figures(fs), [10, 1, 10]);
  time.advance(2000);
  assertEquals(figures(fs), [0, 11, 10]);
  await fs.stop();
});

Deno.test("TestFileStoreMessageTTLRestart", async (t) => {
  const time = new VirtualTime();
  using stores = plainStores(time.environment());
  await t.step("BeforeRestart", async () => {
    const fs = stores.open(TTL_CONFIG);
    for (let i = 0; i < 10; i++) putTtl(fs, 1, false);
    assertEquals(figures(fs), [10, 1, 10]);
    await fs.stop();
  });
  await t.step("AfterRestart", async () => {
    const fs = stores.open(TTL_CONFIG);
    assertEquals(figures(fs), [10, 1, 10]);
    time.advance(2000);
    assertEquals(figures(fs), [0, 11, 10]);
    await fs.stop();
  });
});

Deno.test("TestFileStoreMessageTTLRecovered", async (t) => {
  const time = new VirtualTime();
  using stores = plainStores(time.environment());
  await t.step("BeforeRestart", async () => {
    const fs = stores.open(TTL_CONFIG);
    put(fs, "test");
    for (let i = 0; i < 9; i++) putTtl(fs, 1, true);
    assertEquals(figures(fs), [10, 1, 10]);
    await fs.stop();
  });
  await t.step("AfterRestart", async () => {
    Deno.removeSync(msgsPath(stores, "thw.db"));
    const fs = stores.open(TTL_CONFIG);
    assertEquals(blockCount(fs), 1);
    assertEquals(fs.core.blocks[0]!.ttls, 9);
    assertEquals(figures(fs), [10, 1, 10]);
    time.advance(2000);
    assertEquals(figures(fs), [1, 1, 10]);
    await fs.stop();
  });
});

Deno.test("TestFileStoreMessageTTLRecoveredSingleMessageWithoutStreamState", async (t) => {
  const time = new VirtualTime();
  using stores = plainStores(time.environment());
  await t.step("BeforeRestart", async () => {
    const fs = stores.open(TTL_CONFIG);
    putTtl(fs, 1, true);
    assertEquals(figures(fs), [1, 1, 1]);
    await fs.stop();
  });
  await t.step("AfterRestart", async () => {
    removeIndex(stores);
    Deno.removeSync(msgsPath(stores, "thw.db"));
    const fs = stores.open(TTL_CONFIG);
    assertEquals(figures(fs), [1, 1, 1]);
    time.advance(2000);
    assertEquals(figures(fs), [0, 2, 1]);
    await fs.stop();
  });
});

Deno.test("TestFileStoreMessageTTLWriteTombstone", async () => {
  const time = new VirtualTime();
  using stores = plainStores(time.environment());
  let fs = stores.open(TTL_CONFIG);
  putTtl(fs, 1, true);
  put(fs, "test");
  assertEquals(figures(fs), [2, 1, 2]);
  time.advance(2000);
  assertEquals(figures(fs), [1, 2, 2]);
  await fs.stop();
  removeIndex(stores);
  fs = stores.open(TTL_CONFIG);
  assertEquals(figures(fs), [1, 2, 2]);
  await fs.stop();
});

Deno.test("TestFileStoreMessageTTLRecoveredOffByOne", async () => {
  const time = new VirtualTime();
  using stores = plainStores(time.environment());
  let fs = stores.open(TTL_CONFIG);
  const ns = BigInt(time.nowMs) * 1_000_000n + 123n;
  const headers = headersOf({ "Nats-TTL": "120" });
  fs.storeRawMsg("test", headers, NO_BYTES, 1, highOfNs(ns), lowOfNs(ns), 120, false);
  assertEquals(figures(fs), [1, 1, 1]);
  assertEquals(fs.core.ttls?.count(), 1);
  // Only the recovery of what thw.db does not cover could enter it again.
  fs.core.ttls!.remove(1, Math.floor(time.nowMs / 1000) + 120);
  await fs.stop();
  fs = stores.open(TTL_CONFIG);
  assertEquals(figures(fs), [1, 1, 1]);
  assertEquals(fs.core.ttls?.count(), 0);
  await fs.stop();
});

Deno.test("TestFileStoreSubjectDeleteMarkers", async () => {
  const time = new VirtualTime();
  using stores = plainStores(time.environment());
  const fs = stores.open({
    ...TTL_CONFIG,
    maxAgeNs: 1_000_000_000n,
    subjectDeleteMarkerTtlNs: 1_000_000_000n,
  });
  const markers: Uint8Array[] = [];
  fs.registerStorageRemoveMsg((seq) => void fs.removeMsg(seq));
  fs.registerProcessMsg(({ headers }) => void markers.push(headers.slice()));
  for (let i = 0; i < 3; i++) put(fs, "test");
  time.advance(1500);
  const [marker] = markers;
  assert(marker !== undefined);
  assertEquals(headerValue(marker, 0, marker.length, HeaderName.MarkerReason), "MaxAge");
  assertEquals(headerValue(marker, 0, marker.length, HeaderName.Ttl), "1s");
  await fs.stop();
});

Deno.test("TestFileStoreUpdateConfigTTLState", async () => {
  using stores = plainStores();
  const fs = stores.open({ subjects: [">"] });
  const { config } = fs.core;
  assertEquals(fs.core.ttls, null);
  fs.updateConfig({ ...config, allowMsgTtl: true });
  assert(fs.core.ttls !== null);
  fs.updateConfig({ ...config, allowMsgTtl: false });
  assertEquals(fs.core.ttls, null);
  await fs.stop();
});

Deno.test("TestFileStoreNoPanicOnRecoverTTLWithCorruptBlocks", async (t) => {
  const time = new VirtualTime();
  await eachFileStore(t, ({ open }) => {
    const fs = open({ allowMsgTtl: true });
    const headers = headersOf({ "Nats-TTL": "1" });
    for (let i = 0; i < 3; i++) {
      if (i > 0) fs.core.newBlock();
      fs.storeMsg("foo", headers, bytesOf("A"), 1);
    }
    assertEquals(blockCount(fs), 3);
    const [first, second, last] = fs.core.blocks;
    fs.core.removeBlock(second!);
    last!.firstSeq = first!.firstSeq;
    last!.lastSeq = first!.lastSeq;
    recoverTtls(fs.core);
    fs.abandon();
  }, time.environment());
});

Deno.test("TestFileStoreMessageSchedule", async () => {
  const time = new VirtualTime();
  using stores = plainStores(time.environment());
  const fs = stores.open(
    { name: "TEST", subjects: ["foo.*"], allowMsgSchedules: true },
    { scheduleRules: rulesOf(time) },
  );
  const published: { subject: string; headers: Uint8Array }[] = [];
  fs.registerProcessMsg(({ subject, headers }) =>
    void published.push({ subject, headers: headers.slice() })
  );
  const headers = scheduleHeaders(time.nowMs + 1000, { "Nats-Schedule-Target": "foo.target" });
  fs.storeMsg("foo.schedule", headers, NO_BYTES, 0);
  time.advance(900);
  assertEquals(published.length, 0);
  time.advance(4000);
  const [msg] = published;
  assert(msg !== undefined);
  assertEquals(msg.subject, "foo.target");
  const value = (name: string) => headerValue(msg.headers, 0, msg.headers.length, name);
  assertEquals(value("Nats-Scheduler"), "foo.schedule");
  assertEquals(value("Nats-Schedule-Next"), "purge");
  await fs.stop();
});

Deno.test("TestFileStoreMessageScheduleRecovered", async (t) => {
  const time = new VirtualTime();
  using stores = plainStores(time.environment());
  const open = () =>
    stores.open(
      { name: "TEST", subjects: ["foo.*"], allowMsgSchedules: true },
      { scheduleRules: rulesOf(time) },
    );
  await t.step("BeforeRestart", async () => {
    const fs = open();
    const headers = scheduleHeaders(time.nowMs + 1000, { "Nats-Schedule-Target": "foo.target" });
    fs.storeMsg("foo.schedule", headers, NO_BYTES, 0);
    assertEquals(figures(fs), [1, 1, 1]);
    await fs.stop();
  });
  await t.step("AfterRestart", async () => {
    Deno.removeSync(msgsPath(stores, "sched.db"));
    const fs = open();
    assertEquals(blockCount(fs), 1);
    assertEquals(fs.core.blocks[0]!.schedules, 1);
    assertEquals(figures(fs), [1, 1, 1]);
    await fs.stop();
  });
});

function scheduling(time: VirtualTime): MsgScheduling {
  return new MsgScheduling(time.loop(), () => time.nowMs, () => {});
}

Deno.test("TestFileStoreMessageScheduleEncodeDecode", () => {
  const time = new VirtualTime();
  const schedules = scheduling(time);
  const nowSec = Math.floor(time.nowMs / 1000);
  for (let seq = 0; seq < 100_000; seq++) {
    schedules.add(seq, `foo.${seq}`, nowSec + seq, 123_456_789);
  }
  const bytes = schedules.encode(12_345);
  assert(bytes.length > 17);
  const again = scheduling(time);
  assertEquals(again.decode(bytes), 12_345);
  assertEquals(again.nextMs(), schedules.nextMs());
  assertEquals(again.entries(), schedules.entries());
  assertEquals(schedules.entries().length, 100_000);
});

Deno.test("TestFileStoreMessageScheduleDecodeRejectsMalformed", async (t) => {
  const header = (count: number, ...rest: number[]): Uint8Array => {
    const bytes = new Uint8Array(17 + rest.length);
    bytes[0] = 1;
    new DataView(bytes.buffer).setBigUint64(1, BigInt(count), true);
    bytes.set(rest, 17);
    return bytes;
  };
  const version2 = header(0);
  version2[0] = 2;
  const varint = new Uint8Array(10);
  const time = [...varint.subarray(0, putVarint64(varint, 0, 12_345n))];
  const cases: [string, Uint8Array, string][] = [
    ["ShortHeader", new Uint8Array(16), "short buffer"],
    ["BadVersion", version2, "msg scheduling: encoded version not known"],
    ["TruncatedAtSubjLen", header(1), "unexpected EOF"],
    ["TruncatedSubj", header(1, 5, 0), "unexpected EOF"],
    ["TruncatedVarints", header(1, 3, 0, ...bytesOf("foo")), "unexpected EOF"],
    ["TruncatedSeq", header(1, 3, 0, ...bytesOf("foo"), ...time), "unexpected EOF"],
  ];
  for (const [title, bytes, text] of cases) {
    await t.step(title, () => {
      assertThrows(() => scheduling(new VirtualTime()).decode(bytes), StoreError, text);
    });
  }
});

Deno.test("TestFileStorePurgeMsgBlockRemovesSchedules", async (t) => {
  const time = new VirtualTime();
  await eachFileStore(t, async ({ open }) => {
    const headers = (i: number) =>
      scheduleHeaders(time.nowMs + 3_600_000, { "Nats-Schedule-Target": `foo.target.${i}` });
    const fs = open(
      { subjects: ["foo.*"], allowMsgSchedules: true },
      {
        blockBytes: recordSize("foo.sched.0".length, headers(0).length, 1) * 5,
        scheduleRules: rulesOf(time),
      },
    );
    for (let i = 0; i < 10; i++) fs.storeMsg(`foo.sched.${i}`, headers(i), bytesOf("x"), 0);
    assert(blockCount(fs) >= 2);
    assertEquals(fs.core.scheduling!.entries().length, 10);
    purgeBlock(fs.core, fs.core.blocks[0]!);
    assertEquals(fs.state().msgs, 5);
    assertEquals(fs.core.scheduling!.entries().map(({ seq }) => seq), [6, 7, 8, 9, 10]);
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreRecoverTTLAndScheduleStateAndCounters", async (t) => {
  const time = new VirtualTime();
  await eachFileStore(t, async (stores) => {
    const open = () =>
      stores.open(
        { subjects: [">"], allowMsgTtl: true, allowMsgSchedules: true },
        { scheduleRules: rulesOf(time) },
      );
    let fs = open();
    fs.storeMsg("foo", scheduleHeaders(time.nowMs + 5000, { "Nats-TTL": "5" }), NO_BYTES, 5);
    const counters = () => [fs.core.blocks[0]!.ttls, fs.core.blocks[0]!.schedules];
    assertEquals(counters(), [1, 1]);
    await fs.stop();
    removeIndex(stores);
    fs = open();
    assertEquals(counters(), [1, 1]);
    await fs.stop();
  }, time.environment());
});

Deno.test("TestFileStoreSchedulingRecoveryAliasCorruption", async () => {
  const time = new VirtualTime();
  using stores = plainStores(time.environment());
  const open = () =>
    stores.open(
      { name: "SCHED", subjects: ["sched.>"], allowMsgSchedules: true },
      { blockBytes: 4096, scheduleRules: rulesOf(time) },
    );
  const subjects = Array.from(
    { length: 40 },
    (_, i) => `sched.AAAA-${String(i).padStart(5, "0")}-${"A".repeat(40)}`,
  );
  let fs = open();
  for (const [i, subject] of subjects.entries()) {
    const headers = scheduleHeaders(time.nowMs + 86_400_000, {
      "Nats-Schedule-Target": `target.${i}`,
      Pad: "X".repeat(200),
    });
    fs.storeMsg(subject, headers, NO_BYTES, 0);
  }
  await fs.stop();
  Deno.removeSync(msgsPath(stores, "sched.db"));
  fs = open();
  assert(blockCount(fs) >= 2);
  const entries = fs.core.scheduling!.entries();
  assertEquals(entries.map(({ seq, subject }) => [seq, subject]), [
    ...subjects.map((subject, i) => [i + 1, subject]),
  ]);
  await fs.stop();
});
