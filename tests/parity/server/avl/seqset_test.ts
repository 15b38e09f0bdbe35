// Ports: server/avl/seqset_test.go
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import {
  BadSetEncodingError,
  balanceFactor,
  decodeSequenceSet,
  encodeSequenceSet,
  ENTRIES_PER_NODE,
  type SequenceNode,
  SequenceSet,
  unionOf,
} from "../../../../src/base/containers/avl/mod.ts";
import { shuffled } from "../../../sim/random.ts";

function setOf(seqs: Iterable<number>): SequenceSet {
  const set = new SequenceSet();
  for (const seq of seqs) set.insert(seq);
  return set;
}

function checkBalanced(set: SequenceSet): void {
  const visit = (node: SequenceNode | null): number => {
    if (node === null) return 0;
    const height = Math.max(visit(node.left), visit(node.right)) + 1;
    assertEquals(node.height, height);
    return height;
  };
  visit(set.root);
  checkRoot(set);
}

/** The root alone, for loops that cannot afford the whole tree at every step. */
function checkRoot(set: SequenceSet): void {
  const bf = balanceFactor(set.root);
  if (bf > 1 || bf < -1) throw new Error("Unbalanced tree");
}

function members(set: SequenceSet): number[] {
  const all: number[] = [];
  set.range((seq) => all.push(seq) > 0);
  return all;
}

Deno.test("TestSeqSetBasics", () => {
  const set = new SequenceSet();
  const seqs = [22, 222, 2000, 2, 2, 4];
  for (const seq of seqs) {
    set.insert(seq);
    assert(set.exists(seq));
  }
  assertEquals(set.nodeCount, 1);
  assertEquals(set.size, seqs.length - 1);
  assertEquals(set.heights(), [0, 0]);
});

Deno.test("TestSeqSetLeftLean", () => {
  const set = new SequenceSet();
  for (let i = 4 * ENTRIES_PER_NODE; i > 0; i--) set.insert(i);
  assertEquals(set.nodeCount, 5);
  assertEquals(set.size, 4 * ENTRIES_PER_NODE);
  assertEquals(set.heights(), [2, 1]);
});

Deno.test("TestSeqSetRightLean", () => {
  const set = new SequenceSet();
  for (let i = 0; i < 4 * ENTRIES_PER_NODE; i++) set.insert(i);
  assertEquals(set.nodeCount, 4);
  assertEquals(set.size, 4 * ENTRIES_PER_NODE);
  assertEquals(set.heights(), [1, 2]);
});

Deno.test("TestSeqSetCorrectness", () => {
  const model = new Set<number>();
  const set = new SequenceSet();
  for (let i = 0; i < 100_000; i++) {
    const n = Math.floor(Math.random() * 500_001);
    set.insert(n);
    model.add(n);
  }
  for (let i = 0; i <= 500_000; i++) {
    if (set.exists(i) !== model.has(i)) throw new Error(`wrong at ${i}`);
  }
});

