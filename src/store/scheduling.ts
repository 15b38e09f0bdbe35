/**
 * Message schedules of a stream: which messages are to be published again and when, and their
 * file `sched.db` (reference: scheduler.go). What a schedule header means is JetStream's business
 * and comes in through {@linkcode ScheduleRules}.
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 1 | version 1 |
 * | 1 | 8 | number of entries, little endian |
 * | 9 | 8 | stamp: the first sequence the file does not cover |
 * | 17 | | entries: subject length u16, subject, time as signed varint of ns, sequence as varint |
 *
 * @module
 */
import { putUvarint, putVarint64, VARINT_BYTES_MAX, VarintReader } from "../base/bytes/varint.ts";
import { byteStringOf } from "../base/text/byte_string.ts";
import { HashWheel } from "../base/containers/thw/mod.ts";
import type { Loop, TimerHandle } from "../platform/loop.ts";
import { StoreError } from "./errors.ts";
import type { StoredMsg } from "./stored_msg.ts";

const HEADER_BYTES = 17;
/** Shortest time until the timer fires. */
const FIRE_IN_MS_MIN = 250;

/** When a schedule is due. */
export interface ScheduleTime {
  readonly sec: number;
  readonly ns: number;
}

/** A message that a due schedule produces. */
export interface ScheduledMsg {
  readonly seq: number;
  readonly subject: string;
  readonly headers: Uint8Array;
  readonly payload: Uint8Array;
}

/** What schedule headers mean; JetStream implements it. */
export interface ScheduleRules {
  /** When the message is to be published next, or null when it has no valid schedule. */
  next(msg: StoredMsg): ScheduleTime | null;
  /** The schedule that produced this message ("" for none), and when that one is due again. */
  producedBy(msg: StoredMsg): { scheduler: string; next: ScheduleTime | null };
  /**
   * The message to publish for a due schedule, or null when the schedule is invalid and is
   * dropped. `loadLast` finds the message of a source subject.
   */
  produce(
    msg: StoredMsg,
    due: ScheduleTime,
    loadLast: (subject: string) => StoredMsg | null,
  ): ScheduledMsg | null;
}

interface Entry {
  seq: number;
  sec: number;
  ns: number;
}

/** Schedules of one stream, at most one per subject. */
export class MsgScheduling {
  readonly #loop: Loop;
  readonly #nowMs: () => number;
  readonly #run: () => void;
  readonly #wheel = new HashWheel();
  readonly #bySubject: Map<string, Entry> = new Map();
  readonly #subjects: Map<number, string> = new Map();
  #inflight: Set<string> = new Set();
  #timer: TimerHandle | null = null;
  #deadlineMs = 0;
  #running = false;

  /** `run` is called when schedules may be due. */
  constructor(loop: Loop, nowMs: () => number, run: () => void) {
    this.#loop = loop;
    this.#nowMs = nowMs;
    this.#run = run;
  }

  /** Enters or replaces the schedule of `subject` without touching the timer. */
  init(seq: number, subject: string, sec: number, ns: number): void {
    const known = this.#bySubject.get(subject);
    if (known !== undefined) {
      this.#subjects.delete(known.seq);
      this.#wheel.discard(known.seq, known.sec);
    }
    this.#wheel.add(seq, sec, ns);
    this.#bySubject.set(subject, { seq, sec, ns });
    this.#subjects.set(seq, subject);
    this.#inflight.delete(subject);
  }

  add(seq: number, subject: string, sec: number, ns: number): void {
    this.init(seq, subject, sec, ns);
    this.resetTimer();
  }

  /** Moves the schedule of `subject` to its next time. */
  update(subject: string, sec: number, ns: number): void {
    const known = this.#bySubject.get(subject);
    if (known === undefined) return;
    this.#wheel.discard(known.seq, known.sec);
    this.#wheel.add(known.seq, sec, ns);
    known.sec = sec;
    known.ns = ns;
    this.#inflight.delete(subject);
    this.resetTimer();
  }

  /** Drops the schedule of message `seq`. */
  remove(seq: number): void {
    const subject = this.#subjects.get(seq);
    if (subject !== undefined) this.removeSubject(subject);
  }

  removeSubject(subject: string): void {
    const known = this.#bySubject.get(subject);
    if (known === undefined) return;
    this.#wheel.discard(known.seq, known.sec);
    this.#bySubject.delete(subject);
    this.#subjects.delete(known.seq);
    this.#inflight.delete(subject);
  }

  /** Lets schedules fire again that were handed out before a change of leader. */
  clearInflight(): void {
    this.#inflight = new Set();
  }

