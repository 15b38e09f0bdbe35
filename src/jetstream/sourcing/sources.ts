/**
 * Sources: other streams whose messages a stream takes in besides its own.
 *
 * Each message carries a header that says where it came from; after a restart the last of them
 * tells where to go on.
 *
 * Reference: processInboundSourceMsg, startingSequenceForSources in server/stream.go.
 *
 * @module
 */
import { sublistOf } from "../../base/containers/gsl/mod.ts";
import { shortHash } from "../../base/crypto/short_hash.ts";
import { byteStringOfText, textOfByteString } from "../../base/text/byte_string.ts";
import type { ConsumerConfig, StreamSource, StreamSourceInfo } from "../../jsapi/mod.ts";
import {
  appendHeader,
  headerValue,
  removeHeader,
  removeHeadersWithPrefix,
} from "../../protocol/mod.ts";
import { LoadCode, StoredMsg, StoreError } from "../../store/mod.ts";
import type { SubjectTransform } from "../../subject/mod.ts";
import { transformOf } from "../stream/create.ts";
import { MsgHeader } from "../stream/header_names.ts";
import { ingest } from "../stream/ingest.ts";
import { sourceIndexName } from "../stream/upstream_check.ts";
import type { Stream } from "../stream/stream.ts";
import { streamHash } from "./mirror.ts";
import { parseDelivery } from "./delivery.ts";
import { UpstreamLink, type UpstreamMessage, type UpstreamSink } from "./upstream_link.ts";

interface Source {
  readonly link: UpstreamLink;
  readonly transforms: readonly (SubjectTransform | null)[];
}

/** The sources of one stream. */
export class Sources implements UpstreamSink {
  readonly kind = "source";
  readonly #stream: Stream;
  /** By index name, as a byte string. */
  readonly #sources: Map<string, Source> = new Map();

  constructor(stream: Stream) {
    this.#stream = stream;
    this.configure(stream.config.sources);
  }

