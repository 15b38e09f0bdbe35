/**
 * Randomness as an interface, so that simulations replay from a seed.
 *
 * @module
 */

/** A source of random numbers. `fill` must be fit for secrets in production. */
export interface Random {
  /** Fills `target` with random bytes. */
  fill(target: Uint8Array): void;
  /** A uniform integer in `[0, bound)`; `bound` at most 2^31. Not for secrets. */
  below(bound: number): number;
  /** A uniform number in `[0, 1)`. Not for secrets. */
  unit(): number;
}
