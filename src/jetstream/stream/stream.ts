/**
 * A stream: its configuration, its store, the subjects it listens to and its consumers. The steps
 * of its work are in the files beside it: `ingest.ts` takes messages in, `removal.ts` takes them
 * out, `interest.ts` knows who still needs them, `update.ts` changes the configuration.
 *
 * Reference: stream in server/stream.go.
 *
 * @module
 */
import { byteStringOfText } from "../../base/text/byte_string.ts";
import type { Subscription } from "../../core/connection/subscription.ts";
import type { StreamConfig } from "../../jsapi/mod.ts";
import { FastState, type StreamStore } from "../../store/mod.ts";
import type { SubjectTransform } from "../../subject/mod.ts";
import { AtomicBatches } from "../batch/atomic.ts";
import { FastBatches } from "../batch/fast.ts";
import type { Consumer } from "../consumer/consumer.ts";
import type { JetStream } from "../engine/jet_stream.ts";
import type { StreamAddress } from "../events/advisories.ts";
import type { JsAccount } from "../engine/js_account.ts";
import { Upstreams } from "../sourcing/upstreams.ts";
import { MsgIds } from "./dedup.ts";
import { DirectGet } from "./direct_get.ts";
import { receive } from "./ingest.ts";
import { consumerAcked } from "./interest.ts";
import { Partitions } from "./partitions.ts";
import { PublishAcks } from "./publish_acks.ts";
import { Signals } from "./signals.ts";

const NO_BYTES = new Uint8Array(0);

/** What is published once that is durable which it tells of. */
interface HeldMessage {
  readonly subject: string;
  readonly headers: Uint8Array;
  readonly payload: Uint8Array;
}

/** A stream of one account. */
export class Stream {
  /** The name as it stands in subjects. */
  readonly subjectName: string;
  /** By name, as text; direct ones too. */
  readonly consumers: Map<string, Consumer> = new Map();
  readonly signals: Signals<Consumer> = new Signals();
  readonly #partitions: Partitions<Consumer> = new Partitions();
  readonly msgIds: MsgIds;
  readonly acks: PublishAcks;
  readonly directGet: DirectGet;
  readonly atomicBatches: AtomicBatches;
  readonly fastBatches: FastBatches;
  readonly upstreams: Upstreams;
  /** Changes subjects of incoming messages; null for none. */
  inputTransform: SubjectTransform | null = null;
  /** Publishes stored messages again; null for none. */
  rePublishTransform: SubjectTransform | null = null;
  closed = false;
  /** Why the stream cannot be used here although its files are kept; empty when it can. */
  offlineReason = "";
  /** Id of the last message, as a byte string. */
  lastMsgId = "";
  /** Sequence of the last message. */
  lastSeq = 0;
  /** The store froze; nothing is acknowledged any more. */
  writeError: Error | null = null;
  /** Waits for the end of the turn. */
  dirty = false;
  /** Consumers get messages up to this one; with `sync_interval: always` later ones may be lost. */
  durableSeq = Infinity;
  /** Consumers that wait for what follows to be durable. */
  readonly heldBack: Set<Consumer> = new Set();
  /** Wait for the end of the sync under way, or of the next one. */
  #syncWaiters: (() => void)[] = [];
  /** Publishes again what is synced with the turn. */
  #heldAgain: HeldMessage[] = [];
  readonly #subscriptions: Map<string, Subscription> = new Map();
  readonly #state = new FastState();

