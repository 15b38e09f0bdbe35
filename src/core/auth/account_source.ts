/**
 * Where authentication finds accounts in operator mode; `operator` implements it.
 *
 * @module
 */
import type { Account } from "../account/account.ts";

/** The account, or why there is none, for the log. */
export type AccountLookup = Account | { readonly failed: string };

/** The accounts of the operators that are trusted. */
export interface AccountSource {
  /** Finds an account, if need be by its JWT from a resolver; only that may take time. */
  lookup(name: string): AccountLookup | Promise<AccountLookup>;
  /** Whether `key` is one of an operator that is trusted. */
  isTrustedIssuer(key: string): boolean;
  /** Whether users of the account may connect to this server; counts those that may not. */
  admits(name: string): boolean;
  /** How often it did not admit somebody. */
  readonly pinnedAccountFailures: number;
}
