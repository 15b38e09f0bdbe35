/**
 * The WebSocket listener: the handshake of those who come, and what is particular to them.
 *
 * Reference: startWebsocketServer, createWSClient and wsEnqueueCloseMessage in
 * server/websocket.go.
 *
 * @module
 */
import { bytesOfByteString } from "../base/text/byte_string.ts";
import { AddressError } from "../base/text/host_port.ts";
import type { TlsOptions, WebsocketOptions } from "../config/mod.ts";
import { ClientConnection } from "../client/client_connection.ts";
import { ClosedState } from "../core/connection/closed_state.ts";
import { listenerAuthOf } from "../core/connection/client_type.ts";
import type { Connection } from "../core/connection/connection.ts";
import {
  type Listener,
  ListenError,
  type TlsServerContext,
  TlsTexts,
  type Transport,
  TransportError,
} from "../platform/mod.ts";
import { PeekTransport } from "../transport/peek.ts";
import { tlsServerSettings } from "../transport/tls_context.ts";
import { CloseStatus } from "../transport/websocket/frames.ts";
import {
  HandshakeError,
  type HandshakeRules,
  type Origin,
  parseOrigin,
  type Upgrade,
  upgrade,
} from "../transport/websocket/handshake.ts";
import { parseHttpRequest } from "../transport/websocket/http_request.ts";
import { readRequestHead } from "../transport/websocket/read_head.ts";
import { WebsocketTransport } from "../transport/websocket/websocket_transport.ts";
import { AcceptErrors } from "./accept_errors.ts";
import { isPinned } from "./client_tls.ts";
import { connectUrls } from "./connect_urls.ts";
import type { Server } from "./server.ts";
import { StartError } from "./start_error.ts";

/** How requests begin that are not encrypted: GET, HEAD, POST, PUT, OPTIONS. */
const HTTP_LETTERS = /[GHPO]/;
const PLAIN_ON_TLS =
  "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/** How long a handshake may take where the configuration does not say it. */
const HANDSHAKE_MS = 30_000;

/** Serves a WebSocket of a kind that another edge knows. */
export type WebsocketEdge = (
  transport: WebsocketTransport,
  granted: Upgrade,
) => void | Promise<void>;

/** The WebSocket listener of one server. */
export class WebsocketListener {
  readonly #listener: Listener;
  readonly #acceptErrors: AcceptErrors;
  readonly #serving = new Set<Promise<void>>();
  readonly #origins: readonly Origin[];
  #context: TlsServerContext | null;
  #closed = false;
  #acceptLoop: Promise<void>;
  /** Serves MQTT clients; null when there are none to be served. */
  mqtt: WebsocketEdge | null = null;
  /** Serves leaf nodes; null when there are none to be served. */
  leafnode: WebsocketEdge | null = null;

