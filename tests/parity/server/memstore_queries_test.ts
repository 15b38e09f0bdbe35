// Ports: server/memstore_test.go (finding and counting messages)
import { assertEquals, assertThrows } from "@std/assert";
import { GenericSublist } from "../../../src/base/containers/gsl/mod.ts";
import { StoreError } from "../../../src/store/errors.ts";
import { MsgFilter } from "../../../src/store/msg_filter.ts";
import type { MemoryStore } from "../../../src/store/memory/memory_store.ts";
import { LoadCode, StoredMsg } from "../../../src/store/stored_msg.ts";
import { memoryStore, put } from "../../sim/store_permutations.ts";
import { VirtualTime } from "../../sim/virtual_time.ts";
import { checkPending, numberedSubjects } from "./_pending.ts";

Deno.test("TestMemStoreAllLastSeqs", async () => {
  const ms = memoryStore({ subjects: ["*.*"], maxMsgsPerSubject: 50 });
  const subjects = ["foo.foo", "foo.bar", "foo.baz", "bar.foo", "bar.bar", "bar.baz"];
  for (let i = 0; i < 100_000; i++) {
    put(ms, subjects[Math.floor(Math.random() * subjects.length)]!, "abc");
  }
  const msg = new StoredMsg();
  const expected = subjects.map((subject) => {
    assertEquals(ms.loadLastMsg(subject, msg), LoadCode.Found);
    return msg.seq;
  });
  assertEquals(ms.allLastSeqs(), expected.sort((a, b) => a - b));
  await ms.stop();
});

Deno.test("TestMemStoreMultiLastSeqs", async () => {
  const ms = memoryStore({ subjects: ["foo.*", "bar.*"] });
  for (const first of ["foo", "bar"]) {
    for (let i = 0; i < 33; i++) {
      for (const second of ["foo", "bar", "baz"]) put(ms, `${first}.${second}`, "abc");
    }
  }
  const check = (filters: string[], maxSeq: number, expected: number[]) =>
    assertEquals(ms.multiLastSeqs(filters, maxSeq, -1), expected);
  check(["foo.*"], 3, [1, 2, 3]);
  check(["foo.*"], 0, [97, 98, 99]);
  check(["bar.*"], 0, [196, 197, 198]);
  check(["bar.*"], 99, []);
  check(["foo.foo", "foo.bar", "foo.baz"], 3, [1, 2, 3]);
  check(["foo.foo", "foo.bar", "foo.baz"], 0, [97, 98, 99]);
  check(["bar.foo", "bar.bar", "bar.baz"], 0, [196, 197, 198]);
  check(["bar.foo", "bar.bar", "bar.baz"], 99, []);
  check(["foo.foo"], 3, [1]);
  check(["foo.*", "foo.bar"], 3, [1, 2, 3]);
  check(["bar.>", "bar.bar", "bar.baz"], 0, [196, 197, 198]);
  check([">"], 0, [97, 98, 99, 196, 197, 198]);
  check([">"], 99, [97, 98, 99]);
  await ms.stop();
});

Deno.test("TestMemStoreMultiLastSeqsDoesNotReorderConfigSubjects", async () => {
  const ms = memoryStore({ subjects: ["orders.*", "billing.*"] });
  put(ms, "orders.1", "x");
  put(ms, "billing.1", "x");
  ms.multiLastSeqs(["orders.*", "billing.*"], 0, 0);
  assertEquals(ms.config.subjects, ["orders.*", "billing.*"]);
  await ms.stop();
});

Deno.test("TestMemStoreMultiLastSeqsDoesNotUseStaleLastValue", async () => {
  const ms = memoryStore({ subjects: ["foo", "bar", "baz"] });
  const stored = ["foo", "bar", "foo", " baz", "foo", "foo", "bar", "foo", "bar", "baz"];
  for (const subject of stored) put(ms, subject);
  assertEquals(ms.multiLastSeqs(["foo", "bar"], 0, 0), [8, 9]);
  assertEquals(ms.removeMsg(8), true);
  assertEquals(ms.multiLastSeqs(["foo", "bar"], 0, 0), [6, 9]);
  await ms.stop();
});

Deno.test("TestMemStoreMultiLastSeqsMaxAllowed", async () => {
  const ms = memoryStore({ subjects: ["foo.*"] });
  for (let i = 1; i <= 100; i++) put(ms, `foo.${i}`, "abc");
  assertThrows(
    () => ms.multiLastSeqs(["foo.*"], 0, 10),
    StoreError,
    "too many matching results for request",
  );
  await ms.stop();
});

/** Stores what the tests of ranges look for. */
function storeForRanges(): MemoryStore {
  const ms = memoryStore({ subjects: ["foo.>"] });
  const store = (subject: string, count: number) => {
    for (let i = 0; i < count; i++) put(ms, subject, "msg");
  };
  store("foo.bar.a", 1);
  store("foo.baz.bar", 10);
  store("foo.bar.b", 1);
  store("foo.baz.bar", 10);
  store("foo.baz.bar.no.match", 10);
  return ms;
}

function checkRanges(
  ms: MemoryStore,
  cases: readonly (readonly [string, number, [number, number] | null])[],
): void {
  for (const [filter, start, expected] of cases) {
    const range = ms.messages.matchRange(new MsgFilter(filter), start);
    assertEquals(range === null ? null : [range.first, range.last], expected, `${filter} ${start}`);
  }
}

