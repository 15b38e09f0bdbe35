/**
 * Acknowledgements: what receivers send to the reply subject of a delivery.
 *
 * | body | means |
 * |---|---|
 * | empty, `+ACK`, `+OK` | done |
 * | `-NAK`, `-NAK 10s`, `-NAK {"delay":ns}` | deliver again, after a while |
 * | `+WPI` | still at work: count the time anew |
 * | `+NXT`, `+NXT 5`, `+NXT {…}` | done, and a pull request |
 * | `+TERM`, `+TERM reason` | never deliver it again |
 *
 * Reference: processAck, processAckMsg, processNak, processTerm in server/consumer.go.
 *
 * @module
 */
import { byteStringOf, textOfByteString } from "../../base/text/byte_string.ts";
import { DurationError, parseDurationNs } from "../../base/text/duration.ts";
import { goQuote } from "../../base/text/go_format.ts";
import {
  decodeJson,
  duration,
  field,
  JsonShapeError,
  JsonSyntaxError,
  type Shape,
  shape,
} from "../../base/json/mod.ts";
import type { Consumer } from "./consumer.ts";
import { suppressDeletion } from "./inactivity.ts";
import { receiveNext } from "./pulls.ts";
import { checkPendingSooner, moveAckFloor, storeAcked, storeDelivered } from "./redelivery.ts";
import { writeState } from "./state.ts";

const NO_BYTES = new Uint8Array(0);
const PLUS = 43;
const MINUS = 45;
const OPEN_BRACE = 123;
/** When pending deliveries are looked at after a NAK with a delay. */
const NAK_CHECK_MS = 10;

const nakOptionsShape: Shape<{ delay: bigint }> = shape(
  "ConsumerNakOptions",
  () => ({ delay: 0n }),
  { delay: field("delay", duration) },
);

/** Handles what came on the reply subject of a delivery. `message` is borrowed. */
export function receiveAck(
  o: Consumer,
  subject: string,
  reply: string,
  message: Uint8Array,
  headerBytes: number,
): void {
  if (o.closed) return;
  if (o.inactiveMs > 0) suppressDeletion(o);
  const info = o.ackInfo;
  info.parse(subject);
  const { streamSeq, consumerSeq, deliveries } = info;
  let answers = streamSeq !== 0;
  const size = message.length - headerBytes;
  const first = size === 0 ? 0 : message[headerBytes]!;
  if (size === 0 || is(message, headerBytes, "+ACK") || is(message, headerBytes, "+OK")) {
    answers = acknowledge(o, streamSeq, consumerSeq, deliveries, true);
  } else if (first === PLUS) {
    if (startsWith(message, headerBytes, "+NXT")) {
      acknowledge(o, streamSeq, consumerSeq, deliveries, true);
      receiveNext(o, reply, message, headerBytes + 4);
      return;
    }
    if (is(message, headerBytes, "+WPI")) progress(o, streamSeq);
    else if (startsWith(message, headerBytes, "+TERM")) {
      const reason = textOfByteString(byteStringOf(message, headerBytes + 5, message.length));
      answers = terminate(o, streamSeq, consumerSeq, deliveries, reason.trim());
    }
  } else if (first === MINUS && startsWith(message, headerBytes, "-NAK")) {
    const argument = textOfByteString(byteStringOf(message, headerBytes + 4, message.length));
    reject(o, streamSeq, consumerSeq, deliveries, argument.trim());
  }
  if (reply === "" || !answers) return;
  o.ackReplies.push(reply);
  o.signal();
}

function startsWith(bytes: Uint8Array, at: number, prefix: string): boolean {
  if (bytes.length - at < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) {
    if (bytes[at + i] !== prefix.charCodeAt(i)) return false;
  }
  return true;
}

function is(bytes: Uint8Array, at: number, text: string): boolean {
  return bytes.length - at === text.length && startsWith(bytes, at, text);
}

/** Answers those who wait for an acknowledgement to be safe, once the state is written. */
export function answerAcks(o: Consumer): void {
  const replies = o.ackReplies;
  o.ackReplies = [];
  try {
    o.store?.flush();
  } catch (error) {
    o.js.core.env.log.error(
      `Consumer '${o.label}' could not write its state: ${(error as Error).message}; ` +
        `${replies.length} acknowledgements stay without an answer`,
    );
    return;
  }
  for (const reply of replies) o.js.client.publish(o.account, reply, "", NO_BYTES, NO_BYTES);
}

/** A receiver is done with a message. Returns whether it gets an answer if it wants one. */
export function acknowledge(
  o: Consumer,
  streamSeq: number,
  consumerSeq: number,
  deliveries: number,
  sample: boolean,
): boolean {
  if (o.closed || o.stream.closed || streamSeq === 0) return false;
  const { config } = o;
  // Flow controlled consumers may be told of what they have not noted yet.
  if (streamSeq >= o.streamSeq && !config.flowControl) {
    const { lastSeq } = o.streamState();
    if (streamSeq > lastSeq) {
      o.js.core.env.log.warn(
        `JetStream consumer '${o.label}' ACK sequence ${streamSeq} past last stream sequence of ` +
          `${lastSeq}`,
      );
    }
    return false;
  }
  if (config.ackPolicy === "none") return false;
  const wasFull = config.maxAckPending > 0 && o.pending.size >= config.maxAckPending;
  if (config.ackPolicy === "explicit") {
    acknowledgeOne(o, streamSeq, consumerSeq, deliveries, sample);
  } else {
    if (consumerSeq <= o.ackFloorConsumer || streamSeq <= o.ackFloorStream) return true;
    acknowledgeAll(o, streamSeq, consumerSeq);
  }
  if (wasFull) o.signal();
  return true;
}

