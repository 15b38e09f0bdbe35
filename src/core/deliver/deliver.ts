/**
 * From a published message to the slabs of those who want it. The hottest code of the server:
 * no strings, closures, promises or objects per message on the common path.
 *
 * Reference: processInboundClientMsg, processMsgResults and deliverMsg in server/client.go.
 *
 * @module
 */
import { bytesOfByteString, byteStringOf } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import type { InboundMessage } from "../../protocol/mod.ts";
import type { SublistResult } from "../../sublist/mod.ts";
import type { Account } from "../account/account.ts";
import type { StreamImport } from "../account/imports.ts";
import type { Connection } from "../connection/connection.ts";
import type { Subscription } from "../connection/subscription.ts";
import type { Core } from "../core.ts";
import { deliverTraced } from "../trace/deliver_traced.ts";
import { startTrace } from "../trace/start_trace.ts";
import { mayAskForTrace } from "./may_ask_for_trace.ts";
import { deliverWithLeafs } from "./leaf_delivery.ts";
import { isReservedReply, isReservedSubject, refusePublish, refuseReply } from "./refuse.ts";
import { deliverServiceReply, deliverServiceRequest, type ServiceHop } from "./service.ts";

const CR = 13;
const LF = 10;
const BLANK = 32;

/** Below this many bytes a loop copies faster than `set(subarray)`. */
const LOOP_COPY_BYTES_MAX = 40;

/** Pending bytes of a receiver at which those who write to it pause for a moment. */
export const CROWDED_BYTES = 1024 * 1024;

/** Messages of a slow consumer pass when less than this share of `max_pending` is pending. */
const STALL_SHARE = 0.75;

/** Handles a message published by a client: checks it and hands it to all who match. */
export function publishFromClient(core: Core, from: Connection, m: InboundMessage): void {
  const account = from.account;
  if (account === null || from.closed) return;
  if (m.headerBytes > 0 && asksForTrace(account, m)) publishTraced(core, from, account, m);
  else publish(core, from, account, m);
}

function asksForTrace(account: Account, m: InboundMessage): boolean {
  const start = m.payloadStart;
  const external = account.traceDestination !== "";
  return mayAskForTrace(m.payload, start, start + m.headerBytes, external);
}

function publishTraced(core: Core, from: Connection, account: Account, m: InboundMessage): void {
  const { trace, skip } = startTrace(core, from, account, m);
  if (skip) return;
  core.trace = trace;
  try {
    publish(core, from, account, m);
  } finally {
    core.trace = null;
  }
  if (trace !== null) trace.send();
}

function publish(core: Core, from: Connection, account: Account, m: InboundMessage): void {
  // Permissions are about where a message goes, not about what its sender called it.
  if (account.mapper !== null) mapSubject(account, from, m);
  if (from.trace) tracePayload(core, from, m, "<<-");
  const size = m.payloadEnd - m.payloadStart - 2;
  from.inMsgs++;
  from.inBytes += size;
  account.inMsgs++;
  account.inBytes += size;
  const stats = core.stats;
  stats.inMsgs++;
  stats.inBytes += size;
  stats.inClientMsgs++;
  stats.inClientBytes += size;
  const { args, subjectStart, subjectEnd } = m;
  if (isReservedSubject(args, subjectStart, subjectEnd, account === core.systemAccount)) {
    return refusePublish(from, m);
  }
  const permissions = from.permissions;
  if (permissions !== null && permissions.limitsPublish) {
    const subject = byteStringOf(m.args, m.subjectStart, m.subjectEnd);
    if (!permissions.canPublish(subject, core.turnMs)) return refusePublish(from, m);
  }
  if (m.replyStart >= 0 && isReservedReply(m.args, m.replyStart, m.replyEnd)) {
    return refuseReply(from, m);
  }
  if (from.connect.verbose) from.sendOk();
  const found = account.sublist.matchBytes(m.args, m.subjectStart, m.subjectEnd);
  const delivered = deliverToMatches(core, from, account, found, m);
  if (!delivered && m.replyStart >= 0 && from.connect.no_responders) noResponders(from, m);
}

