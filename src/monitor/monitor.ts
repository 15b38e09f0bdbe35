/**
 * The monitoring port: paths, answers, and its life beside the server's.
 *
 * Reference: startMonitoring in server/server.go, handleResponse in server/monitor.go.
 *
 * @module
 */
import { type Context, Hono } from "@hono/hono";
import { goJson, goQuote } from "../base/text/go_format.ts";
import { type HttpListener, type HttpServerTls, ListenError } from "../platform/mod.ts";
import { tlsServerSettings } from "../transport/tls_context.ts";
import { gatewayz, routez } from "./absent_features.ts";
import { leafz } from "./leafz.ts";
import { accountStatz, accountz } from "./accounts.ts";
import { connz, connzOptions } from "./connz.ts";
import { BadRequestError, Query } from "./go_values.ts";
import { healthz, healthzOptions } from "./healthz.ts";
import { jsz, jszOptions } from "./jsz.ts";
import { metrics, METRICS_CONTENT_TYPE } from "./metrics.ts";
import { rootPage } from "./root_page.ts";
import type { MonitoredServer } from "./source.ts";
import { debugVars, stacks } from "./runtime_state.ts";
import { subsz, subszOptions } from "./subsz.ts";
import { type CertificateEnds, certificateEnds, varz } from "./varz.ts";

const JSON_HEADERS = { "Content-Type": "application/json", "Access-Control-Allow-Origin": "*" };
const PLAIN_TEXT = "text/plain; charset=utf-8";

/** Answers requests about one server. */
export interface Monitor {
  /** The port listened on. */
  readonly port: number;
  /** Answers a request without the network. */
  handle(request: Request): Response | Promise<Response>;
  /** What `/varz` shows; not counted as a request. */
  varz(): ReturnType<typeof varz>;
  /**
   * Goes on with the certificates that the options name now. Rejects with FileError when one
   * cannot be read, with ListenError when the port is lost.
   */
  certificatesChanged(): Promise<void>;
  /** Closes the port; resolves when it is closed. */
  stop(): Promise<void>;
}

/** The base path as the reference cleans it: a leading slash, none at the end. */
export function normalizedBasePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { "Content-Type": PLAIN_TEXT, ...headers } });
}

function notFound(): Response {
  return plain(404, "404 page not found\n", { "X-Content-Type-Options": "nosniff" });
}

/** An answer in JSON. */
function answer(body: string, status = 200): Response {
  return new Response(body, { status, headers: JSON_HEADERS });
}

function json(value: unknown, indent = "  "): Response {
  return answer(goJson(value, indent));
}

/** The routes of one server's monitoring. */
export class MonitorRoutes {
  readonly app: Hono = new Hono();
  readonly #requests = new Map<string, number>();
  readonly #basePath: string;
  #ends: CertificateEnds;

  /** Throws FileError when a configured certificate cannot be read. */
  constructor(readonly server: MonitoredServer) {
    const { options, env } = server;
    this.#basePath = normalizedBasePath(options.httpBasePath);
    this.#ends = certificateEnds(options, env.files);
    this.#addRoutes();
    this.app.notFound(notFound);
    this.app.onError((error) => {
      if (error instanceof BadRequestError) return plain(400, error.message);
      env.log.error(`monitoring: ${error.stack ?? error.message}`);
      return plain(500, "internal error");
    });
  }

  /** Shows when the certificates end that the options name now. Throws FileError. */
  certificatesChanged(): void {
    this.#ends = certificateEnds(this.server.options, this.server.env.files);
  }

