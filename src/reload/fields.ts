/**
 * Each option with what a change of it means, in the order in which they are compared. What is
 * not in the table cannot change while the server runs.
 *
 * Reference: diffOptions in server/reload.go.
 *
 * @module
 */
import { inspect, isDeepStrictEqual } from "node:util";
import { formatDurationMs } from "../base/text/duration.ts";
import { AddressError, parseHostPort } from "../base/text/host_port.ts";
import { IntegerError } from "../base/text/size.ts";
import type { NkeyUser, Options } from "../config/mod.ts";
import { evictProxied } from "../core/auth/proxies.ts";
import { friendlyBytes } from "../jetstream/mod.ts";
import { type Change, type Comparison, notSupported, type Part, ReloadError } from "./change.ts";
import { SYSTEM_ACCOUNT } from "../core/account/account.ts";
import { applyMaxConnections, applyMaxControlLine, applyMaxPayload } from "./limits.ts";
import { applyTls } from "./tls.ts";
import { movePortsFile, rewritePidFile } from "./runtime_files.ts";

type Name = keyof Options;
/** What a changed option means; null for nothing. Throws {@linkcode ReloadError}. */
type Rule = (comparison: Comparison) => Change | null;

/** A change that only has to be said, since the option is read where it is used. */
function said(text: (next: Options) => string, ...parts: Part[]): Rule {
  return ({ next }) => ({ log: text(next), parts });
}

const ignored: Rule = () => null;

function seconds(ms: number): string {
  return String(ms / 1000);
}

/** Throws {@linkcode ReloadError} when clients cannot be told this address. */
export function checkAdvertise({ clientAdvertise: advertise }: Options): void {
  if (advertise === "") return;
  try {
    parseHostPort(advertise, 0);
  } catch (error) {
    if (!(error instanceof AddressError || error instanceof IntegerError)) throw error;
    throw new ReloadError(
      `invalid ClientAdvertise value of ${advertise}, err=${error.message}`,
      { cause: error },
    );
  }
}

function clientAdvertise({ next }: Comparison): Change {
  const { clientAdvertise: advertise } = next;
  return {
    lines: [`Reload: client_advertise = ${advertise}`],
    apply: (server) => server.advertise(),
  };
}

/** Only the `tls` block can change, and does so without a line in the log. */
function websocket({ current, next }: Comparison): null {
  const rest = ({ websocket }: Readonly<Options>) => ({ ...websocket, tlsConfig: null });
  if (isDeepStrictEqual(rest(current), rest(next))) return null;
  throw unsupported("websocket", current, next);
}

function noAuthUser({ current, next }: Comparison): null {
  const { noAuthUser: user } = current;
  const stillThere = (next.users ?? []).some(({ username }) => username === user);
  if (user !== "" && next.noAuthUser === "" && !stillThere) return null;
  throw unsupported("noAuthUser", current, next);
}

function cluster({ current, next }: Comparison): Change {
  const from = current.cluster;
  const to = next.cluster;
  if (from.host !== to.host) {
    throw notSupported(`cluster host: old=${from.host}, new=${to.host}`);
  }
  if (from.port !== to.port) {
    throw notSupported(`cluster port: old=${from.port}, new=${to.port}`);
  }
  return {
    log: "cluster",
    parts: ["authorization"],
    apply: (server) => server.joinCluster(),
  };
}

function accountResolver({ current, next }: Comparison): Change {
  const from = current.accountResolver;
  const to = next.accountResolver;
  if ((from === null) !== (to === null)) {
    throw new ReloadError("config reload does not support moving to or from an account resolver");
  }
  // A directory in use stays; the reference takes another one over without opening it.
  if (from?.kind !== to?.kind || (from !== null && "dir" in from)) {
    throw unsupported("accountResolver", current, next);
  }
  return { log: "accounts", parts: ["authorization"] };
}

