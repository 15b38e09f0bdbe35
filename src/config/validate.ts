/**
 * Checks that options fit together, before a server is made of them. Some are normalised on the
 * way: compression modes, connection types, trusted keys, the cluster's name.
 *
 * Reference: validateOptions in server/server.go and the functions it calls.
 *
 * @module
 */
import {
  decodeUserClaims,
  hasEmptyPermissions,
  JwtError,
  type UserClaims,
} from "../identity/mod.ts";
import { byteStringOfText } from "../base/text/byte_string.ts";
import { formatDurationMs } from "../base/text/duration.ts";
import { isValidName, isValidSubject } from "../subject/mod.ts";
import { CONNECTION_TYPES, type Permissions } from "./auth_options.ts";
import { Defaults } from "./baseline.ts";
import { CompressionMode } from "./cluster_options.ts";
import { normalizeCompression } from "./compression.ts";
import { OptionsError } from "./errors.ts";
import { AddressError, splitHostPort } from "./go_net.ts";
import { remoteLeafName, type RemoteLeafOptions, safeRemoteLeafName } from "./leafnode_options.ts";
import { isValidPublicKey } from "./nkeys.ts";
import type { Options } from "./options.ts";
import { checkPermissionSubjects } from "./process_auth.ts";
import { checkClusterPermissions } from "./process_cluster.ts";
import {
  parseServerUrl,
  quoteList,
  quoteText,
  redactServerUrl,
  type ServerUrl,
  UrlError,
} from "./url.ts";
import {
  checkLeafAuth,
  checkLeafMinVersion,
  checkLeafProxy,
  isWebsocketUrl,
} from "./validate_leafnode.ts";

/** The reference's version, which operators may ask for. */
const SERVER_VERSION = [2, 14, 5] as const;

/**
 * Checks `options`, and normalises them in place.
 *
 * @throws {OptionsError} with the reference's text, at the first thing that is wrong
 */
export function validateOptions(options: Options): void {
  const { lameDuckDurationMs, lameDuckGracePeriodMs, maxPayload, maxPending } = options;
  if (lameDuckDurationMs > 0 && lameDuckGracePeriodMs >= lameDuckDurationMs) {
    throw new OptionsError(
      `lame duck grace period (${formatDurationMs(lameDuckGracePeriodMs)}) should be ` +
        `strictly lower than lame duck duration (${formatDurationMs(lameDuckDurationMs)})`,
    );
  }
  if (maxPayload > maxPending) {
    throw new OptionsError(
      `max_payload (${maxPayload}) cannot be higher than max_pending (${maxPending})`,
    );
  }
  if (options.serverName.includes(" ")) {
    throw new OptionsError("server name cannot contain spaces");
  }
  validateOperators(options);
  validateLeafNodes(options);
  validateAuth(options);
  for (const { key } of options.proxies?.trusted ?? []) {
    if (!isValidPublicKey(key)) {
      throw new OptionsError(`proxy trusted key ${quoteText(key)} is invalid`);
    }
  }
  validateGateway(options);
  validateCluster(options);
  validateMqtt(options);
  validateJetStream(options);
  validateWebsocket(options);
}

function validatePinned(pinned: ReadonlySet<string> | null, prefix = ""): void {
  for (const entry of pinned ?? []) {
    if (/^[a-f0-9]{64}$/.test(entry.toLowerCase())) continue;
    throw new OptionsError(
      `${prefix}error parsing 'pinned_certs' key ${entry.toLowerCase()} does not look like ` +
        "lower case hex-encoded sha256 of DER encoded SubjectPublicKeyInfo",
    );
  }
}