  varz(): ReturnType<typeof varz> {
    return varz(this.server, this.#ends, this.#requests);
  }

  #addRoutes(): void {
    const { server } = this;
    this.#route("/", () => this.#root());
    this.#route("/varz", () => json(this.varz()));
    this.#route("/connz", (query) => {
      const options = connzOptions(query);
      // The reference counts here only what could be read.
      this.#count("/connz");
      return json(connz(server, options));
    }, null);
    for (const path of ["/subsz", "/subscriptionsz"]) {
      this.#route(path, (query) => json(subsz(server, subszOptions(query))), "/subsz");
    }
    this.#route("/accountz", (query) => json(accountz(server, query.text("acc"))));
    this.#route("/accstatz", (query) => {
      return json(accountStatz(server, { unused: query.bool("unused") }));
    });
    this.#route("/healthz", (query) => this.#healthz(query));
    this.#route("/jsz", (query) => answer(jsz(server, jszOptions(query))));
    this.#route("/routez", (query) => {
      query.subscriptions();
      this.#count("/routez");
      return json(routez(server));
    }, null);
    this.#route("/gatewayz", (query) => {
      query.subscriptions();
      query.bool("accs");
      return json(gatewayz(server));
    });
    this.#route("/leafz", (query) => {
      const subscriptions = query.bool("subs");
      return json(leafz(server, { subscriptions, account: query.text("acc") }));
    });
    this.#route("/raftz", () => plain(404, "No Raft nodes registered"), null);
    this.#route("/ipqueuesz", (query) => {
      query.bool("all");
      // The reference lists queues between its goroutines; one event loop has none.
      return json({}, "   ");
    }, null);
    this.#route("/stacksz", () => answer(stacks(server)));
    this.#route("/debug/vars", () => {
      const headers = { "Content-Type": "application/json; charset=utf-8" };
      return new Response(debugVars(server), { headers });
    }, null);
    this.#route("/metrics", () => {
      const headers = { "Content-Type": METRICS_CONTENT_TYPE };
      return new Response(metrics(server, this.varz()), { headers });
    }, null);
  }

  /** Adds a path; `counted` is the name under which `/varz` counts its requests. */
  #route(
    path: string,
    answer: (query: Query) => Response,
    counted: string | null = path,
  ): void {
    this.app.all(this.#resolve(path), (context: Context) => {
      if (counted !== null) this.#count(counted);
      return answer(new Query(new URL(context.req.url).searchParams));
    });
  }

  #resolve(path: string): string {
    return normalizedBasePath(`${this.#basePath}${path}`);
  }

  #count(path: string): void {
    this.#requests.set(path, (this.#requests.get(path) ?? 0) + 1);
  }

  #root(): Response {
    const page = rootPage(this.server.info.version, (path) => this.#resolve(path));
    return new Response(page, { headers: { "Content-Type": "text/html; charset=utf-8" } });
  }

  #healthz(query: Query): Response {
    const { log } = this.server.env;
    const { code, body } = healthz(
      this.server,
      healthzOptions(query, (text) => log.warn(text)),
    );
    if (body.error !== undefined) log.warn(`Healthcheck failed: ${goQuote(body.error)}`);
    else if (body.errors !== undefined) {
      log.warn(`Healthcheck failed: ${body.errors.length} errors`);
    }
    return answer(goJson(body), code);
  }
}

/**
 * TLS with the certificate of the client port, and with its checks of certificates where these go
 * by OCSP. Throws ListenError when there is none.
 */
function monitorTls({ options, env, ocsp }: MonitoredServer): HttpServerTls {
  const settings = options.tlsConfig === null
    ? null
    : tlsServerSettings(options.tlsConfig, env.files);
  const pair = settings?.certificates[0];
  if (settings === null || pair === undefined) {
    throw new ListenError("TLS cert and key required for HTTPS");
  }
  const certificate = { cert: pair.chainPem, key: pair.keyPem };
  if (!ocsp.verifies) return certificate;
  const context = env.tls.serverContext(settings);
  return {
    ...certificate,
    secure: async (transport) => {
      try {
        return await context.accept(transport, options.tlsTimeoutMs, ocsp.clientCheck(context));
      } catch (error) {
        const { host, port } = transport.remote;
        const from = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
        env.log.error(
          `monitoring: TLS handshake error from ${from}: ${(error as Error).message}`,
        );
        throw error;
      }
    },
  };
}

/**
 * Opens the monitoring port that the options name.
 *
 * @throws {ListenError} when the address cannot be had, with the reference's text
 */
export function startMonitoring(server: MonitoredServer): Monitor {
  const { options, env } = server;
  const { httpPort, httpsPort } = options;
  if (httpPort !== 0 && httpsPort !== 0) {
    throw new ListenError(
      `Can't start monitoring: can't specify both HTTP (${httpPort}) and HTTPs (${httpsPort}) ports`,
    );
  }
  const secure = httpsPort !== 0;
  const routes = new MonitorRoutes(server);
  const handle = (request: Request) => routes.app.fetch(request);
  let listener: HttpListener;
  try {
    const port = secure ? httpsPort : httpPort;
    const tls = secure ? monitorTls(server) : undefined;
    listener = env.http.serve(options.httpHost, Math.max(0, port), handle, tls);
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    const what = secure && options.tlsConfig === null ? "" : "can't listen to the monitor port: ";
    throw new ListenError(`Can't start monitoring: ${what}${error.message}`, { cause: error });
  }
  const host = options.httpHost.includes(":") ? `[${options.httpHost}]` : options.httpHost;
  env.log.notice(`Starting ${secure ? "https" : "http"} monitor on ${host}:${listener.port}`);
  return {
    port: listener.port,
    handle,
    varz: () => routes.varz(),
    certificatesChanged: async () => {
      routes.certificatesChanged();
      if (secure && options.tlsConfig !== null) await listener.replaceTls(monitorTls(server));
    },
    stop: () => listener.close(),
  };
}
