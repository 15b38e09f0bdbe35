/**
 * Snapshots of streams, sent in chunks that the receiver acknowledges.
 *
 * Reference: jsStreamSnapshotRequest, streamSnapshot in server/jetstream_api.go.
 *
 * @module
 */
import { bytesOfByteString } from "../../base/text/byte_string.ts";
import { field, OMIT, optional } from "../../base/json/mod.ts";
import { nuid } from "../../base/text/nuid.ts";
import {
  apiError,
  ResponseType,
  streamConfigShape,
  type StreamSnapshotRequest,
  streamSnapshotRequestShape,
  streamStateShape,
  toApiError,
} from "../../jsapi/mod.ts";
import type { TimerHandle } from "../../platform/mod.ts";
import type { SnapshotResult } from "../../store/mod.ts";
import { isValidPublishSubject } from "../../subject/mod.ts";
import type { JetStream } from "../engine/jet_stream.ts";
import { friendlyBytes } from "../engine/js_config.ts";
import { streamState } from "../stream/info.ts";
import type { Stream } from "../stream/stream.ts";
import type { Handler } from "./api.ts";
import { type ApiRequest, type ResponseFields, value } from "./request.ts";

const NAME = 4;
const CHUNK_BYTES_DEFAULT = 128 * 1024;
const CHUNK_BYTES_MIN = 1024;
const CHUNK_BYTES_MAX = 1024 * 1024;
const WINDOW_BYTES_DEFAULT = 8 * 1024 * 1024;
const WINDOW_BYTES_MAX = 32 * 1024 * 1024;
/** How long the receiver may take to listen. */
const INTEREST_MS_MAX = 2000;
const NO_BYTES = new Uint8Array(0);

const configField = field("config", optional(streamConfigShape), OMIT);
const stateField = field("state", optional(streamStateShape), OMIT);

function clamp(wanted: number, standard: number, maximum: number): number {
  return Math.min(Math.max(CHUNK_BYTES_MIN, wanted === 0 ? standard : wanted), maximum);
}

/** Sends snapshots of one server's streams. */
export class SnapshotHandlers {
  readonly handlers: readonly Handler[];
  /** How long a receiver may take to acknowledge anything. */
  ackMsMax = 5000;
  readonly #js: JetStream;
  /** Transfers under way. */
  readonly #transfers: Set<SnapshotTransfer> = new Set();

  constructor(js: JetStream) {
    this.#js = js;
    this.handlers = [{
      pattern: "STREAM.SNAPSHOT.*",
      type: ResponseType.StreamSnapshot,
      handle: (request) => this.#snapshot(request),
    }];
  }

  /** Ends all transfers. */
  stop(): void {
    for (const transfer of this.#transfers) transfer.end("");
  }

  #snapshot(request: ApiRequest): ResponseFields {
    const account = request.jsAccount;
    request.mustNotBeEmpty();
    const stream = account.stream(request.token(NAME));
    const wanted = request.decode(streamSnapshotRequestShape);
    if (!isValidPublishSubject(wanted.deliverSubject)) {
      throw apiError("JSSnapshotDeliverSubjectInvalidErr");
    }
    const { log, clock } = this.#js.core.env;
    const what = wanted.checkMsgs ? "health check and snapshot" : "snapshot";
    log.notice(`Starting ${what} for stream '${stream.label}'`);
    const startNs = clock.nowNs();
    let result: SnapshotResult;
    try {
      result = stream.store.snapshot({
        checkMsgs: wanted.checkMsgs,
        includeConsumers: !wanted.noConsumers,
      });
    } catch (error) {
      log.warn(`Snapshot of stream '${stream.label}' failed: ${(error as Error).message}`);
      throw toApiError(error, "JSStreamSnapshotErrF");
    }
    const state = streamState(stream, false);
    const client = request.client();
    const transfer = new SnapshotTransfer(stream, wanted, result, this.ackMsMax);
    this.#transfers.add(transfer);
    // The answer goes first; the transfer begins in a later turn.
    this.#js.core.env.loop.nextTurn(() => {
      this.#js.events.snapshotCreate(stream.address, state, client);
      void transfer.run().then((completed) => {
        this.#transfers.delete(transfer);
        if (!completed) return;
        const endNs = clock.nowNs();
        this.#js.events.snapshotComplete(stream.address, { startNs, endNs, client });
        const tookMs = Number((endNs - startNs) / 1_000_000n);
        log.notice(
          `Completed snapshot of ${friendlyBytes(state.bytes)} for stream '${stream.label}' in ` +
            `${tookMs}ms`,
        );
      });
    });
    return [value(configField, stream.config), value(stateField, state)];
  }
}

