/**
 * Where a new consumer begins.
 *
 * Reference: selectStartingSeqNo in server/consumer.go.
 *
 * @module
 */
import type { Consumer } from "./consumer.ts";

/** Sets the first sequences and notes them in the store. Throws StoreError. */
export function selectStartingSeq(o: Consumer): void {
  const { config } = o;
  const { firstSeq, lastSeq } = o.streamState();
  const isFree = config.direct || config.optStartSeq === 0;
  let seq = startOf(o, firstSeq, lastSeq);
  if (firstSeq === 0 && isFree) seq = 1;
  else if (seq > lastSeq && isFree) seq = lastSeq + 1;
  else if (seq < firstSeq) seq = firstSeq;
  o.streamSeq = seq;
  o.consumerSeq = 1;
  o.ackFloorConsumer = 0;
  o.ackFloorStream = Math.max(0, seq - 1);
  if (seq > 0) o.store?.setStarting(seq - 1);
}

function startOf(o: Consumer, firstSeq: number, lastSeq: number): number {
  const { config, filters } = o;
  if (config.optStartSeq !== 0) return config.optStartSeq;
  switch (config.deliverPolicy) {
    case "all":
      return firstSeq;
    case "last":
      return filters.length === 0 ? lastSeq : lastMatch(o);
    case "last_per_subject":
      return startOfLast(o, firstSeq, lastSeq);
    default:
      return config.optStartTime === null
        ? lastSeq + 1
        : startOfTime(o, config.optStartTime, firstSeq, lastSeq);
  }
}

function lastMatch(o: Consumer): number {
  let seq = 0;
  for (const filter of o.filters) {
    seq = Math.max(seq, o.stream.store.filteredState(1, filter).last);
  }
  return seq;
}

function startOfLast(o: Consumer, firstSeq: number, lastSeq: number): number {
  // With one message per subject each is the last one.
  if (o.stream.config.maxMsgsPer === 1) return firstSeq;
  const filters = o.filters.length === 0 ? [o.config.filterSubject] : o.filters;
  const seqs = o.stream.store.multiLastSeqs(filters, 0, 0);
  o.skipList = { resumeSeq: lastSeq, seqs, at: 0 };
  return seqs.length === 0 ? lastSeq : seqs[0]!;
}

/** The first match at or after a time: the walk to it is saved. */
function startOfTime(o: Consumer, timeNs: bigint, firstSeq: number, lastSeq: number): number {
  const { store } = o.stream;
  const seq = store.seqFromTimeNs(timeNs);
  if (o.filters.length === 0) return seq;
  let nearest = lastSeq;
  for (const filter of o.filters) {
    const { first } = store.filteredState(firstSeq, filter);
    if (first >= seq && first < nearest) nearest = first;
  }
  return nearest > seq && nearest < lastSeq ? nearest : seq;
}
