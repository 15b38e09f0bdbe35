/**
 * The options of a server: what a configuration file, the command line or an embedding program
 * says, as plain data.
 *
 * Zero, empty and null mean "not said", as in the reference; {@linkcode applyBaseline} then fills
 * in what an unconfigured server runs with. Durations are milliseconds and sizes are bytes.
 * Nothing here is an open file, a socket or a parsed certificate.
 *
 * Reference: Options in server/opts.go.
 *
 * @module
 */
import type { AccountOptions } from "./account_options.ts";
import type { AuthCalloutOptions, NkeyUser, ProxiesOptions, User } from "./auth_options.ts";
import {
  type ClusterOptions,
  emptyClusterOptions,
  emptyGatewayOptions,
  type GatewayOptions,
  type WriteTimeoutPolicy,
} from "./cluster_options.ts";
import { emptyJetStreamOptions, type JetStreamOptions } from "./jetstream_options.ts";
import { emptyLeafNodeOptions, type LeafNodeOptions } from "./leafnode_options.ts";
import type { AccountResolverOptions, TrustedOperator } from "./operator_options.ts";
import type { OcspCacheOptions, OcspOptions, TlsOptions } from "./tls_options.ts";
import type { ServerUrl } from "./url.ts";
import {
  emptyMqttOptions,
  emptyWebsocketOptions,
  type MqttOptions,
  type WebsocketOptions,
} from "./websocket_options.ts";

/** What the log shows and where it goes. */
export interface LoggingOptions {
  /** Trace the protocol. */
  trace: boolean;
  debug: boolean;
  /** Trace the system account too. */
  traceVerbose: boolean;
  /** Trace the headers of messages instead of their payload. */
  traceHeaders: boolean;
  /** No log at all; for embedding. */
  noLog: boolean;
  /** Lines start with the time. */
  logtime: boolean;
  logtimeUtc: boolean;
  /** Form of the lines; natsts' own option. */
  logFormat: "text" | "json";
  logFile: string;
  /** Size at which the file is rotated; 0 is never. */
  logSizeLimit: number;
  /** Rotated files that are kept; 0 is all. */
  logMaxFiles: number;
  syslog: boolean;
  /** `udp://host:port` of a syslog server. */
  remoteSyslog: string;
  /** Bytes of a message that are traced; 0 is all. */
  maxTracedMsgLen: number;
  /** Log every n-th failed attempt to connect to another server for the first time. */
  connectErrorReports: number;
  reconnectErrorReports: number;
}

/** Which options were set explicitly to a boolean, by the reference's names of the fields. */
export type ExplicitFlags = Map<string, boolean>;

/** Everything a server can be told. */
export interface Options extends LoggingOptions, JetStreamOptions {
  /** Path of the configuration file, or empty. */
  configFile: string;
  /** Empty takes a random name. */
  serverName: string;
  host: string;
  /** 0 is the default, -1 a random port. After the baseline 0 is a random port. */
  port: number;
  /** Accept only in-process connections. */
  dontListen: boolean;
  /** `host:port` told to clients instead of the listening address. */
  clientAdvertise: string;
  /** Do not handle process signals. */
  noSigs: boolean;
  noSublistCache: boolean;
  noHeaderSupport: boolean;
  disableShortFirstPing: boolean;
  maxConn: number;
  /** Subscriptions per connection; 0 is unlimited. */
  maxSubs: number;
  /** Tokens of a subscription's subject, up to 255; 0 is unlimited. */
  maxSubTokens: number;
  nkeys: NkeyUser[] | null;
  users: User[] | null;
  accounts: AccountOptions[];
  /** User that connections without credentials become. */
  noAuthUser: string;
  /** Bearer JWT for connections without credentials, in operator mode. */
  defaultSentinel: string;
  /** Name of the system account; empty is `$SYS`. */
  systemAccount: string;
  noSystemAccount: boolean;
  /** The single user, its password, or the token. */
  username: string;
  password: string;
  authorization: string;
  proxyRequired: boolean;
  /** Expect a PROXY protocol header on client connections. */
  proxyProtocol: boolean;
  authCallout: AuthCalloutOptions | null;
  pingIntervalMs: number;
  maxPingsOut: number;
  httpHost: string;
  /** Monitoring port; 0 is none, -1 a random port. */
  httpPort: number;
  httpBasePath: string;
  httpsPort: number;
  authTimeoutMs: number;
  maxControlLine: number;
  maxPayload: number;
  maxPending: number;
  noFastProducerStall: boolean;
  cluster: ClusterOptions;
  gateway: GatewayOptions;
  leafNode: LeafNodeOptions;
  websocket: WebsocketOptions;
  mqtt: MqttOptions;
  profPort: number;
  profBlockRate: number;
  pidFile: string;
  portsFileDir: string;
  routes: ServerUrl[];
  /** Value of the `--routes` flag. */
  routesStr: string;
  tlsTimeoutMs: number;
  /** Flags `--tls`, `--tlsverify`, `--tlscert`, `--tlskey`, `--tlscacert`. */
  tls: boolean;
  tlsVerify: boolean;
  tlsCert: string;
  tlsKey: string;
  tlsCaCert: string;
  /** Find the user by the client's certificate. */
  tlsMap: boolean;
  tlsConfig: TlsOptions | null;
  tlsPinnedCerts: Set<string> | null;
  /** Handshakes per second; 0 is unlimited. */
  tlsRateLimit: number;
  tlsHandshakeFirst: boolean;
  tlsHandshakeFirstFallbackMs: number;
  /** Accept plain connections beside TLS. */
  allowNonTls: boolean;
  writeDeadlineMs: number;
  writeTimeout: WriteTimeoutPolicy;
  /** Closed connections that monitoring remembers. */
  maxClosedClients: number;
  lameDuckDurationMs: number;
  lameDuckGracePeriodMs: number;
  /** Public operator keys. */
  trustedKeys: string[];
  trustedOperators: TrustedOperator[];
  accountResolver: AccountResolverOptions | null;
  accountResolverTlsConfig: TlsOptions | null;
  /** Account JWTs by public key, loaded at the start. */
  resolverPreloads: Map<string, string>;
  /** Only these accounts are served; null is all. */
  resolverPinnedAccounts: Set<string> | null;
  alwaysEnableNonce: boolean;
  /** `-t`: check the configuration and exit. */
  checkConfig: boolean;
  disableJetStreamBanner: boolean;
  tags: string[];
  metadata: Map<string, string>;
  /** What the operator turned on or off; see `feature_flags.ts`. */
  featureFlags: Map<string, boolean>;
  ocspConfig: OcspOptions | null;
  ocspCacheConfig: OcspCacheOptions | null;
  proxies: ProxiesOptions | null;
  /** Booleans that the file and the command line set explicitly: a reload compares them. */
  inConfig: ExplicitFlags;
  inCmdLine: ExplicitFlags;
  /** Whether 0 was meant for `jetStreamMaxMemory`, `jetStreamMaxStore`, `syncIntervalMs`. */
  maxMemSet: boolean;
  maxStoreSet: boolean;
  syncSet: boolean;
  /** Whether the file has an `authorization` block, even an empty one. */
  authBlockDefined: boolean;
  /** `sha256:…` of the configuration as parsed, or empty. */
  configDigest: string;
}