/** Maps the subject of a message that came from `from`. Returns whether it has changed. */
export function mapSubject(account: Account, from: Connection, m: InboundMessage): boolean {
  const subject = byteStringOf(m.args, m.subjectStart, m.subjectEnd);
  const mapped = account.mapper!.map(subject);
  if (mapped === null || mapped === subject) return false;
  from.core.trace?.addSubjectMapping(mapped);
  if (from.trace) from.traceLine(`<<- [MAPPING ${subject} -> ${mapped}]`);
  // The new subject goes in front of a copy of the arguments behind the old one.
  const shift = mapped.length - (m.subjectEnd - m.subjectStart);
  const args = new Uint8Array(m.sizeEnd - m.subjectStart + shift);
  args.set(bytesOfByteString(mapped));
  args.set(m.args.subarray(m.subjectEnd, m.sizeEnd), mapped.length);
  const move = shift - m.subjectStart;
  m.args = args;
  m.subjectStart = 0;
  m.subjectEnd = mapped.length;
  if (m.replyStart >= 0) {
    m.replyStart += move;
    m.replyEnd += move;
  }
  m.headerSizeStart += move;
  m.headerSizeEnd += move;
  m.sizeStart += move;
  m.sizeEnd += move;
  m.contiguous = false;
  return true;
}

function noResponders(from: Connection, m: InboundMessage): void {
  const reply = byteStringOf(m.args, m.replyStart, m.replyEnd);
  const found = from.account!.match(reply);
  for (const subscription of found.psubs) {
    if (subscription.connection !== from) continue;
    const subject = byteStringOf(m.args, m.subjectStart, m.subjectEnd);
    const headerBytes = 32 + subject.length;
    from.sendLine(
      `HMSG ${reply} ${subscription.sid} ${headerBytes} ${headerBytes}\r\n` +
        `NATS/1.0 503\r\nNats-Subject: ${subject}\r\n\r\n\r\n`,
    );
    return;
  }
}

/**
 * Delivers to all plain subscriptions and to one of each queue group. Returns whether anybody
 * got the message. `from` is null for messages of the server itself, `hop` the service import by
 * which the message came here from another account.
 */
export function deliverToMatches(
  core: Core,
  from: Connection | null,
  account: Account,
  found: SublistResult<Subscription>,
  m: InboundMessage,
  hop: ServiceHop | null = null,
): boolean {
  if (core.leafCount > 0) {
    return deliverWithLeafs(core, from, account, found, m, hop, hop !== null);
  }
  const { psubs, qsubs } = found;
  let delivered = false;
  for (let i = 0; i < psubs.length; i++) {
    if (deliverOne(core, from, account, psubs[i]!, m, hop)) delivered = true;
  }
  for (let i = 0; i < qsubs.length; i++) {
    const group = qsubs[i]!;
    const count = group.length;
    let at = count > 1 ? core.env.random.below(count) : 0;
    for (let tried = 0; tried < count; tried++) {
      if (deliverOne(core, from, account, group[at]!, m, hop)) {
        delivered = true;
        break;
      }
      if (++at === count) at = 0;
    }
  }
  return delivered;
}

/** Delivers to one subscription. Returns whether it got the message. */
export function deliverOne(
  core: Core,
  from: Connection | null,
  account: Account,
  subscription: Subscription,
  m: InboundMessage,
  hop: ServiceHop | null,
): boolean {
  const { trace } = core;
  if (trace !== null) return deliverTraced(core, from, account, subscription, m, hop, trace);
  const to = subscription.connection;
  if (to === null) return deliverInternal(core, from, account, subscription, m, hop);
  if ((to === from && !to.echo) || subscription.closed || to.closed) return false;
  const link = subscription.streamImport;
  // What a service was asked is no message of a stream.
  if (link !== null && hop !== null) return false;
  const shown = shownSubject(link, m);
  const permissions = to.permissions;
  if (permissions !== null && permissions.checksDeliveries) {
    const subject = shown ?? byteStringOf(m.args, m.subjectStart, m.subjectEnd);
    if (permissions.deliveryDenied(subject, subscription.queue)) return false;
  }
  const out = to.out;
  const { maxPending, noFastProducerStall } = core.options;
  if (noFastProducerStall && isStalled(core, from, to)) return false;
  const counted = subscription.original ?? subscription;
  const sequence = ++counted.delivered;
  const max = counted.max;
  if (max > 0 && sequence >= max) {
    noteLimit(to, counted);
    to.removeSubscription(counted);
    if (sequence > max) return false;
  }
  const size = writeMessage(to, subscription, m, shown);
  to.outMsgs++;
  to.outBytes += size;
  account.outMsgs++;
  account.outBytes += size;
  const stats = core.stats;
  stats.outMsgs++;
  stats.outBytes += size;
  stats.outClientMsgs++;
  stats.outClientBytes += size;
  if (permissions !== null && permissions.response !== null && m.replyStart >= 0) {
    permissions.trackReply(byteStringOf(m.args, m.replyStart, m.replyEnd), core.turnMs);
  }
  if (to.trace) traceDelivery(core, to, subscription, m, shown);
  if (!out.dirty) core.markDirty(to);
  if (out.bufferedBytes > CROWDED_BYTES) {
    if (!noFastProducerStall) core.crowded = to;
    if (out.pendingBytes > maxPending) to.onMaxPending();
  } else if (maxPending < CROWDED_BYTES && out.pendingBytes > maxPending) to.onMaxPending();
  return true;
}

