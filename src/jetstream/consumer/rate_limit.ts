/**
 * A bucket of tokens, as golang.org/x/time/rate reserves them: who takes more than there is waits
 * until the bucket would have been filled.
 *
 * @module
 */

/** Limits bytes per second. Times are monotonic milliseconds. */
export class RateLimit {
  #tokens: number;
  #lastMs: number;

  constructor(
    readonly bytesPerSecond: number,
    readonly burstBytes: number,
    nowMs: number,
  ) {
    this.#tokens = burstBytes;
    this.#lastMs = nowMs;
  }

  /**
   * Takes `sizeBytes` and returns how long to wait before using them. What is larger than the
   * burst can never be had: it is let through, and takes nothing.
   */
  reserve(sizeBytes: number, nowMs: number): number {
    const grown = (Math.max(0, nowMs - this.#lastMs) / 1000) * this.bytesPerSecond;
    const tokens = Math.min(this.burstBytes, this.#tokens + grown) - sizeBytes;
    if (sizeBytes > this.burstBytes) return 0;
    this.#tokens = tokens;
    this.#lastMs = nowMs;
    return tokens >= 0 ? 0 : (-tokens / this.bytesPerSecond) * 1000;
  }
}
