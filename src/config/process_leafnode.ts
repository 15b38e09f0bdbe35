/**
 * Reads the `leafnodes` block.
 *
 * Reference: parseLeafNodes, parseLeafAuthorization and parseRemoteLeafNodes in server/opts.go.
 *
 * @module
 */
import { emptyUser, type User } from "./auth_options.ts";
import { Defaults } from "./baseline.ts";
import { CompressionMode } from "./cluster_options.ts";
import { ConfigError, OptionsError } from "./errors.ts";
import {
  asMap,
  Field,
  fieldTable,
  type Frame,
  type Processing,
  readFields,
  showValue,
  typeName,
} from "./fields.ts";
import {
  emptyRemoteLeafOptions,
  type LeafProxyOptions,
  remoteLeafName,
  type RemoteLeafOptions,
  safeRemoteLeafName,
} from "./leafnode_options.ts";
import { isValidPublicKey, isValidUserSeed } from "./nkeys.ts";
import type { Options } from "./options.ts";
import { cleanPath, type ConfigToken } from "./parser.ts";
import {
  type Authorization,
  authTimeout,
  emptyAuthorization,
  entries,
  readPermissionSubjects,
} from "./process_auth.ts";
import {
  readCompression,
  readListen,
  readUrls,
  readWriteTimeout,
  urlOrFail,
} from "./process_shared.ts";
import { readTls } from "./process_tls.ts";
import { quoteText } from "./url.ts";
import { checkLeafAuth, checkLeafMinVersion, checkLeafProxy } from "./validate_leafnode.ts";

/**
 * Reads the `leafnodes` block.
 *
 * @throws {ConfigError} when it is not a map
 */
export function readLeafNodes(process: Processing, token: ConfigToken): void {
  process.guard(undefined, (frame: Frame) => {
    frame.last = token;
    if (!(token.value instanceof Map)) {
      throw new ConfigError(
        token,
        `Expected map to define a leafnode, got ${typeName(token.value)}`,
      );
    }
    readFields(process, frame, token.value, process.options, leafNodeFields, {
      onError: "collect",
    });
  });
}

/** Runs a check of the options; its error is one of this field. */
function checked<T>(field: Field, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    throw field.error(error.message);
  }
}

const leafNodeFields = fieldTable<Options>({
  "listen": ({ leafNode }, field) => readListen(leafNode, field),
  "port": ({ leafNode }, field) => void (leafNode.port = field.int()),
  "host|net": ({ leafNode }, field) => void (leafNode.host = field.string()),
  "authorization": ({ leafNode }, field) => {
    const auth = readLeafAuthorization(field.process, field.token);
    if (auth === null) return;
    leafNode.username = auth.user;
    leafNode.password = auth.pass;
    leafNode.proxyRequired = auth.proxyRequired;
    leafNode.authTimeoutMs = auth.timeoutMs;
    leafNode.account = auth.account;
    leafNode.users = auth.users ?? [];
    leafNode.nkey = auth.nkey;
    checked(field, () => checkLeafAuth(leafNode));
  },
  "remotes": ({ leafNode }, field) => {
    leafNode.remotes = readRemotes(field.process, field.token);
  },
  "reconnect|reconnect_delay|reconnect_interval": ({ leafNode }, field) => {
    leafNode.reconnectIntervalMs = field.duration("reconnect");
  },
  "dial_timeout": ({ leafNode }, field) => {
    leafNode.dialTimeoutMs = field.duration("dial_timeout");
  },
  "tls": ({ leafNode }, field) => {
    const tls = readTls(field.process, field.token, "client");
    leafNode.tlsConfig = tls;
    leafNode.tlsTimeoutMs = tls.timeoutMs;
    leafNode.tlsMap = tls.map;
    leafNode.tlsPinnedCerts = tls.pinnedCerts;
    leafNode.tlsHandshakeFirst = tls.handshakeFirst;
    leafNode.tlsHandshakeFirstFallbackMs = tls.fallbackDelayMs;
  },
  "leafnode_advertise|advertise": ({ leafNode }, field) => {
    leafNode.advertise = field.string();
  },
  "no_advertise": (options, field) => {
    options.leafNode.noAdvertise = field.bool();
    options.inConfig.set("LeafNode.NoAdvertise", options.leafNode.noAdvertise);
  },
  "min_version|minimum_version": ({ leafNode }, field) => {
    const version = field.string();
    checked(field, () => checkLeafMinVersion(version));
    leafNode.minVersion = version;
  },
  "compression": ({ leafNode }, field) => {
    readCompression(leafNode.compression, CompressionMode.S2Auto, field);
  },
  "isolate_leafnode_interest|isolate": ({ leafNode }, field) => {
    leafNode.isolateLeafnodeInterest = field.bool();
  },
  "write_deadline": ({ leafNode }, field) => {
    leafNode.writeDeadlineMs = field.duration("write_deadline");
  },
  "write_timeout": ({ leafNode }, field) => {
    leafNode.writeTimeout = readWriteTimeout(field);
  },
});

