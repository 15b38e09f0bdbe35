/**
 * Subject mappings of an account: where messages published to a subject really go.
 *
 * Reference: AddWeightedMappings and selectMappedSubject in server/accounts.go.
 *
 * @module
 */
import { tokensAreSubsetMatch } from "./match.ts";
import { tokenizeSubject } from "./tokens.ts";
import { type RandomBelow, SubjectTransform } from "./transform.ts";
import { subjectHasWildcard } from "./validate.ts";

/** A destination as it is configured; subjects are byte strings. */
export interface WeightedDestination {
  readonly subject: string;
  /** Percent, 0 to 100. */
  readonly weight: number;
  /** Cluster to which it is limited; empty is everywhere. */
  readonly cluster: string;
}

interface Destination {
  readonly transform: SubjectTransform;
  weight: number;
}

interface Mapping {
  readonly source: string;
  readonly sourceTokens: readonly string[];
  readonly literal: boolean;
  readonly destinations: readonly Destination[];
  readonly byCluster: ReadonlyMap<string, readonly Destination[]>;
}

/** The mappings of one account; the first whose source matches decides. */
export class SubjectMappings {
  readonly #mappings: Mapping[] = [];

  constructor(readonly random: RandomBelow, readonly clusterName: string = "") {}

  /** Adds a mapping, or replaces the one with the same source. Throws for bad subjects. */
  add(source: string, weighted: readonly WeightedDestination[]): void {
    const general: Destination[] = [];
    const byCluster = new Map<string, Destination[]>();
    for (const { subject, weight, cluster } of weighted) {
      const transform = SubjectTransform.create(source, subject, { random: this.random });
      let list = general;
      if (cluster !== "") {
        list = byCluster.get(cluster) ?? [];
        byCluster.set(cluster, list);
      }
      list.push({ transform, weight });
    }
    const namesSource = weighted.some(({ subject }) => subject === source);
    this.#complete(source, general, namesSource);
    for (const list of byCluster.values()) this.#complete(source, list, namesSource);
    const mapping: Mapping = {
      source,
      sourceTokens: source.split("."),
      literal: !subjectHasWildcard(source),
      destinations: general,
      byCluster,
    };
    const at = this.#mappings.findIndex((existing) => existing.source === source);
    if (at >= 0) this.#mappings[at] = mapping;
    else this.#mappings.push(mapping);
  }

  /** What is missing to 100 % stays at the source, unless the source was named: then it is lost. */
  #complete(source: string, destinations: Destination[], namesSource: boolean): void {
    const total = destinations.reduce((sum, { weight }) => sum + weight, 0);
    if (total !== 100 && !namesSource) {
      let index = 0;
      const same = source.split(".").map((token) => token === "*" ? `$${++index}` : token);
      const transform = SubjectTransform.create(source, same.join("."), { random: this.random });
      destinations.push({ transform, weight: destinations.length === 0 ? 100 : 100 - total });
    }
    destinations.sort((a, b) => a.weight - b.weight);
    let before = 0;
    for (const destination of destinations) {
      destination.weight += before;
      before = destination.weight;
    }
  }

  /**
   * The mapped subject, null when `subject` stays what it is, or the empty string when the
   * weights let the message be lost.
   */
  map(subject: string): string | null {
    let tokens: readonly string[] | null = null;
    for (const mapping of this.#mappings) {
      if (mapping.literal) {
        if (mapping.source !== subject) continue;
      } else {
        tokens ??= tokenizeSubject(subject);
        if (!tokensAreSubsetMatch(tokens, mapping.sourceTokens)) continue;
      }
      const destinations = mapping.byCluster.get(this.clusterName) ?? mapping.destinations;
      const chosen = this.#choose(destinations);
      return chosen === null ? "" : chosen.apply(tokens ?? tokenizeSubject(subject));
    }
    return null;
  }

  #choose(destinations: readonly Destination[]): SubjectTransform | null {
    if (destinations.length === 1 && destinations[0]!.weight === 100) {
      return destinations[0]!.transform;
    }
    const dice = this.random(100);
    for (const { transform, weight } of destinations) if (dice < weight) return transform;
    return null;
  }
}
