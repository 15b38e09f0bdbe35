/**
 * Direct gets: messages of a stream asked for without the API's envelope.
 *
 * Reference: processDirectGetRequest, getDirectRequest, getDirectMulti in server/stream.go; ADR-31.
 *
 * @module
 */
import { bytesOfByteString, byteStringOfText } from "../../base/text/byte_string.ts";
import { decodeJson, JsonShapeError, JsonSyntaxError } from "../../base/json/mod.ts";
import type { Subscription } from "../../core/connection/subscription.ts";
import { type MsgGetRequest, msgGetRequestShape, refusesApiLevel } from "../../jsapi/mod.ts";
import { headerValue } from "../../protocol/mod.ts";
import { LoadCode, StoredMsg, StoreError } from "../../store/mod.ts";
import { DirectHeaders } from "./direct_headers.ts";
import { MsgHeader } from "./header_names.ts";
import { PacedReplies, type WaitingBytes } from "./paced_replies.ts";
import type { Stream } from "./stream.ts";

/** Queue group of those who can answer: the stream and its mirrors. */
const QUEUE_GROUP = "_sys_";
/** Most messages that one request for several subjects may bring. */
const RESULTS_MAX = 1024;
const TOKENS_BEFORE_KEY = 5;
const NO_BYTES = new Uint8Array(0);
/** The headers say nothing about what follows. */
const NO_PENDING = -1;

/** Answers direct gets of one stream. */
export class DirectGet {
  readonly #stream: Stream;
  /** Subscriptions by the stream whose messages they give: this one, or the one it mirrors. */
  readonly #subscriptions: Map<string, Subscription[]> = new Map();
  readonly #message = new StoredMsg();
  readonly #headers: DirectHeaders;
  readonly #waiting: WaitingBytes = { count: 0 };

  constructor(stream: Stream) {
    this.#stream = stream;
    this.#headers = new DirectHeaders(stream.subjectName);
  }

  /** Listens as the stream's configuration says. */
  configure(): void {
    const { config, subjectName } = this.#stream;
    this.#set(subjectName, config.allowDirect);
    const origin = config.mirror === null ? null : byteStringOfText(config.mirror.name);
    for (const name of [...this.#subscriptions.keys()]) {
      if (name !== subjectName && (name !== origin || !config.mirrorDirect)) this.#set(name, false);
    }
  }

  /** A mirror is close to its origin: it may answer in its place. */
  mirrorCaughtUp(): void {
    const { mirror, mirrorDirect } = this.#stream.config;
    if (mirror !== null && mirrorDirect) this.#set(byteStringOfText(mirror.name), true);
  }

  /** Listens no more. */
  stop(): void {
    for (const name of [...this.#subscriptions.keys()]) this.#set(name, false);
  }

  #set(name: string, wanted: boolean): void {
    const { js: { client }, account: { account } } = this.#stream;
    const present = this.#subscriptions.get(name);
    if (wanted === (present !== undefined)) return;
    if (present !== undefined) {
      for (const subscription of present) client.unsubscribe(account, subscription);
      this.#subscriptions.delete(name);
      return;
    }
    const prefix = `$JS.API.DIRECT.GET.${name}`;
    this.#subscriptions.set(name, [
      client.subscribe(
        account,
        prefix,
        (_subscription, _account, _subject, reply, message, headerBytes) =>
          this.#onRequest(reply, message, headerBytes),
        QUEUE_GROUP,
      ),
      client.subscribe(
        account,
        `${prefix}.>`,
        (_subscription, _account, subject, reply, message, headerBytes) =>
          this.#onLastBySubject(subject, reply, message, headerBytes),
        QUEUE_GROUP,
      ),
    ]);
  }

