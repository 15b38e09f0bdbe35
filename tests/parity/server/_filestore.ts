/**
 * What the ports of the reference's file store tests share: looks into the core of a store, and
 * accidents that tests arrange.
 *
 * @module
 */
import { type Disk, DiskError, type DiskFile, type OpenMode } from "../../../src/platform/disk.ts";
import { systemDisk } from "../../../src/platform/deno/disk.ts";
import { streamStoreConfig } from "../../../src/store/config.ts";
import { compactBlock } from "../../../src/store/file/block/compact.ts";
import type { MsgBlock } from "../../../src/store/file/block/msg_block.ts";
import { FileStore } from "../../../src/store/file/file_store.ts";
import { MemoryStore } from "../../../src/store/memory/memory_store.ts";
import { LoadCode, StoredMsg } from "../../../src/store/stored_msg.ts";
import type {
  LostStreamData,
  StoreEnvironment,
  StreamStore,
} from "../../../src/store/stream_store.ts";
import { realEnvironment, temporaryDirectory } from "../../sim/environment.ts";
import type { Reopenable } from "../../sim/store_permutations.ts";

/** A plain store "zzz" in a temporary directory, for tests without permutations. */
export function plainStores(env: StoreEnvironment = realEnvironment()): Reopenable & Disposable {
  const dir = temporaryDirectory();
  return {
    dir: `${dir.path}/zzz`,
    open: (config = {}, options = {}) =>
      new FileStore(
        env,
        { storeDir: `${dir.path}/zzz`, ...options },
        streamStoreConfig({ name: "zzz", ...config }),
      ),
    [Symbol.dispose]: () => dir[Symbol.dispose](),
  };
}

/** Path of a store's `index.db`. */
export function indexPath(stores: { dir: string }): string {
  return `${stores.dir}/msgs/index.db`;
}

/** Number of message blocks. */
export function blockCount(fs: FileStore): number {
  return fs.core.blocks.length;
}

/** Bytes of records held in memory. */
export function cacheBytes(fs: FileStore): number {
  return fs.core.blocks.reduce((sum, block) => sum + (block.cache?.length ?? 0), 0);
}

/** Interior deletes that a store remembers. */
export function deletedEntries(store: StreamStore): number {
  if (store instanceof MemoryStore) return store.messages.deleted.size;
  return (store as FileStore).core.blocks.reduce((sum, block) => sum + block.deleted.size, 0);
}

/** True when a block knows its subjects. */
export function anySubjects(fs: FileStore): boolean {
  return fs.core.blocks.some((block) => block.subjects !== null && block.subjects.size() > 0);
}

/** Drops what is in memory of all blocks, so that the next access reads the disk. */
export function dropCaches(fs: FileStore): void {
  fs.core.flush();
  for (const block of fs.core.blocks) block.dropCache();
}

/** Reads and verifies every block from disk; what that cost, or null. */
export function checkMsgs(fs: FileStore): LostStreamData | null {
  const known = new Set(fs.core.lost?.msgs);
  const knownBytes = fs.core.lost?.bytes ?? 0;
  dropCaches(fs);
  for (const block of fs.core.blocks.slice()) block.load();
  const { lost } = fs.core;
  if (lost === null) return null;
  const msgs = lost.msgs.filter((seq) => !known.has(seq));
  const bytes = lost.bytes - knownBytes;
  return msgs.length === 0 && bytes === 0 ? null : { msgs, bytes };
}

/** Compacts one block by hand. */
export function compactByHand(fs: FileStore, block: MsgBlock): void {
  fs.core.flush();
  compactBlock(block, (seq) => fs.core.isTombstoneNeeded(block, seq));
}

/** How loading message `seq` ends. */
export function loadCode(store: StreamStore, seq: number): LoadCode {
  return store.loadMsg(seq, new StoredMsg());
}

/** Sequence of the next match at or after `start`, or null. */
export function nextSeq(store: StreamStore, filter: string, start: number): number | null {
  const msg = new StoredMsg();
  return store.loadNextMsg(filter, start, msg) === LoadCode.Found ? msg.seq : null;
}

/** The machine's disk, with the reads of block files counted and writes to them failing on demand. */
export class WatchedDisk {
  /** Block files that were read as a whole. */
  blockReads = 0;
  /** Writes to block files fail while set. */
  failWrites = false;

  /** The disk to give to a store. */
  disk(): Disk {
    const real = systemDisk();
    return {
      ...real,
      readFile: (path) => {
        if (path.endsWith(".blk")) this.blockReads++;
        return real.readFile(path);
      },
      open: (path: string, mode: OpenMode): DiskFile => {
        const file = real.open(path, mode);
        if (!path.endsWith(".blk")) return file;
        return {
          path,
          size: () => file.size(),
          readAt: (target, at) => file.readAt(target, at),
          writeAt: (source, at) => {
            if (this.failWrites) throw new DiskError("EIO", "write", path, "mock write error");
            file.writeAt(source, at);
          },
          truncate: (sizeBytes) => file.truncate(sizeBytes),
          syncData: () => file.syncData(),
          syncDataNow: () => file.syncDataNow(),
          close: () => file.close(),
        };
      },
    };
  }
}
