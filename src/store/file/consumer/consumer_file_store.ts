/**
 * A consumer's state on disk: `obs/<name>/` with `meta.inf`, `meta.sum`, `meta.key` and the state
 * in `o.dat`, which is rewritten at most every 100 ms (reference: filestore.go
 * consumerFileStore).
 *
 * @module
 */
import { isNotFound } from "../../../platform/disk.ts";
import type { TimerHandle } from "../../../platform/loop.ts";
import type { ConsumerStoreConfig } from "../../config.ts";
import {
  applyAck,
  applyDelivered,
  checkConsumerState,
  checkConsumerUpdate,
  copyConsumerState,
  dropRedeliveredBelow,
  emptyConsumerState,
} from "../../consumer_state.ts";
import { StoreError } from "../../errors.ts";
import type { ConsumerState, ConsumerStore } from "../../stream_store.ts";
import { writeFileAtomically } from "../atomic_file.ts";
import {
  decodeConsumerState,
  encodeConsumerState,
  isConsumerState,
} from "../format/consumer_state.ts";
import { sha256 } from "../format/record.ts";
import type { FileStoreCore } from "../stream/core.ts";
import { StreamFile, writeMetaPair } from "../stream/full_state_io.ts";
import type { OpenedKey } from "../stream/keys.ts";

/** Shortest time between two writes of the state. */
const WRITE_INTERVAL_MS = 100;

/** A consumer store with files. */
export class ConsumerFileStore implements ConsumerStore {
  readonly type = "file";
  readonly name: string;
  readonly #core: FileStoreCore;
  readonly #dir: string;
  readonly #statePath: string;
  readonly #hashKey: Uint8Array;
  readonly #createdNs: bigint;
  #config: ConsumerStoreConfig;
  #state: ConsumerState = emptyConsumerState();
  #seed: Uint8Array | null = null;
  /** What the key file held when the store was opened. */
  #storedKey: OpenedKey | null = null;
  #timer: TimerHandle | null = null;
  #lastWriteMs = 0;
  #dirty = false;
  #closed = false;

