/**
 * Checks of a consumer's configuration by itself and against its stream.
 *
 * Reference: checkConsumerCfg in server/consumer.go.
 *
 * @module
 */
import { byteStringOfText } from "../../base/text/byte_string.ts";
import { formatDurationNs } from "../../base/text/duration.ts";
import { goQuote } from "../../base/text/go_format.ts";
import { apiError, type ConsumerConfig, type StreamConfig } from "../../jsapi/mod.ts";
import {
  isLiteralSubject,
  isValidAssetName,
  isValidSubject,
  subjectIsSubsetMatch,
} from "../../subject/mod.ts";
import { type ConsumerLimits, FLOW_HEARTBEAT_NS } from "./config_defaults.ts";
import { filtersOf } from "./consumer.ts";

const DESCRIPTION_BYTES_MAX = 4 * 1024;
const METADATA_BYTES_MAX = 128 * 1024;
const HEARTBEAT_NS_MIN = 100_000_000n;
const EXPIRES_NS_MIN = 1_000_000n;
const GROUP_NAME = /^[a-zA-Z0-9/_=-]{1,16}$/;

/**
 * Throws ApiError when the configuration, which has its defaults, cannot be. At recovery what
 * an older server has let in stays.
 */
export function checkConsumerConfig(
  config: ConsumerConfig,
  stream: StreamConfig,
  limits: ConsumerLimits,
  recovering: boolean,
): void {
  checkNames(config);
  checkReplicas(config, stream, recovering);
  checkAcks(config);
  if (byteStringOfText(config.description).length > DESCRIPTION_BYTES_MAX) {
    throw apiError("JSConsumerDescriptionTooLongErrF", { max: DESCRIPTION_BYTES_MAX });
  }
  if (config.deliverSubject !== "") checkPush(config, stream);
  else checkPull(config, stream, limits);
  checkLimits(config, stream, limits);
  checkFilters(config);
  checkStart(config);
  checkSampling(config);
  if (config.flowControl && config.heartbeat === 0n) {
    throw apiError("JSConsumerWithFlowControlNeedsHeartbeats");
  }
  if (config.durable !== "" && config.name !== "" && config.name !== config.durable) {
    throw apiError("JSConsumerCreateDurableAndNameMismatch");
  }
  let metadataBytes = 0;
  for (const [key, value] of config.metadata) {
    metadataBytes += byteStringOfText(key).length + byteStringOfText(value).length;
  }
  if (metadataBytes > METADATA_BYTES_MAX) {
    throw apiError("JSConsumerMetadataLengthErrF", { limit: `${METADATA_BYTES_MAX / 1024}KB` });
  }
  checkPriorityGroups(config);
  if (stream.placement !== null && stream.placement.preferred !== "") {
    throw invalid("preferred server not permitted in placement");
  }
}

/** Whether a priority group may have this name. */
export function isValidGroupName(group: string): boolean {
  return GROUP_NAME.test(group);
}

function invalid(text: string): Error {
  return apiError("JSStreamInvalidConfigF", { err: new Error(text) });
}

function checkNames({ name, durable }: ConsumerConfig): void {
  if (name !== "" && !isValidAssetName(byteStringOfText(name))) {
    throw invalid("consumer name can not contain '.', '*', '>', '\\', '/'");
  }
  if (durable !== "" && !isValidAssetName(byteStringOfText(durable))) {
    throw invalid("consumer durable name can not contain '.', '*', '>', '\\', '/'");
  }
}

function checkReplicas(
  { replicas }: ConsumerConfig,
  stream: StreamConfig,
  recovering: boolean,
): void {
  if (replicas > 0 && replicas > stream.replicas) throw apiError("JSConsumerReplicasExceedsStream");
  if (replicas < 0) throw apiError("JSReplicasCountCannotBeNegative");
  if (stream.retention === "limits" || recovering) return;
  if (replicas !== 0 && replicas !== stream.replicas) {
    throw apiError("JSConsumerReplicasShouldMatchStream");
  }
}

