/**
 * What a consumer's configuration means where it says nothing.
 *
 * Reference: setConsumerConfigDefaults in server/consumer.go.
 *
 * @module
 */
import type { JetStreamLimits } from "../../config/jetstream_options.ts";
import { apiError, type ConsumerConfig, type JetStreamLimitsInfo } from "../../jsapi/mod.ts";
import type { StreamConfig } from "../../jsapi/mod.ts";

const ACK_WAIT_NS = 30_000_000_000n;
const MAX_ACK_PENDING = 1000;
const MAX_WAITING = 512;
const PINNED_TTL_NS = 120_000_000_000n;
/** Heartbeat of consumers that are acknowledged by flow control. */
export const FLOW_HEARTBEAT_NS = 1_000_000_000n;

/** What limits a consumer besides its own configuration. */
export interface ConsumerLimits {
  readonly server: JetStreamLimits;
  readonly account: JetStreamLimitsInfo;
}

/**
 * The configuration with its defaults. What is out of range is set right, or with `pedantic`
 * refused. Throws ApiError.
 */
export function withConsumerDefaults(
  given: ConsumerConfig,
  stream: StreamConfig,
  limits: ConsumerLimits,
  pedantic: boolean,
): ConsumerConfig {
  const config = { ...given };
  const refuse = (text: string): void => {
    if (pedantic) throw apiError("JSPedanticErrF", { err: new Error(text) });
  };
  if (config.maxDeliver < -1) refuse("max_deliver must be set to -1");
  if (config.maxDeliver === 0 || config.maxDeliver < -1) config.maxDeliver = -1;
  if (config.maxWaiting < 0) {
    refuse("max_waiting must not be negative");
    config.maxWaiting = 0;
  }
  if (config.maxAckPending < -1) {
    refuse("max_ack_pending must be set to -1");
    config.maxAckPending = -1;
  }
  if (config.maxRequestBatch < 0) {
    refuse("max_batch must not be negative");
    config.maxRequestBatch = 0;
  }
  if (config.maxRequestExpires < 0n) {
    refuse("max_expires must not be negative");
    config.maxRequestExpires = 0n;
  }
  if (config.maxRequestMaxBytes < 0) {
    refuse("max_bytes must not be negative");
    config.maxRequestMaxBytes = 0;
  }
  if (config.heartbeat < 0n) {
    refuse("idle_heartbeat must not be negative");
    config.heartbeat = 0n;
  }
  if (config.inactiveThreshold < 0n) {
    refuse("inactive_threshold must not be negative");
    config.inactiveThreshold = 0n;
  }
  if (config.pinnedTtl < 0n) {
    refuse("priority_timeout must not be negative");
    config.pinnedTtl = 0n;
  }
  const isPull = config.deliverSubject === "";
  if (isPull && config.maxWaiting === 0) config.maxWaiting = MAX_WAITING;
  const isTimed = config.ackPolicy === "explicit" || config.ackPolicy === "all";
  if (config.ackWait === 0n && isTimed) config.ackWait = ACK_WAIT_NS;
  const [firstWait] = config.backOff;
  if (firstWait !== undefined) {
    if (config.ackWait !== firstWait) refuse("first backoff value has to equal batch AckWait");
    config.ackWait = firstWait;
  }
  const { consumerLimits } = stream;
  if (config.maxAckPending === 0) {
    if (consumerLimits.maxAckPending > 0) {
      refuse("max_ack_pending must be set if it's configured in stream limits");
    }
    config.maxAckPending = consumerLimits.maxAckPending;
  }
  if (config.inactiveThreshold === 0n) {
    if (consumerLimits.inactiveThreshold > 0n) {
      refuse("inactive_threshold must be set if it's configured in stream limits");
    }
    config.inactiveThreshold = consumerLimits.inactiveThreshold;
  }
  if (config.maxAckPending === 0 && config.ackPolicy !== "none") {
    config.maxAckPending = [limits.server.maxAckPending, limits.account.maxAckPending]
      .reduce((least, limit) => limit > 0 && limit < least ? limit : least, MAX_ACK_PENDING);
  }
  if (isPull && config.maxRequestBatch === 0 && limits.server.maxRequestBatch > 0) {
    refuse("max_request_batch must be set if it's JetStream limits are set");
    config.maxRequestBatch = limits.server.maxRequestBatch;
  }
  if (config.priorityPolicy === "pinned_client" && config.pinnedTtl === 0n) {
    config.pinnedTtl = PINNED_TTL_NS;
  }
  if (config.ackPolicy === "flow_control" && !pedantic) {
    config.flowControl = true;
    config.heartbeat = FLOW_HEARTBEAT_NS;
  }
  return config;
}
