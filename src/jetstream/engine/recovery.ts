/**
 * Opens what an account has on disk: its streams and their consumers.
 *
 * What cannot be read is left where it is and named in the log; the others start all the same.
 *
 * Reference: EnableJetStream in server/jetstream.go.
 *
 * @module
 */
import { comma } from "../../base/text/comma.ts";
import { formatDurationMs } from "../../base/text/duration.ts";
import { goQuote } from "../../base/text/go_format.ts";
import {
  decodeValue,
  type JsonValue,
  parseJsonBytes,
  parseTime,
  type Shape,
} from "../../base/json/mod.ts";
import {
  API_LEVEL,
  type ConsumerConfig,
  consumerConfigShape,
  requiredApiLevel,
  type StreamConfig,
  streamConfigShape,
  supportsRequiredApiLevel,
} from "../../jsapi/mod.ts";
import { MemoryStore, readMetaFile } from "../../store/mod.ts";
import { isValidSubject } from "../../subject/mod.ts";
import { addConsumer } from "../consumer/create.ts";
import { checkStreamInterest, Consumer } from "../consumer/mod.ts";
import { createStream, storeConfigOf } from "../stream/create.ts";
import { stopStream } from "../stream/stop.ts";
import { Stream } from "../stream/stream.ts";
import { keyGenerator, storeCipher } from "./encryption.ts";
import type { JsAccount } from "./js_account.ts";

/** A configuration from a `meta.inf`, and what it asks for that this server does not know. */
interface Meta<T> {
  readonly config: T;
  readonly createdNs: bigint | null;
  /** Name in the file, for consumers. */
  readonly name: string;
  /** Why it cannot be used; empty when it can. */
  readonly offlineReason: string;
}

/** Opens all streams and consumers of the account. */
export function recoverAccount(account: JsAccount): void {
  const { js } = account;
  const { disk, log } = js.storeEnv;
  const directory = `${account.directory}/streams`;
  const names = js.entries(directory);
  if (names.length > 0) log.debug(`Recovering JetStream state for account "${account.name}"`);
  for (const name of names) {
    // Streams whose removal was cut short.
    if (name.startsWith(".")) {
      disk.removeTree(`${directory}/${name}`);
      continue;
    }
    try {
      recoverStream(account, name);
    } catch (error) {
      log.warn(`  Error recreating stream "${name}": ${(error as Error).message}`);
    }
  }
}

function recoverStream(account: JsAccount, name: string): void {
  const { js } = account;
  const { log, clock } = js.storeEnv;
  const startedMs = clock.monotonicMs();
  const directory = `${account.directory}/streams/${name}`;
  const bytes = readMeta(account, directory, { hashName: name, keyName: name });
  if (bytes === null) return;
  const meta = decodeMeta(streamConfigShape, bytes);
  const config = repair(account, meta.config);
  if (config === null) return;
  if (meta.offlineReason !== "") {
    log.warn(`  Detected unsupported stream '${account.name} > ${name}': ${meta.offlineReason}`);
    recoverConsumers(keepOffline(account, config, meta), directory);
    return;
  }
  log.notice(`  Starting restore for stream '${account.name} > ${config.name}'`);
  const recoveredNs = meta.createdNs ?? clock.nowNs();
  const stream = createStream(account, config, { pedantic: false, recoveredNs });
  const tookMs = Math.round(clock.monotonicMs() - startedMs);
  log.notice(
    `  Restored ${comma(stream.fastState().msgs)} messages for stream '${stream.label}' in ` +
      formatDurationMs(tookMs),
  );
  recoverConsumers(stream, directory);
}

/** Content of a `meta.inf`; null, with a line in the log, when it cannot be read. */
function readMeta(
  account: JsAccount,
  directory: string,
  names: { hashName: string; keyName: string },
): Uint8Array | null {
  const { options, storeEnv } = account.js;
  try {
    return readMetaFile(storeEnv, {
      directory,
      ...names,
      cipher: storeCipher(options.jetStreamCipher),
      keyGen: keyGenerator(options.jetStreamKey, account.name),
      oldKeyGen: keyGenerator(options.jetStreamOldKey, account.name),
    });
  } catch (error) {
    storeEnv.log.warn(
      `  Error reading metafile in "${directory}": ${(error as Error).message}; ` +
        "its files are left as they are",
    );
    return null;
  }
}

function decodeMeta<T extends { metadata: Map<string, string> }>(
  type: Shape<T>,
  bytes: Uint8Array,
): Meta<T> {
  const document = parseJsonBytes(bytes);
  const rest: { [key: string]: JsonValue } = Object.create(null);
  let createdNs: bigint | null = null;
  let name = "";
  if (document !== null && typeof document === "object" && !Array.isArray(document)) {
    for (const [key, value] of Object.entries(document)) {
      if (key === "Created") createdNs = typeof value === "string" ? parseTime(value) : null;
      else if (key === "Name") name = typeof value === "string" ? value : "";
      else rest[key] = value;
    }
  }
  let strictError = "";
  let config: T;
  try {
    config = decodeValue(type, rest, { strict: true });
  } catch (error) {
    strictError = (error as Error).message;
    config = decodeValue(type, rest);
  }
  let offlineReason = "";
  if (!supportsRequiredApiLevel(config.metadata)) {
    offlineReason = strictError === ""
      ? `unsupported - required API level: ${requiredApiLevel(config.metadata)}, ` +
        `current API level: ${API_LEVEL}`
      : `unsupported - config error: ${strictError.replace(/^json: /, "")}`;
  } else if (strictError !== "") offlineReason = `decoding error: ${strictError}`;
  return { config, createdNs, name, offlineReason };
}

