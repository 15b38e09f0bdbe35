/**
 * Limits on batches.
 *
 * Reference: streamMaxAtomicBatch* and streamMaxFastBatch* in server/stream.go.
 *
 * @module
 */
import type { Options } from "../../config/mod.ts";

/** How many batches there may be, how large, and how long they may be silent. */
export interface BatchLimits {
  readonly inflightPerStream: number;
  readonly inflightTotal: number;
  /** Most messages of an atomic batch. */
  readonly size: number;
  readonly timeoutMs: number;
}

/** Most bytes that the atomic batches of a server may hold before they are committed. */
export const STAGED_BYTES_MAX = 256 * 1024 * 1024;

/** Limits of atomic batches. */
export function atomicLimits({ jetStreamLimits: limits }: Options): BatchLimits {
  return {
    inflightPerStream: limits.maxBatchInflightPerStream || 50,
    inflightTotal: limits.maxBatchInflightTotal || 1000,
    size: limits.maxBatchSize || 1000,
    timeoutMs: limits.maxBatchTimeoutMs || 10_000,
  };
}

/** Limits of fast batches. */
export function fastLimits({ jetStreamLimits: limits }: Options): BatchLimits {
  return {
    inflightPerStream: limits.maxBatchInflightPerStream || 1000,
    inflightTotal: limits.maxBatchInflightTotal || 50_000,
    size: Infinity,
    timeoutMs: limits.maxBatchTimeoutMs || 10_000,
  };
}
