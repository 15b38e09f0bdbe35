/**
 * The set of subscriptions of an account, and the question asked for each message: who matches
 * this subject?
 *
 * Reference: server/sublist.go. A lookup hashes the subject's bytes, tries the cache, and only
 * then walks the trie; none of it makes strings or objects for subjects seen for the first time.
 *
 * @module
 */
import { bytesOfByteString } from "../base/text/byte_string.ts";
import {
  isValidSubject,
  subjectHasWildcard,
  subjectsCollide,
  tokenizeSubject,
} from "../subject/mod.ts";
import { SublistError } from "./errors.ts";
import { MatchCache } from "./match_cache.ts";
import { emptyResult, type MatchResult, MergeTable } from "./result.ts";
import { SublistStats } from "./stats.ts";
import { hashOfToken, Level, type Node } from "./trie.ts";
import type {
  InterestCount,
  InterestListener,
  RemoveOutcome,
  SublistEntry,
  SublistResult,
} from "./types.ts";

const DOT = 46;

/** Settings of a {@linkcode Sublist}. */
export interface SublistOptions {
  /** Keep results by subject. Default true. */
  readonly cache?: boolean;
}

interface Watch {
  readonly listeners: InterestListener[];
  interest: boolean;
}

/** Subscriptions that can be found by the subjects they match. */
export class Sublist<S extends SublistEntry> {
  /** Changes with each change of what a match could answer. */
  generation = 0;
  readonly #root: Level<S> = new Level<S>();
  readonly #cache: MatchCache<S> | null;
  readonly #merges = new MergeTable<S>();
  readonly #takeId = (): number => this.#merges.takeId();
  readonly #hits: Node<S>[] = [];
  readonly #pieces: MatchResult<S>[] = [];
  #watches: Map<string, Watch> | null = null;
  #count = 0;
  #inserts = 0;
  #removes = 0;
  #matches = 0;

  constructor(options: SublistOptions = {}) {
    this.#cache = options.cache === false ? null : new MatchCache<S>();
  }

  /** Number of subscriptions. */
  get count(): number {
    return this.#count;
  }

  /** Adds a subscription; false when its subject is invalid. Adding it twice is a mistake. */
  insert(sub: S): boolean {
    if (!isValidSubject(sub.subject)) return false;
    let level = this.#root;
    let node: Node<S> | null = null;
    for (const token of tokenizeSubject(sub.subject)) {
      if (node !== null) level = node.next ??= new Level<S>();
      node = level.getOrAdd(token);
    }
    node!.add(sub);
    this.#count++;
    this.#inserts++;
    this.#changed(sub);
    return true;
  }

  /** Removes a subscription and says what became of it. */
  tryRemove(sub: S): RemoveOutcome {
    if (!isValidSubject(sub.subject)) return "invalid subject";
    const levels: Level<S>[] = [];
    const nodes: Node<S>[] = [];
    let level: Level<S> | null = this.#root;
    for (const token of tokenizeSubject(sub.subject)) {
      const node: Node<S> | null = level === null ? null : level.get(token);
      if (node === null) return "not found";
      levels.push(level!);
      nodes.push(node);
      level = node.next;
    }
    if (!nodes[nodes.length - 1]!.remove(sub)) return "not found";
    for (let i = nodes.length - 1; i >= 0 && nodes[i]!.isEmpty; i--) levels[i]!.drop(nodes[i]!);
    this.#count--;
    this.#removes++;
    this.#changed(sub);
    return "removed";
  }

  /** Removes a subscription; false when it was not there. */
  remove(sub: S): boolean {
    return this.tryRemove(sub) === "removed";
  }

  /** Removes all of `subs`; false when some were not there. */
  removeBatch(subs: readonly S[]): boolean {
    let all = true;
    for (const sub of subs) if (!this.remove(sub)) all = false;
    return all;
  }

  /** Takes note of a subscription's new weight. */
  refresh(sub: S): void {
    this.#nodeOf(sub.subject)?.refresh();
    this.#changed(sub);
  }

  #changed(sub: S): void {
    this.generation++;
    const cache = this.#cache;
    if (cache !== null) {
      if (subjectHasWildcard(sub.subject)) cache.epoch++;
      else cache.forget(hashOfToken(sub.subject));
    }
    // Merged results hold on to subscriptions that may have gone.
    this.#merges.clear();
    if (this.#watches !== null) this.#notify(sub);
  }

