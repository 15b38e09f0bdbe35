/**
 * HTTP on `Deno.serve`.
 *
 * @module
 */
import type { HttpListener, HttpServer } from "../http.ts";
import { openOnHost } from "./net.ts";

/** Opens HTTP ports of this machine. */
export function systemHttp(): HttpServer {
  return { serve };
}

function serve(
  host: string,
  port: number,
  handler: (request: Request) => Response | Promise<Response>,
): HttpListener {
  const abort = new AbortController();
  const server = openOnHost(host, port, (hostname) =>
    Deno.serve({
      hostname,
      port,
      signal: abort.signal,
      automaticCompression: false,
      onListen: () => {},
    }, handler));
  return {
    port: server.addr.port,
    close: async () => {
      abort.abort();
      await server.finished;
    },
  };
}
