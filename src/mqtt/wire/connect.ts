/**
 * Reads CONNECT.
 *
 * Reference: mqttParseConnect and mqttConnectTrace in server/mqtt.go.
 *
 * @module
 */
import { bytesOfByteString, textOfByteString } from "../../base/text/byte_string.ts";
import { formatDurationMs } from "../../base/text/duration.ts";
import { goQuoteBytes } from "../../base/text/go_format.ts";
import { isValidName } from "../../subject/mod.ts";
import {
  ConnectFlag,
  ConnectRefusedError,
  MqttError,
  PROTOCOL_LEVEL,
  ReturnCode,
} from "./packet.ts";
import { checkUtf8, type PacketReader } from "./packet_reader.ts";
import { subjectOfTopic } from "./topic.ts";

const PROTOCOL_NAME = "MQTT";
const OLD_PROTOCOL_NAME = "MQIsdp";

/** What the server publishes for a client that is gone. */
export interface Will {
  /** Topic and subject are byte strings. */
  topic: string;
  subject: string;
  /** What a subject mapping made `subject` from; empty without one. */
  mapped: string;
  readonly message: Uint8Array;
  readonly qos: number;
  readonly retain: boolean;
}

/** What CONNECT says; filled as far as the packet was read. Texts are byte strings. */
export class ConnectPacket {
  flags = 0;
  /** Silence after which the client is taken for gone: 1.5 times its keep alive; 0 is never. */
  silenceMs = 0;
  clientId = "";
  will: Will | null = null;
  userName = "";
  password = "";

  get cleanSession(): boolean {
    return (this.flags & ConnectFlag.CleanSession) !== 0;
  }
}

/** What the server says about CONNECT. */
export interface ConnectRules {
  readonly rejectQoS2Pub: boolean;
  /** Makes an id for a client that has none. */
  newClientId(): string;
}

/**
 * Reads CONNECT behind its fixed header into `packet`. Throws {@linkcode ConnectRefusedError}
 * when a CONNACK must say so, {@linkcode MqttError} when the connection just ends; what was read
 * by then is in `packet`.
 */
export function readConnect(
  reader: PacketReader,
  packet: ConnectPacket,
  rules: ConnectRules,
): void {
  checkProtocol(reader);
  packet.flags = reader.byte("flags");
  const { flags } = packet;
  checkFlags(flags, rules);
  const keepAliveSeconds = reader.uint16("keep alive");
  // Whole seconds, as the reference rounds.
  packet.silenceMs = Math.floor(keepAliveSeconds * 1.5) * 1000;
  readClientId(reader, packet, rules);
  if ((flags & ConnectFlag.Will) !== 0) packet.will = readWill(reader, flags);
  if ((flags & ConnectFlag.UserName) !== 0) {
    packet.userName = reader.text("user name");
    if (packet.userName === "") {
      throw new ConnectRefusedError(
        ReturnCode.BadUserNameOrPassword,
        "empty user name not allowed",
      );
    }
    checkText(packet.userName, "user name", ReturnCode.BadUserNameOrPassword);
  }
  if ((flags & ConnectFlag.Password) !== 0) packet.password = reader.text("password");
}

function checkProtocol(reader: PacketReader): void {
  const name = reader.text("protocol name");
  if (name !== PROTOCOL_NAME) {
    const shown = goQuoted(name);
    throw new MqttError(
      name === OLD_PROTOCOL_NAME
        ? `older protocol ${shown} not supported`
        : `expected connect packet with protocol name "${PROTOCOL_NAME}", got ${shown}`,
    );
  }
  const level = reader.byte("protocol level");
  if (level !== PROTOCOL_LEVEL) {
    throw new ConnectRefusedError(
      ReturnCode.UnacceptableProtocolVersion,
      `unacceptable protocol version of ${level}`,
    );
  }
}

function checkFlags(flags: number, rules: ConnectRules): void {
  if ((flags & ConnectFlag.Reserved) !== 0) {
    throw new MqttError("connect flags reserved bit not set to 0");
  }
  const willQoS = (flags & ConnectFlag.WillQoS) >> 3;
  if ((flags & ConnectFlag.Will) === 0) {
    if (willQoS !== 0) {
      throw new MqttError(`if Will flag is set to 0, Will QoS must be 0 too, got ${willQoS}`);
    }
    if ((flags & ConnectFlag.WillRetain) !== 0) {
      throw new MqttError("if Will flag is set to 0, Will Retain flag must be 0 too");
    }
  } else if (willQoS === 3) {
    throw new MqttError(`if Will flag is set to 1, Will QoS can be 0, 1 or 2, got ${willQoS}`);
  }
  if (rules.rejectQoS2Pub && willQoS === 2) {
    throw new ConnectRefusedError(
      ReturnCode.QoS2WillRejected,
      "server does not accept QoS2 for Will messages",
    );
  }
  if ((flags & ConnectFlag.UserName) === 0 && (flags & ConnectFlag.Password) !== 0) {
    throw new MqttError("password flag set but username flag is not");
  }
}

function readClientId(reader: PacketReader, packet: ConnectPacket, rules: ConnectRules): void {
  packet.clientId = reader.text("client ID");
  if (packet.clientId === "") {
    if (!packet.cleanSession) {
      throw new ConnectRefusedError(
        ReturnCode.IdentifierRejected,
        "when client ID is empty, clean session flag must be set to 1",
      );
    }
    packet.clientId = rules.newClientId();
  }
  checkText(packet.clientId, "client ID", ReturnCode.IdentifierRejected);
  if (!isValidName(packet.clientId)) {
    throw new ConnectRefusedError(
      ReturnCode.IdentifierRejected,
      `invalid character in client ID ${goQuoted(packet.clientId)}`,
    );
  }
}

function readWill(reader: PacketReader, flags: number): Will {
  const topic = reader.utf8("Will topic");
  if (topic === "") throw new MqttError("empty Will topic not allowed");
  const subject = subjectOfTopic(topic);
  return {
    topic,
    subject,
    mapped: "",
    message: reader.bytes("Will message").slice(),
    qos: (flags & ConnectFlag.WillQoS) >> 3,
    retain: (flags & ConnectFlag.WillRetain) !== 0,
  };
}

function checkText(text: string, field: string, returnCode: number): void {
  try {
    checkUtf8(bytesOfByteString(text), field);
  } catch (error) {
    throw new ConnectRefusedError(returnCode, (error as MqttError).message);
  }
}

function goQuoted(text: string): string {
  return goQuoteBytes(bytesOfByteString(text));
}

/** `packet` as trace lines show it; the password is hidden. */
export function connectTrace(packet: ConnectPacket): string {
  const { clientId, silenceMs, will, userName, password } = packet;
  let text = `clientID=${textOfByteString(clientId)}`;
  if (silenceMs > 0) text += ` keepAlive=${formatDurationMs(silenceMs)}`;
  if (will !== null) {
    const topic = textOfByteString(will.topic);
    text += ` will=(topic=${topic} QoS=${will.qos} retain=${will.retain})`;
  }
  if (packet.cleanSession) text += " clean";
  if (userName !== "") text += ` username=${textOfByteString(userName)}`;
  if (password !== "") text += " password=****";
  return text;
}
