/**
 * The way messages come from another stream: a consumer of that stream, made through its API, that
 * delivers to a subject of ours. It is made anew when it fails, stalls or loses a message, after a
 * pause that grows with each failure.
 *
 * Reference: setupMirrorConsumer, trySetupSourceConsumer, calculateRetryBackoff in
 * server/stream.go; ADR-60 for consumers that exist already.
 *
 * @module
 */
import { bytesOfByteString, byteStringOfText } from "../../base/text/byte_string.ts";
import { decodeJson, encodeJson, JsonShapeError, JsonSyntaxError } from "../../base/json/mod.ts";
import { nuid } from "../../base/text/nuid.ts";
import type { Subscription } from "../../core/connection/subscription.ts";
import {
  apiError,
  type ApiErrorData,
  apiErrorShape,
  type ConsumerConfig,
  consumerInfoFields,
  consumerInfoShape,
  createConsumerRequestShape,
  emptyConsumerConfig,
  jetStreamErrors,
  type StreamSource,
  type StreamSourceInfo,
} from "../../jsapi/mod.ts";
import { field, OMIT, optional, type Shape, shape, text } from "../../base/json/mod.ts";
import type { ConsumerInfo } from "../../jsapi/mod.ts";
import type { TimerHandle } from "../../platform/mod.ts";
import { appendHeader, headerValue } from "../../protocol/mod.ts";
import { MsgHeader } from "../stream/header_names.ts";
import type { Stream } from "../stream/stream.ts";
import { type Delivery, parseDelivery } from "./delivery.ts";

const HEARTBEAT_NS = 1_000_000_000n;
/** Without a sign of life for so long a consumer is made anew. */
const SILENCE_MS_MAX = 10_000;
const REQUEST_PAUSE_MS = 2000;
const BACK_OFF_MS = 5000;
const BACK_OFF_MS_MAX = 120_000;
const JITTER_MS = 100;
const ANSWER_MS_MAX = 30_000;
const ACK_WAIT_NS = 22n * 3600n * 1_000_000_000n;
/** API level of consumers that know what sourcing is. */
const SOURCING_LEVEL = "4";
const NO_BYTES = new Uint8Array(0);

interface CreateResponse extends ConsumerInfo {
  type: string;
  error: ApiErrorData | null;
}

const createResponseShape: Shape<CreateResponse> = shape(
  "JSApiConsumerCreateResponse",
  () => ({ ...consumerInfoShape.create(), type: "", error: null }),
  {
    type: field("type", text),
    error: field("error", optional(apiErrorShape), OMIT),
    ...consumerInfoFields,
  },
);

/** A message on its way in; headers and payload are borrowed. */
export interface UpstreamMessage {
  readonly delivery: Delivery;
  readonly subject: string;
  readonly headers: Uint8Array;
  readonly payload: Uint8Array;
}

/** What is done with a link's messages. */
export interface UpstreamSink {
  readonly kind: "mirror" | "source";
  /** Name of the consumer. */
  consumerName(link: UpstreamLink): string;
  /** Sets where the consumer starts. */
  setStart(link: UpstreamLink, config: ConsumerConfig): void;
  /** The consumer is there; it has passed messages up to `deliveredSeq`. */
  onConnected(link: UpstreamLink, deliveredSeq: number): void;
  /** Takes a message; returns false when the consumer must be made anew. */
  onMessage(link: UpstreamLink, message: UpstreamMessage): boolean;
}

/** One upstream of a stream. */
export class UpstreamLink {
  /** Last sequence taken from the upstream. */
  streamSeq = 0;
  /** Last sequence of the consumer. */
  consumerSeq = 0;
  lag = 0;
  error: ApiErrorData | null = null;
  readonly #stream: Stream;
  readonly #sink: UpstreamSink;
  #consumer = "";
  #fails = 0;
  #lastRequestMs = -Infinity;
  /** When something came last; null for never. */
  #lastMs: number | null = null;
  #stopped = false;
  #asking = false;
  #answers: Subscription | null = null;
  #messages: Subscription | null = null;
  #setupTimer: TimerHandle | null = null;
  #answerTimer: TimerHandle | null = null;
  #healthTimer: TimerHandle | null = null;

