/**
 * Remembers the results of recent subjects.
 *
 * Sets of four slots, found by a hash of the subject and checked byte by byte. The table starts
 * tiny, because a server may have ten thousand accounts, and grows with use up to a limit.
 *
 * An entry is never stale: an insert or remove drops exactly the entries whose subject it
 * matches. A subject that is used once must not push out one that is used again and again, so
 * past the first few hundred entries a subject gets in on its second miss only; the first leaves
 * its hash with the doorkeeper.
 *
 * @module
 */
import { matchLiteralBytes } from "../subject/mod.ts";
import { hashSubject, sameBytes, wordPadding } from "./bytes.ts";
import type { MatchResult } from "./result.ts";
import type { SublistEntry } from "./types.ts";

/** Most results that a cache holds. */
export const matchCacheMax = 4096;

/** Results up to which every subject gets in. */
const openDoorMax = 256;
/** Subjects longer than this many bytes are not cached. */
const keyBytesMax = 128;
const slotsMin = 8;
const growthFactor = 4;
const setSize = 4;
/** Hashes that the doorkeeper knows. A power of two. */
const doorkeeperSize = 4096;

const noInts = new Int32Array(0);
const noBytes = new Uint8Array(0);
const noView = new DataView(noBytes.buffer);

/**
 * Results by subject. Subjects come as `[start, end)` of a view that reaches a word further
 * (see bytes.ts) and are copied.
 */
export class MatchCache<S extends SublistEntry> {
  /** Number of results held. */
  count = 0;
  #slots = 0;
  #hashes: Int32Array = noInts;
  #lengths: Int32Array = noInts;
  #results: (MatchResult<S> | null)[] = [];
  #keys: Uint8Array = noBytes;
  #keysView: DataView = noView;
  #doorkeeper: Int32Array | null = null;
  /** Subjects that the doorkeeper kept out. */
  #refused = 0;
  /** Hash of the subject that the last {@linkcode get} missed; -1 if it did not need one. */
  #missedHash = -1;
  /** Slot of the last hit: the next message often has the same subject. */
  #lastSlot = 0;
  /** Slot of a full set that goes next. */
  #victim = 0;

