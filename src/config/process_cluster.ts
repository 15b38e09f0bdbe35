/**
 * Reads the `cluster` and `gateway` blocks.
 *
 * Reference: parseCluster, parseGateway and parseGateways in server/opts.go.
 *
 * @module
 */
import { formatDurationMs } from "../base/text/duration.ts";
import type { Permissions } from "./auth_options.ts";
import { Defaults } from "./baseline.ts";
import {
  type ClusterOptions,
  CompressionMode,
  type GatewayOptions,
  type RemoteGatewayOptions,
} from "./cluster_options.ts";
import { ConfigError } from "./errors.ts";
import {
  type Field,
  fieldTable,
  type Frame,
  type Processing,
  readFields,
  showValue,
  typeName,
} from "./fields.ts";
import type { Options } from "./options.ts";
import type { ConfigToken } from "./parser.ts";
import {
  type Authorization,
  checkPermissionSubjects,
  readAuthorization,
  readPermissions,
} from "./process_auth.ts";
import {
  readCompression,
  readListen,
  readUrls,
  readWriteTimeout,
  urlOrFail,
} from "./process_shared.ts";
import { readTls } from "./process_tls.ts";

/**
 * Reads the `cluster` block.
 *
 * @throws {ConfigError} when it is not a map
 */
export function readCluster(process: Processing, token: ConfigToken): void {
  process.guard(undefined, (frame: Frame) => {
    frame.last = token;
    if (!(token.value instanceof Map)) {
      throw new ConfigError(
        token,
        `Expected map to define cluster, got ${typeName(token.value)}`,
      );
    }
    readFields(process, frame, token.value, process.options, clusterFields, {
      onError: "collect",
    });
  });
}

/** Authorization of routes or gateways: one user; null when it could not be read. */
function singleUser(field: Field, what: string): Authorization | null {
  const auth = readAuthorization(field.process, field.token);
  if (auth === null) return null;
  if (auth.users !== null) {
    throw field.error(`${what} authorization does not allow multiple users`);
  }
  if (auth.token !== "") throw field.error(`${what} authorization does not support tokens`);
  if (auth.callout !== null) {
    throw field.error(`${what} authorization does not support callouts`);
  }
  return auth;
}

/** What is wrong with the subjects of a cluster's permissions, or null. */
export function checkClusterPermissions(permissions: Permissions): string | null {
  for (
    const [name, side] of [
      ["import", permissions.publish],
      ["export", permissions.subscribe],
    ] as const
  ) {
    if (side === null) continue;
    const allow = checkPermissionSubjects(side.allow, false);
    if (allow !== null) return `cluster ${name} allow: ${allow}`;
    const deny = checkPermissionSubjects(side.deny, false);
    if (deny !== null) return `cluster ${name} deny: ${deny}`;
  }
  return null;
}

/** "Publish" permits to import from other servers, "subscribe" to export to them. */
function setPermissions(cluster: ClusterOptions, permissions: Permissions): void {
  cluster.permissions = { import: permissions.publish, export: permissions.subscribe };
}

const clusterFields = fieldTable<Options>({
  "name": ({ cluster }, field) => {
    const name = field.string();
    if (name.includes(" ")) throw field.error("cluster name cannot contain spaces");
    cluster.name = name;
  },
  "listen": ({ cluster }, field) => readListen(cluster, field),
  "port": ({ cluster }, field) => void (cluster.port = field.int()),
  "host|net": ({ cluster }, field) => void (cluster.host = field.string()),
  "authorization": ({ cluster }, field) => {
    const auth = singleUser(field, "Cluster");
    if (auth === null) return;
    cluster.username = auth.user;
    cluster.password = auth.pass;
    cluster.authTimeoutMs = auth.timeoutMs;
    if (auth.defaultPermissions === null) return;
    const wrong = checkClusterPermissions(auth.defaultPermissions);
    if (wrong !== null) throw field.error(wrong);
    field.warn('setting "permissions" within cluster authorization block is deprecated');
    // Those of the cluster block itself count more.
    if (cluster.permissions === null) setPermissions(cluster, auth.defaultPermissions);
  },
  "routes": (options, field) => {
    options.routes = readUrls(field, "route") ?? options.routes;
  },
  "tls": ({ cluster }, field) => {
    const tls = readTls(field.process, field.token, "server");
    cluster.tlsConfig = { ...tls, verify: true }; // routes always verify each other
    cluster.tlsTimeoutMs = tls.timeoutMs;
    cluster.tlsMap = tls.map;
    cluster.tlsPinnedCerts = tls.pinnedCerts;
    cluster.tlsCheckKnownUrls = tls.checkKnownUrls;
  },
  "cluster_advertise|advertise": ({ cluster }, field) => {
    cluster.advertise = field.string();
  },
  "no_advertise": (options, field) => {
    options.cluster.noAdvertise = field.bool();
    options.inConfig.set("Cluster.NoAdvertise", options.cluster.noAdvertise);
  },
  "connect_retries": ({ cluster }, field) => void (cluster.connectRetries = field.int()),
  "connect_backoff": ({ cluster }, field) => void (cluster.connectBackoff = field.bool()),
  "permissions": ({ cluster }, field) => {
    const permissions = readPermissions(field.process, field.token, null);
    if (permissions === null) return;
    if (permissions.response !== null) {
      throw field.error("Cluster permissions do not support dynamic responses");
    }
    const wrong = checkClusterPermissions(permissions);
    if (wrong !== null) throw field.error(wrong);
    setPermissions(cluster, permissions);
  },
  "pool_size": ({ cluster }, field) => void (cluster.poolSize = field.int()),
  "accounts": ({ cluster }, field) => {
    cluster.pinnedAccounts = field.strings("accounts") ?? [];
  },
  "compression": ({ cluster }, field) => {
    readCompression(cluster.compression, CompressionMode.S2Fast, field);
  },
  "ping_interval": ({ cluster }, field) => {
    cluster.pingIntervalMs = field.duration("ping_interval");
    if (cluster.pingIntervalMs > Defaults.routeMaxPingIntervalMs) {
      field.process.warnings.push(field.error(
        `Cluster 'ping_interval' will reset to ${
          formatDurationMs(Defaults.routeMaxPingIntervalMs)
        } which is the max for routes`,
      ));
    }
  },
  "ping_max": ({ cluster }, field) => void (cluster.maxPingsOut = field.int()),
  "write_deadline": ({ cluster }, field) => {
    cluster.writeDeadlineMs = field.duration("write_deadline");
  },
  "write_timeout": ({ cluster }, field) => {
    cluster.writeTimeout = readWriteTimeout(field);
  },
});

