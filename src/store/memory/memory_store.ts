/**
 * The memory store: a stream without files (reference: memstore.go).
 *
 * @module
 */
import type { SimpleSublist } from "../../base/containers/gsl/mod.ts";
import { HashWheel } from "../../base/containers/thw/mod.ts";
import type { TimerHandle } from "../../platform/loop.ts";
import { type ConsumerStoreConfig, type StreamStoreConfig, withPlainLimits } from "../config.ts";
import { type DeleteBlock, encodeStreamState } from "../delete_blocks.ts";
import { DeleteMarkers } from "../delete_markers.ts";
import { StoreError } from "../errors.ts";
import { deleteMarkerHeaders, HeaderName, isDeleteMarker, ttlOf } from "../headers.ts";
import { headerValue } from "../../protocol/headers.ts";
import { MsgScheduling, type ScheduleRules } from "../scheduling.ts";
import { eachMatch, filterOfList, MsgFilter } from "../msg_filter.ts";
import { LoadCode, StoredMsg } from "../stored_msg.ts";
import type {
  ConsumerStore,
  FastState,
  PendingCount,
  ProcessMsgHandler,
  RemoveMsgHandler,
  SimpleState,
  SnapshotResult,
  StorageUpdateHandler,
  StoreEnvironment,
  StreamState,
  StreamStore,
} from "../stream_store.ts";
import { compareHalves, msOfHalves, secondsOf, subsecondNsOf, Timestamp } from "../timestamp.ts";
import { ConsumerMemStore } from "./consumer_mem_store.ts";
import { MemoryMessages, MemorySubject } from "./memory_messages.ts";

const NO_BYTES = new Uint8Array(0);
const AGE_CHECK_MS_MIN = 250;
const AGE_CHECK_MS_SOON = 2000;

/** Size of a message as limits and state count it. */
export function memoryMsgSize(subject: number, headers: number, payload: number): number {
  return subject + headers + payload + 16;
}

/** A stream's messages in memory. */
export class MemoryStore implements StreamStore {
  readonly type = "memory";
  readonly #env: StoreEnvironment;
  readonly #rules: ScheduleRules | null;
  config: StreamStoreConfig;
  /** Shared with tests. */
  readonly messages: MemoryMessages = new MemoryMessages();
  readonly #now = new Timestamp();
  ttls: HashWheel | null = null;
  #scheduling: MsgScheduling | null = null;
  readonly #markers = new DeleteMarkers();
  #ageTimer: TimerHandle | null = null;
  #ageTimerMs = 0;
  #ageCheckRunning = false;
  #onUpdate: StorageUpdateHandler | null = null;
  #onRemove: RemoveMsgHandler | null = null;
  #onProcess: ProcessMsgHandler | null = null;
  #consumers: ConsumerStore[] = [];
  #closed = false;

  constructor(
    env: StoreEnvironment,
    config: StreamStoreConfig,
    rules: ScheduleRules | null = null,
  ) {
    if (config.storage !== "memory") {
      throw new StoreError("bad_config", "memStore requires memory storage type in config");
    }
    this.#env = env;
    this.config = config;
    this.#rules = rules;
    if (config.allowMsgTtl) this.ttls = new HashWheel();
    if (config.allowMsgSchedules) this.#scheduling = this.#newScheduling();
    if (config.firstSeq > 0) this.#purgeTo(config.firstSeq);
  }

  #newScheduling(): MsgScheduling {
    const { loop, clock } = this.#env;
    return new MsgScheduling(loop, () => clock.nowMs(), () => this.#runSchedules());
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreError("closed");
  }

