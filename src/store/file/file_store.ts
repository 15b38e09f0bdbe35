/**
 * The file store: one stream in a directory that nats-server can open too (reference:
 * filestore.go). This is the face; the work is in `stream/`, `block/` and `format/`. README.md
 * beside it tells the layout of the files and the rules of correctness.
 *
 * @module
 */
import type { SimpleSublist } from "../../base/containers/gsl/mod.ts";
import { HashWheel } from "../../base/containers/thw/mod.ts";
import { type ConsumerStoreConfig, type StreamStoreConfig, withPlainLimits } from "../config.ts";
import { type DeleteBlock, encodeStreamState } from "../delete_blocks.ts";
import { StoreError } from "../errors.ts";
import { HeaderName } from "../headers.ts";
import { headerValue } from "../../protocol/headers.ts";
import { ConsumerMemStore } from "../memory/consumer_mem_store.ts";
import { filterOfList, MsgFilter } from "../msg_filter.ts";
import { LoadCode, StoredMsg } from "../stored_msg.ts";
import type {
  ConsumerStore,
  FastState,
  PendingCount,
  ProcessMsgHandler,
  RemoveMsgHandler,
  SimpleState,
  SnapshotOptions,
  SnapshotResult,
  StorageUpdateHandler,
  StoreEnvironment,
  StreamState,
  StreamStore,
} from "../stream_store.ts";
import { highOfNs, lowOfNs, secondsOf, soughtNs, subsecondNsOf, Timestamp } from "../timestamp.ts";
import { appendMessage, appendSkip, takeBack } from "./block/append.ts";
import type { MsgBlock } from "./block/msg_block.ts";
import { ConsumerFileStore } from "./consumer/consumer_file_store.ts";
import { EMPTY_RECORD_BYTES, RECORD_BYTES_MAX, recordSize } from "./format/record.ts";
import { FileStoreCore, StreamSubject } from "./stream/core.ts";
import { cancelAgeCheck, expireMsgs, resetAgeCheck, runSchedules } from "./stream/expiry.ts";
import { StreamFile, tryWriteFullState, writeStreamMeta } from "./stream/full_state_io.ts";
import { isJsonObject, StoreKeys } from "./stream/keys.ts";
import { type FileStoreOptions, resolveOptions } from "./stream/options.ts";
import {
  compactStream,
  deleteBlocksOf,
  purgeAll,
  purgeSubject,
  syncDeleted,
  truncateStream,
} from "./stream/purge.ts";
import * as queries from "./stream/queries.ts";
import { applyTombstones, recover, recoverSchedules, recoverTtls } from "./stream/recovery.ts";
import {
  enforceBytesLimit,
  enforceMsgLimit,
  enforceSubjectLimit,
  EXPLICIT,
  firstSeqOf,
  removeMsg,
  settleLimits,
  trimSubject,
} from "./stream/removal.ts";
import { startSnapshot } from "./stream/snapshot.ts";
import { flushQuietly, GroupCommit, startBackground, stopBackground } from "./stream/syncing.ts";

/** From this many skipped sequences on, a new block keeps the bitmap of the old one small. */
const SKIPS_PER_BLOCK_MAX = 64 * 1024;

/** A stream's messages and consumers in a directory. */
export class FileStore implements StreamStore {
  readonly type = "file";
  /** Shared with the modules of `stream/`, the store check and tests. */
  readonly core: FileStoreCore;
  readonly #commit: GroupCommit;
  readonly #now = new Timestamp();

