/**
 * Compression of single messages, `permessage-deflate` without context (RFC 7692).
 *
 * @module
 */
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";

/** What deflate puts at the end of a flush, and messages leave out (RFC 7692, section 7.2.1). */
const FLUSH_TAIL = new Uint8Array([0, 0, 0xff, 0xff]);
/** The tail, and a last block that is empty. */
const LAST_BLOCKS = new Uint8Array([0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff]);

/** A message is larger than allowed, packed or unpacked. */
export class MessageTooBigError extends Error {
  override readonly name = "MessageTooBigError";

  /** `packed` is the message if it has come as a whole; then its start can be looked at. */
  constructor(readonly packed: Uint8Array | null, options?: ErrorOptions) {
    super("maximum payload exceeded", options);
  }
}

/** The payload of a compressed message that holds `bytes`, which are not empty. */
export function compressMessage(bytes: Uint8Array): Uint8Array {
  const packed = deflateRawSync(bytes, {
    level: constants.Z_BEST_SPEED,
    finishFlush: constants.Z_SYNC_FLUSH,
  });
  return new Uint8Array(packed.buffer, packed.byteOffset, packed.length - FLUSH_TAIL.length);
}

/** Puts the parts of a compressed message together and unpacks it. */
export class MessageInflater {
  #parts: Uint8Array[] = [];
  #packedBytes = 0;

  /**
   * Adds a part, which is copied.
   *
   * @throws {MessageTooBigError} when there are more than `packedMax` bytes
   */
  add(part: Uint8Array, packedMax: number): void {
    this.#packedBytes += part.length;
    if (this.#packedBytes + LAST_BLOCKS.length > packedMax) {
      throw new MessageTooBigError(null);
    }
    if (part.length > 0) this.#parts.push(part.slice());
  }

  /**
   * The message; the next one begins.
   *
   * @throws {MessageTooBigError} when it has more than `unpackedMax` bytes
   * @throws {Error} when it is damaged
   */
  finish(unpackedMax: number): Uint8Array {
    const packed = new Uint8Array(this.#packedBytes + LAST_BLOCKS.length);
    let at = 0;
    for (const part of this.#parts) {
      packed.set(part, at);
      at += part.length;
    }
    packed.set(LAST_BLOCKS, at);
    this.#parts = [];
    this.#packedBytes = 0;
    try {
      return inflateRawSync(packed, { maxOutputLength: Math.max(1, unpackedMax) });
    } catch (error) {
      if (
        (error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE" || error instanceof RangeError
      ) {
        throw new MessageTooBigError(packed, { cause: error });
      }
      throw new Error(`flate: corrupt input: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** The first `bytesMax` bytes of what `packed` holds, or less where it is damaged. */
export async function startOfMessage(packed: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  const out = new Uint8Array(bytesMax);
  let length = 0;
  const source = new Blob([packed as Uint8Array<ArrayBuffer>]).stream();
  const reader = source.pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  try {
    while (length < bytesMax) {
      const { value, done } = await reader.read();
      if (done) break;
      const part = value.subarray(0, bytesMax - length);
      out.set(part, length);
      length += part.length;
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  } finally {
    await reader.cancel().catch(() => {});
  }
  return out.subarray(0, length);
}
