/**
 * What monitoring reads of a server. The server gives itself; monitoring changes nothing in it.
 *
 * @module
 */
import type { Options } from "../config/mod.ts";
import type { ClosedState } from "../core/connection/closed_state.ts";
import type { Connection } from "../core/connection/connection.ts";
import type { Core } from "../core/core.ts";
import type { JetStream } from "../jetstream/mod.ts";
import type { ConfigSource } from "../platform/config_source.ts";
import type {
  Clock,
  HttpServer,
  Logger,
  Process,
  TlsPeerCheck,
  TlsServerContext,
  TlsUpgrader,
} from "../platform/mod.ts";
import type { CacheStats } from "../ocsp/mod.ts";
import type { Info } from "../protocol/mod.ts";

/** A subscription as it was when its connection closed. */
export interface ClosedSubscription {
  readonly subject: string;
  readonly queue: string | null;
  readonly sid: string;
  readonly delivered: number;
  readonly max: number;
}

/** A connection as it was when it closed. */
export interface ClosedRecord {
  readonly connection: Connection;
  readonly reason: ClosedState;
  /** Wall clock, ms since the epoch. */
  readonly stopMs: number;
  readonly subscriptions: readonly ClosedSubscription[];
  readonly accountName: string;
}

/** The outside world of monitoring. */
export interface MonitorEnvironment {
  readonly clock: Clock;
  readonly process: Process;
  readonly log: Logger;
  readonly http: HttpServer;
  readonly files: ConfigSource;
  readonly tls: TlsUpgrader;
}

/** A server to look at. */
export interface MonitoredServer {
  readonly core: Core;
  /** Null when it is not configured. */
  readonly jetStream: JetStream | null;
  readonly options: Options;
  readonly info: Info;
  readonly env: MonitorEnvironment;
  readonly clients: ReadonlyMap<number, Connection>;
  /** Connections to leaf nodes and hubs; null without any. */
  readonly leafNodes: { readonly connections: ReadonlyMap<number, Connection> } | null;
  readonly closedConnections: { all(): readonly ClosedRecord[] };
  /** Wall clock of the start, ms since the epoch. */
  readonly startMs: number;
  /** When the options were taken over, ms since the epoch. */
  readonly configLoadMs: number;
  readonly totalConnections: number;
  readonly subscriptionCount: number;
  /** OCSP of clients; `cache` is null where none is kept. */
  readonly ocsp: {
    readonly verifies: boolean;
    readonly cache: { readonly type: string; readonly stats: CacheStats } | null;
    /** What clients of `context` must pass; null without checks. */
    clientCheck(context: TlsServerContext): TlsPeerCheck | null;
  };
  /** Whether clients can connect now. */
  readonly ready: boolean;
  /** natsts' own version. */
  readonly natstsVersion: string;
}
