/**
 * The machine's clock.
 *
 * @module
 */
import type { Clock } from "../clock.ts";

/** Reads `performance` for sub-millisecond wall time; the two agree at module load. */
export function systemClock(): Clock {
  return {
    nowMs: () => Date.now(),
    nowNs: () => {
      const nowMs = performance.timeOrigin + performance.now();
      const wholeMs = Math.floor(nowMs);
      return BigInt(wholeMs) * 1_000_000n + BigInt(Math.floor((nowMs - wholeMs) * 1e6));
    },
    monotonicMs: () => performance.now(),
  };
}
