/**
 * The server as a client of its own accounts: JetStream, system events and every API subscribe
 * and publish through this.
 *
 * Reference: internal clients and sendInternalMsg in server/{client,events}.go.
 *
 * @module
 */
import { InboundMessage } from "../../protocol/mod.ts";
import type { StoredMsg } from "../../store/stored_msg.ts";
import type { SublistResult } from "../../sublist/mod.ts";
import type { Account } from "../account/account.ts";
import type { Connection } from "../connection/connection.ts";
import { type InternalHandler, Subscription } from "../connection/subscription.ts";
import type { Core } from "../core.ts";
import { deliverToMatches } from "../deliver/deliver.ts";

const CR = 13;
const LF = 10;
const SCRATCH_BYTES_MIN = 4096;
/** Most bytes that subject, reply and sizes take besides the texts themselves. */
const ARGUMENT_BYTES = 64;

const NO_BYTES = new Uint8Array(0);

/** Publishes and subscribes for a part of the server. Subjects are byte strings. */
export class InternalClient {
  readonly #message = new InboundMessage();
  #arguments: Uint8Array = new Uint8Array(256);
  #payload: Uint8Array = new Uint8Array(SCRATCH_BYTES_MIN);
  #depth = 0;
  #nextSid = 1;

  constructor(readonly core: Core) {}

