/**
 * Who may stay under the new users and accounts: clients are sent away, lose subscriptions, or
 * notice nothing.
 *
 * Reference: reloadAuthorization, clientHasMovedToDifferentAccount in server/reload.go.
 *
 * @module
 */
import { byteStringOfText } from "../base/text/byte_string.ts";
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
  const removed = server.operators === null ? reloadAccounts(server) : [];
  if (server.operators !== null) await reloadOperatorAccounts(server, server.operators);
  server.auth = new Authenticator(server.core);
  server.info.auth_required = server.auth.required;
  const present = [...server.clients.values()].filter((one) => one.connectReceived);
  const moved = present.filter((one) => hasMoved(server, one));
  for (const connection of moved) connection.close(ClosedState.ClientClosed);
  for (const connection of present) {
    if (!connection.closed) await reauthorize(server, connection);
  }
  await dropAccounts(server, removed);
  if (server.operators === null) await reloadJetStreamAccounts(server);
}

/** Whether the client's user belongs to another account now, or is gone. */
function hasMoved({ core, options, operators }: Server, connection: Connection): boolean {
  if (operators !== null) return false;
  const { nkey, user: name } = connection.connect;
  const user = nkey !== ""
    ? options.nkeys?.find((one) => one.nkey === nkey)
    : options.users?.find((one) => one.username === name);
  if (nkey === "" && name === "") return false;
  if (user === undefined) return core.env.authenticate === undefined;
  const account = user.account === "" ? GLOBAL_ACCOUNT : byteStringOfText(user.account);
  return connection.account?.name !== account;
}

async function reauthorize(server: Server, connection: Connection): Promise<void> {
  // The embedder has decided once; it is not asked again.
  if (server.env.authenticate !== undefined) return;
  const outcome = await server.auth.check(connection);
  if (connection.closed || outcome === AuthOutcome.AccountFull) return;
  if (outcome === AuthOutcome.Refused) {
    connection.authViolation();
    return;
  }
  connection.applyLimits();
  recheckSubscriptions(connection);
}