function validateOperators(options: Options): void {
  const operators = options.trustedOperators.map(({ claims }) => claims);
  const first = operators[0];
  if (first === undefined) {
    if (options.defaultSentinel !== "") {
      throw new OptionsError("default sentinel requires operators and accounts");
    }
    return;
  }
  if (options.defaultSentinel !== "") validateSentinel(options.defaultSentinel);
  if (options.accountResolver === null) {
    throw new OptionsError("operators require an account resolver to be configured");
  }
  if (options.accounts.length > 0) {
    throw new OptionsError("operators do not allow Accounts to be configured directly");
  }
  if ((options.users?.length ?? 0) > 0 || (options.nkeys?.length ?? 0) > 0) {
    throw new OptionsError("operators do not allow users to be configured directly");
  }
  if (options.trustedKeys.length > 0) {
    throw new OptionsError("conflicting options for 'TrustedKeys' and 'TrustedOperators'");
  }
  if (options.systemAccount !== "") {
    const named = operators.map(({ nats }) => nats.systemAccount).filter((name) => name !== "");
    if (named.length > 0 && !named.includes(options.systemAccount)) {
      throw new OptionsError("system_account in config and operator JWT must be identical");
    }
  } else if (first.nats.systemAccount === "") {
    const { kind } = options.accountResolver;
    if (kind === "full" || kind === "cache") {
      throw new OptionsError(
        "using nats based account resolver - the system account needs to be specified in " +
          "configuration or the operator jwt",
      );
    }
  }
  for (const { subject, nats } of operators) {
    validateServerVersion(subject, nats.assertServerVersion);
    if (!nats.strictSigningKeyUsage) options.trustedKeys.push(subject);
    options.trustedKeys.push(...nats.signingKeys);
  }
  for (const key of options.trustedKeys) {
    if (isValidPublicKey(key, "O")) continue;
    throw new OptionsError(
      `trusted Keys ${quoteText(key)} are required to be a valid public operator nkey`,
    );
  }
  const pinned = options.resolverPinnedAccounts;
  if (pinned !== null && pinned.size > 0) {
    for (const key of pinned) {
      if (isValidPublicKey(key, "A")) continue;
      throw new OptionsError(
        `pinned account key ${quoteText(key)} is not a valid public account nkey`,
      );
    }
    if (options.systemAccount !== "") pinned.add(options.systemAccount);
  }
  if (options.authCallout !== null) {
    throw new OptionsError(
      "operators do not allow authorization callouts to be configured directly",
    );
  }
}

function validateSentinel(jwt: string): void {
  let claims: UserClaims;
  try {
    claims = decodeUserClaims(jwt);
  } catch (error) {
    if (!(error instanceof JwtError)) throw error;
    throw new OptionsError("default sentinel JWT not valid", { cause: error });
  }
  const { bearerToken, issuerAccount } = claims.nats;
  // Whether its account knows a scoped user shows later.
  if (bearerToken || (issuerAccount !== "" && hasEmptyPermissions(claims))) return;
  throw new OptionsError("default sentinel must be a bearer token");
}

function validateServerVersion(operator: string, wanted: string): void {
  if (wanted === "") return;
  const parts = wanted.split(".");
  const got = (why: string) =>
    new OptionsError(`operator ${operator} expects version ${wanted} got error instead: ${why}`);
  if (parts.length !== 3) {
    throw got("asserted server version must be of the form <major>.<minor>.<update>");
  }
  const numbers = parts.map((part) => {
    if (!/^[+-]?\d+$/.test(part)) {
      throw got(`asserted server version cant parse ${part} to int`);
    }
    return Number(part);
  });
  if (numbers.some((number) => number < 0)) {
    throw got(`asserted server version can'b contain negative values: ${wanted}`);
  }
  for (const [index, name] of ["major", "minor", "update"].entries()) {
    const asked = numbers[index]!;
    const own = SERVER_VERSION[index]!;
    if (asked > own) {
      throw new OptionsError(
        `operator ${operator} expected ${name} version ${asked} > server ${name} version ${own}`,
      );
    }
    if (asked < own) return;
  }
}