function jetStreamLimit(name: "jetStreamMaxMemory" | "jetStreamMaxStore", key: string): Rule {
  return ({ server, current, next }) => {
    if (server.jetStream === null || !next.jetStream) return null;
    const from = current[name];
    const to = next[name];
    if (from !== -1 && to === -1) throw notSupported("jetstream max memory and max store");
    if (from === -1) throw notSupported("jetstream dynamic max memory and store");
    if (to < from) throw notSupported("decreasing jetstream max memory and store");
    return {
      log: `JetStream ${key} = ${friendlyBytes(to)}`,
      parts: ["statistics"],
      apply: ({ jetStream }) => jetStream?.raiseLimits({ [name]: to }),
    };
  };
}

function storeDir({ server, next }: Comparison): null {
  if (server.jetStream === null) return null;
  if (next.storeDir !== "") throw notSupported("jetstream storage directory");
  if (next.jetStream) throw notSupported("jetstream storage dir");
  return null;
}

function concurrentIos({ current, next }: Comparison): null {
  if (next.jetStream) throw unsupported("jetStreamConcurrentIOs", current, next);
  next.jetStreamConcurrentIOs = current.jetStreamConcurrentIOs;
  return null;
}

/** Trusted proxies by their keys. */
function proxies({ current, next }: Comparison): Change | null {
  const keys = ({ proxies: some }: Readonly<Options>): Set<string> =>
    new Set((some?.trusted ?? []).map(({ key }) => key));
  const before = keys(current);
  const after = keys(next);
  const removed = [...before].filter((key) => !after.has(key));
  const added = [...after].filter((key) => !before.has(key));
  const list = (some: string[]): string => `[${some.map((key) => `"${key}"`).join(" ")}]`;
  const lines = [
    ...(removed.length === 0
      ? []
      : [`Reloaded: proxies trusted keys ${list(removed)} were removed`]),
    ...(added.length === 0 ? [] : [`Reloaded: proxies trusted keys ${list(added)} were added`]),
  ];
  if (lines.length === 0) return null;
  return {
    lines,
    apply: ({ clients }) => evictProxied([...clients.values()], new Set(removed)),
  };
}

