/**
 * A timing wheel of 4096 one-second slots that finds which sequences have expired. Message TTLs
 * and schedules use it; its encoding is `thw.db` (reference: server/thw).
 *
 * Times are nanoseconds since the epoch given as whole seconds and the rest in nanoseconds,
 * because their product is beyond 2^53. A slot knows the low 12 bits of the seconds of all its
 * entries, so one double per entry, `floor(sec / 4096) · 10^9 + ns`, holds the rest exactly.
 *
 * | offset | size | field of the encoding |
 * |---|---|---|
 * | 0 | 1 | version 1 |
 * | 1 | 8 | number of entries, little endian |
 * | 9 | 8 | stamp: the first sequence the snapshot does not cover |
 * | 17 | | entries: expiry as signed varint of ns, sequence as varint |
 *
 * @module
 */
import { putUvarint, putVarint64, VARINT_BYTES_MAX, VarintReader } from "../../bytes/varint.ts";

const SLOT_COUNT = 4096;
const HEADER_BYTES = 17;
const NANOS = 1_000_000_000;
const TWO_32 = 4294967296;

/** Thrown when a task to remove or update is not in the wheel. */
export class TaskNotFoundError extends Error {
  override readonly name = "TaskNotFoundError";
  constructor() {
    super("thw: task not found");
  }
}

/** Why an encoded wheel could not be read; the texts are the reference's. */
export class BadWheelEncodingError extends Error {
  override readonly name = "BadWheelEncodingError";
}

/** Called with a due sequence and its expiry; returns true to remove the entry. */
export type ExpireVisitor = (seq: number, expiresSec: number, expiresNs: number) => boolean;

class Slot {
  /** Sequence to `floor(sec / 4096) · 10^9 + ns`. */
  readonly entries: Map<number, number> = new Map();
  /** Lowest such key in this slot; may be too low after removals, never too high. */
  lowest = Infinity;
}

/** Sequences by the time they expire. */
export class HashWheel {
  #slots: (Slot | null)[] = new Array(SLOT_COUNT).fill(null);
  #count = 0;
  #lowestSec = Infinity;
  #lowestNs = 0;

  /** Number of entries. */
  count(): number {
    return this.#count;
  }

  /** Whole seconds of the earliest expiry (possibly of one already removed), or Infinity. */
  lowestSec(): number {
    return this.#lowestSec;
  }

  /** Nanoseconds that go with {@linkcode lowestSec}. */
  lowestNs(): number {
    return this.#lowestNs;
  }

  /** Milliseconds since the epoch of the earliest expiry, or Infinity. */
  lowestMs(): number {
    return this.#lowestSec * 1000 + this.#lowestNs / 1e6;
  }

  /** Enters `seq`; the same sequence in the same slot is replaced. */
  add(seq: number, expiresSec: number, expiresNs: number): void {
    const position = expiresSec % SLOT_COUNT;
    const slot = this.#slots[position] ??= new Slot();
    const key = Math.floor(expiresSec / SLOT_COUNT) * NANOS + expiresNs;
    if (!slot.entries.has(seq)) this.#count++;
    slot.entries.set(seq, key);
    if (key < slot.lowest) {
      slot.lowest = key;
      this.#lower(expiresSec, expiresNs);
    }
  }

  /** Removes `seq`, which was entered with this expiry. Throws {@linkcode TaskNotFoundError}. */
  remove(seq: number, expiresSec: number): void {
    if (!this.discard(seq, expiresSec)) throw new TaskNotFoundError();
  }

  /** Removes `seq` if it is there; false when it is not. */
  discard(seq: number, expiresSec: number): boolean {
    const position = expiresSec % SLOT_COUNT;
    const slot = this.#slots[position];
    if (slot === null || slot === undefined || !slot.entries.delete(seq)) return false;
    this.#count--;
    if (slot.entries.size === 0) this.#slots[position] = null;
    return true;
  }

  /** Moves `seq` to a new expiry. Throws {@linkcode TaskNotFoundError}. */
  update(seq: number, oldSec: number, newSec: number, newNs: number): void {
    this.remove(seq, oldSec);
    this.add(seq, newSec, newNs);
  }

