/**
 * Seeded randomness for tests: the same seed replays the same run.
 *
 * @module
 */

/** A small fast generator (sfc32); not for secrets. */
export class SeededRandom {
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 1;

  constructor(readonly seed: number) {
    this.#a = seed >>> 0;
    this.#b = Math.floor(seed / 4294967296) >>> 0;
    for (let i = 0; i < 16; i++) this.next();
  }

  /** A uniform 32-bit integer. */
  next(): number {
    const t = (this.#a + this.#b + this.#d) >>> 0;
    this.#d = (this.#d + 1) >>> 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) >>> 0;
    this.#c = (this.#c + t) >>> 0;
    return t;
  }

  /** A uniform integer in `[0, bound)`. */
  below(bound: number): number {
    return Math.floor(this.unit() * bound);
  }

  /** A uniform number in `[0, 1)`. */
  unit(): number {
    return this.next() / 4294967296;
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** Fills `target` with random bytes. */
  fill(target: Uint8Array): void {
    for (let i = 0; i < target.length; i++) target[i] = this.next() >>> 24;
  }

  /** One element of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** The numbers 0 … count−1 in random order. */
export function shuffled(count: number): number[] {
  const nums = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [nums[i], nums[j]] = [nums[j]!, nums[i]!];
  }
  return nums;
}
