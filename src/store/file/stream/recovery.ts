/**
 * Opening a store: from `index.db` when it fits the blocks, from the blocks otherwise, then the
 * timing wheels, the tombstones and the limits (reference: filestore.go newFileStoreWithCreated,
 * recoverFullState, recoverMsgs, recoverTTLState, recoverPartialPurge).
 *
 * @module
 */
import { SequenceSet } from "../../../base/containers/avl/mod.ts";
import { HashWheel } from "../../../base/containers/thw/mod.ts";
import { isNotFound } from "../../../platform/disk.ts";
import { ttlOf } from "../../headers.ts";
import { MsgScheduling } from "../../scheduling.ts";
import { LoadCode, StoredMsg } from "../../stored_msg.ts";
import { secondsOf, subsecondNsOf, Timestamp } from "../../timestamp.ts";
import { MsgBlock } from "../block/msg_block.ts";
import { rebuildBlock } from "../block/rebuild.ts";
import { isIntact } from "../block/survey.ts";
import type { FullState } from "../format/full_state.ts";
import { BlockRecovery } from "./block_recovery.ts";
import { type FileStoreCore, StreamSubject } from "./core.ts";
import { runSchedules } from "./expiry.ts";
import { moveAside, PurgeDirectory, readIndex, StreamFile } from "./full_state_io.ts";
import { removeFromBlock, VIA_LIMITS } from "./removal.ts";

const BLOCK_NAME = /^(\d+)\.blk$/;
const OLD_BLOCK_NAME = /^(\d+)\.blk\.old$/;
const OLD_INDEX_NAME = /^\d+\.(idx|fss)$/;

/**
 * Brings the blocks, subjects and totals back; `entries` are the names in the store's directory.
 * One look at the directories serves all questions: with thousands of streams asking for files
 * that are not there is most of the work.
 */
export function recover(core: FileStoreCore, entries: ReadonlySet<string>): void {
  recoverPartialPurge(core, entries);
  const names = tidyMsgDir(core);
  let prior: FullState | null = null;
  try {
    prior = readIndex(core, (subject, total, firstBlock, lastBlock) => {
      const info = new StreamSubject();
      info.total = total;
      info.firstBlock = firstBlock;
      info.lastBlock = lastBlock;
      core.subjects.insert(subject, info);
      core.subjectBytes += subject.length;
    });
  } catch (error) {
    core.warn(`Recovering stream state from index errored: ${(error as Error).message}`);
  }
  if (prior === null || core.options.verifyBlocks || !applyIndex(core, prior, names)) {
    core.blocks = [];
    core.byIndex = new Map();
    core.lastBlock = null;
    core.emptySubjects();
    recoverBlocks(core, names);
    if (prior !== null && prior.lastSeq > core.totals.lastSeq && !mayLoseEnd(core)) {
      // Messages at the end are gone; their sequences are not used again.
      const time = new Timestamp();
      time.setNs(prior.lastTimeNs);
      core.newBlock();
      core.writeTombstone(prior.lastSeq, time);
      core.totals.lastSeq = prior.lastSeq;
      core.totals.lastTime.copyFrom(time);
      if (core.totals.msgs === 0) core.totals.firstSeq = prior.lastSeq + 1;
    }
    core.dirty++;
  }
  if (core.lastBlock === null || core.lastBlock.isCompressed) core.newBlock();
}

/** Whether the sequences of lost messages at the end may be used again. */
function mayLoseEnd({ config, options }: FileStoreCore): boolean {
  return config.asyncPersist || (config.replicas > 1 && !options.syncAlways);
}