/** Whether `to` has so much pending that who publishes should wait for it. */
export function isStalled(core: Core, from: Connection | null, { out }: Connection): boolean {
  return from !== null && out.bufferedBytes > 1024 &&
    out.pendingBytes > core.options.maxPending * STALL_SHARE;
}

/** The subject that an importer of a stream sees of a message; null is that of the message. */
export function shownSubject(link: StreamImport | null, m: InboundMessage): string | null {
  if (link === null || m.target !== "") return null;
  return link.localSubject(byteStringOf(m.args, m.subjectStart, m.subjectEnd));
}

function noteLimit(to: Connection, { max, sid }: Subscription): void {
  to.debug(`Auto-unsubscribe limit of ${max} reached for sid '${sid}'`);
}

/** Delivers to a part of the server. Returns whether it took the message. */
export function deliverInternal(
  core: Core,
  from: Connection | null,
  account: Account,
  subscription: Subscription,
  m: InboundMessage,
  hop: ServiceHop | null,
): boolean {
  if (subscription.closed) return false;
  subscription.delivered++;
  const { serviceImport, streamImport } = subscription;
  if (serviceImport !== null) {
    return deliverServiceRequest(core, from, account, serviceImport, m, hop);
  }
  if (subscription.carriesReplies) {
    deliverServiceReply(core, from, account, m, hop);
    return true;
  }
  if (streamImport !== null && hop !== null) return false;
  return subscription.handler!(
    subscription,
    account,
    shownSubject(streamImport, m) ?? byteStringOf(m.args, m.subjectStart, m.subjectEnd),
    m.replyStart < 0 ? "" : byteStringOf(m.args, m.replyStart, m.replyEnd),
    m.payload.subarray(m.payloadStart, m.payloadEnd - 2),
    Math.max(0, m.headerBytes),
    from,
  ) !== false;
}

/**
 * Appends MSG or HMSG to the receiver's slab, with the subject `shown` where it has another one
 * than the publisher wrote. Returns the size that counts: headers (where the
 * receiver takes them) and body.
 */
