/**
 * Reading a `meta.inf` before its stream or consumer is opened: the configuration is needed first
 * (reference: EnableJetStream and decryptMeta in jetstream.go).
 *
 * @module
 */
import type { StoreCipherName } from "../../base/crypto/mod.ts";
import { byteStringOf } from "../../base/text/byte_string.ts";
import { type Disk, DiskError } from "../../platform/disk.ts";
import { StoreError } from "../errors.ts";
import type { StoreEnvironment } from "../stream_store.ts";
import { sha256 } from "./format/record.ts";
import { finishMetaPair, StreamFile } from "./stream/full_state_io.ts";
import { isJsonObject, type KeyGenerator, StoreKeys } from "./stream/keys.ts";

/** What belongs to a meta file. */
export interface MetaFileOptions {
  /** Directory of the stream or consumer. */
  readonly directory: string;
  /** Name that keys the checksum: `stream`, or `stream/consumer`. */
  readonly hashName: string;
  /** Name that the file's key is derived from: `stream`, or `stream.consumer`. */
  readonly keyName: string;
  readonly cipher: StoreCipherName;
  readonly keyGen: KeyGenerator | null;
  readonly oldKeyGen: KeyGenerator | null;
}

/**
 * The content of a `meta.inf`, checked and decrypted. Throws StoreError: `corrupt_state` for a
 * missing or damaged file, `no_main_key`, `key_invalid`.
 */
export function readMetaFile(env: StoreEnvironment, options: MetaFileOptions): Uint8Array {
  const { disk, hasher } = env;
  const { directory } = options;
  const path = `${directory}/${StreamFile.Meta}`;
  const sumPath = `${directory}/${StreamFile.MetaSum}`;
  const hashKey = sha256(options.hashName);
  let names = namesIn(disk, directory);
  if (names.has(`${StreamFile.Meta}.tmp`) && finishMetaPair(env, directory, hashKey)) {
    names = namesIn(disk, directory);
  }
  if (!names.has(StreamFile.Meta)) {
    throw new StoreError("corrupt_state", `missing metafile "${path}"`);
  }
  if (!names.has(StreamFile.MetaSum)) {
    throw new StoreError("corrupt_state", `missing checksum file "${sumPath}"`);
  }
  const bytes = disk.readFile(path);
  const sum = disk.readFile(sumPath);
  hasher.setKey(hashKey);
  const wanted = hasher.hash(bytes).toHex();
  const found = byteStringOf(sum, 0, sum.length);
  if (wanted !== found) {
    throw new StoreError(
      "corrupt_state",
      `metafile "${path}": checksums do not match "${found}" vs "${wanted}"`,
    );
  }
  const keyPath = `${directory}/${StreamFile.MetaKey}`;
  if (!names.has(StreamFile.MetaKey)) return bytes;
  if (options.keyGen === null) throw new StoreError("no_main_key");
  const keys = new StoreKeys(env, options.cipher, options.keyGen, options.oldKeyGen);
  const { seed } = keys.openAny(options.keyName, disk.readFile(keyPath));
  return keys.unseal(seed, bytes, isJsonObject).plain;
}

function namesIn(disk: Disk, directory: string): ReadonlySet<string> {
  try {
    return new Set(disk.list(directory).map(({ name }) => name));
  } catch (error) {
    // Not there, or not a directory: nothing of what is looked for is inside.
    if (error instanceof DiskError && (error.code === "ENOENT" || error.code === "ENOTDIR")) {
      return new Set();
    }
    throw error;
  }
}
