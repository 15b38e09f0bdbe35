/**
 * The MQTT listener, and MQTT clients that come over WebSocket.
 *
 * Reference: startMQTT and createMQTTClient in server/mqtt.go.
 *
 * @module
 */
import type { MqttOptions } from "../config/mod.ts";
import type { Authenticator } from "../core/auth/authenticator.ts";
import { listenerAuthOf } from "../core/connection/client_type.ts";
import type { Connection } from "../core/connection/connection.ts";
import type { Core } from "../core/core.ts";
import { MqttConnection, type MqttContext, MqttSessions } from "../mqtt/mod.ts";
import {
  type Listener,
  ListenError,
  type TlsServerContext,
  type Transport,
  TransportError,
} from "../platform/mod.ts";
import { AcceptErrors } from "./accept_errors.ts";
import { isPinned } from "./client_tls.ts";
import type { Server } from "./server.ts";
import { StartError } from "./start_error.ts";
import { closeStatusOf, contextOf, type WebsocketEdge } from "./websocket.ts";

/** The MQTT listener of one server. */
export class MqttListener implements MqttContext {
  readonly mqttSessions: MqttSessions;
  readonly #listener: Listener;
  readonly #acceptErrors: AcceptErrors;
  readonly #serving = new Set<Promise<void>>();
  #context: TlsServerContext | null;
  #closed = false;
  readonly #acceptLoop: Promise<void>;

  /** Opens the listener. Throws StartError when its address is taken, FileError for bad files. */
  constructor(readonly server: Server) {
    const { core, env, options: { mqtt } } = server;
    this.mqttSessions = new MqttSessions(core);
    this.#context = contextOf(server, mqtt.tlsConfig);
    this.#acceptErrors = new AcceptErrors(env.log, env.loop);
    this.#listener = listen(server, mqtt);
    if (server.websocket !== null) server.websocket.mqtt = this.#serveWebsocket;
    mqtt.port = this.port;
    env.log.notice(`Listening for MQTT clients on ${this.url}`);
    this.#acceptLoop = this.#acceptErrors.acceptAll(
      "MQTT",
      this.#listener,
      () => this.#closed,
      (transport) => this.#take(transport),
    );
  }

  get core(): Core {
    return this.server.core;
  }

  get auth(): Authenticator {
    return this.server.auth;
  }

  /** The real port when a random one was asked for. */
  get port(): number {
    return this.#listener.address.port;
  }

  /** `mqtt://` or `tls://` and the address. */
  get url(): string {
    const { host } = this.server.options.mqtt;
    return `${this.#context === null ? "mqtt" : "tls"}://${host}:${this.port}`;
  }

  /** Shakes hands with those who come from now on as `context` says. */
  replaceTls(context: TlsServerContext | null): void {
    this.#context = context;
  }

  #take(transport: Transport): void {
    const serving = this.#serve(transport).catch((error) => {
      this.server.env.log.error(`MQTT connection failed: ${(error as Error).stack ?? error}`);
      transport.close();
    });
    this.#serving.add(serving);
    void serving.then(() => this.#serving.delete(serving));
  }

  async #serve(raw: Transport): Promise<void> {
    const transport = await this.#handshake(raw);
    if (transport !== null) await this.serve(transport, (connection) => connection.relabel("mid"));
  }

  /** Shakes hands by TLS where that is asked for; null when that has failed. */
  async #handshake(raw: Transport): Promise<Transport | null> {
    const context = this.#context;
    if (context === null) return raw;
    const { env, ocsp, options: { mqtt } } = this.server;
    const { host, port } = raw.remote;
    try {
      const transport = await context.accept(raw, mqtt.tlsTimeoutMs, ocsp.clientCheck(context));
      if (isPinned(transport, mqtt.tlsPinnedCerts, (text) => env.log.debug(text))) {
        return transport;
      }
      transport.close();
      env.log.error("mqtt: TLS handshake error: certificate not pinned");
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      env.log.error(`${host}:${port} - mqtt: TLS handshake error: ${error.message}`);
    }
    return null;
  }

  /** Serves a client that has come over WebSocket; resolves when it is gone. */
  readonly #serveWebsocket: WebsocketEdge = (transport, { forwardedFor }) =>
    this.serve(transport, (connection) => {
      connection.overWebsocket = true;
      connection.relabel("mid_ws", forwardedFor);
      connection.farewell = (reason) => transport.farewell(closeStatusOf(reason), reason);
    });

  /** Serves a client that has come over `transport`; `prepare` says how. */
  async serve(transport: Transport, prepare: (connection: Connection) => void): Promise<void> {
    const { server } = this;
    const connection = server.admit(transport, (made) => {
      made.clientType = "mqtt";
      made.listenerAuth = listenerAuthOf(server.options.mqtt);
      made.headers = true;
      prepare(made);
    }, () => {});
    if (connection !== null) await new MqttConnection(this, connection).serve();
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
    this.mqttSessions.stop();
  }
}

function listen({ env }: Server, { host, port }: MqttOptions): Listener {
  try {
    return env.net.listen(host, Math.max(0, port));
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    throw new StartError(`Unable to listen for MQTT connections: ${error.message}`, {
      cause: error,
    });
  }
}
