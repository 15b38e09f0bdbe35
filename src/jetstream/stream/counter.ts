/**
 * Counter streams: each message of a subject holds a sum (ADR-49).
 *
 * Reference: processJetStreamMsg in server/stream.go.
 *
 * @module
 */
import { bytesOfByteString, byteStringOfText } from "../../base/text/byte_string.ts";
import {
  encodeValue,
  JsonSyntaxError,
  type JsonValue,
  parseJsonBytes,
} from "../../base/json/mod.ts";
import { type ApiError, apiError } from "../../jsapi/mod.ts";
import { headerValue, setHeader } from "../../protocol/mod.ts";
import { LoadCode, StoredMsg } from "../../store/mod.ts";
import type { StagedMessages } from "../batch/staged.ts";
import { MsgHeader } from "./header_names.ts";
import type { MessageNotes } from "./msg_checks.ts";
import type { Stream } from "./stream.ts";

/** By stream and subject of origin, the sum that came from there. */
type CounterSources = Map<string, Map<string, string>>;

/** Digits of a counter's body `{"val":"…"}`, or empty when it is none. */
export function counterValueOf(payload: Uint8Array): string {
  return readValue(payload) ?? "";
}

function readValue(payload: Uint8Array): string | null {
  try {
    const value = parseJsonBytes(payload);
    if (value === null || typeof value !== "object" || Array.isArray(value)) return null;
    const digits = value["val"] ?? "";
    return typeof digits === "string" ? digits : null;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return null;
    throw error;
  }
}

function toBigInt(digits: string): bigint {
  return /^[+-]?\d+$/.test(digits) ? BigInt(digits.replace("+", "")) : 0n;
}

function readSources(text: string): CounterSources | null {
  const sources: CounterSources = new Map();
  let value: JsonValue;
  try {
    value = parseJsonBytes(bytesOfByteString(text));
  } catch (error) {
    if (error instanceof JsonSyntaxError) return null;
    throw error;
  }
  // A null is a map without anything in it.
  value ??= {};
  if (typeof value !== "object" || Array.isArray(value)) return null;
  for (const [stream, subjects] of Object.entries(value)) {
    if (typeof subjects !== "object" || Array.isArray(subjects)) return null;
    const sums = new Map<string, string>();
    for (const [subject, sum] of Object.entries(subjects ?? {})) {
      if (typeof sum !== "string") return null;
      sums.set(subject, sum);
    }
    sources.set(stream, sums);
  }
  return sources;
}

function encodeSources(sources: CounterSources): string {
  const sorted = <T>(map: Map<string, T>): [string, T][] =>
    [...map].sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
  const value: JsonValue = {};
  for (const [stream, sums] of sorted(sources)) value[stream] = Object.fromEntries(sorted(sums));
  return byteStringOfText(encodeValue(value));
}

/**
 * Adds `increment` to the sum of `subject`, and puts the new sum into `notes`. A message that comes
 * from another counter stream carries a sum instead, of which the difference to the last one from
 * there is added. Returns why that cannot be done, or null.
 */
export function applyIncrement(
  stream: Stream,
  subject: string,
  notes: MessageNotes,
  increment: bigint,
  staged: StagedMessages | null,
): ApiError | null {
  const broken = apiError("JSMessageCounterBrokenErr");
  let sum = 0n;
  let sources: CounterSources = new Map();
  const last = lastCounter(stream, subject, staged);
  if (last !== null) {
    const value = readValue(last.payload);
    if (value === null) return broken;
    const text = headerValue(last.headers, 0, last.headers.length, MsgHeader.CounterSources);
    if (text !== null && text !== "") {
      const known = readSources(text);
      if (known === null) return broken;
      sources = known;
    }
    sum = toBigInt(value);
  }
  let { headers } = notes;
  const origin = headerValue(headers, 0, headers.length, MsgHeader.StreamSource) ?? "";
  if (origin !== "") {
    const value = readValue(notes.payload);
    if (value === null) return broken;
    const parts = origin.split(" ");
    const fromStream = parts[0]!;
    const fromSubject = parts[4] ?? subject;
    const sums = sources.get(fromStream) ?? new Map<string, string>();
    sources.set(fromStream, sums);
    const total = toBigInt(value);
    increment = total - toBigInt(sums.get(fromSubject) ?? "");
    sums.set(fromSubject, String(total));
    headers = setHeader(headers.slice(), MsgHeader.Incr, String(increment));
  }
  sum += increment;
  if (sources.size > 0) {
    headers = setHeader(headers.slice(), MsgHeader.CounterSources, encodeSources(sources));
  }
  const payload = bytesOfByteString(`{"val":"${sum}"}`);
  if (headers.length + payload.length > stream.js.options.maxPayload) {
    return apiError("JSStreamMessageExceedsMaximumErr");
  }
  notes.headers = headers;
  notes.payload = payload;
  staged?.counters.set(subject, { headers, payload });
  return null;
}

function lastCounter(
  stream: Stream,
  subject: string,
  staged: StagedMessages | null,
): { headers: Uint8Array; payload: Uint8Array } | null {
  const before = staged?.counters.get(subject);
  if (before !== undefined) return before;
  const message = new StoredMsg();
  if (stream.store.loadLastMsg(subject, message) !== LoadCode.Found) return null;
  return { headers: message.headers(), payload: message.payload() };
}
