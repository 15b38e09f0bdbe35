/**
 * A transport whose first bytes can be waited for without taking them: the server tells TLS from
 * plain text by the first byte, and silence from a client that starts with TLS.
 *
 * @module
 */
import type { Endpoint, Loop, TlsState, Transport } from "../platform/mod.ts";

const PEEK_BYTES = 4096;

/** Reads ahead of its reader, once. */
export class PeekTransport implements Transport {
  readonly #under: Transport;
  readonly #loop: Loop;
  /** What came and was not read yet. */
  #ahead: Uint8Array | null = null;
  /** A read that went on after nobody waited for it any more. */
  #pending: Promise<Uint8Array | null> | null = null;

  constructor(under: Transport, loop: Loop) {
    this.#under = under;
    this.#loop = loop;
  }

  get local(): Endpoint {
    return this.#under.local;
  }

  get remote(): Endpoint {
    return this.#under.remote;
  }

  get tls(): TlsState | null {
    return this.#under.tls;
  }

  /** The first byte, or null when none came in `delayMs` or the stream ended or broke. */
  async peek(delayMs: number): Promise<number | null> {
    if (this.#ahead === null) {
      this.#pending ??= this.#readAhead();
      await this.#settled(this.#pending, delayMs);
    }
    return this.#ahead?.[0] ?? null;
  }

  async #readAhead(): Promise<Uint8Array | null> {
    const buffer = new Uint8Array(PEEK_BYTES);
    const count = await this.#under.read(buffer);
    if (count === null) return null;
    this.#ahead = buffer.subarray(0, count);
    this.#pending = null;
    return this.#ahead;
  }

  /** Resolves when `pending` settles, either way, or after `delayMs`. */
  #settled(pending: Promise<unknown>, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#loop.setTimer(resolve, delayMs);
      const settle = (): void => {
        this.#loop.clearTimer(timer);
        resolve();
      };
      // The next read meets the error again.
      pending.then(settle, settle);
    });
  }

  async read(target: Uint8Array): Promise<number | null> {
    if (this.#pending !== null && await this.#pending === null) return null;
    const ahead = this.#ahead;
    if (ahead === null) return await this.#under.read(target);
    const part = ahead.subarray(0, target.length);
    target.set(part);
    this.#ahead = part.length === ahead.length ? null : ahead.subarray(part.length);
    return part.length;
  }

  write(source: Uint8Array): Promise<number> {
    return this.#under.write(source);
  }

  close(): void {
    this.#under.close();
  }
}
