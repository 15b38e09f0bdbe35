/**
 * Requests and responses of the JetStream API.
 *
 * Reference: server/jetstream_api.go.
 *
 * @module
 */
import {
  bool,
  bytes,
  duration,
  embed,
  field,
  int,
  int64,
  list,
  map,
  OMIT,
  optional,
  type Shape,
  shape,
  subject,
  text,
  time,
  uint64,
} from "../base/json/mod.ts";
import {
  emptyStreamConfig,
  type Placement,
  placementShape,
  type StreamConfig,
  streamConfigShape,
} from "./stream_config.ts";
import { emptyStreamState, type StreamStateInfo, streamStateShape } from "./stream_info.ts";

/** `type` of each response. */
export const ResponseType = {
  System: "io.nats.jetstream.api.v1.system_response",
  AccountInfo: "io.nats.jetstream.api.v1.account_info_response",
  StreamCreate: "io.nats.jetstream.api.v1.stream_create_response",
  StreamDelete: "io.nats.jetstream.api.v1.stream_delete_response",
  StreamInfo: "io.nats.jetstream.api.v1.stream_info_response",
  StreamNames: "io.nats.jetstream.api.v1.stream_names_response",
  StreamList: "io.nats.jetstream.api.v1.stream_list_response",
  StreamPurge: "io.nats.jetstream.api.v1.stream_purge_response",
  StreamUpdate: "io.nats.jetstream.api.v1.stream_update_response",
  MsgDelete: "io.nats.jetstream.api.v1.stream_msg_delete_response",
  MsgGet: "io.nats.jetstream.api.v1.stream_msg_get_response",
  StreamSnapshot: "io.nats.jetstream.api.v1.stream_snapshot_response",
  StreamRestore: "io.nats.jetstream.api.v1.stream_restore_response",
  StreamRemovePeer: "io.nats.jetstream.api.v1.stream_remove_peer_response",
  StreamLeaderStepDown: "io.nats.jetstream.api.v1.stream_leader_stepdown_response",
  ConsumerLeaderStepDown: "io.nats.jetstream.api.v1.consumer_leader_stepdown_response",
  LeaderStepDown: "io.nats.jetstream.api.v1.meta_leader_stepdown_response",
  MetaServerRemove: "io.nats.jetstream.api.v1.meta_server_remove_response",
  AccountPurge: "io.nats.jetstream.api.v1.account_purge_response",
  ConsumerCreate: "io.nats.jetstream.api.v1.consumer_create_response",
  ConsumerDelete: "io.nats.jetstream.api.v1.consumer_delete_response",
  ConsumerPause: "io.nats.jetstream.api.v1.consumer_pause_response",
  ConsumerInfo: "io.nats.jetstream.api.v1.consumer_info_response",
  ConsumerNames: "io.nats.jetstream.api.v1.consumer_names_response",
  ConsumerList: "io.nats.jetstream.api.v1.consumer_list_response",
  ConsumerUnpin: "io.nats.jetstream.api.v1.consumer_unpin_response",
  ConsumerReset: "io.nats.jetstream.api.v1.consumer_reset_response",
} as const;

/** A request for a page of a list. */
export interface PagedRequest {
  offset: number;
}

/** JSON of {@linkcode PagedRequest}. */
export const pagedRequestShape: Shape<PagedRequest> = shape(
  "ApiPagedRequest",
  () => ({ offset: 0 }),
  { offset: field("offset", int) },
);

const paged = embed("ApiPagedRequest", { offset: field("offset", int) });

/** A request for stream information. */
export interface StreamInfoRequest extends PagedRequest {
  deletedDetails: boolean;
  subjectsFilter: string;
}

/** JSON of {@linkcode StreamInfoRequest}. */
export const streamInfoRequestShape: Shape<StreamInfoRequest> = shape(
  "JSApiStreamInfoRequest",
  () => ({ offset: 0, deletedDetails: false, subjectsFilter: "" }),
  {
    ...paged,
    deletedDetails: field("deleted_details", bool, OMIT),
    subjectsFilter: field("subjects_filter", subject, OMIT),
  },
);

/** A request for the names or the list of streams. */
export interface StreamListRequest extends PagedRequest {
  subject: string;
}

/** JSON of {@linkcode StreamListRequest}; Go has two structs of this shape. */
export const streamListRequestShape: Shape<StreamListRequest> = shape(
  "JSApiStreamListRequest",
  () => ({ offset: 0, subject: "" }),
  { ...paged, subject: field("subject", subject, OMIT) },
);

/** A request to purge. */
export interface StreamPurgeRequest {
  sequence: number;
  subject: string;
  keep: number;
}

/** JSON of {@linkcode StreamPurgeRequest}. */
export const streamPurgeRequestShape: Shape<StreamPurgeRequest> = shape(
  "JSApiStreamPurgeRequest",
  () => ({ sequence: 0, subject: "", keep: 0 }),
  {
    sequence: field("seq", uint64, OMIT),
    subject: field("filter", subject, OMIT),
    keep: field("keep", uint64, OMIT),
  },
);

/** A request to delete a message. */
export interface MsgDeleteRequest {
  seq: number;
  noErase: boolean;
}