function checkAcks(config: ConsumerConfig): void {
  const { backOff, maxDeliver } = config;
  if (backOff.some((wait) => wait < 0n)) throw apiError("JSConsumerBackOffNegativeErr");
  if (config.ackWait < 0n) throw apiError("JSConsumerAckWaitNegativeErr");
  if (config.ackPolicy === "flow_control") {
    if (config.deliverSubject === "") throw apiError("JSConsumerAckFCRequiresPushErr");
    if (!config.flowControl) throw apiError("JSConsumerAckFCRequiresFCErr");
    if (config.heartbeat !== FLOW_HEARTBEAT_NS) {
      throw invalid("flow control ack policy heartbeat needs to be 1s");
    }
    if (config.maxAckPending <= 0) throw apiError("JSConsumerAckFCRequiresMaxAckPendingErr");
    if (config.ackWait !== 0n || backOff.length > 0) {
      throw apiError("JSConsumerAckFCRequiresNoAckWaitErr");
    }
    if (maxDeliver > 0) throw apiError("JSConsumerAckFCRequiresNoMaxDeliverErr");
  }
  checkBackOff(config);
}

/** Throws ApiError when there are more waits than deliveries. */
export function checkBackOff({ backOff, maxDeliver }: ConsumerConfig): void {
  if (backOff.length > 0 && maxDeliver !== -1 && backOff.length > maxDeliver) {
    throw apiError("JSConsumerMaxDeliverBackoffErr");
  }
}

function checkPush(config: ConsumerConfig, stream: StreamConfig): void {
  const { deliverSubject } = config;
  if (!isLiteralSubject(deliverSubject)) throw apiError("JSConsumerDeliverToWildcardsErr");
  if (!isValidSubject(deliverSubject)) throw apiError("JSConsumerInvalidDeliverSubject");
  if (stream.subjects.some((subject) => subjectIsSubsetMatch(deliverSubject, subject))) {
    throw apiError("JSConsumerDeliverCycleErr");
  }
  if (config.maxWaiting !== 0) throw apiError("JSConsumerPushMaxWaitingErr");
  if (config.maxAckPending > 0 && config.ackPolicy === "none") {
    throw apiError("JSConsumerMaxPendingAckPolicyRequiredErr");
  }
  if (config.heartbeat > 0n && config.heartbeat < HEARTBEAT_NS_MIN) {
    throw apiError("JSConsumerSmallHeartbeatErr");
  }
}

function checkPull(config: ConsumerConfig, stream: StreamConfig, { server }: ConsumerLimits): void {
  if (config.ackPolicy === "none" && stream.retention === "workqueue") {
    throw apiError("JSConsumerPullRequiresAckErr");
  }
  if (config.rateLimit > 0) throw apiError("JSConsumerPullWithRateLimitErr");
  if (config.maxWaiting < 0) throw apiError("JSConsumerMaxWaitingNegativeErr");
  if (config.heartbeat > 0n) throw apiError("JSConsumerHBRequiresPushErr");
  if (config.flowControl) throw apiError("JSConsumerFCRequiresPushErr");
  if (config.maxRequestBatch < 0) throw apiError("JSConsumerMaxRequestBatchNegativeErr");
  const { maxRequestExpires } = config;
  if (maxRequestExpires !== 0n && maxRequestExpires < EXPIRES_NS_MIN) {
    throw apiError("JSConsumerMaxRequestExpiresTooSmall");
  }
  if (server.maxRequestBatch > 0 && config.maxRequestBatch > server.maxRequestBatch) {
    throw apiError("JSConsumerMaxRequestBatchExceededF", { limit: server.maxRequestBatch });
  }
}

