/**
 * Log lines in the reference's format, or as JSON.
 *
 * ```text
 * [pid] 2026/11/23 10:00:00.000000 [INF] text
 * {"time":"2026-11-23T10:00:00.000Z","level":"inf","pid":1,"message":"text"}
 * ```
 *
 * Reference: logger/log.go; JSON is an addition.
 *
 * @module
 */
import type { Clock, Logger } from "../platform/mod.ts";

/** Takes finished lines, each with its newline. */
export type LineSink = (line: string) => void;

/** How lines look and which are written. */
export interface TextLogSettings {
  readonly logtime: boolean;
  readonly logtimeUtc: boolean;
  readonly logFormat: "text" | "json";
  readonly debug: boolean;
  readonly trace: boolean;
}

/** What a text log needs of the world. */
export interface TextLogWorld {
  readonly clock: Clock;
  /** Shown at the start of each line; null leaves it out. */
  readonly pid: number | null;
  readonly colours: boolean;
  readonly sink: LineSink;
}

const LABELS = {
  notice: ["INF", "32"],
  warn: ["WRN", "0;93"],
  error: ["ERR", "31"],
  fatal: ["FTL", "31"],
  debug: ["DBG", "36"],
  trace: ["TRC", "33"],
} as const;

/** A kind of log line. */
export type LogLevel = keyof typeof LABELS;

function pad(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

/** Year, month, day, hour, minute and second of a time, in local time or UTC. */
export function dateParts(nowNs: bigint, utc: boolean): number[] {
  const date = new Date(Number(nowNs / 1_000_000n));
  return utc
    ? [
      date.getUTCFullYear(),
      date.getUTCMonth() + 1,
      date.getUTCDate(),
      date.getUTCHours(),
      date.getUTCMinutes(),
      date.getUTCSeconds(),
    ]
    : [
      date.getFullYear(),
      date.getMonth() + 1,
      date.getDate(),
      date.getHours(),
      date.getMinutes(),
      date.getSeconds(),
    ];
}

/** `2026/11/23 10:00:00.000000 ` in local time or UTC. */
export function logTimeText(nowNs: bigint, utc: boolean): string {
  const [year, ...rest] = dateParts(nowNs, utc);
  const [month, day, hour, minute, second] = rest.map((part) => pad(part, 2));
  const micros = pad(Number((nowNs / 1000n) % 1_000_000n), 6);
  return `${pad(year!, 4)}/${month}/${day} ${hour}:${minute}:${second}.${micros} `;
}

/** `[INF] ` and the like. */
export function levelLabel(level: LogLevel, colours: boolean): string {
  const [label, colour] = LABELS[level];
  return colours ? `[\x1b[${colour}m${label}\x1b[0m] ` : `[${label}] `;
}

/** A logger that hands finished texts of wanted levels to `write`. */
export function loggerOf(
  wanted: { readonly debug: boolean; readonly trace: boolean },
  write: (level: LogLevel, text: string) => void,
): Logger {
  const logger: Logger = {
    debugEnabled: wanted.debug,
    traceEnabled: wanted.trace,
    notice: (text) => write("notice", text),
    warn: (text) => write("warn", text),
    error: (text) => write("error", text),
    fatal: (text) => write("fatal", text),
    debug: (text) => {
      if (logger.debugEnabled) write("debug", text);
    },
    trace: (text) => {
      if (logger.traceEnabled) write("trace", text);
    },
  };
  return logger;
}

/** A line of a log in JSON. */
export function jsonLine(clock: Clock, pid: number | null, level: LogLevel, text: string): string {
  const time = new Date(clock.nowMs()).toISOString();
  const line = { time, level: LABELS[level][0].toLowerCase(), pid, message: text };
  return `${JSON.stringify(line)}\n`;
}

/** A logger that formats lines as the settings say and hands them to the sink. */
export function textLogger(settings: TextLogSettings, world: TextLogWorld): Logger {
  const { clock, pid, colours, sink } = world;
  const prefix = pid === null ? "" : `[${pid}] `;
  return loggerOf(settings, (level, text) => {
    if (settings.logFormat === "json") return sink(jsonLine(clock, pid, level, text));
    const time = settings.logtime ? logTimeText(clock.nowNs(), settings.logtimeUtc) : "";
    sink(`${prefix}${time}${levelLabel(level, colours)}${text}\n`);
  });
}