Deno.test("TestMemStoreNextLiteralMatch", async () => {
  const ms = storeForRanges();
  checkRanges(ms, [
    ["foo.bar.a", 0, [1, 1]],
    ["foo.bar.a", 2, null],
    ["foo.baz.bar", 1, [2, 22]],
    ["foo.baz.bar", 11, [11, 22]],
    ["foo.baz.bar", 22, [22, 22]],
    ["foo.baz.bar", 23, null],
    ["foo.nope", 1, null],
  ]);
  await ms.stop();
});

Deno.test("TestMemStoreNextWildcardMatch", async () => {
  const ms = storeForRanges();
  checkRanges(ms, [
    ["foo.bar.*", 0, [1, 12]],
    ["foo.bar.*", 1, [1, 12]],
    ["foo.bar.*", 2, [12, 12]],
    ["foo.bar.*", 13, null],
    ["foo.baz.*", 1, [2, 22]],
    ["foo.baz.*", 11, [11, 22]],
    ["foo.baz.*", 12, [12, 22]],
    ["foo.baz.*", 22, [22, 22]],
    ["foo.baz.*", 23, null],
    ["foo.nope.*", 1, null],
    ["foo.>", 1, [1, 32]],
  ]);
  await ms.stop();
});

Deno.test("TestMemStoreNumPending", async () => {
  const ms = memoryStore({ name: "TEST", subjects: ["*.*.*.*"] });
  checkPending(ms);
  await ms.stop();
});

Deno.test("TestMemStoreNumPendingBug", async () => {
  const ms = memoryStore({ subjects: ["foo.*"] });
  for (const subject of ["foo.foo", "foo.bar", "foo.baz", "foo.zzz"]) {
    put(ms, "foo.aaa");
    put(ms, subject);
    put(ms, subject);
  }
  // All twelve match; nine of them come at or after 4.
  assertEquals(ms.numPending(4, "foo.*", false).total, 9);
  await ms.stop();
});

Deno.test("TestMemStoreNumPendingMulti", async () => {
  const ms = memoryStore({ subjects: ["ev.*"] });
  const random = (n: number) => Math.floor(Math.random() * n);
  const start = 5_000 + random(90_000);
  const subjects = numberedSubjects("ev", 10_000);
  const payload = new Uint8Array(999).fill(90);
  const stored: string[] = [];
  for (let i = 0; i < 100_000; i++) {
    const subject = subjects[random(subjects.length)]!;
    stored.push(subject);
    put(ms, subject, payload);
  }
  const filters = new GenericSublist<null>();
  while (filters.count() < 5000) {
    const filter = subjects[random(subjects.length)]!;
    if (!filters.hasInterest(filter)) filters.insert(filter, null);
  }
  let expected = 0;
  const msg = new StoredMsg();
  for (let seq = start; seq <= 100_000; seq++) {
    assertEquals(ms.loadMsg(seq, msg), LoadCode.Found);
    if (filters.hasInterest(msg.subject())) expected++;
  }
  assertEquals(ms.numPendingMulti(start, filters, false).total, expected);
  await ms.stop();
});

Deno.test("TestMemStoreSubjectForSeq", async () => {
  const ms = memoryStore({ name: "foo", subjects: ["foo.>"] });
  assertEquals(put(ms, "foo.bar"), 1);
  assertEquals(ms.subjectForSeq(0), null);
  assertEquals(ms.subjectForSeq(1), "foo.bar");
  assertEquals(ms.subjectForSeq(2), null);
  await ms.stop();
});

Deno.test("TestMemStoreSubjectsTotals", async () => {
  const ms = memoryStore({ name: "TEST", subjects: ["*.*"] });
  const expected = new Map<string, number>();
  for (let i = 0; i < 10_000; i++) {
    const first = Math.random() < 0.5 ? "foo" : "bar";
    const subject = `${first}.${Math.floor(Math.random() * 100)}`;
    expected.set(subject, (expected.get(subject) ?? 0) + 1);
    put(ms, subject, "Hello World");
  }
  for (const [subject, total] of expected) {
    assertEquals(ms.subjectsTotals(subject), new Map([[subject, total]]));
  }
  for (const first of ["foo", "bar"]) {
    const mine = [...expected].filter(([subject]) => subject.startsWith(`${first}.`));
    const totals = ms.subjectsTotals(`${first}.*`);
    assertEquals(totals.size, mine.length);
    const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);
    assertEquals(sum(totals.values()), sum(mine.map(([, total]) => total)));
  }
  assertEquals(ms.subjectsTotals("*.*").size, expected.size);
  await ms.stop();
});

Deno.test("TestMemStoreGetSeqFromTimeWithLastDeleted", async () => {
  const time = new VirtualTime();
  const ms = memoryStore({ subjects: ["*"] }, time.environment());
  let startNs = 0n;
  for (let i = 1; i <= 1000; i++) {
    put(ms, "A", "OK");
    if (i !== 500) continue;
    time.advance(100);
    startNs = BigInt(Math.floor(time.nowMs)) * 1_000_000n;
  }
  for (let seq = 900; seq <= 1000; seq++) ms.removeMsg(seq);
  assertEquals(ms.seqFromTimeNs(startNs), 501);
  await ms.stop();
});
