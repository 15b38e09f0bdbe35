/**
 * Assertions that stay on in production.
 *
 * @module
 */

/** Thrown when the program's own assumption does not hold: a bug, never bad input. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Throws {@linkcode AssertionError} with `message` unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
