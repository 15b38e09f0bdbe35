/**
 * The shared state of a file store and the steps that everything else is made of: the list of
 * blocks, the subjects, choosing and rotating the block that is written, and freezing after a
 * failed write. The files beside it hold one concern each and work on this object; `file_store.ts`
 * is its public face.
 *
 * @module
 */
import { type SubjectTree, TreeLeaf } from "../../../base/containers/stree/mod.ts";
import { SubjectTree as Tree } from "../../../base/containers/stree/mod.ts";
import type { HashWheel } from "../../../base/containers/thw/mod.ts";
import { isNotFound } from "../../../platform/disk.ts";
import type { TimerHandle } from "../../../platform/loop.ts";
import type { StreamStoreConfig } from "../../config.ts";
import type { DeleteMarkers } from "../../delete_markers.ts";
import { StoreError } from "../../errors.ts";
import type { MsgScheduling } from "../../scheduling.ts";
import {
  type ConsumerStore,
  FastState,
  type LostStreamData,
  type ProcessMsgHandler,
  type RemoveMsgHandler,
  type StorageUpdateHandler,
  type StoreEnvironment,
} from "../../stream_store.ts";
import { Timestamp } from "../../timestamp.ts";
import { appendTombstone, flushBlock } from "../block/append.ts";
import { compactBlock } from "../block/compact.ts";
import { type BlockHost, MsgBlock } from "../block/msg_block.ts";
import { replaceBlockFile } from "../block/replace.ts";
import { EMPTY_RECORD_BYTES, sha256 } from "../format/record.ts";
import type { OpenedKey, StoreKeys } from "./keys.ts";
import type { ResolvedOptions } from "./options.ts";

/** How many blocks keep their records in memory; the least recently loaded goes first. */
const CACHED_BLOCKS_MAX = 8;
/** How many full-sized buffers of dropped caches wait to be used again. */
const FREE_BUFFERS_MAX = 2;

/** Per-subject state of the stream. */
export class StreamSubject extends TreeLeaf {
  total = 0;
  /** Indexes of the first and last block with a message; the first may be too low. */
  firstBlock = 0;
  lastBlock = 0;
  /** Sequences of the first and last message, 0 while not known. */
  firstSeq = 0;
  lastSeq = 0;
}

/** State of a file store. */
export class FileStoreCore implements BlockHost {
  readonly env: StoreEnvironment;
  readonly options: ResolvedOptions;
  config: StreamStoreConfig;
  readonly createdNs: bigint;
  readonly streamName: string;
  readonly msgDir: string;
  readonly lostDir: string;
  readonly consumerDir: string;
  readonly blockBytesMax: number;
  readonly hashKey: Uint8Array;
  readonly keys: StoreKeys | null;
  /** Seed of the stream's own key; null until the key file exists. */
  seed: Uint8Array | null = null;
  /** What the key file held when the store was opened; `index.db` is sealed with it. */
  storedKey: OpenedKey | null = null;
  /** `meta.inf` is not sealed as it would be today. */
  metaOutdated = false;
  readonly loadCipher: ((block: MsgBlock) => void) | null;

  /** Messages, bytes, first and last; the counts of `FastState` that are not kept stay 0. */
  readonly totals: FastState = new FastState();
  /** In order of index; the last one is written to. */
  blocks: MsgBlock[] = [];
  byIndex: Map<number, MsgBlock> = new Map();
  lastBlock: MsgBlock | null = null;
  readonly subjects: SubjectTree<StreamSubject> = new Tree<StreamSubject>();
  /** Sum of the lengths of all subjects. */
  subjectBytes = 0;
  lost: LostStreamData | null = null;
  /** Sequences that tombstones removed, collected while recovering. */
  tombstones: number[] = [];
  /** Head removals by limits are written down as tombstones up to here. */
  settledSeq = 0;
  /** Removed by the limit per subject, and not written down yet; bounded. */
  trimmed: { block: MsgBlock; seq: number; tsHigh: number; tsLow: number }[] = [];
  failure: Error | null = null;
  closed = false;
  closing = false;
  /** Changes since `index.db` was written. */
  dirty = 0;
  snapshotsRunning = 0;

  ttls: HashWheel | null = null;
  scheduling: MsgScheduling | null = null;
  markers: DeleteMarkers | null = null;
  ageTimer: TimerHandle | null = null;
  ageTimerMs = 0;
  ageCheckRunning = false;
  receivedAny = false;
  syncTimer: TimerHandle | null = null;
  stateTimer: TimerHandle | null = null;
  sweepTimer: TimerHandle | null = null;

