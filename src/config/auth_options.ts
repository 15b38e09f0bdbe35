/**
 * Who may connect and what they may do: users, their permissions, the authorization callout and
 * trusted proxies. Plain data; the checking of credentials lives in `core/auth`.
 *
 * Reference: server/auth.go, server/opts.go.
 *
 * @module
 */

/** Subjects that are allowed and denied; `allow: null` allows all that is not denied. */
export interface SubjectPermission {
  /** Allowed subjects; null when nothing was said, an empty list allows nothing. */
  allow: string[] | null;
  deny: string[] | null;
}

/** A permission to publish to reply subjects of received messages. */
export interface ResponsePermission {
  /** Replies per request; negative is unlimited. */
  maxMsgs: number;
  /** How long after the request replies may come; negative is for ever. */
  expiresMs: number;
}

/** What a user may publish and subscribe to; a null side is not restricted. */
export interface Permissions {
  publish: SubjectPermission | null;
  subscribe: SubjectPermission | null;
  response: ResponsePermission | null;
}

/** What a cluster's routes may import from and export to the other servers. */
export interface RoutePermissions {
  import: SubjectPermission | null;
  export: SubjectPermission | null;
}

/** The kinds of connection that a user may be limited to. */
export type ConnectionType =
  | "STANDARD"
  | "WEBSOCKET"
  | "LEAFNODE"
  | "LEAFNODE_WS"
  | "MQTT"
  | "MQTT_WS"
  | "IN_PROCESS";

/** All connection types, in the reference's spelling. */
export const CONNECTION_TYPES: readonly ConnectionType[] = [
  "STANDARD",
  "WEBSOCKET",
  "LEAFNODE",
  "LEAFNODE_WS",
  "MQTT",
  "MQTT_WS",
  "IN_PROCESS",
];

/** A user with a name and a password. */
export interface User {
  username: string;
  /** Plain text or a bcrypt hash (`$2a$…`). */
  password: string;
  permissions: Permissions | null;
  /** Name of the user's account; empty is the global account `$G`. */
  account: string;
  /** Connection types the user may use; null is all of them. */
  allowedConnectionTypes: Set<string> | null;
  /** Whether the connection must come through a trusted proxy. */
  proxyRequired: boolean;
}

/** A user who proves to own an nkey. */
export interface NkeyUser {
  /** Public user key, `U…`. */
  nkey: string;
  permissions: Permissions | null;
  /** Name of the user's account; empty is the global account `$G`. */
  account: string;
  allowedConnectionTypes: Set<string> | null;
  proxyRequired: boolean;
}

/** Delegates authentication to a service that answers on `$SYS.REQ.USER.AUTH`. */
export interface AuthCalloutOptions {
  /** Public account key that signs the answers. */
  issuer: string;
  /** Account in which the service runs. */
  account: string;
  /** Users who are not sent through the callout: the service itself. */
  authUsers: string[];
  /** Public curve key when requests are encrypted, else empty. */
  xKey: string;
  /** Accounts the service may place users in; empty is all. */
  allowedAccounts: string[];
}

/** A proxy whose signed connections are trusted. */
export interface ProxyOptions {
  /** Public key of the proxy. */
  key: string;
}

/** The proxies that are trusted. */
export interface ProxiesOptions {
  trusted: ProxyOptions[];
}

/** A user with nothing set. */
export function emptyUser(): User {
  return {
    username: "",
    password: "",
    permissions: null,
    account: "",
    allowedConnectionTypes: null,
    proxyRequired: false,
  };
}

/** An nkey user with nothing set. */
export function emptyNkeyUser(): NkeyUser {
  return {
    nkey: "",
    permissions: null,
    account: "",
    allowedConnectionTypes: null,
    proxyRequired: false,
  };
}
