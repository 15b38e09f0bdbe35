/**
 * `/varz`: what the server is, how it is configured, and its totals.
 *
 * Reference: Varz, createVarz, updateVarzRuntimeFields in server/monitor.go.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { encodeJson } from "../base/json/mod.ts";
import { operatorClaimsShape } from "../identity/mod.ts";
import { textOfByteString } from "../base/text/byte_string.ts";
import type { Options, TlsOptions } from "../config/mod.ts";
import { mergedFeatureFlags } from "../config/feature_flags.ts";
import type { KindCounts } from "../core/core.ts";
import type { JetStream } from "../jetstream/mod.ts";
import type { ConfigSource } from "../platform/config_source.ts";
import { nsOfMs, omitEmpty, omitEmptyList, timeText, uptimeText } from "./go_values.ts";
import {
  jetStreamConfigShape,
  jetStreamStats,
  jetStreamStatsShape,
  limitsShape,
  shownConfig,
  shownLimits,
} from "./jsz.ts";
import { leafCount } from "./leafz.ts";
import type { MonitoredServer } from "./source.ts";

const NS_PER_MS = 1_000_000;

/** Ends of certificates by the block they serve; undefined where there is none. */
export interface CertificateEnds {
  readonly client: string | undefined;
  readonly cluster: string | undefined;
  readonly gateway: string | undefined;
  readonly leafNode: string | undefined;
  readonly mqtt: string | undefined;
  readonly websocket: string | undefined;
}

/** Reads until when the configured certificates are valid. Throws FileError. */
export function certificateEnds(options: Options, files: ConfigSource): CertificateEnds {
  const end = (tls: TlsOptions | null): string | undefined => {
    const path = tls?.certFile || tls?.certificates[0]?.certFile;
    if (path === undefined || path === "") return undefined;
    const { validTo } = new X509Certificate(files.readFile(path));
    return timeText(nsOfMs(Date.parse(validTo)));
  };
  return {
    client: end(options.tlsConfig),
    cluster: end(options.cluster.tlsConfig),
    gateway: end(options.gateway.tlsConfig),
    leafNode: end(options.leafNode.tlsConfig),
    mqtt: end(options.mqtt.tlsConfig),
    websocket: end(options.websocket.tlsConfig),
  };
}

/** Go prints maps sorted by key. */
function sortedRecord<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  return Object.fromEntries([...entries].sort(([a], [b]) => a < b ? -1 : 1));
}

function configuredParts(options: Options, ends: CertificateEnds) {
  const { cluster, gateway, leafNode } = options;
  return {
    cluster: {
      name: omitEmpty(cluster.name),
      addr: omitEmpty(cluster.host),
      cluster_port: omitEmpty(cluster.port),
      auth_timeout: omitEmpty(cluster.authTimeoutMs / 1000),
      tls_timeout: omitEmpty(cluster.tlsTimeoutMs / 1000),
      tls_required: omitEmpty(cluster.tlsConfig !== null),
      tls_verify: omitEmpty(cluster.tlsConfig !== null),
      pool_size: omitEmpty(cluster.poolSize),
      tls_cert_not_after: ends.cluster,
    },
    gateway: {
      name: omitEmpty(gateway.name),
      host: omitEmpty(gateway.host),
      port: omitEmpty(gateway.port),
      auth_timeout: omitEmpty(gateway.authTimeoutMs / 1000),
      tls_timeout: omitEmpty(gateway.tlsTimeoutMs / 1000),
      tls_required: omitEmpty(gateway.tlsConfig !== null),
      tls_verify: omitEmpty(gateway.tlsConfig !== null),
      advertise: omitEmpty(gateway.advertise),
      connect_retries: omitEmpty(gateway.connectRetries),
      reject_unknown: omitEmpty(gateway.rejectUnknown),
      tls_cert_not_after: ends.gateway,
    },
    leaf: {
      host: omitEmpty(leafNode.host),
      port: omitEmpty(leafNode.port),
      auth_timeout: omitEmpty(leafNode.authTimeoutMs / 1000),
      tls_timeout: omitEmpty(leafNode.tlsTimeoutMs / 1000),
      tls_required: omitEmpty(leafNode.tlsConfig !== null),
      tls_verify: omitEmpty(leafNode.tlsConfig?.verify ?? false),
      tls_cert_not_after: ends.leafNode,
    },
    mqtt: { ...mqttPart(options), tls_cert_not_after: ends.mqtt },
    websocket: { ...websocketPart(options), tls_cert_not_after: ends.websocket },
  };
}

