/**
 * Options of leaf nodes: those that connect to this server and those it connects to.
 *
 * Reference: LeafNodeOpts and RemoteLeafOpts in server/opts.go.
 *
 * @module
 */
import type { User } from "./auth_options.ts";
import {
  type CompressionOptions,
  emptyCompression,
  type WriteTimeoutPolicy,
} from "./cluster_options.ts";
import type { TlsOptions } from "./tls_options.ts";
import { formatServerUrl, quoteList, quoteText, redactServerUrl, type ServerUrl } from "./url.ts";

/** Signs a server's nonce: returns the user JWT (or empty) and the signature. */
export type SignatureHandler = (nonce: Uint8Array) => { jwt: string; signature: Uint8Array };

/** An HTTP proxy on the way to a hub. */
export interface LeafProxyOptions {
  /** `http://` or `https://`; empty is none. */
  url: string;
  username: string;
  password: string;
  timeoutMs: number;
}

/** A hub that this server connects to. */
export interface RemoteLeafOptions {
  /** Account of this server that is bridged; empty is `$G`. */
  localAccount: string;
  noRandomize: boolean;
  urls: ServerUrl[];
  /** Path of a credentials file. */
  credentials: string;
  /** User seed. */
  nkey: string;
  /** Signs instead of `credentials` and `nkey`; only when embedded. */
  signatureHandler: SignatureHandler | null;
  tls: boolean;
  tlsConfig: TlsOptions | null;
  tlsTimeoutMs: number;
  tlsHandshakeFirst: boolean;
  /** Treat the remote as a spoke of this server. */
  hub: boolean;
  denyImports: string[];
  denyExports: string[];
  /** Longest wait for the remote's INFO; 0 is the default. */
  firstInfoTimeoutMs: number;
  dialTimeoutMs: number;
  compression: CompressionOptions;
  websocket: { compression: boolean; noMasking: boolean };
  proxy: LeafProxyOptions;
  jetStreamClusterMigrate: boolean;
  jetStreamClusterMigrateDelayMs: number;
  localIsolation: boolean;
  requestIsolation: boolean;
  disabled: boolean;
  ignoreDiscoveredServers: boolean;
}

/** The leaf node listener, its users, and the remotes. */
export interface LeafNodeOptions {
  host: string;
  /** 0 is no listener, -1 a random port. */
  port: number;
  username: string;
  password: string;
  proxyRequired: boolean;
  nkey: string;
  /** Account of leaf nodes that log in with `username` or `nkey`. */
  account: string;
  users: User[];
  authTimeoutMs: number;
  tlsConfig: TlsOptions | null;
  tlsTimeoutMs: number;
  tlsMap: boolean;
  tlsPinnedCerts: Set<string> | null;
  tlsHandshakeFirst: boolean;
  tlsHandshakeFirstFallbackMs: number;
  advertise: string;
  noAdvertise: boolean;
  reconnectIntervalMs: number;
  writeDeadlineMs: number;
  writeTimeout: WriteTimeoutPolicy;
  compression: CompressionOptions;
  remotes: RemoteLeafOptions[];
  /** Oldest server version that may connect. */
  minVersion: string;
  isolateLeafnodeInterest: boolean;
  dialTimeoutMs: number;
}

/** Leaf node options with nothing set. */
export function emptyLeafNodeOptions(): LeafNodeOptions {
  return {
    host: "",
    port: 0,
    username: "",
    password: "",
    proxyRequired: false,
    nkey: "",
    account: "",
    users: [],
    authTimeoutMs: 0,
    tlsConfig: null,
    tlsTimeoutMs: 0,
    tlsMap: false,
    tlsPinnedCerts: null,
    tlsHandshakeFirst: false,
    tlsHandshakeFirstFallbackMs: 0,
    advertise: "",
    noAdvertise: false,
    reconnectIntervalMs: 0,
    writeDeadlineMs: 0,
    writeTimeout: "default",
    compression: emptyCompression(),
    remotes: [],
    minVersion: "",
    isolateLeafnodeInterest: false,
    dialTimeoutMs: 0,
  };
}

/** A remote with nothing set. */
export function emptyRemoteLeafOptions(): RemoteLeafOptions {
  return {
    localAccount: "",
    noRandomize: false,
    urls: [],
    credentials: "",
    nkey: "",
    signatureHandler: null,
    tls: false,
    tlsConfig: null,
    tlsTimeoutMs: 0,
    tlsHandshakeFirst: false,
    hub: false,
    denyImports: [],
    denyExports: [],
    firstInfoTimeoutMs: 0,
    dialTimeoutMs: 0,
    compression: emptyCompression(),
    websocket: { compression: false, noMasking: false },
    proxy: { url: "", username: "", password: "", timeoutMs: 0 },
    jetStreamClusterMigrate: false,
    jetStreamClusterMigrateDelayMs: 0,
    localIsolation: false,
    requestIsolation: false,
    disabled: false,
    ignoreDiscoveredServers: false,
  };
}

/**
 * What tells one remote from another: its URLs, account and credentials. With secrets; for logs
 * and error texts use {@linkcode safeRemoteLeafName}.
 */
export function remoteLeafName(remote: RemoteLeafOptions): string {
  return describeRemote(remote, false);
}

/** {@linkcode remoteLeafName} without passwords and seeds. */
export function safeRemoteLeafName(remote: RemoteLeafOptions): string {
  return describeRemote(remote, true);
}

function describeRemote(remote: RemoteLeafOptions, redacted: boolean): string {
  const account = remote.localAccount === "" ? "$G" : remote.localAccount;
  let login = "";
  if (remote.credentials !== "") login = `, credentials=${quoteText(remote.credentials)}`;
  else if (remote.nkey !== "") {
    login = `, nkey=${redacted ? '"[REDACTED]"' : quoteText(remote.nkey)}`;
  }
  const urls = quoteList(remote.urls.map(redacted ? redactServerUrl : formatServerUrl));
  return `urls=${urls}, account=${quoteText(account)}${login}`;
}
