/**
 * Making data durable: in the background on an interval, or with `always` before anything is
 * acknowledged, one `fdatasync` for all that was stored meanwhile (group commit). The background
 * pass also compacts and expires caches (reference: filestore.go syncBlocks).
 *
 * The rule: a promise of `sync()` resolves only after a device flush that began after its call.
 * A flush that failed is never taken for success by trying again: the store freezes.
 *
 * @module
 */
import { isNotFound } from "../../../platform/disk.ts";
import { StoreError } from "../../errors.ts";
import { flushBlock } from "../block/append.ts";
import { compactBlock, shouldCompact } from "../block/compact.ts";
import type { MsgBlock } from "../block/msg_block.ts";
import type { FileStoreCore } from "./core.ts";
import { writeFullState } from "./full_state_io.ts";

/** How often `index.db` is written while the stream changes. */
const STATE_WRITE_MS = 120_000;
const STATE_WRITE_JITTER_MS = 30_000;

/** Group commit: at most one flush runs, and one more waits for all that came during it. */
export class GroupCommit {
  readonly #core: FileStoreCore;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(core: FileStoreCore) {
    this.#core = core;
  }

  /** Resolves once everything stored so far is durable; rejects when the store froze. */
  sync(): Promise<void> {
    const running = this.#running;
    if (running === null) return this.#start();
    // What was stored after the running flush began is covered by the next one only.
    return this.#next ??= running.then(
      () => {
        this.#next = null;
        return this.#start();
      },
      () => {
        this.#next = null;
        throw this.#core.failure ?? new StoreError("closed");
      },
    );
  }

  #start(): Promise<void> {
    const run = this.#flushAll();
    this.#running = run;
    const done = () => {
      if (this.#running === run) this.#running = null;
    };
    run.then(done, done);
    return run;
  }

  async #flushAll(): Promise<void> {
    const core = this.#core;
    core.checkWritable();
    core.writing(() => core.flush());
    const blocks = [...core.unsynced];
    core.unsynced.clear();
    const syncDir = core.dirUnsynced;
    core.dirUnsynced = false;
    try {
      for (const block of blocks) await syncBlock(core, block);
      if (syncDir && !core.closed) await core.env.disk.syncDir(core.msgDir);
    } catch (error) {
      if (core.closed) return;
      core.freeze(error);
      throw error;
    }
    if (core.failure !== null) throw core.failure;
  }
}

/** Makes the file of a block durable. A removed block has nothing to keep. */
async function syncBlock(core: FileStoreCore, block: MsgBlock): Promise<void> {
  if (block.closed || !block.needSync) return;
  block.needSync = false;
  const open = block.file;
  try {
    if (block.needKeySync) {
      // Without its key the block is worth nothing.
      block.needKeySync = false;
      await syncPath(core, block.keyPath);
    }
    if (open !== null) await open.syncData();
    else await syncPath(core, block.path);
  } catch (error) {
    // Removed or replaced (and synced) while the flush was on its way.
    if (block.closed || block.file !== open || isNotFound(error)) return;
    throw error;
  }
}

/** Makes a file durable that is not open. */
async function syncPath(core: FileStoreCore, path: string): Promise<void> {
  const file = core.env.disk.open(path, "write");
  try {
    await file.syncData();
  } finally {
    file.close();
  }
}

/** Starts the background work. */
export function startBackground(core: FileStoreCore, commit: GroupCommit): void {
  const { loop, random } = core.env;
  const interval = core.options.syncIntervalMs;
  const first = interval / 2 + random.unit() * (interval / 2);
  const tick = (): void => {
    core.syncTimer = null;
    if (core.closed || core.failure !== null) return;
    backgroundPass(core, commit).then(() => {
      if (!core.closed) core.syncTimer = loop.setTimer(tick, interval);
    });
  };
  core.syncTimer = loop.setTimer(tick, first);
  core.stateTimer = loop.setRepeating(() => {
    try {
      if (!core.closed && core.failure === null) writeFullState(core, false);
    } catch (error) {
      core.freeze(error);
    }
  }, STATE_WRITE_MS + random.unit() * STATE_WRITE_JITTER_MS);
  core.sweepTimer = loop.setRepeating(() => sweepCaches(core), core.options.cacheExpireMs);
}

/** Ends it. */
export function stopBackground(core: FileStoreCore): void {
  const { loop } = core.env;
  for (const timer of [core.syncTimer, core.stateTimer, core.sweepTimer]) {
    if (timer !== null) loop.clearTimer(timer);
  }
  core.syncTimer = core.stateTimer = core.sweepTimer = null;
}

/** Compacts what is half empty, then syncs what was written. */
export async function backgroundPass(core: FileStoreCore, commit: GroupCommit): Promise<void> {
  try {
    compactHalfEmpty(core);
    await commit.sync();
  } catch (error) {
    if (!core.closed) core.freeze(error);
  }
}

/** Compacts each finished block of which less than half is live. */
export function compactHalfEmpty(core: FileStoreCore): void {
  for (const block of core.blocks.slice()) {
    if (block === core.lastBlock || block.closed) continue;
    if (block.rawBytes === 0) block.rawBytes = core.env.disk.stat(block.path)?.sizeBytes ?? 0;
    if (!shouldCompact(block)) continue;
    core.writing(() => {
      core.settleBeforeRemoval();
      const wasLoaded = block.cache !== null;
      compactBlock(block, (seq) => core.isTombstoneNeeded(block, seq));
      if (!wasLoaded) block.dropCache();
      core.dirty++;
      if (block.rawBytes === 0 && block.msgs === 0) core.forceRemoveBlock(block);
    });
  }
}

/** Drops records and subjects of blocks that nothing has used since the last sweep. */
export function sweepCaches(core: FileStoreCore): void {
  for (const block of core.blocks) {
    block.recentlyWritten = false;
    if (block.touched) {
      block.touched = false;
      continue;
    }
    block.dropCache();
    block.subjects = null;
  }
}

/** Writes out and syncs nothing more; used when stopping. */
export function flushQuietly(core: FileStoreCore): void {
  if (core.failure !== null || core.lastBlock === null) return;
  core.writing(() => flushBlock(core.lastBlock!));
}
