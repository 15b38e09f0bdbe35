/**
 * Writing and reading `index.db`, `thw.db`, `sched.db` and the stream's `meta.inf` (reference:
 * filestore.go _writeFullState, writeTTLState, writeStreamMeta).
 *
 * @module
 */
import { isNotFound } from "../../../platform/disk.ts";
import { StoreError } from "../../errors.ts";
import { writeFileAtomically } from "../atomic_file.ts";
import {
  decodeFullState,
  encodeFullState,
  type FullState,
  type SubjectSink,
} from "../format/full_state.ts";
import type { StoreEnvironment } from "../../stream_store.ts";
import type { FileStoreCore } from "./core.ts";
import { settleTrimmed } from "./removal.ts";

/** Above this many subjects or deletes `index.db` is written only when stopping. */
const OPTIONAL_WRITE_MAX = 1_000_000;

const HASH_BYTES = 8;
const FILE_BYTES_MIN = 32;

/** Names of a stream's files. */
export const StreamFile = {
  Meta: "meta.inf",
  MetaSum: "meta.sum",
  MetaKey: "meta.key",
  Index: "index.db",
  Ttl: "thw.db",
  Schedules: "sched.db",
} as const;

/** Directories beside the one with messages while a purge is under way. */
export const PurgeDirectory = { Fresh: "__new_msgs__", Old: "__msgs__" } as const;

/** The present state as `index.db` has it. */
export function currentFullState(core: FileStoreCore): FullState {
  const totals = core.totals;
  return {
    msgs: totals.msgs,
    bytes: totals.bytes,
    firstSeq: totals.firstSeq,
    firstTimeNs: totals.firstTime.toNs(),
    lastSeq: totals.lastSeq,
    lastTimeNs: totals.lastTime.toNs(),
    blocks: core.blocks.map((block) => ({
      index: block.index,
      bytes: block.bytes,
      firstSeq: block.firstSeq,
      firstTsNs: block.firstTime.toNs(),
      lastSeq: block.lastSeq,
      lastTsNs: block.lastTime.toNs(),
      deleted: block.deleted.size > 0 ? block.deleted : null,
      ttls: block.ttls,
      schedules: block.schedules,
    })),
    lastBlockIndex: core.lastBlock?.index ?? 0,
    lastChecksum: core.lastBlock?.lastChecksum() ?? new Uint8Array(HASH_BYTES),
  };
}

/** The content of `index.db`; sealed when the stream is encrypted and `plain` is not asked for. */
export function encodeIndex(core: FileStoreCore, plain = false): Uint8Array {
  let body = encodeFullState(currentFullState(core), {
    count: core.subjects.size(),
    totalBytes: core.subjectBytes,
    each: (put) =>
      core.subjects.iterFast((subject, info) => {
        put(subject, info.total, info.firstBlock, info.lastBlock);
        return true;
      }),
  });
  if (core.keys !== null && !plain) {
    ensureStreamKey(core);
    body = core.keys.seal(core.seed!, body);
  }
  core.env.hasher.setKey(core.hashKey);
  const out = new Uint8Array(body.length + HASH_BYTES);
  out.set(body);
  out.set(core.env.hasher.hash(body), body.length);
  return out;
}

