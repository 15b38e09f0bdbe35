/**
 * WebSocket frames by hand: what clients send, and what servers have sent.
 *
 * @module
 */
import { assert } from "@std/assert";
import { deflateRawSync } from "node:zlib";
import type { Transport } from "../../src/platform/mod.ts";
import { WebsocketTransport } from "../../src/transport/websocket/websocket_transport.ts";
import type { SeededRandom } from "../sim/random.ts";

/** The largest message that {@linkcode serve} takes compressed, in bytes. */
export const MAX_PAYLOAD = 100_000;

/** A frame to send; whole, plain and masked if not said otherwise. */
export interface Frame {
  opcode: number;
  payload: Uint8Array;
  final?: boolean;
  compressed?: boolean;
  masked?: boolean;
}

/** A frame as a client sends it. */
export function clientFrame(random: SeededRandom, frame: Frame): Uint8Array {
  const { opcode, payload, final = true, compressed = false, masked = true } = frame;
  const { length } = payload;
  const size = length < 126
    ? [length]
    : length < 65536
    ? [126, length >> 8, length & 255]
    : [127, 0, 0, 0, 0, length >>> 24, length >>> 16, length >>> 8, length].map((n) => n & 255);
  size[0]! |= masked ? 0x80 : 0;
  const mask = masked ? [0, 1, 2, 3].map(() => random.below(256)) : [];
  const head = [opcode | (final ? 0x80 : 0) | (compressed ? 0x40 : 0), ...size, ...mask];
  const out = new Uint8Array(head.length + length);
  out.set(head);
  for (let i = 0; i < length; i++) out[head.length + i] = payload[i]! ^ (mask[i & 3] ?? 0);
  return out;
}

/** One array of all. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Bytes of any value. */
export function randomBytes(random: SeededRandom, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, () => random.below(256));
}

/** The client's end of a transport: gives pieces of what it sends, and keeps what it gets. */
export class Peer {
  readonly got: Uint8Array[] = [];
  closed = false;
  #at = 0;

  constructor(readonly sent: Uint8Array, readonly random: SeededRandom) {}

  read(target: Uint8Array): Promise<number | null> {
    if (this.#at === this.sent.length) return Promise.resolve(null);
    const most = Math.min(target.length, this.sent.length - this.#at);
    const count = 1 + this.random.below(most);
    target.set(this.sent.subarray(this.#at, this.#at + count));
    this.#at += count;
    return Promise.resolve(count);
  }

  write(source: Uint8Array): Promise<number> {
    const count = 1 + this.random.below(source.length);
    this.got.push(source.slice(0, count));
    return Promise.resolve(count);
  }

  close(): void {
    this.closed = true;
  }
}

/** The server's end for `peer`. */
export function serve(
  peer: Peer,
  more: { compress?: boolean; masked?: boolean; browser?: boolean } = {},
): WebsocketTransport {
  const { compress = false, masked = true, browser = false } = more;
  return new WebsocketTransport(peer as unknown as Transport, {
    compress,
    masked,
    browser,
    wholeCompressed: false,
    maxPayload: () => MAX_PAYLOAD,
  });
}

/** All that can be read, in reads of any size. */
export async function readAll(
  transport: WebsocketTransport,
  random: SeededRandom,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (;;) {
    const target = new Uint8Array(1 + random.below(3000));
    const count = await transport.read(target);
    if (count === null) return joined(parts);
    assert(count > 0 && count <= target.length);
    parts.push(target.slice(0, count));
  }
}

/** What a server has sent, frame by frame; its frames are not masked. */
export function serverFrames(bytes: Uint8Array): { first: number; payload: Uint8Array }[] {
  const frames = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at]!;
    let size = bytes[at + 1]!;
    assert(size < 128, "a server does not mask");
    at += 2;
    const more = size === 126 ? 2 : size === 127 ? 8 : 0;
    if (more > 0) {
      size = 0;
      for (let i = 0; i < more; i++) size = size * 256 + bytes[at++]!;
    }
    frames.push({ first, payload: bytes.slice(at, at + size) });
    at += size;
  }
  return frames;
}

/** A message as the payload of a compressed one. */
export function packed(message: Uint8Array): Uint8Array {
  return new Uint8Array(deflateRawSync(message, { finishFlush: 2 })).slice(0, -4);
}
