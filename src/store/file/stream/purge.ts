/**
 * Removing many messages at once: purge, purge by subject, compact, truncate and what replicas
 * have deleted (reference: filestore.go purgeLocked, PurgeEx, compactLocked, Truncate,
 * SyncDeleted).
 *
 * @module
 */
import { SequenceSet } from "../../../base/containers/avl/mod.ts";
import { isNoSpace } from "../../../platform/disk.ts";
import { type DeleteBlock, DeleteRange, isKnownDeleteBlock } from "../../delete_blocks.ts";
import { MsgFilter } from "../../msg_filter.ts";
import { LoadCode, StoredMsg } from "../../stored_msg.ts";
import { Timestamp } from "../../timestamp.ts";
import { flushBlock } from "../block/append.ts";
import { COMPACT_BYTES_MIN, compactBlock } from "../block/compact.ts";
import type { MsgBlock } from "../block/msg_block.ts";
import { filteredPending } from "../block/search.ts";
import { removeFromSubjects } from "../block/subjects.ts";
import { replaceBlockFile } from "../block/replace.ts";
import { recordLength, RecordMark, recordMark, recordSeq } from "../format/record.ts";
import type { FileStoreCore } from "./core.ts";
import { dropIndex, PurgeDirectory, tryWriteFullState } from "./full_state_io.ts";
import { blockRange, filteredState } from "./queries.ts";
import {
  EXPLICIT,
  forgetSubjects,
  purgeBlock,
  removeFromBlock,
  type RemoveOptions,
  settleLimits,
  writeTombstones,
} from "./removal.ts";

/** Removes everything; the next sequence is `firstSeq` when that is higher. */
export function purgeAll(core: FileStoreCore, firstSeq: number): number {
  core.checkWritable();
  const { msgs, bytes } = core.totals;
  core.writing(() => purgeFiles(core, firstSeq));
  if (msgs > 0) core.writing(() => tryWriteFullState(core));
  core.onUpdate?.(-msgs, -bytes, 0, "");
  return msgs;
}

/**
 * The new, empty block is made in the old directory, moved to a fresh one, and the two directories
 * change places: a crash leaves one or the other.
 */
function purgeFiles(core: FileStoreCore, firstSeq: number): void {
  const { disk } = core.env;
  const totals = core.totals;
  const lastSeq = Math.max(totals.lastSeq, firstSeq - 1);
  const block = blockAfterPurge(core, lastSeq);
  if (core.options.syncAlways) block.file?.syncDataNow();
  for (const old of core.blocks) {
    // Nothing of them is written, compressed or synced any more.
    old.closeFile();
    if (old === block) continue;
    old.closed = true;
    old.cache = null;
  }
  core.unsynced.clear();
  if (block.needSync) core.unsynced.add(block);
  totals.firstSeq = lastSeq + 1;
  totals.firstTime.clear();
  totals.lastSeq = lastSeq;
  totals.msgs = 0;
  totals.bytes = 0;
  core.blocks = [];
  core.byIndex = new Map();
  core.lastBlock = null;
  core.emptySubjects();
  core.markers?.empty();
  core.dirty++;
  core.addBlock(block);
  const fresh = `${core.options.storeDir}/${PurgeDirectory.Fresh}`;
  const old = `${core.options.storeDir}/${PurgeDirectory.Old}`;
  disk.removeTree(fresh);
  disk.removeTree(old);
  disk.makeDirs(fresh);
  for (const path of [block.keyPath, block.path]) {
    if (disk.stat(path) !== null) disk.rename(path, fresh + path.slice(core.msgDir.length));
  }
  if (core.options.syncAlways) disk.syncDirNow(fresh);
  disk.rename(core.msgDir, old);
  disk.rename(fresh, core.msgDir);
  if (core.options.syncAlways) disk.syncDirNow(core.options.storeDir);
  disk.removeTree(old);
  block.file = disk.open(block.path, "create");
}

/**
 * Makes the block that a purge leaves, with the last sequence in it. Where the disk is full the
 * oldest blocks go first to make room for it, as they are to go anyway.
 */
function blockAfterPurge(core: FileStoreCore, lastSeq: number): MsgBlock {
  for (;;) {
    const before = core.lastBlock;
    try {
      const block = core.newBlock(false);
      block.lastTime.copyFrom(core.totals.lastTime);
      if (lastSeq > 0) core.writeTombstone(lastSeq, block.lastTime);
      flushBlock(block);
      return block;
    } catch (error) {
      if (!isNoSpace(error)) throw error;
      const failed = core.lastBlock;
      if (failed !== null && failed !== before) {
        core.removeBlockFiles(failed);
        core.blocks.pop();
        core.byIndex.delete(failed.index);
        core.lastBlock = before;
      }
      if (core.blocks.length < 2) throw error;
      dropIndex(core);
      dropOldest(core);
    }
  }
}