/** Takes the state from `index.db`; false when the blocks have moved on. */
function applyIndex(
  core: FileStoreCore,
  state: FullState,
  names: ReadonlySet<string>,
): boolean {
  for (const line of state.blocks) {
    const block = new MsgBlock(core, line.index);
    block.bytes = line.bytes;
    block.firstSeq = line.firstSeq;
    block.firstTime.setNs(line.firstTsNs);
    block.lastSeq = line.lastSeq;
    block.lastTime.setNs(line.lastTsNs);
    block.deleted = line.deleted ?? new SequenceSet();
    block.ttls = line.ttls;
    block.schedules = line.schedules;
    block.msgs = Math.max(0, line.lastSeq - line.firstSeq + 1 - block.deleted.size);
    const isLast = line === state.blocks[state.blocks.length - 1];
    // One without messages stays for its tombstones: a truncation has to know of them.
    const isKept = block.lastSeq >= (core.lastBlock?.lastSeq ?? 0) &&
      names.has(`${line.index}.blk`);
    if (block.msgs > 0 || isLast || isKept) core.addBlock(block);
    else core.dirty++;
  }
  const last = core.lastBlock;
  if (last === null || last.index !== state.lastBlockIndex) {
    core.warn("Stream state block does not exist or index mismatch");
    return false;
  }
  if (!names.has(`${last.index}.blk`)) {
    loseBlock(core, last);
    return false;
  }
  if (!endsLikeIndex(core, last, state, names)) return false;
  // The index is of this very moment: a block that it names and that is not there is lost.
  const missing = core.blocks.filter((block) => !names.has(`${block.index}.blk`));
  for (const block of missing) loseBlock(core, block);
  if (missing.length > 0) return false;
  let msgs = 0;
  let bytes = 0;
  for (const block of core.blocks) {
    msgs += block.msgs;
    bytes += block.bytes;
  }
  if (msgs !== state.msgs || bytes !== state.bytes || last.lastSeq > state.lastSeq) {
    core.warn("Stream state encountered internal inconsistency on recover");
    return false;
  }
  const totals = core.totals;
  totals.msgs = state.msgs;
  totals.bytes = state.bytes;
  totals.firstSeq = state.firstSeq;
  totals.firstTime.setNs(state.firstTimeNs);
  totals.lastSeq = state.lastSeq;
  totals.lastTime.setNs(state.lastTimeNs);
  return true;
}

/** True when nothing was written since the index was: its last record is the last one there is. */
function endsLikeIndex(
  core: FileStoreCore,
  last: MsgBlock,
  state: FullState,
  names: ReadonlySet<string>,
): boolean {
  const checksum = last.lastChecksum();
  // No record at all: an empty file, not one that ends with zeros.
  const isFresh = state.lastChecksum.every((byte) => byte === 0) &&
    (core.env.disk.stat(last.path)?.sizeBytes ?? 0) > 0;
  if (isFresh || checksum.some((byte, i) => byte !== state.lastChecksum[i])) {
    core.warn("Stream state outdated, last block has additional entries, will rebuild");
    return false;
  }
  for (const name of names) {
    const match = BLOCK_NAME.exec(name);
    if (match !== null && Number(match[1]) > last.index) {
      core.warn("Stream state outdated, found extra blocks, will rebuild");
      return false;
    }
  }
  return true;
}

/** Counts a block that the index knows and the disk does not have. */
function loseBlock(core: FileStoreCore, block: MsgBlock): void {
  core.warn(`Stream state detected prior state, could not locate msg block ${block.index}`);
  const { lost } = rebuildBlock(block);
  if (lost !== null) core.addLost(lost);
}

/** Reads all blocks. */
function recoverBlocks(core: FileStoreCore, names: ReadonlySet<string>): void {
  const indexes: number[] = [];
  for (const name of names) {
    const match = BLOCK_NAME.exec(name);
    if (match !== null) indexes.push(Number(match[1]));
  }
  indexes.sort((a, b) => a - b);
  const totals = core.totals;
  totals.msgs = 0;
  totals.bytes = 0;
  totals.firstSeq = 0;
  totals.lastSeq = 0;
  totals.firstTime.clear();
  totals.lastTime.clear();
  core.tombstones = [];
  const recovery = new BlockRecovery(core);
  for (const index of indexes) recovery.recover(index);
  recovery.finish();
  if (core.blocks.length === 0) core.newBlock();
}

/** Applies what the tombstones of all blocks remove. */
export function applyTombstones(core: FileStoreCore): void {
  const tombstones = core.tombstones;
  core.tombstones = [];
  for (const seq of tombstones) {
    const block = core.blockOf(seq);
    if (block !== null) removeFromBlock(core, block, seq, VIA_LIMITS);
  }
}

/** Brings the wheel of message TTLs back; what `thw.db` does not cover is read from the blocks. */
export function recoverTtls(core: FileStoreCore): void {
  const wheel = new HashWheel();
  core.ttls = wheel;
  const from = decodeOrDrop(core, StreamFile.Ttl, (bytes) => wheel.decode(bytes));
  eachSpecial(core, from, (block) => block.ttls, (msg) => {
    const ttlSec = ttlOf(msg.bytes, msg.headersAt, msg.headersEnd);
    if (ttlSec <= 0) return;
    const sec = secondsOf(msg.tsHigh, msg.tsLow) + ttlSec;
    wheel.add(msg.seq, sec, subsecondNsOf(msg.tsHigh, msg.tsLow));
  });
}

