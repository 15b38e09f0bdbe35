/**
 * Requests about single messages of a stream.
 *
 * Reference: jsMsgGetRequest, jsMsgDeleteRequest in server/jetstream_api.go.
 *
 * @module
 */
import { field, OMIT, optional } from "../../base/json/mod.ts";
import {
  apiError,
  type ApiErrorData,
  apiErrorShape,
  msgDeleteRequestShape,
  msgGetRequestShape,
  ResponseType,
  storedMsgShape,
  toApiError,
} from "../../jsapi/mod.ts";
import { DiskError } from "../../platform/mod.ts";
import { LoadCode, StoredMsg, StoreError } from "../../store/mod.ts";
import { deleteMsg } from "../stream/removal.ts";
import type { Stream } from "../stream/stream.ts";
import type { Answer, Handler } from "./api.ts";
import { type ApiRequest, NoAnswer, type ResponseFields, value } from "./request.ts";
import { SUCCESS } from "./stream_handlers.ts";

/** Token of the stream's name in `$JS.API.STREAM.MSG.<verb>.<name>`. */
const NAME = 5;

const errorField = field<ApiErrorData>("error", apiErrorShape);
const messageField = field("message", optional(storedMsgShape), OMIT);

function getMsg(request: ApiRequest): Answer {
  const account = request.jsAccount;
  request.mustNotBeEmpty();
  const { seq, lastFor, nextFor, startTime, batch, maxBytes, noHeaders } = request.decode(
    msgGetRequestShape,
  );
  if (
    batch > 0 || maxBytes > 0 || (seq > 0 && lastFor !== "") ||
    (seq === 0 && lastFor === "" && nextFor === "" && startTime === null) ||
    (seq > 0 && startTime !== null) || (startTime !== null && lastFor !== "") ||
    (lastFor !== "" && nextFor !== "")
  ) throw apiError("JSBadRequestErr");
  const stream = account.stream(request.token(NAME));
  if (stream.offlineReason !== "") throw new NoAnswer();
  const { store } = stream;
  const from = startTime === null ? seq : store.seqFromTimeNs(startTime);
  const message = new StoredMsg();
  const found = nextFor !== ""
    ? store.loadNextMsg(nextFor, from, message)
    : from > 0
    ? store.loadMsg(from, message)
    : store.loadLastMsg(lastFor, message);
  if (found !== LoadCode.Found) throw apiError("JSNoMessageFoundErr");
  const isHeld = message.seq > stream.durableSeq;
  // What is answered later must not be borrowed.
  const own = (bytes: Uint8Array) => isHeld ? bytes.slice() : bytes;
  const fields = [
    value(messageField, {
      subject: message.subject(),
      sequence: message.seq,
      header: noHeaders ? new Uint8Array(0) : own(message.headers()),
      data: own(message.payload()),
      time: message.timeNs(),
    }),
  ];
  return isHeld ? whenDurable(stream, message.seq, fields) : fields;
}

/** Nobody is shown what could still be lost. */
async function whenDurable(
  stream: Stream,
  seq: number,
  fields: ResponseFields,
): Promise<ResponseFields> {
  if (!await stream.untilDurable(seq)) throw new NoAnswer();
  return fields;
}

function removeMsg(request: ApiRequest): ResponseFields {
  const account = request.jsAccount;
  request.mustNotBeEmpty();
  const { seq, noErase } = request.decode(msgDeleteRequestShape);
  const stream = account.stream(request.token(NAME));
  if (stream.config.sealed) throw apiError("JSStreamSealedErr");
  if (stream.config.denyDelete) {
    throw apiError("JSStreamMsgDeleteFailedF", { err: "message delete not permitted" });
  }
  // The request itself was right: these errors are not counted as such.
  try {
    if (!deleteMsg(stream, seq, !noErase)) {
      return [value(errorField, apiError("JSSequenceNotFoundErrF", { seq }))];
    }
  } catch (error) {
    if (!(error instanceof StoreError || error instanceof DiskError)) throw error;
    return [value(errorField, toApiError(error, "JSStreamMsgDeleteFailedF"))];
  }
  return SUCCESS;
}

/** Handlers by pattern. */
export const messageHandlers: readonly Handler[] = [
  {
    pattern: "STREAM.MSG.GET.*",
    type: ResponseType.MsgGet,
    handle: getMsg,
    quiet: true,
  },
  {
    pattern: "STREAM.MSG.DELETE.*",
    type: ResponseType.MsgDelete,
    handle: removeMsg,
  },
];
