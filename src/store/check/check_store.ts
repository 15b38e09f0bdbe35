/**
 * Verifies the directory of a stream, nats-server's or ours, block by block without opening it as
 * a store, and repairs only by moving aside what is damaged.
 *
 * @module
 */
import type { StoreEnvironment } from "../stream_store.ts";
import { streamStoreConfig } from "../config.ts";
import { decompressBlock } from "../file/format/compression.ts";
import { decodeFullState } from "../file/format/full_state.ts";
import {
  blockHashKey,
  recordLength,
  RecordMark,
  recordMark,
  recordSeq,
  sha256,
} from "../file/format/record.ts";
import { findDamage } from "../file/block/survey.ts";
import { FileStore } from "../file/file_store.ts";
import { readMetaFile } from "../file/meta_file.ts";
import { StreamFile } from "../file/stream/full_state_io.ts";
import type { StoreKeys } from "../file/stream/keys.ts";

/** What was found in one block. */
export interface BlockReport {
  readonly index: number;
  readonly fileBytes: number;
  readonly records: number;
  readonly tombstones: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly damagedBytes: number;
  /** Why the block could not be read at all, or null. */
  readonly error: string | null;
}

/** What was found in a stream's directory. */
export interface StreamReport {
  readonly stream: string;
  readonly blocks: readonly BlockReport[];
  /** "ok", "missing", or what is wrong with `index.db`. */
  readonly index: string;
  /** "ok", "missing", or what is wrong with `meta.inf`. */
  readonly meta: string;
  readonly isEncrypted: boolean;
  readonly isSound: boolean;
}

/** What is said of what cannot be verified. */
const WITHOUT_KEY = "encrypted: not verified without its key, give it with --key";

/**
 * Reads everything in the stream directory `dir` of stream `name`; changes nothing. Without `keys`
 * what is encrypted is not verified, and the report says so.
 */
export function checkStream(
  env: StoreEnvironment,
  dir: string,
  name: string,
  keys: StoreKeys | null = null,
): StreamReport {
  const { disk } = env;
  const isEncrypted = disk.stat(`${dir}/meta.key`) !== null;
  const blocks: BlockReport[] = [];
  for (const entry of disk.list(`${dir}/msgs`)) {
    const match = /^(\d+)\.blk$/.exec(entry.name);
    if (match !== null) {
      blocks.push(checkBlock(env, `${dir}/msgs/${entry.name}`, name, Number(match[1]), keys));
    }
  }
  blocks.sort((a, b) => a.index - b.index);
  const index = isEncrypted && keys === null
    ? "encrypted"
    : checkIndex(env, dir, name, isEncrypted ? keys : null);
  const meta = checkMeta(env, dir, name);
  const isSound = blocks.every((block) => block.error === null && block.damagedBytes === 0) &&
    (index === "ok" || index === "missing" || index === "encrypted") && meta === "ok";
  return { stream: name, blocks, index, meta, isEncrypted, isSound };
}

/** Whether the configuration is what its checksum says, also in the middle of an update. */
function checkMeta({ disk, hasher }: StoreEnvironment, dir: string, name: string): string {
  const [path, sumPath] = [`${dir}/${StreamFile.Meta}`, `${dir}/${StreamFile.MetaSum}`];
  if (disk.stat(path) === null || disk.stat(sumPath) === null) return "missing";
  const sum = new TextDecoder().decode(disk.readFile(sumPath));
  const fits = [path, `${path}.tmp`].filter((file) => disk.stat(file) !== null).some((file) => {
    hasher.setKey(sha256(name));
    return hasher.hash(disk.readFile(file)).toHex() === sum;
  });
  return fits ? "ok" : "checksum mismatch";
}

