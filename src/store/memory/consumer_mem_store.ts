/**
 * A consumer's state in memory (reference: memstore.go consumerMemStore).
 *
 * @module
 */
import type { ConsumerStoreConfig } from "../config.ts";
import {
  applyAck,
  applyDelivered,
  checkConsumerState,
  checkConsumerUpdate,
  copyConsumerState,
  dropRedeliveredBelow,
  emptyConsumerState,
} from "../consumer_state.ts";
import { StoreError } from "../errors.ts";
import { encodeConsumerState } from "../file/format/consumer_state.ts";
import type { ConsumerState, ConsumerStore } from "../stream_store.ts";

/** The stream store that a consumer belongs to. */
export interface ConsumerOwner {
  removeConsumer(store: ConsumerStore): void;
  nowMs(): number;
}

/** A consumer store without files. */
export class ConsumerMemStore implements ConsumerStore {
  readonly type = "memory";
  readonly #owner: ConsumerOwner;
  #config: ConsumerStoreConfig;
  #state: ConsumerState = emptyConsumerState();
  #closed = false;

  constructor(owner: ConsumerOwner, config: ConsumerStoreConfig) {
    this.#owner = owner;
    this.#config = config;
  }

  setStarting(streamSeq: number): void {
    this.#state.delivered.stream = streamSeq;
    this.#state.ackFloor.stream = streamSeq;
  }

  updateStarting(streamSeq: number): void {
    if (streamSeq <= this.#state.delivered.stream) return;
    this.#state.delivered.stream = streamSeq;
    if (this.#config.ackPolicy === "none") this.#state.ackFloor.stream = streamSeq;
  }

  reset(streamSeq: number): void {
    this.#state = emptyConsumerState();
    this.setStarting(streamSeq);
  }

  hasState(): boolean {
    const { delivered } = this.#state;
    return delivered.consumer !== 0 || delivered.stream !== 0;
  }

  updateDelivered(
    consumerSeq: number,
    streamSeq: number,
    deliveryCount: number,
    tsHigh: number,
    tsLow: number,
  ): void {
    applyDelivered(
      this.#state,
      this.#config,
      consumerSeq,
      streamSeq,
      deliveryCount,
      tsHigh,
      tsLow,
    );
  }

  updateAcks(consumerSeq: number, streamSeq: number): void {
    applyAck(this.#state, this.#config, consumerSeq, streamSeq);
  }

  removeRedeliveredBelow(streamSeq: number): void {
    dropRedeliveredBelow(this.#state, streamSeq);
  }

  updateConfig(config: ConsumerStoreConfig): void {
    this.#config = config;
  }

  update(state: ConsumerState): void {
    checkConsumerUpdate(this.#state, state);
    this.#state = copyConsumerState(state);
  }

  forceUpdate(state: ConsumerState): void {
    checkConsumerState(state);
    this.#state = copyConsumerState(state);
  }

  state(): ConsumerState {
    return copyConsumerState(this.borrowState());
  }

  borrowState(): ConsumerState {
    if (this.#closed) throw new StoreError("closed");
    return this.#state;
  }

  encodedState(): Uint8Array {
    return encodeConsumerState(this.borrowState(), this.#owner.nowMs());
  }

  flush(): void {}

  stop(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#owner.removeConsumer(this);
  }

  delete(): void {
    this.stop();
  }

  streamDelete(): void {
    this.stop();
  }
}
