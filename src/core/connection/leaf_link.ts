/**
 * What is particular to a connection between a hub and a leaf node.
 *
 * Reference: leaf in server/leafnode.go.
 *
 * @module
 */
import type { Permissions } from "../../config/mod.ts";
import { ConnectionPermissions } from "../permission/permissions.ts";

/** Subjects that pass between leaf nodes whatever the permissions say. */
const ALWAYS_ALLOWED = ["_R_.", "$JS.ACK."];

/** The other end of a leaf node connection, and what is agreed upon with it. */
export class LeafLink {
  /** This end is the leaf: it tells the other only of interest of its own. */
  isSpoke = false;
  /** The other end hears nothing of the interest of other leaf nodes. */
  isolated = false;
  remoteServer = "";
  /** Cluster of the leaf node; messages from it do not go back to it. */
  remoteCluster = "";
  remoteDomain = "";
  /** What is agreed upon, as `/leafz` shows it. */
  compression = "not supported";
  /** Name of the account at the other end. */
  remoteAccount = "";
  /** How many want each `subject [queue]`, as far as the other end is told; null before. */
  interest: Map<string, number> | null = null;
  /** What may come in, with replies that were granted; null is everything. */
  inbound: ConnectionPermissions | null = null;

  /** Puts off the next attempt to connect; null where the other end connects. */
  delayReconnect: (() => void) | null = null;

  constructor(
    /** This server has made the connection. */
    readonly solicited: boolean,
  ) {}

  /**
   * Says what the other end may send; `report` hears of bad subjects. Replies to what it was sent
   * may be granted.
   */
  limitInbound(permissions: Permissions | null, report: (text: string) => void): void {
    this.inbound = permissions === null ? null : new ConnectionPermissions(
      { publish: permissions.publish, subscribe: null, response: permissions.response },
      report,
    );
  }

  /** Whether a message to `subject` may come in. */
  mayReceive(subject: string, nowMs: number): boolean {
    const { inbound } = this;
    if (inbound === null || !inbound.limitsPublish) return true;
    if (ALWAYS_ALLOWED.some((prefix) => subject.startsWith(prefix))) return true;
    return inbound.canPublish(subject, nowMs);
  }
}
