/**
 * The configuration of a stream, as clients send it and as `meta.inf` keeps it.
 *
 * Reference: StreamConfig and its parts in server/stream.go.
 *
 * @module
 */
import {
  bool,
  duration,
  embed,
  field,
  int,
  int32,
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
  word,
} from "../base/json/mod.ts";

/** When messages leave a stream. */
export type RetentionPolicy = "limits" | "interest" | "workqueue";
/** What happens to a message for which there is no room. */
export type DiscardPolicy = "old" | "new";
/** Where messages and states are kept. */
export type StorageType = "file" | "memory";

/** Where replicas may be. */
export interface Placement {
  cluster: string;
  tags: string[];
  preferred: string;
}

/** Moves subjects that match `source`, empty for all, to `destination`. */
export interface SubjectTransformConfig {
  source: string;
  destination: string;
}

/** A stream of another account or domain. */
export interface ExternalStream {
  apiPrefix: string;
  deliverPrefix: string;
}

/** The durable consumer that a stream is sourced through (ADR-60). */
export interface StreamConsumerSource {
  name: string;
  deliverSubject: string;
}

/** Where a mirror or source comes from. */
export interface StreamSource {
  name: string;
  optStartSeq: number;
  /** Nanoseconds since the epoch. */
  optStartTime: bigint | null;
  filterSubject: string;
  subjectTransforms: SubjectTransformConfig[];
  external: ExternalStream | null;
  consumer: StreamConsumerSource | null;
}

/** Publishes stored messages again. */
export interface RePublish {
  source: string;
  destination: string;
  headersOnly: boolean;
}

/** What consumers of the stream may ask for. */
export interface StreamConsumerLimits {
  /** Nanoseconds. */
  inactiveThreshold: bigint;
  maxAckPending: number;
}

/** The configuration of a stream. Subjects are byte strings, durations nanoseconds. */
export interface StreamConfig {
  name: string;
  description: string;
  subjects: string[];
  retention: RetentionPolicy;
  maxConsumers: number;
  maxMsgs: number;
  maxBytes: number;
  maxAge: bigint;
  maxMsgsPer: number;
  maxMsgSize: number;
  discard: DiscardPolicy;
  storage: StorageType;
  replicas: number;
  noAck: boolean;
  duplicates: bigint;
  placement: Placement | null;
  mirror: StreamSource | null;
  sources: StreamSource[];
  compression: "none" | "s2";
  firstSeq: number;
  subjectTransform: SubjectTransformConfig | null;
  rePublish: RePublish | null;
  allowDirect: boolean;
  mirrorDirect: boolean;
  discardNewPer: boolean;
  sealed: boolean;
  denyDelete: boolean;
  denyPurge: boolean;
  allowRollup: boolean;
  consumerLimits: StreamConsumerLimits;
  allowMsgTtl: boolean;
  subjectDeleteMarkerTtl: bigint;
  allowMsgCounter: boolean;
  allowAtomicPublish: boolean;
  allowMsgSchedules: boolean;
  persistMode: "default" | "async";
  allowBatchPublish: boolean;
  metadata: Map<string, string>;
}

/** A request to create or update a stream. */
export interface StreamConfigRequest extends StreamConfig {
  /** Refuse what would be adjusted silently. */
  pedantic: boolean;
}

/** JSON of {@linkcode Placement}. */
export const placementShape: Shape<Placement> = shape(
  "Placement",
  () => ({ cluster: "", tags: [], preferred: "" }),
  {
    cluster: field("cluster", text, OMIT),
    tags: field("tags", list(text), OMIT),
    preferred: field("preferred", text, OMIT),
  },
);

/** JSON of {@linkcode SubjectTransformConfig}. */
export const subjectTransformShape: Shape<SubjectTransformConfig> = shape(
  "SubjectTransformConfig",
  () => ({ source: "", destination: "" }),
  { source: field("src", subject), destination: field("dest", subject) },
);

/** JSON of {@linkcode ExternalStream}. */
export const externalStreamShape: Shape<ExternalStream> = shape(
  "ExternalStream",
  () => ({ apiPrefix: "", deliverPrefix: "" }),
  { apiPrefix: field("api", subject), deliverPrefix: field("deliver", subject) },
);

const streamConsumerSourceShape: Shape<StreamConsumerSource> = shape(
  "StreamConsumerSource",
  () => ({ name: "", deliverSubject: "" }),
  {
    name: field("name", text, OMIT),
    deliverSubject: field("deliver_subject", subject, OMIT),
  },
);

/** A source with nothing set. */
export function emptyStreamSource(): StreamSource {
  return {
    name: "",
    optStartSeq: 0,
    optStartTime: null,
    filterSubject: "",
    subjectTransforms: [],
    external: null,
    consumer: null,
  };
}

/** JSON of {@linkcode StreamSource}. */
export const streamSourceShape: Shape<StreamSource> = shape("StreamSource", emptyStreamSource, {
  name: field("name", text),
  optStartSeq: field("opt_start_seq", uint64, OMIT),
  optStartTime: field("opt_start_time", optional(time), OMIT),
  filterSubject: field("filter_subject", subject, OMIT),
  subjectTransforms: field("subject_transforms", list(subjectTransformShape), OMIT),
  external: field("external", optional(externalStreamShape), OMIT),
  consumer: field("consumer", optional(streamConsumerSourceShape), OMIT),
});

