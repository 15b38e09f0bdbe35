/**
 * A sublist that is slow and obvious, to compare the real one with.
 *
 * @module
 */
import type { SublistEntry } from "../../../src/sublist/mod.ts";

/** A subscription whose identity can be printed. */
export class ModelSub implements SublistEntry {
  constructor(
    readonly id: number,
    readonly subject: string,
    readonly queue: string | null,
    public queueWeight = 1,
  ) {}
}

/** Whether the literal `subject` is matched by `pattern`, token by token. */
export function naiveMatch(subject: string, pattern: string): boolean {
  const tokens = subject.split(".");
  const wanted = pattern.split(".");
  if (tokens.includes("")) return false;
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === ">") return tokens.length > i;
    if (i >= tokens.length || (wanted[i] !== "*" && wanted[i] !== tokens[i])) return false;
  }
  return tokens.length === wanted.length;
}

/** Random integers from a seed. */
export function randomFrom(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}
