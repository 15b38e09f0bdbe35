/**
 * Consumers that nobody uses are deleted after a while: ephemeral ones always, others if they
 * were configured so.
 *
 * Reference: updateInactiveThreshold, deleteNotActive, suppressDeletion in server/consumer.go.
 *
 * @module
 */
import type { ConsumerConfig } from "../../jsapi/mod.ts";
import type { Consumer } from "./consumer.ts";
import { LazyTimer } from "./lazy_timer.ts";
import { checkWaiting } from "./pulls.ts";
import { ackWaitOf } from "./redelivery.ts";

const EPHEMERAL_NS = 5_000_000_000n;
/** So that many do not end at once. */
const JITTER_MIN_MS = 100;
const JITTER_SPREAD_MS = 900;

/** Sets how long the consumer may be unused, and returns its configuration with the default. */
export function withInactiveThreshold(o: Consumer, config: ConsumerConfig): ConsumerConfig {
  const jitterMs = JITTER_MIN_MS + o.js.core.env.random.below(JITTER_SPREAD_MS);
  if (config.durable === "" && config.inactiveThreshold <= 0n) {
    o.inactiveMs = Number(EPHEMERAL_NS) / 1e6 + jitterMs;
    return { ...config, inactiveThreshold: EPHEMERAL_NS };
  }
  const thresholdMs = Number(config.inactiveThreshold) / 1e6;
  o.inactiveMs = thresholdMs <= 0 ? 0 : thresholdMs + (o.isPull ? jitterMs : 0);
  return config;
}

/** Begins to count: always in pull mode, without interest in push mode. */
export function startInactivity(o: Consumer): void {
  if (o.inactiveMs > 0 && (o.isPull || !o.active)) deleteAfter(o, o.inactiveMs);
}

/** Deletes the consumer after `delayMs` unless it is used by then. */
export function deleteAfter(o: Consumer, delayMs: number): void {
  o.timers.inactive ??= new LazyTimer(o.loop, o.clock, () => deleteIfUnused(o));
  o.timers.inactive.setDelay(delayMs);
}

/** Somebody acknowledged something. */
export function suppressDeletion(o: Consumer): void {
  const { inactive } = o.timers;
  const { turnMs } = o.js.core;
  if (o.pulls !== null) o.pulls.queue.lastMs = turnMs;
  if (inactive?.active === true) inactive.setDeadline(turnMs + o.inactiveMs);
}

function deleteIfUnused(o: Consumer): void {
  if (o.closed) return;
  if (o.pulls === null) {
    if (o.active) return;
  } else {
    const unusedMs = o.clock.monotonicMs() - o.pulls.queue.lastMs;
    if (unusedMs < o.inactiveMs) return deleteAfter(o, o.inactiveMs - unusedMs);
    checkWaiting(o, true);
    if (!o.pulls.queue.isEmpty) return deleteAfter(o, o.inactiveMs);
    const delayMs = untilLastAck(o);
    if (delayMs > 0) return deleteAfter(o, delayMs);
  }
  o.stop({ deleteState: true, advisory: true });
}

/** Receivers may still be at work: ms until the last of them is late, and the threshold over. */
function untilLastAck(o: Consumer): number {
  const nowMs = o.clock.nowMs();
  let delayMs = 0;
  for (const [seq, { timeMs }] of o.pending.entries()) {
    delayMs = Math.max(delayMs, timeMs + ackWaitOf(o, seq) + o.inactiveMs - nowMs);
  }
  return delayMs;
}
