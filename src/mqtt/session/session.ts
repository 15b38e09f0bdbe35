/**
 * A session: the subscriptions of a client, and the messages that it has not acknowledged.
 *
 * Packet ids go up from the last one, past those in use, so that one that has just become free is
 * not used again at once [MQTT-2.3.1-4].
 *
 * Reference: mqttSession in server/mqtt.go.
 *
 * @module
 */
import {
  bool,
  encodeJson,
  field,
  map,
  OMIT,
  optional,
  type Shape,
  shape,
  text,
  uint16,
} from "../../base/json/mod.ts";
import {
  bytesOfByteString,
  byteStringOfText,
  textOfByteString,
} from "../../base/text/byte_string.ts";
import { shortHash } from "../../base/crypto/short_hash.ts";
import type { Connection } from "../../core/connection/connection.ts";
import type { Subscription } from "../../core/connection/subscription.ts";
import { type ConsumerConfig, consumerConfigShape } from "../../jsapi/mod.ts";
import { SUBACK_FAILURE } from "../wire/packet.ts";
import type { TopicFilter } from "../wire/subscribe.ts";
import { readAckSubject } from "./ack_subject.ts";
import { ErrorCode, expectRefusal, type JsApi, JsRequestError } from "./js_api.ts";
import { MAX_ACK_PENDING_DEFAULT, StreamName, SubjectPrefix } from "./names.ts";

const PACKET_ID_MAX = 0xffff;

/** A message or PUBREL that the client has not acknowledged. */
interface Pending {
  /** Which consumer it is from. */
  durable: string;
  /** In the stream. */
  sequence: number;
  /** Empty when JetStream waits for no acknowledgement. */
  ackSubject: string;
}

/** A session as it is stored; keys of maps are texts. */
export interface SessionRecord {
  origin: string;
  id: string;
  clean: boolean;
  subs: Map<string, number>;
  cons: Map<string, ConsumerConfig | null>;
  pubRel: ConsumerConfig | null;
}

/** JSON of {@linkcode SessionRecord}. */
export const sessionRecordShape: Shape<SessionRecord> = shape(
  "mqttPersistedSession",
  () => ({
    origin: "",
    id: "",
    clean: false,
    subs: new Map(),
    cons: new Map(),
    pubRel: null,
  }),
  {
    origin: field("origin", text, OMIT),
    id: field("id", text, OMIT),
    clean: field("clean", bool, OMIT),
    subs: field("subs", map(uint16), OMIT),
    cons: field("cons", map(optional(consumerConfigShape)), OMIT),
    pubRel: field("pubrel", optional(consumerConfigShape), OMIT),
  },
);

/** One session. */
export class MqttSession {
  readonly idHash: string;
  /** Its client; null while there is none. */
  connection: Connection | null = null;
  clean = false;
  /** Quality of service by the subject of the filter. */
  subscriptions: Map<string, number> = new Map();
  /** Consumers by the id of their subscription. */
  consumers: Map<string, ConsumerConfig> = new Map();
  pubRelConsumer: ConsumerConfig | null = null;
  /** Where PUBRELs come from in `connection`; null while nothing listens. */
  pubRelSubscription: Subscription | null = null;
  /** What all consumers together may have unacknowledged. */
  maxAckPendingTotal = 0;
  maxAckPending: number;
  /** In the stream of sessions; 0 is not stored. */
  sequence: number;
  readonly #publishes = new Map<number, Pending>();
  readonly #pubRels = new Map<number, Pending>();
  /** Packet id by sequence, of each consumer. */
  readonly #packetIds = new Map<string, Map<number, number>>();
  #lastPacketId = 0;

  /** `id` is a byte string. */
  constructor(
    readonly api: JsApi,
    readonly id: string,
    readonly domainToken: string,
    sequence: number,
  ) {
    this.idHash = shortHash(textOfByteString(id));
    this.sequence = sequence;
    this.maxAckPending = api.core.options.mqtt.maxAckPending || MAX_ACK_PENDING_DEFAULT;
  }