/** Removes the first block with its messages. */
function dropOldest(core: FileStoreCore): void {
  const block = core.blocks[0]!;
  const totals = core.totals;
  forgetSubjects(core, block);
  totals.msgs -= block.msgs;
  totals.bytes -= block.bytes;
  core.forceRemoveBlock(block);
  totals.firstSeq = core.blocks[0]!.firstSeq;
  totals.firstTime.copyFrom(core.blocks[0]!.firstTime);
}

/** Removes what matches `subject` below `before` (0: all) except the last `keep`. */
export function purgeSubject(
  core: FileStoreCore,
  subject: string,
  before: number,
  keep: number,
): number {
  if (before === 1) return 0;
  const filter = new MsgFilter(subject);
  if (filter.isAll) {
    if (keep === 0 && before === 0) return purgeAll(core, 0);
    if (before > 1) return compactStream(core, before);
  }
  core.checkWritable();
  let max = Infinity;
  if (keep > 0) {
    const { msgs } = filteredState(core, 1, subject);
    if (keep >= msgs) return 0;
    max = msgs - keep;
  }
  return core.writing(() => purgeMatching(core, filter, subject, before, max));
}

function purgeMatching(
  core: FileStoreCore,
  filter: MsgFilter,
  subject: string,
  before: number,
  max: number,
): number {
  const range = blockRange(core, filter);
  if (range === null) return 0;
  settleLimits(core);
  const removed: { seq: number; tsHigh: number; tsLow: number }[] = [];
  const msg = new StoredMsg();
  let purged = 0;
  let bytes = 0;
  let lowSeq = 0;
  const lastBlock = core.lastBlock;
  const keepsLast = lastBlock !== null && lastBlock.cache !== null;
  for (const block of core.blocks.slice()) {
    if (block.index < range.first) continue;
    if (block.index > range.last || purged >= max || (before > 0 && block.firstSeq >= before)) {
      break;
    }
    const wasLoaded = block.cache !== null;
    const pending = filteredPending(block, filter, 0);
    if (pending.msgs === 0) {
      if (!wasLoaded) block.dropCache();
      continue;
    }
    const last = before > 0 ? Math.min(pending.last, before - 1) : pending.last;
    const mark = removed.length;
    for (let seq = pending.first; seq <= last && purged < max; seq++) {
      if (block.fetch(seq, msg) !== LoadCode.Found || !filter.matches(msg)) continue;
      removed.push({ seq, tsHigh: msg.tsHigh, tsLow: msg.tsLow });
      bytes += forgetMsg(core, block, msg);
      purged++;
      if (lowSeq === 0) lowSeq = seq;
      if (seq !== block.firstSeq) {
        block.deleted.insert(seq);
        continue;
      }
      const wasFirst = seq === core.totals.firstSeq;
      block.selectNextFirst();
      if (wasFirst) {
        core.totals.firstSeq = block.firstSeq;
        core.totals.firstTime.copyFrom(block.firstTime);
      }
    }
    if (block.msgs === 0) {
      // The block goes with its records: they need no tombstones.
      removed.length = mark;
      core.removeBlock(block);
    } else if (!wasLoaded) block.dropCache();
  }
  if (purged === 0) return 0;
  core.selectNextFirst();
  writeTombstones(core, removed);
  for (let i = core.blocks.length - 1; i >= 0; i--) {
    // What was loaded or written for the purge alone does not stay in memory.
    const block = core.blocks[i]!;
    if (lastBlock !== null && block.index < lastBlock.index) break;
    if (block !== core.lastBlock || !keepsLast) block.dropCache();
  }
  core.dirty++;
  if (purged === 1) core.onUpdate?.(-1, -bytes, lowSeq, subject);
  else core.onUpdate?.(-purged, -bytes, 0, "");
  return purged;
}

/** Takes a message out of all counts; returns its size. */
function forgetMsg(core: FileStoreCore, block: MsgBlock, msg: StoredMsg): number {
  const size = msg.payloadEnd + 8 - (msg.subjectAt - 22);
  const subject = msg.subject();
  core.totals.msgs--;
  core.totals.bytes -= Math.min(size, core.totals.bytes);
  block.msgs--;
  block.bytes -= Math.min(size, block.bytes);
  block.noCompact = false;
  core.markers?.remove(msg.seq, subject);
  core.scheduling?.remove(msg.seq);
  removeFromSubjects(block, subject, msg.seq);
  core.removeFromSubject(subject, msg.seq);
  return size;
}

