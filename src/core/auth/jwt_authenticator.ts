/**
 * Checks the user JWT of CONNECT, in operator mode.
 *
 * Reference: the parts of processClientOrLeafAuthentication in server/auth.go that need trusted
 * keys.
 *
 * @module
 */
import { textOfByteString } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import { CONNECTION_TYPES, type ConnectionType } from "../../config/mod.ts";
import {
  decodeUserClaims,
  fillTemplate,
  hasEmptyPermissions,
  isRevoked,
  JwtError,
  sourceAllowed,
  TemplateError,
  timesAllowed,
  type UserClaims,
  type UserPermissionLimits,
  validateUserClaims,
} from "../../identity/mod.ts";
import type { Account } from "../account/account.ts";
import type { AccountTrust } from "../account/account_trust.ts";
import type { Connection } from "../connection/connection.ts";
import type { AccountLookup, AccountSource } from "./account_source.ts";
import { AuthOutcome, bindConnection, expireConnection } from "./binding.ts";
import { endOfUser, permissionsOfClaim } from "./jwt_user.ts";
import type { Login } from "./login.ts";
import { refuseProxy } from "./proxies.ts";
import { nonceSigned } from "./nonce.ts";

/** How a connection came in, as users may be limited to it. */
export function connectionTypeOf(connection: Connection): ConnectionType {
  if (connection.kind === "leafnode") {
    return connection.overWebsocket ? "LEAFNODE_WS" : "LEAFNODE";
  }
  switch (connection.clientType) {
    case "websocket":
      return "WEBSOCKET";
    case "mqtt":
      return connection.overWebsocket ? "MQTT_WS" : "MQTT";
    case "nats":
      return connection.inProcess ? "IN_PROCESS" : "STANDARD";
  }
}

/** Decides about clients of a server that trusts operators. */
export class JwtAuthenticator {
  /** `sentinel` is the JWT of whoever has none; empty refuses them. */
  constructor(readonly source: AccountSource, readonly sentinel: string) {}

  /** Checks the connection's JWT; a promise only when its account must be fetched. */
  check(connection: Connection, login: Login): AuthOutcome | Promise<AuthOutcome> {
    const claims = this.#claimsOf(connection, login);
    if (claims === null) return AuthOutcome.Refused;
    const name = claims.nats.issuerAccount || claims.issuer;
    if (!this.source.admits(name)) {
      connection.debug(`Account ${name} not listed as operator pinned account`);
      return AuthOutcome.Refused;
    }
    const found = this.source.lookup(name);
    return found instanceof Promise
      ? found.then((account) => this.#checkIn(connection, login, claims, account))
      : this.#checkIn(connection, login, claims, found);
  }

  /** The claims of CONNECT's JWT, or of the sentinel, if they can be used now. */
  #claimsOf(connection: Connection, login: Login): UserClaims | null {
    const { connect } = connection;
    const claims = readClaims(connect.jwt) ?? this.#sentinelClaims(connection);
    if (claims === null) {
      connection.debug("Authentication requires a user JWT");
      return null;
    }
    login.proxyRequired = claims.nats.proxyRequired;
    if (login.proxyRequired && !login.viaProxy) {
      refuseProxy(connection, "ErrAuthProxyRequired");
      return null;
    }
    const results = validateUserClaims(claims, Math.floor(this.#nowMs(connection) / 1000));
    if (results.isBlocking(true)) {
      const issues = results.issues.map(({ description }) => description).join(", ");
      connection.debug(`User JWT no longer valid: ${issues}`);
      return null;
    }
    return claims;
  }

  #sentinelClaims({ connect }: Connection): UserClaims | null {
    if (this.sentinel === "") return null;
    connect.jwt = this.sentinel;
    return readClaims(this.sentinel);
  }

  #nowMs(connection: Connection): number {
    return connection.core.env.clock.nowMs();
  }

