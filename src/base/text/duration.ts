/**
 * Durations in Go's notation (`1h30m`, `250ms`), read and written as `time.ParseDuration` and
 * `Duration.String` do, to the nanosecond.
 *
 * @module
 */
import { byteStringOfText } from "./byte_string.ts";

const NS_PER: Readonly<Record<string, bigint>> = {
  "ns": 1n,
  "us": 1_000n,
  "µs": 1_000n, // U+00B5 micro sign
  "μs": 1_000n, // U+03BC Greek letter mu
  "ms": 1_000_000n,
  "s": 1_000_000_000n,
  "m": 60_000_000_000n,
  "h": 3_600_000_000_000n,
};
const LIMIT = 1n << 63n;

/** A text is not a duration; the message is Go's. */
export class DurationError extends Error {
  override readonly name = "DurationError";
  constructor(what: string, text: string) {
    super(`time: ${what} ${quoteDuration(text)}`);
  }
}

/** Go's `time` package quotes with its own, simpler rules than `%q`. */
function quoteDuration(text: string): string {
  let out = '"';
  for (const char of byteStringOfText(text)) {
    const code = char.charCodeAt(0);
    if (code >= 0x80 || code < 0x20) out += "\\x" + code.toString(16).padStart(2, "0");
    else out += char === '"' || char === "\\" ? "\\" + char : char;
  }
  return out + '"';
}

/**
 * Reads a duration and returns its nanoseconds.
 *
 * @throws {DurationError} when `text` is not a duration or needs more than 64 bits
 */
export function parseDurationNs(text: string): bigint {
  const invalid = () => new DurationError("invalid duration", text);
  let rest = text;
  let negative = false;
  if (rest.startsWith("-") || rest.startsWith("+")) {
    negative = rest.startsWith("-");
    rest = rest.slice(1);
  }
  if (rest === "0") return 0n;
  if (rest === "") throw invalid();
  let total = 0n;
  while (rest !== "") {
    const [, whole, point, fraction] = /^([0-9]*)(\.?)([0-9]*)/.exec(rest)!;
    if (whole === "" && fraction === "") throw invalid();
    const value = BigInt(whole!);
    if (value > LIMIT) throw invalid();
    rest = rest.slice(whole!.length + point!.length + fraction!.length);
    const unit = /^[^0-9.]*/.exec(rest)![0];
    if (unit === "") throw new DurationError("missing unit in duration", text);
    rest = rest.slice(unit.length);
    const nsPerUnit = Object.hasOwn(NS_PER, unit) ? NS_PER[unit]! : null;
    if (nsPerUnit === null) {
      throw new DurationError(`unknown unit ${quoteDuration(unit)} in duration`, text);
    }
    total += value * nsPerUnit + fractionNs(fraction!, nsPerUnit);
    if (total > LIMIT) throw invalid();
  }
  if (negative) return -total;
  if (total === LIMIT) throw invalid();
  return total;
}

/** Go computes the part behind the point in floating point; so do we, to round alike. */
function fractionNs(digits: string, nsPerUnit: bigint): bigint {
  let value = 0n;
  let scale = 1;
  for (const digit of digits) {
    const next = value * 10n + BigInt(digit);
    if (next > LIMIT) break;
    value = next;
    scale *= 10;
  }
  return BigInt(Math.trunc(Number(value) * (Number(nsPerUnit) / scale)));
}

/**
 * Reads a duration in milliseconds; a part of a millisecond stays behind the point.
 *
 * @throws {DurationError} when `text` is not a duration
 */
export function parseDurationMs(text: string): number {
  return Number(parseDurationNs(text)) / 1e6;
}

/** Writes nanoseconds as a duration: `1m30s`, `1.5ms`, `0s`. */
export function formatDurationNs(durationNs: bigint): string {
  const sign = durationNs < 0n ? "-" : "";
  const ns = durationNs < 0n ? -durationNs : durationNs;
  if (ns === 0n) return "0s";
  if (ns < 1_000n) return `${sign}${ns}ns`;
  if (ns < 1_000_000n) return `${sign}${decimal(ns, 3)}µs`;
  if (ns < 1_000_000_000n) return `${sign}${decimal(ns, 6)}ms`;
  const minutes = ns / 60_000_000_000n;
  const seconds = decimal(ns % 60_000_000_000n, 9) + "s";
  if (minutes === 0n) return sign + seconds;
  if (minutes < 60n) return `${sign}${minutes}m${seconds}`;
  return `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** Writes milliseconds as a duration. */
export function formatDurationMs(durationMs: number): string {
  return formatDurationNs(BigInt(Math.round(durationMs * 1e6)));
}

function decimal(value: bigint, digits: number): string {
  const text = value.toString().padStart(digits + 1, "0");
  const fraction = text.slice(-digits).replace(/0+$/, "");
  const whole = text.slice(0, -digits);
  return fraction === "" ? whole : `${whole}.${fraction}`;
}