  constructor(
    readonly js: JetStream,
    readonly account: JsAccount,
    /** Replaced as a whole by updates, never changed. */
    public config: StreamConfig,
    public tier: string,
    readonly createdNs: bigint,
    /** Null only while offline. */
    readonly store: StreamStore,
  ) {
    const { clock, loop } = js.core.env;
    this.subjectName = byteStringOfText(config.name);
    this.msgIds = new MsgIds(clock, loop, Number(config.duplicates) / 1e6);
    this.acks = new PublishAcks(config.name, js.config.domain);
    this.directGet = new DirectGet(this);
    this.atomicBatches = new AtomicBatches(this);
    this.fastBatches = new FastBatches(this);
    this.upstreams = new Upstreams(this);
    if (this.#isSyncAlways) this.durableSeq = this.fastState().lastSeq;
  }

  get name(): string {
    return this.config.name;
  }

  /** Directory of the stream's files. */
  get directory(): string {
    return `${this.account.directory}/streams/${this.name}`;
  }

  /** The stream, as events name it. */
  get address(): StreamAddress {
    return { account: this.account.account, stream: this.name };
  }

  /** `account > stream`, as log lines name it. */
  get label(): string {
    return `${this.account.name} > ${this.name}`;
  }

  /** Figures of the store; the object is reused by the next call. */
  fastState(): FastState {
    this.store.fastState(this.#state);
    return this.#state;
  }

  /** Listens to the configured subjects that it does not listen to, and to no others. */
  listen(): void {
    const wanted = new Set(this.config.subjects);
    for (const [subject, subscription] of this.#subscriptions) {
      if (wanted.has(subject)) continue;
      this.js.client.unsubscribe(this.account.account, subscription);
      this.#subscriptions.delete(subject);
    }
    for (const subject of wanted) {
      if (this.#subscriptions.has(subject)) continue;
      const subscription = this.js.client.subscribe(
        this.account.account,
        subject,
        (_subscription, _account, on, reply, message, headerBytes) =>
          receive(this, on, reply, message, headerBytes),
      );
      this.#subscriptions.set(subject, subscription);
    }
  }

  /** Listens to nothing any more. */
  silence(): void {
    for (const subscription of this.#subscriptions.values()) {
      this.js.client.unsubscribe(this.account.account, subscription);
    }
    this.#subscriptions.clear();
    this.directGet.stop();
  }

  /** Registers the filters of a consumer, or changes them. */
  addSignals(consumer: Consumer): void {
    this.signals.add(consumer);
    const { direct, sourcing } = consumer.config;
    if (direct || sourcing) this.#partitions.delete(consumer);
    else this.#partitions.set(consumer, this.config.retention === "workqueue");
  }

  /** Forgets a consumer that was stopped. */
  removeConsumer(consumer: Consumer): void {
    if (this.consumers.get(consumer.name) === consumer) this.consumers.delete(consumer.name);
    this.signals.remove(consumer);
    this.#partitions.delete(consumer);
  }

  /** Forgets all consumers. */
  clearConsumers(): void {
    this.consumers.clear();
    this.signals.clear();
    this.#partitions.clear();
  }

  /** A consumer does not need message `seq` any more; null for one that keeps no state. */
  consumerAcked(consumer: Consumer | null, seq: number): void {
    consumerAcked(this, consumer, seq);
  }

  /** Consumers that count against limits and exclude each other: not those of other streams. */
  limitableConsumers(): number {
    return this.#partitions.size;
  }

  /** Whether no consumer but the one of this name gets messages of `filters`, if there are any. */
  isPartitionUnique(name: string, filters: readonly string[]): boolean {
    return !this.#partitions.meetsOther(filters, this.consumers.get(name) ?? null);
  }

  /** The store changed: tells consumers about removals, and the account about its use. */
  onStorageUpdate(msgs: number, bytes: number, seq: number, subject: string): void {
    if (msgs === -1 && seq > 0 && subject !== "") this.signals.removed(seq, subject);
    else if (msgs < 0) {
      const { firstSeq, lastSeq } = this.fastState();
      for (const consumer of this.consumers.values()) consumer.onBulkRemoval(firstSeq, lastSeq);
    }
    if (bytes !== 0) this.account.trackUsage(this.tier, this.config.storage, bytes);
  }

  /** End of the turn: what was stored is written, then acknowledged. */
  endTurn(): void {
    this.dirty = false;
    if (this.closed) return;
    const { store, acks } = this;
    if (this.#isSyncAlways) {
      this.#endTurnDurably();
      return;
    }
    try {
      store.flushAllPending();
    } catch (error) {
      this.failWrites(error);
      acks.take();
      return;
    }
    if (acks.count > 0) acks.send(acks.take(), this.#send);
  }

  /** Publishes a stored message again when it is durable. `payload` is borrowed. */
  publishAgain(subject: string, headers: Uint8Array, payload: Uint8Array): void {
    if (this.#isSyncAlways) {
      this.#heldAgain.push({ subject, headers, payload: payload.slice() });
    } else this.js.client.publish(this.account.account, subject, "", headers, payload);
  }

  #endTurnDurably(): void {
    const { store, acks, lastSeq } = this;
    const batch = acks.take();
    const again = this.#heldAgain;
    this.#heldAgain = [];
    store.sync().then(
      () => {
        if (lastSeq > this.durableSeq) this.durableSeq = lastSeq;
        for (const consumer of this.heldBack) this.js.markConsumerReady(consumer);
        this.heldBack.clear();
        this.wakeSyncWaiters();
        for (const { subject, headers, payload } of again) {
          this.js.client.publish(this.account.account, subject, "", headers, payload);
        }
        acks.send(batch, this.#send);
        this.js.core.scheduleFlush();
      },
      (error) => this.failWrites(error),
    );
  }

  /**
   * Resolves when the stored message `seq` is durable, to true, or when it will not be, to false.
   */
  async untilDurable(seq: number): Promise<boolean> {
    while (seq > this.durableSeq) {
      if (this.closed || this.writeError !== null) return false;
      await new Promise<void>((resolve) => this.#syncWaiters.push(resolve));
    }
    return true;
  }

  /** Those who wait for messages to be durable look again. */
  wakeSyncWaiters(): void {
    const waiters = this.#syncWaiters;
    if (waiters.length === 0) return;
    this.#syncWaiters = [];
    for (const waiter of waiters) waiter();
  }

  /** Whether what is not synced yet counts as not stored: nobody is told of it. */
  get #isSyncAlways(): boolean {
    const { js, config, store } = this;
    return js.config.syncAlways && config.persistMode !== "async" && store.type === "file";
  }

  readonly #send = (reply: string, payload: Uint8Array): void => {
    this.js.client.publish(this.account.account, reply, "", NO_BYTES, payload);
  };

  /** Notes that the store cannot write; publishers get no answer any more. */
  failWrites(error: unknown): void {
    if (this.writeError !== null || this.closed) return;
    this.writeError = error instanceof Error ? error : new Error(String(error));
    this.js.core.env.log.error(
      `JetStream failed to store a msg on stream '${this.label}': ${this.writeError.message}; ` +
        "it takes no more: make room or mend the disk, then restart the server",
    );
    this.wakeSyncWaiters();
  }
}
