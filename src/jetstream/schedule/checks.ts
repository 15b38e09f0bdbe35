/**
 * Whether a message may be a schedule, or end one.
 *
 * Reference: processJetStreamMsg in server/stream.go, ADR-51.
 *
 * @module
 */
import { type ApiError, apiError } from "../../jsapi/mod.ts";
import { appendHeader, headerValue } from "../../protocol/mod.ts";
import { LoadCode, parseTtl, StoredMsg } from "../../store/mod.ts";
import { isValidPublishSubject, subjectsCollide } from "../../subject/mod.ts";
import type { StagedMessages } from "../batch/staged.ts";
import { MsgHeader, ROLLUP_SUBJECT, SCHEDULE_PURGE } from "../stream/header_names.ts";
import type { MessageNotes } from "../stream/msg_checks.ts";
import type { Stream } from "../stream/stream.ts";
import { readSchedule } from "./headers.ts";

/** Checks the headers of schedules; returns why the message is refused, or null. */
export function checkScheduleHeaders(
  stream: Stream,
  subject: string,
  notes: MessageNotes,
  options: { sourced: boolean; staged: StagedMessages | null },
): ApiError | null {
  const { headers } = notes;
  const value = (name: string): string => headerValue(headers, 0, headers.length, name) ?? "";
  const next = value(MsgHeader.ScheduleNext);
  if (next === SCHEDULE_PURGE) notes.purgedSchedule = value(MsgHeader.Scheduler);
  // What comes from elsewhere was checked there.
  if (options.sourced) return null;
  const { config, js } = stream;
  const nowNs = js.core.env.clock.nowNs();
  const schedule = readSchedule(headers, 0, headers.length, nowNs, nowNs);
  if (schedule !== null) {
    if (!config.allowMsgSchedules) return apiError("JSMessageSchedulesDisabledErr");
    if (schedule === "zone") return apiError("JSMessageSchedulesTimeZoneInvalidErr");
    if (schedule === "pattern") return apiError("JSMessageSchedulesPatternInvalidErr");
    const error = checkSchedule(stream, subject, notes, value);
    if (error !== null) return error;
  }
  const scheduler = value(MsgHeader.Scheduler);
  if (next === "") {
    return scheduler === "" ? null : apiError("JSMessageSchedulesSchedulerInvalidErr");
  }
  if (next !== SCHEDULE_PURGE) return apiError("JSMessageSchedulesSchedulerInvalidErr");
  return checkEnd(stream, subject, scheduler, options.staged);
}

function checkSchedule(
  { config }: Stream,
  subject: string,
  notes: MessageNotes,
  value: (name: string) => string,
): ApiError | null {
  const ttl = value(MsgHeader.ScheduleTtl);
  if (ttl !== "" && parseTtl(ttl) === null) return apiError("JSMessageSchedulesTTLInvalidErr");
  const targetRollup = value(MsgHeader.ScheduleRollup);
  if (targetRollup !== "" && targetRollup !== ROLLUP_SUBJECT) {
    return apiError("JSMessageSchedulesRollupInvalidErr");
  }
  if (ttl !== "" && !config.allowMsgTtl) return apiError("JSMessageTTLDisabledErr");
  const inStream = (other: string): boolean =>
    config.subjects.some((own) => subjectsCollide(own, other));
  const target = value(MsgHeader.ScheduleTarget);
  const source = value(MsgHeader.ScheduleSource);
  if (target === "" || !isValidPublishSubject(target) || target === subject) {
    return apiError("JSMessageSchedulesTargetInvalidErr");
  }
  if (
    source !== "" && (source === target || source === subject || !isValidPublishSubject(source))
  ) return apiError("JSMessageSchedulesSourceInvalidErr");
  if (!inStream(target)) return apiError("JSMessageSchedulesTargetInvalidErr");
  if (source !== "" && !inStream(source)) return apiError("JSMessageSchedulesSourceInvalidErr");
  // A subject has one schedule: the new one replaces the old.
  const rollup = value(MsgHeader.Rollup).toLowerCase();
  if (rollup === "") {
    notes.headers = appendHeader(notes.headers, MsgHeader.Rollup, ROLLUP_SUBJECT);
    notes.rollup = ROLLUP_SUBJECT;
  } else if (rollup !== ROLLUP_SUBJECT) return apiError("JSMessageSchedulesRollupInvalidErr");
  notes.isSchedule = true;
  return null;
}

/** A client may end the schedule of another subject, and say nothing else about it. */
function checkEnd(
  stream: Stream,
  subject: string,
  scheduler: string,
  staged: StagedMessages | null,
): ApiError | null {
  if (scheduler === "" || scheduler === subject || !isValidPublishSubject(scheduler)) {
    return apiError("JSMessageSchedulesSchedulerInvalidErr");
  }
  if (!stream.config.allowMsgSchedules) return apiError("JSMessageSchedulesDisabledErr");
  const before = staged?.subjects.get(scheduler);
  const isSchedule = before === undefined ? isStoredSchedule(stream, scheduler) : before.isSchedule;
  return isSchedule ? null : apiError("JSMessageSchedulesSchedulerInvalidErr");
}

/** Whether the last message of `subject` is a schedule; true when there is none. */
function isStoredSchedule(stream: Stream, subject: string): boolean {
  const message = new StoredMsg();
  if (stream.store.loadLastMsg(subject, message) !== LoadCode.Found) return true;
  const { bytes, headersAt, headersEnd } = message;
  return headersEnd > headersAt &&
    (headerValue(bytes, headersAt, headersEnd, MsgHeader.Schedule) ?? "") !== "";
}
