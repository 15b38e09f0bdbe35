/**
 * Reads the fields at the top level of a configuration.
 *
 * Reference: processConfigFileLine in server/opts.go.
 *
 * @module
 */
import { formatDurationMs } from "../base/text/duration.ts";
import { newAccountOptions } from "./account_options.ts";
import { Defaults } from "./baseline.ts";
import { ConfigError, UnknownFieldError } from "./errors.ts";
import { asString, type Field, fieldTable, type Processing, typeName } from "./fields.ts";
import { isValidPublicKey } from "./nkeys.ts";
import type { ExplicitFlags, Options } from "./options.ts";
import type { ConfigToken } from "./parser.ts";
import { readAccounts, readMappings, takenNames } from "./process_accounts.ts";
import { readAuthorization } from "./process_auth.ts";
import { readCluster, readGateway } from "./process_cluster.ts";
import { readJetStream } from "./process_jetstream.ts";
import { readLeafNodes } from "./process_leafnode.ts";
import { readOcsp, readOcspCache } from "./process_ocsp.ts";
import { readOperators, readPreloads, readResolver } from "./process_operator.ts";
import { durationOrFail, readListen, readWriteTimeout } from "./process_shared.ts";
import { readTls } from "./process_tls.ts";
import { readMqtt, readWebsocket } from "./process_websocket.ts";
import { quoteText } from "./url.ts";

type BooleanKey = {
  [K in keyof Options]: Options[K] extends boolean ? K : never;
}[keyof Options];

/** Sets booleans and remembers, by the reference's names, that the file said so. */
function explicit(options: Options, value: boolean, keys: Record<string, BooleanKey>): void {
  const remember: ExplicitFlags = options.inConfig;
  for (const [name, key] of Object.entries(keys)) {
    options[key] = value;
    remember.set(name, value);
  }
}

const INT32_MAX = 2 ** 31 - 1;

function int32(field: Field): number {
  const value = field.int();
  if (value > INT32_MAX) throw field.error(`${field.key} value is too big`);
  return value;
}

