/**
 * The part of a stream's and a consumer's configuration that stores act on, and how it is written
 * to `meta.inf`. JetStream passes its own encoder, which knows all fields; the one here writes a
 * complete document with the defaults for what a store does not know.
 *
 * @module
 */
import { textOfByteString } from "../base/text/byte_string.ts";

/** Configuration of a stream as far as its store is concerned. */
export interface StreamStoreConfig {
  readonly name: string;
  /** Byte strings. */
  readonly subjects: readonly string[];
  readonly storage: "file" | "memory";
  readonly retention: "limits" | "interest" | "workqueue";
  readonly discard: "old" | "new";
  /** Zero or less: no limit. */
  readonly maxMsgs: number;
  readonly maxBytes: number;
  readonly maxMsgsPerSubject: number;
  /** Zero: no limit. */
  readonly maxAgeNs: bigint;
  readonly discardNewPerSubject: boolean;
  readonly replicas: number;
  readonly firstSeq: number;
  readonly allowMsgTtl: boolean;
  readonly allowMsgSchedules: boolean;
  readonly subjectDeleteMarkerTtlNs: bigint;
  /** True for mirrors and streams with sources: subjects are tracked although none is listed. */
  readonly hasUpstream: boolean;
  /** Acknowledge before data is written and synced. */
  readonly asyncPersist: boolean;
  readonly compression: "none" | "s2";
}

/** A configuration with the defaults of an unlimited file stream. */
export function streamStoreConfig(
  partial: Partial<StreamStoreConfig> & { readonly name: string },
): StreamStoreConfig {
  return {
    subjects: [],
    storage: "file",
    retention: "limits",
    discard: "old",
    maxMsgs: -1,
    maxBytes: -1,
    maxMsgsPerSubject: -1,
    maxAgeNs: 0n,
    discardNewPerSubject: false,
    replicas: 1,
    firstSeq: 0,
    allowMsgTtl: false,
    allowMsgSchedules: false,
    subjectDeleteMarkerTtlNs: 0n,
    hasUpstream: false,
    asyncPersist: false,
    compression: "none",
    ...partial,
  };
}

/** The configuration with one way to say that subjects have no limit: −1. */
export function withPlainLimits(config: StreamStoreConfig): StreamStoreConfig {
  return config.maxMsgsPerSubject < -1 ? { ...config, maxMsgsPerSubject: -1 } : config;
}

/** Configuration of a consumer as far as its store is concerned. */
export interface ConsumerStoreConfig {
  readonly ackPolicy: "none" | "all" | "explicit" | "flow_control";
  /** Zero or less: no limit. */
  readonly maxDeliver: number;
  readonly memoryStorage: boolean;
}

/** `2006-01-02T15:04:05.999999999Z` of a time, as Go marshals it. */
export function rfc3339Nano(ns: bigint): string {
  const rest = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const whole = new Date(Number((ns - rest) / 1_000_000n)).toISOString().slice(0, 19);
  const fraction = rest === 0n ? "" : "." + String(rest).padStart(9, "0").replace(/0+$/, "");
  return `${whole}${fraction}Z`;
}

/** The default content of a stream's `meta.inf`. */
export function encodeStreamMeta(config: StreamStoreConfig, createdNs: bigint): Uint8Array {
  const fields: string[] = [];
  const put = (name: string, value: unknown) => fields.push(`"${name}":${JSON.stringify(value)}`);
  put("Created", rfc3339Nano(createdNs));
  put("name", config.name);
  if (config.subjects.length > 0) put("subjects", config.subjects.map(textOfByteString));
  put("retention", config.retention);
  put("max_consumers", -1);
  put("max_msgs", config.maxMsgs);
  put("max_bytes", config.maxBytes);
  fields.push(`"max_age":${config.maxAgeNs}`);
  put("max_msgs_per_subject", config.maxMsgsPerSubject);
  put("max_msg_size", -1);
  put("discard", config.discard);
  put("storage", config.storage);
  put("num_replicas", config.replicas);
  put("compression", config.compression);
  if (config.firstSeq > 0) put("first_seq", config.firstSeq);
  put("allow_direct", false);
  put("mirror_direct", false);
  if (config.discardNewPerSubject) put("discard_new_per_subject", true);
  put("sealed", false);
  put("deny_delete", false);
  put("deny_purge", false);
  put("allow_rollup_hdrs", false);
  put("consumer_limits", {});
  put("allow_msg_ttl", config.allowMsgTtl);
  if (config.subjectDeleteMarkerTtlNs > 0n) {
    fields.push(`"subject_delete_marker_ttl":${config.subjectDeleteMarkerTtlNs}`);
  }
  if (config.allowMsgSchedules) put("allow_msg_schedules", true);
  if (config.asyncPersist) put("persist_mode", "async");
  return new TextEncoder().encode(`{${fields.join(",")}}`);
}

/** The default content of a consumer's `meta.inf`. */
export function encodeConsumerMeta(
  name: string,
  config: ConsumerStoreConfig,
  createdNs: bigint,
): Uint8Array {
  const fields: string[] = [];
  const put = (key: string, value: unknown) => fields.push(`"${key}":${JSON.stringify(value)}`);
  put("Created", rfc3339Nano(createdNs));
  put("Name", name);
  put("durable_name", name);
  put("deliver_policy", "all");
  put("ack_policy", config.ackPolicy);
  if (config.maxDeliver !== 0) put("max_deliver", config.maxDeliver);
  put("replay_policy", "instant");
  put("num_replicas", 0);
  return new TextEncoder().encode(`{${fields.join(",")}}`);
}
