/**
 * The answers to one request that brings many messages: as long as the receiver keeps up they are
 * sent at once; what follows waits, copied, until the receiver has taken what is on its way. So a
 * batch as large as a connection may have pending does not make its receiver a slow consumer,
 * and still is what the stream held when it was asked. With `sync_interval: always` messages wait
 * as well until they are durable: nobody is shown what could still be lost.
 *
 * @module
 */
import type { Connection } from "../../core/connection/connection.ts";
import type { Stream } from "./stream.ts";

/** Bytes that wait for the receivers of one stream's batches. */
export interface WaitingBytes {
  count: number;
}

interface Answer {
  readonly headers: Uint8Array;
  readonly payload: Uint8Array;
  readonly seq: number;
}

/** Answers of one request, in order. */
export class PacedReplies {
  readonly #waiting: Answer[] = [];
  #at = 0;
  /** The receiver has much to take first. */
  #stalled = false;
  /** The first that waits shows a message that is not durable. */
  #held = false;

  constructor(
    readonly stream: Stream,
    /** Byte string. */
    readonly reply: string,
    /** Shared by all requests of the stream. */
    readonly total: WaitingBytes,
  ) {}

  /**
   * Sends an answer, or keeps a copy for later. Both parts are borrowed. `seq` is that of the
   * message in it, 0 for none.
   */
  send(headers: Uint8Array, payload: Uint8Array, seq = 0): void {
    const { total, stream } = this;
    const isFull = total.count > stream.js.options.maxPending;
    if (!this.#held && seq > stream.durableSeq) {
      if (!this.#stalled) this.#hold(seq);
    } else if (!this.#held && (!this.#stalled || isFull)) {
      // Whoever asks for more than that and does not read is closed as a slow consumer.
      this.#publish(headers, payload);
      return;
    }
    this.#waiting.push({ headers: headers.slice(), payload: payload.slice(), seq });
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

  #hold(seq: number): void {
    this.#held = true;
    void this.stream.untilDurable(seq).then((isDurable) => {
      this.#held = false;
      if (isDurable) this.#goOn();
      else this.#drop();
    });
  }

  #goOn(): void {
    const { total, stream } = this;
    while (!this.#stalled && this.#at < this.#waiting.length) {
      const { headers, payload, seq } = this.#waiting[this.#at]!;
      if (seq > stream.durableSeq) {
        this.#hold(seq);
        break;
      }
      this.#at++;
      total.count -= headers.length + payload.length;
      this.#publish(headers, payload);
    }
    stream.js.core.scheduleFlush();
  }

  /** The stream cannot keep its messages: there is no answer. */
  #drop(): void {
    for (const { headers, payload } of this.#waiting.splice(this.#at)) {
      this.total.count -= headers.length + payload.length;
    }
  }
}
