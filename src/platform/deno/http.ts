/**
 * HTTP on `Deno.serve` and `fetch`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Agent, get } from "node:https";
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

type Exchange = (url: string, signal: AbortSignal) => Promise<Omit<HttpAnswer, "body">>;

/** Asks by `fetch`, which knows no server without verifying it. */
function verifying(tls: HttpClientTls | null): { exchange: Exchange; close(): void } {
  const client = Deno.createHttpClient({
    caCerts: [...tls?.authorities ?? []],
    ...tls?.certificate ?? {},
  });
  const exchange: Exchange = async (url, signal) => {
    const response = await fetch(url, { client, signal });
    const { status, statusText } = response;
    return { status, statusText, bytes: new Uint8Array(await response.arrayBuffer()) };
  };
  return { exchange, close: () => client.close() };
}

/** Asks HTTPS servers whoever they are. */
function unverified({ certificate }: HttpClientTls): { exchange: Exchange; close(): void } {
  const agent = new Agent({ rejectUnauthorized: false, ...certificate ?? {} });
  const exchange: Exchange = (url, signal) =>
    new Promise((resolve, reject) => {
      const request = get(url, { agent, signal }, (response) => {
        const chunks: Uint8Array[] = [];
        response.on("data", (chunk: Uint8Array) => void chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const { statusCode: status = 0, statusMessage: statusText = "" } = response;
          resolve({ status, statusText, bytes: new Uint8Array(Buffer.concat(chunks)) });
        });
      });
      request.on("error", reject);
    });
  return { exchange, close: () => agent.destroy() };
}

/** A client of this machine. */
export function systemHttpClient(tls: HttpClientTls | null): HttpClient {
  const safe = verifying(tls);
  const unsafe = tls?.insecure === true ? unverified(tls) : null;
  const closing = new AbortController();
  const ask = async (url: string, timeoutMs: number): Promise<HttpAnswer> => {
    // A timer of its own, which ends with the request.
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeoutMs);
    try {
      const signal = AbortSignal.any([closing.signal, late.signal]);
      const { exchange } = unsafe !== null && url.startsWith("https:") ? unsafe : safe;
      const answer = await exchange(url, signal);
      return { ...answer, body: new TextDecoder().decode(answer.bytes) };
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
    get: ask,
    close: () => {
      closing.abort();
      safe.close();
      unsafe?.close();
    },
  };
}
