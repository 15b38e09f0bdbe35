/**
 * Timers and background work on the event loop.
 *
 * @module
 */

/** Handle of a running timer; opaque. */
export type TimerHandle = number | object;

/** The longest delay that a timer keeps; what is asked to wait longer would not wait at all. */
export const TIMER_MAX_MS: number = 2 ** 31 - 1;

/** Schedules work on the one event loop that a server lives on. */
export interface Loop {
  /** Runs `task` once after `delayMs`. The process may not end while it is pending. */
  setTimer(task: () => void, delayMs: number): TimerHandle;
  /** Runs `task` every `intervalMs` until cleared. */
  setRepeating(task: () => void, intervalMs: number): TimerHandle;
  /** Cancels a timer of either kind; unknown handles are ignored. */
  clearTimer(handle: TimerHandle): void;
  /** Runs `task` after the current turn's already queued continuations. */
  endOfTurn(task: () => void): void;
  /** Runs `task` in a later turn, after pending I/O had its chance. */
  nextTurn(task: () => void): void;
}
