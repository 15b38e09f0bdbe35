/**
 * The log on standard error or in a file, in the reference's line format.
 *
 * ```text
 * [pid] 2026/11/23 10:00:00.000000 [INF] text
 * ```
 *
 * @module
 */
import type { Options } from "../config/mod.ts";
import type { Clock, Logger } from "../platform/mod.ts";

/** Takes finished lines, each with its newline. */
export type LineSink = (line: string) => void;

const LABELS = {
  notice: ["INF", "32"],
  warn: ["WRN", "93"],
  error: ["ERR", "31"],
  fatal: ["FTL", "31"],
  debug: ["DBG", "36"],
  trace: ["TRC", "33"],
} as const;

type Level = keyof typeof LABELS;

function pad(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

/** `2026/11/23 10:00:00.000000` in local time or UTC. */
function timeText(nowNs: bigint, utc: boolean): string {
  const ms = Number(nowNs / 1_000_000n);
  const micros = Number((nowNs / 1000n) % 1_000_000n);
  const date = new Date(ms);
  const parts = utc
    ? [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
    : [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  const time = utc
    ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
    : [date.getHours(), date.getMinutes(), date.getSeconds()];
  return `${parts[0]}/${pad(parts[1]!, 2)}/${pad(parts[2]!, 2)} ` +
    `${time.map((value) => pad(value, 2)).join(":")}.${pad(micros, 6)}`;
}

/** A logger that formats lines as the options say and hands them to `sink`. */
export function textLogger(
  options: Options,
  world: { clock: Clock; pid: number; colours: boolean; sink: LineSink },
): Logger {
  const write = (level: Level, text: string): void => {
    const [label, colour] = LABELS[level];
    if (options.logFormat === "json") {
      const time = new Date(world.clock.nowMs()).toISOString();
      world.sink(
        JSON.stringify({ time, level: label.toLowerCase(), pid: world.pid, message: text }) + "\n",
      );
      return;
    }
    const time = options.logtime ? `${timeText(world.clock.nowNs(), options.logtimeUtc)} ` : "";
    const shown = world.colours ? `[\x1b[${colour}m${label}\x1b[0m]` : `[${label}]`;
    world.sink(`[${world.pid}] ${time}${shown} ${text}\n`);
  };
  const logger: Logger = {
    debugEnabled: options.debug,
    traceEnabled: options.trace,
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
