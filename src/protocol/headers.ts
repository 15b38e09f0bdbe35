/**
 * Message headers as bytes: finding, setting and removing them without decoding all of them.
 *
 * ```text
 * NATS/1.0\r\n  Name: value\r\n  Name: value\r\n  \r\n
 * ```
 *
 * A header's name is compared byte for byte, must begin its line and be followed by a colon.
 * Names and values are byte strings.
 *
 * Reference: sliceHeader, setHeader, genHeader, removeHeaderIfPresent in server/client.go.
 *
 * @module
 */
import { byteStringOf } from "../base/text/byte_string.ts";

/** The line that headers begin with. */
export const HEADER_LINE = "NATS/1.0\r\n";

const CR = 13;
const LF = 10;
const COLON = 58;
const BLANK = 32;
const LINE_END_BYTES = 2;
const NO_HEADERS = new Uint8Array(0);

function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (bytes[at + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** Where the line that holds `at` ends, at its CR; `end` when it does not. */
function lineEnd(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && !(bytes[at] === CR && bytes[at + 1] === LF)) at++;
  return Math.min(at, end);
}

/** Where the first header called `name` begins in `[start, end)`, or -1. */
function findHeader(bytes: Uint8Array, start: number, end: number, name: string): number {
  const size = name.length;
  const first = name.charCodeAt(0);
  for (let at = start + LINE_END_BYTES; at + size < end; at++) {
    if (bytes[at] !== first || bytes[at - 1] !== LF || bytes[at - 2] !== CR) continue;
    if (bytes[at + size] === COLON && startsWith(bytes, at, name)) return at;
  }
  return -1;
}

/**
 * The value of the first header called `name` in `[start, end)` of `bytes`, or null.
 *
 * @returns a byte string
 */
export function headerValue(
  bytes: Uint8Array,
  start: number,
  end: number,
  name: string,
): string | null {
  const at = findHeader(bytes, start, end, name);
  if (at < 0) return null;
  const from = valueStart(bytes, at + name.length + 1, end);
  return byteStringOf(bytes, from, lineEnd(bytes, from, end));
}

/** The bytes of the value of the first header called `name`, borrowed from `headers`, or null. */
export function sliceHeader(headers: Uint8Array, name: string): Uint8Array | null {
  const at = findHeader(headers, 0, headers.length, name);
  if (at < 0) return null;
  const from = valueStart(headers, at + name.length + 1, headers.length);
  return headers.subarray(from, lineEnd(headers, from, headers.length));
}

function valueStart(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && bytes[at] === BLANK) at++;
  return at;
}

/**
 * Adds a header behind the others; null makes the first one. Line ends in the value become blanks,
 * so that no value can smuggle in a header. Returns a new array.
 */
export function appendHeader(
  headers: Uint8Array | null,
  name: string,
  value: string,
): Uint8Array {
  const line = `${name}: ${value.replace(/[\r\n]/g, " ").trim()}\r\n\r\n`;
  if (headers === null || headers.length <= LINE_END_BYTES) return joined(HEADER_LINE, line);
  const kept = headers.length - LINE_END_BYTES;
  const out = new Uint8Array(kept + line.length);
  out.set(headers.subarray(0, kept));
  writeText(out, kept, line);
  return out;
}

/**
 * Gives the first header called `name` another value, or adds it behind the others. The header
 * keeps its place and its blank. `headers` is owned: a value that fits is written into it.
 */
export function setHeader(headers: Uint8Array, name: string, value: string): Uint8Array {
  const at = findHeader(headers, 0, headers.length, name);
  if (at < 0) return appendHeader(headers, name, value);
  let from = at + name.length + 1;
  if (headers[from] === BLANK) from++;
  const to = lineEnd(headers, from, headers.length);
  const moved = from + value.length;
  const size = moved + headers.length - to;
  let out = headers;
  if (size > headers.length) {
    out = new Uint8Array(size);
    out.set(headers.subarray(0, from));
    out.set(headers.subarray(to), moved);
  } else out.copyWithin(moved, to);
  writeText(out, from, value);
  return out.subarray(0, size);
}

/** Removes all headers called `name`; empty when none is left. `headers` is not changed. */
export function removeHeader(headers: Uint8Array, name: string): Uint8Array {
  let out = headers;
  for (;;) {
    const at = findHeader(out, 0, out.length, name);
    if (at < 0) return out;
    out = withoutLine(out, at);
  }
}

/** Removes all headers whose names begin with `prefix`; empty when none is left. */
export function removeHeadersWithPrefix(headers: Uint8Array, prefix: string): Uint8Array {
  let out = headers;
  for (let at = LINE_END_BYTES; at < out.length;) {
    if (out[at - 1] === LF && startsWith(out, at, prefix)) out = withoutLine(out, at);
    else at++;
  }
  return out;
}

function withoutLine(headers: Uint8Array, at: number): Uint8Array {
  const next = lineEnd(headers, at, headers.length) + LINE_END_BYTES;
  const left = at + Math.max(0, headers.length - next);
  if (left <= HEADER_LINE.length + LINE_END_BYTES) return NO_HEADERS;
  const out = new Uint8Array(left);
  out.set(headers.subarray(0, at));
  out.set(headers.subarray(next), at);
  return out;
}

/**
 * A message whose header `name` is `value` and stands last; headers of that name go. The first
 * `headerBytes` of `message` are its headers, 0 when it has none. Returns a new array.
 */
export function setMessageHeader(
  message: Uint8Array,
  headerBytes: number,
  name: string,
  value: string,
): { message: Uint8Array; headerBytes: number } {
  const kept = removeHeader(message.subarray(0, Math.max(0, headerBytes)), name);
  const headers = appendHeader(kept.length === 0 ? null : kept, name, value);
  const body = message.subarray(Math.max(0, headerBytes));
  const out = new Uint8Array(headers.length + body.length);
  out.set(headers);
  out.set(body, headers.length);
  return { message: out, headerBytes: headers.length };
}

function joined(first: string, second: string): Uint8Array {
  const out = new Uint8Array(first.length + second.length);
  writeText(out, 0, first);
  writeText(out, first.length, second);
  return out;
}

function writeText(out: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
}
