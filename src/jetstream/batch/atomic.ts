/**
 * Atomic batches: messages that are stored all together or not at all (ADR-50).
 *
 * They wait in memory until the commit, are then checked one after the other, each as if those
 * before it were stored, and stored in one turn of the event loop: nobody sees a part of them, and
 * they reach the disk before the commit is acknowledged. What a crash leaves of a commit that was
 * not acknowledged is taken back when the stream is opened (`recover.ts`).
 *
 * Reference: processJetStreamAtomicBatchMsg in server/stream.go.
 *
 * @module
 */
import { type ApiError, apiError, refusesApiLevel } from "../../jsapi/mod.ts";
import { appendHeader, headerValue, removeHeader } from "../../protocol/mod.ts";
import { LazyTimer } from "../consumer/lazy_timer.ts";
import type { BatchAbandonReason } from "../events/advisories.ts";
import { MsgHeader } from "../stream/header_names.ts";
import { apply, refuse } from "../stream/ingest.ts";
import {
  checkMessage,
  checkSizes,
  hasCheckedHeader,
  MessageNotes,
  storedBytes,
} from "../stream/msg_checks.ts";
import type { Stream } from "../stream/stream.ts";
import { atomicLimits, STAGED_BYTES_MAX } from "./limits.ts";
import type { BatchOutcome, RefusedMessage } from "./outcome.ts";
import { StagedMessages, UNSUPPORTED_HEADERS } from "./staged.ts";

const ID_BYTES_MAX = 64;
const ARENA_BYTES_MIN = 4096;
const COMMIT = "1";
const COMMIT_EOB = "eob";

/** A message that waits for its batch's commit; its bytes are in the batch's arena. */
interface WaitingMessage {
  readonly subject: string;
  readonly headersAt: number;
  readonly payloadAt: number;
  readonly end: number;
}

/** A batch that waits for its commit. */
class AtomicBatch {
  readonly messages: WaitingMessage[] = [];
  /** Headers and payloads, one behind the other: an array of its own for each costs more. */
  arena = new Uint8Array(ARENA_BYTES_MIN);
  arenaEnd = 0;
  bytes = 0;

  constructor(readonly timer: LazyTimer) {}

  /** Copies a message. Returns its size. */
  add(subject: string, headers: Uint8Array, payload: Uint8Array): number {
    const headersAt = this.arenaEnd;
    const payloadAt = headersAt + headers.length;
    const end = payloadAt + payload.length;
    if (end > this.arena.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.arena.length));
      larger.set(this.arena.subarray(0, headersAt));
      this.arena = larger;
    }
    this.arena.set(headers, headersAt);
    this.arena.set(payload, payloadAt);
    this.arenaEnd = end;
    this.messages.push({ subject, headersAt, payloadAt, end });
    const bytes = subject.length + headers.length + payload.length;
    this.bytes += bytes;
    return bytes;
  }
}

/**
 * Checks a message of a batch as if those in `staged` were stored already, and takes it in there.
 * Returns why it is refused, or null.
 */
export function stageMessage(
  stream: Stream,
  subject: string,
  notes: MessageNotes,
  staged: StagedMessages,
): ApiError | null {
  const error = checkMessage(stream, subject, notes, { sourced: false, staged, batched: true });
  if (error !== null) return error;
  const bytes = storedBytes(stream.config.storage, subject, notes.headers, notes.payload);
  staged.add(subject, bytes, notes.isSchedule);
  return staged.checkRoom(stream, subject, notes.rollup !== "");
}

/** The atomic batches of one stream. */
export class AtomicBatches {
  readonly #stream: Stream;
  readonly #batches: Map<string, AtomicBatch> = new Map();

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** Number of batches that wait for their commit. */
  get count(): number {
    return this.#batches.size;
  }

