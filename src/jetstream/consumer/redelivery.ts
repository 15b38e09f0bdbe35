/**
 * Deliveries that wait for their acknowledgement: how long, how often, and when again.
 *
 * ```text
 * delivered ─▶ pending ──ack, term──▶ gone, the ack floor moves
 *                │  ▲
 *     time over, │  │ delivered again
 *     nak        ▼  │
 *              redeliver queue ──delivered too often──▶ gone from pending, noted in redelivered
 * ```
 *
 * Reference: trackPending, checkPending, moveAckFloor, hasMaxDeliveries, checkAckFloor in
 * server/consumer.go.
 *
 * @module
 */
import { StoreError } from "../../store/mod.ts";
import { Timestamp } from "../../store/timestamp.ts";
import { terminate } from "./acks.ts";
import type { Consumer } from "./consumer.ts";
import { LazyTimer } from "./lazy_timer.ts";
import { writeState } from "./state.ts";

/** Lets bursts be looked at together. */
const ACK_WAIT_DELAY_MS = 1;
/** After a start pending deliveries are looked at after so long, and a bit at random. */
const START_CHECK_MS = 500;
const START_CHECK_SPREAD_MS = 1000;
/** An ack floor that lags less behind the stream is left to normal operation. */
const FLOOR_LAG_MIN = 50;
const LIMITS_REASON = "Message deleted by stream limits";

/** Looks at pending deliveries after `delayMs`. */
export function checkPendingAfter(o: Consumer, delayMs: number): void {
  const timer = o.timers.pending ??= new LazyTimer(o.loop, o.clock, () => checkPending(o));
  timer.setDelay(delayMs);
}

/** {@linkcode checkPendingAfter}, but only if the timer is set already. */
export function checkPendingSooner(o: Consumer, delayMs: number): void {
  if (o.timers.pending?.active === true) checkPendingAfter(o, delayMs);
}

/** Sets the timer after the state was restored. */
export function startPendingTimer(o: Consumer): void {
  const delayMs = START_CHECK_MS + o.js.core.env.random.below(START_CHECK_SPREAD_MS);
  checkPendingAfter(o, Math.min(delayMs, o.ackWaitMs + ACK_WAIT_DELAY_MS));
}

/** Index into the back-off of the next wait for a message. */
function backOffIndex(o: Consumer, seq: number): number {
  const count = o.redelivered.get(seq) ?? 0;
  return Math.min(Math.max(0, count), o.backOffMs.length - 1);
}

/** How long an acknowledgement of a message may take, as of its deliveries so far. */
export function ackWaitOf(o: Consumer, seq: number): number {
  const waitMs = o.backOffMs.length === 0 ? o.ackWaitMs : o.backOffMs[backOffIndex(o, seq)]!;
  return (waitMs > 0 ? waitMs : o.ackWaitMs) + ACK_WAIT_DELAY_MS;
}

/** Notes a delivery that wants an acknowledgement; times in ms, wall and monotonic. */
export function trackPending(
  o: Consumer,
  streamSeq: number,
  consumerSeq: number,
  nowMs: number,
  monotonicMs: number,
): void {
  const known = o.pending.get(streamSeq);
  if (known !== undefined) known.timeMs = nowMs;
  else o.pending.add(streamSeq, { sequence: consumerSeq, timeMs: nowMs });
  if (o.ackWaitMs === 0) return;
  const deadlineMs = monotonicMs + ackWaitOf(o, streamSeq);
  const timer = o.timers.pending ??= new LazyTimer(o.loop, o.clock, () => checkPending(o));
  if (timer.deadlineMs > deadlineMs) timer.setDeadline(deadlineMs);
}

/** How often a message was delivered, at least 1. */
export function deliveryCount(o: Consumer, seq: number): number {
  return Math.max(1, o.redelivered.get(seq) ?? 0);
}

