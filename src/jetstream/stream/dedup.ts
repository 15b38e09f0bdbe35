/**
 * Finds messages that were published before, by their ids within a window of time.
 *
 * Reference: checkMsgId, storeMsgId, purgeMsgIds in server/stream.go.
 *
 * @module
 */
import { RingQueue } from "../../base/containers/ring_queue.ts";
import type { Clock, Loop, TimerHandle } from "../../platform/mod.ts";

interface Entry {
  readonly id: string;
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

const PURGE_MS_MIN = 50;
const TIMER_MS_MAX = 0x7fffffff;

/** Message ids of one stream. Ids are byte strings. */
export class MsgIds {
  readonly #byId: Map<string, Entry> = new Map();
  readonly #inOrder = new RingQueue<Entry>();
  #timer: TimerHandle | null = null;

  constructor(readonly clock: Clock, readonly loop: Loop, public windowMs: number) {}

  /** Number of ids known. */
  get size(): number {
    return this.#byId.size;
  }

  /** Sequence of the message with this id, or 0. */
  find(id: string): number {
    return this.#byId.get(id)?.seq ?? 0;
  }

  /** Notes a message; a window of 0 notes nothing. */
  add(id: string, seq: number, atMs: number): void {
    if (this.windowMs <= 0) return;
    const entry = { id, seq, atMs };
    this.#byId.set(id, entry);
    this.#inOrder.push(entry);
    if (this.#timer === null) this.#arm(this.windowMs);
  }

  /** Changes the window; what is too old goes soon. */
  setWindow(windowMs: number): void {
    if (windowMs === this.windowMs) return;
    this.windowMs = windowMs;
    if (this.#timer === null) return;
    this.loop.clearTimer(this.#timer);
    this.#arm(0);
  }

  /** Forgets everything. */
  stop(): void {
    if (this.#timer !== null) this.loop.clearTimer(this.#timer);
    this.#timer = null;
    this.#byId.clear();
    this.#inOrder.clear();
  }

  #arm(delayMs: number): void {
    this.#timer = this.loop.setTimer(() => this.#purge(), Math.min(delayMs, TIMER_MS_MAX));
  }

  #purge(): void {
    this.#timer = null;
    const nowMs = this.clock.nowMs();
    for (let first = this.#inOrder.peek(); first !== undefined; first = this.#inOrder.peek()) {
      const ageMs = nowMs - first.atMs;
      if (ageMs < this.windowMs) {
        this.#arm(Math.max(PURGE_MS_MIN, this.windowMs - ageMs));
        return;
      }
      this.#inOrder.shift();
      // An id that came again belongs to its later entry.
      if (this.#byId.get(first.id) === first) this.#byId.delete(first.id);
    }
  }
}
