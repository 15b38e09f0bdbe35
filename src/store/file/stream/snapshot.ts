/**
 * Stream snapshots: a tar archive in S2 framing with the stream's files, stripped of compression
 * and encryption (reference: filestore.go streamSnapshot).
 *
 * @module
 */
import { compressS2 } from "../../../base/compress/mod.ts";
import type { TimerHandle } from "../../../platform/loop.ts";
import { StoreError } from "../../errors.ts";
import { FastState, type SnapshotOptions, type SnapshotResult } from "../../stream_store.ts";
import { isIntact } from "../block/survey.ts";
import { ConsumerFileStore } from "../consumer/consumer_file_store.ts";
import { TAR_END, tarFile } from "../format/tar.ts";
import type { FileStoreCore } from "./core.ts";
import { encodeIndex, StreamFile } from "./full_state_io.ts";

/** Bytes of an S2 stream's identifier. */
const IDENTIFIER_BYTES = 10;

/** Starts a snapshot. Throws `snapshot_in_progress`, `bad_msg` and `closed`. */
export function startSnapshot(
  core: FileStoreCore,
  options: SnapshotOptions,
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
  return { chunks: new SnapshotRun(core, options), state };
}

/** A snapshot that is being read. It counts as running until its end, `return()` or deadline. */
class SnapshotRun implements AsyncIterableIterator<Uint8Array> {
  readonly #core: FileStoreCore;
  readonly #source: AsyncGenerator<Uint8Array>;
  #timer: TimerHandle | null = null;
  #running = true;
  #expired = false;

  constructor(core: FileStoreCore, options: SnapshotOptions) {
    this.#core = core;
    this.#source = archive(core, options.includeConsumers);
    core.snapshotsRunning++;
    const { deadlineMs } = options;
    if (deadlineMs === undefined) return;
    this.#timer = core.env.loop.setTimer(() => {
      this.#timer = null;
      this.#expired = true;
      this.#end();
    }, deadlineMs);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#expired) throw new StoreError("snapshot_timeout");
    if (!this.#running) return { done: true, value: undefined };
    try {
      const result = await this.#source.next();
      if (result.done) this.#end();
      return result;
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#end();
    await this.#source.return(undefined);
    return { done: true, value: undefined };
  }

  #end(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#core.snapshotsRunning--;
    if (this.#timer !== null) this.#core.env.loop.clearTimer(this.#timer);
    this.#timer = null;
  }
}

async function* archive(
  core: FileStoreCore,
  includeConsumers: boolean,
): AsyncGenerator<Uint8Array> {
  const mtimeSec = Math.floor(core.env.clock.nowMs() / 1000);
  const blocks = core.blocks.slice();
  const index = encodeIndex(core, true);
  let isFirst = true;
  // The whole archive is one S2 stream: only the first piece carries the identifier.
  const emit = (data: Uint8Array): Uint8Array => {
    const packed = compressS2(data);
    const out = isFirst ? packed : packed.subarray(IDENTIFIER_BYTES);
    isFirst = false;
    return out;
  };
  for (const [name, content] of metaFiles(core)) yield emit(tarFile(name, content, mtimeSec));
  for (const block of blocks) {
    await Promise.resolve();
    if (core.closed) throw new StoreError("closed");
    if (block.closed) continue;
    if (block === core.lastBlock) core.flush();
    yield emit(tarFile(`msgs/${block.index}.blk`, block.readRecords(), mtimeSec));
  }
  // Where the stream changed meanwhile the index would not fit the blocks: they speak for themselves.
  if (isSame(index, encodeIndex(core, true))) {
    yield emit(tarFile(`msgs/${StreamFile.Index}`, index, mtimeSec));
  }
  if (includeConsumers) {
    for (const [name, content] of consumerFiles(core)) yield emit(tarFile(name, content, mtimeSec));
  }
  yield emit(TAR_END);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
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
