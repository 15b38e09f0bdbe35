/**
 * What the reply subject of a consumer's delivery says.
 *
 * `$JS.ACK.<stream>.<consumer>.<attempt>.<stream seq>.<consumer seq>.<time>.<pending>`, in the
 * newer form with `<domain>.<account>` in front of the stream.
 *
 * Reference: ackReplyInfo in server/consumer.go.
 *
 * @module
 */

const PREFIX = "$JS.ACK.";
const TOKENS_OLD = 9;
const TOKENS_NEW = 11;

/** A delivery. */
export interface Delivery {
  /** Of the message, in the stream. */
  readonly sequence: number;
  /** 1 is the first one. */
  readonly attempt: number;
}

/** What `reply` says; null when it is none of JetStream's. */
export function readAckSubject(reply: string): Delivery | null {
  if (!reply.startsWith(PREFIX)) return null;
  const tokens = reply.split(".");
  const at = tokens.length === TOKENS_OLD ? 4 : tokens.length >= TOKENS_NEW ? 6 : 0;
  const attempt = Number(tokens[at]);
  const sequence = Number(tokens[at + 1]);
  return at > 0 && attempt > 0 && sequence > 0 ? { attempt, sequence } : null;
}
