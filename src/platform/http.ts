/**
 * Serving HTTP, for monitoring.
 *
 * @module
 */

/** A port that answers HTTP requests. */
export interface HttpListener {
  /** The real port when a random one was asked for. */
  readonly port: number;
  /** Stops answering; resolves when no connection is left. Requests under way are cut off. */
  close(): Promise<void>;
}

/** Certificate chain and key in PEM. */
export interface HttpTls {
  readonly cert: string;
  readonly key: string;
}

/** Opens ports that answer HTTP requests. */
export interface HttpServer {
  /**
   * Answers requests on `host:port` (port 0 picks one) with `handler`.
   *
   * With `tls` it speaks HTTPS and asks for no client certificate.
   *
   * @throws {ListenError} when the address cannot be had
   */
  serve(
    host: string,
    port: number,
    handler: (request: Request) => Response | Promise<Response>,
    tls?: HttpTls,
  ): HttpListener;
}
