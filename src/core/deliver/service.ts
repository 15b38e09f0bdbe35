/**
 * Requests to services of other accounts, and their replies on the way back.
 *
 * ```text
 * importer                                exporter
 * request foo.bar  reply _INBOX.1  ──▶    svc.bar      reply _R_.k3XaP1.8sQzT2
 *      _INBOX.1    ◀──────────────────    _R_.k3XaP1.8sQzT2
 * ```
 *
 * Reference: processServiceImport and setupResponseServiceImport in server/client.go.
 *
 * @module
 */
import { encodeJson, JsonShapeError, JsonSyntaxError } from "../../base/json/mod.ts";
import { byteStringOf, byteStringOfText, textOfByteString } from "../../base/text/byte_string.ts";
import {
  InboundMessage,
  readMessageHeader,
  setMessageHeader,
  sliceHeader,
} from "../../protocol/mod.ts";
import type { Account } from "../account/account.ts";
import type { ServiceExport } from "../account/exports.ts";
import type { ServiceImport } from "../account/imports.ts";
import { type Sample, sampleRequest } from "../account/latency_sampling.ts";
import { reportBadRequest, reportLatency } from "../account/service_latency.ts";
import type { ServiceReply } from "../account/service_replies.ts";
import {
  briefClientInfo,
  briefRequesterInfo,
  CLIENT_INFO_HEADER,
  type ClientInfo,
  clientInfoOf,
  clientInfoShape,
  parseClientInfo,
  RequesterInfo,
} from "../connection/client_info.ts";
import type { Connection } from "../connection/connection.ts";
import type { Core } from "../core.ts";
import { deliverTracedReply, deliverTracedRequest } from "../trace/service_traced.ts";
import { deliverToMatches } from "./deliver.ts";

const ACK_PREFIX = "$JS.ACK.";
/** Replies of fast batches must be known to JetStream as the publisher wrote them. */
const FAST_BATCH_SUFFIX = ".$FI";

/** A crossing from one account to another that a message has made. */
export interface ServiceHop {
  readonly service: ServiceExport | null;
  readonly share: boolean;
  readonly previous: ServiceHop | null;
}

/** Whether the message has passed the service before. */
function comesBack(hop: ServiceHop | null, service: ServiceExport | null): boolean {
  for (let at = hop; at !== null; at = at.previous) if (at.service === service) return true;
  return false;
}

/** Where the message goes in `account`; empty when its mappings drop it. */
function mapped(account: Account, subject: string): string {
  return account.mapper?.map(subject) ?? subject;
}

/** Carries a request of `account` to the exporter. Returns whether anybody got it. */
export function deliverServiceRequest(
  core: Core,
  from: Connection | null,
  account: Account,
  link: ServiceImport,
  m: InboundMessage,
  hop: ServiceHop | null,
): boolean {
  if (link.invalid || comesBack(hop, link.service)) return false;
  const { exporter, service } = link;
  const sample = sampleOf(core, from, service, m);
  let reply = m.replyStart < 0 ? "" : byteStringOf(m.args, m.replyStart, m.replyEnd);
  let owed: ServiceReply | null = null;
  if (reply === "") {
    if (sample !== null) {
      reportBadRequest(core, exporter, {
        latency: service!.latency!,
        requester: from!,
        share: link.share,
        header: sample.header,
      });
    }
  } else if (!reply.startsWith(ACK_PREFIX)) {
    const responseType = service?.responseType ?? "Singleton";
    owed = exporter.replies(core).owe(account, reply, {
      service,
      share: link.share,
      responseType,
      tracking: sample !== null,
    });
    track(owed, from, sample);
  }
  const share = hop === null ? link.share : hop.share;
  const info = requesterInfo(core, from, account, link, m, hop, share, reply);
  if (owed !== null) reply = owed.subject;
  const subject = m.destination();
  const target = mapped(exporter, link.exporterSubject(subject));
  const message = new InboundMessage();
  copyBody(message, m, info);
  address(message, target, reply, m);
  const next = { service, share, previous: hop };
  const { trace } = core;
  const delivered = trace === null
    ? deliverToMatches(core, from, exporter, exporter.sublist.match(target), message, next)
    : deliverTracedRequest(
      core,
      from,
      account,
      link,
      { account: exporter, from: subject, message, hop: next },
      trace,
    );
  if (owed !== null && (!delivered || (trace !== null && trace.only))) {
    exporter.replies(core).remove(owed, delivered ? "done" : "no delivery");
  }
  return delivered;
}

function sampleOf(
  core: Core,
  from: Connection | null,
  service: ServiceExport | null,
  m: InboundMessage,
): Sample | null {
  if (from === null || service === null || service.latency === null) return null;
  return sampleRequest(
    service.latency,
    core.env.random,
    () =>
      readMessageHeader(
        m.payload.subarray(m.payloadStart, m.payloadStart + Math.max(0, m.headerBytes)),
      ),
  );
}

function track(owed: ServiceReply, from: Connection | null, sample: Sample | null): void {
  const latency = owed.service?.latency ?? null;
  if (latency === null || from === null) return;
  // What the network takes is subtracted, so it must be known.
  if (from.rttMs === 0) from.sendRttPing();
  if (sample === null || owed.responseType !== "Singleton") return;
  owed.tracked = { latency, requester: from, header: sample.header };
}

