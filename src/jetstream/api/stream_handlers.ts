/**
 * Requests about streams.
 *
 * Reference: server/jetstream_api.go.
 *
 * @module
 */
import { textOfByteString } from "../../base/text/byte_string.ts";
import { bool, field, list, OMIT, text, uint64 } from "../../base/json/mod.ts";
import {
  ApiError,
  apiError,
  ResponseType,
  type StreamConfig,
  streamConfigRequestShape,
  type StreamInfo,
  streamInfoFields,
  streamInfoRequestShape,
  streamInfoShape,
  streamListRequestShape,
  streamPurgeRequestShape,
  toApiError,
  withStaticStreamMetadata,
} from "../../jsapi/mod.ts";
import { checkStreamLimits } from "../engine/limits.ts";
import type { JsAccount } from "../engine/js_account.ts";
import { checkStreamConfig, invalidStream } from "../stream/config_check.ts";
import { createStream } from "../stream/create.ts";
import { streamInfo } from "../stream/info.ts";
import { purgeStream } from "../stream/removal.ts";
import { stopStream } from "../stream/stop.ts";
import type { Stream } from "../stream/stream.ts";
import { updateStream } from "../stream/update.ts";
import type { Handler } from "./api.ts";
import { byName, clampOffset, LIST_MAX, NAMES_MAX, offlineFields, pageFields } from "./paging.ts";
import { type ApiRequest, type ResponseFields, value, values } from "./request.ts";

/** Token of the stream's name in `$JS.API.STREAM.<verb>.<name>`. */
const NAME = 4;
/** Most subjects in one answer about a stream. */
const SUBJECT_DETAILS_MAX = 100_000;

const successField = field("success", bool, OMIT);
const purgedField = field("purged", uint64);
const didCreateField = field("did_create", bool, OMIT);
const streamNamesField = field("streams", list(text, { nullWhenEmpty: true }));
const streamListField = field("streams", list(streamInfoShape));

/** Fields of an answer that something was done. */
export const SUCCESS: ResponseFields = [value(successField, true)];

/** Throws ApiError when names hold what separates paths. */
export function checkPathSeparators(name: string): void {
  if (/[\\/]/.test(name)) throw apiError("JSStreamNameContainsPathSeparatorsErr");
}

/** Throws ApiError when the account has no room for a stream like this. */
export function checkRoom(account: JsAccount, config: StreamConfig): void {
  const { limits, tier } = account.select(config.replicas);
  if (limits.maxStreams > 0 && account.countStreams(tier, config) >= limits.maxStreams) {
    throw apiError("JSMaximumStreamsLimitErr");
  }
  const reserved = account.reservedByOthers(tier, config);
  checkStreamLimits(limits, tier, config, reserved, config.maxBytes, account.js);
}

/** A request that no stream can be asked which is kept offline. Throws ApiError. */
function mustBeOnline(stream: Stream): Stream {
  if (stream.offlineReason !== "") {
    throw apiError("JSStreamOfflineReasonErrF", { err: stream.offlineReason });
  }
  return stream;
}

function create(request: ApiRequest): ResponseFields {
  const account = request.jsAccount;
  const { pedantic, ...config } = request.decode(streamConfigRequestShape);
  const name = request.token(NAME);
  if (name !== config.name) throw apiError("JSStreamMismatchErr");
  checkPathSeparators(name);
  if (config.sealed) {
    throw invalidStream("stream configuration for create can not be sealed");
  }
  if (config.mirrorDirect && config.mirror === null) {
    throw invalidStream("stream has no mirror but does have mirror direct");
  }
  checkRoom(account, config);
  let stream: Stream;
  try {
    stream = createStream(account, config, { pedantic, recoveredNs: null });
  } catch (error) {
    if (error instanceof ApiError && error.id === "JSStreamStoreFailedF") {
      throw apiError("JSStreamCreateErrF", { err: "error creating store for stream" });
    }
    throw toApiError(error, "JSStreamCreateErrF");
  }
  const info: StreamInfo = { ...streamInfo(stream), domain: "", cluster: null };
  return [...values(streamInfoFields, info), value(didCreateField, true)];
}

function update(request: ApiRequest): ResponseFields {
  const account = request.jsAccount;
  const { pedantic, ...config } = request.decode(streamConfigRequestShape);
  const checked = checkStreamConfig(config, account.checks, pedantic);
  if (request.token(NAME) !== checked.name) throw apiError("JSStreamMismatchErr");
  const stream = mustBeOnline(request.streamAt(NAME));
  try {
    updateStream(stream, withStaticStreamMetadata(checked), pedantic);
  } catch (error) {
    throw toApiError(error, "JSStreamUpdateErrF");
  }
  const info: StreamInfo = { ...streamInfo(stream), cluster: null };
  return values(streamInfoFields, info);
}

