/**
 * A message block: one `.blk` file, what is known about it, and its cache (reference:
 * filestore.go msgBlock). This file holds the state, the index over a loaded block and lookups;
 * writing, rebuilding, searching and compacting are in the files beside it.
 *
 * Invariants: `firstSeq` is the first live sequence or `lastSeq + 1` when nothing lives;
 * `deleted` holds dead sequences strictly between the two; a loaded cache has a slot for each
 * sequence from `cache.firstSeq` to `lastSeq`; `cache.written` bytes of it are in the file.
 *
 * @module
 */
import { SequenceSet } from "../../../base/containers/avl/mod.ts";
import { type SubjectTree, TreeLeaf } from "../../../base/containers/stree/mod.ts";
import type { BlockCipher } from "../../../base/crypto/mod.ts";
import type { DiskFile } from "../../../platform/disk.ts";
import { isNotFound } from "../../../platform/disk.ts";
import { StoreError } from "../../errors.ts";
import { HeaderName } from "../../headers.ts";
import { headerValue } from "../../../protocol/headers.ts";
import { LoadCode, StoredMsg } from "../../stored_msg.ts";
import type { LostStreamData, StoreEnvironment } from "../../stream_store.ts";
import { Timestamp } from "../../timestamp.ts";
import { compressionHead, decompressBlock } from "../format/compression.ts";
import {
  blockHashKey,
  CHECKSUM_BYTES,
  hasHeaders,
  isSaneRecord,
  readRecord,
  recordLength,
  RecordMark,
  recordMark,
  recordSeq,
  recordSubjectLength,
  TOMBSTONE_BIT,
} from "../format/record.ts";
import { rebuildBlock } from "./rebuild.ts";
import { isIntact } from "./survey.ts";

/** Slot of a sequence that has no record. */
export const NO_RECORD = 0xffffffff;

/** Per-subject state within one block. */
export class BlockSubject extends TreeLeaf {
  msgs = 0;
  first = 0;
  last = 0;
  /** `first` was removed and the next one has not been looked up. */
  firstStale = false;
  /** `last` was removed and the one before has not been looked up. */
  lastStale = false;
}

/** A block's records in memory. */
export class BlockCache {
  /** Records; the first `length` bytes are used. */
  bytes: Uint8Array;
  view: DataView;
  length: number;
  /** How many of them are in the file. */
  written: number;
  /** Offset of the record of `firstSeq + slot`, or {@linkcode NO_RECORD}. */
  slots: Uint32Array;
  slotCount = 0;
  firstSeq = 0;

  /** Takes over `bytes`. */
  constructor(bytes: Uint8Array, length: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.length = length;
    this.written = length;
    this.slots = new Uint32Array(64);
  }

  /** Makes room for `size` more bytes. */
  reserve(size: number, expectedMax: number): void {
    const needed = this.length + size;
    if (needed <= this.bytes.length) return;
    let capacity = Math.max(this.bytes.length * 2, 4096);
    if (capacity > expectedMax && needed <= expectedMax) capacity = expectedMax;
    const bytes = new Uint8Array(Math.max(capacity, needed));
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }

  /** Offset of the record of `seq`, or {@linkcode NO_RECORD}. */
  offsetOf(seq: number): number {
    const slot = seq - this.firstSeq;
    return slot < 0 || slot >= this.slotCount ? NO_RECORD : this.slots[slot]!;
  }

  /** Appends a slot. */
  pushSlot(offset: number): void {
    if (this.slotCount === this.slots.length) {
      const slots = new Uint32Array(this.slotCount * 2);
      slots.set(this.slots);
      this.slots = slots;
    }
    this.slots[this.slotCount++] = offset;
  }
}

