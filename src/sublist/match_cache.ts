/**
 * Results by subject: a direct-mapped table that is looked up with the bytes of a subject.
 *
 * A subject is taken in only when it misses a second time, so that a stream of subjects that
 * never repeat costs no memory and drives nothing out.
 *
 * @module
 */
import { byteStringOf } from "../base/text/byte_string.ts";
import type { MatchResult } from "./result.ts";
import type { SublistEntry } from "./types.ts";

const FIRST_SLOTS = 16;
const SLOTS_MAX = 4096;

interface Entry<S extends SublistEntry> {
  readonly subject: string;
  readonly hash: number;
  readonly result: MatchResult<S>;
  readonly epoch: number;
}

/** The cache of one sublist. */
export class MatchCache<S extends SublistEntry> {
  /** Raised when a wildcard subscription comes or goes: every entry may be wrong then. */
  epoch = 0;
  hits = 0;
  #slots: (Entry<S> | null)[] = new Array(FIRST_SLOTS).fill(null);
  #missed = new Int32Array(FIRST_SLOTS);
  #filled = 0;
  #evicted = 0;

  /** The result of the subject in `buffer[start, end)` with this hash, or null. */
  find(buffer: Uint8Array, start: number, end: number, hash: number): MatchResult<S> | null {
    const entry = this.#slots[hash & (this.#slots.length - 1)]!;
    if (entry === null || entry.hash !== hash || entry.epoch !== this.epoch) return null;
    const subject = entry.subject;
    if (subject.length !== end - start) return null;
    for (let i = 0; i < subject.length; i++) {
      if (subject.charCodeAt(i) !== buffer[start + i]) return null;
    }
    this.hits++;
    return entry.result;
  }

  /** Offers a result after a miss. */
  offer(
    buffer: Uint8Array,
    start: number,
    end: number,
    hash: number,
    result: MatchResult<S>,
  ): void {
    const slot = hash & (this.#slots.length - 1);
    if (this.#missed[slot] !== hash) {
      this.#missed[slot] = hash;
      return;
    }
    const old = this.#slots[slot]!;
    if (old === null) this.#filled++;
    else if (old.epoch === this.epoch && old.hash !== hash) this.#evicted++;
    this.#slots[slot] = {
      subject: byteStringOf(buffer, start, end),
      hash,
      result,
      epoch: this.epoch,
    };
    if (this.#evicted > this.#slots.length / 4 && this.#slots.length < SLOTS_MAX) this.#grow();
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Array(old.length * 4).fill(null);
    this.#missed = new Int32Array(this.#slots.length);
    this.#filled = 0;
    this.#evicted = 0;
    for (const entry of old) {
      if (entry === null || entry.epoch !== this.epoch) continue;
      this.#slots[entry.hash & (this.#slots.length - 1)] = entry;
      this.#filled++;
    }
  }

  /** Forgets the one subject that a literal subscription matches. */
  forget(hash: number): void {
    const slot = hash & (this.#slots.length - 1);
    if (this.#slots[slot]?.hash === hash) {
      this.#slots[slot] = null;
      this.#filled--;
    }
  }

  /** The results that are still right. */
  results(): MatchResult<S>[] {
    const results: MatchResult<S>[] = [];
    for (const entry of this.#slots) {
      if (entry !== null && entry.epoch === this.epoch) results.push(entry.result);
    }
    return results;
  }
}