/** What tells the exporter who asks; null for requests of the server. */
function requesterInfo(
  core: Core,
  from: Connection | null,
  account: Account,
  link: ServiceImport,
  m: InboundMessage,
  hop: ServiceHop | null,
  share: boolean,
  reply: string,
): RequesterInfo | null {
  if (from === null) return null;
  const toSystem = link.exporter === core.systemAccount;
  let info = hop === null ? null : forwardedInfo(m);
  if (info !== null) {
    info.service = textOfByteString(account.name);
    if (!share && (link.share || toSystem)) addServer(info, core);
  } else {
    const fastBatch = reply.endsWith(FAST_BATCH_SUFFIX);
    if (!share && !toSystem && !fastBatch) return briefRequesterInfo(from);
    info = share ? clientInfoOf(from, core.server) : briefClientInfo(from);
    if (fastBatch) info.reply = textOfByteString(reply);
    if (!share && toSystem) addServer(info, core);
  }
  return new RequesterInfo(byteStringOfText(encodeJson(clientInfoShape, info)));
}

function addServer(info: ClientInfo, core: Core): void {
  info.server = core.server.name;
  info.cluster = core.server.cluster;
}

/** What an account on the way has told of the requester. */
function forwardedInfo(m: InboundMessage): ClientInfo | null {
  if (m.headerBytes <= 0) return null;
  const headers = m.payload.subarray(m.payloadStart, m.payloadStart + m.headerBytes);
  const json = sliceHeader(headers, CLIENT_INFO_HEADER);
  if (json === null) return null;
  try {
    return parseClientInfo(new TextDecoder().decode(json));
  } catch (error) {
    if (error instanceof JsonShapeError || error instanceof JsonSyntaxError) return null;
    throw error;
  }
}

/** Gives `to` the body of `m`, with a header that says who asks unless `info` is null. */
function copyBody(to: InboundMessage, m: InboundMessage, info: RequesterInfo | null): void {
  if (info === null) {
    to.payload = m.payload;
    to.payloadStart = m.payloadStart;
    to.payloadEnd = m.payloadEnd;
    to.headerBytes = m.headerBytes;
    to.sizeBytes = m.payloadEnd - m.payloadStart - 2;
    return;
  }
  // The line end stays behind the body all the way.
  const whole = m.payload.subarray(m.payloadStart, m.payloadEnd);
  const { message, headerBytes } = m.headerBytes > 0
    ? setMessageHeader(whole, m.headerBytes, CLIENT_INFO_HEADER, info.json)
    : withHeaders(info.headers, whole);
  to.payload = message;
  to.payloadStart = 0;
  to.payloadEnd = message.length;
  to.headerBytes = headerBytes;
  to.sizeBytes = message.length - 2;
}

function withHeaders(headers: Uint8Array, body: Uint8Array): {
  message: Uint8Array;
  headerBytes: number;
} {
  const message = new Uint8Array(headers.length + body.length);
  message.set(headers);
  message.set(body, headers.length);
  return { message, headerBytes: headers.length };
}

/** Sends `to` to `target`; it shows the subject that `m` shows, if that is not where `m` goes. */
function address(to: InboundMessage, target: string, reply: string, m: InboundMessage): void {
  if (m.target === "") {
    to.address(target, reply);
    return;
  }
  to.address(byteStringOf(m.args, m.subjectStart, m.subjectEnd), reply);
  to.target = target;
}

/** Brings what a service of `account` answers to the requester's account. */
export function deliverServiceReply(
  core: Core,
  from: Connection | null,
  account: Account,
  m: InboundMessage,
  hop: ServiceHop | null,
): void {
  const replies = account.replies(core);
  const owed = replies.find(m.destination());
  if (owed === undefined || comesBack(hop, owed.service)) return;
  const { importer, service, share, responseType } = owed;
  let reply = m.replyStart < 0 ? "" : byteStringOf(m.args, m.replyStart, m.replyEnd);
  let back: ServiceReply | null = null;
  if (reply !== "" && !reply.startsWith(ACK_PREFIX)) {
    // The service asks in turn.
    back = importer.replies(core).owe(account, reply, {
      service,
      share,
      responseType,
      tracking: false,
    });
    reply = back.subject;
  }
  let measured = true;
  if (owed.tracked !== null) {
    measured = !owed.delivered && reportLatency(core, account, owed, from);
    owed.delivered = true;
  }
  const target = mapped(importer, owed.reply);
  const message = new InboundMessage();
  copyBody(message, m, null);
  address(message, target, reply, m);
  const next = { service, share, previous: hop };
  const { trace } = core;
  const delivered = trace === null
    ? deliverToMatches(core, from, importer, importer.sublist.match(target), message, next)
    : deliverTracedReply(
      core,
      from,
      { account: importer, from: owed.subject, message, hop: next },
      trace,
    );
  if (responseType !== "Singleton" && delivered) owed.activeMs = core.env.clock.monotonicMs();
  if (back !== null && !delivered) importer.replies(core).remove(back, "no delivery");
  const last = responseType === "Singleton" || message.sizeBytes === 0;
  if (measured && (!delivered || last)) {
    replies.remove(owed, delivered ? "done" : "no delivery");
  }
}
