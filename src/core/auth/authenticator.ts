/**
 * Checks the credentials of CONNECT against the users of the configuration and binds the
 * connection to its account and permissions.
 *
 * Reference: server/auth.go processClientOrLeafAuthentication without operator mode.
 *
 * @module
 */
import { timingSafeEqual } from "node:crypto";
import { byteStringOfText } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import type { NkeyUser, Permissions, User } from "../../config/mod.ts";
import type { Connection } from "../connection/connection.ts";
import { ClosedState } from "../connection/closed_state.ts";
import type { Core } from "../core.ts";
import type { ClientAuthentication, ClientIdentity } from "./client_authentication.ts";
import { AuthOutcome, bindConnection, expireConnection } from "./binding.ts";
import { Callout } from "./callout.ts";
import { isCertificateIdentity } from "./certificate_identity.ts";
import { certificateUser } from "./certificate_user.ts";
import { connectionTypeOf, JwtAuthenticator } from "./jwt_authenticator.ts";
import type { Login } from "./login.ts";
import { nonceSigned } from "./nonce.ts";
import { checkProxy, ProxyCheck, refuseProxy } from "./proxies.ts";

export { AuthOutcome };

const BCRYPT = /^\$2[abxy]\$\d{2}\$.{53}$/;
const encoder = new TextEncoder();

/** Compares without telling by its duration where the texts differ. */
export function sameText(a: string, b: string): boolean {
  const left = encoder.encode(a);
  const right = encoder.encode(b);
  if (left.length === right.length) return timingSafeEqual(left, right);
  timingSafeEqual(left, left);
  return false;
}

/** True or false at once for plain passwords, later for bcrypt. */
export function passwordMatches(
  connection: Connection,
  stored: string,
  given: string,
): boolean | Promise<boolean> {
  if (!BCRYPT.test(stored)) return sameText(stored, given);
  return connection.core.env.passwords.matches(given, stored, () => !connection.closed);
}

/** The bcrypt hash with the highest cost, or nothing. */
function slowestHash(passwords: readonly string[]): string {
  const costOf = (hash: string): number => Number(hash.slice(4, 6));
  return passwords.filter((one) => BCRYPT.test(one))
    .reduce((slowest, one) => costOf(one) > costOf(slowest) ? one : slowest, "");
}

/** Credentials that are not one user's of several. */
interface SingleLogin {
  /** The user whom connections without credentials become. */
  readonly noAuthUser: string;
  readonly username: string;
  readonly password: string;
  readonly token: string;
}

/** Who may connect to a server. */
export class Authenticator {
  /** Clients must send credentials. */
  readonly required: boolean;
  readonly #users = new Map<string, User>();
  readonly #nkeys = new Map<string, NkeyUser>();
  /** Null without operators. */
  readonly #jwt: JwtAuthenticator | null;
  readonly #callout: Callout;
  /** The password that takes the longest to compare; empty when none is of bcrypt. */
  readonly #slowestHash: string;

