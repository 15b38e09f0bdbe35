/**
 * The end of each login: the connection moves into its account and gets its permissions.
 *
 * Reference: RegisterUser, RegisterNkeyUser and setExpiration in server/client.go.
 *
 * @module
 */
import type { Permissions } from "../../config/mod.ts";
import { TIMER_MAX_MS } from "../../platform/mod.ts";
import type { Account } from "../account/account.ts";
import { ClosedState } from "../connection/closed_state.ts";
import type { Connection } from "../connection/connection.ts";

/** What became of a login. */
export const AuthOutcome = {
  Accepted: 0,
  Refused: 1,
  /** The account is full; the client was told. */
  AccountFull: 2,
} as const;

/** One of the values of {@linkcode AuthOutcome}. */
export type AuthOutcome = typeof AuthOutcome[keyof typeof AuthOutcome];

/**
 * Moves the connection into `account`; without `permissions` it has the account's default ones. One
 * that has closed meanwhile is refused: nobody would take it out of the account again.
 */
export function bindConnection(
  connection: Connection,
  account: Account,
  permissions: Permissions | null,
): AuthOutcome {
  if (connection.closed) return AuthOutcome.Refused;
  if (!connection.bindAccount(account)) {
    connection.maxAccountConnectionsExceeded();
    return AuthOutcome.AccountFull;
  }
  connection.setPermissions(permissions ?? account.defaultPermissions);
  return AuthOutcome.Accepted;
}

/** Sends the connection away at `expiresMs`, wall clock. */
export function expireConnection(connection: Connection, expiresMs: number): void {
  connection.expiresMs = expiresMs;
  const leftMs = Math.max(0, expiresMs - connection.core.env.clock.nowMs());
  if (leftMs > TIMER_MAX_MS) {
    connection.setAuthTimer(TIMER_MAX_MS, () => expireConnection(connection, expiresMs));
    return;
  }
  connection.setAuthTimer(leftMs, () => {
    connection.sendError("User Authentication Expired");
    connection.debug("User Authentication Expired");
    connection.close(ClosedState.AuthenticationExpired);
  });
}