  /** Creates or opens the stream in `options.storeDir`. Throws {@linkcode StoreError}. */
  constructor(
    env: StoreEnvironment,
    options: FileStoreOptions,
    config: StreamStoreConfig,
    createdNs: bigint = env.clock.nowNs(),
  ) {
    if (config.name === "") throw new StoreError("bad_config", "name required");
    if (config.storage !== "file") {
      throw new StoreError("bad_config", "fileStore requires file storage type in config");
    }
    const resolved = resolveOptions(options, config);
    const keys = resolved.keyGen === null
      ? null
      : new StoreKeys(env, resolved.cipher, resolved.keyGen, resolved.oldKeyGen);
    const core = new FileStoreCore(env, resolved, config, createdNs, keys);
    this.core = core;
    this.#commit = new GroupCommit(core);
    const { disk } = env;
    const stat = disk.stat(resolved.storeDir);
    if (stat !== null && !stat.isDirectory) {
      throw new StoreError("bad_config", "storage directory is not a directory");
    }
    const entries = new Set(
      stat === null ? [] : disk.list(resolved.storeDir).map(({ name }) => name),
    );
    for (const path of [core.msgDir, core.consumerDir]) {
      if (!entries.has(path.slice(resolved.storeDir.length + 1))) disk.makeDirs(path);
    }
    if (entries.has(StreamFile.MetaKey)) this.#openKey(entries);
    try {
      core.writing(() => this.#recover(entries));
    } catch (error) {
      stopBackground(core);
      cancelAgeCheck(core);
      core.scheduling?.stop();
      for (const block of core.blocks) block.closeFile();
      throw error;
    }
  }

  #openKey(entries: ReadonlySet<string>): void {
    const { core } = this;
    const { disk } = core.env;
    const path = `${core.options.storeDir}/${StreamFile.MetaKey}`;
    if (core.keys === null) throw new StoreError("no_main_key");
    const stored = core.keys.openAny(core.streamName, disk.readFile(path));
    core.storedKey = stored;
    // Otherwise it is sealed anew with the meta file.
    if (stored.isCurrent) core.seed = stored.seed;
    const meta = `${core.options.storeDir}/${StreamFile.Meta}`;
    if (!entries.has(StreamFile.Meta)) return;
    core.metaOutdated = !core.keys.unseal(stored.seed, disk.readFile(meta), isJsonObject).isCurrent;
  }

  #recover(entries: ReadonlySet<string>): void {
    const { core } = this;
    const { config } = core;
    const { disk } = core.env;
    recover(core, entries);
    if (config.allowMsgTtl) recoverTtls(core);
    if (config.allowMsgSchedules) recoverSchedules(core);
    applyTombstones(core);
    // In the order of a store: what the limit per subject removed must not count for the others.
    enforceSubjectLimit(core);
    enforceMsgLimit(core);
    enforceBytesLimit(core);
    if (config.maxAgeNs > 0n && config.subjectDeleteMarkerTtlNs === 0n) expireMsgs(core);
    else if (config.maxAgeNs > 0n || core.ttls !== null) resetAgeCheck(core, 0);
    if (config.firstSeq > 0 && core.totals.firstSeq < config.firstSeq) {
      purgeAll(core, config.firstSeq);
    }
    const meta = entries.has(StreamFile.Meta)
      ? disk.stat(`${core.options.storeDir}/${StreamFile.Meta}`)
      : null;
    if (
      meta === null || meta.sizeBytes === 0 || core.metaOutdated ||
      (core.keys !== null && core.seed === null)
    ) writeStreamMeta(core);
    startBackground(core, this.#commit);
  }

  storeMsg(
    subject: string,
    headers: Uint8Array,
    payload: Uint8Array,
    ttlSec: number,
  ): number {
    const now = this.#now;
    now.setMs(this.core.env.clock.nowMs());
    now.movePast(this.core.totals.lastTime);
    return this.storeRawMsg(subject, headers, payload, 0, now.high, now.low, ttlSec, true);
  }

