/**
 * Randomness from the operating system, and a fast generator for what need not be secret.
 *
 * @module
 */
import type { Random } from "../random.ts";

/** Secrets come from `crypto`, everything else from the engine's own generator. */
export function systemRandom(): Random {
  return {
    fill: (target) => void crypto.getRandomValues(target as Uint8Array<ArrayBuffer>),
    below: (bound) => Math.floor(Math.random() * bound),
    unit: () => Math.random(),
  };
}