/** Sends one snapshot: chunks of one size, no more in flight than the window holds. */
class SnapshotTransfer {
  readonly #stream: Stream;
  readonly #target: string;
  readonly #chunkBytes: number;
  readonly #inflightMax: number;
  readonly #result: SnapshotResult;
  readonly #ackMsMax: number;
  #inflight = 0;
  /** Status to close with; null while the transfer goes on. */
  #ended: string | null = null;
  #wake: (() => void) | null = null;
  #timer: TimerHandle | null = null;

  constructor(
    stream: Stream,
    request: StreamSnapshotRequest,
    result: SnapshotResult,
    ackMsMax: number,
  ) {
    this.#stream = stream;
    this.#ackMsMax = ackMsMax;
    this.#target = request.deliverSubject;
    this.#chunkBytes = clamp(request.chunkSize, CHUNK_BYTES_DEFAULT, CHUNK_BYTES_MAX);
    const window = clamp(request.windowSize, WINDOW_BYTES_DEFAULT, WINDOW_BYTES_MAX);
    this.#inflightMax = Math.max(1, Math.floor(window / this.#chunkBytes));
    this.#result = result;
  }

  /** Ends the transfer with a status for the receiver, or silently. */
  end(status: string): void {
    this.#ended ??= status;
    this.#wakeUp();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = null;
    if (this.#timer !== null) this.#stream.js.core.env.loop.clearTimer(this.#timer);
    this.#timer = null;
    wake?.();
  }

  /** Resolves with true once something woke it, with false after `limitMs`. */
  #sleep(limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.#wake = () => resolve(true);
      this.#timer = this.#stream.js.core.env.loop.setTimer(() => {
        this.#timer = null;
        this.#wake = null;
        resolve(false);
      }, limitMs);
    });
  }

  /** Sends everything; resolves with whether it got that far. */
  async run(): Promise<boolean> {
    const { js, account: { account }, subjectName } = this.#stream;
    const { client } = js;
    const acks = `$JS.SNAPSHOT.ACK.${subjectName}.${nuid(js.core.env.random)}`;
    const subscription = client.subscribe(account, `${acks}.>`, () => {
      this.#inflight--;
      this.#wakeUp();
    });
    let interested = false;
    const onInterest = (has: boolean): void => {
      if (interested && !has) this.end("408 No Interest");
      interested = has;
      this.#wakeUp();
    };
    account.sublist.registerNotification(this.#target, onInterest);
    try {
      if (!interested) await this.#sleep(INTEREST_MS_MAX);
      await this.#send(acks);
    } catch (error) {
      const { message } = error as Error;
      js.core.env.log.warn(`Snapshot of stream '${this.#stream.label}' failed: ${message}`);
      this.end(`500 ${message}`);
    } finally {
      account.sublist.clearNotification(this.#target, onInterest);
      client.unsubscribe(account, subscription);
    }
    const status = this.#ended ?? "204";
    if (status !== "") {
      const headers = bytesOfByteString(`NATS/1.0 ${status}\r\n\r\n`);
      client.publish(account, this.#target, "", headers, NO_BYTES);
    }
    return this.#ended === null;
  }

  async #send(acks: string): Promise<void> {
    const { js: { client }, account: { account } } = this.#stream;
    let index = 0;
    const chunk = new Uint8Array(this.#chunkBytes);
    let filled = 0;
    for await (const piece of this.#result.chunks) {
      for (let at = 0; at < piece.length;) {
        const size = Math.min(piece.length - at, chunk.length - filled);
        chunk.set(piece.subarray(at, at + size), filled);
        at += size;
        filled += size;
        if (filled < chunk.length) continue;
        while (this.#inflight >= this.#inflightMax && this.#ended === null) {
          if (!(await this.#sleep(this.#ackMsMax))) this.end("408 No Flow Response");
        }
        if (this.#ended !== null) return;
        this.#inflight++;
        const reply = `${acks}.${filled}.${++index}`;
        client.publish(account, this.#target, reply, NO_BYTES, chunk);
        filled = 0;
      }
    }
    if (filled > 0 && this.#ended === null) {
      client.publish(account, this.#target, "", NO_BYTES, chunk.subarray(0, filled));
    }
  }
}
