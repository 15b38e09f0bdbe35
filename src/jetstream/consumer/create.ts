/**
 * Makes consumers: by request, and again at recovery.
 *
 * Reference: addConsumerWithAssignment in server/consumer.go.
 *
 * @module
 */
import { shortHash } from "../../base/crypto/short_hash.ts";
import { byteStringOfText } from "../../base/text/byte_string.ts";
import { nuid } from "../../base/text/nuid.ts";
import {
  apiError,
  type ConsumerAction,
  type ConsumerConfig,
  type StreamConfig,
  toApiError,
  withVersioningOf,
} from "../../jsapi/mod.ts";
import { DiskError } from "../../platform/mod.ts";
import { isValidAssetName } from "../../subject/mod.ts";
import { type ConsumerStore, StoreError } from "../../store/mod.ts";
import type { Stream } from "../stream/stream.ts";
import { checkConsumerConfig } from "./config_check.ts";
import { type ConsumerLimits, withConsumerDefaults } from "./config_defaults.ts";
import { sameConfig, setRateLimit } from "./config_update.ts";
import { Consumer, filtersOf } from "./consumer.ts";
import { withInactiveThreshold } from "./inactivity.ts";
import { setInterest } from "./push.ts";
import { resetConsumer } from "./reset.ts";
import { selectStartingSeq } from "./starting_seq.ts";
import { recoverState } from "./state.ts";

const NAME_BYTES_MAX = 255;

/** How {@linkcode addConsumer} goes about it. */
export interface AddConsumerOptions {
  /** Name where the configuration gives none; empty to make one up. */
  readonly name: string;
  readonly action: ConsumerAction;
  readonly pedantic: boolean;
  /** Only for consumers that are opened again. */
  readonly recovering?: { readonly createdNs: bigint } | undefined;
}

/** Replicas that a consumer of a stream has. */
export function consumerReplicas(config: ConsumerConfig, stream: StreamConfig): number {
  if (config.replicas !== 0 && config.replicas <= stream.replicas) return config.replicas;
  const isOldEphemeral = config.durable === "" && stream.retention === "limits" &&
    config.replicas === 0;
  return isOldEphemeral ? 1 : stream.replicas;
}

/**
 * Adds a consumer to a stream, or updates the one with that name, as `action` allows. Returns
 * it. Throws ApiError; then nothing has changed.
 */
export function addConsumer(
  stream: Stream,
  given: ConsumerConfig,
  options: AddConsumerOptions,
): Consumer {
  if (stream.closed) throw apiError("JSStreamInvalidErr");
  const { js } = stream;
  const recovering = options.recovering !== undefined;
  const limits: ConsumerLimits = {
    server: js.options.jetStreamLimits,
    account: stream.account.select(consumerReplicas(given, stream.config)).limits,
  };
  const config = withConsumerDefaults(given, stream.config, limits, options.pedantic);
  checkConsumerConfig(config, stream.config, limits, recovering);
  const name = config.durable !== "" ? config.durable : config.name;
  const existing = name === "" ? undefined : stream.consumers.get(name);
  if (existing !== undefined) return updateExisting(stream, existing, config, options.action);
  if (options.action === "update") throw apiError("JSConsumerDoesNotExist");
  if (!recovering) checkCount(stream, limits);
  if (stream.config.retention === "workqueue" && !config.direct && !config.sourcing) {
    checkWorkQueue(stream, name, config, recovering);
  }
  const consumer = make(stream, config, options);
  stream.consumers.set(consumer.name, consumer);
  stream.addSignals(consumer);
  if (config.sourcing && !recovering) resetConsumer(consumer, 0);
  consumer.start();
  if (!recovering) js.events.consumerAction(consumer.address, "create");
  return consumer;
}

/**
 * What a request of a client for a consumer means on this stream: consumers of other streams
 * that source this one become durable where messages go with their acknowledgement, and get a
 * name of their own elsewhere; a consumer that exists stays paused as it is.
 */
export function requestedConfig(stream: Stream, given: ConsumerConfig): ConsumerConfig {
  const config = { ...given };
  if (config.direct && config.sourcing && config.name !== "") {
    if (stream.config.retention === "limits") {
      config.name = `${config.name}-${shortHash(nuid(stream.js.core.env.random))}`;
    } else {
      config.direct = false;
      config.durable = config.name;
      config.ackPolicy = "flow_control";
      config.ackWait = 0n;
      config.maxDeliver = 0;
      config.inactiveThreshold = 0n;
    }
  }
  const present = stream.consumers.get(config.name);
  if (present === undefined) return config;
  config.pauseUntil = present.config.pauseUntil;
  if (config.sourcing && config.durable !== "") {
    config.deliverPolicy = present.config.deliverPolicy;
    config.optStartSeq = present.config.optStartSeq;
    config.optStartTime = present.config.optStartTime;
  }
  return config;
}

