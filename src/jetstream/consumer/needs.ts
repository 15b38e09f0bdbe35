/**
 * Whether a consumer still needs a message of an interest or work queue stream.
 *
 * Reference: needAck, isFiltered, isFilteredMatch in server/consumer.go.
 *
 * @module
 */
import { subjectMatchesFilter } from "../../subject/mod.ts";
import type { Consumer } from "./consumer.ts";

/** Whether the consumer gets less than everything that the stream takes. */
export function isFiltered(o: Consumer): boolean {
  const { filters } = o;
  if (filters.length === 0) return false;
  const { subjects } = o.stream.config;
  if (subjects.length !== filters.length) return true;
  return subjects.some((subject) => !filters.includes(subject));
}

/** Whether a message of `subject` is one for the consumer. */
export function matchesFilters(filters: readonly string[], subject: string): boolean {
  if (filters.length === 0) return true;
  for (let i = 0; i < filters.length; i++) if (filters[i] === subject) return true;
  for (let i = 0; i < filters.length; i++) {
    if (subjectMatchesFilter(subject, filters[i]!)) return true;
  }
  return false;
}

/** See Consumer.needsAck. */
export function messageNeeded(o: Consumer, seq: number, subject: string): boolean {
  if (isFiltered(o)) {
    const on = subject === "" ? o.stream.store.subjectForSeq(seq) : subject;
    if (on === null || !matchesFilters(o.filters, on)) return false;
  }
  if (seq > o.ackFloorStream) {
    if (o.config.ackPolicy !== "explicit") return true;
    if (seq >= o.streamSeq || o.pending.has(seq)) return true;
  }
  // What was delivered too often stays until somebody removes it.
  return o.redelivered.has(seq);
}
