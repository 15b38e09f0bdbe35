/**
 * Removes messages that no consumer needs any more, after a change that no acknowledgement told.
 *
 * Reference: cleanupNoInterestMessages, checkStateForInterestStream in server/consumer.go.
 *
 * @module
 */
import { LoadCode, StoredMsg } from "../../store/mod.ts";
import { isNeeded } from "../stream/interest.ts";
import type { Stream } from "../stream/stream.ts";
import type { Consumer } from "./consumer.ts";

/** Above so many messages only the head of the stream is cleaned up. */
const WALK_MAX = 100_000;

/** Removes what nobody needs from `fromSeq` on, and everything when there are no consumers. */
export function removeUnneeded(stream: Stream, fromSeq: number): void {
  const { store, consumers } = stream;
  const { firstSeq, lastSeq } = stream.fastState();
  const start = Math.max(fromSeq, firstSeq);
  stream.js.markStreamDirty(stream);
  if (consumers.size === 0) {
    store.purge();
    stream.lastSeq = stream.fastState().lastSeq;
    return;
  }
  if (lastSeq - start > WALK_MAX) return checkStreamInterest(stream);
  for (let seq = start; seq <= lastSeq; seq++) {
    if (!isNeeded(stream, seq, null)) removeIfThere(stream, seq);
  }
}

function removeIfThere(stream: Stream, seq: number): void {
  if (seq > 0 && stream.store.subjectForSeq(seq) !== null) stream.store.removeMsg(seq);
}

/** Brings the messages of an interest or work queue stream in line with its consumers. */
export function checkStreamInterest(stream: Stream): void {
  const { retention } = stream.config;
  if (retention === "limits") return;
  let floor = Infinity;
  for (const consumer of [...stream.consumers.values()]) {
    checkInterestState(consumer);
    floor = Math.min(floor, consumer.checkFloor);
  }
  if (retention === "interest" && floor !== Infinity && floor > 0) stream.store.compact(floor);
}

/**
 * Gives up the messages that a consumer acknowledged but that are still there, as after a
 * restart. Direct consumers keep no state to check.
 */
export function checkInterestState(o: Consumer): void {
  const { stream } = o;
  if (o.closed || o.store === null || stream.config.retention === "limits") return;
  const { firstSeq, lastSeq } = stream.fastState();
  const { ackFloor, delivered, pending } = o.store.state();
  const floor = ackFloor.stream;
  if (floor > lastSeq) return;
  const last = pending !== null && pending.size > 0 ? Math.max(floor, delivered.stream) : floor;
  const msg = new StoredMsg();
  let retry = 0;
  for (let seq = Math.max(firstSeq, o.checkFloor, 1); seq <= last; seq++) {
    if (loadNext(o, seq, msg) !== LoadCode.Found) break;
    seq = msg.seq;
    if (seq > last) break;
    // What was delivered too often stays until somebody removes it.
    const isKept = o.redelivered.has(seq);
    if (retry === 0 && (isKept || seq > floor)) retry = seq;
    if (!isKept && (seq <= floor || pending?.has(seq) !== true)) stream.consumerAcked(o, seq);
  }
  if (retry === 0) {
    retry = loadNext(o, floor + 1, msg) === LoadCode.Found
      ? Math.max(floor + 1, msg.seq)
      : lastSeq + 1;
  }
  o.checkFloor = Math.max(o.checkFloor, retry);
}

function loadNext(o: Consumer, seq: number, msg: StoredMsg): LoadCode {
  const { store } = o.stream;
  return o.filterList !== null
    ? store.loadNextMsgMulti(o.filterList, seq, msg)
    : store.loadNextMsg(o.filters[0] ?? "", seq, msg);
}
