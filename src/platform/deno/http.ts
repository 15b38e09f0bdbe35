/**
 * HTTP on `Deno.serve` and `fetch`.
 *
 * @module
 */
import {
  type HttpAnswer,
  type HttpClient,
  type HttpClientTls,
  HttpError,
  type HttpListener,
  type HttpServer,
  type HttpServerTls,
} from "../http.ts";
import { HttpOver } from "./http_over.ts";
import { openOnHost, systemNet } from "./net.ts";

/** Opens HTTP ports of this machine. */
export function systemHttp(): HttpServer {
  return { serve };
}

function serve(
  host: string,
  port: number,
  handler: (request: Request) => Response | Promise<Response>,
  tls?: HttpServerTls,
): HttpListener {
  const open = (port: number, tls?: HttpServerTls) => {
    if (tls?.secure !== undefined) {
      const listener = systemNet().listen(host, port);
      const over = new HttpOver(listener, handler, tls.secure);
      return { port: listener.address.port, close: () => over.close() };
    }
    const abort = new AbortController();
    const server = openOnHost(host, port, (hostname) =>
      Deno.serve({
        hostname,
        port,
        signal: abort.signal,
        automaticCompression: false,
        onListen: () => {},
        ...(tls === undefined ? {} : { cert: tls.cert, key: tls.key }),
      }, handler));
    const close = async (): Promise<void> => {
      abort.abort();
      await server.finished;
    };
    return { port: server.addr.port, close };
  };
  let present = open(port, tls);
  return {
    port: present.port,
    replaceTls: async (tls) => {
      await present.close();
      present = open(present.port, tls);
    },
    close: () => present.close(),
  };
}

/** A client of this machine. */
export function systemHttpClient(tls: HttpClientTls | null): HttpClient {
  const client = Deno.createHttpClient({
    caCerts: [...tls?.authorities ?? []],
    ...tls?.certificate ?? {},
  });
  const closing = new AbortController();
  const get = async (url: string, timeoutMs: number): Promise<HttpAnswer> => {
    // A timer of its own, which ends with the request.
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeoutMs);
    try {
      const signal = AbortSignal.any([closing.signal, late.signal]);
      const response = await fetch(url, { client, signal });
      const bytes = new Uint8Array(await response.arrayBuffer());
      const body = new TextDecoder().decode(bytes);
      return { status: response.status, statusText: response.statusText, bytes, body };
    } catch (error) {
      const text = late.signal.aborted
        ? "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        : (error as Error).message.replaceAll(url, "the URL");
      throw new HttpError(text, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    get,
    close: () => {
      closing.abort();
      client.close();
    },
  };
}
