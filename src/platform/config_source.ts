/**
 * Where the configuration comes from: files and the environment.
 *
 * @module
 */

/** A file could not be read; the message is the one Go's `os` package gives. */
export class FileError extends Error {
  override readonly name = "FileError";
  constructor(
    readonly operation: "open" | "read",
    readonly path: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${operation} ${path}: ${reason}`, options);
  }
}

/** What the configuration may look at outside of itself. */
export interface ConfigSource {
  /**
   * The whole of a file; the array is the caller's.
   *
   * @throws {FileError}
   */
  readFile(path: string): Uint8Array;
  /** An environment variable, or null when it is not set. */
  env(name: string): string | null;
  /** What a path is, or null when it does not exist or cannot be looked at. */
  stat(path: string): { isDirectory: boolean; ownerMayWrite: boolean } | null;
}
