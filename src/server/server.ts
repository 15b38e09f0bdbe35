/**
 * One server: its listeners, its clients, and its life from start to stop.
 *
 * Reference: server/server.go.
 *
 * @module
 */
import { textOfByteString } from "../base/text/byte_string.ts";
import { parseHostPort } from "../base/text/host_port.ts";
import { ClientConnection, type ClientContext } from "../client/mod.ts";
import {
  describeFeatureFlags,
  emptyOptions,
  type Options,
  unbuiltFeatures,
  validateOptions,
} from "../config/mod.ts";
import { Authenticator } from "../core/auth/authenticator.ts";
import { StartError } from "./start_error.ts";
import { SYSTEM_ACCOUNT } from "../core/account/account.ts";
import type { ClientAuthentication } from "../core/auth/client_authentication.ts";
import { listenerAuthOf } from "../core/connection/client_type.ts";
import { ClosedState } from "../core/connection/closed_state.ts";
import { Connection, type ConnectionRegistry } from "../core/connection/connection.ts";
import { Core } from "../core/core.ts";
import type {
  Clock,
  Disk,
  HttpClients,
  HttpServer,
  Listener,
  Logger,
  Loop,
  Net,
  PasswordChecker,
  Process,
  Profiler,
  Random,
  TlsUpgrader,
  Transport,
} from "../platform/mod.ts";
import { type JetStream, JetStreamStartError } from "../jetstream/mod.ts";
import type { ConfigSource } from "../platform/config_source.ts";
import { CertificateWatch, reloadConfiguration, reloadOptions } from "../reload/mod.ts";
import { SystemEvents } from "../events/mod.ts";
import { type Monitor, ProfilingPort, startMonitoring, varzUnmonitored } from "../monitor/mod.ts";
import { emptyInfo, type Info, infoLine } from "../protocol/mod.ts";
import { pipe } from "../transport/pipe.ts";
import {
  ProxiedTransport,
  ProxyProtocolError,
  readProxyHeader,
} from "../transport/proxy_protocol.ts";
import { AcceptErrors } from "./accept_errors.ts";
import { ClientTls } from "./client_tls.ts";
import { ClosedConnections } from "./closed_connections.ts";
import { connectUrls } from "./connect_urls.ts";
import { configureAccounts, openGlobalAccount } from "./configure_accounts.ts";
import type { OperatorMode } from "../operator/operator_mode.ts";
import { logOperators, newOperatorMode, prepareOperators, startOperators } from "./operators.ts";
import { newJetStream } from "./jet_stream.ts";
import { LeafNodes } from "./leafnodes.ts";
import { closingPace } from "./lame_duck.ts";
import { MqttListener } from "./mqtt.ts";
import { PeerOcsp } from "./peer_ocsp.ts";
import { removePortsFile, writePidFile, writePortsFile } from "./runtime_files.ts";
import { API_LEVEL, NATSTS_VERSION, PROTOCOL_LEVEL, VERSION } from "./version.ts";
import { WebsocketListener } from "./websocket.ts";

/** The world a server lives in. */
export interface ServerEnvironment {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly loop: Loop;
  readonly random: Random;
  readonly net: Net;
  readonly http: HttpServer;
  readonly httpClient: HttpClients;
  readonly process: Process;
  readonly passwords: PasswordChecker;
  readonly profiler: Profiler;
  readonly tls: TlsUpgrader;
  /** Certificates and keys. */
  readonly files: ConfigSource;
  readonly log: Logger;
  /** Decides about clients in place of configured users. */
  readonly authenticate?: ClientAuthentication | undefined;
  /** Opens the log anew that `options` ask for. Throws LogOpenError and keeps the present one. */
  readonly configureLog?: ((options: Options) => void) | undefined;
  /** Name and version of the runtime, for INFO and /varz. */
  readonly runtime: string;
}

export { StartError };

/** Connection ids that the server's own clients take in the reference. */
const INTERNAL_CLIENTS = 4;
const NONCE_BYTES = 11;
/** What pull requests are told at the end has so long to leave. */
const PULLS_GRACE_MS = 50;

