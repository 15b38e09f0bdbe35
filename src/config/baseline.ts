/**
 * The values that a server runs with where its options say nothing.
 *
 * Reference: setBaselineOptions in server/opts.go, the constants of server/const.go.
 *
 * @module
 */
import { CompressionMode } from "./cluster_options.ts";
import { emptyOptions, type Options } from "./options.ts";
import type { TlsOptions } from "./tls_options.ts";
import { portOfUrl } from "./url.ts";

/** The reference's default values that more than one part of the server needs. */
export const Defaults = {
  host: "0.0.0.0",
  port: 4222,
  randomPort: -1,
  httpPort: 8222,
  httpBasePath: "/",
  leafNodePort: 7422,
  maxControlLine: 4096,
  maxPayload: 1024 * 1024,
  /** Above this a warning is logged. */
  maxPayloadWarning: 8 * 1024 * 1024,
  maxPending: 64 * 1024 * 1024,
  maxConnections: 64 * 1024,
  tlsTimeoutMs: 2000,
  tlsHandshakeFirstFallbackMs: 50,
  authTimeoutMs: 2000,
  pingIntervalMs: 120_000,
  maxPingsOut: 2,
  writeDeadlineMs: 10_000,
  routePoolSize: 3,
  routeMaxPingIntervalMs: 30_000,
  leafReconnectMs: 1000,
  leafTlsTimeoutMs: 2000,
  leafInfoWaitMs: 1000,
  maxClosedClients: 10_000,
  lameDuckDurationMs: 120_000,
  lameDuckGracePeriodMs: 10_000,
  connectErrorReports: 3600,
  reconnectErrorReports: 1,
  allowResponseMaxMsgs: 1,
  allowResponseExpiresMs: 120_000,
  serviceExportResponseThresholdMs: 120_000,
  serviceLatencySampling: 100,
  accountFetchTimeoutMs: 1900,
  syncIntervalMs: 120_000,
  jetStreamRequestQueueLimit: 10_000,
  jetStreamConcurrentIOs: 4096,
  systemAccount: "$SYS",
  globalAccount: "$G",
} as const;

/** What an unconfigured server runs with. */
export function defaultOptions(): Options {
  const options = emptyOptions();
  applyBaseline(options);
  return options;
}

function authTimeoutFor(tls: TlsOptions | null, tlsTimeoutMs: number): number {
  return tls === null ? Defaults.authTimeoutMs : tlsTimeoutMs + 1000;
}

/** Fills `options` in place where nothing was said. Doing it twice would turn random ports. */
export function applyBaseline(options: Options): void {
  options.host ||= Defaults.host;
  options.httpHost ||= options.host;
  if (options.port === 0) options.port = Defaults.port;
  else if (options.port === Defaults.randomPort) options.port = 0;
  options.maxConn ||= Defaults.maxConnections;
  options.pingIntervalMs ||= Defaults.pingIntervalMs;
  options.maxPingsOut ||= Defaults.maxPingsOut;
  options.tlsTimeoutMs ||= Defaults.tlsTimeoutMs;
  options.authTimeoutMs ||= authTimeoutFor(options.tlsConfig, options.tlsTimeoutMs);
  clusterBaseline(options);
  leafNodeBaseline(options);
  options.maxControlLine ||= Defaults.maxControlLine;
  options.maxPayload ||= Defaults.maxPayload;
  options.maxPending ||= Defaults.maxPending;
  options.writeDeadlineMs ||= Defaults.writeDeadlineMs;
  options.maxClosedClients ||= Defaults.maxClosedClients;
  options.lameDuckDurationMs ||= Defaults.lameDuckDurationMs;
  options.lameDuckGracePeriodMs ||= Defaults.lameDuckGracePeriodMs;
  const gateway = options.gateway;
  if (gateway.port !== 0) {
    gateway.host ||= Defaults.host;
    gateway.tlsTimeoutMs ||= Defaults.tlsTimeoutMs;
    gateway.authTimeoutMs ||= authTimeoutFor(gateway.tlsConfig, gateway.tlsTimeoutMs);
  }
  options.connectErrorReports ||= Defaults.connectErrorReports;
  options.reconnectErrorReports ||= Defaults.reconnectErrorReports;
  if (options.websocket.port !== 0) options.websocket.host ||= Defaults.host;
  if (options.mqtt.port !== 0) {
    options.mqtt.host ||= Defaults.host;
    options.mqtt.tlsTimeoutMs ||= Defaults.tlsTimeoutMs;
  }
  jetStreamBaseline(options);
}

function clusterBaseline(options: Options): void {
  const cluster = options.cluster;
  if (cluster.port === 0 && cluster.listenStr === "") return;
  cluster.host ||= Defaults.host;
  cluster.tlsTimeoutMs ||= Defaults.tlsTimeoutMs;
  cluster.authTimeoutMs ||= authTimeoutFor(cluster.tlsConfig, cluster.tlsTimeoutMs);
  cluster.poolSize ||= Defaults.routePoolSize;
  if (cluster.poolSize > 0) {
    // The system account gets a route of its own, unless pooling is off.
    let name = options.systemAccount;
    if (name === "" && !options.noSystemAccount) name = Defaults.systemAccount;
    if (name !== "" && !cluster.pinnedAccounts.includes(name)) cluster.pinnedAccounts.push(name);
  }
  cluster.compression.mode ||= CompressionMode.Accept;
}

function leafNodeBaseline(options: Options): void {
  const leaf = options.leafNode;
  if (leaf.port !== 0) {
    leaf.host ||= Defaults.host;
    leaf.tlsTimeoutMs ||= Defaults.tlsTimeoutMs;
    leaf.authTimeoutMs ||= authTimeoutFor(leaf.tlsConfig, leaf.tlsTimeoutMs);
    leaf.compression.mode ||= CompressionMode.S2Auto;
  }
  for (const remote of leaf.remotes) {
    for (const url of remote.urls) {
      if (portOfUrl(url) !== "") continue;
      // A host with colons in it is an IPv6 address and needs brackets before a port.
      const host = url.host.includes(":") ? `[${url.host}]` : url.host;
      url.host = `${host}:${Defaults.leafNodePort}`;
    }
    remote.compression.mode ||= CompressionMode.S2Auto;
    if (remote.firstInfoTimeoutMs <= 0) remote.firstInfoTimeoutMs = Defaults.leafInfoWaitMs;
  }
  leaf.reconnectIntervalMs ||= Defaults.leafReconnectMs;
}

function jetStreamBaseline(options: Options): void {
  if (options.jetStreamMaxMemory === 0 && !options.maxMemSet) options.jetStreamMaxMemory = -1;
  if (options.jetStreamMaxStore === 0 && !options.maxStoreSet) options.jetStreamMaxStore = -1;
  if (options.syncIntervalMs === 0 && !options.syncSet) {
    options.syncIntervalMs = Defaults.syncIntervalMs;
  }
  if (options.jetStreamRequestQueueLimit <= 0) {
    options.jetStreamRequestQueueLimit = Defaults.jetStreamRequestQueueLimit;
  }
  if (options.jetStreamInfoQueueLimit <= 0) {
    options.jetStreamInfoQueueLimit = options.jetStreamRequestQueueLimit;
  }
  if (options.jetStreamConcurrentIOs <= 0) {
    options.jetStreamConcurrentIOs = Defaults.jetStreamConcurrentIOs;
  }
}
