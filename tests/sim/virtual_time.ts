/**
 * A store environment whose time only moves when the test says so: timers fire in order, with the
 * clock at the moment that they were set for, and nothing has to be slept through.
 *
 * @module
 */
import type { Disk } from "../../src/platform/disk.ts";
import type { Loop, TimerHandle } from "../../src/platform/loop.ts";
import type { StoreEnvironment } from "../../src/store/stream_store.ts";
import { realEnvironment } from "./environment.ts";

interface Timer {
  atMs: number;
  everyMs: number;
  task: () => void;
}

/** A clock and a loop that follow {@linkcode VirtualTime.advance}. */
export class VirtualTime {
  nowMs = 1_790_000_000_000;
  readonly #timers: Map<number, Timer> = new Map();
  #lastHandle = 0;

  /** Lets `ms` pass: every timer due in between fires in its turn. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      let next: [number, Timer] | null = null;
      for (const entry of this.#timers) {
        if (entry[1].atMs <= endMs && (next === null || entry[1].atMs < next[1].atMs)) next = entry;
      }
      if (next === null) break;
      const [handle, timer] = next;
      this.nowMs = Math.max(this.nowMs, timer.atMs);
      if (timer.everyMs > 0) timer.atMs += timer.everyMs;
      else this.#timers.delete(handle);
      timer.task();
    }
    this.nowMs = endMs;
  }

  /** Timers that wait. */
  pending(): number {
    return this.#timers.size;
  }

  #add(task: () => void, delayMs: number, everyMs: number): TimerHandle {
    this.#timers.set(++this.#lastHandle, { atMs: this.nowMs + delayMs, everyMs, task });
    return this.#lastHandle;
  }

  /** The loop; work for the end of the turn and the next one runs in real turns. */
  loop(): Loop {
    return {
      setTimer: (task, delayMs) => this.#add(task, delayMs, 0),
      setRepeating: (task, intervalMs) => this.#add(task, intervalMs, intervalMs),
      clearTimer: (handle) => void this.#timers.delete(Number(handle)),
      endOfTurn: (task) => queueMicrotask(task),
      nextTurn: (task) => queueMicrotask(task),
    };
  }

  /** The machine's environment with this time, on `disk` when given. */
  environment(disk?: Disk): StoreEnvironment {
    const real = realEnvironment();
    return {
      ...real,
      disk: disk ?? real.disk,
      loop: this.loop(),
      clock: {
        nowMs: () => this.nowMs,
        nowNs: () => BigInt(Math.floor(this.nowMs * 1000)) * 1000n,
        monotonicMs: () => this.nowMs,
      },
    };
  }
}
