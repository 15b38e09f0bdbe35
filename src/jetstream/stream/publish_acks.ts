/**
 * Answers to publishers, held back until what they acknowledge is written.
 *
 * @module
 */
import { bytesOfByteString, byteStringOfText } from "../../base/text/byte_string.ts";
import { encodeJson } from "../../base/json/mod.ts";
import { type ApiErrorData, apiErrorShape } from "../../jsapi/mod.ts";
import { goJsonString } from "../../base/text/go_format.ts";

const CLOSING_BRACE = 125;
const DIGITS_MAX = 20;

/** Sends one answer. `payload` is borrowed. */
export type SendAck = (reply: string, payload: Uint8Array) => void;

/** A batch of answers in the order of their messages. */
export interface AckBatch {
  readonly replies: string[];
  /** Sequence of a plain acknowledgement; 0 where a text stands instead. */
  readonly seqs: number[];
  /** Whole answers, as byte strings, for all others. */
  readonly texts: string[];
}

/** The answers of one stream. */
export class PublishAcks {
  #batch: AckBatch = { replies: [], seqs: [], texts: [] };
  /** `{"stream":"…","domain":"…","seq":` */
  readonly prefix: string;
  readonly #scratch: Uint8Array;
  readonly #prefixBytes: number;
  readonly #streamJson: string;

  constructor(streamName: string, domain: string) {
    this.#streamJson = goJsonString(streamName);
    const inDomain = domain === "" ? "" : `"domain":${goJsonString(domain)},`;
    this.prefix = byteStringOfText(`{"stream":${this.#streamJson},${inDomain}"seq":`);
    this.#prefixBytes = this.prefix.length;
    this.#scratch = new Uint8Array(this.#prefixBytes + DIGITS_MAX + 1);
    this.#scratch.set(bytesOfByteString(this.prefix));
  }

  get count(): number {
    return this.#batch.replies.length;
  }

  /** Acknowledges message `seq`. */
  accept(reply: string, seq: number): void {
    const batch = this.#batch;
    batch.replies.push(reply);
    batch.seqs.push(seq);
    batch.texts.push("");
  }

  /** Acknowledges message `seq` with more fields, as they stand behind the sequence. */
  acceptWith(reply: string, seq: number, fields: string): void {
    this.answer(reply, `${this.prefix}${seq}${fields}}`);
  }

  /** Refuses a message. */
  refuse(reply: string, error: ApiErrorData): void {
    const text = `{"error":${
      encodeJson(apiErrorShape, error)
    },"stream":${this.#streamJson},"seq":0}`;
    this.answer(reply, byteStringOfText(text));
  }

  /** Any other answer, as a byte string. */
  answer(reply: string, text: string): void {
    const batch = this.#batch;
    batch.replies.push(reply);
    batch.seqs.push(0);
    batch.texts.push(text);
  }

  /** Takes the answers so far. */
  take(): AckBatch {
    const batch = this.#batch;
    this.#batch = { replies: [], seqs: [], texts: [] };
    return batch;
  }

  /** Sends a batch that was taken, or what is left of it without acknowledgements. */
  send(batch: AckBatch, send: SendAck): void {
    const { replies, seqs, texts } = batch;
    for (let i = 0; i < replies.length; i++) {
      const seq = seqs[i]!;
      send(replies[i]!, seq === 0 ? bytesOfByteString(texts[i]!) : this.#encode(seq));
    }
  }

  #encode(seq: number): Uint8Array {
    const scratch = this.#scratch;
    let end = this.#prefixBytes + 1;
    for (let rest = seq; rest >= 10; rest = Math.floor(rest / 10)) end++;
    let rest = seq;
    for (let i = end - 1; i >= this.#prefixBytes; i--) {
      scratch[i] = 48 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    scratch[end] = CLOSING_BRACE;
    return scratch.subarray(0, end + 1);
  }
}
