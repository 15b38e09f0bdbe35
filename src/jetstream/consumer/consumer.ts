/**
 * A consumer: where it is in its stream, and its life from start to stop. What it does is in the
 * files beside it; README.md names them in reading order and states the rules.
 *
 * Reference: consumer, setLeader, stopWithFlags in server/consumer.go.
 *
 * @module
 */
import { shortHash } from "../../base/crypto/short_hash.ts";
import { byteStringOfText, textOfByteString } from "../../base/text/byte_string.ts";
import { type SimpleSublist, sublistOf } from "../../base/containers/gsl/mod.ts";
import { featureFlag } from "../../config/feature_flags.ts";
import type { Account } from "../../core/account/account.ts";
import type { InternalHandler, Subscription } from "../../core/connection/subscription.ts";
import type { ConsumerConfig, ConsumerInfo } from "../../jsapi/mod.ts";
import type { Clock, Loop } from "../../platform/mod.ts";
import { type ConsumerStore, FastState, StoredMsg } from "../../store/mod.ts";
import type { SublistResult } from "../../sublist/mod.ts";
import type { JetStream } from "../engine/jet_stream.ts";
import type { ConsumerAddress } from "../events/advisories.ts";
import type { Stream } from "../stream/stream.ts";
import { AckInfo, AckSubjectWriter } from "./ack_subject.ts";
import { answerAcks, receiveAck } from "./acks.ts";
import { updateConfig } from "./config_update.ts";
import { deliverMessages } from "./deliver.ts";
import { receiveFlowControl, setFlowWindow } from "./flow_control.ts";
import { startInactivity } from "./inactivity.ts";
import { consumerInfo } from "./info.ts";
import { removeUnneeded } from "./interest_cleanup.ts";
import type { LazyTimer } from "./lazy_timer.ts";
import { pauseConsumer, startPause } from "./pause.ts";
import { PendingAcks } from "./pending_acks.ts";
import { messageRemoved, messagesRemoved, recountPending } from "./pending_count.ts";
import { unpinByAdmin } from "./priority_groups.ts";
import { type PullState, pullState, receivePull, releaseRequests } from "./pulls.ts";
import { unwatchInterest, watchInterest } from "./push.ts";
import { consumerPurged } from "./purge.ts";
import type { RateLimit } from "./rate_limit.ts";
import { RedeliverQueue } from "./redeliver_queue.ts";
import { checkAckFloor, checkPending } from "./redelivery.ts";
import { receiveReset, resetConsumer } from "./reset.ts";
import { readStoredState } from "./state.ts";
import { messageNeeded } from "./needs.ts";

/** Sequences that a consumer of last messages per subject starts with. */
export interface SkipList {
  /** Where it goes on after them. */
  readonly resumeSeq: number;
  /** Ascending. */
  readonly seqs: readonly number[];
  /** The next of `seqs`. */
  at: number;
}

/** What a consumer without end of its own has of timers; made when first needed. */
export interface ConsumerTimers {
  /** Looks for deliveries whose time to be acknowledged is over. */
  pending: LazyTimer | null;
  /** Deletes the consumer when nobody uses it. */
  inactive: LazyTimer | null;
  /** Pull requests that expire or want a heartbeat. */
  waiting: LazyTimer | null;
  heartbeat: LazyTimer | null;
  pause: LazyTimer | null;
  pin: LazyTimer | null;
  /** The next delivery waits: for its time in a replay, or for the rate limit. */
  delay: LazyTimer | null;
}

/** A consumer of one stream. Sequences are numbers, times of deliveries ms since the epoch. */
export class Consumer {
  readonly js: JetStream;
  /** Account whose messages it delivers. */
  readonly account: Account;
  readonly clock: Clock;
  readonly loop: Loop;
  /** Names as in subjects: byte strings. */
  readonly subjectName: string;
  readonly address: ConsumerAddress;
  /** Effective filters, byte strings; empty for every message. */
  filters: readonly string[] = [];
  /** The filters when there are several. */
  filterList: SimpleSublist | null = null;
  closed = false;
  /** Why the consumer cannot be used although its files are kept; empty when it can. */
  offlineReason = "";

