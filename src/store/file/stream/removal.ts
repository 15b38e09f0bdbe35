/**
 * Removing single messages, and the limits that remove the oldest ones (reference: filestore.go
 * removeMsgFromBlock, enforceMsgLimit, enforceBytesLimit, enforceMsgPerSubjectLimit,
 * firstSeqForSubj, purgeMsgBlock).
 *
 * A removal that nothing else would repeat leaves a tombstone in the last block before anything
 * is forgotten; limits need none, because recovery enforces them again.
 *
 * @module
 */
import { ttlOf } from "../../headers.ts";
import { LoadCode, StoredMsg } from "../../stored_msg.ts";
import { StoreError } from "../../errors.ts";
import { secondsOf, Timestamp } from "../../timestamp.ts";
import { appendTombstone, flushBlock } from "../block/append.ts";
import { compactBlock, shouldCompactInline } from "../block/compact.ts";
import type { MsgBlock } from "../block/msg_block.ts";
import { replaceBlockFile } from "../block/replace.ts";
import { refreshSubject, removeFromSubjects, subjectsOf } from "../block/subjects.ts";
import {
  buildRecord,
  EMPTY_RECORD_BYTES,
  RECORD_HEAD_BYTES,
  RecordMark,
  recordSize,
} from "../format/record.ts";
import { HASH_INPUT_AT } from "../../../base/crypto/mod.ts";
import type { FileStoreCore } from "./core.ts";

const NO_BYTES = new Uint8Array(0);

/** How many messages that limits per subject removed may wait for their tombstones. */
const TRIMMED_MAX = 8192;

/** How a message is removed. */
export interface RemoveOptions {
  /** Overwrite its content on disk. */
  readonly secure: boolean;
  /** A limit removes it: no tombstone. */
  readonly viaLimits: boolean;
  /** The limit per subject removes it: its tombstone may wait, see {@linkcode settleLimits}. */
  readonly isTrim: boolean;
}

/** A limit's removal. */
export const VIA_LIMITS: RemoveOptions = { secure: false, viaLimits: true, isTrim: false };

/** A removal that recovery could not repeat by itself. */
export const EXPLICIT: RemoveOptions = { secure: false, viaLimits: false, isTrim: false };

const TRIM: RemoveOptions = { secure: false, viaLimits: true, isTrim: true };

/** Removes message `seq`; false when it was gone. Throws `not_found`, `eof` and `closed`. */
export function removeMsg(core: FileStoreCore, seq: number, options: RemoveOptions): boolean {
  if (seq === 0) throw new StoreError("not_found");
  core.checkWritable();
  const block = core.blockOf(seq);
  if (block === null) throw new StoreError(seq <= core.totals.lastSeq ? "not_found" : "eof");
  return core.writing(() => removeFromBlock(core, block, seq, options));
}

/** Removes message `seq` of `block`; false when it was gone. */
export function removeFromBlock(
  core: FileStoreCore,
  block: MsgBlock,
  seq: number,
  options: RemoveOptions,
): boolean {
  if (block.closed || seq < block.firstSeq || block.deleted.exists(seq)) return false;
  const msg = new StoredMsg();
  if (block.fetch(seq, msg) !== LoadCode.Found) return false;
  const subject = msg.subject();
  const ttlSec = ttlOf(msg.bytes, msg.headersAt, msg.headersEnd);
  const time = new Timestamp();
  time.set(msg.tsHigh, msg.tsLow);
  const size = recordSize(
    subject.length,
    msg.headersEnd - msg.headersAt,
    msg.payloadEnd - msg.payloadAt,
  );
  const isFirst = seq === block.firstSeq;
  const isLastMsg = block.msgs === 1;
  if (!options.viaLimits) {
    settleLimits(core);
    if (!isLastMsg) core.writeTombstone(seq, time);
  }
  if (options.isTrim && !isLastMsg) {
    core.trimmed.push({ block, seq, tsHigh: time.high, tsLow: time.low });
  }
  if (options.secure && core.keys === null) eraseContent(core, block, msg, size);
  const totals = core.totals;
  totals.msgs = Math.max(0, totals.msgs - 1);
  totals.bytes = Math.max(0, totals.bytes - size);
  block.msgs = Math.max(0, block.msgs - 1);
  block.bytes = Math.max(0, block.bytes - size);
  block.noCompact = false;
  core.dirty++;
  core.markers?.remove(seq, subject);
  removeFromSubjects(block, subject, seq);
  core.removeFromSubject(subject, seq);
  if (ttlSec > 0) core.ttls?.discard(seq, secondsOf(time.high, time.low) + ttlSec);
  if (isFirst) {
    block.selectNextFirst();
    if (!isLastMsg && seq === totals.firstSeq) {
      totals.firstSeq = block.firstSeq;
      totals.firstTime.copyFrom(block.firstTime);
    }
  } else if (!isLastMsg) {
    block.deleted.insert(seq);
    if (block !== core.lastBlock && shouldCompactInline(block)) {
      compactBlock(block, (tombstone) => core.isTombstoneNeeded(block, tombstone));
    }
  }
  if (isLastMsg) {
    const wasFirst = seq === totals.firstSeq;
    core.removeBlock(block);
    if (wasFirst) core.selectNextFirst();
  }
  core.onUpdate?.(-1, -size, seq, subject);
  return true;
}