/** Counts another delivery and returns which one it is. */
export function countDelivery(o: Consumer, seq: number): number {
  const count = (o.redelivered.get(seq) ?? 0) + 1;
  if (count === 0) o.redelivered.delete(seq);
  else o.redelivered.set(seq, count);
  return count + 1;
}

/** Takes back a delivery that failed; a first one then counts as none. */
export function uncountDelivery(o: Consumer, seq: number): void {
  const count = (o.redelivered.get(seq) ?? 0) - 1;
  if (count === 0) o.redelivered.delete(seq);
  else o.redelivered.set(seq, count);
}

/** Tells the store of a delivery at `timeMs`. */
export function storeDelivered(
  o: Consumer,
  consumerSeq: number,
  streamSeq: number,
  deliveries: number,
  timeMs: number,
): void {
  o.lastDeliveredMs = o.clock.monotonicMs();
  if (o.store === null) return;
  const time = new Timestamp();
  time.setMs(timeMs);
  o.store.updateDelivered(consumerSeq, streamSeq, deliveries, time.high, time.low);
}

/** Tells the store of an acknowledgement. */
export function storeAcked(o: Consumer, consumerSeq: number, streamSeq: number): void {
  o.lastAckedMs = o.js.core.turnMs;
  if (o.store === null || o.config.ackPolicy === "none") return;
  try {
    o.store.updateAcks(consumerSeq, streamSeq);
  } catch (error) {
    // The store may have given up the message before.
    if (!(error instanceof StoreError) || error.code !== "not_found") throw error;
  }
}

/** Moves the ack floor after the delivery was taken out of pending. */
export function moveAckFloor(o: Consumer, consumerSeq: number, streamSeq: number): void {
  if (o.pending.size === 0) {
    o.ackFloorConsumer = o.consumerSeq - 1;
    o.ackFloorStream = o.streamSeq - 1;
  } else if (consumerSeq === o.ackFloorConsumer + 1) {
    o.ackFloorConsumer = consumerSeq;
    o.ackFloorStream = streamSeq;
    const next = o.pending.lowest();
    const { sequence } = o.pending.get(next)!;
    if (next <= streamSeq || sequence === 0) return;
    o.ackFloorConsumer = sequence - 1;
    o.ackFloorStream = next - 1;
  }
}

/** Whether the deliveries of a message are used up; if so it is not pending any more. */
export function hasMaxDeliveries(o: Consumer, seq: number): boolean {
  const { maxDeliver, maxAckPending } = o.config;
  if (maxDeliver <= 0) return false;
  const count = deliveryCount(o, seq);
  if (count < maxDeliver) return false;
  if (count === maxDeliver) o.js.events.maxDeliveries(o.address, seq, count);
  if (maxAckPending > 0 && o.pending.size >= maxAckPending) o.signal();
  giveUp(o, seq, count + 1);
  o.redelivered.set(seq, count);
  return true;
}

/** Takes a message that was delivered too often out of pending. */
export function giveUp(o: Consumer, seq: number, deliveries: number): void {
  const pending = o.pending.get(seq);
  if (pending === undefined) return;
  o.pending.delete(seq);
  storeDelivered(o, pending.sequence, seq, deliveries, pending.timeMs);
  moveAckFloor(o, pending.sequence, seq);
}

/** Queues messages to be delivered again at once; their time of delivery moves to now. */
function queueExpired(o: Consumer, expired: number[], nowMs: number): void {
  expired.sort((a, b) => a - b);
  const offMs = nowMs - o.pending.get(expired[0]!)!.timeMs;
  for (const seq of expired) {
    o.redeliverQueue.add(seq);
    // Differences stay, so that the order of a later redelivery is the same.
    o.pending.get(seq)!.timeMs += offMs;
  }
  o.signal();
}

