/**
 * Tells messages of batches from single ones.
 *
 * Reference: internalLoop in server/stream.go, ADR-50.
 *
 * @module
 */
import { headerValue } from "../../protocol/mod.ts";
import { MsgHeader } from "../stream/header_names.ts";
import type { Stream } from "../stream/stream.ts";
import { isFastBatchReply, parseFastBatchReply } from "./batch_reply.ts";

/** Handles a message that is a part of a batch; false when it is a single one. */
export function routeBatchMessage(
  stream: Stream,
  subject: string,
  reply: string,
  headers: Uint8Array,
  payload: Uint8Array,
): boolean {
  if (isFastBatchReply(reply)) {
    stream.fastBatches.receive(parseFastBatchReply(reply), subject, reply, headers, payload);
    return true;
  }
  if (headers.length === 0) return false;
  const id = headerValue(headers, 0, headers.length, MsgHeader.BatchId) ?? "";
  if (id === "") return false;
  stream.atomicBatches.receive(id, subject, reply, headers, payload);
  return true;
}
