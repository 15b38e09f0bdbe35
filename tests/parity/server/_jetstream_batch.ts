/**
 * What the ported tests of server/jetstream_batching_test.go share.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { headers as makeHeaders, type MsgHdrs } from "@nats-io/transport-node";
import { apiError } from "../../../src/jsapi/mod.ts";
import type { JsClient, Json } from "../../harness/jetstream.ts";
import type { Inbox } from "../../harness/server.ts";
import { next } from "./_jetstream_consumer.ts";

/** Headers with these values. */
export function headersOf(values: Record<string, string>): MsgHdrs {
  const headers = makeHeaders();
  for (const [name, value] of Object.entries(values)) headers.set(name, value);
  return headers;
}

/** Headers of a message of an atomic batch. */
export function batchHeaders(id: string, seq: number | string, commit?: string): MsgHdrs {
  const headers = headersOf({ "Nats-Batch-Id": id, "Nats-Batch-Sequence": String(seq) });
  if (commit !== undefined) headers.set("Nats-Batch-Commit", commit);
  return headers;
}

/** Publishes and returns the answer's body as it is; an empty one says that the batch goes on. */
export async function requestText(
  js: JsClient,
  subject: string,
  headers: MsgHdrs,
  data = "",
): Promise<string> {
  return (await js.nc.request(subject, data, { headers, timeout: 2000 })).string();
}

/** Publishes and returns the answer. */
export async function requestAck(
  js: JsClient,
  subject: string,
  headers: MsgHdrs,
  data = "",
): Promise<Json> {
  return JSON.parse(await requestText(js, subject, headers, data));
}

/** The answer must be this error. */
export function assertError(ack: Json, ...error: Parameters<typeof apiError>): void {
  const { code, errCode, description } = apiError(...error);
  assertEquals(ack.error, { code, err_code: errCode, description });
}

/** The answer must acknowledge a batch. */
export function assertBatch(ack: Json, seq: number, id: string, count: number): void {
  assertEquals(ack.error, undefined);
  assertEquals([ack.batch, ack.count], [id, count]);
  // A batch without any message stored has no sequence.
  assertEquals(ack.seq ?? 0, seq);
}

/** Headers of a stored message by name. */
export async function storedHeaders(
  js: JsClient,
  stream: string,
  seq: number,
): Promise<Record<string, string>> {
  const { message } = await js.api(`STREAM.MSG.GET.${stream}`, { seq });
  const lines = atob(message.hdrs ?? "").split("\r\n").slice(1).filter((line) => line !== "");
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf(":");
    return [line.slice(0, at), line.slice(at + 1).trim()];
  }));
}

/** What a message of a fast batch is. */
export const FastOp = { Start: 0, Append: 1, Commit: 2, CommitEob: 3, Ping: 4 } as const;

/** A publisher of fast batches. */
export class FastPublisher {
  readonly #js: JsClient;
  readonly #prefix: string;
  readonly #answers: Inbox;

  constructor(js: JsClient) {
    this.#js = js;
    this.#prefix = js.inbox();
    this.#answers = js.subscribe(`${this.#prefix}.>`);
  }

  /** Sends a message of a batch. */
  send(
    message: {
      seq: number | string;
      op: number;
      id?: string;
      flow?: number;
      gap?: string;
      subject?: string;
      data?: string;
      headers?: MsgHdrs;
      /** Where the answer goes instead; nobody listens there. */
      prefix?: string;
    },
  ): void {
    const { seq, op, id = "uuid", flow = 0, gap = "fail", subject = "foo", data = "" } = message;
    const { headers, prefix = this.#prefix } = message;
    const reply = `${prefix}.${id}.${flow}.${gap}.${seq}.${op}.$FI`;
    this.#js.nc.publish(subject, data, { reply, ...(headers === undefined ? {} : { headers }) });
  }

  /** The next answer. */
  async answer(): Promise<Json> {
    return JSON.parse((await next(this.#answers)).string());
  }

  /** The next answer must be flow control. */
  async flow(seq: number, msgs: number): Promise<void> {
    assertEquals(await this.answer(), { type: "ack", seq, msgs });
  }

  /** The next answer must tell of a gap. */
  async gap(expected: number, current: number): Promise<void> {
    assertEquals(await this.answer(), { type: "gap", last_seq: expected, seq: current });
  }

  /** The next answer must be this error of one message. */
  async failed(seq: number, ...error: Parameters<typeof apiError>): Promise<void> {
    const answer = await this.answer();
    assertEquals(answer.type, "err");
    assertEquals(answer.seq, seq);
    assertError(answer, ...error);
  }

  /** The next answer must acknowledge the batch. */
  async batch(seq: number, count: number, id = "uuid"): Promise<Json> {
    const ack = await this.answer();
    assertBatch(ack, seq, id, count);
    return ack;
  }

  /** The next answer must be this error of the whole. */
  async refused(...error: Parameters<typeof apiError>): Promise<void> {
    assertError(await this.answer(), ...error);
  }

  /** No answer may come for a while. */
  async silence(forMs = 100): Promise<void> {
    const message = await this.#answers.next(forMs);
    assert(message === null, message?.string());
  }
}

/** Every kind of stream that the tests of batches use, under the reference's names. */
export async function forEveryStream(
  t: Deno.TestContext,
  test: (storage: "file" | "memory", retention: string) => Promise<void>,
): Promise<void> {
  for (const storage of ["file", "memory"] as const) {
    for (const retention of ["limits", "interest", "workqueue"]) {
      await t.step(`${storage}/${retention}/R1`, () => test(storage, retention));
    }
  }
}