/** The content of a stream's `meta.inf`. */
export function decodeStreamMeta(bytes: Uint8Array): {
  config: StreamConfig;
  createdNs: bigint | null;
} {
  return decodeMeta(streamConfigShape, bytes);
}

/** Mends what earlier servers wrote wrongly; null when that cannot be done. */
function repair(account: JsAccount, config: StreamConfig): StreamConfig | null {
  const { log } = account.js.storeEnv;
  const repaired = { ...config, subjects: [...config.subjects] };
  if (repaired.mirror !== null) {
    if (repaired.duplicates !== 0n) repaired.duplicates = 0n;
    if (repaired.subjects.length > 0) {
      log.warn(`  Detected subjects on a mirrored stream "${config.name}", will remove`);
      repaired.subjects = [];
    }
  }
  for (const [index, subject] of repaired.subjects.entries()) {
    if (isValidSubject(subject)) continue;
    const trimmed = subject.trim();
    log.warn(
      `  Detected bad subject "${subject}" while adding stream "${config.name}", will attempt ` +
        "to repair",
    );
    if (!isValidSubject(trimmed)) {
      log.warn(`  Error recreating stream "${config.name}": invalid subject`);
      return null;
    }
    log.warn(`  Bad subject "${subject}" repaired to "${trimmed}"`);
    repaired.subjects[index] = trimmed;
  }
  return repaired;
}

/** A stream that this server does not understand is shown, and its files stay as they are. */
function keepOffline(account: JsAccount, config: StreamConfig, meta: Meta<StreamConfig>): Stream {
  const { js } = account;
  const store = new MemoryStore(js.storeEnv, { ...storeConfigOf(config), storage: "memory" });
  const createdNs = meta.createdNs ?? js.core.env.clock.nowNs();
  const stream = new Stream(js, account, config, "", createdNs, store);
  stream.offlineReason = meta.offlineReason;
  stream.closed = true;
  account.addStream(stream);
  return stream;
}

/** Opens the consumers of a stream whose files are in `directory`. */
export function recoverConsumers(stream: Stream, directory: string): void {
  const { account } = stream;
  const { log } = account.js.storeEnv;
  const names = account.js.entries(`${directory}/obs`);
  if (names.length === 0) return;
  log.notice(`  Recovering ${names.length} consumers for stream - '${stream.label}'`);
  let complete = true;
  for (const name of names) {
    try {
      if (!recoverConsumer(stream, `${directory}/obs/${name}`, name)) complete = false;
    } catch (error) {
      complete = false;
      log.warn(
        `    Error adding consumer '${stream.label} > ${name}': ${(error as Error).message}`,
      );
    }
  }
  // Acknowledged before the server ended, but not removed any more. Nothing goes that a consumer
  // may need which could not be opened.
  if (complete && !stream.closed) checkStreamInterest(stream);
}

/** False when the consumer cannot be used. */
function recoverConsumer(stream: Stream, directory: string, name: string): boolean {
  const { account } = stream;
  const { log, clock } = account.js.storeEnv;
  const bytes = readMeta(account, directory, {
    hashName: `${stream.name}/${name}`,
    keyName: `${stream.name}.${name}`,
  });
  if (bytes === null) return false;
  const meta = decodeMeta<ConsumerConfig>(consumerConfigShape, bytes);
  if (meta.offlineReason !== "") {
    log.warn(
      `  Detected unsupported consumer '${stream.label} > ${meta.name}': ${meta.offlineReason}`,
    );
    keepConsumerOffline(stream, meta);
    return false;
  }
  addConsumer(stream, meta.config, {
    name,
    action: "",
    pedantic: false,
    recovering: { createdNs: meta.createdNs ?? clock.nowNs() },
  });
  return true;
}

/**
 * The stream of a consumer that this server does not understand stops, so that nothing goes that
 * the consumer may need. Both are shown.
 */
function keepConsumerOffline(stream: Stream, meta: Meta<ConsumerConfig>): void {
  const { log, clock } = stream.js.storeEnv;
  if (!stream.closed) {
    log.warn(`  Stopping unsupported stream '${stream.label}'`);
    stream.offlineReason = `stopped - unsupported consumer ${goQuote(meta.name)}`;
    stopStream(stream, { deleteState: false, advisory: false }).catch((error: unknown) =>
      log.error(`  Error stopping stream '${stream.label}': ${(error as Error).message}`)
    );
  }
  const createdNs = meta.createdNs ?? clock.nowNs();
  const consumer = new Consumer(stream, meta.name, createdNs, meta.config, null);
  consumer.offlineReason = meta.offlineReason;
  consumer.closed = true;
  stream.consumers.set(meta.name, consumer);
}
