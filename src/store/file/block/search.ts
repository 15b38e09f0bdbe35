/**
 * Finding and counting messages of a block by subject (reference: filestore.go firstMatching,
 * prevMatching, filteredPendingLocked and their variants for several filters).
 *
 * @module
 */
import { intersectSublist } from "../../../base/containers/stree/mod.ts";
import type { SimpleSublist } from "../../../base/containers/gsl/mod.ts";
import { subjectHasWildcard, subjectMatchesFilterBytes } from "../../../subject/mod.ts";
import { LoadCode, StoredMsg } from "../../stored_msg.ts";
import type { SimpleState } from "../../stream_store.ts";
import type { BlockSubject, MsgBlock } from "./msg_block.ts";
import { refreshSubject, subjectsOf } from "./subjects.ts";

/** A filter prepared for matching many messages. */
export class MsgFilter {
  readonly isAll: boolean;
  readonly hasWildcard: boolean;

  /** `list` null: the filter is `filter`, "" or ">" for all. */
  constructor(readonly filter: string, readonly list: SimpleSublist | null = null) {
    this.isAll = list === null && (filter === "" || filter === ">");
    this.hasWildcard = list === null && !this.isAll && subjectHasWildcard(filter);
  }

  /** True when the message's subject matches. */
  matches(msg: StoredMsg): boolean {
    if (this.isAll) return true;
    if (this.list !== null) return this.list.hasInterest(msg.subject());
    return this.hasWildcard
      ? subjectMatchesFilterBytes(msg.bytes, msg.subjectAt, msg.subjectEnd, this.filter)
      : msg.hasSubject(this.filter);
  }

  /** Visits the block's subjects that match, each with corrected ends. */
  eachSubject(block: MsgBlock, visit: (subject: string, state: BlockSubject) => void): void {
    const subjects = subjectsOf(block);
    const each = (subject: string, state: BlockSubject): boolean => {
      refreshSubject(block, subject, state);
      visit(subject, state);
      return true;
    };
    if (this.list !== null) intersectSublist(subjects, this.list, each);
    else if (this.isAll) subjects.iterFast(each);
    else if (this.hasWildcard) subjects.matchUntil(this.filter, each);
    else {
      const state = subjects.find(this.filter);
      if (state !== null) each(this.filter, state);
    }
  }
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
    filter.eachSubject(block, (_subject, state) => {
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
    filter.eachSubject(block, (_subject, state) => {
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
    filter.eachSubject(block, (_subject, state) => {
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
