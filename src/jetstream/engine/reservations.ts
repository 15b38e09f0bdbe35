/**
 * How many streams an account has and what they have reserved, kept up to date as streams come
 * and go, so that nobody has to look at all of them.
 *
 * Reference: tieredStreamAndReservationCount in server/jetstream.go.
 *
 * @module
 */
import type { StreamConfig } from "../../jsapi/mod.ts";
import { accountReservation, tierName } from "./limits.ts";

/** What the streams of one tier come to. */
class TierTotals {
  streams = 0;
  memory = 0;
  store = 0;
  /** As {@linkcode memory}, once for each replica. */
  memoryOfReplicas = 0;
  storeOfReplicas = 0;

  count(config: StreamConfig, sign: 1 | -1): void {
    this.streams += sign;
    const bytes = sign * accountReservation(tierName(config.replicas), 1, config.maxBytes);
    const ofReplicas = sign * accountReservation("", config.replicas, config.maxBytes);
    if (config.storage === "memory") {
      this.memory += bytes;
      this.memoryOfReplicas += ofReplicas;
    } else {
      this.store += bytes;
      this.storeOfReplicas += ofReplicas;
    }
  }
}

/** The totals of an account by tier. */
export class Reservations {
  readonly #tiers: Map<string, TierTotals> = new Map();

  add(config: StreamConfig): void {
    const tier = tierName(config.replicas);
    let totals = this.#tiers.get(tier);
    if (totals === undefined) this.#tiers.set(tier, totals = new TierTotals());
    totals.count(config, 1);
  }

  /** Takes out what was added. */
  remove(config: StreamConfig): void {
    const tier = tierName(config.replicas);
    const totals = this.#tiers.get(tier)!;
    totals.count(config, -1);
    if (totals.streams === 0) this.#tiers.delete(tier);
  }

  /** Bytes that streams of the tier may use at most; of all for the tier "". */
  reserved(tier: string): { memory: number; store: number } {
    const sum = { memory: 0, store: 0 };
    for (const [name, { memory, store }] of this.#tiers) {
      if (tier !== "" && name !== tier) continue;
      sum.memory += memory;
      sum.store += store;
    }
    return sum;
  }

  /** Number of streams that share the tier with `config`, without its present form. */
  streams(tier: string, config: StreamConfig, present: StreamConfig | null): number {
    const own = tierName(config.replicas);
    let count = 0;
    for (const [name, { streams }] of this.#tiers) {
      if (tier === "" || name === own) count += streams;
    }
    return isIn(tier, config, present) ? count - 1 : count;
  }

  /** Bytes that streams of the same tier and storage have reserved, without its present form. */
  reservedByOthers(tier: string, config: StreamConfig, present: StreamConfig | null): number {
    const isMemory = config.storage === "memory";
    let bytes = 0;
    if (tier === "") {
      for (const totals of this.#tiers.values()) {
        bytes += isMemory ? totals.memoryOfReplicas : totals.storeOfReplicas;
      }
    } else {
      const { memory, store } = this.reserved(tierName(config.replicas));
      bytes = isMemory ? memory : store;
    }
    if (!isIn(tier, config, present) || present.storage !== config.storage) return bytes;
    return bytes - accountReservation(tier, present.replicas, present.maxBytes);
  }
}

function isIn(
  tier: string,
  config: StreamConfig,
  present: StreamConfig | null,
): present is StreamConfig {
  return present !== null &&
    (tier === "" || tierName(present.replicas) === tierName(config.replicas));
}
