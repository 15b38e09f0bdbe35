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
import { fastBatchReply, parseFastBatchReply } from "./batch_reply.ts";
import type { BatchOutcome } from "./outcome.ts";

/** Handles a message that is a part of a batch; null when it is a single one. */
export function routeBatchMessage(
  stream: Stream,
  subject: string,
  reply: string,
  headers: Uint8Array,
  payload: Uint8Array,
): BatchOutcome | null {
  const place = fastBatchReply(reply, headers);
  if (place !== "") {
    const message = parseFastBatchReply(place);
    return stream.fastBatches.receive(message, subject, reply, headers, payload);
  }
  if (headers.length === 0) return null;
  const id = headerValue(headers, 0, headers.length, MsgHeader.BatchId) ?? "";
  if (id === "") return null;
  return stream.atomicBatches.receive(id, subject, reply, headers, payload);
}