  storeMsg(subject: string, headers: Uint8Array, payload: Uint8Array, ttlSec: number): number {
    const now = this.#now;
    now.setMs(this.#env.clock.nowMs());
    now.movePast(this.messages.totals.lastTime);
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
    if (this.#closed) throw new StoreError("closed");
    const totals = this.messages.totals;
    const config = this.config;
    const size = memoryMsgSize(subject.length, headers.length, payload.length);
    const maxPer = config.maxMsgsPerSubject;
    let info = subject.length > 0 ? this.messages.subjects.find(subject) : null;
    if (discardNewCheck && config.discard === "new") {
      this.#checkDiscardNew(subject, info, headers, size);
    }
    if (seq !== totals.lastSeq + 1) {
      if (seq > 0) throw new StoreError("sequence_mismatch");
      seq = totals.lastSeq + 1;
    }
    if (totals.msgs === 0) {
      totals.firstSeq = seq;
      totals.firstTime.set(tsHigh, tsLow);
    }
    this.messages.blockFor(seq).append(subject, headers, payload, tsHigh, tsLow);
    totals.msgs++;
    totals.bytes += size;
    totals.lastSeq = seq;
    totals.lastTime.set(tsHigh, tsLow);
    if (subject.length > 0) {
      if (info === null) {
        info = new MemorySubject();
        info.first = seq;
        this.messages.subjects.insert(subject, info);
      }
      info.msgs++;
      info.last = seq;
      info.lastStale = false;
      if (maxPer > 0 && info.msgs > maxPer) this.#trim(subject, info, maxPer);
    }
    if (config.discard === "old") this.#enforceLimits();
    if (ttlSec > 0 && this.ttls !== null) {
      this.ttls.add(seq, secondsOf(tsHigh, tsLow) + ttlSec, subsecondNsOf(tsHigh, tsLow));
      this.#resetAgeCheck(0);
    } else if (this.#ageTimer === null && config.maxAgeNs > 0n) this.#resetAgeCheck(0);
    if (this.#scheduling !== null) this.#noteSchedule(seq, subject);
    this.#onUpdate?.(1, size, seq, subject);
    return seq;
  }

  #checkDiscardNew(
    subject: string,
    info: MemorySubject | null,
    headers: Uint8Array,
    size: number,
  ): void {
    const config = this.config;
    const replaces = config.maxMsgsPerSubject > 0 && info !== null &&
      info.msgs >= config.maxMsgsPerSubject;
    if (replaces && config.discardNewPerSubject) {
      const rollup = headerValue(headers, 0, headers.length, HeaderName.Rollup);
      if (rollup === null || rollup === "") throw new StoreError("max_msgs_per_subject");
    }
    if (config.maxMsgs > 0 && this.messages.totals.msgs >= config.maxMsgs && !replaces) {
      throw new StoreError("max_msgs");
    }
    if (config.maxBytes > 0 && this.messages.totals.bytes + size > config.maxBytes) {
      if (!replaces) throw new StoreError("max_bytes");
      this.messages.refresh(subject, info);
      const freed = this.messages.fetch(info.first, this.messages.scratch)
        ? sizeOf(this.messages.scratch)
        : 0;
      if (freed < size) throw new StoreError("max_bytes");
    }
  }

  skipMsg(seq: number): number {
    this.#skip(seq, 1, false);
    return this.messages.totals.lastSeq;
  }

  skipMsgNoInterest(seq: number): number {
    this.#skip(seq, 1, true);
    return this.messages.totals.lastSeq;
  }

  skipMsgs(seq: number, count: number): void {
    this.#skip(seq, count, false);
  }

  #skip(seq: number, count: number, setsTime: boolean): void {
    this.#checkOpen();
    const totals = this.messages.totals;
    if (seq > 0 && seq !== totals.lastSeq + 1) throw new StoreError("sequence_mismatch");
    const first = totals.lastSeq + 1;
    totals.lastSeq += count;
    if (setsTime || totals.lastTime.isZero()) totals.lastTime.setMs(this.#env.clock.nowMs());
    if (totals.msgs === 0) {
      totals.firstSeq = totals.lastSeq + 1;
      totals.firstTime.clear();
    } else for (let s = first; s <= totals.lastSeq; s++) this.messages.deleted.insert(s);
  }

  flushAllPending(): void {}

  async sync(): Promise<void> {}

  loadMsg(seq: number, out: StoredMsg): LoadCode {
    this.#checkOpen();
    if (seq === 0) seq = this.messages.totals.firstSeq;
    if (this.messages.fetch(seq, out)) return LoadCode.Found;
    return seq <= this.messages.totals.lastSeq ? LoadCode.NotFound : LoadCode.Eof;
  }

  loadNextMsg(filter: string, start: number, out: StoredMsg): LoadCode {
    return this.messages.next(new MsgFilter(filter), start, out);
  }

  loadNextMsgMulti(filters: SimpleSublist | null, start: number, out: StoredMsg): LoadCode {
    return this.messages.next(filterOfList(filters), start, out);
  }

  loadPrevMsg(filter: string, start: number, out: StoredMsg): LoadCode {
    return this.messages.prev(new MsgFilter(filter), start, out);
  }

  loadPrevMsgMulti(filters: SimpleSublist | null, start: number, out: StoredMsg): LoadCode {
    return this.messages.prev(filterOfList(filters), start, out);
  }

  loadLastMsg(subject: string, out: StoredMsg): LoadCode {
    this.#checkOpen();
    const matcher = new MsgFilter(subject);
    if (matcher.isAll) {
      return this.messages.fetch(this.messages.totals.lastSeq, out)
        ? LoadCode.Found
        : LoadCode.NotFound;
    }
    let last = 0;
    eachMatch(this.messages.subjects, matcher, (name, info) => {
      if (info.last <= last && !info.lastStale) return;
      this.messages.refresh(name, info);
      last = Math.max(last, info.last);
    });
    return last > 0 && this.messages.fetch(last, out) ? LoadCode.Found : LoadCode.NotFound;
  }

  removeMsg(seq: number): boolean {
    this.#checkOpen();
    return this.#remove(seq, false, true);
  }

  eraseMsg(seq: number): boolean {
    this.#checkOpen();
    return this.#remove(seq, true, true);
  }

  #remove(seq: number, secure: boolean, report: boolean): boolean {
    const position = this.messages.position(seq);
    const block = this.messages.blocks[position];
    const msg = new StoredMsg();
    if (block === undefined || !block.fetch(seq, msg)) return false;
    const subject = msg.subject();
    const size = sizeOf(msg);
    const ttlSec = ttlOf(msg.bytes, msg.headersAt, msg.headersEnd);
    const sec = ttlSec > 0 ? secondsOf(msg.tsHigh, msg.tsLow) + ttlSec : 0;
    block.remove(seq, secure);
    const totals = this.messages.totals;
    totals.msgs--;
    totals.bytes -= size;
    this.messages.deleted.insert(seq);
    if (block.live === 0 && position < this.messages.blocks.length - 1) {
      this.messages.blocks.splice(position, 1);
    }
    if (seq === totals.firstSeq) this.messages.moveFirst();
    this.#markers.remove(seq, subject);
    this.messages.forgetSubject(subject, seq);
    if (ttlSec > 0) this.ttls?.discard(seq, sec);
    if (report) this.#onUpdate?.(-1, -size, seq, subject);
    return true;
  }

  #trim(subject: string, info: MemorySubject, max: number): void {
    while (info.msgs > max) {
      this.messages.refresh(subject, info);
      if (!this.#remove(info.first, false, true)) return;
    }
  }

  #enforceLimits(): void {
    const { maxMsgs, maxBytes, discard } = this.config;
    if (discard !== "old") return;
    const totals = this.messages.totals;
    while (
      (maxMsgs > 0 && totals.msgs > maxMsgs) || (maxBytes > 0 && totals.bytes > maxBytes)
    ) if (!this.#remove(totals.firstSeq, false, true)) return;
  }

  purge(): number {
    this.#checkOpen();
    return this.#purgeTo(0);
  }

  #purgeTo(firstSeq: number): number {
    const totals = this.messages.totals;
    const { msgs, bytes } = totals;
    if (firstSeq === 0) firstSeq = totals.lastSeq + 1;
    else if (firstSeq < totals.lastSeq) {
      throw new StoreError("bad_config", "partial purges not supported on memory store");
    }
    totals.firstSeq = firstSeq;
    totals.lastSeq = firstSeq - 1;
    this.#clear();
    this.#onUpdate?.(-msgs, -bytes, 0, "");
    return msgs;
  }

  #clear(): void {
    const totals = this.messages.totals;
    totals.firstTime.clear();
    totals.msgs = 0;
    totals.bytes = 0;
    this.messages.blocks = [];
    this.messages.subjects.empty();
    this.messages.deleted.empty();
    this.#markers.empty();
  }

