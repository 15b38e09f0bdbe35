/**
 * Finds the message that is to be delivered next: one of those to be delivered again first, then
 * those of the list that a consumer of last messages starts with, then the next of the stream.
 *
 * Reference: getNextMsg in server/consumer.go.
 *
 * @module
 */
import { LoadCode } from "../../store/mod.ts";
import { terminate } from "./acks.ts";
import type { Consumer } from "./consumer.ts";
import { hasSkipList } from "./pending_count.ts";
import { countDelivery, giveUp, uncountDelivery } from "./redelivery.ts";

const DELETED_REASON = "Unacknowledged message was deleted";

/** What comes next. Anything above zero is a message in Consumer.message: its delivery count. */
export const Next = {
  /** There is no message now. */
  None: 0,
  /** There may be one, but too much waits for acknowledgement. */
  MaxPending: -1,
} as const;

/** Takes the next message; returns which delivery it is, or one of {@linkcode Next}. */
export function takeNext(o: Consumer): number {
  while (o.redeliverQueue.size > 0) {
    const deliveries = takeRedelivery(o, o.redeliverQueue.take());
    if (deliveries > 0) return deliveries;
  }
  const { maxAckPending } = o.config;
  if (maxAckPending > 0 && o.pending.size >= maxAckPending) return Next.MaxPending;
  while (hasSkipList(o)) {
    if (isHeldBack(o, o.skipList!.seqs[o.skipList!.at]!)) return Next.None;
    if (takeListed(o)) return 1;
  }
  const { store } = o.stream;
  const { message } = o;
  const code = o.filterList !== null
    ? store.loadNextMsgMulti(o.filterList, o.streamSeq, message)
    : store.loadNextMsg(o.filters.length === 0 ? "" : o.filters[0]!, o.streamSeq, message);
  if (code === LoadCode.Found) {
    if (isHeldBack(o, message.seq)) return Next.None;
    o.streamSeq = message.seq + 1;
    return 1;
  }
  if (code === LoadCode.Eof && message.skip >= o.streamSeq) o.streamSeq = message.skip + 1;
  return Next.None;
}

/** Whether the message could still be lost; the consumer goes on when it cannot. */
function isHeldBack(o: Consumer, seq: number): boolean {
  const { stream } = o;
  if (seq <= stream.durableSeq) return false;
  stream.heldBack.add(o);
  return true;
}

/** Loads a message to deliver it again; 0 when there is nothing to deliver. */
function takeRedelivery(o: Consumer, seq: number): number {
  const { maxDeliver } = o.config;
  const deliveries = countDelivery(o, seq);
  if (maxDeliver > 0 && deliveries > maxDeliver) {
    if (deliveries === maxDeliver + 1) o.js.events.maxDeliveries(o.address, seq, deliveries - 1);
    giveUp(o, seq, deliveries);
    return 0;
  }
  if (o.stream.store.loadMsg(seq, o.message) === LoadCode.Found) return deliveries;
  uncountDelivery(o, seq);
  const pending = o.pending.get(seq);
  if (pending !== undefined) terminate(o, seq, pending.sequence, deliveries - 1, DELETED_REASON);
  return 0;
}

function takeListed(o: Consumer): boolean {
  const list = o.skipList!;
  const seq = list.seqs[list.at++]!;
  o.streamSeq = (list.at < list.seqs.length ? seq : list.resumeSeq) + 1;
  return o.stream.store.loadMsg(seq, o.message) === LoadCode.Found;
}

/** Takes back {@linkcode takeNext}: the same message comes next. */
export function putBackNext(o: Consumer, deliveries: number): void {
  const { seq } = o.message;
  if (deliveries > 1 || o.pending.has(seq)) {
    uncountDelivery(o, seq);
    o.redeliverQueue.putBack(seq);
    return;
  }
  const list = o.skipList;
  if (list !== null && list.at > 0 && list.seqs[list.at - 1] === seq) list.at--;
  o.streamSeq = seq;
}