  constructor(
    stream: Stream,
    sink: UpstreamSink,
    readonly source: StreamSource,
    /** Name among the upstreams of the stream. */
    readonly indexName: string,
  ) {
    this.#stream = stream;
    this.#sink = sink;
  }

  /** The consumer was asked for at least once. */
  get hasAsked(): boolean {
    return this.#lastRequestMs !== -Infinity;
  }

  /** Makes the consumer, soon. */
  connect(): void {
    if (this.#stopped || this.#asking || this.#setupTimer !== null) return;
    const { clock, loop, random } = this.#stream.js.core.env;
    const sinceLastMs = clock.monotonicMs() - this.#lastRequestMs;
    let delayMs = Math.max(0, REQUEST_PAUSE_MS - sinceLastMs);
    delayMs += Math.min(BACK_OFF_MS * this.#fails * 2, BACK_OFF_MS_MAX);
    delayMs += JITTER_MS + random.below(JITTER_MS);
    this.#setupTimer = loop.setTimer(() => {
      this.#setupTimer = null;
      this.#ask(true);
    }, delayMs);
  }

  /** Makes the consumer anew, starting behind what was taken. */
  reconnect(): void {
    this.#disconnect();
    this.connect();
  }

  /** Ends the link for good. */
  stop(): void {
    this.#stopped = true;
    this.#disconnect();
    if (this.#setupTimer !== null) this.#stream.js.core.env.loop.clearTimer(this.#setupTimer);
    this.#setupTimer = null;
    this.#endAsking();
  }

  /** Removes the consumer that this link made at its upstream, as far as that can be reached. */
  deleteConsumer(): void {
    if (this.source.consumer !== null) return;
    const name = byteStringOfText(this.#sink.consumerName(this));
    this.#publish(this.#api(`CONSUMER.DELETE.${this.#upstreamName}.${name}`), "", NO_BYTES, "");
  }

  /** What the API tells about the link. */
  info(): StreamSourceInfo {
    const { source } = this;
    const nowMs = this.#stream.js.core.env.clock.monotonicMs();
    return {
      name: source.name,
      external: source.external,
      lag: this.lag,
      active: this.#lastMs === null ? -1n : BigInt(Math.round((nowMs - this.#lastMs) * 1e6)),
      error: this.error,
      filterSubject: source.filterSubject,
      subjectTransforms: source.subjectTransforms,
    };
  }

  get #upstreamName(): string {
    return byteStringOfText(this.source.name);
  }

  #api(rest: string): string {
    const prefix = this.source.external?.apiPrefix ?? "$JS.API";
    return `${prefix}.${rest}`.replaceAll("..", ".");
  }

