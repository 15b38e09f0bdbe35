/**
 * Timers of the running event loop.
 *
 * @module
 */
import type { Loop } from "../loop.ts";

/** The event loop this process runs on. */
export function systemLoop(): Loop {
  return {
    setTimer: (task, delayMs) => setTimeout(task, delayMs),
    setRepeating: (task, intervalMs) => setInterval(task, intervalMs),
    clearTimer: (handle) => clearTimeout(handle as number),
    endOfTurn: (task) => queueMicrotask(task),
    nextTurn: (task) => void setTimeout(task, 0),
  };
}
