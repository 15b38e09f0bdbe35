/**
 * Delivers messages: the loop of a consumer, run at the end of the turn.
 *
 * ```text
 * takeNext ─▶ who gets it? ─▶ in time? ─▶ note the delivery ─▶ send ─▶ …until nothing is left,
 *    ▲             │             │                                      nobody wants more, or
 *    └─ put back ──┴─────────────┘                                      the turn was long enough
 * ```
 *
 * Reference: loopAndGatherMsgs, deliverMsg in server/consumer.go.
 *
 * @module
 */
import { appendHeader } from "../../protocol/mod.ts";
import { StoredMsg, StoreError } from "../../store/mod.ts";
import { msOfHalves } from "../../store/timestamp.ts";
import type { Connection } from "../../core/connection/connection.ts";
import type { Consumer } from "./consumer.ts";
import { countFlow, isFlowStalled } from "./flow_control.ts";
import { LazyTimer } from "./lazy_timer.ts";
import { Next, putBackNext, takeNext } from "./next_message.ts";
import { isPaused } from "./pause.ts";
import { numPending } from "./pending_count.ts";
import { checkWaiting, creditRequest, endPulls, nextWaiting } from "./pulls.ts";
import { setInterest } from "./push.ts";
import { trackPending, uncountDelivery } from "./redelivery.ts";
import { sendStatus } from "./status.ts";

/** Work of one turn. */
const TURN_MSGS_MAX = 1000;
const TURN_BYTES_MAX = 512 * 1024;
/** How long a crowded receiver gets. */
const CROWDED_MS = 10;
/** Messages closer to each other are replayed without waiting. */
const REPLAY_GAP_MS = 1;

/** Delivers what can be delivered now, as far as one turn goes. */
export function deliverMessages(o: Consumer): void {
  let last: number = Next.None;
  try {
    last = run(o);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (o.closed || o.stream.closed) return;
    o.js.core.env.log.error(
      `Received an error looking up message for consumer '${o.label}': ${error.message}`,
    );
  }
  if (o.closed) return;
  if (o.replaying && o.streamSeq > o.replayUntilSeq) o.replaying = false;
  if (o.pulls !== null && !o.ready) endPulls(o, last !== Next.MaxPending);
}

/** Returns why it ended, as of {@linkcode takeNext}. */
function run(o: Consumer): number {
  const { core } = o.js;
  const nowMs = o.clock.nowMs();
  const monotonicMs = o.clock.monotonicMs();
  let bytesLeft = TURN_BYTES_MAX;
  for (let msgsLeft = TURN_MSGS_MAX; canDeliver(o); msgsLeft--) {
    if (msgsLeft === 0 || bytesLeft <= 0) {
      o.ignoreCrowd = false;
      o.signal();
      return Next.None;
    }
    const deliveries = takeNext(o);
    if (deliveries <= 0) return deliveries;
    const sizeBytes = deliverTaken(o, deliveries, nowMs, monotonicMs);
    if (sizeBytes < 0) break;
    bytesLeft -= sizeBytes;
    const { crowded } = core;
    if (crowded === null) continue;
    core.crowded = null;
    if (o.ignoreCrowd) continue;
    stall(o, crowded);
    break;
  }
  // While a delivery waits for its time there are messages.
  return o.stalled || isDelayed(o) ? Next.MaxPending : Next.None;
}

function isDelayed({ timers: { delay } }: Consumer): boolean {
  return delay !== null && delay.active;
}

function canDeliver(o: Consumer): boolean {
  if (o.closed || (o.config.pauseUntil !== null && isPaused(o))) return false;
  if (isDelayed(o)) return false;
  return o.pulls === null ? o.active && !isFlowStalled(o) : !o.pulls.queue.isEmpty;
}

/** Gives a crowded receiver a moment, so that it does not become a slow consumer. */
function stall(o: Consumer, crowded: Connection): void {
  o.stalled = true;
  const go = (): void => {
    if (!o.stalled) return;
    o.stalled = false;
    o.loop.clearTimer(timer);
    o.signal();
  };
  const timer = o.loop.setTimer(() => {
    // Others may wait for their messages behind it.
    o.ignoreCrowd = true;
    go();
  }, CROWDED_MS);
  o.endStall = go;
  void crowded.out.drained().then(go);
}

