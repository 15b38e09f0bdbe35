/**
 * The answers to one request that brings many messages: as long as the receiver keeps up they are
 * sent at once; what follows waits, copied, until the receiver has taken what is on its way. So a
 * batch as large as a connection may have pending does not make its receiver a slow consumer,
 * and still is what the stream held when it was asked.
 *
 * @module
 */
import type { Connection } from "../../core/connection/connection.ts";
import type { Stream } from "./stream.ts";

/** Bytes that wait for the receivers of one stream's batches. */
export interface WaitingBytes {
  count: number;
}

/** Answers of one request, in order. */
export class PacedReplies {
  readonly #waiting: { headers: Uint8Array; payload: Uint8Array }[] = [];
  #at = 0;
  #stalled = false;

  constructor(
    readonly stream: Stream,
    /** Byte string. */
    readonly reply: string,
    /** Shared by all requests of the stream. */
    readonly total: WaitingBytes,
  ) {}

  /** Sends an answer, or keeps a copy for later. Both parts are borrowed. */
  send(headers: Uint8Array, payload: Uint8Array): void {
    const { total } = this;
    // Whoever asks for more than that and does not read is closed as a slow consumer.
    if (!this.#stalled || total.count > this.stream.js.options.maxPending) {
      this.#publish(headers, payload);
      return;
    }
    this.#waiting.push({ headers: headers.slice(), payload: payload.slice() });
    total.count += headers.length + payload.length;
  }

  #publish(headers: Uint8Array, payload: Uint8Array): void {
    const { js: { client, core }, account: { account } } = this.stream;
    const before = core.crowded;
    core.crowded = null;
    client.publish(account, this.reply, "", headers, payload);
    const { crowded } = core;
    core.crowded = before;
    if (crowded !== null && !this.#stalled) this.#stall(crowded);
  }

  #stall(crowded: Connection): void {
    this.#stalled = true;
    void crowded.out.drained().then(() => {
      this.#stalled = false;
      this.#goOn();
    });
  }

  #goOn(): void {
    const { total, stream: { js: { core } } } = this;
    while (!this.#stalled && this.#at < this.#waiting.length) {
      const { headers, payload } = this.#waiting[this.#at++]!;
      total.count -= headers.length + payload.length;
      this.#publish(headers, payload);
    }
    core.scheduleFlush();
  }
}