  /** Stream sequence to look at next. Never above what was stored plus one, but for `new`. */
  streamSeq = 0;
  /** Consumer sequence of the next delivery. */
  consumerSeq = 0;
  /** Everything up to here is acknowledged. */
  ackFloorStream = 0;
  ackFloorConsumer = 0;
  /** Everything below was checked for interest. */
  checkFloor = 0;
  readonly pending: PendingAcks = new PendingAcks();
  /** Deliveries beyond the first, by stream sequence. */
  readonly redelivered: Map<number, number> = new Map();
  readonly redeliverQueue: RedeliverQueue = new RedeliverQueue();
  skipList: SkipList | null = null;

  /** Messages to come: those that match from `streamSeq` on. */
  pendingCount = 0;
  /** Messages up to this sequence are in `pendingCount`. */
  pendingThrough = 0;

  /** Null for direct consumers, which keep no state. */
  readonly store: ConsumerStore | null;
  /** Waiting pull requests; null in push mode. */
  readonly pulls: PullState | null;
  /** Push: somebody is interested in the deliver subject. */
  active = true;
  /** The consumer does not belong to the stream's account yet, or no longer. */
  started = false;
  /** On the list of consumers whose {@linkcode deliver} comes at the end of the turn. */
  ready = false;
  /** A receiver is crowded; it gets a moment. */
  stalled = false;
  /** Ends that moment. */
  endStall: (() => void) | null = null;
  /** No other moment before the work of a turn is done. */
  ignoreCrowd = false;

  /** Bytes that may be out without an answer to flow control; 0 for no limit. */
  windowBytes = 0;
  windowBytesMax = 0;
  outstandingBytes = 0;
  /** Subject that the outstanding flow control request is answered on; empty for none. */
  flowControlId = "";
  flowControlBytes = 0;

  rateLimit: RateLimit | null = null;
  /** Message that has waited for the rate limit already. */
  ratePaidSeq = 0;
  /** Original timing until the consumer has caught up. */
  replaying = false;
  replayUntilSeq = 0;
  replayLastMs = 0;
  replayPaidSeq = 0;

  /** Client that is pinned; empty for none. */
  pinnedId = "";
  pinnedNs = 0n;

  /** Monotonic ms of the last delivery and acknowledgement; 0 for never. */
  lastDeliveredMs = 0;
  lastAckedMs = 0;
  samplePercent = 0;
  /** How long an acknowledgement may take; 0 where none is expected. */
  ackWaitMs = 0;
  /** In place of it, by the number of deliveries; empty for none. */
  backOffMs: readonly number[] = [];
  /** How long nobody may use the consumer before it is deleted, in ms; 0 for ever. */
  inactiveMs = 0;

  readonly timers: ConsumerTimers = {
    pending: null,
    inactive: null,
    waiting: null,
    heartbeat: null,
    pause: null,
    pin: null,
    delay: null,
  };
  /** Replies of those who want to know that an acknowledgement is safe. */
  ackReplies: string[] = [];
  readonly ackInfo: AckInfo = new AckInfo();
  readonly ackSubject: AckSubjectWriter;
  readonly flowControlPrefix: string;
  readonly message: StoredMsg = new StoredMsg();
  /** Who gets deliveries in push mode, as of the sublist's generation. */
  found: SublistResult<Subscription> | null = null;
  foundGeneration = -1;
  /** Told when interest in the deliver subject comes or goes; null while it listens to none. */
  interestListener: ((hasInterest: boolean) => void) | null = null;
  readonly #state = new FastState();
  readonly #subscriptions: Subscription[] = [];

  constructor(
    readonly stream: Stream,
    /** Text. */
    readonly name: string,
    readonly createdNs: bigint,
    public config: ConsumerConfig,
    store: ConsumerStore | null,
  ) {
    this.js = stream.js;
    this.account = stream.account.account;
    const { clock, loop } = this.js.core.env;
    this.clock = clock;
    this.loop = loop;
    this.store = store;
    this.subjectName = byteStringOfText(name);
    this.address = { account: this.account, stream: stream.name, consumer: name };
    this.pulls = this.isPull ? pullState(config.maxWaiting) : null;
    this.setFilters(filtersOf(config));
    this.setConfig(config);
    const { js } = this;
    const subjects = ackSubjects(this);
    const isV2 = featureFlag(js.options.featureFlags, "js_ack_fc_v2");
    this.ackSubject = new AckSubjectWriter(isV2 ? subjects.ackPrefixV2 : subjects.ackPrefix);
    this.flowControlPrefix = isV2 ? subjects.flowPrefixV2 : subjects.flowPrefix;
  }