/** Removes everything below `seq`. */
export function compactStream(core: FileStoreCore, seq: number): number {
  core.checkWritable();
  const totals = core.totals;
  if (seq === 0 || seq > totals.lastSeq) return purgeAll(core, seq);
  if (totals.firstSeq > seq) return 0;
  const target = core.blockOf(seq);
  if (target === null) return 0;
  const before = { msgs: totals.msgs, bytes: totals.bytes };
  core.writing(() => {
    // The index would bring back what is removed below.
    dropIndex(core);
    compactTo(core, target, seq);
  });
  const purged = before.msgs - totals.msgs;
  if (purged > 0) {
    core.writing(() => tryWriteFullState(core));
    core.onUpdate?.(-purged, totals.bytes - before.bytes, 0, "");
  }
  return purged;
}

function compactTo(core: FileStoreCore, target: MsgBlock, seq: number): void {
  const totals = core.totals;
  settleLimits(core);
  while (core.blocks[0] !== target) dropOldest(core);
  const removed: { seq: number; tsHigh: number; tsLow: number }[] = [];
  if (target.firstSeq < seq) {
    const msg = new StoredMsg();
    for (let s = target.firstSeq; s < seq; s++) {
      if (target.fetch(s, msg) === LoadCode.Found) {
        removed.push({ seq: s, tsHigh: msg.tsHigh, tsLow: msg.tsLow });
        forgetMsg(core, target, msg);
      } else target.deleted.delete(s);
    }
    if (target.msgs === 0) {
      target.firstSeq = target.lastSeq + 1;
      target.firstTime.clear();
      target.deleted.empty();
      if (target !== core.lastBlock) {
        core.removeBlock(target);
        removed.length = 0;
      }
    } else {
      target.firstSeq = seq - 1;
      target.selectNextFirst();
    }
  }
  writeTombstones(core, removed);
  core.selectNextFirst();
  if (totals.msgs === 0) {
    totals.firstSeq = totals.lastSeq + 1;
    totals.firstTime.clear();
  } else if (
    target.rawBytes > COMPACT_BYTES_MIN && target.bytes * 2 < target.rawBytes
  ) {
    compactBlock(target, (s) => core.isTombstoneNeeded(target, s), {
      compress: target !== core.lastBlock,
    });
  }
}

/** Removes everything above `seq`; 0 empties the stream and starts over. */
export function truncateStream(core: FileStoreCore, seq: number): void {
  core.checkWritable();
  const before = { msgs: core.totals.msgs, bytes: core.totals.bytes };
  core.writing(() => {
    dropIndex(core);
    if (seq === 0) resetStream(core);
    else truncateTo(core, seq);
    // The sequences above are used again.
    core.settledSeq = Math.min(core.settledSeq, seq);
  });
  const { msgs, bytes } = core.totals;
  core.writing(() => tryWriteFullState(core));
  core.onUpdate?.(msgs - before.msgs, bytes - before.bytes, 0, "");
}

function resetStream(core: FileStoreCore): void {
  for (const block of core.blocks.slice()) core.forceRemoveBlock(block);
  const totals = core.totals;
  totals.msgs = 0;
  totals.bytes = 0;
  totals.firstSeq = 0;
  totals.firstTime.clear();
  totals.lastSeq = 0;
  totals.lastTime.setMs(core.env.clock.nowMs());
  core.blocks = [];
  core.byIndex = new Map();
  core.lastBlock = null;
  core.emptySubjects();
  core.markers?.empty();
}

function truncateTo(core: FileStoreCore, seq: number): void {
  const totals = core.totals;
  const msg = new StoredMsg();
  const time = new Timestamp();
  const position = core.firstEndingAt(seq);
  const target = position < 0 ? null : core.blocks[position]!;
  const isLive = target !== null && target.fetch(seq, msg) === LoadCode.Found;
  if (isLive) time.set(msg.tsHigh, msg.tsLow);
  else time.copyFrom(target !== null ? target.lastTime : totals.lastTime);
  settleLimits(core);
  core.flush();
  const cut = core.blocks.filter((block) =>
    target === null ? block.lastSeq > seq : block.index >= target.index
  );
  const kept = cut.flatMap((block) => block.tombstones()).filter((tomb) => tomb.seq < seq);
  const keepsTarget = target !== null && target.firstSeq <= seq && target.msgs > 0;
  totals.lastSeq = seq;
  totals.lastTime.copyFrom(time);
  const needsNext = !keepsTarget || !isLive || kept.length > 0 || target.isCompressed;
  if (needsNext) {
    // What must outlive the cut blocks is on disk before they go.
    core.newBlock();
    if (!isLive || !keepsTarget) core.writeTombstone(seq, time);
    writeTombstones(core, kept);
    core.settleBeforeRemoval();
  }
  // In this order no tombstone goes before the message that it holds back.
  if (keepsTarget) truncateBlock(core, target, seq, { time, compress: needsNext });
  for (const block of cut) {
    if (block === target && keepsTarget) continue;
    forgetSubjects(core, block);
    totals.msgs -= block.msgs;
    totals.bytes -= block.bytes;
    core.forceRemoveBlock(block);
  }
  core.lastBlock = core.blocks[core.blocks.length - 1] ?? null;
  core.selectNextFirst();
  if (totals.msgs === 0) {
    totals.firstSeq = seq + 1;
    totals.firstTime.clear();
  }
}

