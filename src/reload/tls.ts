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
import { type Change, ReloadError } from "./change.ts";
import { checkTlsFiles, type Options } from "../config/mod.ts";
import type { ConfigSource } from "../platform/config_source.ts";
import type { TlsServerContext } from "../platform/mod.ts";
import { contextOf } from "../server/websocket.ts";

/**
 * TLS as `options` ask for it; null for none. Throws {@linkcode ReloadError} when a certificate
 * or a key cannot be used.
 */
export function newTls(server: Server, options: Options): ClientTls | null {
  if (options.tlsConfig === null) return null;
  const files = readOnce(server.env.files);
  try {
    // A key that is not the certificate's shows only here, and not when they are loaded.
    checkTlsFiles(options.tlsConfig, files);
    return new ClientTls(server.options, options.tlsConfig, { ...server.env, files });
  } catch (error) {
    throw new ReloadError((error as Error).message, { cause: error });
  }
}

/** TLS of the WebSocket listener as `options` ask for it. Throws {@linkcode ReloadError}. */
export function newWebsocketTls(server: Server, options: Options): TlsServerContext | null {
  const { tlsConfig } = options.websocket;
  if (tlsConfig === null) return null;
  const files = readOnce(server.env.files);
  try {
    checkTlsFiles(tlsConfig, files);
    return contextOf({ env: { ...server.env, files } }, tlsConfig);
  } catch (error) {
    throw new ReloadError((error as Error).message, { cause: error });
  }
}

/** Files that are the same each time they are read, whoever replaces them meanwhile. */
function readOnce(source: ConfigSource): ConfigSource {
  const contents = new Map<string, Uint8Array>();
  return {
    readFile: (path) => {
      const bytes = contents.get(path) ?? source.readFile(path);
      contents.set(path, bytes);
      return bytes.slice();
    },
    env: (name) => source.env(name),
    stat: (path) => source.stat(path),
  };
}

/** Serves clients that come from now on with `tls`; those that are here notice nothing. */
export async function replaceTls(
  server: Server,
  tls: ClientTls | null,
  changes: readonly Change[],
): Promise<void> {
  const present = server.tls;
  const isNew = tls === null || present === null ? tls !== present : !tls.isLike(present);
  present?.stop();
  server.tls = tls;
  tls?.start();
  if (!isNew) return;
  if (!changes.some(({ apply }) => apply === applyTls)) {
    server.env.log.notice("Reloaded: tls = enabled");
  }
  await showCertificates(server);
}

/** Monitoring goes on with the certificates of the client port. */
async function showCertificates({ monitor, env }: Server): Promise<void> {
  try {
    await monitor?.certificatesChanged();
  } catch (error) {
    env.log.error(`Monitoring cannot go on with the new certificate: ${(error as Error).message}`);
  }
}

/**
 * Looks whether certificates or keys were replaced on disk, and serves new clients with them.
 * Returns what was wrong with the files, or an empty text: then the former ones stay in use.
 */
export async function reloadCertificates(server: Server): Promise<string> {
  const present = server.tls;
  if (present === null) return "";
  let tls: ClientTls | null;
  try {
    tls = newTls(server, server.options);
  } catch (error) {
    if (!(error instanceof ReloadError)) throw error;
    return error.message;
  }
  if (tls === null || tls.isLike(present)) return "";
  present.stop();
  server.tls = tls;
  tls.start();
  server.env.log.notice("Reloaded: tls certificates");
  await showCertificates(server);
  return "";
}

/** Tells new clients what they have to expect. */
export function applyTls(server: Server): void {
  const { info, options } = server;
  const on = options.tlsConfig !== null;
  info.tls_required = on && !options.allowNonTls;
  info.tls_available = on && options.allowNonTls;
  if (on) info.tls_verify = options.tlsConfig!.verify;
}

/** Closes clients whose certificates are not among the pinned ones of their listener. */
export function recheckPinned({ options, clients, env }: Server): void {
  const refused = [...clients.values()].filter((connection) =>
    !matchesPinned(
      connection,
      (connection.overWebsocket ? options.websocket : options).tlsPinnedCerts,
    )
  );
  if (refused.length === 0) return;
  env.log.notice(`Disconnect ${refused.length} clients due to pinned certs reload`);
  for (const connection of refused) connection.close(ClosedState.TLSHandshakeError);
}
