/**
 * Which consumers of a stream count against limits, and which part of the stream each has: on a
 * work queue, parts must not overlap.
 *
 * Reference: numPublicConsumers, partitionUnique in server/stream.go.
 *
 * @module
 */
import { fullWildcard } from "../../subject/mod.ts";
import { SubjectIndex } from "../engine/subject_index.ts";

/** Whoever has a part of the stream. */
export interface PartitionOwner {
  /** Byte strings; empty is everything. */
  readonly filters: readonly string[];
}

const EVERYTHING: readonly string[] = [fullWildcard];

/** The parts of one stream. */
export class Partitions<O extends PartitionOwner> {
  readonly #owners: Set<O> = new Set();
  readonly #filters: SubjectIndex<O> = new SubjectIndex();

  /** Number of owners. */
  get size(): number {
    return this.#owners.size;
  }

  /** Adds an owner, or changes its part; only exclusive ones can be found by their filters. */
  set(owner: O, isExclusive: boolean): void {
    this.#owners.add(owner);
    if (!isExclusive) return;
    this.#filters.set(owner, owner.filters.length === 0 ? EVERYTHING : owner.filters);
  }

  delete(owner: O): void {
    this.#owners.delete(owner);
    this.#filters.delete(owner);
  }

  clear(): void {
    this.#owners.clear();
    this.#filters.clear();
  }

  /** Whether someone other than `self` has some of `filters`. */
  meetsOther(filters: readonly string[], self: O | null): boolean {
    return this.#filters.meetsOther(filters, self);
  }
}