/** Go's name of each option that has a rule or a name of its own there, and the rule. */
const FIELDS: readonly [name: Name, goName: string, rule?: Rule][] = [
  ["configFile", "ConfigFile"],
  ["serverName", "ServerName"],
  ["host", "Host"],
  ["port", "Port"],
  ["dontListen", "DontListen"],
  ["clientAdvertise", "ClientAdvertise", clientAdvertise],
  ["trace", "Trace", said(({ trace }) => `trace = ${trace}`, "logging")],
  ["debug", "Debug", said(({ debug }) => `debug = ${debug}`, "logging")],
  [
    "traceVerbose",
    "TraceVerbose",
    said(({ traceVerbose }) => `trace_verbose = ${traceVerbose}`, "logging"),
  ],
  [
    "traceHeaders",
    "TraceHeaders",
    said(({ traceHeaders }) => `trace_headers = ${traceHeaders}`, "logging"),
  ],
  ["noLog", "NoLog", ignored],
  ["noSigs", "NoSigs", ignored],
  ["noSublistCache", "NoSublistCache"],
  ["noHeaderSupport", "NoHeaderSupport"],
  ["disableShortFirstPing", "DisableShortFirstPing", ({ current, next }) => {
    next.disableShortFirstPing = current.disableShortFirstPing;
    return null;
  }],
  ["logtime", "Logtime", said(({ logtime }) => `logtime = ${logtime}`, "logging")],
  ["logtimeUtc", "LogtimeUTC", said(({ logtimeUtc }) => `logtime_utc = ${logtimeUtc}`, "logging")],
  ["logFormat", "LogFormat", said(({ logFormat }) => `log_format = ${logFormat}`, "logging")],
  [
    "maxConn",
    "MaxConn",
    ({ next: { maxConn } }) => ({
      log: `max_connections = ${maxConn}`,
      apply: applyMaxConnections,
    }),
  ],
  ["maxSubs", "MaxSubs"],
  ["maxSubTokens", "MaxSubTokens"],
  ["nkeys", "Nkeys", said(() => "authorization nkey users", "authorization")],
  // Accounts and users are looked at on each reload.
  ["users", "Users"],
  ["accounts", "Accounts"],
  ["noAuthUser", "NoAuthUser", noAuthUser],
  [
    "defaultSentinel",
    "DefaultSentinel",
    // The sentinel is a credential.
    said(() => "default_sentinel", "authorization"),
  ],
  ["systemAccount", "SystemAccount", ({ current, next }) => {
    // The account of this name is the system account without being named.
    if (current.systemAccount === SYSTEM_ACCOUNT && next.systemAccount === "") return null;
    throw unsupported("systemAccount", current, next);
  }],
  ["noSystemAccount", "NoSystemAccount"],
  ["username", "Username", said(() => "authorization username", "authorization")],
  ["password", "Password", said(() => "authorization password", "authorization")],
  ["proxyRequired", "ProxyRequired"],
  ["proxyProtocol", "ProxyProtocol"],
  ["authorization", "Authorization", said(() => "authorization token", "authorization")],
  ["authCallout", "AuthCallout"],
  [
    "pingIntervalMs",
    "PingInterval",
    said(({ pingIntervalMs }) => `ping_interval = ${formatDurationMs(pingIntervalMs)}`),
  ],
  ["maxPingsOut", "MaxPingsOut", said(({ maxPingsOut }) => `ping_max = ${maxPingsOut}`)],
  ["httpHost", "HTTPHost"],
  ["httpPort", "HTTPPort"],
  ["httpBasePath", "HTTPBasePath"],
  ["httpsPort", "HTTPSPort"],
  [
    "authTimeoutMs",
    "AuthTimeout",
    said(({ authTimeoutMs }) => `authorization timeout = ${seconds(authTimeoutMs)}`),
  ],
  [
    "maxControlLine",
    "MaxControlLine",
    ({ next: { maxControlLine } }) => ({
      log: `max_control_line = ${maxControlLine}`,
      apply: applyMaxControlLine,
    }),
  ],
  [
    "maxPayload",
    "MaxPayload",
    ({ next: { maxPayload } }) => ({
      log: `max_payload = ${maxPayload}`,
      apply: applyMaxPayload,
    }),
  ],
  ["maxPending", "MaxPending"],
  [
    "noFastProducerStall",
    "NoFastProducerStall",
    said(({ noFastProducerStall }) =>
      `fast producers will ${noFastProducerStall ? "not " : ""}be stalled`
    ),
  ],
  ["cluster", "Cluster", cluster],
  ["gateway", "Gateway"],
  ["leafNode", "LeafNode"],
  ["jetStream", "JetStream", said(() => "JetStream", "jetstream", "statistics")],
  ["noJetStreamStrict", "NoJetStreamStrict"],
  [
    "jetStreamMaxMemory",
    "JetStreamMaxMemory",
    jetStreamLimit("jetStreamMaxMemory", "max_mem_store"),
  ],
  ["jetStreamMaxStore", "JetStreamMaxStore", jetStreamLimit("jetStreamMaxStore", "max_file_store")],
  ["jetStreamDomain", "JetStreamDomain"],
  ["jetStreamExtHint", "JetStreamExtHint"],
  ["jetStreamKey", "JetStreamKey"],
  ["jetStreamOldKey", "JetStreamOldKey"],
  ["jetStreamCipher", "JetStreamCipher"],
  ["jetStreamUniqueTag", "JetStreamUniqueTag"],
  ["jetStreamLimits", "JetStreamLimits"],
  ["jetStreamTpm", "JetStreamTpm"],
  ["jetStreamMaxCatchup", "JetStreamMaxCatchup"],
  ["jetStreamRequestQueueLimit", "JetStreamRequestQueueLimit"],
  ["jetStreamInfoQueueLimit", "JetStreamInfoQueueLimit"],
  ["jetStreamMetaCompact", "JetStreamMetaCompact", ignored],
  ["jetStreamMetaCompactSize", "JetStreamMetaCompactSize", ignored],
  ["jetStreamMetaCompactSync", "JetStreamMetaCompactSync", ignored],
  ["jetStreamConcurrentIOs", "JetStreamConcurrentIOs", concurrentIos],
  ["storeDir", "StoreDir", storeDir],
  ["syncIntervalMs", "SyncInterval"],
  ["syncAlways", "SyncAlways"],
  ["websocket", "Websocket", websocket],
  ["mqtt", "MQTT"],
  ["profPort", "ProfPort"],
  [
    "profBlockRate",
    "ProfBlockRate",
    said(({ profBlockRate }) => `prof_block_rate = ${profBlockRate}`),
  ],
  ["pidFile", "PidFile", ({ next: { pidFile } }) => ({
    log: pidFile === "" ? "" : `pid_file = ${pidFile}`,
    apply: rewritePidFile,
  })],
  ["portsFileDir", "PortsFileDir", ({ current, next }) => ({
    log: `ports_file_dir = ${next.portsFileDir}`,
    apply: movePortsFile(current.portsFileDir),
  })],
  ["logFile", "LogFile", said(({ logFile }) => `log_file = ${logFile}`, "logging")],
  ["logSizeLimit", "LogSizeLimit"],
  ["logMaxFiles", "LogMaxFiles"],
  ["syslog", "Syslog", said(({ syslog }) => `syslog = ${syslog}`, "logging")],
  [
    "remoteSyslog",
    "RemoteSyslog",
    said(({ remoteSyslog }) => `remote_syslog = ${remoteSyslog}`, "logging"),
  ],
  ["routes", "Routes", said(() => "cluster routes")],
  [
    "tlsTimeoutMs",
    "TLSTimeout",
    said(({ tlsTimeoutMs }) => `tls timeout = ${seconds(tlsTimeoutMs)}`),
  ],
  ["tls", "TLS"],
  ["tlsVerify", "TLSVerify"],
  ["tlsMap", "TLSMap"],
  ["tlsCert", "TLSCert"],
  ["tlsKey", "TLSKey"],
  ["tlsCaCert", "TLSCaCert"],
  ["tlsConfig", "TLSConfig", ({ next }) => ({
    log: `tls = ${next.tlsConfig === null ? "disabled" : "enabled"}`,
    apply: applyTls,
  })],
  [
    "tlsPinnedCerts",
    "TLSPinnedCerts",
    said(({ tlsPinnedCerts }) => `${tlsPinnedCerts?.size ?? 0} pinned_certs`),
  ],
  ["tlsRateLimit", "TLSRateLimit"],
  [
    "tlsHandshakeFirst",
    "TLSHandshakeFirst",
    said(({ tlsHandshakeFirst }) => `Client TLS handshake first: ${tlsHandshakeFirst}`),
  ],
  [
    "tlsHandshakeFirstFallbackMs",
    "TLSHandshakeFirstFallback",
    said(({ tlsHandshakeFirstFallbackMs: ms }) =>
      `Client TLS handshake first fallback delay: ${formatDurationMs(ms)}`
    ),
  ],
  ["allowNonTls", "AllowNonTLS"],
  [
    "writeDeadlineMs",
    "WriteDeadline",
    said(({ writeDeadlineMs }) => `write_deadline = ${formatDurationMs(writeDeadlineMs)}`),
  ],
  ["writeTimeout", "WriteTimeout"],
  ["maxClosedClients", "MaxClosedClients"],
  ["lameDuckDurationMs", "LameDuckDuration"],
  ["lameDuckGracePeriodMs", "LameDuckGracePeriod"],
  [
    "maxTracedMsgLen",
    "MaxTracedMsgLen",
    said(({ maxTracedMsgLen }) => `max_traced_msg_len = ${maxTracedMsgLen}`),
  ],
  ["trustedKeys", "TrustedKeys", ({ current, next }) => {
    // Those of operators go with the operators, which are compared next.
    if (current.trustedOperators.length > 0) return null;
    throw unsupported("trustedKeys", current, next);
  }],
  ["trustedOperators", "TrustedOperators"],
  ["accountResolver", "AccountResolver", accountResolver],
  [
    "accountResolverTlsConfig",
    "AccountResolverTLSConfig",
    said(() => "accounts", "authorization"),
  ],
  // These count only together with an option of the reference's.
  ["resolverPreloads", "resolverPreloads", ignored],
  ["resolverPinnedAccounts", "resolverPinnedAccounts", ignored],
  ["alwaysEnableNonce", "AlwaysEnableNonce"],
  ["checkConfig", "CheckConfig"],
  ["disableJetStreamBanner", "DisableJetStreamBanner"],
  [
    "connectErrorReports",
    "ConnectErrorReports",
    said(({ connectErrorReports }) => `connect_error_reports = ${connectErrorReports}`),
  ],
  [
    "reconnectErrorReports",
    "ReconnectErrorReports",
    said(({ reconnectErrorReports }) => `reconnect_error_reports = ${reconnectErrorReports}`),
  ],
  ["tags", "Tags", said(() => "tags", "statistics")],
  ["metadata", "Metadata", said(() => "metadata", "statistics")],
  ["featureFlags", "FeatureFlags"],
  ["ocspConfig", "OCSPConfig", said(() => "OCSP")],
  ["ocspCacheConfig", "OCSPCacheConfig", () => ({ lines: ["Reloaded OCSP peer cache"] })],
  ["proxies", "Proxies", proxies],
];

