/**
 * Reading a file store: next, previous and last messages, counts and states by subject
 * (reference: filestore.go LoadNextMsg … NumPendingMulti).
 *
 * @module
 */
import { subjectHasWildcard, subjectIsSubsetMatch } from "../../../subject/mod.ts";
import { StoreError } from "../../errors.ts";
import { eachMatch, MsgFilter } from "../../msg_filter.ts";
import { LoadCode, StoredMsg } from "../../stored_msg.ts";
import type { PendingCount, SimpleState } from "../../stream_store.ts";
import type { MsgBlock } from "../block/msg_block.ts";
import { eachSubjectOf, filteredPending, firstMatching, prevMatching } from "../block/search.ts";
import { refreshSubject, subjectsOf } from "../block/subjects.ts";
import type { FileStoreCore, StreamSubject } from "./core.ts";

/** Above this many subjects a wildcard is not narrowed by walking them for each load. */
const SUBJECTS_TO_WALK_MAX = 64 * 1024;

/** Drops the cache of a block that a reader has just walked through. */
function afterLoad(core: FileStoreCore, block: MsgBlock, seq: number): void {
  if (block.isReadThrough(seq) && (block !== core.lastBlock || !block.recentlyWritten)) {
    block.dropCache();
  }
}

/** Loads message `seq`. */
export function loadMsg(core: FileStoreCore, seq: number, out: StoredMsg): LoadCode {
  if (core.closed) throw new StoreError("closed");
  if (seq === 0) seq = core.totals.firstSeq;
  const block = core.blockOf(seq);
  if (block === null) return seq <= core.totals.lastSeq ? LoadCode.NotFound : LoadCode.Eof;
  const code = block.fetch(seq, out);
  if (code === LoadCode.Found || code === LoadCode.Deleted) afterLoad(core, block, seq);
  return code;
}

/** First and last block with a match; null when there is no match at all. */
export function blockRange(
  core: FileStoreCore,
  filter: MsgFilter,
): { first: number; last: number } | null {
  let first = Infinity;
  let last = 0;
  eachMatch(core.subjects, filter, (_subject, info) => {
    if (info.firstBlock < first) first = info.firstBlock;
    if (info.lastBlock > last) last = info.lastBlock;
  });
  return last === 0 ? null : { first, last };
}

/** Loads the first match at or after `start`. */
export function loadNext(
  core: FileStoreCore,
  filter: MsgFilter,
  start: number,
  out: StoredMsg,
): LoadCode {
  if (core.closed) throw new StoreError("closed");
  const totals = core.totals;
  out.skip = totals.lastSeq;
  if (totals.msgs === 0 || start > totals.lastSeq) return LoadCode.Eof;
  if (start < totals.firstSeq) start = totals.firstSeq;
  if (filter.isAll) {
    // The usual case of a reader going forward: the next sequence, one lookup.
    const block = core.blockOf(start);
    if (block !== null && block.fetch(start, out) === LoadCode.Found) {
      afterLoad(core, block, start);
      return LoadCode.Found;
    }
    // Loading may have found damage and moved the first sequence.
    if (start < totals.firstSeq) start = totals.firstSeq;
  }
  let position = core.blockPosition(start);
  if (position < 0) return LoadCode.Eof;
  let last = Infinity;
  const narrows = !filter.isAll &&
    (filter.list === null && !filter.hasWildcard || core.subjects.size() < SUBJECTS_TO_WALK_MAX);
  if (narrows && start === totals.firstSeq && core.blocks.length > 1) {
    // From the head on, the subjects know where the first match can be.
    const range = blockRange(core, filter);
    if (range === null) return LoadCode.Eof;
    last = range.last;
    while (position + 1 < core.blocks.length && core.blocks[position]!.index < range.first) {
      position++;
    }
  }
  for (let i = position; i < core.blocks.length; i++) {
    const block = core.blocks[i]!;
    if (block.index > last) break;
    if (firstMatching(block, filter, start, out)) {
      afterLoad(core, block, out.seq);
      return LoadCode.Found;
    }
    if (i !== position || !narrows || core.blocks.length - i < 2) continue;
    const range = blockRange(core, filter);
    if (range === null || range.last <= block.index) break;
    last = range.last;
    while (i + 1 < core.blocks.length && core.blocks[i + 1]!.index < range.first) i++;
  }
  out.skip = totals.lastSeq;
  return LoadCode.Eof;
}

