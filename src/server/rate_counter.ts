/**
 * Limits how many TLS handshakes begin in a second.
 *
 * Reference: server/rate_counter.go, where the first event of an interval counts as none.
 *
 * @module
 */

const INTERVAL_MS = 1000;

/** Counts events per second. */
export class RateCounter {
  #count = 0;
  #blocked = 0;
  #endMs = -Infinity;

  constructor(readonly limit: number, readonly nowMs: () => number) {}

  /** True when one more event is within the limit. */
  allow(): boolean {
    const nowMs = this.nowMs();
    if (nowMs > this.#endMs) {
      this.#count = 0;
      this.#endMs = nowMs + INTERVAL_MS;
    } else this.#count++;
    const allowed = this.#count < this.limit;
    if (!allowed) this.#blocked++;
    return allowed;
  }

  /** Events refused since the last call. */
  takeBlocked(): number {
    const blocked = this.#blocked;
    this.#blocked = 0;
    return blocked;
  }
}