function checkBlock(
  env: StoreEnvironment,
  path: string,
  name: string,
  index: number,
  keys: StoreKeys | null,
): BlockReport {
  const report = {
    index,
    fileBytes: 0,
    records: 0,
    tombstones: 0,
    firstSeq: 0,
    lastSeq: 0,
    damagedBytes: 0,
    error: null as string | null,
  };
  try {
    const file = env.disk.readFile(path);
    report.fileBytes = file.length;
    let plain: Uint8Array = file;
    const keyPath = path.replace(/\.blk$/, ".key");
    if (env.disk.stat(keyPath) !== null) {
      if (keys === null) {
        report.error = WITHOUT_KEY;
        return report;
      }
      plain = keys.blockCipher(name, index, env.disk.readFile(keyPath)).cipher.apply(file, 0);
    }
    const bytes = decompressBlock(plain);
    const damage = findDamage(env.hasher, blockHashKey(name, index), bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    for (const range of [...damage, { start: bytes.length, end: bytes.length }]) {
      for (; at < range.start; at += recordLength(view, at)) {
        if (recordMark(view, at) === RecordMark.Tombstone) {
          report.tombstones++;
          continue;
        }
        report.records++;
        report.lastSeq = recordSeq(view, at);
        report.firstSeq ||= report.lastSeq;
      }
      report.damagedBytes += range.end - range.start;
      at = range.end;
    }
  } catch (error) {
    report.error = error instanceof Error ? error.message : String(error);
  }
  return report;
}

function checkIndex(
  env: StoreEnvironment,
  dir: string,
  name: string,
  keys: StoreKeys | null,
): string {
  const path = `${dir}/msgs/${StreamFile.Index}`;
  if (env.disk.stat(path) === null) return "missing";
  try {
    const content = env.disk.readFile(path);
    let body = content.subarray(0, content.length - 8);
    env.hasher.setKey(sha256(name));
    const sum = env.hasher.hash(body);
    if (sum.some((byte, i) => byte !== content[body.length + i])) return "checksum mismatch";
    if (keys !== null) {
      const { seed } = keys.openAny(name, env.disk.readFile(`${dir}/${StreamFile.MetaKey}`));
      body = keys.unseal(seed, body, () => false).plain;
    }
    decodeFullState(body, () => {});
    return "ok";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Repairs a stream by opening and closing it: damage goes to its `lost` directory, and the rest is
 * written back. An encrypted stream needs its `keys`, and stays under its key and cipher. Returns
 * what was lost. Throws StoreError, before anything is changed: `corrupt_state` when `meta.inf` is
 * missing or damaged, `no_main_key`, `key_invalid`.
 */
export async function repairStream(
  env: StoreEnvironment,
  dir: string,
  name: string,
  keys: StoreKeys | null = null,
): Promise<{ msgs: number; bytes: number }> {
  const isEncrypted = env.disk.stat(`${dir}/${StreamFile.MetaKey}`) !== null;
  const keyGen = isEncrypted ? keys?.keyGen ?? null : null;
  const cipher = keyGen === null
    ? "ChaCha20-Poly1305"
    : keys!.openAny(name, env.disk.readFile(`${dir}/${StreamFile.MetaKey}`)).cipher;
  const names = { directory: dir, hashName: name, keyName: name };
  const meta = readMetaFile(env, { ...names, cipher, keyGen, oldKeyGen: null });
  const options = {
    storeDir: dir,
    cipher,
    ...(keyGen === null ? {} : { keyGen }),
    // The stream's configuration stays as it is, whatever the one is that opens it here.
    encodeMeta: () => meta,
    verifyBlocks: true,
  };
  const store = new FileStore(env, options, streamStoreConfig({ name }));
  const { lost } = store.state();
  await store.stop();
  return { msgs: lost?.msgs.length ?? 0, bytes: lost?.bytes ?? 0 };
}

/** The report as lines of a table. */
export function formatReport(report: StreamReport): string {
  const rows = report.blocks.map((block) =>
    [
      block.index,
      block.fileBytes,
      block.records,
      block.tombstones,
      `${block.firstSeq}-${block.lastSeq}`,
      block.error ?? (block.damagedBytes > 0 ? `${block.damagedBytes} bytes damaged` : "ok"),
    ].map(String)
  );
  const table = [["block", "bytes", "records", "tombstones", "sequences", "state"], ...rows];
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  const lines = table.map((row) =>
    row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd()
  );
  const meta = report.meta === "ok" ? "" : `, meta.inf ${report.meta}`;
  return [`stream ${report.stream}: index.db ${report.index}${meta}`, ...lines].join("\n");
}
