/**
 * A set of sequence numbers that is small when the numbers lie close together: an AVL tree whose
 * nodes are bitmaps of 2048 consecutive numbers. Stores keep their interior deletes in it, and
 * its encoding is part of `index.db` and of replicated stream state (reference: server/avl).
 *
 * @module
 */

/** Numbers that one node covers. */
export const ENTRIES_PER_NODE = 2048;
/** 32-bit words of one node's bitmap. */
export const WORDS_PER_NODE = ENTRIES_PER_NODE / 32;

/** A node of the tree. Public for the codec and for tests of the tree's balance. */
export class SequenceNode {
  /** The lowest number this node can hold. */
  readonly base: number;
  /** Bit `n` of word `w` stands for `base + 32 w + n`. */
  readonly words: Uint32Array = new Uint32Array(WORDS_PER_NODE);
  left: SequenceNode | null = null;
  right: SequenceNode | null = null;
  /** Height of the subtree, 1 for a leaf. */
  height = 1;

  constructor(base: number) {
    this.base = base;
  }
}

/** Thrown by {@linkcode SequenceSet.setInitialMin} on a set that already has nodes. */
export class SetNotEmptyError extends Error {
  override readonly name = "SetNotEmptyError";
  constructor() {
    super("ss: set not empty");
  }
}

/** A compact, ordered set of safe non-negative integers. */
export class SequenceSet {
  /** Root of the tree, null while empty. Read by the codec and tests only. */
  root: SequenceNode | null = null;
  /** How many numbers are in the set. */
  size = 0;
  /** How many nodes the tree has. */
  nodeCount = 0;

  /** Adds `seq`; O(log nodes), O(1) when its node exists. */
  insert(seq: number): void {
    let node = this.root;
    while (node !== null) {
      const offset = seq - node.base;
      if (offset < 0) node = node.left;
      else if (offset >= ENTRIES_PER_NODE) node = node.right;
      else {
        if (setBit(node, offset)) this.size++;
        return;
      }
    }
    this.root = this.#insertNode(this.root, seq);
    this.size++;
  }

  /** True when `seq` is a member. */
  exists(seq: number): boolean {
    let node = this.root;
    while (node !== null) {
      const offset = seq - node.base;
      if (offset < 0) node = node.left;
      else if (offset >= ENTRIES_PER_NODE) node = node.right;
      else return (node.words[offset >>> 5]! & (1 << (offset & 31))) !== 0;
    }
    return false;
  }

  /** Removes `seq`; true when it was a member. */
  delete(seq: number): boolean {
    const before = this.size;
    if (this.root === null) return false;
    this.root = this.#deleteFrom(this.root, seq);
    if (this.size === before) return false;
    if (this.size === 0) this.empty();
    return true;
  }

  /** Lets the first node start exactly at `min`. Throws {@linkcode SetNotEmptyError}. */
  setInitialMin(min: number): void {
    if (!this.isEmpty()) throw new SetNotEmptyError();
    this.root = new SequenceNode(min);
    this.nodeCount = 1;
  }

  /** Removes everything. */
  empty(): void {
    this.root = null;
    this.size = 0;
    this.nodeCount = 0;
  }

  /** True while the tree has no nodes. */
  isEmpty(): boolean {
    return this.root === null;
  }

  /** Calls `visit` in ascending order until it returns false. */
  range(visit: (seq: number) => boolean): void {
    walkInOrder(this.root, visit);
  }

  /** Heights of the root's two subtrees. */
  heights(): [number, number] {
    if (this.root === null) return [0, 0];
    return [heightOf(this.root.left), heightOf(this.root.right)];
  }

  /** The smallest member, 0 when empty. */
  min(): number {
    let node = this.root;
    if (node === null) return 0;
    while (node.left !== null) node = node.left;
    return minOf(node);
  }

  /** The largest member, 0 when empty. */
  max(): number {
    let node = this.root;
    if (node === null) return 0;
    while (node.right !== null) node = node.right;
    return maxOf(node);
  }

