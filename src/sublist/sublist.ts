/**
 * The set of subscriptions of an account, and the question asked for each message: who matches
 * this subject? (server/sublist.go)
 *
 * ```text
 * subject ─▶ cache ───────────────────────────────▶ result
 *              └ miss ─▶ trie ─▶ one node ────────▶ the node's own result
 *                              └ several nodes ───▶ merges, remembered by identity
 * ```
 *
 * Whatever the way, nothing is allocated for a message as long as the sets of subscriptions
 * that it meets repeat, even if its subject was never seen before.
 *
 * @module
 */
import { subjectHasWildcard } from "../subject/mod.ts";
import { SublistError } from "./errors.ts";
import { MatchCache } from "./match_cache.ts";
import { MatchScratch } from "./match_scratch.ts";
import { InterestNotifications, notificationKey } from "./notifications.ts";
import { emptyResult, type MatchResult, MergeTable } from "./result.ts";
import { reverseMatch } from "./reverse_match.ts";
import { SublistStats } from "./stats.ts";
import { Trie } from "./trie.ts";
import type {
  InterestCount,
  InterestListener,
  RemoveOutcome,
  SublistEntry,
  SublistResult,
} from "./types.ts";

/** Start value of token hashes unless the options give one. */
const defaultHashSeed = 0x811c9dc5;

/** Settings of a {@linkcode Sublist}. */
export interface SublistOptions<S extends SublistEntry = SublistEntry> {
  /** Keep results by subject. Default true. */
  readonly cache?: boolean;
  /** Working memory to share with the other sublists of the server. Default: its own. */
  readonly scratch?: MatchScratch<S>;
  /**
   * Start value of the token hashes, an integer. A random one keeps clients from choosing
   * subjects that collide. Default: always the same.
   */
  readonly hashSeed?: number;
}

/**
 * Subscriptions by subject. Inserting the same object twice is a mistake. Listeners are called
 * at the end of the change that concerns them and may use the sublist.
 */
export class Sublist<S extends SublistEntry> {
  /** Changes with each change of what a match could answer. */
  generation = 0;
  readonly #scratch: MatchScratch<S>;
  readonly #merges: MergeTable<S> = new MergeTable<S>();
  readonly #trie: Trie<S>;
  readonly #cache: MatchCache<S> | null;
  #notifications: InterestNotifications | null = null;
  #count = 0;
  #inserts = 0;
  #removes = 0;
  #matches = 0;
  #cacheHits = 0;

  constructor(options: SublistOptions<S> = {}) {
    this.#scratch = options.scratch ?? new MatchScratch<S>();
    const seed = (options.hashSeed ?? defaultHashSeed) | 0;
    this.#trie = new Trie<S>(this.#scratch, this.#merges, seed);
    this.#cache = options.cache === false ? null : new MatchCache<S>();
  }

  /** Number of subscriptions. */
  get count(): number {
    return this.#count;
  }

  /** Whether results are kept by subject. */
  get cacheEnabled(): boolean {
    return this.#cache !== null;
  }

  /** Number of results kept by subject. */
  get cacheCount(): number {
    return this.#cache === null ? 0 : this.#cache.count;
  }

  /** Matches and questions for interest that the cache answered. */
  get cacheHits(): number {
    return this.#cacheHits;
  }

  /** Number of tokens of the longest subject held. Visits all nodes. */
  get levelCount(): number {
    return this.#trie.depth();
  }

  /** The registered listeners, null without any; for tests. */
  get notifications(): InterestNotifications | null {
    return this.#notifications;
  }