/**
 * Writes tombstones for what limits have removed. Recovery from the blocks alone enforces the
 * limits again and removes as much, unless something else was removed since: then old messages
 * would fit again. So before anything else is removed, what the limits took is written down, and
 * also with `index.db`, because afterwards nobody remembers.
 */
export function settleLimits(core: FileStoreCore): void {
  settleTrimmed(core);
  settleHead(core);
}

/** Writes down what the limit per subject removed from blocks that are still there. */
export function settleTrimmed(core: FileStoreCore): void {
  if (core.trimmed.length === 0) return;
  const waiting = core.trimmed.filter(({ block }) => !block.closed);
  core.trimmed = [];
  if (waiting.length > 0) writeTombstones(core, waiting.sort((a, b) => a.seq - b.seq));
}

/** Of the limits of messages and bytes only the first block can still have records. */
function settleHead(core: FileStoreCore): void {
  const { maxMsgs, maxBytes } = core.config;
  const first = core.blocks[0];
  if ((maxMsgs <= 0 && maxBytes <= 0) || first === undefined) return;
  if (core.settledSeq >= first.firstSeq - 1) return;
  if (first.fileFirstSeq === 0) first.load();
  const from = Math.max(core.settledSeq + 1, first.fileFirstSeq);
  core.settledSeq = first.firstSeq - 1;
  if (first.fileFirstSeq === 0) return;
  const end = first.firstSeq;
  const time = new Timestamp();
  for (let seq = from; seq < end; seq++) core.writeTombstone(seq, time);
}

/** Overwrites a message with an erased record of the same size and random content. */
function eraseContent(core: FileStoreCore, block: MsgBlock, msg: StoredMsg, size: number): void {
  flushBlock(block);
  const cache = block.load();
  const at = msg.subjectAt - RECORD_HEAD_BYTES;
  const noise = new Uint8Array(size - EMPTY_RECORD_BYTES);
  core.env.random.fill(noise);
  const hasher = core.env.hasher;
  hasher.setKey(block.hashKey);
  buildRecord(hasher, msg.seq, RecordMark.Erased, 0, 0, "", NO_BYTES, noise);
  cache.bytes.set(hasher.bytes.subarray(HASH_INPUT_AT, HASH_INPUT_AT + size), at);
  replaceBlockFile(block, cache.bytes.subarray(0, cache.length), {
    compress: block !== core.lastBlock,
  });
}

/** Removes the first message; false when there is none where the totals say. */
function removeFirst(core: FileStoreCore): boolean {
  const block = core.blockOf(core.totals.firstSeq);
  return block !== null && removeFromBlock(core, block, core.totals.firstSeq, VIA_LIMITS);
}

/** Drops the first block's damage when its first message cannot be removed. */
function rebuildFirst(core: FileStoreCore): void {
  const first = core.blocks[0];
  if (first === undefined) return;
  if (first.msgs === 0 && first !== core.lastBlock) core.forceRemoveBlock(first);
  core.recount();
}

/** Removes the oldest messages above the limit of messages. */
export function enforceMsgLimit(core: FileStoreCore): void {
  const max = core.config.maxMsgs;
  if (core.config.discard !== "old" || max <= 0) return;
  while (core.totals.msgs > max) {
    const first = core.blocks[0];
    if (first !== undefined && core.totals.msgs - first.msgs > max) purgeBlock(core, first);
    else if (!removeFirst(core)) {
      rebuildFirst(core);
      return;
    }
  }
}

