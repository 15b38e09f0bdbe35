/**
 * Makes a stream of an unpacked snapshot.
 *
 * Reference: RestoreStream in server/stream.go.
 *
 * @module
 */
import { apiError, type StreamConfig } from "../../jsapi/mod.ts";
import { nuid } from "../../base/text/nuid.ts";
import { SnapshotUnpacker } from "../../store/mod.ts";
import { createStream, storeConfigOf } from "../stream/create.ts";
import { StreamError } from "../stream/errors.ts";
import type { Stream } from "../stream/stream.ts";
import type { JsAccount } from "./js_account.ts";
import { checkStreamLimits } from "./limits.ts";
import { decodeStreamMeta, recoverConsumers } from "./recovery.ts";

/** A stream that is being restored from the pieces of a snapshot. */
export class StreamRestore {
  readonly #account: JsAccount;
  readonly #config: StreamConfig;
  readonly #staging: string;
  readonly #unpacker: SnapshotUnpacker;

  constructor(account: JsAccount, config: StreamConfig) {
    const { js } = account;
    this.#account = account;
    this.#config = config;
    this.#staging = `${js.stagingDirectory}/snap-${nuid(js.core.env.random)}`;
    const { limits, tier } = account.select(config.replicas);
    this.#unpacker = new SnapshotUnpacker({
      disk: js.storeEnv.disk,
      directory: this.#staging,
      sync: js.config.syncAlways,
      admit: (bytes) => {
        const reserved = account.reservedByOthers(tier, config);
        checkStreamLimits(limits, tier, config, reserved, Math.max(config.maxBytes, 0) + bytes, js);
      },
    });
  }

  /** Takes a piece of the snapshot. Throws StoreError and ApiError; then abort it. */
  write(piece: Uint8Array): void {
    this.#unpacker.write(piece);
  }

  /** Drops what was unpacked. */
  abort(): void {
    this.#unpacker.abort();
    this.#removeStaging();
  }

  /** Opens the stream. Throws StreamError, StoreError and ApiError; then abort it. */
  finish(): Stream {
    const account = this.#account;
    const { js } = account;
    const { disk } = js.storeEnv;
    this.#unpacker.end();
    const meta = decodeStreamMeta(disk.readFile(`${this.#staging}/meta.inf`));
    const { name } = this.#config;
    if (meta.config.name !== name) throw new StreamError("stream names do not match");
    if (account.streams.has(name)) throw apiError("JSStreamNameExistRestoreFailedErr");
    const directory = `${account.directory}/streams/${name}`;
    disk.removeTree(directory);
    disk.makeDirs(`${account.directory}/streams`);
    disk.rename(this.#staging, directory);
    this.#removeStaging();
    let stream: Stream;
    try {
      stream = createStream(account, this.#config, {
        pedantic: false,
        recoveredNs: meta.createdNs ?? js.core.env.clock.nowNs(),
      });
      // The snapshot has noted the configuration that it was taken with.
      stream.store.updateConfig(storeConfigOf(stream.config));
    } catch (error) {
      disk.removeTree(directory);
      throw error;
    }
    recoverConsumers(stream, directory);
    js.events.streamAction(stream.address, "create");
    return stream;
  }

  #removeStaging(): void {
    const { stagingDirectory, storeEnv: { disk } } = this.#account.js;
    if (disk.stat(stagingDirectory) === null) return;
    if (disk.list(stagingDirectory).length === 0) disk.removeTree(stagingDirectory);
  }
}
