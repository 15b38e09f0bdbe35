/**
 * Serving HTTP, for monitoring, and asking other servers.
 *
 * @module
 */
import type { Transport } from "./net.ts";

/** A port that answers HTTP requests. */
export interface HttpListener {
  /** The real port when a random one was asked for. */
  readonly port: number;
  /** Goes on with another certificate, on the same port. Requests under way are cut off. */
  replaceTls(tls: HttpServerTls): Promise<void>;
  /** Stops answering; resolves when no connection is left. Requests under way are cut off. */
  close(): Promise<void>;
}

/** Certificate chain and key in PEM. */
export interface HttpTls {
  readonly cert: string;
  readonly key: string;
}

/** How a port speaks TLS. */
export interface HttpServerTls extends HttpTls {
  /**
   * Shakes hands where more than that is wanted, for instance certificates of clients, and owns
   * its transport. Rejects with TransportError.
   */
  readonly secure?: (transport: Transport) => Promise<Transport>;
}

/** Opens ports that answer HTTP requests. */
export interface HttpServer {
  /**
   * Answers requests on `host:port` (port 0 picks one) with `handler`.
   *
   * With `tls` it speaks HTTPS, and asks for no client certificate without `secure`.
   *
   * @throws {ListenError} when the address cannot be had
   */
  serve(
    host: string,
    port: number,
    handler: (request: Request) => Response | Promise<Response>,
    tls?: HttpServerTls,
  ): HttpListener;
}

/** A request got no answer; the message says why and holds no credentials. */
export class HttpError extends Error {
  override readonly name = "HttpError";
}

/** An answer that was read to its end. */
export interface HttpAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly bytes: Uint8Array;
  /** The same as text. */
  readonly body: string;
}

/** Whom a client trusts, and who it is itself; PEM. */
export interface HttpClientTls {
  /** Authorities beside those of the system. */
  readonly authorities: readonly string[];
  readonly certificate: HttpTls | null;
  /** Takes any certificate of a server. */
  readonly insecure: boolean;
}

/** Asks servers. */
export interface HttpClient {
  /** GET; rejects with {@linkcode HttpError}, also when it takes longer than `timeoutMs`. */
  get(url: string, timeoutMs: number): Promise<HttpAnswer>;
  /** Ends what is under way, and connections that were kept. */
  close(): void;
}

/** Makes clients. */
export type HttpClients = (tls: HttpClientTls | null) => HttpClient;
