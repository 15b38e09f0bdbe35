/**
 * The trie behind a sublist: one level per token, nodes found by a hash of the token's bytes.
 *
 * ```text
 * level ── buckets[hash] ─▶ node "orders" ─sibling▶ node …      each node: subscriptions
 *   ├ star ─▶ node "*"                                          and the level below
 *   └ full ─▶ node ">"
 * ```
 *
 * @module
 */
import { type MatchResult, weightedMembers } from "./result.ts";
import { MatchResult as Result } from "./result.ts";
import type { SublistEntry } from "./types.ts";

/** Subscriptions of a node up to which a list is scanned; more are kept in a set. */
const LISTED_MAX = 32;
const FIRST_BUCKETS = 2;

const DOT = 46;
const NO_GROUPS: readonly never[] = [];

/** FNV-1a over the code units of a byte string. */
export function hashOfToken(token: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < token.length; i++) hash = Math.imul(hash ^ token.charCodeAt(i), 0x01000193);
  return hash;
}

/** A few or many subscriptions. */
class Members<S> {
  #list: S[] | null = [];
  #set: Set<S> | null = null;

  get size(): number {
    return this.#set === null ? this.#list!.length : this.#set.size;
  }

  add(sub: S): void {
    if (this.#set !== null) {
      this.#set.add(sub);
      return;
    }
    const list = this.#list!;
    if (list.includes(sub)) return;
    list.push(sub);
    if (list.length <= LISTED_MAX) return;
    this.#set = new Set(list);
    this.#list = null;
  }

  delete(sub: S): boolean {
    if (this.#set !== null) return this.#set.delete(sub);
    const at = this.#list!.indexOf(sub);
    if (at < 0) return false;
    this.#list!.splice(at, 1);
    return true;
  }

  toArray(): S[] {
    return this.#set === null ? this.#list!.slice() : [...this.#set];
  }
}

/** A token of the trie with the subscriptions that end there. */
export class Node<S extends SublistEntry> {
  sibling: Node<S> | null = null;
  next: Level<S> | null = null;
  #plain: Members<S> | null = null;
  #groups: Map<string, Members<S>> | null = null;
  /** Result of these subscriptions alone; null after a change. */
  #result: MatchResult<S> | null = null;

  constructor(readonly token: string, readonly hash: number) {}

  get isEmpty(): boolean {
    return this.#plain === null && this.#groups === null &&
      (this.next === null || this.next.isEmpty);
  }

  get hasSubscriptions(): boolean {
    return this.#plain !== null || this.#groups !== null;
  }

