/**
 * What is found out about one login on its way to a decision.
 *
 * @module
 */
import type { Account } from "../account/account.ts";

/** A login under way. */
export interface Login {
  /** The connection comes from a proxy that is trusted. */
  readonly viaProxy: boolean;
  /** The user may only come through a proxy that is trusted. */
  proxyRequired: boolean;
  /** The account that the JWT of CONNECT named; null without one, or before it was found. */
  account: Account | null;
  /**
   * Who the connection was found to be: a user's name or a public key. Empty until it is known,
   * whatever CONNECT claims.
   */
  identity: string;
}
