/**
 * Traced messages that cross to another account by a service import: the trace goes on there only
 * if the exporter allows it.
 *
 * Reference: the parts of processServiceImport in server/client.go for traces, and
 * setupResponseServiceImport in server/msgtrace.go.
 *
 * @module
 */
import { type InboundMessage, setMessageHeader } from "../../protocol/mod.ts";
import type { Account } from "../account/account.ts";
import type { ServiceImport } from "../account/imports.ts";
import type { Connection } from "../connection/connection.ts";
import type { Core } from "../core.ts";
import { deliverToMatches } from "../deliver/deliver.ts";
import type { ServiceHop } from "../deliver/service.ts";
import type { MessageTrace } from "./message_trace.ts";
import { disableTracing } from "./start_trace.ts";
import { TraceHeader } from "./trace_headers.ts";

/** A message that is about to be delivered in another account. */
export interface CrossingMessage {
  readonly account: Account;
  /** Where it was published, before it crossed. */
  readonly from: string;
  readonly message: InboundMessage;
  readonly hop: ServiceHop;
}

function deliver(core: Core, from: Connection | null, crossing: CrossingMessage): boolean {
  const { account, message, hop } = crossing;
  const found = account.sublist.match(message.destination());
  return deliverToMatches(core, from, account, found, message, hop);
}

function deliverUntraced(
  core: Core,
  from: Connection | null,
  crossing: CrossingMessage,
  trace: MessageTrace,
): boolean {
  if (trace.only) return false;
  if (crossing.message.headerBytes > 0) disableTracing(crossing.message);
  core.trace = null;
  try {
    return deliver(core, from, crossing);
  } finally {
    core.trace = trace;
  }
}

function addEvent(trace: MessageTrace, { account, from, message }: CrossingMessage): void {
  trace.addServiceImport(account, from, message.destination());
}

/** Delivers a request to the exporter of `link`. Returns whether anybody got it. */
export function deliverTracedRequest(
  core: Core,
  from: Connection | null,
  requester: Account,
  link: ServiceImport,
  crossing: CrossingMessage,
  trace: MessageTrace,
): boolean {
  addEvent(trace, crossing);
  const { service, exporter, share } = link;
  if (service === null || !service.allowTrace) {
    return deliverUntraced(core, from, crossing, trace);
  }
  // Servers that the request goes on to send their events in the exporter's account.
  const { destination } = trace;
  const replies = exporter.replies(core);
  const owed = replies.owe(requester, destination, {
    service,
    share,
    responseType: service.responseType,
    tracking: false,
  });
  setDestination(crossing.message, owed.subject);
  trace.destination = owed.subject;
  try {
    return deliver(core, from, crossing);
  } finally {
    trace.destination = destination;
    replies.remove(owed, "done");
  }
}

/** Delivers a reply to the requester; what follows of its trace is the requester's business. */
export function deliverTracedReply(
  core: Core,
  from: Connection | null,
  crossing: CrossingMessage,
  trace: MessageTrace,
): boolean {
  addEvent(trace, crossing);
  return deliverUntraced(core, from, crossing, trace);
}

function setDestination(m: InboundMessage, destination: string): void {
  const changed = setMessageHeader(
    m.payload.subarray(m.payloadStart, m.payloadEnd),
    m.headerBytes,
    TraceHeader.Destination,
    destination,
  );
  m.replaceBody(changed.message, changed.headerBytes);
}