/** Says nothing by itself: other options or the way of the file say it. */
const UNCOMPARED: ReadonlySet<Name> = new Set<Name>([
  "users",
  "accounts",
  "routesStr",
  "inConfig",
  "inCmdLine",
  "maxMemSet",
  "maxStoreSet",
  "syncSet",
  "authBlockDefined",
  "configDigest",
]);

const SECRETS: ReadonlySet<Name> = new Set<Name>(["jetStreamKey", "jetStreamOldKey"]);

/** `%v` of a value, without what must not be seen. */
function shown(name: Name, value: unknown): string {
  if (SECRETS.has(name)) return value === "" ? "" : "[REDACTED]";
  if (typeof value === "number" && name.endsWith("Ms")) return formatDurationMs(value);
  if (value === null) return "<nil>";
  // Blocks may hold secrets, and say little when printed.
  return typeof value === "object" ? "{...}" : String(value);
}

function unsupported(name: Name, current: Readonly<Options>, next: Options): ReloadError {
  const goName = FIELDS.find(([field]) => field === name)?.[1] ?? name;
  const from = shown(name, current[name]);
  const to = shown(name, next[name]);
  return notSupported(`${goName}: old=${from}, new=${to}`);
}

const UNORDERED: ReadonlySet<Name> = new Set<Name>(["trustedKeys", "tags", "routes"]);

