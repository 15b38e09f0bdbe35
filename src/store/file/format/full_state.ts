/**
 * `index.db`, the state of a stream as of its last clean moment: with it recovery reads no blocks
 * (reference: filestore.go _writeFullState, recoverFullState).
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 1 | magic 11 |
 * | 1 | 1 | version 4 (1 to 3 are read) |
 * | 2 | varints | messages, bytes, first seq, first time (signed), last seq, last time (signed) |
 * | | varint | number of subjects; each: length, subject, total, first block, last block |
 * | | varint | number of blocks; each: index, bytes, first seq, first time − base (signed), last seq, last time − base (signed), number deleted, TTLs, schedules, sequence set if any deleted |
 * | | varint | index of the last block |
 * | | 8 | checksum of its last record |
 * | end−8 | 8 | HighwayHash-64 of all before; key: SHA-256 of the stream's name |
 *
 * The base of block times is the first time. Encrypted: everything but the last checksum is
 * sealed with the stream's key, and the checksum covers the sealed bytes.
 *
 * @module
 */
import {
  decodeSequenceSet,
  encodedSequenceSetSize,
  encodeSequenceSetInto,
  type SequenceSet,
} from "../../../base/containers/avl/mod.ts";
import {
  putUvarint,
  putVarint64,
  VARINT_BYTES_MAX,
  VarintReader,
} from "../../../base/bytes/varint.ts";
import { byteStringOf } from "../../../base/text/byte_string.ts";
import { isValidSubject } from "../../../subject/mod.ts";
import { StoreError } from "../../errors.ts";

const MAGIC = 11;
const VERSION = 4;

/** One block's line. */
export interface FullStateBlock {
  index: number;
  bytes: number;
  firstSeq: number;
  firstTsNs: bigint;
  lastSeq: number;
  lastTsNs: bigint;
  /** Null when nothing is deleted inside. */
  deleted: SequenceSet | null;
  ttls: number;
  schedules: number;
}

/** What `index.db` says. */
export interface FullState {
  msgs: number;
  bytes: number;
  firstSeq: number;
  /** 0n: no time. */
  firstTimeNs: bigint;
  lastSeq: number;
  lastTimeNs: bigint;
  blocks: FullStateBlock[];
  lastBlockIndex: number;
  /** Checksum of the last record of that block. */
  lastChecksum: Uint8Array;
}

/** Receives each subject while decoding; no list of a million subjects is made. */
export type SubjectSink = (
  subject: string,
  total: number,
  firstBlock: number,
  lastBlock: number,
) => void;

/** Source of subjects while encoding: calls `put` for each. */
export type SubjectSource = (put: SubjectSink) => void;

/** The content without its final checksum. `subjectBytes` is the sum of the subjects' lengths. */
export function encodeFullState(
  state: FullState,
  subjects: { count: number; totalBytes: number; each: SubjectSource },
): Uint8Array {
  let size = 2 + VARINT_BYTES_MAX * 9 + 8 + subjects.totalBytes +
    subjects.count * VARINT_BYTES_MAX * 4;
  for (const block of state.blocks) {
    size += VARINT_BYTES_MAX * 9;
    if (block.deleted !== null) size += encodedSequenceSetSize(block.deleted);
  }
  const bytes = new Uint8Array(size);
  bytes[0] = MAGIC;
  bytes[1] = VERSION;
  let at = 2;
  at = putUvarint(bytes, at, state.msgs);
  at = putUvarint(bytes, at, state.bytes);
  at = putUvarint(bytes, at, state.firstSeq);
  at = putVarint64(bytes, at, state.firstTimeNs);
  at = putUvarint(bytes, at, state.lastSeq);
  at = putVarint64(bytes, at, state.lastTimeNs);
  at = putUvarint(bytes, at, subjects.count);
  subjects.each((subject, total, firstBlock, lastBlock) => {
    at = putUvarint(bytes, at, subject.length);
    for (let i = 0; i < subject.length; i++) bytes[at++] = subject.charCodeAt(i);
    at = putUvarint(bytes, at, total);
    at = putUvarint(bytes, at, firstBlock);
    at = putUvarint(bytes, at, lastBlock);
  });
  at = putUvarint(bytes, at, state.blocks.length);
  for (const block of state.blocks) {
    at = putUvarint(bytes, at, block.index);
    at = putUvarint(bytes, at, block.bytes);
    at = putUvarint(bytes, at, block.firstSeq);
    at = putVarint64(bytes, at, block.firstTsNs - state.firstTimeNs);
    at = putUvarint(bytes, at, block.lastSeq);
    at = putVarint64(bytes, at, block.lastTsNs - state.firstTimeNs);
    at = putUvarint(bytes, at, block.deleted?.size ?? 0);
    at = putUvarint(bytes, at, block.ttls);
    at = putUvarint(bytes, at, block.schedules);
    if (block.deleted !== null && block.deleted.size > 0) {
      at = encodeSequenceSetInto(block.deleted, bytes, at);
    }
  }
  at = putUvarint(bytes, at, state.lastBlockIndex);
  bytes.set(state.lastChecksum, at);
  return bytes.subarray(0, at + 8);
}

