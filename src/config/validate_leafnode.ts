/**
 * Checks of leaf node options that need no other options, used while a file is read and again
 * when a server is made.
 *
 * Reference: validateLeafNodeAuthOptions, validateLeafNodeProxyOptions and
 * checkLeafMinVersionConfig in server.
 *
 * @module
 */
import { OptionsError } from "./errors.ts";
import type { LeafNodeOptions, RemoteLeafOptions } from "./leafnode_options.ts";
import { formatServerUrl, parseServerUrl, quoteText, type ServerUrl, UrlError } from "./url.ts";

/** @throws {OptionsError} when a single user and a list of users are mixed, or one is there twice */
export function checkLeafAuth(leafNode: LeafNodeOptions): void {
  if (leafNode.users.length === 0) return;
  if (leafNode.username !== "") {
    throw new OptionsError("can not have a single user/pass and a users array");
  }
  if (leafNode.nkey !== "") {
    throw new OptionsError("can not have a single nkey and a users array");
  }
  const seen = new Set<string>();
  for (const { username } of leafNode.users) {
    if (seen.has(username)) {
      throw new OptionsError(
        `duplicate user ${quoteText(username)} detected in leafnode authorization`,
      );
    }
    seen.add(username);
  }
}

const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$/;

/** Whether `version` is at least `major.minor.patch`; null when it is not a version. */
export function versionAtLeast(
  version: string,
  [major, minor, patch]: readonly [number, number, number],
): boolean | null {
  const match = SEMVER.exec(version);
  if (match === null) return null;
  const [a, b, c] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return a > major || (a === major && (b > minor || (b === minor && c >= patch)));
}

/** @throws {OptionsError} when `version` is not a version or too old for leaf nodes */
export function checkLeafMinVersion(version: string): void {
  const enough = versionAtLeast(version, [2, 8, 0]);
  if (enough === null) {
    throw new OptionsError("invalid leafnode's minimum version: invalid semver");
  }
  if (!enough) throw new OptionsError("the minimum version should be at least 2.8.0");
}

/** Whether a URL is one of WebSocket. */
export function isWebsocketUrl(url: ServerUrl): boolean {
  return url.scheme.startsWith("ws");
}

/**
 * Checks the HTTP proxy of a remote.
 *
 * @returns warnings
 * @throws {OptionsError}
 */
export function checkLeafProxy(remote: RemoteLeafOptions): string[] {
  const { proxy } = remote;
  if (proxy.url === "") return [];
  let url: ServerUrl;
  try {
    url = parseServerUrl(proxy.url);
  } catch (error) {
    if (!(error instanceof UrlError)) throw error;
    throw new OptionsError(`invalid proxy URL: ${error.message}`);
  }
  if (url.scheme !== "http" && url.scheme !== "https") {
    throw new OptionsError(`proxy URL scheme must be http or https, got: ${url.scheme}`);
  }
  if (url.host === "") throw new OptionsError("proxy URL must specify a host");
  if (proxy.timeoutMs < 0) throw new OptionsError("proxy timeout must be >= 0");
  if ((proxy.username === "") !== (proxy.password === "")) {
    throw new OptionsError(
      "proxy username and password must both be specified or both be empty",
    );
  }
  if (remote.urls.length === 0) return [];
  for (const remoteUrl of remote.urls) {
    if (remoteUrl.scheme === "wss" && remote.tlsConfig === null && !remote.tls) {
      throw new OptionsError(
        `proxy is configured but remote URL ${formatServerUrl(remoteUrl)} requires TLS and no ` +
          "TLS configuration is provided. When using proxy with TLS endpoints, ensure TLS is " +
          "properly configured for the leafnode remote",
      );
    }
  }
  const overWebsocket = remote.urls.filter(({ scheme }) => scheme === "ws" || scheme === "wss");
  if (overWebsocket.length === 0) {
    return [
      "proxy configuration will be ignored: proxy settings only apply to WebSocket connections " +
      "(ws:// or wss://), but all configured URLs use TCP connections (nats://)",
    ];
  }
  if (overWebsocket.length < remote.urls.length) {
    return [
      "proxy configuration will only be used for WebSocket URLs: proxy settings do not apply " +
      "to TCP connections (nats://)",
    ];
  }
  return [];
}
