/**
 * The messages of an atomic batch as far as they were checked: each is checked as if those before
 * it were stored already.
 *
 * Reference: batchStagedDiff, checkMsgHeadersPreClusteredProposal in server/jetstream_batching.go.
 *
 * @module
 */
import { type ApiError, apiError } from "../../jsapi/mod.ts";
import { StoreError } from "../../store/mod.ts";
import { MsgHeader } from "../stream/header_names.ts";
import type { Stream } from "../stream/stream.ts";

interface SubjectTotal {
  msgs: number;
  bytes: number;
  /** The last message is a schedule. */
  isSchedule: boolean;
}

/** What the checked messages of a batch will change. */
export class StagedMessages {
  readonly msgIds: Set<string> = new Set();
  /** Body of the last counter message by subject. */
  readonly counters: Map<string, { headers: Uint8Array; payload: Uint8Array }> = new Map();
  readonly subjects: Map<string, SubjectTotal> = new Map();
  /** Sequences that were expected by subject. */
  readonly expected: Map<string, number> = new Map();
  count = 0;
  bytes = 0;

  /** Takes in a message that passed its checks. */
  add(subject: string, bytes: number, isSchedule: boolean): void {
    const known = this.subjects.get(subject);
    if (known === undefined) this.subjects.set(subject, { msgs: 1, bytes, isSchedule });
    else {
      known.msgs++;
      known.bytes += bytes;
      known.isSchedule = isSchedule;
    }
    this.count++;
    this.bytes += bytes;
  }

  /** Whether the stream has room for the batch up to here; only "discard new" refuses. */
  checkRoom(stream: Stream, subject: string, isRollup: boolean): ApiError | null {
    const { config, store } = stream;
    if (config.discard !== "new") return null;
    const { msgs, bytes } = stream.fastState();
    if (config.maxMsgs > 0 && msgs + this.count > config.maxMsgs) return full("max_msgs");
    if (config.maxBytes > 0 && bytes + this.bytes > config.maxBytes) return full("max_bytes");
    if (!config.discardNewPer || config.maxMsgsPer <= 0 || isRollup) return null;
    const present = store.subjectsTotals(subject).get(subject) ?? 0;
    return present + this.subjects.get(subject)!.msgs > config.maxMsgsPer
      ? full("max_msgs_per_subject")
      : null;
  }
}

function full(code: "max_msgs" | "max_bytes" | "max_msgs_per_subject"): ApiError {
  return apiError("JSStreamStoreFailedF", { err: new StoreError(code) });
}

/** Headers that a message of an atomic batch cannot have. */
export const UNSUPPORTED_HEADERS: readonly string[] = [MsgHeader.ExpectedLastMsgId];
