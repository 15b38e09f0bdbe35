/**
 * Values as the reference's monitoring reads and writes them: times, uptimes, query parameters.
 *
 * Reference: myUptime, decodeBool, decodeInt, decodeUint64 in server/monitor.go; `strconv`.
 *
 * @module
 */
import { goQuote } from "../base/text/go_format.ts";

export { encodeTime as timeText } from "../base/json/mod.ts";

/** A query that cannot be answered; status 400 with the message as plain text. */
export class BadRequestError extends Error {
  override readonly name = "BadRequestError";
}

const NS_PER_MS = 1_000_000n;

/** Wall-clock milliseconds, with or without a fraction, as nanoseconds since the epoch. */
export function nsOfMs(ms: number): bigint {
  const wholeMs = Math.floor(ms);
  return BigInt(wholeMs) * NS_PER_MS + BigInt(Math.floor((ms - wholeMs) * 1e6));
}

/** A span as uptimes are shown: `1y2d3h4m5s`, from the first unit that is not zero. */
export function uptimeText(spanMs: number): string {
  const seconds = Math.trunc(spanMs / 1000);
  const minutes = Math.trunc(seconds / 60);
  const hours = Math.trunc(minutes / 60);
  const days = Math.trunc(hours / 24);
  const years = Math.trunc(days / 365);
  let text = `${seconds % 60}s`;
  if (minutes > 0) text = `${minutes % 60}m${text}`;
  if (hours > 0) text = `${hours % 24}h${text}`;
  if (days > 0) text = `${days % 365}d${text}`;
  return years > 0 ? `${years}y${text}` : text;
}

/** Leaves out what Go's `omitempty` does. */
export function omitEmpty<T extends string | number | boolean>(value: T): T | undefined {
  return value === "" || value === 0 || value === false ? undefined : value;
}

/** An array, or undefined when it is empty. */
export function omitEmptyList<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

const TRUE_TEXTS = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE_TEXTS = new Set(["0", "f", "F", "FALSE", "false", "False"]);
const INT64_MAX = (1n << 63n) - 1n;
const UINT64_MAX = (1n << 64n) - 1n;

/** The parameters of one request. */
export class Query {
  constructor(readonly parameters: URLSearchParams) {}

  /** The first value of `name`, or empty. */
  text(name: string): string {
    return this.parameters.get(name) ?? "";
  }

  /** @throws {BadRequestError} */
  bool(name: string): boolean {
    const text = this.text(name);
    if (text === "" || FALSE_TEXTS.has(text)) return false;
    if (TRUE_TEXTS.has(text)) return true;
    throw decodeError("boolean", name, "ParseBool", text, "invalid syntax");
  }

  /** A signed number; beyond 2^53 it is rounded. @throws {BadRequestError} */
  int(name: string): number {
    const text = this.text(name);
    if (text === "") return 0;
    if (!/^[+-]?[0-9]+$/.test(text)) throw decodeError("int", name, "Atoi", text, "invalid syntax");
    const value = BigInt(text.replace("+", ""));
    if (value > INT64_MAX || value < -INT64_MAX - 1n) {
      throw decodeError("int", name, "Atoi", text, "value out of range");
    }
    return Number(value);
  }

  /** A number without a sign; beyond 2^53 it is rounded. @throws {BadRequestError} */
  uint(name: string): number {
    const text = this.text(name);
    if (text === "") return 0;
    if (!/^[0-9]+$/.test(text)) {
      throw decodeError("uint64", name, "ParseUint", text, "invalid syntax");
    }
    const value = BigInt(text);
    if (value > UINT64_MAX) {
      throw decodeError("uint64", name, "ParseUint", text, "value out of range");
    }
    return Number(value);
  }

  /** `subs`, which is a boolean or `detail`. @throws {BadRequestError} */
  subscriptions(): { list: boolean; detail: boolean } {
    const detail = this.text("subs").toLowerCase() === "detail";
    return { list: !detail && this.bool("subs"), detail };
  }
}

function decodeError(
  type: string,
  name: string,
  parser: string,
  text: string,
  reason: string,
): BadRequestError {
  return new BadRequestError(
    `Error decoding ${type} for '${name}': strconv.${parser}: parsing ${goQuote(text)}: ${reason}`,
  );
}

/** The part of `list` that a page shows. Neither number may be negative. */
export function page<T>(list: readonly T[], offset: number, limit: number): T[] {
  return list.slice(offset, offset + limit);
}
