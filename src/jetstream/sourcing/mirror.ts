/**
 * A mirror: a stream that is equal to another one, with the same sequences and times.
 *
 * Reference: processInboundMirrorMsg, setupMirrorConsumer in server/stream.go.
 *
 * @module
 */
import { shortHash } from "../../base/crypto/short_hash.ts";
import type { ConsumerConfig, StreamSource, StreamSourceInfo } from "../../jsapi/mod.ts";
import { removeHeadersWithPrefix } from "../../protocol/mod.ts";
import { highOfNs, lowOfNs } from "../../store/mod.ts";
import type { SubjectTransform } from "../../subject/mod.ts";
import { transformOf } from "../stream/create.ts";
import { ingestMirrored } from "../stream/ingest.ts";
import type { Stream } from "../stream/stream.ts";
import { UpstreamLink, type UpstreamMessage, type UpstreamSink } from "./upstream_link.ts";

/** A mirror so close to its origin may answer direct gets in its place. */
const CAUGHT_UP_MSGS = 10;

/** The mirror of one stream. */
export class Mirror implements UpstreamSink {
  readonly kind = "mirror";
  readonly #stream: Stream;
  readonly #link: UpstreamLink;
  readonly #transforms: readonly (SubjectTransform | null)[];

  constructor(stream: Stream, source: StreamSource) {
    this.#stream = stream;
    this.#link = new UpstreamLink(stream, this, source, source.name);
    this.#transforms = source.subjectTransforms.map(transformOf);
    this.#link.connect();
  }

  info(): StreamSourceInfo {
    const info = this.#link.info();
    // The reference shows the filter once it has asked for the consumer.
    return this.#link.hasAsked ? info : { ...info, filterSubject: "" };
  }

  /** Ends the mirror; its origin's consumer goes with `deleteConsumer`. */
  stop(options: { deleteConsumer: boolean }): void {
    this.#link.stop();
    if (options.deleteConsumer) this.#link.deleteConsumer();
  }

  consumerName(): string {
    return `JS_MIRROR_${streamHash(this.#stream)}`;
  }

  setStart(link: UpstreamLink, config: ConsumerConfig): void {
    const { lastSeq, msgs, firstSeq } = this.#stream.fastState();
    link.streamSeq = lastSeq;
    config.optStartSeq = lastSeq + 1;
    config.deliverPolicy = "by_start_sequence";
    if (msgs > 0 || firstSeq > 0) return;
    const { optStartSeq, optStartTime } = link.source;
    config.optStartSeq = optStartSeq;
    if (optStartSeq > 0) return;
    config.optStartTime = optStartTime;
    config.deliverPolicy = optStartTime === null ? "all" : "by_start_time";
  }

  onConnected(link: UpstreamLink, deliveredSeq: number): void {
    const stream = this.#stream;
    const { lastSeq, msgs } = stream.fastState();
    if (lastSeq < deliveredSeq) {
      if (msgs === 0) stream.store.purgeEx("", deliveredSeq + 1, 0);
      else stream.store.skipMsgs(lastSeq + 1, deliveredSeq - lastSeq);
      stream.lastSeq = deliveredSeq;
      stream.js.markStreamDirty(stream);
    }
    link.streamSeq = Math.max(deliveredSeq, lastSeq);
  }

  onMessage(link: UpstreamLink, message: UpstreamMessage): boolean {
    const stream = this.#stream;
    const { streamSeq, consumerSeq, timeNs, pending } = message.delivery;
    if (streamSeq <= link.streamSeq) {
      if (consumerSeq === link.consumerSeq + 1) link.consumerSeq++;
      return true;
    }
    if (streamSeq > link.streamSeq + 1) {
      // The origin has deleted what is between, or a message was lost.
      if (consumerSeq !== link.consumerSeq + 1) return false;
      stream.store.skipMsgs(link.streamSeq + 1, streamSeq - 1 - link.streamSeq);
      stream.lastSeq = streamSeq - 1;
    }
    link.lag = Math.max(0, pending - 1);
    if (pending < CAUGHT_UP_MSGS) stream.directGet.mirrorCaughtUp();
    let { subject, headers } = message;
    for (const transform of this.#transforms) {
      const moved = transform?.match(subject) ?? null;
      if (moved === null) continue;
      subject = moved;
      break;
    }
    if (headers.length > 0) {
      headers = removeHeadersWithPrefix(headers, "Nats-Expected-");
      headers = removeHeadersWithPrefix(headers, "Nats-Batch-");
    }
    const failure = ingestMirrored(stream, subject, headers, message.payload, {
      seq: streamSeq,
      tsHigh: highOfNs(timeNs),
      tsLow: lowOfNs(timeNs),
    });
    if (failure !== null) {
      const text = `Error processing inbound mirror message for '${stream.label}': ${failure}`;
      if (stream.js.core.mayLog(text)) stream.js.core.env.log.warn(text);
      return false;
    }
    link.streamSeq = streamSeq;
    link.consumerSeq = consumerSeq;
    return true;
  }
}

/** Names the consumers that a stream makes; the same after a restart. */
export function streamHash({ name, account, js }: Stream): string {
  const { domain } = js.config;
  return shortHash(`${name} ${account.name}${domain === "" ? "" : ` ${domain}`}`);
}
