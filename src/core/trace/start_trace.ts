/**
 * Decides whether a message is traced, and begins its trace.
 *
 * Reference: initMsgTrace and allowedToPublishOnMsgTraceDest in server/msgtrace.go; ADR-41.
 *
 * @module
 */
import { byteStringOf, textOfByteString } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import { type InboundMessage, setMessageHeader } from "../../protocol/mod.ts";
import { isValidPublishSubject } from "../../subject/mod.ts";
import type { Account } from "../account/account.ts";
import type { Connection } from "../connection/connection.ts";
import type { Core } from "../core.ts";
import { mayAskForTrace } from "../deliver/may_ask_for_trace.ts";
import { isReservedText, refusePublishTo } from "../deliver/refuse.ts";
import { MessageTrace } from "./message_trace.ts";
import { readTraceHeaders, TraceHeader, TRACING_DISABLED } from "./trace_headers.ts";

/** What becomes of a message that asks for a trace. */
export interface StartedTrace {
  /** Null when the message is not traced after all. */
  readonly trace: MessageTrace | null;
  /** The message must go no further. */
  readonly skip: boolean;
}

const UNTRACED: StartedTrace = { trace: null, skip: false };

/**
 * Begins the trace of `m`, which `from` has published in `account`. With `error` the message is
 * refused for that reason. May change the headers of `m`.
 */
export function startTrace(
  core: Core,
  from: Connection,
  account: Account,
  m: InboundMessage,
  error: string = "",
): StartedTrace {
  const headersEnd = Math.min(m.payloadEnd, m.payloadStart + m.headerBytes);
  const headers = m.payload.subarray(m.payloadStart, headersEnd);
  const read = readTraceHeaders(headers);
  if (read === null) return UNTRACED;
  const value = (name: string): string => read.all.get(name)?.[0] ?? "";
  const only = !read.external && /^(1|true|on)$/i.test(value(TraceHeader.Only));
  const untraced: StartedTrace = { trace: null, skip: only };
  const origin = value(TraceHeader.OriginAccount);
  if (origin !== "") {
    from.error(
      `Message tracing disabled because of header ${goQuote(TraceHeader.OriginAccount)} with ` +
        `value=${goQuote(textOfByteString(origin))}`,
    );
    if (error === "" && !only) disableTracing(m);
    return untraced;
  }
  let destination = value(TraceHeader.Destination);
  if (read.external) {
    destination = account.traceDestination;
    if (destination === "") return UNTRACED;
    if (!isSampled(core, account.traceSampling)) {
      if (error === "") disableTracing(m);
      return UNTRACED;
    }
  }
  if (!isValidPublishSubject(destination)) {
    const shown = goQuote(textOfByteString(destination));
    from.error(`Destination ${shown} is not valid, won't be able to trace events`);
    return untraced;
  }
  // Nobody may send by way of traces what they may not publish.
  if (!mayPublish(core, from, account, destination)) {
    refusePublishTo(from, destination);
    return { trace: null, skip: true };
  }
  const trace = new MessageTrace(core, from, {
    account,
    destination,
    only,
    headers: read.all,
    sizeBytes: m.sizeBytes,
    subject: byteStringOf(m.args, m.subjectStart, m.subjectEnd),
    error,
  });
  return { trace, skip: false };
}

/** Traces a message that was refused before it was read to the end. */
export function traceRefused(
  core: Core,
  from: Connection,
  m: InboundMessage,
  error: string,
): void {
  const { account } = from;
  if (account === null || m.headerBytes <= 0) return;
  const end = Math.min(m.payloadEnd, m.payloadStart + m.headerBytes);
  if (!mayAskForTrace(m.payload, m.payloadStart, end, account.traceDestination !== "")) return;
  startTrace(core, from, account, m, error).trace?.send();
}

/** Keeps other servers, and this one when the message comes by again, from tracing it. */
export function disableTracing(m: InboundMessage): void {
  const { message, headerBytes } = setMessageHeader(
    m.payload.subarray(m.payloadStart, m.payloadEnd),
    m.headerBytes,
    TraceHeader.Destination,
    TRACING_DISABLED,
  );
  m.replaceBody(message, headerBytes);
}

function isSampled(core: Core, percentage: number): boolean {
  if (percentage <= 0 || percentage >= 100) return true;
  return core.env.random.below(100) <= percentage;
}

function mayPublish(core: Core, from: Connection, account: Account, subject: string): boolean {
  if (isReservedText(subject, account === core.systemAccount)) return false;
  const { permissions } = from;
  return permissions === null || !permissions.limitsPublish ||
    permissions.canPublish(subject, core.turnMs, false);
}
