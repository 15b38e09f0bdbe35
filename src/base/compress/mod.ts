/**
 * S2 compression.
 *
 * @module
 */
export { crc32c } from "./crc32c.ts";
export { CorruptS2Error, decodeS2Block, encodeS2Block, s2BlockSizeMax } from "./s2_block.ts";
export { S2Decoder } from "./s2_decoder.ts";
export { compressS2, decompressS2 } from "./s2_stream.ts";