/** Loads the last match at or before `start`. */
export function loadPrev(
  core: FileStoreCore,
  filter: MsgFilter,
  start: number,
  out: StoredMsg,
): LoadCode {
  if (core.closed) throw new StoreError("closed");
  const totals = core.totals;
  out.skip = totals.firstSeq;
  if (totals.msgs === 0 || start < totals.firstSeq) return LoadCode.Eof;
  const position = core.blockPosition(Math.min(start, totals.lastSeq));
  const range = filter.isAll || core.subjects.size() >= SUBJECTS_TO_WALK_MAX && filter.hasWildcard
    ? { first: 0, last: Infinity }
    : blockRange(core, filter);
  if (range === null) return LoadCode.Eof;
  for (let i = position; i >= 0; i--) {
    const block = core.blocks[i]!;
    if (block.index > range.last) continue;
    if (block.index < range.first) break;
    if (prevMatching(block, filter, start, out)) return LoadCode.Found;
  }
  out.skip = totals.firstSeq;
  return LoadCode.Eof;
}

/** Loads the last message of a subject or filter. */
export function loadLast(core: FileStoreCore, subject: string, out: StoredMsg): LoadCode {
  if (core.closed) throw new StoreError("closed");
  const filter = new MsgFilter(subject);
  if (filter.isAll) {
    return loadMsg(core, core.totals.lastSeq, out) === LoadCode.Found
      ? LoadCode.Found
      : LoadCode.NotFound;
  }
  if (filter.hasWildcard) {
    return loadPrev(core, filter, core.totals.lastSeq, out) === LoadCode.Found
      ? LoadCode.Found
      : LoadCode.NotFound;
  }
  const info = core.subjects.find(subject);
  if (info === null) return LoadCode.NotFound;
  const seq = lastSeqOf(core, subject, info);
  const block = seq === 0 ? null : core.blockOf(seq);
  return block !== null && block.fetch(seq, out) === LoadCode.Found
    ? LoadCode.Found
    : LoadCode.NotFound;
}

/** Last sequence of a subject; looked up once and then remembered. 0 when it has none. */
function lastSeqOf(core: FileStoreCore, subject: string, info: StreamSubject): number {
  if (info.lastSeq > 0) return info.lastSeq;
  for (let index = info.lastBlock; index >= info.firstBlock; index--) {
    const block = core.byIndex.get(index);
    if (block === undefined || block.msgs === 0) continue;
    const state = subjectsOf(block).find(subject);
    if (state === null) continue;
    refreshSubject(block, subject, state);
    info.lastBlock = index;
    info.lastSeq = state.last;
    return state.last;
  }
  return 0;
}

/** First, last and count of the matches at or after `start`. */
export function filteredState(
  core: FileStoreCore,
  start: number,
  subject: string,
): SimpleState {
  const totals = core.totals;
  if (start < totals.firstSeq) start = totals.firstSeq;
  if (start > totals.lastSeq) return { msgs: 0, first: totals.firstSeq, last: totals.lastSeq };
  const filter = new MsgFilter(subject);
  if (start === totals.firstSeq && filter.isAll) {
    return { msgs: totals.msgs, first: totals.firstSeq, last: totals.lastSeq };
  }
  const result: SimpleState = { msgs: 0, first: 0, last: 0 };
  const range = filter.isAll ? { first: 0, last: Infinity } : blockRange(core, filter);
  if (range === null) return result;
  if (start === totals.firstSeq) {
    eachMatch(core.subjects, filter, (_subject, info) => result.msgs += info.total);
    const msg = new StoredMsg();
    if (loadNext(core, filter, start, msg) === LoadCode.Found) {
      result.first = msg.seq;
      const { index } = core.blockOf(msg.seq)!;
      // No match lies in an earlier block: the next look starts here.
      eachMatch(core.subjects, filter, (_subject, info) => {
        if (info.firstBlock < index) info.firstBlock = index;
      });
    }
    if (loadPrev(core, filter, totals.lastSeq, msg) === LoadCode.Found) result.last = msg.seq;
    return result;
  }
  for (const block of core.blocks) {
    if (start > block.lastSeq || block.index < range.first) continue;
    if (block.index > range.last) break;
    const part = filteredPending(block, filter, start);
    if (part.msgs === 0) continue;
    result.msgs += part.msgs;
    if (result.first === 0) result.first = part.first;
    result.last = part.last;
  }
  return result;
}

