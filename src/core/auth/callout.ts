/**
 * Lets a service decide about clients: it is told of each on `$SYS.REQ.USER.AUTH`, and answers with
 * the JWT of the user whom the client shall be.
 *
 * ```
 * CONNECT ──▶ users, nkeys, JWT ──▶ Callout.decide ──▶ request JWT ──▶ service
 *                                        ▲                               │
 *             account, permissions ◀─────┴──── response JWT ◀────────────┘
 * ```
 *
 * With users of the configuration one service decides for all accounts; in operator mode each
 * account says in its JWT who decides for it.
 *
 * Reference: server/auth_callout.go, processClientOrLeafAuthentication in server/auth.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import { nuid } from "../../base/text/nuid.ts";
import type { AuthCalloutOptions } from "../../config/mod.ts";
import { ServerError } from "../../errors/mod.ts";
import { encodeAuthorizationRequest, newUserKey, SealError } from "../../identity/mod.ts";
import { type Account, GLOBAL_ACCOUNT } from "../account/account.ts";
import type { Connection } from "../connection/connection.ts";
import type { Core } from "../core.ts";
import { AuthOutcome, bindConnection, expireConnection } from "./binding.ts";
import { type Answer, type AnswerContext, CalloutError, readAnswer } from "./callout_answer.ts";
import { requestOf } from "./callout_request.ts";
import { endOfUser, permissionsOfClaim } from "./jwt_user.ts";
import type { Login } from "./login.ts";
import { refuseProxy } from "./proxies.ts";

/** Where services hear of clients. */
export const AUTH_CALLOUT_SUBJECT = "$SYS.REQ.USER.AUTH";
/** Header with the server's curve key, in encrypted requests. */
const XKEY_HEADER = "Nats-Server-Xkey";

const encoder = new TextEncoder();
const NO_BYTES = new Uint8Array(0);

/** What the service is asked, and where. */
interface Question {
  readonly account: Account;
  /** The public key that the answer must be about. */
  readonly userKey: string;
  /** The service's curve key; empty when nothing is encrypted. */
  readonly xkey: string;
}

/** The text with a capital first letter. */
export function titleCase(text: string): string {
  const [first = "", ...rest] = text;
  return first.toUpperCase() + rest.join("");
}

/** Has clients decided about by services. */
export class Callout {
  constructor(readonly core: Core) {}

