/**
 * Limits and reservations of accounts and of the server.
 *
 * Reference: checkLimits, checkBytesLimits, selectLimits in server/jetstream.go.
 *
 * @module
 */
import {
  apiError,
  type JetStreamLimitsInfo,
  type StorageType,
  type StreamConfig,
} from "../../jsapi/mod.ts";

/** Limits by tier; the tier "" has no replicas in its name and counts all of them. */
export type TierLimits = ReadonlyMap<string, JetStreamLimitsInfo>;

/** Limits of an account for which nothing was said. */
export function unlimitedTiers(): TierLimits {
  return new Map([["", {
    maxMemory: -1,
    maxStore: -1,
    maxStreams: -1,
    maxConsumers: -1,
    maxAckPending: -1,
    memoryMaxStreamBytes: -1,
    storeMaxStreamBytes: -1,
    maxBytesRequired: false,
  }]]);
}

/** Name of the tier of assets with so many replicas. */
export function tierName(replicas: number): string {
  return `R${replicas === 0 ? 1 : replicas}`;
}

/** Bytes that an account may use at most, over all tiers; tiers without a limit count nothing. */
export function limitTotals(limits: TierLimits): { memory: number; store: number } {
  const totals = { memory: 0, store: 0 };
  for (const { maxMemory, maxStore } of limits.values()) {
    totals.memory += Math.max(maxMemory, 0);
    totals.store += Math.max(maxStore, 0);
  }
  return totals;
}

/** The limits that hold for assets with so many replicas, or null when there are none. */
export function selectLimits(
  limits: TierLimits,
  replicas: number,
): { limits: JetStreamLimitsInfo; tier: string } | null {
  const flat = limits.get("");
  if (flat !== undefined) return { limits: flat, tier: "" };
  const tier = tierName(replicas);
  const found = limits.get(tier);
  return found === undefined ? null : { limits: found, tier };
}

/** More bytes than this are as many as can be asked for. */
const RESERVATION_MAX = 2 ** 63;

/** Bytes that count against an account for a stream of `bytes`: tiers already count replicas. */
export function accountReservation(tier: string, replicas: number, bytes: number): number {
  if (bytes <= 0) return 0;
  return tier === "" && replicas > 1 ? Math.min(replicas * bytes, RESERVATION_MAX) : bytes;
}

/** What is reserved of the server's memory and disk, and how much there is. */
export interface ServerReservations {
  readonly maxMemory: number;
  readonly maxStore: number;
  memoryReserved: number;
  storeReserved: number;
}

/**
 * Throws ApiError when a stream with `config` does not fit: `reserved` is what the account's
 * other streams of the tier have reserved, `maxBytes` what this one asks for in addition.
 */
export function checkStreamLimits(
  limits: JetStreamLimitsInfo,
  tier: string,
  config: StreamConfig,
  reserved: number,
  maxBytes: number,
  server: ServerReservations,
): void {
  if (
    config.maxConsumers > 0 && limits.maxConsumers > 0 && config.maxConsumers > limits.maxConsumers
  ) throw apiError("JSMaximumConsumersLimitErr");
  const bytes = maxBytes < 0 ? 1 : maxBytes;
  const accountBytes = accountReservation(tier, config.replicas, bytes);
  const isMemory = config.storage === "memory";
  const accountMax = isMemory ? limits.maxMemory : limits.maxStore;
  const serverMax = isMemory ? server.maxMemory : server.maxStore;
  const serverReserved = isMemory ? server.memoryReserved : server.storeReserved;
  if (
    (accountMax >= 0 && (reserved > accountMax || accountBytes > accountMax - reserved)) ||
    serverReserved > serverMax || bytes > serverMax - serverReserved
  ) throw resourcesExceeded(config.storage);
}

/** The error of a storage whose limit would be passed. */
export function resourcesExceeded(storage: StorageType): Error {
  return apiError(
    storage === "memory" ? "JSMemoryResourcesExceededErr" : "JSStorageResourcesExceededErr",
  );
}
