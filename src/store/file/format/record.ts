/**
 * The record of `.blk` files (reference: filestore.go writeMsgRecordLocked, msgFromBufEx).
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 4 | record length; bit 31: has headers |
 * | 4 | 8 | sequence; bit 63: erased or skipped, bit 62: tombstone of that sequence |
 * | 12 | 8 | time, ns since the epoch |
 * | 20 | 2 | subject length |
 * | 22 | | subject |
 * | | 4 | header length, only with bit 31 |
 * | | | headers, payload |
 * | end−8 | 8 | HighwayHash-64 of sequence, time, subject, headers, payload |
 *
 * All numbers are little endian. The key of the checksum is SHA-256 of `<stream>-<block index>`.
 * The checksum does not cover the lengths; they are checked against each other.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { HASH_INPUT_AT, type HighwayHash } from "../../../base/crypto/mod.ts";
import type { StoredMsg } from "../../stored_msg.ts";

/** Bytes before the subject. */
export const RECORD_HEAD_BYTES = 22;
/** Size of the checksum. */
export const CHECKSUM_BYTES = 8;
/** Size of a record without subject, headers and payload: skips and tombstones. */
export const EMPTY_RECORD_BYTES = RECORD_HEAD_BYTES + CHECKSUM_BYTES;
/** A longer record is taken for damage, and never written. */
export const RECORD_BYTES_MAX = 32 * 1024 * 1024;

/** Marks an erased record in the upper half of its sequence. */
export const ERASED_BIT = 0x80000000;
/** Marks a tombstone there. */
export const TOMBSTONE_BIT = 0x40000000;
const MARK_BITS = 0xc0000000;
const HEADERS_BIT = 0x80000000;
const TWO_32 = 4294967296;
const NO_BYTES = new Uint8Array(0);

/** Kinds of records. */
export const RecordMark = { None: 0, Erased: ERASED_BIT, Tombstone: TOMBSTONE_BIT };

/** Size of the record of a message. */
export function recordSize(
  subjectBytes: number,
  headerBytes: number,
  payloadBytes: number,
): number {
  return EMPTY_RECORD_BYTES + subjectBytes + payloadBytes +
    (headerBytes === 0 ? 0 : 4 + headerBytes);
}

/** Key of the checksums in block `index` of stream `name`. */
export function blockHashKey(name: string, index: number): Uint8Array {
  return sha256(`${name}-${index}`);
}

/** SHA-256 of a text, the key of all other checksums of a stream or consumer. */
export function sha256(text: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(text).digest());
}

/**
 * Builds a record with its checksum in the hasher's memory at {@linkcode HASH_INPUT_AT}, under
 * the hasher's current key, and returns its size. `mark` is one of {@linkcode RecordMark}.
 */
export function buildRecord(
  hasher: HighwayHash,
  seq: number,
  mark: number,
  tsHigh: number,
  tsLow: number,
  subject: string,
  headers: Uint8Array,
  payload: Uint8Array,
): number {
  const headerBytes = headers.length;
  const size = recordSize(subject.length, headerBytes, payload.length);
  hasher.ensure(size);
  const view = hasher.view;
  const bytes = hasher.bytes;
  let at = HASH_INPUT_AT;
  view.setUint32(at, headerBytes === 0 ? size : (size | HEADERS_BIT) >>> 0, true);
  view.setUint32(at + 4, seq % TWO_32, true);
  view.setUint32(at + 8, (Math.floor(seq / TWO_32) | mark) >>> 0, true);
  view.setUint32(at + 12, tsLow, true);
  view.setUint32(at + 16, tsHigh, true);
  view.setUint16(at + 20, subject.length, true);
  at += RECORD_HEAD_BYTES;
  for (let i = 0; i < subject.length; i++) bytes[at++] = subject.charCodeAt(i);
  if (headerBytes > 0) {
    view.setUint32(at, headerBytes, true);
    bytes.set(headers, at + 4);
    at += 4 + headerBytes;
  }
  if (payload.length > 0) bytes.set(payload, at);
  hasher.seal(HASH_INPUT_AT, size, headerBytes > 0);
  return size;
}

/**
 * An erased record of `seq` under the hasher's current key, as a view of the hasher's memory: valid
 * until that is used again.
 */
export function erasedRecord(
  hasher: HighwayHash,
  seq: number,
  tsHigh: number,
  tsLow: number,
): Uint8Array {
  const none = NO_BYTES;
  const size = buildRecord(hasher, seq, RecordMark.Erased, tsHigh, tsLow, "", none, none);
  return hasher.bytes.subarray(HASH_INPUT_AT, HASH_INPUT_AT + size);
}

/** Length of the record at `at`, without the header bit. */
export function recordLength(view: DataView, at: number): number {
  return view.getUint32(at, true) & 0x7fffffff;
}

/** True when the record at `at` has headers. */
export function hasHeaders(view: DataView, at: number): boolean {
  return (view.getUint32(at, true) & HEADERS_BIT) !== 0;
}

/** Sequence of the record at `at`, without marks. */
export function recordSeq(view: DataView, at: number): number {
  return (view.getUint32(at + 8, true) & ~MARK_BITS) * TWO_32 + view.getUint32(at + 4, true);
}

/** Mark of the record at `at`: one of {@linkcode RecordMark}. */
export function recordMark(view: DataView, at: number): number {
  const marks = view.getUint32(at + 8, true) & MARK_BITS;
  return (marks & TOMBSTONE_BIT) !== 0 ? TOMBSTONE_BIT : marks >>> 0;
}

/** Length of the subject of the record at `at`. */
export function recordSubjectLength(view: DataView, at: number): number {
  return view.getUint16(at + 20, true);
}

/** True when the lengths of the record at `at` fit each other and the `end` of the data. */
export function isSaneRecord(view: DataView, at: number, end: number): boolean {
  if (at + RECORD_HEAD_BYTES > end) return false;
  const length = recordLength(view, at);
  if (length > RECORD_BYTES_MAX || at + length > end) return false;
  const extra = hasHeaders(view, at) ? 4 : 0;
  return length >= EMPTY_RECORD_BYTES + recordSubjectLength(view, at) + extra;
}

/**
 * Points `out` at the message of the record at `at`, whose lengths were checked. False when the
 * header length does not fit: the checksum does not cover it.
 */
export function readRecord(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  out: StoredMsg,
): boolean {
  const word = view.getUint32(at, true);
  const end = at + (word & 0x7fffffff) - CHECKSUM_BYTES;
  const subjectEnd = at + RECORD_HEAD_BYTES + view.getUint16(at + 20, true);
  let headersAt = subjectEnd;
  let payloadAt = subjectEnd;
  if ((word & HEADERS_BIT) !== 0) {
    headersAt = subjectEnd + 4;
    payloadAt = headersAt + view.getUint32(subjectEnd, true);
    if (payloadAt > end) return false;
  }
  out.bytes = bytes;
  out.subjectAt = at + RECORD_HEAD_BYTES;
  out.subjectEnd = subjectEnd;
  out.headersAt = headersAt;
  out.headersEnd = payloadAt;
  out.payloadAt = payloadAt;
  out.payloadEnd = end;
  out.seq = (view.getUint32(at + 8, true) & ~MARK_BITS) * TWO_32 + view.getUint32(at + 4, true);
  out.tsLow = view.getUint32(at + 12, true);
  out.tsHigh = view.getUint32(at + 16, true);
  return true;
}