Deno.test("TestSeqSetRange", () => {
  const count = 2 * ENTRIES_PER_NODE + 22;
  const set = setOf(shuffled(count));
  assertEquals(members(set), Array.from({ length: count }, (_, i) => i));
  const some: number[] = [];
  set.range((n) => {
    if (n >= 10) return false;
    some.push(n);
    return true;
  });
  assertEquals(some, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

Deno.test("TestSeqSetDelete", () => {
  const seqs = [22, 222, 2222, 2, 2, 4];
  const set = setOf(seqs);
  for (const seq of seqs) {
    set.delete(seq);
    assertFalse(set.exists(seq));
  }
  assertEquals(set.root, null);
});

Deno.test("TestSeqSetInsertAndDeletePedantic", () => {
  const nums = shuffled(50 * ENTRIES_PER_NODE + 22);
  const set = new SequenceSet();
  for (const [i, n] of nums.entries()) {
    set.insert(n);
    checkRoot(set);
    if (i % 997 === 0) checkBalanced(set);
  }
  assert(set.root !== null);
  for (const [i, n] of nums.entries()) {
    set.delete(n);
    checkRoot(set);
    if (i % 997 === 0 || set.nodeCount < 50) checkBalanced(set);
    assertFalse(set.exists(n));
    if (set.size > 0) assert(set.root !== null);
  }
  assertEquals(set.root, null);
});

Deno.test("TestSeqSetMinMax", () => {
  const set = setOf([22, 222, 2222, 2, 2, 4]);
  assertEquals([set.min(), set.max()], [2, 2222]);
  set.empty();
  const count = 22 * ENTRIES_PER_NODE + 22;
  for (const n of shuffled(count)) set.insert(n);
  assertEquals([set.min(), set.max()], [0, count - 1]);
});

Deno.test("TestSeqSetClone", () => {
  const set = new SequenceSet();
  for (let i = 0; i < 100_000; i++) set.insert(Math.floor(Math.random() * 500_001));
  const copy = set.clone();
  assertEquals(copy.size, set.size);
  assertEquals(copy.nodeCount, set.nodeCount);
  assert(copy.equals(set));
});

Deno.test("TestSeqSetEqual", () => {
  const empty1 = new SequenceSet();
  const empty2 = new SequenceSet();
  assert(empty1.equals(empty2));
  assert(empty1.equals(null));
  const one = setOf([1, 3, 5]);
  const two = setOf([1, 4, 5]);
  assertFalse(one.equals(two));
  assertFalse(two.equals(one));
  assertFalse(one.equals(null));
  const three = setOf([5, 1, 3]);
  assert(one.equals(three));
  assert(three.equals(one));
  three.insert(7);
  assertFalse(one.equals(three));
});

Deno.test("TestSeqSetUnion", () => {
  const seqs1 = [22, 222, 2222, 2, 2, 4];
  const seqs2 = [33, 333, 3333, 3, 33_333, 333_333];
  const set = unionOf(setOf(seqs1), setOf(seqs2))!;
  assertEquals(set.size, 11);
  for (const n of [...seqs1, ...seqs2]) assert(set.exists(n));
});

Deno.test("TestSeqSetFirst", () => {
  const set = new SequenceSet();
  for (const seq of [22, 222, 2222, 222_222]) {
    set.insert(seq);
    assertEquals(set.root!.base, Math.floor(seq / ENTRIES_PER_NODE) * ENTRIES_PER_NODE);
    set.empty();
    set.setInitialMin(seq);
    set.insert(seq);
    assertEquals(set.root!.base, seq);
    set.empty();
  }
});

Deno.test("TestSeqSetDistinctUnion", () => {
  const seqs1 = [1, 10, 100, 200];
  const seqs2 = [5000, 6100, 6200, 6222];
  const set = setOf(seqs1).clone();
  set.union(setOf(seqs2));
  const all = [...seqs1, ...seqs2];
  assertEquals(set.size, all.length);
  for (const seq of all) assert(set.exists(seq));
});

/** A version 1 encoding: nodes of 64 buckets in pre-order, each given as base and height. */
function encodeVersion1(nodes: [number, number][], seqs: number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(10 + nodes.length * (8 + 512 + 2));
  const view = new DataView(bytes.buffer);
  bytes.set([22, 1]);
  view.setUint32(2, nodes.length, true);
  view.setUint32(6, seqs.length, true);
  let at = 10;
  for (const [base, height] of nodes) {
    view.setBigUint64(at, BigInt(base), true);
    at += 8;
    for (const seq of seqs.filter((s) => s >= base && s < base + 4096)) {
      bytes[at + ((seq - base) >> 3)]! |= 1 << ((seq - base) & 7);
    }
    at += 512;
    view.setUint16(at, height, true);
    at += 2;
  }
  return bytes;
}

Deno.test("TestSeqSetDecodeV1", async () => {
  const seqs = [22, 222, 2222, 222_222, 2_222_222];
  const bytes = encodeVersion1([[221_184, 2], [0, 1], [2_220_032, 1]], seqs);
  // SHA-256 of the bytes in the reference's test, which its version 1 wrote.
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  assertEquals(
    digest.toHex(),
    "9b567d1e542f864ce7ddc99b0acaae3afe21228c0fa02096ceb35db49b09386f",
  );
  const { set } = decodeSequenceSet(bytes);
  assertEquals(set.size, seqs.length);
  for (const seq of seqs) assert(set.exists(seq));
});

Deno.test("TestSeqSetDecodeNodeCountOverflow", () => {
  for (const version of [1, 2]) {
    const bytes = new Uint8Array(10);
    bytes.set([22, version]);
    const view = new DataView(bytes.buffer);
    view.setUint32(2, 0xffffffff, true);
    assertThrows(() => decodeSequenceSet(bytes), BadSetEncodingError, "ss: bad encoding");
    view.setUint32(2, 0x00800000, true);
    assertThrows(() => decodeSequenceSet(bytes), BadSetEncodingError);
  }
  const valid = new Uint8Array(10 + 33 * 8 + 2);
  valid.set([22, 2]);
  new DataView(valid.buffer).setUint32(2, 1, true);
  decodeSequenceSet(valid);
});

Deno.test("TestSeqSetInsertExistingNodeFastPath", () => {
  const set = new SequenceSet();
  for (let i = 0; i < 8 * ENTRIES_PER_NODE; i += 2) set.insert(i);
  const { nodeCount, size } = set;
  for (let i = 1; i < 8 * ENTRIES_PER_NODE; i += 2) {
    set.insert(i);
    assert(set.exists(i));
  }
  assertEquals(set.nodeCount, nodeCount);
  assertEquals(set.size, size + 4 * ENTRIES_PER_NODE);
  for (let i = 0; i < 8 * ENTRIES_PER_NODE; i++) set.insert(i);
  assertEquals(set.size, 8 * ENTRIES_PER_NODE);
  checkBalanced(set);
});

Deno.test("TestSeqSetInsertUnalignedBase", () => {
  const set = new SequenceSet();
  set.setInitialMin(1000);
  for (const seq of [1000, 1001, 1000 + ENTRIES_PER_NODE - 1]) {
    set.insert(seq);
    assert(set.exists(seq));
  }
  assertEquals([set.nodeCount, set.size], [1, 3]);
  set.insert(1000 + ENTRIES_PER_NODE);
  assert(set.exists(1000 + ENTRIES_PER_NODE));
  assertEquals([set.nodeCount, set.size], [2, 4]);
});

Deno.test("TestSeqSetDeleteNotPresent", () => {
  const seqs = [22, 222, 2222, 222_222];
  const set = setOf(seqs);
  const { nodeCount, size } = set;
  for (const seq of [0, 23, 2223, 5000, 100_000, 999_999]) assertFalse(set.delete(seq));
  assertEquals([set.nodeCount, set.size], [nodeCount, size]);
  for (const seq of seqs) assert(set.exists(seq));
  for (const seq of seqs) assert(set.delete(seq));
  assertEquals(set.root, null);
});

Deno.test("TestSeqSetRangeSparse", () => {
  const seqs = [0, 1, 63, 64, 127, 128, 2047, 2048, 4095, 4096, 100_000, 1_000_000];
  const set = setOf(seqs);
  assertEquals(members(set), seqs);
  const got: number[] = [];
  set.range((n) => {
    got.push(n);
    return n !== 64;
  });
  assertEquals(got, [0, 1, 63, 64]);
});

Deno.test("an encoded set decodes to an equal one", () => {
  const set = new SequenceSet();
  for (let i = 0; i < 20_000; i++) set.insert(Math.floor(Math.random() * 300_000));
  set.insert(2 ** 40 + 7);
  const bytes = encodeSequenceSet(set);
  const { set: copy, end } = decodeSequenceSet(bytes);
  assertEquals(end, bytes.length);
  assert(copy.equals(set));
  assertEquals(copy.nodeCount, set.nodeCount);
  assertEquals(encodeSequenceSet(copy), bytes);
});