  /** Opens the listener. Throws StartError when its address is taken, FileError for bad files. */
  constructor(readonly server: Server) {
    const { env, options: { websocket } } = server;
    this.#context = contextOf(server, websocket.tlsConfig);
    this.#origins = websocket.allowedOrigins.map(parseOrigin);
    this.#acceptErrors = new AcceptErrors(env.log, env.loop);
    this.#listener = listen(server, websocket);
    websocket.port = this.port;
    checkAdvertised(server, websocket);
    env.log.notice(`Listening for websocket clients on ${this.url}`);
    if (!this.secure) {
      env.log.warn("Websocket not configured with TLS. DO NOT USE IN PRODUCTION!");
    }
    this.#acceptLoop = this.#acceptErrors.acceptAll(
      "Websocket",
      this.#listener,
      () => this.#closed,
      (transport) => this.#take(transport),
    );
  }

  /** The real port when a random one was asked for. */
  get port(): number {
    return this.#listener.address.port;
  }

  /** Clients must use TLS. */
  get secure(): boolean {
    return this.#context !== null;
  }

  /** `ws://` or `wss://` and the address. */
  get url(): string {
    const { host } = this.#options;
    const shown = host.includes(":") ? `[${host}]` : host;
    return `${this.secure ? "wss" : "ws"}://${shown}:${this.port}`;
  }

  get #options(): WebsocketOptions {
    return this.server.options.websocket;
  }

  /** Shakes hands with those who come from now on as `context` says. */
  replaceTls(context: TlsServerContext | null): void {
    this.#context = context;
  }

  #take(transport: Transport): void {
    const serving = this.#serve(transport).catch((error) => {
      const { log } = this.server.env;
      log.error(`Websocket connection failed: ${(error as Error).stack ?? error}`);
      transport.close();
    });
    this.#serving.add(serving);
    void serving.then(() => this.#serving.delete(serving));
  }

  async #serve(raw: Transport): Promise<void> {
    const { env } = this.server;
    const timeoutMs = this.#options.handshakeTimeoutMs || HANDSHAKE_MS;
    const transport = await this.#handshake(raw, timeoutMs);
    if (transport === null) return;
    try {
      const head = await readRequestHead(transport, env.loop, timeoutMs);
      if (head === null) return;
      const granted = this.#check(head.text, head.rest.length > 0);
      await send(transport, granted.response);
      await this.#begin(transport, granted);
    } catch (error) {
      if (error instanceof HandshakeError) {
        const { host, port } = transport.remote;
        const from = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
        env.log.error(`${from} - websocket handshake error: ${error.message}`);
        await send(transport, error.response).catch(() => {});
      } else if (!(error instanceof TransportError)) throw error;
      transport.close();
    }
  }

  /** Shakes hands by TLS where that is asked for; null when that has failed. */
  async #handshake(raw: Transport, timeoutMs: number): Promise<Transport | null> {
    const context = this.#context;
    if (context === null) return raw;
    const { env, ocsp } = this.server;
    const { host, port } = raw.remote;
    const under = new PeekTransport(raw, env.loop);
    if (HTTP_LETTERS.test(String.fromCharCode(await under.peek(timeoutMs) ?? 0))) {
      env.log.error(`websocket: TLS handshake error from ${host}:${port}: ${TlsTexts.notTls}`);
      await send(under, PLAIN_ON_TLS).catch(() => {});
      under.close();
      return null;
    }
    try {
      const transport = await context.accept(under, timeoutMs, ocsp.clientCheck(context));
      if (isPinned(transport, this.#options.tlsPinnedCerts, (text) => env.log.debug(text))) {
        return transport;
      }
      transport.close();
      env.log.error("websocket: TLS handshake error: certificate not pinned");
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      env.log.error(`websocket: TLS handshake error from ${host}:${port}: ${error.message}`);
    }
    return null;
  }

  #check(text: string, hasMore: boolean): Upgrade {
    const request = parseHttpRequest(text);
    if (request === null) throw new HandshakeError(400, "malformed request");
    const { compression, sameOrigin, headers } = this.#options;
    const rules: HandshakeRules = {
      compression,
      sameOrigin,
      allowedOrigins: this.#origins,
      headers,
      secure: this.secure,
      mqtt: this.mqtt !== null,
    };
    const granted = upgrade(request, rules);
    if (hasMore) {
      throw new HandshakeError(400, "client sent data before handshake is complete");
    }
    return granted;
  }

  async #begin(under: Transport, granted: Upgrade): Promise<void> {
    const { server } = this;
    const { options } = server;
    const transport = new WebsocketTransport(under, {
      ...granted,
      maxPayload: () => options.maxPayload,
    });
    if (granted.kind === "mqtt") return this.mqtt!(transport, granted);
    if (granted.kind === "leafnode") {
      if (this.leafnode !== null) return this.leafnode(transport, granted);
      server.env.log.error("Not configured to accept leaf node connections");
      transport.close();
      return;
    }
    const connection = server.admit(
      transport,
      (made) => prepare(made, transport, granted, options.websocket),
    );
    if (connection !== null) await new ClientConnection(server, connection).serve(null);
  }

  /** Takes no more connections; those that are there stay. */
  close(): void {
    this.#closed = true;
    this.#listener.close();
    this.#acceptErrors.stop();
  }

  /** Resolves when nothing is served any more. */
  async ended(): Promise<void> {
    await this.#acceptLoop;
    await Promise.all(this.#serving);
  }
}

