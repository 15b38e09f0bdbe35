/**
 * Operator mode of a server: its resolver, the system account, and what follows the accounts.
 *
 * Reference: configureResolver, checkResolvePreloads, NewServer and Start in server/server.go.
 *
 * @module
 */
import { byteStringOfText } from "../base/text/byte_string.ts";
import { formatGoTime } from "../base/text/go_time.ts";
import { goQuote } from "../base/text/go_format.ts";
import type { Options } from "../config/mod.ts";
import { SYSTEM_ACCOUNT } from "../core/account/account.ts";
import type { Core } from "../core/core.ts";
import { ServerError } from "../errors/mod.ts";
import {
  decodeAccountClaims,
  isValidPublicKey,
  JwtError,
  validateAccountClaims,
} from "../identity/mod.ts";
import type { SystemEvents } from "../events/mod.ts";
import { DirServices } from "../operator/dir_services.ts";
import { OperatorMode } from "../operator/operator_mode.ts";
import { serveUpdates } from "../operator/update_service.ts";
import type { JetStream } from "../jetstream/mod.ts";
import type { Logger } from "../platform/mod.ts";
import { DirResolver } from "../resolver/dir_resolver.ts";
import { type AccountResolver, ResolverError } from "../resolver/resolver.ts";
import { newResolver } from "./resolvers.ts";
import type { Server, ServerEnvironment } from "./server.ts";
import { StartError } from "./start_error.ts";

/** How often the system account is asked for that is not there yet. */
const BOOTSTRAP_MS = 1000;

function preload(core: Core, resolver: AccountResolver): void {
  const { resolverPreloads: preloads } = core.options;
  if (preloads.size === 0) return;
  if (resolver.readOnly) {
    throw new StartError(
      "resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR",
    );
  }
  for (const [name, jwt] of preloads) {
    try {
      decodeAccountClaims(jwt);
      resolver.store(name, jwt);
    } catch (error) {
      if (error instanceof ResolverError) continue; // what is stored is newer, or there is no room
      if (!(error instanceof JwtError)) throw error;
      throw new StartError(`preload account error for ${goQuote(name)}: ${error.message}`, {
        cause: error,
      });
    }
  }
}

/** Operator mode as the options ask for it, or null. Throws {@linkcode StartError}. */
export function newOperatorMode(core: Core, env: ServerEnvironment): OperatorMode | null {
  const { trustedKeys } = core.options;
  if (trustedKeys.length === 0) return null;
  if (!trustedKeys.every((key) => isValidPublicKey(key, "O"))) {
    throw new StartError("Error processing trusted operator keys");
  }
  const resolver = newResolver(core.options, env);
  const mode = new OperatorMode(core, resolver);
  core.operators = mode;
  try {
    if (resolver !== null) preload(core, resolver);
  } catch (error) {
    mode.stop();
    throw error;
  }
  return mode;
}

/** Whether the system account may come later than the server. */
function mayBootstrap({ trustedOperators, accountResolver, systemAccount }: Options): boolean {
  return trustedOperators.length === 1 && systemAccount !== "" &&
    systemAccount !== SYSTEM_ACCOUNT && accountResolver !== null &&
    accountResolver.kind !== "memory";
}

/** The JWT of an account if it can be had at once. */
function storedJwt(mode: OperatorMode, name: string): string {
  try {
    const jwt = mode.fetchJwt(name);
    if (typeof jwt === "string") return jwt;
    jwt.catch(() => {}); // it is fetched again when the server starts
    return "";
  } catch (error) {
    if (!(error instanceof ResolverError)) throw error;
    return "";
  }
}

/** Finds the system account. Throws {@linkcode StartError}. */
export function configureOperatorAccounts(core: Core, mode: OperatorMode): void {
  try {
    findSystemAccount(core, mode);
  } catch (error) {
    mode.stop();
    throw error;
  }
}

function findSystemAccount(core: Core, mode: OperatorMode): void {
  const { options } = core;
  const { systemAccount: name } = options;
  if (name === "") {
    // Nobody has signed it, so it cannot be the system account.
    if (!options.noSystemAccount) core.addAccount(SYSTEM_ACCOUNT);
    return;
  }
  if (mayBootstrap(options) && storedJwt(mode, name) === "") {
    const account = mode.adopt(name, options.trustedOperators[0]!.claims.issuer);
    account.trust!.signingKeys.set(name, null);
    core.setSystemAccount(byteStringOfText(name));
    return;
  }
  if (options.accountResolver?.kind === "url") {
    // The web server is asked for it when the server starts.
    mode.adopt(name, options.trustedKeys[0]!);
    core.setSystemAccount(byteStringOfText(name));
    return;
  }
  const found = mode.lookup(name);
  if (found instanceof Promise) throw new StartError("system account cannot be waited for");
  if ("failed" in found) throw new StartError(`error resolving system account: ${found.failed}`);
  const wrong = found.trust?.expired === true
    ? "ErrAccountExpired"
    : mode.isTrustedIssuer(found.trust?.issuer ?? "")
    ? null
    : "ErrAccountValidation";
  if (wrong !== null) {
    throw new StartError(`Can't set system account: ${new ServerError(wrong).message}`);
  }
  core.setSystemAccount(found.name);
}