  #nodeOf(subject: string): Node<S> | null {
    let level: Level<S> | null = this.#root;
    let node: Node<S> | null = null;
    for (const token of tokenizeSubject(subject)) {
      node = level === null ? null : level.get(token);
      if (node === null) return null;
      level = node.next;
    }
    return node;
  }

  /** Who matches the literal `subject`, a byte string. */
  match(subject: string): SublistResult<S> {
    const bytes = bytesOfByteString(subject);
    return this.matchBytes(bytes, 0, bytes.length);
  }

  /** Who matches the literal subject in `buffer[start, end)`, which is only borrowed. */
  matchBytes(buffer: Uint8Array, start: number, end: number): SublistResult<S> {
    this.#matches++;
    let hash = 0x811c9dc5;
    let before = DOT;
    let emptyToken = 0;
    for (let i = start; i < end; i++) {
      const byte = buffer[i]!;
      if (byte === DOT && before === DOT) emptyToken = 1;
      before = byte;
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    if (emptyToken !== 0 || before === DOT) return emptyResult;
    const cache = this.#cache;
    if (cache === null) return this.#search(buffer, start, end);
    const cached = cache.find(buffer, start, end, hash);
    if (cached !== null) return cached;
    const result = this.#search(buffer, start, end);
    cache.offer(buffer, start, end, hash, result);
    return result;
  }

  #search(buffer: Uint8Array, start: number, end: number): MatchResult<S> {
    const hits = this.#hits;
    this.#root.walk(buffer, start, end, hits);
    const count = hits.length;
    if (count === 0) return emptyResult;
    if (count === 1) return hits.pop()!.result(this.#takeId);
    const pieces = this.#pieces;
    for (let i = 0; i < count; i++) pieces[i] = hits[i]!.result(this.#takeId);
    hits.length = 0;
    const result = this.#merges.merged(pieces, count);
    pieces.length = 0;
    return result;
  }

  /** Whether anybody matches `subject`. */
  hasInterest(subject: string): boolean {
    const bytes = bytesOfByteString(subject);
    return this.hasInterestBytes(bytes, 0, bytes.length);
  }

  /** {@linkcode hasInterest} for borrowed bytes. */
  hasInterestBytes(buffer: Uint8Array, start: number, end: number): boolean {
    const { psubs, qsubs } = this.matchBytes(buffer, start, end);
    return psubs.length + qsubs.length > 0;
  }

  /** How many plain and queue subscriptions match `subject`. */
  numInterest(subject: string): InterestCount {
    const { psubs, qsubs } = this.match(subject);
    let queue = 0;
    for (const group of qsubs) queue += new Set(group).size;
    return { plain: psubs.length, queue };
  }

  /** The subscriptions that share a literal subject with `subject`, which may have wildcards. */
  reverseMatch(subject: string): SublistResult<S> {
    const psubs: S[] = [];
    const groups = new Map<string, S[]>();
    for (const sub of this.all()) {
      if (!subjectsCollide(sub.subject, subject)) continue;
      if (sub.queue === null) psubs.push(sub);
      else {
        const members = groups.get(sub.queue);
        if (members === undefined) groups.set(sub.queue, [sub]);
        else members.push(sub);
      }
    }
    return { psubs, qsubs: [...groups.values()] };
  }

  /** All subscriptions, in no particular order. */
  all(): S[] {
    const subs: S[] = [];
    this.#root.collect(subs);
    return subs;
  }

  /** The subscriptions that `isLocal` picks. */
  localSubs(isLocal: (sub: S) => boolean): S[] {
    return this.all().filter(isLocal);
  }

  /** Counters for monitoring. */
  stats(): SublistStats {
    const stats = new SublistStats();
    stats.numSubs = this.#count;
    stats.numInserts = this.#inserts;
    stats.numRemoves = this.#removes;
    stats.numMatches = this.#matches;
    if (this.#cache !== null) {
      stats.cacheHits = this.#cache.hits;
      for (const { psubs, qsubs } of this.#cache.results()) {
        const fanout = psubs.length + qsubs.length;
        stats.numCache++;
        stats.cacheCount++;
        stats.totalFanout += fanout;
        stats.maxFanout = Math.max(stats.maxFanout, fanout);
      }
    }
    stats.computeRates();
    return stats;
  }

  /**
   * Tells `listener` when interest in exactly this literal subject comes or goes, and at once
   * what it is now. Throws {@linkcode SublistError} for wildcards and for a listener that is
   * there already.
   */
  registerNotification(subject: string, listener: InterestListener): void {
    this.registerQueueNotification(subject, "", listener);
  }

  /** {@linkcode registerNotification} for the members of a queue group. */
  registerQueueNotification(subject: string, queue: string, listener: InterestListener): void {
    if (subjectHasWildcard(subject)) throw new SublistError("ErrInvalidSubject");
    const key = `${subject} ${queue}`;
    const watches = this.#watches ??= new Map<string, Watch>();
    const watch = watches.get(key) ?? { listeners: [], interest: this.#exact(subject, queue) };
    if (watch.listeners.includes(listener)) throw new SublistError("ErrAlreadyRegistered");
    watch.listeners.push(listener);
    watches.set(key, watch);
    listener(watch.interest);
  }

  /** Ends a notification; false when there was none. */
  clearNotification(subject: string, listener: InterestListener): boolean {
    return this.clearQueueNotification(subject, "", listener);
  }

  /** {@linkcode clearNotification} for a queue group. */
  clearQueueNotification(subject: string, queue: string, listener: InterestListener): boolean {
    const key = `${subject} ${queue}`;
    const watch = this.#watches?.get(key);
    const at = watch?.listeners.indexOf(listener) ?? -1;
    if (at < 0) return false;
    watch!.listeners.splice(at, 1);
    if (watch!.listeners.length === 0) this.#watches!.delete(key);
    if (this.#watches!.size === 0) this.#watches = null;
    return true;
  }

  #exact(subject: string, queue: string): boolean {
    return this.#nodeOf(subject)?.has(queue) ?? false;
  }

  #notify(sub: S): void {
    const queue = sub.queue ?? "";
    const watch = this.#watches!.get(`${sub.subject} ${queue}`);
    if (watch === undefined) return;
    const interest = this.#exact(sub.subject, queue);
    if (interest === watch.interest) return;
    watch.interest = interest;
    for (const listener of watch.listeners) listener(interest);
  }
}
