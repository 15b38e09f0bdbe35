/**
 * What a schedule's header says: once at a time, in intervals, or by a cron pattern (ADR-51).
 *
 * Reference: parseMsgSchedule in server/scheduler.go.
 *
 * @module
 */
import { DurationError, parseDurationNs } from "../../base/text/duration.ts";
import { parseTime } from "../../base/json/mod.ts";
import { CronPattern } from "./cron.ts";
import { TimeZone } from "./zone.ts";

const NANOS = 1_000_000_000n;
const NS_PER_MS = 1_000_000n;

const NAMED_PATTERNS: ReadonlyMap<string, string> = new Map([
  ["@yearly", "0 0 0 1 1 *"],
  ["@annually", "0 0 0 1 1 *"],
  ["@monthly", "0 0 0 1 * *"],
  ["@weekly", "0 0 0 * * 0"],
  ["@daily", "0 0 0 * * *"],
  ["@midnight", "0 0 0 * * *"],
  ["@hourly", "0 0 * * * *"],
]);

/** When a schedule is due next. */
export interface NextTime {
  /** Nanoseconds since the epoch. */
  readonly ns: bigint;
  /** It is due again after that. */
  readonly repeats: boolean;
}

/** Go rounds half away from zero; times are after the epoch. */
function roundToSecond(ns: bigint): bigint {
  return (ns + NANOS / 2n) / NANOS * NANOS;
}

/**
 * The next time of `pattern` after `afterNs`; null when the pattern is not valid. Times that are
 * over by `nowNs` are left out: after a pause a schedule fires once. `zone` is null where the
 * message names none.
 */
export function nextTime(
  pattern: string,
  zone: TimeZone | null,
  afterNs: bigint,
  nowNs: bigint,
): NextTime | null {
  if (pattern.startsWith("@at ")) {
    const ns = zone === null ? parseTime(pattern.slice(4)) : null;
    return ns === null ? null : { ns, repeats: false };
  }
  if (pattern.startsWith("@every ")) {
    return zone === null ? nextInterval(pattern.slice(7), afterNs, nowNs) : null;
  }
  const cron = CronPattern.parse(NAMED_PATTERNS.get(pattern) ?? pattern);
  if (cron === null) return null;
  const clocks = zone ?? TimeZone.utc;
  let next = cron.next(Number(afterNs / NS_PER_MS), clocks);
  if (next !== null && BigInt(next) * NS_PER_MS < nowNs) {
    next = cron.next(Number(roundToSecond(nowNs) / NS_PER_MS), clocks);
  }
  return next === null ? null : { ns: BigInt(next) * NS_PER_MS, repeats: true };
}

function nextInterval(text: string, afterNs: bigint, nowNs: bigint): NextTime | null {
  let interval: bigint;
  try {
    interval = parseDurationNs(text);
  } catch (error) {
    if (error instanceof DurationError) return null;
    throw error;
  }
  if (interval < NANOS) return null;
  const next = roundToSecond(afterNs) + interval;
  return { ns: next < nowNs ? roundToSecond(nowNs) + interval : next, repeats: true };
}
