/**
 * The messages of a memory store: blocks in order, the subjects over them, and all that reads
 * them. The store itself adds limits, time and consumers.
 *
 * @module
 */
import { SequenceSet } from "../../base/containers/avl/mod.ts";
import { SubjectTree, TreeLeaf } from "../../base/containers/stree/mod.ts";
import { StoreError } from "../errors.ts";
import { eachMatch, MsgFilter } from "../msg_filter.ts";
import { LoadCode, StoredMsg } from "../stored_msg.ts";
import { FastState, type PendingCount, type SimpleState } from "../stream_store.ts";
import { compareHalves, highOfNs, lowOfNs, soughtNs } from "../timestamp.ts";
import { MemoryBlock } from "./memory_block.ts";

/** Per-subject state; ends are corrected when they are asked for. */
export class MemorySubject extends TreeLeaf {
  msgs = 0;
  first = 0;
  last = 0;
  firstStale = false;
  lastStale = false;
}

/** Live messages and their index. Fields are shared with the store. */
export class MemoryMessages {
  /** Messages, bytes, first and last. */
  readonly totals: FastState = new FastState();
  blocks: MemoryBlock[] = [];
  readonly subjects: SubjectTree<MemorySubject> = new SubjectTree<MemorySubject>();
  /** Dead sequences between the first and the last. */
  readonly deleted: SequenceSet = new SequenceSet();
  readonly scratch: StoredMsg = new StoredMsg();

  /** The block to append `seq` to. */
  blockFor(seq: number): MemoryBlock {
    const last = this.blocks[this.blocks.length - 1];
    if (last !== undefined && !last.isFull() && last.endSeq() === seq) return last;
    const block = new MemoryBlock(seq);
    this.blocks.push(block);
    return block;
  }