/** All fields of the top level, by lower case name. */
export const topFields = fieldTable<Options>({
  "listen": (options, field) => readListen(options, field),
  "client_advertise": (options, field) => void (options.clientAdvertise = field.string()),
  "port": (options, field) => void (options.port = field.int()),
  "server_name": (options, field) => {
    const name = field.string();
    if (name.includes(" ")) throw field.error("server name cannot contain spaces");
    options.serverName = name;
  },
  "host|net": (options, field) => void (options.host = field.string()),
  "debug": (options, field) => explicit(options, field.bool(), { Debug: "debug" }),
  "trace": (options, field) => explicit(options, field.bool(), { Trace: "trace" }),
  "trace_verbose": (options, field) => {
    explicit(options, field.bool(), { TraceVerbose: "traceVerbose", Trace: "trace" });
  },
  "trace_headers": (options, field) => {
    explicit(options, field.bool(), { TraceHeaders: "traceHeaders", Trace: "trace" });
  },
  "logtime": (options, field) => explicit(options, field.bool(), { Logtime: "logtime" }),
  "logtime_utc": (options, field) => {
    explicit(options, field.bool(), { LogtimeUTC: "logtimeUtc" });
  },
  // Not in the reference.
  "log_format": (options, field) => {
    const format = field.string();
    if (format !== "text" && format !== "json") {
      throw field.error(`log_format must be 'text' or 'json', got ${quoteText(format)}`);
    }
    options.logFormat = format;
  },
  "mappings|maps": (options, field) => {
    const account = newAccountOptions(Defaults.globalAccount);
    options.accounts.push(account);
    readMappings(account, field);
  },
  "disable_sublist_cache|no_sublist_cache": (options, field) => {
    options.noSublistCache = field.bool();
  },
  "accounts": (_, field) => readAccounts(field.process, field.token),
  "default_sentinel": (options, field) => void (options.defaultSentinel = field.string()),
  "authorization": readTopAuthorization,
  "http": (options, field) => {
    const address = { host: "", port: 0 };
    readListen(address, field);
    options.httpHost = address.host;
    options.httpPort = address.port;
  },
  "https": (options, field) => {
    const address = { host: "", port: 0 };
    readListen(address, field);
    options.httpHost = address.host;
    options.httpsPort = address.port;
  },
  "http_port|monitor_port": (options, field) => void (options.httpPort = field.int()),
  "https_port": (options, field) => void (options.httpsPort = field.int()),
  "http_base_path": (options, field) => void (options.httpBasePath = field.string()),
  "cluster": (_, field) => readCluster(field.process, field.token),
  "gateway": (_, field) => readGateway(field.process, field.token),
  "leaf|leafnodes": (_, field) => readLeafNodes(field.process, field.token),
  "store_dir|storedir": (options, field) => {
    if (options.storeDir !== "") throw field.error("Duplicate 'store_dir' configuration");
    options.storeDir = field.string();
  },
  "jetstream": (_, field) => readJetStream(field.process, field.token),
  "logfile|log_file": (options, field) => void (options.logFile = field.string()),
  "logfile_size_limit|log_size_limit": (options, field) => {
    options.logSizeLimit = field.int();
  },
  "logfile_max_num|log_max_num": (options, field) => void (options.logMaxFiles = field.int()),
  "syslog": (options, field) => explicit(options, field.bool(), { Syslog: "syslog" }),
  "remote_syslog": (options, field) => void (options.remoteSyslog = field.string()),
  "pidfile|pid_file": (options, field) => void (options.pidFile = field.string()),
  "ports_file_dir": (options, field) => void (options.portsFileDir = field.string()),
  "prof_port": (options, field) => void (options.profPort = field.int()),
  "prof_block_rate": (options, field) => void (options.profBlockRate = field.int()),
  "max_control_line": (options, field) => void (options.maxControlLine = int32(field)),
  "max_payload": (options, field) => void (options.maxPayload = int32(field)),
  "max_pending": (options, field) => void (options.maxPending = field.int()),
  "proxy_protocol": (options, field) => void (options.proxyProtocol = field.bool()),
  "max_connections|max_conn": (options, field) => {
    options.maxConn = field.int() || -1; // 0 is unlimited here, and unset elsewhere
  },
  "max_traced_msg_len": (options, field) => void (options.maxTracedMsgLen = field.int()),
  "max_subscriptions|max_subs": (options, field) => void (options.maxSubs = field.int()),
  "max_sub_tokens|max_subscription_tokens": (options, field) => {
    const tokens = field.int();
    if (tokens > 255) throw field.error(`${field.key} value is too big`);
    if (tokens <= 0) throw field.error(`${field.key} value can not be negative`);
    options.maxSubTokens = tokens;
  },
  "ping_interval": (options, field) => {
    options.pingIntervalMs = field.duration("ping_interval");
  },
  "ping_max": (options, field) => void (options.maxPingsOut = field.int()),
  "tls": (options, field) => {
    const tls = readTls(field.process, field.token, "client");
    options.tlsConfig = tls;
    options.tlsTimeoutMs = tls.timeoutMs;
    options.tlsMap = tls.map;
    options.tlsPinnedCerts = tls.pinnedCerts;
    options.tlsRateLimit = tls.rateLimit;
    options.tlsHandshakeFirst = tls.handshakeFirst;
    options.tlsHandshakeFirstFallbackMs = tls.fallbackDelayMs;
  },
  "ocsp": readOcsp,
  "ocsp_cache": readOcspCache,
  "allow_non_tls": (options, field) => void (options.allowNonTls = field.bool()),
  "write_deadline": (options, field) => {
    options.writeDeadlineMs = field.duration("write_deadline");
  },
  "write_timeout": (options, field) => void (options.writeTimeout = readWriteTimeout(field)),
  "lame_duck_duration": (options, field) => {
    const ms = durationOrFail(field, field.string(), "error parsing lame_duck_duration: ");
    if (ms < 30_000) {
      throw field.error(
        `invalid lame_duck_duration of ${formatDurationMs(ms)}, minimum is 30 seconds`,
      );
    }
    options.lameDuckDurationMs = ms;
  },
  "lame_duck_grace_period": (options, field) => {
    const ms = durationOrFail(field, field.string(), "error parsing lame_duck_grace_period: ");
    if (ms < 0) throw field.error("invalid lame_duck_grace_period, needs to be positive");
    options.lameDuckGracePeriodMs = ms;
  },
  "operator|operators|roots|root|root_operators|root_operator": readOperators,
  "resolver|account_resolver|accounts_resolver": readResolver,
  "resolver_tls": (options, field) => {
    options.accountResolverTlsConfig = readTls(field.process, field.token, "client");
  },
  "resolver_preload": readPreloads,
  "resolver_pinned_accounts": (options, field) => {
    options.resolverPinnedAccounts = new Set(field.strings("resolver_pinned_accounts") ?? []);
  },
  "no_auth_user": (options, field) => void (options.noAuthUser = field.string()),
  // Read before all others, see `process.ts`.
  "system_account|system": () => {},
  "no_system_account|no_system|no_sys_acc": (options, field) => {
    options.noSystemAccount = field.bool();
  },
  "no_header_support": (options, field) => void (options.noHeaderSupport = field.bool()),
  "trusted|trusted_keys": (options, field) => {
    options.trustedKeys = field.strings("trusted") ?? [];
    for (const key of options.trustedKeys) {
      if (isValidPublicKey(key, "O")) continue;
      const last = Array.isArray(field.value) ? field.value.at(-1) : undefined;
      field.process.report(
        last ?? field.token,
        `trust key ${quoteText(key)} required to be a valid public operator nkey`,
      );
    }
  },
  "connect_error_reports": (options, field) => {
    options.connectErrorReports = field.int();
  },
  "reconnect_error_reports": (options, field) => {
    options.reconnectErrorReports = field.int();
  },
  "websocket|ws": (_, field) => readWebsocket(field.process, field.token),
  "mqtt": (_, field) => readMqtt(field.process, field.token),
  "server_tags": readTags,
  "server_metadata": (options, field) => {
    if (!(field.value instanceof Map)) {
      throw field.error(`error parsing metadata: unsupported type ${typeName(field.value)}`);
    }
    for (const [key, token] of field.value) {
      field.frame.last = token;
      options.metadata.set(key, asString(token.value));
    }
  },
  "feature_flags": (options, field) => {
    if (!(field.value instanceof Map)) {
      throw field.error(
        `error parsing feature flags: unsupported type ${typeName(field.value)}`,
      );
    }
    for (const [key, token] of field.value) {
      if (typeof token.value !== "boolean") {
        throw new ConfigError(
          token,
          `error parsing feature flag ${quoteText(key)}: expected bool, got ${
            typeName(token.value)
          }`,
        );
      }
      options.featureFlags.set(key, token.value);
    }
  },
  "default_js_domain": (options, field) => {
    if (!(field.value instanceof Map)) {
      throw field.error(
        `error default_js_domain config: unsupported type ${typeName(field.value)}`,
      );
    }
    options.jsAccDefaultDomain = new Map();
    for (const [key, token] of field.value) {
      options.jsAccDefaultDomain.set(key, asString(token.value));
    }
  },
  "no_fast_producer_stall": (options, field) => {
    options.noFastProducerStall = field.bool();
  },
  "max_closed_clients": (options, field) => void (options.maxClosedClients = field.int()),
  "proxies": readProxies,
});

