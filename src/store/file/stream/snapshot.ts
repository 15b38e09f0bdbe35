/**
 * Stream snapshots: a tar archive in S2 framing with the stream's files, stripped of compression
 * and encryption (reference: filestore.go streamSnapshot).
 *
 * @module
 */
import { compressS2 } from "../../../base/compress/mod.ts";
import { StoreError } from "../../errors.ts";
import { FastState, type SnapshotResult } from "../../stream_store.ts";
import { ConsumerFileStore } from "../consumer/consumer_file_store.ts";
import type { FileStoreCore } from "./core.ts";
import { encodeIndex, StreamFile } from "./full_state_io.ts";
import { isIntact } from "../block/survey.ts";

const TAR_BLOCK = 512;

/** Starts a snapshot. Throws `snapshot_in_progress` and `closed`. */
export function startSnapshot(
  core: FileStoreCore,
  options: { checkMsgs: boolean; includeConsumers: boolean },
  fillState: (out: FastState) => void,
): SnapshotResult {
  if (core.closed) throw new StoreError("closed");
  if (core.snapshotsRunning > 0) throw new StoreError("snapshot_in_progress");
  core.flush();
  if (options.checkMsgs) {
    for (const block of core.blocks) {
      if (!isIntact(core.env.hasher, block.hashKey, block.readRecords())) {
        throw new StoreError("bad_msg", `snapshot check detected bad messages`);
      }
    }
  }
  const state = new FastState();
  fillState(state);
  core.snapshotsRunning++;
  return { chunks: archive(core, options.includeConsumers), state };
}

async function* archive(
  core: FileStoreCore,
  includeConsumers: boolean,
): AsyncGenerator<Uint8Array> {
  const mtimeSec = Math.floor(core.env.clock.nowMs() / 1000);
  const blocks = core.blocks.slice();
  let isFirst = true;
  // The whole archive is one S2 stream: only the first piece carries the identifier.
  const emit = (data: Uint8Array): Uint8Array => {
    const packed = compressS2(data);
    const out = isFirst ? packed : packed.subarray(10);
    isFirst = false;
    return out;
  };
  try {
    for (const [name, content] of metaFiles(core)) yield emit(tarFile(name, content, mtimeSec));
    for (const block of blocks) {
      await Promise.resolve();
      if (block.closed) continue;
      yield emit(tarFile(`msgs/${block.index}.blk`, block.readRecords(), mtimeSec));
    }
    yield emit(tarFile(`msgs/${StreamFile.Index}`, encodeIndex(core, true), mtimeSec));
    if (includeConsumers) {
      for (const [name, content] of consumerFiles(core)) {
        yield emit(tarFile(name, content, mtimeSec));
      }
    }
    yield emit(new Uint8Array(2 * TAR_BLOCK));
  } finally {
    core.snapshotsRunning--;
  }
}

function metaFiles(core: FileStoreCore): [string, Uint8Array][] {
  const meta = core.options.encodeMeta(core.config, core.createdNs);
  core.env.hasher.setKey(core.hashKey);
  const sum = new TextEncoder().encode(core.env.hasher.hash(meta).toHex());
  return [[StreamFile.Meta, meta], [StreamFile.MetaSum, sum]];
}

function consumerFiles(core: FileStoreCore): [string, Uint8Array][] {
  const files: [string, Uint8Array][] = [];
  for (const consumer of core.consumers) {
    if (!(consumer instanceof ConsumerFileStore)) continue;
    const meta = consumer.plainMeta();
    core.env.hasher.setKey(consumer.hashKey());
    const sum = new TextEncoder().encode(core.env.hasher.hash(meta).toHex());
    const dir = `obs/${consumer.name}`;
    files.push([`${dir}/${StreamFile.Meta}`, meta], [`${dir}/${StreamFile.MetaSum}`, sum]);
    files.push([`${dir}/o.dat`, consumer.encodedState()]);
  }
  return files;
}

/** One file of a tar archive: head, content, padding. Names are short ASCII. */
export function tarFile(name: string, content: Uint8Array, mtimeSec: number): Uint8Array {
  const padded = Math.ceil(content.length / TAR_BLOCK) * TAR_BLOCK;
  const out = new Uint8Array(TAR_BLOCK + padded);
  const put = (text: string, at: number) => {
    for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
  };
  const octal = (value: number, size: number) => value.toString(8).padStart(size - 1, "0");
  put(name.slice(0, 100), 0);
  put(octal(0o600, 8), 100);
  put(octal(0, 8), 108);
  put(octal(0, 8), 116);
  put(octal(content.length, 12), 124);
  put(octal(mtimeSec, 12), 136);
  put("        ", 148);
  put("0", 156);
  put("ustar\0" + "00", 257);
  put("nats", 265);
  put("nats", 297);
  let sum = 0;
  for (let i = 0; i < TAR_BLOCK; i++) sum += out[i]!;
  put(sum.toString(8).padStart(6, "0") + "\0 ", 148);
  out.set(content, TAR_BLOCK);
  return out;
}
