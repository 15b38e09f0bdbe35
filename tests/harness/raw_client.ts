/**
 * A client that speaks the protocol by hand: it sends text and waits for what it expects.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";

const DEADLINE_MS = 10_000;
/** How long silence must last to count as such. */
const SILENCE_MS = 100;

/** INFO as tests read it. */
// deno-lint-ignore no-explicit-any -- the tests look into it field by field
export type ReceivedInfo = any;

export const OK = /^\+OK\r\n/;
export const ERR = /^-ERR\s+([^\r\n]+)\r\n/;
export const PING = /^PING\r\n/;
export const PONG = /^PONG\r\n/;
export const PERMISSIONS_ERR = /^-ERR 'Permissions Violation[^\r\n]*\r\n/;

/** A MSG or HMSG as it arrived; texts hold one character per byte. */
export interface ReceivedMessage {
  readonly subject: string;
  readonly sid: string;
  /** Empty without one. */
  readonly reply: string;
  /** Headers as sent, empty without. */
  readonly headers: string;
  readonly body: string;
}

/** What the raw client needs of a connection: a TCP or TLS socket, or a pipe. */
export interface RawConnection {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** One raw connection to a server. */
export class RawClient implements Disposable {
  /** Received and not yet consumed; one character per byte. */
  pending = "";
  /** The server closed the connection. */
  ended = false;
  #closed = false;
  #wake: (() => void) | null = null;
  readonly #reading: Promise<void>;

  constructor(readonly connection: RawConnection) {
    this.#reading = this.#readAll();
  }

  /** Connects over TCP. */
  static async connect(port: number, hostname = "127.0.0.1"): Promise<RawClient> {
    const connection = await Deno.connect({ hostname, port });
    connection.setNoDelay(true);
    return new RawClient(connection);
  }

  async #readAll(): Promise<void> {
    const buffer = new Uint8Array(65536);
    for (;;) {
      const count = await this.connection.read(buffer).catch(() => null);
      if (count === null) break;
      let text = "";
      for (let i = 0; i < count; i += 8192) {
        text += String.fromCharCode(...buffer.subarray(i, Math.min(count, i + 8192)));
      }
      this.pending += text;
      this.#wake?.();
    }
    this.ended = true;
    this.#wake?.();
  }

  /** Waits until `done`; fails with `what` when time runs out or the connection ends first. */
  async #until(done: () => boolean, what: () => string, deadlineMs = DEADLINE_MS): Promise<void> {
    const end = performance.now() + deadlineMs;
    while (!done()) {
      assert(!this.ended, `the server closed the connection; ${what()}`);
      const leftMs = end - performance.now();
      assert(leftMs > 0, what());
      await this.#change(leftMs);
    }
  }

  async #change(atMostMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, atMostMs);
    await promise;
    clearTimeout(timer);
    this.#wake = null;
  }

  /** Sends text, one byte per character. */
  async send(text: string): Promise<void> {
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    for (let at = 0; at < bytes.length;) {
      at += await this.connection.write(bytes.subarray(at));
    }
  }

  /** Waits until what is pending matches, and consumes it up to the end of the match. */
  async expect(pattern: RegExp): Promise<RegExpExecArray> {
    let match: RegExpExecArray | null = null;
    await this.#until(
      () => (match = pattern.exec(this.pending)) !== null,
      () => `expected ${pattern}, received ${JSON.stringify(this.pending.slice(0, 500))}`,
    );
    this.pending = this.pending.slice(match!.index + match![0].length);
    return match!;
  }

  /** The next line without its CR LF. */
  async line(): Promise<string> {
    const match = await this.expect(/^([^\r\n]*)\r\n/);
    return match[1]!;
  }

  /** The next line, which must be an INFO. */
  async info(): Promise<ReceivedInfo> {
    const match = await this.expect(/^INFO ({.*})\s?\r\n/);
    return JSON.parse(match[1]!);
  }

  /** The next thing, which must be a MSG or HMSG. */
  async message(): Promise<ReceivedMessage> {
    const line = await this.line();
    const match = /^(H?MSG) (\S+) (\S+) (?:(\S+) )??(?:(\d+) )?(\d+)$/.exec(line);
    assert(match !== null, `expected a message, received ${JSON.stringify(line)}`);
    const withHeaders = match[1] === "HMSG";
    const words = line.split(" ");
    const size = Number(words.at(-1));
    const headerBytes = withHeaders ? Number(words.at(-2)) : 0;
    const fixed = withHeaders ? 5 : 4;
    await this.#until(
      () => this.pending.length >= size + 2,
      () => `expected ${size} bytes of payload, received ${this.pending.length}`,
    );
    const payload = this.pending.slice(0, size);
    assertEquals(this.pending.slice(size, size + 2), "\r\n");
    this.pending = this.pending.slice(size + 2);
    return {
      subject: words[1]!,
      sid: words[2]!,
      reply: words.length > fixed ? words[3]! : "",
      headers: payload.slice(0, headerBytes),
      body: payload.slice(headerBytes),
    };
  }

  /** Reads `count` messages. */
  async messages(count: number): Promise<ReceivedMessage[]> {
    const all: ReceivedMessage[] = [];
    while (all.length < count) all.push(await this.message());
    return all;
  }

  /** Sends CONNECT with the reference's test defaults and `more`; INFO must be the next line. */
  async login(more: Record<string, unknown> = {}): Promise<ReceivedInfo> {
    const info = await this.info();
    const connect = { verbose: false, pedantic: false, tls_required: false, ...more };
    await this.send(`CONNECT ${JSON.stringify(connect)}\r\n`);
    return info;
  }

  /** Waits until everything sent so far was handled; nothing else may be on its way. */
  async flush(): Promise<void> {
    await this.send("PING\r\n");
    await this.expect(PONG);
  }

  /** Fails when anything arrives within `forMs`. */
  async expectNothing(forMs = SILENCE_MS): Promise<void> {
    if (this.pending === "" && !this.ended) await this.#change(forMs);
    assertEquals(this.pending, "");
  }

  /** Waits for the end of the connection and returns what came before it. */
  async expectEnd(deadlineMs = DEADLINE_MS): Promise<string> {
    const end = performance.now() + deadlineMs;
    while (!this.ended) {
      const leftMs = end - performance.now();
      assert(leftMs > 0, `the connection is still open; received ${this.pending.slice(0, 500)}`);
      await this.#change(leftMs);
    }
    const rest = this.pending;
    this.pending = "";
    return rest;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.connection.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  /** Closes the connection; resolves when its reader is done. */
  async end(): Promise<void> {
    this.close();
    await this.#reading;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