function readTopAuthorization(options: Options, field: Field): void {
  const auth = readAuthorization(field.process, field.token);
  if (auth === null) return;
  options.authBlockDefined = true;
  options.username = auth.user;
  options.password = auth.pass;
  options.proxyRequired = auth.proxyRequired;
  options.authorization = auth.token;
  options.authTimeoutMs = auth.timeoutMs;
  options.authCallout = auth.callout;
  if ((auth.user !== "" || auth.pass !== "") && auth.token !== "") {
    throw field.error("Cannot have a user/pass and token");
  }
  // Accounts that were read before may have users already.
  const taken = takenNames(options);
  if (auth.users !== null || taken.size > 0) {
    if (auth.user !== "") {
      throw field.error("Can not have a single user/pass and a users array");
    }
    if (auth.token !== "") throw field.error("Can not have a token and a users array");
    for (const { username } of auth.users ?? []) {
      if (taken.has(username)) {
        throw field.error(`Duplicate user ${quoteText(username)} detected`);
      }
      taken.add(username);
    }
    if (auth.users !== null && auth.users.length > 0) {
      options.users = [...(options.users ?? []), ...auth.users];
    }
  }
  for (const { nkey } of auth.nkeys) {
    if (taken.has(nkey)) throw field.error(`Duplicate nkey ${quoteText(nkey)} detected`);
    taken.add(nkey);
  }
  if (auth.nkeys.length > 0) options.nkeys = [...(options.nkeys ?? []), ...auth.nkeys];
}

