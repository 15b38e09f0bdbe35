/**
 * Reads the `jetstream` block of the server.
 *
 * Reference: parseJetStream and its parts in server/opts.go.
 *
 * @module
 */
import { IntegerError, parseStorageSize } from "../base/text/size.ts";
import { DurationError, parseDurationMs } from "../base/text/duration.ts";
import { Defaults } from "./baseline.ts";
import { ConfigError } from "./errors.ts";
import {
  asInt,
  type Field,
  fieldTable,
  type Processing,
  readFields,
  showValue,
  typeName,
} from "./fields.ts";
import { emptyJetStreamLimits, emptyJetStreamTpm } from "./jetstream_options.ts";
import type { Options } from "./options.ts";
import type { ConfigToken } from "./parser.ts";
import { quoteText } from "./url.ts";

/**
 * Reads the `jetstream` field: a switch or a block.
 *
 * @throws {ConfigError}
 */
export function readJetStream(process: Processing, token: ConfigToken): void {
  const { options } = process;
  const value = token.value;
  if (typeof value === "boolean") options.jetStream = value;
  else if (typeof value === "string") options.jetStream = enabledOrDisabled(token, value);
  else if (value instanceof Map) {
    const block: JetStreamBlock = { options, enable: true };
    // Values of a wrong type are reported at the whole block, as the reference does.
    readFields(process, { last: token }, value, block, jetStreamFields, { onError: "stop" });
    options.jetStream = block.enable;
  } else {
    throw new ConfigError(
      token,
      `Expected map, bool or string to define JetStream, got ${typeName(value)}`,
    );
  }
}

/** Reads `enabled` or `disabled`. */
export function enabledOrDisabled(token: ConfigToken | null, text: string): boolean {
  switch (text.toLowerCase()) {
    case "enabled":
    case "enable":
      return true;
    case "disabled":
    case "disable":
      return false;
  }
  throw new ConfigError(
    token,
    `Expected 'enabled' or 'disabled' for string value, got '${text}'`,
  );
}

/** The block while it is read. */
interface JetStreamBlock {
  options: Options;
  enable: boolean;
}

/** A size: an integer, or a string with a unit. `name` starts the error texts. */
function storageSize(field: Field, name: string): number {
  if (typeof field.value === "bigint") return field.int();
  if (typeof field.value !== "string") throw field.error(`${name} must be int64 or string`);
  try {
    return asInt(parseStorageSize(field.value), field.token);
  } catch (error) {
    if (error instanceof IntegerError || error instanceof RangeError) {
      throw field.error(`${name} ${error.message}`);
    }
    throw error;
  }
}

function parseableSize(field: Field): number {
  if (typeof field.value === "bigint") return field.int();
  throw field.error(
    `Expected a parseable size for ${quoteText(field.key)}, got ${showValue(field.value)}`,
  );
}

function absoluteSize(field: Field, extra: string): ConfigError {
  return field.error(
    `Expected an absolute size for ${quoteText(field.key)}${extra}, got ${showValue(field.value)}`,
  );
}

function setCipher(options: Options, field: Field): void {
  switch (field.string().toLowerCase()) {
    case "chacha":
    case "chachapoly":
      options.jetStreamCipher = "chacha";
      return;
    case "aes":
      options.jetStreamCipher = "aes";
      return;
  }
  throw field.error(`Unknown cipher type: ${quoteText(field.string())}`);
}

