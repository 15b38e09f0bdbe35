/**
 * Interest and work queue retention: a message goes when no consumer needs it any more.
 *
 * Reference: ackMsg, checkForInterest in server/stream.go.
 *
 * @module
 */
import type { Consumer } from "../consumer/consumer.ts";
import type { Stream } from "./stream.ts";

/** `consumer` (null for one without state) is done with message `seq`. */
export function consumerAcked(stream: Stream, consumer: Consumer | null, seq: number): void {
  if (seq === 0 || stream.closed || stream.config.retention === "limits") return;
  const { firstSeq, lastSeq } = stream.fastState();
  if (seq < firstSeq || seq > lastSeq) return;
  if (isNeeded(stream, seq, consumer)) return;
  stream.store.removeMsg(seq);
  stream.js.markStreamDirty(stream);
}

/** Whether a consumer other than `except` still needs message `seq`. */
export function isNeeded(stream: Stream, seq: number, except: Consumer | null): boolean {
  const { consumers } = stream;
  if (consumers.size === 0 || (consumers.size === 1 && except !== null)) return false;
  const subject = mayFilter(stream) ? stream.store.subjectForSeq(seq) : "";
  if (subject === null) return false;
  for (const consumer of consumers.values()) {
    if (consumer !== except && consumer.needsAck(seq, subject)) return true;
  }
  return false;
}

/** Whether consumers can differ in what they want. */
function mayFilter({ config: { subjects } }: Stream): boolean {
  return subjects.length > 1 || (subjects.length === 1 && /[*>]/.test(subjects[0]!));
}