  /** Adds `sub`; false if its subject is no valid one to subscribe to. */
  insert(sub: S): boolean {
    if (!this.#trie.insert(sub)) return false;
    const { wildcard, edge } = this.#trie.change;
    this.#count++;
    this.#inserts++;
    this.#changed(sub, wildcard);
    if (edge && !wildcard && this.#notifications !== null) {
      this.#notifications.interestCame(notificationKey(sub.subject, sub.queue));
    }
    return true;
  }

  /** Takes out `sub`; false if it is not here. {@linkcode tryRemove} tells why. */
  remove(sub: S): boolean {
    return this.tryRemove(sub) === "removed";
  }

  /** Takes out `sub` and says whether that was possible. */
  tryRemove(sub: S): RemoveOutcome {
    const outcome = this.#trie.remove(sub);
    if (outcome !== "removed") return outcome;
    const { wildcard, edge, handedOut } = this.#trie.change;
    this.#count--;
    this.#removes++;
    // Merges must not keep what is gone alive.
    if (handedOut) this.#merges.clear();
    this.#changed(sub, wildcard);
    if (edge && !wildcard && this.#notifications !== null) {
      this.#notifications.interestWent(notificationKey(sub.subject, sub.queue));
    }
    return outcome;
  }

  /**
   * Takes out all of `subs`, for instance those of a connection that closed. False if one of
   * them was not here; the others go nevertheless.
   */
  removeBatch(subs: readonly S[]): boolean {
    // With an empty cache the single removes have nothing to look for.
    if (subs.length > 1 && this.#cache !== null) this.#cache.clear();
    let all = true;
    for (let i = 0; i < subs.length; i++) {
      if (!this.remove(subs[i]!)) all = false;
    }
    return all;
  }

  /** To be called after the weight of `sub`, which is in the list, changed. */
  refresh(sub: S): void {
    const node = this.#trie.nodeOf(sub.subject);
    if (node === null) return;
    node.refresh();
    this.#changed(sub, subjectHasWildcard(sub.subject));
  }

  /** All subscriptions that match the literal `subject`. */
  match(subject: string): SublistResult<S> {
    this.#scratch.load(subject);
    return this.#match(0, subject.length);
  }

  /** {@linkcode match} for the borrowed bytes `[start, end)` of `buffer`. */
  matchBytes(buffer: Uint8Array, start: number, end: number): SublistResult<S> {
    if (this.#scratch.viewOf(buffer, end)) return this.#match(start, end);
    this.#scratch.loadBytes(buffer, start, end);
    return this.#match(0, end - start);
  }

  /** Whether any subscription matches. Stops at the first and does not fill the cache. */
  hasInterest(subject: string): boolean {
    this.#scratch.load(subject);
    return this.#hasInterest(0, subject.length);
  }

  /** {@linkcode hasInterest} for the borrowed bytes `[start, end)` of `buffer`. */
  hasInterestBytes(buffer: Uint8Array, start: number, end: number): boolean {
    if (this.#scratch.viewOf(buffer, end)) return this.#hasInterest(start, end);
    this.#scratch.loadBytes(buffer, start, end);
    return this.#hasInterest(0, end - start);
  }

  /** Number of subscriptions that {@linkcode match} would give. Does not fill the cache. */
  numInterest(subject: string): InterestCount {
    const length = subject.length;
    this.#scratch.load(subject);
    const result = this.#cached(0, length) ?? this.#walk(0, length) ?? emptyResult;
    let queue = 0;
    for (const members of result.qsubs) queue += members.length;
    return { plain: result.psubs.length, queue };
  }

  /**
   * The subscriptions whose subjects `subject`, which may have wildcards, matches. Meant for
   * lists of literals; wildcards in the list are treated as the reference does.
   */
  reverseMatch(subject: string): SublistResult<S> {
    return reverseMatch(this.#trie, subject);
  }

  /** All subscriptions, in no particular order. */
  all(): S[] {
    const subs: S[] = [];
    for (const node of this.#trie.nodes()) node.collect(subs);
    return subs;
  }

  /** The subscriptions for which `isLocal` holds: those of clients and of the server itself. */
  localSubs(isLocal: (sub: S) => boolean): S[] {
    return this.all().filter(isLocal);
  }

  /** The counters of this list. Fan-out figures are taken from the cached results. */
  stats(): SublistStats {
    const stats = new SublistStats();
    stats.numSubs = this.#count;
    stats.numCache = this.cacheCount;
    stats.numInserts = this.#inserts;
    stats.numRemoves = this.#removes;
    stats.numMatches = this.#matches;
    stats.cacheHits = this.#cacheHits;
    for (const { psubs, qsubs } of this.#cache?.results() ?? []) {
      const fanout = psubs.length + qsubs.length;
      stats.cacheCount++;
      stats.totalFanout += fanout;
      if (fanout > stats.maxFanout) stats.maxFanout = fanout;
    }
    stats.computeRates();
    return stats;
  }

  /**
   * Tells `listener` at once whether there is a plain subscription with exactly this subject,
   * and each time from then on when the first one comes or the last one goes.
   *
   * @throws {SublistError} `ErrInvalidSubject` if `subject` has wildcards,
   * `ErrAlreadyRegistered` if `listener` waits for this already
   */
  registerNotification(subject: string, listener: InterestListener): void {
    this.#register(subject, null, listener);
  }

  /** {@linkcode registerNotification} for the members of one queue group. */
  registerQueueNotification(subject: string, queue: string, listener: InterestListener): void {
    this.#register(subject, queue === "" ? null : queue, listener);
  }

  /** Ends {@linkcode registerNotification}; false if there was none. */
  clearNotification(subject: string, listener: InterestListener): boolean {
    return this.clearQueueNotification(subject, "", listener);
  }

  /** Ends {@linkcode registerQueueNotification}; false if there was none. */
  clearQueueNotification(subject: string, queue: string, listener: InterestListener): boolean {
    const notifications = this.#notifications;
    if (notifications === null) return false;
    const removed = notifications.remove(notificationKey(subject, queue), listener);
    if (notifications.size === 0) this.#notifications = null;
    return removed;
  }

  /** Makes later matches see a change of `sub`, whose subject is at the scratch's start. */
  #changed(sub: S, wildcard: boolean): void {
    this.generation++;
    const cache = this.#cache;
    if (cache === null || cache.count === 0) return;
    const view = this.#scratch.view;
    if (wildcard) cache.dropMatching(view, sub.subject);
    else cache.drop(view, 0, sub.subject.length);
  }

  /** Matches `[start, end)` of the scratch's view. */
  #match(start: number, end: number): MatchResult<S> {
    this.#matches++;
    const cache = this.#cache;
    if (cache === null) return this.#walk(start, end) ?? emptyResult;
    const view = this.#scratch.view;
    const cached = cache.get(view, start, end);
    if (cached !== null) {
      this.#cacheHits++;
      return cached;
    }
    const result = this.#walk(start, end);
    if (result === null) return emptyResult;
    cache.offer(view, start, end, result);
    return result;
  }

  #cached(start: number, end: number): MatchResult<S> | null {
    const cache = this.#cache;
    if (cache === null) return null;
    const result = cache.get(this.#scratch.view, start, end);
    if (result !== null) this.#cacheHits++;
    return result;
  }

  /** Matches in the trie; null if the subject has an empty token. */
  #walk(start: number, end: number): MatchResult<S> | null {
    const scratch = this.#scratch;
    if (!scratch.split(start, end)) return null;
    const count = this.#trie.collect(start);
    if (count === 0) return emptyResult;
    const pieces = scratch.pieces;
    const result = count === 1 ? pieces[0]! : this.#merges.merged(pieces, count);
    // The scratch must not keep removed subscriptions alive.
    for (let i = 0; i < count; i++) pieces[i] = emptyResult;
    return result;
  }

  #hasInterest(start: number, end: number): boolean {
    const cached = this.#cached(start, end);
    if (cached !== null) return cached !== emptyResult;
    return this.#scratch.split(start, end) && this.#trie.matchesAny(start);
  }

  #register(subject: string, queue: string | null, listener: InterestListener): void {
    if (subjectHasWildcard(subject)) throw new SublistError("ErrInvalidSubject");
    const node = this.#trie.nodeOf(subject);
    const hasInterest = node !== null && node.has(queue);
    const notifications = this.#notifications ??= new InterestNotifications();
    notifications.add(notificationKey(subject, queue), hasInterest, listener);
    listener(hasInterest);
  }
}