  get recordSubject(): string {
    return `${SubjectPrefix.Sessions}${this.domainToken}${this.idHash}`;
  }

  /** Takes over what was stored. */
  restore(record: SessionRecord): void {
    this.clean = record.clean;
    this.pubRelConsumer = record.pubRel;
    for (const [key, qos] of record.subs) this.subscriptions.set(byteStringOfText(key), qos);
    for (const [key, config] of record.cons) {
      if (config !== null) this.consumers.set(byteStringOfText(key), config);
    }
  }

  /** Stores the session. Rejects when it was stored by somebody else in the meantime. */
  async save(): Promise<void> {
    const { api, sequence } = this;
    const textKeys = <V>(entries: Map<string, V>): Map<string, V> =>
      new Map([...entries].map(([key, value]) => [textOfByteString(key), value]));
    const json = encodeJson(sessionRecordShape, {
      origin: api.id,
      id: textOfByteString(this.id),
      clean: this.clean,
      subs: textKeys(this.subscriptions),
      cons: textKeys<ConsumerConfig | null>(this.consumers),
      pubRel: this.pubRelConsumer,
    });
    const headers = sequence === 0 ? null : bytesOfByteString(
      `NATS/1.0\r\nNats-Expected-Last-Subject-Sequence:${sequence}\r\n\r\n`,
    );
    try {
      this.sequence = await api.storeSession(
        this.recordSubject,
        this.idHash,
        headers,
        new TextEncoder().encode(json),
      );
    } catch (error) {
      throw new Error(
        `unable to persist session "${textOfByteString(this.id)}" (seq=${sequence}): ` +
          (error as Error).message,
        { cause: error },
      );
    }
  }

  /** Takes over granted `filters`, or takes them out; stores the session when that changes it. */
  async update(filters: readonly TopicFilter[], add: boolean): Promise<void> {
    let changed = false;
    for (const { subject, qos } of filters) {
      if (!add) changed = this.subscriptions.delete(subject) || changed;
      else if (qos !== SUBACK_FAILURE && this.subscriptions.get(subject) !== qos) {
        this.subscriptions.set(subject, qos);
        changed = true;
      }
    }
    if (changed) await this.save();
  }

  /** Forgets everything, here and in JetStream; waits for that when `wait`. */
  async clear(wait: boolean): Promise<void> {
    const { api, sequence } = this;
    const consumers: [stream: string, durable: string][] = [];
    for (const { durable } of this.consumers.values()) {
      consumers.push([StreamName.Messages, durable]);
    }
    if (this.pubRelConsumer !== null) {
      consumers.push([StreamName.Out, this.pubRelConsumer.durable]);
    }
    this.consumers.clear();
    this.subscriptions = new Map();
    this.#publishes.clear();
    this.#pubRels.clear();
    this.#packetIds.clear();
    this.pubRelConsumer = null;
    this.sequence = 0;
    this.maxAckPendingTotal = 0;
    this.#lastPacketId = 0;
    for (const [stream, durable] of consumers) {
      if (!wait) api.deleteConsumerSoon(stream, durable);
      else {
        await api.deleteConsumer(stream, durable)
          .catch((error) => expectRefusal(error, ErrorCode.ConsumerNotFound));
      }
    }
    if (sequence === 0) return;
    if (!wait) api.deleteMsgSoon(StreamName.Sessions, sequence);
    else await api.deleteMsg(StreamName.Sessions, sequence).catch(expectGone);
  }

  /** Deletes a consumer of messages without waiting for it. */
  deleteConsumer(config: ConsumerConfig): void {
    this.maxAckPendingTotal -= config.maxAckPending;
    this.api.deleteConsumerSoon(StreamName.Messages, config.durable);
  }

