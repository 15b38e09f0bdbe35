/**
 * Statistics of the server: told on change and at intervals, and to whoever asks.
 *
 * Reference: sendStatsz, limitStatsz, heartbeatStatsz and startStatszTimer in server/events.go.
 *
 * @module
 */
import { goJson } from "../base/text/go_format.ts";
import { jetStreamPart, kindFields, nsOfMs, timeText } from "../monitor/mod.ts";
import type { KindCounts } from "../core/core.ts";
import type { TimerHandle } from "../platform/mod.ts";
import type { RemoteServers } from "./remote_servers.ts";
import type { SystemSender } from "./sender.ts";
import type { EventServer } from "./server_info.ts";

/** Time between two reports in the long run. */
const INTERVAL_MS = 10_000;
/** Time to the first report; each following interval is twice as long. */
const FIRST_MS = 250;
/** Reports do not follow each other faster, whatever changes. */
const RATE_LIMIT_MS = 1000;

interface Traffic {
  readonly msgs: number;
  readonly bytes: number;
}

function traffic(msgs: number, bytes: number): Traffic {
  return { msgs, bytes };
}

/** A number that is only shown when it says something. */
function unlessZero(value: number): number | undefined {
  return value === 0 ? undefined : value;
}

function kindsUnlessZero(counts: KindCounts) {
  return Object.values(counts).some((count) => count > 0) ? kindFields(counts) : undefined;
}

/** Accounts in which somebody is; the server itself always is in the system account. */
function activeAccounts({ core }: EventServer): number {
  let count = 0;
  for (const account of core.accounts.values()) {
    const { connections, leafs } = account;
    if (connections.size + (leafs?.size ?? 0) > 0 || account === core.systemAccount) count++;
  }
  return count;
}

/** The figures of the server, in the reference's fields. */
export function serverStatistics(server: EventServer, remoteServers: number) {
  const { env, core: { stats }, jetStream } = server;
  const usage = env.process.usage();
  const js = jetStream === null ? undefined : jetStreamPart(jetStream);
  if (js !== undefined) delete js.config.store_dir;
  return {
    start: timeText(nsOfMs(server.startMs)),
    mem: usage.residentBytes,
    cores: env.process.cpuCount,
    cpu: Math.trunc(usage.cpuPercent * 10) / 10,
    connections: server.clients.size,
    total_connections: server.totalConnections,
    active_accounts: activeAccounts(server),
    subscriptions: server.subscriptionCount,
    sent: traffic(stats.outMsgs, stats.outBytes),
    sent_to_clients: traffic(stats.outClientMsgs, stats.outClientBytes),
    received: traffic(stats.inMsgs, stats.inBytes),
    received_from_clients: traffic(stats.inClientMsgs, stats.inClientBytes),
    slow_consumers: stats.slowConsumers,
    slow_consumer_stats: kindsUnlessZero(stats.slowConsumersByKind),
    stale_connections: unlessZero(stats.staleConnections),
    stale_connection_stats: kindsUnlessZero(stats.staleConnectionsByKind),
    stalled_clients: unlessZero(stats.stalls),
    active_servers: 1 + remoteServers,
    jetstream: js,
    gomaxprocs: env.process.cpuCount,
  };
}

/** Reports the statistics of one server. */
export class Statsz {
  /** Where everybody hears of them. */
  readonly subject: string;
  #intervalMs = FIRST_MS;
  #timer: TimerHandle | null = null;
  /** Monotonic time of the last report to everybody. */
  #lastMs = -Infinity;

  constructor(readonly sender: SystemSender, readonly remoteServers: RemoteServers) {
    this.subject = `$SYS.SERVER.${sender.server.info.server_id}.STATSZ`;
  }

  /** Reports soon, and from then on at intervals. */
  start(): void {
    this.#schedule(this.#intervalMs);
  }

  #schedule(delayMs: number): void {
    const { loop } = this.sender.server.env;
    if (this.#timer !== null) loop.clearTimer(this.#timer);
    this.#timer = loop.setTimer(() => this.#heartbeat(), delayMs);
  }

  #heartbeat(): void {
    this.#intervalMs = Math.min(this.#intervalMs * 2, INTERVAL_MS);
    this.#schedule(this.#intervalMs);
    this.report();
  }

  /** Reports to everybody now, or as soon as the last report is long enough ago. */
  report(): void {
    const nowMs = this.sender.server.env.clock.monotonicMs();
    const limitMs = Math.min(RATE_LIMIT_MS, this.#intervalMs);
    const nextMs = this.#lastMs + limitMs;
    if (nowMs < nextMs) {
      if (this.#timer !== null) this.#schedule(nextMs - nowMs);
      return;
    }
    this.#lastMs = nowMs;
    this.answer(this.subject);
  }

  /** Reports to everybody at once. */
  force(): void {
    this.#lastMs = -Infinity;
    this.report();
  }

  /** Reports on `subject`, if anybody is there to hear. */
  answer(subject: string): void {
    if (!this.sender.hasInterest(subject)) return;
    const server = this.sender.serverInfo();
    const statsz = serverStatistics(this.sender.server, this.remoteServers.count);
    this.sender.send(subject, goJson({ server, statsz }));
  }

  /** Stops the timer. */
  stop(): void {
    if (this.#timer !== null) this.sender.server.env.loop.clearTimer(this.#timer);
    this.#timer = null;
  }
}
