/**
 * Subscribes an MQTT client, and makes the consumers for what needs acknowledgement.
 *
 * Reference: processSubs, processJSConsumer, ensurePubRelConsumerSubscription and
 * mqttProcessUnsubs in server/mqtt.go.
 *
 * @module
 */
import { textOfByteString } from "../base/text/byte_string.ts";
import { goQuote } from "../base/text/go_format.ts";
import { nuid } from "../base/text/nuid.ts";
import { Subscription } from "../core/connection/subscription.ts";
import { type ConsumerConfig, emptyConsumerConfig } from "../jsapi/mod.ts";
import { isValidSubject } from "../subject/mod.ts";
import {
  MqttSubscription,
  onDelivery,
  onMessage,
  onPubRel,
  publishPacket,
  type Receiver,
} from "./deliver.ts";
import type { AccountSessions } from "./session/account_sessions.ts";
import {
  ACK_WAIT_DEFAULT_MS,
  LEVEL_ABOVE_SUFFIX,
  MAX_ACK_PENDING_DEFAULT,
  MAX_ACK_PENDING_TOTAL,
  PUBREL_DURABLE_PREFIX,
  StreamName,
  SubjectPrefix,
} from "./session/names.ts";
import type { RetainedMessage } from "./session/retained_message.ts";
import { PacketWriter } from "./wire/packet_writer.ts";
import { qosOf, SUBACK_FAILURE } from "./wire/packet.ts";
import { publishTrace } from "./wire/publish.ts";
import type { TopicFilter } from "./wire/subscribe.ts";
import { beginsWithWildcard, coversLevelAbove } from "./wire/topic.ts";

const NANOS_PER_MS = 1_000_000n;

/** A part of a filter: its subject, or the level above of `foo/#`. */
interface Part {
  readonly subject: string;
  readonly sid: string;
}

/** The subscriptions of one client. */
export class ClientSubscriptions {
  /** By subscription id. */
  readonly #all = new Map<string, MqttSubscription>();
  readonly #packets = new PacketWriter();

  constructor(readonly receiver: Receiver, readonly sessions: AccountSessions) {}