function checkLimits(
  config: ConsumerConfig,
  { consumerLimits }: StreamConfig,
  { server, account }: ConsumerLimits,
): void {
  for (const limit of [server, account, consumerLimits].map((one) => one.maxAckPending)) {
    if (limit > 0 && config.maxAckPending > limit) {
      throw apiError("JSConsumerMaxPendingAckExcessErrF", { limit });
    }
  }
  const { inactiveThreshold } = consumerLimits;
  if (inactiveThreshold > 0n && config.inactiveThreshold > inactiveThreshold) {
    const limit = formatDurationNs(inactiveThreshold);
    throw apiError("JSConsumerInactiveThresholdExcess", { limit });
  }
  if (!config.direct) return;
  if (config.deliverSubject === "") throw apiError("JSConsumerDirectRequiresPushErr");
  if (config.durable !== "") throw apiError("JSConsumerDirectRequiresEphemeralErr");
}

function checkFilters(config: ConsumerConfig): void {
  const { filterSubject, filterSubjects } = config;
  if (filterSubject !== "" && filterSubjects.length > 0) {
    throw apiError("JSConsumerDuplicateFilterSubjects");
  }
  if (filterSubject !== "" && !isValidSubject(filterSubject)) throw invalid("invalid subject");
  if (filterSubjects.includes("")) throw apiError("JSConsumerEmptyFilter");
  const filters = filtersOf(config);
  for (let i = 0; i < filters.length; i++) {
    if (!isValidSubject(filters[i]!)) throw invalid("invalid subject");
    for (let j = 0; j < filters.length; j++) {
      if (i !== j && subjectIsSubsetMatch(filters[i]!, filters[j]!)) {
        throw apiError("JSConsumerOverlappingSubjectFilters");
      }
    }
  }
}

function checkStart(config: ConsumerConfig): void {
  const { deliverPolicy, optStartSeq, optStartTime } = config;
  const refuse = (text: string): Error =>
    apiError("JSConsumerInvalidPolicyErrF", {
      err: new Error(`consumer delivery policy is deliver ${text}`),
    });
  const words = deliverPolicy.replaceAll("_", " ");
  switch (deliverPolicy) {
    case "by_start_sequence":
      if (optStartSeq === 0) throw refuse(`${words}, but optional start sequence is not set`);
      if (optStartTime !== null) throw refuse(`${words}, but optional start time is also set`);
      return;
    case "by_start_time":
      if (optStartTime === null) throw refuse(`${words}, but optional start time is not set`);
      if (optStartSeq !== 0) {
        throw refuse(`${words}, but optional start start sequence is also set`);
      }
      return;
    default:
      if (optStartSeq > 0) throw refuse(`${words}, but optional start sequence is also set`);
      if (optStartTime !== null) throw refuse(`${words}, but optional start time is also set`);
  }
  if (deliverPolicy === "last_per_subject" && filtersOf(config).length === 0) {
    throw refuse(`${words}, but optional filter subject is not set`);
  }
}

function checkSampling({ sampleFrequency }: ConsumerConfig): void {
  if (sampleFrequency === "") return;
  const digits = sampleFrequency.replace(/%$/, "");
  const isNumber = /^[+-]?\d{1,18}$/.test(digits);
  if (isNumber && Number(digits) >= 0) return;
  const err = isNumber ? "<nil>" : `strconv.Atoi: parsing ${goQuote(digits)}: invalid syntax`;
  throw apiError("JSConsumerInvalidSamplingErrF", { err });
}

function checkPriorityGroups(config: ConsumerConfig): void {
  const { priorityPolicy, priorityGroups } = config;
  if (priorityPolicy === "none") {
    if (priorityGroups.length > 0) throw apiError("JSConsumerPriorityGroupWithPolicyNone");
    if (config.pinnedTtl > 0n) throw apiError("JSConsumerPinnedTTLWithoutPriorityPolicyNone");
    return;
  }
  if (config.deliverSubject !== "") throw apiError("JSConsumerPushWithPriorityGroupErr");
  if (priorityGroups.length === 0) throw apiError("JSConsumerPriorityPolicyWithoutGroup");
  for (const group of priorityGroups) {
    if (group === "") throw apiError("JSConsumerEmptyGroupName");
    if (!isValidGroupName(group)) throw apiError("JSConsumerInvalidGroupNameErr");
  }
}
