/**
 * A consumer's state in its store, and back.
 *
 * Reference: readStoredState, applyState, writeStoreState, reconcileStateWithStream in
 * server/consumer.go.
 *
 * @module
 */
import { type ConsumerState, type PendingAck, Timestamp } from "../../store/mod.ts";
import { msOfHalves } from "../../store/timestamp.ts";
import type { Consumer } from "./consumer.ts";
import { checkRedelivered, startPendingTimer } from "./redelivery.ts";

/** Takes over what the store knows; nothing for direct consumers. */
export function readStoredState(o: Consumer): void {
  if (o.store === null) return;
  applyState(o, o.store.borrowState());
  if (o.redelivered.size > 0) checkRedelivered(o);
}

function applyState(o: Consumer, state: ConsumerState): void {
  o.streamSeq = state.delivered.stream + 1;
  o.consumerSeq = state.delivered.consumer + 1;
  o.ackFloorConsumer = state.ackFloor.consumer;
  o.ackFloorStream = state.ackFloor.stream;
  o.pending.clear();
  for (const [seq, { sequence, tsHigh, tsLow }] of state.pending ?? []) {
    o.pending.add(seq, { sequence, timeMs: msOfHalves(tsHigh, tsLow) });
  }
  // nats-server writes them in no order: this puts them in order.
  o.pending.lowest();
  o.redelivered.clear();
  for (const [seq, count] of state.redelivered ?? []) o.redelivered.set(seq, count);
  if (o.config.ackPolicy === "explicit") raiseAckFloor(o);
  if (o.pending.size > 0) startPendingTimer(o);
}

/** The floor in the store stays behind when deliveries are given up. */
function raiseAckFloor(o: Consumer): void {
  const lowest = o.pending.lowest();
  const sequence = lowest === 0 ? o.consumerSeq : o.pending.get(lowest)!.sequence;
  const floor = lowest === 0 ? o.streamSeq - 1 : lowest - 1;
  if (sequence <= o.ackFloorConsumer || floor < o.ackFloorStream) return;
  o.ackFloorConsumer = sequence - 1;
  o.ackFloorStream = floor;
}

/** The state as the store takes it. */
export function stateOf(o: Consumer): ConsumerState {
  const time = new Timestamp();
  const pending = new Map<number, PendingAck>();
  for (const [seq, { sequence, timeMs }] of o.pending.entries()) {
    time.setMs(timeMs);
    pending.set(seq, { sequence, tsHigh: time.high, tsLow: time.low });
  }
  const redelivered = new Map<number, number>();
  for (const [seq, count] of o.redelivered) if (count > 0) redelivered.set(seq, count);
  return {
    delivered: { consumer: o.consumerSeq - 1, stream: o.streamSeq - 1 },
    ackFloor: { consumer: o.ackFloorConsumer, stream: o.ackFloorStream },
    pending: pending.size > 0 ? pending : null,
    redelivered: redelivered.size > 0 ? redelivered : null,
  };
}

/** Writes the whole state; a failure is logged, as the next change writes again. */
export function writeState(o: Consumer, why: string): void {
  if (o.store === null) return;
  try {
    o.store.update(stateOf(o));
  } catch (error) {
    o.js.core.env.log.warn(
      `Consumer '${o.label}' error on write store state from ${why}: ${(error as Error).message}`,
    );
  }
}

/**
 * Brings a consumer that is ahead of a stream which lost its end back to that end, so that new
 * messages are not skipped.
 */
export function reconcileWithStream(o: Consumer, streamLastSeq: number): void {
  if (o.ackFloorStream > streamLastSeq) {
    o.ackFloorStream = streamLastSeq;
    o.ackFloorConsumer = Math.max(0, o.consumerSeq - 1);
    o.pending.clear();
    o.redelivered.clear();
  }
  for (const seq of [...o.pending.keys()]) if (seq > streamLastSeq) o.pending.delete(seq);
  for (const seq of [...o.redelivered.keys()]) if (seq > streamLastSeq) o.redelivered.delete(seq);
  let stream = o.ackFloorStream;
  let consumer = o.ackFloorConsumer;
  if (o.pending.size > 0) {
    stream = consumer = 0;
    for (const [seq, { sequence }] of o.pending.entries()) {
      stream = Math.max(stream, seq);
      consumer = Math.max(consumer, sequence);
    }
  }
  o.streamSeq = stream + 1;
  o.consumerSeq = consumer + 1;
}

/** {@linkcode readStoredState} at recovery: the stream may have lost its end. Throws StoreError. */
export function recoverState(o: Consumer, streamLastSeq: number): void {
  readStoredState(o);
  const delivered = Math.max(0, o.streamSeq - 1);
  if (streamLastSeq >= delivered || o.store === null) return;
  o.js.core.env.log.warn(
    `JetStream consumer '${o.label}' delivered sequence ${delivered} past last stream sequence ` +
      `of ${streamLastSeq}`,
  );
  reconcileWithStream(o, streamLastSeq);
  o.store.forceUpdate(stateOf(o));
}
