/**
 * PINGs between hubs and leaf nodes, and pauses for crowded receivers.
 *
 * Reference: setFirstPingTimer and processPingTimer in server/client.go.
 *
 * @module
 */
import { ClosedState } from "../core/connection/closed_state.ts";
import type { Connection } from "../core/connection/connection.ts";

const FIRST_PING_MS = 1000;
const RTT_INTERVAL_MS = 3_600_000;
/** Longest pause per read for the sake of a crowded receiver. */
const STALL_MS = 10;

/** Keeps one connection alive, or ends it when the other side is not. */
export class LeafKeepAlive {
  constructor(readonly connection: Connection) {}

  /** Sends the first PING soon, and then one now and then. */
  start(): void {
    const { connection } = this;
    const { options, env } = connection.core;
    let delayMs = connection.pingIntervalMs;
    if (!options.disableShortFirstPing) delayMs = Math.min(delayMs, FIRST_PING_MS);
    connection.setPingTimer(delayMs + env.random.unit() * (delayMs / 5), () => this.#onTimer());
  }

  /** The other side has answered. */
  onPong(): void {
    const { connection } = this;
    connection.pingsOut = 0;
    const nowMs = connection.core.env.clock.monotonicMs();
    connection.rttMs = Math.max(nowMs - connection.rttStartMs, 1e-6);
  }

  /** Waits until `crowded` has less pending, but not for long. */
  async stall(crowded: Connection): Promise<void> {
    const { loop } = this.connection.core.env;
    await new Promise<void>((resolve) => {
      const timer = loop.setTimer(resolve, STALL_MS);
      void crowded.out.drained().then(() => {
        loop.clearTimer(timer);
        resolve();
      });
    });
  }

  #onTimer(): void {
    const { connection } = this;
    if (connection.closed) return;
    const { options, env } = connection.core;
    connection.debug("Leafnode Ping Timer");
    const nowMs = env.clock.monotonicMs();
    const needsRtt = connection.rttMs === 0 || nowMs - connection.rttStartMs > RTT_INTERVAL_MS;
    const silent = nowMs - connection.lastInboundMs >= connection.pingIntervalMs;
    // Who has made the connection finds out by itself when the other side is gone.
    if (silent || needsRtt || connection.leaf!.isSpoke) {
      if (connection.pingsOut + 1 > options.maxPingsOut) {
        connection.debug("Stale Client Connection - Closing");
        connection.sendError("Stale Connection");
        connection.close(ClosedState.StaleConnection);
        return;
      }
      connection.sendPing();
    }
    connection.setPingTimer(connection.pingIntervalMs, () => this.#onTimer());
  }
}
