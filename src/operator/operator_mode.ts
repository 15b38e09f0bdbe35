/**
 * The accounts of trusted operators: found by their JWTs when they are needed, and kept as their
 * newest JWTs say.
 *
 * Reference: lookupAccount, fetchAccount, verifyAccountClaims and updateAccountWithClaimJWT in
 * server/server.go, updateAccountClaimsWithRefresh in server/accounts.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import type { Account } from "../core/account/account.ts";
import { AccountTrust } from "../core/account/account_trust.ts";
import { removeImports, removeServiceImport } from "../core/account/imports.ts";
import { refreshShadowSubscriptions } from "../core/account/shadow_subscriptions.ts";
import type { AccountLookup, AccountSource } from "../core/auth/account_source.ts";
import type { Core } from "../core/core.ts";
import { ServerError } from "../errors/mod.ts";
import {
  type AccountClaims,
  decodeAccountClaims,
  isValidPublicKey,
  JwtError,
  validateAccountClaims,
} from "../identity/mod.ts";
import type { TimerHandle } from "../platform/mod.ts";
import { type AccountResolver, ResolverError } from "../resolver/resolver.ts";
import { accountLabel, recheckImporters, replaceExports, replaceImports } from "./account_links.ts";
import { Activations } from "./activations.ts";
import {
  applyExpiry,
  applyIdentity,
  applyLimits,
  applyToClients,
  clearExpiry,
  expireAccount,
} from "./apply_claims.ts";

/** An account is asked for anew after it expired, but not more often than this. */
const REFRESH_MS = 1000;
const SLOW_FETCH_MS = 1000;

/** Parts of the server that follow the accounts; null where they are not running. */
export interface AccountFollowers {
  /** Turns JetStream of the account on or off, or changes its limits. Rejects with what is wrong. */
  configureJetStream(account: Account): Promise<void>;
  /** The account is no more; nothing of the server is to be left in it. Rejects as above. */
  accountRemoved(account: Account): Promise<void>;
  /** The account is back. */
  accountRestored(account: Account): void;
  /** The system account has lost its exports. */
  systemAccountChanged(): void;
}

const NOTHING_FETCHED: ReadonlyMap<string, string> = new Map();

const NO_FOLLOWERS: AccountFollowers = {
  configureJetStream: () => Promise.resolve(),
  accountRemoved: () => Promise.resolve(),
  accountRestored: () => {},
  systemAccountChanged: () => {},
};

/** The operators that a server trusts, and their accounts. */
export class OperatorMode implements AccountSource {
  followers: AccountFollowers = NO_FOLLOWERS;
  /** What a resolver with a directory can be asked; null without one, and while not running. */
  services: { stop(): void } | null = null;
  /** When the system account is asked for again that is not there yet. */
  bootstrap: TimerHandle | null = null;
  stopped = false;
  /** How often users of accounts came that may not use this server. */
  pinnedAccountFailures = 0;
  readonly #trustedKeys: ReadonlySet<string>;
  /** Signing keys of operators whose accounts do not sign with their own keys. */
  readonly #strictKeys: ReadonlySet<string>;
  readonly #activations: Activations;
  /** JWTs of exporters, only while the account is made that they were fetched for. */
  #prefetched: ReadonlyMap<string, string> = NOTHING_FETCHED;
  /** Exporters that some account could not import from. */
  readonly #missedExporters = new Set<string>();

