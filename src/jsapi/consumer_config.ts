/**
 * The configuration of a consumer, as clients send it and as `meta.inf` keeps it.
 *
 * Reference: ConsumerConfig and CreateConsumerRequest in server/consumer.go.
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
  word,
} from "../base/json/mod.ts";

/** Which message a consumer starts with. */
export type DeliverPolicy =
  | "all"
  | "last"
  | "new"
  | "by_start_sequence"
  | "by_start_time"
  | "last_per_subject";
/** How deliveries are acknowledged. */
export type AckPolicy = "none" | "all" | "explicit" | "flow_control";
/** How fast messages are delivered. */
export type ReplayPolicy = "instant" | "original";
/** How a priority group picks the client. */
export type PriorityPolicy = "none" | "overflow" | "pinned_client" | "prioritized";

/** The configuration of a consumer. Subjects are byte strings, durations and times nanoseconds. */
export interface ConsumerConfig {
  durable: string;
  name: string;
  description: string;
  deliverPolicy: DeliverPolicy;
  optStartSeq: number;
  optStartTime: bigint | null;
  ackPolicy: AckPolicy;
  ackWait: bigint;
  maxDeliver: number;
  backOff: bigint[];
  filterSubject: string;
  filterSubjects: string[];
  replayPolicy: ReplayPolicy;
  /** Bits per second. */
  rateLimit: number;
  sampleFrequency: string;
  maxWaiting: number;
  maxAckPending: number;
  flowControl: boolean;
  headersOnly: boolean;
  maxRequestBatch: number;
  maxRequestExpires: bigint;
  maxRequestMaxBytes: number;
  deliverSubject: string;
  deliverGroup: string;
  heartbeat: bigint;
  inactiveThreshold: bigint;
  replicas: number;
  memoryStorage: boolean;
  direct: boolean;
  sourcing: boolean;
  metadata: Map<string, string>;
  pauseUntil: bigint | null;
  priorityGroups: string[];
  priorityPolicy: PriorityPolicy;
  pinnedTtl: bigint;
}

/** What a create request wants of a consumer that exists, or does not. */
export type ConsumerAction = "" | "create" | "update";

/** A request to create or update a consumer. */
export interface CreateConsumerRequest {
  stream: string;
  config: ConsumerConfig;
  action: ConsumerAction;
  pedantic: boolean;
}

/** A configuration with Go's zero values. */
export function emptyConsumerConfig(): ConsumerConfig {
  return {
    durable: "",
    name: "",
    description: "",
    deliverPolicy: "all",
    optStartSeq: 0,
    optStartTime: null,
    ackPolicy: "none",
    ackWait: 0n,
    maxDeliver: 0,
    backOff: [],
    filterSubject: "",
    filterSubjects: [],
    replayPolicy: "instant",
    rateLimit: 0,
    sampleFrequency: "",
    maxWaiting: 0,
    maxAckPending: 0,
    flowControl: false,
    headersOnly: false,
    maxRequestBatch: 0,
    maxRequestExpires: 0n,
    maxRequestMaxBytes: 0,
    deliverSubject: "",
    deliverGroup: "",
    heartbeat: 0n,
    inactiveThreshold: 0n,
    replicas: 0,
    memoryStorage: false,
    direct: false,
    sourcing: false,
    metadata: new Map(),
    pauseUntil: null,
    priorityGroups: [],
    priorityPolicy: "none",
    pinnedTtl: 0n,
  };
}

/** JSON of {@linkcode ConsumerConfig}. */
export const consumerConfigShape: Shape<ConsumerConfig> = shape(
  "ConsumerConfig",
  emptyConsumerConfig,
  {
    durable: field("durable_name", text, OMIT),
    name: field("name", text, OMIT),
    description: field("description", text, OMIT),
    deliverPolicy: field(
      "deliver_policy",
      word<DeliverPolicy>(
        "server.DeliverPolicy",
        ["all", "last", "new", "by_start_sequence", "by_start_time", "last_per_subject"],
        { aliases: { undefined: "all" } },
      ),
    ),
    optStartSeq: field("opt_start_seq", uint64, OMIT),
    optStartTime: field("opt_start_time", optional(time), OMIT),
    ackPolicy: field(
      "ack_policy",
      word<AckPolicy>("server.AckPolicy", ["none", "all", "explicit", "flow_control"]),
    ),
    ackWait: field("ack_wait", duration, OMIT),
    maxDeliver: field("max_deliver", int, OMIT),
    backOff: field("backoff", list(duration), OMIT),
    filterSubject: field("filter_subject", subject, OMIT),
    filterSubjects: field("filter_subjects", list(subject), OMIT),
    replayPolicy: field(
      "replay_policy",
      word<ReplayPolicy>("server.ReplayPolicy", ["instant", "original"]),
    ),
    rateLimit: field("rate_limit_bps", uint64, OMIT),
    sampleFrequency: field("sample_freq", text, OMIT),
    maxWaiting: field("max_waiting", int, OMIT),
    maxAckPending: field("max_ack_pending", int, OMIT),
    flowControl: field("flow_control", bool, OMIT),
    headersOnly: field("headers_only", bool, OMIT),
    maxRequestBatch: field("max_batch", int, OMIT),
    maxRequestExpires: field("max_expires", duration, OMIT),
    maxRequestMaxBytes: field("max_bytes", int, OMIT),
    deliverSubject: field("deliver_subject", subject, OMIT),
    deliverGroup: field("deliver_group", subject, OMIT),
    heartbeat: field("idle_heartbeat", duration, OMIT),
    inactiveThreshold: field("inactive_threshold", duration, OMIT),
    replicas: field("num_replicas", int),
    memoryStorage: field("mem_storage", bool, OMIT),
    direct: field("direct", bool, OMIT),
    sourcing: field("sourcing", bool, OMIT),
    metadata: field("metadata", map(text), OMIT),
    pauseUntil: field("pause_until", optional(time), OMIT),
    priorityGroups: field("priority_groups", list(text), OMIT),
    priorityPolicy: field(
      "priority_policy",
      word<PriorityPolicy>(
        "server.PriorityPolicy",
        ["none", "overflow", "pinned_client", "prioritized"],
        { empty: "none", error: (shown) => `unknown priority policy: ${shown}` },
      ),
      OMIT,
    ),
    pinnedTtl: field("priority_timeout", duration, OMIT),
  },
);

/** JSON of {@linkcode CreateConsumerRequest}. */
export const createConsumerRequestShape: Shape<CreateConsumerRequest> = shape(
  "CreateConsumerRequest",
  () => ({
    stream: "",
    config: emptyConsumerConfig(),
    action: "" as ConsumerAction,
    pedantic: false,
  }),
  {
    stream: field("stream_name", text),
    config: field("config", consumerConfigShape),
    action: field(
      "action",
      word<ConsumerAction>("server.ConsumerAction", ["", "create", "update"], {
        error: (shown) => `unknown consumer action: ${shown}`,
      }),
    ),
    pedantic: field("pedantic", bool, OMIT),
  },
);
