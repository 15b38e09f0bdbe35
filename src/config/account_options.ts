/**
 * Accounts as the configuration declares them: limits, default permissions, what they export to
 * and import from each other, and subject mappings. The live account is `core/account`'s.
 *
 * Reference: the account parts of server/opts.go and server/accounts.go.
 *
 * @module
 */
import type { Permissions } from "./auth_options.ts";

/** Limits of one account; -1 is unlimited. */
export interface AccountLimits {
  maxConnections: number;
  maxSubscriptions: number;
  maxPayload: number;
  maxLeafNodes: number;
}

/** JetStream limits of one account; -1 is unlimited, sizes in bytes. */
export interface JetStreamAccountLimits {
  maxMemory: number;
  maxStore: number;
  maxStreams: number;
  maxConsumers: number;
  maxAckPending: number;
  memoryMaxStreamBytes: number;
  storeMaxStreamBytes: number;
  /** Whether each stream must state a maximum size. */
  maxBytesRequired: boolean;
}

/** One destination of a subject mapping. */
export interface MapDestination {
  subject: string;
  /** Share of the messages in percent, 0 to 100. */
  weight: number;
  /** Cluster to which this destination is limited; empty is everywhere. */
  cluster: string;
}

/** A subject of an account's publishers and where its messages really go. */
export interface AccountMapping {
  source: string;
  destinations: MapDestination[];
}

/** How many replies an exported service gives. */
export type ServiceResponseType = "Singleton" | "Streamed" | "Chunked";

/** Latency tracking of an exported service. */
export interface ServiceLatencyOptions {
  /** Share of the requests that are measured, 1 to 100; 0 follows the requests' headers. */
  sampling: number;
  /** Where measurements are published. */
  subject: string;
}

/** A stream of messages that other accounts may import. */
export interface StreamExport {
  subject: string;
  /** Accounts that may import it; null is all of them. */
  accounts: string[] | null;
  /** Position (from 1) of the wildcard that must hold the importer's name; 0 is none. */
  accountTokenPosition: number;
}

/** A service that other accounts may import. */
export interface ServiceExport {
  subject: string;
  accounts: string[] | null;
  accountTokenPosition: number;
  responseType: ServiceResponseType;
  /** How long replies may take. */
  responseThresholdMs: number;
  latency: ServiceLatencyOptions | null;
  allowTrace: boolean;
}

/** A stream imported from another account. */
export interface StreamImport {
  /** Name of the exporting account. */
  account: string;
  subject: string;
  /** Local subject; empty keeps the exporter's, behind `prefix` if that is set. */
  to: string;
  /** Put before the exporter's subject; empty when `to` is used. */
  prefix: string;
  allowTrace: boolean;
}

/** A service imported from another account. */
export interface ServiceImport {
  /** Name of the exporting account. */
  account: string;
  /** The exporter's subject. */
  subject: string;
  /** The subject on which local requesters reach it. */
  to: string;
  /** Whether information about the requester is shared with the service. */
  share: boolean;
}

/** One account of the configuration. */
export interface AccountOptions {
  name: string;
  /** Public account key, or empty. */
  nkey: string;
  limits: AccountLimits;
  /** Permissions of the account's users who have none of their own. */
  defaultPermissions: Permissions | null;
  mappings: AccountMapping[];
  streamExports: StreamExport[];
  serviceExports: ServiceExport[];
  streamImports: StreamImport[];
  serviceImports: ServiceImport[];
  /** JetStream limits; null when the account has no JetStream. */
  jetStream: JetStreamAccountLimits | null;
  /** Account that carries the replication traffic: this account's name, or empty for system. */
  nrgAccount: string;
  /** Where traces of messages are published, or empty. */
  traceDest: string;
  /** Share of traced messages in percent. */
  traceDestSampling: number;
}

/** Account limits with everything unlimited. */
export function unlimitedAccount(): AccountLimits {
  return { maxConnections: -1, maxSubscriptions: -1, maxPayload: -1, maxLeafNodes: -1 };
}

/** JetStream limits with everything unlimited. */
export function unlimitedJetStream(): JetStreamAccountLimits {
  return {
    maxMemory: -1,
    maxStore: -1,
    maxStreams: -1,
    maxConsumers: -1,
    maxAckPending: -1,
    memoryMaxStreamBytes: -1,
    storeMaxStreamBytes: -1,
    maxBytesRequired: false,
  };
}

/** An account that has only a name. */
export function newAccountOptions(name: string): AccountOptions {
  return {
    name,
    nkey: "",
    limits: unlimitedAccount(),
    defaultPermissions: null,
    mappings: [],
    streamExports: [],
    serviceExports: [],
    streamImports: [],
    serviceImports: [],
    jetStream: null,
    nrgAccount: "",
    traceDest: "",
    traceDestSampling: 0,
  };
}
