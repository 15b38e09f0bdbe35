/**
 * Frames of the WebSocket protocol (RFC 6455, section 5).
 *
 * ```text
 * byte 0   FIN, RSV1 (compressed), RSV2, RSV3, opcode (4 bits)
 * byte 1   mask bit, length (7 bits): up to 125, 126: 2 bytes follow, 127: 8 bytes follow
 * 4 bytes  mask, if the mask bit is set
 * payload
 * ```
 *
 * Reference: wsFillFrameHeader, wsReadLoop, wsCreateCloseMessage in server/websocket.go.
 *
 * @module
 */

/** What a frame is. */
export const Opcode = {
  Continuation: 0,
  Text: 1,
  Binary: 2,
  Close: 8,
  Ping: 9,
  Pong: 10,
} as const;

const FINAL = 0x80;
const COMPRESSED = 0x40;
const RESERVED = 0x30;
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
/** Largest payload of a frame that is no message. */
export const CONTROL_BYTES_MAX = 125;
const HEADER_BYTES_MAX = 14;

/** Status codes of close frames (RFC 6455, section 7.4.1). */
export const CloseStatus = {
  Normal: 1000,
  GoingAway: 1001,
  ProtocolError: 1002,
  NoStatus: 1005,
  InvalidPayload: 1007,
  PolicyViolation: 1008,
  TooBig: 1009,
  InternalError: 1011,
  TlsHandshake: 1015,
} as const;

/** Whether a frame is no part of a message. */
export function isControl(opcode: number): boolean {
  return opcode >= Opcode.Close;
}

/** What came breaks the protocol; `message` is the reference's. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** How a frame is marked. */
export interface FrameFlags {
  readonly opcode: number;
  readonly final: boolean;
  readonly compressed: boolean;
}

/** Number of bytes in front of a payload of `size` bytes that is not masked. */
export function frameHeaderBytes(size: number): number {
  return size <= CONTROL_BYTES_MAX ? 2 : size < 65536 ? 4 : 10;
}

/** Writes the header of a frame that is not masked to `out` at `at`. Returns the place behind it. */
export function writeFrameHeader(
  out: Uint8Array,
  at: number,
  { opcode, final, compressed }: FrameFlags,
  size: number,
): number {
  out[at] = opcode | (final ? FINAL : 0) | (compressed ? COMPRESSED : 0);
  if (size <= CONTROL_BYTES_MAX) {
    out[at + 1] = size;
    return at + 2;
  }
  if (size < 65536) {
    out[at + 1] = LENGTH_16;
    out[at + 2] = size >>> 8;
    out[at + 3] = size;
    return at + 4;
  }
  out[at + 1] = LENGTH_64;
  out.fill(0, at + 2, at + 6);
  out[at + 6] = size >>> 24;
  out[at + 7] = size >>> 16;
  out[at + 8] = size >>> 8;
  out[at + 9] = size;
  return at + 10;
}

/** A whole frame that is no message. */
export function controlFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(2 + payload.length);
  const at = writeFrameHeader(frame, 0, { opcode, final: true, compressed: false }, payload.length);
  frame.set(payload, at);
  return frame;
}

/** The payload of a close frame; a text that is too long ends with three dots. */
export function closePayload(status: number, text: string): Uint8Array {
  let body = new TextEncoder().encode(text);
  if (body.length > CONTROL_BYTES_MAX - 2) {
    body = body.slice(0, CONTROL_BYTES_MAX - 2);
    body.fill(0x2e, CONTROL_BYTES_MAX - 5);
  }
  const payload = new Uint8Array(2 + body.length);
  payload[0] = status >>> 8;
  payload[1] = status;
  payload.set(body, 2);
  return payload;
}

/** Whether a peer may send `status`. */
export function isValidCloseStatus(status: number): boolean {
  if (status < 1000 || status >= 5000 || (status >= 1016 && status <= 2999)) return false;
  return status !== CloseStatus.NoStatus && status !== 1004 && status !== 1006 &&
    status !== CloseStatus.TlsHandshake;
}

/** What a {@linkcode FrameReader} hands on beside plain payloads. */
export interface FrameSink {
  /** A whole frame that is no message. `payload` is owned. */
  onControl(opcode: number, payload: Uint8Array): void;
  /** A part of a compressed message, borrowed; `final` ends the message. */
  onCompressed(part: Uint8Array, final: boolean): void;
}

/** Takes frames apart, however they are split over reads. */
export class FrameReader {
  readonly #header = new Uint8Array(HEADER_BYTES_MAX);
  #headerBytes = 0;
  /** Bytes of the current frame's payload that have not come yet. */
  #left = 0;
  readonly #mask = new Uint8Array(4);
  #maskAt = 0;
  #opcode = 0;
  #final = true;
  /** The message under way is compressed. */
  #compressed = false;
  /** The last message has ended. */
  #messageEnded = true;
  #inFrame = false;
  /** The place behind the payloads that {@linkcode decode} has moved together so far. */
  out = 0;
  /** Payload of a frame that is no message, as far as it has come. */
  #control: Uint8Array | null = null;

  constructor(
    readonly sink: FrameSink,
    /** Peers must mask what they send; otherwise they must not. */
    readonly masked: boolean,
    readonly compression: boolean,
  ) {}

