/**
 * HTTP on `Deno.serve`.
 *
 * @module
 */
import type { HttpListener, HttpServer, HttpTls } from "../http.ts";
import { openOnHost } from "./net.ts";

/** Opens HTTP ports of this machine. */
export function systemHttp(): HttpServer {
  return { serve };
}

function serve(
  host: string,
  port: number,
  handler: (request: Request) => Response | Promise<Response>,
  tls?: HttpTls,
): HttpListener {
  const abort = new AbortController();
  const server = openOnHost(host, port, (hostname) =>
    Deno.serve({
      hostname,
      port,
      signal: abort.signal,
      automaticCompression: false,
      onListen: () => {},
      ...tls,
    }, handler));
  return {
    port: server.addr.port,
    close: async () => {
      abort.abort();
      await server.finished;
    },
  };
}
