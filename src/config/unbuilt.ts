/**
 * Features that a configuration may ask for and that this version has not built. A server with
 * one of them does not start; `-t` accepts them. Building a feature removes its line here.
 *
 * @module
 */
import type { Options } from "./options.ts";
import type { TlsOptions } from "./tls_options.ts";

function tlsBlocks(options: Options): TlsOptions[] {
  const { cluster, gateway, leafNode, websocket, mqtt } = options;
  return [
    options.tlsConfig,
    options.accountResolverTlsConfig,
    cluster.tlsConfig,
    gateway.tlsConfig,
    ...gateway.gateways.map(({ tlsConfig }) => tlsConfig),
    leafNode.tlsConfig,
    ...leafNode.remotes.map(({ tlsConfig }) => tlsConfig),
    websocket.tlsConfig,
    mqtt.tlsConfig,
  ].filter((tls) => tls !== null);
}

/** One line for each feature: what operators read, and whether options ask for it. */
const UNBUILT: readonly [line: string, asked: (options: Options) => boolean][] = [
  [
    "cluster: routes between servers are not built yet",
    // Port 0 is none, whatever routes there are.
    ({ cluster }) => cluster.port !== 0 || cluster.listenStr !== "",
  ],
  [
    "gateway: gateways between clusters are not built yet",
    ({ gateway }) => gateway.port !== 0 || gateway.name !== "",
  ],
  [
    "leafnodes.remotes: TLS, WebSocket and proxies on the way to hubs are not built yet",
    ({ leafNode }) =>
      leafNode.remotes.some(({ tls, tlsConfig, urls, proxy }) =>
        tls || tlsConfig !== null || proxy.url !== "" ||
        urls.some(({ scheme }) => scheme === "tls" || scheme.startsWith("ws"))
      ),
  ],
  [
    "ocsp: { mode: always }: OCSP stapling is not possible, the TLS of Deno cannot attach answers",
    ({ ocspConfig }) => ocspConfig?.mode === "always",
  ],
  [
    "tls.cert_store: certificate stores are not built yet",
    (options) => tlsBlocks(options).some(({ certStore }) => certStore !== ""),
  ],
];

/** What `options` ask for and this version cannot do, a line each. */
export function unbuiltFeatures(options: Options): string[] {
  return UNBUILT.filter(([, asked]) => asked(options)).map(([line]) => line);
}
