/**
 * Results of a match: made once, then shared.
 *
 * Each node of the trie keeps the result of its own subscriptions. A match that meets one node
 * returns that very object; one that meets several looks in the {@linkcode MergeTable} for the
 * same pieces merged before. So even a stream of subjects that were never seen before makes no
 * garbage as long as the sets of subscriptions it meets repeat.
 *
 * @module
 */
import type { SublistEntry, SublistResult } from "./types.ts";

/** Merges that a sublist remembers. A power of two. */
const mergeTableSize = 256;

/** Queue groups in a result from which finding a group's slot uses a map. */
const queueScanMax = 16;

/**
 * How many slots in a result one weighted entry may take. The reference has no limit and lets a
 * leaf node's weight of 2^31 - 1 exhaust the memory.
 */
const queueSlotsMax = 65_536;

/** The one class of all results, so that their readers see one shape. */
export class MatchResult<S extends SublistEntry> implements SublistResult<S> {
  /** @param id Tells results apart when merges are looked up; not unique, only well spread. */
  constructor(
    readonly psubs: readonly S[],
    readonly qsubs: readonly (readonly S[])[],
    readonly id: number,
  ) {}
}

const noQueues: readonly never[] = [];

/** The answer for a subject without interest; every sublist gives this same object. */
export const emptyResult: MatchResult<never> = new MatchResult<never>([], noQueues, 0);

/** A result with plain subscriptions only. Takes over `psubs`. */
export function plainResult<S extends SublistEntry>(psubs: S[], id: number): MatchResult<S> {
  return new MatchResult(psubs, noQueues, id);
}

/** The members of a queue group as a result lists them: as often as their weight says. */
export function weightedMembers<S extends SublistEntry>(members: Iterable<S>): S[] {
  const list: S[] = [];
  for (const sub of members) {
    const slots = Math.min(sub.queueWeight, queueSlotsMax);
    list.push(sub);
    for (let i = 1; i < slots; i++) list.push(sub);
  }
  return list;
}

/** One result with the subscriptions of the first `count` of `pieces`, in their order. */
export function mergeResults<S extends SublistEntry>(
  pieces: readonly MatchResult<S>[],
  count: number,
  id: number,
): MatchResult<S> {
  const psubs: S[] = [];
  const qsubs: S[][] = [];
  let slots: Map<string | null, number> | null = null;
  for (let p = 0; p < count; p++) {
    const piece = pieces[p]!;
    for (let i = 0; i < piece.psubs.length; i++) psubs.push(piece.psubs[i]!);
    for (let g = 0; g < piece.qsubs.length; g++) {
      const group = piece.qsubs[g]!;
      const queue = group[0]!.queue;
      let slot: number;
      if (slots !== null) {
        slot = slots.get(queue) ?? -1;
      } else {
        slot = qsubs.findIndex((members) => members[0]!.queue === queue);
      }
      if (slot < 0) {
        slots?.set(queue, qsubs.length);
        qsubs.push(group.slice());
        if (slots === null && qsubs.length > queueScanMax) {
          slots = new Map(qsubs.map((members, at) => [members[0]!.queue, at]));
        }
      } else {
        const members = qsubs[slot]!;
        for (let i = 0; i < group.length; i++) members.push(group[i]!);
      }
    }
  }
  return new MatchResult(psubs, qsubs.length === 0 ? noQueues : qsubs, id);
}

interface Merge<S extends SublistEntry> {
  readonly pieces: readonly MatchResult<S>[];
  readonly result: MatchResult<S>;
}

/**
 * Remembers merged results by the identity of their pieces. A piece never changes, so a
 * remembered merge is never wrong; it is only dropped so that removed subscriptions can go.
 */
export class MergeTable<S extends SublistEntry> {
  #merges: (Merge<S> | null)[] | null = null;
  #nextId = 1;

  /** A number for the next result that is made. */
  takeId(): number {
    // Wraps long before the number stops being a small integer; ids need not be unique.
    this.#nextId = (this.#nextId + 1) & 0x3fffffff;
    return this.#nextId;
  }

  /** The merge of the first `count` (at least 2) of the borrowed `pieces`. */
  merged(pieces: readonly MatchResult<S>[], count: number): MatchResult<S> {
    let hash = count;
    for (let i = 0; i < count; i++) hash = Math.imul(hash ^ pieces[i]!.id, 0x9e3779b1);
    const slot = (hash ^ (hash >>> 16)) & (mergeTableSize - 1);
    const merges = this.#merges ??= new Array<Merge<S> | null>(mergeTableSize).fill(null);
    const known = merges[slot]!;
    if (known !== null && samePieces(known.pieces, pieces, count)) return known.result;
    const result = mergeResults(pieces, count, this.takeId());
    merges[slot] = { pieces: pieces.slice(0, count), result };
    return result;
  }

  /** Forgets all merges. */
  clear(): void {
    this.#merges = null;
  }
}

function samePieces<T>(known: readonly T[], pieces: readonly T[], count: number): boolean {
  if (known.length !== count) return false;
  for (let i = 0; i < count; i++) {
    if (known[i] !== pieces[i]) return false;
  }
  return true;
}
