/**
 * JetStream of one account: its streams, limits and what it uses.
 *
 * Reference: jsAccount in server/jetstream.go.
 *
 * @module
 */
import { textOfByteString } from "../../base/text/byte_string.ts";
import type { Account } from "../../core/account/account.ts";
import {
  API_LEVEL,
  apiError,
  emptyTier,
  type JetStreamAccountStats,
  type JetStreamLimitsInfo,
  type JetStreamTierInfo,
  type StorageType,
  type StreamConfig,
} from "../../jsapi/mod.ts";
import { subjectsCollide } from "../../subject/mod.ts";
import type { Stream } from "../stream/stream.ts";
import type { StreamCheckContext } from "../stream/config_check.ts";
import type { JetStream } from "./jet_stream.ts";
import { selectLimits, type TierLimits } from "./limits.ts";
import { Reservations } from "./reservations.ts";
import { SubjectIndex } from "./subject_index.ts";

/** Bytes in use of one tier. */
interface Usage {
  memory: number;
  store: number;
}

/** JetStream of an account. */
export class JsAccount {
  /** Text. */
  readonly name: string;
  readonly #streams: Map<string, Stream> = new Map();
  /** Subjects of the streams. */
  readonly #subjects: SubjectIndex<Stream> = new SubjectIndex();
  readonly #reservations: Reservations = new Reservations();
  /** Directory of the account. */
  readonly directory: string;
  /** Context of configuration checks. */
  readonly checks: StreamCheckContext;
  apiTotal = 0;
  apiErrors = 0;
  readonly #usage: Map<string, Usage> = new Map();

  constructor(readonly js: JetStream, readonly account: Account, public limits: TierLimits) {
    this.name = textOfByteString(account.name);
    this.directory = `${js.config.storeDir}/${this.name}`;
    this.checks = {
      duplicatesMax: BigInt(Math.round(js.options.jetStreamLimits.duplicatesMs * 1e6)),
      lookup: (name) => this.#streams.get(name)?.config ?? null,
      maxBytesLimits: (config) => {
        const selected = selectLimits(this.limits, config.replicas);
        if (selected === null) return { required: false, limit: 0 };
        const { limits } = selected;
        const limit = config.storage === "memory"
          ? limits.memoryMaxStreamBytes
          : limits.storeMaxStreamBytes;
        return { required: limits.maxBytesRequired, limit };
      },
    };
  }

  /** By name, as text. */
  get streams(): ReadonlyMap<string, Stream> {
    return this.#streams;
  }

  /** Adds a stream of a name that no other has. */
  addStream(stream: Stream): void {
    this.#streams.set(stream.name, stream);
    this.#subjects.set(stream, stream.config.subjects);
    this.#reservations.add(stream.config);
  }

  /** Forgets a stream, if it is known. */
  removeStream(stream: Stream): void {
    if (this.#streams.get(stream.name) !== stream) return;
    this.#streams.delete(stream.name);
    this.#subjects.delete(stream);
    this.#reservations.remove(stream.config);
  }

  /** Gives a stream of the account another configuration. */
  reconfigureStream(stream: Stream, config: StreamConfig): void {
    this.#reservations.remove(stream.config);
    stream.config = config;
    this.#reservations.add(config);
    this.#subjects.set(stream, config.subjects);
  }

  /** The stream `name`. Throws ApiError when there is none. */
  stream(name: string): Stream {
    const found = this.#streams.get(name);
    if (found === undefined) throw apiError("JSStreamNotFoundErr");
    return found;
  }

  /** Streams whose subjects meet `filter`, a byte string; all when it is empty. */
  filteredStreams(filter: string): Stream[] {
    const all = [...this.#streams.values()];
    if (filter === "") return all;
    return all.filter(({ config }) =>
      config.subjects.some((subject) => subjectsCollide(filter, subject))
    );
  }

  /** Whether one of `subjects` meets one of a stream other than `self`. */
  subjectsOverlap(subjects: readonly string[], self: Stream | null): boolean {
    return this.#subjects.meetsOther(subjects, self);
  }

  /** Limits for assets with so many replicas. Throws ApiError when the account has none. */
  select(replicas: number): { limits: JetStreamLimitsInfo; tier: string } {
    const selected = selectLimits(this.limits, replicas);
    if (selected === null) throw apiError("JSNoLimitsErr");
    return selected;
  }

  /** Streams of the tier, without the one of this name. */
  countStreams(tier: string, config: StreamConfig): number {
    return this.#reservations.streams(tier, config, this.#configOf(config.name));
  }

  /** Bytes that other streams of the tier and storage have reserved. */
  reservedByOthers(tier: string, config: StreamConfig): number {
    return this.#reservations.reservedByOthers(tier, config, this.#configOf(config.name));
  }

  #configOf(name: string): StreamConfig | null {
    return this.#streams.get(name)?.config ?? null;
  }

  #usageOf(tier: string): Usage {
    let usage = this.#usage.get(tier);
    if (usage === undefined) {
      usage = { memory: 0, store: 0 };
      this.#usage.set(tier, usage);
    }
    return usage;
  }

