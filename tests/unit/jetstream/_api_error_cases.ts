/**
 * Requests that are refused, each with the name of its error. They are made in this order, on one
 * server without anything in it; those with the name "" prepare for what follows.
 *
 * @module
 */
import type { JetStreamErrorName } from "../../../src/jsapi/mod.ts";

type Json = Readonly<Record<string, unknown>>;

/** One request and what it is answered. */
export interface ErrorCase {
  /** Name of the error; empty where the request must succeed. */
  readonly error: JetStreamErrorName | "";
  readonly subject: string;
  /** JSON, unless it is a string. */
  readonly body: Json | string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Subject that a client listens on for as long as the requests are made. */
export const LISTENED = "active.deliver";

const MS = 1_000_000;
const SECOND = 1000 * MS;

function api(error: ErrorCase["error"], verb: string, body: Json | string = ""): ErrorCase {
  return { error, subject: `$JS.API.${verb}`, body, headers: {} };
}

function stream(error: ErrorCase["error"], name: string, config: Json = {}): ErrorCase {
  return api(error, `STREAM.CREATE.${name}`, { name, ...config });
}

function update(error: ErrorCase["error"], name: string, config: Json): ErrorCase {
  return api(error, `STREAM.UPDATE.${name}`, { name, ...config });
}

/** The way of current clients, for a durable C that is never made unless there is no error. */
function consumer(
  error: ErrorCase["error"],
  config: Json,
  { of = "S", name = "C", ...more }: Json & { of?: string; name?: string } = {},
): ErrorCase {
  const body = {
    stream_name: of,
    action: "",
    config: { name, ack_policy: "explicit", ...config },
    ...more,
  };
  return api(error, `CONSUMER.CREATE.${of}.${name}`, body);
}

function publish(
  error: ErrorCase["error"],
  subject: string,
  headers: Readonly<Record<string, string>> = {},
  body = "",
): ErrorCase {
  return { error, subject, body, headers };
}

const pushed = { deliver_subject: "deliver.here" };
const external = (api: string, deliver: string): Json => ({
  name: "X",
  external: { api, deliver },
});
const transforms = (...pairs: readonly (readonly [string, string])[]): Json => ({
  name: "BIG",
  subject_transforms: pairs.map(([src, dest]) => ({ src, dest })),
});

const PREPARATION: readonly ErrorCase[] = [
  stream("", "S", { subjects: ["s.>"] }),
  stream("", "BIG", { subjects: ["big.>"], max_msg_size: 100 }),
  stream("", "WQ", { subjects: ["wq.>"], retention: "workqueue" }),
  stream("", "MIRROR", { mirror: { name: "BIG" } }),
  publish("", "s.1"),
];

/** Streams' configurations. */
const STREAMS: readonly ErrorCase[] = [
  stream("JSStreamNameExistErr", "S", { subjects: ["s.>"], max_msgs: 5 }),
  stream("JSStreamSubjectOverlapErr", "X", { subjects: ["s.*"] }),
  stream("JSStreamInvalidConfigF", "X", { max_age: 1 }),
  stream("JSStreamReplicasNotSupportedErr", "X", { num_replicas: 3 }),
  stream("JSReplicasCountCannotBeNegative", "X", { num_replicas: -1 }),
  stream("JSMemoryResourcesExceededErr", "X", { storage: "memory", max_bytes: 2 ** 52 }),
  stream("JSStorageResourcesExceededErr", "X", { storage: "file", max_bytes: 2 ** 52 }),
  api("JSStreamMismatchErr", "STREAM.CREATE.X", { name: "Y" }),
  api("JSStreamNameContainsPathSeparatorsErr", "STREAM.CREATE.X/Y", { name: "X/Y" }),
  stream("JSStreamTransformInvalidSource", "X", {
    subjects: ["x.>"],
    subject_transform: { src: "x..y", dest: "z" },
  }),
  stream("JSStreamTransformInvalidDestination", "X", {
    subjects: ["x.>"],
    subject_transform: { src: "x.*", dest: "z.{{wildcard(2)}}" },
  }),
  stream("JSPedanticErrF", "X", { max_msgs: -5, pedantic: true }),
  stream("", "CL", { subjects: ["cl.>"] }),
  consumer("", { inactive_threshold: 100 * SECOND }, { of: "CL", name: "SLOW" }),
  update("JSStreamUpdateErrF", "CL", {
    subjects: ["cl.>"],
    consumer_limits: { inactive_threshold: SECOND },
  }),
];

/** Mirrors and sources. */
const UPSTREAMS: readonly ErrorCase[] = [
  stream("JSStreamExternalApiOverlapErrF", "X", { sources: [external("$JS.API", "d")] }),
  stream("JSStreamExternalDelPrefixOverlapsErrF", "X", {
    sources: [{ name: "S" }, external("a.b", "s")],
  }),
  stream("JSStreamInvalidExternalDeliverySubjErrF", "X", { sources: [external("a.b", "d.*")] }),
  stream("JSMirrorMaxMessageSizeTooBigErr", "X", { mirror: { name: "BIG" }, max_msg_size: 10 }),
  stream("JSSourceMaxMessageSizeTooBigErr", "X", { sources: [{ name: "BIG" }], max_msg_size: 10 }),
  stream("JSMirrorWithSourcesErr", "X", { mirror: { name: "BIG" }, sources: [{ name: "S" }] }),
  stream("JSMirrorWithSubjectsErr", "X", { mirror: { name: "BIG" }, subjects: ["x"] }),
  stream("JSMirrorWithFirstSeqErr", "X", { mirror: { name: "BIG" }, first_seq: 5 }),
  stream("JSMirrorWithCountersErr", "X", { mirror: { name: "BIG" }, allow_msg_counter: true }),
  stream("JSMirrorWithMsgSchedulesErr", "X", {
    mirror: { name: "BIG" },
    allow_msg_schedules: true,
  }),
  stream("JSSourceWithMsgSchedulesErr", "X", {
    sources: [{ name: "BIG" }],
    allow_msg_schedules: true,
  }),
  stream("JSMirrorWithAtomicPublishErr", "X", { mirror: { name: "BIG" }, allow_atomic: true }),
  stream("JSMirrorWithBatchPublishErr", "X", { mirror: { name: "BIG" }, allow_batched: true }),
  stream("JSMirrorInvalidStreamName", "X", { mirror: { name: "a.b" } }),
  stream("JSSourceInvalidStreamName", "X", { sources: [{ name: "a.b" }] }),
  stream("JSSourceDuplicateDetected", "X", { sources: [{ name: "S" }, { name: "S" }] }),
  stream("JSSourceMultipleFiltersNotAllowed", "X", {
    sources: [{ ...transforms(["a", "b"]), filter_subject: "a" }],
  }),
  stream("JSSourceInvalidSubjectFilter", "X", { sources: [transforms(["a..b", "c"])] }),
  stream("JSSourceInvalidTransformDestination", "X", {
    sources: [transforms(["a.*", "c.{{wildcard(2)}}"])],
  }),
  stream("JSSourceOverlappingSubjectFilters", "X", {
    sources: [transforms(["a.*", "b.{{wildcard(1)}}"], ["a.b", "c"])],
  }),
  stream("JSMirrorMultipleFiltersNotAllowed", "X", {
    mirror: { ...transforms(["a", "b"]), filter_subject: "a" },
  }),
  stream("JSMirrorInvalidSubjectFilter", "X", { mirror: transforms(["a..b", "c"]) }),
  stream("JSMirrorInvalidTransformDestination", "X", {
    mirror: transforms(["a.*", "c.{{wildcard(2)}}"]),
  }),
  stream("JSMirrorOverlappingSubjectFilters", "X", {
    mirror: transforms(["a.*", "b.{{wildcard(1)}}"], ["a.b", "c"]),
  }),
  stream("JSMirrorDurableConsumerCfgInvalid", "X", { mirror: { name: "BIG", consumer: {} } }),
  stream("JSSourceDurableConsumerCfgInvalid", "X", { sources: [{ name: "BIG", consumer: {} }] }),
  stream("JSSourceDurableConsumerDuplicateDetected", "X", {
    sources: ["a", "b"].map((filter) => ({
      ...transforms([filter, filter]),
      consumer: { name: "D", deliver_subject: "d.d" },
    })),
  }),
  update("JSStreamMirrorNotUpdatableErr", "MIRROR", { mirror: { name: "S" } }),
];

/** Where a consumer's name, or its subject, does not fit. */
const CONSUMER_SUBJECTS: readonly ErrorCase[] = [
  api("JSInvalidJSONErr", "CONSUMER.CREATE.S.C", "{"),
  api("JSConsumerNotFoundErr", "CONSUMER.INFO.S.NONE"),
  api("JSConsumerDurableNameNotMatchSubjectErr", "CONSUMER.DURABLE.CREATE.S.C", {
    stream_name: "S",
    config: { durable_name: "D" },
  }),
  api("JSConsumerDurableNameNotSetErr", "CONSUMER.DURABLE.CREATE.S.C", {
    stream_name: "S",
    config: {},
  }),
  api("JSConsumerEphemeralWithDurableNameErr", "CONSUMER.CREATE.S", {
    stream_name: "S",
    config: { durable_name: "D" },
  }),
  api("JSConsumerNameContainsPathSeparatorsErr", "CONSUMER.CREATE.S.a/b", {
    stream_name: "S",
    config: { name: "a/b" },
  }),
  api("JSConsumerCreateFilterSubjectMismatchErr", "CONSUMER.CREATE.S.C.s.1", {
    stream_name: "S",
    config: { filter_subject: "s.2" },
  }),
  api("JSConsumerMultipleFiltersNotAllowed", "CONSUMER.CREATE.S.C.s.1", {
    stream_name: "S",
    config: { filter_subjects: ["s.1", "s.2"] },
  }),
  consumer("JSConsumerNameTooLongErrF", { durable_name: "n".repeat(256) }, {
    name: "n".repeat(256),
  }),
];

/** Consumers' configurations. */
const CONSUMERS: readonly ErrorCase[] = [
  consumer("JSConsumerDeliverToWildcardsErr", { deliver_subject: "d.*" }),
  consumer("JSConsumerInvalidDeliverSubject", { deliver_subject: "d..d" }),
  consumer("JSConsumerPushMaxWaitingErr", { ...pushed, max_waiting: 5 }),
  consumer("JSConsumerDeliverCycleErr", { deliver_subject: "s.back" }),
  consumer("JSConsumerMaxPendingAckPolicyRequiredErr", {
    ...pushed,
    ack_policy: "none",
    max_ack_pending: 5,
  }),
  consumer("JSConsumerSmallHeartbeatErr", { ...pushed, idle_heartbeat: MS }),
  consumer("JSConsumerPullRequiresAckErr", { ack_policy: "none" }, { of: "WQ" }),
  consumer("JSConsumerPullWithRateLimitErr", { rate_limit_bps: 1000 }),
  consumer("JSConsumerHBRequiresPushErr", { idle_heartbeat: SECOND }),
  consumer("JSConsumerFCRequiresPushErr", { flow_control: true }),
  consumer("JSConsumerWithFlowControlNeedsHeartbeats", { ...pushed, flow_control: true }),
  consumer("JSConsumerDirectRequiresPushErr", { direct: true }),
  consumer("JSConsumerDirectRequiresEphemeralErr", { ...pushed, direct: true, durable_name: "C" }),
  consumer("JSConsumerInvalidPolicyErrF", { deliver_policy: "all", opt_start_seq: 5 }),
  consumer("JSConsumerInvalidSamplingErrF", { sample_freq: "often" }),
  consumer("JSConsumerDescriptionTooLongErrF", { description: "d".repeat(4097) }),
  consumer("JSConsumerMetadataLengthErrF", { metadata: { key: "v".repeat(128 * 1024) } }),
  consumer("JSConsumerMaxRequestExpiresTooSmall", { max_expires: 1 }),
  consumer("JSConsumerMaxDeliverBackoffErr", { max_deliver: 1, backoff: [SECOND, SECOND] }),
  consumer("JSConsumerAckWaitNegativeErr", { ack_wait: -1 }),
  consumer("JSConsumerBackOffNegativeErr", { max_deliver: 5, backoff: [-1] }),
  consumer("JSReplicasCountCannotBeNegative", { num_replicas: -1 }),
  consumer("JSConsumerDuplicateFilterSubjects", {
    filter_subject: "s.1",
    filter_subjects: ["s.2"],
  }),
  consumer("JSConsumerOverlappingSubjectFilters", { filter_subjects: ["s.*", "s.1"] }),
  consumer("JSConsumerEmptyFilter", { filter_subjects: ["s.1", ""] }),
  consumer("JSConsumerPriorityPolicyWithoutGroup", { priority_policy: "overflow" }),
  consumer("JSConsumerEmptyGroupName", { priority_policy: "overflow", priority_groups: [""] }),
  consumer("JSConsumerInvalidGroupNameErr", {
    priority_policy: "overflow",
    priority_groups: ["not valid"],
  }),
  consumer("JSConsumerPushWithPriorityGroupErr", {
    ...pushed,
    priority_policy: "overflow",
    priority_groups: ["G"],
  }),
  consumer("JSConsumerPriorityGroupWithPolicyNone", { priority_groups: ["G"] }),
  consumer("JSConsumerPinnedTTLWithoutPriorityPolicyNone", { priority_timeout: SECOND }),
  consumer("JSConsumerAckFCRequiresPushErr", { ack_policy: "flow_control" }),
  consumer("JSConsumerAckFCRequiresFCErr", { ...pushed, ack_policy: "flow_control" }, {
    pedantic: true,
  }),
  consumer("JSConsumerAckFCRequiresMaxAckPendingErr", {
    ...pushed,
    ack_policy: "flow_control",
    max_ack_pending: -1,
  }),
  consumer("JSConsumerAckFCRequiresNoAckWaitErr", {
    ...pushed,
    ack_policy: "flow_control",
    ack_wait: SECOND,
  }),
  consumer("JSConsumerAckFCRequiresNoMaxDeliverErr", {
    ...pushed,
    ack_policy: "flow_control",
    max_deliver: 5,
  }),
];

/** Consumers beside others. */
const CONSUMERS_TOGETHER: readonly ErrorCase[] = [
  consumer("JSConsumerDoesNotExist", {}, { action: "update" }),
  consumer("", {}, { name: "PULL" }),
  consumer("JSConsumerAlreadyExists", { description: "other" }, { name: "PULL", action: "create" }),
  consumer("JSConsumerCreateErrF", { ...pushed }, { name: "PULL" }),
  consumer("", { deliver_subject: LISTENED, durable_name: "PUSH" }, { name: "PUSH" }),
  consumer("JSConsumerNameExistErr", { deliver_subject: "elsewhere", durable_name: "PUSH" }, {
    name: "PUSH",
  }),
  stream("", "MC", { subjects: ["mc.>"], max_consumers: 1 }),
  consumer("", {}, { of: "MC", name: "ONE" }),
  consumer("JSMaximumConsumersLimitErr", {}, { of: "MC", name: "TWO" }),
  stream("", "LIMITS", {
    subjects: ["limits.>"],
    consumer_limits: { max_ack_pending: 10, inactive_threshold: SECOND },
  }),
  consumer("JSConsumerMaxPendingAckExcessErrF", { max_ack_pending: 11 }, { of: "LIMITS" }),
  consumer("JSConsumerInactiveThresholdExcess", { inactive_threshold: 2 * SECOND }, {
    of: "LIMITS",
  }),
  consumer("JSConsumerWQRequiresExplicitAckErr", { ...pushed, ack_policy: "none" }, { of: "WQ" }),
  consumer("JSConsumerWQConsumerNotDeliverAllErr", { deliver_policy: "new" }, { of: "WQ" }),
  consumer("", { filter_subject: "wq.1" }, { of: "WQ", name: "ONE" }),
  consumer("JSConsumerWQMultipleUnfilteredErr", {}, { of: "WQ" }),
  consumer("JSConsumerWQConsumerNotUniqueErr", { filter_subject: "wq.*" }, { of: "WQ" }),
  consumer("", { priority_policy: "pinned_client", priority_groups: ["G"] }, { name: "PINNED" }),
  api("JSConsumerInvalidPriorityGroupErr", "CONSUMER.UNPIN.S.PINNED", { group: "H" }),
  api("JSConsumerInvalidGroupNameErr", "CONSUMER.UNPIN.S.PINNED", { group: "not valid" }),
  consumer("", { deliver_policy: "new" }, { name: "NEW" }),
  api("JSConsumerInvalidResetErr", "CONSUMER.RESET.S.NEW", { seq: 1 }),
];

/** Other requests. */
const REQUESTS: readonly ErrorCase[] = [
  api("JSStreamNotFoundErr", "STREAM.INFO.NONE"),
  api("JSClusterRequiredErr", "STREAM.LEADER.STEPDOWN.S"),
  api("JSBadRequestErr", "STREAM.MSG.GET.S", { seq: 1, last_by_subj: "s.1" }),
  api("JSNoMessageFoundErr", "STREAM.MSG.GET.S", { seq: 1000 }),
  api("JSNotEmptyRequestErr", "STREAM.DELETE.S", { not: "empty" }),
  publish("", "big.1"),
  publish("", "big.2"),
  publish("", "big.3"),
  api("", "STREAM.MSG.DELETE.BIG", { seq: 2 }),
  api("JSSequenceNotFoundErrF", "STREAM.MSG.DELETE.BIG", { seq: 2 }),
  stream("", "MEM", { subjects: ["mem.>"], storage: "memory" }),
  api("JSStreamSnapshotErrF", "STREAM.SNAPSHOT.MEM", { deliver_subject: "d" }),
  api("JSSnapshotDeliverSubjectInvalidErr", "STREAM.SNAPSHOT.S", { deliver_subject: "d.*" }),
  api("JSStreamNameExistRestoreFailedErr", "STREAM.RESTORE.S", {
    config: { name: "S", subjects: ["s.>"] },
    state: { messages: 0, bytes: 0, first_seq: 0, last_seq: 0, consumer_count: 0 },
  }),
  {
    ...api("JSRequiredApiLevelErr", "STREAM.INFO.S"),
    headers: { "Nats-Required-Api-Level": "1000" },
  },
  stream("", "DENY", { subjects: ["deny.>"], deny_delete: true, deny_purge: true }),
  publish("", "deny.1"),
  api("JSStreamMsgDeleteFailedF", "STREAM.MSG.DELETE.DENY", { seq: 1 }),
  api("JSStreamPurgeFailedF", "STREAM.PURGE.DENY"),
  update("", "DENY", {
    subjects: ["deny.>"],
    deny_delete: true,
    deny_purge: true,
    sealed: true,
  }),
  api("JSStreamSealedErr", "STREAM.MSG.DELETE.DENY", { seq: 1 }),
];

const SCHEDULE = { "Nats-Schedule": "@at 2099-01-01T00:00:00Z" };
const SCHEDULED = { ...SCHEDULE, "Nats-Schedule-Target": "time.target" };

/** What is published. */
const MESSAGES: readonly ErrorCase[] = [
  publish("JSStreamNotMatchErr", "s.1", { "Nats-Expected-Stream": "OTHER" }),
  publish("JSStreamWrongLastMsgIDErrF", "s.1", { "Nats-Expected-Last-Msg-Id": "other" }),
  publish("JSStreamWrongLastSequenceErrF", "s.1", { "Nats-Expected-Last-Sequence": "1000" }),
  publish("JSStreamExpectedLastSeqPerSubjectInvalid", "s.1", {
    "Nats-Expected-Last-Subject-Sequence-Subject": "s.1",
  }),
  publish("JSStreamMessageExceedsMaximumErr", "big.1", {}, "x".repeat(101)),
  publish("JSStreamHeaderExceedsMaximumErr", "s.1", { Long: "x".repeat(65536) }),
  publish("JSStreamRollupFailedF", "s.1", { "Nats-Rollup": "all" }),
  publish("JSMessageTTLDisabledErr", "s.1", { "Nats-TTL": "never" }),
  publish("JSMessageIncrDisabledErr", "s.1", { "Nats-Incr": "1" }),
  publish("JSMessageSchedulesDisabledErr", "s.1", SCHEDULED),
  stream("", "FULL", { subjects: ["full.>"], max_msgs: 1, discard: "new" }),
  publish("", "full.1"),
  publish("JSStreamStoreFailedF", "full.2"),
  stream("", "TIME", { subjects: ["time.>"], allow_msg_schedules: true, allow_msg_ttl: true }),
  publish("JSMessageTTLInvalidErr", "time.1", { "Nats-TTL": "soon" }),
  publish("JSMessageSchedulesPatternInvalidErr", "time.1", {
    ...SCHEDULED,
    "Nats-Schedule": "@soon",
  }),
  publish("JSMessageSchedulesTimeZoneInvalidErr", "time.1", {
    ...SCHEDULED,
    "Nats-Schedule": "0 0 0 * * *",
    "Nats-Schedule-Time-Zone": "Nowhere/Nowhere",
  }),
  publish("JSMessageSchedulesTargetInvalidErr", "time.1", SCHEDULE),
  publish("JSMessageSchedulesSourceInvalidErr", "time.1", {
    ...SCHEDULED,
    "Nats-Schedule-Source": "time.target",
  }),
  publish("JSMessageSchedulesTTLInvalidErr", "time.1", {
    ...SCHEDULED,
    "Nats-Schedule-TTL": "soon",
  }),
  publish("JSMessageSchedulesRollupInvalidErr", "time.1", {
    ...SCHEDULED,
    "Nats-Rollup": "all",
  }),
  publish("JSMessageSchedulesSchedulerInvalidErr", "time.1", { "Nats-Scheduler": "time.2" }),
  stream("", "COUNT", { subjects: ["count.>"], allow_msg_counter: true }),
  publish("JSMessageIncrMissingErr", "count.1"),
  publish("JSMessageIncrPayloadErr", "count.1", { "Nats-Incr": "1" }, "payload"),
  publish("JSMessageIncrInvalidErr", "count.1", { "Nats-Incr": "one" }),
  publish("JSAtomicPublishDisabledErr", "s.1", {
    "Nats-Batch-Id": "B",
    "Nats-Batch-Sequence": "1",
  }),
  stream("", "ATOMIC", { subjects: ["atomic.>"], allow_atomic: true }),
  publish("JSAtomicPublishMissingSeqErr", "atomic.1", { "Nats-Batch-Id": "B" }),
  publish("JSAtomicPublishInvalidBatchIDErr", "atomic.1", {
    "Nats-Batch-Id": "b".repeat(65),
    "Nats-Batch-Sequence": "1",
  }),
  publish("JSAtomicPublishIncompleteBatchErr", "atomic.1", {
    "Nats-Batch-Id": "B",
    "Nats-Batch-Sequence": "2",
  }),
];

/** All of them, in order. */
export const errorCases: readonly ErrorCase[] = [
  ...PREPARATION,
  ...STREAMS,
  ...UPSTREAMS,
  ...CONSUMER_SUBJECTS,
  ...CONSUMERS,
  ...CONSUMERS_TOGETHER,
  ...REQUESTS,
  ...MESSAGES,
];