  purgeEx(subject: string, seq: number, keep: number): number {
    this.#checkOpen();
    if (seq === 1) return 0;
    const matcher = new MsgFilter(subject);
    if (matcher.isAll) {
      if (keep === 0 && seq === 0) return this.purge();
      if (seq > 1) return this.compact(seq);
    }
    const state = this.filteredState(1, subject);
    if (state.msgs === 0 || (keep > 0 && keep >= state.msgs)) return 0;
    const max = keep > 0 ? state.msgs - keep : Infinity;
    const last = seq > 0 ? seq - 1 : state.last;
    const bytesBefore = this.messages.totals.bytes;
    const msg = new StoredMsg();
    let purged = 0;
    let lowSeq = 0;
    let lowSubject = "";
    for (let s = state.first; s <= last && purged < max; s++) {
      if (!this.messages.fetch(s, msg) || !matcher.matches(msg)) continue;
      if (purged === 0) {
        lowSeq = s;
        lowSubject = msg.subject();
      }
      this.#remove(s, false, false);
      purged++;
    }
    const bytes = bytesBefore - this.messages.totals.bytes;
    if (purged === 1) this.#onUpdate?.(-1, -bytes, lowSeq, lowSubject);
    else if (purged > 0) this.#onUpdate?.(-purged, -bytes, 0, "");
    return purged;
  }

