/**
 * How a file store is set up (reference: filestore.go FileStoreConfig, dynBlkSize).
 *
 * @module
 */
import type { StoreCipherName } from "../../../base/crypto/mod.ts";
import type { ConsumerStoreConfig, StreamStoreConfig } from "../../config.ts";
import { encodeConsumerMeta, encodeStreamMeta } from "../../config.ts";
import { StoreError } from "../../errors.ts";
import type { ScheduleRules } from "../../scheduling.ts";
import type { KeyGenerator } from "./keys.ts";

const LARGE_BLOCK_BYTES = 8 * 1024 * 1024;
const MEDIUM_BLOCK_BYTES = 4 * 1024 * 1024;
const ENCRYPTED_BLOCK_BYTES_MAX = 2 * 1024 * 1024;
/** Smallest block size that limits of bytes lead to. */
export const BLOCK_BYTES_MIN = 32_000;
/** Largest block size. */
export const BLOCK_BYTES_MAX = LARGE_BLOCK_BYTES;

/** Settings of one stream's file store; `storeDir` is the stream's directory. */
export interface FileStoreOptions {
  readonly storeDir: string;
  /** 0: chosen by kind of stream. */
  readonly blockBytes?: number;
  /** A block's cache and subjects go after this long without use. */
  readonly cacheExpireMs?: number;
  /** How often written data is synced in the background. */
  readonly syncIntervalMs?: number;
  /** `sync()` waits for the device; without it data is synced on the interval. */
  readonly syncAlways?: boolean;
  /** Write at the end of the turn or on `flushAllPending`, not at each call. */
  readonly asyncFlush?: boolean;
  readonly cipher?: StoreCipherName;
  /** Present: the store is encrypted. */
  readonly keyGen?: KeyGenerator;
  /** Opens what was sealed before a rotation of the server's key. */
  readonly oldKeyGen?: KeyGenerator;
  /** Content of the stream's `meta.inf`. */
  readonly encodeMeta?: (config: StreamStoreConfig, createdNs: bigint) => Uint8Array;
  /** Content of a consumer's `meta.inf`. */
  readonly encodeConsumer?: (
    name: string,
    config: ConsumerStoreConfig,
    createdNs: bigint,
  ) => Uint8Array;
  readonly scheduleRules?: ScheduleRules;
  /** Read all blocks when opening, also where `index.db` fits. */
  readonly verifyBlocks?: boolean;
}

/** The settings with nothing left open. */
export interface ResolvedOptions {
  readonly storeDir: string;
  readonly blockBytes: number;
  readonly cacheExpireMs: number;
  readonly syncIntervalMs: number;
  syncAlways: boolean;
  readonly asyncFlush: boolean;
  readonly cipher: StoreCipherName;
  readonly keyGen: KeyGenerator | null;
  readonly oldKeyGen: KeyGenerator | null;
  readonly encodeMeta: (config: StreamStoreConfig, createdNs: bigint) => Uint8Array;
  readonly encodeConsumer: (
    name: string,
    config: ConsumerStoreConfig,
    createdNs: bigint,
  ) => Uint8Array;
  readonly scheduleRules: ScheduleRules | null;
  readonly verifyBlocks: boolean;
}

/** Fills in the defaults. Throws `bad_config`. */
export function resolveOptions(
  options: FileStoreOptions,
  config: StreamStoreConfig,
): ResolvedOptions {
  const isEncrypted = options.keyGen !== undefined;
  const blockBytes = options.blockBytes ||
    blockBytesFor(config.retention, config.maxBytes, isEncrypted);
  if (blockBytes > BLOCK_BYTES_MAX) {
    throw new StoreError("bad_config", "filestore max block size is 8.00 MB");
  }
  return {
    storeDir: options.storeDir,
    blockBytes,
    cacheExpireMs: options.cacheExpireMs || 10_000,
    syncIntervalMs: options.syncIntervalMs || 120_000,
    syncAlways: options.syncAlways ?? false,
    asyncFlush: options.asyncFlush ?? false,
    cipher: options.cipher ?? "ChaCha20-Poly1305",
    keyGen: options.keyGen ?? null,
    oldKeyGen: options.oldKeyGen ?? null,
    encodeMeta: options.encodeMeta ?? encodeStreamMeta,
    encodeConsumer: options.encodeConsumer ?? encodeConsumerMeta,
    scheduleRules: options.scheduleRules ?? null,
    verifyBlocks: options.verifyBlocks ?? false,
  };
}

/** The block size for a kind of stream. */
export function blockBytesFor(
  retention: StreamStoreConfig["retention"],
  maxBytes: number,
  isEncrypted: boolean,
): number {
  if (maxBytes > 0) {
    let size = Math.floor(maxBytes / 4) + 1;
    if (size % 100 !== 0) size += 100 - (size % 100);
    if (size <= BLOCK_BYTES_MIN) size = BLOCK_BYTES_MIN;
    else if (size >= BLOCK_BYTES_MAX) size = BLOCK_BYTES_MAX;
    else size = MEDIUM_BLOCK_BYTES;
    return isEncrypted ? Math.min(size, ENCRYPTED_BLOCK_BYTES_MAX) : size;
  }
  if (isEncrypted) return ENCRYPTED_BLOCK_BYTES_MAX;
  return retention === "limits" ? LARGE_BLOCK_BYTES : MEDIUM_BLOCK_BYTES;
}
