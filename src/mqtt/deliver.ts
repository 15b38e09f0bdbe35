/**
 * Messages on their way to MQTT clients.
 *
 * A subscription with a quality of service above 0 is two: one to the subject itself, for messages
 * that need no acknowledgement, and one to what its consumer delivers.
 *
 * Reference: mqttDeliverMsgCbQoS0, mqttDeliverMsgCbQoS12, mqttDeliverPubRelCb and
 * mqttEnqueuePublishMsgTo in server/mqtt.go.
 *
 * @module
 */
import type { Connection } from "../core/connection/connection.ts";
import { type InternalHandler, Subscription } from "../core/connection/subscription.ts";
import { readAckSubject } from "./session/ack_subject.ts";
import { SubjectPrefix } from "./session/names.ts";
import type { MqttSession } from "./session/session.ts";
import { sparkplugKind, withDeathTime } from "./sparkplug.ts";
import { PacketType } from "./wire/packet.ts";
import { identifiedPacket, type PacketWriter, writePublishHeader } from "./wire/packet_writer.ts";
import { publishTrace, readPublishHeaders, readPubRelHeader } from "./wire/publish.ts";
import { topicOfSubject } from "./wire/topic.ts";

const ACK_PREFIX = "$JS.ACK.";
const CROWDED_BYTES = 1024 * 1024;
const DOLLAR = 36;

/** What MQTT knows of a subscription. */
export class MqttSubscription {
  /** Granted quality of service. */
  qos = 0;
  /** Consumer that feeds it; empty for messages that need no acknowledgement. */
  durable = "";
  /** Its deliveries do not count any more. */
  ended = false;
  /** Begins with a wildcard, which does not match topics that begin with `$` [MQTT-4.7.2-1]. */
  beginsWithWildcard = false;
  /** Retained messages that must be sent before all others: PUBLISH packets. */
  retained: Uint8Array[] = [];
  /** As the account knows it. */
  readonly subscription: Subscription;

  constructor(
    readonly receiver: Receiver,
    readonly subject: string,
    readonly sid: string,
    handler: (to: MqttSubscription) => InternalHandler,
  ) {
    this.subscription = new Subscription(null, subject, null, sid, handler(this));
  }
}

/** Where messages of one client go. */
export interface Receiver {
  readonly connection: Connection;
  readonly session: MqttSession;
  readonly writer: PacketWriter;
}

/** Sends a whole packet. */
export function sendPacket(connection: Connection, packet: Uint8Array): void {
  if (connection.closed) return;
  connection.out.append(packet);
  if (!connection.out.dirty) connection.core.markDirty(connection);
}

/** Sends what is retained for a subscription. */
export function sendRetained(to: MqttSubscription): void {
  for (const packet of to.retained) sendPacket(to.receiver.connection, packet);
  to.retained = [];
}

/** PUBLISH with its payload, in bytes of its own. */
export function publishPacket(
  writer: PacketWriter,
  topic: string,
  payload: Uint8Array,
  header: { packetId: number; qos: number; dup: boolean; retained: boolean },
): { packet: Uint8Array; flags: number } {
  writer.reset();
  const flags = writePublishHeader(writer, topic, payload.length, header);
  writer.raw(payload);
  return { packet: writer.bytes.slice(), flags };
}

function denied(connection: Connection, subject: string): boolean {
  const { permissions } = connection;
  return permissions !== null && permissions.checksDeliveries &&
    permissions.deliveryDenied(subject, null);
}

function count(connection: Connection, size: number): void {
  const { account, core: { stats } } = connection;
  connection.outMsgs++;
  connection.outBytes += size;
  if (account !== null) {
    account.outMsgs++;
    account.outBytes += size;
  }
  stats.outMsgs++;
  stats.outBytes += size;
  stats.outClientMsgs++;
  stats.outClientBytes += size;
}

