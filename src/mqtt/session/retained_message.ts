/**
 * Retained messages as they are stored: the payload as it is, all else in headers. Old versions
 * stored JSON.
 *
 * Reference: mqttEncodeRetainedMessage, mqttSliceHeaders and mqttDecodeRetainedMessage in
 * server/mqtt.go.
 *
 * @module
 */
import { bytesOfByteString, byteStringOf, byteStringOfText } from "../../base/text/byte_string.ts";
import { FLAGS_MASK, MqttError, qosOf } from "../wire/packet.ts";
import { topicOfSubject } from "../wire/topic.ts";
import { SubjectPrefix } from "./names.ts";

const HEADER_LINE = "NATS/1.0\r\n";
const TOPIC_HEADER = "Nmqtt-RTopic";
const ORIGIN_HEADER = "Nmqtt-ROrigin";
const FLAGS_HEADER = "Nmqtt-RFlags";
const SOURCE_HEADER = "Nmqtt-RSource";
/** Stands in front of the flags of an empty message, for old servers not to read it. */
const DELETE_MARKER = "-";

/** A retained message; texts are byte strings. */
export interface RetainedMessage {
  /** The server that stored it. */
  readonly origin: string;
  readonly subject: string;
  readonly topic: string;
  readonly payload: Uint8Array;
  /** Of the PUBLISH. */
  readonly flags: number;
  /** The user who published it. */
  readonly source: string;
}

/** The headers that say all of `message` but its payload. */
export function retainedHeaders(message: RetainedMessage): Uint8Array {
  const { topic, flags, origin, source, payload } = message;
  const marker = payload.length === 0 ? DELETE_MARKER : "";
  let block = `${HEADER_LINE}${TOPIC_HEADER}:${topic}\r\n`;
  block += `${FLAGS_HEADER}:${marker}${flags.toString(16)}\r\n`;
  if (origin !== "") block += `${ORIGIN_HEADER}:${origin}\r\n`;
  if (source !== "") block += `${SOURCE_HEADER}:${source}\r\n`;
  return bytesOfByteString(`${block}\r\n`);
}

/** The values of the first headers of each name in `block`, as far as it is one. */
export function sliceHeaders(block: Uint8Array): Map<string, string> {
  const values = new Map<string, string>();
  const text = byteStringOf(block, 0, block.length);
  if (!text.startsWith(HEADER_LINE)) return values;
  for (let at = HEADER_LINE.length; at < text.length;) {
    const colon = text.indexOf(":", at);
    if (colon <= at) break;
    const name = text.slice(at, colon).replace(/ +$/, "");
    if (name === "") break;
    const end = text.indexOf("\r\n", colon + 1);
    if (end < 0) break;
    values.set(name, text.slice(colon + 1, end).replace(/^ +/, ""));
    at = end + 2;
  }
  return values;
}

/**
 * Reads a stored message; `payload` is borrowed by the result. Throws {@linkcode MqttError} when it
 * is no retained message.
 */
export function readRetained(
  storedSubject: string,
  headers: Uint8Array,
  payload: Uint8Array,
): RetainedMessage {
  const values = sliceHeaders(headers);
  const flagsText = values.get(FLAGS_HEADER) ?? "";
  const fields = flagsText === "" ? fieldsOfJson(payload) : {
    flags: parseFlags(flagsText),
    origin: values.get(ORIGIN_HEADER) ?? "",
    source: values.get(SOURCE_HEADER) ?? "",
    payload,
  };
  const { flags } = fields;
  if (!(flags >= 0 && flags < FLAGS_MASK) || qosOf(flags) > 2) {
    throw new MqttError("invalid retained message flags");
  }
  const subject = storedSubject.startsWith(SubjectPrefix.Retained)
    ? storedSubject.slice(SubjectPrefix.Retained.length)
    : storedSubject;
  return { ...fields, subject, topic: topicOfSubject(subject) };
}

function parseFlags(text: string): number {
  const digits = text.length > 1 && text.startsWith(DELETE_MARKER) ? text.slice(1) : text;
  const flags = /^[0-9a-fA-F]+$/.test(digits) ? parseInt(digits, 16) : 256;
  if (flags > 255) throw new MqttError("invalid retained message flags");
  return flags;
}

function fieldsOfJson(
  json: Uint8Array,
): Pick<RetainedMessage, "flags" | "origin" | "source" | "payload"> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(json));
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      throw new MqttError("invalid retained message");
    }
    const { flags = 0, origin = "", source = "", msg = "" } = value as Record<string, unknown>;
    return {
      flags: Number(flags),
      origin: byteStringOfText(String(origin)),
      source: byteStringOfText(String(source)),
      payload: bytesOfByteString(atob(String(msg ?? ""))),
    };
  } catch (error) {
    if (error instanceof MqttError) throw error;
    throw new MqttError(`invalid retained message: ${(error as Error).message}`);
  }
}