/** Writes `index.db` also for large states; where it contradicts itself recovery does without. */
export function tryWriteFullState(core: FileStoreCore): void {
  try {
    writeFullState(core, true);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
}

/**
 * Writes `index.db` and its companions; without `force` large states are left for the stop. Throws
 * `corrupt_state` when blocks and totals contradict each other, after taking the blocks' word.
 */
export function writeFullState(core: FileStoreCore, force: boolean): void {
  if (core.closed || core.dirty === 0 || core.lastBlock === null) return;
  let msgs = 0;
  let bytes = 0;
  for (const block of core.blocks) {
    msgs += block.msgs;
    bytes += block.bytes;
  }
  if (msgs !== core.totals.msgs || bytes !== core.totals.bytes) {
    core.warn("Stream state encountered internal inconsistency on write");
    core.recount();
    throw new StoreError("corrupt_state");
  }
  const totals = core.totals;
  const numDeleted = totals.lastSeq - totals.firstSeq + 1 - totals.msgs;
  if (!force && Math.max(core.subjects.size(), numDeleted) > OPTIONAL_WRITE_MAX) return;
  settleTrimmed(core);
  core.flush();
  const sync = core.options.syncAlways;
  writeFileAtomically(core.env.disk, `${core.msgDir}/${StreamFile.Index}`, encodeIndex(core), sync);
  core.dirty = 0;
  const stamp = totals.lastSeq + 1;
  if (core.ttls !== null) {
    writeFileAtomically(
      core.env.disk,
      `${core.msgDir}/${StreamFile.Ttl}`,
      core.ttls.encode(stamp),
      sync,
    );
  }
  if (core.scheduling !== null) {
    writeFileAtomically(
      core.env.disk,
      `${core.msgDir}/${StreamFile.Schedules}`,
      core.scheduling.encode(stamp),
      sync,
    );
  }
}

/** Removes `index.db` before a change that it must not outlive. */
export function dropIndex(core: FileStoreCore): void {
  try {
    core.env.disk.remove(`${core.msgDir}/${StreamFile.Index}`);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  core.dirty++;
}

/**
 * Reads `index.db`; null when there is none. Throws `corrupt_state` when it cannot be trusted,
 * after moving it aside.
 */
export function readIndex(core: FileStoreCore, subject: SubjectSink): FullState | null {
  const path = `${core.msgDir}/${StreamFile.Index}`;
  let content: Uint8Array;
  try {
    content = core.env.disk.readFile(path);
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
  try {
    if (content.length < FILE_BYTES_MIN) {
      throw new StoreError("corrupt_state", `Stream state too short (${content.length} bytes)`);
    }
    let body = content.subarray(0, content.length - HASH_BYTES);
    core.env.hasher.setKey(core.hashKey);
    const sum = core.env.hasher.hash(body);
    for (let i = 0; i < HASH_BYTES; i++) {
      if (sum[i] !== content[body.length + i]) {
        throw new StoreError("corrupt_state", "Stream state checksum did not match");
      }
    }
    if (core.keys !== null && core.storedKey !== null) {
      // From before encryption or not: the decoder sees whether it is a state.
      body = core.keys.unseal(core.storedKey.seed, body, () => true).plain;
    }
    return decodeFullState(body, subject);
  } catch (error) {
    moveAside(core, path, StreamFile.Index);
    throw error;
  }
}

/** Keeps a file that cannot be used where it is out of the way. */
export function moveAside(core: FileStoreCore, path: string, name: string): void {
  core.env.disk.makeDirs(core.lostDir);
  const to = `${core.lostDir}/${name}.${Math.floor(core.env.clock.nowMs())}`;
  try {
    core.env.disk.rename(path, to);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Creates the stream's own key when it has none, or seals it anew. */
export function ensureStreamKey(core: FileStoreCore): void {
  if (core.keys === null || core.seed !== null) return;
  const { seed, sealed } = core.keys.create(core.streamName, core.storedKey?.seed);
  const { disk } = core.env;
  const isConversion = disk.stat(`${core.options.storeDir}/${StreamFile.Meta}`) !== null;
  writeFileAtomically(
    disk,
    `${core.options.storeDir}/${StreamFile.MetaKey}`,
    sealed,
    core.options.syncAlways || isConversion,
  );
  core.seed = seed;
}

/** Writes `meta.inf` and `meta.sum`. */
export function writeStreamMeta(core: FileStoreCore): void {
  ensureStreamKey(core);
  let meta = core.options.encodeMeta(core.config, core.createdNs);
  if (core.keys !== null) meta = core.keys.seal(core.seed!, meta);
  writeMetaPair(core, core.options.storeDir, meta, core.hashKey);
}

/**
 * Writes a `meta.inf` and its checksum in hexadecimal into `dir`. The new content waits beside the
 * old one until its checksum is there: after a crash {@linkcode finishMetaPair} puts it in place.
 */
export function writeMetaPair(
  core: FileStoreCore,
  dir: string,
  meta: Uint8Array,
  hashKey: Uint8Array,
): void {
  const sync = core.options.syncAlways;
  const { disk, hasher } = core.env;
  const path = `${dir}/${StreamFile.Meta}`;
  const file = disk.open(`${path}.tmp`, "replace");
  try {
    file.writeAt(meta, 0);
    if (sync) file.syncDataNow();
  } finally {
    file.close();
  }
  hasher.setKey(hashKey);
  const sum = new TextEncoder().encode(hasher.hash(meta).toHex());
  writeFileAtomically(disk, `${dir}/${StreamFile.MetaSum}`, sum, sync);
  disk.rename(`${path}.tmp`, path);
  if (sync) disk.syncDirNow(dir);
}

/** Puts a new `meta.inf` in place whose checksum is there already. True when there was one. */
export function finishMetaPair(
  env: Pick<StoreEnvironment, "disk" | "hasher">,
  dir: string,
  hashKey: Uint8Array,
): boolean {
  const { disk, hasher } = env;
  const path = `${dir}/${StreamFile.Meta}`;
  const sumPath = `${dir}/${StreamFile.MetaSum}`;
  if (disk.stat(`${path}.tmp`) === null || disk.stat(sumPath) === null) return false;
  hasher.setKey(hashKey);
  const sum = hasher.hash(disk.readFile(`${path}.tmp`)).toHex();
  if (sum !== new TextDecoder().decode(disk.readFile(sumPath))) return false;
  disk.rename(`${path}.tmp`, path);
  return true;
}
