/**
 * An account: a subject space of its own with the connections bound to it.
 *
 * Reference: server/accounts.go.
 *
 * @module
 */
import type { Permissions } from "../../config/mod.ts";
import { Sublist, type SublistResult } from "../../sublist/mod.ts";
import type { Connection } from "../connection/connection.ts";
import type { Subscription } from "../connection/subscription.ts";

/** Name of the account of everybody without one. */
export const GLOBAL_ACCOUNT = "$G";
/** Name of the default system account. */
export const SYSTEM_ACCOUNT = "$SYS";

/** Limits of an account; -1 is unlimited. */
export interface Limits {
  maxConnections: number;
  maxSubscriptions: number;
  maxPayload: number;
}

/** Finds where messages of mapped subjects go. */
export interface SubjectMapper {
  /** The mapped subject, null when `subject` is not mapped, empty when the message is lost. */
  map(subject: string): string | null;
  /** What is mapped where, for monitoring; subjects are byte strings. */
  describe(): {
    source: string;
    destinations: { subject: string; weight: number; cluster: string }[];
  }[];
}

/** One account. */
export class Account {
  readonly sublist: Sublist<Subscription>;
  readonly connections: Set<Connection> = new Set();
  limits: Limits = { maxConnections: -1, maxSubscriptions: -1, maxPayload: -1 };
  defaultPermissions: Permissions | null = null;
  /** Null while the account has no mappings. */
  mapper: SubjectMapper | null = null;
  inMsgs = 0;
  inBytes = 0;
  outMsgs = 0;
  outBytes = 0;
  slowConsumers = 0;
  totalConnections = 0;
  /** When the account was last changed, ms since the epoch. */
  updatedMs = 0;

  /** `hashSeed` keeps clients from choosing tokens that collide. */
  constructor(readonly name: string, options: { cache: boolean; hashSeed: number }) {
    this.sublist = new Sublist<Subscription>(options);
  }

  /** True when no further connection may bind. */
  get connectionsExhausted(): boolean {
    return this.limits.maxConnections >= 0 &&
      this.connections.size > this.limits.maxConnections;
  }

  match(subject: string): SublistResult<Subscription> {
    return this.sublist.match(subject);
  }
}
