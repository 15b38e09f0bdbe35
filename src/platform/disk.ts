/**
 * Files as the stores need them. Calls are synchronous except where waiting for the device would
 * stall the loop. Tests run the same stores on a simulated disk that loses unsynced writes.
 *
 * Errors are {@linkcode DiskError}; a missing file is an error only where a method says so.
 *
 * @module
 */

/** What went wrong, as the operating system names it; `EIO` stands for all other reasons. */
export type DiskErrorCode = "ENOENT" | "EEXIST" | "EACCES" | "ENOSPC" | "ENOTDIR" | "EIO";

/** A failed file operation. */
export class DiskError extends Error {
  override readonly name = "DiskError";
  constructor(
    readonly code: DiskErrorCode,
    /** The operation, for instance "open". */
    readonly operation: string,
    readonly path: string,
    /** The system's text, e.g. "no space left on device". */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${operation} ${path}: ${reason}`, options);
  }
}

/** True when `error` says that a file or directory does not exist. */
export function isNotFound(error: unknown): boolean {
  return error instanceof DiskError && error.code === "ENOENT";
}

/** True when `error` says that there is no room left. */
export function isNoSpace(error: unknown): boolean {
  return error instanceof DiskError && error.code === "ENOSPC";
}

/**
 * How to open a file: `read` an existing one, `write` an existing one, `create` one when missing
 * and write, `replace` its content, or create it `exclusive`ly. All but `read` can also be read.
 */
export type OpenMode = "read" | "write" | "create" | "replace" | "exclusive";

/** An open file. */
export interface DiskFile {
  readonly path: string;
  /** Current size in bytes. */
  size(): number;
  /** Fills `target` from offset `at`; returns how many bytes there were. */
  readAt(target: Uint8Array, at: number): number;
  /** Writes all of `source` (borrowed) at offset `at`, or throws. */
  writeAt(source: Uint8Array, at: number): void;
  truncate(sizeBytes: number): void;
  /** Makes the content durable without blocking the loop. */
  syncData(): Promise<void>;
  /** Makes the content durable before it returns. */
  syncDataNow(): void;
  /** Safe to call again. */
  close(): void;
}

/** An entry of a directory. */
export interface DiskEntry {
  readonly name: string;
  readonly isDirectory: boolean;
}

/** What is known of a path. */
export interface DiskStat {
  readonly isDirectory: boolean;
  readonly sizeBytes: number;
}

/** A file system. Paths are joined with "/". */
export interface Disk {
  open(path: string, mode: OpenMode): DiskFile;
  /** Content of a file in an owned array; throws ENOENT. */
  readFile(path: string): Uint8Array;
  /** Creates or replaces a file in place. */
  writeFile(path: string, content: Uint8Array): void;
  /** Moves a file or directory, replacing an existing file. */
  rename(from: string, to: string): void;
  /** Removes a file; throws ENOENT. */
  remove(path: string): void;
  /** Removes a file or directory with all below; nothing happens when it is missing. */
  removeTree(path: string): void;
  /** Creates a directory and its parents. */
  makeDirs(path: string): void;
  /** Entries of a directory in no particular order; throws ENOENT. */
  list(path: string): DiskEntry[];
  /** Null when the path does not exist. */
  stat(path: string): DiskStat | null;
  /** Bytes that are free for use on the device of `path`, which must exist. */
  freeBytes(path: string): number;
  /** Makes creations, renames and removals in a directory durable. */
  syncDir(path: string): Promise<void>;
  /** The same before it returns. */
  syncDirNow(path: string): void;
}
