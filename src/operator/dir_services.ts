/**
 * What servers with a directory of account JWTs can be asked by the system account and by each
 * other: updates, lookups, packs, lists and deletions.
 *
 * Reference: Start of DirAccResolver and CacheDirAccResolver, Server.fetch in server/accounts.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import { goJson, goQuote } from "../base/text/go_format.ts";
import { nuid } from "../base/text/nuid.ts";
import type { Account } from "../core/account/account.ts";
import type { ServiceRequest, SystemEvents } from "../events/mod.ts";
import {
  type AccountClaims,
  decodeAccountClaims,
  JwtError,
  validateAccountClaims,
} from "../identity/mod.ts";
import { TIMER_MAX_MS, type TimerHandle } from "../platform/mod.ts";
import type { DirResolver } from "../resolver/dir_resolver.ts";
import { JwtNotFoundError } from "../resolver/dir_store.ts";
import { ResolverError } from "../resolver/resolver.ts";
import { tokenizeSubject } from "../subject/mod.ts";
import { respondToUpdate } from "./claim_responses.ts";
import { deleteAccounts } from "./delete_accounts.ts";
import type { OperatorMode } from "./operator_mode.ts";
import { UPDATE_SUBJECTS, updatedAccount } from "./update_service.ts";

const CLAIMS = "$SYS.REQ.CLAIMS";
const LOOKUP_TOKENS = 6;
const NO_BYTES = new Uint8Array(0);
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** What is particular to the kind of directory. */
export interface DirServiceOptions {
  /** Only accounts that are in use are kept, and no other server is given any. */
  readonly cache: boolean;
  /** How often servers compare what they have; 0 with `cache`. */
  readonly syncIntervalMs: number;
  readonly fetchTimeoutMs: number;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The services of one server's directory. */
export class DirServices {
  readonly #system: Account;
  #sync: TimerHandle | null = null;
  /** Stops each lookup that waits for an answer. */
  readonly #lookups = new Set<() => void>();

  constructor(
    readonly mode: OperatorMode,
    readonly resolver: DirResolver,
    readonly events: SystemEvents,
    readonly options: DirServiceOptions,
  ) {
    this.#system = events.sender.systemAccount;
  }

  /** Subscribes, and begins to compare with other servers. */
  start(): void {
    const { jwts } = this.resolver;
    const { cache, syncIntervalMs } = this.options;
    const { env } = this.mode.core;
    jwts.onChanged = (key) => this.#changed(key);
    jwts.onDeleted = (key) => this.mode.disable(key);
    this.resolver.remote = (name) => this.#lookUp(name);
    for (const subject of UPDATE_SUBJECTS) {
      this.events.offer(subject, (request) => {
        this.#update(request, updatedAccount(request.subject));
      });
    }
    this.events.offer(`${CLAIMS}.UPDATE`, (request) => this.#update(request, null));
    this.events.offer(`${CLAIMS}.LIST`, ({ reply }) => this.#list(reply));
    this.events.offer(`${CLAIMS}.DELETE`, (request) => {
      deleteAccounts(this.mode, jwts, this.events.sender, request);
    });
    const kind = cache ? "some" : "all";
    if (!cache) {
      this.events.offer("$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", (request) => this.#found(request));
      this.events.offer(`${CLAIMS}.PACK`, (request) => this.#pack(request), "responder");
      const inbox = this.#newInbox();
      this.events.offer(inbox, ({ body }) => this.#merge(body));
      this.#sync = env.loop.setRepeating(() => {
        env.log.debug(`DirResolver - Checking store state: ${hex(jwts.hash)}`);
        this.#publish(`${CLAIMS}.PACK`, inbox, jwts.hash);
      }, Math.min(syncIntervalMs, TIMER_MAX_MS));
    }
    env.log.notice(`Managing ${kind} jwt in exclusive directory ${jwts.directory}`);
  }

  #newInbox(): string {
    return `$SYS._INBOX.${nuid(this.mode.core.env.random)}`;
  }

  #publish(subject: string, reply: string, body: Uint8Array): void {
    this.events.sender.client.publish(this.#system, subject, reply, NO_BYTES, body);
  }

  /** The store has another JWT of an account than before. */
  #changed(key: string): void {
    const account = this.mode.core.accounts.get(byteStringOfText(key));
    if (account === undefined) return;
    const { log } = this.mode.core.env;
    try {
      const wrong = this.mode.update(account, this.resolver.jwts.load(key));
      if (wrong === null) return;
      const which = this.options.cache ? "" : ` for account ${goQuote(key)}`;
      log.error(`DirResolver - Update${which} resulted in error ${wrong}`);
    } catch (error) {
      if (!(error instanceof ResolverError)) throw error;
      log.error(`DirResolver - Update got error on load: ${error.message}`);
    }
  }

  /** Keeps an account's JWT; `name` null takes it from the JWT. */
  #update({ reply, body }: ServiceRequest, name: string | null): void {
    const outcome = this.#store(decoder.decode(body), name);
    respondToUpdate(this.events.sender, reply, outcome);
  }

