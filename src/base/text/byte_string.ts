/**
 * Byte strings: JavaScript strings whose every code unit is one byte of the wire.
 *
 * NATS compares subjects, queue groups and names byte by byte and does not require UTF-8.
 * The core therefore keeps them as byte strings; they become ordinary text only at the edges
 * (JSON, logs, configuration). For ASCII both forms are the same string.
 *
 * @module
 */
import { Buffer } from "node:buffer";

const utf8Decoder = new TextDecoder();
const utf8Encoder = new TextEncoder();

/** The bytes `[start, end)` of `buffer` as a byte string. */
export function byteStringOf(buffer: Uint8Array, start: number, end: number): string {
  if (end - start <= 24) {
    let text = "";
    for (let i = start; i < end; i++) text += String.fromCharCode(buffer[i]!);
    return text;
  }
  return Buffer.from(buffer.buffer, buffer.byteOffset + start, end - start).toString("latin1");
}

/** Turns a byte string into text, with U+FFFD where the bytes are not UTF-8. */
export function textOfByteString(bytes: string): string {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes.charCodeAt(i) > 127) return utf8Decoder.decode(bytesOfByteString(bytes));
  }
  return bytes;
}

/** Turns text into the byte string of its UTF-8 form. */
export function byteStringOfText(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 127) {
      const bytes = utf8Encoder.encode(text);
      return byteStringOf(bytes, 0, bytes.length);
    }
  }
  return text;
}

/** A new array with the bytes of a byte string. */
export function bytesOfByteString(bytes: string): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) out[i] = bytes.charCodeAt(i);
  return out;
}