  /**
   * Subscribes to `filters` and notes in them what was granted; returns the subscriptions. Those of
   * a session that comes back (`restoring`) are not stored, and have had what is retained.
   */
  async subscribe(filters: TopicFilter[], restoring: boolean): Promise<MqttSubscription[]> {
    const { session } = this.receiver;
    const subjects = new Map<string, number>();
    for (const filter of filters) {
      if (!(await this.#prepare(filter)) || restoring) continue;
      for (const part of partsOf(filter.subject)) {
        this.sessions.retained.collect(subjects, part.subject);
      }
    }
    const retained = subjects.size === 0
      ? null
      : await this.sessions.retained.load(subjects, this.receiver.connection);
    const made: MqttSubscription[] = [];
    for (const filter of filters) {
      if (filter.qos === SUBACK_FAILURE) continue;
      const done: Part[] = [];
      for (const part of partsOf(filter.subject)) {
        const subscription = await this.#subscribeTo(part, filter, restoring, retained);
        done.push(part);
        if (subscription === null) {
          filter.qos = SUBACK_FAILURE;
          for (const { sid } of done) this.#end(sid);
          break;
        }
        made.push(subscription);
      }
    }
    if (!restoring) await session.update(filters, true);
    return made;
  }

  /** Corrects what is asked for; false when it is refused. */
  async #prepare(filter: TopicFilter): Promise<boolean> {
    const { connection } = this.receiver;
    const { env, options } = connection.core;
    filter.qos = Math.min(filter.qos, 2);
    if (options.mqtt.downgradeQoS2Sub && filter.qos === 2) {
      env.log.warn(
        `${connection.label} - Downgrading subscription QoS2 to QoS1 for ` +
          `${goQuote(textOfByteString(filter.subject))}, as configured`,
      );
      filter.qos = 1;
    }
    if (filter.subject.startsWith(SubjectPrefix.All)) filter.qos = SUBACK_FAILURE;
    else if (filter.qos === 2) {
      try {
        await this.#ensurePubRel();
      } catch (error) {
        connection.error(`failed to initialize PUBREL processing: ${(error as Error).message}`);
        filter.qos = SUBACK_FAILURE;
      }
    }
    return filter.qos !== SUBACK_FAILURE;
  }

  async #subscribeTo(
    { subject, sid }: Part,
    { qos }: TopicFilter,
    restoring: boolean,
    retained: Map<string, RetainedMessage> | null,
  ): Promise<MqttSubscription | null> {
    let subscription = this.#all.get(sid);
    if (subscription === undefined) {
      subscription = new MqttSubscription(this.receiver, subject, sid, onMessage);
      subscription.beginsWithWildcard = beginsWithWildcard(subject);
      if (!this.#insert(subscription)) return null;
    }
    subscription.qos = qos;
    if (retained !== null) this.#serializeRetained(subscription, retained);
    try {
      await this.#ensureConsumer(subscription, restoring);
    } catch (error) {
      const shown = goQuote(textOfByteString(subject));
      this.receiver.connection.error(
        `Unable to add JetStream consumer for subscription on ${shown}: ` +
          `err=${(error as Error).message}`,
      );
      return null;
    }
    return subscription;
  }

  /** Makes a subscription match; false when the client may not have it. */
  #insert(made: MqttSubscription): boolean {
    const { connection } = this.receiver;
    const { subject, sid, subscription } = made;
    const shown = goQuote(textOfByteString(subject));
    const { permissions } = connection;
    const internal = subject.startsWith(SubjectPrefix.Delivery);
    if (!internal && permissions !== null && !permissions.canSubscribe(subject, null)) {
      connection.error(`Subscription Violation - Subject ${shown}, SID ${sid}`);
      return false;
    }
    if (connection.subscriptionsAtLimit) {
      connection.rateLimitedError("maximum subscriptions exceeded");
      return false;
    }
    if (connection.closed || !isValidSubject(subject)) return false;
    this.#all.set(sid, made);
    connection.subscriptions.set(sid, subscription);
    connection.account?.insert(subscription);
    return true;
  }