/** Removes the oldest messages above the limit of bytes. */
export function enforceBytesLimit(core: FileStoreCore): void {
  const max = core.config.maxBytes;
  if (core.config.discard !== "old" || max <= 0) return;
  while (core.totals.bytes > max) {
    const first = core.blocks[0];
    if (first !== undefined && core.totals.bytes - first.bytes > max) purgeBlock(core, first);
    else if (!removeFirst(core)) {
      rebuildFirst(core);
      return;
    }
  }
}

/** Removes a whole block and its messages by a limit. */
export function purgeBlock(core: FileStoreCore, block: MsgBlock): void {
  forgetSubjects(core, block);
  if (core.scheduling !== null && block.schedules > 0) {
    for (let seq = block.firstSeq; seq <= block.lastSeq; seq++) core.scheduling.remove(seq);
  }
  const { msgs, bytes } = block;
  core.totals.msgs = Math.max(0, core.totals.msgs - msgs);
  core.totals.bytes = Math.max(0, core.totals.bytes - bytes);
  block.msgs = 0;
  block.bytes = 0;
  block.firstSeq = block.lastSeq + 1;
  block.firstTime.clear();
  block.deleted.empty();
  core.removeBlock(block);
  core.selectNextFirst();
  core.onUpdate?.(-msgs, -bytes, 0, "");
}

/** Takes all messages of a block out of the stream's subjects. */
export function forgetSubjects(core: FileStoreCore, block: MsgBlock): void {
  if (block.msgs === 0) return;
  if (core.subjects.size() === 1 && block.subjects === null) {
    // One subject: nothing has to be read to know whose messages these are.
    let only = "";
    core.subjects.iterFast((subject, info) => {
      only = subject;
      info.total -= block.msgs;
      info.firstSeq = 0;
      info.lastSeq = 0;
      return info.total <= 0;
    });
    if ((core.subjects.find(only)?.total ?? 0) <= 0 && core.subjects.delete(only) !== null) {
      core.subjectBytes -= only.length;
    }
    return;
  }
  subjectsOf(block).iterFast((subject, state) => {
    const info = core.subjects.find(subject);
    if (info === null) return true;
    info.total -= state.msgs;
    if (info.firstSeq <= block.lastSeq) info.firstSeq = 0;
    if (info.lastSeq >= block.firstSeq && info.lastSeq <= block.lastSeq) info.lastSeq = 0;
    if (info.total <= 0) {
      core.subjects.delete(subject);
      core.subjectBytes -= subject.length;
    }
    return true;
  });
}

/** First sequence of `subject`, 0 when it has none. */
export function firstSeqOf(core: FileStoreCore, subject: string): number {
  const info = core.subjects.find(subject);
  if (info === null) return 0;
  if (info.firstSeq > 0) return info.firstSeq;
  for (let index = info.firstBlock; index <= info.lastBlock; index++) {
    const block = core.byIndex.get(index);
    if (block === undefined || block.msgs === 0) continue;
    const state = subjectsOf(block).find(subject);
    if (state === null) continue;
    refreshSubject(block, subject, state);
    info.firstBlock = index;
    info.firstSeq = state.first;
    return state.first;
  }
  return 0;
}

/** Removes the oldest messages of `subject` until `max` are left. */
export function trimSubject(core: FileStoreCore, subject: string, max: number): void {
  for (;;) {
    const info = core.subjects.find(subject);
    if (info === null || info.total <= max) return;
    const seq = firstSeqOf(core, subject);
    const block = seq === 0 ? null : core.blockOf(seq);
    if (block === null || !removeFromBlock(core, block, seq, TRIM)) return;
    if (core.trimmed.length >= TRIMMED_MAX) settleTrimmed(core);
  }
}

/** Applies the limit of messages per subject to all subjects. */
export function enforceSubjectLimit(core: FileStoreCore): void {
  const max = core.config.maxMsgsPerSubject;
  if (max <= 0) return;
  const over: string[] = [];
  core.subjects.iterFast((subject, info) => {
    if (info.total > max) over.push(subject);
    return true;
  });
  for (const subject of over) trimSubject(core, subject, max);
}

/** Writes tombstones for messages that were taken out of their blocks, and hands them on. */
export function writeTombstones(
  core: FileStoreCore,
  removed: readonly { seq: number; tsHigh: number; tsLow: number }[],
): void {
  for (const { seq, tsHigh, tsLow } of removed) {
    const block = core.blockForWrite(EMPTY_RECORD_BYTES);
    appendTombstone(block, seq, tsHigh, tsLow);
    core.unsynced.add(block);
  }
  core.flush();
}
