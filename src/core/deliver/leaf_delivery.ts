/**
 * Delivery on a server with leaf nodes: local subscriptions first, then one message to each leaf
 * node that wants it, with the queue groups that the other end is to choose a member of.
 *
 * ```text
 * LMSG foo 5                   to all plain subscriptions
 * LMSG foo reply 5
 * LMSG foo | q1 q2 5           to these, and to one of each of the groups q1 and q2
 * LMSG foo + reply q1 q2 5
 * ```
 *
 * Reference: processMsgResults, msgHeaderForRouteOrLeaf in server/client.go and
 * processInboundLeafMsg in server/leafnode.go.
 *
 * @module
 */
import { byteStringOf, textOfByteString } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import type { InboundMessage } from "../../protocol/mod.ts";
import type { SublistResult } from "../../sublist/mod.ts";
import type { Account } from "../account/account.ts";
import type { Connection } from "../connection/connection.ts";
import type { Subscription } from "../connection/subscription.ts";
import type { Core } from "../core.ts";
import {
  copyBytes,
  CROWDED_BYTES,
  deliverOne,
  mapSubject,
  shownSubject,
  tracePayload,
  writeDigits,
} from "./deliver.ts";
import type { ServiceHop } from "./service.ts";

const CR = 13;
const LF = 10;
const BLANK = 32;
const BIG_H = 72;
const BIG_L = 76;
const BIG_M = 77;
const BIG_S = 83;
const BIG_G = 71;
const PLUS = 43;
const BAR = 124;
const ACK_PREFIX = "$JS.ACK.";

/** What one leaf node is sent of a message. */
interface LeafTarget {
  readonly subscription: Subscription;
  readonly to: Connection;
  queues: string;
}

/** Handles a message that came from the other end of a leaf node connection. */
export function publishFromLeaf(core: Core, from: Connection, m: InboundMessage): void {
  const { account, leaf } = from;
  if (account === null || leaf === null || from.closed) return;
  if (from.trace) tracePayload(core, from, m, "<<-");
  const size = m.payloadEnd - m.payloadStart - 2;
  from.inMsgs++;
  from.inBytes += size;
  account.inMsgs++;
  account.inBytes += size;
  core.stats.inMsgs++;
  core.stats.inBytes += size;
  const inbound = leaf.inbound;
  if (inbound !== null && inbound.limitsPublish) {
    // Permissions are about what came over the wire, before any mapping.
    const subject = byteStringOf(m.args, m.subjectStart, m.subjectEnd);
    if (!leaf.mayReceive(subject, core.turnMs)) return refuseMessage(from, subject);
  }
  const mapped = account.mapper !== null && mapSubject(account, from, m);
  const found = account.sublist.matchBytes(m.args, m.subjectStart, m.subjectEnd);
  if (m.replyStart >= 0) restoreShownSubject(m);
  deliverWithLeafs(core, from, account, found, m, null, mapped && m.queues === null);
}

/** A leaf that gets what it may not get drops it; a hub sends the leaf away. */
function refuseMessage(from: Connection, subject: string): void {
  if (from.leaf!.isSpoke) return;
  const shown = goQuote(textOfByteString(subject));
  from.sendError(`Permissions Violation for Publish to ${shown}`);
  from.error(`Publish Violation on ${shown} - Check other side configuration`);
  from.refusedByHub();
}

/** Messages of consumers carry the subject to show behind the one for the acknowledgement. */
function restoreShownSubject(m: InboundMessage): void {
  if (m.replyEnd - m.replyStart <= ACK_PREFIX.length || m.args[m.replyStart] !== 36) return;
  const reply = byteStringOf(m.args, m.replyStart, m.replyEnd);
  if (!reply.startsWith(ACK_PREFIX)) return;
  const at = reply.lastIndexOf("@");
  if (at < 0 || at === reply.length - 1) return;
  const target = byteStringOf(m.args, m.subjectStart, m.subjectEnd);
  m.address(reply.slice(at + 1), reply.slice(0, at));
  m.target = target;
}

