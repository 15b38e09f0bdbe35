/**
 * Starting over at an earlier or later message.
 *
 * Reference: resetStartingSeq, processResetReq in server/consumer.go.
 *
 * @module
 */
import {
  decodeJson,
  encodeJson,
  field,
  JsonShapeError,
  JsonSyntaxError,
  OMIT,
  optional,
  type Shape,
  shape,
  text,
  uint64,
} from "../../base/json/mod.ts";
import {
  apiError,
  type ApiErrorData,
  apiErrorShape,
  consumerInfoFields,
  consumerInfoShape,
  consumerResetRequestShape,
  refusesApiLevel,
  ResponseType,
  toApiError,
  withDynamicMetadata,
} from "../../jsapi/mod.ts";
import { headerValue } from "../../protocol/mod.ts";
import type { Consumer } from "./consumer.ts";
import { checkInterestState } from "./interest_cleanup.ts";
import { recountPending } from "./pending_count.ts";

const errorResponseShape: Shape<{ type: string; error: ApiErrorData | null; resetSeq: number }> =
  shape("JSApiConsumerResetResponse", () => ({ type: "", error: null, resetSeq: 0 }), {
    type: field("type", text),
    error: field("error", optional(apiErrorShape), OMIT),
    resetSeq: field("reset_seq", uint64),
  });

const responseShape = shape(
  "JSApiConsumerResetResponse",
  () => ({ type: "", ...consumerInfoShape.create(), resetSeq: 0 }),
  { type: field("type", text), ...consumerInfoFields, resetSeq: field("reset_seq", uint64) },
);

/** The sequence that a reset leads to. Throws Error when the deliver policy does not allow it. */
function resetTarget(o: Consumer, seq: number): number {
  const { deliverPolicy, optStartSeq, optStartTime } = o.config;
  if (seq === 0) return Math.max(1, o.ackFloorStream + 1);
  switch (deliverPolicy) {
    case "all":
      return seq;
    case "by_start_sequence":
      if (seq < optStartSeq) throw new Error("below start seq");
      return seq;
    case "by_start_time":
      if (seq < o.stream.store.seqFromTimeNs(optStartTime!)) throw new Error("below start time");
      return seq;
    default:
      throw new Error("not allowed");
  }
}

/** See Consumer.reset. */
export function resetConsumer(o: Consumer, seq: number): number {
  const target = resetTarget(o, seq);
  o.pending.clear();
  o.redelivered.clear();
  o.redeliverQueue.clear();
  o.skipList = null;
  o.streamSeq = target;
  o.consumerSeq = 1;
  o.ackFloorConsumer = 0;
  o.ackFloorStream = target - 1;
  o.checkFloor = Math.min(o.checkFloor, target);
  o.lastDeliveredMs = 0;
  o.lastAckedMs = 0;
  if (o.store === null) return target;
  o.store.reset(target - 1);
  if (o.stream.config.retention === "interest") checkInterestState(o);
  recountPending(o);
  o.signal();
  return target;
}

/** Handles a message on `$JS.API.CONSUMER.RESET`. `message` is borrowed. */
export function receiveReset(
  o: Consumer,
  reply: string,
  message: Uint8Array,
  headerBytes: number,
): void {
  if (reply === "" || o.closed) return;
  const { client } = o.js;
  try {
    const level = headerValue(message, 0, headerBytes, "Nats-Required-Api-Level");
    if (level !== null && refusesApiLevel(level)) throw apiError("JSRequiredApiLevelErr");
    const resetSeq = resetConsumer(o, requestedSeq(message.subarray(headerBytes)));
    const info = o.info();
    const config = withDynamicMetadata(o.config, o.js.version);
    const response = { type: ResponseType.ConsumerReset, ...info, config, resetSeq };
    client.publishText(o.account, reply, "", encodeJson(responseShape, response));
  } catch (error) {
    const response = {
      type: ResponseType.ConsumerReset,
      error: toApiError(error, "JSConsumerInvalidResetErr"),
      resetSeq: 0,
    };
    client.publishText(o.account, reply, "", encodeJson(errorResponseShape, response));
  }
}

function requestedSeq(body: Uint8Array): number {
  if (body.length === 0) return 0;
  try {
    return decodeJson(consumerResetRequestShape, body).seq;
  } catch (error) {
    if (!(error instanceof JsonShapeError || error instanceof JsonSyntaxError)) throw error;
    throw apiError("JSInvalidJSONErr", { err: error });
  }
}
