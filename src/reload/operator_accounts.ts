/**
 * Accounts of operators after a reload: what the memory resolver has is what there is; other
 * resolvers look at their directories again.
 *
 * Reference: reloadAuthorization in server/reload.go.
 *
 * @module
 */
import { textOfByteString } from "../base/text/byte_string.ts";
import { goQuote } from "../base/text/go_format.ts";
import type { OperatorMode } from "../operator/operator_mode.ts";
import { ResolverError } from "../resolver/resolver.ts";
import { MemoryResolver } from "../resolver/memory_resolver.ts";
import type { Server } from "../server/server.ts";

/** Brings all accounts up to their newest JWTs. */
export async function reloadOperatorAccounts(server: Server, mode: OperatorMode): Promise<void> {
  const { resolver } = mode;
  if (!(resolver instanceof MemoryResolver)) {
    resolver?.reload?.();
    return;
  }
  const { core, env, options } = server;
  resolver.replace(options.resolverPreloads);
  for (const account of [...core.accounts.values()]) {
    if (account === core.globalAccount || account.trust === null) continue;
    const name = textOfByteString(account.name);
    const wrong = await newestClaims(mode, name, (jwt) => mode.update(account, jwt) !== null);
    if (wrong === null) continue;
    env.log.notice(`Reloaded: deleting account [${wrong}]: ${goQuote(name)}`);
    mode.disable(name);
    core.accounts.delete(account.name);
  }
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
