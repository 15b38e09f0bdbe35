/**
 * One connection: its account, subscriptions, limits, counters and outbound bytes. What is
 * particular to clients, routes and others lives in their edges.
 *
 * Reference: client in server/client.go.
 *
 * @module
 */
import { byteStringOfText } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import type { TimerHandle, Transport } from "../../platform/mod.ts";
import { ConnectOptions } from "../../protocol/mod.ts";
import type { Permissions } from "../../config/mod.ts";
import type { Account } from "../account/account.ts";
import { type JwtUser, limitsOfUser } from "../auth/jwt_user.ts";
import type { Core } from "../core.ts";
import { ConnectionPermissions } from "../permission/permissions.ts";
import type { BriefInfo } from "./client_info.ts";
import type { ClientType, ConnectDefaults, ListenerAuth } from "./client_type.ts";
import { ClosedState } from "./closed_state.ts";
import type { LeafLink } from "./leaf_link.ts";
import { Outbound, type OutboundOwner } from "./outbound.ts";
import type { Subscription } from "./subscription.ts";

/** What sits at the other end. */
export type ConnectionKind = "client" | "route" | "gateway" | "leafnode";

const KIND_NAMES: Record<ConnectionKind, string> = {
  client: "Client",
  route: "Router",
  gateway: "Gateway",
  leafnode: "Leafnode",
};

/** How old a connection must be to get a PING before it has sent its own first one. */
const FIRST_PONG_WAIT_MS = 2000;
/** How long a closing connection may take to take its last bytes. */
const LAST_FLUSH_MS = 100;

/** Called once when a connection has been closed. */
export interface ConnectionRegistry {
  /** Removes the connection from the server and files it under the closed ones. */
  onClosed(connection: Connection, reason: ClosedState): void;
}

/** A connection of any kind. */
export class Connection implements OutboundOwner {
  readonly out: Outbound;
  /** CONNECT as received so far. */
  readonly connect: ConnectOptions = new ConnectOptions();
  account: Account | null = null;
  permissions: ConnectionPermissions | null = null;
  subscriptions: Map<string, Subscription> = new Map();
  closed = false;
  closeReason: ClosedState | null = null;
  connectReceived = false;
  /** Credentials are needed, so CONNECT must come first. */
  expectConnect = false;
  firstPongSent = false;
  handshakeFirst = false;
  headers = false;
  echo = true;
  trace = false;
  /** -1 is unlimited. */
  maxPayload = -1;
  maxSubscriptions = -1;
  writeDeadlineMs: number;
  /** What happens when the deadline passes although some bytes left. */
  writeTimeout: "close" | "retry";
  nonce = "";
  /** Where the client is; behind a proxy once its header was read. */
  host: string;
  port: number;
  /** The address is the proxy's so far, which no client should be told. */
  hidesAddress = false;
  inMsgs = 0;
  inBytes = 0;
  outMsgs = 0;
  outBytes = 0;
  stalls = 0;
  /** Wall clock, ms since the epoch. */
  readonly startMs: number;
  /** Monotonic ms of the last message or change of interest, either direction. */
  lastActivityMs: number;
  /** Monotonic ms of the last thing that came from the other side. */
  lastInboundMs: number;
  readonly startMonotonicMs: number;
  /** Round trip in ms; 0 while unknown. */
  rttMs = 0;
  rttStartMs = 0;
  /** What services of other accounts were told last; null for nothing. */
  briefInfo: BriefInfo | null = null;
  pingsOut = 0;
  slowConsumer = false;
  /** When what was granted ends, wall clock in ms since the epoch; 0 is never. */
  expiresMs = 0;
  /** Name of the nkey user that authenticated, or empty. */
  nkeyUser = "";
  /** The user whom the JWT of CONNECT named; null without one. */
  jwtUser: JwtUser | null = null;
  /** Public key of the trusted proxy that the connection came through, or empty. */
  proxyKey = "";
  /** Which account's owner is told that the client was refused, and why; null for the usual. */
  refusal: { readonly account: Account; readonly reason: string } | null = null;
  /** Who waits for something hears here that the connection has closed; null for none. */
  closing: (() => void) | null = null;
  /** Text of an authentication error for events and the closed reason. */
  authReason: ClosedState = ClosedState.AuthenticationViolation;
  /** The edge follows changed limits and the log's levels; null for none. */
  settingsChanged: (() => void) | null = null;
  /** In-process pipe. */
  inProcess = false;
  /** Set in connections between hubs and leaf nodes. */
  leaf: LeafLink | null = null;
  /** The client's protocol. */
  clientType: ClientType = "nats";
  /** The client's protocol is inside that of WebSocket. */
  overWebsocket = false;
  /** Id of an MQTT client; empty for others. */
  mqttClientId = "";
  /** What the listener says about logins; null where the options say it all. */
  listenerAuth: ListenerAuth | null = null;
  /** What the client has said about itself before CONNECT, which may leave it out; null for none. */
  connectDefaults: ConnectDefaults | null = null;
  /** Interval of PINGs if the listener has one of its own, in ms; 0 is that of the options. */
  ownPingIntervalMs = 0;
  /** Ends the protocol below in its own way, behind all that was written; null when it has none. */
  farewell: ((reason: ClosedState) => Promise<void>) | null = null;
  #label: string;
  #accountLabel = "";
  #userLabel = "";
  #pingTimer: TimerHandle | null = null;
  #authTimer: TimerHandle | null = null;