  compact(seq: number): number {
    this.#checkOpen();
    if (seq === 0) return this.purge();
    const totals = this.messages.totals;
    if (totals.firstSeq > seq) return 0;
    const { msgs, bytes } = totals;
    if (seq > totals.lastSeq) {
      totals.firstSeq = seq;
      totals.lastSeq = seq - 1;
      this.#clear();
    } else {
      for (let s = totals.firstSeq; s < seq; s++) this.#remove(s, false, false);
      if (totals.msgs > 0 && totals.firstSeq < seq) this.messages.moveFirst();
    }
    const purged = msgs - totals.msgs;
    this.#onUpdate?.(-purged, totals.bytes - bytes, 0, "");
    return purged;
  }

  truncate(seq: number): void {
    this.#checkOpen();
    const totals = this.messages.totals;
    const { msgs, bytes } = totals;
    if (seq === 0) {
      totals.firstSeq = 0;
      totals.lastSeq = 0;
      totals.lastTime.setMs(this.#env.clock.nowMs());
      this.#clear();
    } else {
      const msg = new StoredMsg();
      if (this.messages.fetch(seq, msg)) totals.lastTime.set(msg.tsHigh, msg.tsLow);
      for (let s = totals.lastSeq; s > seq; s--) {
        this.#remove(s, false, false);
        this.messages.deleted.delete(s);
      }
      while (
        this.messages.blocks.length > 0 &&
        this.messages.blocks[this.messages.blocks.length - 1]!.firstSeq > seq
      ) {
        this.messages.blocks.pop();
      }
      this.messages.blocks[this.messages.blocks.length - 1]?.truncate(seq + 1);
      totals.lastSeq = seq;
      if (totals.msgs === 0) totals.firstSeq = seq + 1;
    }
    this.#onUpdate?.(totals.msgs - msgs, totals.bytes - bytes, 0, "");
  }

  seqFromTimeNs(timeNs: bigint): number {
    return this.messages.seqFromTimeNs(timeNs);
  }

  filteredState(seq: number, subject: string): SimpleState {
    return this.messages.filtered(seq, new MsgFilter(subject));
  }

  subjectsState(filter: string): Map<string, SimpleState> {
    const states = new Map<string, SimpleState>();
    eachMatch(this.messages.subjects, new MsgFilter(filter), (subject, info) => {
      this.messages.refresh(subject, info);
      states.set(subject, { msgs: info.msgs, first: info.first, last: info.last });
    });
    return states;
  }

  subjectsTotals(filter: string): Map<string, number> {
    const totals = new Map<string, number>();
    eachMatch(
      this.messages.subjects,
      new MsgFilter(filter),
      (subject, info) => void totals.set(subject, info.msgs),
    );
    return totals;
  }

  allLastSeqs(): number[] {
    return this.messages.lastSeqs([""], Infinity, 0);
  }

  multiLastSeqs(filters: readonly string[], maxSeq: number, maxAllowed: number): number[] {
    return this.messages.lastSeqs(filters, maxSeq === 0 ? Infinity : maxSeq, maxAllowed);
  }

  subjectForSeq(seq: number): string | null {
    return this.messages.fetch(seq, this.messages.scratch) ? this.messages.scratch.subject() : null;
  }

  numPending(seq: number, filter: string, lastPerSubject: boolean): PendingCount {
    return this.messages.pending(seq, new MsgFilter(filter), lastPerSubject);
  }

  numPendingMulti(
    seq: number,
    filters: SimpleSublist | null,
    lastPerSubject: boolean,
  ): PendingCount {
    return this.messages.pending(seq, filterOfList(filters), lastPerSubject);
  }

  state(): StreamState {
    const totals = this.messages.totals;
    const deleted: number[] = [];
    if (totals.lastSeq - totals.firstSeq + 1 > totals.msgs) {
      this.messages.deleted.range((seq) => {
        if (seq >= totals.firstSeq && seq <= totals.lastSeq) deleted.push(seq);
        return true;
      });
    }
    return {
      msgs: totals.msgs,
      bytes: totals.bytes,
      firstSeq: totals.firstSeq,
      firstTimeNs: totals.firstTime.toNs(),
      lastSeq: totals.lastSeq,
      lastTimeNs: totals.lastTime.toNs(),
      numSubjects: this.messages.subjects.size(),
      numDeleted: deleted.length,
      deleted,
      lost: null,
      consumers: this.#consumers.length,
    };
  }

  fastState(out: FastState): void {
    const totals = this.messages.totals;
    out.msgs = totals.msgs;
    out.bytes = totals.bytes;
    out.firstSeq = totals.firstSeq;
    out.firstTime.copyFrom(totals.firstTime);
    out.lastSeq = totals.lastSeq;
    out.lastTime.copyFrom(totals.lastTime);
    out.numDeleted = totals.lastSeq > totals.firstSeq
      ? Math.max(0, totals.lastSeq - totals.firstSeq + 1 - totals.msgs)
      : 0;
    out.numSubjects = this.messages.subjects.size();
    out.consumers = this.#consumers.length;
  }

  encodedStreamState(failed: number): Uint8Array {
    const totals = this.messages.totals;
    const numDeleted = Math.max(0, totals.lastSeq - totals.firstSeq + 1 - totals.msgs);
    return encodeStreamState(
      { ...totals, failed },
      numDeleted,
      numDeleted > 0 ? [this.messages.deleted] : [],
    );
  }

  syncDeleted(blocks: readonly DeleteBlock[]): void {
    this.#checkOpen();
    const single = blocks.length === 1 ? blocks[0]!.state() : null;
    const own = this.messages.deleted.state();
    if (
      single !== null && single.first === own.first && single.last === own.last &&
      single.count === own.count
    ) return;
    const lastSeq = this.messages.totals.lastSeq;
    for (const block of blocks) {
      if (block.state().first > lastSeq) continue;
      block.range((seq) => {
        this.#remove(seq, false, true);
        return true;
      });
    }
  }

  registerStorageUpdates(handler: StorageUpdateHandler | null): void {
    this.#onUpdate = handler;
  }

  registerStorageRemoveMsg(handler: RemoveMsgHandler | null): void {
    this.#onRemove = handler;
  }

  registerProcessMsg(handler: ProcessMsgHandler | null): void {
    this.#onProcess = handler;
  }

  updateConfig(config: StreamStoreConfig): void {
    this.#checkOpen();
    if (config.storage !== "memory") {
      throw new StoreError("bad_config", "memStore requires memory storage type in config");
    }
    const oldMax = this.config.maxMsgsPerSubject;
    this.config = withPlainLimits(config);
    if (!config.allowMsgTtl) this.ttls = null;
    else if (this.ttls === null) this.#recoverTtls();
    if (!config.allowMsgSchedules) {
      this.#scheduling?.stop();
      this.#scheduling = null;
    } else if (this.#scheduling === null) this.#recoverSchedules();
    this.#enforceLimits();
    const max = config.maxMsgsPerSubject;
    if (max > 0 && (oldMax <= 0 || max < oldMax)) {
      const over: string[] = [];
      this.messages.subjects.iterFast((subject, info) => {
        if (info.msgs > max) over.push(subject);
        return true;
      });
      for (const subject of over) this.#trim(subject, this.messages.subjects.find(subject)!, max);
    }
    if (config.maxAgeNs === 0n && this.ttls === null) this.#cancelAgeCheck();
    else this.#expire();
    if (this.#scheduling !== null) this.#runSchedules();
  }

  #recoverTtls(): void {
    const wheel = new HashWheel();
    this.ttls = wheel;
    this.#eachMsg((msg) => {
      const ttlSec = ttlOf(msg.bytes, msg.headersAt, msg.headersEnd);
      if (ttlSec <= 0) return;
      const ns = subsecondNsOf(msg.tsHigh, msg.tsLow);
      wheel.add(msg.seq, secondsOf(msg.tsHigh, msg.tsLow) + ttlSec, ns);
    });
    this.#resetAgeCheck(0);
  }