const jetStreamFields = fieldTable<JetStreamBlock>({
  "strict": ({ options }, field) => {
    if (typeof field.value !== "boolean") {
      throw field.error(
        `Expected 'true' or 'false' for bool value, got '${showValue(field.value)}'`,
      );
    }
    options.noJetStreamStrict = !field.value;
  },
  "store|store_dir|storedir": ({ options }, field) => {
    if (options.storeDir !== "") throw field.error("Duplicate 'store_dir' configuration");
    options.storeDir = field.string();
  },
  "sync|sync_interval": ({ options }, field) => {
    if (typeof field.value === "string" && field.value.toLowerCase() === "always") {
      options.syncIntervalMs = Defaults.syncIntervalMs;
      options.syncAlways = true;
    } else options.syncIntervalMs = field.duration(field.key);
    options.syncSet = true;
  },
  "max_memory_store|max_mem_store|max_mem": ({ options }, field) => {
    options.jetStreamMaxMemory = storageSize(field, "max_mem_store");
    options.maxMemSet = true;
  },
  "max_file_store|max_file": ({ options }, field) => {
    options.jetStreamMaxStore = storageSize(field, "max_file_store");
    options.maxStoreSet = true;
  },
  "domain": ({ options }, field) => void (options.jetStreamDomain = field.string()),
  "enable|enabled": (block, field) => void (block.enable = field.bool()),
  "key|ek|encryption_key": ({ options }, field) => {
    options.jetStreamKey = field.string();
  },
  "prev_key|prev_ek|prev_encryption_key": ({ options }, field) => {
    options.jetStreamOldKey = field.string();
  },
  "cipher": ({ options }, field) => setCipher(options, field),
  "extension_hint": ({ options }, field) => void (options.jetStreamExtHint = field.string()),
  "limits": ({ options }, field) => {
    options.jetStreamLimits = emptyJetStreamLimits();
    readInner(options, field, "JetStreamLimits", limitFields);
  },
  "tpm": ({ options }, field) => {
    options.jetStreamTpm = emptyJetStreamTpm();
    readInner(options, field, "JetStreamLimits", tpmFields);
  },
  "unique_tag": ({ options }, field) => {
    options.jetStreamUniqueTag = field.string().trim().toLowerCase();
  },
  "max_outstanding_catchup": ({ options }, field) => {
    options.jetStreamMaxCatchup = storageSize(field, field.key.toLowerCase());
  },
  "max_buffered_size": ({ options }, field) => {
    options.streamMaxBufferedSize = storageSize(field, field.key.toLowerCase());
  },
  "max_buffered_msgs": ({ options }, field) => {
    options.streamMaxBufferedMsgs = parseableSize(field);
  },
  "request_queue_limit": ({ options }, field) => {
    options.jetStreamRequestQueueLimit = parseableSize(field);
  },
  "info_queue_limit": ({ options }, field) => {
    options.jetStreamInfoQueueLimit = parseableSize(field);
  },
  "meta_compact": ({ options }, field) => {
    if (typeof field.value !== "bigint" || field.value < 0n) throw absoluteSize(field, "");
    options.jetStreamMetaCompact = field.int();
  },
  "meta_compact_size": ({ options }, field) => {
    const size = storageSize(field, field.key.toLowerCase());
    if (size < 0) throw absoluteSize(field, "");
    options.jetStreamMetaCompactSize = size;
  },
  "meta_compact_sync": ({ options }, field) => {
    options.jetStreamMetaCompactSync = field.bool();
  },
  "max_concurrent_io": ({ options }, field) => {
    if (typeof field.value !== "bigint" || field.value < 4n || field.value > 8192n) {
      throw absoluteSize(field, " between 4 and 8192");
    }
    options.jetStreamConcurrentIOs = field.int();
  },
});

function readInner(
  options: Options,
  field: Field,
  what: string,
  table: ReturnType<typeof fieldTable<Options>>,
): void {
  if (!(field.value instanceof Map)) {
    throw field.error(`Expected a map to define ${what}, got ${typeName(field.value)}`);
  }
  const { process, value } = field;
  readFields(process, { last: field.token }, value, options, table, { onError: "stop" });
}

/** A duration of the limits: the reference reports a wrong one without its place. */
function limitDuration(field: Field): number {
  try {
    return parseDurationMs(field.string());
  } catch (error) {
    if (!(error instanceof DurationError)) throw error;
    field.process.errors.push(error);
    return 0;
  }
}

const limitFields = fieldTable<Options>({
  "max_ack_pending": ({ jetStreamLimits }, field) => {
    jetStreamLimits.maxAckPending = field.int();
  },
  "max_ha_assets": ({ jetStreamLimits }, field) => {
    jetStreamLimits.maxHAAssets = field.int();
  },
  "max_request_batch": ({ jetStreamLimits }, field) => {
    jetStreamLimits.maxRequestBatch = field.int();
  },
  "duplicate_window": ({ jetStreamLimits }, field) => {
    jetStreamLimits.duplicatesMs = limitDuration(field);
  },
  "batch": (options, field) => readInner(options, field, "batch limits", batchFields),
});

const batchFields = fieldTable<Options>({
  "max_inflight_per_stream": ({ jetStreamLimits }, field) => {
    jetStreamLimits.maxBatchInflightPerStream = field.int();
  },
  "max_inflight_total": ({ jetStreamLimits }, field) => {
    jetStreamLimits.maxBatchInflightTotal = field.int();
  },
  "max_msgs": ({ jetStreamLimits }, field) => {
    jetStreamLimits.maxBatchSize = field.int();
  },
  "timeout": ({ jetStreamLimits }, field) => {
    jetStreamLimits.maxBatchTimeoutMs = limitDuration(field);
  },
});

const tpmFields = fieldTable<Options>({
  "keys_file": ({ jetStreamTpm }, field) => void (jetStreamTpm.keysFile = field.string()),
  "encryption_password": ({ jetStreamTpm }, field) => {
    jetStreamTpm.keyPassword = field.string();
  },
  "srk_password": ({ jetStreamTpm }, field) => {
    jetStreamTpm.srkPassword = field.string();
  },
  "pcr": ({ jetStreamTpm }, field) => void (jetStreamTpm.pcr = field.int()),
  "cipher": (options, field) => setCipher(options, field),
});
