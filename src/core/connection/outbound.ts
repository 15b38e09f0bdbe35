/**
 * Bytes on their way to one connection.
 *
 * Delivery appends to a slab; at the end of the turn the slab, and full ones in front of it, are
 * handed to the transport while the next one fills. Slabs come from a pool shared by the server's connections, so that an idle
 * connection holds none.
 *
 * ```text
 * deliver ─append─▶ [ slab ] ──flush──▶ [ in flight ] ──▶ transport.write
 * ```
 *
 * @module
 */
import type { Transport } from "../../platform/mod.ts";

/** Sizes in which slabs are pooled. A read batch that fans out fits the larger ones. */
const SLAB_BYTES = [1024, 16 * 1024, 128 * 1024, 512 * 1024] as const;
const POOLED_SLABS_MAX = [256, 64, 32, 8] as const;
/** A slab of this size is not replaced by a larger one when it is full: another one follows it. */
const FULL_SLAB_BYTES = 128 * 1024;
const NO_SLAB = new Uint8Array(0);

/** Slabs of a server that nobody uses at the moment. */
export class SlabPool {
  readonly #free: Uint8Array[][] = SLAB_BYTES.map(() => []);

  /** A slab of at least `sizeBytes`. */
  take(sizeBytes: number): Uint8Array {
    for (let i = 0; i < SLAB_BYTES.length; i++) {
      if (sizeBytes <= SLAB_BYTES[i]!) {
        return this.#free[i]!.pop() ?? new Uint8Array(SLAB_BYTES[i]!);
      }
    }
    let capacity = SLAB_BYTES[SLAB_BYTES.length - 1]! * 2;
    while (capacity < sizeBytes) capacity *= 2;
    return new Uint8Array(capacity);
  }

  /** Gives a slab back; nobody may use it any more. */
  give(slab: Uint8Array): void {
    for (let i = 0; i < SLAB_BYTES.length; i++) {
      if (slab.length !== SLAB_BYTES[i]) continue;
      if (this.#free[i]!.length < POOLED_SLABS_MAX[i]!) this.#free[i]!.push(slab);
      return;
    }
  }
}

/** What an {@linkcode Outbound} tells its connection. */
export interface OutboundOwner {
  /** The transport refused the bytes. */
  onWriteFailed(error: unknown): void;
  /** Some bytes left; `pendingBytes` went down. */
  onWritten(): void;
}

/** A slab that takes no more. */
interface FullSlab {
  readonly slab: Uint8Array;
  readonly bytes: number;
}

/** The outbound side of a connection. */
export class Outbound {
  /** The slab being filled; valid bytes are `[0, length)`. */
  slab: Uint8Array = NO_SLAB;
  length = 0;
  /** Full slabs in front of `slab`; null when there are none. */
  #full: FullSlab[] | null = null;
  #fullBytes = 0;
  /** On the list of connections that are flushed at the end of the turn. */
  dirty = false;
  /** When the bytes in flight were handed over, in ms of the monotonic clock; 0 when none are. */
  writeStartedMs = 0;
  /** Bytes that left since `writeStartedMs`. */
  writtenBytes = 0;
  /** Bytes of the current flush. */
  attemptedBytes = 0;
  #isWriting = false;
  #inFlightBytes = 0;
  #lastFlushBytes = 0;
  #closed = false;
  #idleWaiters: (() => void)[] | null = null;
  #transport: Transport;

  constructor(
    transport: Transport,
    readonly pool: SlabPool,
    readonly owner: OutboundOwner,
    /** Monotonic milliseconds. */
    readonly nowMs: () => number,
  ) {
    this.#transport = transport;
  }

  /** Writes to `transport` from now on; only while nothing is in flight. */
  replaceTransport(transport: Transport): void {
    if (this.#isWriting) throw new Error("cannot change transports during a write");
    this.#transport = transport;
  }

  /** Bytes that have not left yet. */
  get pendingBytes(): number {
    return this.#fullBytes + this.length + this.#inFlightBytes;
  }

  /** Bytes that have not been handed to the transport yet. */
  get bufferedBytes(): number {
    return this.#fullBytes + this.length;
  }

  /** Makes room for `sizeBytes` more in `slab`. */
  reserve(sizeBytes: number): void {
    const needed = this.length + sizeBytes;
    if (needed <= this.slab.length) return;
    if (this.length >= FULL_SLAB_BYTES / 2) {
      (this.#full ??= []).push({ slab: this.slab, bytes: this.length });
      this.#fullBytes += this.length;
      this.slab = this.pool.take(Math.max(sizeBytes, FULL_SLAB_BYTES));
      this.length = 0;
      return;
    }
    const larger = this.pool.take(
      this.length === 0
        ? Math.max(needed, Math.min(this.#lastFlushBytes, FULL_SLAB_BYTES))
        : needed,
    );
    if (this.length > 0) larger.set(this.slab.subarray(0, this.length));
    if (this.slab.length > 0) this.pool.give(this.slab);
    this.slab = larger;
  }

  /** Appends a copy of `bytes`. */
  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.slab.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Appends a byte string. */
  appendByteString(text: string): void {
    this.reserve(text.length);
    const slab = this.slab;
    let at = this.length;
    for (let i = 0; i < text.length; i++) slab[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** Starts writing what is there unless a write is under way, which then goes on by itself. */
  flush(): void {
    if (this.#isWriting || this.length === 0 || this.#closed) return;
    void this.#writeAll();
  }

  /** Resolves when nothing is pending, or the connection was closed. */
  drained(): Promise<void> {
    if (this.pendingBytes === 0 || this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      (this.#idleWaiters ??= []).push(resolve);
    });
  }

  /** Drops everything; writes under way fail silently. */
  close(): void {
    this.#closed = true;
    this.length = 0;
    for (const { slab } of this.#full ?? []) this.pool.give(slab);
    this.#full = null;
    this.#fullBytes = 0;
    if (this.slab.length > 0) this.pool.give(this.slab);
    this.slab = NO_SLAB;
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#idleWaiters;
    if (waiters === null) return;
    this.#idleWaiters = null;
    for (const waiter of waiters) waiter();
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.length > 0 && !this.#closed) {
        const full = this.#full;
        const fullCount = full === null ? 0 : full.length;
        this.#full = null;
        const lastSlab = this.slab;
        const lastBytes = this.length;
        const total = this.#fullBytes + lastBytes;
        this.slab = NO_SLAB;
        this.length = 0;
        this.#fullBytes = 0;
        this.#inFlightBytes = total;
        this.#lastFlushBytes = total;
        this.writeStartedMs = this.nowMs();
        this.writtenBytes = 0;
        this.attemptedBytes = total;
        for (let i = 0; i <= fullCount; i++) {
          const slab = i < fullCount ? full![i]!.slab : lastSlab;
          const end = i < fullCount ? full![i]!.bytes : lastBytes;
          let at = 0;
          while (at < end) {
            const written = await this.#transport.write(slab.subarray(at, end));
            at += written;
            this.writtenBytes += written;
            this.#inFlightBytes -= written;
            if (this.#closed) return;
          }
          this.pool.give(slab);
        }
        this.owner.onWritten();
      }
    } catch (error) {
      if (!this.#closed) this.owner.onWriteFailed(error);
    } finally {
      this.#isWriting = false;
      this.#inFlightBytes = 0;
      this.writeStartedMs = 0;
      if (this.pendingBytes === 0) this.#wake();
    }
  }
}
