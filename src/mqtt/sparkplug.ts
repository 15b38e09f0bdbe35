/**
 * What Sparkplug B asks of an MQTT server that knows of it: births are kept as certificates, and
 * deaths get the time at which they are sent.
 *
 * Reference: sparkbParseBirthDeathTopic and sparkbReplaceDeathTimestamp in server/mqtt.go.
 *
 * @module
 */

const NAMESPACE = "spBv1.0/";
/** Beginning of the topics under which births are kept. */
export const CERTIFICATES = "$sparkplug/certificates/";

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;
const TIMESTAMP_FIELD = 1;

/** A birth or death. */
export interface SparkplugKind {
  /** Otherwise it is a death. */
  readonly isBirth: boolean;
  readonly isCertificate: boolean;
}

/** What `topic` is about; null when it is no birth and no death. */
export function sparkplugKind(topic: string): SparkplugKind | null {
  const isCertificate = topic.startsWith(CERTIFICATES);
  const rest = isCertificate ? topic.slice(CERTIFICATES.length) : topic;
  if (!rest.startsWith(NAMESPACE)) return null;
  const levels = rest.slice(NAMESPACE.length).split("/");
  if (levels.length < 3 || levels.length > 4) return null;
  switch (levels[1]) {
    case "NBIRTH":
    case "DBIRTH":
      return { isBirth: true, isCertificate };
    case "NDEATH":
    case "DDEATH":
      return { isBirth: false, isCertificate };
    default:
      return null;
  }
}

/** `payload`, a message of protocol buffers, with `nowMs` as its timestamp; as it is if it is none. */
export function withDeathTime(payload: Uint8Array, nowMs: number): Uint8Array {
  const time = [TIMESTAMP_FIELD << 3 | VARINT, ...varint(nowMs)];
  for (let at = 0; at < payload.length;) {
    const next = fieldEnd(payload, at);
    if (next < 0) return payload;
    if (payload[at] === (TIMESTAMP_FIELD << 3 | VARINT)) {
      return join(payload.subarray(0, at), time, payload.subarray(next));
    }
    at = next;
  }
  return join(payload, time, payload.subarray(payload.length));
}

function join(before: Uint8Array, time: readonly number[], after: Uint8Array): Uint8Array {
  const joined = new Uint8Array(before.length + time.length + after.length);
  joined.set(before);
  joined.set(time, before.length);
  joined.set(after, before.length + time.length);
  return joined;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push(value % 128 | 0x80);
  bytes.push(value);
  return bytes;
}

/** Where the field at `at` ends; -1 when it is none. */
function fieldEnd(bytes: Uint8Array, at: number): number {
  const tag = readVarint(bytes, at);
  if (tag === null || tag.value < 8) return -1;
  let end: number;
  switch (tag.value % 8) {
    case VARINT: {
      const value = readVarint(bytes, tag.end);
      if (value === null) return -1;
      end = value.end;
      break;
    }
    case FIXED64:
      end = tag.end + 8;
      break;
    case FIXED32:
      end = tag.end + 4;
      break;
    case LENGTH: {
      const length = readVarint(bytes, tag.end);
      if (length === null) return -1;
      end = length.end + length.value;
      break;
    }
    default:
      return -1;
  }
  return end <= bytes.length ? end : -1;
}

function readVarint(bytes: Uint8Array, at: number): { value: number; end: number } | null {
  let value = 0;
  let weight = 1;
  for (let i = 0; i < 10 && at + i < bytes.length; i++) {
    const byte = bytes[at + i]!;
    value += (byte & 0x7f) * weight;
    if (byte < 0x80) return { value, end: at + i + 1 };
    weight *= 128;
  }
  return null;
}
