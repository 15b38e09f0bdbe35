/**
 * Errors of streams that are not a part of the API's table.
 *
 * @module
 */

/** An operation that a stream cannot do; clients see the text. */
export class StreamError extends Error {
  override readonly name = "StreamError";
}