/** JSON of {@linkcode MsgDeleteRequest}. */
export const msgDeleteRequestShape: Shape<MsgDeleteRequest> = shape(
  "JSApiMsgDeleteRequest",
  () => ({ seq: 0, noErase: false }),
  { seq: field("seq", uint64), noErase: field("no_erase", bool, OMIT) },
);

/** A request for one message, or by direct get for many. Times in nanoseconds. */
export interface MsgGetRequest {
  seq: number;
  lastFor: string;
  nextFor: string;
  batch: number;
  maxBytes: number;
  startTime: bigint | null;
  multiLastFor: string[];
  upToSeq: number;
  upToTime: bigint | null;
  noHeaders: boolean;
}

/** JSON of {@linkcode MsgGetRequest}. */
export const msgGetRequestShape: Shape<MsgGetRequest> = shape(
  "JSApiMsgGetRequest",
  () => ({
    seq: 0,
    lastFor: "",
    nextFor: "",
    batch: 0,
    maxBytes: 0,
    startTime: null,
    multiLastFor: [],
    upToSeq: 0,
    upToTime: null,
    noHeaders: false,
  }),
  {
    seq: field("seq", uint64, OMIT),
    lastFor: field("last_by_subj", subject, OMIT),
    nextFor: field("next_by_subj", subject, OMIT),
    batch: field("batch", int, OMIT),
    maxBytes: field("max_bytes", int, OMIT),
    startTime: field("start_time", optional(time), OMIT),
    multiLastFor: field("multi_last", list(subject), OMIT),
    upToSeq: field("up_to_seq", uint64, OMIT),
    upToTime: field("up_to_time", optional(time), OMIT),
    noHeaders: field("no_hdr", bool, OMIT),
  },
);

/** A message as MSG.GET answers it. */
export interface StoredMsgInfo {
  subject: string;
  sequence: number;
  header: Uint8Array;
  data: Uint8Array;
  /** Nanoseconds since the epoch. */
  time: bigint;
}

/** JSON of {@linkcode StoredMsgInfo}. */
export const storedMsgShape: Shape<StoredMsgInfo> = shape(
  "StoredMsg",
  () => ({
    subject: "",
    sequence: 0,
    header: new Uint8Array(0),
    data: new Uint8Array(0),
    time: 0n,
  }),
  {
    subject: field("subject", subject),
    sequence: field("seq", uint64),
    header: field("hdrs", bytes, OMIT),
    data: field("data", bytes, OMIT),
    time: field("time", time),
  },
);

/** A request for a snapshot. */
export interface StreamSnapshotRequest {
  deliverSubject: string;
  noConsumers: boolean;
  chunkSize: number;
  windowSize: number;
  checkMsgs: boolean;
}

/** JSON of {@linkcode StreamSnapshotRequest}. */
export const streamSnapshotRequestShape: Shape<StreamSnapshotRequest> = shape(
  "JSApiStreamSnapshotRequest",
  () => ({
    deliverSubject: "",
    noConsumers: false,
    chunkSize: 0,
    windowSize: 0,
    checkMsgs: false,
  }),
  {
    deliverSubject: field("deliver_subject", subject),
    noConsumers: field("no_consumers", bool, OMIT),
    chunkSize: field("chunk_size", int, OMIT),
    windowSize: field("window_size", int, OMIT),
    checkMsgs: field("jsck", bool, OMIT),
  },
);

/** A request to restore a stream. */
export interface StreamRestoreRequest {
  config: StreamConfig;
  state: StreamStateInfo;
}

/** JSON of {@linkcode StreamRestoreRequest}. */
export const streamRestoreRequestShape: Shape<StreamRestoreRequest> = shape(
  "JSApiStreamRestoreRequest",
  () => ({ config: emptyStreamConfig(), state: emptyStreamState() }),
  { config: field("config", streamConfigShape), state: field("state", streamStateShape) },
);

/** A request that names a peer. */
export const removePeerRequestShape: Shape<{ peer: string }> = shape(
  "JSApiStreamRemovePeerRequest",
  () => ({ peer: "" }),
  { peer: field("peer", text) },
);

/** A request that may say where the next leader should be. */
export const leaderStepDownRequestShape: Shape<{ placement: Placement | null }> = shape(
  "JSApiLeaderStepdownRequest",
  () => ({ placement: null }),
  { placement: field("placement", optional(placementShape), OMIT) },
);

/** A request to pause a consumer. Go's zero time resumes it. */
export const consumerPauseRequestShape: Shape<{ pauseUntil: bigint | null }> = shape(
  "JSApiConsumerPauseRequest",
  () => ({ pauseUntil: null }),
  { pauseUntil: field("pause_until", optional(time), OMIT) },
);

/** A request to unpin a client. */
export const consumerUnpinRequestShape: Shape<{ group: string }> = shape(
  "JSApiConsumerUnpinRequest",
  () => ({ group: "" }),
  { group: field("group", text) },
);

/** A request to set a consumer back. */
export const consumerResetRequestShape: Shape<{ seq: number }> = shape(
  "JSApiConsumerResetRequest",
  () => ({ seq: 0 }),
  { seq: field("seq", uint64, OMIT) },
);