/** What a block needs from the store it belongs to. */
export interface BlockHost {
  readonly env: StoreEnvironment;
  readonly streamName: string;
  /** Path of the `msgs` directory. */
  readonly msgDir: string;
  /** Where damaged data is kept. */
  readonly lostDir: string;
  readonly blockBytesMax: number;
  readonly compression: "none" | "s2";
  /** Prepares the cipher of a block that has none yet; null while not encrypted. */
  loadCipher: ((block: MsgBlock) => void) | null;
  /** Set when a name in the directory changed since its last sync. */
  dirUnsynced: boolean;
  /** Told when damage was found in a block after recovery. */
  reportLost(block: MsgBlock, lost: LostStreamData): void;
  /** Sets the totals of the stream again from all blocks. */
  recount(): void;
  /** A buffer of the size of a block for one that is going to be filled, or null. */
  takeBuffer(): Uint8Array | null;
  /**
   * True when a later block tells that the sequences up to the end of `block` were used, also after
   * a crash from now on.
   */
  isEndKnownLater(block: MsgBlock): boolean;
  /** Told when a block's cache was loaded, so that old ones can go. */
  cacheLoaded(block: MsgBlock): void;
}

/** One block. Fields are shared with the other files of this folder and the store. */
export class MsgBlock {
  readonly host: BlockHost;
  readonly index: number;
  readonly path: string;
  readonly keyPath: string;
  readonly hashKey: Uint8Array;
  firstSeq = 0;
  readonly firstTime: Timestamp = new Timestamp();
  lastSeq = 0;
  readonly lastTime: Timestamp = new Timestamp();
  /**
   * First sequence that has a record in the file, also a dead one; 0 while not known, Infinity when
   * there is none.
   */
  fileFirstSeq = 0;
  /** Live messages. */
  msgs = 0;
  /** Bytes of their records. */
  bytes = 0;
  /** Bytes of the file, or of all records while it is written. */
  rawBytes = 0;
  /** {@linkcode bytes} after the last compaction; 0 before the first. */
  compactedBytes = 0;
  deleted: SequenceSet = new SequenceSet();
  /** Per-subject state; null until something needs it. */
  subjects: SubjectTree<BlockSubject> | null = null;
  cache: BlockCache | null = null;
  file: DiskFile | null = null;
  cipher: BlockCipher | null = null;
  /** Messages with a TTL, and with a schedule. */
  ttls = 0;
  schedules = 0;
  /** Data was written since the last sync. */
  needSync = false;
  /** The key file was written and not synced. */
  needKeySync = false;
  /** The file or its key was created since the last sync of the directory. */
  needDirSync = false;
  /** A compaction did not make it smaller; cleared by the next removal. */
  noCompact = false;
  /** Removed or stopped. */
  closed = false;
  /** The file on disk is compressed; it cannot be appended to. */
  isCompressed = false;
  /** Used since the sweeper last looked. */
  touched = false;
  /** A message was written since the sweeper last looked. */
  recentlyWritten = false;
  /** Sequence asked for last, to notice a reader that walks through. */
  lastLoadedSeq = 0;

  constructor(host: BlockHost, index: number) {
    this.host = host;
    this.index = index;
    this.path = `${host.msgDir}/${index}.blk`;
    this.keyPath = `${host.msgDir}/${index}.key`;
    this.hashKey = blockHashKey(host.streamName, index);
  }

  /** True when nothing lives and nothing can be found. */
  isEmpty(): boolean {
    return this.firstSeq > this.lastSeq;
  }

  /** Bytes that are not in the file yet. */
  pendingBytes(): number {
    const cache = this.cache;
    return cache === null ? 0 : cache.length - cache.written;
  }

  /** Drops the cache unless it holds unwritten data. */
  dropCache(): void {
    if (this.pendingBytes() === 0) this.cache = null;
  }

  /** Closes the file; unwritten data stays in the cache. */
  closeFile(): void {
    const file = this.file;
    this.file = null;
    file?.close();
  }

  /** The plain records of the file, owned. Throws `no_block_data` when it is missing. */
  readRecords(): Uint8Array {
    const { disk } = this.host.env;
    // Before the file is read: a block under another key, or none, is rewritten by this.
    if (this.cipher === null && disk.stat(this.path) !== null) this.host.loadCipher?.(this);
    let bytes: Uint8Array;
    try {
      bytes = disk.readFile(this.path);
    } catch (error) {
      if (isNotFound(error)) throw new StoreError("no_block_data", undefined, { cause: error });
      throw error;
    }
    this.rawBytes = bytes.length;
    if (this.cipher !== null && bytes.length > 0) bytes = this.cipher.apply(bytes, 0);
    this.isCompressed = compressionHead(bytes).headBytes > 0;
    return decompressBlock(bytes);
  }