function readLeafAuthorization(process: Processing, token: ConfigToken): Authorization | null {
  return process.guard<Authorization | null>(null, (frame) => {
    frame.last = token;
    const auth = emptyAuthorization();
    readFields(process, frame, asMap(token.value), auth, leafAuthorizationFields, {
      onError: "collect",
    });
    return auth;
  });
}

const leafAuthorizationFields = fieldTable<Authorization>({
  "user|username": (auth, field) => void (auth.user = field.string()),
  "pass|password": (auth, field) => void (auth.pass = field.string()),
  "nkey": (auth, field) => {
    auth.nkey = field.string();
    if (!isValidPublicKey(auth.nkey, "U")) {
      field.report("Not a valid public nkey for leafnode authorization");
    }
  },
  "timeout": (auth, field) => {
    auth.timeoutMs = authTimeout(field, "leafnode authorization");
  },
  "users": (auth, field) => {
    auth.users = readLeafUsers(field.process, field.token);
  },
  "account": (auth, field) => void (auth.account = field.string()),
  "proxy_required": (auth, field) => void (auth.proxyRequired = field.bool()),
});

function readLeafUsers(process: Processing, token: ConfigToken): User[] | null {
  return process.guard<User[] | null>(null, (frame) => {
    const users: User[] = [];
    for (const [, map] of entries(process, frame, token, "users")) {
      const user = emptyUser();
      readFields(process, frame, map, user, leafUserFields, { onError: "collect" });
      users.push(user);
    }
    return users;
  });
}

const leafUserFields = fieldTable<User>({
  "user|username": (user, field) => void (user.username = field.string()),
  "pass|password": (user, field) => void (user.password = field.string()),
  "account": (user, field) => void (user.account = field.string()),
  "proxy_required": (user, field) => void (user.proxyRequired = field.bool()),
});

/** A remote while it is read. */
interface RemoteBlock {
  remote: RemoteLeafOptions;
  /** Where its `proxy` is: errors about the proxy belong there. */
  proxyToken: ConfigToken | null;
}

function readRemotes(process: Processing, token: ConfigToken): RemoteLeafOptions[] {
  return process.guard<RemoteLeafOptions[]>([], (frame) => {
    frame.last = token;
    if (!Array.isArray(token.value)) {
      throw new ConfigError(
        token,
        `Expected remotes field to be an array, got ${typeName(token.value)}`,
      );
    }
    const names = new Set<string>();
    const remotes: RemoteLeafOptions[] = [];
    for (const entry of token.value) {
      frame.last = entry;
      if (!(entry.value instanceof Map)) {
        process.report(
          entry,
          `Expected remote leafnode entry to be a map/struct, got ${showValue(entry.value)}`,
        );
        continue;
      }
      const block: RemoteBlock = { remote: emptyRemoteLeafOptions(), proxyToken: null };
      readFields(process, frame, entry.value, block, remoteFields, { onError: "collect" });
      const { remote, proxyToken } = block;
      try {
        for (const warning of checkLeafProxy(remote)) {
          process.warnings.push(new ConfigError(proxyToken, warning));
        }
      } catch (error) {
        if (!(error instanceof OptionsError)) throw error;
        process.report(proxyToken, error.message);
        continue;
      }
      const name = remoteLeafName(remote);
      if (names.has(name)) {
        const last = [...entry.value.values()].at(-1) ?? entry;
        process.report(last, `duplicate remote ${safeRemoteLeafName(remote)}`);
        continue;
      }
      names.add(name);
      remotes.push(remote);
    }
    return remotes;
  });
}

function credentialsPath(field: Field): string {
  const source = field.process.source;
  const path = field.string().replace(
    /\$(?:\{([^}]*)\}|(\w+))/g,
    (_, braced: string | undefined, bare: string | undefined) =>
      source.env(braced ?? bare ?? "") ?? "",
  );
  if (!path.startsWith("~")) return path;
  const home = source.env("HOME");
  if (home === null || home === "") throw field.error("failed to get home dir, require $HOME");
  return cleanPath(`${home}/${path.slice(1)}`);
}

