/**
 * Reads PUBLISH, and carries what MQTT knows of a message in NATS headers.
 *
 * | header | says |
 * |---|---|
 * | `Nmqtt-Pub` | the quality of service; of a message that waits for PUBREL also the flags |
 * | `Nmqtt-Subject` | the subject of a message that waits for PUBREL |
 * | `Nmqtt-Mapped` | what a subject mapping made that subject from |
 * | `Nmqtt-PubRel` | the packet id of a PUBREL that waits to be sent |
 *
 * Reference: mqttParsePub, mqttNewDeliverableMessage, mqttNewDeliverablePubRel and
 * mqttParsePublishNATSHeader in server/mqtt.go.
 *
 * @module
 */
import { textOfByteString } from "../../base/text/byte_string.ts";
import { headerValue } from "../../protocol/mod.ts";
import { isRetained, MqttError, PublishFlag, qosOf } from "./packet.ts";
import type { PacketReader } from "./packet_reader.ts";
import { subjectOfTopic } from "./topic.ts";

const NO_BYTES = new Uint8Array(0);
const HEX_DIGITS = "0123456789abcdef";
const HEADER_LINE = "NATS/1.0\r\n";
const PUB_HEADER = "Nmqtt-Pub";
const SUBJECT_HEADER = "Nmqtt-Subject";
const MAPPED_HEADER = "Nmqtt-Mapped";
const PUBREL_HEADER = "Nmqtt-PubRel";
const FLAGS = PublishFlag.Retain | PublishFlag.QoS | PublishFlag.Dup;

/** A PUBLISH; one object per connection is used for all of them. Texts are byte strings. */
export class PublishPacket {
  flags = 0;
  topic = "";
  subject = "";
  /** What a subject mapping made `subject` from; empty without one. */
  mapped = "";
  /** 0 when the quality of service is 0. */
  packetId = 0;
  /** Borrowed from the reader. */
  payload: Uint8Array = NO_BYTES;
}

/**
 * Reads PUBLISH with `packet.flags` behind its fixed header, `length` bytes, into `packet`.
 * Throws {@linkcode MqttError}.
 */
export function readPublish(
  reader: PacketReader,
  length: number,
  packet: PublishPacket,
  rejectQoS2: boolean,
): void {
  const qos = qosOf(packet.flags);
  if (qos > 2) throw new MqttError(`QoS=${qos} is invalid in MQTT`);
  if (rejectQoS2 && qos === 2) throw new MqttError("QoS=2 is disabled for PUBLISH messages");
  const start = reader.position;
  packet.topic = reader.utf8("topic");
  if (packet.topic === "") throw new MqttError("topic cannot be empty");
  packet.subject = subjectOfTopic(packet.topic);
  packet.mapped = "";
  packet.packetId = 0;
  if (qos > 0) {
    packet.packetId = reader.uint16("packet identifier");
    if (packet.packetId === 0) {
      throw new MqttError(`with QoS=${qos}, packet identifier cannot be 0`);
    }
  }
  const payloadStart = reader.position;
  const payloadBytes = length - (payloadStart - start);
  if (payloadBytes < 0) {
    throw new MqttError(`invalid remaining length ${length} for PUBLISH packet`);
  }
  reader.position = payloadStart + payloadBytes;
  packet.payload = reader.buffer.subarray(payloadStart, reader.position);
}

/** A PUBLISH as trace lines show it. */
export function publishTrace(
  flags: number,
  topic: string,
  payloadBytes: number,
  packetId: number,
): string {
  const dup = (flags & PublishFlag.Dup) !== 0;
  return `${textOfByteString(topic)} dup=${dup} QoS=${qosOf(flags)} retain=${isRetained(flags)} ` +
    `size=${payloadBytes}${packetId > 0 ? ` pi=${packetId}` : ""}`;
}

/** The flags of PUBLISH as one character of `Nmqtt-Pub`. */
export function encodeFlags(flags: number): string {
  return HEX_DIGITS[flags & FLAGS]!;
}

/** The flags in a value of `Nmqtt-Pub`; none where there are none. */
export function decodeFlags(value: string): number {
  return value.length < 2 ? 0 : Math.max(0, HEX_DIGITS.indexOf(value[1]!));
}

/** NATS headers of a message on its way to those interested, as a byte string. */
export function deliveryHeaders(qos: number): string {
  return `${HEADER_LINE}${PUB_HEADER}:${qos}\r\n\r\n`;
}

/** NATS headers of a message that waits for its PUBREL, as a byte string. */
export function waitingHeaders(packet: PublishPacket): string {
  const { flags, subject, mapped } = packet;
  const mappedLine = mapped === "" ? "" : `${MAPPED_HEADER}:${mapped}\r\n`;
  return `${HEADER_LINE}${PUB_HEADER}:${qosOf(flags)}${encodeFlags(flags)}\r\n` +
    `${SUBJECT_HEADER}:${subject}\r\n${mappedLine}\r\n`;
}

/** NATS headers of a PUBREL that waits to be sent, as a byte string. */
export function pubRelHeaders(packetId: number): string {
  return `${HEADER_LINE}${PUBREL_HEADER}:${packetId}\r\n\r\n`;
}

/** What the headers of a message say that came by MQTT. */
export interface PublishedByMqtt {
  readonly qos: number;
  readonly retained: boolean;
  /** Empty unless the message waits for its PUBREL. */
  readonly subject: string;
  readonly mapped: string;
}

/** What `headers` say about MQTT; null for messages that did not come by it. */
export function readPublishHeaders(headers: Uint8Array): PublishedByMqtt | null {
  const value = headerOf(headers, PUB_HEADER);
  if (value === "") return null;
  return {
    // Any first character counts as a number in the reference, too.
    qos: value.charCodeAt(0) - 48 & 0xff,
    retained: isRetained(decodeFlags(value)),
    subject: headerOf(headers, SUBJECT_HEADER),
    mapped: headerOf(headers, MAPPED_HEADER),
  };
}

/** The packet id in the headers of a PUBREL that waits to be sent; 0 for other messages. */
export function readPubRelHeader(headers: Uint8Array): number {
  const value = headerOf(headers, PUBREL_HEADER);
  if (!/^[0-9]+$/.test(value)) return 0;
  return Math.min(Number(value), 0xffff);
}

function headerOf(headers: Uint8Array, name: string): string {
  return headerValue(headers, 0, headers.length, name) ?? "";
}
