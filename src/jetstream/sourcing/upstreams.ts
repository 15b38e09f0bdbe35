/**
 * Where a stream gets messages from besides its publishers: its mirror or its sources.
 *
 * @module
 */
import type { StreamConfig, StreamSourceInfo } from "../../jsapi/mod.ts";
import type { Stream } from "../stream/stream.ts";
import { Mirror } from "./mirror.ts";
import { Sources } from "./sources.ts";

/** The upstreams of one stream. */
export class Upstreams {
  readonly #stream: Stream;
  #mirror: Mirror | null = null;
  #sources: Sources | null = null;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** Connects to what the stream's configuration names. */
  start(): void {
    const { config } = this.#stream;
    if (config.mirror !== null) this.#mirror = new Mirror(this.#stream, config.mirror);
    else if (config.sources.length > 0) this.#sources = new Sources(this.#stream);
  }

  /** Follows an update of the configuration; a mirror can only be given up. */
  update(config: StreamConfig): void {
    if (this.#mirror !== null && config.mirror === null) {
      this.#mirror.stop({ deleteConsumer: true });
      this.#mirror = null;
    }
    if (this.#sources !== null) this.#sources.configure(config.sources);
    else if (config.sources.length > 0) this.#sources = new Sources(this.#stream);
  }

  /** Ends all links; with `deleteConsumers` the consumers they made go, too. */
  stop(options: { deleteConsumers: boolean }): void {
    this.#mirror?.stop({ deleteConsumer: options.deleteConsumers });
    this.#sources?.stop(options);
    this.#mirror = null;
    this.#sources = null;
  }

  mirrorInfo(): StreamSourceInfo | null {
    return this.#mirror?.info() ?? null;
  }

  sourceInfos(): StreamSourceInfo[] {
    return this.#sources?.infos() ?? [];
  }
}
