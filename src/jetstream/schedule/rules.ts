/**
 * What schedules mean to the store: when they are due, and what they publish.
 *
 * Reference: getScheduledMessages in server/scheduler.go, ADR-51.
 *
 * @module
 */
import { encodeTime, parseTime } from "../../base/json/mod.ts";
import type { Clock } from "../../platform/mod.ts";
import {
  appendHeader,
  headerValue,
  removeHeader,
  removeHeadersWithPrefix,
} from "../../protocol/mod.ts";
import {
  parseTtl,
  type ScheduledMsg,
  type ScheduleRules,
  type ScheduleTime,
  type StoredMsg,
} from "../../store/mod.ts";
import { MsgHeader, SCHEDULE_PURGE } from "../stream/header_names.ts";
import { readSchedule } from "./headers.ts";

const NANOS = 1_000_000_000n;

function timeOf(ns: bigint): ScheduleTime {
  return { sec: Number(ns / NANOS), ns: Number(ns % NANOS) };
}

/** The rules under `clock`. */
export function scheduleRules(clock: Clock): ScheduleRules {
  const valueOf = (msg: StoredMsg, name: string): string =>
    msg.headersEnd === msg.headersAt
      ? ""
      : headerValue(msg.bytes, msg.headersAt, msg.headersEnd, name) ?? "";
  const scheduleOf = (msg: StoredMsg, afterNs: bigint) =>
    readSchedule(msg.bytes, msg.headersAt, msg.headersEnd, afterNs, clock.nowNs());
  return {
    next(msg) {
      const schedule = scheduleOf(msg, msg.timeNs());
      return schedule === null || typeof schedule === "string" ? null : timeOf(schedule.ns);
    },
    producedBy(msg) {
      const next = valueOf(msg, MsgHeader.ScheduleNext);
      const ns = next === "" || next === SCHEDULE_PURGE ? null : parseTime(next);
      return {
        scheduler: valueOf(msg, MsgHeader.Scheduler),
        next: ns === null ? null : timeOf(ns),
      };
    },
    produce(msg, due, loadLast): ScheduledMsg | null {
      const schedule = scheduleOf(msg, BigInt(due.sec) * NANOS + BigInt(due.ns));
      if (schedule === null || typeof schedule === "string") return null;
      const target = valueOf(msg, MsgHeader.ScheduleTarget);
      const ttl = valueOf(msg, MsgHeader.ScheduleTtl);
      if (target === "" || (ttl !== "" && parseTtl(ttl) === null)) return null;
      const { seq } = msg;
      const subject = msg.subject();
      const rollup = valueOf(msg, MsgHeader.ScheduleRollup);
      const source = valueOf(msg, MsgHeader.ScheduleSource);
      const next = schedule.repeats ? encodeTime(schedule.ns) : SCHEDULE_PURGE;
      const content = source === "" ? msg : loadLast(source) ?? msg;
      let headers: Uint8Array = content.headers().slice();
      headers = removeHeadersWithPrefix(headers, "Nats-Schedule");
      headers = removeHeadersWithPrefix(headers, "Nats-Expected-");
      for (const name of [MsgHeader.MsgId, MsgHeader.Ttl, MsgHeader.Rollup]) {
        headers = removeHeader(headers, name);
      }
      const add = (name: string, value: string): void => {
        headers = appendHeader(headers.length === 0 ? null : headers, name, value);
      };
      const payload = content.payload().slice();
      add(MsgHeader.Scheduler, subject);
      add(MsgHeader.ScheduleNext, next);
      if (ttl !== "") add(MsgHeader.Ttl, ttl);
      if (rollup !== "") add(MsgHeader.Rollup, rollup);
      return { seq, subject: target, headers, payload };
    },
  };
}