  add(sub: S): void {
    this.#result = null;
    if (sub.queue === null) {
      (this.#plain ??= new Members()).add(sub);
      return;
    }
    this.#groups ??= new Map();
    let group = this.#groups.get(sub.queue);
    if (group === undefined) this.#groups.set(sub.queue, group = new Members());
    group.add(sub);
  }

  remove(sub: S): boolean {
    if (sub.queue === null) {
      if (this.#plain === null || !this.#plain.delete(sub)) return false;
      if (this.#plain.size === 0) this.#plain = null;
    } else {
      const group = this.#groups?.get(sub.queue);
      if (group === undefined || !group.delete(sub)) return false;
      if (group.size === 0) this.#groups!.delete(sub.queue);
      if (this.#groups!.size === 0) this.#groups = null;
    }
    this.#result = null;
    return true;
  }

  /** Forgets the prepared result, after a weight changed. */
  refresh(): void {
    this.#result = null;
  }

  /** Whether there is a plain subscription, or a member of `queue`. */
  has(queue: string): boolean {
    return queue === "" ? this.#plain !== null : this.#groups?.has(queue) ?? false;
  }

  /** The subscriptions that end here as a result of their own. */
  result(takeId: () => number): MatchResult<S> {
    this.#result ??= new Result<S>(
      this.#plain?.toArray() ?? [],
      this.#groups === null
        ? NO_GROUPS
        : [...this.#groups.values()].map((group) => weightedMembers(group.toArray())),
      takeId(),
    );
    return this.#result;
  }

  collect(into: S[]): void {
    if (this.#plain !== null) into.push(...this.#plain.toArray());
    for (const group of this.#groups?.values() ?? []) into.push(...group.toArray());
    this.next?.collect(into);
  }
}

/** The tokens at one depth below one node. */
export class Level<S extends SublistEntry> {
  star: Node<S> | null = null;
  full: Node<S> | null = null;
  #buckets: (Node<S> | null)[] | null = null;
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0 && this.star === null && this.full === null;
  }

  /** The node of the literal token in `buffer[start, end)`, or null. */
  find(hash: number, buffer: Uint8Array, start: number, end: number): Node<S> | null {
    const buckets = this.#buckets;
    if (buckets === null) return null;
    const length = end - start;
    search:
    for (
      let node = buckets[hash & (buckets.length - 1)]!;
      node !== null;
      node = node.sibling!
    ) {
      const token = node.token;
      if (node.hash !== hash || token.length !== length) continue;
      for (let i = 0; i < length; i++) {
        if (token.charCodeAt(i) !== buffer[start + i]) continue search;
      }
      return node;
    }
    return null;
  }

  /** The node of a token of a subscription's subject, wildcards included. */
  get(token: string): Node<S> | null {
    if (token === "*") return this.star;
    if (token === ">") return this.full;
    const buckets = this.#buckets;
    if (buckets === null) return null;
    const hash = hashOfToken(token);
    let node = buckets[hash & (buckets.length - 1)]!;
    while (node !== null && (node.hash !== hash || node.token !== token)) node = node.sibling!;
    return node;
  }

  /** {@linkcode get}, making the node when it is missing. */
  getOrAdd(token: string): Node<S> {
    const found = this.get(token);
    if (found !== null) return found;
    const node = new Node<S>(token, hashOfToken(token));
    if (token === "*") this.star = node;
    else if (token === ">") this.full = node;
    else this.#link(node);
    return node;
  }

  #link(node: Node<S>): void {
    let buckets = this.#buckets ??= new Array<Node<S> | null>(FIRST_BUCKETS).fill(null);
    if (this.#count >= buckets.length) {
      const larger = new Array<Node<S> | null>(buckets.length * 4).fill(null);
      for (let i = 0; i < buckets.length; i++) {
        let old = buckets[i]!;
        while (old !== null) {
          const next = old.sibling;
          const slot = old.hash & (larger.length - 1);
          old.sibling = larger[slot]!;
          larger[slot] = old;
          old = next!;
        }
      }
      this.#buckets = buckets = larger;
    }
    const slot = node.hash & (buckets.length - 1);
    node.sibling = buckets[slot]!;
    buckets[slot] = node;
    this.#count++;
  }

  /** Takes a node out. */
  drop(node: Node<S>): void {
    if (this.star === node) this.star = null;
    else if (this.full === node) this.full = null;
    else {
      const buckets = this.#buckets!;
      const slot = node.hash & (buckets.length - 1);
      let before: Node<S> | null = null;
      let at = buckets[slot]!;
      while (at !== node) {
        before = at;
        at = at!.sibling!;
      }
      if (before === null) buckets[slot] = node.sibling;
      else before.sibling = node.sibling;
      if (--this.#count === 0) this.#buckets = null;
    }
  }

  collect(into: S[]): void {
    this.star?.collect(into);
    this.full?.collect(into);
    for (const first of this.#buckets ?? []) {
      for (let node = first; node !== null; node = node.sibling) node.collect(into);
    }
  }

  /** Collects into `hits` the nodes whose subscriptions match the subject in `buffer[at, end)`. */
  walk(buffer: Uint8Array, at: number, end: number, hits: Node<S>[]): void {
    if (this.full !== null) hits.push(this.full);
    let hash = 0x811c9dc5;
    let i = at;
    for (; i < end; i++) {
      const byte = buffer[i]!;
      if (byte === DOT) break;
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    const star = this.star;
    const node = this.find(hash, buffer, at, i);
    if (i >= end) {
      if (star !== null && star.hasSubscriptions) hits.push(star);
      if (node !== null && node.hasSubscriptions) hits.push(node);
      return;
    }
    if (star !== null && star.next !== null) star.next.walk(buffer, i + 1, end, hits);
    if (node !== null && node.next !== null) node.next.walk(buffer, i + 1, end, hits);
  }
}
