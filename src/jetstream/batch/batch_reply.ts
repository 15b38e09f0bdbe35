/**
 * What the reply subject of a fast batch's message says (ADR-50):
 *
 * ```text
 * <prefix>.<batch id>.<flow>.<ok|fail>.<batch sequence>.<operation>.$FI
 * ```
 *
 * Reference: getFastBatch in server/stream.go.
 *
 * @module
 */
import { JsonShapeError, JsonSyntaxError } from "../../base/json/mod.ts";
import { byteStringOfText } from "../../base/text/byte_string.ts";
import { isServiceReply } from "../../core/account/service_replies.ts";
import { parseClientInfo } from "../../core/connection/client_info.ts";
import { sliceHeader } from "../../protocol/mod.ts";
import { MsgHeader } from "../stream/header_names.ts";

/** End of each such subject. */
const SUFFIX = ".$FI";
const FLOW_DEFAULT = 10;
const FLOW_MAX = 65_535;
const DIGIT_ZERO = 48;

const Operation = { Start: 0, Append: 1, Commit: 2, CommitEob: 3, Ping: 4 } as const;

/** One message's place in a fast batch. */
export interface FastBatchMessage {
  /** Byte string. */
  readonly id: string;
  /** Messages between two acknowledgements that the client allows at most. */
  readonly flow: number;
  /** A gap does not end the batch. */
  readonly gapOk: boolean;
  readonly seq: number;
  readonly ping: boolean;
  readonly commit: boolean;
  /** The commit has no message. */
  readonly commitEob: boolean;
}

function isFastBatchReply(reply: string): boolean {
  return reply.length > SUFFIX.length && reply.endsWith(SUFFIX);
}

/**
 * The reply subject that says the place of a message in a fast batch; empty when it is in none.
 * That of a publisher in another account is in the headers: `reply` is the server's own there.
 */
export function fastBatchReply(reply: string, headers: Uint8Array): string {
  if (isFastBatchReply(reply)) return reply;
  if (headers.length === 0 || !isServiceReply(reply)) return "";
  const info = sliceHeader(headers, MsgHeader.ClientInfo);
  if (info === null) return "";
  try {
    const published = byteStringOfText(parseClientInfo(new TextDecoder().decode(info)).reply);
    return isFastBatchReply(published) ? published : "";
  } catch (error) {
    if (error instanceof JsonShapeError || error instanceof JsonSyntaxError) return "";
    throw error;
  }
}

/** The number that stands in `[start, end)`, of at most `digits` digits; -1 when it is none. */
function numberAt(text: string, start: number, end: number, digits: number): number {
  if (start >= end || end - start > digits) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - DIGIT_ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** The parts of a reply subject; null when they do not fit together. Read from the end. */
export function parseFastBatchReply(reply: string): FastBatchMessage | null {
  const end = reply.length - SUFFIX.length;
  const operationAt = reply.lastIndexOf(".", end - 1) + 1;
  const seqAt = reply.lastIndexOf(".", operationAt - 2) + 1;
  const gapAt = reply.lastIndexOf(".", seqAt - 2) + 1;
  const flowAt = reply.lastIndexOf(".", gapAt - 2) + 1;
  const idAt = reply.lastIndexOf(".", flowAt - 2) + 1;
  // A prefix of at least one token stands before the id.
  if (idAt < 1 || operationAt < 2 || seqAt < 2 || gapAt < 2 || flowAt < 2) return null;
  const operation = numberAt(reply, operationAt, end, 9);
  const seq = numberAt(reply, seqAt, operationAt - 1, 15);
  if (operation < 0 || operation > Operation.Ping || seq <= 0) return null;
  const commitEob = operation === Operation.CommitEob;
  if (seq === 1 && commitEob) return null;
  if (operation === Operation.Start && seq !== 1) return null;
  if (operation === Operation.Append && seq <= 1) return null;
  const gapOk = reply.startsWith("ok.", gapAt);
  if (!gapOk && !reply.startsWith("fail.", gapAt)) return null;
  const flow = numberAt(reply, flowAt, gapAt - 1, 18);
  return {
    id: reply.slice(idAt, flowAt - 1),
    flow: flow <= 0 ? FLOW_DEFAULT : Math.min(flow, FLOW_MAX),
    gapOk,
    seq,
    ping: operation === Operation.Ping,
    commit: commitEob || operation === Operation.Commit,
    commitEob,
  };
}