  storeRawMsg(
    subject: string,
    headers: Uint8Array,
    payload: Uint8Array,
    seq: number,
    tsHigh: number,
    tsLow: number,
    ttlSec: number,
    discardNewCheck: boolean,
  ): number {
    const core = this.core;
    if (core.closed || core.failure !== null) core.checkWritable();
    const totals = core.totals;
    const config = core.config;
    const size = recordSize(subject.length, headers.length, payload.length);
    const maxPer = config.maxMsgsPerSubject;
    let info = subject.length > 0 ? core.subjects.find(subject) : null;
    if (discardNewCheck && config.discard === "new") this.#checkDiscardNew(subject, headers, size);
    if (seq !== totals.lastSeq + 1) {
      if (seq > 0) throw new StoreError("sequence_mismatch");
      seq = totals.lastSeq + 1;
    }
    if (size > RECORD_BYTES_MAX) throw new StoreError("msg_too_large");
    let block: MsgBlock | null = null;
    try {
      block = core.blockForWrite(size);
      appendMessage(block, seq, tsHigh, tsLow, subject, headers, payload);
      core.wrote(block);
      core.dirty++;
      if (subject.length > 0) {
        if (info === null) {
          info = new StreamSubject();
          info.firstBlock = block.index;
          info.firstSeq = seq;
          core.subjects.insert(subject, info);
          core.subjectBytes += subject.length;
        }
        info.total++;
        info.lastBlock = block.index;
        info.lastSeq = seq;
      }
      if (totals.msgs === 0) {
        totals.firstSeq = seq;
        totals.firstTime.set(tsHigh, tsLow);
      }
      totals.msgs++;
      totals.bytes += size;
      totals.lastSeq = seq;
      totals.lastTime.set(tsHigh, tsLow);
      if (ttlSec > 0) this.#enterTtl(block, seq, tsHigh, tsLow, ttlSec);
      if (maxPer > 0 && info !== null && info.total > maxPer) trimSubject(core, subject, maxPer);
      if (config.maxMsgs > 0 && totals.msgs > config.maxMsgs) enforceMsgLimit(core);
      if (config.maxBytes > 0 && totals.bytes > config.maxBytes) enforceBytesLimit(core);
    } catch (error) {
      if (block !== null && block.lastSeq === seq && totals.lastSeq < seq) {
        takeBack(block, size, totals.lastTime);
      }
      core.freeze(error);
      throw error;
    }
    if (core.ageTimer === null && config.maxAgeNs > 0n) resetAgeCheck(core, 0);
    if (core.scheduling !== null) this.#noteSchedule(seq, subject);
    core.onUpdate?.(1, size, seq, subject);
    return seq;
  }