/** Handles messages that are sent with quality of service 0. */
export function onMessage(to: MqttSubscription): InternalHandler {
  return (_subscription, _account, subject, reply, message, headerBytes) => {
    if (reply.startsWith(ACK_PREFIX)) return false;
    const { connection } = to.receiver;
    if (connection.closed || to.ended) return false;
    if (to.beginsWithWildcard && subject.charCodeAt(0) === DOLLAR) return false;
    if (denied(connection, subject)) return false;
    if (to.qos > 0 && headerBytes > 0) {
      // The consumer delivers it.
      const published = readPublishHeaders(message.subarray(0, headerBytes));
      if (published !== null && published.qos > 0) return false;
    }
    count(connection, message.length);
    send(to, subject, message.subarray(headerBytes), 0, 0, false);
    return true;
  };
}

/** Handles messages that a consumer delivers. */
export function onDelivery(to: MqttSubscription): InternalHandler {
  return (_subscription, _account, subject, reply, message, headerBytes, from) => {
    if (subject.length <= SubjectPrefix.Messages.length) return false;
    const published = readPublishHeaders(message.subarray(0, headerBytes));
    const messageQoS = published?.qos ?? 0;
    if (from !== null && messageQoS === 0) return false;
    const { connection, session } = to.receiver;
    if (session.connection !== connection || to.ended || connection.closed) return false;
    const qos = Math.min(messageQoS, to.qos);
    if (qos === 0) return false;
    const original = subject.slice(SubjectPrefix.Messages.length);
    if (
      (to.beginsWithWildcard && original.charCodeAt(0) === DOLLAR) || denied(connection, original)
    ) {
      session.api.acknowledge(reply);
      return true;
    }
    // When too many are pending, JetStream delivers it again later.
    const packetId = session.trackPublish(to.durable, reply);
    if (packetId === 0) return true;
    const again = (readAckSubject(reply)?.attempt ?? 1) > 1;
    count(connection, message.length);
    send(to, original, message.subarray(headerBytes), qos, packetId, again);
    return true;
  };
}

/** Handles PUBRELs that are to be sent. */
export function onPubRel(receiver: Receiver): InternalHandler {
  return (_subscription, _account, _subject, reply, message, headerBytes) => {
    if (reply === "") return false;
    const packetId = readPubRelHeader(message.subarray(0, headerBytes));
    const { connection, session } = receiver;
    if (packetId === 0 || session.connection !== connection || session.pubRelConsumer === null) {
      return false;
    }
    session.trackPubRel(packetId, reply);
    sendPacket(connection, identifiedPacket(PacketType.PubRel, packetId));
    if (connection.trace) connection.traceLine(`->> [PUBREL pi=${packetId}]`);
    return true;
  };
}

function send(
  to: MqttSubscription,
  subject: string,
  payload: Uint8Array,
  qos: number,
  packetId: number,
  dup: boolean,
): void {
  const { connection, writer } = to.receiver;
  const topic = topicOfSubject(subject);
  let retained = false;
  const kind = sparkplugKind(topic);
  if (kind !== null) {
    if (kind.isBirth && qos === 0) retained = kind.isCertificate;
    else if (!kind.isBirth && !kind.isCertificate) {
      payload = withDeathTime(payload, connection.core.env.clock.nowMs());
    }
  }
  if (to.retained.length > 0) sendRetained(to);
  writer.reset();
  const flags = writePublishHeader(writer, topic, payload.length, {
    packetId,
    qos,
    dup,
    retained,
  });
  const { core, out } = connection;
  out.append(writer.bytes);
  out.append(payload);
  if (connection.trace) {
    connection.traceLine(`->> [PUBLISH ${publishTrace(flags, topic, payload.length, packetId)}]`);
  }
  if (!out.dirty) core.markDirty(connection);
  const { maxPending } = core.options;
  if (out.bufferedBytes > CROWDED_BYTES) core.crowded = connection;
  if (out.pendingBytes > maxPending) connection.onMaxPending();
}
