/**
 * HTTP over transports that somebody else has secured: `Deno.serve` cannot ask for certificates of
 * clients. `node:http` takes over each transport once it is ready.
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { Listener, Transport } from "../net.ts";

const READ_BYTES = 16 * 1024;
const RETRY_MS = 20;
const BAD_REQUEST = 400;
const FAILED = 500;

/** What answers. */
export type HttpHandler = (request: Request) => Response | Promise<Response>;

/** Answers on transports of one listener. */
export class HttpOver {
  readonly #server = createServer((incoming, outgoing) => void this.#respond(incoming, outgoing));
  readonly #open = new Set<Transport>();
  readonly #accepting: Promise<void>;
  #closed = false;

  /** `secure` shakes hands and owns its transport; it rejects when a client is refused. */
  constructor(
    readonly listener: Listener,
    readonly handler: HttpHandler,
    readonly secure: (transport: Transport) => Promise<Transport>,
  ) {
    this.#accepting = this.#accept();
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      try {
        void this.#serve(await this.listener.accept());
      } catch (_error) {
        // Closed, a peer that has left again, or too few descriptors for now.
        if (!this.#closed) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  async #serve(transport: Transport): Promise<void> {
    this.#open.add(transport);
    let secured: Transport;
    try {
      secured = await this.secure(transport);
    } catch (_refused) {
      // Whoever secures tells why.
      this.#open.delete(transport);
      transport.close();
      return;
    }
    if (this.#closed) {
      secured.close();
      return;
    }
    const stream = streamOver(secured, () => this.#open.delete(transport));
    this.#server.emit("connection", stream as unknown as Socket);
  }

  async #respond(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    try {
      const url = URL.parse(incoming.url ?? "/", "https://localhost");
      if (url === null) {
        outgoing.writeHead(BAD_REQUEST).end();
        return;
      }
      const headers = new Headers();
      for (const [name, value] of Object.entries(incoming.headers)) {
        for (const one of [value ?? []].flat()) headers.append(name, one);
      }
      const { method = "GET" } = incoming;
      const response = await this.handler(new Request(url, { method, headers }));
      const body = new Uint8Array(await response.arrayBuffer());
      outgoing.writeHead(response.status, {
        ...Object.fromEntries(response.headers),
        "content-length": String(body.length),
      });
      outgoing.end(body);
    } catch (_error) {
      // The handler answers errors itself; what is left is a request that cannot be one.
      if (!outgoing.headersSent) outgoing.writeHead(FAILED);
      outgoing.end();
    }
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    this.#closed = true;
    this.listener.close();
    this.#server.closeAllConnections();
    for (const transport of this.#open) transport.close();
    await this.#accepting;
  }
}

function streamOver(transport: Transport, ended: () => void): Duplex {
  const buffer = new Uint8Array(READ_BYTES);
  const writeAll = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length;) at += await transport.write(bytes.subarray(at));
  };
  return new Duplex({
    read() {
      transport.read(buffer).then(
        (count) => void this.push(count === null ? null : buffer.slice(0, count)),
        () => void this.destroy(),
      );
    },
    write(chunk: Uint8Array, _encoding, done) {
      writeAll(chunk).then(() => done(), () => this.destroy());
    },
    destroy(_error, done) {
      transport.close();
      ended();
      done(null);
    },
  });
}