const rePublishShape: Shape<RePublish> = shape(
  "RePublish",
  () => ({ source: "", destination: "", headersOnly: false }),
  {
    source: field("src", subject, OMIT),
    destination: field("dest", subject),
    headersOnly: field("headers_only", bool, OMIT),
  },
);

const consumerLimitsShape: Shape<StreamConsumerLimits> = shape(
  "StreamConsumerLimits",
  () => ({ inactiveThreshold: 0n, maxAckPending: 0 }),
  {
    inactiveThreshold: field("inactive_threshold", duration, OMIT),
    maxAckPending: field("max_ack_pending", int, OMIT),
  },
);

/** A configuration with Go's zero values. */
export function emptyStreamConfig(): StreamConfig {
  return {
    name: "",
    description: "",
    subjects: [],
    retention: "limits",
    maxConsumers: 0,
    maxMsgs: 0,
    maxBytes: 0,
    maxAge: 0n,
    maxMsgsPer: 0,
    maxMsgSize: 0,
    discard: "old",
    storage: "file",
    replicas: 0,
    noAck: false,
    duplicates: 0n,
    placement: null,
    mirror: null,
    sources: [],
    compression: "none",
    firstSeq: 0,
    subjectTransform: null,
    rePublish: null,
    allowDirect: false,
    mirrorDirect: false,
    discardNewPer: false,
    sealed: false,
    denyDelete: false,
    denyPurge: false,
    allowRollup: false,
    consumerLimits: { inactiveThreshold: 0n, maxAckPending: 0 },
    allowMsgTtl: false,
    subjectDeleteMarkerTtl: 0n,
    allowMsgCounter: false,
    allowAtomicPublish: false,
    allowMsgSchedules: false,
    persistMode: "default",
    allowBatchPublish: false,
    metadata: new Map(),
  };
}

/** JSON of {@linkcode StreamConfig}. */
export const streamConfigFields = {
  name: field("name", text),
  description: field("description", text, OMIT),
  subjects: field("subjects", list(subject), OMIT),
  retention: field(
    "retention",
    word<RetentionPolicy>("server.RetentionPolicy", ["limits", "interest", "workqueue"]),
  ),
  maxConsumers: field("max_consumers", int),
  maxMsgs: field("max_msgs", int64),
  maxBytes: field("max_bytes", int64),
  maxAge: field("max_age", duration),
  maxMsgsPer: field("max_msgs_per_subject", int64),
  maxMsgSize: field("max_msg_size", int32, OMIT),
  discard: field(
    "discard",
    word<DiscardPolicy>("server.DiscardPolicy", ["old", "new"], { ignoreCase: true }),
  ),
  storage: field("storage", word<StorageType>("server.StorageType", ["file", "memory"])),
  replicas: field("num_replicas", int),
  noAck: field("no_ack", bool, OMIT),
  duplicates: field("duplicate_window", duration, OMIT),
  placement: field("placement", optional(placementShape), OMIT),
  mirror: field("mirror", optional(streamSourceShape), OMIT),
  sources: field("sources", list(streamSourceShape, { pointers: true }), OMIT),
  compression: field(
    "compression",
    word<"none" | "s2">("server.StoreCompression", ["none", "s2"], {
      error: () => "unknown compression algorithm",
      asText: true,
    }),
  ),
  firstSeq: field("first_seq", uint64, OMIT),
  subjectTransform: field("subject_transform", optional(subjectTransformShape), OMIT),
  rePublish: field("republish", optional(rePublishShape), OMIT),
  allowDirect: field("allow_direct", bool),
  mirrorDirect: field("mirror_direct", bool),
  discardNewPer: field("discard_new_per_subject", bool, OMIT),
  sealed: field("sealed", bool),
  denyDelete: field("deny_delete", bool),
  denyPurge: field("deny_purge", bool),
  allowRollup: field("allow_rollup_hdrs", bool),
  consumerLimits: field("consumer_limits", consumerLimitsShape),
  allowMsgTtl: field("allow_msg_ttl", bool),
  subjectDeleteMarkerTtl: field("subject_delete_marker_ttl", duration, OMIT),
  allowMsgCounter: field("allow_msg_counter", bool, OMIT),
  allowAtomicPublish: field("allow_atomic", bool, OMIT),
  allowMsgSchedules: field("allow_msg_schedules", bool, OMIT),
  persistMode: field(
    "persist_mode",
    word<"default" | "async">("server.PersistModeType", ["default", "async"], {
      empty: "default",
      aliases: { "": "default" },
    }),
    OMIT,
  ),
  allowBatchPublish: field("allow_batched", bool, OMIT),
  metadata: field("metadata", map(text), OMIT),
};

/** JSON of {@linkcode StreamConfig}. */
export const streamConfigShape: Shape<StreamConfig> = shape(
  "StreamConfig",
  emptyStreamConfig,
  streamConfigFields,
);

/** JSON of {@linkcode StreamConfigRequest}. */
export const streamConfigRequestShape: Shape<StreamConfigRequest> = shape(
  "StreamConfigRequest",
  () => ({ ...emptyStreamConfig(), pedantic: false }),
  { ...embed("StreamConfig", streamConfigFields), pedantic: field("pedantic", bool, OMIT) },
);