/**
 * Asks the resolver, where that is a web server: whether somebody is home, and for the system
 * account. Rejects with {@linkcode StartError}.
 */
export async function prepareOperators(mode: OperatorMode): Promise<void> {
  const { core, resolver } = mode;
  if (core.options.accountResolver?.kind !== "url" || resolver === null) return;
  try {
    await resolver.fetch("");
  } catch (error) {
    mode.stop();
    if (!(error instanceof ResolverError)) throw error;
    throw new StartError(error.message, { cause: error });
  }
  const found = await fetchSystemAccount(mode);
  if (found || core.systemAccount === null || mayBootstrap(core.options)) return;
  mode.stop();
  throw new StartError(
    `error resolving system account: ${new ServerError("ErrMissingAccount").message}`,
  );
}

/** Gives the system account its JWT; false when there is none to be had. */
async function fetchSystemAccount(mode: OperatorMode): Promise<boolean> {
  const { systemAccount, options } = mode.core;
  if (systemAccount === null) return false;
  try {
    const jwt = await mode.fetchJwt(options.systemAccount);
    return mode.update(systemAccount, jwt) === null;
  } catch (error) {
    if (!(error instanceof ResolverError)) throw error;
    return false;
  }
}

/** Asks for the system account's JWT until there is one. */
function bootstrapSystemAccount(mode: OperatorMode): void {
  const { env, systemAccount } = mode.core;
  if (systemAccount?.trust?.jwt !== "") return;
  env.log.notice("Using bootstrapping system account");
  const again = (): void => {
    mode.bootstrap = env.loop.setTimer(() => {
      mode.bootstrap = null;
      void fetchSystemAccount(mode).then((found) => {
        if (mode.stopped) return;
        if (!found) return again();
        env.log.notice("System account fetched and updated");
      });
    }, BOOTSTRAP_MS);
  };
  again();
}

/** Says who is trusted, and what is wrong with preloaded accounts. */
export function logOperators(options: Options, log: Logger): void {
  const { trustedOperators } = options;
  if (trustedOperators.length === 0) return;
  log.notice("Trusted Operators");
  for (const { claims: { audience, name, issuedAt, expires } } of trustedOperators) {
    log.notice(`  System  : ${goQuote(audience)}`);
    log.notice(`  Operator: ${goQuote(name)}`);
    log.notice(`  Issued  : ${formatGoTime(issuedAt)}`);
    log.notice(`  Expires : ${expires === 0 ? "Never" : formatGoTime(expires)}`);
  }
  if (options.systemAccount === "") {
    log.warn("Trusted Operators should utilize a System Account");
  }
}

function checkPreloads({ options, env }: Server): void {
  const nowS = Math.floor(env.clock.nowMs() / 1000);
  for (const [name, jwt] of options.resolverPreloads) {
    try {
      const results = validateAccountClaims(decodeAccountClaims(jwt), nowS);
      if (!results.isBlocking(true)) continue;
      env.log.warn(`Account [${name}] has validation issues:`);
      for (const { description } of results.issues) env.log.warn(`  - ${description}`);
    } catch (error) {
      if (!(error instanceof JwtError)) throw error;
      env.log.error(`Preloaded account [${name}] not valid`);
    }
  }
}

/** Begins to follow the accounts: JetStream, exports of the system account, updates. */
export function startOperators(server: Server): void {
  const { operators: mode, events, jetStream } = server;
  if (mode === null) return;
  if (server.options.trustedOperators.length > 0) checkPreloads(server);
  mode.followers = {
    configureJetStream: async (account) => {
      await server.jetStream?.configureAccount(account, account.trust!.jetStream);
    },
    accountRemoved: async (account) => {
      await server.jetStream?.removeAccount(account);
    },
    accountRestored: (account) => server.events?.accountAdded(account),
    systemAccountChanged: () => server.events?.register(),
  };
  if (events !== null) serveResolver(server, mode, events);
  if (jetStream !== null) openStoredAccounts(mode, jetStream);
  if (mayBootstrap(server.options)) bootstrapSystemAccount(mode);
}

/** Finds the accounts that have something stored, so that their streams work without a client. */
function openStoredAccounts(mode: OperatorMode, jetStream: JetStream): void {
  const { accounts, env } = mode.core;
  for (const name of jetStream.entries(jetStream.config.storeDir)) {
    if (!isValidPublicKey(name, "A") || accounts.has(byteStringOfText(name))) continue;
    void Promise.resolve(mode.lookup(name)).catch((error) => {
      env.log.error(`Account [${name}] lookup failed: ${(error as Error).stack ?? error}`);
    });
  }
}

function serveResolver({ options }: Server, mode: OperatorMode, events: SystemEvents): void {
  const { resolver } = mode;
  const { accountResolver: chosen } = options;
  if (!(resolver instanceof DirResolver) || chosen === null || !("dir" in chosen)) {
    return serveUpdates(mode, events);
  }
  const services = new DirServices(mode, resolver, events, {
    cache: chosen.kind === "cache",
    syncIntervalMs: chosen.kind === "full" ? chosen.syncIntervalMs : 0,
    fetchTimeoutMs: chosen.fetchTimeoutMs,
  });
  mode.services = services;
  services.start();
}
