/**
 * What happens with time: messages that grow too old, TTLs, delete markers in their place, and
 * schedules (reference: filestore.go expireMsgs, resetAgeChk, runMsgScheduling).
 *
 * @module
 */
import { DeleteMarkers } from "../../delete_markers.ts";
import { deleteMarkerHeaders, isDeleteMarker, ttlOf } from "../../headers.ts";
import { MsgFilter } from "../../msg_filter.ts";
import { LoadCode, StoredMsg } from "../../stored_msg.ts";
import { compareHalves, msOfHalves, Timestamp } from "../../timestamp.ts";
import type { FileStoreCore } from "./core.ts";
import { loadLast, loadMsg, loadNext } from "./queries.ts";
import { EXPLICIT, removeFromBlock, settleTrimmed, VIA_LIMITS } from "./removal.ts";

/** The age check never runs sooner than this. */
const AGE_CHECK_MS_MIN = 250;
/** A fresh reason to check does not wait longer than this. */
const AGE_CHECK_MS_SOON = 2000;
const NO_BYTES = new Uint8Array(0);
const TIMER_MS_MAX = 0x7fffffff;

/** Cancels the age check. */
export function cancelAgeCheck(core: FileStoreCore): void {
  if (core.ageTimer !== null) core.env.loop.clearTimer(core.ageTimer);
  core.ageTimer = null;
  core.ageTimerMs = 0;
}

/** Plans the age check; `deltaMs` is when the next message grows too old, 0 when unknown. */
export function resetAgeCheck(core: FileStoreCore, deltaMs: number): void {
  if (core.ageCheckRunning || core.closed) return;
  const maxAgeMs = Number(core.config.maxAgeNs) / 1e6;
  const nextMs = core.ttls === null || core.ttls.count() === 0 ? Infinity : core.ttls.lowestMs();
  if (maxAgeMs <= 0 && nextMs === Infinity) {
    cancelAgeCheck(core);
    return;
  }
  const nowMs = core.env.clock.nowMs();
  let fireInMs = maxAgeMs > 0 ? maxAgeMs : Infinity;
  if (deltaMs === 0 && core.totals.msgs > 0) fireInMs = Math.min(fireInMs, AGE_CHECK_MS_SOON);
  fireInMs = Math.min(fireInMs, nextMs - nowMs);
  if (deltaMs > 0) fireInMs = Math.min(fireInMs, deltaMs);
  fireInMs = Math.min(Math.max(fireInMs, AGE_CHECK_MS_MIN), TIMER_MS_MAX);
  const atMs = nowMs + fireInMs;
  if (core.ageTimer !== null && core.ageTimerMs > 0 && atMs > core.ageTimerMs) return;
  cancelAgeCheck(core);
  core.ageTimerMs = atMs;
  core.ageTimer = core.env.loop.setTimer(() => {
    core.ageTimer = null;
    core.ageTimerMs = 0;
    try {
      expireMsgs(core);
    } catch (error) {
      core.freeze(error);
      core.warn(`expiring messages failed: ${(error as Error).message}`);
    }
  }, fireInMs);
}

/** Removes what is too old, or asks the stream to where delete markers are wanted. */
export function expireMsgs(core: FileStoreCore): void {
  if (core.closed || core.failure !== null) return;
  const markerTtlSec = Number(core.config.subjectDeleteMarkerTtlNs / 1_000_000_000n);
  if (markerTtlSec > 0 && (core.onRemove === null || core.onProcess === null)) {
    resetAgeCheck(core, 0);
    return;
  }
  core.ageCheckRunning = true;
  let deltaMs = 0;
  try {
    if (core.config.maxAgeNs > 0n) deltaMs = expireByAge(core, markerTtlSec);
    expireByTtl(core, markerTtlSec);
  } finally {
    core.ageCheckRunning = false;
    core.ageTimerMs = 0;
  }
  if (core.totals.msgs === 0 && (core.ttls === null || core.ttls.count() === 0)) {
    cancelAgeCheck(core);
  } else resetAgeCheck(core, deltaMs);
}

