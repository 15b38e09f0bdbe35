/**
 * The trie of all subscriptions, by the tokens of their subjects.
 *
 * ```text
 * root ─ orders ─ eu ─ *   (orders.eu.*)
 *      │        └ >        (orders.>)
 *      └ *  ─ status       (*.status)
 * ```
 *
 * The bytes of all tokens are in one pool, so that a node costs no string and no array, and a
 * match compares words with words (server/sublist.go keeps a map of strings per level).
 *
 * @module
 */
import { hashToken, wordPadding } from "./bytes.ts";
import { Level } from "./level.ts";
import type { MatchScratch } from "./match_scratch.ts";
import { Node } from "./node.ts";
import { emptyResult, type MergeTable } from "./result.ts";
import type { RemoveOutcome, SublistEntry } from "./types.ts";

const STAR = 0x2a;
const GREATER = 0x3e;
const poolBytesMin = 64;

/** What an insert or remove changed. */
export class TrieChange {
  /** The subject has a wildcard token. */
  wildcard = false;
  /** First plain subscription of the subject or first member of its group, or the last one. */
  edge = false;
  /** Merged results may hold the removed subscription. */
  handedOut = false;
}

/** Subscriptions by subject. */
export class Trie<S extends SublistEntry> {
  readonly root: Level<S> = new Level<S>();
  /** What the last {@linkcode insert} or {@linkcode remove} that succeeded changed. */
  readonly change: TrieChange = new TrieChange();
  #pool: Uint8Array = new Uint8Array(poolBytesMin);
  #poolView: DataView = new DataView(this.#pool.buffer);
  /** Bytes of the pool in use, those of gone nodes included. */
  #poolUsed = 0;
  /** Bytes of tokens that nodes still have. */
  #poolLive = 0;

  constructor(
    readonly scratch: MatchScratch<S>,
    readonly merges: MergeTable<S>,
    /** Start value of token hashes. */
    readonly seed: number,
  ) {}

  /** View of the bytes of all tokens. */
  get tokens(): DataView {
    return this.#poolView;
  }

  /** Number of bytes that the tokens take, with what is free for more. */
  get poolBytes(): number {
    return this.#pool.length;
  }

