/**
 * Restoring a stream: a snapshot, a tar archive in S2 framing, is unpacked into a directory as its
 * pieces come (reference: stream.go RestoreStream). The stream is then opened there or, after a
 * rename, at its place; opening it encrypts and compresses as its options say.
 *
 * Nothing of a snapshot is trusted: names that lead out of the directory, anything but plain files,
 * damage and a missing end are refused, and the caller decides on each file's size before it is
 * written.
 *
 * @module
 */
import { CorruptS2Error, S2Decoder } from "../../../base/compress/mod.ts";
import type { Disk, DiskFile } from "../../../platform/disk.ts";
import { StoreError } from "../../errors.ts";
import { TarReader, type TarSink } from "../format/tar.ts";
import { StreamFile } from "./full_state_io.ts";

/** The file in which a server says that it could not finish its snapshot. */
const ERRORS_FILE = "errors.txt";
/** Empty files cost room too: more than this is no snapshot. */
const FILES_MAX = 4_000_000;
const NAME_BYTES_MAX = 1024;

/** How a snapshot is unpacked. */
export interface RestoreOptions {
  readonly disk: Disk;
  /** Created when missing; should be empty. */
  readonly directory: string;
  /**
   * Asked before a file is written, with the bytes of all files so far and this one. Throws to
   * refuse the snapshot, for instance because of an account's limits.
   */
  readonly admit?: (totalBytes: number) => void;
  /** Make all files durable before the end is reported. */
  readonly sync?: boolean;
}

/** What was unpacked. */
export interface RestoredFiles {
  readonly files: number;
  readonly bytes: number;
  /** Names of the directories in `obs`. */
  readonly consumers: readonly string[];
}

/** Unpacks one snapshot. */
export class SnapshotUnpacker {
  readonly #options: RestoreOptions;
  readonly #decoder = new S2Decoder();
  readonly #reader: TarReader;
  readonly #directories: Set<string> = new Set();
  readonly #consumers: Set<string> = new Set();
  #file: DiskFile | null = null;
  #written = 0;
  #files = 0;
  #bytes = 0;
  #hasMeta = false;
  #failed = false;

  constructor(options: RestoreOptions) {
    this.#options = options;
    this.#makeDirs(options.directory);
    const sink: TarSink = {
      file: (name, sizeBytes) => this.#begin(name, sizeBytes),
      content: (bytes) => {
        this.#file?.writeAt(bytes, this.#written);
        this.#written += bytes.length;
      },
      fileEnd: () => this.#close(),
    };
    this.#reader = new TarReader(sink);
  }

  /**
   * Takes the next piece (borrowed). Throws `bad_snapshot`, disk errors and what `admit` throws;
   * then only {@linkcode abort} is left to do.
   */
  write(piece: Uint8Array): void {
    this.#attempt(() => this.#decoder.write(piece, (data) => this.#reader.write(data)));
  }

  /** Ends the snapshot. Throws `bad_snapshot` when it is not complete. */
  end(): RestoredFiles {
    return this.#attempt(() => {
      this.#decoder.end();
      this.#reader.end();
      if (!this.#hasMeta) throw new StoreError("bad_snapshot", `no ${StreamFile.Meta} in snapshot`);
      if (this.#options.sync === true) {
        for (const directory of this.#directories) this.#options.disk.syncDirNow(directory);
      }
      return { files: this.#files, bytes: this.#bytes, consumers: [...this.#consumers] };
    });
  }

  /** Removes what was unpacked. */
  abort(): void {
    this.#failed = true;
    this.#file?.close();
    this.#file = null;
    this.#options.disk.removeTree(this.#options.directory);
  }

  #attempt<T>(step: () => T): T {
    if (this.#failed) throw new StoreError("bad_snapshot", "snapshot was refused before");
    try {
      return step();
    } catch (error) {
      this.#failed = true;
      this.#file?.close();
      this.#file = null;
      if (!(error instanceof CorruptS2Error)) throw error;
      throw new StoreError("bad_snapshot", `invalid snapshot: ${error.message}`, { cause: error });
    }
  }

  #begin(name: string, sizeBytes: number): void {
    const parts = safeParts(name);
    if (++this.#files > FILES_MAX) throw new StoreError("bad_snapshot", "too many files");
    this.#bytes += sizeBytes;
    this.#options.admit?.(this.#bytes);
    const path = parts.join("/");
    if (path === ERRORS_FILE) {
      throw new StoreError("bad_snapshot", "the snapshot says that it could not be finished");
    }
    if (path === StreamFile.Meta) this.#hasMeta = true;
    if (parts[0] === "obs" && parts.length > 2) this.#consumers.add(parts[1]!);
    const directory = [this.#options.directory, ...parts.slice(0, -1)].join("/");
    this.#makeDirs(directory);
    this.#file = this.#options.disk.open(`${directory}/${parts.at(-1)!}`, "replace");
    this.#written = 0;
  }

  #makeDirs(directory: string): void {
    if (this.#directories.has(directory)) return;
    this.#directories.add(directory);
    this.#options.disk.makeDirs(directory);
  }

  #close(): void {
    const file = this.#file;
    this.#file = null;
    if (file === null) return;
    try {
      if (this.#options.sync === true) file.syncDataNow();
    } finally {
      file.close();
    }
  }
}

/** The parts of a relative path that stays where it is. Throws `bad_snapshot`. */
function safeParts(name: string): string[] {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  const isBad = parts.length === 0 || name.endsWith("/") || name.length > NAME_BYTES_MAX ||
    parts.some((part) => part === ".." || part.includes("\0") || part.includes("\\"));
  if (isBad) throw new StoreError("bad_snapshot", "unexpected content");
  return parts;
}

/** Unpacks a snapshot that comes as a sequence; removes what it wrote when that fails. */
export async function restoreSnapshot(
  pieces: AsyncIterable<Uint8Array>,
  options: RestoreOptions,
): Promise<RestoredFiles> {
  const unpacker = new SnapshotUnpacker(options);
  try {
    for await (const piece of pieces) unpacker.write(piece);
    return unpacker.end();
  } catch (error) {
    unpacker.abort();
    throw error;
  }
}
