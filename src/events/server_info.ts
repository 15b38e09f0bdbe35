/**
 * How a server names itself in system events and in answers of system services.
 *
 * Reference: ServerInfo and ServerAPIResponse in server/events.go.
 *
 * @module
 */
import { encodeTime } from "../base/json/mod.ts";
import { goJson } from "../base/text/go_format.ts";
import { mergedFeatureFlags, type Options } from "../config/mod.ts";
import type { Core } from "../core/core.ts";
import type { Clock } from "../platform/mod.ts";
import type { Info } from "../protocol/mod.ts";

/** What system services need to know of a server. */
export interface EventServer {
  readonly core: Core;
  readonly options: Options;
  readonly info: Info;
  readonly env: { readonly clock: Clock };
}

/** Capabilities of a server with JetStream: enabled, binary stream snapshots, account NRG. */
const JETSTREAM_FLAGS = 1 | 2 | 4;

function sortedRecord<T>(entries: ReadonlyMap<string, T>): Record<string, T> | undefined {
  if (entries.size === 0) return undefined;
  return Object.fromEntries([...entries].sort(([a], [b]) => a < b ? -1 : 1));
}

/** The server as it is now; `sequence` counts what it has sent. */
export function serverInfo(server: EventServer, sequence: number) {
  const { info, options, env } = server;
  return {
    name: info.server_name,
    host: info.host,
    id: info.server_id,
    cluster: options.cluster.name || undefined,
    domain: (options.jetStream && options.jetStreamDomain) || undefined,
    ver: info.version,
    tags: options.tags.length === 0 ? undefined : options.tags,
    metadata: sortedRecord(options.metadata),
    feature_flags: sortedRecord(mergedFeatureFlags(options.featureFlags)),
    jetstream: options.jetStream,
    flags: options.jetStream ? JETSTREAM_FLAGS : 0,
    seq: sequence,
    time: encodeTime(env.clock.nowNs()),
  };
}

/** The answer of a system service, in JSON. */
export function serverApiResponse(server: EventServer, sequence: number, data: unknown): string {
  return goJson({ server: serverInfo(server, sequence), data });
}
