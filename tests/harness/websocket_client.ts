/**
 * A WebSocket client by hand: any handshake, any frame.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { inflateRawSync } from "node:zlib";
import { SeededRandom } from "../sim/random.ts";
import { clientFrame, type Frame, packed } from "./websocket.ts";

const READ_MS = 10_000;
const LAST_BLOCKS = new Uint8Array([0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff]);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a client says in its handshake. */
export interface WebsocketLogin {
  /** Asks for compression, and sends CONNECT packed if the server grants it. */
  readonly compress?: boolean;
  readonly browser?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly path?: string;
  /** PEM of the authority of the server's certificate; without it there is no TLS. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** One frame from the server, its payload unpacked. */
export interface ServerFrame {
  readonly first: number;
  readonly payload: Uint8Array;
  /** As it came. */
  readonly raw: Uint8Array;
}

/** One client. */
export class WebsocketClient implements Disposable {
  readonly #random = new SeededRandom(1);
  #ahead = new Uint8Array(0);
  /** What the server has answered to the handshake. */
  response = "";

  private constructor(readonly conn: Deno.Conn) {}

  /** Shakes hands; fails unless it is granted. */
  static async connect(port: number, login: WebsocketLogin = {}): Promise<WebsocketClient> {
    const { ca, cert, key } = login;
    const address = { hostname: "127.0.0.1", port };
    const conn = ca === undefined ? await Deno.connect(address) : await Deno.connectTls({
      ...address,
      caCerts: [ca],
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
      unsafelyDisableHostnameVerification: true,
    });
    const lines = [
      `GET ${login.path ?? "/"} HTTP/1.1`,
      "Host: localhost",
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-Websocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-Websocket-Version: 13",
      ...(login.compress === true ? ["Sec-Websocket-Extensions: permessage-deflate"] : []),
      ...(login.browser === true ? ["User-Agent: Mozilla/5.0"] : []),
      ...Object.entries(login.headers ?? {}).map(([name, value]) => `${name}: ${value}`),
    ];
    const client = await WebsocketClient.#asking(conn, `${lines.join("\r\n")}\r\n\r\n`);
    assert(client.response.startsWith("HTTP/1.1 101 "), client.response);
    return client;
  }

  /** Sends `request` as it is; `response` is what comes, granted or not. */
  static async ask(port: number, request: string): Promise<WebsocketClient> {
    return await WebsocketClient.#asking(
      await Deno.connect({ hostname: "127.0.0.1", port }),
      request,
    );
  }

  static async #asking(conn: Deno.Conn, request: string): Promise<WebsocketClient> {
    const client = new WebsocketClient(conn);
    await client.write(encoder.encode(request));
    client.response = await client.#readHead();
    return client;
  }

  /** Shakes hands, takes INFO, and sends CONNECT with `connect` and PING. */
  static async login(
    port: number,
    login: WebsocketLogin = {},
    connect: Record<string, unknown> = {},
  ): Promise<{ client: WebsocketClient; info: Record<string, unknown>; answer: string }> {
    const client = await WebsocketClient.connect(port, login);
    const first = decoder.decode((await client.next()).payload);
    const info = JSON.parse(first.replace(/^INFO /, ""));
    const compressed = login.compress === true && client.response.includes("permessage-deflate");
    await client.send(
      `CONNECT ${JSON.stringify({ verbose: false, protocol: 1, ...connect })}\r\nPING\r\n`,
      { compressed },
    );
    return { client, info, answer: await client.text() };
  }

  /** Logs in and expects PONG. */
  static async ready(port: number, login: WebsocketLogin = {}): Promise<WebsocketClient> {
    const { client, answer } = await WebsocketClient.login(port, login);
    assertEquals(answer, "PONG\r\n");
    return client;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
  }

  /** A frame of this client; packed if it shall be compressed. */
  frame(payload: string | Uint8Array, more: Partial<Frame> = {}): Uint8Array {
    const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
    const body = more.compressed === true ? packed(bytes) : bytes;
    return clientFrame(this.#random, { opcode: 2, ...more, payload: body });
  }

  send(payload: string | Uint8Array, more: Partial<Frame> = {}): Promise<void> {
    return this.write(this.frame(payload, more));
  }

  async #readHead(): Promise<string> {
    for (;;) {
      const text = decoder.decode(this.#ahead);
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) {
        this.#ahead = this.#ahead.slice(end + 4);
        return text.slice(0, end + 4);
      }
      if (!(await this.#more())) return text;
    }
  }

  async #more(): Promise<boolean> {
    const buffer = new Uint8Array(65536);
    const timer = setTimeout(() => this.conn.close(), READ_MS);
    const count = await this.conn.read(buffer).catch(() => null);
    clearTimeout(timer);
    if (count === null) return false;
    const joined = new Uint8Array(this.#ahead.length + count);
    joined.set(this.#ahead);
    joined.set(buffer.subarray(0, count), this.#ahead.length);
    this.#ahead = joined;
    return true;
  }

  async #take(size: number): Promise<Uint8Array> {
    while (this.#ahead.length < size) assert(await this.#more(), "the server has closed");
    const taken = this.#ahead.slice(0, size);
    this.#ahead = this.#ahead.slice(size);
    return taken;
  }

  /** The next frame. */
  async next(): Promise<ServerFrame> {
    const head = await this.#take(2);
    const short = head[1]!;
    assert(short < 128, "a server does not mask");
    let size = short;
    if (short >= 126) {
      size = 0;
      for (const byte of await this.#take(short === 126 ? 2 : 8)) size = size * 256 + byte;
    }
    const raw = await this.#take(size);
    if ((head[0]! & 0x40) === 0) return { first: head[0]!, payload: raw, raw };
    const whole = new Uint8Array(raw.length + LAST_BLOCKS.length);
    whole.set(raw);
    whole.set(LAST_BLOCKS, raw.length);
    return { first: head[0]!, payload: new Uint8Array(inflateRawSync(whole)), raw };
  }

  /** The text of the next frame that holds more than INFO, without it. */
  async text(): Promise<string> {
    for (;;) {
      const text = decoder.decode((await this.next()).payload).replaceAll(/INFO \{.*\} ?\r\n/g, "");
      if (text !== "") return text;
    }
  }

  /** The text of frames until there are `length` characters. */
  async textOf(length: number): Promise<string> {
    let text = "";
    while (text.length < length) text += await this.text();
    return text;
  }

  /** The body of an answer that did not grant the handshake. */
  async body(): Promise<string> {
    const [, length] = /\r\ncontent-length: (\d+)/i.exec(this.response) ?? [];
    if (length !== undefined) return decoder.decode(await this.#take(Number(length)));
    await this.ended();
    return decoder.decode(this.#ahead);
  }

  /** Whether the server ends the connection, whatever comes before. */
  async ended(): Promise<boolean> {
    while (await this.#more());
    return true;
  }

  [Symbol.dispose](): void {
    try {
      this.conn.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}
