/**
 * Wall clock times of a time zone.
 *
 * @module
 */

/** A wall clock time; months from 1, weekdays from Sunday 0. */
export interface WallTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly weekday: number;
}

const NAME = /^[A-Za-z][A-Za-z0-9_+\-/]*$/;

/** A time zone by its IANA name. */
export class TimeZone {
  readonly #format: Intl.DateTimeFormat | null;

  private constructor(format: Intl.DateTimeFormat | null) {
    this.#format = format;
  }

  /** Coordinated universal time. */
  static readonly utc: TimeZone = new TimeZone(null);

  /** The zone called `name`, or null when there is none. */
  static find(name: string): TimeZone | null {
    if (name === "UTC") return TimeZone.utc;
    if (!NAME.test(name)) return null;
    try {
      return new TimeZone(
        new Intl.DateTimeFormat("en-US", {
          ...(name === "Local" ? {} : { timeZone: name }),
          hourCycle: "h23",
          year: "numeric",
          month: "numeric",
          day: "numeric",
          hour: "numeric",
          minute: "numeric",
          second: "numeric",
        }),
      );
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
  }

  /** What clocks show at `ms` since the epoch. */
  wallTime(ms: number): WallTime {
    const shown = new Date(ms + this.#offsetMs(ms));
    return {
      year: shown.getUTCFullYear(),
      month: shown.getUTCMonth() + 1,
      day: shown.getUTCDate(),
      hour: shown.getUTCHours(),
      minute: shown.getUTCMinutes(),
      second: shown.getUTCSeconds(),
      weekday: shown.getUTCDay(),
    };
  }

  /**
   * Milliseconds since the epoch at which clocks show the given time; days and months beyond
   * their range run over. Where clocks skip or repeat it, one of the two.
   */
  instant(year: number, month: number, day: number, hour: number): number {
    const asUtc = Date.UTC(year, month - 1, day, hour);
    return asUtc - this.#offsetMs(asUtc - this.#offsetMs(asUtc));
  }

  #offsetMs(ms: number): number {
    if (this.#format === null) return 0;
    const seconds = Math.floor(ms / 1000) * 1000;
    const parts: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(seconds)) parts[type] = Number(value);
    const { year, month, day, hour, minute, second } = parts;
    return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) - seconds;
  }
}