  constructor(readonly core: Core, public resolver: AccountResolver | null) {
    const { trustedKeys, trustedOperators } = core.options;
    this.#trustedKeys = new Set(trustedKeys);
    this.#strictKeys = new Set(
      trustedOperators.flatMap(({ claims: { nats } }) =>
        nats.strictSigningKeyUsage ? nats.signingKeys : []
      ),
    );
    this.#activations = new Activations(core);
  }

  isTrustedIssuer(key: string): boolean {
    return this.#trustedKeys.has(key);
  }

  admits(name: string): boolean {
    const { resolverPinnedAccounts: pinned } = this.core.options;
    if (pinned === null || pinned.size === 0 || pinned.has(name)) return true;
    this.pinnedAccountFailures++;
    return false;
  }

  lookup(name: string): AccountLookup | Promise<AccountLookup> {
    const account = this.core.accounts.get(byteStringOfText(name));
    if (account === undefined) return this.#fetchAnd(name, (jwt) => this.#install(name, jwt));
    if (account.trust?.expired !== true) return account;
    this.core.env.log.debug(`Requested account [${name}] has expired`);
    const expired = { failed: new ServerError("ErrAccountExpired").message };
    const ageMs = this.core.env.clock.nowMs() - account.updatedMs;
    if (!account.trust.incomplete && ageMs < REFRESH_MS) {
      this.core.env.log.debug(`Requested account update for [${name}] ignored, too soon`);
      return expired;
    }
    const refreshed = this.#fetchAnd(
      name,
      (jwt) => this.update(account, jwt) === null ? account : expired,
    );
    // Whatever was wrong, it is the expiry that counts.
    const outcome = (found: AccountLookup): AccountLookup => "failed" in found ? expired : found;
    return refreshed instanceof Promise ? refreshed.then(outcome) : outcome(refreshed);
  }

  /** Gets the JWT of an account and those that its imports need, and goes on with it. */
  #fetchAnd(
    name: string,
    then: (jwt: string) => AccountLookup,
  ): AccountLookup | Promise<AccountLookup> {
    const failed = (error: unknown): AccountLookup => {
      if (!(error instanceof ResolverError)) throw error;
      return { failed: error.message };
    };
    try {
      const jwt = this.#fetch(name);
      if (typeof jwt === "string") return then(jwt);
      return jwt.then(async (fetched) => {
        const exporters = new Map([[name, fetched]]);
        await this.#fetchExporters(fetched, exporters);
        this.#prefetched = exporters;
        try {
          return then(fetched);
        } finally {
          this.#prefetched = NOTHING_FETCHED;
        }
      }).catch(failed);
    } catch (error) {
      return failed(error);
    }
  }

  /** The JWT of an account from the resolver. Throws {@linkcode ResolverError}. */
  #fetch(name: string): string | Promise<string> {
    const { clock, log } = this.core.env;
    const startMs = clock.monotonicMs();
    const done = (): void => {
      const tookMs = clock.monotonicMs() - startMs;
      const text = `Account [${name}] fetch took ${tookMs.toFixed(3)}ms`;
      if (tookMs > SLOW_FETCH_MS) log.warn(text);
      else log.debug(text);
    };
    const failed = (error: unknown): never => {
      done();
      if (error instanceof ResolverError) log.warn(`Account fetch failed: ${error.message}`);
      throw error;
    };
    try {
      const jwt = this.fetchJwt(name);
      if (typeof jwt === "string") {
        done();
        return jwt;
      }
      return jwt.then((fetched) => {
        done();
        return fetched;
      }, failed);
    } catch (error) {
      return failed(error);
    }
  }

  /** The JWT of an account, without a word in the log. Throws {@linkcode ResolverError}. */
  fetchJwt(name: string): string | Promise<string> {
    if (this.resolver === null) {
      throw new ResolverError(new ServerError("ErrMissingAccount").message);
    }
    if (!isValidPublicKey(name, "A")) {
      throw new ResolverError("will only fetch valid account keys");
    }
    return this.#prefetched.get(name) ?? this.resolver.fetch(name);
  }

  /** Fetches the accounts that an account imports from, and theirs, where that takes time. */
  async #fetchExporters(jwt: string, fetched: Map<string, string>): Promise<void> {
    for (const name of exportersOf(jwt)) {
      if (fetched.has(name) || this.core.accounts.has(byteStringOfText(name))) continue;
      try {
        const exporter = await this.fetchJwt(name);
        fetched.set(name, exporter);
        await this.#fetchExporters(exporter, fetched);
      } catch (error) {
        // The import stays incomplete, which is said where it is made.
        if (!(error instanceof ResolverError)) throw error;
      }
    }
  }

  /** Claims that can be used, or what is wrong with them. */
  verify(jwt: string): AccountClaims | string {
    let claims: AccountClaims;
    try {
      claims = decodeAccountClaims(jwt);
    } catch (error) {
      if (!(error instanceof JwtError)) throw error;
      return error.message;
    }
    const nowS = Math.floor(this.core.env.clock.nowMs() / 1000);
    const usable = this.isTrustedIssuer(claims.issuer) &&
      !validateAccountClaims(claims, nowS).isBlocking(true);
    return usable ? claims : new ServerError("ErrAccountValidation").message;
  }

  #install(name: string, jwt: string): AccountLookup {
    const claims = this.verify(jwt);
    if (typeof claims === "string") return { failed: claims };
    if (claims.subject !== name) {
      return { failed: new ServerError("ErrAccountValidation").message };
    }
    const known = this.core.accounts.get(byteStringOfText(name));
    if (known !== undefined) {
      // It came while this JWT was on its way.
      const wrong = this.update(known, jwt);
      return wrong === null ? known : { failed: wrong };
    }
    const account = this.adopt(name, claims.issuer);
    this.#apply(account, claims, { isNew: true, refreshImporters: true });
    account.trust!.jwt = jwt;
    return account;
  }

  /** Makes an account of which nothing is known yet but who signs it. */
  adopt(name: string, issuer: string): Account {
    const account = this.core.addAccount(byteStringOfText(name));
    account.trust = new AccountTrust();
    account.trust.issuer = issuer;
    return account;
  }

  /** Gives an account a new JWT. Returns null, or what is wrong with it. */
  update(account: Account, jwt: string): string | null {
    const { trust } = account;
    const name = textOfByteString(account.name);
    if (trust === null) return new ServerError("ErrAccountValidation").message;
    if (trust.jwt !== "" && trust.jwt === jwt && !trust.incomplete) {
      this.core.env.log.debug(`Requested account update for [${name}], same claims detected`);
      return null;
    }
    const claims = this.verify(jwt);
    if (typeof claims === "string") return claims;
    if (claims.subject !== name) return new ServerError("ErrAccountValidation").message;
    trust.issuer = claims.issuer;
    this.#apply(account, claims, { isNew: false, refreshImporters: true });
    trust.jwt = jwt;
    return null;
  }

  #apply(
    account: Account,
    claims: AccountClaims,
    { isNew, refreshImporters }: { isNew: boolean; refreshImporters: boolean },
  ): void {
    const { core } = this;
    const { log, clock } = core.env;
    const trust = account.trust!;
    log.debug(`Updating account claims: ${textOfByteString(account.name)}/${claims.name}`);
    applyExpiry(core, account, claims.expires);
    const signers = applyIdentity(core, account, claims, this.#strictKeys.has(trust.issuer));
    replaceExports(core, this.#activations, account, claims);
    if (account === core.systemAccount) this.followers.systemAccountChanged();
    const incomplete = replaceImports(core, account, claims, (name) => this.#exporter(name));
    if (!isNew) recheckImporters(core, account);
    const permissions = applyLimits(account, claims);
    trust.incomplete = incomplete.length > 0;
    for (const name of incomplete) this.#missedExporters.add(name);
    account.updatedMs = clock.nowMs();
    if (trust.removed) {
      trust.removed = false;
      this.followers.accountRestored(account);
    }
    this.#follow(account, this.followers.configureJetStream(account));
    applyToClients(account, { permissions, signers });
    if (refreshImporters) this.#refreshImporters(account);
  }

  /** Waits for what JetStream does about an account, and says what goes wrong. */
  #follow(account: Account, done: Promise<void>): void {
    void done.catch((error) => {
      this.core.env.log.error(
        `Error configuring jetstream for account [${accountLabel(account)}]: ` +
          (error as Error).message,
      );
      account.trust!.incomplete = true;
    });
  }

  /** An account to import from, which must be there without waiting; a text says why it is not. */
  #exporter(name: string): Account | string {
    const known = this.core.accounts.get(byteStringOfText(name));
    if (known !== undefined && known.trust?.expired !== true) return known;
    const found = this.lookup(name);
    if (found instanceof Promise) return new ServerError("ErrMissingAccount").message;
    return "failed" in found ? found.failed : found;
  }

  /** Tries again what could not be imported from `exporter` before. */
  #refreshImporters(exporter: Account): void {
    const name = textOfByteString(exporter.name);
    if (!this.#missedExporters.delete(name)) return;
    for (const account of [...this.core.accounts.values()]) {
      const { trust } = account;
      if (trust === null || account === exporter || !trust.incomplete) continue;
      const claims = this.verify(trust.jwt);
      if (typeof claims === "string") continue;
      this.#apply(account, claims, { isNew: false, refreshImporters: false });
      if (!this.#missedExporters.delete(name)) continue;
      this.core.env.log.error(
        `Account ${accountLabel(account)} has issues importing account ${name}`,
      );
    }
  }

  /** Locks an account whose JWT was deleted, and sends its clients away. */
  disable(name: string): void {
    const account = this.core.accounts.get(byteStringOfText(name));
    if (account === undefined || account.trust === null) return;
    this.core.env.log.debug(`Disable account ${name} due to remove`);
    this.retire(account);
  }

  /** Ends all that an account of an operator does: its clients, its JetStream, what it shares. */
  retire(account: Account): void {
    const { trust } = account;
    if (trust === null) return;
    account.limits = { maxConnections: 0, maxLeafNodes: 0, maxSubscriptions: 0, maxPayload: 0 };
    account.updatedMs = this.core.env.clock.nowMs();
    expireAccount(account);
    trust.jetStream = null;
    trust.removed = true;
    for (const service of account.serviceImports.slice()) removeServiceImport(account, service);
    removeImports(account);
    refreshShadowSubscriptions(account);
    this.#follow(account, this.followers.accountRemoved(account));
    clearExpiry(this.core, trust);
  }

  /** Stops timers. */
  stop(): void {
    this.stopped = true;
    this.services?.stop();
    if (this.bootstrap !== null) this.core.env.loop.clearTimer(this.bootstrap);
    this.bootstrap = null;
    this.#activations.stop();
    this.resolver?.close();
    for (const { trust } of this.core.accounts.values()) {
      if (trust !== null) clearExpiry(this.core, trust);
    }
  }
}

/** Names of the accounts that an account imports from; none when the JWT cannot be read. */
function exportersOf(jwt: string): string[] {
  try {
    return decodeAccountClaims(jwt).nats.imports.map(({ account }) => account);
  } catch (error) {
    if (!(error instanceof JwtError)) throw error;
    return [];
  }
}
