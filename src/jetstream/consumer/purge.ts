/**
 * What a purge of the stream means to a consumer.
 *
 * Reference: purge in server/consumer.go.
 *
 * @module
 */
import { LoadCode } from "../../store/mod.ts";
import type { Consumer } from "./consumer.ts";
import { recountPending } from "./pending_count.ts";
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
  for (const seq of [...o.pending.keys()]) {
    if (seq > o.ackFloorStream && (!isWider || isStored(o, seq))) continue;
    o.lastAckedMs = o.js.core.turnMs;
    o.pending.delete(seq);
    o.redeliverQueue.remove(seq);
  }
  // Also of messages that are not pending any more, because they were delivered too often.
  for (const seq of [...o.redelivered.keys()]) if (!isStored(o, seq)) o.redelivered.delete(seq);
  const lowest = o.pending.lowest();
  if (lowest === 0) {
    o.redeliverQueue.clear();
    o.ackFloorConsumer = o.consumerSeq - 1;
    o.ackFloorStream = o.streamSeq - 1;
  } else {
    // What lies between may have been acknowledged before.
    o.ackFloorConsumer = Math.max(o.ackFloorConsumer, o.pending.get(lowest)!.sequence - 1);
  }
  recountPending(o);
  writeState(o, "purge");
  o.signal();
}

function isStored(o: Consumer, seq: number): boolean {
  const code = o.stream.store.loadMsg(seq, o.message);
  return code !== LoadCode.Deleted && code !== LoadCode.NotFound;
}
