/**
 * Finding and counting messages of a block by subject (reference: filestore.go firstMatching,
 * prevMatching, filteredPendingLocked and their variants for several filters).
 *
 * @module
 */
import { eachMatch, type MsgFilter } from "../../msg_filter.ts";
import { LoadCode, StoredMsg } from "../../stored_msg.ts";
import type { SimpleState } from "../../stream_store.ts";
import type { BlockSubject, MsgBlock } from "./msg_block.ts";
import { refreshSubject, subjectsOf } from "./subjects.ts";

/** Visits the block's subjects that match, each with corrected ends. */
export function eachSubjectOf(
  block: MsgBlock,
  filter: MsgFilter,
  visit: (subject: string, state: BlockSubject) => void,
): void {
  eachMatch(subjectsOf(block), filter, (subject, state) => {
    refreshSubject(block, subject, state);
    visit(subject, state);
  });
}

/** Above this many sequences to walk, the block's subjects narrow the range first. */
const LINEAR_SPAN = 64;

/** First live match at or after `start`; `out` is set when it returns true. */
export function firstMatching(
  block: MsgBlock,
  filter: MsgFilter,
  start: number,
  out: StoredMsg,
): boolean {
  let seq = Math.max(start, block.firstSeq);
  const last = block.lastSeq;
  if (seq > last || block.msgs === 0) return false;
  if (!filter.isAll && last - seq > LINEAR_SPAN) {
    // Without subjects at hand a short look ahead is often enough.
    const near = block.subjects === null ? Math.min(last, seq + LINEAR_SPAN) : seq - 1;
    for (; seq <= near; seq++) {
      const code = block.fetch(seq, out);
      if (code === LoadCode.Found) {
        if (filter.matches(out)) return true;
      } else if (code === LoadCode.Deleted) seq = block.deleted.absentAtOrAfter(seq + 1) - 1;
    }
    let low = last + 1;
    eachSubjectOf(block, filter, (_subject, state) => {
      if (seq <= state.last) low = Math.min(low, Math.max(seq, state.first));
    });
    seq = low;
  }
  for (; seq <= last; seq++) {
    const code = block.fetch(seq, out);
    if (code === LoadCode.Found) {
      if (filter.matches(out)) return true;
    } else if (code === LoadCode.Deleted) seq = block.deleted.absentAtOrAfter(seq + 1) - 1;
  }
  return false;
}

/** Last live match at or before `start`; `out` is set when it returns true. */
export function prevMatching(
  block: MsgBlock,
  filter: MsgFilter,
  start: number,
  out: StoredMsg,
): boolean {
  let seq = Math.min(start, block.lastSeq);
  const first = block.firstSeq;
  if (seq < first || block.msgs === 0) return false;
  if (!filter.isAll && seq - first > LINEAR_SPAN) {
    const near = block.subjects === null ? Math.max(first, seq - LINEAR_SPAN) : seq + 1;
    for (; seq >= near; seq--) {
      const code = block.fetch(seq, out);
      if (code === LoadCode.Found) {
        if (filter.matches(out)) return true;
      } else if (code === LoadCode.Deleted) seq = block.deleted.absentAtOrBefore(seq - 1) + 1;
    }
    let high = 0;
    eachSubjectOf(block, filter, (_subject, state) => {
      if (seq >= state.first) high = Math.max(high, Math.min(seq, state.last));
    });
    seq = high;
  }
  for (; seq >= first; seq--) {
    const code = block.fetch(seq, out);
    if (code === LoadCode.Found) {
      if (filter.matches(out)) return true;
    } else if (code === LoadCode.Deleted) seq = block.deleted.absentAtOrBefore(seq - 1) + 1;
  }
  return false;
}

/** Count, first and last of the live matches at or after `start`. */
export function filteredPending(block: MsgBlock, filter: MsgFilter, start: number): SimpleState {
  if (block.msgs === 0) return { msgs: 0, first: 0, last: 0 };
  if (filter.isAll && start <= block.firstSeq) {
    return { msgs: block.msgs, first: block.firstSeq, last: block.lastSeq };
  }
  const result: SimpleState = { msgs: 0, first: 0, last: 0 };
  let isPartial = filter.isAll;
  if (!isPartial) {
    eachSubjectOf(block, filter, (_subject, state) => {
      if (start <= state.first) {
        result.msgs += state.msgs;
        if (result.first === 0 || state.first < result.first) result.first = state.first;
        if (state.last > result.last) result.last = state.last;
      } else if (start <= state.last) isPartial = true;
    });
    if (!isPartial) return result;
  }
  result.msgs = 0;
  result.first = 0;
  result.last = 0;
  const msg = new StoredMsg();
  for (let seq = Math.max(start, block.firstSeq); seq <= block.lastSeq; seq++) {
    if (block.fetch(seq, msg) !== LoadCode.Found || !filter.matches(msg)) continue;
    result.msgs++;
    if (result.first === 0) result.first = seq;
    result.last = seq;
  }
  return result;
}
