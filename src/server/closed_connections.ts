/**
 * The connections that were closed last, for monitoring.
 *
 * @module
 */
import type { ClosedState } from "../core/connection/closed_state.ts";
import type { Connection } from "../core/connection/connection.ts";

/** A closed connection as it was at its end. */
export interface ClosedConnection {
  readonly connection: Connection;
  readonly reason: ClosedState;
  /** Wall clock, ms since the epoch. */
  readonly stopMs: number;
  /** Subjects, queues and sids it had. */
  readonly subscriptions: readonly {
    readonly subject: string;
    readonly queue: string | null;
    readonly sid: string;
    readonly delivered: number;
    readonly max: number;
  }[];
  readonly accountName: string;
}

/** A ring of closed connections (server/ring.go). */
export class ClosedConnections {
  /** Connections closed since the start. */
  total = 0;
  #ring: ClosedConnection[] = [];

  constructor(readonly capacity: number) {}

  add(connection: Connection, reason: ClosedState, stopMs: number): void {
    const closed: ClosedConnection = {
      connection,
      reason,
      stopMs,
      subscriptions: [...connection.subscriptions.values()].map((subscription) => ({
        subject: subscription.subject,
        queue: subscription.queue,
        sid: subscription.sid,
        delivered: subscription.delivered,
        max: subscription.max,
      })),
      accountName: connection.account?.name ?? "",
    };
    if (this.#ring.length < this.capacity) this.#ring.push(closed);
    else if (this.capacity > 0) this.#ring[this.total % this.capacity] = closed;
    this.total++;
  }

  /** The kept connections, oldest first. */
  all(): ClosedConnection[] {
    if (this.#ring.length < this.capacity) return [...this.#ring];
    const head = this.total % this.capacity;
    return [...this.#ring.slice(head), ...this.#ring.slice(0, head)];
  }
}