function listen({ env }: Server, { host, port }: WebsocketOptions): Listener {
  try {
    return env.net.listen(host, Math.max(0, port));
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    throw new StartError(`Unable to listen for websocket connections: ${error.message}`, {
      cause: error,
    });
  }
}

/** What clients are to be told must be an address. */
function checkAdvertised({ env }: Server, { advertise, host, port }: WebsocketOptions): void {
  try {
    connectUrls({ advertise, host, port, net: env.net, log: env.log });
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new StartError(`Unable to get websocket connect URLs: ${error.message}`, {
      cause: error,
    });
  }
}

/** What `tls` asks for; null for none. Throws FileError or what TLS says of bad certificates. */
export function contextOf(
  { env }: Pick<Server, "env">,
  tls: TlsOptions | null,
): TlsServerContext | null {
  return tls === null ? null : env.tls.serverContext(tlsServerSettings(tls, env.files));
}

function prepare(
  connection: Connection,
  transport: WebsocketTransport,
  { forwardedFor, cookies }: Upgrade,
  options: WebsocketOptions,
): void {
  connection.clientType = "websocket";
  connection.overWebsocket = true;
  connection.listenerAuth = listenerAuthOf(options);
  connection.ownPingIntervalMs = options.pingIntervalMs;
  connection.relabel("wid", forwardedFor);
  connection.farewell = (reason) => transport.farewell(closeStatusOf(reason), reason);
  const cookie = (name: string): string => name === "" ? "" : cookies.get(name) ?? "";
  connection.connectDefaults = {
    jwt: cookie(options.jwtCookie),
    user: cookie(options.usernameCookie),
    pass: cookie(options.passwordCookie),
    auth_token: cookie(options.tokenCookie),
  };
}

/** What the peer is told when the server ends a connection. */
export function closeStatusOf(reason: ClosedState): number {
  switch (reason) {
    case ClosedState.ClientClosed:
      return CloseStatus.Normal;
    case ClosedState.AuthenticationTimeout:
    case ClosedState.AuthenticationViolation:
    case ClosedState.SlowConsumerPendingBytes:
    case ClosedState.SlowConsumerWriteDeadline:
    case ClosedState.MaxAccountConnectionsExceeded:
    case ClosedState.MaxConnectionsExceeded:
    case ClosedState.MaxControlLineExceeded:
    case ClosedState.MaxSubscriptionsExceeded:
    case ClosedState.MissingAccount:
    case ClosedState.AuthenticationExpired:
    case ClosedState.Revocation:
      return CloseStatus.PolicyViolation;
    case ClosedState.TLSHandshakeError:
      return CloseStatus.TlsHandshake;
    case ClosedState.ParseError:
    case ClosedState.ProtocolViolation:
    case ClosedState.BadClientProtocolVersion:
      return CloseStatus.ProtocolError;
    case ClosedState.MaxPayloadExceeded:
      return CloseStatus.TooBig;
    case ClosedState.WriteError:
    case ClosedState.ReadError:
    case ClosedState.StaleConnection:
    case ClosedState.ServerShutdown:
      return CloseStatus.GoingAway;
    default:
      return CloseStatus.InternalError;
  }
}

async function send(transport: Transport, text: string): Promise<void> {
  const bytes = bytesOfByteString(text);
  for (let at = 0; at < bytes.length;) at += await transport.write(bytes.subarray(at));
}