  /**
   * Calls `visit` for each entry due at the given time, in no particular order, and removes those
   * for which it returns true. `visit` may itself remove entries.
   */
  expire(nowSec: number, nowNs: number, visit: ExpireVisitor): void {
    if (isAfter(this.#lowestSec, this.#lowestNs, nowSec, nowNs)) return;
    let lowestSec = Infinity;
    let lowestNs = 0;
    for (let position = 0; position < SLOT_COUNT; position++) {
      const slot = this.#slots[position]!;
      if (slot === null) continue;
      let lowest = slot.lowest;
      if (!isAfter(secOf(lowest, position), lowest % NANOS, nowSec, nowNs)) {
        lowest = Infinity;
        for (const [seq, key] of slot.entries) {
          const sec = secOf(key, position);
          const ns = key % NANOS;
          if (!isAfter(sec, ns, nowSec, nowNs) && visit(seq, sec, ns)) {
            if (slot.entries.delete(seq)) this.#count--;
            continue;
          }
          if (key < lowest) lowest = key;
        }
        slot.lowest = lowest;
        if (slot.entries.size === 0) {
          this.#slots[position] = null;
          continue;
        }
      }
      const sec = secOf(lowest, position);
      if (sec < lowestSec || (sec === lowestSec && lowest % NANOS < lowestNs)) {
        lowestSec = sec;
        lowestNs = lowest % NANOS;
      }
    }
    this.#lowestSec = lowestSec;
    this.#lowestNs = lowestNs;
  }

  /** Visits all entries. */
  forEach(visit: (seq: number, expiresSec: number, expiresNs: number) => void): void {
    for (let position = 0; position < SLOT_COUNT; position++) {
      const slot = this.#slots[position]!;
      if (slot === null) continue;
      for (const [seq, key] of slot.entries) visit(seq, secOf(key, position), key % NANOS);
    }
  }

  /** All entries as a new array, stamped with `stamp`. */
  encode(stamp: number): Uint8Array {
    const bytes = new Uint8Array(HEADER_BYTES + this.#count * 2 * VARINT_BYTES_MAX);
    const view = new DataView(bytes.buffer);
    bytes[0] = 1;
    putU64(view, 1, this.#count);
    putU64(view, 9, stamp);
    let at = HEADER_BYTES;
    this.forEach((seq, sec, ns) => {
      at = putVarint64(bytes, at, BigInt(sec) * 1_000_000_000n + BigInt(ns));
      at = putUvarint(bytes, at, seq);
    });
    return bytes.subarray(0, at);
  }

  /**
   * Replaces all entries by those of `bytes` (borrowed) and returns the stamp. Throws
   * {@linkcode BadWheelEncodingError}; entries read before the damage stay.
   */
  decode(bytes: Uint8Array): number {
    if (bytes.length < HEADER_BYTES) throw new BadWheelEncodingError("short buffer");
    if (bytes[0] !== 1) throw new BadWheelEncodingError("thw: encoded version not known");
    this.#slots = new Array(SLOT_COUNT).fill(null);
    this.#count = 0;
    this.#lowestSec = Infinity;
    this.#lowestNs = 0;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = getU64(view, 1);
    const stamp = getU64(view, 9);
    const reader = new VarintReader(bytes, HEADER_BYTES);
    for (let i = 0; i < count; i++) {
      const expires = reader.varint64();
      const seq = reader.uvarint();
      if (reader.failed) throw new BadWheelEncodingError("unexpected EOF");
      // A time before the epoch cannot come from a message; it is due at once.
      const clamped = expires < 0n ? 0n : expires;
      this.add(seq, Number(clamped / 1_000_000_000n), Number(clamped % 1_000_000_000n));
    }
    return stamp;
  }

  #lower(sec: number, ns: number): void {
    if (sec < this.#lowestSec || (sec === this.#lowestSec && ns < this.#lowestNs)) {
      this.#lowestSec = sec;
      this.#lowestNs = ns;
    }
  }
}

function secOf(key: number, position: number): number {
  return Math.floor(key / NANOS) * SLOT_COUNT + position;
}

function isAfter(sec: number, ns: number, thanSec: number, thanNs: number): boolean {
  return sec > thanSec || (sec === thanSec && ns > thanNs);
}

function putU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % TWO_32, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32), true);
}

function getU64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true);
}
