/**
 * An S2 or Snappy stream read as it comes, in pieces of any size. Nothing larger than one chunk is
 * held: at most 4 MiB of data and what they are compressed to.
 *
 * @module
 */
import { CorruptS2Error, s2BlockSizeMax } from "./s2_block.ts";
import {
  decodeS2Chunk,
  isS2Identifier,
  S2_CHUNK_DATA_MAX,
  S2Chunk,
  s2ChunkSize,
} from "./s2_stream.ts";

const HEAD_BYTES = 4;

/** Decodes one stream. */
export class S2Decoder {
  /** The chunk that is not complete yet; the first `#length` bytes are used. */
  #chunk = new Uint8Array(1024);
  #length = 0;
  /** Bytes of a chunk that are still to be skipped. */
  #skip = 0;
  #identified = false;

  /**
   * Takes `piece` (borrowed) and hands each chunk of data on; `sink` gets an array that is its own.
   * Throws {@linkcode CorruptS2Error}, after which the decoder is of no use.
   */
  write(piece: Uint8Array, sink: (data: Uint8Array) => void): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, piece.length - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      if (this.#length < HEAD_BYTES) {
        at = this.#take(piece, at, HEAD_BYTES);
        if (this.#length < HEAD_BYTES) return;
        this.#checkHead();
        if (this.#skip > 0) continue;
      }
      const size = HEAD_BYTES + this.#bodySize();
      at = this.#take(piece, at, size);
      if (this.#length < size) return;
      this.#length = 0;
      this.#complete(this.#chunk.subarray(0, size), sink);
    }
  }

  /** Ends the stream. Throws when it ends inside a chunk or never began. */
  end(): void {
    if (this.#length > 0 || this.#skip > 0 || !this.#identified) {
      throw new CorruptS2Error("unexpected end of the stream");
    }
  }

  #bodySize(): number {
    const chunk = this.#chunk;
    return chunk[1]! | (chunk[2]! << 8) | (chunk[3]! << 16);
  }

  /** Fills the chunk up to `size` bytes; returns the offset in `piece` after what was taken. */
  #take(piece: Uint8Array, at: number, size: number): number {
    const end = Math.min(piece.length, at + size - this.#length);
    if (size > this.#chunk.length) {
      const chunk = new Uint8Array(size);
      chunk.set(this.#chunk.subarray(0, this.#length));
      this.#chunk = chunk;
    }
    this.#chunk.set(piece.subarray(at, end), this.#length);
    this.#length += end - at;
    return end;
  }

  #checkHead(): void {
    const kind = this.#chunk[0]!;
    const size = this.#bodySize();
    if (kind === S2Chunk.Identifier) return;
    if (!this.#identified) throw new CorruptS2Error("no stream identifier");
    if (kind === S2Chunk.Compressed || kind === S2Chunk.Plain) {
      if (size > s2BlockSizeMax(S2_CHUNK_DATA_MAX) + 4) throw new CorruptS2Error("chunk too large");
      return;
    }
    if (kind < S2Chunk.Skip) throw new CorruptS2Error("unknown chunk");
    this.#skip = size;
    this.#length = 0;
  }

  #complete(chunk: Uint8Array, sink: (data: Uint8Array) => void): void {
    const kind = chunk[0]!;
    if (kind === S2Chunk.Identifier) {
      if (!isS2Identifier(chunk)) throw new CorruptS2Error("unknown stream identifier");
      this.#identified = true;
      return;
    }
    const body = chunk.subarray(HEAD_BYTES);
    const data = new Uint8Array(s2ChunkSize(kind, body));
    decodeS2Chunk(kind, body, data, 0);
    sink(data);
  }
}
