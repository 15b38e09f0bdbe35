/**
 * A disk in memory that can crash. Its model of what survives a power loss:
 *
 * - File data survives up to the last sync of the file. What was written since survives wholly,
 *   not at all, or torn: a part of the new bytes, some of them zero.
 * - Directory changes (create, rename, remove) form one journal, as on a journaling file system.
 *   A sync of any directory commits the journal; of the rest a random prefix survives. A sync of a
 *   file does not commit the file's own name.
 *
 * A killed process loses nothing that was written. The n-th changing call can be made to crash
 * (before or after it takes effect) or to fail with an error code. All choices come from one seed.
 *
 * @module
 */
import {
  type Disk,
  type DiskEntry,
  DiskError,
  type DiskErrorCode,
  type DiskFile,
  type DiskStat,
  type OpenMode,
} from "../../src/platform/disk.ts";
import type { SeededRandom } from "./random.ts";

/** Thrown by the call at which the machine stops; nothing catches it but the test. */
export class SimulatedCrash extends Error {
  override readonly name = "SimulatedCrash";
}

class Inode {
  data = new Uint8Array(0);
  size = 0;
  /** Content as of the last sync. */
  synced = new Uint8Array(0);

  content(): Uint8Array {
    return this.data.subarray(0, this.size);
  }

  write(source: Uint8Array, at: number): void {
    const end = at + source.length;
    if (end > this.data.length) {
      const data = new Uint8Array(Math.max(end, this.data.length * 2));
      data.set(this.content());
      this.data = data;
    }
    this.data.set(source, at);
    if (end > this.size) this.size = end;
  }

  truncate(size: number): void {
    if (size < this.size) this.data.fill(0, size, this.size);
    this.size = size;
  }
}

/** A directory tree as full paths; null is a directory. */
type Tree = Map<string, Inode | null>;

type Change = (tree: Tree) => void;

/** What the disk does to calls that change it. */
export interface FaultPlan {
  /** The call at which the machine stops, counted from 1; 0 for never. */
  crashAt: number;
  /** The call that fails, counted from 1; 0 for none. */
  failAt: number;
  failCode: DiskErrorCode;
}

/** The simulated disk. */
export class SimulatedDisk implements Disk {
  #tree: Tree = new Map([["/", null]]);
  #durable: Tree = new Map([["/", null]]);
  #journal: Change[] = [];
  readonly #random: SeededRandom;
  /** Changing calls so far. */
  calls = 0;
  plan: FaultPlan = { crashAt: 0, failAt: 0, failCode: "EIO" };
  /** The machine has stopped: nothing is written until {@linkcode reboot}. */
  stopped = false;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Counts a changing call and lets it crash or fail. True: crash after it took effect. */
  #enter(operation: string, path: string): boolean {
    if (this.stopped) throw new SimulatedCrash(`${operation} ${path} after the stop`);
    this.calls++;
    if (this.calls === this.plan.failAt) {
      throw new DiskError(this.plan.failCode, operation, path, "simulated failure");
    }
    if (this.calls !== this.plan.crashAt) return false;
    this.stopped = true;
    if (this.#random.chance(0.5)) throw new SimulatedCrash(`${operation} ${path}`);
    return true;
  }