  /** Hands messages of `subject` in `account` to `handler` until {@linkcode unsubscribe}. */
  subscribe(
    account: Account,
    subject: string,
    handler: InternalHandler,
    queue: string | null = null,
  ): Subscription {
    const subscription = new Subscription(null, subject, queue, String(this.#nextSid++), handler);
    account.insert(subscription);
    return subscription;
  }

  /** Ends a subscription. */
  unsubscribe(account: Account, subscription: Subscription): void {
    if (subscription.closed) return;
    subscription.closed = true;
    account.remove(subscription);
  }

  /**
   * Publishes in `account`; returns whether anybody got the message. `headers` (a whole block
   * that ends with an empty line, or empty) and `payload` are borrowed for the call.
   */
  publish(
    account: Account,
    subject: string,
    reply: string,
    headers: Uint8Array,
    payload: Uint8Array,
  ): boolean {
    return this.deliver(account, subject, subject, reply, headers, payload);
  }

  /** {@linkcode publish} of text without headers. */
  publishText(account: Account, subject: string, reply: string, text: string): boolean {
    return this.deliver(account, subject, subject, reply, NO_BYTES, new TextEncoder().encode(text));
  }

  /**
   * Delivers to those interested in `target` a message that shows `subject`, as consumers do
   * with stored messages. `from` is the client on whose behalf that is; null for the server itself.
   */
  deliver(
    account: Account,
    target: string,
    subject: string,
    reply: string,
    headers: Uint8Array,
    payload: Uint8Array,
    from: Connection | null = null,
  ): boolean {
    const found = account.sublist.match(target);
    if (found.psubs.length === 0 && found.qsubs.length === 0) return false;
    // A handler may publish in turn, while the outer message is still being delivered.
    const nested = this.#depth > 0;
    const message = nested ? new InboundMessage() : this.#message;
    // What the server says while it handles a traced message is not that message.
    const { trace } = this.core;
    this.core.trace = null;
    this.#depth++;
    try {
      this.#fill(message, nested, subject, reply, headers, payload);
      message.target = target === subject ? "" : target;
      return deliverToMatches(this.core, from, account, found, message);
    } finally {
      this.#depth--;
      this.core.trace = trace;
    }
  }

  /**
   * Delivers a stored message to those in `found`, which are interested in `target`, straight from
   * where it is stored. `reply` are the first `replyBytes` bytes of a buffer. Everything is
   * borrowed for the call.
   */
  deliverStored(
    account: Account,
    target: string,
    found: SublistResult<Subscription>,
    stored: StoredMsg,
    reply: Uint8Array,
    replyBytes: number,
  ): boolean {
    const nested = this.#depth > 0;
    const m = nested ? new InboundMessage() : this.#message;
    const { bytes } = stored;
    const subjectBytes = stored.subjectEnd - stored.subjectAt;
    const headerBytes = stored.headersEnd - stored.headersAt;
    const payloadBytes = stored.payloadEnd - stored.payloadAt;
    const argumentBytes = subjectBytes + replyBytes + ARGUMENT_BYTES;
    let args = this.#arguments;
    if (nested) args = new Uint8Array(argumentBytes);
    else if (args.length < argumentBytes) {
      args = this.#arguments = new Uint8Array(argumentBytes * 2);
    }
    let p = 0;
    for (let i = stored.subjectAt; i < stored.subjectEnd; i++) args[p++] = bytes[i]!;
    m.subjectStart = 0;
    m.subjectEnd = p;
    m.replyStart = -1;
    if (replyBytes > 0) {
      m.replyStart = ++p;
      for (let i = 0; i < replyBytes; i++) args[p++] = reply[i]!;
      m.replyEnd = p;
    }
    m.headerBytes = -1;
    if (headerBytes > 0) {
      m.headerBytes = headerBytes;
      m.headerSizeStart = ++p;
      p = writeNumber(args, p, headerBytes);
      m.headerSizeEnd = p;
    }
    m.sizeBytes = headerBytes + payloadBytes;
    m.sizeStart = ++p;
    m.sizeEnd = writeNumber(args, p, m.sizeBytes);
    m.args = args;
    // Headers and payload stand behind each other in every store; nobody reads the line end.
    m.payload = bytes;
    m.payloadStart = headerBytes > 0 ? stored.headersAt : stored.payloadAt;
    m.payloadEnd = stored.payloadEnd + 2;
    m.contiguous = false;
    m.target = target;
    const { trace } = this.core;
    this.core.trace = null;
    this.#depth++;
    try {
      return deliverToMatches(this.core, null, account, found, m);
    } finally {
      this.#depth--;
      this.core.trace = trace;
    }
  }

  #fill(
    m: InboundMessage,
    nested: boolean,
    subject: string,
    reply: string,
    headers: Uint8Array,
    payload: Uint8Array,
  ): void {
    const argumentBytes = subject.length + reply.length + ARGUMENT_BYTES;
    const payloadBytes = headers.length + payload.length + 2;
    let args = this.#arguments;
    let body = this.#payload;
    if (nested) {
      args = new Uint8Array(argumentBytes);
      body = new Uint8Array(payloadBytes);
    } else {
      if (args.length < argumentBytes) args = this.#arguments = new Uint8Array(argumentBytes * 2);
      if (body.length < payloadBytes) body = this.#payload = new Uint8Array(payloadBytes * 2);
    }
    let p = 0;
    m.subjectStart = 0;
    for (let i = 0; i < subject.length; i++) args[p++] = subject.charCodeAt(i);
    m.subjectEnd = p;
    m.replyStart = -1;
    if (reply.length > 0) {
      p++;
      m.replyStart = p;
      for (let i = 0; i < reply.length; i++) args[p++] = reply.charCodeAt(i);
      m.replyEnd = p;
    }
    m.headerBytes = -1;
    if (headers.length > 0) {
      m.headerBytes = headers.length;
      m.headerSizeStart = ++p;
      p = writeNumber(args, p, headers.length);
      m.headerSizeEnd = p;
    }
    m.sizeBytes = headers.length + payload.length;
    m.sizeStart = ++p;
    m.sizeEnd = writeNumber(args, p, m.sizeBytes);
    body.set(headers);
    body.set(payload, headers.length);
    body[payloadBytes - 2] = CR;
    body[payloadBytes - 1] = LF;
    m.args = args;
    m.payload = body;
    m.payloadStart = 0;
    m.payloadEnd = payloadBytes;
    m.contiguous = false;
  }
}

function writeNumber(to: Uint8Array, at: number, value: number): number {
  let end = at + 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) end++;
  for (let i = end - 1; i >= at; i--) {
    to[i] = 48 + (value % 10);
    value = Math.floor(value / 10);
  }
  return end;
}