  /**
   * Takes the frames in `[start, end)` of `buffer` apart, in place: payloads of messages that are
   * not compressed move together to `out`, which is at most `start`. Returns the place behind them.
   *
   * @throws {FrameError}
   */
  decode(buffer: Uint8Array, start: number, end: number, out: number): number {
    this.out = out;
    let at = start;
    while (at < end || (this.#inFrame && this.#left === 0)) {
      if (!this.#inFrame) {
        at = this.#takeHeader(buffer, at, end);
        if (!this.#inFrame) return this.out;
      }
      const size = Math.min(this.#left, end - at);
      this.#left -= size;
      const isLast = this.#left === 0;
      if (this.#control !== null) this.#takeControl(buffer, at, size);
      else if (this.#compressed) {
        this.#unmask(buffer, at, size, at);
        this.sink.onCompressed(buffer.subarray(at, at + size), this.#final && isLast);
      } else {
        this.#unmask(buffer, at, size, this.out);
        this.out += size;
      }
      at += size;
      if (isLast) this.#endFrame();
    }
    return this.out;
  }

  #endFrame(): void {
    this.#inFrame = false;
    this.#headerBytes = 0;
    const control = this.#control;
    if (control === null) return;
    this.#control = null;
    this.sink.onControl(this.#opcode, control);
  }

  #takeControl(buffer: Uint8Array, at: number, size: number): void {
    const control = this.#control!;
    const to = control.length - this.#left - size;
    this.#unmask(buffer, at, size, at);
    control.set(buffer.subarray(at, at + size), to);
  }

  #unmask(buffer: Uint8Array, from: number, size: number, to: number): void {
    if (!this.masked) {
      if (from !== to) buffer.copyWithin(to, from, from + size);
      return;
    }
    const mask = this.#mask;
    const shift = this.#maskAt;
    for (let i = 0; i < size; i++) buffer[to + i] = buffer[from + i]! ^ mask[(shift + i) & 3]!;
    this.#maskAt = (shift + size) & 3;
  }

  /** Collects a frame's header; the frame begins when it is complete. Returns the place behind. */
  #takeHeader(buffer: Uint8Array, start: number, end: number): number {
    const header = this.#header;
    let at = start;
    while (at < end) {
      header[this.#headerBytes++] = buffer[at++]!;
      if (this.#headerBytes === 1) this.#checkFirst(header[0]!);
      else if (this.#headerBytes === 2) this.#checkSecond(header[0]!, header[1]!);
      if (this.#headerBytes >= 2 && this.#headerBytes === this.#headerSize()) {
        this.#beginFrame();
        return at;
      }
    }
    return at;
  }

  #headerSize(): number {
    const length = this.#header[1]! & 0x7f;
    const more = length === LENGTH_16 ? 2 : length === LENGTH_64 ? 8 : 0;
    return 2 + more + (this.masked ? 4 : 0);
  }

  #checkFirst(first: number): void {
    if ((first & RESERVED) !== 0) throw new FrameError("RSV2 and RSV3 must be clear");
    if ((first & COMPRESSED) !== 0 && !this.compression) {
      throw new FrameError("compressed frame received without negotiated permessage-deflate");
    }
  }

  #checkSecond(first: number, second: number): void {
    const opcode = first & 0x0f;
    const final = (first & FINAL) !== 0;
    const compressed = (first & COMPRESSED) !== 0;
    if (this.masked && (second & MASKED) === 0) throw new FrameError("mask bit missing");
    switch (opcode) {
      case Opcode.Close:
      case Opcode.Ping:
      case Opcode.Pong:
        if ((second & 0x7f) > CONTROL_BYTES_MAX) {
          throw new FrameError(
            `control frame length bigger than maximum allowed of ${CONTROL_BYTES_MAX} bytes`,
          );
        }
        if (!final) throw new FrameError("control frame does not have final bit set");
        if (compressed) throw new FrameError("control frame must not be compressed");
        break;
      case Opcode.Text:
      case Opcode.Binary:
        if (!this.#messageEnded) {
          throw new FrameError(
            "new message started before final frame for previous message was received",
          );
        }
        this.#messageEnded = final;
        this.#compressed = compressed;
        break;
      case Opcode.Continuation:
        if (this.#messageEnded || compressed) throw new FrameError("invalid continuation frame");
        this.#messageEnded = final;
        break;
      default:
        throw new FrameError(`unknown opcode ${opcode}`);
    }
    this.#opcode = opcode;
    this.#final = final;
  }

  #beginFrame(): void {
    const header = this.#header;
    const short = header[1]! & 0x7f;
    let at = 2;
    let size = short;
    if (short === LENGTH_16) {
      size = header[2]! * 256 + header[3]!;
      at = 4;
    } else if (short === LENGTH_64) {
      if (header[2]! >= 128) throw new FrameError("invalid 64-bit payload length");
      size = 0;
      for (at = 2; at < 10; at++) size = size * 256 + header[at]!;
    }
    if (this.masked) {
      this.#mask.set(header.subarray(at, at + 4));
      this.#maskAt = 0;
    }
    this.#left = size;
    this.#inFrame = true;
    this.#control = isControl(this.#opcode) ? new Uint8Array(size) : null;
  }
}
