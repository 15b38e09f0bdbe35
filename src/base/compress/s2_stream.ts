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

/** Chunk types; what is from `Skip` on and not named here is skipped. */
export const S2Chunk = { Compressed: 0x00, Plain: 0x01, Skip: 0x80, Identifier: 0xff } as const;

const BLOCK_BYTES = 1 << 20;
/** Most data in a chunk of the Snappy format. */
const SNAPPY_BLOCK_BYTES = 1 << 16;
/** Most data in one chunk. */
export const S2_CHUNK_DATA_MAX = 4 << 20;
const IDENTIFIER = Uint8Array.of(0xff, 6, 0, 0, 0x53, 0x32, 0x73, 0x54, 0x77, 0x4f);
const SNAPPY_IDENTIFIER = Uint8Array.of(0xff, 6, 0, 0, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59);

/** `data` (borrowed) as a complete stream in a new array. */
export function compressS2(data: Uint8Array): Uint8Array {
  return compressStream(data, IDENTIFIER, BLOCK_BYTES);
}

/** {@linkcode compressS2} for readers that know only Snappy. */
export function compressSnappy(data: Uint8Array): Uint8Array {
  return compressStream(data, SNAPPY_IDENTIFIER, SNAPPY_BLOCK_BYTES);
}

function compressStream(data: Uint8Array, identifier: Uint8Array, blockBytes: number): Uint8Array {
  const blockCount = Math.ceil(data.length / blockBytes);
  const out = new Uint8Array(
    identifier.length + blockCount * (8 + s2BlockSizeMax(Math.min(blockBytes, data.length))),
  );
  out.set(identifier);
  const table = new Int32Array(1 << 14);
  let at = identifier.length;
  for (let start = 0; start < data.length; start += blockBytes) {
    const end = Math.min(start + blockBytes, data.length);
    let after = encodeS2Block(data, start, end, out, at + 8, table);
    let kind: number = S2Chunk.Compressed;
    if (after - at - 8 >= (end - start) - (end - start) / 32) {
      kind = S2Chunk.Plain;
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
    size += s2ChunkSize(kind, source.subarray(from, to));
  });
  const out = new Uint8Array(size + tailBytes);
  let at = 0;
  walkChunks(source, start, end, (kind, from, to) => {
    at += decodeS2Chunk(kind, source.subarray(from, to), out, at);
  });
  return out;
}

/** Size of the data in a chunk with `body` (borrowed). Throws {@linkcode CorruptS2Error}. */
export function s2ChunkSize(kind: number, body: Uint8Array): number {
  if (body.length < 4) throw new CorruptS2Error("short chunk");
  const size = kind === S2Chunk.Plain ? body.length - 4 : s2DecodedSize(body.subarray(4));
  if (size > S2_CHUNK_DATA_MAX) throw new CorruptS2Error("chunk too large");
  return size;
}

/**
 * Puts the data of a chunk with `body` (borrowed) at `at` of `out`; returns its size. Throws
 * {@linkcode CorruptS2Error}.
 */
export function decodeS2Chunk(
  kind: number,
  body: Uint8Array,
  out: Uint8Array,
  at: number,
): number {
  let size = body.length - 4;
  if (kind === S2Chunk.Plain) out.set(body.subarray(4), at);
  else size = decodeS2Block(body.subarray(4), out, at);
  const crc = (body[0]! | (body[1]! << 8) | (body[2]! << 16) | (body[3]! << 24)) >>> 0;
  if (maskedCrc32c(out, at, at + size) !== crc) throw new CorruptS2Error("checksum mismatch");
  return size;
}

/** True for a chunk (head and body) that begins a stream. */
export function isS2Identifier(chunk: Uint8Array): boolean {
  return isSame(chunk, IDENTIFIER) || isSame(chunk, SNAPPY_IDENTIFIER);
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
    if (kind === S2Chunk.Identifier) {
      if (!isS2Identifier(source.subarray(from - 4, at))) {
        throw new CorruptS2Error("unknown stream identifier");
      }
      identified = true;
      continue;
    }
    if (!identified) throw new CorruptS2Error("no stream identifier");
    if (kind === S2Chunk.Compressed || kind === S2Chunk.Plain) visit(kind, from, at);
    else if (kind < S2Chunk.Skip) throw new CorruptS2Error("unknown chunk");
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
