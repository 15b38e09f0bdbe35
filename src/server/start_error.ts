/**
 * Why a server does not start.
 *
 * @module
 */

/** Thrown when a server cannot start; the message says what to do about it. */
export class StartError extends Error {
  override readonly name = "StartError";
}
