/**
 * Creates a stream, or opens one whose files are there.
 *
 * Reference: addStreamWithAssignment, setupStore, rebuildDedupe in server/stream.go.
 *
 * @module
 */
import { textOfByteString } from "../../base/text/byte_string.ts";
import { encodeJson, encodeTime } from "../../base/json/mod.ts";
import {
  ApiError,
  apiError,
  type ConsumerConfig,
  consumerConfigShape,
  type StreamConfig,
  streamConfigShape,
  withStaticStreamMetadata,
  withVersioningOf,
} from "../../jsapi/mod.ts";
import { headerValue } from "../../protocol/mod.ts";
import {
  type ConsumerStoreConfig,
  FileStore,
  type FileStoreOptions,
  LoadCode,
  MemoryStore,
  msOfHalves,
  StoredMsg,
  type StreamStore,
  type StreamStoreConfig,
} from "../../store/mod.ts";
import { isValidSubject, newSubjectTransform } from "../../subject/mod.ts";
import type { JsAccount } from "../engine/js_account.ts";
import { checkStreamLimits } from "../engine/limits.ts";
import { keyGenerator, storeCipher } from "../engine/encryption.ts";
import { recoverBatch } from "../batch/recover.ts";
import { scheduleRules } from "../schedule/rules.ts";
import { blockBytesOf } from "./block_size.ts";
import { checkStreamConfig } from "./config_check.ts";
import { StreamError } from "./errors.ts";
import { ingest } from "./ingest.ts";
import { MsgHeader } from "./header_names.ts";
import { deleteMsg } from "./removal.ts";
import { Stream } from "./stream.ts";
import { stopStream } from "./stop.ts";

/** How a stream comes into being. */
export interface CreateOptions {
  readonly pedantic: boolean;
  /** When it was created; null for a new stream. */
  readonly recoveredNs: bigint | null;
}

/**
 * Creates the stream that `config` describes and returns it; the present one when it is the same.
 * Throws ApiError.
 */
export function createStream(
  account: JsAccount,
  config: StreamConfig,
  options: CreateOptions,
): Stream {
  const { js } = account;
  const recovering = options.recoveredNs !== null;
  const checked = checkStreamConfig(config, account.checks, options.pedantic);
  if (checked.replicas > 1) throw apiError("JSStreamReplicasNotSupportedErr");
  const present = account.streams.get(checked.name);
  if (present !== undefined) {
    if (isSameConfig(checked, present.config)) return present;
    throw apiError("JSStreamNameExistErr");
  }
  const { limits, tier } = account.select(checked.replicas);
  if (!recovering) {
    const reserved = account.reservedByOthers(tier, checked);
    checkStreamLimits(limits, tier, checked, reserved, checked.maxBytes, js);
  }
  checkUpstreamFilters(checked);
  if (account.subjectsOverlap(checked.subjects, null)) {
    throw apiError("JSStreamSubjectOverlapErr");
  }
  const final = recovering ? checked : withStaticStreamMetadata(checked);
  const createdNs = options.recoveredNs ?? js.core.env.clock.nowNs();
  const holder: { stream: Stream | null } = { stream: null };
  const store = openStore(account, final, createdNs, holder);
  const stream = new Stream(js, account, final, tier, createdNs, store);
  holder.stream = stream;
  stream.inputTransform = transformOf(final.subjectTransform);
  stream.rePublishTransform = transformOf(final.rePublish);
  stream.lastSeq = stream.fastState().lastSeq;
  js.reserve(final.storage, final.maxBytes);
  account.addStream(stream);
  connectStore(stream);
  if (recovering) recoverBatch(stream);
  rebuildMsgIds(stream);
  try {
    stream.listen();
    stream.directGet.configure();
    stream.upstreams.start();
  } catch (error) {
    void stopStream(stream, { deleteState: !recovering, advisory: false });
    throw error;
  }
  if (!recovering) js.events.streamAction(stream.address, "create");
  return stream;
}

/** Whether two configurations differ in nothing but what servers note in them. */
export function isSameConfig(wanted: StreamConfig, present: StreamConfig): boolean {
  return encodeJson(streamConfigShape, withVersioningOf(wanted, present)) ===
    encodeJson(streamConfigShape, present);
}

/** The transform of a configuration, or null. */
export function transformOf(
  config: { source: string; destination: string } | null,
): ReturnType<typeof newSubjectTransform> {
  return config === null ? null : newSubjectTransform(config.source, config.destination, () => 0);
}

function checkUpstreamFilters({ mirror, sources }: StreamConfig): void {
  const check = (filter: string, what: string): void => {
    if (filter !== "" && !isValidSubject(filter)) {
      throw new StreamError(`subject filter '${textOfByteString(filter)}' for the ${what}`);
    }
  };
  if (mirror !== null && mirror.subjectTransforms.length === 0) {
    check(mirror.filterSubject, "mirror invalid subject");
  }
  for (const { filterSubject, subjectTransforms } of sources) {
    if (subjectTransforms.length === 0) check(filterSubject, "source: invalid subject");
  }
}