  constructor(
    readonly core: Core,
    readonly kind: ConnectionKind,
    readonly id: number,
    public transport: Transport,
    readonly registry: ConnectionRegistry,
  ) {
    const { clock } = core.env;
    this.out = new Outbound(transport, core.pool, this, clock.monotonicMs);
    this.host = transport.remote.host;
    this.port = transport.remote.port;
    this.startMs = clock.nowMs();
    this.startMonotonicMs = clock.monotonicMs();
    this.lastActivityMs = this.startMonotonicMs;
    this.lastInboundMs = this.startMonotonicMs;
    this.writeDeadlineMs = core.options.writeDeadlineMs;
    this.writeTimeout = core.options.writeTimeout === "retry" ? "retry" : "close";
    this.trace = core.env.log.traceEnabled;
    this.#label = `${addressOf(this.host, this.port)} - cid:${id}`;
  }

  /** Goes on over `transport`, TLS over the one before; nothing may be in flight. */
  replaceTransport(transport: Transport): void {
    this.out.replaceTransport(transport);
    this.transport = transport;
  }

  get pingIntervalMs(): number {
    return this.ownPingIntervalMs || this.core.options.pingIntervalMs;
  }

  /**
   * Names the connection in log lines as one of another protocol than that of plain clients:
   * `kind` is `wid`, `mid` and so on. `forwardedFor` is the client behind a proxy, or empty.
   */
  relabel(kind: string, forwardedFor = ""): void {
    const ahead = forwardedFor === ""
      ? ""
      : forwardedFor.includes(":")
      ? `[${forwardedFor}]/`
      : `${forwardedFor}/`;
    this.#label = `${ahead}${addressOf(this.host, this.port)} - ${kind}:${this.id}`;
  }

  /** Adds what an MQTT client calls itself to how log lines name the connection. */
  addToLabel(clientId: string): void {
    this.#label += ` - ${goQuote(clientId)}`;
  }

  /** The connection as log lines name it. */
  get label(): string {
    return this.#label;
  }

  get kindName(): string {
    return KIND_NAMES[this.kind];
  }

  /** Adds what CONNECT said to the label; only the first one names the client. */
  describe(first: boolean): void {
    this.#accountLabel = this.account?.name ?? "";
    this.#userLabel = this.authUserLabel;
    if (!first) return;
    const { version, lang, name } = this.connect;
    let client = version === "" ? "" : `v${version}`;
    if (lang !== "") client = version === "" ? lang : `${client}:${lang}`;
    if (name !== "") client = version === "" && lang === "" ? name : `${client}:${name}`;
    const identity = this.#accountLabel !== "" && this.#userLabel !== ""
      ? `${this.#accountLabel}/${this.#userLabel}`
      : "";
    if (client !== "") this.#label += ` - ${goQuote(client)}`;
    if (identity !== "") this.#label += ` - ${goQuote(identity)}`;
  }