function writeMessage(
  to: Connection,
  subscription: Subscription,
  m: InboundMessage,
  shown: string | null,
): number {
  const out = to.out;
  const args = m.args;
  const subjectStart = m.subjectStart;
  const subjectEnd = m.subjectEnd;
  const sid = subscription.sid;
  const withHeaders = m.headerBytes >= 0 && to.headers;
  const stripHeaders = m.headerBytes > 0 && !to.headers;
  const payloadStart = stripHeaders ? m.payloadStart + m.headerBytes : m.payloadStart;
  const payloadBytes = m.payloadEnd - payloadStart;
  const subjectBytes = shown === null ? subjectEnd - subjectStart : shown.length;
  out.reserve(
    subjectBytes + sid.length + payloadBytes + (m.sizeEnd - subjectEnd) + 48,
  );
  const slab = out.slab;
  let p = out.length;
  if (withHeaders && m.headerBytes > 0) slab[p++] = 72;
  slab[p] = 77;
  slab[p + 1] = 83;
  slab[p + 2] = 71;
  slab[p + 3] = BLANK;
  p += 4;
  if (shown === null) { for (let i = subjectStart; i < subjectEnd; i++) slab[p++] = args[i]!; }
  else for (let i = 0; i < subjectBytes; i++) slab[p++] = shown.charCodeAt(i);
  slab[p++] = BLANK;
  for (let i = 0; i < sid.length; i++) slab[p++] = sid.charCodeAt(i);
  slab[p++] = BLANK;
  if (m.replyStart >= 0) {
    for (let i = m.replyStart; i < m.replyEnd; i++) slab[p++] = args[i]!;
    slab[p++] = BLANK;
  }
  if (m.contiguous && (m.headerBytes < 0 || (withHeaders && m.headerBytes > 0))) {
    const tailStart = m.headerBytes < 0 ? m.sizeStart : m.headerSizeStart;
    out.length = copyBytes(m.payload, tailStart, m.payloadEnd, slab, p);
    return m.sizeBytes;
  }
  if (stripHeaders || m.headerBytes === 0) p = writeDigits(slab, p, payloadBytes - 2);
  else {
    if (withHeaders) {
      for (let i = m.headerSizeStart; i < m.headerSizeEnd; i++) slab[p++] = args[i]!;
      slab[p++] = BLANK;
    }
    for (let i = m.sizeStart; i < m.sizeEnd; i++) slab[p++] = args[i]!;
  }
  slab[p++] = CR;
  slab[p++] = LF;
  p = copyBytes(m.payload, payloadStart, m.payloadEnd - 2, slab, p);
  slab[p++] = CR;
  slab[p++] = LF;
  out.length = p;
  return payloadBytes - 2;
}

/** Copies bytes to `at`; returns where they end. */
export function copyBytes(
  from: Uint8Array,
  start: number,
  end: number,
  to: Uint8Array,
  at: number,
): number {
  if (end - start <= LOOP_COPY_BYTES_MAX) {
    for (let i = start; i < end; i++) to[at++] = from[i]!;
    return at;
  }
  to.set(from.subarray(start, end), at);
  return at + end - start;
}

/** Writes a number in decimal; returns where it ends. */
export function writeDigits(slab: Uint8Array, at: number, value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  for (let i = at + digits - 1; i >= at; i--) {
    slab[i] = 48 + (value % 10);
    value = Math.floor(value / 10);
  }
  return at + digits;
}

function traceDelivery(
  core: Core,
  to: Connection,
  subscription: Subscription,
  m: InboundMessage,
  shown: string | null,
): void {
  const headers = m.headerBytes > 0 && to.headers;
  const subject = shown ?? byteStringOf(m.args, m.subjectStart, m.subjectEnd);
  const reply = m.replyStart < 0 ? "" : `${byteStringOf(m.args, m.replyStart, m.replyEnd)} `;
  const sizes = headers ? `${m.headerBytes} ${m.sizeBytes}` : `${m.sizeBytes}`;
  to.traceLine(`->> [${headers ? "HMSG" : "MSG"} ${subject} ${subscription.sid} ${reply}${sizes}]`);
  tracePayload(core, to, m, "->>");
}

/** Traces a message's body as far as the options allow. */
export function tracePayload(
  core: Core,
  connection: Connection,
  m: InboundMessage,
  arrow: "<<-" | "->>",
): void {
  if (core.hidesPayloads) {
    connection.traceLine(`${arrow} MSG_PAYLOAD: ["[REDACTED]"]`);
    return;
  }
  const { maxTracedMsgLen, traceHeaders } = core.options;
  const end = traceHeaders && m.headerBytes > 0
    ? m.payloadStart + m.headerBytes - 4
    : m.payloadEnd - 2;
  if ((traceHeaders && m.headerBytes <= 0) || end <= m.payloadStart) return;
  const length = end - m.payloadStart;
  const shown = maxTracedMsgLen > 0 && length > maxTracedMsgLen ? maxTracedMsgLen : length;
  const bytes = m.payload.subarray(m.payloadStart, m.payloadStart + shown);
  const text = goQuote(new TextDecoder().decode(bytes));
  connection.traceLine(
    shown < length
      ? `${arrow} MSG_PAYLOAD: ["${text.slice(1, -1)}..."]`
      : `${arrow} MSG_PAYLOAD: [${text}]`,
  );
}