  /**
   * The cache with the whole block, loading it when needed. Damage is repaired and reported on the
   * way. Throws `no_block_data` and disk errors.
   */
  load(): BlockCache {
    this.touched = true;
    const cache = this.cache;
    if (cache !== null) return cache;
    const bytes = this.#readOrDamaged();
    if (
      bytes === null || !isIntact(this.host.env.hasher, this.hashKey, bytes) ||
      !this.indexRecords(bytes)
    ) {
      const before = this.msgs;
      const lost = rebuildBlock(this).lost;
      if (lost !== null || before !== this.msgs) {
        this.host.reportLost(this, lost ?? { msgs: [], bytes: 0 });
      } else this.host.recount();
      if (this.cache === null && this.msgs > 0) throw new StoreError("corrupt_state");
      // Nothing of it could be saved.
      this.cache ??= new BlockCache(new Uint8Array(0), 0);
    }
    this.host.cacheLoaded(this);
    return this.cache!;
  }

  /** The plain records, null when what compressed them is damaged. */
  #readOrDamaged(): Uint8Array | null {
    try {
      return this.readRecords();
    } catch (error) {
      if (error instanceof StoreError && error.code === "bad_msg") return null;
      throw error;
    }
  }

  /** Builds the cache over `bytes` (taken over). False when the records contradict the state. */
  indexRecords(bytes: Uint8Array): boolean {
    const cache = new BlockCache(bytes, bytes.length);
    const firstSeq = this.firstSeq;
    const lastSeq = this.lastSeq;
    if (firstSeq > lastSeq + 1) return false;
    let count = lastSeq - firstSeq + 1;
    const slots = new Uint32Array(Math.max(count + 16, 64));
    const view = cache.view;
    const end = bytes.length;
    let slotCount = 0;
    let last = 0;
    let fileFirst = 0;
    this.ttls = 0;
    this.schedules = 0;
    for (let at = 0; at < end;) {
      if (!isSaneRecord(view, at, end)) return false;
      const length = recordLength(view, at);
      const mark = recordMark(view, at);
      const seq = recordSeq(view, at);
      if (mark === RecordMark.None && fileFirst === 0) fileFirst = seq;
      if (mark !== RecordMark.Tombstone && seq > last && seq >= firstSeq) {
        last = seq;
        if (seq > lastSeq) return false;
        for (let gap = firstSeq + slotCount; gap < seq; gap++) {
          slots[slotCount++] = NO_RECORD;
          if (gap !== 0) this.deleted.insert(gap);
        }
        slots[slotCount++] = at;
        if (mark === RecordMark.Erased && seq !== 0 && !this.deleted.exists(seq)) return false;
        if (hasHeaders(view, at)) this.countSpecial(bytes, view, at);
      }
      at += length;
    }
    this.fileFirstSeq = fileFirst === 0 ? Infinity : fileFirst;
    if (slotCount < count && slotCount > 0 && this.#forgetsEndAfter(last)) {
      count = slotCount;
      const at = slots[count - 1]!;
      this.lastTime.set(view.getUint32(at + 16, true), view.getUint32(at + 12, true));
    }
    // Sequences that the file does not have must not be counted as messages.
    if (slotCount !== count || count - this.deleted.size !== this.msgs) return false;
    cache.slots = slots;
    cache.slotCount = slotCount;
    cache.firstSeq = firstSeq;
    this.cache = cache;
    return true;
  }

  /**
   * Takes the deleted sequences after `last` out of the block when its file ends there: a
   * compaction dropped them and the state that is known is from before it.
   */
  #forgetsEndAfter(last: number): boolean {
    for (let seq = last + 1; seq <= this.lastSeq; seq++) {
      if (!this.deleted.exists(seq)) return false;
    }
    if (!this.host.isEndKnownLater(this)) return false;
    for (let seq = last + 1; seq <= this.lastSeq; seq++) this.deleted.delete(seq);
    this.lastSeq = last;
    return true;
  }

  /** Counts a message with headers if it has a TTL or a schedule. */
  countSpecial(bytes: Uint8Array, view: DataView, at: number): void {
    const start = at + 22 + recordSubjectLength(view, at) + 4;
    const end = at + recordLength(view, at) - CHECKSUM_BYTES;
    const headersEnd = Math.min(end, start + view.getUint32(start - 4, true));
    if ((headerValue(bytes, start, headersEnd, HeaderName.Ttl) ?? "") !== "") this.ttls++;
    if ((headerValue(bytes, start, headersEnd, HeaderName.Schedule) ?? "") !== "") {
      this.schedules++;
    }
  }

  /** Points `out` at message `seq`, loading the block when needed. */
  fetch(seq: number, out: StoredMsg): LoadCode {
    if (seq < this.firstSeq || seq > this.lastSeq) return LoadCode.NotFound;
    if (this.deleted.size > 0 && this.deleted.exists(seq)) return LoadCode.Deleted;
    let cache = this.cache ?? this.load();
    this.touched = true;
    let offset = cache.offsetOf(seq);
    if (offset === NO_RECORD) return LoadCode.Deleted;
    if (!readRecord(cache.bytes, cache.view, offset, out) || out.seq !== seq) {
      // Memory contradicts itself: the disk is asked, unless it does not have all of it yet.
      if (cache.written < cache.length) return LoadCode.Deleted;
      this.cache = null;
      cache = this.load();
      offset = cache.offsetOf(seq);
      if (offset === NO_RECORD || !readRecord(cache.bytes, cache.view, offset, out)) {
        return LoadCode.Deleted;
      }
    }
    if ((cache.view.getUint32(offset + 8, true) & 0x80000000) !== 0) return LoadCode.Deleted;
    return LoadCode.Found;
  }

  /** True once a reader that goes one by one, up or down, has just asked for the final message. */
  isReadThrough(seq: number): boolean {
    const before = this.lastLoadedSeq;
    this.lastLoadedSeq = seq;
    return (seq === this.lastSeq && before === seq - 1) ||
      (seq === this.firstSeq && before === seq + 1);
  }

  /** Moves `firstSeq` to the next live message and sets its time. */
  selectNextFirst(): void {
    let seq = this.firstSeq + 1;
    const deleted = this.deleted;
    while (seq <= this.lastSeq && deleted.size > 0 && deleted.delete(seq)) seq++;
    this.firstSeq = seq;
    if (seq > this.lastSeq) {
      this.firstTime.clear();
      return;
    }
    const scratch = new StoredMsg();
    if (this.fetch(seq, scratch) === LoadCode.Found) {
      this.firstTime.set(scratch.tsHigh, scratch.tsLow);
    } else this.firstTime.clear();
  }

  /** Checksum of the last record; zeros when there is none. */
  lastChecksum(): Uint8Array {
    const cache = this.cache;
    if (cache !== null) {
      if (cache.length < CHECKSUM_BYTES) return new Uint8Array(CHECKSUM_BYTES);
      return cache.bytes.slice(cache.length - CHECKSUM_BYTES, cache.length);
    }
    const out = new Uint8Array(CHECKSUM_BYTES);
    const stat = this.host.env.disk.stat(this.path);
    if (stat === null || stat.sizeBytes < CHECKSUM_BYTES) return out;
    if (this.cipher === null) this.host.loadCipher?.(this);
    const file = this.host.env.disk.open(this.path, "read");
    try {
      this.rawBytes = stat.sizeBytes;
      file.readAt(out, stat.sizeBytes - CHECKSUM_BYTES);
      return this.cipher === null ? out : this.cipher.apply(out, stat.sizeBytes - CHECKSUM_BYTES);
    } finally {
      file.close();
    }
  }

  /** Tombstones in the block with their times, loading it when needed. */
  tombstones(): { seq: number; tsHigh: number; tsLow: number }[] {
    const cache = this.load();
    const found: { seq: number; tsHigh: number; tsLow: number }[] = [];
    for (let at = 0; at < cache.length; at += recordLength(cache.view, at)) {
      if (recordMark(cache.view, at) !== TOMBSTONE_BIT) continue;
      found.push({
        seq: recordSeq(cache.view, at),
        tsHigh: cache.view.getUint32(at + 16, true),
        tsLow: cache.view.getUint32(at + 12, true),
      });
    }
    return found;
  }
}
