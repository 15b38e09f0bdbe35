/**
 * Fast batches: a stream of messages of which only some are acknowledged, with flow control
 * (ADR-50).
 *
 * Each message is stored as it comes. After `ackMessages` of them the publisher is told how far
 * the batch is and how many may come until the next such word; the fewer batches there are, the
 * more that is.
 *
 * Reference: processJetStreamFastBatchMsg in server/stream.go, fastBatch in
 * server/jetstream_batching.go.
 *
 * @module
 */
import { encodeJson } from "../../base/json/mod.ts";
import { byteStringOfText } from "../../base/text/byte_string.ts";
import { type ApiError, apiError, apiErrorShape, refusesApiLevel } from "../../jsapi/mod.ts";
import { headerValue, removeHeader } from "../../protocol/mod.ts";
import { LazyTimer } from "../consumer/lazy_timer.ts";
import { MsgHeader } from "../stream/header_names.ts";
import { apply, batchFields, refuse } from "../stream/ingest.ts";
import { checkMessage, checkSizes, MessageNotes } from "../stream/msg_checks.ts";
import type { Stream } from "../stream/stream.ts";
import type { FastBatchMessage } from "./batch_reply.ts";
import { fastLimits } from "./limits.ts";
import type { BatchOutcome } from "./outcome.ts";

const ID_BYTES_MAX = 64;
/** Messages between two acknowledgements when a batch has the stream for itself. */
const ACK_MESSAGES_MAX = 500;

class FastBatch {
  /** Highest batch sequence seen. */
  lastSeq = 0;
  /** Highest batch sequence stored, or known to be none to store. */
  storedSeq = 0;
  /** Batch sequence of the last flow control. */
  flowSeq = 0;
  /** Sequence in the stream of the last message stored. */
  streamSeq = 0;

  constructor(
    readonly timer: LazyTimer,
    readonly ackMessagesMax: number,
    readonly gapOk: boolean,
    public ackMessages: number,
  ) {}
}

/** The fast batches of one stream. */
export class FastBatches {
  readonly #stream: Stream;
  readonly #batches: Map<string, FastBatch> = new Map();

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** Number of batches. */
  get count(): number {
    return this.#batches.size;
  }

  /** Drops all batches. */
  clear(): void {
    for (const id of [...this.#batches.keys()]) this.#drop(id);
  }

  /**
   * A message of a batch; `message` is null when its reply subject makes no sense. `headers` and
   * `payload` are borrowed.
   */
  receive(
    message: FastBatchMessage | null,
    subject: string,
    reply: string,
    headers: Uint8Array,
    payload: Uint8Array,
  ): BatchOutcome {
    const stream = this.#stream;
    const { config } = stream;
    const answersTo = config.noAck ? "" : reply;
    const stored = stream.inputTransform?.match(subject) ?? subject;
    const batch = this.#check(message, stored, headers, payload);
    if (batch instanceof Error) return refuse(stream, answersTo, batch);
    const { id } = message!;
    const level = headerValue(headers, 0, headers.length, MsgHeader.RequiredApiLevel) ?? "";
    if (refusesApiLevel(level)) {
      this.#drop(id);
      return refuse(stream, answersTo, apiError("JSRequiredApiLevelErr"));
    }
    const kept = level === "" ? headers : removeHeader(headers, MsgHeader.RequiredApiLevel);
    batch.timer.setDelay(fastLimits(stream.js.options).timeoutMs);
    if (message!.ping) this.#ping(batch, message!, answersTo);
    else if (this.#inSequence(batch, message!, answersTo)) {
      return this.#store(batch, message!, stored, answersTo, kept, payload);
    }
    return "none";
  }

  /** The batch of the message, or why it is refused; `message` is not null when there is one. */
  #check(
    message: FastBatchMessage | null,
    subject: string,
    headers: Uint8Array,
    payload: Uint8Array,
  ): FastBatch | ApiError {
    const stream = this.#stream;
    const { config } = stream;
    if (config.sealed) return apiError("JSStreamSealedErr");
    const tooLarge = checkSizes(stream, subject, headers, payload);
    if (tooLarge !== null) return tooLarge;
    if (!config.allowBatchPublish) return apiError("JSBatchPublishDisabledErr");
    if (message === null) return apiError("JSBatchPublishInvalidPatternErr");
    if (message.id.length > ID_BYTES_MAX) return apiError("JSBatchPublishInvalidBatchIDErr");
    return this.#findOrOpen(message);
  }

  #findOrOpen(message: FastBatchMessage): FastBatch | ApiError {
    const { js } = this.#stream;
    const present = this.#batches.get(message.id);
    if (present !== undefined) return present;
    if (message.seq !== 1) return apiError("JSBatchPublishUnknownBatchIDErr");
    const limits = fastLimits(js.options);
    if (
      this.#batches.size + 1 > limits.inflightPerStream ||
      js.batches.fast + 1 > limits.inflightTotal
    ) return apiError("JSBatchPublishTooManyInflight");
    js.batches.fast++;
    const alone = this.#batches.size === 0;
    const ackMessages = alone ? Math.min(ACK_MESSAGES_MAX, message.flow) : 1;
    const { loop, clock } = js.core.env;
    const timer = new LazyTimer(loop, clock, () => this.#drop(message.id));
    const batch = new FastBatch(timer, message.flow, message.gapOk, ackMessages);
    this.#batches.set(message.id, batch);
    return batch;
  }

  #drop(id: string): void {
    const batch = this.#batches.get(id);
    if (batch === undefined) return;
    const { js } = this.#stream;
    this.#batches.delete(id);
    batch.timer.clear();
    js.batches.fast--;
  }

