/**
 * What the API tells about streams and consumers.
 *
 * Reference: StreamInfo, StreamState and ClusterInfo in server/{stream,store}.go, ConsumerInfo in
 * server/consumer.go.
 *
 * @module
 */
import {
  bool,
  duration,
  field,
  int,
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
  ZERO_TIME_NS,
} from "../base/json/mod.ts";
import { type ApiErrorData, apiErrorShape } from "./api_error.ts";
import { type ConsumerConfig, consumerConfigShape } from "./consumer_config.ts";
import {
  emptyStreamConfig,
  type ExternalStream,
  externalStreamShape,
  type StreamConfig,
  streamConfigShape,
  type SubjectTransformConfig,
  subjectTransformShape,
} from "./stream_config.ts";

/** Messages that damage has cost. */
export interface LostStreamDataInfo {
  msgs: number[];
  bytes: number;
}

const lostShape: Shape<LostStreamDataInfo> = shape(
  "LostStreamData",
  () => ({ msgs: [], bytes: 0 }),
  { msgs: field("msgs", list(uint64)), bytes: field("bytes", uint64) },
);

/** State of a stream; times are nanoseconds since the epoch. */
export interface StreamStateInfo {
  msgs: number;
  bytes: number;
  firstSeq: number;
  firstTime: bigint;
  lastSeq: number;
  lastTime: bigint;
  numSubjects: number;
  subjects: Map<string, number>;
  numDeleted: number;
  deleted: number[];
  lost: LostStreamDataInfo | null;
  consumers: number;
}

/** A state with nothing in it. */
export function emptyStreamState(): StreamStateInfo {
  return {
    msgs: 0,
    bytes: 0,
    firstSeq: 0,
    firstTime: ZERO_TIME_NS,
    lastSeq: 0,
    lastTime: ZERO_TIME_NS,
    numSubjects: 0,
    subjects: new Map(),
    numDeleted: 0,
    deleted: [],
    lost: null,
    consumers: 0,
  };
}

/** JSON of {@linkcode StreamStateInfo}. Keys of `subjects` are text. */
export const streamStateShape: Shape<StreamStateInfo> = shape("StreamState", emptyStreamState, {
  msgs: field("messages", uint64),
  bytes: field("bytes", uint64),
  firstSeq: field("first_seq", uint64),
  firstTime: field("first_ts", time),
  lastSeq: field("last_seq", uint64),
  lastTime: field("last_ts", time),
  numSubjects: field("num_subjects", int, OMIT),
  subjects: field("subjects", map(uint64), OMIT),
  numDeleted: field("num_deleted", int, OMIT),
  deleted: field("deleted", list(uint64), OMIT),
  lost: field("lost", optional(lostShape), OMIT),
  consumers: field("consumer_count", int),
});

/** A replica of a stream or consumer. */
export interface PeerInfo {
  name: string;
  current: boolean;
  offline: boolean;
  /** Nanoseconds since it was heard of. */
  active: bigint;
  lag: number;
  peer: string;
}

const peerInfoShape: Shape<PeerInfo> = shape(
  "PeerInfo",
  () => ({ name: "", current: false, offline: false, active: 0n, lag: 0, peer: "" }),
  {
    name: field("name", text),
    current: field("current", bool),
    offline: field("offline", bool, OMIT),
    active: field("active", duration),
    lag: field("lag", uint64, OMIT),
    peer: field("peer", text),
  },
);

/** Who leads a stream or consumer, and who follows. */
export interface ClusterInfo {
  name: string;
  raftGroup: string;
  leader: string;
  leaderSince: bigint | null;
  systemAcc: boolean;
  trafficAcc: string;
  replicas: PeerInfo[];
}

/** JSON of {@linkcode ClusterInfo}. */
export const clusterInfoShape: Shape<ClusterInfo> = shape(
  "ClusterInfo",
  () => ({
    name: "",
    raftGroup: "",
    leader: "",
    leaderSince: null,
    systemAcc: false,
    trafficAcc: "",
    replicas: [],
  }),
  {
    name: field("name", text, OMIT),
    raftGroup: field("raft_group", text, OMIT),
    leader: field("leader", text, OMIT),
    leaderSince: field("leader_since", optional(time), OMIT),
    systemAcc: field("system_account", bool, OMIT),
    trafficAcc: field("traffic_account", text, OMIT),
    replicas: field("replicas", list(peerInfoShape), OMIT),
  },
);

/** How far a mirror or source is. */
export interface StreamSourceInfo {
  name: string;
  external: ExternalStream | null;
  lag: number;
  /** Nanoseconds since something came; −1 for never. */
  active: bigint;
  error: ApiErrorData | null;
  filterSubject: string;
  subjectTransforms: SubjectTransformConfig[];
}

/** JSON of {@linkcode StreamSourceInfo}. */
export const streamSourceInfoShape: Shape<StreamSourceInfo> = shape(
  "StreamSourceInfo",
  () => ({
    name: "",
    external: null,
    lag: 0,
    active: 0n,
    error: null,
    filterSubject: "",
    subjectTransforms: [],
  }),
  {
    name: field("name", text),
    external: field("external", optional(externalStreamShape), OMIT),
    lag: field("lag", uint64),
    active: field("active", duration),
    error: field("error", optional(apiErrorShape), OMIT),
    filterSubject: field("filter_subject", subject, OMIT),
    subjectTransforms: field("subject_transforms", list(subjectTransformShape), OMIT),
  },
);

