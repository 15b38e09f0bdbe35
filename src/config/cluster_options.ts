/**
 * Options of routes between servers of one cluster and of gateways between clusters.
 *
 * Reference: ClusterOpts, CompressionOpts and GatewayOpts in server/opts.go.
 *
 * @module
 */
import type { RoutePermissions } from "./auth_options.ts";
import type { TlsOptions } from "./tls_options.ts";
import type { ServerUrl } from "./url.ts";

/** What happens to a connection whose write misses its deadline. */
export type WriteTimeoutPolicy = "default" | "close" | "retry";

/** The compression modes after {@linkcode normalizeCompression}. */
export const CompressionMode = {
  NotSupported: "not supported",
  Off: "off",
  Accept: "accept",
  S2Auto: "s2_auto",
  S2Uncompressed: "s2_uncompressed",
  S2Fast: "s2_fast",
  S2Better: "s2_better",
  S2Best: "s2_best",
} as const;

/** Compression of a kind of connection. */
export interface CompressionOptions {
  /** A mode as written until validated, then a {@linkcode CompressionMode}; empty is unset. */
  mode: string;
  /** For `s2_auto`: up to four rising round-trip times that separate the levels. */
  rttThresholdsMs: number[];
}

/** The listener and behaviour of routes. */
export interface ClusterOptions {
  /** Empty takes a random name. */
  name: string;
  host: string;
  /** 0 is no cluster, -1 a random port. */
  port: number;
  username: string;
  password: string;
  /** 0 is the default. */
  authTimeoutMs: number;
  permissions: RoutePermissions | null;
  tlsConfig: TlsOptions | null;
  tlsTimeoutMs: number;
  tlsMap: boolean;
  tlsCheckKnownUrls: boolean;
  tlsPinnedCerts: Set<string> | null;
  /** URL of the `--cluster` flag. */
  listenStr: string;
  advertise: string;
  noAdvertise: boolean;
  connectRetries: number;
  connectBackoff: boolean;
  /** Connections per peer; -1 is one without pooling, 0 the default. */
  poolSize: number;
  /** Accounts with a connection of their own. */
  pinnedAccounts: string[];
  compression: CompressionOptions;
  pingIntervalMs: number;
  maxPingsOut: number;
  writeDeadlineMs: number;
  writeTimeout: WriteTimeoutPolicy;
}

/** Another cluster that a gateway connects to. */
export interface RemoteGatewayOptions {
  name: string;
  tlsConfig: TlsOptions | null;
  tlsTimeoutMs: number;
  urls: ServerUrl[];
}

/** The listener and behaviour of gateways. */
export interface GatewayOptions {
  /** Name of this cluster. */
  name: string;
  host: string;
  /** 0 is no gateway, -1 a random port. */
  port: number;
  username: string;
  password: string;
  authTimeoutMs: number;
  tlsConfig: TlsOptions | null;
  tlsTimeoutMs: number;
  tlsMap: boolean;
  tlsCheckKnownUrls: boolean;
  tlsPinnedCerts: Set<string> | null;
  advertise: string;
  connectRetries: number;
  connectBackoff: boolean;
  gateways: RemoteGatewayOptions[];
  /** Refuse clusters that are not in `gateways`. */
  rejectUnknown: boolean;
  writeDeadlineMs: number;
  writeTimeout: WriteTimeoutPolicy;
}

/** Compression that was not mentioned. */
export function emptyCompression(): CompressionOptions {
  return { mode: "", rttThresholdsMs: [] };
}

/** Cluster options with nothing set. */
export function emptyClusterOptions(): ClusterOptions {
  return {
    name: "",
    host: "",
    port: 0,
    username: "",
    password: "",
    authTimeoutMs: 0,
    permissions: null,
    tlsConfig: null,
    tlsTimeoutMs: 0,
    tlsMap: false,
    tlsCheckKnownUrls: false,
    tlsPinnedCerts: null,
    listenStr: "",
    advertise: "",
    noAdvertise: false,
    connectRetries: 0,
    connectBackoff: false,
    poolSize: 0,
    pinnedAccounts: [],
    compression: emptyCompression(),
    pingIntervalMs: 0,
    maxPingsOut: 0,
    writeDeadlineMs: 0,
    writeTimeout: "default",
  };
}

/** Gateway options with nothing set. */
export function emptyGatewayOptions(): GatewayOptions {
  return {
    name: "",
    host: "",
    port: 0,
    username: "",
    password: "",
    authTimeoutMs: 0,
    tlsConfig: null,
    tlsTimeoutMs: 0,
    tlsMap: false,
    tlsCheckKnownUrls: false,
    tlsPinnedCerts: null,
    advertise: "",
    connectRetries: 0,
    connectBackoff: false,
    gateways: [],
    rejectUnknown: false,
    writeDeadlineMs: 0,
    writeTimeout: "default",
  };
}