/** A NATS server. */
export class Server implements ClientContext, ConnectionRegistry {
  readonly core: Core;
  auth: Authenticator;
  readonly info: Info = emptyInfo();
  readonly clients: Map<number, Connection> = new Map();
  readonly closedConnections: ClosedConnections;
  /** Checks of clients' certificates by OCSP. */
  readonly ocsp: PeerOcsp;
  readonly startMs: number;
  readonly natstsVersion: string = NATSTS_VERSION;
  /** Connections accepted since the start. */
  totalConnections = 0;
  #nextConnectionId: number;
  #listener: Listener | null = null;
  #monitor: Monitor | null = null;
  #profiling: ProfilingPort | null = null;
  /** Clients over WebSocket; null without it, and while not running. */
  websocket: WebsocketListener | null = null;
  /** Leaf nodes and hubs; null without any, and while not running. */
  leafNodes: LeafNodes | null = null;
  /** MQTT clients; null without any, and while not running. */
  mqtt: MqttListener | null = null;
  /** Null when it is not turned on. */
  jetStream: JetStream | null;
  /** TLS of clients; null without it. */
  tls: ClientTls | null;
  /** What the command line alone has said, which no reload changes; null without one. */
  flagOptions: Options | null = null;
  /** When the options were taken over, ms since the epoch. */
  configLoadMs: number;
  readonly certificateWatch: CertificateWatch = new CertificateWatch(this);
  #reloading: Promise<void> = Promise.resolve();
  #running = false;
  #portsWritten = false;
  /** What the system account hears and can ask; null without one, and while not running. */
  events: SystemEvents | null = null;
  /** The operators that are trusted; null without operator mode. */
  readonly operators: OperatorMode | null;
  #lameDuck = false;
  #stopping: Promise<void> | null = null;
  #acceptLoop: Promise<void> = Promise.resolve();
  readonly #acceptErrors: AcceptErrors;
  readonly #serving = new Set<Promise<void>>();
  #stopped: (() => void) | null = null;
  /** Resolves when the server has stopped. */
  readonly finished: Promise<void>;

  /** Throws OptionsError when `options` contradict each other. */
  constructor(readonly options: Options, readonly env: ServerEnvironment) {
    validateOptions(options);
    this.finished = new Promise((resolve) => this.#stopped = resolve);
    this.startMs = env.clock.nowMs();
    this.configLoadMs = this.startMs;
    this.#acceptErrors = new AcceptErrors(env.log, env.loop);
    this.core = new Core(options, env);
    this.core.info = this.info;
    this.operators = newOperatorMode(this.core, env);
    configureAccounts(this.core, this.operators);
    openGlobalAccount(this.core);
    this.auth = new Authenticator(this.core);
    this.tls = options.tlsConfig === null ? null : new ClientTls(options, options.tlsConfig, env);
    this.ocsp = new PeerOcsp(this);
    this.core.verifiedChains = (state) => this.tls?.chainsOf(state, this.ocsp) ?? [];
    this.closedConnections = new ClosedConnections(options.maxClosedClients);
    this.#nextConnectionId = (this.core.systemAccount === null ? 0 : INTERNAL_CLIENTS) + 1;
    this.#fillInfo();
    this.joinCluster();
    this.jetStream = options.jetStream ? newJetStream(this) : null;
  }

  #fillInfo(): void {
    const { info, options } = this;
    info.server_id = this.core.keys.id;
    info.server_name = options.serverName || info.server_id;
    info.version = VERSION;
    info.proto = PROTOCOL_LEVEL;
    info.go = this.env.runtime;
    this.advertise();
    info.headers = !options.noHeaderSupport;
    info.auth_required = this.auth.required;
    info.tls_required = options.tlsConfig !== null && !options.allowNonTls;
    info.tls_available = options.tlsConfig !== null && options.allowNonTls;
    info.tls_verify = options.tlsConfig?.verify ?? false;
    info.max_payload = options.maxPayload;
    info.api_lvl = API_LEVEL;
    info.xkey = this.core.keys.xkey;
  }

  /** Goes by the cluster that the options name. */
  joinCluster(): void {
    const { name: cluster } = this.options.cluster;
    this.info.cluster = cluster;
    this.core.identify({ name: this.name, cluster });
  }

  /** `ID` of the server. */
  get id(): string {
    return this.info.server_id;
  }

  get name(): string {
    return this.info.server_name;
  }

  get isLameDuck(): boolean {
    return this.#lameDuck;
  }

  /** Port that clients connect to; the real one when a random port was asked for. */
  get port(): number {
    return this.#listener?.address.port ?? this.options.port;
  }

