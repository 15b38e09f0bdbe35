/**
 * S2 blocks: the Snappy block format plus repeat codes and longer offsets. The decoder reads all
 * of both; the encoder writes plain Snappy commands, which every S2 reader understands
 * (format: github.com/klauspost/compress/s2).
 *
 * @module
 */
import { putUvarint, VARINT_BYTES_MAX, VarintReader } from "../bytes/varint.ts";

/** Thrown when compressed bytes cannot be read. */
export class CorruptS2Error extends Error {
  override readonly name = "CorruptS2Error";
  constructor(detail: string) {
    super(`s2: corrupt input: ${detail}`);
  }
}

const HASH_BITS = 14;
const MIN_MATCH = 4;
const OFFSET_MAX = 65535;

/** Most bytes {@linkcode encodeS2Block} may write for `size` bytes of input. */
export function s2BlockSizeMax(size: number): number {
  return VARINT_BYTES_MAX + size + Math.ceil(size / 60) + 16;
}

/**
 * Compresses `[start, end)` of `source` (borrowed) into `target` at `at`, which must have
 * {@linkcode s2BlockSizeMax} bytes of room. Returns the offset after it. `table` is scratch of
 * 2^14 entries that is overwritten.
 */
export function encodeS2Block(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
  table: Int32Array,
): number {
  at = putUvarint(target, at, end - start);
  if (end - start < 16) return putLiteral(source, start, end, target, at);
  table.fill(-1);
  const limit = end - 15;
  let literalAt = start;
  let i = start + 1;
  let skip = 32;
  while (i < limit) {
    const word = read32(source, i);
    const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS);
    const candidate = table[slot]!;
    table[slot] = i;
    if (candidate < 0 || i - candidate > OFFSET_MAX || read32(source, candidate) !== word) {
      i += skip >>> 5;
      skip++;
      continue;
    }
    skip = 32;
    at = putLiteral(source, literalAt, i, target, at);
    const offset = i - candidate;
    let length = MIN_MATCH;
    while (i + length < end && source[i + length] === source[candidate + length]) length++;
    at = putCopy(target, at, offset, length);
    i += length;
    literalAt = i;
    if (i < limit) {
      table[Math.imul(read32(source, i - 1), 0x1e35a7bd) >>> (32 - HASH_BITS)] = i - 1;
    }
  }
  return putLiteral(source, literalAt, end, target, at);
}

function read32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function putLiteral(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): number {
  const size = end - start;
  if (size === 0) return at;
  const n = size - 1;
  if (n < 60) target[at++] = n << 2;
  else if (n < 256) {
    target[at++] = 60 << 2;
    target[at++] = n;
  } else if (n < 65536) {
    target[at++] = 61 << 2;
    target[at++] = n & 255;
    target[at++] = n >>> 8;
  } else {
    target[at++] = 63 << 2;
    for (let shift = 0; shift < 32; shift += 8) target[at++] = (n >>> shift) & 255;
  }
  if (size <= 24) { for (let i = start; i < end; i++) target[at++] = source[i]!; }
  else {
    target.set(source.subarray(start, end), at);
    at += size;
  }
  return at;
}

function putCopy(target: Uint8Array, at: number, offset: number, length: number): number {
  while (length > 0) {
    // A copy holds up to 64; a rest below 4 is avoided because short copies cannot express it.
    const part = length > 64 ? (length < 68 ? 60 : 64) : length;
    if (part >= 4 && part < 12 && offset < 2048) {
      target[at++] = ((offset >>> 8) << 5) | ((part - 4) << 2) | 1;
      target[at++] = offset & 255;
    } else {
      target[at++] = ((part - 1) << 2) | 2;
      target[at++] = offset & 255;
      target[at++] = offset >>> 8;
    }
    length -= part;
  }
  return at;
}

/** Uncompressed size that a block claims. Throws {@linkcode CorruptS2Error}. */
export function s2DecodedSize(source: Uint8Array): number {
  const reader = new VarintReader(source);
  const size = reader.uvarint();
  if (reader.failed || size > 0xffffffff) throw new CorruptS2Error("bad decoded size");
  return size;
}

/**
 * Decompresses the block `source` (borrowed) into `target` at `targetAt`; returns the number of
 * bytes written. Throws {@linkcode CorruptS2Error}.
 */
export function decodeS2Block(source: Uint8Array, target: Uint8Array, targetAt: number): number {
  const reader = new VarintReader(source);
  const size = reader.uvarint();
  if (reader.failed || targetAt + size > target.length) throw new CorruptS2Error("bad size");
  const end = targetAt + size;
  let at = reader.at;
  let to = targetAt;
  let offset = 0;
  while (at < source.length) {
    const tag = source[at]!;
    let length = tag >>> 2;
    const kind = tag & 3;
    if (kind === 0) {
      at++;
      if (length >= 60) {
        const extra = length - 59;
        if (at + extra > source.length) throw new CorruptS2Error("short literal size");
        length = 0;
        for (let i = 0; i < extra; i++) length += source[at + i]! * 2 ** (8 * i);
        at += extra;
      }
      length++;
      if (at + length > source.length || to + length > end) throw new CorruptS2Error("literal");
      if (length <= 16) { for (let i = 0; i < length; i++) target[to + i] = source[at + i]!; }
      else target.set(source.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    if (kind === 1) {
      if (at + 2 > source.length) throw new CorruptS2Error("short copy");
      const near = ((tag & 0xe0) << 3) | source[at + 1]!;
      at += 2;
      length &= 7;
      if (near !== 0) offset = near;
      else if (length >= 5) {
        const extra = length - 4;
        if (at + extra > source.length) throw new CorruptS2Error("short repeat");
        let value = 0;
        for (let i = 0; i < extra; i++) value += source[at + i]! * 2 ** (8 * i);
        length = value + (extra === 1 ? 4 : extra === 2 ? 256 : 65536);
        at += extra;
      }
      length += 4;
    } else {
      const extra = kind === 2 ? 2 : 4;
      if (at + 1 + extra > source.length) throw new CorruptS2Error("short copy");
      offset = source[at + 1]! | (source[at + 2]! << 8);
      if (kind === 3) offset += source[at + 3]! * 65536 + source[at + 4]! * 16777216;
      at += 1 + extra;
      length++;
    }
    if (offset === 0 || offset > to - targetAt || to + length > end) {
      throw new CorruptS2Error("copy out of range");
    }
    if (offset >= length && length > 24) target.copyWithin(to, to - offset, to - offset + length);
    else for (let i = 0; i < length; i++) target[to + i] = target[to - offset + i]!;
    to += length;
  }
  if (to !== end) throw new CorruptS2Error("wrong size");
  return size;
}