  /** The largest number at or below `seq` that is no member; full words are passed at once. */
  absentAtOrBefore(seq: number): number {
    for (let node = this.#holder(seq); node !== null; node = this.#holder(seq)) {
      let offset = seq - node.base;
      while (offset >= 0) {
        const word = node.words[offset >>> 5]!;
        if (word === 0xffffffff) offset = (offset & ~31) - 1;
        else if ((word & (1 << (offset & 31))) === 0) return node.base + offset;
        else offset--;
      }
      seq = node.base - 1;
    }
    return seq;
  }

  /** The smallest number at or above `seq` that is no member; full words are passed at once. */
  absentAtOrAfter(seq: number): number {
    for (let node = this.#holder(seq); node !== null; node = this.#holder(seq)) {
      let offset = seq - node.base;
      while (offset < ENTRIES_PER_NODE) {
        const word = node.words[offset >>> 5]!;
        if (word === 0xffffffff) offset = (offset | 31) + 1;
        else if ((word & (1 << (offset & 31))) === 0) return node.base + offset;
        else offset++;
      }
      seq = node.base + ENTRIES_PER_NODE;
    }
    return seq;
  }

  /** The node that covers `seq`. */
  #holder(seq: number): SequenceNode | null {
    let node = this.root;
    while (node !== null) {
      const offset = seq - node.base;
      if (offset < 0) node = node.left;
      else if (offset >= ENTRIES_PER_NODE) node = node.right;
      else return node;
    }
    return null;
  }

  /** Smallest, largest and count; zeros when empty. A delete block's three figures. */
  state(): { first: number; last: number; count: number } {
    if (this.root === null) return { first: 0, last: 0, count: 0 };
    return { first: this.min(), last: this.max(), count: this.size };
  }

  /** A deep copy. */
  clone(): SequenceSet {
    const copy = new SequenceSet();
    copy.root = cloneNode(this.root);
    copy.size = this.size;
    copy.nodeCount = this.nodeCount;
    return copy;
  }

  /** True when both sets have the same members; null counts as empty. */
  equals(other: SequenceSet | null): boolean {
    if (this.isEmpty() || other === null || other.isEmpty()) {
      return this.isEmpty() && (other === null || other.isEmpty());
    }
    if (this.size !== other.size) return false;
    let equal = true;
    this.range((seq) => equal = other.exists(seq));
    return equal;
  }

  /** Adds the members of all `others`. */
  union(...others: SequenceSet[]): void {
    for (const other of others) {
      other.range((seq) => {
        this.insert(seq);
        return true;
      });
    }
  }

  #insertNode(node: SequenceNode | null, seq: number): SequenceNode {
    if (node === null) {
      const fresh = new SequenceNode(Math.floor(seq / ENTRIES_PER_NODE) * ENTRIES_PER_NODE);
      setBit(fresh, seq - fresh.base);
      this.nodeCount++;
      return fresh;
    }
    if (seq < node.base) node.left = this.#insertNode(node.left, seq);
    else node.right = this.#insertNode(node.right, seq);
    return balance(node);
  }

  #deleteFrom(node: SequenceNode | null, seq: number): SequenceNode | null {
    if (node === null) return null;
    const offset = seq - node.base;
    if (offset < 0) node.left = this.#deleteFrom(node.left, seq);
    else if (offset >= ENTRIES_PER_NODE) node.right = this.#deleteFrom(node.right, seq);
    else {
      const mask = 1 << (offset & 31);
      const word = node.words[offset >>> 5]!;
      if ((word & mask) === 0) return node;
      node.words[offset >>> 5] = word & ~mask;
      this.size--;
      if (hasBits(node)) return node;
      this.nodeCount--;
      if (node.left === null) node = node.right;
      else if (node.right === null) node = node.left;
      else {
        node.right = hangLeftmost(node.right, node.left);
        node = node.right;
      }
    }
    return node === null ? null : balance(node);
  }
}