/** State of each subject that matches. */
export function subjectsState(core: FileStoreCore, subject: string): Map<string, SimpleState> {
  const states = new Map<string, SimpleState>();
  if (core.totals.msgs === 0) return states;
  const filter = new MsgFilter(subject);
  const range = blockRange(core, filter);
  if (range === null) return states;
  for (const block of core.blocks) {
    if (block.index < range.first || block.msgs === 0) continue;
    if (block.index > range.last) break;
    eachSubjectOf(block, filter, (name, state) => {
      const known = states.get(name);
      if (known === undefined) {
        states.set(name, { msgs: state.msgs, first: state.first, last: state.last });
      } else {
        known.msgs += state.msgs;
        known.last = state.last;
      }
    });
  }
  return states;
}

/** Messages of each subject that matches. */
export function subjectsTotals(core: FileStoreCore, subject: string): Map<string, number> {
  const totals = new Map<string, number>();
  eachMatch(
    core.subjects,
    new MsgFilter(subject),
    (name, info) => void totals.set(name, info.total),
  );
  return totals;
}

/** Last sequence of each subject, ascending. */
export function allLastSeqs(core: FileStoreCore): number[] {
  return lastSeqsOf(core, new MsgFilter(""), Infinity, 0);
}

function lastSeqsOf(
  core: FileStoreCore,
  filter: MsgFilter,
  maxSeq: number,
  maxAllowed: number,
): number[] {
  const seqs: number[] = [];
  if (core.totals.msgs === 0) return seqs;
  const wanted = new Set<string>();
  let unknown = false;
  eachMatch(core.subjects, filter, (subject, info) => {
    if (info.lastSeq > 0 && info.lastSeq <= maxSeq) seqs.push(info.lastSeq);
    else {
      wanted.add(subject);
      unknown = true;
    }
    if (maxAllowed > 0 && seqs.length > maxAllowed) throw new StoreError("too_many_results");
  });
  const msg = new StoredMsg();
  for (let i = core.blocks.length - 1; i >= 0 && unknown && wanted.size > 0; i--) {
    const block = core.blocks[i]!;
    if (block.firstSeq > maxSeq || block.msgs === 0) continue;
    eachSubjectOf(block, filter, (subject, state) => {
      if (!wanted.has(subject) || state.first > maxSeq) return;
      let seq = state.last;
      if (seq > maxSeq) {
        for (seq = Math.min(maxSeq, block.lastSeq); seq >= state.first; seq--) {
          if (block.fetch(seq, msg) === LoadCode.Found && msg.hasSubject(subject)) break;
        }
        if (seq < state.first) return;
      }
      wanted.delete(subject);
      seqs.push(seq);
    });
    if (maxAllowed > 0 && seqs.length > maxAllowed) throw new StoreError("too_many_results");
  }
  return seqs.sort((a, b) => a - b);
}

/** Last sequence at or below `maxSeq` of each subject that matches one of `filters`. */
export function multiLastSeqs(
  core: FileStoreCore,
  filters: readonly string[],
  maxSeq: number,
  maxAllowed: number,
): number[] {
  const bound = maxSeq === 0 ? Infinity : maxSeq;
  if (isWholeStream(filters, core.config.subjects)) {
    return lastSeqsOf(core, new MsgFilter(""), bound, maxAllowed);
  }
  const seqs = new Set<number>();
  for (const filter of filters) {
    for (const seq of lastSeqsOf(core, new MsgFilter(filter), bound, maxAllowed)) seqs.add(seq);
    if (maxAllowed > 0 && seqs.size > maxAllowed) throw new StoreError("too_many_results");
  }
  return [...seqs].sort((a, b) => a - b);
}

/** True when the filters cover exactly the stream's subjects. */
export function isWholeStream(
  filters: readonly string[],
  subjects: readonly string[],
): boolean {
  if (filters.length !== subjects.length || filters.length === 0) return false;
  const sorted = filters.toSorted();
  return subjects.toSorted().every((subject, i) => subjectIsSubsetMatch(subject, sorted[i]!));
}

