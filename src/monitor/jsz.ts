/**
 * `/jsz`: JetStream of the server, of its accounts, their streams and consumers.
 *
 * Reference: Jsz, accountDetail in server/monitor.go.
 *
 * @module
 */
import {
  bool,
  duration,
  encodeJson,
  field,
  indentJson,
  int,
  list,
  OMIT,
  optional,
  raw,
  type Shape,
  shape,
  text,
  time,
  uint64,
} from "../base/json/mod.ts";
import { byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import { goQuote } from "../base/text/go_format.ts";
import type { JetStreamLimits } from "../config/mod.ts";
import type { JetStream, JetStreamConfig, JsAccount } from "../jetstream/mod.ts";
import type { Consumer } from "../jetstream/consumer/consumer.ts";
import { streamInfo } from "../jetstream/stream/info.ts";
import type { Stream } from "../jetstream/stream/stream.ts";
import {
  API_LEVEL,
  type ApiStatsInfo,
  apiStatsShape,
  type ClusterInfo,
  clusterInfoShape,
  type ConsumerInfo,
  consumerInfoShape,
  type StreamConfig,
  streamConfigShape,
  type StreamSourceInfo,
  streamSourceInfoShape,
  type StreamStateInfo,
  streamStateShape,
} from "../jsapi/mod.ts";
import { BadRequestError, page, type Query } from "./go_values.ts";
import type { MonitoredServer } from "./source.ts";

const LIMIT_DEFAULT = 1024;

/** A question to {@linkcode jsz}. */
export interface JszOptions {
  /** Show this account. */
  readonly account?: string;
  readonly accounts?: boolean;
  readonly streams?: boolean;
  readonly consumers?: boolean;
  readonly directConsumers?: boolean;
  readonly config?: boolean;
  readonly leaderOnly?: boolean;
  readonly offset?: number;
  readonly limit?: number;
  readonly raft?: boolean;
}

/** Reads the question from a request. @throws {BadRequestError} */
export function jszOptions(query: Query): JszOptions {
  // They are read in the reference's order: the first that is wrong is the one that is told.
  const accounts = query.bool("accounts");
  const streams = query.bool("streams");
  const consumers = query.bool("consumers");
  const directConsumers = query.bool("direct-consumers");
  const config = query.bool("config");
  const offset = query.int("offset");
  const limit = query.int("limit");
  const leaderOnly = query.bool("leader-only");
  const raft = query.bool("raft");
  // Every stream has its leader here.
  query.bool("stream-leader-only");
  return {
    account: query.text("acc"),
    accounts,
    streams,
    consumers,
    directConsumers,
    config,
    offset,
    limit,
    leaderOnly,
    raft,
  };
}

/** What JetStream of a server or an account uses. */
export interface JetStreamStats {
  readonly memory: number;
  readonly store: number;
  /** As JSON: without a limit it is the reference's 2^64-1. */
  readonly reservedMemory: string;
  readonly reservedStore: string;
  readonly accounts: number;
  readonly haAssets: number;
  readonly api: ApiStatsInfo;
}

const statsFields = {
  memory: field("memory", uint64),
  store: field("storage", uint64),
  reservedMemory: field("reserved_memory", raw),
  reservedStore: field("reserved_storage", raw),
  accounts: field("accounts", int),
  haAssets: field("ha_assets", int),
  api: field("api", apiStatsShape),
};

function emptyStats(): JetStreamStats {
  return {
    memory: 0,
    store: 0,
    reservedMemory: "0",
    reservedStore: "0",
    accounts: 0,
    haAssets: 0,
    api: apiStatsShape.create(),
  };
}

/** JSON of {@linkcode JetStreamStats}. */
export const jetStreamStatsShape: Shape<JetStreamStats> = shape(
  "JetStreamStats",
  emptyStats,
  statsFields,
);

/** What JetStream of the server uses. */
export function jetStreamStats(js: JetStream): JetStreamStats {
  return {
    memory: Math.max(0, js.memoryUsed),
    store: Math.max(0, js.storeUsed),
    reservedMemory: String(js.memoryReserved),
    reservedStore: String(js.storeReserved),
    accounts: js.accounts.size,
    haAssets: 0,
    api: { level: API_LEVEL, total: js.api.total, errors: js.api.errors, inflight: 0 },
  };
}

interface ConfigJson {
  readonly maxMemory: number;
  readonly maxStore: number;
  readonly storeDir: string;
  readonly syncInterval: bigint;
  readonly syncAlways: boolean;
  readonly domain: string;
  readonly compressOk: boolean;
  readonly uniqueTag: string;
  readonly strict: boolean;
}

/** JSON of JetStream's configuration. */
export const jetStreamConfigShape: Shape<ConfigJson> = shape("JetStreamConfig", () => ({
  maxMemory: 0,
  maxStore: 0,
  storeDir: "",
  syncInterval: 0n,
  syncAlways: false,
  domain: "",
  compressOk: false,
  uniqueTag: "",
  strict: false,
}), {
  maxMemory: field("max_memory", int),
  maxStore: field("max_storage", int),
  storeDir: field("store_dir", text, OMIT),
  syncInterval: field("sync_interval", duration, OMIT),
  syncAlways: field("sync_always", bool, OMIT),
  domain: field("domain", text, OMIT),
  compressOk: field("compress_ok", bool, OMIT),
  uniqueTag: field("unique_tag", text, OMIT),
  strict: field("strict", bool, OMIT),
});

function nsOf(ms: number): bigint {
  return BigInt(Math.round(ms * 1e6));
}

/** JetStream's configuration as it is shown. */
export function shownConfig(config: JetStreamConfig): ConfigJson {
  return {
    ...config,
    syncInterval: nsOf(config.syncIntervalMs),
    compressOk: config.sizesConfigured,
  };
}

interface LimitsJson {
  readonly maxRequestBatch: number;
  readonly maxAckPending: number;
  readonly maxHAAssets: number;
  readonly duplicates: bigint;
  readonly maxBatchInflightPerStream: number;
  readonly maxBatchInflightTotal: number;
  readonly maxBatchSize: number;
  readonly maxBatchTimeout: bigint;
}

/** JSON of the limits of the `jetstream` block. */
export const limitsShape: Shape<LimitsJson> = shape("JSLimitOpts", () => ({
  maxRequestBatch: 0,
  maxAckPending: 0,
  maxHAAssets: 0,
  duplicates: 0n,
  maxBatchInflightPerStream: 0,
  maxBatchInflightTotal: 0,
  maxBatchSize: 0,
  maxBatchTimeout: 0n,
}), {
  maxRequestBatch: field("max_request_batch", int, OMIT),
  maxAckPending: field("max_ack_pending", int, OMIT),
  maxHAAssets: field("max_ha_assets", int, OMIT),
  duplicates: field("max_duplicate_window", duration, OMIT),
  maxBatchInflightPerStream: field("max_batch_inflight_per_stream", int, OMIT),
  maxBatchInflightTotal: field("max_batch_inflight_total", int, OMIT),
  maxBatchSize: field("max_batch_size", int, OMIT),
  maxBatchTimeout: field("max_batch_timeout", duration, OMIT),
});

/** The limits of the `jetstream` block as they are shown. */
export function shownLimits(limits: JetStreamLimits): LimitsJson {
  return {
    ...limits,
    duplicates: nsOf(limits.duplicatesMs),
    maxBatchTimeout: nsOf(limits.maxBatchTimeoutMs),
  };
}

interface StreamDetail {
  readonly name: string;
  readonly created: bigint;
  readonly cluster: ClusterInfo | null;
  readonly config: StreamConfig | null;
  readonly state: StreamStateInfo;
  readonly consumers: ConsumerInfo[];
  readonly directConsumers: ConsumerInfo[];
  readonly mirror: StreamSourceInfo | null;
  readonly sources: StreamSourceInfo[];
}

const streamDetailShape: Shape<StreamDetail> = shape("StreamDetail", () => ({
  name: "",
  created: 0n,
  cluster: null,
  config: null,
  state: streamStateShape.create(),
  consumers: [],
  directConsumers: [],
  mirror: null,
  sources: [],
}), {
  name: field("name", text),
  created: field("created", time),
  cluster: field("cluster", optional(clusterInfoShape), OMIT),
  config: field("config", optional(streamConfigShape), OMIT),
  state: field("state", streamStateShape),
  consumers: field("consumer_detail", list(consumerInfoShape), OMIT),
  directConsumers: field("direct_consumer_detail", list(consumerInfoShape), OMIT),
  mirror: field("mirror", optional(streamSourceInfoShape), OMIT),
  sources: field("sources", list(streamSourceInfoShape), OMIT),
});

interface AccountDetail extends JetStreamStats {
  readonly name: string;
  readonly id: string;
  readonly streams: StreamDetail[];
}

const accountDetailShape: Shape<AccountDetail> = shape("AccountDetail", () => ({
  name: "",
  id: "",
  ...emptyStats(),
  streams: [],
}), {
  name: field("name", text),
  id: field("id", text),
  ...statsFields,
  streams: field("stream_detail", list(streamDetailShape), OMIT),
});

interface JsInfo extends JetStreamStats {
  readonly serverId: string;
  readonly now: bigint;
  readonly disabled: boolean;
  readonly config: ConfigJson;
  readonly limits: LimitsJson | null;
  readonly streams: number;
  readonly streamsLeader: number;
  readonly consumers: number;
  readonly consumersLeader: number;
  readonly messages: number;
  readonly bytes: number;
  readonly accountDetails: AccountDetail[];
  readonly total: number;
}

function emptyInfo(): JsInfo {
  return {
    ...emptyStats(),
    serverId: "",
    now: 0n,
    disabled: false,
    config: jetStreamConfigShape.create(),
    limits: null,
    streams: 0,
    streamsLeader: 0,
    consumers: 0,
    consumersLeader: 0,
    messages: 0,
    bytes: 0,
    accountDetails: [],
    total: 0,
  };
}

const infoShape: Shape<JsInfo> = shape("JSInfo", emptyInfo, {
  ...statsFields,
  serverId: field("server_id", text),
  now: field("now", time),
  disabled: field("disabled", bool, OMIT),
  config: field("config", jetStreamConfigShape),
  limits: field("limits", optional(limitsShape), OMIT),
  streams: field("streams", int),
  streamsLeader: field("streams_leader", int, OMIT),
  consumers: field("consumers", int),
  consumersLeader: field("consumers_leader", int, OMIT),
  messages: field("messages", uint64),
  bytes: field("bytes", uint64),
  accountDetails: field("account_details", list(accountDetailShape), OMIT),
  total: field("total", int),
});

function consumerInfos(consumers: Consumer[], options: JszOptions): ConsumerInfo[] {
  return consumers.map((consumer) => {
    const info = consumer.info();
    return options.config === true ? info : { ...info, config: null };
  });
}

function streamDetail(stream: Stream, options: JszOptions): StreamDetail {
  const info = streamInfo(stream);
  const withConsumers = options.consumers === true;
  const all = withConsumers ? [...stream.consumers.values()] : [];
  const direct = all.filter((consumer) => consumer.config.direct);
  return {
    name: stream.name,
    created: info.created,
    cluster: info.cluster,
    config: options.config === true ? stream.config : null,
    state: info.state,
    consumers: consumerInfos(all.filter(({ config }) => !config.direct), options),
    directConsumers: options.directConsumers === true ? consumerInfos(direct, options) : [],
    mirror: info.mirror,
    sources: info.sources,
  };
}

/** A limit in the reference's unsigned number, where -1 is 2^64-1. */
function unsigned(limit: number): string {
  return BigInt.asUintN(64, BigInt(limit)).toString();
}

function accountDetail(account: JsAccount, options: JszOptions): AccountDetail {
  const { memory, store } = account.totals();
  const limits = account.limits.get("");
  const { apiTotal: total, apiErrors: errors } = account;
  const streams = options.streams === true ? [...account.streams.values()] : [];
  return {
    name: textOfByteString(account.account.nameTag),
    id: account.name,
    ...emptyStats(),
    memory,
    store,
    reservedMemory: limits === undefined ? "0" : unsigned(limits.maxMemory),
    reservedStore: limits === undefined ? "0" : unsigned(limits.maxStore),
    api: { level: 0, total, errors, inflight: 0 },
    streams: streams.map((stream) => streamDetail(stream, options)),
  };
}

function shownAccounts(js: JetStream, options: JszOptions): JsAccount[] {
  const all = [...js.accounts.values()];
  const named = all.find(({ name }) => name === options.account);
  if (named !== undefined) return [named];
  if (options.accounts !== true) return [];
  const limit = options.limit || LIMIT_DEFAULT;
  if (limit < 0) return all;
  all.sort((a, b) => a.name < b.name ? -1 : 1);
  return page(all, Math.max(0, options.offset ?? 0), limit);
}

/** Totals over the streams of all accounts, whatever is shown. */
function totals(js: JetStream, withLeaders: boolean): Partial<JsInfo> {
  const sum = { streams: 0, consumers: 0, messages: 0, bytes: 0 };
  for (const { streams } of js.accounts.values()) {
    sum.streams += streams.size;
    for (const stream of streams.values()) {
      const { msgs, bytes } = stream.fastState();
      sum.messages += msgs;
      sum.bytes += bytes;
      for (const { config } of stream.consumers.values()) if (!config.direct) sum.consumers++;
    }
  }
  if (!withLeaders) return sum;
  return { ...sum, streamsLeader: sum.streams, consumersLeader: sum.consumers };
}

function jsInfo(server: MonitoredServer, asked: JszOptions): JsInfo {
  const streams = asked.streams === true || asked.consumers === true;
  const accounts = asked.accounts === true || (streams && (asked.account ?? "") === "");
  const options = { ...asked, streams, accounts };
  const { jetStream: js, env, info } = server;
  const base = { ...emptyInfo(), serverId: info.server_id, now: env.clock.nowNs() };
  if (js === null) {
    if (options.leaderOnly === true) throw new BadRequestError("filtered response: not leader");
    return { ...base, disabled: true };
  }
  return {
    ...base,
    ...jetStreamStats(js),
    config: shownConfig(js.config),
    limits: shownLimits(js.options.jetStreamLimits),
    ...totals(js, options.raft === true),
    accountDetails: shownAccounts(js, options).map((account) => accountDetail(account, options)),
    total: js.accounts.size,
  };
}

/** What `/jsz` shows, as JSON on one line. @throws {BadRequestError} */
export function jszJson(server: MonitoredServer, options: JszOptions = {}): string {
  return encodeJson(infoShape, jsInfo(server, options));
}

/** What `/jsz` shows, as JSON. @throws {BadRequestError} */
export function jsz(server: MonitoredServer, options: JszOptions = {}): string {
  return indentJson(jszJson(server, options));
}

/** One account of JetStream, as JSON on one line. @throws {BadRequestError} */
export function jszAccount(server: MonitoredServer, options: JszOptions): string {
  const { jetStream: js, core } = server;
  const name = options.account ?? "";
  if (js === null) throw new BadRequestError("jetstream not enabled");
  if (!core.accounts.has(byteStringOfText(name))) {
    throw new BadRequestError(`account ${goQuote(name)} not found`);
  }
  const account = js.accounts.get(byteStringOfText(name));
  if (account === undefined) {
    throw new BadRequestError(`account ${goQuote(name)} not jetstream enabled`);
  }
  return encodeJson(accountDetailShape, accountDetail(account, options));
}