/**
 * `deliverToMatches` where leaf nodes may be among those that match. `allGroups` has queue groups
 * served although the sender, another server, has named none.
 */
export function deliverWithLeafs(
  core: Core,
  from: Connection | null,
  account: Account,
  found: SublistResult<Subscription>,
  m: InboundMessage,
  hop: ServiceHop | null,
  allGroups: boolean,
): boolean {
  const { psubs, qsubs } = found;
  const { queues } = m;
  let delivered = false;
  let targets: LeafTarget[] | null = null;
  for (let i = 0; i < psubs.length; i++) {
    const subscription = psubs[i]!;
    const to = subscription.connection;
    if (to === null || to.leaf === null) {
      if (deliverOne(core, from, account, subscription, m, hop)) delivered = true;
    } else if (to !== from) targets = addTarget(targets, subscription, to);
  }
  const chosenOnly = from !== null && from.leaf !== null && !allGroups;
  if (!chosenOnly || queues !== null) {
    for (let i = 0; i < qsubs.length; i++) {
      const group = qsubs[i]!;
      if (chosenOnly && !queues!.includes(group[0]!.queue!)) continue;
      const remote = deliverToGroup(core, from, account, group, m, hop);
      if (remote === true) delivered = true;
      else if (remote !== null) targets = addTarget(targets, remote, remote.connection!);
    }
  }
  if (targets === null) return delivered;
  for (let i = 0; i < targets.length; i++) {
    if (deliverToLeaf(core, from, account, targets[i]!, m, hop)) delivered = true;
  }
  return delivered;
}

function addTarget(
  targets: LeafTarget[] | null,
  subscription: Subscription,
  to: Connection,
): LeafTarget[] {
  const list = targets ?? [];
  let at = 0;
  while (at < list.length && list[at]!.to !== to) at++;
  if (at === list.length) list.push({ subscription, to, queues: "" });
  if (subscription.queue !== null) list[at]!.queues += subscription.queue + " ";
  return list;
}

/** True when a local member got the message; else the leaf node's member to send it to, or null. */
function deliverToGroup(
  core: Core,
  from: Connection | null,
  account: Account,
  group: readonly Subscription[],
  m: InboundMessage,
  hop: ServiceHop | null,
): true | Subscription | null {
  const count = group.length;
  const origin = from?.leaf?.remoteCluster ?? "";
  let remote: Subscription | null = null;
  let at = count > 1 ? core.env.random.below(count) : 0;
  for (let tried = 0; tried < count; tried++) {
    const subscription = group[at]!;
    if (++at === count) at = 0;
    const to = subscription.connection;
    if (to !== null && to.leaf !== null) {
      const sameCluster = origin !== "" && origin === to.leaf.remoteCluster;
      if (remote === null && to !== from && !sameCluster) remote = subscription;
    } else if (deliverOne(core, from, account, subscription, m, hop)) return true;
  }
  return remote;
}

function deliverToLeaf(
  core: Core,
  from: Connection | null,
  account: Account,
  { subscription, to, queues }: LeafTarget,
  m: InboundMessage,
  hop: ServiceHop | null,
): boolean {
  const leaf = to.leaf!;
  if (subscription.closed || to.closed) return false;
  const link = subscription.streamImport;
  if (link !== null && hop !== null) return false;
  const origin = from?.leaf?.remoteCluster ?? "";
  if (origin !== "" && origin === leaf.remoteCluster) return false;
  // The other end would not know that it is to trace only.
  if (core.trace !== null && core.trace.only) return false;
  const shown = m.target !== "" ? m.target : shownSubject(link, m);
  const { permissions } = to;
  if (permissions !== null && permissions.limitsPublish) {
    const subject = m.destination();
    if (!permissions.canPublish(subject, core.turnMs)) {
      noteDenied(to, subject);
      return false;
    }
  }
  const size = writeLeafMessage(to, m, shown, queues);
  (subscription.original ?? subscription).delivered++;
  to.outMsgs++;
  to.outBytes += size;
  account.outMsgs++;
  account.outBytes += size;
  core.stats.outMsgs++;
  core.stats.outBytes += size;
  if (leaf.inbound !== null && leaf.inbound.response !== null && m.replyStart >= 0) {
    leaf.inbound.trackReply(byteStringOf(m.args, m.replyStart, m.replyEnd), core.turnMs);
  }
  if (to.trace) traceLeafDelivery(core, to, m, shown, queues);
  if (!to.out.dirty) core.markDirty(to);
  if (to.out.bufferedBytes > CROWDED_BYTES && !core.options.noFastProducerStall) core.crowded = to;
  return true;
}

