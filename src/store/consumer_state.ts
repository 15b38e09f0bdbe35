/**
 * How deliveries and acknowledgements change a consumer's state; the same for memory and file
 * (reference: filestore.go, memstore.go UpdateDelivered, UpdateAcks, Update).
 *
 * @module
 */
import type { ConsumerStoreConfig } from "./config.ts";
import { StoreError } from "./errors.ts";
import type { ConsumerState, PendingAck } from "./stream_store.ts";

/** An empty state. */
export function emptyConsumerState(): ConsumerState {
  return {
    delivered: { consumer: 0, stream: 0 },
    ackFloor: { consumer: 0, stream: 0 },
    pending: null,
    redelivered: null,
  };
}

/** A deep copy. */
export function copyConsumerState(state: ConsumerState): ConsumerState {
  let pending: Map<number, PendingAck> | null = null;
  if (state.pending !== null && state.pending.size > 0) {
    pending = new Map();
    for (const [seq, entry] of state.pending) pending.set(seq, { ...entry });
  }
  return {
    delivered: { ...state.delivered },
    ackFloor: { ...state.ackFloor },
    pending,
    redelivered: state.redelivered !== null && state.redelivered.size > 0
      ? new Map(state.redelivered)
      : null,
  };
}

/** Notes a delivery; false when it changes nothing. Throws `no_ack_policy`. */
export function applyDelivered(
  state: ConsumerState,
  config: ConsumerStoreConfig,
  consumerSeq: number,
  streamSeq: number,
  deliveryCount: number,
  tsHigh: number,
  tsLow: number,
): boolean {
  const { delivered, ackFloor } = state;
  if (config.ackPolicy === "none") {
    if (deliveryCount !== 1) throw new StoreError("no_ack_policy");
    if (consumerSeq <= ackFloor.consumer) return false;
    if (consumerSeq > delivered.consumer) {
      delivered.consumer = consumerSeq;
      ackFloor.consumer = consumerSeq;
    }
    if (streamSeq > delivered.stream) {
      delivered.stream = streamSeq;
      ackFloor.stream = streamSeq;
    }
    return true;
  }
  if (consumerSeq <= ackFloor.consumer) return false;
  const pending = state.pending ??= new Map();
  if (streamSeq <= delivered.stream) {
    const known = pending.get(streamSeq);
    if (known !== undefined) {
      known.tsHigh = tsHigh;
      known.tsLow = tsLow;
    }
  } else pending.set(streamSeq, { sequence: consumerSeq, tsHigh, tsLow });
  if (consumerSeq > delivered.consumer) delivered.consumer = consumerSeq;
  if (streamSeq > delivered.stream) delivered.stream = streamSeq;
  if (deliveryCount > 1) {
    if (config.maxDeliver > 0 && deliveryCount > config.maxDeliver) pending.delete(streamSeq);
    const redelivered = state.redelivered ??= new Map();
    if ((redelivered.get(streamSeq) ?? 0) < deliveryCount - 1) {
      redelivered.set(streamSeq, deliveryCount - 1);
    }
  }
  return true;
}

/** Notes an acknowledgement; false when it changes nothing. Throws `no_ack_policy`, `not_found`. */
export function applyAck(
  state: ConsumerState,
  config: ConsumerStoreConfig,
  consumerSeq: number,
  streamSeq: number,
): boolean {
  if (config.ackPolicy === "none") throw new StoreError("no_ack_policy");
  const { delivered, ackFloor, pending } = state;
  const changed = state.redelivered?.delete(streamSeq) ?? false;
  if (consumerSeq <= ackFloor.consumer) return changed;
  const entry = pending?.get(streamSeq);
  if (pending === null || entry === undefined) throw new StoreError("not_found");
  if (config.ackPolicy === "all" || config.ackPolicy === "flow_control") {
    const gap = streamSeq - ackFloor.stream;
    ackFloor.consumer = consumerSeq;
    ackFloor.stream = streamSeq;
    if (gap > pending.size) {
      for (const seq of pending.keys()) {
        if (seq > streamSeq) continue;
        pending.delete(seq);
        state.redelivered?.delete(seq);
      }
    } else {
      for (let seq = streamSeq; seq > streamSeq - gap && pending.size > 0; seq--) {
        pending.delete(seq);
        state.redelivered?.delete(seq);
      }
    }
    return true;
  }
  pending.delete(streamSeq);
  // A redelivery has a new consumer sequence; the floor moves by the first one.
  if (consumerSeq > entry.sequence && entry.sequence > 0) consumerSeq = entry.sequence;
  if (pending.size === 0) {
    ackFloor.consumer = delivered.consumer;
    ackFloor.stream = delivered.stream;
  } else if (consumerSeq === ackFloor.consumer + 1) {
    ackFloor.consumer = consumerSeq;
    ackFloor.stream = streamSeq;
    const seq = delivered.consumer > consumerSeq ? nextPending(state, pending, streamSeq) : 0;
    const next = pending.get(seq);
    if (next !== undefined && next.sequence > 0) {
      ackFloor.consumer = next.sequence - 1;
      ackFloor.stream = seq - 1;
    }
  }
  return true;
}

/** The first pending sequence above `streamSeq`; 0 when there is none. */
function nextPending(
  { delivered }: ConsumerState,
  pending: ReadonlyMap<number, unknown>,
  streamSeq: number,
): number {
  // Mostly it is close. Sequences may also be far apart, when few messages match the filters.
  const near = Math.min(delivered.stream, streamSeq + pending.size);
  for (let seq = streamSeq + 1; seq <= near; seq++) if (pending.has(seq)) return seq;
  let lowest = 0;
  for (const seq of pending.keys()) {
    if (seq > near && seq <= delivered.stream && (lowest === 0 || seq < lowest)) lowest = seq;
  }
  return lowest;
}

/** Throws when a replicated state contradicts itself. */
export function checkConsumerState(state: ConsumerState): void {
  if (state.ackFloor.consumer > state.delivered.consumer) {
    throw new StoreError("bad_config", "bad ack floor for consumer");
  }
  if (state.ackFloor.stream > state.delivered.stream) {
    throw new StoreError("bad_config", "bad ack floor for stream");
  }
  if (state.pending === null) return;
  for (const seq of state.pending.keys()) {
    if (seq <= state.ackFloor.stream || seq > state.delivered.stream) {
      throw new StoreError("bad_config", `bad pending entry, sequence [${seq}] out of range`);
    }
  }
}

/** Throws when `next` contradicts itself or is older than `state`. */
export function checkConsumerUpdate(state: ConsumerState, next: ConsumerState): void {
  checkConsumerState(next);
  if (
    next.delivered.consumer < state.delivered.consumer ||
    next.ackFloor.stream < state.ackFloor.stream
  ) throw new StoreError("old_update");
}

/** Removes redeliveries below `streamSeq`; true when there were some. */
export function dropRedeliveredBelow(state: ConsumerState, streamSeq: number): boolean {
  let removed = false;
  for (const seq of state.redelivered?.keys() ?? []) {
    if (seq >= streamSeq) continue;
    state.redelivered!.delete(seq);
    removed = true;
  }
  return removed;
}
