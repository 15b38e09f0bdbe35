/**
 * State of a consumer as in `o.dat` (reference: store.go encodeConsumerState, filestore.go
 * decodeConsumerState).
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 1 | magic 22 |
 * | 1 | 1 | version 2 (1 is read) |
 * | 2 | varints | ack floor consumer, stream; delivered consumer, stream |
 * | | varint | number of pending |
 * | | varint | with pending: base time in seconds, signed |
 * | | varints | each: stream seq − floor, consumer seq − floor, base − time in seconds (signed) |
 * | | varint | number of redelivered |
 * | | varints | each: stream seq − floor, count |
 *
 * Differences below zero are written modulo 2⁶⁴.
 *
 * @module
 */
import {
  putUvarint,
  putUvarint64,
  putVarint64,
  VARINT_BYTES_MAX,
  VarintReader,
} from "../../../base/bytes/varint.ts";
import { emptyConsumerState } from "../../consumer_state.ts";
import { StoreError } from "../../errors.ts";
import type { ConsumerState, PendingAck } from "../../stream_store.ts";
import { secondsOf, Timestamp } from "../../timestamp.ts";

const MAGIC = 22;
const VERSION = 2;
/** What 64 bits of nanoseconds can hold. */
const SECONDS_MAX = 2 ** 33;

/** The state in a new array; `nowMs` is the base of the pending times. */
export function encodeConsumerState(state: ConsumerState, nowMs: number): Uint8Array {
  const pendingCount = state.pending?.size ?? 0;
  const redeliveredCount = state.redelivered?.size ?? 0;
  const bytes = new Uint8Array(
    2 + VARINT_BYTES_MAX * (7 + 3 * pendingCount + 2 * redeliveredCount),
  );
  bytes[0] = MAGIC;
  bytes[1] = VERSION;
  const floor = state.ackFloor;
  let at = 2;
  at = putUvarint(bytes, at, floor.consumer);
  at = putUvarint(bytes, at, floor.stream);
  at = putUvarint(bytes, at, state.delivered.consumer);
  at = putUvarint(bytes, at, state.delivered.stream);
  at = putUvarint(bytes, at, pendingCount);
  if (state.pending !== null && pendingCount > 0) {
    const baseSec = Math.round(nowMs / 1000);
    at = putVarint64(bytes, at, BigInt(baseSec));
    for (const [seq, pending] of state.pending) {
      at = putDifference(bytes, at, seq - floor.stream);
      at = putDifference(bytes, at, pending.sequence - floor.consumer);
      const deltaSec = baseSec - secondsOf(pending.tsHigh, pending.tsLow);
      // The lowest bit is the sign.
      at = putUvarint(bytes, at, deltaSec >= 0 ? deltaSec * 2 : -deltaSec * 2 - 1);
    }
  }
  at = putUvarint(bytes, at, redeliveredCount);
  if (state.redelivered !== null) {
    for (const [seq, count] of state.redelivered) {
      at = putDifference(bytes, at, seq - floor.stream);
      at = putUvarint(bytes, at, count);
    }
  }
  return bytes.slice(0, at);
}

function putDifference(bytes: Uint8Array, at: number, difference: number): number {
  return difference >= 0
    ? putUvarint(bytes, at, difference)
    : putUvarint64(bytes, at, BigInt(difference));
}

function readDifference(reader: VarintReader): number {
  const { at, failed } = reader;
  const value = reader.uvarint();
  if (failed || !reader.failed) return value;
  // Below zero, or wrong.
  reader.at = at;
  reader.failed = false;
  return Number(BigInt.asIntN(64, reader.uvarint64()));
}

/** True for bytes that begin like a state. */
export function isConsumerState(bytes: Uint8Array): boolean {
  return bytes[0] === MAGIC && (bytes[1] === 1 || bytes[1] === VERSION);
}

/** Reads a state of version 1 or 2. Throws `corrupt_state`. */
export function decodeConsumerState(bytes: Uint8Array): ConsumerState {
  if (bytes.length < 2 || bytes[0] !== MAGIC) throw new StoreError("corrupt_state");
  const version = bytes[1]!;
  if (version !== 1 && version !== 2) {
    throw new StoreError("corrupt_state", `unsupported version: ${version}`);
  }
  const reader = new VarintReader(bytes, 2);
  const state = emptyConsumerState();
  state.ackFloor = { consumer: reader.uvarint(), stream: reader.uvarint() };
  state.delivered = { consumer: reader.uvarint(), stream: reader.uvarint() };
  if (reader.failed) throw new StoreError("corrupt_state");
  if (version === 1) {
    if (state.ackFloor.consumer > 1) state.delivered.consumer += state.ackFloor.consumer - 1;
    if (state.ackFloor.stream > 1) state.delivered.stream += state.ackFloor.stream - 1;
  }
  const pendingCount = reader.uvarint();
  if (pendingCount > 0) state.pending = readPending(reader, pendingCount, version, state);
  const redeliveredCount = reader.uvarint();
  if (redeliveredCount > 0) {
    state.redelivered = new Map();
    for (let i = 0; i < redeliveredCount && !reader.failed; i++) {
      const difference = readDifference(reader);
      const count = reader.uvarint();
      if (difference !== 0 && count > 0) {
        state.redelivered.set(difference + state.ackFloor.stream, count);
      }
    }
  }
  return state;
}

function readPending(
  reader: VarintReader,
  count: number,
  version: number,
  state: ConsumerState,
): Map<number, PendingAck> {
  const pending = new Map<number, PendingAck>();
  const baseSec = Number(reader.varint64());
  const time = new Timestamp();
  for (let i = 0; i < count; i++) {
    const seq = readDifference(reader) + state.ackFloor.stream;
    const consumerSeq = version === 2 ? readDifference(reader) + state.ackFloor.consumer : 0;
    const delta = readDifference(reader);
    if (reader.failed || seq === 0) throw new StoreError("corrupt_state");
    // The lowest bit is the sign.
    const deltaSec = delta % 2 === 0 ? delta / 2 : -(delta + 1) / 2;
    const sec = version === 1 ? baseSec + deltaSec : baseSec - deltaSec;
    // A time that cannot be is long ago: the message is due.
    time.setMs(sec >= 0 && sec < SECONDS_MAX ? sec * 1000 : 0);
    pending.set(seq, { sequence: consumerSeq, tsHigh: time.high, tsLow: time.low });
  }
  return pending;
}
