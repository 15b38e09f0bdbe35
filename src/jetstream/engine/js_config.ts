/**
 * What JetStream may use of the machine, from the options or from what the machine has.
 *
 * Reference: dynJetStreamConfig, EnableJetStream in server/jetstream.go.
 *
 * @module
 */
import type { Options } from "../../config/mod.ts";

const MEMORY_DEFAULT_BYTES = 256 * 1024 * 1024;
const DIRECTORY = "jetstream";

/** JetStream's configuration. Sizes in bytes. */
export interface JetStreamConfig {
  readonly maxMemory: number;
  readonly maxStore: number;
  /** Where accounts have their directories. */
  readonly storeDir: string;
  readonly syncIntervalMs: number;
  readonly syncAlways: boolean;
  readonly domain: string;
  readonly uniqueTag: string;
  /** Whether the sizes were configured; the reference shows it as `compress_ok`. */
  readonly sizesConfigured: boolean;
  /** Unknown fields in requests are refused. */
  readonly strict: boolean;
}

/** What the machine has. */
export interface MachineResources {
  /** Memory in bytes; 0 when it is not known. */
  memoryBytes(): number;
  /** Free bytes of the disk on which `path` is or will be; 0 when that is not known. */
  diskFreeBytes(path: string): number;
  /** Directory for temporary files. */
  readonly temporaryDirectory: string;
}

/** The configuration that `options` ask for; `warn` is told what an operator should know. */
export function jetStreamConfig(
  options: Options,
  machine: MachineResources,
  warn: (text: string) => void,
): JetStreamConfig {
  const { jetStreamMaxMemory, jetStreamMaxStore } = options;
  const isDynamic = jetStreamMaxMemory <= 0 || jetStreamMaxStore <= 0;
  let storeDir = `${options.storeDir}/${DIRECTORY}`;
  if (options.storeDir === "") {
    storeDir = isDynamic
      ? `${machine.temporaryDirectory}/nats/${DIRECTORY}`
      : `${machine.temporaryDirectory}/${DIRECTORY}`;
    warn("Temporary storage directory used, data could be lost on system reboot");
  }
  const memory = machine.memoryBytes();
  return {
    maxMemory: jetStreamMaxMemory >= 0 && (jetStreamMaxMemory > 0 || options.maxMemSet)
      ? jetStreamMaxMemory
      : memory > 0
      ? Math.floor(memory / 4) * 3
      : MEMORY_DEFAULT_BYTES,
    maxStore: jetStreamMaxStore >= 0 && (jetStreamMaxStore > 0 || options.maxStoreSet)
      ? jetStreamMaxStore
      : Math.floor(machine.diskFreeBytes(storeDir) / 4) * 3,
    storeDir,
    syncIntervalMs: options.syncIntervalMs,
    syncAlways: options.syncAlways,
    domain: options.jetStreamDomain,
    uniqueTag: options.jetStreamUniqueTag,
    sizesConfigured: !isDynamic,
    strict: !options.noJetStreamStrict,
  };
}

/** A size as the log shows it: `1.50 GB`. */
export function friendlyBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const exponent = Math.floor(Math.log(bytes) / Math.log(1024));
  const unit = ["K", "M", "G", "T", "P", "E"][exponent - 1]!;
  return `${(bytes / 1024 ** exponent).toFixed(2)} ${unit}B`;
}
