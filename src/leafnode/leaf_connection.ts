/**
 * The edge of connections between hubs and leaf nodes, on either side.
 *
 * ```text
 * hub (accepts)                                leaf (connects)
 *   INFO, nonce              ──────────────▶
 *                            ◀──────────────   CONNECT
 *   INFO, permissions        ──────────────▶
 *   LS+ …                    ◀─────────────▶   LS+ …, messages
 * ```
 *
 * Reference: processLeafNodeConnect, processLeafnodeInfo, leafNodeFinishConnectProcess,
 * processLeafSub, processLeafUnsub and leafProcessErr in server/leafnode.go.
 *
 * @module
 */
import { JsonShapeError, JsonSyntaxError } from "../base/json/mod.ts";
import { textOfByteString } from "../base/text/byte_string.ts";
import { goQuote } from "../base/text/go_format.ts";
import { type SubjectPermission, versionAtLeast } from "../config/mod.ts";
import type { Account } from "../core/account/account.ts";
import { AuthOutcome } from "../core/auth/authenticator.ts";
import { ClosedState } from "../core/connection/closed_state.ts";
import type { Connection } from "../core/connection/connection.ts";
import { Subscription } from "../core/connection/subscription.ts";
import type { Core } from "../core/core.ts";
import { publishFromLeaf } from "../core/deliver/leaf_delivery.ts";
import { serverErrorTexts } from "../errors/mod.ts";
import { TransportProtocolError } from "../platform/mod.ts";
import { type InboundMessage, parseSize, ParseStatus } from "../protocol/mod.ts";
import { addCredentials, CredentialsError } from "./credentials.ts";
import { separateDomains } from "./domains.ts";
import { type LeafInterest, LOOP_PREFIX } from "./interest.ts";
import { LeafKeepAlive } from "./keep_alive.ts";
import { type LeafOperations, LeafParser } from "./leaf_parser.ts";
import {
  decodeLeafConnect,
  decodeLeafInfo,
  type LeafConnect,
  leafConnectLine,
  type LeafInfo,
  leafInfoLine,
} from "./messages.ts";
import type { RemoteLeaf } from "./remote_leaf.ts";
import { deny, withDenied } from "./rules.ts";

/** What leaf node connections need of their server. */
export interface LeafContext {
  readonly core: Core;
  readonly interest: LeafInterest;
  /** INFO for leaf nodes that come to this server, without what is particular to one. */
  readonly info: LeafInfo;
  authenticate(connection: Connection): AuthOutcome | Promise<AuthOutcome>;
  /** What this server says of itself to hubs. */
  describe(): LeafConnect;
  readFile(path: string): Uint8Array;
  /** The connection is complete, and takes the place of an older one of the same server. */
  joined(connection: Connection): void;
}

const READ_BUFFER_BYTES = 64 * 1024;
const NO_BYTES = new Uint8Array(0);
/** How long a hub may take to answer CONNECT. */
const CONNECT_PROCESS_MS = 2000;
const LOOP_DELAY_MS = 30_000;
const SAME_CLUSTER_DELAY_MS = 30_000;
const PERMISSION_DELAY_MS = 30_000;
const MIN_VERSION_DELAY_MS = 5000;

/** Serves one connection; `remote` is the hub that this server has connected to, or null. */
export class LeafConnection implements LeafOperations {
  readonly parser: LeafParser;
  readonly #keepAlive: LeafKeepAlive;
  #pendingAuth: Promise<AuthOutcome> | null = null;
  #hello: LeafConnect | null = null;
  #infoReceived = false;
  #joined = false;

  constructor(
    readonly context: LeafContext,
    readonly connection: Connection,
    readonly remote: RemoteLeaf | null,
  ) {
    const parser = new LeafParser(this);
    this.parser = parser;
    this.#keepAlive = new LeafKeepAlive(connection);
    connection.settingsChanged = () => {
      const { options } = context.core;
      parser.maxControlLine = options.maxControlLine;
      parser.maxPayload = connection.maxPayload;
      parser.trace = connection.trace;
    };
    connection.settingsChanged();
    parser.maxPayload = context.core.options.maxPayload || -1;
    if (remote !== null) connection.leaf!.delayReconnect = () => remote.delay(PERMISSION_DELAY_MS);
  }

