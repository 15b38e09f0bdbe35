/**
 * Time as the server sees it. Production code never reads `Date` or `performance`
 * itself, so that tests can run it under a simulated clock.
 *
 * @module
 */

/** A source of wall-clock and monotonic time. */
export interface Clock {
  /** Milliseconds since the epoch, with a fraction where the platform has one. */
  nowMs(): number;
  /** Nanoseconds since the epoch; for the control plane and records only, it allocates. */
  nowNs(): bigint;
  /** Milliseconds from an arbitrary start that never go back. */
  monotonicMs(): number;
}
