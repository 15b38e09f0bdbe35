/**
 * How a server names itself in system events and in answers of system services.
 *
 * Reference: ServerInfo in server/events.go.
 *
 * @module
 */
import { encodeTime } from "../base/json/mod.ts";
import { mergedFeatureFlags } from "../config/mod.ts";
import type { Connection } from "../core/connection/connection.ts";
import type { Loop, Profiler, Random } from "../platform/mod.ts";
import type { MonitoredServer, MonitorEnvironment } from "../monitor/mod.ts";

/** What system events and services need of a server. */
export interface EventServer extends MonitoredServer {
  readonly env: MonitorEnvironment & {
    readonly loop: Loop;
    readonly random: Random;
    readonly profiler: Profiler;
  };
  /** What `/varz` shows. */
  varz(): Record<string, unknown>;
  /** Reads the configuration again; rejects with what cannot be changed. */
  reload(): Promise<void>;
  /** Tells a client that the server is about to go. False when it would not understand. */
  announceLameDuck(connection: Connection): boolean;
}

/** Capabilities of a server with JetStream: enabled, binary stream snapshots, account NRG. */
const JETSTREAM_FLAGS = 1 | 2 | 4;

function sortedRecord<T>(entries: ReadonlyMap<string, T>): Record<string, T> | undefined {
  if (entries.size === 0) return undefined;
  return Object.fromEntries([...entries].sort(([a], [b]) => a < b ? -1 : 1));
}

/** A server as it names itself, in the reference's fields and order. */
export interface ServerInfo {
  readonly name: string;
  readonly host: string;
  readonly id: string;
  readonly cluster: string | undefined;
  readonly domain: string | undefined;
  readonly ver: string;
  readonly tags: string[] | undefined;
  readonly metadata: Record<string, string> | undefined;
  readonly feature_flags: Record<string, boolean> | undefined;
  readonly jetstream: boolean;
  readonly flags: number;
  /** Counts what the server has sent. */
  readonly seq: number;
  readonly time: string;
}

/** The server as it is now; `sequence` counts what it has sent. */
export function serverInfo(server: EventServer, sequence: number): ServerInfo {
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