  /** Public key of the JWT's user, once the JWT was found to be right. */
  get #jwtSubject(): string {
    return this.jwtUser?.claims.subject ?? "";
  }

  /** The key that vouches for the user: of the signer or of the account; empty for others. */
  get issuerKey(): string {
    if (this.jwtUser === null && this.nkeyUser === "") return "";
    return this.jwtUser?.signingKey || (this.account?.name ?? "");
  }

  /** The user as monitoring shows it, or empty. */
  get rawAuthUser(): string {
    const { nkey, user, jwt, auth_token } = this.connect;
    if (nkey !== "") return nkey;
    if (user !== "") return user;
    if (jwt !== "") return this.#jwtSubject;
    return auth_token !== "" ? "[REDACTED]" : "";
  }

  get authUserLabel(): string {
    const { nkey, user, jwt, auth_token } = this.connect;
    if (nkey !== "") return `nkey:${nkey}`;
    if (user !== "") return `user:${user}`;
    if (jwt !== "") return `jwt:${this.#jwtSubject}`;
    return auth_token !== "" ? "token" : "";
  }

  get authUserText(): string {
    const { nkey, user, jwt, auth_token } = this.connect;
    if (nkey !== "") return `Nkey ${goQuote(nkey)}`;
    if (user !== "") return `User ${goQuote(user)}`;
    if (jwt !== "") return `JWT User ${goQuote(this.#jwtSubject)}`;
    return auth_token !== "" ? 'Token "[REDACTED]"' : 'User "N/A"';
  }

  error(text: string): void {
    this.core.env.log.error(`${this.#label} - ${text}`);
  }

  debug(text: string): void {
    const { log } = this.core.env;
    if (log.debugEnabled) log.debug(`${this.#label} - ${text}`);
  }

  notice(text: string): void {
    this.core.env.log.notice(`${this.#label} - ${text}`);
  }

  traceLine(text: string): void {
    this.core.env.log.trace(`${this.#label} - ${text}`);
  }

  /** Logs an error at most once in a while for the same text and account. */
  rateLimitedError(text: string): void {
    const line = this.#rateLimitedLine(text, text);
    if (line !== null) this.core.env.log.error(line);
  }

  /** Logs a warning at most once in a while for the same `key` and account. */
  rateLimitedWarn(text: string, key: string = text): void {
    const line = this.#rateLimitedLine(text, key);
    if (line !== null) this.core.env.log.warn(line);
  }

  /** The whole line, or null when its like was logged lately, of whichever connection. */
  #rateLimitedLine(text: string, key: string): string | null {
    const account = this.#accountLabel === "" ? "" : ` - Account:${this.#accountLabel}`;
    if (!this.core.mayLog(`${key}${account}`)) return null;
    const user = this.#userLabel === "" ? "" : ` - ${this.#userLabel}`;
    return `${this.#label} - ${text}${account}${user}`;
  }

  /** Queues a protocol line given as a byte string. */
  sendLine(line: string): void {
    if (this.closed) return;
    this.out.appendByteString(line);
    if (!this.out.dirty) this.core.markDirty(this);
  }

  sendError(text: string): void {
    if (this.trace) this.traceLine(`->> [-ERR ${text}]`);
    // MQTT has no words for errors.
    if (this.clientType === "mqtt") return;
    this.sendLine(byteStringOfText(`-ERR '${text}'\r\n`));
  }

  sendOk(): void {
    if (this.trace) this.traceLine("->> [OK]");
    this.sendLine("+OK\r\n");
  }

  sendPing(): void {
    this.rttStartMs = this.core.env.clock.monotonicMs();
    this.pingsOut++;
    if (this.trace) this.traceLine("->> [PING]");
    this.sendLine("PING\r\n");
  }

  /**
   * Sends a PING to measure the round trip, unless the client may still wait for its first PONG.
   * Returns whether it was sent.
   */
  sendRttPing(): boolean {
    const ageMs = this.core.env.clock.monotonicMs() - this.startMonotonicMs;
    if (this.clientType === "mqtt") return false;
    if (this.closed || !(this.firstPongSent || ageMs > FIRST_PONG_WAIT_MS)) return false;
    this.sendPing();
    return true;
  }

  sendPong(): void {
    if (this.trace) this.traceLine("->> [PONG]");
    this.sendLine("PONG\r\n");
  }

  /** Starts or restarts the ping timer. */
  setPingTimer(delayMs: number, onTimer: () => void): void {
    this.clearPingTimer();
    this.#pingTimer = this.core.env.loop.setTimer(onTimer, delayMs);
  }

  clearPingTimer(): void {
    if (this.#pingTimer !== null) this.core.env.loop.clearTimer(this.#pingTimer);
    this.#pingTimer = null;
  }

  /** One timer serves the time for authentication and then the expiry of what was granted. */
  setAuthTimer(delayMs: number, onTimer: () => void): void {
    this.clearAuthTimer();
    this.#authTimer = this.core.env.loop.setTimer(onTimer, delayMs);
  }

  clearAuthTimer(): void {
    if (this.#authTimer !== null) this.core.env.loop.clearTimer(this.#authTimer);
    this.#authTimer = null;
  }

  /** Moves the connection into `account`. Returns false when that account is full. */
  bindAccount(account: Account): boolean {
    if (this.account === account) {
      this.applyLimits();
      return true;
    }
    this.#leaveAccount();
    account.use();
    this.account = account;
    this.applyLimits();
    if (this.kind === "leafnode") {
      if (!account.addLeaf(this)) return false;
      this.core.events?.countChanged(account);
      return true;
    }
    if (this.kind === "client" && account.connectionsExhausted) return false;
    account.connections.add(this);
    account.totalConnections++;
    this.core.events?.countChanged(account);
    return true;
  }

  #leaveAccount(): void {
    const { account } = this;
    const left = account !== null &&
      (account.connections.delete(this) || account.leafs?.delete(this) === true);
    if (left) this.core.events?.countChanged(account);
  }

  /** Takes over the limits of the account, the user and the server: of each the strictest. */
  applyLimits(): void {
    const { account, jwtUser } = this;
    if (account === null) return;
    const { options, env } = this.core;
    this.maxPayload = smallerLimit(account.limits.maxPayload, options.maxPayload || -1);
    this.maxSubscriptions = smallerLimit(account.limits.maxSubscriptions, options.maxSubs || -1);
    if (jwtUser !== null) {
      const { payload, subs } = limitsOfUser(jwtUser, account);
      this.maxPayload = smallerLimit(this.maxPayload, payload);
      this.maxSubscriptions = smallerLimit(this.maxSubscriptions, subs);
    }
    this.settingsChanged?.();
    if (this.subscriptionsAtLimit) env.loop.endOfTurn(() => this.#endForSubscriptions());
  }

  /** Whoever has as many subscriptions as allowed when the limit comes is sent away. */
  #endForSubscriptions(): void {
    if (this.closed) return;
    this.rateLimitedError("maximum subscriptions exceeded");
    this.sendError("maximum subscriptions exceeded");
    this.close(ClosedState.MaxSubscriptionsExceeded);
  }

  /** Ends the connection because the server has too many. */
  maxConnectionsExceeded(): void {
    this.rateLimitedError("maximum connections exceeded");
    this.sendError("maximum connections exceeded");
    this.close(ClosedState.MaxConnectionsExceeded);
  }

  /** Ends a connection that has no right to be here, or no more. */
  authViolation(): void {
    this.core.events?.refused(this, this.authReason);
    this.error(
      this.rawAuthUser === ""
        ? "authentication error"
        : `authentication error - ${this.authUserText}`,
    );
    this.sendError("Authorization Violation");
    this.close(this.authReason);
  }

  /** Ends the connection because its account has too many. */
  maxAccountConnectionsExceeded(): void {
    this.rateLimitedError("maximum account active connections exceeded");
    this.sendError("maximum account active connections exceeded");
    this.close(ClosedState.MaxAccountConnectionsExceeded);
  }

  /** Says what may be published and subscribed to; null is everything. */
  setPermissions(permissions: Permissions | null): void {
    this.permissions = permissions === null
      ? null
      : new ConnectionPermissions(permissions, (text) => this.error(text));
  }

  /** Takes the right away to publish to `subject`. */
  denyPublish(subject: string): void {
    const source = this.permissions?.source ?? { publish: null, subscribe: null, response: null };
    const { allow, deny } = source.publish ?? { allow: null, deny: null };
    if (deny?.includes(subject)) return;
    this.setPermissions({ ...source, publish: { allow, deny: [...deny ?? [], subject] } });
  }

  /** Ends the connection of a leaf node that did what it may not do; it should not be back soon. */
  refusedByHub(): void {
    this.leaf?.delayReconnect?.();
    this.close(ClosedState.ProtocolViolation);
  }

  get subscriptionsAtLimit(): boolean {
    return this.maxSubscriptions >= 0 && this.subscriptions.size >= this.maxSubscriptions;
  }

  /** Forgets a subscription; matching no longer finds it. */
  removeSubscription(subscription: Subscription): void {
    if (subscription.closed) return;
    subscription.closed = true;
    if (this.trace) this.traceLine(`<-> [DELSUB ${subscription.sid}]`);
    this.subscriptions.delete(subscription.sid);
    this.account?.remove(subscription);
  }

  /** Drops all subscriptions. */
  clearSubscriptions(): void {
    const all = [...this.subscriptions.values()];
    for (const subscription of all) {
      subscription.closed = true;
      if (this.trace) this.traceLine(`<-> [DELSUB ${subscription.sid}]`);
    }
    const { account } = this;
    account?.sublist.removeBatch(all);
    this.subscriptions.clear();
    if (account !== null) { for (const subscription of all) account.onRemoved(subscription); }
  }

  onWritten(): void {
    if (this.slowConsumer) {
      this.slowConsumer = false;
      this.notice("Slow Consumer Recovered");
    }
    if (this.out.bufferedBytes === 0) this.core.writeFinished(this);
  }

  onWriteFailed(error: unknown): void {
    this.debug(`Error flushing: ${(error as Error).message}`);
    this.close(ClosedState.WriteError);
  }

  /** The bytes in flight did not leave in time. */
  onWriteDeadline(nowMs: number): void {
    const { stats, options } = this.core;
    if (this.expectConnect && !this.connectReceived) {
      this.close(ClosedState.SlowConsumerWriteDeadline);
      return;
    }
    stats.slowConsumers++;
    stats.slowConsumersByKind[this.kind]++;
    if (this.account !== null) this.account.slowConsumers++;
    const what = this.slowConsumer ? "State" : "Detected";
    this.notice(
      `Slow Consumer ${what}: WriteDeadline of ${options.writeDeadlineMs / 1000}s exceeded with ` +
        `1 chunks of ${this.out.attemptedBytes} total bytes.`,
    );
    if (this.writeTimeout === "close" || this.out.writtenBytes === 0) {
      this.close(ClosedState.SlowConsumerWriteDeadline);
      return;
    }
    this.slowConsumer = true;
    this.out.writeStartedMs = nowMs;
    this.out.writtenBytes = 0;
  }

  /** More is pending than the connection may have. */
  onMaxPending(): void {
    const { stats, options } = this.core;
    stats.slowConsumers++;
    stats.slowConsumersByKind[this.kind]++;
    if (this.account !== null) this.account.slowConsumers++;
    this.notice(`Slow Consumer Detected: MaxPending of ${options.maxPending} Exceeded`);
    this.close(ClosedState.SlowConsumerPendingBytes);
  }

  /** Ends the connection; what is queued is sent first where the reason allows it. */
  close(reason: ClosedState): void {
    if (this.closed) return;
    this.closed = true;
    this.closeReason = reason;
    this.closing?.();
    this.clearPingTimer();
    this.clearAuthTimer();
    if (reason === ClosedState.StaleConnection) {
      this.core.stats.staleConnections++;
      this.core.stats.staleConnectionsByKind[this.kind]++;
    }
    this.debug(`${this.kindName} connection closed: ${reason}`);
    this.registry.onClosed(this, reason);
    this.clearSubscriptions();
    this.#leaveAccount();
    this.core.events?.disconnected(this, reason);
    switch (reason) {
      case ClosedState.ReadError:
      case ClosedState.WriteError:
      case ClosedState.SlowConsumerPendingBytes:
      case ClosedState.SlowConsumerWriteDeadline:
      case ClosedState.TLSHandshakeError:
        this.#release();
        return;
    }
    if (this.out.pendingBytes === 0 && this.farewell === null) this.#release();
    else this.#flushThenRelease(reason);
  }

  #flushThenRelease(reason: ClosedState): void {
    const { loop } = this.core.env;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      loop.clearTimer(timer);
      this.#release();
    };
    // A loop that is late must not cut off what would leave at once.
    const timer = loop.setTimer(() => loop.nextTurn(release), LAST_FLUSH_MS);
    this.out.flush();
    void this.out.drained().then(() => this.farewell?.(reason)).then(release, release);
  }

  #release(): void {
    this.out.close();
    this.core.writeFinished(this);
    this.transport.close();
  }
}

/** How log lines show where a connection comes from; in-process ones have no address. */
function addressOf(host: string, port: number): string {
  if (host === "") return "pipe";
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The stricter of two limits where -1 is none. */
function smallerLimit(a: number, b: number): number {
  if (a < 0) return b;
  if (b < 0) return a;
  return Math.min(a, b);
}
