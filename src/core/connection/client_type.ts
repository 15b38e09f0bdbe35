/**
 * The ways in which clients come, and what their listener says about logins.
 *
 * Reference: clientType and connectionTypeAllowed in server/client.go, srvWebsocket and srvMQTT's
 * authOverride.
 *
 * @module
 */

/** The protocol of a client, as monitoring and events name it. */
export type ClientType = "nats" | "websocket" | "mqtt";

/** What a listener other than the client port says about logins. */
export interface ListenerAuth {
  /** The listener has credentials of its own, which replace those of the options. */
  readonly overrides: boolean;
  readonly noAuthUser: string;
  readonly username: string;
  readonly password: string;
  readonly token: string;
  /** Users are found by their certificates; replaces the options' choice in any case. */
  readonly tlsMap: boolean;
  /** How long a login may take, in ms; 0 is as the options say. */
  readonly authTimeoutMs: number;
}

/** The part of the options of WebSocket and MQTT that is about logins. */
export interface ListenerAuthOptions {
  readonly noAuthUser: string;
  readonly username: string;
  readonly password: string;
  readonly token: string;
  readonly tlsMap: boolean;
  readonly authTimeoutMs: number;
}

/** Credentials that came before CONNECT, as cookies do; empty texts say nothing. */
export interface ConnectDefaults {
  readonly jwt: string;
  readonly user: string;
  readonly pass: string;
  readonly auth_token: string;
}

/** What `options` of a listener say about logins. */
export function listenerAuthOf(options: ListenerAuthOptions): ListenerAuth {
  const { noAuthUser, username, password, token, tlsMap, authTimeoutMs } = options;
  const overrides = username !== "" || token !== "" || noAuthUser !== "";
  return { overrides, noAuthUser, username, password, token, tlsMap, authTimeoutMs };
}