/** Cuts a block after message `seq`, stored at `time`. */
function truncateBlock(
  core: FileStoreCore,
  block: MsgBlock,
  seq: number,
  { time, compress }: { time: Timestamp; compress: boolean },
): void {
  const msg = new StoredMsg();
  // Loaded before the state changes: records and state have to agree when they are read.
  const cache = block.load();
  for (let s = block.lastSeq; s > seq; s--) {
    if (block.fetch(s, msg) === LoadCode.Found) {
      if (s === block.firstSeq) break;
      forgetMsg(core, block, msg);
    } else block.deleted.delete(s);
  }
  block.lastSeq = seq;
  while (block.lastSeq > block.firstSeq && block.fetch(block.lastSeq, msg) !== LoadCode.Found) {
    block.deleted.delete(block.lastSeq);
    block.lastSeq--;
  }
  block.lastTime.copyFrom(time);
  let end = 0;
  for (let at = 0; at < cache.length; at += recordLength(cache.view, at)) {
    if (recordMark(cache.view, at) === RecordMark.Tombstone) continue;
    if (recordSeq(cache.view, at) > block.lastSeq) break;
    end = at + recordLength(cache.view, at);
  }
  replaceBlockFile(block, cache.bytes.subarray(0, end), { compress });
  block.cache = null;
  block.subjects = null;
}

/** What this store has deleted, as ranges between blocks and sets inside them. */
export function deleteBlocksOf(core: FileStoreCore): (DeleteRange | SequenceSet)[] {
  const found: (DeleteRange | SequenceSet)[] = [];
  let range: DeleteRange | null = null;
  let lastSeq = 0;
  let liveSinceGap = false;
  for (const block of core.blocks) {
    if (lastSeq > 0 && lastSeq + 1 !== block.firstSeq) {
      const gap = block.firstSeq - lastSeq - 1;
      if (range !== null && !liveSinceGap) range.count += gap;
      else {
        range = new DeleteRange(lastSeq + 1, gap);
        liveSinceGap = false;
        found.push(range);
      }
    }
    if (block.deleted.size > 0) {
      found.push(block.deleted);
      range = null;
    }
    lastSeq = block.lastSeq;
    liveSinceGap ||= block.msgs > 0;
  }
  return found;
}

/** Removes what a replica has deleted. */
export function syncDeleted(core: FileStoreCore, blocks: readonly DeleteBlock[]): void {
  core.checkWritable();
  const own = deleteBlocksOf(core).map((known) =>
    known instanceof SequenceSet ? known.clone() : known
  );
  core.writing(() => {
    settleLimits(core);
    for (const wanted of blocks) {
      const { first, last } = wanted.state();
      if (first > core.totals.lastSeq) break;
      if (isKnownDeleteBlock(wanted, own)) continue;
      if (wanted instanceof DeleteRange) removeRange(core, first, last, EXPLICIT);
      else {
        wanted.range((seq) => {
          const block = core.blockOf(seq);
          if (block !== null) removeFromBlock(core, block, seq, EXPLICIT);
          return true;
        });
      }
    }
  });
}

/** Removes the messages from `first` to `last`, both included. */
export function removeRange(
  core: FileStoreCore,
  first: number,
  last: number,
  options: RemoveOptions,
): void {
  last = Math.min(last, core.totals.lastSeq);
  for (const block of core.blocks.slice()) {
    if (block.lastSeq < first || block.msgs === 0) continue;
    if (block.firstSeq > last) break;
    if (block.firstSeq >= first && block.lastSeq <= last) purgeBlock(core, block);
    else {
      const to = Math.min(last, block.lastSeq);
      for (let seq = Math.max(first, block.firstSeq); seq <= to; seq++) {
        removeFromBlock(core, block, seq, options);
      }
    }
  }
}