function validateLeafNodes(options: Options): void {
  const { leafNode } = options;
  checkLeafAuth(leafNode);
  const names = new Set<string>();
  for (const remote of leafNode.remotes) {
    remote.localAccount ||= Defaults.globalAccount;
    for (
      const [name, subjects] of [
        ["deny_imports", remote.denyImports],
        ["deny_exports", remote.denyExports],
      ] as const
    ) {
      const wrong = checkPermissionSubjects(subjects, false);
      if (wrong !== null) {
        throw new OptionsError(
          `invalid ${name} for remote ${safeRemoteLeafName(remote)}: ${wrong}`,
        );
      }
    }
    const name = remoteLeafName(remote);
    if (names.has(name)) {
      throw new OptionsError(`duplicate remote ${safeRemoteLeafName(remote)}`);
    }
    names.add(name);
  }
  if (options.trustedOperators.length === 0) validateLeafAccounts(options);
  else validateLeafOperatorMode(options);
  if (leafNode.compression.mode !== "") {
    normalizeCompression(leafNode.compression, CompressionMode.S2Auto);
  }
  leafNode.remotes.forEach(validateRemote);
  if (leafNode.port === 0) return;
  if (leafNode.minVersion !== "") checkLeafMinVersion(leafNode.minVersion);
  if (options.gateway.name === "" && options.gateway.port === 0) return;
  if (options.systemAccount === "") {
    throw new OptionsError(
      "leaf nodes and gateways (both being defined) require a system account to also be " +
        "configured",
    );
  }
  validatePinned(leafNode.tlsPinnedCerts, "leafnode: ");
}

function validateLeafAccounts(options: Options): void {
  const { leafNode } = options;
  const known = new Set(options.accounts.map(({ name }) => name));
  known.add(Defaults.globalAccount).add("");
  if (options.systemAccount === "" && !options.noSystemAccount) {
    known.add(Defaults.systemAccount);
  }
  const check = (name: string, where: string) => {
    if (known.has(name)) return;
    throw new OptionsError(
      `cannot find local account ${quoteText(name)} specified in leafnode ${where}`,
    );
  };
  check(leafNode.account, "authorization");
  for (const { account } of leafNode.users) check(account, "authorization");
  for (const { localAccount } of leafNode.remotes) check(localAccount, "remote");
}

function validateLeafOperatorMode({ leafNode }: Options): void {
  if (leafNode.users.length > 0) {
    throw new OptionsError("operator mode does not allow specifying users in leafnode config");
  }
  for (const { localAccount } of leafNode.remotes) {
    if (isValidPublicKey(localAccount, "A")) continue;
    throw new OptionsError(
      "operator mode requires account nkeys in remotes. Please add an `account` key to each " +
        "remote in your `leafnodes` section, to assign it to an account. Each account value " +
        "should be a 56 character public key, starting with the letter 'A'",
    );
  }
  if (
    leafNode.port !== 0 && leafNode.account !== "" && !isValidPublicKey(leafNode.account, "A")
  ) {
    throw new OptionsError("operator mode and non account nkeys are incompatible");
  }
}

function validateRemote(remote: RemoteLeafOptions): void {
  checkLeafProxy(remote);
  const overWebsocket = remote.urls.filter(isWebsocketUrl).length;
  if (overWebsocket > 0 && overWebsocket < remote.urls.length) {
    throw new OptionsError(
      "remote leaf node configuration cannot have a mix of websocket and non-websocket urls: " +
        quoteList(remote.urls.map(redactServerUrl)),
    );
  }
  if (remote.compression.mode !== "") {
    normalizeCompression(remote.compression, CompressionMode.S2Auto);
  }
}