/** The part of a configuration that stores act on. */
export function storeConfigOf(config: StreamConfig): StreamStoreConfig {
  return {
    name: config.name,
    subjects: config.subjects,
    storage: config.storage,
    retention: config.retention,
    discard: config.discard,
    maxMsgs: config.maxMsgs,
    maxBytes: config.maxBytes,
    maxMsgsPerSubject: config.maxMsgsPer,
    maxAgeNs: config.maxAge,
    discardNewPerSubject: config.discardNewPer,
    replicas: config.replicas,
    firstSeq: config.firstSeq,
    allowMsgTtl: config.allowMsgTtl,
    allowMsgSchedules: config.allowMsgSchedules,
    subjectDeleteMarkerTtlNs: config.subjectDeleteMarkerTtl,
    hasUpstream: config.mirror !== null || config.sources.length > 0,
    asyncPersist: config.persistMode === "async",
    compression: config.compression,
  };
}

const utf8 = new TextEncoder();

/** `meta.inf` of a stream: when it was created, and its configuration. */
export function encodeStreamMeta(config: StreamConfig, createdNs: bigint): Uint8Array {
  const fields = encodeJson(streamConfigShape, config).slice(1);
  return utf8.encode(`{"Created":"${encodeTime(createdNs)}",${fields}`);
}

/** `meta.inf` of a consumer: when it was created, its name and its configuration. */
export function encodeConsumerMeta(
  name: string,
  config: ConsumerStoreConfig,
  createdNs: bigint,
): Uint8Array {
  // Consumers give their store their whole configuration.
  const fields = encodeJson(consumerConfigShape, config as ConsumerConfig).slice(1);
  return utf8.encode(
    `{"Created":"${encodeTime(createdNs)}","Name":${JSON.stringify(name)},${fields}`,
  );
}

/** Where a store of the account is, and its encryption. */
export function storePlace(account: JsAccount, storeDir: string): FileStoreOptions {
  const { options } = account.js;
  const keyGen = keyGenerator(options.jetStreamKey, account.name);
  const oldKeyGen = keyGenerator(options.jetStreamOldKey, account.name);
  return {
    storeDir,
    // Written at the end of the turn, before anything is acknowledged.
    asyncFlush: true,
    cipher: storeCipher(options.jetStreamCipher),
    ...keyGen === null ? {} : { keyGen },
    ...oldKeyGen === null ? {} : { oldKeyGen },
  };
}

function openStore(
  account: JsAccount,
  config: StreamConfig,
  createdNs: bigint,
  holder: { stream: Stream | null },
): StreamStore {
  const { js } = account;
  const rules = scheduleRules(js.core.env.clock);
  try {
    if (config.storage === "memory") {
      return new MemoryStore(js.storeEnv, storeConfigOf(config), rules);
    }
    return new FileStore(
      js.storeEnv,
      {
        ...storePlace(account, `${account.directory}/streams/${config.name}`),
        blockBytes: blockBytesOf(config, js.options.maxPayload),
        syncIntervalMs: js.config.syncIntervalMs,
        syncAlways: js.config.syncAlways && config.persistMode !== "async",
        scheduleRules: rules,
        encodeMeta: (_config, created) =>
          encodeStreamMeta(holder.stream?.config ?? config, created),
        encodeConsumer: encodeConsumerMeta,
      },
      storeConfigOf(config),
      createdNs,
    );
  } catch (error) {
    if (error instanceof ApiError) throw error;
    js.core.env.log.warn(
      `Could not open the store of stream '${account.name} > ${config.name}': ${
        (error as Error).message
      }`,
    );
    throw apiError("JSStreamStoreFailedF", { err: error as Error });
  }
}

function connectStore(stream: Stream): void {
  const { store } = stream;
  // Tells what is stored already, too.
  store.registerStorageUpdates((msgs, delta, seq, subject) =>
    stream.onStorageUpdate(msgs, delta, seq, subject)
  );
  store.registerStorageRemoveMsg((seq) => {
    if (!stream.closed) deleteMsg(stream, seq, false);
  });
  store.registerProcessMsg(({ subject, headers, payload }) => {
    ingest(stream, subject, "", headers, payload, true);
    stream.js.core.scheduleFlush();
  });
}

/** Reads the ids of messages within the duplicate window from the store. */
function rebuildMsgIds(stream: Stream): void {
  const { store, config, js, msgIds } = stream;
  const { lastSeq } = stream.fastState();
  const message = new StoredMsg();
  const idOf = (): string =>
    headerValue(message.bytes, message.headersAt, message.headersEnd, MsgHeader.MsgId) ?? "";
  if (config.duplicates <= 0n) return;
  const first = store.seqFromTimeNs(js.core.env.clock.nowNs() - config.duplicates);
  if (first === 0) return;
  for (let seq = first; seq <= lastSeq; seq++) {
    if (store.loadMsg(seq, message) !== LoadCode.Found) continue;
    const id = message.headersEnd > message.headersAt ? idOf() : "";
    if (id !== "") msgIds.add(id, seq, msOfHalves(message.tsHigh, message.tsLow));
    if (seq === lastSeq) stream.lastMsgId = id;
  }
}