  get isDurable(): boolean {
    return this.config.durable !== "";
  }

  get isPull(): boolean {
    return this.config.deliverSubject === "";
  }

  get isPush(): boolean {
    return this.config.deliverSubject !== "";
  }

  get isDirect(): boolean {
    return this.config.direct;
  }

  /** `account > stream > consumer`, as log lines name it. */
  get label(): string {
    return `${textOfByteString(this.account.name)} > ${this.stream.name} > ${this.name}`;
  }

  /** Figures of the stream's store; the object is reused by the next call. */
  streamState(): FastState {
    this.stream.store.fastState(this.#state);
    return this.#state;
  }

  /** Replaces the configuration, and what is derived from it without more ado. */
  setConfig(config: ConsumerConfig): void {
    this.config = config;
    this.samplePercent = samplePercentOf(config);
    this.ackWaitMs = Number(config.ackWait) / 1e6;
    this.backOffMs = config.backOff.map((ns) => Number(ns) / 1e6);
  }

  setFilters(filters: readonly string[]): void {
    this.filters = filters;
    this.filterList = filters.length > 1 ? sublistOf(filters) : null;
  }

  /** Finds again who gets deliveries in push mode. */
  match(target: string): SublistResult<Subscription> {
    const { sublist } = this.account;
    if (this.found === null || this.foundGeneration !== sublist.generation) {
      this.found = sublist.match(target);
      this.foundGeneration = sublist.generation;
    }
    return this.found;
  }

  /** Restores the state, listens to acknowledgements and requests, and begins to deliver. */
  start(): void {
    const { config } = this;
    this.started = true;
    this.redeliverQueue.clear();
    readStoredState(this);
    recountPending(this);
    this.#subscribe();
    if (config.flowControl) setFlowWindow(this);
    if (this.isPush) watchInterest(this);
    startInactivity(this);
    startPause(this);
    if (config.replayPolicy === "original") {
      this.replaying = true;
      this.replayUntilSeq = this.streamState().lastSeq;
    }
    checkPending(this);
    checkAckFloor(this);
    this.signal();
  }

  #subscribe(): void {
    const { config } = this;
    const subjects = ackSubjects(this);
    if (config.ackPolicy !== "none" && config.ackPolicy !== "flow_control") {
      const onAck: InternalHandler = (_subscription, _account, subject, reply, message, headers) =>
        receiveAck(this, subject, reply, message, headers);
      this.#listen(`${subjects.ackPrefix}*.*.*.*.*`, onAck);
      this.#listen(`${subjects.ackPrefixV2}*.*.*.*.>`, onAck);
    }
    const path = `${this.stream.subjectName}.${this.subjectName}`;
    this.#listen(
      `$JS.API.CONSUMER.MSG.NEXT.${path}`,
      (_subscription, _account, _subject, reply, message, headers) =>
        receivePull(this, reply, message, headers),
    );
    this.#listen(
      `$JS.API.CONSUMER.RESET.${path}`,
      (_subscription, _account, _subject, reply, message, headers) =>
        receiveReset(this, reply, message, headers),
    );
    if (!config.flowControl) return;
    const onFlowControl: InternalHandler = (_sub, _account, subject, _reply, message, headers) =>
      receiveFlowControl(this, subject, message, headers);
    this.#listen(`${subjects.flowPrefix}*`, onFlowControl);
    this.#listen(`${subjects.flowPrefixV2}*`, onFlowControl);
  }

  #listen(subject: string, handler: InternalHandler): void {
    this.#subscriptions.push(this.js.client.subscribe(this.account, subject, handler));
  }

  /** Lets {@linkcode deliver} come at the end of the turn. */
  signal(): void {
    if (this.ready || this.closed || !this.started) return;
    this.js.markConsumerReady(this);
  }

  /** A message that matches the filters was stored. */
  onStored(seq: number, _subject: string): void {
    if (!this.started) return;
    if (seq < this.streamSeq) return;
    if (seq > this.pendingThrough) this.pendingCount++;
    if (this.pulls === null ? this.active : !this.pulls.queue.isEmpty) this.signal();
  }

  /** A message that matches the filters left the stream. */
  onRemoved(seq: number, _subject: string): void {
    if (this.started && !this.closed) messageRemoved(this, seq);
  }

  /** Many messages left the stream at once. */
  onBulkRemoval(firstSeq: number, _lastSeq: number): void {
    if (this.started && !this.closed) messagesRemoved(this, firstSeq);
  }

  /**
   * The stream was purged. `firstSeq` is the first message of what was purged that is left, 0
   * for none; `isWider` says that the consumer wants more than what was purged.
   */
  onPurged(firstSeq: number, lastSeq: number, isWider: boolean): void {
    if (this.started && !this.closed) consumerPurged(this, firstSeq, lastSeq, isWider);
  }

  /** Whether message `seq` must stay for this consumer. `subject` may be empty. */
  needsAck(seq: number, subject: string): boolean {
    return messageNeeded(this, seq, subject);
  }

  /** End of the turn: answers acknowledgements and delivers what can be delivered. */
  deliver(): void {
    this.ready = false;
    if (this.closed) return;
    if (this.ackReplies.length > 0) answerAcks(this);
    if (!this.stalled) deliverMessages(this);
  }

  /** Configuration and state. */
  info(): ConsumerInfo {
    return consumerInfo(this);
  }

  /**
   * Takes over a configuration that was checked. Throws ApiError, or an Error whose text says
   * what can not be updated.
   */
  updateConfig(config: ConsumerConfig): void {
    updateConfig(this, config);
  }

  /** Stops deliveries until `untilNs`, or lets them go on with null. */
  pause(untilNs: bigint | null): void {
    pauseConsumer(this, untilNs);
  }

  /**
   * Starts over at stream sequence `seq`, or behind the ack floor with 0. Returns the sequence.
   * Throws Error when the deliver policy does not allow it.
   */
  reset(seq: number): number {
    return resetConsumer(this, seq);
  }

  /** Takes the pin off the client that has it. */
  unpin(group: string): void {
    unpinByAdmin(this, group);
  }

  /** Ends it. `deleteState` removes its files; `advisory` tells that it was deleted. */
  stop(options: { deleteState: boolean; advisory: boolean }): void {
    if (this.closed) return;
    this.closed = true;
    const { js, stream } = this;
    if (options.deleteState) {
      if (options.advisory) js.events.consumerAction(this.address, "delete");
      if (this.pulls !== null) releaseRequests(this);
    }
    this.active = false;
    for (const subscription of this.#subscriptions) {
      js.client.unsubscribe(this.account, subscription);
    }
    this.#subscriptions.length = 0;
    unwatchInterest(this);
    for (const timer of Object.values(this.timers) as (LazyTimer | null)[]) timer?.clear();
    this.endStall?.();
    this.ackReplies.length = 0;
    stream.removeConsumer(this);
    if (options.deleteState && !stream.closed && stream.config.retention === "interest") {
      removeUnneeded(stream, this.ackFloorStream);
    }
    if (this.store === null) return;
    if (options.deleteState) this.store.delete();
    else this.store.stop();
  }
}

/** Effective filters of a configuration, as byte strings. */
export function filtersOf(config: ConsumerConfig): readonly string[] {
  return config.filterSubject === ""
    ? config.filterSubjects
    : [...config.filterSubjects, config.filterSubject];
}

/** Percentage of acknowledgements that are told. */
export function samplePercentOf(config: ConsumerConfig): number {
  return config.sampleFrequency === "" ? 0 : Number.parseInt(config.sampleFrequency, 10);
}

/** Prefixes of the subjects that a consumer is answered on, both forms. */
function ackSubjects(consumer: Consumer) {
  const { js, account, stream } = consumer;
  const domain = byteStringOfText(js.config.domain === "" ? "_" : js.config.domain);
  const hash = shortHash(textOfByteString(account.name));
  const path = `${stream.subjectName}.${consumer.subjectName}.`;
  return {
    ackPrefix: `$JS.ACK.${path}`,
    ackPrefixV2: `$JS.ACK.${domain}.${hash}.${path}`,
    flowPrefix: `$JS.FC.${path}`,
    flowPrefixV2: `$JS.FC.${domain}.${hash}.${path}`,
  };
}
