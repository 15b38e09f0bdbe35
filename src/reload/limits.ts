/**
 * New limits for connections that are there already.
 *
 * Reference: maxConnOption, maxControlLineOption and maxPayloadOption in server/reload.go.
 *
 * @module
 */
import type { Server } from "../server/server.ts";

/** Closes as many clients as are too many now. */
export function applyMaxConnections(server: Server): void {
  const { clients, options, env } = server;
  const excess = clients.size - Math.max(0, options.maxConn);
  if (excess <= 0) return;
  for (const connection of [...clients.values()].slice(0, excess)) {
    connection.maxConnectionsExceeded();
  }
  env.log.notice(`Closed ${excess} connections to fall within max_connections`);
}

/** The longest control line of all connections. */
export function applyMaxControlLine(server: Server): void {
  for (const connection of server.clients.values()) connection.settingsChanged?.();
}

/** The largest payload of all connections, and what new ones are told. */
export function applyMaxPayload(server: Server): void {
  server.info.max_payload = server.options.maxPayload;
  for (const connection of server.clients.values()) connection.applyLimits();
}