/** A new set with the members of all `sets`; null when there are none. */
export function unionOf(...sets: SequenceSet[]): SequenceSet | null {
  const bySize = sets.toSorted((a, b) => b.size - a.size);
  const largest = bySize[0];
  if (largest === undefined) return null;
  const result = largest.clone();
  result.union(...bySize.slice(1));
  return result;
}

function setBit(node: SequenceNode, offset: number): boolean {
  const index = offset >>> 5;
  const mask = 1 << (offset & 31);
  const word = node.words[index]!;
  if ((word & mask) !== 0) return false;
  node.words[index] = word | mask;
  return true;
}

function hasBits(node: SequenceNode): boolean {
  const words = node.words;
  for (let i = 0; i < WORDS_PER_NODE; i++) if (words[i] !== 0) return true;
  return false;
}

function heightOf(node: SequenceNode | null): number {
  return node === null ? 0 : node.height;
}

/** Left height minus right height; 0 for no node. Exported for tests. */
export function balanceFactor(node: SequenceNode | null): number {
  return node === null ? 0 : heightOf(node.left) - heightOf(node.right);
}

function updateHeight(node: SequenceNode): void {
  node.height = Math.max(heightOf(node.left), heightOf(node.right)) + 1;
}

function rotateLeft(node: SequenceNode): SequenceNode {
  const right = node.right!;
  node.right = right.left;
  right.left = node;
  updateHeight(node);
  updateHeight(right);
  return right;
}

function rotateRight(node: SequenceNode): SequenceNode {
  const left = node.left!;
  node.left = left.right;
  left.right = node;
  updateHeight(node);
  updateHeight(left);
  return left;
}

function balance(node: SequenceNode): SequenceNode {
  updateHeight(node);
  const factor = balanceFactor(node);
  if (factor > 1) {
    if (balanceFactor(node.left) < 0) node.left = rotateLeft(node.left!);
    return rotateRight(node);
  }
  if (factor < -1) {
    if (balanceFactor(node.right) > 0) node.right = rotateRight(node.right!);
    return rotateLeft(node);
  }
  return node;
}

/** Hangs `lower`, whose numbers are all smaller, below the leftmost node of `node`. */
function hangLeftmost(node: SequenceNode, lower: SequenceNode): SequenceNode {
  node.left = node.left === null ? lower : hangLeftmost(node.left, lower);
  return balance(node);
}

function minOf(node: SequenceNode): number {
  for (let i = 0; i < WORDS_PER_NODE; i++) {
    const word = node.words[i]!;
    if (word !== 0) return node.base + i * 32 + 31 - Math.clz32(word & -word);
  }
  return 0;
}

function maxOf(node: SequenceNode): number {
  for (let i = WORDS_PER_NODE - 1; i >= 0; i--) {
    const word = node.words[i]!;
    if (word !== 0) return node.base + i * 32 + 31 - Math.clz32(word);
  }
  return 0;
}

function cloneNode(node: SequenceNode | null): SequenceNode | null {
  if (node === null) return null;
  const copy = new SequenceNode(node.base);
  copy.words.set(node.words);
  copy.height = node.height;
  copy.left = cloneNode(node.left);
  copy.right = cloneNode(node.right);
  return copy;
}

function walkInOrder(node: SequenceNode | null, visit: (seq: number) => boolean): boolean {
  if (node === null) return true;
  if (!walkInOrder(node.left, visit)) return false;
  const words = node.words;
  for (let i = 0; i < WORDS_PER_NODE; i++) {
    // A word is copied before its bits are visited: `visit` may delete from the set.
    let word = words[i]!;
    while (word !== 0) {
      const low = word & -word;
      if (!visit(node.base + i * 32 + 31 - Math.clz32(low))) return false;
      word ^= low;
    }
  }
  return walkInOrder(node.right, visit);
}