function validateAuth(options: Options): void {
  validatePinned(options.tlsPinnedCerts);
  for (const user of options.users ?? []) {
    user.allowedConnectionTypes = connectionTypes(user.allowedConnectionTypes);
    const wrong = checkPermissions(user.permissions);
    if (wrong !== null) {
      throw new OptionsError(
        `invalid permissions for user ${quoteText(user.username)}: ${wrong}`,
      );
    }
  }
  for (const user of options.nkeys ?? []) {
    user.allowedConnectionTypes = connectionTypes(user.allowedConnectionTypes);
    const wrong = checkPermissions(user.permissions);
    if (wrong !== null) {
      throw new OptionsError(`invalid permissions for nkey ${quoteText(user.nkey)}: ${wrong}`);
    }
  }
  validateNoAuthUser(options, options.noAuthUser);
}

function connectionTypes(types: ReadonlySet<string> | null): Set<string> | null {
  if (types === null) return null;
  const out = new Set<string>();
  for (const type of types) {
    const name = type.toUpperCase();
    if (!(CONNECTION_TYPES as readonly string[]).includes(name)) {
      throw new OptionsError(`unknown connection type ${quoteText(type)}`);
    }
    out.add(name);
  }
  return out;
}

function checkPermissions(permissions: Permissions | null): string | null {
  if (permissions === null) return null;
  for (const side of ["publish", "subscribe"] as const) {
    for (const list of ["allow", "deny"] as const) {
      const wrong = checkPermissionSubjects(
        permissions[side]?.[list] ?? null,
        side === "subscribe",
      );
      if (wrong !== null) return `${side} ${list}: ${wrong}`;
    }
  }
  return null;
}

function validateNoAuthUser(options: Options, name: string): void {
  if (name === "") return;
  if (options.trustedOperators.length > 0) {
    throw new OptionsError("no_auth_user not compatible with Trusted Operator");
  }
  if (options.nkeys === null && options.users === null) {
    throw new OptionsError(
      `no_auth_user: "${name}" present, but users/nkeys are not defined`,
    );
  }
  if (options.users?.some(({ username }) => username === name)) return;
  if (options.nkeys?.some(({ nkey }) => nkey === name)) return;
  throw new OptionsError(
    `no_auth_user: "${name}" not present as user or nkey in authorization block or account ` +
      "configuration",
  );
}

function validateGateway({ gateway }: Options): void {
  if (gateway.name === "" && gateway.port === 0) return;
  if (gateway.name === "") throw new OptionsError("gateway has no name");
  if (gateway.name.includes(" ")) {
    throw new OptionsError("gateway name cannot contain spaces");
  }
  if (gateway.port === 0) {
    throw new OptionsError(
      `gateway ${quoteText(gateway.name)} has no port specified (select -1 for random port)`,
    );
  }
  for (const [index, { name, urls }] of gateway.gateways.entries()) {
    if (name === "") throw new OptionsError(`gateway in the list ${index} has no name`);
    if (urls.length === 0) throw new OptionsError(`gateway ${quoteText(name)} has no URL`);
  }
  validatePinned(gateway.tlsPinnedCerts, `gateway ${quoteText(gateway.name)}: `);
}

function validateCluster({ cluster, gateway }: Options): void {
  if (cluster.name.includes(" ")) {
    throw new OptionsError("cluster name cannot contain spaces");
  }
  if (cluster.permissions !== null) {
    const wrong = checkClusterPermissions({
      publish: cluster.permissions.import,
      subscribe: cluster.permissions.export,
      response: null,
    });
    if (wrong !== null) throw new OptionsError(wrong);
  }
  if (cluster.compression.mode !== "") {
    normalizeCompression(cluster.compression, CompressionMode.S2Fast);
  }
  validatePinned(cluster.tlsPinnedCerts, "cluster: ");
  if (gateway.name !== "" && gateway.name !== cluster.name) {
    if (cluster.name !== "") {
      throw new OptionsError(
        "cluster name conflicts between cluster and gateway definitions",
      );
    }
    cluster.name = gateway.name;
  }
  const pinned = cluster.pinnedAccounts;
  if (pinned.length === 0) return;
  if (cluster.poolSize < 0) {
    throw new OptionsError("pool_size cannot be negative if pinned accounts are specified");
  }
  const twin = pinned.find((name, index) => pinned.indexOf(name) !== index);
  if (twin !== undefined) {
    throw new OptionsError(
      `found duplicate account name ${quoteText(twin)} in pinned accounts list ${
        quoteList(pinned)
      }`,
    );
  }
}