  #end(sid: string): void {
    const subscription = this.#all.get(sid);
    if (subscription === undefined) return;
    subscription.ended = true;
    this.#all.delete(sid);
    this.receiver.connection.removeSubscription(subscription.subscription);
  }

  #serializeRetained(to: MqttSubscription, messages: Map<string, RetainedMessage>): void {
    const { connection, session } = this.receiver;
    const { env, options } = connection.core;
    this.sessions.retained.sequences.match(to.subject, (subject) => {
      const message = messages.get(subject);
      if (message === undefined) return;
      const { permissions } = connection;
      if (permissions?.checksDeliveries === true && permissions.deliveryDenied(subject, null)) {
        return;
      }
      let qos = Math.min(qosOf(message.flags), to.qos);
      if (options.mqtt.rejectQoS2Pub && qos === 2) {
        env.log.warn(
          `${connection.label} - Rejecting retained message with QoS2 for subscription ` +
            `${goQuote(textOfByteString(to.subject))}, as configured`,
        );
        return;
      }
      const packetId = qos > 0 ? session.trackRetained(to.sid) : 0;
      if (packetId === 0) qos = 0;
      const { topic, payload } = message;
      const header = { packetId, qos, dup: false, retained: true };
      const { packet, flags } = publishPacket(this.#packets, topic, payload, header);
      to.retained.push(packet);
      if (connection.trace) {
        const shown = publishTrace(flags, topic, payload.length, packetId);
        connection.traceLine(`->> [PUBLISH ${shown}]`);
      }
    });
  }

  /** Makes, keeps or deletes the consumer of a subscription, as its quality of service needs. */
  async #ensureConsumer(of: MqttSubscription, restoring: boolean): Promise<void> {
    const { session } = this.receiver;
    const { qos, sid, subject } = of;
    let config = session.consumers.get(sid);
    if (qos === 0) {
      if (config !== undefined) this.#endConsumer(sid, config);
      return;
    }
    if (config !== undefined && !restoring && this.#all.has(config.deliverSubject)) {
      // Deliveries that come later are for the quality of service granted now.
      return;
    }
    if (config === undefined) {
      const { random } = session.api.core.env;
      config = this.#consumerConfig();
      config.deliverSubject = SubjectPrefix.Delivery + nuid(random);
      config.durable = `${session.idHash}_${nuid(random)}`;
      config.filterSubject = SubjectPrefix.Messages + subject;
      await session.api.createConsumer({
        stream: StreamName.Messages,
        config,
        action: "",
        pedantic: false,
      });
      session.maxAckPendingTotal += config.maxAckPending;
    }
    const inbox = config.deliverSubject;
    const deliveries = new MqttSubscription(this.receiver, inbox, inbox, onDelivery);
    deliveries.qos = qos;
    deliveries.durable = config.durable;
    deliveries.beginsWithWildcard = beginsWithWildcard(subject);
    if (!this.#insert(deliveries)) {
      session.deleteConsumer(config);
      throw new Error("subscription refused");
    }
    session.consumers.set(sid, config);
  }

  #endConsumer(sid: string, config: ConsumerConfig): void {
    const { session } = this.receiver;
    session.consumers.delete(sid);
    session.forgetPending(config.durable, sid);
    session.deleteConsumer(config);
    this.#end(config.deliverSubject);
  }

  /** What all consumers of a session have in common. Throws when they were too many. */
  #consumerConfig(): ConsumerConfig {
    const { session } = this.receiver;
    const { mqtt } = session.api.core.options;
    const config = emptyConsumerConfig();
    config.ackPolicy = "explicit";
    config.deliverPolicy = "new";
    config.ackWait = BigInt(mqtt.ackWaitMs || ACK_WAIT_DEFAULT_MS) * NANOS_PER_MS;
    config.maxAckPending = mqtt.maxAckPending || MAX_ACK_PENDING_DEFAULT;
    config.memoryStorage = mqtt.consumerMemoryStorage;
    config.inactiveThreshold = BigInt(Math.max(0, mqtt.consumerInactiveThresholdMs)) *
      NANOS_PER_MS;
    const after = session.maxAckPendingTotal + config.maxAckPending;
    if (after > MAX_ACK_PENDING_TOTAL) {
      throw new Error(
        `max_ack_pending for all consumers would be ${after} which exceeds the limit of ` +
          MAX_ACK_PENDING_TOTAL,
      );
    }
    return config;
  }

  /** Listens to PUBRELs, which come by a consumer of their own. */
  async #ensurePubRel(): Promise<void> {
    const { receiver } = this;
    const { connection, session } = receiver;
    const deliverSubject = SubjectPrefix.PubRelDelivery + session.idHash;
    if (session.pubRelSubscription === null) {
      const subscription = new Subscription(
        null,
        deliverSubject,
        null,
        deliverSubject,
        onPubRel(receiver),
      );
      session.pubRelSubscription = subscription;
      connection.subscriptions.set(deliverSubject, subscription);
      connection.account?.insert(subscription);
    }
    if (session.pubRelConsumer !== null) return;
    const config = this.#consumerConfig();
    config.deliverSubject = deliverSubject;
    config.durable = PUBREL_DURABLE_PREFIX + session.idHash;
    config.filterSubject = SubjectPrefix.PubRel + session.idHash;
    await session.api.createConsumer({
      stream: StreamName.Out,
      config,
      action: "",
      pedantic: false,
    });
    session.pubRelConsumer = config;
    session.maxAckPendingTotal += config.maxAckPending;
  }

  /** Ends the subscriptions to `filters`. */
  async unsubscribe(filters: TopicFilter[]): Promise<void> {
    const { session } = this.receiver;
    for (const filter of filters) {
      for (const { sid } of partsOf(filter.subject)) {
        const config = session.consumers.get(sid);
        if (config !== undefined) this.#endConsumer(sid, config);
        this.#end(sid);
      }
    }
    await session.update(filters, false);
  }
}

function partsOf(subject: string): Part[] {
  const own = { subject, sid: subject };
  if (!coversLevelAbove(subject)) return [own];
  const above = subject.slice(0, -2);
  return [own, { subject: above, sid: above + LEVEL_ABOVE_SUFFIX }];
}