/** Brings the schedules back in the same way. */
export function recoverSchedules(core: FileStoreCore): void {
  const { clock, loop } = core.env;
  const scheduling = new MsgScheduling(loop, () => clock.nowMs(), () => runSchedules(core));
  core.scheduling = scheduling;
  const from = decodeOrDrop(core, StreamFile.Schedules, (bytes) => scheduling.decode(bytes));
  const rules = core.options.scheduleRules;
  if (rules !== null) {
    eachSpecial(core, from, (block) => block.schedules, (msg) => {
      const next = rules.next(msg);
      if (next !== null) scheduling.init(msg.seq, msg.subject(), next.sec, next.ns);
    });
  }
  scheduling.resetTimer();
}

function decodeOrDrop(
  core: FileStoreCore,
  name: string,
  decode: (bytes: Uint8Array) => number,
): number {
  const path = `${core.msgDir}/${name}`;
  try {
    return decode(core.env.disk.readFile(path));
  } catch (error) {
    if (isNotFound(error)) return 0;
    core.warn(`Error decoding ${name}: ${(error as Error).message}`);
    moveAside(core, path, name);
    return 0;
  }
}

/** Visits messages from `from` on in the blocks where `count` says there are some to find. */
function eachSpecial(
  core: FileStoreCore,
  from: number,
  count: (block: MsgBlock) => number,
  visit: (msg: StoredMsg) => void,
): void {
  if (core.totals.msgs === 0 || from > core.totals.lastSeq) return;
  const msg = new StoredMsg();
  for (const block of core.blocks) {
    if (block.lastSeq < from || count(block) === 0) continue;
    for (let seq = Math.max(from, block.firstSeq); seq <= block.lastSeq; seq++) {
      if (block.fetch(seq, msg) === LoadCode.Found && msg.headersAt < msg.headersEnd) visit(msg);
    }
    if (block !== core.lastBlock) block.dropCache();
  }
}

/** Finishes a purge that a crash interrupted. */
function recoverPartialPurge(core: FileStoreCore, entries: ReadonlySet<string>): void {
  const { disk } = core.env;
  const fresh = `${core.options.storeDir}/${PurgeDirectory.Fresh}`;
  if (entries.has(PurgeDirectory.Fresh)) {
    const inside = disk.list(fresh);
    if (inside.some((entry) => BLOCK_NAME.test(entry.name))) {
      disk.removeTree(core.msgDir);
      disk.rename(fresh, core.msgDir);
    } else {
      for (const entry of inside) {
        const match = /^(\d+)\.key$/.exec(entry.name);
        if (match !== null) disk.removeTree(`${core.msgDir}/${match[1]}.blk`);
      }
      disk.removeTree(fresh);
    }
  }
  if (entries.has(PurgeDirectory.Old)) {
    disk.removeTree(`${core.options.storeDir}/${PurgeDirectory.Old}`);
    disk.makeDirs(core.msgDir);
  }
}

/**
 * Removes the index files of nats-server before 2.10, `index.db` has taken their place, and settles
 * conversions. Returns the names of the files that are left.
 */
function tidyMsgDir(core: FileStoreCore): ReadonlySet<string> {
  const { disk } = core.env;
  const names = new Set<string>();
  const conversions: string[] = [];
  for (const { name } of disk.list(core.msgDir)) {
    const match = OLD_BLOCK_NAME.exec(name);
    if (OLD_INDEX_NAME.test(name)) disk.remove(`${core.msgDir}/${name}`);
    else if (match !== null) conversions.push(match[1]!);
    else names.add(name);
  }
  for (const index of conversions) {
    settleConversion(core, Number(index));
    names.add(`${index}.blk`);
  }
  return names;
}

/**
 * Decides for a block whose re-encryption was interrupted which of its two copies is right: the new
 * one if the new key is there, because the key comes last.
 */
function settleConversion(core: FileStoreCore, index: number): void {
  const { disk, hasher } = core.env;
  const block = new MsgBlock(core, index);
  const old = `${block.path}.old`;
  block.cipher = core.keys?.currentCipher(block) ?? null;
  const isNew = block.cipher !== null && disk.stat(block.path) !== null &&
    isIntact(hasher, block.hashKey, block.readRecords());
  if (isNew) disk.removeTree(old);
  else {
    disk.rename(old, block.path);
    core.warn(`block ${block.index} is taken from before its conversion`);
  }
}