  #publish(subject: string, reply: string, headers: Uint8Array, body: string): void {
    const { js, account } = this.#stream;
    js.client.publish(account.account, subject, reply, headers, bytesOfByteString(body));
  }

  #disconnect(): void {
    const { js, account } = this.#stream;
    if (this.#messages !== null) js.client.unsubscribe(account.account, this.#messages);
    this.#messages = null;
    if (this.#healthTimer !== null) js.core.env.loop.clearTimer(this.#healthTimer);
    this.#healthTimer = null;
  }

  #endAsking(): void {
    const { js, account } = this.#stream;
    this.#asking = false;
    if (this.#answers !== null) js.client.unsubscribe(account.account, this.#answers);
    this.#answers = null;
    if (this.#answerTimer !== null) js.core.env.loop.clearTimer(this.#answerTimer);
    this.#answerTimer = null;
  }

  /** A setup failed; the next one comes later. */
  #fail(error: ApiErrorData | null): void {
    this.#endAsking();
    this.#disconnect();
    this.error = error;
    this.#fails++;
    this.connect();
  }

  #ask(asSourcing: boolean): void {
    if (this.#stopped || this.#stream.closed) return;
    this.#disconnect();
    this.#endAsking();
    const { js, account } = this.#stream;
    const { clock, loop, random } = js.core.env;
    this.#lastRequestMs = clock.monotonicMs();
    this.error = null;
    this.#asking = true;
    const inbox = `$JSC.R.${nuid(random)}`;
    const { consumer } = this.source;
    const config = this.#config(asSourcing);
    this.#answers = js.client.subscribe(
      account.account,
      inbox,
      (_subscription, _account, _subject, _reply, message, headerBytes) =>
        this.#onAnswer(message.subarray(headerBytes), config, asSourcing),
    );
    this.#answerTimer = loop.setTimer(() => this.#fail(null), ANSWER_MS_MAX);
    if (consumer !== null) {
      const name = byteStringOfText(consumer.name);
      this.#publish(this.#api(`CONSUMER.RESET.${this.#upstreamName}.${name}`), inbox, NO_BYTES, "");
      return;
    }
    const request = encodeJson(createConsumerRequestShape, {
      stream: this.source.name,
      config,
      action: "",
      pedantic: false,
    });
    const name = byteStringOfText(config.name);
    const subject = config.filterSubject === ""
      ? this.#api(`CONSUMER.CREATE.${this.#upstreamName}`)
      : this.#api(`CONSUMER.CREATE.${this.#upstreamName}.${name}.${config.filterSubject}`);
    const headers = asSourcing
      ? appendHeader(null, MsgHeader.RequiredApiLevel, SOURCING_LEVEL)
      : NO_BYTES;
    this.#publish(subject, inbox, headers, byteStringOfText(request));
  }

  #config(asSourcing: boolean): ConsumerConfig {
    const { js, account, name } = this.#stream;
    const { kind } = this.#sink;
    const { random } = js.core.env;
    const label = kind === "mirror" ? "mirror" : "src";
    const metadata = new Map([
      [`_nats.${label}.stream`, name],
      [`_nats.${label}.acc`, account.name],
    ]);
    if (js.config.domain !== "") metadata.set(`_nats.${label}.domain`, js.config.domain);
    const letter = kind === "mirror" ? "M" : "S";
    const prefix = this.source.external?.deliverPrefix ?? "";
    const deliverSubject = prefix === ""
      ? `$JS.${letter}.${nuid(random)}`
      : `${prefix}.${letter}.${nuid(random)}`.replaceAll("..", ".");
    const consumerName = this.#sink.consumerName(this);
    const config: ConsumerConfig = {
      ...emptyConsumerConfig(),
      // Earlier servers keep no consumer of a stable name.
      name: asSourcing ? consumerName : `${consumerName}_${nuid(random).slice(0, 8)}`,
      deliverSubject,
      ackWait: ACK_WAIT_NS,
      maxDeliver: 1,
      heartbeat: HEARTBEAT_NS,
      flowControl: true,
      direct: true,
      sourcing: asSourcing,
      inactiveThreshold: BigInt(SILENCE_MS_MAX) * 1_000_000n,
      metadata,
      filterSubject: this.source.filterSubject,
    };
    this.#sink.setStart(this, config);
    const filters = this.source.subjectTransforms.map(({ source }) => source);
    if (config.filterSubject === "" && filters.length === 1) config.filterSubject = filters[0]!;
    else config.filterSubjects = filters;
    return config;
  }

  #onAnswer(body: Uint8Array, config: ConsumerConfig, asSourcing: boolean): void {
    if (!this.#asking) return;
    const { js, label } = this.#stream;
    let answer: CreateResponse;
    try {
      answer = decodeJson(createResponseShape, body);
    } catch (error) {
      if (!(error instanceof JsonShapeError || error instanceof JsonSyntaxError)) throw error;
      js.core.env.log.warn(
        `JetStream bad ${this.#sink.kind} consumer create response for ${label}`,
      );
      return;
    }
    const { consumer } = this.source;
    if (answer.error !== null || answer.config === null) {
      const tooOld = answer.error !== null && asSourcing && consumer === null &&
        (answer.error.errCode === jetStreamErrors.JSRequiredApiLevelErr[1] ||
          answer.error.errCode === jetStreamErrors.JSInvalidJSONErr[1]);
      if (tooOld) {
        this.#ask(false);
        return;
      }
      const error = answer.error ?? this.#setupFailed("invalid consumer create response");
      js.core.env.log.warn(
        `JetStream error response for stream ${label} create ${this.#sink.kind} consumer ` +
          `${this.source.name}: ${error.description} (${error.errCode})`,
      );
      this.#fail(error);
      return;
    }
    if (consumer !== null && answer.config.ackPolicy !== "flow_control") {
      this.#fail(
        apiError(
          this.#sink.kind === "mirror"
            ? "JSMirrorConsumerRequiresAckFCErr"
            : "JSSourceConsumerRequiresAckFCErr",
        ),
      );
      return;
    }
    this.#endAsking();
    this.#fails = 0;
    this.#consumer = byteStringOfText(answer.name);
    this.consumerSeq = 0;
    this.#listen(consumer?.deliverSubject ?? config.deliverSubject);
    try {
      this.#sink.onConnected(this, answer.delivered.stream);
    } catch (error) {
      this.#fail(this.#setupFailed((error as Error).message));
    }
  }

  #setupFailed(err: string): ApiErrorData {
    return apiError(
      this.#sink.kind === "mirror"
        ? "JSMirrorConsumerSetupFailedErrF"
        : "JSSourceConsumerSetupFailedErrF",
      { err },
    );
  }

  #listen(deliverSubject: string): void {
    const { js, account } = this.#stream;
    const { clock, loop } = js.core.env;
    this.#messages = js.client.subscribe(
      account.account,
      deliverSubject,
      (_subscription, _account, subject, reply, message, headerBytes) =>
        this.#onMessage(subject, reply, message, headerBytes),
    );
    this.#lastMs = clock.monotonicMs();
    this.#healthTimer = loop.setRepeating(() => {
      if (clock.monotonicMs() - (this.#lastMs ?? 0) > SILENCE_MS_MAX) this.reconnect();
    }, SILENCE_MS_MAX);
  }

  #onMessage(subject: string, reply: string, message: Uint8Array, headerBytes: number): void {
    if (this.#stopped || this.#stream.closed) return;
    this.#lastMs = this.#stream.js.core.env.clock.monotonicMs();
    const headers = message.subarray(0, headerBytes);
    const payload = message.subarray(headerBytes);
    if (payload.length === 0 && isControl(headers)) {
      this.#onControl(reply, headers);
      return;
    }
    const delivery = parseDelivery(reply);
    // Messages of a consumer before this one, and ones that came again, are nobody's.
    if (delivery === null || delivery.consumer !== this.#consumer || delivery.deliveries > 1) {
      return;
    }
    if (!this.#sink.onMessage(this, { delivery, subject, headers, payload })) this.reconnect();
  }

  #onControl(reply: string, headers: Uint8Array): void {
    const value = (name: string): string => headerValue(headers, 0, headers.length, name) ?? "";
    if (reply !== "") {
      // Flow control: says how far this stream is, which is an acknowledgement to some consumers.
      let answer = appendHeader(null, MsgHeader.LastConsumerSeq, String(this.consumerSeq));
      answer = appendHeader(answer, MsgHeader.LastStreamSeq, String(this.streamSeq));
      this.#publish(reply, "", answer, "");
      return;
    }
    const last = value(MsgHeader.LastConsumerSeq);
    if (/^\d{1,15}$/.test(last) && Number(last) > 0 && Number(last) !== this.consumerSeq) {
      this.reconnect();
      return;
    }
    const stalled = value(MsgHeader.ConsumerStalled);
    if (stalled !== "") this.#publish(stalled, "", NO_BYTES, "");
  }
}

const CONTROL = "NATS/1.0 100 ";

function isControl(headers: Uint8Array): boolean {
  if (headers.length < CONTROL.length) return false;
  for (let i = 0; i < CONTROL.length; i++) if (headers[i] !== CONTROL.charCodeAt(i)) return false;
  return true;
}
