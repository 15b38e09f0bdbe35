/**
 * Requests about consumers.
 *
 * Reference: jsConsumerCreateRequest and others in server/jetstream_api.go.
 *
 * @module
 */
import {
  bool,
  duration,
  field,
  list,
  OMIT,
  text,
  time,
  ZERO_TIME_NS,
} from "../../base/json/mod.ts";
import { byteStringOfText } from "../../base/text/byte_string.ts";
import {
  apiError,
  consumerInfoFields,
  consumerInfoShape,
  consumerPauseRequestShape,
  consumerUnpinRequestShape,
  createConsumerRequestShape,
  pagedRequestShape,
  ResponseType,
  toApiError,
  withDynamicMetadata,
  withStaticConsumerMetadata,
} from "../../jsapi/mod.ts";
import type { ConsumerInfo } from "../../jsapi/mod.ts";
import type { Consumer } from "../consumer/consumer.ts";
import { addConsumer, requestedConfig } from "../consumer/create.ts";
import { isPaused } from "../consumer/pause.ts";
import type { Stream } from "../stream/stream.ts";
import type { Handler } from "./api.ts";
import { byName, clampOffset, LIST_MAX, NAMES_MAX, offlineFields, pageFields } from "./paging.ts";
import { type ApiRequest, NoAnswer, type ResponseFields, value, values } from "./request.ts";
import { SUCCESS } from "./stream_handlers.ts";

/** Token of the stream's name in `$JS.API.CONSUMER.<verb>.<stream>[.<consumer>]`. */
const STREAM = 4;
const CONSUMER = 5;
const FILTER = 6;
/** The same in `$JS.API.CONSUMER.DURABLE.CREATE.<stream>.<consumer>`. */
const DURABLE_STREAM = 5;
const DURABLE_CONSUMER = 6;

const GROUP_NAME = /^[a-zA-Z0-9/_=-]{1,16}$/;

const consumerNamesField = field("consumers", list(text));
const consumerListField = field("consumers", list(consumerInfoShape));
const pausedField = field("paused", bool);
const pauseUntilField = field("pause_until", time);
const pauseRemainingField = field("pause_remaining", duration, OMIT);

function infoFields(request: ApiRequest, info: ConsumerInfo): ResponseFields {
  const { version } = request.js;
  const config = info.config === null ? null : withDynamicMetadata(info.config, version);
  return values(consumerInfoFields, { ...info, config });
}

function mustBeOnline(stream: Stream): Stream {
  if (stream.offlineReason !== "") {
    throw apiError("JSStreamOfflineReasonErrF", { err: stream.offlineReason });
  }
  return stream;
}

function createLegacy(request: ApiRequest): ResponseFields {
  return create(request, { stream: STREAM, consumer: -1, kind: "ephemeral" });
}

function createDurable(request: ApiRequest): ResponseFields {
  return create(request, { stream: DURABLE_STREAM, consumer: DURABLE_CONSUMER, kind: "durable" });
}

function createNamed(request: ApiRequest): ResponseFields {
  return create(request, { stream: STREAM, consumer: CONSUMER, kind: "named" });
}

/** The three forms of the request differ in what their subjects say. */
function create(
  request: ApiRequest,
  form: { stream: number; consumer: number; kind: "ephemeral" | "durable" | "named" },
): ResponseFields {
  const wanted = request.decode(createConsumerRequestShape);
  const account = request.jsAccount;
  const config = { ...wanted.config };
  const streamName = request.token(form.stream);
  const name = form.consumer < 0 ? config.name : request.token(form.consumer);
  if (streamName !== wanted.stream) throw apiError("JSStreamMismatchErr");
  if (/[\\/]/.test(name)) throw apiError("JSConsumerNameContainsPathSeparatorsErr");
  switch (form.kind) {
    case "durable":
      if (config.durable === "") throw apiError("JSConsumerDurableNameNotSetErr");
      if (name !== config.durable) throw apiError("JSConsumerDurableNameNotMatchSubjectErr");
      config.name = name;
      break;
    case "named":
      if (config.durable !== "" && name !== config.durable) {
        throw apiError("JSConsumerDurableNameNotMatchSubjectErr");
      }
      config.name = name;
      break;
    case "ephemeral":
      if (config.durable !== "") throw apiError("JSConsumerEphemeralWithDurableNameErr");
  }
  const filter = form.kind === "named" ? request.tokens.slice(FILTER).join(".") : "";
  if (filter !== "") {
    if (config.filterSubjects.length > 0) throw apiError("JSConsumerMultipleFiltersNotAllowed");
    if (config.filterSubject !== filter) {
      throw apiError("JSConsumerCreateFilterSubjectMismatchErr");
    }
  }
  if (config.replicas > 1) throw apiError("JSStreamReplicasNotSupportedErr");
  const stream = mustBeOnline(account.stream(streamName));
  const requested = requestedConfig(stream, config);
  const present = stream.consumers.get(requested.name);
  if (present !== undefined && present.offlineReason !== "") {
    throw apiError("JSConsumerOfflineReasonErrF", { err: present.offlineReason });
  }
  try {
    const consumer = addConsumer(stream, withStaticConsumerMetadata(requested), {
      name: "",
      action: wanted.action,
      pedantic: wanted.pedantic,
    });
    if (isPaused(consumer)) request.js.events.consumerPause(consumer.address, requested.pauseUntil);
    return infoFields(request, consumer.info());
  } catch (error) {
    throw toApiError(error, "JSConsumerCreateErrF");
  }
}

