/**
 * Accounts of operators after a reload: what the memory resolver has is what there is; other
 * resolvers look at their directories again.
 *
 * Reference: reloadAuthorization in server/reload.go, configureResolver in server/server.go.
 *
 * @module
 */
import { textOfByteString } from "../base/text/byte_string.ts";
import { goQuote } from "../base/text/go_format.ts";
import type { Account } from "../core/account/account.ts";
import type { OperatorMode } from "../operator/operator_mode.ts";
import { ResolverError } from "../resolver/resolver.ts";
import { MemoryResolver } from "../resolver/memory_resolver.ts";
import { UrlResolver } from "../resolver/url_resolver.ts";
import { newResolver } from "../server/resolvers.ts";
import type { Server } from "../server/server.ts";

/** Brings all accounts up to their newest JWTs; returns those that nobody can find any more. */
export async function reloadOperatorAccounts(
  server: Server,
  mode: OperatorMode,
): Promise<Account[]> {
  const { core, env, options } = server;
  if (mode.resolver instanceof UrlResolver) {
    mode.resolver.close();
    mode.resolver = newResolver(options, env);
  }
  const { resolver } = mode;
  if (!(resolver instanceof MemoryResolver)) {
    resolver?.reload?.();
    return [];
  }
  resolver.replace(options.resolverPreloads);
  const removed: Account[] = [];
  for (const account of [...core.accounts.values()]) {
    if (account === core.globalAccount || account.trust === null) continue;
    const name = textOfByteString(account.name);
    const wrong = await newestClaims(mode, name, (jwt) => mode.update(account, jwt) !== null);
    if (wrong === null) continue;
    env.log.notice(`Reloaded: deleting account [${wrong}]: ${goQuote(name)}`);
    core.accounts.delete(account.name);
    removed.push(account);
  }
  return removed;
}

async function newestClaims(
  mode: OperatorMode,
  name: string,
  isBad: (jwt: string) => boolean,
): Promise<"bad claims" | "removed" | null> {
  try {
    return isBad(await mode.fetchJwt(name)) ? "bad claims" : null;
  } catch (error) {
    if (!(error instanceof ResolverError)) throw error;
    return "removed";
  }
}
