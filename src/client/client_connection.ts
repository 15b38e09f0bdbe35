/**
 * The edge of client connections: reads operations, answers them, and hands messages to the core.
 *
 * Reference: readLoop, processConnect, processSub, processUnsub, processPing in server/client.go.
 *
 * @module
 */
import { byteStringOf, textOfByteString } from "../base/text/byte_string.ts";
import { goQuote } from "../base/text/go_format.ts";
import { type Authenticator, AuthOutcome } from "../core/auth/authenticator.ts";
import { ClosedState } from "../core/connection/closed_state.ts";
import type { Connection } from "../core/connection/connection.ts";
import { Subscription } from "../core/connection/subscription.ts";
import type { Core } from "../core/core.ts";
import { publishFromClient } from "../core/deliver/deliver.ts";
import { traceRefused } from "../core/trace/start_trace.ts";
import {
  type ClientOperations,
  ClientParser,
  ConnectDecodeError,
  ConnectOptions,
  decodeConnect,
  type InboundMessage,
  parseSize,
  ParseStatus,
} from "../protocol/mod.ts";
import { TransportProtocolError } from "../platform/mod.ts";
import { isValidLiteralSubject, isValidSubject } from "../subject/mod.ts";
import { redactSecrets } from "./redact.ts";

/** What a client connection needs of its server. */
export interface ClientContext {
  readonly core: Core;
  readonly auth: Authenticator;
  /** INFO for this connection; `afterConnect` adds what only known clients are told. */
  infoLine(connection: Connection, afterConnect: boolean): string;
}

const READ_BUFFER_START_BYTES = 512;
const READ_BUFFER_MAX_BYTES = 128 * 1024;
const READ_BUFFER_MIN_BYTES = 64;
/** Reads in a row that fill less than half before the buffer shrinks. */
const SHORT_READS_TO_SHRINK = 2;

const FIRST_PING_MS = 2000;
const RTT_INTERVAL_MS = 3_600_000;
const SYSTEM_QUEUE = "_sys_";

/** Longest pause per read for the sake of a crowded receiver. */
export const STALL_MS = 10;

/** Serves one client. */
export class ClientConnection implements ClientOperations {
  readonly parser: ClientParser;
  #pendingAuth: Promise<AuthOutcome> | null = null;
  /** Goes on once `#pendingAuth` is settled. */
  #resume: (outcome: AuthOutcome) => ParseStatus = () => ParseStatus.Ended;
  /** A CONNECT has named the client. */
  #described = false;

  constructor(readonly context: ClientContext, readonly connection: Connection) {
    const parser = new ClientParser(this);
    this.parser = parser;
    connection.settingsChanged = () => {
      parser.maxControlLine = context.core.options.maxControlLine;
      parser.maxPayload = connection.maxPayload;
      parser.trace = connection.trace;
    };
    connection.settingsChanged();
  }