function publicConsumers(stream: Stream): Consumer[] {
  return [...stream.consumers.values()].filter(({ config }) => !config.direct).sort(byName);
}

function names(request: ApiRequest): ResponseFields {
  const account = request.jsAccount;
  const { offset } = request.decodeDocument(pagedRequestShape);
  const all = publicConsumers(account.stream(request.token(STREAM)));
  const start = clampOffset(offset, all.length);
  const page = all.slice(start, start + NAMES_MAX).map(({ name }) => name);
  return [
    ...pageFields({ total: all.length, offset: start, limit: NAMES_MAX }),
    value(consumerNamesField, page),
  ];
}

function listConsumers(request: ApiRequest): ResponseFields {
  const account = request.jsAccount;
  const { offset } = request.decodeDocument(pagedRequestShape);
  const all = publicConsumers(account.stream(request.token(STREAM)));
  const start = clampOffset(offset, all.length);
  const offline = new Map<string, string>();
  const infos: ConsumerInfo[] = [];
  for (const consumer of all.slice(start)) {
    if (consumer.offlineReason !== "") {
      offline.set(consumer.name, consumer.offlineReason);
      continue;
    }
    // Only single answers say what the server is.
    infos.push(consumer.info());
    if (infos.length >= LIST_MAX) break;
  }
  return [
    ...pageFields({ total: all.length, offset: start, limit: LIST_MAX }),
    value(consumerListField, infos),
    ...offlineFields(offline),
  ];
}

function info(request: ApiRequest): ResponseFields {
  request.mustBeEmpty();
  const consumer = request.consumerAt(request.streamAt(STREAM), CONSUMER);
  if (consumer.offlineReason !== "") {
    throw apiError("JSConsumerOfflineReasonErrF", { err: consumer.offlineReason });
  }
  return infoFields(request, consumer.info());
}

function deleteConsumer(request: ApiRequest): ResponseFields {
  const account = request.jsAccount;
  request.mustBeEmpty();
  const consumer = request.consumerAt(account.stream(request.token(STREAM)), CONSUMER);
  consumer.stop({ deleteState: true, advisory: true });
  return SUCCESS;
}

/** The consumer of a request; one that is kept offline does not answer. */
function onlineConsumer(request: ApiRequest): Consumer {
  const stream = request.streamAt(STREAM);
  if (stream.offlineReason !== "") throw new NoAnswer();
  const consumer = request.consumerAt(stream, CONSUMER);
  if (consumer.offlineReason !== "") throw new NoAnswer();
  return consumer;
}

function pause(request: ApiRequest): ResponseFields {
  const { pauseUntil } = request.decodeDocument(consumerPauseRequestShape);
  const consumer = onlineConsumer(request);
  const untilNs = pauseUntil ?? ZERO_TIME_NS;
  try {
    consumer.pause(untilNs === ZERO_TIME_NS ? null : untilNs);
  } catch (error) {
    throw toApiError(error, "JSConsumerStoreFailedErrF");
  }
  const nowNs = request.js.core.env.clock.nowNs();
  const paused = nowNs < untilNs;
  return [
    value(pausedField, paused),
    value(pauseUntilField, untilNs),
    value(pauseRemainingField, paused ? untilNs - nowNs : 0n),
  ];
}

function unpin(request: ApiRequest): ResponseFields {
  const { group } = request.decode(consumerUnpinRequestShape);
  if (group === "") {
    throw apiError("JSInvalidJSONErr", { err: "consumer group not specified" });
  }
  if (!GROUP_NAME.test(byteStringOfText(group))) {
    throw apiError("JSConsumerInvalidGroupNameErr");
  }
  const consumer = onlineConsumer(request);
  if (!consumer.config.priorityGroups.includes(group)) {
    throw apiError("JSConsumerInvalidPriorityGroupErr");
  }
  consumer.unpin(group);
  return [];
}

/** Handlers by pattern. */
export const consumerHandlers: readonly Handler[] = [
  {
    pattern: "CONSUMER.DURABLE.CREATE.*.*",
    type: ResponseType.ConsumerCreate,
    handle: createDurable,
  },
  { pattern: "CONSUMER.CREATE.*.*.>", type: ResponseType.ConsumerCreate, handle: createNamed },
  { pattern: "CONSUMER.CREATE.*.*", type: ResponseType.ConsumerCreate, handle: createNamed },
  { pattern: "CONSUMER.CREATE.*", type: ResponseType.ConsumerCreate, handle: createLegacy },
  {
    pattern: "CONSUMER.NAMES.*",
    type: ResponseType.ConsumerNames,
    handle: names,
    errorFields: [...pageFields({ total: 0, offset: 0, limit: 0 }), value(consumerNamesField, [])],
  },
  {
    pattern: "CONSUMER.LIST.*",
    type: ResponseType.ConsumerList,
    handle: listConsumers,
    errorFields: [...pageFields({ total: 0, offset: 0, limit: 0 }), value(consumerListField, [])],
  },
  { pattern: "CONSUMER.INFO.*.*", type: ResponseType.ConsumerInfo, handle: info },
  { pattern: "CONSUMER.DELETE.*.*", type: ResponseType.ConsumerDelete, handle: deleteConsumer },
  {
    pattern: "CONSUMER.PAUSE.*.*",
    type: ResponseType.ConsumerPause,
    handle: pause,
    errorFields: [value(pausedField, false), value(pauseUntilField, ZERO_TIME_NS)],
  },
  { pattern: "CONSUMER.UNPIN.*.*", type: ResponseType.ConsumerUnpin, handle: unpin },
];
