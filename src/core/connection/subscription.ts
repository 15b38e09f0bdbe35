/**
 * A subscription of a connection or of the server itself.
 *
 * @module
 */
import type { Account } from "../account/account.ts";
import type { ServiceImport, StreamImport } from "../account/imports.ts";
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
  /** How many of a leaf node's members of the queue group it stands for. */
  queueWeight = 1;
  /** Its twins in the accounts from which its account imports streams; null without. */
  shadows: Subscription[] | null = null;
  /** Set in a shadow: the subscription that it stands for, and by which import. */
  original: Subscription | null = null;
  streamImport: StreamImport | null = null;
  /** Set in subscriptions of the server that carry requests to another account. */
  serviceImport: ServiceImport | null = null;
  /** Set in the server's subscription to replies of services to other accounts. */
  carriesReplies = false;

  constructor(
    /** Null for subscriptions of the server itself. */
    readonly connection: Connection | null,
    readonly subject: string,
    readonly queue: string | null,
    readonly sid: string,
    readonly handler: InternalHandler | null = null,
  ) {}
}
