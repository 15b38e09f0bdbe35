/**
 * What every stream and consumer store offers (reference: store.go StreamStore, ConsumerStore).
 *
 * Subjects and filters are byte strings. Calls are synchronous: when one returns, the change is
 * visible to every later call. Whether it is on disk is the subject of `flushAllPending` and
 * `sync`. Failures throw {@linkcode StoreError}; what is simply not there is a return value.
 *
 * @module
 */
import type { SimpleSublist } from "../base/containers/gsl/mod.ts";
import type { HighwayHash } from "../base/crypto/mod.ts";
import type { Clock, Disk, Logger, Loop, Random } from "../platform/mod.ts";
import type { ConsumerStoreConfig, StreamStoreConfig } from "./config.ts";
import type { DeleteBlock } from "./delete_blocks.ts";
import type { LoadCode, StoredMsg } from "./stored_msg.ts";
import { Timestamp } from "./timestamp.ts";

/** The outside world of a store; one object serves all stores of a server. */
export interface StoreEnvironment {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly loop: Loop;
  readonly random: Random;
  readonly log: Logger;
  /** Shared by all stores: its calls are synchronous steps. */
  readonly hasher: HighwayHash;
}

/** First and last sequence and count of a subject or filter. */
export interface SimpleState {
  msgs: number;
  first: number;
  last: number;
}

/** Messages that damage has cost. */
export interface LostStreamData {
  /** Known sequences, ascending. */
  msgs: number[];
  /** Size of the records, or of the unreadable range. */
  bytes: number;
}

/** Figures of a stream that are cheap to get. */
export class FastState {
  msgs = 0;
  bytes = 0;
  firstSeq = 0;
  readonly firstTime: Timestamp = new Timestamp();
  lastSeq = 0;
  readonly lastTime: Timestamp = new Timestamp();
  numSubjects = 0;
  numDeleted = 0;
  consumers = 0;
}

/** All figures of a stream; times are 0n when there is none. */
export interface StreamState {
  msgs: number;
  bytes: number;
  firstSeq: number;
  firstTimeNs: bigint;
  lastSeq: number;
  lastTimeNs: bigint;
  numSubjects: number;
  numDeleted: number;
  /** Interior deletes, ascending; empty when there are none. */
  deleted: number[];
  lost: LostStreamData | null;
  consumers: number;
}

/** Result of a pending count. */
export interface PendingCount {
  total: number;
  /** The last sequence that the count took into account. */
  validThrough: number;
}

/** Told about each change: differences of messages and bytes, and one sequence and subject or 0. */
export type StorageUpdateHandler = (
  msgs: number,
  bytes: number,
  seq: number,
  subject: string,
) => void;
/** Asked to remove an expired message through the stream. */
export type RemoveMsgHandler = (seq: number) => void;
/** Given a message that the store wants stored: a delete marker or a scheduled message. */
export type ProcessMsgHandler = (
  msg: { subject: string; headers: Uint8Array; payload: Uint8Array },
) => void;

/** A stream snapshot under way. */
export interface SnapshotResult {
  /** Chunks of the compressed tar archive; `return()` ends the snapshot early. */
  readonly chunks: AsyncIterableIterator<Uint8Array>;
  readonly state: FastState;
}

/** What goes into a snapshot. */
export interface SnapshotOptions {
  /** Verify all messages first; throws `bad_msg`. */
  readonly checkMsgs: boolean;
  readonly includeConsumers: boolean;
  /** After this long reading it throws `snapshot_timeout`; absent: no limit. */
  readonly deadlineMs?: number;
}