  /** `nats://` or `tls://` and the address that clients connect to. */
  get clientUrl(): string {
    const { host, tlsConfig } = this.options;
    const scheme = tlsConfig === null ? "nats" : "tls";
    return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${this.port}`;
  }

  /** Monitoring of a running server; null without it. */
  get monitor(): Monitor | null {
    return this.#monitor;
  }

  /** Port of monitoring; the real one when a random port was asked for, 0 without monitoring. */
  get monitorPort(): number {
    return this.#monitor?.port ?? 0;
  }

  /** Port of profiling; the real one when a random port was asked for, 0 without it. */
  get profilingPort(): number {
    return this.#profiling?.port ?? 0;
  }

  /** Whether clients can connect now. */
  get ready(): boolean {
    return this.#running && !this.#lameDuck &&
      (this.#listener !== null || this.options.dontListen);
  }

  /** What `/varz` shows; asking this way is not counted as a request. */
  varz(): Record<string, unknown> {
    return this.#monitor?.varz() ?? varzUnmonitored(this);
  }

  /** Number of all subscriptions, in all accounts. */
  get subscriptionCount(): number {
    let count = 0;
    for (const account of this.core.accounts.values()) count += account.subscriptionCount;
    return count;
  }

  /**
   * Asks others what is needed for the start. Rejects with {@linkcode StartError}, also when the
   * options ask for what is not built.
   */
  async prepare(): Promise<void> {
    const unbuilt = unbuiltFeatures(this.options);
    if (unbuilt.length > 0) throw new StartError(unbuilt.join("\n"));
    if (this.operators !== null) await prepareOperators(this.operators);
  }

  /**
   * Opens the listeners; nothing once the server was stopped. Throws ListenError when an address
   * is taken.
   */
  start(): void {
    if (this.#stopping !== null) return;
    const { log } = this.env;
    log.notice("Starting nats-server");
    log.notice(`  Version:  ${VERSION} (natsts ${NATSTS_VERSION})`);
    log.notice(`  Git:      [not set]`);
    log.debug(`  Go build: ${this.info.go}`);
    log.notice(`  Name:     ${this.name}`);
    log.notice(`  ID:       ${this.id}`);
    const { options } = this;
    for (const line of describeFeatureFlags(options.featureFlags)) log.notice(line);
    if (this.auth.hasPlaintextPasswords) {
      log.warn("Plaintext passwords detected, use nkeys or bcrypt");
    }
    if (options.configFile !== "") {
      const digest = options.configDigest === "" ? "" : `(${options.configDigest})`;
      log.notice(`Using configuration file: ${options.configFile} ${digest}`);
    }
    logOperators(options, log);
    if (this.core.systemAccount?.name === SYSTEM_ACCOUNT && options.systemAccount === "") {
      log.debug(`Created system account: "${SYSTEM_ACCOUNT}"`);
    }
    try {
      writePidFile(this);
    } catch (error) {
      throw new StartError(`Could not write pidfile: ${(error as Error).message}`, {
        cause: error,
      });
    }
    this.#running = true;
    this.startJetStream();
    this.#startEvents();
    startOperators(this);
    this.tls?.start();
    this.certificateWatch.start();
    try {
      if (options.profPort !== 0) this.#profiling = new ProfilingPort(this);
      if (options.httpPort !== 0 || options.httpsPort !== 0) this.#monitor = startMonitoring(this);
      if (options.websocket.port !== 0) this.websocket = new WebsocketListener(this);
      if (options.mqtt.port !== 0) this.mqtt = new MqttListener(this);
      const { port, remotes } = options.leafNode;
      if (port !== 0 || remotes.length > 0) this.leafNodes = new LeafNodes(this);
      if (!options.dontListen) this.#listen();
      this.ocsp.start();
    } catch (error) {
      void this.#monitor?.stop();
      void this.#profiling?.stop();
      this.websocket?.close();
      this.mqtt?.close();
      this.leafNodes?.close();
      throw error;
    }
    this.leafNodes?.solicit();
    writePortsFile(this);
    this.#portsWritten = true;
    log.notice("Server is ready");
  }

  #startEvents(): void {
    const { systemAccount } = this.core;
    if (systemAccount === null) return;
    this.events = new SystemEvents(this, systemAccount);
    this.events.start();
  }

  /** Starts JetStream if there is one. Throws {@linkcode StartError}. */
  startJetStream(): void {
    if (this.jetStream === null) return;
    try {
      this.jetStream.start();
    } catch (error) {
      if (!(error instanceof JetStreamStartError)) throw error;
      throw new StartError(`Can't start JetStream: ${error.message}`, { cause: error });
    }
    this.info.jetstream = true;
    this.info.domain = this.options.jetStreamDomain;
  }

  #listen(): void {
    const { options, env } = this;
    this.#listener = env.net.listen(options.host, options.port);
    const { port } = this.#listener.address;
    options.port = port;
    this.advertise();
    const host = options.host.includes(":") ? `[${options.host}]` : options.host;
    env.log.notice(`Listening for client connections on ${host}:${port}`);
    if (options.proxyProtocol) {
      env.log.notice("PROXY protocol enabled for client connections");
    }
    if (options.tlsConfig !== null) {
      const firstOnly = options.tlsHandshakeFirst && options.tlsHandshakeFirstFallbackMs === 0;
      const choice = options.allowNonTls && !firstOnly ? "available" : "required";
      env.log.notice(`TLS ${choice} for client connections`);
      if (firstOnly) {
        env.log.warn(
          'Clients that are not using "TLS Handshake First" option will fail to connect',
        );
      }
    }
    this.#acceptLoop = this.#accept(this.#listener);
  }

  /** INFO shows the advertised address where there is one. */
  advertise(): void {
    const { clientAdvertise, host, port } = this.options;
    this.info.host = host;
    this.info.port = port;
    if (clientAdvertise === "") return;
    try {
      Object.assign(this.info, parseHostPort(clientAdvertise, port));
    } catch (error) {
      throw new StartError(
        `Error setting server INFO with ClientAdvertise value of ${clientAdvertise}, ` +
          `err=${(error as Error).message}`,
        { cause: error },
      );
    }
  }

  /** `host:port` under which clients reach this server, for those of its cluster. */
  get clientConnectUrls(): string[] {
    const { clientAdvertise: advertise, host, port } = this.options;
    return connectUrls({ advertise, host, port, net: this.env.net, log: this.env.log });
  }

  #accept(listener: Listener): Promise<void> {
    const isClosed = (): boolean => {
      const closed = !this.#running || this.#lameDuck || this.#listener !== listener;
      if (closed) this.env.log.debug("Client accept loop exiting..");
      return closed;
    };
    return this.#acceptErrors.acceptAll(
      "Client",
      listener,
      isClosed,
      (transport) => this.#serve(transport, false),
    );
  }

  /**
   * Reads the configuration file again and takes it over. Rejects with ReloadError when that cannot
   * be done; then nothing has changed.
   */
  reload(): Promise<void> {
    return this.#afterReloads(() => reloadConfiguration(this));
  }

  /** Takes over `options`; see {@linkcode reload}. What is not given is as without a configuration. */
  reloadOptions(options: Partial<Options>): Promise<void> {
    return this.#afterReloads(() => reloadOptions(this, { ...emptyOptions(), ...options }));
  }

  /** One reload after the other; none once the server is being stopped. */
  #afterReloads(reload: () => Promise<void>): Promise<void> {
    if (this.#stopping !== null) return Promise.resolve();
    const done = this.#reloading.then(reload);
    this.#reloading = done.catch(() => {});
    return done;
  }

  /** Opens a connection inside the process and returns the client's end. */
  connect(): Transport {
    if (!this.#running) throw new StartError("cannot connect: the server is not running");
    const pair = pipe(this.env.loop);
    this.#serve(pair.server, true);
    return pair.client;
  }

  #serve(transport: Transport, inProcess: boolean): void {
    const serving = this.#serveClient(transport, inProcess).catch((error) => {
      this.env.log.error(`Client connection failed: ${(error as Error).stack ?? error}`);
      transport.close();
    });
    this.#serving.add(serving);
    void serving.then(() => this.#serving.delete(serving));
  }

  /**
   * Makes the connection of a client that has come over `transport`, and greets it. `prepare` says
   * what is particular to how it came. Null when the client cannot be served.
   */
  admit(
    transport: Transport,
    prepare: (connection: Connection) => void,
    greet: (connection: Connection) => void = (connection) =>
      connection.sendLine(this.infoLine(connection, false)),
  ): Connection | null {
    const connection = new Connection(
      this.core,
      "client",
      this.takeConnectionId(),
      transport,
      this,
    );
    this.totalConnections++;
    prepare(connection);
    connection.expectConnect = this.auth.requiredOf(connection);
    connection.bindAccount(this.core.globalAccount);
    connection.debug("Client connection created");
    if (!this.#running || this.#lameDuck) {
      transport.close();
      return null;
    }
    if (this.auth.nonceRequired) connection.nonce = this.newNonce();
    greet(connection);
    const { maxConn } = this.options;
    if (maxConn < 0 || (maxConn > 0 && this.clients.size >= maxConn)) {
      connection.maxConnectionsExceeded();
      return null;
    }
    this.clients.set(connection.id, connection);
    return connection;
  }

  async #serveClient(transport: Transport, inProcess: boolean): Promise<void> {
    const { tls } = this;
    const handshakeFirst = tls !== null && this.options.tlsHandshakeFirst;
    const connection = this.admit(transport, (made) => {
      made.inProcess = inProcess;
      made.hidesAddress = this.options.proxyProtocol;
    }, (made) => {
      if (!handshakeFirst) made.sendLine(this.infoLine(made, false));
    });
    if (connection === null) return;
    if (tls !== null) {
      if (!(await this.#secure(connection, tls, handshakeFirst))) return;
    } else if (this.options.proxyProtocol) {
      await connection.out.drained();
      if (!(await this.#readProxyHeader(connection))) return;
    }
    await new ClientConnection(this, connection).serve(null);
  }

  /** Brings a connection to where its protocol starts; false when it was closed on the way. */
  async #secure(connection: Connection, tls: ClientTls, first: boolean): Promise<boolean> {
    const { allowNonTls } = this.options;
    let handshakeFirst = first;
    if (first && !(await tls.beginsWithTls(connection))) {
      if (connection.closed) return false;
      handshakeFirst = false;
      connection.sendLine(this.infoLine(connection, false));
    }
    // INFO must have left in plain text before TLS takes the transport over.
    await connection.out.drained();
    if (connection.closed) return false;
    if (this.options.proxyProtocol && !(await this.#readProxyHeader(connection))) return false;
    let secured = true;
    if (!handshakeFirst && (connection.inProcess || allowNonTls)) {
      secured = await tls.wantsTls(connection);
      if (connection.closed) return false;
    }
    if (secured && !(await tls.handshake(connection, this.ocsp))) return false;
    if (handshakeFirst) {
      connection.handshakeFirst = true;
      connection.sendLine(this.infoLine(connection, false));
    }
    const { tls: state } = connection.transport;
    if (state !== null) {
      connection.debug("TLS handshake complete");
      connection.debug(`TLS version ${state.version}, cipher suite ${state.cipherSuite}`);
    }
    return true;
  }

  /** Learns from a load balancer who the client is; false when the connection was closed. */
  async #readProxyHeader(connection: Connection): Promise<boolean> {
    if (connection.closed) return false;
    const { transport } = connection;
    try {
      const { addresses, rest } = await readProxyHeader(transport, this.env.loop);
      if (connection.closed) return false;
      connection.replaceTransport(
        new ProxiedTransport(transport, addresses?.source ?? transport.remote, rest),
      );
      if (addresses !== null) {
        connection.host = addresses.source.host;
        connection.port = addresses.source.port;
      }
      connection.hidesAddress = false;
      return true;
    } catch (error) {
      if (!(error instanceof ProxyProtocolError)) throw error;
      if (connection.closed) return false;
      const { host, port } = transport.remote;
      const from = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
      this.env.log.warn(`Error reading PROXY protocol header from ${from}: ${error.message}`);
      connection.close(ClosedState.ProtocolViolation);
      return false;
    }
  }

  /** An id that no other connection has. */
  takeConnectionId(): number {
    return this.#nextConnectionId++;
  }

  /** What a connection has to sign. */
  newNonce(): string {
    const bytes = new Uint8Array(NONCE_BYTES);
    this.env.random.fill(bytes);
    return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")
      .replaceAll("=", "");
  }

  /** INFO as it concerns the listener that `connection` came to. */
  infoOf({ overWebsocket }: Connection): Info {
    const { info, websocket, options } = this;
    if (!overWebsocket || websocket === null) return info;
    const { secure, port } = websocket;
    const { host } = options.websocket;
    return {
      ...info,
      host,
      port,
      tls_required: secure,
      tls_available: secure,
      auth_required: info.auth_required || listenerAuthOf(options.websocket).overrides,
    };
  }

  infoLine(connection: Connection, afterConnect: boolean): string {
    const { options } = this;
    const own: Info = {
      ...this.infoOf(connection),
      client_id: connection.id,
      client_ip: connection.hidesAddress ? "" : connection.host,
      max_payload: connection.maxPayload,
      nonce: afterConnect ? "" : connection.nonce,
    };
    if (own.tls_required && connection.inProcess && !(afterConnect && connection.handshakeFirst)) {
      own.tls_required = false;
      own.tls_available = true;
    }
    if (!afterConnect && connection.handshakeFirst) own.tls_required = true;
    if (
      !afterConnect && !connection.overWebsocket && own.auth_required &&
      options.noAuthUser !== "" &&
      options.noAuthUser !== this.core.openUser
    ) own.auth_required = false;
    if (afterConnect) {
      own.connect_info = true;
      own.remote_account = textOfByteString(connection.account!.name);
      own.acc_is_sys = connection.account === this.core.systemAccount;
    }
    return infoLine(own);
  }

  onClosed(connection: Connection, reason: ClosedState): void {
    if (!this.clients.delete(connection.id) && reason !== ClosedState.MaxConnectionsExceeded) {
      return;
    }
    this.closedConnections.add(connection, reason, this.env.clock.nowMs());
  }

  /** Stops taking clients, tells the present ones, and closes them one after the other. */
  async lameDuckShutdown(): Promise<void> {
    if (this.#lameDuck || !this.#running) return;
    this.#lameDuck = true;
    const { options, env } = this;
    env.log.notice("Entering lame duck mode, stop accepting new clients");
    this.#listener?.close();
    this.websocket?.close();
    this.mqtt?.close();
    this.events?.lameDuck();
    for (const connection of this.clients.values()) this.announceLameDuck(connection);
    if (this.clients.size > 0) {
      await this.#pause(options.lameDuckGracePeriodMs);
      await this.#closeGradually();
    }
    await this.stop();
  }

  announceLameDuck(connection: Connection): boolean {
    if (connection.connect.protocol < 1 || !connection.firstPongSent) return false;
    const { id, host, maxPayload } = connection;
    connection.sendLine(
      infoLine({
        ...this.infoOf(connection),
        ldm: true,
        client_id: id,
        client_ip: host,
        max_payload: maxPayload,
      }),
    );
    return true;
  }

  async #closeGradually(): Promise<void> {
    const { lameDuckDurationMs, lameDuckGracePeriodMs } = this.options;
    const clients = [...this.clients.values()];
    if (clients.length === 0) return;
    this.env.log.notice("Closing existing clients");
    const pace = closingPace(clients.length, lameDuckDurationMs, lameDuckGracePeriodMs);
    for (let i = 0; i < clients.length && this.#stopping === null; i++) {
      clients[i]!.close(ClosedState.ServerShutdown);
      if ((i + 1) % pace.batch === 0 && i + 1 < clients.length) {
        await this.#pause(pace.intervalMs * (0.5 + this.env.random.unit() / 2));
      }
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.env.loop.setTimer(resolve, delayMs);
      void this.finished.then(() => {
        this.env.loop.clearTimer(timer);
        resolve();
      });
    });
  }

  /** Closes everything. Resolves when no socket or timer of the server is left. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** {@linkcode stop}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    const { log } = this.env;
    log.notice("Initiating Shutdown...");
    this.#running = false;
    await this.#reloading;
    this.certificateWatch.stop();
    this.tls?.stop();
    this.ocsp.interrupt();
    this.operators?.stop();
    this.events?.stop();
    this.events = null;
    this.#listener?.close();
    this.websocket?.close();
    this.mqtt?.close();
    this.leafNodes?.close();
    this.#acceptErrors.stop();
    this.env.passwords.close();
    // Whoever waits for messages hears of it before the connection ends.
    if (this.jetStream?.signalPullConsumers() === true) await this.#pause(PULLS_GRACE_MS);
    for (const connection of [...this.clients.values()]) {
      connection.close(ClosedState.ServerShutdown);
    }
    await this.#acceptLoop;
    await this.websocket?.ended();
    await this.mqtt?.ended();
    await this.leafNodes?.ended();
    await Promise.all([...this.#serving]);
    await this.jetStream?.stop();
    const monitor = this.#monitor;
    this.#monitor = null;
    await monitor?.stop();
    await this.#profiling?.stop();
    if (this.#portsWritten) removePortsFile(this);
    this.core.stop();
    log.notice("Server Exiting..");
    await this.ocsp.stop();
    this.#stopped!();
  }
}