function noteDenied(to: Connection, subject: string): void {
  to.debug(`Not permitted to deliver to ${goQuote(textOfByteString(subject))}`);
}

function traceLeafDelivery(
  core: Core,
  to: Connection,
  m: InboundMessage,
  shown: string | null,
  queues: string,
): void {
  const operation = m.headerBytes > 0 && to.headers ? "HMSG" : "LMSG";
  const subject = shown ?? byteStringOf(m.args, m.subjectStart, m.subjectEnd);
  to.traceLine(`->> [${operation} ${textOfByteString(subject)} ${queues}${m.sizeBytes}]`);
  tracePayload(core, to, m, "->>");
}

/**
 * Appends LMSG or HMSG for the subject `shown`, or that of the message, to the slab of `to`.
 * Returns the size of headers and body.
 */
function writeLeafMessage(
  to: Connection,
  m: InboundMessage,
  shown: string | null,
  queues: string,
): number {
  const { out } = to;
  const { args } = m;
  const withHeaders = m.headerBytes > 0 && to.headers;
  const bodyStart = m.headerBytes > 0 && !to.headers
    ? m.payloadStart + m.headerBytes
    : m.payloadStart;
  const size = m.payloadEnd - 2 - bodyStart;
  // Stored messages are matched by one subject and shown under another one.
  const reply = m.target === "" || m.replyStart < 0 ? "" : shownBehindReply(m);
  const subjectBytes = shown === null ? m.subjectEnd - m.subjectStart : shown.length;
  const replyBytes = m.replyStart < 0 ? 0 : m.replyEnd - m.replyStart;
  out.reserve(subjectBytes + replyBytes + reply.length + queues.length + size + 64);
  const { slab } = out;
  let p = out.length;
  slab[p++] = withHeaders ? BIG_H : BIG_L;
  slab[p++] = BIG_M;
  slab[p++] = BIG_S;
  slab[p++] = BIG_G;
  slab[p++] = BLANK;
  if (shown === null) p = copyBytes(args, m.subjectStart, m.subjectEnd, slab, p);
  else for (let i = 0; i < subjectBytes; i++) slab[p++] = shown.charCodeAt(i);
  slab[p++] = BLANK;
  if (queues !== "") {
    slab[p++] = m.replyStart >= 0 ? PLUS : BAR;
    slab[p++] = BLANK;
  }
  if (m.replyStart >= 0) {
    p = copyBytes(args, m.replyStart, m.replyEnd, slab, p);
    for (let i = 0; i < reply.length; i++) slab[p++] = reply.charCodeAt(i);
    slab[p++] = BLANK;
  }
  for (let i = 0; i < queues.length; i++) slab[p++] = queues.charCodeAt(i);
  if (withHeaders) {
    p = writeDigits(slab, p, m.headerBytes);
    slab[p++] = BLANK;
  }
  p = writeDigits(slab, p, size);
  slab[p++] = CR;
  slab[p++] = LF;
  p = copyBytes(m.payload, bodyStart, m.payloadEnd - 2, slab, p);
  slab[p++] = CR;
  slab[p++] = LF;
  out.length = p;
  return size;
}

function shownBehindReply(m: InboundMessage): string {
  const reply = byteStringOf(m.args, m.replyStart, m.replyEnd);
  if (reply.startsWith(ACK_PREFIX) && reply.includes("@")) return "";
  return "@" + byteStringOf(m.args, m.subjectStart, m.subjectEnd);
}
