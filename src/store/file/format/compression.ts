/**
 * Compressed block files: a small head, the records without the last checksum as an S2 stream,
 * and that checksum as it is, so that the end of a block can be compared without unpacking
 * (reference: filestore.go CompressionInfo).
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 3 | `cmp` |
 * | 3 | 1 | algorithm: 0 none, 1 S2 |
 * | 4 | varint | size of the records |
 * | | | S2 stream |
 * | end−8 | 8 | checksum of the last record |
 *
 * @module
 */
import { compressS2, decompressS2 } from "../../../base/compress/mod.ts";
import { putUvarint, VARINT_BYTES_MAX, VarintReader } from "../../../base/bytes/varint.ts";
import { StoreError } from "../../errors.ts";
import { CHECKSUM_BYTES } from "./record.ts";

/** Algorithms by their number in the head. */
export const CompressionKind = { None: 0, S2: 1 };

const HEAD = [0x63, 0x6d, 0x70];

/** True when `bytes` begin like a compressed block. */
export function looksCompressed(bytes: Uint8Array): boolean {
  return bytes.length >= 5 && bytes[0] === HEAD[0] && bytes[1] === HEAD[1] && bytes[2] === HEAD[2];
}

/** Algorithm and size of the head of `bytes`; size 0 when there is none. */
export function compressionHead(bytes: Uint8Array): { kind: number; headBytes: number } {
  if (!looksCompressed(bytes)) return { kind: CompressionKind.None, headBytes: 0 };
  const reader = new VarintReader(bytes, 4);
  reader.uvarint();
  if (reader.failed) throw new StoreError("bad_msg", "metadata incomplete");
  return { kind: bytes[3]!, headBytes: reader.at };
}

/** The records `bytes` (borrowed) as the content of a compressed block file. */
export function compressBlock(bytes: Uint8Array): Uint8Array {
  if (bytes.length < CHECKSUM_BYTES) {
    throw new StoreError("bad_msg", "uncompressed buffer is too short");
  }
  const bodyEnd = bytes.length - CHECKSUM_BYTES;
  const body = compressS2(bytes.subarray(0, bodyEnd));
  const out = new Uint8Array(4 + VARINT_BYTES_MAX + body.length + CHECKSUM_BYTES);
  out.set(HEAD);
  out[3] = CompressionKind.S2;
  const at = putUvarint(out, 4, bytes.length);
  out.set(body, at);
  out.set(bytes.subarray(bodyEnd), at + body.length);
  return out.subarray(0, at + body.length + CHECKSUM_BYTES);
}

/** The records of a block file; `bytes` itself when it is not compressed. Throws `bad_msg`. */
export function decompressBlock(bytes: Uint8Array): Uint8Array {
  const { kind, headBytes } = compressionHead(bytes);
  if (headBytes === 0) return bytes;
  const body = bytes.subarray(headBytes);
  if (kind === CompressionKind.None) return body;
  if (kind !== CompressionKind.S2) {
    throw new StoreError("bad_msg", "compression algorithm not known");
  }
  if (body.length < CHECKSUM_BYTES) {
    throw new StoreError("bad_msg", "compressed buffer is too short");
  }
  let out: Uint8Array;
  try {
    out = decompressS2(body, 0, body.length - CHECKSUM_BYTES, CHECKSUM_BYTES);
  } catch (error) {
    throw new StoreError("bad_msg", "compressed block is damaged", { cause: error });
  }
  out.set(body.subarray(body.length - CHECKSUM_BYTES), out.length - CHECKSUM_BYTES);
  return out;
}
