/**
 * The S2 and Snappy framing format: a stream identifier, then chunks of up to 4 MiB with their
 * checksums. Message blocks and stream snapshots are such streams.
 *
 * | chunk | content |
 * |---|---|
 * | 0xff | stream identifier `S2sTwO` or `sNaPpY` |
 * | 0x00 | masked CRC-32C of the data, block |
 * | 0x01 | masked CRC-32C, data as it is |
 * | 0xfe, 0x80…0xfd | skipped |
 *
 * Each chunk begins with its type and its length in three bytes, low byte first.
 *
 * @module
 */
import { maskedCrc32c } from "./crc32c.ts";
import {
  CorruptS2Error,
  decodeS2Block,
  encodeS2Block,
  s2BlockSizeMax,
  s2DecodedSize,
} from "./s2_block.ts";

const CHUNK_COMPRESSED = 0x00;
const CHUNK_PLAIN = 0x01;
const CHUNK_IDENTIFIER = 0xff;
const CHUNK_SKIP_FIRST = 0x80;
const BLOCK_BYTES = 1 << 20;
const BLOCK_BYTES_MAX = 4 << 20;
const IDENTIFIER = Uint8Array.of(0xff, 6, 0, 0, 0x53, 0x32, 0x73, 0x54, 0x77, 0x4f);
const SNAPPY_IDENTIFIER = Uint8Array.of(0xff, 6, 0, 0, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59);

/** `data` (borrowed) as a complete stream in a new array. */
export function compressS2(data: Uint8Array): Uint8Array {
  const blockCount = Math.ceil(data.length / BLOCK_BYTES);
  const out = new Uint8Array(
    IDENTIFIER.length + blockCount * (8 + s2BlockSizeMax(Math.min(BLOCK_BYTES, data.length))),
  );
  out.set(IDENTIFIER);
  const table = new Int32Array(1 << 14);
  let at = IDENTIFIER.length;
  for (let start = 0; start < data.length; start += BLOCK_BYTES) {
    const end = Math.min(start + BLOCK_BYTES, data.length);
    let after = encodeS2Block(data, start, end, out, at + 8, table);
    let kind = CHUNK_COMPRESSED;
    if (after - at - 8 >= (end - start) - (end - start) / 32) {
      kind = CHUNK_PLAIN;
      out.set(data.subarray(start, end), at + 8);
      after = at + 8 + end - start;
    }
    putChunkHead(out, at, kind, after - at - 4, maskedCrc32c(data, start, end));
    at = after;
  }
  return out.slice(0, at);
}

function putChunkHead(out: Uint8Array, at: number, kind: number, size: number, crc: number): void {
  out[at] = kind;
  out[at + 1] = size & 255;
  out[at + 2] = (size >>> 8) & 255;
  out[at + 3] = size >>> 16;
  for (let i = 0; i < 4; i++) out[at + 4 + i] = (crc >>> (8 * i)) & 255;
}

/**
 * The data of a complete stream `[start, end)` of `source` (borrowed), followed by `tailBytes`
 * unset bytes, in a new array. Throws {@linkcode CorruptS2Error}.
 */
export function decompressS2(
  source: Uint8Array,
  start = 0,
  end: number = source.length,
  tailBytes = 0,
): Uint8Array {
  let size = 0;
  walkChunks(source, start, end, (kind, from, to) => {
    if (to - from < 4) throw new CorruptS2Error("short chunk");
    const part = kind === CHUNK_PLAIN
      ? to - from - 4
      : s2DecodedSize(source.subarray(from + 4, to));
    if (part > BLOCK_BYTES_MAX) throw new CorruptS2Error("chunk too large");
    size += part;
  });
  const out = new Uint8Array(size + tailBytes);
  let at = 0;
  walkChunks(source, start, end, (kind, from, to) => {
    const before = at;
    if (kind === CHUNK_PLAIN) {
      out.set(source.subarray(from + 4, to), at);
      at += to - from - 4;
    } else at += decodeS2Block(source.subarray(from + 4, to), out, at);
    const crc = (source[from]! | (source[from + 1]! << 8) | (source[from + 2]! << 16) |
      (source[from + 3]! << 24)) >>> 0;
    if (maskedCrc32c(out, before, at) !== crc) throw new CorruptS2Error("checksum mismatch");
  });
  return out;
}

/** Calls `visit` with kind and body range of each data chunk. */
function walkChunks(
  source: Uint8Array,
  start: number,
  end: number,
  visit: (kind: number, from: number, to: number) => void,
): void {
  let at = start;
  let identified = false;
  while (at < end) {
    if (at + 4 > end) throw new CorruptS2Error("short chunk head");
    const kind = source[at]!;
    const size = source[at + 1]! | (source[at + 2]! << 8) | (source[at + 3]! << 16);
    const from = at + 4;
    at = from + size;
    if (at > end) throw new CorruptS2Error("chunk beyond the end");
    if (kind === CHUNK_IDENTIFIER) {
      const chunk = source.subarray(from - 4, at);
      if (!isSame(chunk, IDENTIFIER) && !isSame(chunk, SNAPPY_IDENTIFIER)) {
        throw new CorruptS2Error("unknown stream identifier");
      }
      identified = true;
      continue;
    }
    if (!identified) throw new CorruptS2Error("no stream identifier");
    if (kind === CHUNK_COMPRESSED || kind === CHUNK_PLAIN) visit(kind, from, at);
    else if (kind < CHUNK_SKIP_FIRST) throw new CorruptS2Error("unknown chunk");
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
