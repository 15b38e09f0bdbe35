/**
 * Reads MQTT packets out of the bytes as they arrive, and fields out of packets.
 *
 * Reference: mqttReader in server/mqtt.go.
 *
 * @module
 */
import { isUtf8 } from "node:buffer";
import { byteStringOf } from "../../base/text/byte_string.ts";
import { goQuoteBytes } from "../../base/text/go_format.ts";
import { MqttError, PacketTooLargeError } from "./packet.ts";

/** Largest weight that a byte of a length may have. */
const LENGTH_WEIGHT_MAX = 0x200000;
const HELD_BYTES_MIN = 512;
const NO_BYTES = new Uint8Array(0);

/** Fields and packets in a buffer, which is borrowed until the next {@linkcode feed}. */
export class PacketReader {
  /** What can be read: `[position, end)`. */
  buffer: Uint8Array = NO_BYTES;
  position = 0;
  end = 0;
  /** Where the packet begins that is being read. */
  packetStart = 0;
  /** Bytes of a packet that has not come in full, and room for the rest. */
  #held: Uint8Array = NO_BYTES;
  #heldBytes = 0;

  /** Goes on with `chunk`, behind what is there of a packet that has not come in full. */
  feed(chunk: Uint8Array): void {
    if (this.#heldBytes > 0) {
      this.#hold(chunk, 0, chunk.length);
      this.buffer = this.#held;
      this.end = this.#heldBytes;
    } else {
      this.buffer = chunk;
      this.end = chunk.length;
    }
    this.#heldBytes = 0;
    this.position = 0;
    this.packetStart = 0;
  }

  get hasMore(): boolean {
    return this.position !== this.end;
  }

  /** The bytes kept of a packet that has not come in full; borrowed. */
  get partial(): Uint8Array {
    return this.#held.subarray(0, this.#heldBytes);
  }

  /** A byte; `field` names it in the error. Throws {@linkcode MqttError} like all that read. */
  byte(field: string): number {
    if (this.position >= this.end) throw new MqttError(`error reading ${field}: EOF`);
    return this.buffer[this.position++]!;
  }

  uint16(field: string): number {
    if (this.end - this.position < 2) {
      throw new MqttError(`error reading ${field}: unexpected EOF`);
    }
    const { buffer, position } = this;
    this.position = position + 2;
    return buffer[position]! << 8 | buffer[position + 1]!;
  }

  /** Bytes behind their length, borrowed. */
  bytes(field: string): Uint8Array {
    const length = this.uint16(field);
    const start = this.position;
    if (start + length > this.end) throw new MqttError(`error reading ${field}: unexpected EOF`);
    this.position = start + length;
    return this.buffer.subarray(start, this.position);
  }

  /** Bytes behind their length as a byte string. */
  text(field: string): string {
    const bytes = this.bytes(field);
    return byteStringOf(bytes, 0, bytes.length);
  }

  /** {@linkcode text} that must be UTF-8 and must not hold a null character; may be empty. */
  utf8(field: string): string {
    const bytes = this.bytes(field);
    checkUtf8(bytes, field);
    return byteStringOf(bytes, 0, bytes.length);
  }

  /** A number of up to four bytes; -1 when some are missing. */
  varInt(): number {
    let value = 0;
    let weight = 1;
    while (this.position < this.end) {
      const byte = this.buffer[this.position++]!;
      value += (byte & 0x7f) * weight;
      if ((byte & 0x80) === 0) return value;
      weight *= 0x80;
      if (weight > LENGTH_WEIGHT_MAX) throw new MqttError("malformed variable int");
    }
    return -1;
  }

  /**
   * The remaining length of the packet that began at `packetStart`; -1 when the packet has not
   * come in full, which keeps what is there for the next {@linkcode feed}. Throws
   * {@linkcode PacketTooLargeError} above `maxBytes`, where negative is no limit.
   */
  packetLength(maxBytes: number): number {
    const length = this.varInt();
    if (length >= 0) {
      const packetEnd = this.position + length;
      const packetBytes = packetEnd - this.packetStart;
      if (maxBytes >= 0 && packetBytes > maxBytes) throw new PacketTooLargeError(packetBytes);
      if (packetEnd <= this.end) return length;
    }
    this.#keep();
    return -1;
  }

  #keep(): void {
    const { buffer, packetStart, end } = this;
    this.#heldBytes = 0;
    if (buffer === this.#held) {
      buffer.copyWithin(0, packetStart, end);
      this.#heldBytes = end - packetStart;
    } else this.#hold(buffer, packetStart, end);
  }

  /** Appends to what is held; the room doubles, so that large packets cost no more than linear. */
  #hold(bytes: Uint8Array, start: number, end: number): void {
    const needed = this.#heldBytes + end - start;
    if (this.#held.length < needed) {
      const larger = new Uint8Array(Math.max(HELD_BYTES_MIN, this.#held.length * 2, needed));
      larger.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = larger;
    }
    this.#held.set(bytes.subarray(start, end), this.#heldBytes);
    this.#heldBytes = needed;
  }
}

/** Throws when `bytes` are no UTF-8 or hold a null character [MQTT-1.5.3-1], [MQTT-1.5.3-2]. */
export function checkUtf8(bytes: Uint8Array, field: string): void {
  if (!isUtf8(bytes)) throw new MqttError(`invalid utf8 for ${field} ${goQuoteBytes(bytes)}`);
  if (bytes.includes(0)) {
    throw new MqttError(`invalid null character in ${field} ${goQuoteBytes(bytes)}`);
  }
}
