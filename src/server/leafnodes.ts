/**
 * The leaf nodes of a server: the listener for those that come, and the hubs that it connects to.
 *
 * Reference: startLeafNodeAcceptLoop, createLeafNode and solicitLeafNodeRemotes in
 * server/leafnode.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import { goQuote } from "../base/text/go_format.ts";
import { AddressError, parseHostPort } from "../base/text/host_port.ts";
import type { AuthOutcome } from "../core/auth/authenticator.ts";
import { checkLeafNode } from "../core/auth/leaf_authenticator.ts";
import { ClosedState } from "../core/connection/closed_state.ts";
import { Connection, type ConnectionRegistry } from "../core/connection/connection.ts";
import { LeafLink } from "../core/connection/leaf_link.ts";
import type { Core } from "../core/core.ts";
import {
  type LeafConnect,
  LeafConnection,
  leafConnectShape,
  type LeafContext,
  type LeafInfo,
  leafInfoLine,
  leafInfoShape,
  LeafInterest,
  RemoteLeaf,
} from "../leafnode/mod.ts";
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
import { VERSION } from "./version.ts";
import { contextOf } from "./websocket.ts";

/** Leaf nodes and hubs of one server. */
export class LeafNodes implements LeafContext, ConnectionRegistry {
  readonly core: Core;
  readonly interest: LeafInterest;
  readonly info: LeafInfo = leafInfoShape.create();
  /** Connections that are complete, by id. */
  readonly connections: Map<number, Connection> = new Map();
  /** Those that shake hands. */
  readonly #arriving = new Set<Connection>();
  readonly #remotes: RemoteLeaf[] = [];
  readonly #serving = new Set<Promise<void>>();
  readonly #acceptErrors: AcceptErrors;
  readonly #context: TlsServerContext | null;
  #listener: Listener | null = null;
  #closed = false;

  /** Opens the listener, if there is to be one. Throws StartError when its address is taken. */
  constructor(readonly server: Server) {
    const { core, env, options: { leafNode } } = server;
    this.core = core;
    this.interest = new LeafInterest(env.random);
    this.#acceptErrors = new AcceptErrors(env.log, env.loop);
    this.#context = leafNode.port === 0 ? null : contextOf(server, leafNode.tlsConfig);
    if (leafNode.port !== 0) this.#listen();
  }

  /** The real port when a random one was asked for; 0 without a listener. */
  get port(): number {
    return this.#listener?.address.port ?? 0;
  }

