/**
 * S2 compression.
 *
 * @module
 */
export { acceptedEncoding, type ContentEncoding, encodeContent } from "./content_encoding.ts";
export { crc32c } from "./crc32c.ts";
export { CorruptS2Error, decodeS2Block, encodeS2Block, s2BlockSizeMax } from "./s2_block.ts";
export { S2Decoder } from "./s2_decoder.ts";
export { compressS2, compressSnappy, decompressS2 } from "./s2_stream.ts";