  #leave(crash: boolean, what: string): void {
    if (crash) throw new SimulatedCrash(`after ${what}`);
  }

  #change(operation: string, path: string, change: Change): void {
    const crash = this.#enter(operation, path);
    change(this.#tree);
    this.#journal.push(change);
    this.#leave(crash, `${operation} ${path}`);
  }

  /** The disk after the machine stopped: `power` loses unsynced data, otherwise all is there. */
  reboot(power: boolean): void {
    this.stopped = false;
    this.plan = { crashAt: 0, failAt: 0, failCode: "EIO" };
    this.calls = 0;
    if (power) {
      const survive = this.#random.below(this.#journal.length + 1);
      for (const change of this.#journal.slice(0, survive)) change(this.#durable);
      const seen = new Set<Inode>();
      for (const inode of this.#durable.values()) {
        if (inode === null || seen.has(inode)) continue;
        seen.add(inode);
        this.#tear(inode);
      }
      this.#tree = new Map(this.#durable);
    } else {
      this.#durable = new Map(this.#tree);
    }
    this.#journal = [];
    for (const inode of this.#tree.values()) {
      if (inode !== null) inode.synced = inode.content().slice();
    }
  }

  #tear(inode: Inode): void {
    const { synced } = inode;
    const current = inode.content().slice();
    const dice = this.#random.unit();
    let content: Uint8Array<ArrayBuffer>;
    if (dice < 0.35) content = current;
    else if (dice < 0.6) content = synced.slice();
    else {
      // Some sectors of the new content arrived, the rest is old or was never written.
      const size = Math.min(synced.length, current.length) +
        this.#random.below(Math.abs(current.length - synced.length) + 1);
      content = new Uint8Array(size);
      content.set(current.subarray(0, size));
      const from = firstDifference(synced, current);
      for (let at = from; at < size; at += 64) {
        if (this.#random.chance(0.6)) continue;
        const end = Math.min(at + 64, size);
        for (let i = at; i < end; i++) content[i] = i < synced.length ? synced[i]! : 0;
      }
    }
    inode.data = content;
    inode.size = content.length;
  }

  #lookup(operation: string, path: string): Inode {
    const inode = this.#tree.get(path);
    if (inode === undefined || inode === null) {
      throw new DiskError("ENOENT", operation, path, "no such file or directory");
    }
    return inode;
  }

  open(path: string, mode: OpenMode): DiskFile {
    const known = this.#tree.get(path);
    if (known === undefined && (mode === "read" || mode === "write")) this.#lookup("open", path);
    if (known !== undefined && mode === "exclusive") {
      throw new DiskError("EEXIST", "open", path, "file exists");
    }
    let inode = known ?? null;
    if (inode === null) {
      const fresh = new Inode();
      inode = fresh;
      this.#change("create", path, (tree) => void tree.set(path, fresh));
    } else if (mode === "replace") {
      const crash = this.#enter("truncate", path);
      inode.truncate(0);
      this.#leave(crash, "truncate");
    }
    return this.#handle(path, inode);
  }

  #handle(path: string, inode: Inode): DiskFile {
    const sync = () => {
      const crash = this.#enter("sync", path);
      inode.synced = inode.content().slice();
      this.#leave(crash, "sync");
    };
    return {
      path,
      size: () => inode.size,
      readAt: (target, at) => {
        const part = inode.content().subarray(at, at + target.length);
        target.set(part);
        return part.length;
      },
      writeAt: (source, at) => {
        const crash = this.#enter("write", path);
        const size = crash ? this.#random.below(source.length + 1) : source.length;
        inode.write(source.subarray(0, size), at);
        this.#leave(crash, "write");
      },
      truncate: (size) => {
        const crash = this.#enter("truncate", path);
        inode.truncate(size);
        this.#leave(crash, "truncate");
      },
      syncData: async () => {
        await Promise.resolve();
        sync();
      },
      syncDataNow: sync,
      close: () => {},
    };
  }

  readFile(path: string): Uint8Array {
    return this.#lookup("open", path).content().slice();
  }

  writeFile(path: string, content: Uint8Array): void {
    this.open(path, "replace").writeAt(content, 0);
  }

  rename(from: string, to: string): void {
    if (!this.#tree.has(from)) this.#lookup("rename", from);
    this.#change("rename", from, (tree) => {
      const moved: [string, Inode | null][] = [];
      for (const [path, inode] of tree) {
        if (path !== from && !path.startsWith(`${from}/`)) continue;
        moved.push([to + path.slice(from.length), inode]);
        tree.delete(path);
      }
      for (const [path, inode] of moved) tree.set(path, inode);
    });
  }

  remove(path: string): void {
    this.#lookup("remove", path);
    this.#change("remove", path, (tree) => void tree.delete(path));
  }

  removeTree(path: string): void {
    if (!this.#tree.has(path)) return;
    this.#change("remove", path, (tree) => {
      for (const key of [...tree.keys()]) {
        if (key === path || key.startsWith(`${path}/`)) tree.delete(key);
      }
    });
  }

  makeDirs(path: string): void {
    if (this.#tree.has(path)) return;
    this.#change("mkdir", path, (tree) => {
      for (let at = path.indexOf("/", 1); at > 0; at = path.indexOf("/", at + 1)) {
        tree.set(path.slice(0, at), null);
      }
      tree.set(path, null);
    });
  }

  list(path: string): DiskEntry[] {
    if (!this.#tree.has(path)) this.#lookup("open", path);
    const entries: DiskEntry[] = [];
    for (const [key, inode] of this.#tree) {
      if (!key.startsWith(`${path}/`) || key.indexOf("/", path.length + 1) >= 0) continue;
      entries.push({ name: key.slice(path.length + 1), isDirectory: inode === null });
    }
    return entries;
  }

  stat(path: string): DiskStat | null {
    const inode = this.#tree.get(path);
    if (inode === undefined) return null;
    return { isDirectory: inode === null, sizeBytes: inode?.size ?? 0 };
  }

  freeBytes(_path: string): number {
    return 1e12;
  }

  async syncDir(path: string): Promise<void> {
    await Promise.resolve();
    this.syncDirNow(path);
  }

  syncDirNow(path: string): void {
    const crash = this.#enter("sync", path);
    for (const change of this.#journal) change(this.#durable);
    this.#journal = [];
    this.#leave(crash, "sync");
  }

  /** Paths of all files. */
  files(): string[] {
    return [...this.#tree].filter(([, inode]) => inode !== null).map(([path]) => path);
  }

  /** Flips one bit of a file, durably. */
  flipBit(path: string, bit: number): void {
    const inode = this.#lookup("flip", path);
    inode.data[bit >>> 3]! ^= 1 << (bit & 7);
  }
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const size = Math.min(a.length, b.length);
  for (let i = 0; i < size; i++) if (a[i] !== b[i]) return i;
  return size;
}