function hasUsers(options: Options): boolean {
  return (options.users?.length ?? 0) > 0 || (options.nkeys?.length ?? 0) > 0;
}

function validateMqtt(options: Options): void {
  const { mqtt, cluster, gateway, leafNode } = options;
  if (mqtt.port === 0) return;
  if (options.serverName === "" && (cluster.port !== 0 || gateway.port !== 0)) {
    throw new OptionsError("mqtt requires server name to be explicitly set");
  }
  validateNoAuthUser(options, mqtt.noAuthUser);
  if (hasUsers(options)) {
    if (mqtt.username !== "") {
      throw new OptionsError(
        "mqtt authentication username not compatible with presence of users/nkeys",
      );
    }
    if (mqtt.token !== "") {
      throw new OptionsError(
        "mqtt authentication token not compatible with presence of users/nkeys",
      );
    }
  }
  if (mqtt.ackWaitMs < 0) throw new OptionsError("ack wait must be a positive value");
  if (mqtt.jsApiTimeoutMs < 0) {
    throw new OptionsError("JS API timeout must be a positive value");
  }
  const standalone = cluster.port === 0 && gateway.port === 0 && leafNode.port === 0 &&
    leafNode.remotes.length === 0;
  if (!options.jetStream && standalone) {
    throw new OptionsError(
      "mqtt requires JetStream to be enabled if running in standalone mode",
    );
  }
  validatePinned(mqtt.tlsPinnedCerts, "mqtt: ");
  const { consumerReplicas, streamReplicas } = mqtt;
  if (consumerReplicas > 0 && streamReplicas > 0 && consumerReplicas > streamReplicas) {
    throw new OptionsError(
      `mqtt: consumer_replicas (${consumerReplicas}) cannot be higher than stream_replicas ` +
        `(${streamReplicas})`,
    );
  }
}

function domainSubject(domain: string): string {
  return `$JS.${domain}.API.>`;
}

function validateJetStream(options: Options): void {
  validateDefaultDomains(options);
  const { jetStreamDomain: domain, cluster } = options;
  if (domain !== "") {
    const subject = domainSubject(domain);
    if (!isValidSubject(byteStringOfText(subject))) {
      throw new OptionsError(
        `invalid domain name: derived ${quoteText(subject)} is not a valid subject`,
      );
    }
    if (!isValidName(byteStringOfText(domain))) {
      throw new OptionsError("invalid domain name: may not contain ., * or >");
    }
  }
  if (!options.jetStream || cluster.port === 0) return;
  if (options.serverName === "") {
    throw new OptionsError("jetstream cluster requires `server_name` to be set");
  }
  if (cluster.name === "") {
    throw new OptionsError("jetstream cluster requires `cluster.name` to be set");
  }
  const hint = options.jetStreamExtHint.toLowerCase();
  if (hint !== "" && hint !== "no_extend" && hint !== "will_extend") {
    throw new OptionsError(`expected 'no_extend' for string value, got '${hint}'`);
  }
  options.jetStreamExtHint = hint;
  if (options.jetStreamMaxCatchup < 0) {
    throw new OptionsError("jetstream max catchup cannot be negative");
  }
}