function names(request: ApiRequest): ResponseFields {
  const account = request.jsAccount;
  const { offset, subject } = request.decodeDocument(streamListRequestShape);
  const all = account.filteredStreams(subject).sort(byName);
  const start = clampOffset(offset, all.length);
  const page = all.slice(start, start + NAMES_MAX).map(({ name }) => name);
  return [
    ...pageFields({ total: all.length, offset: start, limit: NAMES_MAX }),
    value(streamNamesField, page),
  ];
}

function listStreams(request: ApiRequest): ResponseFields {
  const account = request.jsAccount;
  const { offset, subject } = request.decodeDocument(streamListRequestShape);
  const all = account.filteredStreams(subject).sort(byName);
  const start = clampOffset(offset, all.length);
  const offline = new Map<string, string>();
  const infos: StreamInfo[] = [];
  for (const stream of all.slice(start)) {
    if (stream.offlineReason !== "") {
      offline.set(stream.name, stream.offlineReason);
      continue;
    }
    // Only single answers say what the server is.
    infos.push({ ...streamInfo(stream), config: stream.config, cluster: null });
    if (infos.length >= LIST_MAX) break;
  }
  return [
    ...pageFields({ total: all.length, offset: start, limit: LIST_MAX }),
    value(streamListField, infos),
    ...offlineFields(offline),
  ];
}

function info(request: ApiRequest): ResponseFields {
  const account = request.jsAccount;
  const { deletedDetails, subjectsFilter, offset } = request.decodeDocument(
    streamInfoRequestShape,
  );
  const stream = mustBeOnline(account.stream(request.token(NAME)));
  const answer = streamInfo(stream, deletedDetails);
  let page = { total: 0, offset: 0, limit: 0 };
  if (subjectsFilter !== "") {
    const totals = stream.store.subjectsTotals(subjectsFilter);
    if (totals.size > 0) {
      page = { total: totals.size, offset: Math.max(offset, 0), limit: SUBJECT_DETAILS_MAX };
      let shown = [...totals];
      if (page.offset > 0 || shown.length > SUBJECT_DETAILS_MAX) {
        shown.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
        page.offset = clampOffset(page.offset, shown.length);
        shown = shown.slice(page.offset, page.offset + SUBJECT_DETAILS_MAX);
      }
      answer.state.subjects = new Map(
        shown.map(([subject, count]) => [textOfByteString(subject), count]),
      );
    }
  }
  return [...pageFields(page), ...values(streamInfoFields, answer)];
}

async function deleteStream(request: ApiRequest): Promise<ResponseFields> {
  const account = request.jsAccount;
  request.mustBeEmpty();
  const stream = account.stream(request.token(NAME));
  try {
    await stopStream(stream, { deleteState: true, advisory: true });
  } catch (error) {
    throw toApiError(error, "JSStreamDeleteErrF");
  }
  return SUCCESS;
}

function purge(request: ApiRequest): ResponseFields {
  const account = request.jsAccount;
  const wanted = request.decodeDocument(streamPurgeRequestShape);
  if (wanted.sequence > 0 && wanted.keep > 0) throw apiError("JSBadRequestErr");
  const stream = account.stream(request.token(NAME));
  if (stream.config.sealed) throw apiError("JSStreamSealedErr");
  if (stream.config.denyPurge) {
    throw apiError("JSStreamPurgeFailedF", { err: "stream purge not permitted" });
  }
  try {
    return [...SUCCESS, value(purgedField, purgeStream(stream, wanted))];
  } catch (error) {
    throw toApiError(error, "JSStreamGeneralErrorF");
  }
}

/** Handlers by pattern. */
export const streamHandlers: readonly Handler[] = [
  { pattern: "STREAM.CREATE.*", type: ResponseType.StreamCreate, handle: create },
  { pattern: "STREAM.UPDATE.*", type: ResponseType.StreamUpdate, handle: update },
  {
    pattern: "STREAM.NAMES",
    type: ResponseType.StreamNames,
    handle: names,
    errorFields: [
      ...pageFields({ total: 0, offset: 0, limit: 0 }),
      value(streamNamesField, []),
    ],
  },
  {
    pattern: "STREAM.LIST",
    type: ResponseType.StreamList,
    handle: listStreams,
    errorFields: [
      ...pageFields({ total: 0, offset: 0, limit: 0 }),
      value(streamListField, []),
    ],
  },
  {
    pattern: "STREAM.INFO.*",
    type: ResponseType.StreamInfo,
    handle: info,
    errorFields: pageFields({ total: 0, offset: 0, limit: 0 }),
  },
  { pattern: "STREAM.DELETE.*", type: ResponseType.StreamDelete, handle: deleteStream },
  {
    pattern: "STREAM.PURGE.*",
    type: ResponseType.StreamPurge,
    handle: purge,
    errorFields: [value(purgedField, 0)],
  },
];