  constructor(readonly core: Core) {
    this.#callout = new Callout(core);
    const { options, operators } = core;
    this.#jwt = operators === null
      ? null
      : new JwtAuthenticator(operators, options.defaultSentinel);
    for (const user of options.users ?? []) this.#users.set(user.username, user);
    for (const user of options.nkeys ?? []) this.#nkeys.set(user.nkey, user);
    this.#slowestHash = slowestHash([
      options.password,
      options.websocket.password,
      options.mqtt.password,
      ...[...this.#users.values()].map(({ password }) => password),
    ]);
    this.required = this.#jwt !== null || core.env.authenticate !== undefined ||
      this.#users.size > 0 ||
      this.#nkeys.size > 0 || options.username !== "" ||
      options.authorization !== "";
  }

  /** INFO carries a nonce to sign. */
  get nonceRequired(): boolean {
    const { alwaysEnableNonce, proxies } = this.core.options;
    return this.#jwt !== null || this.#nkeys.size > 0 || alwaysEnableNonce ||
      (proxies?.trusted.length ?? 0) > 0;
  }

  /** Whether `connection` must send credentials. */
  requiredOf(connection: Connection): boolean {
    return this.required || connection.listenerAuth?.overrides === true;
  }

  /** The user whom connections like `connection` become without credentials, or null. */
  noAuthUser(connection: Connection): User | null {
    return this.#users.get(this.#single(connection).noAuthUser) ?? null;
  }

  /** The credentials that are no user's, of the listener or of the options. */
  #single({ listenerAuth }: Connection): SingleLogin {
    if (listenerAuth?.overrides === true) return listenerAuth;
    const { noAuthUser, username, password, authorization: token } = this.core.options;
    return { noAuthUser, username, password, token };
  }

  /** Whether a connection may begin without CONNECT, and then be checked as the one of nobody. */
  admitsWithoutConnect(connection: Connection): boolean {
    const user = this.noAuthUser(connection);
    return user !== null && !user.proxyRequired &&
      this.#typeAllowed(connection, user.allowedConnectionTypes);
  }

  /** Whether some password stands in the configuration as it is typed. */
  get hasPlaintextPasswords(): boolean {
    const { options, openUser } = this.core;
    if (options.password !== "" && !BCRYPT.test(options.password)) return true;
    for (const user of this.#users.values()) {
      // Users whom certificates stand for have none; the open one nobody knows.
      if (user.password === "" && isCertificateIdentity(user, options)) continue;
      if (openUser !== "" && user.username === openUser) continue;
      if (!BCRYPT.test(user.password)) return true;
    }
    return false;
  }

  /** Checks the connection's credentials; a promise only when that takes time. */
  check(connection: Connection): AuthOutcome | Promise<AuthOutcome> {
    const { authenticate } = this.core.env;
    if (authenticate !== undefined) return this.#askEmbedder(connection, authenticate);
    const proxy = checkProxy(connection);
    if (proxy === ProxyCheck.NotTrusted) return refuseProxy(connection, "ErrAuthProxyNotTrusted");
    const login: Login = {
      viaProxy: proxy === ProxyCheck.Trusted,
      proxyRequired: false,
      account: null,
      identity: "",
    };
    const local = this.requiredOf(connection)
      ? this.#checkLocally(connection, login)
      : AuthOutcome.Accepted;
    return typeof local === "number"
      ? this.#callout.decide(connection, login, local)
      : local.then((outcome) => this.#callout.decide(connection, login, outcome));
  }

  /** Checks the credentials against what this server knows. */
  #checkLocally(connection: Connection, login: Login): AuthOutcome | Promise<AuthOutcome> {
    if (this.#jwt !== null) return this.#jwt.check(connection, login);
    const single = this.#single(connection);
    const { connect } = connection;
    const anonymous = single.noAuthUser !== "" && connect.user === "" && connect.pass === "" &&
      connect.auth_token === "";
    if (anonymous && connect.nkey === "" && this.#nkeys.has(single.noAuthUser)) {
      connect.nkey = single.noAuthUser;
    }
    if (connect.nkey !== "" && this.#nkeys.size > 0) return this.#checkNkey(connection, login);
    if (this.#users.size > 0) {
      const { tlsMap } = connection.listenerAuth ?? this.core.options;
      if (tlsMap) return this.#checkCertificate(connection, login);
      if (anonymous) {
        const user = this.noAuthUser(connection);
        if (user !== null) {
          connect.user = user.username;
          connect.pass = user.password;
          if (!this.#typeAllowed(connection, user.allowedConnectionTypes)) {
            return AuthOutcome.Refused;
          }
          return this.#cameAsRequired(login, user.proxyRequired)
            ? this.#bindUser(connection, login, user)
            : refuseProxy(connection, "ErrAuthProxyRequired");
        }
      }
      if (connect.user !== "") return this.#checkUser(connection, login);
    }
    return this.#checkSingle(connection, login, single);
  }

  async #askEmbedder(
    connection: Connection,
    authenticate: ClientAuthentication,
  ): Promise<AuthOutcome> {
    const { user, pass, auth_token, nkey, sig, name, lang, version } = connection.connect;
    const { nonce, host } = connection;
    let identity: ClientIdentity | null;
    try {
      identity = await authenticate({
        user,
        pass,
        token: auth_token,
        nkey,
        signature: sig,
        nonce,
        name,
        lang,
        version,
        host,
      });
    } catch (error) {
      connection.error(`authentication failed: ${(error as Error).message}`);
      return AuthOutcome.Refused;
    }
    if (identity === null) return AuthOutcome.Refused;
    const outcome = this.#bind(connection, identity.account ?? "", identity.permissions ?? null);
    if (outcome === AuthOutcome.Accepted && identity.expiresMs !== undefined) {
      expireConnection(connection, identity.expiresMs);
    }
    return outcome;
  }

  #checkNkey(connection: Connection, login: Login): AuthOutcome {
    const { connect } = connection;
    const user = this.#nkeys.get(connect.nkey);
    if (user === undefined || !this.#typeAllowed(connection, user.allowedConnectionTypes)) {
      return AuthOutcome.Refused;
    }
    if (!this.#cameAsRequired(login, user.proxyRequired)) {
      return refuseProxy(connection, "ErrAuthProxyRequired");
    }
    // Whom anybody becomes without credentials needs none.
    if (user.nkey !== this.#single(connection).noAuthUser && !nonceSigned(connection, user.nkey)) {
      return AuthOutcome.Refused;
    }
    connection.nkeyUser = user.nkey;
    login.identity = user.nkey;
    return this.#bind(connection, user.account, user.permissions);
  }

  #checkUser(connection: Connection, login: Login): AuthOutcome | Promise<AuthOutcome> {
    const user = this.#users.get(connection.connect.user);
    if (user === undefined || !this.#typeAllowed(connection, user.allowedConnectionTypes)) {
      return this.#refuseSlowly(connection);
    }
    const { username, password, proxyRequired } = user;
    const { options } = this.core;
    if (
      password === "" && username !== this.#single(connection).noAuthUser &&
      isCertificateIdentity(user, options) && this.#cameAsRequired(login, proxyRequired)
    ) {
      connection.debug(`User ${goQuote(username)} requires a client certificate`);
      return this.#refuseSlowly(connection);
    }
    return this.#checkPassword(connection, login, user);
  }

  #checkPassword(
    connection: Connection,
    login: Login,
    user: User,
  ): AuthOutcome | Promise<AuthOutcome> {
    if (!this.#cameAsRequired(login, user.proxyRequired)) {
      return refuseProxy(connection, "ErrAuthProxyRequired");
    }
    const matches = passwordMatches(connection, user.password, connection.connect.pass);
    if (typeof matches === "boolean") {
      return matches ? this.#bindUser(connection, login, user) : this.#refuseSlowly(connection);
    }
    return matches.then((ok) => ok ? this.#bindUser(connection, login, user) : AuthOutcome.Refused);
  }

  #cameAsRequired(login: Login, proxyRequired: boolean): boolean {
    login.proxyRequired = proxyRequired;
    return login.viaProxy || !proxyRequired;
  }

  /**
   * Takes as long as a wrong password of another user would take, where that is long, so that nobody
   * learns from it which names exist. Services that decide about clients see all of them anyhow.
   */
  #refuseSlowly(connection: Connection): AuthOutcome | Promise<AuthOutcome> {
    const { options, env } = this.core;
    if (this.#slowestHash === "" || options.authCallout !== null) return AuthOutcome.Refused;
    const { pass } = connection.connect;
    return env.passwords.matches(pass, this.#slowestHash, () => !connection.closed)
      .then(() => AuthOutcome.Refused);
  }

  #checkCertificate(connection: Connection, login: Login): AuthOutcome | Promise<AuthOutcome> {
    const allowed = (user: User): boolean =>
      this.#typeAllowed(connection, user.allowedConnectionTypes);
    const user = certificateUser(connection, {
      find: (name) => {
        const found = this.#users.get(name);
        return found !== undefined && allowed(found) ? found : null;
      },
      all: () => [...this.#users.values()].filter(allowed),
    });
    if (user === null) return AuthOutcome.Refused;
    const { connect, core } = connection;
    if (connect.user !== "") {
      core.env.log.warn(
        `User ${goQuote(connect.user)} found in connect proto, but user required from cert`,
      );
    }
    connect.user = user.username;
    return this.#checkPassword(connection, login, user);
  }

  #checkSingle(
    connection: Connection,
    login: Login,
    single: SingleLogin,
  ): AuthOutcome | Promise<AuthOutcome> {
    const { connect } = connection;
    if (!this.#cameAsRequired(login, this.core.options.proxyRequired)) {
      return refuseProxy(connection, "ErrAuthProxyRequired");
    }
    const byToken = single.token !== "";
    if (!byToken && single.username === "") return AuthOutcome.Refused;
    if (!byToken && !sameText(single.username, connect.user)) {
      return this.#refuseSlowly(connection);
    }
    const outcome = (ok: boolean): AuthOutcome => {
      if (!ok) return AuthOutcome.Refused;
      login.identity = connection.rawAuthUser;
      return this.#bind(connection, "", null);
    };
    const matches = byToken
      ? passwordMatches(connection, single.token, connect.auth_token)
      : passwordMatches(connection, single.password, connect.pass);
    return typeof matches === "boolean" ? outcome(matches) : matches.then(outcome);
  }

  #typeAllowed(connection: Connection, allowed: ReadonlySet<string> | null): boolean {
    if (allowed === null || allowed.size === 0) return true;
    return allowed.has(connectionTypeOf(connection));
  }

  #bindUser(connection: Connection, login: Login, user: User): AuthOutcome {
    login.identity = user.username;
    return this.#bind(connection, user.account, user.permissions);
  }

  #bind(
    connection: Connection,
    accountName: string,
    permissions: Permissions | null,
  ): AuthOutcome {
    if (connection.closed) return AuthOutcome.Refused;
    const account = accountName === ""
      ? this.core.globalAccount
      : this.core.accounts.get(byteStringOfText(accountName));
    if (account === undefined) {
      connection.authReason = ClosedState.MissingAccount;
      return AuthOutcome.Refused;
    }
    return bindConnection(connection, account, permissions);
  }
}
