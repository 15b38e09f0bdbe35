/**
 * A WebSocket as a byte stream: what is written leaves in frames, and what comes in frames is read
 * without them.
 *
 * Reference: wsReadAndParse, wsCollapsePtoNB and wsEnqueueCloseMessage in server/websocket.go.
 *
 * @module
 */
import type { Endpoint, TlsState, Transport } from "../../platform/mod.ts";
import { TransportProtocolError } from "../../platform/mod.ts";
import { compressMessage, MessageInflater, MessageTooBigError, startOfMessage } from "./deflate.ts";
import {
  closePayload,
  CloseStatus,
  controlFrame,
  FrameError,
  frameHeaderBytes,
  FrameReader,
  type FrameSink,
  isValidCloseStatus,
  Opcode,
  writeFrameHeader,
} from "./frames.ts";

/** Below that many bytes compression costs more than it saves. */
const COMPRESS_BYTES_MIN = 64;
/** Browsers do better with frames of that size. */
const BROWSER_FRAME_BYTES = 4096;
/** How often the largest message fits into a compressed WebSocket message. */
const PACKED_MESSAGES = 8;
const PACKED_BYTES_MAX = 64 * 1024 * 1024;
/** Pongs that wait for a peer that does not read; more are not needed to show life. */
const CONTROL_FRAMES_MAX = 64;

/** How one WebSocket is used. */
export interface WebsocketOptions {
  readonly compress: boolean;
  readonly masked: boolean;
  readonly browser: boolean;
  readonly wholeCompressed: boolean;
  /** Bytes of the largest message that may come compressed. */
  maxPayload(): number;
}

const NO_BYTES = new Uint8Array(0);

/** The server's end of a WebSocket, after the handshake, over `under`. */
export class WebsocketTransport implements Transport, FrameSink {
  readonly #frames: FrameReader;
  readonly #inflater = new MessageInflater();
  /** Came and was not read yet, in order. */
  #ready: Uint8Array[] = [];
  /** The buffer that frames are taken apart in. */
  #target: Uint8Array = NO_BYTES;
  /** Bytes at its front that were queued, because something that was compressed came behind. */
  #queuedBytes = 0;
  #isQueueing = false;
  #failure: TransportProtocolError | null = null;
  /** A message that is too big when it is unpacked. */
  #tooBig: Uint8Array | null = null;
  #peerClosed = false;
  #closeSent = false;
  #control: Uint8Array[] = [];
  /** The write under way, and those behind it. */
  #writing: Promise<void> = Promise.resolve();

  constructor(readonly under: Transport, readonly options: WebsocketOptions) {
    this.#frames = new FrameReader(this, options.masked, options.compress);
  }

  get local(): Endpoint {
    return this.under.local;
  }

  get remote(): Endpoint {
    return this.under.remote;
  }

  get tls(): TlsState | null {
    return this.under.tls;
  }

  /** Rejects with {@linkcode TransportProtocolError} too, when the peer breaks the protocol. */
  async read(target: Uint8Array): Promise<number | null> {
    for (;;) {
      if (this.#ready.length > 0) return this.#takeReady(target);
      if (this.#tooBig !== null) {
        await this.#showStart(this.#tooBig);
        continue;
      }
      if (this.#failure !== null) throw this.#failure;
      if (this.#peerClosed) return null;
      const count = await this.under.read(target);
      if (count === null) return null;
      const payloadBytes = this.#decode(target, count);
      if (payloadBytes > 0) return payloadBytes;
    }
  }

  #takeReady(target: Uint8Array): number {
    const first = this.#ready[0]!;
    const part = first.subarray(0, target.length);
    target.set(part);
    if (part.length === first.length) this.#ready.shift();
    else this.#ready[0] = first.subarray(part.length);
    return part.length;
  }

  #decode(target: Uint8Array, count: number): number {
    this.#target = target;
    this.#queuedBytes = 0;
    this.#isQueueing = false;
    let out = 0;
    try {
      out = this.#frames.decode(target, 0, count, 0);
    } catch (error) {
      out = this.#frames.out;
      this.#fail(error);
    }
    this.#target = NO_BYTES;
    if (!this.#isQueueing) return out;
    this.#queue(target, out);
    return 0;
  }

  /** Queues what is new in front of `out`. */
  #queue(target: Uint8Array, out: number): void {
    if (out > this.#queuedBytes) this.#ready.push(target.slice(this.#queuedBytes, out));
    this.#queuedBytes = out;
  }

  #fail(error: unknown): void {
    const message = (error as Error).message;
    if (error instanceof FrameError) this.#sendClose(CloseStatus.ProtocolError, message);
    if (error instanceof MessageTooBigError) this.#tooBig = error.packed;
    this.#failure = new TransportProtocolError(message, { cause: error });
  }

  /** Whoever reads sees from the message's start what it is that is too big. */
  async #showStart(packed: Uint8Array): Promise<void> {
    this.#tooBig = null;
    const start = await startOfMessage(packed, this.options.maxPayload());
    if (start.length > 0) this.#ready.push(start);
  }

