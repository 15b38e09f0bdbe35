/**
 * Checks the credentials of leaf nodes: against those of the leaf node block where it has some, else
 * as those of clients.
 *
 * Reference: isLeafNodeAuthorized in server/auth.go.
 *
 * @module
 */
import { byteStringOfText } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import type { User } from "../../config/mod.ts";
import type { Connection } from "../connection/connection.ts";
import { type Authenticator, passwordMatches, sameText } from "./authenticator.ts";
import { AuthOutcome, bindConnection } from "./binding.ts";
import { certificateUser } from "./certificate_user.ts";
import { nonceSigned } from "./nonce.ts";
import { checkProxy, ProxyCheck, refuseProxy } from "./proxies.ts";

/** Checks the credentials of a leaf node; a promise only when that takes time. */
export function checkLeafNode(
  connection: Connection,
  clients: Authenticator,
): AuthOutcome | Promise<AuthOutcome> {
  const { connect, core: { options: { leafNode } } } = connection;
  const { username, password, account, nkey, users, proxyRequired } = leafNode;
  if (username !== "") {
    return checkPassword(connection, { username, password, account, proxyRequired });
  }
  if (nkey !== "") {
    const refused = refusedForProxy(connection, proxyRequired);
    if (refused !== null) return refused;
    if (connect.nkey !== nkey || !nonceSigned(connection, nkey)) return AuthOutcome.Refused;
    connection.nkeyUser = nkey;
    return bind(connection, account);
  }
  if (users.length === 0) return clients.check(connection);
  const user = leafNode.tlsMap
    ? userOfCertificate(connection, users)
    : users.find((one) => one.username === connect.user) ?? null;
  if (user === null) return AuthOutcome.Refused;
  return checkPassword(connection, {
    ...user,
    proxyRequired: user.proxyRequired || proxyRequired,
  });
}

function userOfCertificate(connection: Connection, users: readonly User[]): User | null {
  const user = certificateUser(connection, {
    find: (name) => users.find((one) => one.username === name) ?? null,
    all: () => [...users],
  });
  if (user === null) return null;
  const { connect, core } = connection;
  if (connect.user !== "") {
    core.env.log.warn(
      `User ${goQuote(connect.user)} found in connect proto, but user required from cert`,
    );
  }
  connect.user = user.username;
  return user;
}

function refusedForProxy(connection: Connection, required: boolean): AuthOutcome | null {
  const proxy = checkProxy(connection);
  if (proxy === ProxyCheck.NotTrusted) return refuseProxy(connection, "ErrAuthProxyNotTrusted");
  if (required && proxy !== ProxyCheck.Trusted) {
    return refuseProxy(connection, "ErrAuthProxyRequired");
  }
  return null;
}

function checkPassword(
  connection: Connection,
  user: Pick<User, "username" | "password" | "account" | "proxyRequired">,
): AuthOutcome | Promise<AuthOutcome> {
  const refused = refusedForProxy(connection, user.proxyRequired);
  if (refused !== null) return refused;
  const { connect } = connection;
  if (!sameText(user.username, connect.user)) return AuthOutcome.Refused;
  const outcome = (ok: boolean): AuthOutcome =>
    ok ? bind(connection, user.account) : AuthOutcome.Refused;
  const matches = passwordMatches(connection, user.password, connect.pass);
  return typeof matches === "boolean" ? outcome(matches) : matches.then(outcome);
}

function bind(connection: Connection, name: string): AuthOutcome {
  const { core } = connection;
  const account = name === "" ? core.globalAccount : core.accounts.get(byteStringOfText(name));
  if (account !== undefined) return bindConnection(connection, account, null);
  core.env.log.error(
    `authentication of user ${goQuote(connection.connect.user)} failed, unable to lookup account ` +
      `${goQuote(name)}: account missing`,
  );
  return AuthOutcome.Refused;
}
