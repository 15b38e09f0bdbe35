/**
 * What JetStream tells those who listen: advisories and metrics. One that nobody listens to is
 * not made.
 *
 * Reference: server/jetstream_events.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../../base/text/byte_string.ts";
import { nuid } from "../../base/text/nuid.ts";
import {
  bool,
  encodeJson,
  type Field,
  field,
  int64,
  OMIT,
  raw,
  type Shape,
  shape,
  subject,
  text,
  time,
  uint64,
  word,
  ZERO_TIME_NS,
} from "../../base/json/mod.ts";
import type { Account } from "../../core/account/account.ts";
import type { InternalClient } from "../../core/internal/internal_client.ts";
import { type StreamStateInfo, streamStateShape } from "../../jsapi/mod.ts";

const ADVISORY = "$JS.EVENT.ADVISORY";
const METRIC = "$JS.EVENT.METRIC";
const ADVISORY_TYPE = "io.nats.jetstream.advisory.v1";
const METRIC_TYPE = "io.nats.jetstream.metric.v1";

/** What happened to a stream or consumer. */
export type AssetAction = "create" | "delete" | "modify";

/** Why a batch of messages was dropped. */
export type BatchAbandonReason = "timeout" | "large" | "incomplete" | "unsupported";

/** A consumer and the account that it belongs to, with names as text. */
export interface ConsumerAddress {
  readonly account: Account;
  readonly stream: string;
  readonly consumer: string;
}

/** A stream and the account that it belongs to, with its name as text. */
export interface StreamAddress {
  readonly account: Account;
  readonly stream: string;
}

/** One delivery of a message. */
export interface Delivery {
  consumerSeq: number;
  streamSeq: number;
  deliveries: number;
}

/** Fields of all events, in their order. */
interface Fields {
  server?: string;
  serverId?: string;
  account?: string;
  stream?: string;
  consumer?: string;
  state?: StreamStateInfo;
  start?: bigint;
  end?: bigint;
  bytes?: number;
  /** JSON of the client. */
  client?: string;
  subject?: string;
  request?: string;
  response?: string;
  action?: AssetAction;
  paused?: boolean;
  pauseUntil?: bigint;
  consumerSeq?: number;
  streamSeq?: number;
  ackTime?: number;
  deliveries?: number;
  terminationReason?: string;
  cluster?: string;
  domain: string;
  batch?: string;
  group?: string;
  pinnedId?: string;
  reason?: string;
  dropped?: number;
}

const FIELDS: { readonly [K in keyof Fields]-?: Field<NonNullable<Fields[K]>> } = {
  server: field("server", text),
  serverId: field("server_id", text),
  account: field("account", text, OMIT),
  stream: field("stream", text),
  consumer: field("consumer", text),
  state: field("state", streamStateShape),
  start: field("start", time),
  end: field("end", time),
  bytes: field("bytes", int64),
  client: field("client", raw),
  subject: field("subject", subject),
  request: field("request", text, OMIT),
  response: field("response", text),
  action: field("action", word<AssetAction>("string", ["create", "delete", "modify"])),
  paused: field("paused", bool),
  pauseUntil: field("pause_until", time),
  consumerSeq: field("consumer_seq", uint64),
  streamSeq: field("stream_seq", uint64),
  ackTime: field("ack_time", int64),
  deliveries: field("deliveries", uint64),
  terminationReason: field("reason", text, OMIT),
  cluster: field("cluster", text),
  domain: field("domain", text, OMIT),
  batch: field("batch", text),
  group: field("group", text),
  pinnedId: field("pinned_id", text),
  reason: field("reason", text),
  dropped: field("dropped", int64),
};

interface TypedEvent {
  type: string;
  id: string;
  timestamp: bigint;
}

const typedEventShape: Shape<TypedEvent> = shape(
  "TypedEvent",
  () => ({ type: "", id: "", timestamp: ZERO_TIME_NS }),
  { type: field("type", text), id: field("id", text), timestamp: field("timestamp", time) },
);

function encodeFields(fields: Fields): string {
  let json = "";
  for (const name of Object.keys(FIELDS) as (keyof Fields)[]) {
    const value = fields[name];
    if (value === undefined) continue;
    const { key, type, omit } = FIELDS[name] as Field<unknown>;
    if (omit && type.isEmpty(value)) continue;
    json += `,"${key}":${type.encode(value)}`;
  }
  return json;
}

