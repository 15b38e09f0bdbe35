/**
 * TLS of clients that come from now on, and of those here whose certificates are not pinned any
 * more.
 *
 * Reference: tlsOption and recheckPinnedCerts in server/reload.go.
 *
 * @module
 */
import { ClosedState } from "../core/connection/closed_state.ts";
import { ClientTls, matchesPinned } from "../server/client_tls.ts";
import type { Server } from "../server/server.ts";
import { ReloadError } from "./change.ts";
import type { Options } from "../config/mod.ts";

/**
 * TLS as `options` ask for it; null for none. Throws {@linkcode ReloadError} when a certificate
 * or a key cannot be used.
 */
export function newTls(server: Server, options: Options): ClientTls | null {
  if (options.tlsConfig === null) return null;
  try {
    return new ClientTls(server.options, options.tlsConfig, server.env);
  } catch (error) {
    throw new ReloadError((error as Error).message, { cause: error });
  }
}

/** Serves clients that come from now on with `tls`. */
export function replaceTls(server: Server, tls: ClientTls | null): void {
  server.tls?.stop();
  server.tls = tls;
  tls?.start();
}

/** Tells new clients what they have to expect. */
export function applyTls(server: Server): void {
  const { info, options } = server;
  const on = options.tlsConfig !== null;
  info.tls_required = on && !options.allowNonTls;
  info.tls_available = on && options.allowNonTls;
  if (on) info.tls_verify = options.tlsConfig!.verify;
}

/** Closes clients whose certificates are not among the pinned ones. */
export function recheckPinned(server: Server): void {
  const { tlsPinnedCerts } = server.options;
  const refused = [...server.clients.values()].filter((connection) =>
    !matchesPinned(connection, tlsPinnedCerts)
  );
  if (refused.length === 0) return;
  server.env.log.notice(`Disconnect ${refused.length} clients due to pinned certs reload`);
  for (const connection of refused) connection.close(ClosedState.TLSHandshakeError);
}