  /** Creates or recovers the store of consumer `name`. Throws when its state is damaged. */
  constructor(
    core: FileStoreCore,
    name: string,
    createdNs: bigint,
    config: ConsumerStoreConfig,
  ) {
    this.#core = core;
    this.name = name;
    this.#createdNs = createdNs;
    this.#config = config;
    this.#dir = `${core.consumerDir}/${name}`;
    this.#statePath = `${this.#dir}/o.dat`;
    this.#hashKey = sha256(`${core.streamName}/${name}`);
    const { disk } = core.env;
    disk.makeDirs(this.#dir);
    const hasMeta = (disk.stat(`${this.#dir}/${StreamFile.Meta}`)?.sizeBytes ?? 0) > 0;
    const stored = this.#recover();
    const isForeign = stored?.isForeign ?? (core.keys !== null && this.#seed === null);
    if (!hasMeta || isForeign) this.#writeMeta();
    if (stored !== null) {
      // Read under an older key, or from before encryption: written again under the present one.
      this.#state = stored.state;
      if (stored.isForeign) this.#write();
    }
  }

  /** Reads key and state; null when there is no state. */
  #recover(): { state: ConsumerState; isForeign: boolean } | null {
    const { keys, env: { disk } } = this.#core;
    let isForeign = false;
    if (keys !== null) {
      const context = `${this.#core.streamName}.${this.name}`;
      const sealed = readIfThere(() => disk.readFile(`${this.#dir}/${StreamFile.MetaKey}`));
      this.#storedKey = sealed === null ? null : keys.openAny(context, sealed);
      if (this.#storedKey?.isCurrent) this.#seed = this.#storedKey.seed;
      else isForeign = true;
    }
    let bytes = readIfThere(() => disk.readFile(this.#statePath));
    if (bytes === null || bytes.length === 0) return null;
    if (keys !== null && this.#storedKey !== null) {
      const unsealed = keys.unseal(this.#storedKey.seed, bytes, isConsumerState);
      bytes = unsealed.plain;
      isForeign ||= !unsealed.isCurrent;
    }
    return { state: decodeConsumerState(bytes), isForeign };
  }

  #writeMeta(): void {
    const { keys, options, env: { disk } } = this.#core;
    let meta = options.encodeConsumer(this.name, this.#config, this.#createdNs);
    if (keys !== null) {
      if (this.#seed === null) {
        const context = `${this.#core.streamName}.${this.name}`;
        const { seed, sealed } = keys.create(context, this.#storedKey?.seed);
        const isConversion = disk.stat(`${this.#dir}/${StreamFile.Meta}`) !== null;
        const path = `${this.#dir}/${StreamFile.MetaKey}`;
        writeFileAtomically(disk, path, sealed, options.syncAlways || isConversion);
        this.#seed = seed;
      }
      meta = keys.seal(this.#seed, meta);
    }
    writeMetaPair(this.#core, this.#dir, meta, this.#hashKey);
  }

  /** The content of `meta.inf` without encryption, for snapshots. */
  plainMeta(): Uint8Array {
    return this.#core.options.encodeConsumer(this.name, this.#config, this.#createdNs);
  }

  /** Key of the checksum in `meta.sum`. */
  hashKey(): Uint8Array {
    return this.#hashKey;
  }

  #changed(): void {
    this.#dirty = true;
    if (this.#timer !== null || this.#closed) return;
    const { clock, loop } = this.#core.env;
    const waitMs = Math.max(0, WRITE_INTERVAL_MS - (clock.nowMs() - this.#lastWriteMs));
    this.#timer = loop.setTimer(() => {
      this.#timer = null;
      if (this.#closed) return;
      try {
        this.#write();
      } catch (error) {
        // The state stays dirty: the next change tries again.
        this.#core.warn(
          `writing the state of consumer "${this.name}" failed: ${(error as Error).message}`,
        );
      }
    }, waitMs);
  }

  #write(): void {
    const { keys, options, env } = this.#core;
    let bytes = encodeConsumerState(this.#state, env.clock.nowMs());
    if (keys !== null && this.#seed !== null) bytes = keys.seal(this.#seed, bytes);
    writeFileAtomically(env.disk, this.#statePath, bytes, options.syncAlways);
    this.#dirty = false;
    this.#lastWriteMs = env.clock.nowMs();
  }

  setStarting(streamSeq: number): void {
    this.#state.delivered.stream = streamSeq;
    this.#state.ackFloor.stream = streamSeq;
    this.#write();
  }

  updateStarting(streamSeq: number): void {
    if (streamSeq > this.#state.delivered.stream) {
      this.#state.delivered.stream = streamSeq;
      if (this.#config.ackPolicy === "none") this.#state.ackFloor.stream = streamSeq;
    }
    this.#changed();
  }

  reset(streamSeq: number): void {
    this.#state = emptyConsumerState();
    this.setStarting(streamSeq);
  }

  hasState(): boolean {
    const { delivered } = this.#state;
    return delivered.consumer !== 0 || delivered.stream !== 0 ||
      this.#core.env.disk.stat(this.#statePath) !== null;
  }

  updateDelivered(
    consumerSeq: number,
    streamSeq: number,
    deliveryCount: number,
    tsHigh: number,
    tsLow: number,
  ): void {
    if (
      applyDelivered(
        this.#state,
        this.#config,
        consumerSeq,
        streamSeq,
        deliveryCount,
        tsHigh,
        tsLow,
      )
    ) this.#changed();
  }

  updateAcks(consumerSeq: number, streamSeq: number): void {
    const redelivered = this.#state.redelivered?.size ?? 0;
    let changed = false;
    try {
      changed = applyAck(this.#state, this.#config, consumerSeq, streamSeq);
    } finally {
      // What is not pending any more may still have been known as redelivered.
      if (changed || redelivered !== (this.#state.redelivered?.size ?? 0)) this.#changed();
    }
  }

  removeRedeliveredBelow(streamSeq: number): void {
    if (streamSeq > 0 && dropRedeliveredBelow(this.#state, streamSeq)) this.#changed();
  }

  updateConfig(config: ConsumerStoreConfig): void {
    this.#config = config;
    this.#writeMeta();
  }

  update(state: ConsumerState): void {
    checkConsumerUpdate(this.#state, state);
    this.#state = copyConsumerState(state);
    this.#changed();
  }

  forceUpdate(state: ConsumerState): void {
    checkConsumerState(state);
    this.#state = copyConsumerState(state);
    this.#write();
  }

  state(): ConsumerState {
    return copyConsumerState(this.borrowState());
  }

  borrowState(): ConsumerState {
    if (this.#closed) throw new StoreError("closed");
    return this.#state;
  }

  encodedState(): Uint8Array {
    return encodeConsumerState(this.borrowState(), this.#core.env.clock.nowMs());
  }

  flush(): void {
    if (this.#dirty && !this.#closed) this.#write();
  }

  stop(): void {
    if (this.#closed) return;
    this.#end();
    if (this.#dirty) this.#write();
  }

  delete(): void {
    if (this.#closed) return;
    this.#end();
    this.#core.env.disk.removeTree(this.#dir);
  }

  streamDelete(): void {
    if (!this.#closed) this.#end();
  }

  #end(): void {
    this.#closed = true;
    if (this.#timer !== null) this.#core.env.loop.clearTimer(this.#timer);
    this.#timer = null;
    const consumers = this.#core.consumers;
    const at = consumers.indexOf(this);
    if (at >= 0) consumers.splice(at, 1);
  }
}

function readIfThere(read: () => Uint8Array): Uint8Array | null {
  try {
    return read();
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}
