/**
 * Cron patterns of six fields: second, minute, hour, day of month, month, day of week.
 *
 * Which patterns are valid, and that a restricted day of month and a restricted day of week mean
 * either of both, is the reference's (server/cron.go). No package was found that agrees with it in
 * these points.
 *
 * @module
 */
import type { TimeZone, WallTime } from "./zone.ts";

interface FieldRange {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const MONTHS = [
  "",
  "jan",
  "feb",
  "mar",
  "apr",
  "may",
  "jun",
  "jul",
  "aug",
  "sep",
  "oct",
  "nov",
  "dec",
];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const RANGES: readonly FieldRange[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: WEEKDAYS },
];

/** Values that a field allows. */
interface Field {
  readonly values: ReadonlySet<number>;
  /** It says nothing: a star without steps. */
  readonly any: boolean;
}

/** Years after which a pattern is taken to have no next time. */
const YEARS_MAX = 5;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** A pattern. */
export class CronPattern {
  readonly #fields: readonly Field[];

  private constructor(fields: readonly Field[]) {
    this.#fields = fields;
  }

  /** Reads a pattern; null when it is not valid. */
  static parse(text: string): CronPattern | null {
    const texts = text.trim().split(/\s+/);
    if (texts.length !== RANGES.length) return null;
    const fields: Field[] = [];
    for (const [index, range] of RANGES.entries()) {
      const field = parseField(texts[index]!, range);
      if (field === null) return null;
      fields.push(field);
    }
    return new CronPattern(fields);
  }

  /**
   * The first time after `afterMs`, both in ms since the epoch, or null when there is none within
   * five years. Clocks are those of `zone`.
   */
  next(afterMs: number, zone: TimeZone): number | null {
    const [seconds, minutes, hours, , months] = this.#fields as [Field, Field, Field, Field, Field];
    let ms = Math.floor(afterMs / SECOND_MS) * SECOND_MS + SECOND_MS;
    const yearMax = zone.wallTime(ms).year + YEARS_MAX;
    // Each pass moves the first field that does not fit, and looks at all of them again.
    for (;;) {
      const wall = zone.wallTime(ms);
      if (wall.year > yearMax) return null;
      if (!months.values.has(wall.month)) {
        ms = later(ms, zone.instant(wall.year, wall.month + 1, 1, 0));
      } else if (!this.#dayMatches(wall)) {
        ms = later(ms, zone.instant(wall.year, wall.month, wall.day + 1, 0));
      } else if (!hours.values.has(wall.hour)) {
        ms += HOUR_MS - wall.minute * MINUTE_MS - wall.second * SECOND_MS;
      } else if (!minutes.values.has(wall.minute)) {
        ms += MINUTE_MS - wall.second * SECOND_MS;
      } else if (!seconds.values.has(wall.second)) ms += SECOND_MS;
      else return ms;
    }
  }

  #dayMatches({ day, weekday }: WallTime): boolean {
    const days = this.#fields[3]!;
    const weekdays = this.#fields[5]!;
    const dayFits = days.values.has(day);
    const weekdayFits = weekdays.values.has(weekday);
    return days.any || weekdays.any ? dayFits && weekdayFits : dayFits || weekdayFits;
  }
}

/** Where clocks are put back a step may not lead into the past. */
function later(ms: number, next: number): number {
  return next > ms ? next : ms + HOUR_MS;
}

function parseField(text: string, range: FieldRange): Field | null {
  const values = new Set<number>();
  let any = false;
  for (const part of text.split(",")) {
    if (part === "") continue;
    const parsed = parseRange(part, range);
    if (parsed === null) return null;
    for (let value = parsed.start; value <= parsed.end; value += parsed.step) values.add(value);
    any ||= parsed.any;
  }
  return { values, any };
}

/** `*`, `n`, `n-m`, each with `/step` behind it or not. */
function parseRange(
  text: string,
  range: FieldRange,
): { start: number; end: number; step: number; any: boolean } | null {
  const [span, stepText, ...more] = text.split("/");
  if (more.length > 0) return null;
  const bounds = span!.split("-");
  let start: number | null;
  let end: number | null;
  const isStar = bounds[0] === "*" || bounds[0] === "?";
  if (isStar) {
    start = range.min;
    end = range.max;
  } else {
    if (bounds.length > 2) return null;
    start = parseValue(bounds[0]!, range.names);
    end = bounds.length === 1 ? start : parseValue(bounds[1]!, range.names);
  }
  let step: number | null = 1;
  if (stepText !== undefined) {
    step = parseValue(stepText, []);
    if (bounds.length === 1) end = range.max;
  }
  if (start === null || end === null || step === null || step === 0) return null;
  if (start < range.min || end > range.max || start > end) return null;
  return { start, end, step, any: isStar && step === 1 };
}

function parseValue(text: string, names: readonly string[]): number | null {
  const index = text === "" ? -1 : names.indexOf(text.toLowerCase());
  if (index >= 0) return index;
  return /^\+?\d{1,9}$/.test(text) ? Number(text) : null;
}
