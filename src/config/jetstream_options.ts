/**
 * JetStream's options. The names are flat, as in the reference; {@linkcode JetStreamOptions} is a
 * part of `Options`.
 *
 * Reference: the JetStream fields of Options, JSLimitOpts and JSTpmOpts in server/opts.go.
 *
 * @module
 */

/** Encryption of stored messages; empty is the default when a key is set. */
export type StoreCipher = "" | "chacha" | "aes";

/** Limits on what clients may ask of JetStream; 0 is the default. */
export interface JetStreamLimits {
  /** Largest batch of a pull request. */
  maxRequestBatch: number;
  /** Most unacknowledged messages of a consumer. */
  maxAckPending: number;
  /** Most streams and consumers with more than one replica. */
  maxHAAssets: number;
  /** Longest duplicate window of a stream. */
  duplicatesMs: number;
  maxBatchInflightPerStream: number;
  maxBatchInflightTotal: number;
  maxBatchSize: number;
  maxBatchTimeoutMs: number;
}

/** Encryption keys sealed by a TPM. */
export interface JetStreamTpmOptions {
  keysFile: string;
  keyPassword: string;
  srkPassword: string;
  pcr: number;
}

/** JetStream's part of the server's options. Sizes are bytes. */
export interface JetStreamOptions {
  jetStream: boolean;
  /** Accept unknown fields in API requests instead of refusing them. */
  noJetStreamStrict: boolean;
  /** Memory for memory streams; -1 decides by the machine's memory. */
  jetStreamMaxMemory: number;
  /** Disk for file streams; -1 decides by the free space. */
  jetStreamMaxStore: number;
  jetStreamDomain: string;
  /** `no_extend`, `will_extend` or empty. */
  jetStreamExtHint: string;
  /** Encryption key; empty is no encryption. */
  jetStreamKey: string;
  /** Key that existing data may still be encrypted with. */
  jetStreamOldKey: string;
  jetStreamCipher: StoreCipher;
  /** Tag prefix whose value must differ between the replicas of a stream. */
  jetStreamUniqueTag: string;
  jetStreamLimits: JetStreamLimits;
  jetStreamTpm: JetStreamTpmOptions;
  /** Bytes a leader may have in flight to replicas that catch up; 0 is the default. */
  jetStreamMaxCatchup: number;
  jetStreamRequestQueueLimit: number;
  jetStreamInfoQueueLimit: number;
  /** Entries of the meta log after which it is compacted; 0 is the default. */
  jetStreamMetaCompact: number;
  jetStreamMetaCompactSize: number;
  jetStreamMetaCompactSync: boolean;
  jetStreamConcurrentIOs: number;
  streamMaxBufferedMsgs: number;
  streamMaxBufferedSize: number;
  storeDir: string;
  syncIntervalMs: number;
  /** Acknowledge only what is on disk. */
  syncAlways: boolean;
  /** Domain to use per account when a request names none. */
  jsAccDefaultDomain: Map<string, string>;
}

/** JetStream options with nothing set. */
export function emptyJetStreamOptions(): JetStreamOptions {
  return {
    jetStream: false,
    noJetStreamStrict: false,
    jetStreamMaxMemory: 0,
    jetStreamMaxStore: 0,
    jetStreamDomain: "",
    jetStreamExtHint: "",
    jetStreamKey: "",
    jetStreamOldKey: "",
    jetStreamCipher: "",
    jetStreamUniqueTag: "",
    jetStreamLimits: emptyJetStreamLimits(),
    jetStreamTpm: emptyJetStreamTpm(),
    jetStreamMaxCatchup: 0,
    jetStreamRequestQueueLimit: 0,
    jetStreamInfoQueueLimit: 0,
    jetStreamMetaCompact: 0,
    jetStreamMetaCompactSize: 0,
    jetStreamMetaCompactSync: false,
    jetStreamConcurrentIOs: 0,
    streamMaxBufferedMsgs: 0,
    streamMaxBufferedSize: 0,
    storeDir: "",
    syncIntervalMs: 0,
    syncAlways: false,
    jsAccDefaultDomain: new Map(),
  };
}

/** JetStream limits with nothing set. */
export function emptyJetStreamLimits(): JetStreamLimits {
  return {
    maxRequestBatch: 0,
    maxAckPending: 0,
    maxHAAssets: 0,
    duplicatesMs: 0,
    maxBatchInflightPerStream: 0,
    maxBatchInflightTotal: 0,
    maxBatchSize: 0,
    maxBatchTimeoutMs: 0,
  };
}

/** TPM options with nothing set. */
export function emptyJetStreamTpm(): JetStreamTpmOptions {
  return { keysFile: "", keyPassword: "", srkPassword: "", pcr: 0 };
}