/**
 * Reads the `gateway` block.
 *
 * @throws {ConfigError} when it or its list of gateways has the wrong form
 */
export function readGateway(process: Processing, token: ConfigToken): void {
  process.guard(undefined, (frame: Frame) => {
    frame.last = token;
    if (!(token.value instanceof Map)) {
      throw new ConfigError(token, `Expected gateway to be a map, got ${typeName(token.value)}`);
    }
    readFields(process, frame, token.value, process.options.gateway, gatewayFields, {
      onError: "collect",
    });
  });
}

const gatewayFields = fieldTable<GatewayOptions>({
  "name": (gateway, field) => {
    const name = field.string();
    if (name.includes(" ")) throw field.error("gateway name cannot contain spaces");
    gateway.name = name;
  },
  "listen": (gateway, field) => readListen(gateway, field),
  "port": (gateway, field) => void (gateway.port = field.int()),
  "host|net": (gateway, field) => void (gateway.host = field.string()),
  "authorization": (gateway, field) => {
    const auth = singleUser(field, "Gateway");
    if (auth === null) return;
    gateway.username = auth.user;
    gateway.password = auth.pass;
    gateway.authTimeoutMs = auth.timeoutMs;
  },
  "tls": (gateway, field) => {
    const tls = readTls(field.process, field.token, "server");
    gateway.tlsConfig = { ...tls, verify: true };
    gateway.tlsTimeoutMs = tls.timeoutMs;
    gateway.tlsMap = tls.map;
    gateway.tlsCheckKnownUrls = tls.checkKnownUrls;
    gateway.tlsPinnedCerts = tls.pinnedCerts;
  },
  "advertise": (gateway, field) => void (gateway.advertise = field.string()),
  "connect_retries": (gateway, field) => void (gateway.connectRetries = field.int()),
  "connect_backoff": (gateway, field) => void (gateway.connectBackoff = field.bool()),
  "gateways": (gateway, field) => {
    gateway.gateways = readRemoteGateways(field.process, field.token);
  },
  "reject_unknown|reject_unknown_cluster": (gateway, field) => {
    gateway.rejectUnknown = field.bool();
  },
  "write_deadline": (gateway, field) => {
    gateway.writeDeadlineMs = field.duration("write_deadline");
  },
  "write_timeout": (gateway, field) => void (gateway.writeTimeout = readWriteTimeout(field)),
});

function readRemoteGateways(process: Processing, token: ConfigToken): RemoteGatewayOptions[] {
  return process.guard<RemoteGatewayOptions[]>([], (frame) => {
    frame.last = token;
    if (!Array.isArray(token.value)) {
      throw new ConfigError(
        null, // the reference does not say where
        `Expected gateways field to be an array, got ${typeName(token.value)}`,
      );
    }
    const gateways: RemoteGatewayOptions[] = [];
    for (const entry of token.value) {
      frame.last = entry;
      if (!(entry.value instanceof Map)) {
        process.report(
          entry,
          `Expected gateway entry to be a map/struct, got ${showValue(entry.value)}`,
        );
        continue;
      }
      const gateway: RemoteGatewayOptions = {
        name: "",
        tlsConfig: null,
        tlsTimeoutMs: 0,
        urls: [],
      };
      readFields(process, frame, entry.value, gateway, remoteGatewayFields, {
        onError: "collect",
      });
      gateways.push(gateway);
    }
    return gateways;
  });
}

const remoteGatewayFields = fieldTable<RemoteGatewayOptions>({
  "name": (gateway, field) => void (gateway.name = field.string()),
  "tls": (gateway, field) => {
    const tls = readTls(field.process, field.token, "server");
    gateway.tlsConfig = { ...tls, verify: true };
    gateway.tlsTimeoutMs = tls.timeoutMs;
  },
  "url": (gateway, field) => {
    gateway.urls.push(urlOrFail(field.string(), "gateway", field.token));
  },
  "urls": (gateway, field) => {
    gateway.urls = readUrls(field, "gateway") ?? gateway.urls;
  },
});