function validateDefaultDomains(options: Options): void {
  const { jsAccDefaultDomain: domains, accounts } = options;
  for (const [name, domain] of domains) {
    if (options.trustedOperators.length > 0) {
      if (isValidPublicKey(name, "A")) continue;
      throw new OptionsError(
        `default_js_domain contains account name ${quoteText(name)}, which is not a valid ` +
          "public account nkey",
      );
    }
    if (name === Defaults.globalAccount) continue;
    const account = accounts.find((account) => account.name === name);
    if (account === undefined) {
      throw new OptionsError(
        "in non operator mode, `default_js_domain` references non existing account " +
          quoteText(name),
      );
    }
    if (account.jetStream !== null && domain !== "") {
      throw new OptionsError(
        `default_js_domain contains account name ${quoteText(name)} with enabled JetStream`,
      );
    }
  }
  const systemAccount = options.systemAccount || Defaults.systemAccount;
  for (const [name, domain] of domains) {
    if (name === systemAccount) {
      throw new OptionsError(
        `system account ${quoteText(name)} can not be in default_js_domain`,
      );
    }
    if (domain !== "" && !isValidSubject(byteStringOfText(domainSubject(domain)))) {
      throw new OptionsError(
        `default_js_domain contains account ${quoteText(name)} with invalid domain name ` +
          quoteText(domain),
      );
    }
  }
}

const FORBIDDEN_HEADERS: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "connection",
  "upgrade",
  "nats-no-masking",
]);

function validateWebsocket(options: Options): void {
  const { websocket } = options;
  if (websocket.port === 0) return;
  if (websocket.tlsConfig === null && !websocket.noTls) {
    throw new OptionsError("websocket requires TLS configuration");
  }
  websocket.allowedOrigins.forEach(validateOrigin);
  validateNoAuthUser(options, websocket.noAuthUser);
  if (hasUsers(options)) {
    if (websocket.username !== "") {
      throw new OptionsError(
        "websocket authentication username not compatible with presence of users/nkeys",
      );
    }
    if (websocket.token !== "") {
      throw new OptionsError(
        "websocket authentication token not compatible with presence of users/nkeys",
      );
    }
  }
  if (
    websocket.jwtCookie !== "" && options.trustedOperators.length === 0 &&
    options.trustedKeys.length === 0
  ) {
    throw new OptionsError(
      "trusted operators or trusted keys configuration is required for JWT authentication via " +
        `cookie ${quoteText(websocket.jwtCookie)}`,
    );
  }
  validatePinned(websocket.tlsPinnedCerts, "websocket: ");
  for (const name of websocket.headers.keys()) {
    const lower = name.toLowerCase();
    if (FORBIDDEN_HEADERS.has(lower)) {
      throw new OptionsError(`websocket: invalid header ${quoteText(name)} not allowed`);
    }
    if (lower.startsWith("sec-websocket-")) {
      throw new OptionsError(
        `websocket: invalid header ${quoteText(name)}, "Sec-WebSocket-" prefix not allowed`,
      );
    }
  }
}

function validateOrigin(origin: string): void {
  let url: ServerUrl;
  try {
    url = parseServerUrl(origin);
  } catch (error) {
    if (!(error instanceof UrlError)) throw error;
    throw new OptionsError(`unable to parse allowed origin: ${error.message}`);
  }
  // Go's ParseRequestURI takes absolute URLs and paths only.
  if (origin === "" || (url.scheme === "" && !origin.startsWith("/"))) {
    const why = origin === "" ? "empty url" : "invalid URI for request";
    throw new OptionsError(
      `unable to parse allowed origin: ${new UrlError(origin, why).message}`,
    );
  }
  if (url.scheme !== "http" && url.scheme !== "https") {
    throw new OptionsError(
      `unable to parse allowed origin ${quoteText(origin)}: allowed origins must be absolute ` +
        "URLs with http or https scheme",
    );
  }
  if (url.host === "") {
    throw new OptionsError(
      `unable to parse allowed origin ${quoteText(origin)}: host is required`,
    );
  }
  try {
    splitHostPort(url.host);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    if (error.reason === "missing port in address") return; // then it is the scheme's
    throw new OptionsError(`unable to parse allowed origin: ${error.message}`);
  }
}