/** How many matches there are at or after `start`. */
export function numPending(
  core: FileStoreCore,
  start: number,
  filter: MsgFilter,
  lastPerSubject: boolean,
): PendingCount {
  const totals = core.totals;
  const validThrough = totals.lastSeq;
  if (totals.msgs === 0 || start > totals.lastSeq) return { total: 0, validThrough };
  if (start < totals.firstSeq) start = totals.firstSeq;
  if (lastPerSubject) return { total: countLastPerSubject(core, start, filter), validThrough };
  if (filter.isAll && totals.lastSeq - totals.firstSeq + 1 === totals.msgs) {
    return { total: totals.lastSeq - start + 1, validThrough };
  }
  let total = 0;
  let firstBlock = Infinity;
  let lastBlock = 0;
  eachMatch(core.subjects, filter, (_subject, info) => {
    total += info.total;
    if (info.firstBlock < firstBlock) firstBlock = info.firstBlock;
    if (info.lastBlock > lastBlock) lastBlock = info.lastBlock;
  });
  if (filter.isAll) total = totals.msgs;
  if (total === 0 || start <= totals.firstSeq) return { total, validThrough };
  const position = core.firstEndingAt(start);
  if (position >= core.blocks.length / 2) {
    total = 0;
    for (let i = position; i < core.blocks.length; i++) {
      const block = core.blocks[i]!;
      if (block.index < firstBlock && !filter.isAll) continue;
      if (block.index > lastBlock && !filter.isAll) break;
      total += filteredPending(block, filter, start).msgs;
    }
    return { total, validThrough };
  }
  for (let i = 0; i <= position; i++) {
    const block = core.blocks[i]!;
    if (block.index < firstBlock && !filter.isAll) continue;
    const all = filter.isAll ? block.msgs : filteredPending(block, filter, 0).msgs;
    total -= i < position ? all : all - filteredPending(block, filter, start).msgs;
  }
  return { total: Math.max(0, total), validThrough };
}

function countLastPerSubject(core: FileStoreCore, start: number, filter: MsgFilter): number {
  if (filter.isAll && start <= core.totals.firstSeq) return core.subjects.size();
  const block = core.blocks[core.firstEndingAt(start)]!;
  let total = 0;
  eachMatch(core.subjects, filter, (subject, info) => {
    if (info.lastBlock < block.index) return;
    if (lastSeqOf(core, subject, info) >= start) total++;
  });
  return total;
}

/** Subject of message `seq`, or null. */
export function subjectForSeq(core: FileStoreCore, seq: number): string | null {
  const msg = new StoredMsg();
  const block = seq < core.totals.firstSeq ? null : core.blockOf(seq);
  return block !== null && block.fetch(seq, msg) === LoadCode.Found ? msg.subject() : null;
}

/** The first sequence stored at or after a time; the one after the last when there is none. */
export function seqFromTime(core: FileStoreCore, tsHigh: number, tsLow: number): number {
  const msg = new StoredMsg();
  const isBefore = (high: number, low: number) => high < tsHigh || (high === tsHigh && low < tsLow);
  let low = 0;
  let high = core.blocks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { lastTime } = core.blocks[middle]!;
    if (isBefore(lastTime.high, lastTime.low)) low = middle + 1;
    else high = middle;
  }
  for (let i = low; i < core.blocks.length; i++) {
    const block = core.blocks[i]!;
    let first = block.firstSeq;
    let end = block.lastSeq + 1;
    let found = 0;
    while (first < end) {
      const middle = Math.floor((first + end) / 2);
      let seq = middle;
      while (seq < end && block.fetch(seq, msg) !== LoadCode.Found) seq++;
      if (seq === end) end = middle;
      else if (isBefore(msg.tsHigh, msg.tsLow)) first = seq + 1;
      else {
        found = seq;
        end = middle;
      }
    }
    if (found > 0) return found;
    if (block === core.blocks[low]) return block.lastSeq + 1;
  }
  return core.totals.lastSeq + 1;
}

/** True when `subject` has wildcards or is empty. */
export function isPattern(subject: string): boolean {
  return subject === "" || subjectHasWildcard(subject);
}
