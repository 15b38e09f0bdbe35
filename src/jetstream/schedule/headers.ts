/**
 * The headers of a schedule.
 *
 * Reference: nextMessageSchedule, loadMessageScheduleLocation in server/stream.go; ADR-51.
 *
 * @module
 */
import { textOfByteString } from "../../base/text/byte_string.ts";
import { headerValue } from "../../protocol/mod.ts";
import { MsgHeader } from "../stream/header_names.ts";
import { type NextTime, nextTime } from "./pattern.ts";
import { TimeZone } from "./zone.ts";

/** What is wrong with the headers of a schedule. */
export type ScheduleProblem = "zone" | "pattern";

/**
 * When a message is due that has the headers `[start, end)` of `bytes`; null when it is no
 * schedule.
 */
export function readSchedule(
  bytes: Uint8Array,
  start: number,
  end: number,
  afterNs: bigint,
  nowNs: bigint,
): NextTime | ScheduleProblem | null {
  const zoneName = headerValue(bytes, start, end, MsgHeader.ScheduleTimeZone);
  const zone = zoneName === null ? null : TimeZone.find(textOfByteString(zoneName));
  if (zoneName !== null && zone === null) return "zone";
  const pattern = headerValue(bytes, start, end, MsgHeader.Schedule) ?? "";
  if (pattern === "") return null;
  return nextTime(pattern, zone, afterNs, nowNs) ?? "pattern";
}
