/**
 * From where and when users may connect, and what has been revoked.
 *
 * Reference: validateSrc and validateTimes in server/jwt.go, isRevoked in server/accounts.go.
 *
 * @module
 */
import { isIpv4, parseIpAddress } from "../base/text/ip_address.ts";
import type { TimeRange, UserLimits } from "./claims.ts";

/** A network: its address and how many of its bits count. */
export interface Network {
  readonly address: Uint8Array;
  readonly bits: number;
}

const IPV4_BYTES = 4;
/** Bits before the IPv4 address in an IPv6 address that carries one. */
const MAPPED_BITS = 96;

/** Four bytes for IPv4, however it is written, else sixteen. */
function shortest(address: Uint8Array): Uint8Array {
  return isIpv4(address) ? address.subarray(-IPV4_BYTES) : address;
}

/** Reads `address/bits`; null when it is no network. */
export function parseNetwork(cidr: string): Network | null {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(cidr);
  if (match === null) return null;
  const given = parseIpAddress(match[1]!);
  let bits = Number(match[2]);
  if (given === null || bits > given.length * 8) return null;
  const address = shortest(given);
  if (address.length !== given.length) {
    if (bits < MAPPED_BITS) return { address: given, bits };
    bits -= MAPPED_BITS;
  }
  return { address, bits };
}

function contains({ address, bits }: Network, ip: Uint8Array): boolean {
  if (ip.length !== address.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (ip[i] !== address[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (ip[whole]! ^ address[whole]!) >> (8 - rest) === 0;
}

/** Whether a client at `host` is in one of the networks; no networks are everywhere. */
export function sourceAllowed(networks: readonly string[], host: string): boolean {
  if (networks.length === 0) return true;
  const given = parseIpAddress(host);
  if (given === null) return false;
  const ip = shortest(given);
  for (const cidr of networks) {
    const network = parseNetwork(cidr);
    if (network === null) return false;
    if (contains(network, ip)) return true;
  }
  return false;
}

const TIME_OF_DAY = /^(\d{1,2}):(\d{2}):(\d{2})$/;

/** Milliseconds since midnight, or null. */
function timeOfDayMs(text: string): number | null {
  const match = TIME_OF_DAY.exec(text);
  if (match === null) return null;
  const [hours, minutes, seconds] = match.slice(1).map(Number) as [number, number, number];
  if (hours > 23 || minutes > 59 || seconds > 59) return null;
  return ((hours * 60 + minutes) * 60 + seconds) * 1000;
}

/** Whether `text` is a time of day as JWTs write it. */
export function isTimeOfDay(text: string): boolean {
  return timeOfDayMs(text) !== null;
}

/** Shows the wall clock of a zone; the machine's own for an empty name. Throws RangeError. */
function zoneFormat(zone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-US", {
    ...(zone === "" || zone === "Local" ? {} : { timeZone: zone }),
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
}

/** Whether there is a time zone of this name. */
export function isTimeZone(zone: string): boolean {
  try {
    zoneFormat(zone);
    return true;
  } catch (_unknown) {
    return false;
  }
}

/** The wall clock at `ms`, as if it were UTC. */
function wallClockMs(format: Intl.DateTimeFormat, ms: number): number {
  const parts = new Map(format.formatToParts(new Date(ms)).map(({ type, value }) => [type, value]));
  const part = (name: Intl.DateTimeFormatPartTypes): number => Number(parts.get(name));
  const second = Date.UTC(
    part("year"),
    part("month") - 1,
    part("day"),
    part("hour"),
    part("minute"),
    part("second"),
  );
  return second + (((ms % 1000) + 1000) % 1000);
}

/** The moment at which the wall clock shows `wallMs`; across a change of the clock, the later. */
function momentOf(format: Intl.DateTimeFormat, wallMs: number): number {
  const first = wallMs - (wallClockMs(format, wallMs) - wallMs);
  return wallMs - (wallClockMs(format, first) - first);
}

const DAY_MS = 86_400_000;

/** How long the range goes on, or null when it is not now. */
function leftOf(
  { start, end }: TimeRange,
  format: Intl.DateTimeFormat,
  nowMs: number,
): number | null | "malformed" {
  const startOfDay = timeOfDayMs(start);
  const endOfDay = timeOfDayMs(end);
  if (startOfDay === null || endOfDay === null) return "malformed";
  const midnight = Math.floor(wallClockMs(format, nowMs) / DAY_MS) * DAY_MS;
  const startMs = momentOf(format, midnight + startOfDay);
  const endMs = momentOf(format, midnight + endOfDay);
  if (startMs < nowMs && endMs > nowMs) return endMs - nowMs;
  if (startMs <= endMs) return null;
  // The range goes over midnight, and we are after it, or before.
  if (endMs > nowMs) return endMs - nowMs;
  const tomorrowMs = momentOf(format, midnight + DAY_MS + endOfDay);
  return startMs < nowMs && tomorrowMs > nowMs ? tomorrowMs - nowMs : null;
}

/**
 * Whether a user may be connected at `nowMs`, and for how long; 0 is for ever. Times that cannot
 * be read allow nothing.
 */
export function timesAllowed(
  { times, locale }: Pick<UserLimits, "times" | "locale">,
  nowMs: number,
): { allowed: boolean; leftMs: number } {
  if (times.length === 0) return { allowed: true, leftMs: 0 };
  if (locale !== "" && !isTimeZone(locale)) return { allowed: false, leftMs: 0 };
  const format = zoneFormat(locale);
  let longest = 0;
  for (const range of times) {
    const left = leftOf(range, format, nowMs);
    if (left === "malformed") return { allowed: false, leftMs: 0 };
    if (left !== null) longest = Math.max(longest, left);
  }
  return { allowed: longest > 0, leftMs: longest };
}

/** Whether what `key` got at `issuedAt` (seconds) has been revoked, by name or with all others. */
export function isRevoked(
  revocations: ReadonlyMap<string, number> | null,
  key: string,
  issuedAt: number,
): boolean {
  if (revocations === null) return false;
  const until = (name: string): number => revocations.get(name) ?? -Infinity;
  return Math.max(until(key), until("*")) >= issuedAt;
}
