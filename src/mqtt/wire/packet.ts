/**
 * Names and numbers of MQTT 3.1.1 packets, and what is wrong with a bad one.
 *
 * Reference: the constants and errMQTT values in server/mqtt.go; mqttCheckFixedHeaderFlags and
 * mqttCheckRemainingLength.
 *
 * @module
 */

/** Types of packets: the upper four bits of the first byte. */
export const PacketType = {
  Connect: 0x10,
  ConnAck: 0x20,
  Publish: 0x30,
  PubAck: 0x40,
  PubRec: 0x50,
  PubRel: 0x60,
  PubComp: 0x70,
  Subscribe: 0x80,
  SubAck: 0x90,
  Unsubscribe: 0xa0,
  UnsubAck: 0xb0,
  PingReq: 0xc0,
  PingResp: 0xd0,
  Disconnect: 0xe0,
} as const;

/** Bits of the first byte that say the type. */
export const TYPE_MASK = 0xf0;
/** Bits of the first byte that are flags. */
export const FLAGS_MASK = 0x0f;

/** Flags of PUBLISH. */
export const PublishFlag = { Retain: 0x01, QoS: 0x06, Dup: 0x08 } as const;

/** Flags of CONNECT. */
export const ConnectFlag = {
  Reserved: 0x01,
  CleanSession: 0x02,
  Will: 0x04,
  WillQoS: 0x18,
  WillRetain: 0x20,
  Password: 0x40,
  UserName: 0x80,
} as const;

/** Flags that PUBREL, SUBSCRIBE and UNSUBSCRIBE must have. */
export const ACKED_FLAGS = 0x02;
/** In SUBACK in place of a quality of service: the filter was refused. */
export const SUBACK_FAILURE = 0x80;
/** The only protocol level that is spoken: 3.1.1. */
export const PROTOCOL_LEVEL = 4;

/** Codes of CONNACK; 16 is nats-server's own. */
export const ReturnCode = {
  Accepted: 0,
  UnacceptableProtocolVersion: 1,
  IdentifierRejected: 2,
  ServerUnavailable: 3,
  BadUserNameOrPassword: 4,
  NotAuthorized: 5,
  QoS2WillRejected: 16,
} as const;

/** Something came that MQTT, or the server, does not allow; the connection ends. */
export class MqttError extends Error {
  override readonly name: string = "MqttError";
  readonly code: string = "MQTT_PROTOCOL";
}

/** A CONNECT that is answered with a code other than 0 before the connection ends. */
export class ConnectRefusedError extends MqttError {
  override readonly name = "ConnectRefusedError";
  override readonly code = "MQTT_CONNECT_REFUSED";

  /** `returnCode` is one of {@linkcode ReturnCode}. */
  constructor(readonly returnCode: number, message: string) {
    super(message);
  }
}

/** A packet is larger than a client may send before it is known. */
export class PacketTooLargeError extends MqttError {
  override readonly name = "PacketTooLargeError";
  override readonly code = "MQTT_PACKET_TOO_LARGE";

  constructor(readonly packetBytes: number) {
    super("maximum payload exceeded");
  }
}

/** Throws {@linkcode MqttError} when `flags` are not those of the type [MQTT-2.2.2-2]. */
export function checkFixedHeaderFlags(type: number, flags: number): void {
  let expected = 0;
  switch (type) {
    case PacketType.Connect:
    case PacketType.PubAck:
    case PacketType.PubRec:
    case PacketType.PubComp:
    case PacketType.PingReq:
    case PacketType.Disconnect:
      break;
    case PacketType.PubRel:
    case PacketType.Subscribe:
    case PacketType.Unsubscribe:
      expected = ACKED_FLAGS;
      break;
    default:
      return;
  }
  if (flags !== expected) {
    throw new MqttError(
      `invalid fixed header flags ${flags.toString(16)} for packet type ${type.toString(16)}`,
    );
  }
}

/** Throws {@linkcode MqttError} when a packet of fixed length has another one. */
export function checkRemainingLength(type: number, length: number): void {
  let expected = 0;
  switch (type) {
    case PacketType.PubAck:
    case PacketType.PubRec:
    case PacketType.PubRel:
    case PacketType.PubComp:
      expected = 2;
      break;
    case PacketType.PingReq:
    case PacketType.Disconnect:
      break;
    default:
      return;
  }
  if (length !== expected) {
    throw new MqttError(`invalid remaining length ${length} for packet type ${type.toString(16)}`);
  }
}

/** Quality of service in the flags of PUBLISH: 0 to 3, and 3 is not allowed. */
export function qosOf(flags: number): number {
  return (flags & PublishFlag.QoS) >> 1;
}

/** Whether the flags of PUBLISH ask to retain the message. */
export function isRetained(flags: number): boolean {
  return (flags & PublishFlag.Retain) !== 0;
}