  onUpdate: StorageUpdateHandler | null = null;
  onRemove: RemoveMsgHandler | null = null;
  onProcess: ProcessMsgHandler | null = null;
  consumers: ConsumerStore[] = [];

  /** Blocks with data that is not synced. */
  readonly unsynced: Set<MsgBlock> = new Set();
  dirUnsynced = false;
  flushQueued = false;
  readonly #cached: MsgBlock[] = [];
  readonly #freeBuffers: Uint8Array[] = [];

  constructor(
    env: StoreEnvironment,
    options: ResolvedOptions,
    config: StreamStoreConfig,
    createdNs: bigint,
    keys: StoreKeys | null,
  ) {
    this.env = env;
    this.options = options;
    this.config = config;
    this.createdNs = createdNs;
    this.keys = keys;
    this.streamName = config.name;
    this.msgDir = `${options.storeDir}/msgs`;
    this.lostDir = `${options.storeDir}/lost`;
    this.consumerDir = `${options.storeDir}/obs`;
    this.blockBytesMax = options.blockBytes;
    this.hashKey = sha256(config.name);
    this.loadCipher = keys === null ? null : (block) => keys.loadForBlock(block);
  }

  get compression(): "none" | "s2" {
    return this.config.compression;
  }

  warn(text: string): void {
    this.env.log.warn(`Filestore [${this.streamName}] ${text}`);
  }

  reportLost(block: MsgBlock, lost: LostStreamData): void {
    if (lost.bytes > 0 || lost.msgs.length > 0) this.addLost(lost);
    this.warn(
      `lost ${lost.msgs.length} messages, ${lost.bytes} bytes in block ${block.index}` +
        `; damaged data is kept in ${this.lostDir}`,
    );
    this.recount();
  }

  cacheLoaded(block: MsgBlock): void {
    const cached = this.#cached;
    cached.push(block);
    if (cached.length <= CACHED_BLOCKS_MAX) return;
    const oldest = cached.shift()!;
    if (oldest === block || oldest === this.lastBlock || cached.includes(oldest)) return;
    const bytes = oldest.cache?.bytes;
    oldest.dropCache();
    if (
      oldest.cache === null && bytes?.length === this.blockBytesMax &&
      this.#freeBuffers.length < FREE_BUFFERS_MAX
    ) this.#freeBuffers.push(bytes);
  }

  /** A buffer for a block that follows a full one, or null to let it grow. */
  takeBuffer(): Uint8Array | null {
    const free = this.#freeBuffers.pop();
    if (free !== undefined) return free;
    return this.blocks.length > 1 ? new Uint8Array(this.blockBytesMax) : null;
  }

  /** Notes lost messages; known ones are not counted again. */
  addLost(lost: LostStreamData): void {
    const known = this.lost ??= { msgs: [], bytes: 0 };
    const seen = new Set(known.msgs);
    for (const seq of lost.msgs) if (!seen.has(seq)) known.msgs.push(seq);
    known.msgs.sort((a, b) => a - b);
    known.bytes += lost.bytes;
  }

  /** Throws when the store was stopped or froze after a failed write. */
  checkWritable(): void {
    if (this.closed) throw new StoreError("closed");
    if (this.failure !== null) throw this.failure;
  }

  /**
   * Runs a step that writes. Any failure of the disk freezes the store: nothing is acknowledged
   * any more until it is opened again.
   */
  writing<T>(step: () => T): T {
    try {
      return step();
    } catch (error) {
      this.freeze(error);
      throw error;
    }
  }

  /** Freezes the store when `error` is a failure to write. */
  freeze(error: unknown): void {
    if (error instanceof StoreError || this.failure !== null || isNotFound(error)) return;
    const failure = error instanceof Error ? error : new Error(String(error));
    this.failure = failure;
    this.env.log.error(
      `Filestore [${this.streamName}] Critical write error: ${failure.message}`,
    );
  }

  addBlock(block: MsgBlock): void {
    this.blocks.push(block);
    this.byIndex.set(block.index, block);
    this.lastBlock = block;
  }

