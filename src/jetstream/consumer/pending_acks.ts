/**
 * Deliveries that were not acknowledged, by stream sequence.
 *
 * @module
 */

/** One delivery that was not acknowledged. */
export interface Pending {
  /** Consumer sequence of the first delivery. */
  readonly sequence: number;
  /** When it was delivered last, in milliseconds since the epoch. */
  timeMs: number;
}

/**
 * A map that also knows its lowest sequence. First deliveries come in ascending order, so that
 * the order of the map is the order of sequences; should one come late, the map is put in order.
 */
export class PendingAcks {
  #map: Map<number, Pending> = new Map();
  /** Goes over the map once; what it has passed and is still there is `#lowest`. */
  #walk: MapIterator<number> | null = null;
  #lowest = 0;
  #highest = 0;
  #isOrdered = true;

  get size(): number {
    return this.#map.size;
  }

  get(seq: number): Pending | undefined {
    return this.#map.get(seq);
  }

  has(seq: number): boolean {
    return this.#map.has(seq);
  }

  /** Adds a delivery that is not there. */
  add(seq: number, pending: Pending): void {
    if (seq < this.#highest) this.#isOrdered = false;
    else this.#highest = seq;
    this.#map.set(seq, pending);
  }

  delete(seq: number): boolean {
    return this.#map.delete(seq);
  }

  clear(): void {
    this.#map.clear();
    this.#restart();
    this.#highest = 0;
    this.#isOrdered = true;
  }

  entries(): MapIterator<[number, Pending]> {
    return this.#map.entries();
  }

  keys(): MapIterator<number> {
    return this.#map.keys();
  }

  /** The lowest sequence, or 0; amortized constant. */
  lowest(): number {
    if (this.#map.size === 0) return 0;
    if (!this.#isOrdered) this.#order();
    for (;;) {
      if (this.#lowest !== 0 && this.#map.has(this.#lowest)) return this.#lowest;
      const next = (this.#walk ??= this.#map.keys()).next();
      if (next.done === true) this.#restart();
      else this.#lowest = next.value;
    }
  }

  #restart(): void {
    this.#walk = null;
    this.#lowest = 0;
  }

  #order(): void {
    this.#map = new Map([...this.#map].sort((a, b) => a[0] - b[0]));
    this.#isOrdered = true;
    this.#restart();
  }
}
