/**
 * A log file that is put aside when it grows too large.
 *
 * Reference: fileLogger in logger/log.go. A backup is named after the file and the time:
 * `nats.log.2026.11.23.10.00.00.000000000`.
 *
 * @module
 */
import { goQuote } from "../base/text/go_format.ts";
import type { Clock, LogFiles, OpenLogFile } from "../platform/mod.ts";
import { dateParts, jsonLine, levelLabel, type LogLevel, logTimeText } from "./text_log.ts";

/** When a file is put aside, and what its own lines look like. */
export interface LogFileSettings {
  /** Size in bytes over which the file is rotated; 0 never. */
  readonly sizeLimitBytes: number;
  /** Files kept, with the current one; 0 and less keep all. */
  readonly maxFiles: number;
  readonly logtime: boolean;
  readonly logFormat: "text" | "json";
  readonly pid: number | null;
}

const encoder = new TextEncoder();
const BACKUP_STAMP = /^\d{4}\.\d{2}\.\d{2}\.\d{2}\.\d{2}\.\d{2}(?:\.\d+)?$/;

/** An open log file. Throws when it cannot be opened. */
export class LogFile {
  #file: OpenLogFile;
  #sizeBytes: number;
  /** Doubles after a rotation that failed, until one succeeds. */
  #limitBytes: number;

  constructor(
    readonly path: string,
    readonly settings: LogFileSettings,
    readonly files: LogFiles,
    readonly clock: Clock,
  ) {
    this.#file = files.open(path);
    this.#sizeBytes = this.#file.sizeBytes;
    this.#limitBytes = settings.sizeLimitBytes;
  }

  /** The file is already too large: one more line rotates it. */
  get overLimit(): boolean {
    return this.settings.sizeLimitBytes > 0 && this.#sizeBytes > this.#limitBytes;
  }

  /** Appends a line, and rotates when that made the file too large. */
  write(line: string): void {
    const bytes = encoder.encode(line);
    this.#file.write(bytes);
    this.#sizeBytes += bytes.length;
    if (this.overLimit) this.#rotate();
  }

  /** Opens the file again, after somebody moved it away. */
  reopen(): void {
    this.#file.close();
    this.#file = this.files.open(this.path);
    this.#sizeBytes = this.#file.sizeBytes;
  }

  close(): void {
    this.#file.close();
  }

  #rotate(): void {
    try {
      this.#file.close();
    } catch (error) {
      this.#limitBytes *= 2;
      this.#own(
        "error",
        `Unable to close logfile for rotation (${(error as Error).message}), ` +
          `will attempt next rotation at size ${this.#limitBytes}`,
      );
      return;
    }
    const backup = `${this.path}.${this.#stamp()}`;
    this.files.rename(this.path, backup);
    this.#file = this.files.open(this.path);
    this.#sizeBytes = this.#own("notice", `Rotated log, backup saved as ${goQuote(backup)}`);
    this.#limitBytes = this.settings.sizeLimitBytes;
    if (this.settings.maxFiles > 0) this.#purge();
  }

  #stamp(): string {
    const nowNs = this.clock.nowNs();
    const parts = dateParts(nowNs, false).map((part, i) =>
      String(part).padStart(i === 0 ? 4 : 2, "0")
    );
    return `${parts.join(".")}.${String(nowNs % 1_000_000_000n).padStart(9, "0")}`;
  }

  /** Removes the oldest backups. */
  #purge(): void {
    const slash = this.path.lastIndexOf("/");
    const folder = slash < 0 ? "." : this.path.slice(0, slash + 1);
    const prefix = `${this.path.slice(slash + 1)}.`;
    let names: string[];
    try {
      names = this.files.names(folder);
    } catch (error) {
      this.#own(
        "error",
        `Unable to read directory ${goQuote(folder)} for log purge (${
          (error as Error).message
        }), ` +
          "will attempt next rotation",
      );
      return;
    }
    const backups = names
      .filter((name) => name.startsWith(prefix) && BACKUP_STAMP.test(name.slice(prefix.length)))
      .sort();
    for (const name of backups.slice(0, Math.max(0, backups.length + 1 - this.settings.maxFiles))) {
      try {
        this.files.remove(slash < 0 ? name : folder + name);
      } catch (error) {
        this.#own(
          "error",
          `Unable to remove backup log file ${goQuote(name)} (${(error as Error).message}), ` +
            "will attempt next rotation",
        );
        return;
      }
      this.#own("notice", `Purged log file ${goQuote(name)}`);
    }
  }

  /** Writes a line about the file itself, which does not count towards its size. */
  #own(level: LogLevel, text: string): number {
    const { pid, logtime, logFormat } = this.settings;
    const prefix = pid === null ? "" : `[${pid}] `;
    const time = logtime ? logTimeText(this.clock.nowNs(), false) : "";
    const bytes = encoder.encode(
      logFormat === "json"
        ? jsonLine(this.clock, pid, level, text)
        : `${prefix}${time}${levelLabel(level, false)}${text}\r\n`,
    );
    this.#file.write(bytes);
    return bytes.length;
  }
}
