/**
 * JetStream as the sessions of an account use it: through its API, like any client.
 *
 * Requests are answered to `$MQTT.JSA.<server>.<kind>.[<client>.]<id>`; other servers hear some of
 * these answers, too.
 *
 * Reference: mqttJSA, processJSAPIReplies and sendJSAPIrequests in server/mqtt.go.
 *
 * @module
 */
import { bytesOfByteString, byteStringOfText } from "../../base/text/byte_string.ts";
import { formatDurationMs } from "../../base/text/duration.ts";
import { encodeJson } from "../../base/json/mod.ts";
import { nuid } from "../../base/text/nuid.ts";
import type { Account } from "../../core/account/account.ts";
import { CLIENT_INFO_HEADER, clientInfoShape } from "../../core/connection/client_info.ts";
import type { Subscription } from "../../core/connection/subscription.ts";
import type { Core } from "../../core/core.ts";
import {
  type CreateConsumerRequest,
  createConsumerRequestShape,
  type StreamConfig,
  streamConfigShape,
} from "../../jsapi/mod.ts";
import type { TimerHandle } from "../../platform/mod.ts";

const API_PREFIX = "$JS.API.";
const REPLIES_PREFIX = "$MQTT.JSA.";
const DEFAULT_TIMEOUT_MS = 5000;
const NO_BYTES = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a request is about, as a token of the subject of its answer. */
export type RequestKind =
  | "SC"
  | "SU"
  | "SL"
  | "SD"
  | "CC"
  | "CD"
  | "MS"
  | "ML"
  | "MD"
  | "SP"
  | "SN";

/** Numbers of JetStream's errors that are expected here. */
export const ErrorCode = {
  ConsumerNotFound: 10014,
  NoMessageFound: 10037,
  SequenceNotFound: 10043,
  StreamMsgDeleteFailed: 10057,
  StreamNameExists: 10058,
  StreamNotFound: 10059,
  StreamStoreFailed: 10077,
} as const;

/** JetStream has refused a request. */
export class JsRequestError extends Error {
  override readonly name = "JsRequestError";
  readonly code = "MQTT_JETSTREAM_REFUSED";

  /** `errorCode` is one of {@linkcode ErrorCode} or another number of JetStream's. */
  constructor(readonly errorCode: number, readonly description: string) {
    super(`${description} (${errorCode})`);
  }
}

/** JetStream was not asked, or has not answered. */
export class JsUnansweredError extends Error {
  override readonly name = "JsUnansweredError";
  readonly code = "MQTT_JETSTREAM_UNANSWERED";
}

/** Throws `error` unless it is the refusal with the number `errorCode`. */
export function expectRefusal(error: unknown, errorCode: number): void {
  if (!(error instanceof JsRequestError) || error.errorCode !== errorCode) throw error;
}

/** A stored message that was asked for. */
export interface LoadedMsg {
  /** A byte string. */
  readonly subject: string;
  readonly sequence: number;
  /** The whole block, empty without headers. */
  readonly headers: Uint8Array;
  readonly payload: Uint8Array;
}

interface Answer {
  readonly error?: { readonly err_code?: number; readonly description?: string };
  readonly [key: string]: unknown;
}

interface Waiting {
  readonly timer: TimerHandle;
  resolve(message: Uint8Array): void;
  reject(error: Error): void;
}

/** JetStream of one account. */
export class JsApi {
  /** Names this server in subjects and records. */
  readonly id: string;
  /** Where the answers to this server's requests go, with a dot at the end. */
  readonly repliesPrefix: string;
  readonly #waiting = new Map<string, Waiting>();
  readonly #clientInfo: Uint8Array;
  readonly #replies: Subscription;
  #stopped = false;

