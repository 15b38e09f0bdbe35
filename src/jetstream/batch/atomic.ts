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
import type { TimerHandle } from "../../platform/mod.ts";
import { appendHeader, headerValue, removeHeader } from "../../protocol/mod.ts";
import type { BatchAbandonReason } from "../events/advisories.ts";
import { MsgHeader } from "../stream/header_names.ts";
import { apply, refuse } from "../stream/ingest.ts";
import { checkMessage, checkSizes, MessageNotes, storedBytes } from "../stream/msg_checks.ts";
import type { Stream } from "../stream/stream.ts";
import { atomicLimits, STAGED_BYTES_MAX } from "./limits.ts";
import { StagedMessages, UNSUPPORTED_HEADERS } from "./staged.ts";

const ID_BYTES_MAX = 64;
const COMMIT = "1";
const COMMIT_EOB = "eob";

/** A message that waits for its batch's commit; owned. */
interface WaitingMessage {
  readonly subject: string;
  readonly headers: Uint8Array;
  readonly payload: Uint8Array;
}

interface AtomicBatch {
  readonly messages: WaitingMessage[];
  bytes: number;
  timer: TimerHandle | null;
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
  ): void {
    const stream = this.#stream;
    const answersTo = stream.config.noAck ? "" : reply;
    const error = this.#check(id, subject, answersTo, headers, payload);
    if (error !== null) refuse(stream, answersTo, error);
  }

  #check(
    id: string,
    subject: string,
    reply: string,
    headers: Uint8Array,
    payload: Uint8Array,
  ): ApiError | null {
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
    const commit = value(MsgHeader.BatchCommit);
    const isEob = commit === COMMIT_EOB;
    const size = isEob ? seq - 1 : seq;
    const limits = atomicLimits(stream.js.options);
    const found = this.#findOrOpen(id, seq, size);
    if (found instanceof Error) return found;
    if (commit !== "" && !isEob && commit !== COMMIT) {
      this.#drop(id);
      return apiError("JSAtomicPublishInvalidBatchCommitErr");
    }
    const level = value(MsgHeader.RequiredApiLevel);
    if (refusesApiLevel(level)) {
      this.#abandon(id, "unsupported");
      return apiError("JSRequiredApiLevelErr");
    }
    this.#restartTimer(id, found);
    if (found.messages.length + 1 !== seq || (seq === 1 && isEob)) {
      this.#abandon(id, "incomplete");
      return apiError("JSAtomicPublishIncompleteBatchErr");
    }
    if (size > limits.size) {
      this.#abandon(id, "large");
      return apiError("JSAtomicPublishTooLargeBatchErrF", { size: limits.size });
    }
    const kept = level === "" ? headers : removeHeader(headers, MsgHeader.RequiredApiLevel);
    if (!isEob) this.#stage(found, subject, kept, payload);
    if (commit === "") {
      // Says that the message waits for the commit.
      if (reply !== "") {
        stream.acks.answer(reply, "");
        stream.js.markStreamDirty(stream);
      }
      return null;
    }
    const { messages } = found;
    this.#drop(id);
    return this.#commit(id, messages, reply, isEob);
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
    const batch: AtomicBatch = { messages: [], bytes: 0, timer: null };
    this.#batches.set(id, batch);
    return batch;
  }

  #restartTimer(id: string, batch: AtomicBatch): void {
    const { js } = this.#stream;
    const { loop } = js.core.env;
    if (batch.timer !== null) loop.clearTimer(batch.timer);
    const { timeoutMs } = atomicLimits(js.options);
    batch.timer = loop.setTimer(() => this.#abandon(id, "timeout"), timeoutMs);
  }

  #stage(batch: AtomicBatch, subject: string, headers: Uint8Array, payload: Uint8Array): void {
    const bytes = subject.length + headers.length + payload.length;
    batch.bytes += bytes;
    this.#stream.js.batches.stagedBytes += bytes;
    batch.messages.push({ subject, headers: headers.slice(), payload: payload.slice() });
  }

  #drop(id: string): void {
    const batch = this.#batches.get(id);
    if (batch === undefined) return;
    const { js } = this.#stream;
    this.#batches.delete(id);
    if (batch.timer !== null) js.core.env.loop.clearTimer(batch.timer);
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
    messages: readonly WaitingMessage[],
    reply: string,
    isEob: boolean,
  ): ApiError | null {
    const stream = this.#stream;
    const staged = new StagedMessages();
    const checked: { subject: string; notes: MessageNotes }[] = [];
    for (const { subject: published, headers, payload } of messages) {
      for (const header of UNSUPPORTED_HEADERS) {
        if ((headerValue(headers, 0, headers.length, header) ?? "") !== "") {
          return apiError("JSAtomicPublishUnsupportedHeaderBatchErr", { header });
        }
      }
      const subject = stream.inputTransform?.match(published) ?? published;
      const notes = new MessageNotes();
      notes.headers = headers;
      notes.payload = payload;
      const error = checkMessage(stream, subject, notes, { sourced: false, staged });
      if (error !== null) return error;
      const bytes = storedBytes(stream.config.storage, subject, notes.headers, notes.payload);
      staged.add(subject, bytes, notes.isSchedule);
      const full = staged.checkRoom(stream, subject, notes.rollup !== "");
      if (full !== null) return full;
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
