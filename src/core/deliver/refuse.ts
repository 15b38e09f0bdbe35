/**
 * What clients may not publish whatever their permissions are, and how they are told.
 *
 * Reference: pubPermissionViolation, replySubjectViolation and isReservedReply in server/client.go.
 *
 * @module
 */
import { byteStringOf, textOfByteString } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import type { InboundMessage } from "../../protocol/mod.ts";
import type { Connection } from "../connection/connection.ts";

const DOLLAR = 36;
const UNDERSCORE = 95;

const GATEWAY_REPLY_PREFIX = "_GR_.";
const RAFT_PREFIX = "$NRG.";
const SERVICE_REPLY_PREFIX = "_R_.";
const ACK_PREFIX = "$JS.ACK.";

/** Whether the bytes begin with `prefix` and go on. */
function goesBeyond(buffer: Uint8Array, start: number, end: number, prefix: string): boolean {
  return end - start > prefix.length && hasPrefix(buffer, start, end, prefix);
}

function hasPrefix(buffer: Uint8Array, start: number, end: number, prefix: string): boolean {
  if (end - start < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) {
    if (buffer[start + i] !== prefix.charCodeAt(i)) return false;
  }
  return true;
}

/** Subjects of servers among themselves; those of consensus are open to the system account. */
export function isReservedSubject(
  buffer: Uint8Array,
  start: number,
  end: number,
  isSystem: boolean,
): boolean {
  const first = buffer[start];
  if (first === UNDERSCORE) return goesBeyond(buffer, start, end, GATEWAY_REPLY_PREFIX);
  return first === DOLLAR && !isSystem && hasPrefix(buffer, start, end, RAFT_PREFIX);
}

/** {@linkcode isReservedSubject} of a byte string. */
export function isReservedText(subject: string, isSystem: boolean): boolean {
  if (subject.startsWith(GATEWAY_REPLY_PREFIX)) {
    return subject.length > GATEWAY_REPLY_PREFIX.length;
  }
  return !isSystem && subject.startsWith(RAFT_PREFIX);
}

/** Replies that only the server itself may use. */
export function isReservedReply(buffer: Uint8Array, start: number, end: number): boolean {
  const first = buffer[start];
  if (first === DOLLAR) return goesBeyond(buffer, start, end, ACK_PREFIX);
  if (first !== UNDERSCORE) return false;
  return hasPrefix(buffer, start, end, SERVICE_REPLY_PREFIX) ||
    goesBeyond(buffer, start, end, GATEWAY_REPLY_PREFIX);
}

function refuse(from: Connection, error: string, line: string): void {
  from.core.trace?.setIngressError(error);
  from.sendError(error);
  from.error(line);
}

/** Refuses a publish to `subject`, a byte string. */
export function refusePublishTo(from: Connection, subject: string): void {
  const shown = goQuote(textOfByteString(subject));
  refuse(
    from,
    `Permissions Violation for Publish to ${shown}`,
    `Publish Violation - Subject ${shown}`,
  );
}

/** Refuses a message for its subject. */
export function refusePublish(from: Connection, m: InboundMessage): void {
  refusePublishTo(from, byteStringOf(m.args, m.subjectStart, m.subjectEnd));
}

/** Refuses a message for its reply subject. */
export function refuseReply(from: Connection, m: InboundMessage): void {
  const shown = goQuote(textOfByteString(byteStringOf(m.args, m.replyStart, m.replyEnd)));
  refuse(
    from,
    `Permissions Violation for Publish with Reply of ${shown}`,
    `Publish Violation - Reply ${shown}`,
  );
}
