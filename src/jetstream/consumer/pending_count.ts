/**
 * How many messages a consumer has still to deliver, kept exact by counting: one more for each
 * that is stored, one less for each that is delivered or goes. The store is asked only at the
 * start and when many messages go at once.
 *
 * Reference: streamNumPending, decStreamPending in server/consumer.go.
 *
 * @module
 */
import { forgetAll, forgetOne } from "./acks.ts";
import type { Consumer, SkipList } from "./consumer.ts";
import { deliveryCount, storeAcked } from "./redelivery.ts";
import { writeState } from "./state.ts";

const DELETED_REASON = "Unacknowledged message was deleted";

/** Messages still to be delivered for the first time. */
export function numPending(o: Consumer): number {
  return Math.max(0, o.pendingCount);
}

/**
 * {@linkcode numPending}, corrected where it cannot be: never more than there are messages. It
 * should have nothing to do; it is the reference's net below the counting.
 */
export function checkNumPending(o: Consumer): number {
  const { msgs, lastSeq } = o.streamState();
  if (o.streamSeq > lastSeq) o.pendingCount = 0;
  else o.pendingCount = Math.min(o.pendingCount, msgs, lastSeq - o.streamSeq + 1);
  return numPending(o);
}

/** Whether deliveries still come from the list of last messages. */
export function hasSkipList(o: Consumer): boolean {
  return o.skipList !== null && o.skipList.at < o.skipList.seqs.length;
}

/** Counts anew what is to come. */
export function recountPending(o: Consumer): void {
  const { store } = o.stream;
  const list = hasSkipList(o) ? o.skipList : null;
  const from = list === null ? o.streamSeq : list.resumeSeq + 1;
  const { total, validThrough } = o.filterList !== null
    ? store.numPendingMulti(from, o.filterList, false)
    : store.numPending(from, o.filters[0] ?? "", false);
  o.pendingCount = total + (list === null ? 0 : countLive(o, list));
  o.pendingThrough = validThrough;
}

function countLive(o: Consumer, list: SkipList): number {
  let count = 0;
  for (let i = list.at; i < list.seqs.length; i++) {
    if (o.stream.store.subjectForSeq(list.seqs[i]!) !== null) count++;
  }
  return count;
}

/** Whether message `seq` is still to be delivered for the first time. */
function isToCome(o: Consumer, seq: number): boolean {
  if (!hasSkipList(o)) return seq >= o.streamSeq;
  const { resumeSeq, seqs, at } = o.skipList!;
  if (seq > resumeSeq) return true;
  let low = at;
  let high = seqs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (seqs[middle]! < seq) low = middle + 1;
    else high = middle;
  }
  return seqs[low] === seq;
}

/** One message that matches left the stream. Called while the store removes it. */
export function messageRemoved(o: Consumer, seq: number): void {
  if (isToCome(o, seq)) o.pendingCount--;
  const pending = o.pending.get(seq);
  if (pending === undefined) {
    if (o.redelivered.delete(seq)) storeAcked(o, 0, seq);
    return;
  }
  const { ackPolicy, maxAckPending } = o.config;
  const deliveries = deliveryCount(o, seq);
  const wasFull = maxAckPending > 0 && o.pending.size >= maxAckPending;
  const { sequence } = pending;
  if (ackPolicy === "explicit") forgetOne(o, seq, sequence);
  else if (seq === o.pending.lowest()) forgetAll(o, seq, sequence);
  else {
    // Those before it are not acknowledged: the floor stays.
    o.pending.delete(seq);
    o.redelivered.delete(seq);
    o.redeliverQueue.remove(seq);
    writeState(o, "removal");
  }
  const delivery = { consumerSeq: sequence, streamSeq: seq, deliveries };
  o.js.events.consumerTerminated(o.address, delivery, DELETED_REASON);
  if (wasFull) o.signal();
}

/** Many messages left the stream, and none is left below `firstSeq`. */
export function messagesRemoved(o: Consumer, firstSeq: number): void {
  recountPending(o);
  for (const seq of [...o.redelivered.keys()]) {
    if (seq >= firstSeq) continue;
    o.redelivered.delete(seq);
    o.redeliverQueue.remove(seq);
  }
  o.store?.removeRedeliveredBelow(firstSeq);
}
