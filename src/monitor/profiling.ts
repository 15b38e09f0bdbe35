/**
 * The profiling port (`prof_port`): the paths of Go's `net/http/pprof` with what a JavaScript
 * runtime can tell, in V8's formats, which the developer tools of browsers open.
 *
 * Reference: StartProfiler in server/server.go.
 *
 * @module
 */
import { type HttpListener, ListenError, type Loop, type Profiler } from "../platform/mod.ts";
import type { Options } from "../config/mod.ts";
import type { HttpServer, Logger } from "../platform/mod.ts";

/** What the profiling port needs of a server. */
export interface ProfiledServer {
  readonly options: Options;
  readonly env: {
    readonly http: HttpServer;
    readonly log: Logger;
    readonly loop: Loop;
    readonly profiler: Profiler;
  };
}

const ROOT = "/debug/pprof/";
const PROFILE_SECONDS_DEFAULT = 30;
const PROFILE_SECONDS_MAX = 3600;

const INDEX = `<!DOCTYPE html>
<title>${ROOT}</title>
<h1>${ROOT}</h1>
<ul>
<li><a href="${ROOT}profile?seconds=10">profile</a>: ten seconds of CPU time (.cpuprofile)</li>
<li><a href="${ROOT}heap">heap</a>: what is in memory (.heapsnapshot); the server pauses for it</li>
</ul>
`;

/** An open profiling port. */
export class ProfilingPort {
  readonly #listener: HttpListener;
  readonly #stopping = Promise.withResolvers<void>();

  /** Throws ListenError when the address cannot be had. */
  constructor(readonly server: ProfiledServer) {
    const { options, env } = server;
    const handle = (request: Request) => this.#answer(new URL(request.url));
    try {
      this.#listener = env.http.serve(options.host, Math.max(0, options.profPort), handle);
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      throw new ListenError(`error starting profiler: ${error.message}`, { cause: error });
    }
    env.log.notice(`profiling port: ${this.port}`);
  }

  get port(): number {
    return this.#listener.port;
  }

  async #answer(url: URL): Promise<Response> {
    switch (url.pathname) {
      case ROOT:
        return new Response(INDEX, { headers: { "Content-Type": "text/html; charset=utf-8" } });
      case `${ROOT}profile`:
        return await this.#profile(url.searchParams.get("seconds"));
      case `${ROOT}heap`:
        return download(await this.server.env.profiler.heapSnapshot(), "heap.heapsnapshot");
    }
    return new Response(
      url.pathname.startsWith(ROOT) ? "Unknown profile\n" : "404 page not found\n",
      { status: 404 },
    );
  }

  async #profile(asked: string | null): Promise<Response> {
    const { profiler } = this.server.env;
    const seconds = Number(asked ?? "") || PROFILE_SECONDS_DEFAULT;
    try {
      await profiler.startCpuProfile();
    } catch (error) {
      const text = `Could not enable CPU profiling: ${(error as Error).message}\n`;
      return new Response(text, { status: 500 });
    }
    await this.#wait(Math.min(Math.max(0, seconds), PROFILE_SECONDS_MAX) * 1000);
    return download(await profiler.stopCpuProfile(), "profile.cpuprofile");
  }

  /** Waits so long, or until the port closes. */
  async #wait(delayMs: number): Promise<void> {
    const { loop } = this.server.env;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = loop.setTimer(resolve, delayMs);
    await Promise.race([promise, this.#stopping.promise]);
    loop.clearTimer(timer);
  }

  /** Closes the port; resolves when it is closed. */
  async stop(): Promise<void> {
    this.#stopping.resolve();
    await this.#listener.close();
  }
}

function download(json: string, name: string): Response {
  return new Response(json, {
    headers: {
      "Content-Type": "application/json",
      "Content-Disposition": `attachment; filename="${name}"`,
    },
  });
}
