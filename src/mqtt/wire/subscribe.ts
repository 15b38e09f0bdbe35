/**
 * Reads SUBSCRIBE, UNSUBSCRIBE, and packets that are nothing but a packet id.
 *
 * Reference: mqttParseSubsOrUnsubs, mqttSubscribeTrace, mqttUnsubscribeTrace and
 * mqttParsePIPacket in server/mqtt.go.
 *
 * @module
 */
import { textOfByteString } from "../../base/text/byte_string.ts";
import { ACKED_FLAGS, MqttError } from "./packet.ts";
import type { PacketReader } from "./packet_reader.ts";
import { subjectOfFilter } from "./topic.ts";

/** A topic filter of SUBSCRIBE or UNSUBSCRIBE. Texts are byte strings. */
export interface TopicFilter {
  readonly topic: string;
  /** Empty when the topic cannot be a subject. */
  readonly subject: string;
  /** As asked for, then as granted, which may be SUBACK_FAILURE. */
  qos: number;
}

/** A SUBSCRIBE or an UNSUBSCRIBE. */
export interface FiltersPacket {
  readonly packetId: number;
  readonly filters: TopicFilter[];
}

/** The id in PUBACK, PUBREC, PUBREL or PUBCOMP. Throws {@linkcode MqttError} when it is 0. */
export function readPacketId(reader: PacketReader): number {
  const packetId = reader.uint16("packet identifier");
  if (packetId === 0) throw new MqttError("packet identifier cannot be 0");
  return packetId;
}

/** Where a SUBSCRIBE or UNSUBSCRIBE is read. */
export interface FiltersHeader {
  readonly flags: number;
  /** Remaining length. */
  readonly length: number;
}

/**
 * Reads SUBSCRIBE. `onUnusable` hears of filters that no subject can express; they are refused
 * one by one. Throws {@linkcode MqttError}.
 */
export function readSubscribe(
  reader: PacketReader,
  header: FiltersHeader,
  onUnusable: (topic: string, why: string) => void,
): FiltersPacket {
  return readFilters(reader, header, true, onUnusable);
}

/** Reads UNSUBSCRIBE, like {@linkcode readSubscribe}. */
export function readUnsubscribe(
  reader: PacketReader,
  header: FiltersHeader,
  onUnusable: (topic: string, why: string) => void,
): FiltersPacket {
  return readFilters(reader, header, false, onUnusable);
}

function readFilters(
  reader: PacketReader,
  { flags, length }: FiltersHeader,
  subscribes: boolean,
  onUnusable: (topic: string, why: string) => void,
): FiltersPacket {
  const what = subscribes ? "subscribe" : "unsubscribe";
  if (flags !== ACKED_FLAGS) {
    throw new MqttError(`wrong ${what} reserved flags: ${flags.toString(16)}`);
  }
  const packetId = readPacketId(reader);
  const end = reader.position + length - 2;
  const filters: TopicFilter[] = [];
  while (reader.position < end) {
    const topic = reader.utf8("topic filter");
    if (topic === "") throw new MqttError("topic filter cannot be empty");
    let subject = "";
    try {
      subject = subjectOfFilter(topic);
    } catch (error) {
      if (!(error instanceof MqttError)) throw error;
      onUnusable(topic, error.message);
    }
    const qos = subscribes ? reader.byte("QoS") : 0;
    if (qos > 2) throw new MqttError(`subscribe QoS value must be 0, 1 or 2, got ${qos}`);
    filters.push({ topic, subject, qos });
  }
  if (filters.length === 0) {
    throw new MqttError(`${what} protocol must contain at least 1 topic filter`);
  }
  return { packetId, filters };
}

/** SUBSCRIBE as trace lines show it. */
export function subscribeTrace({ packetId, filters }: FiltersPacket): string {
  const shown = filters.map((filter) => `${filterTrace(filter)} QoS=${filter.qos}`);
  return `[${shown.join(", ")}] pi=${packetId}`;
}

/** UNSUBSCRIBE as trace lines show it. */
export function unsubscribeTrace({ packetId, filters }: FiltersPacket): string {
  return `[${filters.map(filterTrace).join(", ")}] pi=${packetId}`;
}

function filterTrace({ topic, subject }: TopicFilter): string {
  return `${textOfByteString(topic)} (${textOfByteString(subject)})`;
}