  /** Index of the block that covers `seq`, or of the next one. */
  position(seq: number): number {
    const blocks = this.blocks;
    let low = 0;
    let high = blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (blocks[middle]!.endSeq() <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Points `out` at message `seq`; false when it is gone. */
  fetch(seq: number, out: StoredMsg): boolean {
    const block = this.blocks[this.position(seq)];
    return block !== undefined && block.fetch(seq, out);
  }

  /** First match at or after `start`. */
  next(matcher: MsgFilter, start: number, out: StoredMsg): LoadCode {
    const totals = this.totals;
    let seq = Math.max(start, totals.firstSeq);
    let last = totals.lastSeq;
    out.skip = last;
    if (totals.msgs === 0 || seq > last) return LoadCode.Eof;
    const isLiteral = !matcher.isAll && !matcher.hasWildcard && matcher.list === null;
    if (isLiteral || (!matcher.isAll && this.subjects.size() <= 256 && last - seq > 256)) {
      const range = this.matchRange(matcher, seq);
      if (range === null) return LoadCode.Eof;
      seq = range.first;
      last = range.last;
    }
    for (let i = this.position(seq); i < this.blocks.length; i++) {
      const block = this.blocks[i]!;
      if (seq < block.firstSeq) seq = block.firstSeq;
      const end = Math.min(last + 1, block.endSeq());
      if (block.live === 0) seq = block.endSeq();
      for (; seq < end; seq++) {
        if (block.fetch(seq, out) && matcher.matches(out)) return LoadCode.Found;
      }
      if (seq > last) break;
    }
    out.skip = totals.lastSeq;
    return LoadCode.Eof;
  }

  /** First and last sequence at or after `start` that can match; null when there is none. */
  matchRange(matcher: MsgFilter, start: number): { first: number; last: number } | null {
    let first = Infinity;
    let last = 0;
    eachMatch(this.subjects, matcher, (subject, info) => {
      this.refresh(subject, info);
      if (start > info.last) return;
      first = Math.min(first, Math.max(start, info.first));
      last = Math.max(last, info.last);
    });
    return last === 0 ? null : { first, last };
  }

  /** Last match at or before `start`. */
  prev(matcher: MsgFilter, start: number, out: StoredMsg): LoadCode {
    const totals = this.totals;
    out.skip = totals.firstSeq;
    if (totals.msgs === 0 || start < totals.firstSeq) return LoadCode.Eof;
    let seq = Math.min(start, totals.lastSeq);
    let i = Math.min(this.position(seq), this.blocks.length - 1);
    for (; i >= 0; i--) {
      const block = this.blocks[i]!;
      seq = Math.min(seq, block.endSeq() - 1);
      for (; seq >= block.firstSeq; seq--) {
        if (block.fetch(seq, out) && matcher.matches(out)) return LoadCode.Found;
      }
    }
    out.skip = totals.firstSeq;
    return LoadCode.Eof;
  }

  /** Corrects the ends of a subject after removals. */
  refresh(subject: string, info: MemorySubject): void {
    const msg = this.scratch;
    if (info.firstStale) {
      info.firstStale = false;
      for (let seq = Math.max(info.first, this.totals.firstSeq); seq <= info.last; seq++) {
        if (!this.fetch(seq, msg) || !msg.hasSubject(subject)) continue;
        info.first = seq;
        break;
      }
    }
    if (info.lastStale) {
      info.lastStale = false;
      for (let seq = Math.min(info.last, this.totals.lastSeq); seq >= info.first; seq--) {
        if (!this.fetch(seq, msg) || !msg.hasSubject(subject)) continue;
        info.last = seq;
        break;
      }
    }
  }

  /** Moves the first sequence to the next live message. */
  moveFirst(): void {
    const totals = this.totals;
    const before = totals.firstSeq;
    totals.firstSeq = totals.lastSeq + 1;
    totals.firstTime.clear();
    if (totals.msgs > 0) {
      const msg = this.scratch;
      for (let i = this.position(before); i < this.blocks.length; i++) {
        const block = this.blocks[i]!;
        let seq = Math.max(before, block.firstSeq);
        const end = block.endSeq();
        while (seq < end && !block.has(seq)) seq++;
        if (seq === end) continue;
        block.fetch(seq, msg);
        totals.firstSeq = seq;
        totals.firstTime.set(msg.tsHigh, msg.tsLow);
        break;
      }
    }
    if (totals.msgs === 0) this.deleted.empty();
    else for (let seq = before; seq < totals.firstSeq; seq++) this.deleted.delete(seq);
  }

  /** Counts message `seq` of `subject` less. */
  forgetSubject(subject: string, seq: number): void {
    const info = this.subjects.find(subject);
    if (info === null) return;
    if (info.msgs === 1) {
      this.subjects.delete(subject);
      return;
    }
    info.msgs--;
    if (info.msgs === 1 && !info.lastStale && seq !== info.last) {
      info.first = info.last;
      info.firstStale = false;
      return;
    }
    if (info.msgs === 1 && !info.firstStale && seq !== info.first) {
      info.last = info.first;
      info.lastStale = false;
      return;
    }
    info.firstStale ||= seq === info.first;
    info.lastStale ||= seq === info.last;
  }

  /** First, last and count of the matches at or after `start`. */
  filtered(start: number, matcher: MsgFilter): SimpleState {
    const totals = this.totals;
    if (start < totals.firstSeq) start = totals.firstSeq;
    const result: SimpleState = { msgs: 0, first: 0, last: 0 };
    if (start > totals.lastSeq) return result;
    if (matcher.isAll && start <= totals.firstSeq) {
      return { msgs: totals.msgs, first: totals.firstSeq, last: totals.lastSeq };
    }
    let partial = matcher.isAll;
    let from = Infinity;
    let to = matcher.isAll ? totals.lastSeq : 0;
    if (matcher.isAll) from = start;
    else {
      eachMatch(this.subjects, matcher, (name, info) => {
        this.refresh(name, info);
        if (info.last < start) return;
        from = Math.min(from, Math.max(start, info.first));
        to = Math.max(to, info.last);
        result.msgs += info.msgs;
        if (info.first < start) partial = true;
      });
    }
    if (!partial) {
      if (result.msgs > 0) {
        result.first = from;
        result.last = to;
      }
      return result;
    }
    result.msgs = 0;
    const msg = this.scratch;
    for (let seq = from; seq <= to; seq++) {
      if (!this.fetch(seq, msg) || !matcher.matches(msg)) continue;
      result.msgs++;
      if (result.first === 0) result.first = seq;
      result.last = seq;
    }
    return result;
  }

  /** Last sequence of each subject that matches, ascending. */
  lastSeqs(filters: readonly string[], maxSeq: number, maxAllowed: number): number[] {
    const seqs = new Set<number>();
    const msg = new StoredMsg();
    for (const filter of filters) {
      eachMatch(this.subjects, new MsgFilter(filter), (subject, info) => {
        this.refresh(subject, info);
        let seq = info.last;
        if (seq > maxSeq) {
          for (seq = maxSeq; seq >= info.first; seq--) {
            if (this.fetch(seq, msg) && msg.hasSubject(subject)) break;
          }
          if (seq < info.first) return;
        }
        seqs.add(seq);
      });
      if (maxAllowed > 0 && seqs.size > maxAllowed) throw new StoreError("too_many_results");
    }
    return [...seqs].sort((a, b) => a - b);
  }

  /** How many matches there are at or after `seq`. */
  pending(seq: number, matcher: MsgFilter, lastPerSubject: boolean): PendingCount {
    const validThrough = this.totals.lastSeq;
    if (!lastPerSubject) return { total: this.filtered(seq, matcher).msgs, validThrough };
    let total = 0;
    eachMatch(this.subjects, matcher, (subject, info) => {
      this.refresh(subject, info);
      if (info.last >= seq) total++;
    });
    return { total, validThrough };
  }

  /** The first sequence stored at or after a time. */
  seqFromTimeNs(timeNs: bigint): number {
    const ns = soughtNs(timeNs);
    const high = highOfNs(ns);
    const low = lowOfNs(ns);
    const totals = this.totals;
    const msg = this.scratch;
    let first = totals.firstSeq;
    let end = totals.lastSeq + 1;
    let found = totals.lastSeq + 1;
    while (first < end) {
      const middle = Math.floor((first + end) / 2);
      let seq = middle;
      while (seq < end && !this.fetch(seq, msg)) seq++;
      if (seq === end) end = middle;
      else if (compareHalves(msg.tsHigh, msg.tsLow, high, low) < 0) first = seq + 1;
      else {
        found = seq;
        end = middle;
      }
    }
    return found;
  }
}