/** What `/varz` shows of the MQTT listener. */
function mqttPart({ mqtt }: Options) {
  if (mqtt.port === 0) return {};
  return {
    host: omitEmpty(mqtt.host),
    port: omitEmpty(mqtt.port),
    no_auth_user: omitEmpty(mqtt.noAuthUser),
    auth_timeout: omitEmpty(mqtt.authTimeoutMs / 1000),
    tls_map: omitEmpty(mqtt.tlsMap),
    tls_timeout: omitEmpty(mqtt.tlsTimeoutMs / 1000),
    tls_pinned_certs: omitEmptyList([...mqtt.tlsPinnedCerts ?? []]),
    js_domain: omitEmpty(mqtt.jsDomain),
    ack_wait: omitEmpty(mqtt.ackWaitMs * NS_PER_MS),
    max_ack_pending: omitEmpty(mqtt.maxAckPending),
    tls_ocsp_peer_verify: omitEmpty(mqtt.tlsConfig?.ocspPeer?.verify ?? false),
  };
}

/** What `/varz` shows of the WebSocket listener. */
function websocketPart({ websocket }: Options) {
  return {
    host: omitEmpty(websocket.host),
    port: omitEmpty(websocket.port),
    advertise: omitEmpty(websocket.advertise),
    no_auth_user: omitEmpty(websocket.noAuthUser),
    jwt_cookie: omitEmpty(websocket.jwtCookie),
    handshake_timeout: omitEmpty(websocket.handshakeTimeoutMs * NS_PER_MS),
    auth_timeout: omitEmpty(websocket.authTimeoutMs / 1000),
    no_tls: omitEmpty(websocket.noTls),
    tls_map: omitEmpty(websocket.tlsMap),
    tls_pinned_certs: omitEmptyList([...websocket.tlsPinnedCerts ?? []]),
    same_origin: omitEmpty(websocket.sameOrigin),
    allowed_origins: omitEmptyList(websocket.allowedOrigins),
    compression: omitEmpty(websocket.compression),
    tls_ocsp_peer_verify: omitEmpty(websocket.tlsConfig?.ocspPeer?.verify ?? false),
  };
}

/** What JetStream may use and uses; none of it is beyond 2^53. */
export function jetStreamPart(js: JetStream) {
  return {
    config: JSON.parse(encodeJson(jetStreamConfigShape, shownConfig(js.config))),
    stats: JSON.parse(encodeJson(jetStreamStatsShape, jetStreamStats(js))),
    limits: JSON.parse(encodeJson(limitsShape, shownLimits(js.options.jetStreamLimits))),
  };
}

/** A figure told apart by kind of connection. */
export function kindFields({ client, route, gateway, leafnode }: KindCounts) {
  return { clients: client, routes: route, gateways: gateway, leafs: leafnode };
}

function ocspCachePart({ cache }: MonitoredServer["ocsp"]) {
  if (cache === null) return undefined;
  const { type, stats } = cache;
  return {
    cache_type: type,
    cache_hits: omitEmpty(stats.hits),
    cache_misses: omitEmpty(stats.misses),
    cached_responses: omitEmpty(stats.responses),
    cached_revoked_responses: omitEmpty(stats.revokes),
    cached_good_responses: omitEmpty(stats.goods),
    cached_unknown_responses: omitEmpty(stats.unknowns),
  };
}