  #checkIn(
    connection: Connection,
    login: Login,
    claims: UserClaims,
    found: AccountLookup,
  ): AuthOutcome {
    if (connection.closed) return AuthOutcome.Refused;
    const refuse = (why: string): AuthOutcome => {
      connection.debug(why);
      return AuthOutcome.Refused;
    };
    if ("failed" in found) return refuse(`Account JWT lookup error: ${found.failed}`);
    login.account = found;
    const { trust } = found;
    if (trust === null || !this.source.isTrustedIssuer(trust.issuer)) {
      return refuse("Account JWT not signed by trusted operator");
    }
    const rights = rightsOf(claims, trust);
    if (typeof rights === "string") return refuse(rights);
    if (trust.expired) return refuse("Account JWT has expired");
    if (rights.bearerToken && trust.disallowBearer) {
      return refuse("Account does not allow bearer tokens");
    }
    if (!typeAllowed(connection, rights.allowedConnectionTypes)) return AuthOutcome.Refused;
    if (!rights.bearerToken && !nonceSigned(connection, claims.subject)) {
      return AuthOutcome.Refused;
    }
    if (isRevoked(trust.revokedUsers, claims.subject, claims.issuedAt)) {
      return refuse("User authentication revoked");
    }
    if (!sourceAllowed(rights.src, connection.host)) {
      connection.error(`Bad src Ip ${connection.host}`);
      return AuthOutcome.Refused;
    }
    const { allowed, leftMs } = timesAllowed(rights, this.#nowMs(connection));
    if (!allowed) {
      connection.error("Outside connect times");
      return AuthOutcome.Refused;
    }
    login.identity = claims.subject;
    return this.#bind(connection, found, { claims, rights, leftMs });
  }

  #bind(
    connection: Connection,
    account: Account,
    { claims, rights, leftMs }: {
      claims: UserClaims;
      rights: UserPermissionLimits;
      leftMs: number;
    },
  ): AuthOutcome {
    const permissions = permissionsOfClaim(rights);
    connection.jwtUser = {
      claims,
      rights,
      signingKey: claims.nats.issuerAccount === "" ? "" : claims.issuer,
      hasDefaultPermissions: permissions === null,
      shown: claims,
      limited: true,
    };
    const outcome = bindConnection(connection, account, permissions);
    if (outcome !== AuthOutcome.Accepted) return outcome;
    const endMs = endOfUser(claims, leftMs, this.#nowMs(connection));
    if (endMs !== Infinity) expireConnection(connection, endMs);
    describe(connection, account, claims);
    return AuthOutcome.Accepted;
  }
}

/** The claims of a user's JWT; null for anything else. */
function readClaims(jwt: string): UserClaims | null {
  try {
    return decodeUserClaims(jwt);
  } catch (error) {
    if (!(error instanceof JwtError)) throw error;
    return null;
  }
}

/** What the user may do: its own rights or those of its scope. A text says why it has none. */
function rightsOf(claims: UserClaims, trust: AccountTrust): UserPermissionLimits | string {
  const scope = trust.signingKeys.get(claims.issuer);
  if (scope === undefined) return "User JWT issuer is not known";
  if (scope === null) return claims.nats;
  if (!hasEmptyPermissions(claims)) {
    return "User JWT is not valid: scoped users require no permissions or limits set";
  }
  try {
    return fillTemplate(scope.template, claims, trust);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return "User JWT generated invalid permissions";
  }
}

/** Types that this server does not know allow nobody, which is not the same as none being said. */
function typeAllowed(connection: Connection, allowed: readonly string[]): boolean {
  if (allowed.length === 0) return true;
  const names = allowed.map((name) => name.toUpperCase());
  const unknown = names.filter((name) => !(CONNECTION_TYPES as readonly string[]).includes(name));
  if (unknown.length > 0) {
    connection.debug(`invalid connection types [${unknown.map(goQuote).join(" ")}]`);
    if (unknown.length === names.length) return false;
  }
  if (names.includes(connectionTypeOf(connection))) return true;
  connection.debug("Connection type not allowed");
  return false;
}

function describe(connection: Connection, account: Account, claims: UserClaims): void {
  const quoted = (tags: readonly string[]): string => `[${tags.map(goQuote).join(" ")}]`;
  const { nameTag, tags, issuer } = account.trust!;
  connection.debug(
    `Authenticated JWT: ${connection.kindName} ${goQuote(claims.subject)} (claim-name: ` +
      `${goQuote(claims.name)}, claim-tags: ${quoted(claims.nats.tags)}) signed with ` +
      `${goQuote(claims.issuer)} by Account ${goQuote(textOfByteString(account.name))} ` +
      `(claim-name: ${goQuote(nameTag)}, claim-tags: ${quoted(tags)}) signed with ` +
      `${goQuote(issuer)} has mappings ${account.mapper !== null}`,
  );
}