  /** Sends INFO and serves the client until it is gone. `first` was read already. */
  async serve(first: Uint8Array | null): Promise<void> {
    const { connection, context } = this;
    const { options } = context.core;
    this.parser.awaitingConnect = connection.expectConnect;
    if (connection.expectConnect) {
      const authTimeoutMs = connection.listenerAuth?.authTimeoutMs || options.authTimeoutMs;
      connection.setAuthTimer(authTimeoutMs, () => this.#onAuthTimeout());
    }
    connection.setPingTimer(connection.pingIntervalMs, () => this.#onPingTimer());
    if (first !== null && !(await this.#take(first, first.length))) return;
    await this.#readLoop();
  }

  async #readLoop(): Promise<void> {
    const { connection } = this;
    const transport = connection.transport;
    let buffer = new Uint8Array(READ_BUFFER_START_BYTES);
    let shortReads = 0;
    while (!connection.closed) {
      let count: number | null;
      try {
        count = await transport.read(buffer);
      } catch (error) {
        if (error instanceof TransportProtocolError && !connection.closed) {
          connection.error(`read error: ${error.message}`);
        }
        connection.close(ClosedState.ReadError);
        return;
      }
      if (connection.closed) return;
      if (count === null) {
        connection.close(ClosedState.ClientClosed);
        return;
      }
      if (!(await this.#takeOrNow(buffer, count))) return;
      if (count >= buffer.length) {
        shortReads = 0;
        if (buffer.length < READ_BUFFER_MAX_BYTES) buffer = new Uint8Array(buffer.length * 2);
      } else if (count < buffer.length / 2) {
        shortReads++;
        if (shortReads > SHORT_READS_TO_SHRINK && buffer.length > READ_BUFFER_MIN_BYTES) {
          buffer = new Uint8Array(buffer.length / 2);
        }
      }
    }
  }

  /** `#take` without a promise when nothing has to be waited for. */
  #takeOrNow(buffer: Uint8Array, count: number): boolean | Promise<boolean> {
    const { core } = this.context;
    core.turnMs = core.env.clock.monotonicMs();
    const { connection, parser } = this;
    const before = connection.inMsgs;
    const status = parser.parse(buffer, 0, count);
    if (connection.inMsgs !== before) {
      connection.lastActivityMs = core.turnMs;
      connection.lastInboundMs = core.turnMs;
    }
    if (status === ParseStatus.Ok) {
      return core.crowded === null || this.#stall();
    }
    return this.#finish(status, buffer, count);
  }

  async #take(buffer: Uint8Array, count: number): Promise<boolean> {
    return await this.#takeOrNow(buffer, count);
  }

  /** Handles what is not plain success: waits for credentials, or ends the connection. */
  async #finish(status: ParseStatus, buffer: Uint8Array, count: number): Promise<boolean> {
    const { connection, parser } = this;
    while (status === ParseStatus.Paused) {
      const outcome = await this.#pendingAuth!;
      this.#pendingAuth = null;
      if (connection.closed) return false;
      status = this.#resume(outcome);
      if (status === ParseStatus.Ok) status = parser.parse(buffer, parser.position, count);
    }
    if (status === ParseStatus.Ok) return true;
    if (status === ParseStatus.Failed) {
      connection.error(parser.errorText);
      connection.close(ClosedState.ProtocolViolation);
    }
    return false;
  }

  /** Gives a crowded receiver a moment before more is read. */
  async #stall(): Promise<boolean> {
    const { core } = this.context;
    const crowded = core.crowded!;
    core.crowded = null;
    const { loop } = core.env;
    crowded.stalls++;
    core.stats.stalls++;
    await new Promise<void>((resolve) => {
      const timer = loop.setTimer(() => {
        this.connection.debug(`Timed out of fast producer stall (${STALL_MS}ms)`);
        resolve();
      }, STALL_MS);
      void crowded.out.drained().then(() => {
        loop.clearTimer(timer);
        resolve();
      });
    });
    return !this.connection.closed;
  }

  onMessage(message: InboundMessage): void {
    publishFromClient(this.context.core, this.connection, message);
  }

  onConnect(buffer: Uint8Array, start: number, end: number): ParseStatus {
    const { connection, context, parser } = this;
    const { core } = context;
    const nowMs = core.env.clock.monotonicMs();
    connection.clearAuthTimer();
    connection.lastActivityMs = nowMs;
    connection.rttMs = Math.max(nowMs - connection.startMonotonicMs, 1e-6);
    this.#setFirstPingTimer();
    try {
      decodeConnect(buffer.subarray(start, end), connection.connect);
    } catch (error) {
      if (!(error instanceof ConnectDecodeError)) throw error;
      return parser.fail(error.message);
    }
    const { connect, connectDefaults } = connection;
    if (connectDefaults !== null) {
      connect.jwt ||= connectDefaults.jwt;
      connect.user ||= connectDefaults.user;
      connect.pass ||= connectDefaults.pass;
      connect.auth_token ||= connectDefaults.auth_token;
    }
    const again = connection.connectReceived;
    connection.connectReceived = true;
    parser.awaitingConnect = false;
    connection.echo = connect.echo;
    connection.headers = !core.options.noHeaderSupport && connect.headers;
    parser.headers = connection.headers;
    parser.pedantic = connect.pedantic;
    // Only operator mode has a use for it.
    if (core.operators === null) connect.jwt = "";
    if (again) {
      connection.clearSubscriptions();
      connection.jwtUser = null;
      connection.bindAccount(core.globalAccount);
    }
    const outcome = context.auth.check(connection);
    if (typeof outcome === "number") return this.#authenticated(outcome);
    return this.#await(outcome, this.#authenticated);
  }

  /** Stops the parser until the credentials were checked; then `resume` goes on. */
  #await(
    pending: Promise<AuthOutcome>,
    resume: (outcome: AuthOutcome) => ParseStatus,
  ): ParseStatus {
    this.#pendingAuth = pending;
    this.#resume = resume;
    return ParseStatus.Paused;
  }

