/**
 * How a server in lame duck mode closes its clients: spread over time, so that they do not all
 * come to the other servers at once.
 *
 * Reference: lameDuckMode in server/server.go.
 *
 * @module
 */

/** Longest pause between two clients: few clients need not wait for the whole duration. */
const INTERVAL_MS_MAX = 1000;
/** Shortest pause that is worth a timer; below it several clients are closed at once. */
const INTERVAL_MS_MIN = 1;
/** Time for closing when the grace period leaves none. */
const DURATION_MS_DEFAULT = 1000;

/** So many clients are closed, then comes a pause of half to the whole of `intervalMs`. */
export interface ClosingPace {
  readonly batch: number;
  readonly intervalMs: number;
}

/** Spreads the closing of `clients` over what `graceMs` leaves of `durationMs`. */
export function closingPace(clients: number, durationMs: number, graceMs: number): ClosingPace {
  const leftMs = durationMs > graceMs ? durationMs - graceMs : DURATION_MS_DEFAULT;
  const intervalMs = leftMs / Math.max(1, clients);
  if (intervalMs >= INTERVAL_MS_MIN) {
    return { batch: 1, intervalMs: Math.min(intervalMs, INTERVAL_MS_MAX) };
  }
  const batch = Math.ceil(INTERVAL_MS_MIN / intervalMs);
  return { batch, intervalMs: intervalMs * batch };
}