  /** Notes that a stream of the tier grew or shrank. */
  trackUsage(tier: string, storage: StorageType, bytes: number): void {
    const usage = this.#usageOf(tier);
    if (storage === "memory") {
      usage.memory += bytes;
      this.js.memoryUsed += bytes;
    } else {
      usage.store += bytes;
      this.js.storeUsed += bytes;
    }
  }

  /** Whether `bytes` more in the tier would pass the account's limit. */
  wouldExceed(tier: string, storage: StorageType, replicas: number, bytes: number): boolean {
    const limits = this.limits.get(tier);
    if (limits === undefined) return true;
    const usage = this.#usage.get(tier);
    if (usage === undefined) return false;
    const scale = tier === "" ? 1 : Math.max(1, replicas);
    const more = bytes * Math.max(1, replicas);
    return storage === "memory"
      ? limits.maxMemory >= 0 && usage.memory + more > limits.maxMemory * scale
      : limits.maxStore >= 0 && usage.store + more > limits.maxStore * scale;
  }

  /** Bytes in use by storage, of all tiers. */
  totals(): { memory: number; store: number } {
    const totals = { memory: 0, store: 0 };
    for (const { memory, store } of this.#usage.values()) {
      totals.memory += memory;
      totals.store += store;
    }
    return totals;
  }

  /** What `$JS.API.INFO` tells. */
  stats(): JetStreamAccountStats {
    const { memory, store } = this.totals();
    const reserved = this.#reservations.reserved("");
    const stats: JetStreamAccountStats = {
      ...emptyTier(),
      memory,
      store,
      reservedMemory: reserved.memory,
      reservedStore: reserved.store,
      domain: this.js.config.domain,
      api: { level: API_LEVEL, total: this.apiTotal, errors: this.apiErrors, inflight: 0 },
      tiers: new Map(),
    };
    const flat = this.limits.get("");
    if (flat !== undefined) stats.limits = flat;
    else this.#fillTiers(stats.tiers);
    stats.streams = this.#streams.size;
    for (const stream of this.#streams.values()) {
      const consumers = stream.consumers.size;
      stats.consumers += consumers;
      if (flat !== undefined) continue;
      const tier = stats.tiers.get(stream.tier) ?? emptyTier();
      tier.streams++;
      tier.consumers += consumers;
      stats.tiers.set(stream.tier, tier);
    }
    return stats;
  }

  #fillTiers(tiers: Map<string, JetStreamTierInfo>): void {
    const fill = (tier: string, usage: Usage): void => {
      const reserved = this.#reservations.reserved(tier);
      const info = emptyTier();
      info.memory = usage.memory;
      info.store = usage.store;
      info.reservedMemory = reserved.memory;
      info.reservedStore = reserved.store;
      info.limits = this.limits.get(tier) ?? info.limits;
      tiers.set(tier, info);
    };
    for (const [tier, usage] of this.#usage) {
      if (this.limits.has(tier) || usage.memory !== 0 || usage.store !== 0) fill(tier, usage);
    }
    for (const tier of this.limits.keys()) {
      if (!tiers.has(tier)) fill(tier, { memory: 0, store: 0 });
    }
  }
}
