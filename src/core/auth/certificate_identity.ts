/**
 * Which users are known by their certificates alone.
 *
 * Reference: canTLSMap and wsCanMapCerts in server/auth.go.
 *
 * @module
 */
import type { ConnectionType, Options, User } from "../../config/mod.ts";

/**
 * Whether some listener maps certificates to users, `user` among them. Without a password such a
 * user is nobody whom a listener that does not map may let in by name.
 */
export function isCertificateIdentity(user: User, options: Options): boolean {
  const { websocket, mqtt, leafNode } = options;
  const types = user.allowedConnectionTypes;
  const allowed = (type: ConnectionType): boolean =>
    types === null || types.size === 0 || types.has(type);
  if (options.tlsMap && allowed("STANDARD")) return true;
  if (websocket.tlsMap && websocket.port !== 0 && allowed("WEBSOCKET")) return true;
  // What comes over WebSocket shows its certificate to that listener.
  const overWebsocket = websocket.port !== 0 && websocket.tlsConfig?.verify === true;
  if (
    mqtt.tlsMap && mqtt.port !== 0 && (allowed("MQTT") || (overWebsocket && allowed("MQTT_WS")))
  ) {
    return true;
  }
  // Leaf nodes log in as clients do where their block has no credentials of its own.
  const { tlsMap, port, username, nkey, users } = leafNode;
  return tlsMap && port !== 0 && username === "" && nkey === "" && users.length === 0 &&
    (allowed("LEAFNODE") || (overWebsocket && allowed("LEAFNODE_WS")));
}