  #listen(): void {
    const { env, options: { leafNode } } = this.server;
    try {
      this.#listener = env.net.listen(leafNode.host, Math.max(0, leafNode.port));
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      throw new StartError(
        `Error listening on leafnode port: ${leafNode.port} - ${error.message}`,
        { cause: error },
      );
    }
    leafNode.port = this.port;
    env.log.notice(`Listening for leafnode connections on ${joined(leafNode.host, this.port)}`);
    this.#fillInfo();
    this.#track(
      this.#acceptErrors.acceptAll(
        "Leafnode",
        this.#listener,
        () => this.#closed,
        (transport) => this.#track(this.#serveLeaf(transport)),
      ),
    );
  }

  #fillInfo(): void {
    const { info, server: { info: clientInfo, options } } = this;
    const { leafNode } = options;
    info.serverId = clientInfo.server_id;
    info.serverName = clientInfo.server_name;
    info.version = clientInfo.version;
    info.proto = clientInfo.proto;
    info.go = clientInfo.go;
    info.authRequired = true;
    info.tlsRequired = leafNode.tlsConfig !== null;
    info.tlsVerify = leafNode.tlsConfig?.verify ?? false;
    info.maxPayload = clientInfo.max_payload;
    info.headers = !options.noHeaderSupport;
    info.jetStream = options.jetStream;
    info.domain = options.jetStreamDomain;
    info.infoOnConnect = true;
    info.apiLevel = clientInfo.api_lvl;
    info.cluster = options.cluster.name;
    this.#fillAddress();
    info.leafNodeUrls = [info.ip];
  }

  #fillAddress(): void {
    const { info, server: { env, options: { leafNode } } } = this;
    info.host = leafNode.host;
    info.port = leafNode.port;
    if (leafNode.advertise !== "") {
      try {
        Object.assign(info, parseHostPort(leafNode.advertise, leafNode.port));
      } catch (error) {
        if (!(error instanceof AddressError)) throw error;
        throw new StartError(
          `Error setting leafnode INFO with LeafNode.Advertise value of ${leafNode.advertise}, ` +
            `err=${error.message}`,
          { cause: error },
        );
      }
    } else if (info.host === "0.0.0.0" || info.host === "::") {
      const [address] = env.net.interfaceAddresses();
      if (address !== undefined) info.host = address;
      else {
        env.log.error(
          `Could not find any non-local IP for leafnode's listen specification ` +
            goQuote(info.host),
        );
      }
    }
    info.ip = joined(info.host, info.port);
    if (leafNode.advertise !== "") {
      env.log.notice(`Advertise address for leafnode is set to ${info.ip}`);
    }
  }

  /** Connects to the hubs of the configuration. */
  solicit(): void {
    const { server, core } = this;
    const { env, options } = server;
    for (const remote of options.leafNode.remotes) {
      if (remote.disabled) continue;
      const name = byteStringOfText(remote.localAccount);
      const account = name === "" ? core.globalAccount : core.accounts.get(name);
      if (account === undefined) {
        env.log.error(
          `Unable to lookup account ${remote.localAccount} for solicited leafnode connection: ` +
            "account missing",
        );
        continue;
      }
      const hub = new RemoteLeaf(remote, account, options, env);
      this.#remotes.push(hub);
      this.#track(hub.run((transport) => this.#serveHub(transport, hub)));
    }
  }

  /** Work that {@linkcode ended} waits for. */
  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work.catch((error) => {
      this.server.env.log.error(`Leafnode failed: ${(error as Error).stack ?? error}`);
    }).then(() => {
      this.#serving.delete(tracked);
    });
    this.#serving.add(tracked);
  }

  #newConnection(transport: Transport, solicited: boolean): Connection {
    const { core, server: { options: { leafNode } } } = this;
    const id = this.server.takeConnectionId();
    const connection = new Connection(core, "leafnode", id, transport, this);
    connection.leaf = new LeafLink(solicited);
    connection.leaf.isolated = leafNode.isolateLeafnodeInterest;
    connection.echo = false;
    connection.expectConnect = true;
    connection.relabel("lid");
    if (leafNode.writeDeadlineMs > 0) connection.writeDeadlineMs = leafNode.writeDeadlineMs;
    connection.writeTimeout = leafNode.writeTimeout === "close" ? "close" : "retry";
    this.#arriving.add(connection);
    return connection;
  }

  async #serveLeaf(transport: Transport): Promise<void> {
    const connection = this.#newConnection(transport, false);
    connection.notice("Leafnode connection created");
    if (this.#closed) return connection.close(ClosedState.ServerShutdown);
    connection.nonce = this.server.newNonce();
    const { nonce, id: clientId } = connection;
    const { leafNode } = this.server.options;
    const info = leafInfoLine({ ...this.info, nonce, clientId });
    const context = this.#context;
    if (context === null) connection.sendLine(info);
    else {
      if (!leafNode.tlsHandshakeFirst) {
        connection.sendLine(info);
        await connection.out.drained();
      }
      if (connection.closed || !(await this.#handshake(connection, context))) return;
      if (leafNode.tlsHandshakeFirst) connection.sendLine(info);
    }
    await new LeafConnection(this, connection, null).serve();
  }

  async #handshake(connection: Connection, context: TlsServerContext): Promise<boolean> {
    const { ocsp, options: { leafNode } } = this.server;
    try {
      const transport = await context.accept(
        connection.transport,
        leafNode.tlsTimeoutMs,
        ocsp.clientCheck(context),
      );
      if (connection.closed) {
        transport.close();
        return false;
      }
      connection.replaceTransport(transport);
      const pinned = leafNode.tlsPinnedCerts;
      if (isPinned(transport, pinned, (text) => connection.debug(text))) return true;
      connection.error("TLS leafnode handshake error: certificate not pinned");
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      if (connection.closed) return false;
      connection.error(`TLS leafnode handshake error: ${error.message}`);
    }
    connection.close(ClosedState.TLSHandshakeError);
    return false;
  }

  async #serveHub(transport: Transport, hub: RemoteLeaf): Promise<void> {
    const connection = this.#newConnection(transport, true);
    const leaf = connection.leaf!;
    leaf.isSpoke = !hub.options.hub;
    leaf.isolated ||= hub.options.localIsolation;
    connection.notice(
      `Leafnode connection created for account: ${textOfByteString(hub.account.nameTag)}`,
    );
    if (this.#closed) return connection.close(ClosedState.ServerShutdown);
    await new LeafConnection(this, connection, hub).serve();
  }

  authenticate(connection: Connection): AuthOutcome | Promise<AuthOutcome> {
    return checkLeafNode(connection, this.server.auth);
  }

  describe(): LeafConnect {
    const { info, options } = this.server;
    const connect = leafConnectShape.create();
    connect.version = VERSION;
    connect.serverId = info.server_id;
    connect.domain = options.jetStreamDomain;
    connect.name = info.server_name;
    connect.cluster = options.cluster.name;
    connect.jetStream = options.jetStream;
    connect.protocol = info.proto;
    return connect;
  }

  readFile(path: string): Uint8Array {
    return this.server.env.files.readFile(path);
  }

  joined(connection: Connection): void {
    const twin = connection.leaf!.solicited ? undefined : this.#twinOf(connection);
    this.#arriving.delete(connection);
    this.connections.set(connection.id, connection);
    this.core.leafCount = this.connections.size;
    if (twin === undefined) return;
    const reason = ClosedState.DuplicateRemoteLeafnodeConnection;
    twin.error(reason);
    twin.sendError(reason);
    twin.close(reason);
    this.server.env.log.warn(`${connection.label} - Replacing connection from same server`);
  }

  /** The connection that the same server has had before for the same accounts. */
  #twinOf({ account, leaf }: Connection): Connection | undefined {
    const { remoteServer, remoteCluster, remoteAccount } = leaf!;
    if (remoteServer === "" || remoteAccount === "") return undefined;
    return [...this.connections.values()].find((other) =>
      !other.leaf!.solicited && other.account === account &&
      other.leaf!.remoteServer === remoteServer && other.leaf!.remoteCluster === remoteCluster &&
      other.leaf!.remoteAccount === remoteAccount
    );
  }

  onClosed(connection: Connection): void {
    this.#arriving.delete(connection);
    this.connections.delete(connection.id);
    connection.leaf!.interest = null;
    this.core.env.loop.endOfTurn(() => this.core.leafCount = this.connections.size);
  }

  /** Sends leaf nodes away, so that they log in again under the rules of now. */
  reauthorize(): void {
    for (const connection of [...this.#arriving, ...this.connections.values()]) {
      if (!connection.leaf!.solicited) connection.close(ClosedState.AuthenticationExpired);
    }
  }

  /** Takes and makes no more connections, and ends those that are there. */
  close(): void {
    this.#closed = true;
    this.#listener?.close();
    this.#acceptErrors.stop();
    for (const remote of this.#remotes) remote.stop();
    for (const connection of [...this.#arriving, ...this.connections.values()]) {
      connection.close(ClosedState.ServerShutdown);
    }
  }

  /** Resolves when nothing is served any more. */
  async ended(): Promise<void> {
    while (this.#serving.size > 0) await Promise.all(this.#serving);
  }
}

function joined(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
