/**
 * One level of the trie: the nodes of all tokens that may follow the same prefix.
 *
 * A few nodes are a linked list. More of them hang in buckets by their hash, and the table grows
 * by linear hashing: each insert past the load limit splits one bucket. So a level of a million
 * tokens never stops the event loop for a rehash.
 *
 * @module
 */
import { hashToken, sameBytes } from "./bytes.ts";
import type { Node } from "./node.ts";
import type { SublistEntry } from "./types.ts";

/** Nodes of a level up to which a list is enough. */
const listMax = 4;
/** Buckets to begin with; a power of two. */
const bucketsMin = 8;
/** A table with this many times more buckets than nodes is made anew. */
const sparseFactor = 8;

/** The nodes that follow one prefix. */
export class Level<S extends SublistEntry> {
  /** Node of the token `*`. */
  pwc: Node<S> | null = null;
  /** Node of the token `>`. */
  fwc: Node<S> | null = null;
  /** Number of literal nodes. */
  size = 0;
  /** List of the literal nodes while {@linkcode #buckets} is null. */
  #first: Node<S> | null = null;
  #buckets: (Node<S> | null)[] | null = null;
  /** Hash bits that name a bucket, those of the next doubling included. */
  #mask = 0;

  /** Whether nothing is left on this level. */
  get empty(): boolean {
    return this.size === 0 && this.pwc === null && this.fwc === null;
  }

  /**
   * The node of the literal token in `[start, end)` of `view`, or null. `tokens` holds the
   * bytes of the nodes' own tokens.
   */
  find(
    view: DataView,
    start: number,
    end: number,
    tokens: DataView,
    seed: number,
  ): Node<S> | null {
    const length = end - start;
    if (this.#buckets === null) {
      for (let node = this.#first; node !== null; node = node.sibling) {
        if (node.length === length && sameBytes(view, start, tokens, node.offset, length)) {
          return node;
        }
      }
      return null;
    }
    const hash = hashToken(view, start, end, seed);
    let node: Node<S> | null = this.#buckets[this.#bucketOf(hash)]!;
    for (; node !== null; node = node.sibling) {
      if (
        node.hash === hash && node.length === length &&
        sameBytes(view, start, tokens, node.offset, length)
      ) return node;
    }
    return null;
  }

  /** Adds the node of a literal token that this level does not have yet. */
  add(node: Node<S>): void {
    this.size++;
    if (this.#buckets === null) {
      if (this.size <= listMax) {
        node.sibling = this.#first;
        this.#first = node;
        return;
      }
      this.#rebuild(bucketsMin);
    }
    this.#hang(node);
    if (this.size > this.#buckets!.length) this.#splitOne();
  }

  /** Takes out a literal node that this level has. */
  delete(node: Node<S>): void {
    this.size--;
    const at = this.#buckets === null ? -1 : this.#bucketOf(node.hash);
    const head = at < 0 ? this.#first : this.#buckets![at]!;
    if (head === node) {
      if (at < 0) this.#first = node.sibling;
      else this.#buckets![at] = node.sibling;
    } else {
      let before = head!;
      while (before.sibling !== node) before = before.sibling!;
      before.sibling = node.sibling;
    }
    node.sibling = null;
    const buckets = this.#buckets;
    if (
      buckets !== null && buckets.length > bucketsMin * sparseFactor &&
      this.size * sparseFactor < buckets.length
    ) this.#rebuild(Math.max(bucketsMin, 2 ** Math.ceil(Math.log2(this.size + 1))));
  }

  /** All literal nodes. */
  *literals(): Generator<Node<S>> {
    const heads = this.#buckets ?? [this.#first];
    for (let i = 0; i < heads.length; i++) {
      let node: Node<S> | null = heads[i]!;
      while (node !== null) {
        const next: Node<S> | null = node.sibling;
        yield node;
        node = next;
      }
    }
  }

  /** All nodes, wildcards included. */
  *nodes(): Generator<Node<S>> {
    yield* this.literals();
    if (this.pwc !== null) yield this.pwc;
    if (this.fwc !== null) yield this.fwc;
  }

  #bucketOf(hash: number): number {
    const at = hash & this.#mask;
    return at < this.#buckets!.length ? at : hash & (this.#mask >> 1);
  }

  #hang(node: Node<S>): void {
    const at = this.#bucketOf(node.hash);
    node.sibling = this.#buckets![at]!;
    this.#buckets![at] = node;
  }

  /** Hangs all nodes into `count` new buckets; `count` is a power of two. */
  #rebuild(count: number): void {
    const nodes = [...this.literals()];
    this.#first = null;
    this.#buckets = new Array<Node<S> | null>(count).fill(null);
    this.#mask = count * 2 - 1;
    for (const node of nodes) this.#hang(node);
  }

  /** Adds one bucket and moves to it what belongs there, all from one other bucket. */
  #splitOne(): void {
    const buckets = this.#buckets!;
    const added = buckets.length;
    const split = added & (this.#mask >> 1);
    let node: Node<S> | null = buckets[split]!;
    let stay: Node<S> | null = null;
    let move: Node<S> | null = null;
    while (node !== null) {
      const next: Node<S> | null = node.sibling;
      if ((node.hash & this.#mask) === added) {
        node.sibling = move;
        move = node;
      } else {
        node.sibling = stay;
        stay = node;
      }
      node = next;
    }
    buckets[split] = stay;
    buckets.push(move);
    if (buckets.length === this.#mask + 1) this.#mask = this.#mask * 2 + 1;
  }
}