  /** Serves the connection until it is gone; INFO of an accepted one was sent. */
  async serve(): Promise<void> {
    const { connection, remote, context } = this;
    const { leafNode } = context.core.options;
    if (remote === null) {
      this.parser.awaitingConnect = true;
      connection.setAuthTimer(leafNode.authTimeoutMs, () => {
        connection.sendError("Authentication Timeout");
        connection.debug("Authentication Timeout");
        connection.close(ClosedState.AuthenticationTimeout);
      });
    } else {
      connection.setAuthTimer(remote.options.firstInfoTimeoutMs, () => {
        connection.error("Leafnode INFO has not come in time");
        connection.close(ClosedState.ReadError);
      });
    }
    await this.#readLoop();
  }

  async #readLoop(): Promise<void> {
    const { connection, parser, context: { core } } = this;
    const buffer = new Uint8Array(READ_BUFFER_BYTES);
    while (!connection.closed) {
      let count: number | null;
      try {
        count = await connection.transport.read(buffer);
      } catch (error) {
        if (error instanceof TransportProtocolError && !connection.closed) {
          connection.error(`read error: ${error.message}`);
        }
        connection.close(ClosedState.ReadError);
        return;
      }
      if (connection.closed) return;
      if (count === null) return connection.close(ClosedState.ClientClosed);
      core.turnMs = core.env.clock.monotonicMs();
      connection.lastInboundMs = core.turnMs;
      let status = parser.parse(buffer, 0, count);
      while (status === ParseStatus.Paused) {
        const outcome = await this.#pendingAuth!;
        if (connection.closed) return;
        core.turnMs = core.env.clock.monotonicMs();
        status = this.#authenticated(outcome);
        if (status === ParseStatus.Ok) status = parser.parse(NO_BYTES, 0, 0);
      }
      if (status === ParseStatus.Failed) {
        connection.error(parser.errorText);
        connection.close(ClosedState.ProtocolViolation);
      }
      if (status !== ParseStatus.Ok) return;
      if (core.crowded !== null) await this.#stall();
    }
  }

  /** Gives a crowded receiver a moment before more is read. */
  async #stall(): Promise<void> {
    const { core } = this.context;
    const crowded = core.crowded!;
    core.crowded = null;
    crowded.stalls++;
    core.stats.stalls++;
    await this.#keepAlive.stall(crowded);
  }

  onMessage(message: InboundMessage): void {
    publishFromLeaf(this.context.core, this.connection, message);
  }

  onPing(): void {
    this.connection.sendPong();
  }

  onPong(): void {
    this.#keepAlive.onPong();
  }

  onTrace(line: string): void {
    const shown = line.startsWith("CONNECT") ? "CONNECT" : textOfByteString(line);
    this.connection.traceLine(`<<- [${shown}]`);
  }

  onMissingConnect(): ParseStatus {
    this.connection.authViolation();
    return ParseStatus.Ended;
  }

  onMaxPayload(sizeBytes: number): ParseStatus {
    const { connection, parser } = this;
    connection.error(`maximum payload exceeded: ${sizeBytes} vs ${parser.maxPayload}`);
    connection.sendError("Maximum Payload Violation");
    connection.close(ClosedState.MaxPayloadExceeded);
    return ParseStatus.Ended;
  }

  onMaxControlLine(text: string): ParseStatus {
    this.connection.error(text);
    this.connection.sendError("maximum control line exceeded");
    this.connection.close(ClosedState.MaxControlLineExceeded);
    return ParseStatus.Ended;
  }

  /** Ends the connection with an error that both sides log. */
  #end(text: string, reason: ClosedState): ParseStatus {
    this.connection.error(text);
    this.connection.sendError(text);
    this.connection.close(reason);
    return ParseStatus.Ended;
  }

  #malformed(error: unknown): ParseStatus {
    if (!(error instanceof JsonShapeError) && !(error instanceof JsonSyntaxError)) throw error;
    return this.parser.fail(error.message);
  }

  onConnect(json: Uint8Array): ParseStatus {
    const { connection, context, parser, remote } = this;
    if (remote !== null || connection.connectReceived) {
      return this.#end("Unexpected CONNECT of a leafnode", ClosedState.ProtocolViolation);
    }
    connection.clearAuthTimer();
    let hello: LeafConnect;
    try {
      hello = decodeLeafConnect(json);
    } catch (error) {
      return this.#malformed(error);
    }
    this.#hello = hello;
    connection.connectReceived = true;
    parser.awaitingConnect = false;
    const { connect } = connection;
    connect.user = hello.user;
    connect.pass = hello.pass;
    connect.auth_token = hello.token;
    connect.nkey = hello.nkey;
    connect.jwt = context.core.operators === null ? "" : hello.jwt;
    connect.sig = hello.sig;
    connect.name = hello.name;
    connect.version = hello.version;
    connect.lang = hello.lang;
    connect.verbose = false;
    const outcome = context.authenticate(connection);
    if (typeof outcome === "number") return this.#authenticated(outcome);
    this.#pendingAuth = outcome;
    return ParseStatus.Paused;
  }

  #authenticated(outcome: AuthOutcome): ParseStatus {
    const { connection, context: { core } } = this;
    this.#pendingAuth = null;
    if (outcome === AuthOutcome.AccountFull) return ParseStatus.Ended;
    const hello = this.#hello!;
    if (outcome === AuthOutcome.Refused) {
      connection.authViolation();
      return ParseStatus.Ended;
    }
    if (connection.account === null && !connection.bindAccount(core.globalAccount)) {
      connection.maxAccountConnectionsExceeded();
      return ParseStatus.Ended;
    }
    const refusal = this.#refusalOf(hello);
    if (refusal !== null) return this.#end(...refusal);
    this.#takeOver(hello, connection.account!);
    return ParseStatus.Ok;
  }

  /** Why the other side cannot be a leaf node, and the closed state; null when it can. */
  #refusalOf({ lang, cluster, gateway, version }: LeafConnect): [string, ClosedState] | null {
    const { core: { options } } = this.context;
    if (lang !== "") {
      return [serverErrorTexts.ErrClientConnectedToLeafNodePort, ClosedState.WrongPort];
    }
    if (cluster.includes(" ")) {
      return [serverErrorTexts.ErrClusterNameHasSpaces, ClosedState.ProtocolViolation];
    }
    if (cluster !== "" && cluster === options.cluster.name) {
      return [serverErrorTexts.ErrLeafNodeHasSameClusterName, ClosedState.ClusterNamesIdentical];
    }
    if (gateway !== "") {
      return [
        `Rejecting connection from gateway ${goQuote(gateway)} on the leafnode port`,
        ClosedState.WrongGateway,
      ];
    }
    const { minVersion } = options.leafNode;
    if (minVersion === "") return null;
    const [major = 0, minor = 0, patch = 0] = minVersion.split(/[.+-]/).map(Number);
    if (versionAtLeast(version, [major, minor, patch]) === true) return null;
    this.#sendInfo(null, null);
    return [
      `${serverErrorTexts.ErrLeafNodeMinVersionRejected} ${goQuote(minVersion)}`,
      ClosedState.MinimumVersionRequired,
    ];
  }

  /** Takes a leaf node in, or the hub that has connected to this server. */
  #takeOver(hello: LeafConnect, account: Account): void {
    const { connection, context } = this;
    const { core } = context;
    const leaf = connection.leaf!;
    connection.headers = !core.options.noHeaderSupport && hello.headers;
    leaf.remoteServer = hello.name;
    leaf.remoteAccount = hello.remoteAccount;
    leaf.remoteCluster = hello.cluster;
    leaf.remoteDomain = hello.domain;
    leaf.isolated ||= hello.isolate;
    leaf.isSpoke = hello.isHub;
    const user = connection.permissions?.source ?? null;
    const toLeaf = user?.subscribe ?? null;
    const fromLeaf = user?.publish ?? null;
    if (user !== null) {
      // Users say what clients do; here the leaf is the client.
      leaf.limitInbound(user, (text) => connection.error(text));
      connection.setPermissions({ publish: toLeaf, subscribe: fromLeaf, response: null });
    }
    deny(connection, "publish", hello.denyPub);
    this.#complete(account, () => this.#sendInfo(toLeaf, fromLeaf));
  }

  #sendInfo(toLeaf: SubjectPermission | null, fromLeaf: SubjectPermission | null): void {
    const { connection, context } = this;
    connection.sendLine(leafInfoLine({
      ...context.info,
      clientId: connection.id,
      import: toLeaf,
      export: fromLeaf,
      remoteAccount: textOfByteString(connection.account!.name),
      isSystemAccount: connection.account === context.core.systemAccount,
      connectInfo: true,
    }));
  }

  /** Both sides know of each other: from now on interest and messages flow. */
  #complete(account: Account, greet: () => void): void {
    const { connection, context } = this;
    this.#joined = true;
    connection.echo = false;
    connection.settingsChanged?.();
    context.joined(connection);
    separateDomains(connection, context.core.options);
    // A leaf takes nothing that it may not ask for.
    if (connection.leaf!.isSpoke) {
      this.#limitImports(connection.permissions?.source.subscribe ?? null);
    }
    greet();
    context.interest.introduce(connection, account);
    this.#keepAlive.start();
  }

  onInfo(json: Uint8Array): ParseStatus {
    const { connection, remote } = this;
    // Hubs have nothing to learn of leaf nodes by INFO.
    if (remote === null) return ParseStatus.Ok;
    let info: LeafInfo;
    try {
      info = decodeLeafInfo(json);
    } catch (error) {
      return this.#malformed(error);
    }
    const first = !this.#infoReceived;
    if (first) {
      const status = this.#meetHub(info);
      if (status !== ParseStatus.Ok) return status;
    } else if (info.remoteAccount !== "") connection.leaf!.remoteAccount = info.remoteAccount;
    if (!remote.options.ignoreDiscoveredServers && (info.leafNodeUrls?.length ?? 0) > 0) {
      remote.discovered(info.leafNodeUrls!);
    }
    if (info.import !== null || info.export !== null) this.#obey(info.import, info.export);
    if (first && !this.#sendConnect(info)) return ParseStatus.Ended;
    if (!this.#joined && (info.connectInfo || (first && !info.infoOnConnect))) {
      return this.#joinHub();
    }
    return ParseStatus.Ok;
  }

  /** Learns from the first INFO who the hub is. */
  #meetHub(info: LeafInfo): ParseStatus {
    const { connection, context: { core } } = this;
    this.#infoReceived = true;
    if (info.clientId === 0 || info.leafNodeUrls === null) {
      connection.error(serverErrorTexts.ErrConnectedToWrongPort);
      connection.close(ClosedState.WrongPort);
      return ParseStatus.Ended;
    }
    if (info.tlsRequired) {
      connection.error("Leafnode hub requires TLS, which is not built yet for remotes");
      connection.close(ClosedState.TLSHandshakeError);
      return ParseStatus.Ended;
    }
    if (info.cluster.includes(" ")) {
      return this.#end(serverErrorTexts.ErrClusterNameHasSpaces, ClosedState.ProtocolViolation);
    }
    connection.nonce = info.nonce;
    connection.headers = !core.options.noHeaderSupport && info.headers;
    const leaf = connection.leaf!;
    leaf.remoteServer = info.serverName || info.serverId;
    leaf.remoteDomain = info.domain;
    leaf.remoteCluster = info.cluster;
    return ParseStatus.Ok;
  }

  /** Takes over what the hub lets this server send and receive. */
  #obey(receive: SubjectPermission | null, send: SubjectPermission | null): void {
    const { connection } = this;
    const { denyImports, denyExports } = this.remote!.options;
    const subscribe = withDenied(receive, denyImports);
    connection.setPermissions({
      publish: withDenied(send, denyExports),
      subscribe,
      response: null,
    });
    if (!this.#joined) return;
    separateDomains(connection, this.context.core.options);
    this.#limitImports(connection.permissions?.source.subscribe ?? null);
  }

  #limitImports(rule: SubjectPermission | null): void {
    const { connection } = this;
    connection.leaf!.limitInbound(
      rule === null ? null : { publish: rule, subscribe: null, response: null },
      (text) => connection.error(text),
    );
  }

  #sendConnect(info: LeafInfo): boolean {
    const { connection, context } = this;
    const remote = this.remote!;
    const connect = context.describe();
    connect.isHub = remote.options.hub;
    connect.headers = connection.headers;
    connect.denyPub = remote.options.denyImports;
    connect.compressMode = info.compression === "" ? "not supported" : "off";
    connect.isolate = remote.options.requestIsolation;
    connect.remoteAccount = textOfByteString(remote.account.name);
    try {
      addCredentials(connect, remote.options, remote.user, info.nonce, context.readFile);
    } catch (error) {
      connection.error(
        error instanceof CredentialsError
          ? error.message
          : `Error signing the nonce: ${(error as Error).message}`,
      );
      connection.close(ClosedState.WriteError);
      return false;
    }
    connection.sendLine(leafConnectLine(connect));
    connection.connectReceived = true;
    connection.debug("Remote leafnode connect msg sent");
    connection.setAuthTimer(CONNECT_PROCESS_MS, () => {
      connection.debug("Stale Leaf Node Connection - Closing");
      connection.sendError("Stale Leaf Node Connection - Closing");
      connection.close(ClosedState.StaleConnection);
    });
    return true;
  }

  #joinHub(): ParseStatus {
    const { connection } = this;
    const remote = this.remote!;
    connection.clearAuthTimer();
    if (!connection.bindAccount(remote.account)) {
      connection.maxAccountConnectionsExceeded();
      return ParseStatus.Ended;
    }
    const { denyImports, denyExports } = remote.options;
    deny(connection, "subscribe", denyImports);
    deny(connection, "publish", denyExports);
    this.#complete(remote.account, () => {});
    remote.connected();
    return ParseStatus.Ok;
  }

  onSub(args: string): ParseStatus {
    const { connection, context } = this;
    const { account } = connection;
    if (account === null || !this.#joined) return this.#tooEarly();
    const [subject = "", queue = null, weightText = null, ...rest] = args.split(/[ \t]+/)
      .filter((part) => part !== "");
    if (subject === "" || rest.length > 0 || (queue !== null && weightText === null)) {
      return this.parser.fail(`processLeafSub Parse Error: '${textOfByteString(args)}'`);
    }
    const isLoop = subject.startsWith(LOOP_PREFIX);
    if (isLoop && subject === context.interest.loopSubject(account)) return this.#loop(true);
    const literal = !subject.includes("*") && !subject.includes(">");
    if (!isLoop && literal && !this.#maySend(subject)) return this.#refuseInterest(subject);
    if (connection.subscriptionsAtLimit) {
      return this.#end("maximum subscriptions exceeded", ClosedState.MaxSubscriptionsExceeded);
    }
    const weight = weightText === null ? 1 : weightOf(weightText);
    const key = queue === null ? subject : `${subject} ${queue}`;
    const known = connection.subscriptions.get(key);
    if (known !== undefined) {
      this.#changeWeight(account, known, weight);
      return ParseStatus.Ok;
    }
    const subscription = new Subscription(connection, subject, queue, key);
    subscription.queueWeight = weight;
    connection.subscriptions.set(key, subscription);
    if (!account.insert(subscription)) {
      connection.subscriptions.delete(key);
      connection.error("Could not insert subscription: sublist: invalid subject");
      connection.sendError("Invalid Subscription");
    }
    return ParseStatus.Ok;
  }

  #maySend(subject: string): boolean {
    const { connection, context } = this;
    if (subject.startsWith("_R_.")) return true;
    return connection.permissions?.canPublish(subject, context.core.turnMs) ?? true;
  }

  /** A hub sends away who asks for what it may not have; a leaf just does not send it. */
  #refuseInterest(subject: string): ParseStatus {
    const { connection } = this;
    const shown = goQuote(textOfByteString(subject));
    connection.debug(`Permissions Violation for Subscription to ${shown}`);
    if (connection.leaf!.isSpoke) return ParseStatus.Ok;
    connection.sendError(`Permissions Violation for Subscription to ${shown}`);
    connection.error(`Subscription Violation on ${shown} - Check other side configuration`);
    connection.refusedByHub();
    return ParseStatus.Ended;
  }

  #changeWeight(account: Account, subscription: Subscription, weight: number): void {
    const delta = weight - subscription.queueWeight;
    if (subscription.queue === null || delta === 0) return;
    subscription.queueWeight = weight;
    account.sublist.refresh(subscription);
    account.interest?.interestChanged(account, subscription, delta);
  }

  #tooEarly(): ParseStatus {
    this.connection.sendError("Authorization Violation");
    this.connection.close(ClosedState.ProtocolViolation);
    return ParseStatus.Ended;
  }

  onUnsub(args: string): ParseStatus {
    const { connection } = this;
    if (connection.account === null || !this.#joined) return this.#tooEarly();
    const subscription = connection.subscriptions.get(args);
    if (subscription !== undefined) connection.removeSubscription(subscription);
    return ParseStatus.Ok;
  }

  onError(text: string): ParseStatus {
    const { connection, remote } = this;
    const shown = textOfByteString(text);
    connection.error(`Leafnode Error ${shown}`);
    const delayed = (what: string, delayMs: number): void => {
      remote?.delay(delayMs);
      connection.error(`${what}. Delaying attempt to reconnect for ${delayMs / 1000}s`);
    };
    if (text.includes(serverErrorTexts.ErrLeafNodeHasSameClusterName)) {
      delayed("Leafnode connection dropped with same cluster name error", SAME_CLUSTER_DELAY_MS);
    } else if (text.includes(serverErrorTexts.ErrLeafNodeMinVersionRejected)) {
      delayed(
        "Leafnode connection dropped due to minimum version requirement",
        MIN_VERSION_DELAY_MS,
      );
    } else if (text.includes("Loop detected")) return this.#loop(false);
    else if (text.includes("Permissions Violation")) remote?.delay(PERMISSION_DELAY_MS);
    connection.close(ClosedState.ParseError);
    return ParseStatus.Ended;
  }

  /** The subject of loop detection has come back, here or at the other end. */
  #loop(tell: boolean): ParseStatus {
    const { connection, remote } = this;
    remote?.delay(LOOP_DELAY_MS);
    const name = goQuote(textOfByteString(connection.account?.name ?? ""));
    const text = `Loop detected for leafnode account=${name}. Delaying attempt to reconnect for ` +
      `${LOOP_DELAY_MS / 1000}s`;
    if (tell) connection.sendError(text);
    connection.error(text);
    connection.close(ClosedState.ProtocolViolation);
    return ParseStatus.Ended;
  }
}

/** A weight that cannot be read counts once. */
function weightOf(text: string): number {
  const bytes = new TextEncoder().encode(text);
  return Math.max(1, parseSize(bytes, 0, bytes.length));
}