  #recoverSchedules(): void {
    const scheduling = this.#newScheduling();
    this.#scheduling = scheduling;
    this.#eachMsg((msg) => {
      const next = this.#rules?.next(msg) ?? null;
      if (next !== null) scheduling.init(msg.seq, msg.subject(), next.sec, next.ns);
    });
    scheduling.resetTimer();
  }

  #eachMsg(visit: (msg: StoredMsg) => void): void {
    const msg = new StoredMsg();
    for (const block of this.messages.blocks) {
      for (let seq = block.firstSeq; seq < block.endSeq(); seq++) {
        if (block.fetch(seq, msg)) visit(msg);
      }
    }
  }

  #noteSchedule(seq: number, subject: string): void {
    const msg = new StoredMsg();
    const rules = this.#rules;
    const scheduling = this.#scheduling;
    if (rules === null || scheduling === null || !this.messages.fetch(seq, msg)) return;
    const next = rules.next(msg);
    const { scheduler, next: after } = rules.producedBy(msg);
    if (next !== null) scheduling.add(seq, subject, next.sec, next.ns);
    else if (scheduler === "") scheduling.removeSubject(subject);
    if (scheduler !== "" && after !== null) scheduling.update(scheduler, after.sec, after.ns);
  }

  #runSchedules(): void {
    const rules = this.#rules;
    const scheduling = this.#scheduling;
    if (scheduling === null || this.#closed) return;
    if (rules === null || this.#onProcess === null) {
      scheduling.resetTimer();
      return;
    }
    const load = (seq: number): StoredMsg | null => {
      const msg = new StoredMsg();
      return this.messages.fetch(seq, msg) ? msg : null;
    };
    const loadLast = (subject: string): StoredMsg | null => {
      const msg = new StoredMsg();
      return this.loadLastMsg(subject, msg) === LoadCode.Found ? msg : null;
    };
    for (const msg of scheduling.due(rules, load, loadLast)) this.#onProcess?.(msg);
    scheduling.finishRun();
  }

  #cancelAgeCheck(): void {
    if (this.#ageTimer !== null) this.#env.loop.clearTimer(this.#ageTimer);
    this.#ageTimer = null;
    this.#ageTimerMs = 0;
  }

  #resetAgeCheck(deltaMs: number): void {
    if (this.#ageCheckRunning || this.#closed) return;
    const maxAgeMs = Number(this.config.maxAgeNs) / 1e6;
    const ttls = this.ttls;
    const nextMs = ttls === null || ttls.count() === 0 ? Infinity : ttls.lowestMs();
    if (maxAgeMs <= 0 && nextMs === Infinity) {
      this.#cancelAgeCheck();
      return;
    }
    const nowMs = this.#env.clock.nowMs();
    let fireInMs = maxAgeMs > 0 ? maxAgeMs : Infinity;
    if (deltaMs === 0 && this.messages.totals.msgs > 0) {
      fireInMs = Math.min(fireInMs, AGE_CHECK_MS_SOON);
    }
    if (deltaMs > 0) fireInMs = Math.min(fireInMs, deltaMs);
    fireInMs = Math.max(AGE_CHECK_MS_MIN, Math.min(fireInMs, nextMs - nowMs, 0x7fffffff));
    const atMs = nowMs + fireInMs;
    if (this.#ageTimer !== null && atMs > this.#ageTimerMs) return;
    this.#cancelAgeCheck();
    this.#ageTimerMs = atMs;
    this.#ageTimer = this.#env.loop.setTimer(() => {
      this.#ageTimer = null;
      this.#expire();
    }, fireInMs);
  }

  #expire(): void {
    if (this.#closed) return;
    const markerTtlSec = Number(this.config.subjectDeleteMarkerTtlNs / 1_000_000_000n);
    if (markerTtlSec > 0 && (this.#onRemove === null || this.#onProcess === null)) {
      this.#resetAgeCheck(0);
      return;
    }
    this.#ageCheckRunning = true;
    let deltaMs = 0;
    try {
      if (this.config.maxAgeNs > 0n) deltaMs = this.#expireByAge(markerTtlSec);
      this.#expireByTtl(markerTtlSec);
    } finally {
      this.#ageCheckRunning = false;
    }
    if (this.messages.totals.msgs === 0 && (this.ttls?.count() ?? 0) === 0) {
      this.#cancelAgeCheck();
    } else this.#resetAgeCheck(deltaMs);
  }

  #expireByAge(markerTtlSec: number): number {
    const maxAgeMs = Number(this.config.maxAgeNs) / 1e6;
    const nowMs = this.#env.clock.nowMs();
    const limit = new Timestamp();
    limit.setMs(nowMs - maxAgeMs);
    const all = new MsgFilter("");
    const msg = new StoredMsg();
    let seq = 0;
    while (this.messages.next(all, seq, msg) === LoadCode.Found) {
      if (compareHalves(msg.tsHigh, msg.tsLow, limit.high, limit.low) > 0) {
        return Math.max(1, msOfHalves(msg.tsHigh, msg.tsLow) + maxAgeMs - nowMs);
      }
      seq = msg.seq + 1;
      if (ttlOf(msg.bytes, msg.headersAt, msg.headersEnd) >= 0) this.#expireOne(msg, markerTtlSec);
    }
    return 0;
  }

  #expireByTtl(markerTtlSec: number): void {
    const wheel = this.ttls;
    if (wheel === null) return;
    const nowMs = this.#env.clock.nowMs();
    const nowSec = Math.floor(nowMs / 1000);
    const due: { seq: number; sec: number }[] = [];
    wheel.expire(nowSec, Math.floor((nowMs - nowSec * 1000) * 1e6), (seq, sec) => {
      due.push({ seq, sec });
      return false;
    });
    due.sort((a, b) => a.seq - b.seq);
    const msg = new StoredMsg();
    for (const { seq, sec } of due) {
      if (this.messages.fetch(seq, msg)) this.#expireOne(msg, markerTtlSec);
      else wheel.discard(seq, sec);
    }
  }

  #expireOne(msg: StoredMsg, markerTtlSec: number): void {
    const seq = msg.seq;
    if (markerTtlSec <= 0) {
      this.#remove(seq, false, true);
      return;
    }
    const subject = msg.subject();
    const isMarker = isDeleteMarker(msg.bytes, msg.headersAt, msg.headersEnd);
    const total = this.messages.subjects.find(subject)?.msgs ?? 0;
    const nowMs = this.#env.clock.nowMs();
    const { isLast, ask } = this.#markers.shouldProcess(seq, subject, total, nowMs);
    if (!ask) return;
    if (isLast && !isMarker) {
      const headers = deleteMarkerHeaders(markerTtlSec);
      this.#onProcess?.({ subject, headers, payload: NO_BYTES });
    } else this.#onRemove?.(seq);
  }

  consumerStore(name: string, _createdNs: bigint, config: ConsumerStoreConfig): ConsumerStore {
    this.#checkOpen();
    if (name === "") throw new StoreError("bad_config", "bad consumer config");
    const store = new ConsumerMemStore({
      removeConsumer: (consumer) => this.removeConsumer(consumer),
      nowMs: () => this.#env.clock.nowMs(),
    }, config);
    this.addConsumer(store);
    return store;
  }

  addConsumer(store: ConsumerStore): void {
    this.#consumers.push(store);
  }

  removeConsumer(store: ConsumerStore): void {
    const at = this.#consumers.indexOf(store);
    if (at >= 0) this.#consumers.splice(at, 1);
  }

  snapshot(_options: { checkMsgs: boolean; includeConsumers: boolean }): SnapshotResult {
    throw new StoreError("wrong_type", "no impl");
  }

  utilization(): { total: number; reported: number } {
    return { total: this.messages.totals.bytes, reported: this.messages.totals.bytes };
  }

  resetState(): void {
    this.#scheduling?.clearInflight();
  }

  writeError(): Error | null {
    return null;
  }

  delete(): Promise<void> {
    return this.stop();
  }

  stop(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#cancelAgeCheck();
    this.#scheduling?.stop();
    const { msgs, bytes } = this.messages.totals;
    this.#clear();
    this.#onUpdate?.(-msgs, -bytes, 0, "");
    return Promise.resolve();
  }
}

function sizeOf(msg: StoredMsg): number {
  return memoryMsgSize(
    msg.subjectEnd - msg.subjectAt,
    msg.headersEnd - msg.headersAt,
    msg.payloadEnd - msg.payloadAt,
  );
}
