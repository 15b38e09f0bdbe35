/**
 * A first-in first-out queue in a ring that grows and shrinks: adding and taking never move the
 * other elements, unlike `Array.shift`.
 *
 * @module
 */

const slotsMin = 16;

/** A queue of `T`. All operations take constant time, growing taken together. */
export class RingQueue<T> {
  #slots: (T | undefined)[] = new Array<T | undefined>(slotsMin).fill(undefined);
  /** Slot of the oldest element. */
  #head = 0;
  #size = 0;

  /** Number of elements. */
  get size(): number {
    return this.#size;
  }

  /** Adds `element` at the end. */
  push(element: T): void {
    if (this.#size === this.#slots.length) this.#resize(this.#size * 2);
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = element;
    this.#size++;
  }

  /** Takes the oldest element; undefined if there is none. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const element = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size--;
    // A burst must not hold its memory for ever.
    if (this.#slots.length > slotsMin && this.#size < this.#slots.length >> 3) {
      this.#resize(this.#slots.length >> 1);
    }
    return element;
  }

  /** The oldest element, which stays; undefined if there is none. */
  peek(): T | undefined {
    return this.#slots[this.#head];
  }

  /**
   * Takes up to `workMax` of the oldest elements and hands each to `handle`. Returns how many it
   * took. Elements that `handle` adds wait for the next call once the limit is reached.
   */
  drain(workMax: number, handle: (element: T) => void): number {
    let done = 0;
    while (done < workMax && this.#size > 0) {
      done++;
      handle(this.shift()!);
    }
    return done;
  }

  /** All elements, the oldest first, in an array of the caller's; the queue is empty then. */
  takeAll(): T[] {
    const all: T[] = [];
    for (let i = 0; i < this.#size; i++) {
      all.push(this.#slots[(this.#head + i) & (this.#slots.length - 1)]!);
    }
    this.clear();
    return all;
  }

  /** Drops all elements. */
  clear(): void {
    this.#slots = new Array<T | undefined>(slotsMin).fill(undefined);
    this.#head = 0;
    this.#size = 0;
  }

  /** Moves the elements to a ring of `slots`, a power of two. */
  #resize(slots: number): void {
    const moved = new Array<T | undefined>(slots).fill(undefined);
    for (let i = 0; i < this.#size; i++) {
      moved[i] = this.#slots[(this.#head + i) & (this.#slots.length - 1)];
    }
    this.#slots = moved;
    this.#head = 0;
  }
}