/** Reads the content without its final checksum. Throws `corrupt_state` with what is wrong. */
export function decodeFullState(bytes: Uint8Array, subject: SubjectSink): FullState {
  const version = bytes[1] ?? 0;
  if (bytes[0] !== MAGIC || version < 1 || version > VERSION) {
    throw new StoreError("corrupt_state", "magic and version mismatch");
  }
  const reader = new VarintReader(bytes, 2);
  const state: FullState = {
    msgs: reader.uvarint(),
    bytes: reader.uvarint(),
    firstSeq: reader.uvarint(),
    firstTimeNs: reader.varint64(),
    lastSeq: reader.uvarint(),
    lastTimeNs: reader.varint64(),
    blocks: [],
    lastBlockIndex: 0,
    lastChecksum: new Uint8Array(8),
  };
  const subjectCount = reader.uvarint();
  for (let i = 0; i < subjectCount && !reader.failed; i++) {
    const length = reader.uvarint();
    if (length === 0) continue;
    const start = reader.at;
    if (reader.take(length) === null) {
      throw new StoreError("corrupt_state", `bad subject len (${length})`);
    }
    const name = byteStringOf(bytes, start, start + length);
    if (!isValidSubject(name, true)) throw new StoreError("corrupt_state", "corrupt subject");
    const total = reader.uvarint();
    const firstBlock = reader.uvarint();
    const lastBlock = total > 1 || version >= 4 ? reader.uvarint() : firstBlock;
    if (!reader.failed) subject(name, total, firstBlock, lastBlock);
  }
  const blockCount = reader.uvarint();
  for (let i = 0; i < blockCount && !reader.failed; i++) {
    state.blocks.push(readBlock(reader, version, state.firstTimeNs));
  }
  state.lastBlockIndex = reader.uvarint();
  const checksum = reader.take(8);
  if (checksum === null) throw new StoreError("corrupt_state", "no checksum present");
  state.lastChecksum = checksum.slice();
  return state;
}

function readBlock(reader: VarintReader, version: number, baseNs: bigint): FullStateBlock {
  const block: FullStateBlock = {
    index: reader.uvarint(),
    bytes: reader.uvarint(),
    firstSeq: reader.uvarint(),
    firstTsNs: BigInt.asIntN(64, reader.varint64() + baseNs),
    lastSeq: reader.uvarint(),
    lastTsNs: BigInt.asIntN(64, reader.varint64() + baseNs),
    deleted: null,
    ttls: 0,
    schedules: 0,
  };
  const deletedCount = reader.uvarint();
  if (version >= 2) block.ttls = reader.uvarint();
  if (version >= 3) block.schedules = reader.uvarint();
  if (reader.failed) throw new StoreError("corrupt_state", "short block");
  if (deletedCount > 0) {
    try {
      const { set, end } = decodeSequenceSet(reader.bytes, reader.at);
      block.deleted = set;
      reader.at = end;
    } catch (error) {
      throw new StoreError("corrupt_state", "error decoding avl dmap", { cause: error });
    }
  }
  return block;
}