function updateExisting(
  stream: Stream,
  existing: Consumer,
  wanted: ConsumerConfig,
  action: ConsumerAction,
): Consumer {
  let config = wanted;
  if (action === "create") {
    config = withVersioningOf(wanted, existing.config);
    if (!sameConfig(config, existing.config)) throw apiError("JSConsumerAlreadyExists");
  }
  if (stream.config.retention === "workqueue") {
    if (!stream.isPartitionUnique(existing.name, filtersOf(config))) {
      throw apiError("JSConsumerWQConsumerNotUniqueErr");
    }
  }
  try {
    existing.updateConfig(config);
  } catch (error) {
    throw toApiError(error, "JSConsumerCreateErrF");
  }
  return existing;
}

function checkCount(stream: Stream, { account }: ConsumerLimits): void {
  let max = stream.config.maxConsumers;
  if (max <= 0 || (account.maxConsumers > 0 && account.maxConsumers < max)) {
    max = account.maxConsumers;
  }
  if (max > 0 && stream.limitableConsumers() >= max) throw apiError("JSMaximumConsumersLimitErr");
}

function checkWorkQueue(
  stream: Stream,
  name: string,
  config: ConsumerConfig,
  recovering: boolean,
): void {
  if (config.ackPolicy !== "explicit" && config.ackPolicy !== "flow_control") {
    throw apiError("JSConsumerWQRequiresExplicitAckErr");
  }
  if (config.deliverPolicy !== "all") throw apiError("JSConsumerWQConsumerNotDeliverAllErr");
  if (stream.limitableConsumers() === 0) return;
  const filters = filtersOf(config);
  if (filters.length === 0) throw apiError("JSConsumerWQMultipleUnfilteredErr");
  if (stream.isPartitionUnique(name, filters)) return;
  if (!recovering) throw apiError("JSConsumerWQConsumerNotUniqueErr");
  stream.js.core.env.log.warn(
    `Consumer "${stream.name}" > "${name}" has a filter subject that overlaps with other ` +
      "consumers, which is not allowed for a stream with WorkQueue policy, it should be " +
      "administratively deleted",
  );
}

function nameOf(stream: Stream, config: ConsumerConfig, options: AddConsumerOptions): string {
  if (config.durable !== "") {
    if (byteStringOfText(config.durable).length > NAME_BYTES_MAX) {
      throw apiError("JSConsumerNameTooLongErrF", { max: NAME_BYTES_MAX });
    }
    return config.durable;
  }
  if (options.name !== "") return options.name;
  if (config.name !== "") return config.name;
  for (;;) {
    const name = shortHash(nuid(stream.js.core.env.random));
    if (!stream.consumers.has(name)) return name;
  }
}

/** Makes a consumer with its store; it is not known to the stream yet. */
function make(stream: Stream, config: ConsumerConfig, options: AddConsumerOptions): Consumer {
  const name = nameOf(stream, config, options);
  if (!isValidAssetName(byteStringOfText(name))) throw apiError("JSConsumerBadDurableNameErr");
  if (stream.consumers.has(name)) throw apiError("JSConsumerNameExistErr");
  const createdNs = options.recovering?.createdNs ?? stream.js.core.env.clock.nowNs();
  // A made-up name is stored, although the configuration goes on without it.
  const stored = config.name === "" && config.durable === "" ? { ...config, name } : config;
  let store: ConsumerStore | null = null;
  let isNew = false;
  try {
    if (!config.direct) store = stream.store.consumerStore(name, createdNs, stored);
    isNew = store !== null && !store.hasState();
    const consumer = new Consumer(stream, name, createdNs, config, store);
    consumer.setConfig(withInactiveThreshold(consumer, config));
    if (store === null || isNew) selectStartingSeq(consumer);
    else if (options.recovering !== undefined) {
      recoverState(consumer, stream.fastState().lastSeq);
    }
    if (config.deliverSubject !== "") {
      const { sublist } = consumer.account;
      if (!sublist.hasInterest(config.deliverSubject)) setInterest(consumer, false);
    }
    if (config.rateLimit !== 0) setRateLimit(consumer);
    return consumer;
  } catch (error) {
    if (!(error instanceof StoreError || error instanceof DiskError)) throw error;
    // What was there before must not be lost.
    if (isNew && options.recovering === undefined) store?.delete();
    if (options.recovering !== undefined && error.code === "corrupt_state") {
      moveAside(stream, name);
    }
    throw apiError("JSConsumerStoreFailedErrF", { err: error });
  }
}

/** Keeps the files of a damaged consumer where nobody looks, so that its name can be used again. */
function moveAside(stream: Stream, name: string): void {
  const { disk, clock, log } = stream.js.storeEnv;
  const directory = `${stream.directory}/obs/${name}`;
  if (disk.stat(directory) === null) return;
  const aside = `${stream.directory}/damaged/${name}-${Math.floor(clock.nowMs())}`;
  disk.makeDirs(`${stream.directory}/damaged`);
  disk.rename(directory, aside);
  log.warn(
    `    The state of consumer '${stream.label} > ${name}' is damaged; its files are now in ` +
      `"${aside}"`,
  );
}
