/**
 * An in-process connection: two transports joined back to back, for embedding a server without a
 * socket (the reference's `Server.InProcessConn`, which uses Go's `net.Pipe`). Unlike `net.Pipe`
 * each direction holds a bounded number of bytes, so that a writer need not wait for each read.
 *
 * ```
 *   a.write → [ring a→b] → b.read          b.write → [ring b→a] → a.read
 * ```
 *
 * @module
 */
import type { Endpoint, Loop, TlsState, Transport } from "../platform/mod.ts";
import { TransportError } from "../platform/mod.ts";

/** Bytes one direction holds before its writer has to wait. */
export const PIPE_CAPACITY_BYTES = 64 * 1024;

/** The smallest ring; most embedded connections never need more, and one that is idle has none. */
const RING_BYTES_MIN = 1024;
const NO_RING = new Uint8Array(0);

/**
 * Hand-overs in a row before one goes through the event loop. Two ends that answer each other at
 * once would otherwise run in continuations only and keep sockets and timers from their turn.
 */
const HANDOVERS_PER_TURN_MAX = 64;

const CLOSED_REASON = "io: read/write on closed pipe";
/** A pipe has no address. */
const PIPE_ENDPOINT: Endpoint = { host: "", port: 0 };

/** Both ends of a connection; they are alike. */
export interface PipePair {
  readonly client: Transport;
  readonly server: Transport;
}

/** Options of {@linkcode pipe}. */
export interface PipeOptions {
  /** Bytes each direction may hold; {@linkcode PIPE_CAPACITY_BYTES} when left out. */
  readonly capacityBytes?: number;
}

/** Joins two new transports. Closing either end lets the other read what is left, then the end. */
export function pipe(loop: Loop, options: PipeOptions = {}): PipePair {
  const capacityBytes = options.capacityBytes ?? PIPE_CAPACITY_BYTES;
  const toServer = new Direction(loop, capacityBytes);
  const toClient = new Direction(loop, capacityBytes);
  return {
    client: new PipeEnd(toClient, toServer),
    server: new PipeEnd(toServer, toClient),
  };
}

class PipeEnd implements Transport {
  readonly local = PIPE_ENDPOINT;
  readonly remote = PIPE_ENDPOINT;
  readonly tls: TlsState | null = null;
  readonly #incoming: Direction;
  readonly #outgoing: Direction;

  constructor(incoming: Direction, outgoing: Direction) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  read(target: Uint8Array): Promise<number | null> {
    return this.#incoming.read(target);
  }

  write(source: Uint8Array): Promise<number> {
    return this.#outgoing.write(source);
  }

  close(): void {
    this.#incoming.closeReader();
    this.#outgoing.closeWriter();
  }
}

/** A waiting reader or writer with the bytes it lent. */
interface Waiter<Result> {
  readonly bytes: Uint8Array;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: TransportError) => void;
}

/** One direction: a byte ring, at most one waiting reader (ring empty) or writer (ring full). */
class Direction {
  readonly #loop: Loop;
  readonly #capacityBytes: number;
  #ring: Uint8Array = NO_RING;
  /** Index of the oldest byte. */
  #head = 0;
  #sizeBytes = 0;
  #reader: Waiter<number | null> | null = null;
  #writer: Waiter<number> | null = null;
  #readerClosed = false;
  #writerClosed = false;
  #handovers = 0;

  constructor(loop: Loop, capacityBytes: number) {
    this.#loop = loop;
    this.#capacityBytes = capacityBytes;
  }

