/**
 * Proxies in front of the server that sign the nonce of the connections that they pass on.
 *
 * Reference: proxyCheck in server/auth.go, proxiesReload in server/reload.go.
 *
 * @module
 */
import { decodeBase64Url, verifySignature } from "../../identity/mod.ts";
import { serverErrorTexts } from "../../errors/mod.ts";
import { ClosedState } from "../connection/closed_state.ts";
import type { Connection } from "../connection/connection.ts";
import { AuthOutcome } from "./binding.ts";

/** Where a connection comes from. */
export const ProxyCheck = {
  /** No proxy has signed, or none is trusted at all. */
  Direct: 0,
  Trusted: 1,
  NotTrusted: 2,
} as const;

/** One of the values of {@linkcode ProxyCheck}. */
export type ProxyCheck = typeof ProxyCheck[keyof typeof ProxyCheck];

const encoder = new TextEncoder();

/** Finds the trusted proxy that has signed the connection's nonce. */
export function checkProxy(connection: Connection): ProxyCheck {
  const { connect: { proxy_sig: text }, core: { options } } = connection;
  const trusted = options.proxies?.trusted ?? [];
  if (text === "" || trusted.length === 0) return ProxyCheck.Direct;
  const signature = decodeBase64Url(text);
  if (signature === null) {
    connection.debug("Proxy signature not valid base64");
    return ProxyCheck.NotTrusted;
  }
  const nonce = encoder.encode(connection.nonce);
  const proxy = trusted.find(({ key }) => verifySignature(key, nonce, signature));
  if (proxy === undefined) return ProxyCheck.NotTrusted;
  connection.proxyKey = proxy.key;
  return ProxyCheck.Trusted;
}

/** Refuses a connection that should have come through a trusted proxy, or a better one. */
export function refuseProxy(
  connection: Connection,
  code: "ErrAuthProxyNotTrusted" | "ErrAuthProxyRequired",
): AuthOutcome {
  connection.debug(serverErrorTexts[code]);
  connection.authReason = code === "ErrAuthProxyRequired"
    ? ClosedState.ProxyRequired
    : ClosedState.ProxyNotTrusted;
  return AuthOutcome.Refused;
}

/** Sends those away who came through proxies that are not trusted any more. */
export function evictProxied(
  connections: Iterable<Connection>,
  removedKeys: ReadonlySet<string>,
): void {
  for (const connection of [...connections]) {
    if (connection.closed || !removedKeys.has(connection.proxyKey)) continue;
    connection.authReason = ClosedState.ProxyNotTrusted;
    connection.authViolation();
  }
}