/** Publishes the events of one server. */
export class Advisories {
  constructor(
    readonly client: InternalClient,
    /** Domain of the server, or empty. */
    readonly domain: string,
    /** Name and id of the server, and its cluster or empty. */
    readonly server: { readonly name: string; readonly id: string; readonly cluster: string },
  ) {}

  #publish(account: Account, on: string, type: string, fields: Omit<Fields, "domain">): void {
    const target = byteStringOfText(on);
    if (!account.sublist.hasInterest(target)) return;
    const { clock, random } = this.client.core.env;
    const event = { type, id: nuid(random), timestamp: clock.nowNs() };
    const head = encodeJson(typedEventShape, event).slice(0, -1);
    const json = `${head}${encodeFields({ ...fields, domain: this.domain })}}`;
    this.client.publishText(account, target, "", json);
  }

  #publishToSystem(on: string, type: string, fields: Omit<Fields, "domain">): void {
    const { systemAccount } = this.client.core;
    if (systemAccount !== null) this.#publish(systemAccount, on, type, fields);
  }

  /** A stream was created, changed or deleted. */
  streamAction({ account, stream }: StreamAddress, action: AssetAction): void {
    const verb = action === "create" ? "CREATED" : action === "delete" ? "DELETED" : "UPDATED";
    this.#publish(
      account,
      `${ADVISORY}.STREAM.${verb}.${stream}`,
      `${ADVISORY_TYPE}.stream_action`,
      {
        stream,
        action,
      },
    );
  }

  /** A consumer was created or deleted. */
  consumerAction(address: ConsumerAddress, action: "create" | "delete"): void {
    const { account, stream, consumer } = address;
    const verb = action === "create" ? "CREATED" : "DELETED";
    this.#publish(
      account,
      `${ADVISORY}.CONSUMER.${verb}.${stream}.${consumer}`,
      `${ADVISORY_TYPE}.consumer_action`,
      { stream, consumer, action },
    );
  }

  /** A consumer was paused, or goes on; `pauseUntilNs` null for a pause that was taken back. */
  consumerPause(address: ConsumerAddress, pauseUntilNs: bigint | null): void {
    const { account, stream, consumer } = address;
    this.#publish(
      account,
      `${ADVISORY}.CONSUMER.PAUSE.${stream}.${consumer}`,
      `${ADVISORY_TYPE}.consumer_pause`,
      {
        stream,
        consumer,
        paused: pauseUntilNs !== null && this.client.core.env.clock.nowNs() < pauseUntilNs,
        pauseUntil: pauseUntilNs ?? ZERO_TIME_NS,
      },
    );
  }

  /** Whether anybody wants the metric of acknowledgements of a consumer. */
  wantsAcks({ account, stream, consumer }: ConsumerAddress): boolean {
    return account.sublist.hasInterest(
      byteStringOfText(`${METRIC}.CONSUMER.ACK.${stream}.${consumer}`),
    );
  }

  /** A message was acknowledged `ackTimeNs` after its delivery. */
  consumerAck(address: ConsumerAddress, delivery: Delivery, ackTimeNs: number): void {
    const { account, stream, consumer } = address;
    this.#publish(
      account,
      `${METRIC}.CONSUMER.ACK.${stream}.${consumer}`,
      `${METRIC_TYPE}.consumer_ack`,
      { stream, consumer, ...delivery, ackTime: ackTimeNs },
    );
  }

  /** A message was delivered as often as it may be. */
  maxDeliveries(address: ConsumerAddress, streamSeq: number, deliveries: number): void {
    const { account, stream, consumer } = address;
    this.#publish(
      account,
      `${ADVISORY}.CONSUMER.MAX_DELIVERIES.${stream}.${consumer}`,
      `${ADVISORY_TYPE}.max_deliver`,
      { stream, consumer, streamSeq, deliveries },
    );
  }

  /** A receiver could not handle a message now. */
  consumerNak(address: ConsumerAddress, delivery: Delivery): void {
    const { account, stream, consumer } = address;
    this.#publish(
      account,
      `${ADVISORY}.CONSUMER.MSG_NAKED.${stream}.${consumer}`,
      `${ADVISORY_TYPE}.nak`,
      { stream, consumer, ...delivery },
    );
  }

  /** A message will not be delivered again, although it was not acknowledged. */
  consumerTerminated(address: ConsumerAddress, delivery: Delivery, reason: string): void {
    const { account, stream, consumer } = address;
    this.#publish(
      account,
      `${ADVISORY}.CONSUMER.MSG_TERMINATED.${stream}.${consumer}`,
      `${ADVISORY_TYPE}.terminated`,
      { stream, consumer, ...delivery, terminationReason: reason },
    );
  }

  /** A client was pinned. */
  consumerPinned(address: ConsumerAddress, group: string, pinnedId: string): void {
    const { account, stream, consumer } = address;
    this.#publish(
      account,
      `${ADVISORY}.CONSUMER.PINNED.${stream}.${consumer}`,
      `${ADVISORY_TYPE}.consumer_group_pinned`,
      { account: textOfByteString(account.name), stream, consumer, group, pinnedId },
    );
  }

  /** A client is not pinned any more. */
  consumerUnpinned(address: ConsumerAddress, group: string, reason: "admin" | "timeout"): void {
    const { account, stream, consumer } = address;
    this.#publish(
      account,
      `${ADVISORY}.CONSUMER.UNPINNED.${stream}.${consumer}`,
      `${ADVISORY_TYPE}.consumer_group_unpinned`,
      { account: textOfByteString(account.name), stream, consumer, group, reason },
    );
  }

  /** A snapshot of a stream starts. `client` is the client's JSON. */
  snapshotCreate({ account, stream }: StreamAddress, state: StreamStateInfo, client: string): void {
    this.#publish(
      account,
      `${ADVISORY}.STREAM.SNAPSHOT_CREATE.${stream}`,
      `${ADVISORY_TYPE}.snapshot_create`,
      { stream, state, client },
    );
  }

  /** A snapshot is complete. Times in nanoseconds. */
  snapshotComplete(
    { account, stream }: StreamAddress,
    { startNs, endNs, client }: { startNs: bigint; endNs: bigint; client: string },
  ): void {
    this.#publish(
      account,
      `${ADVISORY}.STREAM.SNAPSHOT_COMPLETE.${stream}`,
      `${ADVISORY_TYPE}.snapshot_complete`,
      { stream, start: startNs, end: endNs, client },
    );
  }

  /** A stream is going to be restored. */
  restoreCreate({ account, stream }: StreamAddress, client: string): void {
    this.#publish(
      account,
      `${ADVISORY}.STREAM.RESTORE_CREATE.${stream}`,
      `${ADVISORY_TYPE}.restore_create`,
      { stream, client },
    );
  }

  /** A stream was restored. Times in nanoseconds. */
  restoreComplete(
    { account, stream }: StreamAddress,
    { startNs, endNs, bytes, client }: {
      startNs: bigint;
      endNs: bigint;
      bytes: number;
      client: string;
    },
  ): void {
    this.#publish(
      account,
      `${ADVISORY}.STREAM.RESTORE_COMPLETE.${stream}`,
      `${ADVISORY_TYPE}.restore_complete`,
      { stream, start: startNs, end: endNs, bytes, client },
    );
  }

  /** A batch of messages was dropped. */
  batchAbandoned(
    { account, stream }: StreamAddress,
    batch: string,
    reason: BatchAbandonReason,
  ): void {
    this.#publish(
      account,
      `${ADVISORY}.STREAM.BATCH_ABANDONED.${stream}`,
      `${ADVISORY_TYPE}.stream_batch_abandoned`,
      { account: textOfByteString(account.name), stream, batch, reason },
    );
  }

  /** An API request was answered. `client` is the client's JSON. */
  apiAudit(
    account: Account,
    { client, on, request, response }: {
      client: string;
      on: string;
      request: string;
      response: string;
    },
  ): void {
    this.#publish(account, `${ADVISORY}.API`, `${ADVISORY_TYPE}.api_audit`, {
      server: this.server.name,
      client,
      subject: on,
      request,
      response,
    });
  }

  /** More API requests came than the queue holds. */
  apiLimitReached(dropped: number): void {
    this.#publishToSystem(`${ADVISORY}.API.LIMIT_REACHED`, `${ADVISORY_TYPE}.api_limit_reached`, {
      server: this.server.name,
      dropped,
    });
  }

  /** The disk is full; `stream` is the one that noticed, or empty. */
  outOfStorage(stream: string): void {
    this.#publishToSystem(
      `${ADVISORY}.SERVER.OUT_OF_STORAGE`,
      `${ADVISORY_TYPE}.server_out_of_space`,
      {
        server: this.server.name,
        serverId: this.server.id,
        ...(stream === "" ? {} : { stream }),
        cluster: this.server.cluster,
      },
    );
  }
}
