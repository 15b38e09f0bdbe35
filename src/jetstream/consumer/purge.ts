/**
 * What a purge of the stream means to a consumer.
 *
 * Reference: purge in server/consumer.go.
 *
 * @module
 */
import { LoadCode } from "../../store/mod.ts";
import { forgetOne } from "./acks.ts";
import type { Consumer } from "./consumer.ts";
import { recountPending } from "./pending_count.ts";
import { storeAcked } from "./redelivery.ts";
import { writeState } from "./state.ts";

/** See Consumer.onPurged. */
export function consumerPurged(
  o: Consumer,
  firstSeq: number,
  lastSeq: number,
  isWider: boolean,
): void {
  const first = firstSeq === 0 && !isWider ? lastSeq + 1 : firstSeq;
  if (o.streamSeq < first) o.streamSeq = first;
  if (o.ackFloorStream < first) o.ackFloorStream = first - 1;
  for (const [seq, { sequence }] of [...o.pending.entries()]) {
    if (seq > o.ackFloorStream) {
      if (isWider && !isStored(o, seq)) forgetOne(o, seq, sequence);
      continue;
    }
    o.pending.delete(seq);
    o.redelivered.delete(seq);
    o.redeliverQueue.remove(seq);
    storeAcked(o, sequence, seq);
  }
  const lowest = o.pending.lowest();
  if (lowest === 0) {
    o.redelivered.clear();
    o.redeliverQueue.clear();
    o.ackFloorConsumer = o.consumerSeq - 1;
    o.ackFloorStream = o.streamSeq - 1;
  } else {
    // What lies between may have been acknowledged before.
    o.ackFloorConsumer = Math.max(o.ackFloorConsumer, o.pending.get(lowest)!.sequence - 1);
    o.ackFloorStream = Math.max(o.ackFloorStream, lowest - 1);
  }
  recountPending(o);
  writeState(o, "purge");
  o.signal();
}

function isStored(o: Consumer, seq: number): boolean {
  const code = o.stream.store.loadMsg(seq, o.message);
  return code !== LoadCode.Deleted && code !== LoadCode.NotFound;
}