/** What `/varz` shows. `requests` counts the requests by path. */
export function varz(
  server: MonitoredServer,
  ends: CertificateEnds,
  requests: ReadonlyMap<string, number>,
): Record<string, unknown> {
  const { info, options, env, core: { stats, systemAccount } } = server;
  const usage = env.process.usage();
  const start = timeText(nsOfMs(server.startMs));
  return {
    server_id: info.server_id,
    server_name: info.server_name,
    version: info.version,
    proto: info.proto,
    git_commit: omitEmpty(info.git_commit),
    go: info.go,
    host: info.host,
    port: info.port,
    auth_required: omitEmpty(info.auth_required),
    tls_required: omitEmpty(info.tls_required),
    tls_verify: omitEmpty(info.tls_verify),
    tls_ocsp_peer_verify: omitEmpty(server.ocsp.verifies && info.tls_required),
    ip: omitEmpty(info.ip),
    connect_urls: omitEmptyList(info.connect_urls),
    ws_connect_urls: omitEmptyList(info.ws_connect_urls),
    max_connections: options.maxConn,
    max_subscriptions: omitEmpty(options.maxSubs),
    ping_interval: Math.round(options.pingIntervalMs * NS_PER_MS),
    ping_max: options.maxPingsOut,
    http_host: options.httpHost,
    http_port: options.httpPort,
    http_base_path: options.httpBasePath,
    https_port: options.httpsPort,
    auth_timeout: options.authTimeoutMs / 1000,
    max_control_line: options.maxControlLine,
    max_payload: options.maxPayload,
    max_pending: options.maxPending,
    ...configuredParts(options, ends),
    jetstream: server.jetStream === null ? {} : jetStreamPart(server.jetStream),
    tls_timeout: options.tlsTimeoutMs / 1000,
    write_deadline: Math.round(options.writeDeadlineMs * NS_PER_MS),
    write_timeout: options.writeTimeout === "default" ? undefined : options.writeTimeout,
    start,
    now: timeText(env.clock.nowNs()),
    uptime: uptimeText(env.clock.nowMs() - server.startMs),
    mem: usage.residentBytes,
    cores: env.process.cpuCount,
    gomaxprocs: env.process.cpuCount,
    cpu: Math.trunc(usage.cpuPercent * 10) / 10,
    connections: server.clients.size,
    total_connections: server.totalConnections,
    routes: 0,
    remotes: 0,
    leafnodes: leafCount(server),
    in_msgs: stats.inMsgs,
    in_bytes: stats.inBytes,
    in_client_msgs: stats.inClientMsgs,
    in_client_bytes: stats.inClientBytes,
    out_msgs: stats.outMsgs,
    out_bytes: stats.outBytes,
    out_client_msgs: stats.outClientMsgs,
    out_client_bytes: stats.outClientBytes,
    slow_consumers: stats.slowConsumers,
    stale_connections: stats.staleConnections,
    stalled_clients: stats.stalls,
    subscriptions: server.subscriptionCount,
    http_req_stats: sortedRecord(requests),
    config_load_time: timeText(nsOfMs(server.configLoadMs)),
    config_digest: options.configDigest,
    tags: omitEmptyList(options.tags),
    metadata: options.metadata.size === 0 ? undefined : sortedRecord(options.metadata),
    feature_flags: sortedRecord(mergedFeatureFlags(options.featureFlags)),
    trusted_operators_jwt: omitEmptyList(options.trustedOperators.map(({ jwt }) => jwt)),
    trusted_operators_claim: omitEmptyList(
      options.trustedOperators.map(({ claims }) =>
        JSON.parse(encodeJson(operatorClaimsShape, claims))
      ),
    ),
    system_account: systemAccount === null ? undefined : textOfByteString(systemAccount.name),
    pinned_account_fails: omitEmpty(server.core.operators?.pinnedAccountFailures ?? 0),
    ocsp_peer_cache: ocspCachePart(server.ocsp),
    slow_consumer_stats: kindFields(stats.slowConsumersByKind),
    stale_connection_stats: kindFields(stats.staleConnectionsByKind),
    disk_io_wait_stats: { waiters: 0, waits: 0, wait_time: 0, max_wait_time: 0 },
    proxies: options.proxies === null ? undefined : {
      trusted: omitEmptyList(options.proxies.trusted),
    },
    tls_cert_not_after: ends.client,
    natsts: server.natstsVersion,
  };
}

/** What `/varz` would show of a server without monitoring. Throws FileError. */
export function varzUnmonitored(server: MonitoredServer): Record<string, unknown> {
  return varz(server, certificateEnds(server.options, server.env.files), new Map());
}
