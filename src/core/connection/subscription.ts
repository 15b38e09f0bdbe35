/**
 * A subscription of a connection or of the server itself.
 *
 * @module
 */
import type { Account } from "../account/account.ts";
import type { Connection } from "./connection.ts";

/**
 * Receives messages inside the server. `message` (headers, body, without the closing CR LF) is
 * borrowed for the call; subject and reply are byte strings. `from` is the client that published
 * it, or null for messages of the server itself. Returning false says that nobody took the message.
 */
export type InternalHandler = (
  subscription: Subscription,
  account: Account,
  subject: string,
  reply: string,
  message: Uint8Array,
  headerBytes: number,
  from: Connection | null,
) => void | boolean;

/** Interest of one connection in a subject. */
export class Subscription {
  /** Messages delivered. */
  delivered = 0;
  /** Unsubscribes after so many messages; 0 is never. */
  max = 0;
  closed = false;
  readonly queueWeight = 1;

  constructor(
    /** Null for subscriptions of the server itself. */
    readonly connection: Connection | null,
    readonly subject: string,
    readonly queue: string | null,
    readonly sid: string,
    readonly handler: InternalHandler | null = null,
  ) {}
}
