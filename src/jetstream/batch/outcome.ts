/**
 * What becomes of one message of a batch, for those who trace it.
 *
 * @module
 */
import type { ApiError } from "../../jsapi/mod.ts";

/** A message of an atomic batch because of which all of it is refused at its commit. */
export interface RefusedMessage {
  readonly error: ApiError;
  /** Its headers; borrowed. */
  readonly headers: Uint8Array;
}

/**
 * Stored, for a commit with all others of its batch; waiting for the commit; a repetition of
 * a stored message; `none` for what only steers the batch or is skipped; or why it was refused.
 */
export type BatchOutcome = "stored" | "waits" | "duplicate" | "none" | ApiError | RefusedMessage;