  /** Goes on with CONNECT once the credentials were checked. */
  readonly #authenticated = (outcome: AuthOutcome): ParseStatus => {
    const { connection, parser } = this;
    const { connect } = connection;
    const { events } = connection.core;
    if (outcome === AuthOutcome.AccountFull) {
      this.#notAdmitted();
      if (connect.jwt === "") events?.refused(connection, connection.authReason);
      return ParseStatus.Ended;
    }
    if (outcome === AuthOutcome.Refused) {
      this.#notAdmitted();
      return this.#authViolation();
    }
    events?.connected(connection);
    if (connect.new_account || connect.account !== "") return this.#authViolation();
    parser.maxPayload = connection.maxPayload;
    connection.describe(!this.#described);
    this.#described = true;
    if (connect.protocol < 0 || connect.protocol > 1) {
      connection.sendError("invalid client protocol");
      connection.close(ClosedState.BadClientProtocolVersion);
      return ParseStatus.Ended;
    }
    if (connect.no_responders && !connection.headers) {
      connection.sendError("no responders requires headers support");
      connection.close(ClosedState.NoRespondersRequiresHeaders);
      return ParseStatus.Ended;
    }
    if (connect.verbose) connection.sendOk();
    return ParseStatus.Ok;
  };

  /** Tells the owner of the account in which the client did not get. */
  #notAdmitted(): void {
    const { account, core, authReason, refusal } = this.connection;
    const told = refusal?.account ?? account;
    if (told === null) return;
    core.events?.refusedIn(told, this.connection, refusal?.reason ?? authReason);
  }

  /** Ends a connection without the right to be here. */
  #authViolation(): ParseStatus {
    this.connection.authViolation();
    return ParseStatus.Ended;
  }

  onMissingConnect(): ParseStatus {
    const { context, connection, parser } = this;
    if (!context.auth.admitsWithoutConnect(connection)) return this.#authViolation();
    connection.clearAuthTimer();
    connection.connectReceived = true;
    parser.awaitingConnect = false;
    const outcome = context.auth.check(connection);
    if (typeof outcome === "number") return this.#admittedWithoutConnect(outcome);
    return this.#await(outcome, this.#admittedWithoutConnect);
  }

  readonly #admittedWithoutConnect = (outcome: AuthOutcome): ParseStatus => {
    const { connection, parser } = this;
    if (outcome !== AuthOutcome.Accepted) {
      this.#notAdmitted();
      return this.#authViolation();
    }
    parser.maxPayload = connection.maxPayload;
    connection.core.events?.connected(connection);
    return ParseStatus.Ok;
  };

  onSub(parser: ClientParser, buffer: Uint8Array, start: number, end: number): ParseStatus {
    const list = parser.arguments;
    list.split(buffer, start, end, true);
    if (list.count !== 2 && list.count !== 3) {
      return parser.fail(`processSub Parse Error: ${quoted(buffer, start, end)}`);
    }
    const at = (i: number): string =>
      byteStringOf(buffer, list.offsets[2 * i]!, list.offsets[2 * i + 1]!);
    const queue = list.count === 3 ? at(1) : null;
    this.#subscribe(at(0), queue, at(list.count - 1));
    return ParseStatus.Ok;
  }

  #subscribe(subject: string, queue: string | null, sid: string): void {
    const { connection } = this;
    const { core } = this.context;
    const account = connection.account;
    connection.lastActivityMs = core.turnMs;
    connection.lastInboundMs = core.turnMs;
    const permissions = connection.permissions;
    if (
      queue === SYSTEM_QUEUE || (permissions !== null && !permissions.canSubscribe(subject, queue))
    ) return this.#refuseSubscription(subject, queue, sid);
    const { maxSubTokens } = core.options;
    if (maxSubTokens > 0 && subject.split(".").length > maxSubTokens) {
      const shown = goQuote(textOfByteString(subject));
      connection.sendError(`Permissions Violation for Subscription to ${shown}, too many tokens`);
      connection.error(`Subscription Violation Too Many Tokens - Subject ${shown}, SID ${sid}`);
      return;
    }
    if (connection.subscriptionsAtLimit) {
      connection.rateLimitedError("maximum subscriptions exceeded");
      connection.sendError("maximum subscriptions exceeded");
      return;
    }
    if (!connection.subscriptions.has(sid)) {
      if (!isValidSubject(subject)) {
        connection.sendError("Invalid Subject");
        return;
      }
      const subscription = new Subscription(connection, subject, queue, sid);
      connection.subscriptions.set(sid, subscription);
      account?.insert(subscription);
    }
    if (connection.connect.verbose) connection.sendOk();
  }

  #refuseSubscription(subject: string, queue: string | null, sid: string): void {
    const { connection } = this;
    const shown = goQuote(textOfByteString(subject));
    if (queue === null) {
      connection.sendError(`Permissions Violation for Subscription to ${shown}`);
      connection.error(`Subscription Violation - Subject ${shown}, SID ${sid}`);
      return;
    }
    const group = goQuote(textOfByteString(queue));
    connection.sendError(`Permissions Violation for Subscription to ${shown} using queue ${group}`);
    connection.error(`Subscription Violation - Subject ${shown}, Queue: ${group}, SID ${sid}`);
  }

  onUnsub(parser: ClientParser, buffer: Uint8Array, start: number, end: number): ParseStatus {
    const list = parser.arguments;
    list.split(buffer, start, end, true);
    if (list.count !== 1 && list.count !== 2) {
      return parser.fail(`processUnsub Parse Error: ${quoted(buffer, start, end)}`);
    }
    const { connection } = this;
    const offsets = list.offsets;
    const sid = byteStringOf(buffer, offsets[0]!, offsets[1]!);
    const max = list.count === 2 ? parseSize(buffer, offsets[2]!, offsets[3]!) : -1;
    const subscription = connection.subscriptions.get(sid);
    if (connection.connect.verbose) connection.sendOk();
    if (subscription === undefined) return ParseStatus.Ok;
    if (max > 0 && max > subscription.delivered) {
      subscription.max = max;
    } else connection.removeSubscription(subscription);
    return ParseStatus.Ok;
  }

  onPing(): void {
    const { connection, context } = this;
    connection.sendPong();
    connection.lastInboundMs = context.core.turnMs;
    if (!connection.connectReceived || connection.firstPongSent) return;
    connection.firstPongSent = true;
    if (connection.connect.protocol >= 1) {
      connection.sendLine(context.infoLine(connection, true));
    }
  }

  onPong(): void {
    const { connection } = this;
    connection.pingsOut = 0;
    const nowMs = this.context.core.env.clock.monotonicMs();
    connection.rttMs = Math.max(nowMs - connection.rttStartMs, 1e-6);
  }

  onInfo(buffer: Uint8Array, start: number, end: number): ParseStatus {
    // Clients have nothing to tell by INFO, but it must be JSON.
    try {
      decodeConnect(buffer.subarray(start, end), new ConnectOptions());
    } catch (error) {
      if (!(error instanceof ConnectDecodeError)) throw error;
      return this.parser.fail(error.message);
    }
    return ParseStatus.Ok;
  }

  onError(text: string): ParseStatus {
    this.connection.error(`Client Error ${textOfByteString(text)}`);
    this.connection.close(ClosedState.ParseError);
    return ParseStatus.Ended;
  }

  onMaxPayload(sizeBytes: number): ParseStatus {
    const { connection, parser } = this;
    traceRefused(this.context.core, connection, parser.message, "maximum payload exceeded");
    connection.error(`maximum payload exceeded: ${sizeBytes} vs ${parser.maxPayload}`);
    connection.sendError("Maximum Payload Violation");
    connection.close(ClosedState.MaxPayloadExceeded);
    return ParseStatus.Ended;
  }

  onMaxControlLine(text: string): ParseStatus {
    const { connection } = this;
    connection.sendError("maximum control line exceeded");
    connection.error(text);
    connection.close(ClosedState.MaxControlLineExceeded);
    return ParseStatus.Ended;
  }

  onPedanticSubject(m: InboundMessage): void {
    if (isValidLiteralSubject(byteStringOf(m.args, m.subjectStart, m.subjectEnd))) return;
    this.connection.sendError("Invalid Publish Subject");
  }

  onUnknownOperation(): void {
    this.connection.sendError("Unknown Protocol Operation");
  }

  onTrace(operation: string, buffer: Uint8Array, start: number, end: number): void {
    if (start < 0) return this.connection.traceLine(`<<- [${operation}]`);
    let text = textOfByteString(byteStringOf(buffer, start, end));
    if (operation === "CONNECT") text = redactSecrets(text);
    this.connection.traceLine(`<<- [${operation} ${text}]`);
  }

  #setFirstPingTimer(): void {
    const { options, env } = this.context.core;
    let delayMs = this.connection.pingIntervalMs;
    if (!options.disableShortFirstPing) delayMs = Math.min(delayMs, FIRST_PING_MS);
    // Spread, so that clients that reconnect together are not pinged together.
    delayMs += env.random.unit() * (delayMs / 5);
    this.connection.setPingTimer(delayMs, () => this.#onPingTimer());
  }

  #onPingTimer(): void {
    const { connection } = this;
    if (connection.closed) return;
    const { options, env } = this.context.core;
    const nowMs = env.clock.monotonicMs();
    connection.debug("Client Ping Timer");
    const needsRtt = connection.rttMs === 0 || nowMs - connection.rttStartMs > RTT_INTERVAL_MS;
    if (nowMs - connection.lastInboundMs >= connection.pingIntervalMs || needsRtt) {
      if (connection.pingsOut + 1 > options.maxPingsOut) {
        connection.debug("Stale Client Connection - Closing");
        connection.sendError("Stale Connection");
        connection.close(ClosedState.StaleConnection);
        return;
      }
      connection.sendPing();
    } else {
      const agoS = Math.round((nowMs - connection.lastInboundMs) / 1000);
      connection.debug(`Delaying PING due to remote client data or ping ${agoS}s ago`);
    }
    connection.setPingTimer(connection.pingIntervalMs, () => this.#onPingTimer());
  }

  #onAuthTimeout(): void {
    const { connection } = this;
    connection.sendError("Authentication Timeout");
    connection.debug("Authentication Timeout");
    connection.close(ClosedState.AuthenticationTimeout);
  }
}

function quoted(buffer: Uint8Array, start: number, end: number): string {
  return goQuote(textOfByteString(byteStringOf(buffer, start, end)));
}