/** Storage of one stream. */
export interface StreamStore {
  readonly type: "file" | "memory";
  /** Stores a message with the next sequence and the current time; returns the sequence. */
  storeMsg(subject: string, headers: Uint8Array, payload: Uint8Array, ttlSec: number): number;
  /**
   * Stores a message with the given time and sequence, which must be the next one, or 0 for the
   * next one. `headers` and `payload` are borrowed. Returns the sequence.
   */
  storeRawMsg(
    subject: string,
    headers: Uint8Array,
    payload: Uint8Array,
    seq: number,
    tsHigh: number,
    tsLow: number,
    ttlSec: number,
    discardNewCheck: boolean,
  ): number;
  /** Uses up the next sequence (`seq` must be it, or 0) as deleted; returns it. */
  skipMsg(seq: number): number;
  /** Like {@linkcode skipMsg}, and sets the time of the last message to now. */
  skipMsgNoInterest(seq: number): number;
  /** Uses up `count` sequences as deleted. */
  skipMsgs(seq: number, count: number): void;
  /** Hands all buffered data to the operating system. */
  flushAllPending(): void;
  /** Resolves once everything stored before the call is durable. */
  sync(): Promise<void>;
  /** Loads a message; `seq` 0 means the first. */
  loadMsg(seq: number, out: StoredMsg): LoadCode;
  /** Loads the first message at or after `start` that matches; "" matches all. */
  loadNextMsg(filter: string, start: number, out: StoredMsg): LoadCode;
  /** The same for several filters; null matches all. */
  loadNextMsgMulti(filters: SimpleSublist | null, start: number, out: StoredMsg): LoadCode;
  /** Loads the last message that matches `subject`. */
  loadLastMsg(subject: string, out: StoredMsg): LoadCode;
  /** Loads the last message at or before `start` that matches. */
  loadPrevMsg(filter: string, start: number, out: StoredMsg): LoadCode;
  /** The same for several filters; null matches all. */
  loadPrevMsgMulti(filters: SimpleSublist | null, start: number, out: StoredMsg): LoadCode;
  /** Removes a message; false when it was gone already. Throws `eof` and `not_found`. */
  removeMsg(seq: number): boolean;
  /** Removes a message and overwrites its content. */
  eraseMsg(seq: number): boolean;
  /** Removes everything; returns the number of messages. */
  purge(): number;
  /** Removes what matches `subject` below `seq` (0: all) except the last `keep`. */
  purgeEx(subject: string, seq: number, keep: number): number;
  /** Removes everything below `seq`; returns the number of messages. */
  compact(seq: number): number;
  /** Removes everything above `seq`; 0 empties the stream and starts over. */
  truncate(seq: number): void;
  /** The first sequence stored at or after a time. */
  seqFromTimeNs(timeNs: bigint): number;
  filteredState(seq: number, subject: string): SimpleState;
  /** State of each subject that matches. */
  subjectsState(filter: string): Map<string, SimpleState>;
  /** Messages of each subject that matches. */
  subjectsTotals(filter: string): Map<string, number>;
  /** Last sequence of each subject, ascending. */
  allLastSeqs(): number[];
  /**
   * Last sequence of each subject that matches, at or below `maxSeq` (0: no bound), ascending.
   * Throws `too_many_results` above `maxAllowed` (0: no limit).
   */
  multiLastSeqs(filters: readonly string[], maxSeq: number, maxAllowed: number): number[];
  /** Subject of a message, or null. */
  subjectForSeq(seq: number): string | null;
  numPending(seq: number, filter: string, lastPerSubject: boolean): PendingCount;
  numPendingMulti(
    seq: number,
    filters: SimpleSublist | null,
    lastPerSubject: boolean,
  ): PendingCount;
  state(): StreamState;
  fastState(out: FastState): void;
  /** The replicated form of the state; `failed` counts messages refused since. */
  encodedStreamState(failed: number): Uint8Array;
  /** Removes what a replica has deleted. */
  syncDeleted(blocks: readonly DeleteBlock[]): void;
  registerStorageUpdates(handler: StorageUpdateHandler | null): void;
  registerStorageRemoveMsg(handler: RemoveMsgHandler | null): void;
  registerProcessMsg(handler: ProcessMsgHandler | null): void;
  updateConfig(config: StreamStoreConfig): void;
  /** Adds or finds the store of consumer `name`. */
  consumerStore(name: string, createdNs: bigint, config: ConsumerStoreConfig): ConsumerStore;
  addConsumer(store: ConsumerStore): void;
  removeConsumer(store: ConsumerStore): void;
  /** Starts a snapshot in the reference's format; one at a time. Throws `snapshot_in_progress`. */
  snapshot(options: SnapshotOptions): SnapshotResult;
  /** Bytes used by the storage and bytes of live messages. */
  utilization(): { total: number; reported: number };
  /** Forgets what is in flight, after a change of leader. */
  resetState(): void;
  /** Why nothing is written any more, or null. */
  writeError(): Error | null;
  /** Stops and removes all data. */
  delete(): Promise<void>;
  /** Stops and keeps the data. Throws `closed` when it was stopped before. */
  stop(): Promise<void>;
}

/** A sequence of the consumer and the stream sequence it belongs to. */
export interface SequencePair {
  consumer: number;
  stream: number;
}

/** A delivered message without its acknowledgement. */
export interface PendingAck {
  /** Consumer sequence of the first delivery. */
  sequence: number;
  /** Time of the last delivery in nanoseconds, upper and lower half. */
  tsHigh: number;
  tsLow: number;
}

/** State of a consumer. */
export interface ConsumerState {
  delivered: SequencePair;
  ackFloor: SequencePair;
  /** By stream sequence; null when there are none. */
  pending: Map<number, PendingAck> | null;
  /** Redeliveries by stream sequence; null when there are none. */
  redelivered: Map<number, number> | null;
}

/** Storage of one consumer's state. */
export interface ConsumerStore {
  readonly type: "file" | "memory";
  /** Sets the starting point of a new consumer. */
  setStarting(streamSeq: number): void;
  /** Moves the starting point forward. */
  updateStarting(streamSeq: number): void;
  /** Forgets everything and starts over. */
  reset(streamSeq: number): void;
  hasState(): boolean;
  /** Notes a delivery; `deliveryCount` 1 is the first. Throws `no_ack_policy`. */
  updateDelivered(
    consumerSeq: number,
    streamSeq: number,
    deliveryCount: number,
    tsHigh: number,
    tsLow: number,
  ): void;
  /** Notes an acknowledgement. Throws `no_ack_policy` and `not_found`. */
  updateAcks(consumerSeq: number, streamSeq: number): void;
  removeRedeliveredBelow(streamSeq: number): void;
  updateConfig(config: ConsumerStoreConfig): void;
  /** Replaces the state unless it is older. Throws `old_update`. */
  update(state: ConsumerState): void;
  /** Replaces the state. */
  forceUpdate(state: ConsumerState): void;
  /** A copy of the state. */
  state(): ConsumerState;
  /** The state itself, to be read before the next call. */
  borrowState(): ConsumerState;
  encodedState(): Uint8Array;
  /**
   * Hands the state to the operating system at once, and with `sync_interval: always` to the
   * disk. Throws what the system says.
   */
  flush(): void;
  stop(): void;
  delete(): void;
  /** The stream goes away with all its files. */
  streamDelete(): void;
}