  onControl(opcode: number, payload: Uint8Array): void {
    if (opcode === Opcode.Ping) this.#enqueue(controlFrame(Opcode.Pong, payload));
    else if (opcode === Opcode.Close) this.#onClose(payload);
  }

  #onClose(payload: Uint8Array): void {
    if (payload.length === 1) throw new FrameError("close frame payload cannot be 1 byte");
    this.#peerClosed = true;
    if (payload.length === 0) {
      this.#sendCloseFrame(NO_BYTES);
      return;
    }
    const status = payload[0]! * 256 + payload[1]!;
    if (!isValidCloseStatus(status)) throw new FrameError(`invalid close status code ${status}`);
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(payload.subarray(2));
      this.#sendClose(status, text);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.#sendClose(CloseStatus.InvalidPayload, "invalid utf8 body in close frame");
    }
  }

  onCompressed(part: Uint8Array, final: boolean): void {
    const unpackedMax = this.options.maxPayload();
    this.#inflater.add(part, Math.min(unpackedMax * PACKED_MESSAGES, PACKED_BYTES_MAX));
    if (!final) return;
    // What came in front of it is read before it.
    this.#queue(this.#target, this.#frames.out);
    this.#isQueueing = true;
    const message = this.#inflater.finish(unpackedMax);
    if (message.length > 0) this.#ready.push(message);
  }

  async write(source: Uint8Array): Promise<number> {
    await this.#behindOthers(() => this.#writeAll(this.#framed(source)));
    return source.length;
  }

  /** Runs `write` when those before it have ended, with the frames that are no messages first. */
  #behindOthers(write: () => Promise<void>): Promise<void> {
    const done = this.#writing.then(async () => {
      for (let frame = this.#control.shift(); frame !== undefined; frame = this.#control.shift()) {
        await this.#writeAll(frame);
      }
      await write();
    });
    this.#writing = done.catch(() => {});
    return done;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.under.write(bytes.subarray(at));
  }

  #framed(source: Uint8Array): Uint8Array {
    const { compress, browser, wholeCompressed } = this.options;
    if (!compress || source.length <= COMPRESS_BYTES_MIN) {
      return split(source, browser ? BROWSER_FRAME_BYTES : source.length, false);
    }
    const packed = compressMessage(source);
    const isSplit = browser && !wholeCompressed;
    return split(packed, isSplit ? BROWSER_FRAME_BYTES : packed.length, true);
  }

  #enqueue(frame: Uint8Array): void {
    if (this.#closeSent || this.#control.length >= CONTROL_FRAMES_MAX) return;
    this.#control.push(frame);
    // A peer that is gone is noticed by the next read or write.
    this.#behindOthers(() => Promise.resolve()).catch(() => {});
  }

  #sendClose(status: number, text: string): void {
    this.#sendCloseFrame(closePayload(status, text));
  }

  #sendCloseFrame(payload: Uint8Array): void {
    if (this.#closeSent) return;
    const frame = controlFrame(Opcode.Close, payload);
    this.#control.push(frame);
    this.#closeSent = true;
    this.#behindOthers(() => Promise.resolve()).catch(() => {});
  }

  /** Says goodbye behind what was written, unless that was done. Resolves when it has left. */
  async farewell(status: number, text: string): Promise<void> {
    this.#sendClose(status, text);
    await this.#writing;
  }

  close(): void {
    this.under.close();
  }
}

/** `bytes` in frames of at most `frameBytes`; those of one compressed message belong together. */
function split(bytes: Uint8Array, frameBytes: number, compressed: boolean): Uint8Array {
  const count = Math.max(1, Math.ceil(bytes.length / Math.max(1, frameBytes)));
  const out = new Uint8Array(
    bytes.length + count * frameHeaderBytes(Math.min(bytes.length, frameBytes)),
  );
  let at = 0;
  for (let i = 0; i < count; i++) {
    const part = bytes.subarray(i * frameBytes, (i + 1) * frameBytes);
    const flags = compressed
      ? {
        opcode: i === 0 ? Opcode.Binary : Opcode.Continuation,
        final: i === count - 1,
        compressed: i === 0,
      }
      : { opcode: Opcode.Binary, final: true, compressed: false };
    at = writeFrameHeader(out, at, flags, part.length);
    out.set(part, at);
    at += part.length;
  }
  return out.subarray(0, at);
}