/** Another place where the messages of a stream are. */
export interface StreamAlternate {
  name: string;
  domain: string;
  cluster: string;
}

const alternateShape: Shape<StreamAlternate> = shape(
  "StreamAlternate",
  () => ({ name: "", domain: "", cluster: "" }),
  {
    name: field("name", text),
    domain: field("domain", text, OMIT),
    cluster: field("cluster", text),
  },
);

/** Configuration and state of a stream. */
export interface StreamInfo {
  config: StreamConfig;
  created: bigint;
  state: StreamStateInfo;
  domain: string;
  cluster: ClusterInfo | null;
  mirror: StreamSourceInfo | null;
  sources: StreamSourceInfo[];
  alternates: StreamAlternate[];
  timeStamp: bigint;
}

/** Fields of {@linkcode StreamInfo}, for responses that embed it. */
export const streamInfoFields = {
  config: field("config", streamConfigShape),
  created: field("created", time),
  state: field("state", streamStateShape),
  domain: field("domain", text, OMIT),
  cluster: field("cluster", optional(clusterInfoShape), OMIT),
  mirror: field("mirror", optional(streamSourceInfoShape), OMIT),
  sources: field("sources", list(streamSourceInfoShape), OMIT),
  alternates: field("alternates", list(alternateShape), OMIT),
  timeStamp: field("ts", time),
};

/** JSON of {@linkcode StreamInfo}. */
export const streamInfoShape: Shape<StreamInfo> = shape(
  "StreamInfo",
  () => ({
    config: emptyStreamConfig(),
    created: ZERO_TIME_NS,
    state: emptyStreamState(),
    domain: "",
    cluster: null,
    mirror: null,
    sources: [],
    alternates: [],
    timeStamp: ZERO_TIME_NS,
  }),
  streamInfoFields,
);

/** A pair of sequences and when the last of it happened. */
export interface SequenceInfo {
  consumer: number;
  stream: number;
  /** Nanoseconds since the epoch. */
  last: bigint | null;
}

const sequenceInfoShape: Shape<SequenceInfo> = shape(
  "SequenceInfo",
  () => ({ consumer: 0, stream: 0, last: null }),
  {
    consumer: field("consumer_seq", uint64),
    stream: field("stream_seq", uint64),
    last: field("last_active", optional(time), OMIT),
  },
);

/** Who is pinned in a priority group. */
export interface PriorityGroupState {
  group: string;
  pinnedClientId: string;
  pinnedTime: bigint;
}

const priorityGroupStateShape: Shape<PriorityGroupState> = shape(
  "PriorityGroupState",
  () => ({ group: "", pinnedClientId: "", pinnedTime: ZERO_TIME_NS }),
  {
    group: field("group", text),
    pinnedClientId: field("pinned_client_id", text, OMIT),
    pinnedTime: field("pinned_ts", time, OMIT),
  },
);

/** Configuration and state of a consumer. */
export interface ConsumerInfo {
  stream: string;
  name: string;
  created: bigint;
  config: ConsumerConfig | null;
  delivered: SequenceInfo;
  ackFloor: SequenceInfo;
  numAckPending: number;
  numRedelivered: number;
  numWaiting: number;
  numPending: number;
  cluster: ClusterInfo | null;
  pushBound: boolean;
  paused: boolean;
  pauseRemaining: bigint;
  timeStamp: bigint;
  priorityGroups: PriorityGroupState[];
}

/** Fields of {@linkcode ConsumerInfo}, for responses that embed it. */
export const consumerInfoFields = {
  stream: field("stream_name", text),
  name: field("name", text),
  created: field("created", time),
  config: field("config", optional(consumerConfigShape), OMIT),
  delivered: field("delivered", sequenceInfoShape),
  ackFloor: field("ack_floor", sequenceInfoShape),
  numAckPending: field("num_ack_pending", int),
  numRedelivered: field("num_redelivered", int),
  numWaiting: field("num_waiting", int),
  numPending: field("num_pending", uint64),
  cluster: field("cluster", optional(clusterInfoShape), OMIT),
  pushBound: field("push_bound", bool, OMIT),
  paused: field("paused", bool, OMIT),
  pauseRemaining: field("pause_remaining", duration, OMIT),
  timeStamp: field("ts", time),
  priorityGroups: field("priority_groups", list(priorityGroupStateShape), OMIT),
};

/** JSON of {@linkcode ConsumerInfo}. */
export const consumerInfoShape: Shape<ConsumerInfo> = shape(
  "ConsumerInfo",
  () => ({
    stream: "",
    name: "",
    created: ZERO_TIME_NS,
    config: null,
    delivered: { consumer: 0, stream: 0, last: null },
    ackFloor: { consumer: 0, stream: 0, last: null },
    numAckPending: 0,
    numRedelivered: 0,
    numWaiting: 0,
    numPending: 0,
    cluster: null,
    pushBound: false,
    paused: false,
    pauseRemaining: 0n,
    timeStamp: ZERO_TIME_NS,
    priorityGroups: [],
  }),
  consumerInfoFields,
);