  #send(reply: string, headers: Uint8Array, payload: Uint8Array): void {
    const { js: { client }, account: { account } } = this.#stream;
    client.publish(account, reply, "", headers, payload);
  }

  #status(reply: string, text: string): void {
    this.#send(reply, statusHeaders(text), NO_BYTES);
  }

  /** The request, or null when it was answered already. */
  #decode(
    reply: string,
    message: Uint8Array,
    headerBytes: number,
    mayBeEmpty: boolean,
  ): MsgGetRequest | null {
    if (reply === "") return null;
    if (headerBytes > 0) {
      const level = headerValue(message, 0, headerBytes, MsgHeader.RequiredApiLevel) ?? "";
      if (refusesApiLevel(level)) {
        this.#status(reply, "412 Required Api Level");
        return null;
      }
    }
    const body = message.subarray(headerBytes);
    if (body.length === 0) {
      if (mayBeEmpty) return msgGetRequestShape.create();
      this.#status(reply, "408 Empty Request");
      return null;
    }
    try {
      return decodeJson(msgGetRequestShape, body);
    } catch (error) {
      if (!(error instanceof JsonShapeError || error instanceof JsonSyntaxError)) throw error;
      this.#status(reply, "408 Malformed Request");
      return null;
    }
  }

  #onRequest(reply: string, message: Uint8Array, headerBytes: number): void {
    const request = this.#decode(reply, message, headerBytes, false);
    if (request === null) return;
    const { seq, lastFor, nextFor, multiLastFor, startTime, batch, upToSeq, upToTime } = request;
    const isMulti = multiLastFor.length > 0;
    if (seq === 0 && lastFor === "" && nextFor === "" && !isMulti && startTime === null) {
      this.#status(reply, "408 Empty Request");
      return;
    }
    if (
      (seq > 0 && lastFor !== "") || (seq > 0 && startTime !== null) ||
      (startTime !== null && lastFor !== "") || (lastFor !== "" && nextFor !== "") ||
      (lastFor !== "" && batch > 0) || (lastFor !== "" && isMulti) ||
      (nextFor !== "" && isMulti) || (upToSeq > 0 && upToTime !== null)
    ) {
      this.#status(reply, "408 Bad Request");
      return;
    }
    this.#answer(request, reply);
  }

  #onLastBySubject(
    subject: string,
    reply: string,
    message: Uint8Array,
    headerBytes: number,
  ): void {
    const request = this.#decode(reply, message, headerBytes, true);
    if (request === null) return;
    let start = 0;
    for (let token = 0; token < TOKENS_BEFORE_KEY; token++) start = subject.indexOf(".", start) + 1;
    const key = subject.slice(start);
    if (
      key === "" || request.lastFor !== "" || request.nextFor !== "" ||
      request.multiLastFor.length > 0 || request.seq !== 0 || request.batch !== 0 ||
      request.startTime !== null || request.upToSeq !== 0 || request.upToTime !== null
    ) {
      this.#status(reply, "408 Bad Request");
      return;
    }
    request.lastFor = key;
    this.#answer(request, reply);
  }

  #answer(request: MsgGetRequest, reply: string): void {
    const { lastSeq, durableSeq, js } = this.#stream;
    if (lastSeq > durableSeq && this.#waiting.count > js.options.maxPending) {
      this.#status(reply, "429 Too Many Requests");
      return;
    }
    if (request.multiLastFor.length > 0) this.#answerMulti(request, reply);
    else if (request.batch > 0) this.#answerBatch(request, reply);
    else this.#answerOne(request, reply);
  }

  #answerOne(request: MsgGetRequest, reply: string): void {
    const { store } = this.#stream;
    const message = this.#message;
    const seq = request.startTime === null ? request.seq : store.seqFromTimeNs(request.startTime);
    const found = request.nextFor !== ""
      ? store.loadNextMsg(request.nextFor, seq, message)
      : seq > 0
      ? store.loadMsg(seq, message)
      : store.loadLastMsg(request.lastFor, message);
    if (found !== LoadCode.Found) {
      this.#status(reply, "404 Message Not Found");
      return;
    }
    const headers = request.noHeaders ? NO_BYTES : this.#headers.write(message, NO_PENDING, 0);
    if (message.seq <= this.#stream.durableSeq) this.#send(reply, headers, message.payload());
    else {
      const replies = new PacedReplies(this.#stream, reply, this.#waiting);
      replies.send(headers, message.payload(), message.seq);
    }
  }

  #answerBatch(request: MsgGetRequest, reply: string): void {
    const { store, js } = this.#stream;
    const message = this.#message;
    let seq = request.startTime === null ? request.seq : store.seqFromTimeNs(request.startTime);
    const filter = request.nextFor;
    const counted = store.numPending(seq, filter, false);
    let pending = counted.total;
    const bytesMax = request.maxBytes === 0 ? js.options.maxPending : request.maxBytes;
    let lastSeq = 0;
    const replies = new PacedReplies(this.#stream, reply, this.#waiting);
    for (let sent = 0, bytes = 0; sent < request.batch && bytes < bytesMax; sent++) {
      if (store.loadNextMsg(filter, seq, message) !== LoadCode.Found) {
        if (request.batch > 1 && sent > 0) break;
        this.#status(reply, "404 Message Not Found");
        return;
      }
      seq = message.seq + 1;
      bytes += message.contentBytes();
      let headers: Uint8Array = NO_BYTES;
      if (!request.noHeaders) {
        if (pending > 0) pending--;
        headers = this.#headers.write(message, pending, lastSeq);
      }
      lastSeq = message.seq;
      replies.send(headers, message.payload(), message.seq);
    }
    if (this.#stream.lastSeq > counted.validThrough) {
      pending = store.numPending(seq, filter, false).total;
    }
    replies.send(statusHeaders(`204 EOB\r\n${batchLines(pending, lastSeq)}`.trimEnd()), NO_BYTES);
  }

  #answerMulti(request: MsgGetRequest, reply: string): void {
    const { store, js } = this.#stream;
    let upToSeq = request.upToSeq;
    if (request.upToTime !== null) {
      upToSeq = store.seqFromTimeNs(request.upToTime);
      if (upToSeq <= this.#stream.fastState().firstSeq) {
        this.#status(reply, "404 No Results");
        return;
      }
      upToSeq--;
    }
    if (upToSeq === 0) upToSeq = this.#stream.fastState().lastSeq;
    let seqs: number[];
    try {
      seqs = store.multiLastSeqs(request.multiLastFor, upToSeq, RESULTS_MAX);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const isTooMany = error.code === "too_many_results";
      this.#status(reply, isTooMany ? "413 Too Many Results" : `500 ${error.message}`);
      return;
    }
    if (seqs.length === 0) {
      this.#status(reply, "404 No Results");
      return;
    }
    const message = this.#message;
    const replies = new PacedReplies(this.#stream, reply, this.#waiting);
    const bytesMax = request.maxBytes === 0 ? js.options.maxPending : request.maxBytes;
    let pending = seqs.length;
    let lastSeq = 0;
    let bytes = 0;
    let sent = 0;
    for (const seq of seqs) {
      pending--;
      if (seq < request.seq) continue;
      if (store.loadMsg(seq, message) !== LoadCode.Found) {
        replies.send(statusHeaders("404 Message Not Found"), NO_BYTES);
        return;
      }
      replies.send(this.#headers.write(message, pending, lastSeq), message.payload(), seq);
      lastSeq = seq;
      bytes += message.contentBytes();
      if (bytes >= bytesMax) break;
      sent++;
      if (request.batch > 0 && sent >= request.batch) break;
    }
    const end = `${batchLines(pending, lastSeq)}Nats-UpTo-Sequence: ${upToSeq}`;
    replies.send(statusHeaders(`204 EOB\r\n${end}`), NO_BYTES);
  }
}

function statusHeaders(text: string): Uint8Array {
  return bytesOfByteString(`NATS/1.0 ${text}\r\n\r\n`);
}

function batchLines(pending: number, lastSeq: number): string {
  return `Nats-Num-Pending: ${pending}\r\nNats-Last-Sequence: ${lastSeq}\r\n`;
}