  /** Drops all batches. */
  clear(): void {
    for (const id of [...this.#batches.keys()]) this.#drop(id);
  }

  /** A message of batch `id`. `headers` and `payload` are borrowed. */
  receive(
    id: string,
    subject: string,
    reply: string,
    headers: Uint8Array,
    payload: Uint8Array,
  ): BatchOutcome {
    const stream = this.#stream;
    const answersTo = stream.config.noAck ? "" : reply;
    const outcome = this.#check(id, subject, answersTo, headers, payload);
    if (typeof outcome === "object") {
      refuse(stream, answersTo, outcome instanceof Error ? outcome : outcome.error);
    }
    return outcome;
  }

  #check(
    id: string,
    subject: string,
    reply: string,
    headers: Uint8Array,
    payload: Uint8Array,
  ): BatchOutcome {
    const stream = this.#stream;
    if (stream.config.sealed) return apiError("JSStreamSealedErr");
    const tooLarge = checkSizes(stream, subject, headers, payload);
    if (tooLarge !== null) return tooLarge;
    if (!stream.config.allowAtomicPublish) return apiError("JSAtomicPublishDisabledErr");
    if (id.length > ID_BYTES_MAX) return apiError("JSAtomicPublishInvalidBatchIDErr");
    const value = (name: string): string => headerValue(headers, 0, headers.length, name) ?? "";
    const seqText = value(MsgHeader.BatchSeq);
    if (!/^\d{1,15}$/.test(seqText)) return apiError("JSAtomicPublishMissingSeqErr");
    const seq = Number(seqText);
    const commit = headerValue(headers, 0, headers.length, MsgHeader.BatchCommit);
    const isEob = commit === COMMIT_EOB;
    const size = isEob ? seq - 1 : seq;
    const limits = atomicLimits(stream.js.options);
    const found = this.#findOrOpen(id, seq, size);
    if (found instanceof Error) return found;
    if (commit !== null && !isEob && commit !== COMMIT) {
      this.#drop(id);
      return apiError("JSAtomicPublishInvalidBatchCommitErr");
    }
    const level = value(MsgHeader.RequiredApiLevel);
    if (refusesApiLevel(level)) {
      this.#abandon(id, "unsupported");
      return apiError("JSRequiredApiLevelErr");
    }
    found.timer.setDelay(limits.timeoutMs);
    if (found.messages.length + 1 !== seq || (seq === 1 && isEob)) {
      this.#abandon(id, "incomplete");
      return apiError("JSAtomicPublishIncompleteBatchErr");
    }
    if (size > limits.size) {
      this.#abandon(id, "large");
      return apiError("JSAtomicPublishTooLargeBatchErrF", { size: limits.size });
    }
    const kept = level === "" ? headers : removeHeader(headers, MsgHeader.RequiredApiLevel);
    if (!isEob) stream.js.batches.stagedBytes += found.add(subject, kept, payload);
    if (commit === null) {
      // Says that the message waits for the commit.
      if (reply !== "") {
        stream.acks.answer(reply, "");
        stream.js.markStreamDirty(stream);
      }
      return "waits";
    }
    this.#drop(id);
    return this.#commit(id, found, reply, isEob) ?? "stored";
  }

  #findOrOpen(id: string, seq: number, size: number): AtomicBatch | ApiError {
    const { js } = this.#stream;
    const present = this.#batches.get(id);
    if (present !== undefined) return present;
    const limits = atomicLimits(js.options);
    if (seq !== 1) {
      return size > limits.size
        ? apiError("JSAtomicPublishTooLargeBatchErrF", { size: limits.size })
        : apiError("JSAtomicPublishIncompleteBatchErr");
    }
    if (
      this.#batches.size + 1 > limits.inflightPerStream ||
      js.batches.atomic + 1 > limits.inflightTotal || js.batches.stagedBytes > STAGED_BYTES_MAX
    ) return apiError("JSAtomicPublishTooManyInflight");
    js.batches.atomic++;
    const { loop, clock } = js.core.env;
    const batch = new AtomicBatch(new LazyTimer(loop, clock, () => this.#abandon(id, "timeout")));
    this.#batches.set(id, batch);
    return batch;
  }

  #drop(id: string): void {
    const batch = this.#batches.get(id);
    if (batch === undefined) return;
    const { js } = this.#stream;
    this.#batches.delete(id);
    batch.timer.clear();
    js.batches.atomic--;
    js.batches.stagedBytes -= batch.bytes;
  }

  #abandon(id: string, reason: BatchAbandonReason): void {
    this.#drop(id);
    const stream = this.#stream;
    stream.js.events.batchAbandoned(stream.address, id, reason);
  }

  #commit(
    id: string,
    { messages, arena }: AtomicBatch,
    reply: string,
    isEob: boolean,
  ): RefusedMessage | null {
    const stream = this.#stream;
    const staged = new StagedMessages();
    const checked: { subject: string; notes: MessageNotes }[] = [];
    for (const { subject: published, headersAt, payloadAt, end } of messages) {
      const headers = arena.subarray(headersAt, payloadAt);
      const payload = arena.subarray(payloadAt, end);
      const unsupported = hasCheckedHeader(headers) ? unsupportedHeader(headers) : "";
      if (unsupported !== "") {
        const tags = { header: unsupported };
        return { error: apiError("JSAtomicPublishUnsupportedHeaderBatchErr", tags), headers };
      }
      const subject = stream.inputTransform?.match(published) ?? published;
      const notes = new MessageNotes();
      notes.headers = headers;
      notes.payload = payload;
      const error = stageMessage(stream, subject, notes, staged);
      if (error !== null) return { error, headers };
      checked.push({ subject, notes });
    }
    const end = { id, size: checked.length };
    for (const [index, { subject, notes }] of checked.entries()) {
      const isLast = index === checked.length - 1;
      if (isLast && isEob) {
        notes.headers = appendHeader(notes.headers, MsgHeader.BatchCommit, COMMIT);
      }
      apply(
        stream,
        subject,
        isLast ? reply : "",
        notes.headers,
        notes.payload,
        notes,
        isLast ? end : null,
      );
    }
    return null;
  }
}

/** A header that messages of a batch may not have, or empty. */
function unsupportedHeader(headers: Uint8Array): string {
  return UNSUPPORTED_HEADERS.find((name) =>
    (headerValue(headers, 0, headers.length, name) ?? "") !== ""
  ) ?? "";
}
