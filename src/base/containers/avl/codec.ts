/**
 * The binary form of a {@linkcode SequenceSet}, the same bytes as the reference's.
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 1 | magic 22 |
 * | 1 | 1 | version 2 (1 has 64 buckets a node instead of 32) |
 * | 2 | 4 | number of nodes, little endian |
 * | 6 | 4 | number of members |
 * | 10 | 266 each | node in pre-order: base u64, 32 × u64 bitmap, height u16 |
 *
 * @module
 */
import { SequenceNode, SequenceSet, WORDS_PER_NODE } from "./sequence_set.ts";

/** First byte of every encoded set. */
export const SEQUENCE_SET_MAGIC = 22;
const VERSION = 2;
/** Bytes before the first node. */
export const SEQUENCE_SET_BYTES_MIN = 10;
const NODE_BYTES = 8 + WORDS_PER_NODE * 4 + 2;
const WORDS_PER_NODE_V1 = 128;
const NODE_BYTES_V1 = 8 + WORDS_PER_NODE_V1 * 4 + 2;
const TWO_32 = 4294967296;

/** Thrown when bytes are no sequence set. */
export class BadSetEncodingError extends Error {
  override readonly name = "BadSetEncodingError";
  constructor() {
    super("ss: bad encoding");
  }
}

/** Thrown when a set was written by a version that is not known. */
export class BadSetVersionError extends Error {
  override readonly name = "BadSetVersionError";
  constructor() {
    super("ss: bad version");
  }
}

/** Bytes that {@linkcode encodeSequenceSet} writes for `set`. */
export function encodedSequenceSetSize(set: SequenceSet): number {
  return SEQUENCE_SET_BYTES_MIN + set.nodeCount * NODE_BYTES;
}

/** Writes `set` into `target` at `at`, which must have room; returns the offset after it. */
export function encodeSequenceSetInto(set: SequenceSet, target: Uint8Array, at: number): number {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  target[at] = SEQUENCE_SET_MAGIC;
  target[at + 1] = VERSION;
  view.setUint32(at + 2, set.nodeCount, true);
  view.setUint32(at + 6, set.size, true);
  return encodeNode(set.root, view, at + SEQUENCE_SET_BYTES_MIN);
}

/** `set` as a new array. */
export function encodeSequenceSet(set: SequenceSet): Uint8Array {
  const bytes = new Uint8Array(encodedSequenceSetSize(set));
  encodeSequenceSetInto(set, bytes, 0);
  return bytes;
}

function encodeNode(node: SequenceNode | null, view: DataView, at: number): number {
  if (node === null) return at;
  view.setUint32(at, node.base % TWO_32, true);
  view.setUint32(at + 4, Math.floor(node.base / TWO_32), true);
  at += 8;
  for (let i = 0; i < WORDS_PER_NODE; i++) {
    view.setUint32(at, node.words[i]!, true);
    at += 4;
  }
  view.setUint16(at, node.height, true);
  at = encodeNode(node.left, view, at + 2);
  return encodeNode(node.right, view, at);
}

/**
 * Reads a set that starts at `at` of `bytes` (borrowed); `end` is the offset after it.
 * Throws {@linkcode BadSetEncodingError} or {@linkcode BadSetVersionError}.
 */
export function decodeSequenceSet(
  bytes: Uint8Array,
  at = 0,
): { set: SequenceSet; end: number } {
  if (bytes.length - at < SEQUENCE_SET_BYTES_MIN || bytes[at] !== SEQUENCE_SET_MAGIC) {
    throw new BadSetEncodingError();
  }
  const version = bytes[at + 1];
  if (version !== 1 && version !== 2) throw new BadSetVersionError();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nodeCount = view.getUint32(at + 2, true);
  const size = view.getUint32(at + 6, true);
  const nodeBytes = version === 1 ? NODE_BYTES_V1 : NODE_BYTES;
  if (nodeCount > Math.floor((bytes.length - at - SEQUENCE_SET_BYTES_MIN) / nodeBytes)) {
    throw new BadSetEncodingError();
  }
  const start = at + SEQUENCE_SET_BYTES_MIN;
  const set = version === 1
    ? decodeVersion1(view, start, nodeCount)
    : decodeVersion2(view, start, nodeCount, size);
  if (version === 1 && set.size !== size) throw new BadSetEncodingError();
  return { set, end: start + nodeCount * nodeBytes };
}

function readBase(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true);
}

function decodeVersion2(
  view: DataView,
  at: number,
  nodeCount: number,
  size: number,
): SequenceSet {
  const set = new SequenceSet();
  set.size = size;
  for (let i = 0; i < nodeCount; i++) {
    const node = new SequenceNode(readBase(view, at));
    at += 8;
    for (let w = 0; w < WORDS_PER_NODE; w++) {
      node.words[w] = view.getUint32(at, true);
      at += 4;
    }
    node.height = view.getUint16(at, true);
    at += 2;
    place(set, node);
  }
  return set;
}

function decodeVersion1(view: DataView, at: number, nodeCount: number): SequenceSet {
  const set = new SequenceSet();
  for (let i = 0; i < nodeCount; i++) {
    const base = readBase(view, at);
    at += 8;
    for (let w = 0; w < WORDS_PER_NODE_V1; w++) {
      let word = view.getUint32(at, true);
      while (word !== 0) {
        const low = word & -word;
        set.insert(base + w * 32 + 31 - Math.clz32(low));
        word ^= low;
      }
      at += 4;
    }
    at += 2;
  }
  return set;
}

/** Nodes arrive in pre-order, so each goes where the search for its base ends. */
function place(set: SequenceSet, node: SequenceNode): void {
  set.nodeCount++;
  let parent = set.root;
  if (parent === null) {
    set.root = node;
    return;
  }
  for (;;) {
    if (node.base < parent.base) {
      if (parent.left === null) {
        parent.left = node;
        return;
      }
      parent = parent.left;
    } else {
      if (parent.right === null) {
        parent.right = node;
        return;
      }
      parent = parent.right;
    }
  }
}
