/**
 * The message headers that stores act on: TTLs, roll-ups, delete markers and schedules
 * (reference: stream.go getMessageTTL, sdm.go).
 *
 * @module
 */
import { headerValue } from "../protocol/headers.ts";

/** Header names the stores look for. */
export const HeaderName = {
  Ttl: "Nats-TTL",
  Rollup: "Nats-Rollup",
  MarkerReason: "Nats-Marker-Reason",
  KvOperation: "KV-Operation",
  Schedule: "Nats-Schedule",
  Scheduler: "Nats-Scheduler",
  ScheduleNext: "Nats-Schedule-Next",
} as const;

const UNIT_SECONDS: Record<string, number> = {
  ns: 1e-9,
  us: 1e-6,
  "µs": 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
};

/**
 * Seconds of a TTL value: a Go duration of at least a second, a number of seconds, or "never"
 * (−1). Null when it is neither. "0" is a Go duration, and too short; 0 stands for others like
 * "00".
 */
export function parseTtl(value: string): number | null {
  if (value.toLowerCase() === "never") return -1;
  if (value === "0") return null;
  if (/^\d{1,15}$/.test(value)) return Number(value);
  const matches = value.match(/^[+-]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$/);
  if (matches === null || value.startsWith("-")) return null;
  let seconds = 0;
  for (const part of value.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)) {
    seconds += Number(part[1]) * UNIT_SECONDS[part[2]!]!;
  }
  return seconds < 1 ? null : Math.floor(seconds + 1e-9);
}

/** Seconds of the message's TTL: −1 never, 0 none or invalid. */
export function ttlOf(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return 0;
  const value = headerValue(bytes, start, end, HeaderName.Ttl);
  return value === null || value === "" ? 0 : parseTtl(value) ?? 0;
}

/** True when the message stands for the removal of its subject's last message. */
export function isDeleteMarker(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return false;
  return (headerValue(bytes, start, end, HeaderName.MarkerReason) ?? "") !== "" ||
    headerValue(bytes, start, end, HeaderName.KvOperation) === "PURGE";
}

/** Headers of a subject delete marker that lives for `ttlSec` seconds. */
export function deleteMarkerHeaders(ttlSec: number): Uint8Array {
  return new TextEncoder().encode(
    `NATS/1.0\r\n${HeaderName.MarkerReason}: MaxAge\r\n${HeaderName.Ttl}: ${
      goDuration(ttlSec)
    }\r\n${HeaderName.Rollup}: sub\r\n\r\n`,
  );
}

/** Seconds as Go prints a duration, e.g. `1h0m5s`. */
export function goDuration(seconds: number): string {
  const h = Math.floor(seconds / 3600);
  const m = Math.floor((seconds % 3600) / 60);
  const s = seconds % 60;
  if (h > 0) return `${h}h${m}m${s}s`;
  return m > 0 ? `${m}m${s}s` : `${s}s`;
}