/** Delivers everything that is pending again, because somebody else gets it now. */
export function expireAllPending(o: Consumer): void {
  const expired: number[] = [];
  for (const seq of [...o.pending.keys()]) {
    if (!o.redeliverQueue.has(seq) && !hasMaxDeliveries(o, seq)) expired.push(seq);
  }
  if (expired.length > 0) {
    queueExpired(o, expired, o.clock.nowMs());
    checkPendingAfter(o, o.ackWaitMs + ACK_WAIT_DELAY_MS);
  }
  o.signal();
}

/** Finds the deliveries whose time is over. */
export function checkPending(o: Consumer): void {
  if (o.closed || o.timers.pending === null || o.ackWaitMs === 0) {
    o.timers.pending?.clear();
    return;
  }
  const { firstSeq } = o.streamState();
  const nowMs = o.clock.nowMs();
  const backOff = o.backOffMs;
  let nextMs = backOff.length > 0 ? backOff[backOff.length - 1]! : o.ackWaitMs + ACK_WAIT_DELAY_MS;
  const expired: number[] = [];
  let dropped = false;
  // Puts them in order, which must not happen on the way.
  o.pending.lowest();
  for (const [seq, pending] of o.pending.entries()) {
    if (seq < firstSeq || seq <= o.ackFloorStream) {
      o.pending.delete(seq);
      o.redelivered.delete(seq);
      o.redeliverQueue.remove(seq);
      dropped = true;
      if (seq > o.ackFloorStream) o.ackFloorStream = seq;
      if (pending.sequence > o.ackFloorConsumer) o.ackFloorConsumer = pending.sequence;
      continue;
    }
    let waitMs = o.ackWaitMs;
    if (backOff.length > 0) {
      const index = backOffIndex(o, seq);
      waitMs = backOff[index]!;
      nextMs = Math.min(nextMs, backOff[Math.min(index + 1, backOff.length - 1)]!);
    }
    const leftMs = waitMs - (nowMs - pending.timeMs);
    if (leftMs > 0) nextMs = Math.min(nextMs, leftMs);
    else if (!o.redeliverQueue.has(seq) && !hasMaxDeliveries(o, seq)) expired.push(seq);
  }
  if (expired.length > 0) queueExpired(o, expired, nowMs);
  if (o.pending.size > 0) checkPendingAfter(o, nextMs);
  else {
    o.timers.pending.clear();
    o.redeliverQueue.clear();
    o.pending.clear();
    o.ackFloorConsumer = o.consumerSeq - 1;
    o.ackFloorStream = o.streamSeq - 1;
  }
  if (dropped) writeState(o, "check pending");
}

/** Forgets redeliveries of messages that left the stream. */
export function checkRedelivered(o: Consumer): void {
  const { firstSeq } = o.streamState();
  let dropped = false;
  for (const seq of [...o.redelivered.keys()]) {
    if (seq <= o.ackFloorStream || seq < firstSeq) o.redeliverQueue.remove(seq);
    if (seq >= firstSeq) continue;
    o.redelivered.delete(seq);
    dropped = true;
  }
  if (dropped) writeState(o, "check redelivered");
}

/** Brings an ack floor that fell behind the first message of the stream forward. */
export function checkAckFloor(o: Consumer): void {
  if (o.ackFloorStream === 0 || o.closed) return;
  const { firstSeq } = o.streamState();
  if (firstSeq === 0 || o.ackFloorStream >= firstSeq - 1) return;
  for (const [seq, pending] of [...o.pending.entries()]) {
    if (seq < firstSeq) {
      terminate(o, seq, pending.sequence, deliveryCount(o, seq), LIMITS_REASON);
    }
  }
  if (firstSeq < FLOOR_LAG_MIN || o.ackFloorStream >= firstSeq - FLOOR_LAG_MIN) return;
  const lowest = o.pending.lowest();
  if (lowest === 0) {
    o.ackFloorStream = Math.max(o.streamSeq - 1, firstSeq - 1);
    o.ackFloorConsumer = o.consumerSeq - 1;
  } else {
    o.ackFloorStream = lowest - 1;
    o.ackFloorConsumer = o.pending.get(lowest)!.sequence - 1;
  }
}
