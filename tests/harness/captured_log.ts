/**
 * A logger that keeps its lines, for tests that look at what the operator is told.
 *
 * @module
 */
import type { Logger } from "../../src/platform/mod.ts";

export type LogLevel = "notice" | "warn" | "error" | "fatal" | "debug" | "trace";

/** Keeps every line; debug and trace only when asked for. */
export class CapturedLog implements Logger {
  readonly lines: { readonly level: LogLevel; readonly text: string }[] = [];
  debugEnabled: boolean;
  traceEnabled: boolean;

  constructor(enabled: { debug?: boolean; trace?: boolean } = {}) {
    this.debugEnabled = enabled.debug ?? false;
    this.traceEnabled = enabled.trace ?? false;
  }

  notice(text: string): void {
    this.lines.push({ level: "notice", text });
  }

  warn(text: string): void {
    this.lines.push({ level: "warn", text });
  }

  error(text: string): void {
    this.lines.push({ level: "error", text });
  }

  fatal(text: string): void {
    this.lines.push({ level: "fatal", text });
  }

  debug(text: string): void {
    if (this.debugEnabled) this.lines.push({ level: "debug", text });
  }

  trace(text: string): void {
    if (this.traceEnabled) this.lines.push({ level: "trace", text });
  }

  /** Texts of one level that contain `part`. */
  texts(level: LogLevel, part = ""): string[] {
    return this.lines.filter((line) => line.level === level && line.text.includes(part))
      .map((line) => line.text);
  }
}