  #answer(reply: string, text: string): void {
    if (reply === "") return;
    this.#stream.acks.answer(reply, text);
    this.#stream.js.markStreamDirty(this.#stream);
  }

  #sendGap(reply: string, expected: number, current: number): void {
    this.#answer(reply, `{"type":"gap","last_seq":${expected},"seq":${current}}`);
  }

  #sendFlow(batch: FastBatch, reply: string, seq: number): void {
    this.#answer(reply, `{"type":"ack","seq":${seq},"msgs":${batch.ackMessages}}`);
  }

  /** The publisher wants to know how far the batch is. */
  #ping(batch: FastBatch, message: FastBatchMessage, reply: string): void {
    if (message.seq > batch.lastSeq) {
      this.#sendGap(reply, batch.lastSeq + 1, message.seq + 1);
      if (!batch.gapOk) {
        this.#end(batch, message.id, reply);
        return;
      }
      batch.lastSeq = batch.storedSeq = message.seq;
      if (this.#controlFlow(batch, reply)) return;
    }
    this.#sendFlow(batch, reply, batch.flowSeq);
  }

  /** Whether the message is the one to come; otherwise the batch may end here. */
  #inSequence(batch: FastBatch, message: FastBatchMessage, reply: string): boolean {
    const expected = batch.lastSeq + 1;
    if (message.seq === expected) {
      batch.lastSeq = expected;
      return true;
    }
    if (message.seq > expected) {
      this.#sendGap(reply, expected, message.seq);
      if (batch.gapOk) {
        batch.lastSeq = message.seq;
        return true;
      }
    }
    this.#end(batch, message.id, reply);
    return false;
  }

  #store(
    batch: FastBatch,
    message: FastBatchMessage,
    subject: string,
    reply: string,
    headers: Uint8Array,
    payload: Uint8Array,
  ): BatchOutcome {
    const stream = this.#stream;
    if (message.commitEob) {
      batch.lastSeq--;
      batch.storedSeq = batch.lastSeq;
      this.#end(batch, message.id, reply);
      return "none";
    }
    if (message.seq === 1 && !message.commit) this.#sendFlow(batch, reply, 0);
    const notes = new MessageNotes();
    notes.headers = headers;
    notes.payload = payload;
    const error = checkMessage(stream, subject, notes, {
      sourced: false,
      staged: null,
      batched: true,
    });
    if (error !== null || notes.duplicateOf > 0) {
      return this.#refused(batch, message, reply, error, notes.duplicateOf);
    }
    const failed = apply(stream, subject, "", notes.headers, notes.payload, notes, null);
    if (failed !== null) return this.#refused(batch, message, reply, failed, 0);
    batch.streamSeq = stream.lastSeq;
    batch.storedSeq = message.seq;
    if (message.commit) this.#end(batch, message.id, reply);
    else this.#controlFlow(batch, reply);
    return "stored";
  }

  /** The message is not stored: `error` says why, or it repeats `duplicateOf`. */
  #refused(
    batch: FastBatch,
    message: FastBatchMessage,
    reply: string,
    error: ApiError | null,
    duplicateOf: number,
  ): BatchOutcome {
    const { id, seq, commit, gapOk } = message;
    if (error === null) {
      batch.storedSeq = seq;
      this.#controlFlow(batch, reply);
      if (!commit) return "duplicate";
    }
    if (!gapOk && batch.lastSeq === 1) {
      this.#drop(id);
      if (error !== null) return refuse(this.#stream, reply, error);
      if (reply !== "") {
        const fields = `,"duplicate": true${batchFields({ id, size: seq })}`;
        this.#stream.acks.acceptWith(reply, duplicateOf, fields);
        this.#stream.js.markStreamDirty(this.#stream);
      }
      return "duplicate";
    }
    if (error !== null) {
      const text = `{"type":"err","seq":${seq},"error":${encodeJson(apiErrorShape, error)}}`;
      this.#answer(reply, byteStringOfText(text));
      if (gapOk && !commit) return error;
      batch.lastSeq--;
      batch.storedSeq = batch.lastSeq;
    }
    this.#end(batch, id, reply);
    return error ?? "duplicate";
  }

  /** Ends a batch with an acknowledgement of what was stored. */
  #end(batch: FastBatch, id: string, reply: string): void {
    this.#drop(id);
    if (reply === "") return;
    const fields = batchFields({ id, size: batch.lastSeq });
    this.#stream.acks.acceptWith(reply, batch.streamSeq, fields);
    this.#stream.js.markStreamDirty(this.#stream);
  }

  /** Tells the publisher how far the batch is when it is time; whether it was. */
  #controlFlow(batch: FastBatch, reply: string): boolean {
    const every = batch.ackMessages;
    if (batch.storedSeq < batch.flowSeq + every) return false;
    batch.flowSeq += Math.floor((batch.storedSeq - batch.flowSeq) / every) * every;
    const share = Math.max(1, Math.floor(ACK_MESSAGES_MAX / this.#batches.size));
    const most = Math.min(share, batch.ackMessagesMax);
    if (every < most) batch.ackMessages = Math.min(every * 2, most);
    else if (every > most) batch.ackMessages = Math.max(Math.floor(every / 2), most);
    this.#sendFlow(batch, reply, batch.flowSeq);
    return true;
  }
}
