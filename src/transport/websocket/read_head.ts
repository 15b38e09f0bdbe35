/**
 * Reads the head of an HTTP request from a transport.
 *
 * @module
 */
import { byteStringOf } from "../../base/text/byte_string.ts";
import type { Loop, Transport } from "../../platform/mod.ts";
import { HandshakeError } from "./handshake.ts";

/** The longest head that is read; browsers send a few kilobytes. */
const HEAD_BYTES_MAX = 64 * 1024;
const START_BYTES = 2048;
const CR = 13;
const LF = 10;

/** A head, and what came behind it. */
export interface RequestHead {
  /** Without the empty line at its end, a byte string. */
  readonly text: string;
  readonly rest: Uint8Array;
}

/**
 * Reads a head; null when the client leaves or is silent for `timeoutMs`, after which `transport`
 * is closed.
 *
 * @throws {HandshakeError} when the head is too long
 */
export async function readRequestHead(
  transport: Transport,
  loop: Loop,
  timeoutMs: number,
): Promise<RequestHead | null> {
  const timer = loop.setTimer(() => transport.close(), timeoutMs);
  try {
    let buffer = new Uint8Array(START_BYTES);
    let length = 0;
    for (;;) {
      const count = await transport.read(buffer.subarray(length)).catch(() => null);
      if (count === null) {
        transport.close();
        return null;
      }
      const from = Math.max(0, length - 3);
      length += count;
      const end = endOfHead(buffer, from, length);
      if (end !== null) {
        const text = byteStringOf(buffer, 0, end.text);
        return { text, rest: buffer.slice(end.all, length) };
      }
      if (length < buffer.length) continue;
      if (length >= HEAD_BYTES_MAX) throw new HandshakeError(431, "request head is too long");
      const larger = new Uint8Array(buffer.length * 2);
      larger.set(buffer);
      buffer = larger;
    }
  } finally {
    loop.clearTimer(timer);
  }
}

/** Where the head's text and its empty line end; null when they do not. */
function endOfHead(
  buffer: Uint8Array,
  from: number,
  length: number,
): { text: number; all: number } | null {
  for (let at = from; at + 1 < length; at++) {
    if (buffer[at] !== LF) continue;
    const next = buffer[at + 1] === CR ? at + 2 : at + 1;
    if (next >= length || buffer[next] !== LF) continue;
    return { text: buffer[at - 1] === CR ? at - 1 : at, all: next + 1 };
  }
  return null;
}