/** Returns how long until the next message grows too old. */
function expireByAge(core: FileStoreCore, markerTtlSec: number): number {
  const all = new MsgFilter("");
  const msg = new StoredMsg();
  const limit = new Timestamp();
  const maxAgeMs = Number(core.config.maxAgeNs) / 1e6;
  const nowMs = core.env.clock.nowMs();
  limit.setMs(nowMs - maxAgeMs);
  let seq = 0;
  // A message that is not to expire may be older than the one that pushed it out.
  if (core.ttls !== null) core.writing(() => settleTrimmed(core));
  while (loadNext(core, all, seq, msg) === LoadCode.Found) {
    if (compareHalves(msg.tsHigh, msg.tsLow, limit.high, limit.low) > 0) {
      return Math.max(1, msOfHalves(msg.tsHigh, msg.tsLow) + maxAgeMs - nowMs);
    }
    seq = msg.seq + 1;
    if (ttlOf(msg.bytes, msg.headersAt, msg.headersEnd) < 0) continue;
    expireOne(core, msg, markerTtlSec);
  }
  return 0;
}

function expireByTtl(core: FileStoreCore, markerTtlSec: number): void {
  const wheel = core.ttls;
  if (wheel === null) return;
  const nowMs = core.env.clock.nowMs();
  const nowSec = Math.floor(nowMs / 1000);
  const due: { seq: number; sec: number }[] = [];
  wheel.expire(nowSec, Math.floor((nowMs - nowSec * 1000) * 1e6), (seq, sec) => {
    due.push({ seq, sec });
    return false;
  });
  due.sort((a, b) => a.seq - b.seq);
  const msg = new StoredMsg();
  for (const { seq, sec } of due) {
    if (loadMsg(core, seq, msg) !== LoadCode.Found) {
      wheel.discard(seq, sec);
      continue;
    }
    if (markerTtlSec > 0) expireOne(core, msg, markerTtlSec);
    else {
      const block = core.blockOf(seq);
      // Not through a limit: without its tombstone it would wait for its TTL again.
      if (block !== null) {
        core.writing(() => removeFromBlock(core, block, seq, EXPLICIT));
      }
    }
  }
}

function expireOne(core: FileStoreCore, msg: StoredMsg, markerTtlSec: number): void {
  const seq = msg.seq;
  if (markerTtlSec <= 0) {
    const block = core.blockOf(seq);
    if (block !== null) core.writing(() => removeFromBlock(core, block, seq, VIA_LIMITS));
    return;
  }
  const subject = msg.subject();
  const isMarker = isDeleteMarker(msg.bytes, msg.headersAt, msg.headersEnd);
  core.markers ??= new DeleteMarkers();
  const total = core.subjects.find(subject)?.total ?? 0;
  const { isLast, ask } = core.markers.shouldProcess(
    seq,
    subject,
    total,
    core.env.clock.nowMs(),
  );
  if (!ask) return;
  if (isLast && !isMarker) {
    core.onProcess?.({ subject, headers: deleteMarkerHeaders(markerTtlSec), payload: NO_BYTES });
  } else core.onRemove?.(seq);
}

/** Hands the messages of due schedules to the stream. */
export function runSchedules(core: FileStoreCore): void {
  const scheduling = core.scheduling;
  const rules = core.options.scheduleRules;
  if (scheduling === null || core.closed) return;
  if (core.onProcess === null || rules === null) {
    scheduling.resetTimer();
    return;
  }
  const load = (seq: number): StoredMsg | null => {
    const msg = new StoredMsg();
    return loadMsg(core, seq, msg) === LoadCode.Found ? msg : null;
  };
  const last = (subject: string): StoredMsg | null => {
    const msg = new StoredMsg();
    return loadLast(core, subject, msg) === LoadCode.Found ? msg : null;
  };
  for (const msg of scheduling.due(rules, load, last)) core.onProcess?.(msg);
  scheduling.finishRun();
}
