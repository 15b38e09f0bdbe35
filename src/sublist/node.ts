/**
 * One node of the trie: a token, the subscriptions that end in it, and the level below.
 *
 * Most nodes hold one plain subscription or none, so that is all a node has room for; the rest
 * moves to a {@linkcode NodeSubs} when it comes. Nodes are what a million subscriptions are made
 * of: each field costs eight bytes a piece.
 *
 * @module
 */
import type { Level } from "./level.ts";
import { emptyResult, MatchResult, plainResult, weightedMembers } from "./result.ts";
import type { SublistEntry } from "./types.ts";

/** Subscriptions of a node that are more than one plain one. */
export class NodeSubs<S extends SublistEntry> {
  /** All plain subscriptions if there are several, else null. */
  plain: Set<S> | null = null;
  /** Members of each queue group by its name; null without queue groups. */
  queues: Map<string, Set<S>> | null = null;
}

/** A token on one level of the trie. */
export class Node<S extends SublistEntry> {
  /** Next node of the same list or bucket. */
  sibling: Node<S> | null = null;
  /** Level of the tokens that follow; null while there are none. */
  next: Level<S> | null = null;
  #single: S | null = null;
  #more: NodeSubs<S> | null = null;
  /** What this node adds to a match; null when it has to be made anew. */
  #result: MatchResult<S> | null = emptyResult;

  constructor(
    /** Hash of the token. */
    readonly hash: number,
    /** Where the token's bytes are in the trie's pool. The trie moves them. */
    public offset: number,
    /** Length of the token in bytes. */
    readonly length: number,
  ) {}

  /** Whether no subscription ends here. */
  get empty(): boolean {
    return this.#single === null && this.#more === null;
  }

  /** Whether a match has been given this node's result as it is now, and it is not empty. */
  get handedOut(): boolean {
    return this.#result !== null && this.#result !== emptyResult;
  }

  /** Adds `sub`. Returns whether it is the first plain one or the first of its group here. */
  add(sub: S): boolean {
    this.#result = null;
    if (sub.queue === null) {
      if (this.#single === null && this.#more?.plain == null) {
        this.#single = sub;
        return true;
      }
      if (this.#single === sub) return true;
      const more = this.#more ??= new NodeSubs<S>();
      more.plain ??= new Set<S>().add(this.#single!);
      this.#single = null;
      more.plain.add(sub);
      return false;
    }
    const more = this.#more ??= new NodeSubs<S>();
    const queues = more.queues ??= new Map<string, Set<S>>();
    const group = queues.get(sub.queue);
    if (group === undefined) {
      queues.set(sub.queue, new Set<S>().add(sub));
      return true;
    }
    group.add(sub);
    return false;
  }

  /** Takes out `sub`; false if it is not here. */
  delete(sub: S): boolean {
    if (sub.queue === null) {
      if (this.#single === sub) {
        this.#single = null;
      } else {
        const plain = this.#more?.plain;
        if (!plain?.delete(sub)) return false;
        if (plain.size === 1) {
          for (const last of plain) this.#single = last;
          this.#more!.plain = null;
        }
      }
    } else {
      const queues = this.#more?.queues;
      const group = queues?.get(sub.queue);
      if (!group?.delete(sub)) return false;
      if (group.size === 0) queues!.delete(sub.queue);
      if (queues!.size === 0) this.#more!.queues = null;
    }
    const more = this.#more;
    if (more !== null && more.plain === null && more.queues === null) this.#more = null;
    this.#result = this.empty ? emptyResult : null;
    return true;
  }

  /** Whether plain subscriptions, or for `queue` members of that group, end here. */
  has(queue: string | null): boolean {
    if (queue !== null) return this.#more?.queues?.has(queue) ?? false;
    return this.#single !== null || (this.#more?.plain ?? null) !== null;
  }

  /** Makes the next match see changed weights. */
  refresh(): void {
    if (!this.empty) this.#result = null;
  }

  /** The result if it is at hand; the caller makes it with {@linkcode makeResult} if null. */
  get result(): MatchResult<S> | null {
    return this.#result;
  }

  /** Makes this node's result, with the number `id`. */
  makeResult(id: number): MatchResult<S> {
    const more = this.#more;
    const psubs: S[] = more !== null && more.plain !== null ? [...more.plain] : [];
    if (this.#single !== null) psubs.push(this.#single);
    if (more === null || more.queues === null) {
      return this.#result = plainResult(psubs, id);
    }
    const qsubs: S[][] = [];
    for (const group of more.queues.values()) qsubs.push(weightedMembers(group));
    return this.#result = new MatchResult(psubs, qsubs, id);
  }

  /** Appends each subscription that ends here to `subs`. */
  collect(subs: S[]): void {
    if (this.#single !== null) subs.push(this.#single);
    const more = this.#more;
    if (more === null) return;
    if (more.plain !== null) { for (const sub of more.plain) subs.push(sub); }
    if (more.queues !== null) {
      for (const group of more.queues.values()) {
        for (const sub of group) subs.push(sub);
      }
    }
  }
}