/** Options with nothing said: the reference's zero value. */
export function emptyOptions(): Options {
  return {
    configFile: "",
    serverName: "",
    host: "",
    port: 0,
    dontListen: false,
    clientAdvertise: "",
    trace: false,
    debug: false,
    traceVerbose: false,
    traceHeaders: false,
    noLog: false,
    noSigs: false,
    noSublistCache: false,
    noHeaderSupport: false,
    disableShortFirstPing: false,
    logtime: false,
    logtimeUtc: false,
    logFormat: "text",
    maxConn: 0,
    maxSubs: 0,
    maxSubTokens: 0,
    nkeys: null,
    users: null,
    accounts: [],
    noAuthUser: "",
    defaultSentinel: "",
    systemAccount: "",
    noSystemAccount: false,
    username: "",
    password: "",
    authorization: "",
    proxyRequired: false,
    proxyProtocol: false,
    authCallout: null,
    pingIntervalMs: 0,
    maxPingsOut: 0,
    httpHost: "",
    httpPort: 0,
    httpBasePath: "",
    httpsPort: 0,
    authTimeoutMs: 0,
    maxControlLine: 0,
    maxPayload: 0,
    maxPending: 0,
    noFastProducerStall: false,
    cluster: emptyClusterOptions(),
    gateway: emptyGatewayOptions(),
    leafNode: emptyLeafNodeOptions(),
    ...emptyJetStreamOptions(),
    websocket: emptyWebsocketOptions(),
    mqtt: emptyMqttOptions(),
    profPort: 0,
    profBlockRate: 0,
    pidFile: "",
    portsFileDir: "",
    logFile: "",
    logSizeLimit: 0,
    logMaxFiles: 0,
    syslog: false,
    remoteSyslog: "",
    routes: [],
    routesStr: "",
    tlsTimeoutMs: 0,
    tls: false,
    tlsVerify: false,
    tlsCert: "",
    tlsKey: "",
    tlsCaCert: "",
    tlsMap: false,
    tlsConfig: null,
    tlsPinnedCerts: null,
    tlsRateLimit: 0,
    tlsHandshakeFirst: false,
    tlsHandshakeFirstFallbackMs: 0,
    allowNonTls: false,
    writeDeadlineMs: 0,
    writeTimeout: "default",
    maxClosedClients: 0,
    lameDuckDurationMs: 0,
    lameDuckGracePeriodMs: 0,
    maxTracedMsgLen: 0,
    trustedKeys: [],
    trustedOperators: [],
    accountResolver: null,
    accountResolverTlsConfig: null,
    resolverPreloads: new Map(),
    resolverPinnedAccounts: null,
    alwaysEnableNonce: false,
    checkConfig: false,
    disableJetStreamBanner: false,
    connectErrorReports: 0,
    reconnectErrorReports: 0,
    tags: [],
    metadata: new Map(),
    featureFlags: new Map(),
    ocspConfig: null,
    ocspCacheConfig: null,
    proxies: null,
    inConfig: new Map(),
    inCmdLine: new Map(),
    maxMemSet: false,
    maxStoreSet: false,
    syncSet: false,
    authBlockDefined: false,
    configDigest: "",
  };
}