  /** `domain` is that of the JetStream to use; empty for this server's own. */
  constructor(
    readonly core: Core,
    readonly account: Account,
    readonly domain: string,
    namesCluster: boolean,
  ) {
    this.id = core.serverHash;
    this.repliesPrefix = `${REPLIES_PREFIX}${this.id}.`;
    const info = clientInfoShape.create();
    info.account = account.name;
    if (namesCluster) info.cluster = core.server.cluster;
    this.#clientInfo = encoder.encode(
      `NATS/1.0\r\n${CLIENT_INFO_HEADER}: ${encodeJson(clientInfoShape, info)}\r\n\r\n\r\n`,
    );
    this.#replies = core.internal.subscribe(
      account,
      `${this.repliesPrefix}>`,
      (_subscription, _account, subject, _reply, message, headerBytes) =>
        this.#onReply(subject, message.subarray(headerBytes)),
    );
  }

  /** Refuses all that waits, and listens no more. */
  stop(): void {
    this.#stopped = true;
    this.core.internal.unsubscribe(this.account, this.#replies);
    for (const waiting of this.#waiting.values()) {
      this.core.env.loop.clearTimer(waiting.timer);
      waiting.reject(new JsUnansweredError("nats: server not running"));
    }
    this.#waiting.clear();
  }

  #onReply(subject: string, message: Uint8Array): void {
    const waiting = this.#waiting.get(subject);
    if (waiting === undefined) return;
    this.#waiting.delete(subject);
    this.core.env.loop.clearTimer(waiting.timer);
    waiting.resolve(message.slice());
  }

  /**
   * Publishes `payload` without waiting for anything; without `headers` those go along that say
   * who asks.
   */
  send(subject: string, payload: Uint8Array, headers: Uint8Array | null = null, reply = ""): void {
    const { account, core } = this;
    const target = account.mapper?.map(subject) ?? subject;
    core.internal.publish(account, target, reply, headers ?? this.#clientInfo, payload);
  }

  /** Acknowledges a delivery; nothing for an empty subject. */
  acknowledge(ackSubject: string): void {
    if (ackSubject !== "") this.send(ackSubject, NO_BYTES, NO_BYTES);
  }

  /**
   * Rejects with {@linkcode JsRequestError} or {@linkcode JsUnansweredError}. `client` is the
   * token that names the session in the answer's subject.
   */
  async #request(
    kind: RequestKind,
    subject: string,
    payload: Uint8Array,
    headers: Uint8Array | null = null,
    client = "",
  ): Promise<Answer> {
    if (this.#stopped) throw new JsUnansweredError("nats: server not running");
    const { env, options } = this.core;
    const timeoutMs = options.mqtt.jsApiTimeoutMs || DEFAULT_TIMEOUT_MS;
    const token = client === "" ? "" : `${client}.`;
    const reply = `${this.repliesPrefix}${kind}.${token}${nuid(env.random)}`;
    const message = await new Promise<Uint8Array>((resolve, reject) => {
      const timer = env.loop.setTimer(() => {
        this.#waiting.delete(reply);
        reject(
          new JsUnansweredError(
            `timeout after ${formatDurationMs(timeoutMs)}: request type "${kind}" on ` +
              `"${subject}" (reply="${reply}")`,
          ),
        );
      }, timeoutMs);
      this.#waiting.set(reply, { timer, resolve, reject });
      this.send(subject, payload, headers, reply);
    });
    return readAnswer(message);
  }

  /** The subject of JetStream's API that ends with `rest`. */
  #api(rest: string): string {
    return this.domain === "" ? API_PREFIX + rest : `$JS.${this.domain}.API.${rest}`;
  }

  #ask(kind: RequestKind, rest: string, json = ""): Promise<Answer> {
    return this.#request(kind, this.#api(rest), encoder.encode(json));
  }

  /** The stream's answer to INFO, with `config` as it is. */
  async streamInfo(name: string): Promise<StreamAnswer> {
    return streamOf(await this.#ask("SL", `STREAM.INFO.${name}`));
  }

  async createStream(config: StreamConfig): Promise<StreamAnswer> {
    const json = encodeJson(streamConfigShape, config);
    return streamOf(await this.#ask("SC", `STREAM.CREATE.${config.name}`, json));
  }

  /** Updates a stream to `config`, which is as it was answered by JetStream. */
  async updateStream(name: string, config: StreamAnswer["config"]): Promise<StreamAnswer> {
    return streamOf(await this.#ask("SU", `STREAM.UPDATE.${name}`, JSON.stringify(config)));
  }

  async deleteStream(name: string): Promise<void> {
    await this.#ask("SD", `STREAM.DELETE.${name}`);
  }

  async streamNames(): Promise<string[]> {
    const { streams } = await this.#ask("SN", "STREAM.NAMES");
    return Array.isArray(streams) ? streams.map(String) : [];
  }

  /** Creates a consumer, a durable one when it has such a name. */
  async createConsumer(request: CreateConsumerRequest): Promise<void> {
    const { stream, config: { durable } } = request;
    const rest = durable === ""
      ? `CONSUMER.CREATE.${stream}`
      : `CONSUMER.DURABLE.CREATE.${stream}.${durable}`;
    await this.#ask("CC", rest, encodeJson(createConsumerRequestShape, request));
  }

  async deleteConsumer(stream: string, name: string): Promise<void> {
    await this.#ask("CD", `CONSUMER.DELETE.${stream}.${name}`);
  }

  /** {@linkcode deleteConsumer} without waiting for the answer. */
  deleteConsumerSoon(stream: string, name: string): void {
    this.send(this.#api(`CONSUMER.DELETE.${stream}.${name}`), NO_BYTES, NO_BYTES);
  }

  /** The last message of `subject`. */
  async loadLast(stream: string, subject: string): Promise<LoadedMsg> {
    return loadedMsg(await this.#load(stream, { last_by_subj: subject }));
  }

  /** The first message of `subject`. */
  async loadNext(stream: string, subject: string): Promise<LoadedMsg> {
    return loadedMsg(await this.#load(stream, { next_by_subj: subject }));
  }

  async loadSequence(stream: string, sequence: number): Promise<LoadedMsg> {
    return loadedMsg(await this.#load(stream, { seq: sequence }));
  }

  #load(stream: string, request: Record<string, string | number>): Promise<Answer> {
    const json = encoder.encode(toJson(request));
    return this.#request("ML", this.#api(`STREAM.MSG.GET.${stream}`), json);
  }

  /** Stores a message; resolves to its sequence. */
  async store(
    subject: string,
    headers: Uint8Array | null,
    payload: Uint8Array,
  ): Promise<number> {
    return sequenceOf(await this.#request("MS", subject, payload, headers));
  }

  /** Stores the record of the session that `client` names; resolves to its sequence. */
  async storeSession(
    subject: string,
    client: string,
    headers: Uint8Array | null,
    payload: Uint8Array,
  ): Promise<number> {
    return sequenceOf(await this.#request("SP", subject, payload, headers, client));
  }

  async deleteMsg(stream: string, sequence: number): Promise<void> {
    await this.#ask("MD", `STREAM.MSG.DELETE.${stream}`, deleteRequest(sequence));
  }

  /** {@linkcode deleteMsg} without waiting for the answer. */
  deleteMsgSoon(stream: string, sequence: number): void {
    this.send(
      this.#api(`STREAM.MSG.DELETE.${stream}`),
      encoder.encode(deleteRequest(sequence)),
    );
  }
}

/** What JetStream says of a stream. */
export interface StreamAnswer {
  readonly created: boolean;
  readonly replicas: number;
  readonly config: Record<string, unknown>;
}

function deleteRequest(sequence: number): string {
  return JSON.stringify({ seq: sequence, no_erase: true });
}

/** JSON whose texts are byte strings of UTF-8. */
function toJson(value: Record<string, string | number>): string {
  const texts = Object.entries(value).map(([key, item]) =>
    [key, typeof item === "string" ? decoder.decode(bytesOfByteString(item)) : item] as const
  );
  return JSON.stringify(Object.fromEntries(texts));
}

function readAnswer(message: Uint8Array): Answer {
  let answer: unknown;
  try {
    answer = JSON.parse(decoder.decode(message));
  } catch (error) {
    throw new JsRequestError(10025, `invalid JSON: ${(error as Error).message}`);
  }
  if (answer === null || typeof answer !== "object" || Array.isArray(answer)) {
    throw new JsRequestError(10025, "invalid JSON: no object");
  }
  const { error } = answer as Answer;
  if (error !== undefined && error !== null) {
    throw new JsRequestError(error.err_code ?? 0, error.description ?? "");
  }
  return answer as Answer;
}

function streamOf(answer: Answer): StreamAnswer {
  const { config, did_create: created, cluster } = answer;
  if (config === null || typeof config !== "object" || Array.isArray(config)) {
    throw new JsRequestError(0, "invalid stream create response: missing stream info");
  }
  const replicas = (cluster as { replicas?: unknown[] } | undefined)?.replicas?.length ?? 0;
  return {
    created: created === true,
    replicas: 1 + replicas,
    config: config as Record<string, unknown>,
  };
}

function sequenceOf({ seq }: Answer): number {
  if (typeof seq !== "number") throw new JsRequestError(0, "invalid pub ack response");
  return seq;
}

function loadedMsg({ message }: Answer): LoadedMsg {
  const { subject, seq, hdrs, data } = (message ?? {}) as Record<string, unknown>;
  if (typeof subject !== "string" || typeof seq !== "number") {
    throw new JsRequestError(ErrorCode.NoMessageFound, "no message found");
  }
  return {
    subject: byteStringOfText(subject),
    sequence: seq,
    headers: fromBase64(hdrs),
    payload: fromBase64(data),
  };
}

function fromBase64(value: unknown): Uint8Array {
  if (typeof value !== "string" || value === "") return NO_BYTES;
  return bytesOfByteString(atob(value));
}