const BOTH_CREDENTIALS = "Remote leafnode can not have both creds and nkey defined";

const remoteFields = fieldTable<RemoteBlock>({
  "no_randomize|dont_randomize": ({ remote }, field) => {
    remote.noRandomize = field.bool();
  },
  "url|urls": ({ remote }, field) => {
    if (Array.isArray(field.value)) {
      remote.urls = readUrls(field, "leafnode") ?? remote.urls;
    } else if (typeof field.value === "string") {
      remote.urls.push(urlOrFail(field.value, "leafnode", field.token));
    } else {
      throw field.error(
        `Expected remote leafnode url to be an array or string, got ${showValue(field.value)}`,
      );
    }
  },
  "account|local": ({ remote }, field) => void (remote.localAccount = field.string()),
  "creds|credentials": ({ remote }, field) => {
    const path = credentialsPath(field);
    if (remote.nkey !== "") throw field.error(BOTH_CREDENTIALS);
    remote.credentials = path;
  },
  "nkey|seed": ({ remote }, field) => {
    const seed = field.string();
    if (!isValidUserSeed(seed)) {
      throw field.error(`Remote leafnode nkey is not a valid seed: ${quoteText(seed)}`);
    }
    if (remote.credentials !== "") throw field.error(BOTH_CREDENTIALS);
    remote.nkey = seed;
  },
  "tls": ({ remote }, field) => {
    const tls = readTls(field.process, field.token, "client");
    remote.tlsConfig = tls;
    remote.tlsTimeoutMs = tls.timeoutMs > 0 ? tls.timeoutMs : Defaults.leafTlsTimeoutMs;
    remote.tlsHandshakeFirst = tls.handshakeFirst;
  },
  "hub": ({ remote }, field) => void (remote.hub = field.bool()),
  "deny_imports|deny_import": ({ remote }, field) => {
    remote.denyImports = readPermissionSubjects(field.token, false);
  },
  "deny_exports|deny_export": ({ remote }, field) => {
    remote.denyExports = readPermissionSubjects(field.token, false);
  },
  "ws_compress|ws_compression|websocket_compress|websocket_compression": (
    { remote },
    field,
  ) => {
    remote.websocket.compression = field.bool();
  },
  "ws_no_masking|websocket_no_masking": ({ remote }, field) => {
    remote.websocket.noMasking = field.bool();
  },
  "jetstream_cluster_migrate|js_cluster_migrate": ({ remote }, field) => {
    if (typeof field.value === "boolean") remote.jetStreamClusterMigrate = field.value;
    else if (field.value instanceof Map) {
      remote.jetStreamClusterMigrate = true;
      const name = "leader_migrate_delay";
      const delay = field.value.get(name);
      if (delay === undefined) return;
      field.frame.last = delay;
      const inner = new Field(field.process, field.frame, name, delay);
      remote.jetStreamClusterMigrateDelayMs = inner.duration(name);
    } else {
      throw new ConfigError(
        null, // the reference does not say where
        "Expected boolean or map for jetstream_cluster_migrate, got " + typeName(field.value),
      );
    }
  },
  "isolate_leafnode_interest|isolate": ({ remote }, field) => {
    remote.localIsolation = field.bool();
  },
  "request_isolation": ({ remote }, field) => void (remote.requestIsolation = field.bool()),
  "compression": ({ remote }, field) => {
    readCompression(remote.compression, CompressionMode.S2Auto, field);
  },
  "first_info_timeout": ({ remote }, field) => {
    remote.firstInfoTimeoutMs = field.duration(field.key);
  },
  "dial_timeout": ({ remote }, field) => {
    remote.dialTimeoutMs = field.duration(field.key);
  },
  "disabled": ({ remote }, field) => void (remote.disabled = field.bool()),
  "proxy": (block, field) => {
    if (!(field.value instanceof Map)) {
      throw field.error(`Expected proxy to be a map, got ${typeName(field.value)}`);
    }
    block.proxyToken = field.token;
    readFields(field.process, field.frame, field.value, block.remote.proxy, proxyFields, {
      onError: "collect",
    });
  },
  "ignore_discovered_servers": ({ remote }, field) => {
    remote.ignoreDiscoveredServers = field.bool();
  },
});

const proxyFields = fieldTable<LeafProxyOptions>({
  "url": (proxy, field) => void (proxy.url = field.string()),
  "username": (proxy, field) => void (proxy.username = field.string()),
  "password": (proxy, field) => void (proxy.password = field.string()),
  "timeout": (proxy, field) => void (proxy.timeoutMs = field.duration("proxy timeout")),
});
