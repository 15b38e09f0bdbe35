/**
 * Who may stay under the new users and accounts: clients are sent away, lose subscriptions, or
 * notice nothing.
 *
 * Reference: reloadAuthorization, clientHasMovedToDifferentAccount in server/reload.go.
 *
 * @module
 */
import { byteStringOfText } from "../base/text/byte_string.ts";
import type { Account } from "../core/account/account.ts";
import { GLOBAL_ACCOUNT } from "../core/account/account.ts";
import { Authenticator, AuthOutcome } from "../core/auth/authenticator.ts";
import { ClosedState } from "../core/connection/closed_state.ts";
import type { Connection } from "../core/connection/connection.ts";
import { recheckSubscriptions } from "../core/permission/recheck.ts";
import type { Server } from "../server/server.ts";
import { dropAccounts, reloadAccounts, reloadJetStreamAccounts } from "./accounts.ts";
import { reloadOperatorAccounts } from "./operator_accounts.ts";

/** Applies users, accounts and permissions of the new options. */
export async function reloadAuthorization(server: Server): Promise<void> {
  const { operators, clients } = server;
  const removed: Account[] = operators === null
    ? reloadAccounts(server)
    : await reloadOperatorAccounts(server, operators);
  server.auth = new Authenticator(server.core);
  server.info.auth_required = server.auth.required;
  const accountOf = accountsOfUsers(server);
  for (const connection of [...clients.values()]) {
    if (accountOf !== null && hasMoved(connection, accountOf)) {
      connection.close(ClosedState.ClientClosed);
    }
  }
  for (const connection of [...clients.values()]) {
    if (!connection.closed) await reauthorize(server, connection);
  }
  server.leafNodes?.reauthorize();
  await dropAccounts(server, removed);
  if (operators === null) await reloadJetStreamAccounts(server);
}

/** Names of the accounts of all users and nkeys; null where the configuration has no say. */
function accountsOfUsers({ core, options, operators }: Server): Map<string, string> | null {
  if (operators !== null || core.env.authenticate !== undefined) return null;
  const nameOf = (name: string): string => name === "" ? GLOBAL_ACCOUNT : byteStringOfText(name);
  return new Map([
    ...(options.users ?? []).map(({ username, account }) => [username, nameOf(account)] as const),
    ...(options.nkeys ?? []).map(({ nkey, account }) => [nkey, nameOf(account)] as const),
  ]);
}

/** Whether the client's user belongs to another account now, or is gone. */
function hasMoved({ account, connect }: Connection, of: ReadonlyMap<string, string>): boolean {
  const name = connect.nkey !== "" ? connect.nkey : connect.user;
  return name !== "" && account?.name !== of.get(name);
}

/** Asks again whether the client may be here. One that is yet to send CONNECT is asked then. */
async function reauthorize({ auth, core }: Server, connection: Connection): Promise<void> {
  if (connection.expectConnect && !connection.connectReceived) return;
  const outcome = await auth.check(connection);
  if (connection.closed || outcome === AuthOutcome.AccountFull) return;
  if (outcome === AuthOutcome.Refused) {
    connection.authViolation();
    return;
  }
  if (!connection.connectReceived) return;
  core.events?.connected(connection);
  connection.applyLimits();
  recheckSubscriptions(connection);
}
