/**
 * A run of messages in memory: their bytes one after the other in one buffer, and an offset per
 * sequence, so that a message is no object (takes the place of memstore.go's map of messages).
 *
 * | offset | size | field of a message |
 * |---|---|---|
 * | 0 | 4 | time, lower half |
 * | 4 | 4 | time, upper half |
 * | 8 | 4 | header length |
 * | 12 | 4 | payload length |
 * | 16 | 2 | subject length |
 * | 18 | | subject, headers, payload |
 *
 * @module
 */
import type { StoredMsg } from "../stored_msg.ts";

const HEAD_BYTES = 18;
const GONE = 0xffffffff;
const START_BYTES = 4096;

/** Bytes after which a new block is started. */
export const MEMORY_BLOCK_BYTES = 1 << 20;
/** Sequences that one block covers at most. */
export const MEMORY_BLOCK_SEQS = 1 << 16;

/** Consecutive sequences, some of them gone. */
export class MemoryBlock {
  readonly firstSeq: number;
  #bytes = new Uint8Array(START_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #offsets = new Uint32Array(256);
  /** Sequences covered. */
  count = 0;
  /** Messages that live. */
  live = 0;
  /** Bytes of messages that are gone. */
  #deadBytes = 0;

  constructor(firstSeq: number) {
    this.firstSeq = firstSeq;
  }

  /** True when no further sequence should go here. */
  isFull(): boolean {
    return this.#length >= MEMORY_BLOCK_BYTES || this.count >= MEMORY_BLOCK_SEQS;
  }

  /** The sequence after the last one covered. */
  endSeq(): number {
    return this.firstSeq + this.count;
  }

  /** Appends the message of sequence {@linkcode endSeq}; all inputs borrowed. */
  append(
    subject: string,
    headers: Uint8Array,
    payload: Uint8Array,
    tsHigh: number,
    tsLow: number,
  ): void {
    const size = HEAD_BYTES + subject.length + headers.length + payload.length;
    if (this.#length + size > this.#bytes.length) this.#grow(this.#length + size);
    const view = this.#view;
    const bytes = this.#bytes;
    let at = this.#length;
    this.#pushOffset(at);
    view.setUint32(at, tsLow, true);
    view.setUint32(at + 4, tsHigh, true);
    view.setUint32(at + 8, headers.length, true);
    view.setUint32(at + 12, payload.length, true);
    view.setUint16(at + 16, subject.length, true);
    at += HEAD_BYTES;
    for (let i = 0; i < subject.length; i++) bytes[at++] = subject.charCodeAt(i);
    if (headers.length > 0) {
      bytes.set(headers, at);
      at += headers.length;
    }
    if (payload.length > 0) bytes.set(payload, at);
    this.#length += size;
    this.live++;
  }

  /** Covers the next sequence without a message. */
  skip(): void {
    this.#pushOffset(GONE);
  }

  #pushOffset(offset: number): void {
    if (this.count === this.#offsets.length) {
      const offsets = new Uint32Array(this.count * 2);
      offsets.set(this.#offsets);
      this.#offsets = offsets;
    }
    this.#offsets[this.count++] = offset;
  }

  #grow(needed: number): void {
    const bytes = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  /** Points `out` at message `seq`; false when it is gone. */
  fetch(seq: number, out: StoredMsg): boolean {
    const slot = seq - this.firstSeq;
    if (slot < 0 || slot >= this.count) return false;
    const at = this.#offsets[slot]!;
    if (at === GONE) return false;
    const view = this.#view;
    out.bytes = this.#bytes;
    out.tsLow = view.getUint32(at, true);
    out.tsHigh = view.getUint32(at + 4, true);
    out.subjectAt = at + HEAD_BYTES;
    out.subjectEnd = out.subjectAt + view.getUint16(at + 16, true);
    out.headersAt = out.subjectEnd;
    out.headersEnd = out.headersAt + view.getUint32(at + 8, true);
    out.payloadAt = out.headersEnd;
    out.payloadEnd = out.payloadAt + view.getUint32(at + 12, true);
    out.seq = seq;
    return true;
  }

  /** True when message `seq` lives. */
  has(seq: number): boolean {
    const slot = seq - this.firstSeq;
    return slot >= 0 && slot < this.count && this.#offsets[slot] !== GONE;
  }

  /** Forgets message `seq`; with `overwrite` its bytes are cleared. */
  remove(seq: number, overwrite: boolean): void {
    const slot = seq - this.firstSeq;
    const at = this.#offsets[slot]!;
    const view = this.#view;
    const size = HEAD_BYTES + view.getUint32(at + 8, true) + view.getUint32(at + 12, true) +
      view.getUint16(at + 16, true);
    if (overwrite) this.#bytes.fill(0, at, at + size);
    this.#offsets[slot] = GONE;
    this.live--;
    this.#deadBytes += size;
    if (this.#deadBytes * 2 > this.#length && this.#length > START_BYTES * 4) this.#compact();
  }

  /** Cuts the block before `seq`. */
  truncate(seq: number): void {
    this.count = Math.min(this.count, Math.max(0, seq - this.firstSeq));
  }

  /** Moves the live messages together in a smaller buffer. */
  #compact(): void {
    const old = this.#bytes;
    const oldView = this.#view;
    const bytes = new Uint8Array(Math.max(START_BYTES, this.#length - this.#deadBytes));
    let length = 0;
    for (let slot = 0; slot < this.count; slot++) {
      const at = this.#offsets[slot]!;
      if (at === GONE) continue;
      const size = HEAD_BYTES + oldView.getUint32(at + 8, true) +
        oldView.getUint32(at + 12, true) + oldView.getUint16(at + 16, true);
      bytes.set(old.subarray(at, at + size), length);
      this.#offsets[slot] = length;
      length += size;
    }
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
    this.#length = length;
    this.#deadBytes = 0;
  }
}