function readTags(options: Options, field: Field): void {
  const add = (text: string) => {
    const tag = text.trim().toLowerCase();
    if (tag !== "" && !options.tags.includes(tag)) options.tags.push(tag);
  };
  const { value } = field;
  if (typeof value === "string") add(value);
  else if (Array.isArray(value)) {
    for (const token of value) {
      if (typeof token.value !== "string") {
        throw field.error(
          "error parsing tags: unsupported type *conf.token where string is expected",
        );
      }
      add(token.value);
    }
  } else throw field.error(`error parsing tags: unsupported type ${typeName(value)}`);
}

function readProxies(options: Options, field: Field): void {
  if (!(field.value instanceof Map)) {
    throw field.error(`expected proxies to be a map/struct, got ${typeName(field.value)}`);
  }
  const proxies = { trusted: [] as { key: string }[] };
  const { process, value } = field;
  for (const [key, token] of value) {
    if (key.toLowerCase() === "trusted") {
      process.collect(() => void (proxies.trusted = readTrustedProxies(process, token)));
    } else reportUnknownField(process, key, token);
  }
  options.proxies = proxies;
}

function readTrustedProxies(process: Processing, list: ConfigToken): { key: string }[] {
  if (!Array.isArray(list.value)) {
    throw new ConfigError(
      list,
      `expected proxies' trusted field to be an array, got ${typeName(list.value)}`,
    );
  }
  const trusted: { key: string }[] = [];
  const tokens = list.value;
  process.guard(undefined, (frame) => {
    for (const entry of tokens) {
      frame.last = entry;
      if (!(entry.value instanceof Map)) {
        process.report(
          entry,
          `expected proxies' trusted entry to be a map/struct, got ${typeName(entry.value)}`,
        );
        continue;
      }
      const proxy = { key: "" };
      for (const [key, token] of entry.value) {
        frame.last = token;
        const name = key.toLowerCase();
        if (name !== "key" && name !== "public_key") {
          reportUnknownField(process, key, token);
          continue;
        }
        proxy.key = asString(token.value);
        if (!isValidPublicKey(proxy.key)) {
          process.report(token, `invalid proxy key ${quoteText(proxy.key)}`);
        }
      }
      trusted.push(proxy);
    }
  });
  return trusted;
}

function reportUnknownField(process: Processing, key: string, token: ConfigToken): void {
  if (!token.usedVariable) process.errors.push(new UnknownFieldError(token, key));
}
