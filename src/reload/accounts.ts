/**
 * Accounts become what the new configuration declares: new ones are made, present ones changed in
 * place, and those that are not declared any more go.
 *
 * Reference: reloadAuthorization in server/reload.go, configureAccounts in server/server.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import { type Account, GLOBAL_ACCOUNT, SYSTEM_ACCOUNT } from "../core/account/account.ts";
import { removeImports } from "../core/account/imports.ts";
import { refreshShadowSubscriptions } from "../core/account/shadow_subscriptions.ts";
import { type AccountOptions, unlimitedAccount } from "../config/mod.ts";
import { ApiError } from "../jsapi/mod.ts";
import { unlimitedTiers } from "../jetstream/mod.ts";
import { configureAccounts, openGlobalAccount } from "../server/configure_accounts.ts";
import type { Server } from "../server/server.ts";

/** Makes the accounts anew; returns those that are gone, which nobody can find any more. */
export function reloadAccounts(server: Server): Account[] {
  const { core, options } = server;
  const declared = new Set(options.accounts.map(({ name }) => byteStringOfText(name)));
  const removed: Account[] = [];
  for (const account of [...core.accounts.values()]) {
    if (declared.has(account.name)) continue;
    if (isPermanent(server, account)) reset(account);
    else {
      core.accounts.delete(account.name);
      removed.push(account);
    }
  }
  configureAccounts(core, null);
  openGlobalAccount(core);
  server.events?.register();
  return removed;
}

/** Ends what removed accounts still do, once their clients are gone. */
export async function dropAccounts(server: Server, removed: readonly Account[]): Promise<void> {
  const { operators, jetStream } = server;
  for (const account of removed) {
    if (operators !== null) {
      operators.retire(account);
      continue;
    }
    removeImports(account);
    account.exports.clear();
    refreshShadowSubscriptions(account);
    account.stop();
    await jetStream?.configureAccount(account, null);
  }
}

function isPermanent({ core }: Server, account: Account): boolean {
  return account === core.systemAccount || account.name === GLOBAL_ACCOUNT ||
    account.name === SYSTEM_ACCOUNT;
}

/** As an account that no configuration names. */
function reset(account: Account): void {
  account.limits = unlimitedAccount();
  account.defaultPermissions = null;
  account.mapper = null;
  account.traceDestination = "";
  removeImports(account);
  account.exports.clear();
  refreshShadowSubscriptions(account);
}

/** Gives accounts the JetStream that they are declared with. */
export async function reloadJetStreamAccounts(server: Server): Promise<void> {
  const { core, jetStream, options, env } = server;
  if (jetStream === null) return;
  const declared = options.accounts.filter(({ name }) => name !== SYSTEM_ACCOUNT);
  const byName = new Map(declared.map((one) => [byteStringOfText(one.name), one]));
  for (const account of [...core.accounts.values()]) {
    if (account === core.systemAccount) continue;
    const limits = declared.length === 0 && account === core.globalAccount
      ? unlimitedTiers()
      : limitsOf(byName.get(account.name));
    try {
      await jetStream.configureAccount(account, limits);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      env.log.error(
        `Error enabling jetstream on account ${textOfByteString(account.name)}: ${error.message}`,
      );
    }
  }
}

function limitsOf(declared: AccountOptions | undefined) {
  const jetStream = declared?.jetStream ?? null;
  return jetStream === null ? null : new Map([["", { ...jetStream }]]);
}
