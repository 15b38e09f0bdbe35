/**
 * Writes MQTT packets.
 *
 * Reference: mqttWriter and the mqttEnqueue functions in server/mqtt.go.
 *
 * @module
 */
import { PacketType, PublishFlag } from "./packet.ts";

/** A growing buffer with the number formats of MQTT. */
export class PacketWriter {
  #buffer = new Uint8Array(64);
  length = 0;

  /** What was written; borrowed until more is. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  reset(): void {
    this.length = 0;
  }

  #room(sizeBytes: number): void {
    const needed = this.length + sizeBytes;
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.length));
    this.#buffer = larger;
  }

  byte(value: number): void {
    this.#room(1);
    this.#buffer[this.length++] = value;
  }

  uint16(value: number): void {
    this.byte(value >> 8 & 0xff);
    this.byte(value & 0xff);
  }

  /** A number below 2^28 in as few bytes as it needs. */
  varInt(value: number): void {
    for (;;) {
      const low = value & 0x7f;
      value >>= 7;
      this.byte(value > 0 ? low | 0x80 : low);
      if (value === 0) return;
    }
  }

  /** Bytes without their length. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** A byte string behind its length. */
  text(text: string): void {
    this.uint16(text.length);
    this.#room(text.length);
    for (let i = 0; i < text.length; i++) this.#buffer[this.length++] = text.charCodeAt(i);
  }

  /** Bytes behind their length. */
  sized(bytes: Uint8Array): void {
    this.uint16(bytes.length);
    this.raw(bytes);
  }
}

/** CONNACK with one of `ReturnCode`; a session can only be present when the code is 0. */
export function connAck(returnCode: number, sessionPresent: boolean): Uint8Array {
  const present = returnCode === 0 && sessionPresent ? 1 : 0;
  return Uint8Array.of(PacketType.ConnAck, 2, present, returnCode);
}

/** PUBACK, PUBREC, PUBREL, PUBCOMP or UNSUBACK. */
export function identifiedPacket(type: number, packetId: number): Uint8Array {
  const flags = type === PacketType.PubRel ? 0x02 : 0;
  return Uint8Array.of(type | flags, 2, packetId >> 8, packetId & 0xff);
}

/** SUBACK with the granted quality of service of each filter. */
export function subAck(packetId: number, granted: readonly number[]): Uint8Array {
  const writer = new PacketWriter();
  writer.byte(PacketType.SubAck);
  writer.varInt(2 + granted.length);
  writer.uint16(packetId);
  for (const qos of granted) writer.byte(qos);
  return writer.bytes;
}

/** PINGRESP. */
export function pingResp(): Uint8Array {
  return Uint8Array.of(PacketType.PingResp, 0);
}

/** What PUBLISH says besides its topic and payload. */
export interface PublishHeader {
  /** Used when `qos` is above 0. */
  readonly packetId: number;
  readonly qos: number;
  readonly dup: boolean;
  readonly retained: boolean;
}

/**
 * Appends all of PUBLISH before its payload of `payloadBytes`; returns its flags. `topic` is a
 * byte string.
 */
export function writePublishHeader(
  writer: PacketWriter,
  topic: string,
  payloadBytes: number,
  header: PublishHeader,
): number {
  const { packetId, qos, dup, retained } = header;
  const flags = (dup ? PublishFlag.Dup : 0) | (retained ? PublishFlag.Retain : 0) | qos << 1;
  writer.byte(PacketType.Publish | flags);
  writer.varInt(2 + topic.length + payloadBytes + (qos > 0 ? 2 : 0));
  writer.text(topic);
  if (qos > 0) writer.uint16(packetId);
  return flags;
}