/** Delivers the message at hand; returns its size, or -1 when it had to be put back. */
function deliverTaken(
  o: Consumer,
  deliveries: number,
  nowMs: number,
  monotonicMs: number,
): number {
  const { config, pulls } = o;
  let msg = o.message;
  const isFirst = deliveries === 1 && !o.pending.has(msg.seq);
  if (isFirst) o.pendingCount--;
  const { seq } = msg;
  const replyBytes = o.ackSubject.write(
    deliveries,
    seq,
    o.consumerSeq,
    msg.tsHigh,
    msg.tsLow,
    numPending(o),
  );
  if (config.headersOnly) msg = headersOnly(msg);
  let sizeBytes = sizeOf(msg) + (msg.subjectEnd - msg.subjectAt) + replyBytes;
  if (
    (o.replaying && waitsForReplay(o)) ||
    (o.rateLimit !== null && waitsForRate(o, sizeBytes, monotonicMs))
  ) return putBack(o, deliveries, isFirst);
  const request = pulls === null ? null : nextWaiting(o, sizeBytes);
  if (pulls !== null && request === null) return putBack(o, deliveries, isFirst);
  if (config.priorityPolicy === "pinned_client") {
    msg = withHeaders(
      msg,
      appendHeader(msg.headers(), "Nats-Pin-Id", o.pinnedId),
      msg.payload(),
    );
    sizeBytes = sizeOf(msg) + (msg.subjectEnd - msg.subjectAt) + replyBytes;
  }
  if (o.replaying) o.replayLastMs = msOfHalves(msg.tsHigh, msg.tsLow);
  const target = request === null ? config.deliverSubject : request.reply;
  const { tsHigh, tsLow } = msg;
  const consumerSeq = o.consumerSeq++;
  const countedBytes = target.length + replyBytes + sizeOf(msg);
  if (o.windowBytes > 0) o.outstandingBytes += countedBytes;
  o.lastDeliveredMs = monotonicMs;
  if (o.store !== null) o.store.updateDelivered(consumerSeq, seq, deliveries, tsHigh, tsLow);
  if (config.ackPolicy === "none") {
    o.ackFloorConsumer = consumerSeq;
    o.ackFloorStream = seq;
  } else trackPending(o, seq, consumerSeq, nowMs, monotonicMs);
  const found = request === null ? o.match(target) : request.found!;
  const delivered = o.js.client.deliverStored(
    o.account,
    target,
    found,
    msg,
    o.ackSubject.bytes,
    replyBytes,
  );
  if (o.closed) return sizeBytes;
  countFlow(o, countedBytes);
  if (!delivered) failed(o, seq, target);
  if (request !== null) {
    if (o.inactiveMs > 0) pulls!.queue.lastMs = monotonicMs;
    if (request.left <= 0 && request.bytesLeft > 0) {
      sendStatus(
        o,
        target,
        "409 Batch Completed",
        `Nats-Pending-Messages: ${request.left}\r\nNats-Pending-Bytes: ${request.bytesLeft}\r\n`,
      );
    } else if (request.heartbeatMs > 0) {
      request.heartbeatDueMs = monotonicMs + request.heartbeatMs;
    }
  } else if (o.timers.heartbeat !== null) {
    o.timers.heartbeat.setDeadline(monotonicMs + Number(config.heartbeat) / 1e6);
  }
  if (config.ackPolicy === "none" && o.stream.config.retention !== "limits") {
    o.stream.consumerAcked(null, seq);
  }
  return sizeBytes;
}

/** Headers and payload. */
function sizeOf(msg: StoredMsg): number {
  return msg.headersEnd - msg.headersAt + msg.payloadEnd - msg.payloadAt;
}

function putBack(o: Consumer, deliveries: number, isFirst: boolean): number {
  if (isFirst) o.pendingCount++;
  putBackNext(o, deliveries);
  return -1;
}

/** Nobody got the message: it is not delivered, and whoever was to get it may be gone. */
function failed(o: Consumer, seq: number, target: string): void {
  uncountDelivery(o, seq);
  if (o.pulls === null) {
    o.active = false;
    setInterest(o, o.account.sublist.hasInterest(o.config.deliverSubject));
    return;
  }
  checkWaiting(o, false);
  creditRequest(o, target);
  if (!o.pending.has(seq)) return;
  o.redeliverQueue.add(seq);
  if (!o.pulls.queue.isEmpty) o.signal();
}

/** Goes on after `delayMs`. */
function delay(o: Consumer, delayMs: number): true {
  o.timers.delay ??= new LazyTimer(o.loop, o.clock, () => o.signal());
  o.timers.delay.setDelay(delayMs);
  return true;
}

/** Whether the message at hand has to wait as long as it once came after the one before. */
function waitsForReplay(o: Consumer): boolean {
  const { message } = o;
  if (o.replayLastMs === 0 || o.replayPaidSeq === message.seq) return false;
  const gapMs = msOfHalves(message.tsHigh, message.tsLow) - o.replayLastMs;
  if (gapMs <= REPLAY_GAP_MS) return false;
  o.replayPaidSeq = message.seq;
  return delay(o, gapMs);
}

function waitsForRate(o: Consumer, sizeBytes: number, monotonicMs: number): boolean {
  const { seq } = o.message;
  if (o.ratePaidSeq === seq) {
    o.ratePaidSeq = 0;
    return false;
  }
  const waitMs = o.rateLimit!.reserve(sizeBytes, monotonicMs);
  if (waitMs <= 0) return false;
  o.ratePaidSeq = seq;
  return delay(o, waitMs);
}

/** The message without its payload, whose size becomes a header. */
function headersOnly(msg: StoredMsg): StoredMsg {
  const sizeBytes = msg.payloadEnd - msg.payloadAt;
  const headers = appendHeader(msg.headers(), "Nats-Msg-Size", String(sizeBytes));
  return withHeaders(msg, headers, new Uint8Array(0));
}

/** A copy of the message with other headers and payload. */
function withHeaders(msg: StoredMsg, headers: Uint8Array, payload: Uint8Array): StoredMsg {
  const copy = new StoredMsg();
  const subjectBytes = msg.subjectEnd - msg.subjectAt;
  copy.bytes = new Uint8Array(subjectBytes + headers.length + payload.length);
  copy.bytes.set(msg.bytes.subarray(msg.subjectAt, msg.subjectEnd));
  copy.bytes.set(headers, subjectBytes);
  copy.bytes.set(payload, subjectBytes + headers.length);
  copy.subjectEnd = subjectBytes;
  copy.headersAt = subjectBytes;
  copy.headersEnd = copy.payloadAt = subjectBytes + headers.length;
  copy.payloadEnd = copy.bytes.length;
  copy.seq = msg.seq;
  copy.tsHigh = msg.tsHigh;
  copy.tsLow = msg.tsLow;
  return copy;
}