  #checkDiscardNew(subject: string, headers: Uint8Array, size: number): void {
    const { core } = this;
    const { config, totals } = core;
    const maxPer = config.maxMsgsPerSubject;
    const info = maxPer > 0 && subject.length > 0 ? core.subjects.find(subject) : null;
    // A full subject makes room by itself: the message replaces its oldest one.
    const replaces = info !== null && info.total >= maxPer;
    if (replaces && config.discardNewPerSubject) {
      const rollup = headerValue(headers, 0, headers.length, HeaderName.Rollup);
      if (rollup === null || rollup === "") throw new StoreError("max_msgs_per_subject");
    }
    if (config.maxMsgs > 0 && totals.msgs >= config.maxMsgs && !replaces) {
      throw new StoreError("max_msgs");
    }
    if (config.maxBytes > 0 && totals.bytes + size > config.maxBytes) {
      if (!replaces) throw new StoreError("max_bytes");
      const msg = new StoredMsg();
      const first = firstSeqOf(core, subject);
      const freed = first > 0 && queries.loadMsg(core, first, msg) === LoadCode.Found
        ? msg.payloadEnd + 8 - (msg.subjectAt - 22)
        : 0;
      if (freed < size) throw new StoreError("max_bytes");
    }
  }

  #enterTtl(
    block: { ttls: number },
    seq: number,
    tsHigh: number,
    tsLow: number,
    ttlSec: number,
  ): void {
    block.ttls++;
    const { ttls } = this.core;
    if (ttls === null) return;
    ttls.add(seq, secondsOf(tsHigh, tsLow) + ttlSec, subsecondNsOf(tsHigh, tsLow));
    resetAgeCheck(this.core, 0);
  }

  #noteSchedule(seq: number, subject: string): void {
    const { scheduling, options, lastBlock } = this.core;
    const rules = options.scheduleRules;
    const msg = new StoredMsg();
    if (rules === null || scheduling === null || lastBlock === null) return;
    if (queries.loadMsg(this.core, seq, msg) !== LoadCode.Found) return;
    const next = rules.next(msg);
    const { scheduler, next: after } = rules.producedBy(msg);
    if (next !== null) {
      scheduling.add(seq, subject, next.sec, next.ns);
      lastBlock.schedules++;
    } else if (scheduler === "") scheduling.removeSubject(subject);
    if (scheduler !== "" && after !== null) scheduling.update(scheduler, after.sec, after.ns);
  }

  skipMsg(seq: number): number {
    return this.#skip(seq, false);
  }

  skipMsgNoInterest(seq: number): number {
    return this.#skip(seq, true);
  }

  #skip(seq: number, setsTime: boolean): number {
    const { core } = this;
    core.checkWritable();
    const { totals } = core;
    if (seq !== totals.lastSeq + 1) {
      if (seq > 0) throw new StoreError("sequence_mismatch");
      seq = totals.lastSeq + 1;
    }
    this.#writeSkips(seq, seq, setsTime);
    return seq;
  }

  skipMsgs(seq: number, count: number): void {
    const { core } = this;
    core.checkWritable();
    const { totals } = core;
    if (seq !== totals.lastSeq + 1) {
      if (seq > 0) throw new StoreError("sequence_mismatch");
      seq = totals.lastSeq + 1;
    }
    if (count > 0) this.#writeSkips(seq, seq + count - 1, false);
  }

  #writeSkips(first: number, last: number, setsTime: boolean): void {
    const { core } = this;
    const { totals } = core;
    core.writing(() => {
      let block = core.blockForWrite(EMPTY_RECORD_BYTES);
      const deletes = last - first + 1 + block.deleted.size;
      if (block.msgs > 0 && deletes > SKIPS_PER_BLOCK_MAX) block = core.newBlock();
      const now = this.#now;
      if (setsTime || totals.lastTime.isZero()) now.setMs(core.env.clock.nowMs());
      else now.copyFrom(totals.lastTime);
      const hadMsgs = block.msgs > 0;
      appendSkip(block, last, now.high, now.low);
      if (hadMsgs) { for (let seq = first; seq <= last; seq++) block.deleted.insert(seq); }
      else {
        block.firstSeq = last + 1;
        block.firstTime.clear();
        if (block.cache !== null) block.cache.slotCount = 0;
      }
      if (setsTime || totals.lastTime.isZero()) totals.lastTime.copyFrom(now);
      totals.lastSeq = last;
      if (totals.msgs === 0) {
        totals.firstSeq = last + 1;
        totals.firstTime.clear();
      }
      core.dirty++;
      core.wrote(block);
    });
  }

  flushAllPending(): void {
    const { core } = this;
    core.checkWritable();
    core.writing(() => core.flush());
  }

  sync(): Promise<void> {
    return this.#commit.sync();
  }

  loadMsg(seq: number, out: StoredMsg): LoadCode {
    return queries.loadMsg(this.core, seq, out);
  }

  loadNextMsg(filter: string, start: number, out: StoredMsg): LoadCode {
    return queries.loadNext(this.core, new MsgFilter(filter), start, out);
  }

  loadNextMsgMulti(filters: SimpleSublist | null, start: number, out: StoredMsg): LoadCode {
    return queries.loadNext(this.core, filterOfList(filters), start, out);
  }

  loadLastMsg(subject: string, out: StoredMsg): LoadCode {
    return queries.loadLast(this.core, subject, out);
  }

  loadPrevMsg(filter: string, start: number, out: StoredMsg): LoadCode {
    return queries.loadPrev(this.core, new MsgFilter(filter), start, out);
  }

  loadPrevMsgMulti(filters: SimpleSublist | null, start: number, out: StoredMsg): LoadCode {
    return queries.loadPrev(this.core, filterOfList(filters), start, out);
  }

  removeMsg(seq: number): boolean {
    return removeMsg(this.core, seq, EXPLICIT);
  }

  eraseMsg(seq: number): boolean {
    return removeMsg(this.core, seq, { ...EXPLICIT, secure: true });
  }

  purge(): number {
    return purgeAll(this.core, 0);
  }

  purgeEx(subject: string, seq: number, keep: number): number {
    return purgeSubject(this.core, subject, seq, keep);
  }

  compact(seq: number): number {
    return compactStream(this.core, seq);
  }

  truncate(seq: number): void {
    truncateStream(this.core, seq);
  }

  seqFromTimeNs(timeNs: bigint): number {
    if (this.core.closed) return 0;
    const ns = soughtNs(timeNs);
    return queries.seqFromTime(this.core, highOfNs(ns), lowOfNs(ns));
  }

  filteredState(seq: number, subject: string): SimpleState {
    return queries.filteredState(this.core, seq, subject);
  }

  subjectsState(filter: string): Map<string, SimpleState> {
    return queries.subjectsState(this.core, filter);
  }

  subjectsTotals(filter: string): Map<string, number> {
    return queries.subjectsTotals(this.core, filter);
  }

  allLastSeqs(): number[] {
    return queries.allLastSeqs(this.core);
  }

  multiLastSeqs(filters: readonly string[], maxSeq: number, maxAllowed: number): number[] {
    return queries.multiLastSeqs(this.core, filters, maxSeq, maxAllowed);
  }

  subjectForSeq(seq: number): string | null {
    return queries.subjectForSeq(this.core, seq);
  }

  numPending(seq: number, filter: string, lastPerSubject: boolean): PendingCount {
    return queries.numPending(this.core, seq, new MsgFilter(filter), lastPerSubject);
  }

  numPendingMulti(
    seq: number,
    filters: SimpleSublist | null,
    lastPerSubject: boolean,
  ): PendingCount {
    const filter = filters === null ? new MsgFilter("") : filterOfList(filters);
    return queries.numPending(this.core, seq, filter, lastPerSubject);
  }

  state(): StreamState {
    const { core } = this;
    const { totals } = core;
    const deleted: number[] = [];
    if (totals.lastSeq > 0 && totals.lastSeq - totals.firstSeq + 1 > totals.msgs) {
      let next = totals.firstSeq;
      for (const block of core.blocks) {
        for (; next < block.firstSeq; next++) deleted.push(next);
        block.deleted.range((seq) => deleted.push(seq) > 0);
        if (block.lastSeq >= next) next = block.lastSeq + 1;
      }
      for (; next <= totals.lastSeq; next++) deleted.push(next);
    }
    return {
      msgs: totals.msgs,
      bytes: totals.bytes,
      firstSeq: totals.firstSeq,
      firstTimeNs: totals.firstTime.toNs(),
      lastSeq: totals.lastSeq,
      lastTimeNs: totals.lastTime.toNs(),
      numSubjects: core.subjects.size(),
      numDeleted: deleted.length,
      deleted,
      lost: core.lost === null ? null : { msgs: core.lost.msgs.slice(), bytes: core.lost.bytes },
      consumers: core.consumers.length,
    };
  }

  fastState(out: FastState): void {
    const { totals, subjects, consumers } = this.core;
    out.msgs = totals.msgs;
    out.bytes = totals.bytes;
    out.firstSeq = totals.firstSeq;
    out.firstTime.copyFrom(totals.firstTime);
    out.lastSeq = totals.lastSeq;
    out.lastTime.copyFrom(totals.lastTime);
    out.numDeleted = totals.lastSeq > totals.firstSeq
      ? Math.max(0, totals.lastSeq - totals.firstSeq + 1 - totals.msgs)
      : 0;
    out.numSubjects = subjects.size();
    out.consumers = consumers.length;
  }

  encodedStreamState(failed: number): Uint8Array {
    const { totals } = this.core;
    const numDeleted = totals.lastSeq > totals.firstSeq
      ? Math.max(0, totals.lastSeq - totals.firstSeq + 1 - totals.msgs)
      : 0;
    const blocks = numDeleted > 0 ? deleteBlocksOf(this.core) : [];
    return encodeStreamState({ ...totals, failed }, numDeleted, blocks);
  }

  syncDeleted(blocks: readonly DeleteBlock[]): void {
    syncDeleted(this.core, blocks);
  }

  registerStorageUpdates(handler: StorageUpdateHandler | null): void {
    this.core.onUpdate = handler;
    if (handler !== null && this.core.totals.bytes > 0) handler(0, this.core.totals.bytes, 0, "");
  }

  registerStorageRemoveMsg(handler: RemoveMsgHandler | null): void {
    this.core.onRemove = handler;
  }

  registerProcessMsg(handler: ProcessMsgHandler | null): void {
    this.core.onProcess = handler;
  }

  updateConfig(config: StreamStoreConfig): void {
    const { core } = this;
    core.checkWritable();
    if (config.name === "") throw new StoreError("bad_config", "name required");
    if (config.storage !== "file") {
      throw new StoreError("bad_config", "fileStore requires file storage type in config");
    }
    const old = core.config;
    // A higher limit would let what the lower one removed fit again.
    core.writing(() => settleLimits(core));
    core.config = withPlainLimits(config);
    try {
      writeStreamMeta(core);
    } catch (error) {
      core.config = old;
      throw error;
    }
    if (!config.allowMsgTtl) core.ttls = null;
    else if (core.ttls === null) {
      core.ttls = new HashWheel();
      recoverTtls(core);
    }
    if (!config.allowMsgSchedules) {
      core.scheduling?.stop();
      core.scheduling = null;
    } else if (core.scheduling === null) recoverSchedules(core);
    core.writing(() => {
      enforceMsgLimit(core);
      enforceBytesLimit(core);
      enforceSubjectLimit(core);
    });
    if (config.asyncPersist) core.options.syncAlways = false;
    if (config.maxAgeNs === 0n && core.ttls === null) cancelAgeCheck(core);
    else expireMsgs(core);
    if (core.scheduling !== null) runSchedules(core);
  }

  consumerStore(
    name: string,
    createdNs: bigint,
    config: ConsumerStoreConfig,
  ): ConsumerStore {
    const { core } = this;
    if (core.closed) throw new StoreError("closed");
    if (name === "") throw new StoreError("bad_config", "bad consumer config");
    const owner = {
      removeConsumer: (store: ConsumerStore) => this.removeConsumer(store),
      nowMs: () => core.env.clock.nowMs(),
    };
    const store = config.memoryStorage
      ? new ConsumerMemStore(owner, config)
      : new ConsumerFileStore(core, name, createdNs, config);
    this.addConsumer(store);
    return store;
  }

  addConsumer(store: ConsumerStore): void {
    this.core.consumers.push(store);
  }

  removeConsumer(store: ConsumerStore): void {
    const at = this.core.consumers.indexOf(store);
    if (at >= 0) this.core.consumers.splice(at, 1);
  }

  snapshot(options: SnapshotOptions): SnapshotResult {
    return startSnapshot(this.core, options, (out) => this.fastState(out));
  }

  utilization(): { total: number; reported: number } {
    let total = 0;
    let reported = 0;
    for (const block of this.core.blocks) {
      total += block.rawBytes;
      reported += block.bytes;
    }
    return { total, reported };
  }

  resetState(): void {
    this.core.scheduling?.clearInflight();
  }

  writeError(): Error | null {
    return this.core.failure;
  }

  async delete(): Promise<void> {
    const { core } = this;
    const { disk } = core.env;
    const wasClosed = core.closed;
    const { msgs, bytes } = core.totals;
    if (!wasClosed) {
      core.dirty = 0;
      this.#end();
      for (const consumer of core.consumers.slice()) consumer.streamDelete();
    }
    core.totals.msgs = 0;
    core.totals.bytes = 0;
    if (msgs > 0 || bytes > 0) core.onUpdate?.(-msgs, -bytes, 0, "");
    // Out of the way at once under a hidden name; a crash leaves nothing that looks like a stream.
    const dir = core.options.storeDir;
    const slash = dir.lastIndexOf("/");
    const hidden = `${dir.slice(0, slash)}/.${dir.slice(slash + 1)}`;
    disk.removeTree(hidden);
    if (disk.stat(dir) !== null) disk.rename(dir, hidden);
    await Promise.resolve();
    disk.removeTree(hidden);
  }

  async stop(): Promise<void> {
    const { core } = this;
    if (core.closed || core.closing) throw new StoreError("closed");
    core.closing = true;
    const { bytes } = core.totals;
    flushQuietly(core);
    if (core.failure === null) {
      tryWriteFullState(core);
      if (core.options.syncAlways) await this.#commit.sync();
    }
    const consumers = core.consumers.slice();
    for (const consumer of consumers) consumer.stop();
    this.#end();
    if (bytes > 0) core.onUpdate?.(0, -bytes, 0, "");
  }

  /** Closes files and timers without writing anything more. */
  #end(): void {
    const { core } = this;
    core.closed = true;
    stopBackground(core);
    cancelAgeCheck(core);
    core.scheduling?.stop();
    for (const block of core.blocks) {
      block.closeFile();
      block.closed = true;
      block.cache = null;
      block.subjects = null;
    }
  }

  /** Ends the store as a crash would: nothing is written or synced any more. For tests. */
  abandon(): void {
    for (const consumer of this.core.consumers.slice()) consumer.streamDelete();
    this.#end();
  }
}
