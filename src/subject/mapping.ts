/**
 * Weighted mappings of the subjects that an account's clients publish to (server/accounts.go
 * AddWeightedMappings, selectMappedSubject).
 *
 * @module
 */
import { byteStringOf, textOfByteString } from "../base/text/byte_string.ts";
import { goQuote } from "../base/text/go_format.ts";
import { ServerError } from "../errors/mod.ts";
import { subjectIsSubsetMatch, subjectMatchesFilterBytes } from "./match.ts";
import { tokenizeSubject } from "./tokens.ts";
import {
  newSubjectTransform,
  type RandomBelow,
  type SubjectTransform,
  tokenizeWildcards,
  validateMapping,
} from "./transform.ts";
import { isValidSubject, subjectHasWildcard } from "./validate.ts";

/** Where messages of a mapped subject may go. */
export interface WeightedDestination {
  /** Subject of the destination, with placeholders, as a byte string. */
  readonly subject: string;
  /** Share of the messages in percent, 0 to 100. */
  readonly weight: number;
  /** The cluster for which alone this counts; empty for all others. */
  readonly cluster: string;
}

/** A mapping whose weights cannot be. The message is the reference's. */
export class MappingWeightError extends Error {
  override readonly name = "MappingWeightError";
}

interface WeightedTransform {
  readonly transform: SubjectTransform | null;
  /** Taken for a dice below this, of 100, that no earlier one took. */
  readonly below: number;
}

interface Mapping {
  readonly source: string;
  readonly hasWildcard: boolean;
  readonly everywhere: readonly WeightedTransform[];
  readonly byCluster: ReadonlyMap<string, readonly WeightedTransform[]> | null;
}

/** The mappings of one account. The first one that matches a subject counts. */
export class SubjectMappings {
  readonly #random: RandomBelow;
  #mappings: Mapping[] = [];

  constructor(
    random: RandomBelow,
    /** Name of the cluster that this server is in; empty for none. May change. */
    public clusterName = "",
  ) {
    this.#random = random;
  }

  /** Number of mapped sources. */
  get size(): number {
    return this.#mappings.length;
  }

  /** The mapped sources, in their order. */
  sources(): string[] {
    return this.#mappings.map(({ source }) => source);
  }

  /** The mappings for monitoring. As in the reference the weights are summed up from choice to choice. */
  describe(): { source: string; destinations: WeightedDestination[] }[] {
    const shown = (choices: readonly WeightedTransform[], cluster: string) =>
      choices.filter(({ transform }) => transform !== null).map(({ transform, below }) => ({
        subject: transform!.destination,
        weight: below,
        cluster,
      }));
    return this.#mappings.map(({ source, everywhere, byCluster }) => ({
      source,
      destinations: [
        ...shown(everywhere, ""),
        ...[...byCluster ?? []].flatMap(([cluster, choices]) => shown(choices, cluster)),
      ],
    }));
  }

  /**
   * Maps `source` to `destinations`, in place of what it was mapped to before. What is missing
   * to 100 percent stays with `source`, unless that is a destination itself: then it is lost on
   * purpose.
   *
   * @throws {ServerError} `ErrBadSubject` and mapping destination errors
   * @throws {MappingWeightError}
   */
  add(source: string, destinations: readonly WeightedDestination[]): void {
    const mapping = makeMapping(source, destinations, this.#random);
    const at = this.#mappings.findIndex((known) => known.source === source);
    if (at >= 0) this.#mappings[at] = mapping;
    else this.#mappings.push(mapping);
  }

  /** Ends the mapping of `source`; false if there is none. The last mapping takes its place. */
  remove(source: string): boolean {
    const at = this.#mappings.findIndex((known) => known.source === source);
    if (at < 0) return false;
    const last = this.#mappings.pop()!;
    if (at < this.#mappings.length) this.#mappings[at] = last;
    return true;
  }

  /**
   * The subject to which a message to `subject` goes: null if it is not mapped, and empty if the
   * weights lose it.
   */
  map(subject: string): string | null {
    // As in the reference a literal that comes first is found without tokens, and a partition
    // over the whole subject is then one over nothing.
    let tokens: string[] = [];
    for (let i = 0; i < this.#mappings.length; i++) {
      const mapping = this.#mappings[i]!;
      if (mapping.hasWildcard || mapping.source !== subject) {
        if (tokens.length === 0) tokens = tokenizeSubject(subject);
        if (!subjectIsSubsetMatch(subject, mapping.source)) continue;
      }
      const transform = this.#choose(
        mapping.byCluster?.get(this.clusterName) ?? mapping.everywhere,
      );
      return transform === null ? "" : transform.transformTokens(tokens);
    }
    return null;
  }

  /** {@linkcode map} for the borrowed bytes `[start, end)`; cheap if nothing matches. */
  mapBytes(buffer: Uint8Array, start: number, end: number): string | null {
    for (let i = 0; i < this.#mappings.length; i++) {
      if (subjectMatchesFilterBytes(buffer, start, end, this.#mappings[i]!.source)) {
        return this.map(byteStringOf(buffer, start, end));
      }
    }
    return null;
  }

  #choose(choices: readonly WeightedTransform[]): SubjectTransform | null {
    if (choices.length === 1 && choices[0]!.below === 100) return choices[0]!.transform;
    const dice = this.#random(100);
    for (let i = 0; i < choices.length; i++) {
      if (dice < choices[i]!.below) return choices[i]!.transform;
    }
    return null;
  }
}

/** A destination before the weights are summed up. */
interface Choice {
  readonly transform: SubjectTransform | null;
  readonly weight: number;
}

function makeMapping(
  source: string,
  destinations: readonly WeightedDestination[],
  random: RandomBelow,
): Mapping {
  if (!isValidSubject(source)) throw new ServerError("ErrBadSubject");
  const seen = new Set<string>();
  const totals = new Map<string, number>();
  const choices = new Map<string, Choice[]>([["", []]]);
  for (const { subject, weight, cluster } of destinations) {
    if (seen.has(subject)) {
      throw new MappingWeightError(`duplicate entry for ${goQuote(textOfByteString(subject))}`);
    }
    seen.add(subject);
    if (weight > 100) throw new MappingWeightError("individual weights need to be <= 100");
    const total = (totals.get(cluster) ?? 0) + weight;
    if (total > 100) throw new MappingWeightError("total weight needs to be <= 100");
    totals.set(cluster, total);
    validateMapping(source, subject);
    const choice = { transform: newSubjectTransform(source, subject, random), weight };
    const known = choices.get(cluster);
    if (known === undefined) choices.set(cluster, [choice]);
    else known.push(choice);
  }
  const hasWildcard = subjectHasWildcard(source);
  const unchanged = hasWildcard ? tokenizeWildcards(source) : source;
  const weighted = new Map<string, WeightedTransform[]>();
  for (const [cluster, list] of choices) {
    const total = list.reduce((sum, { weight }) => sum + weight, 0);
    if (total !== 100 && !seen.has(source)) {
      const transform = newSubjectTransform(source, unchanged, random);
      list.push({ transform, weight: 100 - total });
    }
    weighted.set(cluster, sumUp(list));
  }
  const everywhere = weighted.get("")!;
  weighted.delete("");
  return { source, hasWildcard, everywhere, byCluster: weighted.size === 0 ? null : weighted };
}

/** Sums up the weights, smallest first, so that one dice chooses. */
function sumUp(choices: readonly Choice[]): WeightedTransform[] {
  let below = 0;
  return choices
    .toSorted((a, b) => a.weight - b.weight)
    .map(({ transform, weight }) => ({ transform, below: below += weight }));
}
