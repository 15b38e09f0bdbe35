/**
 * Takes messages out of a stream on request.
 *
 * Reference: purge, deleteMsg, eraseMsg in server/stream.go.
 *
 * @module
 */
import type { StreamPurgeRequest } from "../../jsapi/mod.ts";
import { subjectIsSubsetMatch, subjectsCollide } from "../../subject/mod.ts";
import type { Consumer } from "../consumer/consumer.ts";
import { StreamError } from "./errors.ts";
import type { Stream } from "./stream.ts";

/**
 * Removes messages: all, those of a subject, those below a sequence, or all but the last few.
 * Returns how many. Throws {@linkcode StreamError} and StoreError.
 */
export function purgeStream(stream: Stream, request: StreamPurgeRequest): number {
  if (stream.closed) throw new StreamError("stream closed");
  if (stream.config.sealed) throw new StreamError("sealed stream");
  const { store } = stream;
  const { subject, sequence, keep } = request;
  const purged = subject === "" && sequence === 0 && keep === 0
    ? store.purge()
    : store.purgeEx(subject, sequence, keep);
  stream.js.markStreamDirty(stream);
  const { firstSeq, lastSeq } = stream.fastState();
  if (lastSeq > stream.lastSeq) stream.lastSeq = lastSeq;
  const start = subject === "" ? firstSeq : store.filteredState(firstSeq, subject).first;
  for (const consumer of [...stream.consumers.values()]) {
    if (subject === "" || isWithin(consumer, subject)) consumer.onPurged(start, lastSeq, false);
    else if (meets(consumer, subject)) consumer.onPurged(firstSeq, lastSeq, true);
  }
  return purged;
}

/** Whether all that the consumer wants was purged: each of its filters. */
function isWithin({ filters }: Consumer, subject: string): boolean {
  return filters.length > 0 && filters.every((filter) => subjectIsSubsetMatch(filter, subject));
}

/** Whether some of what the consumer wants may have been purged. */
function meets({ filters }: Consumer, subject: string): boolean {
  return filters.length === 0 || filters.some((filter) => subjectsCollide(filter, subject));
}

/**
 * Removes message `seq`; with `erase` its bytes are overwritten. False when it was gone already.
 * Throws {@linkcode StreamError} and StoreError.
 */
export function deleteMsg(stream: Stream, seq: number, erase: boolean): boolean {
  if (stream.closed) throw new StreamError("stream closed");
  stream.js.markStreamDirty(stream);
  return erase ? stream.store.eraseMsg(seq) : stream.store.removeMsg(seq);
}