  /** The result for a subject, or null. */
  get(view: DataView, start: number, end: number): MatchResult<S> | null {
    this.#missedHash = -1;
    if (this.count === 0) return null;
    const length = end - start;
    const last = this.#lastSlot;
    if (
      this.#lengths[last] === length &&
      sameBytes(view, start, this.#keysView, last * keyBytesMax, length)
    ) return this.#results[last]!;
    const hash = hashSubject(view, start, end);
    const slot = this.#find(view, start, end, hash);
    if (slot < 0) {
      this.#missedHash = hash;
      return null;
    }
    this.#lastSlot = slot;
    return this.#results[slot]!;
  }

  /** Offers a result for the subject that the call of {@linkcode get} just before did not have. */
  offer(view: DataView, start: number, end: number, result: MatchResult<S>): void {
    if (end - start > keyBytesMax) return;
    const hash = this.#missedHash >= 0 ? this.#missedHash : hashSubject(view, start, end);
    if (this.count >= openDoorMax && !this.#knownAtTheDoor(hash)) return;
    let slot = this.#freeSlot(hash);
    while (slot < 0 && this.#slots < matchCacheMax) {
      this.#grow();
      slot = this.#freeSlot(hash);
    }
    if (slot < 0) {
      this.#victim = (this.#victim + 1) & (setSize - 1);
      slot = this.#setOf(hash) + this.#victim;
    } else {
      this.count++;
    }
    this.#hashes[slot] = hash;
    this.#lengths[slot] = end - start;
    this.#results[slot] = result;
    const keys = this.#keys;
    for (let i = start, k = slot * keyBytesMax; i < end; i++, k++) keys[k] = view.getUint8(i);
  }

  /** Drops the entry of one subject. */
  drop(view: DataView, start: number, end: number): void {
    if (this.count === 0) return;
    const slot = this.#find(view, start, end, hashSubject(view, start, end));
    if (slot >= 0) this.#dropSlot(slot);
  }

  /**
   * Drops the entries that `pattern`, a subject with wildcards, matches. `view` has its bytes
   * at the start.
   */
  dropMatching(view: DataView, pattern: string): void {
    if (this.count === 0) return;
    const prefixLength = literalPrefixLength(pattern);
    for (let slot = 0; slot < this.#slots; slot++) {
      const length = this.#lengths[slot]!;
      if (length === 0 || length < prefixLength) continue;
      const key = slot * keyBytesMax;
      if (
        sameBytes(view, 0, this.#keysView, key, prefixLength) &&
        matchLiteralBytes(this.#keys, key, key + length, pattern)
      ) this.#dropSlot(slot);
    }
  }

  /** Drops everything. */
  clear(): void {
    if (this.count === 0) return;
    this.#results.fill(null);
    this.#hashes.fill(0);
    this.#lengths.fill(0);
    this.count = 0;
  }

  /** All results held, in no particular order. */
  results(): MatchResult<S>[] {
    return this.#results.filter((result) => result !== null);
  }

  /** First slot of the set of `hash`. */
  #setOf(hash: number): number {
    return (hash * setSize) & (this.#slots - 1);
  }

  #find(view: DataView, start: number, end: number, hash: number): number {
    const length = end - start;
    const set = this.#setOf(hash);
    for (let slot = set; slot < set + setSize; slot++) {
      if (
        this.#hashes[slot] === hash && this.#lengths[slot] === length &&
        sameBytes(view, start, this.#keysView, slot * keyBytesMax, length)
      ) return slot;
    }
    return -1;
  }

  #freeSlot(hash: number): number {
    if (this.#slots === 0) return -1;
    const set = this.#setOf(hash);
    for (let slot = set; slot < set + setSize; slot++) {
      if (this.#results[slot] === null) return slot;
    }
    return -1;
  }

  #dropSlot(slot: number): void {
    this.#results[slot] = null;
    this.#hashes[slot] = 0;
    // No subject is empty, so a free slot is never found.
    this.#lengths[slot] = 0;
    this.count--;
  }

  #knownAtTheDoor(hash: number): boolean {
    const doorkeeper = this.#doorkeeper ??= new Int32Array(doorkeeperSize);
    // Not the bits that choose the set, or the subjects of one set would fight here as well.
    const at = (hash >>> 12) & (doorkeeperSize - 1);
    if (doorkeeper[at] === hash) return true;
    // Only every other time on average, and in no regular order: of two subjects that take turns
    // at the same place one is then still there when it comes again.
    this.#refused = (this.#refused + 1) | 0;
    if (doorkeeper[at] === 0 || Math.imul(this.#refused, 0x9e3779b1) < 0) doorkeeper[at] = hash;
    return false;
  }

  #grow(): void {
    const results = this.#results;
    const hashes = this.#hashes;
    const lengths = this.#lengths;
    const keys = this.#keys;
    const slots = results.length === 0
      ? slotsMin
      : Math.min(results.length * growthFactor, matchCacheMax);
    this.#slots = slots;
    this.#hashes = new Int32Array(slots);
    this.#lengths = new Int32Array(slots);
    this.#results = new Array<MatchResult<S> | null>(slots).fill(null);
    this.#keys = new Uint8Array(slots * keyBytesMax + wordPadding);
    this.#keysView = new DataView(this.#keys.buffer);
    for (let from = 0; from < results.length; from++) {
      if (results[from] === null) continue;
      // There is room: all entries of a new set were in the same old set.
      const to = this.#freeSlot(hashes[from]!);
      this.#results[to] = results[from]!;
      this.#hashes[to] = hashes[from]!;
      this.#lengths[to] = lengths[from]!;
      const key = from * keyBytesMax;
      this.#keys.set(keys.subarray(key, key + lengths[from]!), to * keyBytesMax);
    }
  }
}

/** Number of bytes before the first wildcard token. */
function literalPrefixLength(pattern: string): number {
  let start = 0;
  for (const token of pattern.split(".")) {
    if (token === "*" || token === ">") return start;
    start += token.length + 1;
  }
  return pattern.length;
}
