/**
 * The transport by which official nats.js clients use a connection inside the process. It has the
 * shape of the `Transport` of `@nats-io/nats-core`, which this module does not need to know.
 *
 * @module
 */
import type { Transport } from "../platform/mod.ts";
import { NATSTS_VERSION } from "./version.ts";

const READ_BYTES = 64 * 1024;

/** Where connections inside the process come from: a server. */
export interface InProcessServer {
  /** Opens a connection; throws when the server is not running. */
  connect(): Transport;
}

/**
 * A transport for nats.js.
 *
 * ```ts ignore
 * setTransportFactory({ factory: () => new InProcessTransport(server) });
 * const client = await NatsConnectionImpl.connect();
 * ```
 */
export class InProcessTransport implements AsyncIterable<Uint8Array> {
  readonly lang: string = "natsts";
  readonly version: string = NATSTS_VERSION;
  /** Why the connection ended; not there when it was meant to. */
  closeError?: Error;
  #pipe: Transport | null = null;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;
  readonly #ended = Promise.withResolvers<void | Error>();

  constructor(readonly server: InProcessServer) {}

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Opens the connection; nats.js' parameters name a server elsewhere. */
  connect(): Promise<void> {
    return Promise.resolve().then(() => void (this.#pipe = this.server.connect()));
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    const pipe = this.#pipe!;
    for (;;) {
      const chunk = new Uint8Array(READ_BYTES);
      const count = await pipe.read(chunk).catch(() => null);
      if (count === null) break;
      yield chunk.subarray(0, count);
    }
    this.#end();
  }

  /** No bytes leave the process, so none are in secret. */
  isEncrypted(): boolean {
    return false;
  }

  /** Sends `frame`, which belongs to the transport from then on. */
  send(frame: Uint8Array): void {
    const pipe = this.#pipe;
    if (pipe === null || this.#closed) return;
    this.#writing = this.#writing.then(async () => {
      for (let at = 0; at < frame.length;) at += await pipe.write(frame.subarray(at));
    }).catch((error) => this.#end(error as Error));
  }

  /** Ends the connection once everything was sent. */
  async close(error?: Error): Promise<void> {
    await this.#writing;
    this.#end(error);
  }

  /** Ends the connection at once. */
  disconnect(): void {
    this.#end();
  }

  /** Resolves at the end, to what went wrong if something did. */
  closed(): Promise<void | Error> {
    return this.#ended.promise;
  }

  /** Bytes that nats.js has no use for are dropped with the connection. */
  discard(): void {}

  #end(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    if (error !== undefined) this.closeError = error;
    this.#pipe?.close();
    this.#ended.resolve(error);
  }
}