/** A pull request. Durations in nanoseconds. */
export interface GetNextRequest {
  expires: bigint;
  batch: number;
  maxBytes: number;
  noWait: boolean;
  heartbeat: bigint;
  group: string;
  minPending: number;
  minAckPending: number;
  id: string;
  priority: number;
}

const priorityFields = {
  group: field("group", text, OMIT),
  minPending: field("min_pending", int64, OMIT),
  minAckPending: field("min_ack_pending", int64, OMIT),
  id: field("id", text, OMIT),
  priority: field("priority", int, OMIT),
};

/** JSON of {@linkcode GetNextRequest}. */
export const getNextRequestShape: Shape<GetNextRequest> = shape(
  "JSApiConsumerGetNextRequest",
  () => ({
    expires: 0n,
    batch: 0,
    maxBytes: 0,
    noWait: false,
    heartbeat: 0n,
    group: "",
    minPending: 0,
    minAckPending: 0,
    id: "",
    priority: 0,
  }),
  {
    expires: field("expires", duration, OMIT),
    batch: field("batch", int, OMIT),
    maxBytes: field("max_bytes", int, OMIT),
    noWait: field("no_wait", bool, OMIT),
    heartbeat: field("idle_heartbeat", duration, OMIT),
    ...embed("PriorityGroup", priorityFields),
  },
);

/** Limits of an account or tier; -1 is unlimited. */
export interface JetStreamLimitsInfo {
  maxMemory: number;
  maxStore: number;
  maxStreams: number;
  maxConsumers: number;
  maxAckPending: number;
  memoryMaxStreamBytes: number;
  storeMaxStreamBytes: number;
  maxBytesRequired: boolean;
}

const limitsShape: Shape<JetStreamLimitsInfo> = shape(
  "JetStreamAccountLimits",
  emptyLimits,
  {
    maxMemory: field("max_memory", int64),
    maxStore: field("max_storage", int64),
    maxStreams: field("max_streams", int),
    maxConsumers: field("max_consumers", int),
    maxAckPending: field("max_ack_pending", int),
    memoryMaxStreamBytes: field("memory_max_stream_bytes", int64),
    storeMaxStreamBytes: field("storage_max_stream_bytes", int64),
    maxBytesRequired: field("max_bytes_required", bool),
  },
);

/** Limits with Go's zero values. */
export function emptyLimits(): JetStreamLimitsInfo {
  return {
    maxMemory: 0,
    maxStore: 0,
    maxStreams: 0,
    maxConsumers: 0,
    maxAckPending: 0,
    memoryMaxStreamBytes: 0,
    storeMaxStreamBytes: 0,
    maxBytesRequired: false,
  };
}

/** What an account uses in one tier. */
export interface JetStreamTierInfo {
  memory: number;
  store: number;
  reservedMemory: number;
  reservedStore: number;
  streams: number;
  consumers: number;
  limits: JetStreamLimitsInfo;
}

const tierFields = {
  memory: field("memory", uint64),
  store: field("storage", uint64),
  reservedMemory: field("reserved_memory", uint64),
  reservedStore: field("reserved_storage", uint64),
  streams: field("streams", int),
  consumers: field("consumers", int),
  limits: field("limits", limitsShape),
};

/** A tier without use. */
export function emptyTier(): JetStreamTierInfo {
  return {
    memory: 0,
    store: 0,
    reservedMemory: 0,
    reservedStore: 0,
    streams: 0,
    consumers: 0,
    limits: emptyLimits(),
  };
}

const tierShape: Shape<JetStreamTierInfo> = shape("JetStreamTier", emptyTier, tierFields);

/** Counts of API requests. */
export interface ApiStatsInfo {
  level: number;
  total: number;
  errors: number;
  inflight: number;
}

/** JSON of {@linkcode ApiStatsInfo}. */
export const apiStatsShape: Shape<ApiStatsInfo> = shape(
  "JetStreamAPIStats",
  () => ({ level: 0, total: 0, errors: 0, inflight: 0 }),
  {
    level: field("level", int),
    total: field("total", uint64),
    errors: field("errors", uint64),
    inflight: field("inflight", uint64, OMIT),
  },
);

/** What an account uses in all, as `$JS.API.INFO` answers it. */
export interface JetStreamAccountStats extends JetStreamTierInfo {
  domain: string;
  api: ApiStatsInfo;
  tiers: Map<string, JetStreamTierInfo>;
}

/** Fields of {@linkcode JetStreamAccountStats}, for the response that embeds it. */
export const accountStatsFields = {
  ...tierFields,
  domain: field("domain", text, OMIT),
  api: field("api", apiStatsShape),
  tiers: field("tiers", map(tierShape), OMIT),
};

/** JSON of {@linkcode JetStreamAccountStats}. */
export const accountStatsShape: Shape<JetStreamAccountStats> = shape(
  "JetStreamAccountStats",
  () => ({
    ...emptyTier(),
    domain: "",
    api: apiStatsShape.create(),
    tiers: new Map(),
  }),
  accountStatsFields,
);
