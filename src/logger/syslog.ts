/**
 * Logging to a syslog daemon, on this machine or another.
 *
 * Reference: logger/syslog.go with Go's log/syslog, whose lines are those of RFC 3164:
 *
 * ```text
 * <29>Nov 23 10:00:00 nats-server[1]: text            on this machine
 * <5>2026-11-23T10:00:00Z host nats-server[1]: text   elsewhere
 * ```
 *
 * @module
 */
import { goQuote } from "../base/text/go_format.ts";
import type { Clock, Logger, SyslogConnection } from "../platform/mod.ts";
import { dateParts, loggerOf, type LogLevel } from "./text_log.ts";

/** Facility "system daemons". */
const FACILITY_DAEMON = 3 << 3;
const FACILITY_KERNEL = 0;

const SEVERITIES: Record<LogLevel, number> = {
  fatal: 2,
  error: 3,
  warn: 4,
  notice: 5,
  trace: 5,
  debug: 7,
};

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** Who writes, and which lines. */
export interface SyslogSettings {
  readonly debug: boolean;
  readonly trace: boolean;
  /** Name of the program. */
  readonly tag: string;
  readonly pid: number;
  readonly hostname: string;
  /** The daemon runs on this machine and knows its name. */
  readonly local: boolean;
}

/** Thrown for an address that no syslog daemon can have. */
export class SyslogAddressError extends Error {
  override readonly name = "SyslogAddressError";
}

/** Splits `udp://host:port`, `tcp://host:port` or `unix:///path`. Throws SyslogAddressError. */
export function syslogAddress(url: string): { network: "udp" | "tcp" | "unix"; address: string } {
  const match = /^([a-zA-Z][a-zA-Z0-9+.-]*):(?:\/\/([^/?#]*))?([^?#]*)/.exec(url);
  const network = (match?.[1] ?? "").toLowerCase();
  if (network === "udp" || network === "tcp") return { network, address: match![2] ?? "" };
  if (network === "unix") return { network, address: match![3]! };
  throw new SyslogAddressError(`error invalid network type: ${goQuote(network)}`);
}

/** The last element of the path a program was started by. */
export function syslogTag(program: string): string {
  return program.split("/").filter((part) => part !== "").at(-1) ?? program;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** `Nov  3 10:00:00`, or RFC 3339 with the zone's offset. */
function timestamp(nowNs: bigint, local: boolean): string {
  const [year, month, day, hour, minute, second] = dateParts(nowNs, false) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const time = `${two(hour)}:${two(minute)}:${two(second)}`;
  if (local) return `${MONTHS[month - 1]} ${String(day).padStart(2, " ")} ${time}`;
  const offsetMin = -new Date(Number(nowNs / 1_000_000n)).getTimezoneOffset();
  const distance = Math.abs(offsetMin);
  const zone = offsetMin === 0
    ? "Z"
    : `${offsetMin < 0 ? "-" : "+"}${two(Math.floor(distance / 60))}:${two(distance % 60)}`;
  return `${year}-${two(month)}-${two(day)}T${time}${zone}`;
}

/** A logger that sends its lines to `connection`. */
export function syslogLogger(
  settings: SyslogSettings,
  connection: SyslogConnection,
  clock: Clock,
): Logger {
  const { tag, pid, hostname, local } = settings;
  const facility = local ? FACILITY_DAEMON : FACILITY_KERNEL;
  const host = local ? "" : ` ${hostname}`;
  return loggerOf(settings, (level, text) => {
    const priority = facility | SEVERITIES[level];
    const end = text.endsWith("\n") ? "" : "\n";
    connection.send(
      `<${priority}>${timestamp(clock.nowNs(), local)}${host} ${tag}[${pid}]: ${text}${end}`,
    );
  });
}
