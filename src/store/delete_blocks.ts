/**
 * Sets of deleted sequences and the replicated stream state that carries them
 * (reference: store.go DeleteBlocks, StreamReplicatedState).
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 1 | magic 42 |
 * | 1 | 1 | version 1 |
 * | 2 | varints | messages, bytes, first, last, failed, number of deleted |
 * | | | delete blocks: 22 + sequence set, or 33 + varint first + varint count |
 *
 * @module
 */
import {
  decodeSequenceSet,
  encodedSequenceSetSize,
  encodeSequenceSetInto,
  SEQUENCE_SET_MAGIC,
  SequenceSet,
} from "../base/containers/avl/mod.ts";
import { putUvarint, uvarintSize, VarintReader } from "../base/bytes/varint.ts";
import { StoreError } from "./errors.ts";

const STATE_MAGIC = 42;
const STATE_VERSION = 1;
const RUN_LENGTH_MAGIC = 33;

/** Some deleted sequences; a {@linkcode SequenceSet} is one. */
export interface DeleteBlock {
  state(): { first: number; last: number; count: number };
  /** Visits all in ascending order until `visit` returns false. */
  range(visit: (seq: number) => boolean): void;
}

/** Consecutive deleted sequences. */
export class DeleteRange implements DeleteBlock {
  constructor(public first: number, public count: number) {}

  state(): { first: number; last: number; count: number } {
    const last = this.count > 0 ? this.first + this.count - 1 : this.first;
    return { first: this.first, last, count: this.count };
  }

  range(visit: (seq: number) => boolean): void {
    for (let seq = this.first; seq < this.first + this.count; seq++) if (!visit(seq)) return;
  }
}

/** Deleted sequences in an ascending array. */
export class DeleteSlice implements DeleteBlock {
  constructor(readonly seqs: readonly number[]) {}

  state(): { first: number; last: number; count: number } {
    const seqs = this.seqs;
    return { first: seqs[0] ?? 0, last: seqs[seqs.length - 1] ?? 0, count: seqs.length };
  }

  range(visit: (seq: number) => boolean): void {
    for (const seq of this.seqs) if (!visit(seq)) return;
  }
}

/** Number of sequences in all `blocks`. */
export function countDeleted(blocks: readonly DeleteBlock[]): number {
  let total = 0;
  for (const block of blocks) total += block.state().count;
  return total;
}

/** The state that replicas exchange. */
export interface ReplicatedState {
  msgs: number;
  bytes: number;
  firstSeq: number;
  lastSeq: number;
  failed: number;
  deleted: DeleteBlock[];
}

/** True when `bytes` begin like an encoded state. */
export function isEncodedStreamState(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === STATE_MAGIC && bytes[1] === STATE_VERSION;
}

/** Encodes the state; `blocks` are ranges or sequence sets that hold `numDeleted` sequences. */
export function encodeStreamState(
  state: { msgs: number; bytes: number; firstSeq: number; lastSeq: number; failed: number },
  numDeleted: number,
  blocks: readonly (DeleteRange | SequenceSet)[],
): Uint8Array {
  const heads = [state.msgs, state.bytes, state.firstSeq, state.lastSeq, state.failed, numDeleted];
  let size = 2;
  for (const value of heads) size += uvarintSize(value);
  for (const block of blocks) {
    size += block instanceof SequenceSet
      ? encodedSequenceSetSize(block)
      : 1 + uvarintSize(block.first) + uvarintSize(block.count);
  }
  const bytes = new Uint8Array(size);
  bytes[0] = STATE_MAGIC;
  bytes[1] = STATE_VERSION;
  let at = 2;
  for (const value of heads) at = putUvarint(bytes, at, value);
  for (const block of blocks) {
    if (block instanceof SequenceSet) at = encodeSequenceSetInto(block, bytes, at);
    else {
      bytes[at] = RUN_LENGTH_MAGIC;
      at = putUvarint(bytes, putUvarint(bytes, at + 1, block.first), block.count);
    }
  }
  return bytes;
}

/** Reads an encoded state. Throws `corrupt_stream_state`. */
export function decodeStreamState(bytes: Uint8Array): ReplicatedState {
  if (!isEncodedStreamState(bytes)) {
    throw new StoreError("corrupt_stream_state", "bad stream state encoding");
  }
  const reader = new VarintReader(bytes, 2);
  const state: ReplicatedState = {
    msgs: reader.uvarint(),
    bytes: reader.uvarint(),
    firstSeq: reader.uvarint(),
    lastSeq: reader.uvarint(),
    failed: reader.uvarint(),
    deleted: [],
  };
  if (reader.failed) throw new StoreError("corrupt_stream_state");
  const numDeleted = reader.uvarint();
  if (reader.failed || numDeleted === 0) return state;
  while (reader.at < bytes.length) {
    const magic = bytes[reader.at];
    if (magic === SEQUENCE_SET_MAGIC) {
      try {
        const { set, end } = decodeSequenceSet(bytes, reader.at);
        state.deleted.push(set);
        reader.at = end;
      } catch (error) {
        throw new StoreError("corrupt_stream_state", undefined, { cause: error });
      }
    } else if (magic === RUN_LENGTH_MAGIC) {
      reader.at++;
      const range = new DeleteRange(reader.uvarint(), reader.uvarint());
      if (reader.failed) throw new StoreError("corrupt_stream_state");
      state.deleted.push(range);
    } else throw new StoreError("corrupt_stream_state");
  }
  return state;
}

/**
 * Whether `block` is already deleted here: drops from `own` what lies before it and compares with
 * the first that is left. Both lists are ascending.
 */
export function isKnownDeleteBlock(
  block: DeleteBlock,
  own: (DeleteRange | SequenceSet)[],
): boolean {
  const wanted = block.state();
  while (own.length > 0 && own[0]!.state().last < wanted.first) own.shift();
  const candidate = own[0];
  if (candidate === undefined) return false;
  const have = candidate.state();
  if (
    have.first !== wanted.first || have.last !== wanted.last || have.count !== wanted.count
  ) return false;
  if (wanted.count !== wanted.last - wanted.first + 1 && !sameMembers(block, candidate)) {
    return false;
  }
  own.shift();
  return true;
}

function sameMembers(a: DeleteBlock, b: DeleteBlock): boolean {
  const set = a instanceof SequenceSet ? a : b instanceof SequenceSet ? b : null;
  if (set === null) return false;
  let same = true;
  (set === a ? b : a).range((seq) => same = set.exists(seq));
  return same;
}