  get #options(): AuthCalloutOptions | null {
    return this.core.options.authCallout;
  }

  /** What becomes of a login after `local`: the same, unless a service decides. */
  decide(
    connection: Connection,
    login: Login,
    local: AuthOutcome,
  ): AuthOutcome | Promise<AuthOutcome> {
    if (local === AuthOutcome.AccountFull || !this.#isDelegated(connection, login)) return local;
    if (!this.#isServiceUser(connection, login, local)) return this.#ask(connection, login);
    return this.#finish(
      connection,
      login,
      local === AuthOutcome.Accepted ? null : {
        reason: connection.authReason,
      },
    );
  }

  #isDelegated(connection: Connection, { account }: Login): boolean {
    if (account !== null) return account.trust?.externalAuthorization != null;
    const options = this.#options;
    if (options === null || this.core.operators !== null) return false;
    // Whoever is not found in the configuration is in the global account, so far.
    const name = connection.account?.name ?? GLOBAL_ACCOUNT;
    return name === GLOBAL_ACCOUNT || options.allowedAccounts.length === 0 ||
      options.allowedAccounts.includes(textOfByteString(name));
  }

  /** Whether this is a user who serves authorization and so cannot wait for it. */
  #isServiceUser(connection: Connection, login: Login, local: AuthOutcome): boolean {
    if (login.account !== null) {
      const { authUsers } = login.account.trust!.externalAuthorization!;
      return login.identity !== "" && authUsers.includes(login.identity);
    }
    const { authUsers } = this.#options!;
    // Who was refused is whom it claims to be, so that nobody else is asked about it.
    const name = local === AuthOutcome.Accepted ? login.identity : connection.rawAuthUser;
    return authUsers.includes(name);
  }

  /** Ends a decision; `refusal` is null for those who may stay. */
  #finish(
    connection: Connection,
    login: Login,
    refusal: { readonly reason: string } | null,
  ): AuthOutcome {
    const account = login.account ??
      this.core.accounts.get(byteStringOfText(this.#options?.account ?? "")) ?? null;
    if (refusal !== null) {
      if (account !== null) connection.refusal = { account, reason: refusal.reason };
      return AuthOutcome.Refused;
    }
    // Nobody but the server may ask the service.
    if (connection.account === account) {
      connection.denyPublish(textOfByteString(AUTH_CALLOUT_SUBJECT));
    }
    return AuthOutcome.Accepted;
  }

  async #ask(connection: Connection, login: Login): Promise<AuthOutcome> {
    try {
      const outcome = await this.#decideByService(connection, login);
      return outcome === AuthOutcome.Accepted ? this.#finish(connection, login, null) : outcome;
    } catch (error) {
      if (!(error instanceof CalloutError)) throw error;
      const { message } = error;
      const { log } = this.core.env;
      if (error.quiet) log.debug(message);
      else log.warn(message);
      return this.#finish(connection, login, { reason: error.quiet ? "" : message });
    }
  }

  async #decideByService(connection: Connection, login: Login): Promise<AuthOutcome> {
    const account = this.#serviceAccount(connection);
    const xkey = this.core.operators === null
      ? this.#options!.xKey
      : account.trust?.externalAuthorization?.xkey ?? "";
    const question: Question = { account, userKey: newUserKey(), xkey };
    const payload = await this.#exchange(connection, question);
    if (connection.closed) return AuthOutcome.Refused;
    const shown = textOfByteString(account.name);
    if (payload === null) {
      throw new CalloutError(
        `Authorization callout response not received in time on account ${goQuote(shown)}`,
        true,
      );
    }
    const { core } = this;
    const context: AnswerContext = {
      core,
      account,
      xkey,
      userKey: question.userKey,
      issuer: this.#options?.issuer ?? shown,
      report: (text) => connection.error(text),
      note: (text) => connection.debug(text),
    };
    let answer: Answer;
    try {
      const found = readAnswer(context, payload, (required) => {
        if (!(required || login.proxyRequired) || login.viaProxy) return;
        refuseProxy(connection, "ErrAuthProxyRequired");
        throw new CalloutError(new ServerError("ErrAuthProxyRequired").message);
      });
      answer = found instanceof Promise ? await found : found;
    } catch (error) {
      if (!(error instanceof CalloutError)) throw error;
      throw new CalloutError(titleCase(error.message));
    }
    return this.#become(connection, answer);
  }

  #serviceAccount(connection: Connection): Account {
    const { core } = this;
    if (core.operators === null) {
      const { account: name } = this.#options!;
      const account = core.accounts.get(byteStringOfText(name));
      if (account !== undefined) return account;
      throw new CalloutError(
        `No valid account ${goQuote(name)} for auth callout request: ` +
          new ServerError("ErrMissingAccount").message,
      );
    }
    if (connection.account !== null) return connection.account;
    throw new CalloutError(`${connection.kindName} not mapped to a callout account`);
  }

  /** Asks; resolves to the answer, or to null when there was none in time. */
  #exchange(connection: Connection, question: Question): Promise<Uint8Array | null> {
    const { core } = this;
    const { loop } = core.env;
    const { account } = question;
    const reply = `$SYS._INBOX.${core.serverHash}.${nuid(core.env.random)}`;
    const { headers, payload } = this.#request(connection, question);
    return new Promise((resolve) => {
      const done = (answer: Uint8Array | null): void => {
        loop.clearTimer(timer);
        core.internal.unsubscribe(account, subscription);
        connection.closing = null;
        resolve(answer);
      };
      const timer = loop.setTimer(() => done(null), core.options.authTimeoutMs);
      const subscription = core.internal.subscribe(
        account,
        reply,
        (_subscription, _account, _subject, _reply, message, headerBytes) =>
          done(message.slice(headerBytes)),
      );
      connection.closing = () => done(null);
      core.hidesPayloads = true;
      try {
        core.internal.publish(account, AUTH_CALLOUT_SUBJECT, reply, headers, payload);
      } finally {
        core.hidesPayloads = false;
      }
    });
  }

  #request(
    connection: Connection,
    { account, userKey, xkey }: Question,
  ): { headers: Uint8Array; payload: Uint8Array } {
    const { keys, env, options } = this.core;
    const nowMs = env.clock.nowMs();
    const jwt = encodeAuthorizationRequest(keys, requestOf(connection, userKey, xkey !== ""), {
      subject: this.#options?.issuer ?? textOfByteString(account.name),
      nowS: Math.floor(nowMs / 1000),
      expiresS: Math.floor((nowMs + options.authTimeoutMs) / 1000),
    });
    const payload = encoder.encode(jwt);
    if (xkey === "") return { headers: NO_BYTES, payload };
    const headers = encoder.encode(`NATS/1.0\r\n${XKEY_HEADER}: ${keys.xkey}\r\n\r\n`);
    try {
      return { headers, payload: keys.seal(payload, xkey) };
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
      throw new CalloutError(
        `Error encrypting auth request claim on account ` +
          `${goQuote(textOfByteString(account.name))}: ${error.message}`,
      );
    }
  }

  /** Makes the client the user that the service has named. */
  #become(connection: Connection, { claims, rights, account, leftMs }: Answer): AuthOutcome {
    if (connection.closed) return AuthOutcome.Refused;
    const { connect, jwtUser } = connection;
    connect.jwt = "";
    const permissions = permissionsOfClaim(rights);
    connection.jwtUser = {
      claims,
      rights,
      signingKey: claims.nats.issuerAccount === "" ? "" : claims.issuer,
      hasDefaultPermissions: permissions === null,
      shown: jwtUser?.shown ?? null,
      limited: false,
    };
    const outcome = bindConnection(connection, account, permissions);
    if (outcome !== AuthOutcome.Accepted) return outcome;
    if (claims.name !== "") {
      connect.user = claims.name;
      connect.nkey = "";
      connect.auth_token = "";
      connection.nkeyUser = "";
    }
    const endMs = endOfUser(claims, leftMs, this.core.env.clock.nowMs());
    if (endMs !== Infinity) expireConnection(connection, endMs);
    return outcome;
  }
}