  /** Finishes the block that is written, compressing it with `seal`, and starts the next one. */
  newBlock(seal = true): MsgBlock {
    const old = this.lastBlock;
    let index = 1;
    if (old !== null) {
      index = old.index + 1;
      flushBlock(old);
      if (old.needSync) this.unsynced.add(old);
      old.closeFile();
      if (seal) this.#seal(old);
      if (old.cache !== null) this.cacheLoaded(old);
    }
    const block = new MsgBlock(this, index);
    block.firstSeq = this.totals.lastSeq + 1;
    block.lastSeq = this.totals.lastSeq;
    this.keys?.createForBlock(block, this.options.syncAlways);
    block.file = this.env.disk.open(block.path, "create");
    // A crash may have left a file that no list mentions.
    if (block.file.size() > 0) block.file.truncate(0);
    block.needDirSync = true;
    this.dirUnsynced = true;
    this.addBlock(block);
    return block;
  }

  /** Compresses a finished block. */
  #seal(block: MsgBlock): void {
    if (this.compression === "none" || block.isCompressed || block.closed) return;
    const cache = block.cache ?? (block.rawBytes > 0 ? block.load() : null);
    if (cache === null || cache.length === 0) return;
    replaceBlockFile(block, cache.bytes.subarray(0, cache.length), { compress: true });
  }

  /** The block to write `bytes` to. */
  blockForWrite(bytes: number): MsgBlock {
    const block = this.lastBlock;
    if (block === null || (block.rawBytes > 0 && block.rawBytes + bytes > this.blockBytesMax)) {
      return this.newBlock();
    }
    return block;
  }

  /** Hands written data on: at once, or at the end of the turn. */
  wrote(block: MsgBlock): void {
    this.unsynced.add(block);
    if (!this.options.asyncFlush) {
      flushBlock(block);
      return;
    }
    if (this.flushQueued) return;
    this.flushQueued = true;
    this.env.loop.endOfTurn(() => {
      this.flushQueued = false;
      if (this.closed || this.failure !== null) return;
      try {
        this.flush();
      } catch (error) {
        this.freeze(error);
      }
    });
  }

  /** Writes everything buffered. Only the last block can have any. */
  flush(): void {
    if (this.lastBlock !== null) flushBlock(this.lastBlock);
  }

  /** Writes a tombstone for `seq` to the last block. */
  writeTombstone(seq: number, time: Timestamp): void {
    const block = this.blockForWrite(EMPTY_RECORD_BYTES);
    appendTombstone(block, seq, time.high, time.low);
    this.wrote(block);
  }

  /** Index in `blocks` of the first block that ends at or after `seq`; −1 outside the stream. */
  blockPosition(seq: number): number {
    const { firstSeq, lastSeq, msgs } = this.totals;
    if (seq < firstSeq || seq > lastSeq || msgs === 0) return -1;
    return this.firstEndingAt(seq);
  }

  /** Index of the first block with `lastSeq` at or after `seq`, or −1. */
  firstEndingAt(seq: number): number {
    const blocks = this.blocks;
    let low = 0;
    let high = blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (blocks[middle]!.lastSeq < seq) low = middle + 1;
      else high = middle;
    }
    return low === blocks.length ? -1 : low;
  }

  /** The block with `seq`, or the next one when it lies between two. */
  blockOf(seq: number): MsgBlock | null {
    const position = this.blockPosition(seq);
    return position < 0 ? null : this.blocks[position]!;
  }

  /** Sets first sequence and time from the first block with messages. */
  selectNextFirst(): void {
    while (this.blocks.length > 1 && this.blocks[0]!.msgs === 0) {
      this.removeBlock(this.blocks[0]!);
    }
    const first = this.blocks[0];
    if (first !== undefined) {
      this.totals.firstSeq = first.firstSeq;
      this.totals.firstTime.copyFrom(first.firstTime);
    } else {
      this.totals.firstSeq = this.totals.lastSeq + 1;
      this.totals.firstTime.clear();
    }
  }

  /**
   * Removes an emptied block, unless its tombstones still hold back messages of earlier ones. The
   * last sequence is written down first where the block was the one that knew it.
   */
  removeBlock(block: MsgBlock): void {
    const seq = block.lastSeq;
    const time = new Timestamp();
    time.copyFrom(block.lastTime);
    if (block === this.lastBlock) {
      this.newBlock();
      this.writeTombstone(seq, time);
    } else if (seq === this.totals.lastSeq) this.writeTombstone(seq, time);
    if (block !== this.blocks[0]) {
      const isNeeded = (tombstone: { seq: number }) => this.isTombstoneNeeded(block, tombstone.seq);
      if (block.tombstones().some(isNeeded)) {
        // It stays for them, but its own dead messages must not.
        flushBlock(block);
        this.settleBeforeRemoval();
        compactBlock(block, (tombstone) => this.isTombstoneNeeded(block, tombstone));
        return;
      }
    }
    this.forceRemoveBlock(block);
  }

  /** With `always`, a removal must not become durable before what replaces it. */
  settleBeforeRemoval(): void {
    if (!this.options.syncAlways) return;
    this.flush();
    for (const block of this.unsynced) {
      if (block.closed || !block.needSync) continue;
      if (block.file !== null) block.file.syncDataNow();
      else {
        const file = this.env.disk.open(block.path, "write");
        file.syncDataNow();
        file.close();
      }
      block.needSync = false;
    }
    if (!this.dirUnsynced) return;
    this.env.disk.syncDirNow(this.msgDir);
    this.dirUnsynced = false;
  }

  /** Removes a block and its files. */
  forceRemoveBlock(block: MsgBlock): void {
    if (block !== this.lastBlock) {
      this.unsynced.delete(block);
      this.settleBeforeRemoval();
    }
    this.removeBlockFiles(block);
    const position = this.blocks.indexOf(block);
    if (position === 0) this.blocks.shift();
    else if (position > 0) this.blocks.splice(position, 1);
    this.byIndex.delete(block.index);
    if (this.lastBlock === block) this.lastBlock = this.blocks[this.blocks.length - 1] ?? null;
    this.dirty++;
  }

  /** Closes a block for good and removes its files. */
  removeBlockFiles(block: MsgBlock): void {
    block.cache = null;
    block.subjects = null;
    block.closed = true;
    block.closeFile();
    this.unsynced.delete(block);
    this.dirUnsynced = true;
    for (const path of [block.path, block.keyPath]) {
      try {
        this.env.disk.remove(path);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }

  /** Counts one message of `subject` less. Returns how many are left. */
  removeFromSubject(subject: string, seq: number): number {
    if (subject.length === 0) return 0;
    const info = this.subjects.find(subject);
    if (info === null) return 0;
    info.total--;
    if (info.total <= 0) {
      this.subjects.delete(subject);
      this.subjectBytes -= subject.length;
      return 0;
    }
    if (info.total === 1) {
      if (seq === info.firstSeq) {
        info.firstSeq = info.lastSeq;
        if (info.lastSeq > 0) info.firstBlock = info.lastBlock;
      } else if (seq === info.lastSeq) info.lastSeq = info.firstSeq;
      else info.firstSeq = info.lastSeq = 0;
    } else if (seq === info.firstSeq) info.firstSeq = 0;
    else if (seq === info.lastSeq) info.lastSeq = 0;
    return info.total;
  }

  emptySubjects(): void {
    this.subjects.empty();
    this.subjectBytes = 0;
  }

  /** Sets the totals from the blocks, after damage changed one. */
  recount(): void {
    const totals = this.totals;
    totals.msgs = 0;
    totals.bytes = 0;
    let first: MsgBlock | null = null;
    for (const block of this.blocks) {
      totals.msgs += block.msgs;
      totals.bytes += block.bytes;
      if (first === null && block.msgs > 0) first = block;
      if (block.lastSeq > totals.lastSeq) {
        totals.lastSeq = block.lastSeq;
        totals.lastTime.copyFrom(block.lastTime);
      }
    }
    if (first !== null) {
      totals.firstSeq = first.firstSeq;
      totals.firstTime.copyFrom(first.firstTime);
    } else {
      totals.firstSeq = totals.lastSeq + 1;
      totals.firstTime.clear();
    }
    this.dirty++;
  }

  /**
   * True when a tombstone in `block` may still hold back message `seq` of an earlier block, or may be
   * all that tells how far the stream went.
   */
  isTombstoneNeeded(block: MsgBlock, seq: number): boolean {
    if (seq === this.totals.lastSeq && block !== this.lastBlock) return true;
    const position = this.firstEndingAt(seq);
    if (position < 0) return false;
    const holder = this.blocks[position]!;
    return holder.index < block.index && seq >= holder.fileFirstSeq;
  }

  isEndKnownLater(block: MsgBlock): boolean {
    if (block === this.lastBlock || block.lastSeq >= this.totals.lastSeq) return false;
    this.flush();
    this.settleBeforeRemoval();
    return true;
  }
}
