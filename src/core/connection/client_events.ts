/**
 * What the core tells of clients; the system account's events are made of it.
 *
 * @module
 */
import type { Account } from "../account/account.ts";
import type { ClosedState } from "./closed_state.ts";
import type { Connection } from "./connection.ts";

/** Hears of clients that come and go. Called where it happens, so it must not deliver anything. */
export interface ClientEvents {
  /** The client may stay: its credentials, if any are needed, were right. */
  connected(connection: Connection): void;
  /** The connection is closed and has left its account, which is still named in it. */
  disconnected(connection: Connection, reason: ClosedState): void;
  /** The client is sent away, since its credentials were wrong or missing. */
  refused(connection: Connection, reason: ClosedState): void;
  /** The client did not get into `account`, of which the owner is told. */
  refusedIn(account: Account, connection: Connection, reason: string): void;
  /** A connection has come to `account` or left it. */
  countChanged(account: Account): void;
  /** A new account is there. */
  accountAdded(account: Account): void;
}