/** Lists whose order says nothing are compared in one order. */
function ordered(name: Name, value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  if (name === "nkeys") {
    return (value as NkeyUser[]).toSorted((a, b) => a.nkey < b.nkey ? -1 : 1);
  }
  return UNORDERED.has(name) ? value.map((one) => inspect(one)).sort() : value;
}

/** The changes from the current options to the next. Throws {@linkcode ReloadError}. */
export function compareOptions(comparison: Comparison): Change[] {
  const { current, next } = comparison;
  const changes: Change[] = [];
  const names = new Set<Name>(FIELDS.map(([name]) => name));
  const rest = (Object.keys(next) as Name[]).filter((name) =>
    !names.has(name) && !UNCOMPARED.has(name)
  );
  const fields = [...FIELDS, ...rest.map((name) => [name, name] as [Name, string])];
  for (const [name, , rule] of fields) {
    if (name === "users" || name === "accounts") {
      const log = name === "users" ? "authorization users" : "accounts";
      changes.push({ log, parts: ["authorization"] });
      continue;
    }
    if (isDeepStrictEqual(ordered(name, current[name]), ordered(name, next[name]))) {
      // What could not start is tried again.
      const missing = name === "jetStream" && next.jetStream &&
        comparison.server.jetStream === null;
      if (!missing) continue;
    }
    if (rule === undefined) throw unsupported(name, current, next);
    const change = rule(comparison);
    if (change !== null) changes.push(change);
  }
  return changes;
}