  #nextPacketId(): number {
    let next = this.#lastPacketId;
    for (let i = 0; i < PACKET_ID_MAX; i++) {
      next = next === PACKET_ID_MAX ? 1 : next + 1;
      if (!this.#publishes.has(next) && !this.#pubRels.has(next)) {
        this.#lastPacketId = next;
        return next;
      }
    }
    return 0;
  }

  #idsOf(durable: string): Map<number, number> {
    let ids = this.#packetIds.get(durable);
    if (ids === undefined) this.#packetIds.set(durable, ids = new Map());
    return ids;
  }

  /** A packet id for a retained message to subscription `sid`; 0 when all are in use. */
  trackRetained(sid: string): number {
    const packetId = this.#nextPacketId();
    if (packetId === 0) return 0;
    const durable = retainedDurable(sid);
    this.#idsOf(durable).set(packetId, packetId);
    this.#publishes.set(packetId, { durable, sequence: packetId, ackSubject: "" });
    return packetId;
  }

  /**
   * The packet id for a delivery of a consumer, the same as before when it is another attempt. 0
   * when it must not be sent now: too many are pending, or its PUBREL is on the way.
   */
  trackPublish(durable: string, ackSubject: string): number {
    const delivery = readAckSubject(ackSubject);
    if (delivery === null || durable === "") return 0;
    const { sequence } = delivery;
    const ids = this.#idsOf(durable);
    let packetId = ids.get(sequence) ?? 0;
    if (packetId !== 0 && this.#pubRels.has(packetId)) return 0;
    if (packetId === 0) {
      if (this.#publishes.size >= this.maxAckPending) return 0;
      packetId = this.#nextPacketId();
      if (packetId === 0) return 0;
      ids.set(sequence, packetId);
    }
    this.#publishes.set(packetId, { durable, sequence, ackSubject });
    return packetId;
  }

  /** The client has the message; returns where to acknowledge it, or empty. */
  untrackPublish(packetId: number): string {
    return this.#untrack(this.#publishes, packetId);
  }

  /** PUBREL is on the way; `ackSubject` is empty until JetStream has delivered it. */
  trackPubRel(packetId: number, ackSubject: string): void {
    if (this.pubRelConsumer === null) return;
    const { durable } = this.pubRelConsumer;
    const sequence = readAckSubject(ackSubject)?.sequence ?? 0;
    if (ackSubject !== "") this.#idsOf(durable).set(sequence, packetId);
    this.#pubRels.set(packetId, { durable, sequence, ackSubject });
  }

  /** The client has the PUBREL; returns where to acknowledge it, or empty. */
  untrackPubRel(packetId: number): string {
    return this.#untrack(this.#pubRels, packetId);
  }

  #untrack(from: Map<number, Pending>, packetId: number): string {
    const pending = from.get(packetId);
    if (pending === undefined) return "";
    from.delete(packetId);
    this.#packetIds.get(pending.durable)?.delete(pending.sequence);
    return pending.ackSubject;
  }

  /** Forgets what is pending of the subscription `sid` and its consumer. */
  forgetPending(durable: string, sid: string): void {
    for (const key of [durable, retainedDurable(sid)]) {
      for (const packetId of this.#packetIds.get(key)?.values() ?? []) {
        this.#publishes.delete(packetId);
      }
      this.#packetIds.delete(key);
    }
  }

  /** Messages that the client has not acknowledged. */
  get pendingPublishes(): number {
    return this.#publishes.size;
  }
}

/** Stands for a consumer where retained messages are pending, which come from none. */
function retainedDurable(sid: string): string {
  return `${StreamName.Retained}/${sid}`;
}

/** A record that is gone need not be deleted. */
function expectGone(error: unknown): void {
  if (!(error instanceof JsRequestError)) throw error;
  if (error.errorCode === ErrorCode.SequenceNotFound) return;
  if (error.errorCode === ErrorCode.StreamMsgDeleteFailed) {
    if (error.description.includes("no message found")) return;
  }
  throw error;
}