  /** Messages that are due now, by ascending sequence of their schedules. */
  due(
    rules: ScheduleRules,
    load: (seq: number) => StoredMsg | null,
    loadLast: (subject: string) => StoredMsg | null,
  ): ScheduledMsg[] {
    this.#running = true;
    const nowMs = this.#nowMs();
    const nowSec = Math.floor(nowMs / 1000);
    const msgs: ScheduledMsg[] = [];
    this.#wheel.expire(nowSec, Math.floor((nowMs - nowSec * 1000) * 1e6), (seq, sec, ns) => {
      const msg = load(seq);
      const subject = msg?.subject() ?? "";
      if (msg !== null && this.#inflight.has(subject)) return false;
      const produced = msg === null ? null : rules.produce(msg, { sec, ns }, loadLast);
      if (produced === null) {
        this.remove(seq);
        return true;
      }
      msgs.push(produced);
      if (this.#bySubject.has(subject)) this.#inflight.add(subject);
      return false;
    });
    return msgs.sort((a, b) => a.seq - b.seq);
  }

  /** Ends what {@linkcode due} began. */
  finishRun(): void {
    this.#running = false;
    this.#deadlineMs = 0;
    this.resetTimer();
  }

  /** When the earliest schedule is due, in milliseconds since the epoch; Infinity for never. */
  nextMs(): number {
    return this.#wheel.count() === 0 ? Infinity : this.#wheel.lowestMs();
  }

  /** All schedules by ascending sequence. */
  entries(): { seq: number; subject: string; sec: number; ns: number }[] {
    const entries = [...this.#bySubject].map(([subject, entry]) => ({ subject, ...entry }));
    return entries.sort((a, b) => a.seq - b.seq);
  }

  /** Sets the timer for the earliest schedule. */
  resetTimer(): void {
    if (this.#running) return;
    const nextMs = this.nextMs();
    if (nextMs === Infinity) {
      this.stop();
      return;
    }
    const nowMs = this.#nowMs();
    const fireInMs = Math.max(FIRE_IN_MS_MIN, nextMs - nowMs);
    const deadlineMs = nowMs + fireInMs;
    if (this.#deadlineMs > 0 && deadlineMs > this.#deadlineMs) return;
    this.stop();
    this.#deadlineMs = deadlineMs;
    this.#timer = this.#loop.setTimer(() => {
      this.#timer = null;
      this.#deadlineMs = 0;
      this.#run();
    }, Math.min(fireInMs, 0x7fffffff));
  }

  /** Cancels the timer. */
  stop(): void {
    if (this.#timer !== null) this.#loop.clearTimer(this.#timer);
    this.#timer = null;
    this.#deadlineMs = 0;
  }

  /** All schedules as a new array, stamped with `stamp`. */
  encode(stamp: number): Uint8Array {
    let size = HEADER_BYTES;
    for (const subject of this.#bySubject.keys()) size += 2 + subject.length + 20;
    const bytes = new Uint8Array(size + VARINT_BYTES_MAX);
    const view = new DataView(bytes.buffer);
    bytes[0] = 1;
    view.setBigUint64(1, BigInt(this.#bySubject.size), true);
    view.setBigUint64(9, BigInt(stamp), true);
    let at = HEADER_BYTES;
    for (const [subject, { seq, sec, ns }] of this.#bySubject) {
      view.setUint16(at, subject.length, true);
      at += 2;
      for (let i = 0; i < subject.length; i++) bytes[at++] = subject.charCodeAt(i);
      at = putVarint64(bytes, at, BigInt(sec) * 1_000_000_000n + BigInt(ns));
      at = putUvarint(bytes, at, seq);
    }
    return bytes.subarray(0, at);
  }

  /** Adds the schedules of `bytes` (borrowed) and returns the stamp. Throws `corrupt_state`. */
  decode(bytes: Uint8Array): number {
    if (bytes.length < HEADER_BYTES) throw new StoreError("corrupt_state", "short buffer");
    if (bytes[0] !== 1) {
      throw new StoreError("corrupt_state", "msg scheduling: encoded version not known");
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = Number(view.getBigUint64(1, true));
    const stamp = Number(view.getBigUint64(9, true));
    const reader = new VarintReader(bytes, HEADER_BYTES);
    for (let i = 0; i < count; i++) {
      const head = reader.take(2);
      const length = head === null ? 0 : head[0]! | (head[1]! << 8);
      const subject = reader.take(length);
      const ns = reader.varint64();
      const seq = reader.uvarint();
      if (reader.failed) throw new StoreError("corrupt_state", "unexpected EOF");
      const name = byteStringOf(subject!, 0, length);
      this.init(seq, name, Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n));
    }
    return stamp;
  }
}
