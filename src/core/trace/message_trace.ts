/**
 * What happened to one traced message in this server, as it is told to its destination.
 *
 * Reference: MsgTraceEvent and its events in server/msgtrace.go; ADR-41.
 *
 * @module
 */
import { acceptedEncoding, encodeContent } from "../../base/compress/mod.ts";
import { encodeTime } from "../../base/json/mod.ts";
import { textOfByteString } from "../../base/text/byte_string.ts";
import { goJson } from "../../base/text/go_format.ts";
import { appendHeader } from "../../protocol/mod.ts";
import type { Account } from "../account/account.ts";
import type { Connection, ConnectionKind } from "../connection/connection.ts";
import type { Subscription } from "../connection/subscription.ts";
import type { Core } from "../core.ts";
import { TraceHeader } from "./trace_headers.ts";

/** Why a subscription did not get a traced message. */
export const EgressError = {
  NoEcho: "Not delivered because of no echo",
  Denied: "Not delivered because subscription denies this subject",
  SubscriptionClosed: "Not delivered because subscription is closed",
  ClientClosed: "Not delivered because client is closed",
  LimitExceeded: "Not delivered because auto-unsubscribe exceeded",
  SlowConsumer: "Not delivered because fast producer not stalled and consumer is slow",
} as const;

/** Kinds of connection as events number them. */
const KIND_NUMBERS: Record<ConnectionKind, number> = {
  client: 0,
  route: 1,
  gateway: 2,
  leafnode: 4,
};

const NO_HEADERS = new Uint8Array(0);

/** A message that a stream took, or did not. */
export interface JetStreamEvent {
  type: "js";
  ts: string;
  stream: string;
  subject: string | undefined;
  nointerest: true | undefined;
  error: string | undefined;
}

/** An event in the reference's fields and order. */
type TraceEvent = JetStreamEvent | Record<string, string | number | undefined>;

/** What a trace begins with. */
export interface TraceStart {
  readonly account: Account;
  /** Where events go; a byte string. */
  readonly destination: string;
  /** The message is not delivered to anybody. */
  readonly only: boolean;
  readonly headers: ReadonlyMap<string, string[]>;
  readonly sizeBytes: number;
  /** As published; a byte string. */
  readonly subject: string;
  readonly error: string;
}

function textOrNone(text: string): string | undefined {
  return text === "" ? undefined : text;
}

/** The trace of one message. Subjects and names of accounts are byte strings. */
export class MessageTrace {
  readonly #events: TraceEvent[] = [];
  readonly #ingress: Record<string, string | number | undefined>;
  #withheld = false;
  /** Where other servers send what they know of the message; a byte string. */
  destination: string;

  constructor(readonly core: Core, from: Connection, readonly start: TraceStart) {
    this.destination = start.destination;
    this.#ingress = {
      type: "in",
      ts: this.#now(),
      kind: KIND_NUMBERS[from.kind],
      cid: from.id,
      name: textOrNone(from.connect.name),
      acc: textOfByteString(start.account.name),
      subj: textOfByteString(start.subject),
      error: textOrNone(start.error),
    };
    this.#events.push(this.#ingress);
  }

  /** The message is not delivered to anybody. */
  get only(): boolean {
    return this.start.only;
  }

  #now(): string {
    return encodeTime(this.core.env.clock.nowNs());
  }

  /** The message was refused. */
  setIngressError(error: string): void {
    this.#ingress.error = error;
  }

  /** Nothing is sent: what becomes of the message is not known yet. */
  withhold(): void {
    this.#withheld = true;
  }

  /** The message goes to another subject than its publisher wrote. */
  addSubjectMapping(to: string): void {
    this.#events.push({ type: "sm", ts: this.#now(), to: textOfByteString(to) });
  }

  /** The message leaves its account as part of a stream. */
  addStreamExport(importer: Account, to: string): void {
    this.#events.push({
      type: "se",
      ts: this.#now(),
      acc: textOfByteString(importer.name),
      to: textOfByteString(to),
    });
  }

  /** The message is a request to, or a reply from, another account. */
  addServiceImport(account: Account, from: string, to: string): void {
    this.#events.push({
      type: "si",
      ts: this.#now(),
      acc: textOfByteString(account.name),
      from: textOfByteString(from),
      to: textOfByteString(to),
    });
  }

  /** A stream takes the message; what comes of it is set in the event. */
  addJetStream(stream: string): JetStreamEvent {
    const event: JetStreamEvent = {
      type: "js",
      ts: this.#now(),
      stream,
      subject: undefined,
      nointerest: undefined,
      error: undefined,
    };
    this.#events.push(event);
    return event;
  }

  /** The message was delivered to a connection, or not. */
  addEgress(to: Connection, subscription: Subscription, error: string = ""): void {
    const { account } = to;
    const elsewhere = account !== null && account !== this.start.account;
    this.#events.push({
      type: "eg",
      ts: this.#now(),
      kind: KIND_NUMBERS[to.kind],
      cid: to.id,
      name: textOrNone(to.connect.name),
      acc: elsewhere ? textOfByteString(account.name) : undefined,
      sub: to.kind === "client" ? textOfByteString(subscription.subject) : undefined,
      queue: to.kind === "client" && subscription.queue !== null
        ? textOfByteString(subscription.queue)
        : undefined,
      error: textOrNone(error),
    });
  }

  /** Sends the events to their destination. */
  send(): void {
    const { core, start } = this;
    if (this.#withheld || core.describeServer === null) return;
    // Also headers whose name objects have a meaning for.
    const header = Object.fromEntries(
      [...start.headers.keys()].sort().map((name) => [
        textOfByteString(name),
        start.headers.get(name)!.map(textOfByteString),
      ]),
    );
    const json = goJson({
      server: core.describeServer(),
      request: { header, msgsize: start.sizeBytes || undefined },
      events: this.#events,
    });
    const body = new TextEncoder().encode(json);
    const encoding = acceptedEncoding(start.headers.get(TraceHeader.AcceptEncoding)?.[0] ?? "");
    core.internal.publish(
      start.account,
      start.destination,
      "",
      encoding === null ? NO_HEADERS : appendHeader(null, "Content-Encoding", encoding),
      encoding === null ? body : encodeContent(body, encoding),
    );
  }
}
