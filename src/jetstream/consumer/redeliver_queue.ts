/**
 * Stream sequences that wait for being delivered again, in their order.
 *
 * @module
 */

/** A queue without duplicates whose members can be taken out of the middle. */
export class RedeliverQueue {
  readonly #members: Set<number> = new Set();
  /** Stands on the first member: a set keeps the order in which members came. */
  #next: SetIterator<number> | null = null;
  /** Was taken and put back; comes before all others. 0 for none. */
  #first = 0;

  get size(): number {
    return this.#members.size + (this.#first === 0 ? 0 : 1);
  }

  has(seq: number): boolean {
    return this.#members.has(seq) || (seq === this.#first && seq !== 0);
  }

  /** Adds `seq` at the end unless it is there. */
  add(seq: number): void {
    if (seq !== this.#first) this.#members.add(seq);
  }

  /** Puts back what {@linkcode take} gave last, so that it comes next. */
  putBack(seq: number): void {
    this.#first = seq;
  }

  /** Takes the first sequence; 0 when there is none. */
  take(): number {
    const first = this.#first;
    if (first !== 0) {
      this.#first = 0;
      return first;
    }
    if (this.#members.size === 0) return 0;
    const next = (this.#next ??= this.#members.values()).next();
    if (next.done === true) {
      this.#next = null;
      return this.take();
    }
    this.#members.delete(next.value);
    return next.value;
  }

  remove(seq: number): void {
    if (seq === this.#first) this.#first = 0;
    else this.#members.delete(seq);
  }

  clear(): void {
    this.#members.clear();
    this.#next = null;
    this.#first = 0;
  }
}