  #store(
    jwt: string,
    name: string | null,
  ): { account: string; message: string; wrong: string | null } {
    const what = this.options.cache ? "jwt update cache" : "jwt update";
    const failed = (account: string, wrong: string) => ({
      account,
      message: `${what} resulted in error`,
      wrong,
    });
    let claims: AccountClaims;
    try {
      claims = decodeAccountClaims(jwt);
    } catch (error) {
      if (!(error instanceof JwtError)) throw error;
      return failed(this.options.cache && name !== null ? name : "n/a", error.message);
    }
    const account = claims.subject;
    const nowS = Math.floor(this.mode.core.env.clock.nowMs() / 1000);
    const results = validateAccountClaims(claims, nowS);
    const invalid = {
      account,
      message: this.options.cache ? `${what} validation failed` : "jwt validation failed",
      wrong: `validation errors: [${results.errors.join(" ")}]`,
    };
    // The reference looks at the content first where the subject names the account.
    if (!this.options.cache && name !== null && results.isBlocking(false)) return invalid;
    if (name !== null && account !== name) {
      return failed(name, "subject does not match jwt content");
    }
    const operator = this.mode.core.options.trustedOperators[0];
    if (
      operator !== undefined && operator.claims.nats.strictSigningKeyUsage &&
      claims.issuer === operator.claims.subject
    ) return failed(account, "operator requires issuer to be a signing key");
    if (this.options.cache && !this.mode.core.accounts.has(byteStringOfText(account))) {
      return { account, message: `${what} skipped`, wrong: null };
    }
    if (results.isBlocking(false)) return invalid;
    try {
      this.resolver.jwts.save(account, jwt);
    } catch (error) {
      if (!(error instanceof ResolverError)) throw error;
      return failed(account, error.message);
    }
    return {
      account,
      message: this.options.cache ? "jwt updated cache" : "jwt updated",
      wrong: null,
    };
  }

  /** Answers other servers that look for an account; an empty answer says that it is not here. */
  #found({ subject, reply }: ServiceRequest): void {
    const tokens = tokenizeSubject(subject);
    if (reply === "" || tokens.length !== LOOKUP_TOKENS) return;
    const name = textOfByteString(tokens[3]!);
    const { log } = this.mode.core.env;
    try {
      this.#publish(reply, "", encoder.encode(this.resolver.jwts.load(name)));
    } catch (error) {
      if (error instanceof JwtNotFoundError) {
        log.debug(`DirResolver - Could not find account ${goQuote(name)}`);
        this.#publish(reply, "", NO_BYTES);
        return;
      }
      if (!(error instanceof ResolverError)) throw error;
      log.error(`DirResolver - Error looking up account ${goQuote(name)}: ${error.message}`);
    }
  }

  /** Gives another server all JWTs unless it has the same; an empty message is the end. */
  #pack({ reply, body }: ServiceRequest): void {
    if (reply === "") return;
    const { log } = this.mode.core.env;
    const own = hex(this.resolver.jwts.hash);
    if (hex(body) === own) {
      this.#publish(reply, "", NO_BYTES);
      log.debug(`DirResolver - Pack request matches hash ${own}`);
      return;
    }
    try {
      this.resolver.jwts.packWalk(1, (pack) => this.#publish(reply, "", encoder.encode(pack)));
    } catch (error) {
      if (!(error instanceof ResolverError)) throw error;
      // Without the end the other side tries again.
      log.error(`DirResolver - Pack request error: ${error.message}`);
      return;
    }
    log.debug(
      `DirResolver - Pack request hash ${hex(body)} - finished responding with hash ${own}`,
    );
    this.#publish(reply, "", NO_BYTES);
  }

  #merge(body: Uint8Array): void {
    const { log } = this.mode.core.env;
    const before = hex(this.resolver.jwts.hash);
    if (body.length === 0) {
      log.debug(`DirResolver - Merging finished and resulting in: ${before}`);
      return;
    }
    try {
      this.resolver.jwts.merge(decoder.decode(body));
      const after = hex(this.resolver.jwts.hash);
      log.debug(`DirResolver - Merging succeeded and changed ${before} to ${after}`);
    } catch (error) {
      if (!(error instanceof ResolverError)) throw error;
      log.error(`DirResolver - Merging resulted in error: ${error.message}`);
    }
  }

  #list(reply: string): void {
    if (reply === "") return;
    const { log } = this.mode.core.env;
    const names: string[] = [];
    try {
      this.resolver.jwts.packWalk(1, (pack) => names.push(pack.slice(0, pack.indexOf("|"))));
    } catch (error) {
      if (!(error instanceof ResolverError)) throw error;
      log.error(`list request error: ${error.message}`);
      return;
    }
    log.debug(`list request responded with ${names.length} account ids`);
    const { sender } = this.events;
    sender.send(reply, goJson({ data: names, server: sender.serverInfo() }));
  }

  /** Asks all servers, this one too, for an account's JWT. */
  #lookUp(name: string): Promise<string> {
    const { loop } = this.mode.core.env;
    const { client } = this.events.sender;
    const inbox = this.#newInbox();
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const finish = (): void => {
      loop.clearTimer(timer);
      client.unsubscribe(this.#system, subscription);
      this.#lookups.delete(stop);
    };
    const stop = (): void => {
      finish();
      reject(new ResolverError("fetching jwt failed due to shutdown"));
    };
    const timer = loop.setTimer(() => {
      finish();
      reject(new ResolverError("fetching jwt timed out"));
    }, Math.min(this.options.fetchTimeoutMs, TIMER_MAX_MS));
    const subscription = client.subscribe(
      this.#system,
      inbox,
      (_subscription, _account, _subject, _reply, message, headerBytes) => {
        const jwt = decoder.decode(message.subarray(Math.max(0, headerBytes)));
        finish();
        if (jwt === "") reject(new ResolverError("account jwt not found"));
        else resolve(jwt);
      },
    );
    this.#lookups.add(stop);
    // A login may stand in the middle of a delivery.
    loop.endOfTurn(() => {
      this.#publish(`$SYS.REQ.ACCOUNT.${byteStringOfText(name)}.CLAIMS.LOOKUP`, inbox, NO_BYTES);
    });
    return promise;
  }

  /** Stops timers and lookups. */
  stop(): void {
    if (this.#sync !== null) this.mode.core.env.loop.clearTimer(this.#sync);
    this.#sync = null;
    for (const stop of [...this.#lookups]) stop();
  }
}
