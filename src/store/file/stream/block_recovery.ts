/**
 * Bringing a stream back from its blocks alone: each block's state, and its messages by subject
 * (reference: filestore.go recoverMsgs, recoverMsgBlock, populateGlobalPerSubjectInfo).
 *
 * Nearly all blocks are plain and intact. Such a block is read once, verified where it was read to,
 * and its subjects are counted straight into the stream's; nothing is made per message.
 *
 * @module
 */
import { bytesOfByteString } from "../../../base/text/byte_string.ts";
import { StoreError } from "../../errors.ts";
import { MsgBlock } from "../block/msg_block.ts";
import { rebuildBlock, rebuildIntactBlock } from "../block/rebuild.ts";
import { subjectsOf } from "../block/subjects.ts";
import {
  RECORD_HEAD_BYTES,
  recordLength,
  RecordMark,
  recordMark,
  recordSeq,
  recordSubjectLength,
} from "../format/record.ts";
import { type FileStoreCore, StreamSubject } from "./core.ts";
import { moveAside } from "./full_state_io.ts";
import { SubjectTally } from "./subject_tally.ts";

/** Recovers the blocks of one store, in the order of their indexes. */
export class BlockRecovery {
  readonly #core: FileStoreCore;
  readonly #tally = new SubjectTally();

  constructor(core: FileStoreCore) {
    this.#core = core;
  }

  /** Adds block `index` to the store; its subjects wait for {@linkcode finish}. */
  recover(index: number): void {
    const core = this.#core;
    const block = new MsgBlock(core, index);
    const intact = rebuildIntactBlock(block);
    if (intact === null) {
      recoverSlowly(core, index, this.#tally);
      return;
    }
    for (const seq of intact.tombstones) core.tombstones.push(seq);
    if (block.msgs > 0) countSubjects(block, intact.bytes, this.#tally);
    addRecovered(core, block);
  }

  /** Adds the subjects of all blocks to the store. */
  finish(): void {
    const core = this.#core;
    this.#tally.each((subject, total, firstBlock, lastBlock) => {
      const info = new StreamSubject();
      info.total = total;
      info.firstBlock = firstBlock;
      info.lastBlock = lastBlock;
      core.subjects.insert(subject, info);
      core.subjectBytes += subject.length;
    });
  }
}

/** Counts the messages of a block by subject; `bytes` (borrowed) are its records. */
function countSubjects(block: MsgBlock, bytes: Uint8Array, tally: SubjectTally): void {
  const { index, firstSeq, deleted } = block;
  const hasDeleted = deleted.size > 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let last = firstSeq - 1;
  for (let at = 0; at < bytes.length;) {
    const record = at;
    at += recordLength(view, record);
    if (recordMark(view, record) !== RecordMark.None) continue;
    const seq = recordSeq(view, record);
    if (seq <= last || (hasDeleted && deleted.exists(seq))) continue;
    last = seq;
    const start = record + RECORD_HEAD_BYTES;
    const size = recordSubjectLength(view, record);
    if (size > 0) tally.add(bytes, start, start + size, 1, index);
  }
}

/** Recovers a block that is encrypted, compressed or damaged. */
function recoverSlowly(core: FileStoreCore, index: number, tally: SubjectTally): void {
  const block = new MsgBlock(core, index);
  try {
    const { lost, tombstones } = rebuildBlock(block);
    if (lost !== null) {
      core.addLost(lost);
      core.warn(`lost ${lost.msgs.length} messages, ${lost.bytes} bytes in block ${index}`);
    }
    for (const seq of tombstones) core.tombstones.push(seq);
  } catch (error) {
    if (
      error instanceof StoreError &&
      (error.code === "bad_key_size" || error.code === "key_invalid")
    ) {
      // Unreadable without its key: kept, but not part of the stream.
      core.warn(`block ${index} cannot be decrypted: ${error.message}`);
      moveAside(core, block.path, `${index}.blk`);
      moveAside(core, block.keyPath, `${index}.key`);
      return;
    }
    throw error;
  }
  if (block.msgs > 0) {
    subjectsOf(block).iterFast((subject, state) => {
      tally.add(bytesOfByteString(subject), 0, subject.length, state.msgs, index);
      return true;
    });
    block.subjects = null;
    block.dropCache();
  }
  addRecovered(core, block);
}

/** Adds a block to the stream's totals, or removes its files when it says nothing. */
function addRecovered(core: FileStoreCore, block: MsgBlock): void {
  if (block.firstSeq === 0) {
    core.removeBlockFiles(block);
    return;
  }
  const totals = core.totals;
  if (totals.msgs === 0) {
    totals.firstSeq = 0;
    totals.firstTime.clear();
  }
  if (
    totals.firstSeq === 0 || (block.firstSeq < totals.firstSeq && !block.firstTime.isZero())
  ) {
    totals.firstSeq = block.firstSeq;
    totals.firstTime.copyFrom(block.firstTime);
  }
  if (block.lastSeq >= totals.lastSeq) {
    totals.lastSeq = block.lastSeq;
    totals.lastTime.copyFrom(block.lastTime);
  }
  totals.msgs += block.msgs;
  totals.bytes += block.bytes;
  if (block.msgs === 0) {
    block.firstSeq = totals.lastSeq + 1;
    block.firstTime.clear();
    block.lastSeq = totals.lastSeq;
    block.lastTime.copyFrom(totals.lastTime);
  }
  core.addBlock(block);
}
