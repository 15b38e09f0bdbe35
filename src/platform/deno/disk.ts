/**
 * The machine's file system through Deno.
 *
 * @module
 */
import { statfsSync } from "node:fs";
import {
  type Disk,
  type DiskEntry,
  DiskError,
  type DiskErrorCode,
  type DiskFile,
  type DiskStat,
  type OpenMode,
} from "../disk.ts";

const FILE_MODE = 0o600;
const DIR_MODE = 0o700;

const REASONS: Record<DiskErrorCode, string> = {
  ENOENT: "no such file or directory",
  EEXIST: "file exists",
  EACCES: "permission denied",
  ENOSPC: "no space left on device",
  ENOTDIR: "not a directory",
  EIO: "input/output error",
};

function diskError(error: unknown, operation: string, path: string): DiskError {
  const code = (error as { code?: string }).code ?? "";
  const known = code in REASONS ? code as DiskErrorCode : code === "EPERM" ? "EACCES" : "EIO";
  const text = error instanceof Error ? error.message : String(error);
  const reason = known === "EIO" && code !== "EIO" ? text : REASONS[known];
  return new DiskError(known, operation, path, reason, { cause: error });
}

function attempt<T>(operation: string, path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw diskError(error, operation, path);
  }
}

class DenoDiskFile implements DiskFile {
  #file: Deno.FsFile | null;
  /** Where the next sequential read or write happens; saves a seek per append. */
  #position = 0;

  constructor(readonly path: string, file: Deno.FsFile) {
    this.#file = file;
  }

  #open(): Deno.FsFile {
    if (this.#file === null) throw new DiskError("EIO", "use", this.path, "file already closed");
    return this.#file;
  }

  #seek(file: Deno.FsFile, at: number): void {
    if (this.#position === at) return;
    file.seekSync(at, Deno.SeekMode.Start);
    this.#position = at;
  }

  size(): number {
    return attempt("stat", this.path, () => this.#open().statSync().size);
  }

  readAt(target: Uint8Array, at: number): number {
    return attempt("read", this.path, () => {
      const file = this.#open();
      this.#seek(file, at);
      let done = 0;
      while (done < target.length) {
        const count = file.readSync(done === 0 ? target : target.subarray(done));
        if (count === null || count === 0) break;
        done += count;
      }
      this.#position = at + done;
      return done;
    });
  }

  writeAt(source: Uint8Array, at: number): void {
    attempt("write", this.path, () => {
      const file = this.#open();
      this.#seek(file, at);
      // Unknown until the whole write succeeded.
      this.#position = -1;
      let done = 0;
      while (done < source.length) {
        done += file.writeSync(done === 0 ? source : source.subarray(done));
      }
      this.#position = at + done;
    });
  }

  truncate(sizeBytes: number): void {
    attempt("truncate", this.path, () => this.#open().truncateSync(sizeBytes));
  }

  async syncData(): Promise<void> {
    try {
      await this.#open().syncData();
    } catch (error) {
      throw diskError(error, "sync", this.path);
    }
  }

  syncDataNow(): void {
    attempt("sync", this.path, () => this.#open().syncDataSync());
  }

  close(): void {
    const file = this.#file;
    this.#file = null;
    if (file !== null) attempt("close", this.path, () => file.close());
  }
}

function openOptions(mode: OpenMode): Deno.OpenOptions {
  switch (mode) {
    case "read":
      return { read: true };
    case "write":
      return { read: true, write: true };
    case "create":
      return { read: true, write: true, create: true, mode: FILE_MODE };
    case "replace":
      return { read: true, write: true, create: true, truncate: true, mode: FILE_MODE };
    case "exclusive":
      return { read: true, write: true, createNew: true, mode: FILE_MODE };
  }
}

/** The file system this process sees. */
export function systemDisk(): Disk {
  return {
    open: (path, mode) =>
      attempt("open", path, () => new DenoDiskFile(path, Deno.openSync(path, openOptions(mode)))),
    readFile: (path) => attempt("open", path, () => Deno.readFileSync(path)),
    writeFile: (path, content) =>
      attempt("open", path, () => Deno.writeFileSync(path, content, { mode: FILE_MODE })),
    rename: (from, to) => attempt("rename", from, () => Deno.renameSync(from, to)),
    remove: (path) => attempt("remove", path, () => Deno.removeSync(path)),
    removeTree: (path) => {
      try {
        Deno.removeSync(path, { recursive: true });
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw diskError(error, "remove", path);
      }
    },
    makeDirs: (path) =>
      attempt("mkdir", path, () => Deno.mkdirSync(path, { recursive: true, mode: DIR_MODE })),
    list: (path): DiskEntry[] =>
      attempt(
        "open",
        path,
        () =>
          Array.from(Deno.readDirSync(path), (entry) => ({
            name: entry.name,
            isDirectory: entry.isDirectory,
          })),
      ),
    stat: (path): DiskStat | null => {
      try {
        const info = Deno.statSync(path);
        return { isDirectory: info.isDirectory, sizeBytes: info.size };
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return null;
        throw diskError(error, "stat", path);
      }
    },
    freeBytes: (path) => {
      try {
        const { bavail, bsize } = statfsSync(path);
        return bavail * bsize;
      } catch (error) {
        throw diskError(error, "statfs", path);
      }
    },
    syncDir: async (path) => {
      try {
        const dir = await Deno.open(path);
        try {
          await dir.sync();
        } finally {
          dir.close();
        }
      } catch (error) {
        throw diskError(error, "sync", path);
      }
    },
    syncDirNow: (path) =>
      attempt("sync", path, () => {
        const dir = Deno.openSync(path);
        try {
          dir.syncSync();
        } finally {
          dir.close();
        }
      }),
  };
}
