/**
 * A timer whose deadline moves often. Moving it later costs nothing: the armed timer looks at the
 * deadline when it fires and goes on waiting.
 *
 * @module
 */
import type { Clock, Loop, TimerHandle } from "../../platform/mod.ts";

/** Longest delay that timers take. */
const DELAY_MS_MAX = 2 ** 31 - 1;

/** One deadline and what happens then. */
export class LazyTimer {
  /** Monotonic milliseconds; infinite while nothing is to happen. */
  deadlineMs = Infinity;
  #handle: TimerHandle | null = null;
  #armedMs = Infinity;
  readonly #fire = (): void => this.#fired();

  constructor(readonly loop: Loop, readonly clock: Clock, readonly run: () => void) {}

  /** Whether something is going to happen. */
  get active(): boolean {
    return this.deadlineMs !== Infinity;
  }

  /** Runs `delayMs` from now, in place of any other deadline. */
  setDelay(delayMs: number): void {
    this.setDeadline(this.clock.monotonicMs() + delayMs);
  }

  /** Runs at `deadlineMs`, in place of any other deadline. */
  setDeadline(deadlineMs: number): void {
    this.deadlineMs = deadlineMs;
    if (this.#handle !== null) {
      if (this.#armedMs <= deadlineMs) return;
      this.loop.clearTimer(this.#handle);
    }
    this.#arm();
  }

  /** Forgets the deadline. */
  clear(): void {
    this.deadlineMs = Infinity;
    if (this.#handle === null) return;
    this.loop.clearTimer(this.#handle);
    this.#handle = null;
  }

  #arm(): void {
    const leftMs = this.deadlineMs - this.clock.monotonicMs();
    this.#armedMs = this.deadlineMs;
    const delayMs = Math.min(DELAY_MS_MAX, Math.max(0, Math.ceil(leftMs)));
    this.#handle = this.loop.setTimer(this.#fire, delayMs);
  }

  #fired(): void {
    this.#handle = null;
    if (!this.active) return;
    if (this.clock.monotonicMs() < this.deadlineMs) return this.#arm();
    this.deadlineMs = Infinity;
    this.run();
  }
}