  /** Connects the configured sources that are not there, and ends those that are not configured. */
  configure(configured: readonly StreamSource[]): void {
    const wanted = new Map(configured.map((source) => [indexNameOf(source), source]));
    for (const [name, { link }] of this.#sources) {
      if (wanted.has(name)) continue;
      link.stop();
      link.deleteConsumer();
      this.#sources.delete(name);
    }
    const added: UpstreamLink[] = [];
    for (const [name, source] of wanted) {
      if (this.#sources.has(name)) continue;
      const link = new UpstreamLink(this.#stream, this, source, name);
      this.#sources.set(name, { link, transforms: source.subjectTransforms.map(transformOf) });
      added.push(link);
    }
    this.#findStarts(added);
    for (const link of added) link.connect();
  }

  infos(): StreamSourceInfo[] {
    return [...this.#sources.values()].map(({ link }) => link.info());
  }

  /** Ends all links; with `deleteConsumers` the consumers they made go, too. */
  stop(options: { deleteConsumers: boolean }): void {
    for (const { link } of this.#sources.values()) {
      link.stop();
      if (options.deleteConsumers) link.deleteConsumer();
    }
    this.#sources.clear();
  }

  consumerName(link: UpstreamLink): string {
    const { sources } = this.#stream.config;
    const isOnce = sources.filter(({ name }) => name === link.source.name).length < 2;
    const hash = streamHash(this.#stream);
    const id = isOnce ? hash : `${hash} ${textOfByteString(link.indexName)}`;
    return `JS_SRC_${shortHash(id)}`;
  }

  setStart(link: UpstreamLink, config: ConsumerConfig): void {
    if (link.streamSeq > 0) {
      config.optStartSeq = link.streamSeq + 1;
      config.deliverPolicy = "by_start_sequence";
      return;
    }
    const { optStartSeq, optStartTime } = link.source;
    if (optStartSeq > 0) {
      config.optStartSeq = optStartSeq;
      config.deliverPolicy = "by_start_sequence";
      return;
    }
    // A stream that was purged must not take in again what it had.
    const { firstSeq, lastTime } = this.#stream.fastState();
    const lastNs = lastTime.isZero() ? null : lastTime.toNs();
    if (optStartTime !== null) {
      config.optStartTime = lastNs !== null && optStartTime < lastNs ? lastNs : optStartTime;
      config.deliverPolicy = "by_start_time";
    } else if (firstSeq > 1 && lastNs !== null) {
      config.optStartTime = lastNs;
      config.deliverPolicy = "by_start_time";
    }
  }

  onConnected(link: UpstreamLink, deliveredSeq: number): void {
    if (link.streamSeq < deliveredSeq) link.streamSeq = deliveredSeq;
  }

  onMessage(link: UpstreamLink, message: UpstreamMessage): boolean {
    const { streamSeq, consumerSeq, pending } = message.delivery;
    if (streamSeq <= link.streamSeq) {
      if (consumerSeq === link.consumerSeq + 1) link.consumerSeq++;
      return true;
    }
    if (consumerSeq !== link.consumerSeq + 1) return consumerSeq <= link.consumerSeq;
    link.lag = Math.max(0, pending - 1);
    if (!this.#store(link, message)) return false;
    link.streamSeq = streamSeq;
    link.consumerSeq = consumerSeq;
    return true;
  }

  #store(link: UpstreamLink, message: UpstreamMessage): boolean {
    const stream = this.#stream;
    let { subject, headers } = message;
    if (headers.length > 0) {
      headers = removeHeader(headers, MsgHeader.StreamSource);
      headers = removeHeadersWithPrefix(headers, "Nats-Expected-");
      headers = removeHeadersWithPrefix(headers, "Nats-Batch-");
    }
    headers = appendHeader(
      headers.length === 0 ? null : headers,
      MsgHeader.StreamSource,
      originOf(link.indexName, message.delivery.streamSeq, subject),
    );
    for (const transform of this.#sources.get(link.indexName)?.transforms ?? []) {
      const moved = transform?.match(subject) ?? null;
      if (moved === null) continue;
      subject = moved;
      break;
    }
    const error = ingest(stream, subject, "", headers, message.payload, true);
    if (error === null) return stream.writeError === null;
    const isFull = error.cause instanceof StoreError && error.cause.code.startsWith("max_");
    const text = `Error processing inbound source "${textOfByteString(link.indexName)}" for ` +
      `'${stream.label}': ${error.description}`;
    if (!isFull && stream.js.core.mayLog(text)) stream.js.core.env.log.warn(text);
    return false;
  }

  /** Finds how far each link was, from the last message that came through it. */
  #findStarts(links: readonly UpstreamLink[]): void {
    const { store } = this.#stream;
    const { msgs, lastSeq } = this.#stream.fastState();
    if (msgs === 0) return;
    const open = new Map(links.map((link) => [link.indexName, link]));
    const message = new StoredMsg();
    let filters = filtersOf(open.values());
    let seq = lastSeq;
    while (open.size > 0 && seq > 0) {
      if (store.loadPrevMsgMulti(filters, seq, message) !== LoadCode.Found) return;
      seq = message.seq - 1;
      if (message.headersEnd === message.headersAt) continue;
      const origin = headerValue(
        message.bytes,
        message.headersAt,
        message.headersEnd,
        MsgHeader.StreamSource,
      );
      if (origin === null || origin === "") continue;
      const found = linkOfOrigin(origin, open);
      if (found === null) continue;
      found.link.streamSeq = found.seq;
      open.delete(found.link.indexName);
      filters = filtersOf(open.values());
    }
  }
}

/** Name of a source among the sources of its stream, as a byte string. */
function indexNameOf(source: StreamSource): string {
  return byteStringOfText(sourceIndexName(source, shortHash));
}

function filtersOf(links: Iterable<UpstreamLink>) {
  const filters: string[] = [];
  for (const { source: { filterSubject, subjectTransforms } } of links) {
    if (subjectTransforms.length === 0) filters.push(filterSubject === "" ? ">" : filterSubject);
    for (const { destination } of subjectTransforms) {
      filters.push(destination === "" || destination.includes("{{") ? ">" : destination);
    }
  }
  return sublistOf(filters);
}

/** The header that says where a message came from. */
function originOf(indexName: string, seq: number, subject: string): string {
  const [name, ...filters] = indexName.split(" ");
  return [name, seq, ...filters, subject].join(" ");
}

/** The link that a message came through, and its sequence there. */
function linkOfOrigin(
  origin: string,
  links: ReadonlyMap<string, UpstreamLink>,
): { link: UpstreamLink; seq: number } | null {
  const delivery = parseDelivery(origin);
  const parts = origin.split(" ");
  // Before 2.10 the header had less, and before that it was the reply subject.
  const name = delivery === null ? parts[0]! : origin.split(".")[2]!;
  const seq = delivery === null ? Number(parts[1]) : delivery.streamSeq;
  if (!Number.isSafeInteger(seq)) return null;
  if (parts.length >= 4) {
    const link = links.get([name, parts[2], parts[3]].join(" "));
    return link === undefined ? null : { link, seq };
  }
  for (const link of links.values()) {
    if (link.indexName.split(" ")[0] === name) return { link, seq };
  }
  return null;
}
