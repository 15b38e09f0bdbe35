/**
 * API levels: what an asset needs of the server, kept in its metadata.
 *
 * Reference: server/jetstream_versioning.go, ADR-44.
 *
 * @module
 */
import { ZERO_TIME_NS } from "../base/json/mod.ts";
import type { ConsumerConfig } from "./consumer_config.ts";
import type { StreamConfig } from "./stream_config.ts";

/** The API level of this server. */
export const API_LEVEL = 4;

const REQUIRED_LEVEL = "_nats.req.level";
const SERVER_VERSION = "_nats.ver";
const SERVER_LEVEL = "_nats.level";

interface WithMetadata {
  metadata: Map<string, string>;
}

function levelOf(text: string): number | null {
  return /^[+-]?\d{1,15}$/.test(text) ? Number(text) : null;
}

/** The level that `metadata` asks for, as its text; empty for none. */
export function requiredApiLevel(metadata: ReadonlyMap<string, string>): string {
  return metadata.get(REQUIRED_LEVEL) ?? "";
}

/** Whether this server has the level that `metadata` asks for. */
export function supportsRequiredApiLevel(metadata: ReadonlyMap<string, string>): boolean {
  const text = requiredApiLevel(metadata);
  if (text === "") return true;
  const level = levelOf(text);
  return level !== null && level <= API_LEVEL;
}

/** Whether a request whose header asks for level `text` must be refused. */
export function refusesApiLevel(text: string): boolean {
  if (text === "") return false;
  const level = levelOf(text);
  return level === null || API_LEVEL < level;
}

/** A copy of `config` whose metadata says which level it needs, and nothing of a server. */
export function withStaticStreamMetadata(config: StreamConfig): StreamConfig {
  let level = 0;
  if (config.allowMsgTtl || config.subjectDeleteMarkerTtl > 0n) level = 1;
  if (
    config.allowMsgCounter || config.allowAtomicPublish || config.allowMsgSchedules ||
    config.persistMode === "async"
  ) level = 2;
  if (config.allowBatchPublish) level = 4;
  return withLevel(config, level);
}

/** A copy of `config` whose metadata says which level it needs, and nothing of a server. */
export function withStaticConsumerMetadata(config: ConsumerConfig): ConsumerConfig {
  let level = 0;
  if (
    (config.pauseUntil !== null && config.pauseUntil !== ZERO_TIME_NS) ||
    config.priorityPolicy !== "none" || config.pinnedTtl !== 0n ||
    config.priorityGroups.length > 0
  ) level = 1;
  if (config.ackPolicy === "flow_control") level = 4;
  return withLevel(config, level);
}

function withLevel<T extends WithMetadata>(config: T, level: number): T {
  const metadata = new Map(config.metadata);
  metadata.delete(SERVER_VERSION);
  metadata.delete(SERVER_LEVEL);
  metadata.set(REQUIRED_LEVEL, String(level));
  return { ...config, metadata };
}

/** A copy of `config` for a response: its metadata says what this server is, too. */
export function withDynamicMetadata<T extends WithMetadata>(config: T, version: string): T {
  const metadata = new Map(config.metadata);
  metadata.set(SERVER_VERSION, version);
  metadata.set(SERVER_LEVEL, String(API_LEVEL));
  return { ...config, metadata };
}

/**
 * A copy of `config` with the level that `previous` has noted, so that the two can be compared;
 * null for none.
 */
export function withVersioningOf<T extends WithMetadata>(config: T, previous: T | null): T {
  const metadata = new Map(config.metadata);
  metadata.delete(SERVER_VERSION);
  metadata.delete(SERVER_LEVEL);
  const level = previous?.metadata.get(REQUIRED_LEVEL);
  if (level === undefined) metadata.delete(REQUIRED_LEVEL);
  else metadata.set(REQUIRED_LEVEL, level);
  return { ...config, metadata };
}
