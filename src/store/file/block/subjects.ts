/**
 * Per-subject state of a block: built when first needed, kept up to date while it exists, with
 * lazily corrected first and last sequences (reference: filestore.go generatePerSubjectInfo,
 * removeSeqPerSubject, recalculateForSubj).
 *
 * @module
 */
import { SubjectTree } from "../../../base/containers/stree/mod.ts";
import { LoadCode, StoredMsg } from "../../stored_msg.ts";
import { BlockSubject, type MsgBlock } from "./msg_block.ts";

/** The block's subjects, reading the block when they are not known. */
export function subjectsOf(block: MsgBlock): SubjectTree<BlockSubject> {
  const known = block.subjects;
  block.touched = true;
  if (known !== null) return known;
  const subjects = new SubjectTree<BlockSubject>();
  if (block.msgs > 0) {
    const msg = new StoredMsg();
    const recentStates: (BlockSubject | null)[] = new Array(RECENT_SLOTS).fill(null);
    const recentNames: string[] = new Array(RECENT_SLOTS).fill("");
    block.load();
    for (let seq = block.firstSeq; seq <= block.lastSeq; seq++) {
      if (block.fetch(seq, msg) !== LoadCode.Found || msg.subjectAt === msg.subjectEnd) continue;
      const slot = recentSlot(msg);
      let state = recentStates[slot]!;
      if (state === null || !msg.hasSubject(recentNames[slot]!)) {
        const subject = msg.subject();
        state = subjects.find(subject) ?? addSubject(subjects, subject, seq);
        recentStates[slot] = state;
        recentNames[slot] = subject;
      }
      state.msgs++;
      state.last = seq;
    }
  }
  block.subjects = subjects;
  return subjects;
}

function addSubject(
  subjects: SubjectTree<BlockSubject>,
  subject: string,
  seq: number,
): BlockSubject {
  const state = new BlockSubject();
  state.first = seq;
  subjects.insert(subject, state);
  return state;
}

/** Slots for subjects seen lately, so that most messages need neither a string nor the tree. */
const RECENT_SLOTS = 256;

/** Slot by the end of the subject, where subjects differ most. */
function recentSlot(msg: StoredMsg): number {
  const bytes = msg.bytes;
  let hash = msg.subjectEnd - msg.subjectAt;
  for (let i = Math.max(msg.subjectAt, msg.subjectEnd - 8); i < msg.subjectEnd; i++) {
    hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  }
  return (hash ^ (hash >>> 15)) & (RECENT_SLOTS - 1);
}

/** Takes message `seq` of `subject` out of the block's subjects, if they are known. */
export function removeFromSubjects(block: MsgBlock, subject: string, seq: number): void {
  const state = block.subjects?.find(subject) ?? null;
  if (state === null) return;
  if (state.msgs === 1) {
    block.subjects!.delete(subject);
    return;
  }
  state.msgs--;
  if (state.msgs === 1) {
    if (!state.lastStale && seq !== state.last) {
      state.first = state.last;
      state.firstStale = false;
      return;
    }
    if (!state.firstStale && seq !== state.first) {
      state.last = state.first;
      state.lastStale = false;
      return;
    }
  }
  state.firstStale ||= seq === state.first;
  state.lastStale ||= seq === state.last;
}

/** Corrects `first` and `last` of a subject whose end messages were removed. */
export function refreshSubject(block: MsgBlock, subject: string, state: BlockSubject): void {
  if (!state.firstStale && !state.lastStale) return;
  const msg = new StoredMsg();
  if (state.firstStale) {
    state.firstStale = false;
    for (let seq = Math.max(state.first, block.firstSeq); seq <= block.lastSeq; seq++) {
      if (block.fetch(seq, msg) !== LoadCode.Found || !msg.hasSubject(subject)) continue;
      state.first = seq;
      if (state.msgs === 1) {
        state.last = seq;
        state.lastStale = false;
      }
      break;
    }
  }
  if (state.lastStale) {
    state.lastStale = false;
    for (let seq = Math.min(state.last, block.lastSeq); seq >= state.first; seq--) {
      if (block.fetch(seq, msg) !== LoadCode.Found || !msg.hasSubject(subject)) continue;
      state.last = seq;
      if (state.msgs === 1) {
        state.first = seq;
        state.firstStale = false;
      }
      break;
    }
  }
}
