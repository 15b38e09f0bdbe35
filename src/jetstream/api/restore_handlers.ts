/**
 * Restores streams from snapshots that clients send in chunks.
 *
 * Reference: jsStreamRestoreRequest, processStreamRestore in server/jetstream_api.go.
 *
 * @module
 */
import { byteStringOfText } from "../../base/text/byte_string.ts";
import { nuid } from "../../base/text/nuid.ts";
import { field, subject } from "../../base/json/mod.ts";
import type { Subscription } from "../../core/connection/subscription.ts";
import {
  type ApiError,
  apiError,
  ResponseType,
  type StreamConfig,
  type StreamInfo,
  streamInfoFields,
  streamRestoreRequestShape,
  toApiError,
} from "../../jsapi/mod.ts";
import type { TimerHandle } from "../../platform/mod.ts";
import type { JetStream } from "../engine/jet_stream.ts";
import type { JsAccount } from "../engine/js_account.ts";
import { friendlyBytes } from "../engine/js_config.ts";
import { StreamRestore } from "../engine/restore.ts";
import { checkStreamConfig } from "../stream/config_check.ts";
import { streamInfo } from "../stream/info.ts";
import type { Stream } from "../stream/stream.ts";
import type { Handler } from "./api.ts";
import { type ApiRequest, encodeResponse, type ResponseFields, value, values } from "./request.ts";
import { checkPathSeparators, checkRoom } from "./stream_handlers.ts";

const NAME = 4;
/** How long a sender may be silent. */
const SILENCE_MS_MAX = 5000;
const NO_BYTES = new Uint8Array(0);

const deliverSubjectField = field("deliver_subject", subject);

/** Restores streams of one server. */
export class RestoreHandlers {
  readonly handlers: readonly Handler[];
  readonly #js: JetStream;
  readonly #transfers: Set<RestoreTransfer> = new Set();

  constructor(js: JetStream) {
    this.#js = js;
    this.handlers = [{
      pattern: "STREAM.RESTORE.*",
      type: ResponseType.StreamRestore,
      handle: (request) => this.#restore(request),
      errorFields: [value(deliverSubjectField, "")],
    }];
  }

  /** Ends all transfers. */
  stop(): void {
    for (const transfer of this.#transfers) transfer.abort();
    this.#transfers.clear();
  }

  #restore(request: ApiRequest): ResponseFields {
    const account = request.jsAccount;
    request.mustNotBeEmpty();
    const { config: wanted } = request.decode(streamRestoreRequestShape);
    const name = request.token(NAME);
    const config = wanted.name === "" ? { ...wanted, name } : wanted;
    if (config.name !== name) throw apiError("JSStreamMismatchErr");
    checkPathSeparators(name);
    const checked = checkStreamConfig(config, account.checks, false);
    checkRoom(account, checked);
    if (account.streams.has(name)) throw apiError("JSStreamNameExistRestoreFailedErr");
    const transfer = new RestoreTransfer(
      account,
      checked,
      request.client(),
      () => this.#transfers.delete(transfer),
    );
    this.#transfers.add(transfer);
    this.#js.core.env.log.notice(`Starting restore for stream '${account.name} > ${name}'`);
    return [value(deliverSubjectField, transfer.subject)];
  }
}

/** One stream on its way in. */
class RestoreTransfer {
  /** Where chunks are sent to; an empty one is the end. */
  readonly subject: string;
  readonly #account: JsAccount;
  readonly #config: StreamConfig;
  readonly #client: string;
  readonly #onEnd: () => void;
  readonly #startNs: bigint;
  readonly #restore: StreamRestore;
  readonly #subscription: Subscription;
  #timer: TimerHandle | null = null;
  #bytes = 0;
  #ended = false;

  constructor(account: JsAccount, config: StreamConfig, client: string, onEnd: () => void) {
    const { js } = account;
    const { env } = js.core;
    this.#account = account;
    this.#config = config;
    this.#client = client;
    this.#onEnd = onEnd;
    this.#startNs = env.clock.nowNs();
    this.#restore = new StreamRestore(account, config);
    this.subject = `$JS.SNAPSHOT.RESTORE.${byteStringOfText(config.name)}.${nuid(env.random)}`;
    this.#subscription = js.client.subscribe(
      account.account,
      this.subject,
      (_subscription, _account, _subject, reply, message, headerBytes) =>
        this.#onChunk(reply, message.subarray(headerBytes)),
    );
    js.events.restoreCreate(this.#address, client);
    this.#restartTimer();
  }

  get #address() {
    return { account: this.#account.account, stream: this.#config.name };
  }

  get #label(): string {
    return `${this.#account.name} > ${this.#config.name}`;
  }

  #restartTimer(): void {
    const { loop, log } = this.#account.js.core.env;
    if (this.#timer !== null) loop.clearTimer(this.#timer);
    this.#timer = loop.setTimer(() => {
      log.warn(`restore for stream '${this.#label}' is stalled`);
      this.abort();
    }, SILENCE_MS_MAX);
  }

  #onChunk(reply: string, chunk: Uint8Array): void {
    if (this.#ended) return;
    const { js } = this.#account;
    if (reply === "") {
      js.core.env.log.warn(
        `restore for stream '${this.#label}' requires reply subject for each chunk`,
      );
      this.abort();
      return;
    }
    if (chunk.length === 0) {
      this.#finish(reply);
      return;
    }
    this.#restartTimer();
    this.#bytes += chunk.length;
    try {
      this.#restore.write(chunk);
    } catch (error) {
      this.#fail(reply, error);
      return;
    }
    js.client.publish(this.#account.account, reply, "", NO_BYTES, NO_BYTES);
  }

  #finish(reply: string): void {
    let stream: Stream;
    try {
      stream = this.#restore.finish();
    } catch (error) {
      this.#fail(reply, error);
      return;
    }
    this.#end();
    this.#complete();
    this.#account.js.core.env.log.notice(
      `Completed restore of ${friendlyBytes(this.#bytes)} for stream '${this.#label}'`,
    );
    const info: StreamInfo = { ...streamInfo(stream), domain: "", cluster: null };
    this.#answer(reply, null, values(streamInfoFields, info));
  }

  #fail(reply: string, error: unknown): void {
    const { js } = this.#account;
    const failure = toApiError(error, "JSStreamRestoreErrF");
    if (/^JS(Memory|Storage)ResourcesExceededErr$/.test(failure.id)) {
      js.warnResourcesExceeded(this.#config.storage);
    }
    js.core.env.log.warn(
      `Restore failed for ${friendlyBytes(this.#bytes)} for stream '${this.#label}': ` +
        failure.description,
    );
    this.abort();
    this.#complete();
    this.#answer(reply, failure, []);
  }

  #answer(reply: string, error: ApiError | null, fields: ResponseFields): void {
    const response = encodeResponse(ResponseType.StreamCreate, error, fields);
    this.#account.js.client.publishText(this.#account.account, reply, "", response);
  }

  #complete(): void {
    const { js } = this.#account;
    js.events.restoreComplete(this.#address, {
      startNs: this.#startNs,
      endNs: js.core.env.clock.nowNs(),
      bytes: this.#bytes,
      client: this.#client,
    });
  }

  /** Ends the transfer and drops what came. */
  abort(): void {
    if (this.#ended) return;
    this.#end();
    this.#restore.abort();
  }

  #end(): void {
    this.#ended = true;
    const { js, account } = this.#account;
    if (this.#timer !== null) js.core.env.loop.clearTimer(this.#timer);
    js.client.unsubscribe(account, this.#subscription);
    this.#onEnd();
  }
}
