/**
 * Takes a new configuration over while the server runs: what cannot change refuses all of it, and
 * then nothing has changed.
 *
 * Reference: Reload, ReloadOptions and applyOptions in server/reload.go.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import {
  applyBaseline,
  ConfigParseError,
  ConfigProcessError,
  emptyOptions,
  mergeFlags,
  type Options,
  OptionsError,
  processConfigFile,
  unbuiltFeatures,
  validateOptions,
} from "../config/mod.ts";
import type { Server } from "../server/server.ts";
import { reloadAuthorization } from "./authorization.ts";
import { type Change, type Part, ReloadError } from "./change.ts";
import { checkAdvertise, compareOptions } from "./fields.ts";
import { switchJetStream } from "./jetstream.ts";
import { reloadLogging } from "./logging.ts";
import { newTls, newWebsocketTls, recheckPinned, replaceTls } from "./tls.ts";

/**
 * Reads the configuration file again and takes it over. Rejects with {@linkcode ReloadError} when
 * the server has none, when it cannot be read, or when it changes what cannot change.
 */
export async function reloadConfiguration(server: Server): Promise<void> {
  const { configFile } = server.options;
  if (configFile === "") {
    throw new ReloadError("can only reload config when a file is provided using -c or --config");
  }
  const next = emptyOptions();
  try {
    processConfigFile(next, configFile, server.env.files);
  } catch (error) {
    if (!(error instanceof ConfigParseError || error instanceof ConfigProcessError)) throw error;
    throw new ReloadError(error.message, { cause: error });
  }
  await reloadOptions(server, next);
}

/**
 * Takes `given` over, under what the command line has said. Rejects with {@linkcode ReloadError};
 * then nothing has changed.
 */
export async function reloadOptions(server: Server, given: Options): Promise<void> {
  const current = server.options;
  const next = mergeFlags(given, server.flagOptions);
  applyBaseline(next);
  // Random ports stay what they became.
  if (next.port === 0) next.port = current.port;
  for (const block of ["websocket", "mqtt", "leafNode", "cluster", "gateway"] as const) {
    if (next[block].port === -1) next[block].port = current[block].port;
  }
  next.configFile ||= current.configFile;
  checkAdvertise(next);
  try {
    validateOptions(next);
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    throw new ReloadError(error.message, { cause: error });
  }
  const changes = compareOptions({ server, current, next });
  const before = unbuiltFeatures(current);
  const unbuilt = unbuiltFeatures(next).filter((line) => !before.includes(line));
  if (unbuilt.length > 0) throw new ReloadError(unbuilt.join("\n"));
  const tls = newTls(server, next);
  const websocketTls = newWebsocketTls(server, next);
  const pinned = current.tlsPinnedCerts;
  Object.assign(current, next);
  await replaceTls(server, tls, changes);
  server.websocket?.replaceTls(websocketTls);
  await apply(server, changes);
  if (!isDeepStrictEqual(pinned, current.tlsPinnedCerts)) recheckPinned(server);
  server.certificateWatch.start();
  server.configLoadMs = server.env.clock.nowMs();
}

async function apply(server: Server, changes: readonly Change[]): Promise<void> {
  const { log } = server.env;
  const parts = new Set<Part>();
  for (const change of changes) {
    change.apply?.(server);
    for (const part of change.parts ?? []) parts.add(part);
    const { log: text = "", lines = [] } = change;
    if (text !== "") log.notice(`Reloaded: ${text}`);
    for (const line of lines) log.notice(line);
  }
  if (parts.has("logging")) reloadLogging(server);
  if (parts.has("authorization")) await reloadAuthorization(server);
  if (parts.has("jetstream")) await switchJetStream(server);
  if (parts.has("statistics")) server.events?.statsz.force();
  await server.ocsp.reload();
  const { configDigest } = server.options;
  log.notice(`Reloaded server configuration ${configDigest === "" ? "" : `(${configDigest})`}`);
}