  /**
   * Adds `sub`. False if its subject has an empty token or a `>` before the end. Leaves the
   * subject's bytes at the start of the scratch.
   */
  insert(sub: S): boolean {
    const scratch = this.scratch;
    scratch.load(sub.subject);
    if (!scratch.split(0, sub.subject.length) || hasEarlyFullWildcard(scratch)) return false;
    const change = this.change;
    change.wildcard = false;
    const view = scratch.view;
    let level = this.root;
    let start = 0;
    for (let i = 0;; i++) {
      const end = scratch.ends[i]!;
      const first = end - start === 1 ? view.getUint8(start) : 0;
      let node: Node<S> | null;
      if (first === STAR) {
        node = level.pwc ??= new Node<S>(0, 0, 0);
        change.wildcard = true;
      } else if (first === GREATER) {
        node = level.fwc ??= new Node<S>(0, 0, 0);
        change.wildcard = true;
      } else {
        node = level.find(view, start, end, this.#poolView, this.seed);
        if (node === null) {
          node = this.#newNode(view, start, end);
          level.add(node);
        }
      }
      if (i + 1 === scratch.tokenCount) {
        change.edge = node.add(sub);
        return true;
      }
      level = node.next ??= new Level<S>();
      start = end + 1;
    }
  }

  /** Takes out `sub` and the nodes that nothing needs any more. The scratch is as after insert. */
  remove(sub: S): RemoveOutcome {
    const scratch = this.scratch;
    scratch.load(sub.subject);
    if (!scratch.split(0, sub.subject.length) || hasEarlyFullWildcard(scratch)) {
      return "invalid subject";
    }
    const change = this.change;
    const { path, levels, tokenCount } = scratch;
    change.wildcard = false;
    let level: Level<S> | null = this.root;
    let start = 0;
    let depth = 0;
    while (depth < tokenCount && level !== null) {
      const end = scratch.ends[depth]!;
      const node: Node<S> | null = this.#child(level, scratch.view, start, end);
      if (node === null) break;
      if (node === level.pwc || node === level.fwc) change.wildcard = true;
      levels[depth] = level;
      path[depth++] = node;
      level = node.next;
      start = end + 1;
    }
    let found = false;
    if (depth === tokenCount) {
      const last = path[depth - 1]!;
      change.handedOut = last.handedOut;
      found = last.delete(sub);
      if (found) {
        change.edge = !last.has(sub.queue);
        this.#prune(depth);
      }
    }
    // The scratch outlives the removed nodes.
    while (depth > 0) path[--depth] = levels[depth] = null;
    return found ? "removed" : "not found";
  }

  /** The node in which `subject` itself ends, or null. The scratch is as after insert. */
  nodeOf(subject: string): Node<S> | null {
    const scratch = this.scratch;
    scratch.load(subject);
    if (!scratch.split(0, subject.length)) return null;
    let level: Level<S> | null = this.root;
    let node: Node<S> | null = null;
    let start = 0;
    for (let i = 0; i < scratch.tokenCount; i++) {
      if (level === null) return null;
      const end = scratch.ends[i]!;
      node = this.#child(level, scratch.view, start, end);
      if (node === null) return null;
      level = node.next;
      start = end + 1;
    }
    return node;
  }

  /**
   * Puts the results of all nodes that match the subject into `scratch.pieces` and returns their
   * number. The scratch has the subject's view and tokens; `start` is where the subject begins.
   */
  collect(start: number): number {
    const { view, ends, tokenCount, pieces, levels, levelTokens } = this.scratch;
    const { merges, seed } = this;
    const tokens = this.#poolView;
    const last = tokenCount - 1;
    let count = 0;
    let pending = 0;
    let level: Level<S> | null = this.root;
    let i = 0;
    for (;;) {
      while (level !== null) {
        const fwc: Node<S> | null = level.fwc;
        if (fwc !== null) pieces[count++] = fwc.result ?? fwc.makeResult(merges.takeId());
        const pwc: Node<S> | null = level.pwc;
        if (pwc !== null) {
          if (i === last) {
            const piece = pwc.result ?? pwc.makeResult(merges.takeId());
            if (piece !== emptyResult) pieces[count++] = piece;
          } else if (pwc.next !== null) {
            if (level.size === 0) {
              // Nothing else to try here: go on below without a detour.
              level = pwc.next;
              i++;
              continue;
            }
            levels[pending] = pwc.next;
            levelTokens[pending++] = i + 1;
          }
        }
        if (level.size === 0) break;
        const tokenStart = i === 0 ? start : ends[i - 1]! + 1;
        const node: Node<S> | null = level.find(view, tokenStart, ends[i]!, tokens, seed);
        if (node === null) break;
        if (i === last) {
          const piece = node.result ?? node.makeResult(merges.takeId());
          if (piece !== emptyResult) pieces[count++] = piece;
          break;
        }
        level = node.next;
        i++;
      }
      if (pending === 0) return count;
      level = levels[--pending]!;
      levels[pending] = null;
      i = levelTokens[pending]!;
    }
  }

  /** Whether any subscription matches; the scratch is as for {@linkcode collect}. */
  matchesAny(start: number): boolean {
    const { view, ends, tokenCount, levels, levelTokens } = this.scratch;
    const tokens = this.#poolView;
    const last = tokenCount - 1;
    let pending = 0;
    let level: Level<S> | null = this.root;
    let i = 0;
    let found = false;
    for (;;) {
      while (level !== null) {
        const pwc: Node<S> | null = level.pwc;
        if (level.fwc !== null || (i === last && pwc !== null && !pwc.empty)) {
          found = true;
          break;
        }
        if (i < last && pwc !== null && pwc.next !== null) {
          levels[pending] = pwc.next;
          levelTokens[pending++] = i + 1;
        }
        if (level.size === 0) break;
        const tokenStart = i === 0 ? start : ends[i - 1]! + 1;
        const node: Node<S> | null = level.find(view, tokenStart, ends[i]!, tokens, this.seed);
        if (node === null) break;
        if (i === last) {
          found = !node.empty;
          break;
        }
        level = node.next;
        i++;
      }
      if (found || pending === 0) break;
      level = levels[--pending]!;
      levels[pending] = null;
      i = levelTokens[pending]!;
    }
    while (pending > 0) levels[--pending] = null;
    return found;
  }

  /** All nodes, in no particular order. The trie must not change meanwhile. */
  *nodes(): Generator<Node<S>> {
    const levels: Level<S>[] = [this.root];
    for (let level = levels.pop(); level !== undefined; level = levels.pop()) {
      for (const node of level.nodes()) {
        if (node.next !== null) levels.push(node.next);
        yield node;
      }
    }
  }

  /** Number of levels that have nodes, on the longest way down. */
  depth(): number {
    let depth = 0;
    let levels = this.root.empty ? [] : [this.root];
    while (levels.length > 0) {
      depth++;
      const below: Level<S>[] = [];
      for (const level of levels) {
        for (const node of level.nodes()) {
          if (node.next !== null) below.push(node.next);
        }
      }
      levels = below;
    }
    return depth;
  }

  /** The node for the token in `[start, end)` as a subscription has it: `*` is the wildcard. */
  #child(level: Level<S>, view: DataView, start: number, end: number): Node<S> | null {
    const first = end - start === 1 ? view.getUint8(start) : 0;
    if (first === STAR) return level.pwc;
    if (first === GREATER) return level.fwc;
    return level.find(view, start, end, this.#poolView, this.seed);
  }

  #newNode(view: DataView, start: number, end: number): Node<S> {
    const length = end - start;
    if (this.#poolUsed + length + wordPadding > this.#pool.length) this.#makeRoom(length);
    const offset = this.#poolUsed;
    for (let i = 0; i < length; i++) this.#pool[offset + i] = view.getUint8(start + i);
    this.#poolUsed += length;
    this.#poolLive += length;
    return new Node<S>(hashToken(view, start, end, this.seed), offset, length);
  }

  /** Makes the pool anew, twice as large as what it has to hold, without the gone tokens. */
  #makeRoom(length: number): void {
    const old = this.#pool;
    const pool = new Uint8Array(2 * (this.#poolLive + length) + wordPadding);
    if (this.#poolLive === this.#poolUsed) {
      pool.set(old.subarray(0, this.#poolUsed));
    } else {
      let used = 0;
      for (const node of this.nodes()) {
        const from = node.offset;
        node.offset = used;
        for (let i = 0; i < node.length; i++) pool[used++] = old[from + i]!;
      }
      this.#poolUsed = used;
    }
    this.#pool = pool;
    this.#poolView = new DataView(pool.buffer);
  }

  /** Drops the nodes of `scratch.path` from the end on as long as they are empty. */
  #prune(depth: number): void {
    const { path, levels } = this.scratch;
    for (let i = depth - 1; i >= 0; i--) {
      const node = path[i]!;
      if (!node.empty || node.next !== null) return;
      const level = levels[i]!;
      if (node === level.pwc) level.pwc = null;
      else if (node === level.fwc) level.fwc = null;
      else {
        level.delete(node);
        this.#poolLive -= node.length;
      }
      if (i > 0 && level.empty) path[i - 1]!.next = null;
    }
  }
}

/** Whether a token before the last one is `>`. */
function hasEarlyFullWildcard<S extends SublistEntry>(scratch: MatchScratch<S>): boolean {
  let start = 0;
  for (let i = 0; i < scratch.tokenCount - 1; i++) {
    const end = scratch.ends[i]!;
    if (end - start === 1 && scratch.view.getUint8(start) === GREATER) return true;
    start = end + 1;
  }
  return false;
}