function acknowledgeOne(
  o: Consumer,
  streamSeq: number,
  consumerSeq: number,
  deliveries: number,
  sample: boolean,
): void {
  const pending = o.pending.get(streamSeq);
  if (pending !== undefined && sample && o.samplePercent > 0) {
    sampleAck(o, streamSeq, consumerSeq, deliveries, pending.timeMs);
  }
  forgetOne(o, streamSeq, consumerSeq);
  if (o.stream.config.retention !== "limits") o.stream.consumerAcked(o, streamSeq);
}

/** Takes one message out of what is pending. */
export function forgetOne(o: Consumer, streamSeq: number, consumerSeq: number): void {
  const pending = o.pending.get(streamSeq);
  if (pending !== undefined) {
    o.pending.delete(streamSeq);
    consumerSeq = pending.sequence;
    moveAckFloor(o, consumerSeq, streamSeq);
  }
  const wasRedelivered = o.redelivered.delete(streamSeq);
  o.redeliverQueue.remove(streamSeq);
  if (pending !== undefined || wasRedelivered) storeAcked(o, consumerSeq, streamSeq);
}

function acknowledgeAll(o: Consumer, streamSeq: number, consumerSeq: number): void {
  const done = forgetAll(o, streamSeq, consumerSeq);
  if (o.stream.config.retention === "limits") return;
  // Only what was delivered here: between may be messages of others.
  for (const seq of done) o.stream.consumerAcked(o, seq);
}

/** Takes everything up to a message out of what is pending, and returns it. */
export function forgetAll(o: Consumer, streamSeq: number, consumerSeq: number): number[] {
  const { pending } = o;
  const gap = streamSeq - o.ackFloorStream;
  const done: number[] = [];
  if (gap > pending.size) {
    for (const seq of pending.keys()) if (seq <= streamSeq) done.push(seq);
  } else {
    for (let seq = streamSeq; seq > streamSeq - gap; seq--) if (pending.has(seq)) done.push(seq);
  }
  for (const seq of done) {
    pending.delete(seq);
    o.redelivered.delete(seq);
    o.redeliverQueue.remove(seq);
  }
  // A redelivery is numbered above the first deliveries of others that are still open.
  const lowest = pending.lowest();
  o.ackFloorConsumer = lowest === 0
    ? consumerSeq
    : Math.min(consumerSeq, pending.get(lowest)!.sequence - 1);
  o.ackFloorStream = streamSeq;
  if (o.ackFloorConsumer === consumerSeq) storeAcked(o, consumerSeq, streamSeq);
  else {
    // The store would take the lower number for an old acknowledgement.
    o.lastAckedMs = o.js.core.turnMs;
    writeState(o, "ack of all");
  }
  return done;
}

function sampleAck(
  o: Consumer,
  streamSeq: number,
  consumerSeq: number,
  deliveries: number,
  deliveredMs: number,
): void {
  const { events, core: { env } } = o.js;
  if (o.samplePercent < 100 && env.random.below(100) > o.samplePercent) return;
  const ackTimeNs = Math.round((o.clock.nowMs() - deliveredMs) * 1e6);
  events.consumerAck(o.address, { consumerSeq, streamSeq, deliveries }, ackTimeNs);
}

/** The receiver is still at work. */
function progress(o: Consumer, streamSeq: number): void {
  const pending = o.pending.get(streamSeq);
  if (pending === undefined) return;
  pending.timeMs = o.clock.nowMs();
  storeDelivered(o, pending.sequence, streamSeq, 1, pending.timeMs);
}

/**
 * A message is not to be delivered any more, as {@linkcode acknowledge}, and those who listen
 * are told.
 */
export function terminate(
  o: Consumer,
  streamSeq: number,
  consumerSeq: number,
  deliveries: number,
  reason: string,
): boolean {
  const answers = acknowledge(o, streamSeq, consumerSeq, deliveries, false);
  o.js.events.consumerTerminated(o.address, { consumerSeq, streamSeq, deliveries }, reason);
  return answers;
}

/** The receiver could not handle a message: it is delivered again, after a delay if one is given. */
function reject(
  o: Consumer,
  streamSeq: number,
  consumerSeq: number,
  deliveries: number,
  argument: string,
): void {
  if (consumerSeq <= o.ackFloorConsumer || consumerSeq > o.consumerSeq) return;
  const pending = o.pending.get(streamSeq);
  if (pending === undefined) return;
  o.js.events.consumerNak(o.address, { consumerSeq, streamSeq, deliveries });
  const delayMs = argument === "" ? -1 : nakDelayMs(o, argument);
  if (delayMs >= 0) {
    o.redeliverQueue.remove(streamSeq);
    // Its time to be acknowledged is over when the delay is.
    pending.timeMs = o.clock.nowMs() - o.ackWaitMs + delayMs;
    storeDelivered(o, pending.sequence, streamSeq, deliveries, pending.timeMs);
    checkPendingSooner(o, NAK_CHECK_MS);
    return;
  }
  o.redeliverQueue.add(streamSeq);
  o.signal();
}

/** The delay that a NAK asks for; -1 when it is not to be understood. */
export function nakDelayMs(o: Consumer, argument: string): number {
  try {
    const ns = argument.charCodeAt(0) === OPEN_BRACE
      ? decodeJson(nakOptionsShape, argument).delay
      : parseDurationNs(argument);
    return Number(ns) / 1e6;
  } catch (error) {
    if (
      !(error instanceof JsonShapeError || error instanceof JsonSyntaxError ||
        error instanceof DurationError)
    ) throw error;
    o.js.core.env.log.warn(
      `JetStream consumer '${o.label}' bad NAK delay value: ${goQuote(argument)}`,
    );
    return -1;
  }
}