  read(target: Uint8Array): Promise<number | null> {
    if (this.#readerClosed) return Promise.reject(new TransportError(CLOSED_REASON));
    if (this.#sizeBytes === 0) {
      if (this.#writerClosed) return Promise.resolve(null);
      return new Promise((resolve, reject) => {
        this.#reader = { bytes: target, resolve, reject };
      });
    }
    const count = this.#take(target);
    const writer = this.#writer;
    if (writer !== null) {
      this.#writer = null;
      writer.resolve(this.#put(writer.bytes));
    }
    return this.#handOver(count);
  }

  write(source: Uint8Array): Promise<number> {
    if (this.#readerClosed || this.#writerClosed) {
      return Promise.reject(new TransportError(CLOSED_REASON));
    }
    const reader = this.#reader;
    if (reader !== null) {
      // The ring is empty: the bytes go straight into the reader's buffer.
      this.#reader = null;
      const count = Math.min(source.length, reader.bytes.length);
      reader.bytes.set(count === source.length ? source : source.subarray(0, count));
      reader.resolve(count);
      return this.#handOver(count);
    }
    if (this.#sizeBytes === this.#capacityBytes) {
      return new Promise((resolve, reject) => {
        this.#writer = { bytes: source, resolve, reject };
      });
    }
    return this.#handOver(this.#put(source));
  }

  /** The reading end is gone: what is buffered is dropped, writes fail. */
  closeReader(): void {
    if (this.#readerClosed) return;
    this.#readerClosed = true;
    this.#sizeBytes = 0;
    this.#ring = NO_RING;
    this.#reader?.reject(new TransportError(CLOSED_REASON));
    this.#writer?.reject(new TransportError(CLOSED_REASON));
    this.#reader = null;
    this.#writer = null;
  }

  /** The writing end is gone: the reader gets what is buffered, then the end. */
  closeWriter(): void {
    if (this.#writerClosed) return;
    this.#writerClosed = true;
    this.#reader?.resolve(null);
    this.#writer?.reject(new TransportError(CLOSED_REASON));
    this.#reader = null;
    this.#writer = null;
  }

  /** Resolves to `count`, in a later turn when too many hand-overs came in a row. */
  #handOver(count: number): Promise<number> {
    if (++this.#handovers < HANDOVERS_PER_TURN_MAX) return Promise.resolve(count);
    this.#handovers = 0;
    return new Promise((resolve) => this.#loop.nextTurn(() => resolve(count)));
  }

  /** Copies as much of `source` as the capacity allows into the ring. */
  #put(source: Uint8Array): number {
    const count = Math.min(source.length, this.#capacityBytes - this.#sizeBytes);
    if (this.#sizeBytes + count > this.#ring.length) this.#grow(this.#sizeBytes + count);
    const ring = this.#ring;
    const tail = (this.#head + this.#sizeBytes) % ring.length;
    const first = Math.min(count, ring.length - tail);
    ring.set(source.subarray(0, first), tail);
    if (first < count) ring.set(source.subarray(first, count), 0);
    this.#sizeBytes += count;
    return count;
  }

  /** Moves the oldest bytes into `target`. */
  #take(target: Uint8Array): number {
    const ring = this.#ring;
    const count = Math.min(target.length, this.#sizeBytes);
    const first = Math.min(count, ring.length - this.#head);
    target.set(ring.subarray(this.#head, this.#head + first));
    if (first < count) target.set(ring.subarray(0, count - first), first);
    this.#sizeBytes -= count;
    this.#head = (this.#head + count) % ring.length;
    if (this.#sizeBytes === 0) {
      this.#head = 0;
      if (ring.length > RING_BYTES_MIN) this.#ring = NO_RING;
    }
    return count;
  }

  #grow(neededBytes: number): void {
    let lengthBytes = Math.max(this.#ring.length * 2, RING_BYTES_MIN);
    while (lengthBytes < neededBytes) lengthBytes *= 2;
    const ring = new Uint8Array(Math.min(lengthBytes, this.#capacityBytes));
    const heldBytes = this.#sizeBytes;
    const first = Math.min(heldBytes, this.#ring.length - this.#head);
    ring.set(this.#ring.subarray(this.#head, this.#head + first));
    ring.set(this.#ring.subarray(0, heldBytes - first), first);
    this.#ring = ring;
    this.#head = 0;
  }
}
