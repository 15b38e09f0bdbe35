/**
 * What the reply subject of a delivered message tells the one who sources it.
 *
 * Reference: ackReplyInfo, consumerFromAckReply in server/{consumer,stream}.go.
 *
 * @module
 */

const TOKENS_V1 = 9;
const TOKENS_V2 = 11;

/** A delivered message's place. */
export interface Delivery {
  /** Name of the consumer, a byte string. */
  readonly consumer: string;
  readonly deliveries: number;
  readonly streamSeq: number;
  readonly consumerSeq: number;
  /** Time of the message in nanoseconds. */
  readonly timeNs: bigint;
  /** Messages behind it. */
  readonly pending: number;
}

/** Reads a reply subject; null when it is none of a delivery. */
export function parseDelivery(reply: string): Delivery | null {
  if (!reply.startsWith("$JS.ACK.")) return null;
  const tokens = reply.split(".");
  if (tokens.length !== TOKENS_V1 && tokens.length < TOKENS_V2) return null;
  const at = tokens.length === TOKENS_V1 ? 3 : 5;
  const numbers = tokens.slice(at + 1, at + 6);
  if (!numbers.every((text) => /^\d{1,19}$/.test(text))) return null;
  return {
    consumer: tokens[at]!,
    deliveries: Number(numbers[0]),
    streamSeq: Number(numbers[1]),
    consumerSeq: Number(numbers[2]),
    timeNs: BigInt(numbers[3]!),
    pending: Number(numbers[4]),
  };
}
