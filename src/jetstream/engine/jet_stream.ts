/**
 * JetStream of one server: its accounts, what they may use of the machine, and the end of each
 * turn, when streams write and acknowledge and consumers deliver.
 *
 * Reference: jetStream in server/jetstream.go.
 *
 * @module
 */
import { textOfByteString } from "../../base/text/byte_string.ts";
import { goQuote } from "../../base/text/go_format.ts";
import type { Options } from "../../config/mod.ts";
import { type Account, SYSTEM_ACCOUNT } from "../../core/account/account.ts";
import type { Core } from "../../core/core.ts";
import { InternalClient } from "../../core/internal/internal_client.ts";
import {
  API_LEVEL,
  ApiError,
  apiError,
  type ClusterInfo,
  type StorageType,
} from "../../jsapi/mod.ts";
import { isNotFound } from "../../platform/mod.ts";
import type { StoreEnvironment } from "../../store/mod.ts";
import { Api } from "../api/api.ts";
import type { Consumer } from "../consumer/consumer.ts";
import { endRequests } from "../consumer/pulls.ts";
import { Advisories } from "../events/advisories.ts";
import type { Stream } from "../stream/stream.ts";
import { stopStream } from "../stream/stop.ts";
import { storeCipher } from "./encryption.ts";
import { JsAccount } from "./js_account.ts";
import {
  friendlyBytes,
  type JetStreamConfig,
  jetStreamConfig,
  type MachineResources,
} from "./js_config.ts";
import {
  limitTotals,
  resourcesExceeded,
  type ServerReservations,
  type TierLimits,
  unlimitedTiers,
} from "./limits.ts";
import { recoverAccount } from "./recovery.ts";
import { relocateAccounts } from "./relocate.ts";

/** Rounds of streams and consumers at the end of one turn, before sockets have their chance. */
const ROUNDS_MAX = 64;
const RESOURCE_WARNING_MS = 10_000;

/** What JetStream needs to know of its server. */
export interface JetStreamHost {
  readonly core: Core;
  readonly options: Options;
  /** Version that clients are told. */
  readonly version: string;
  readonly serverId: string;
  readonly serverName: string;
  readonly storeEnv: StoreEnvironment;
  readonly machine: MachineResources;
}

/** JetStream cannot start; the message says why. */
export class JetStreamStartError extends Error {
  override readonly name = "JetStreamStartError";
}

/** JetStream of a server. */
export class JetStream implements ServerReservations {
  readonly core: Core;
  readonly client: InternalClient;
  readonly options: Options;
  readonly version: string;
  config: JetStreamConfig;
  readonly storeEnv: StoreEnvironment;
  readonly events: Advisories;
  readonly api: Api;
  /** By the account's name, a byte string. */
  readonly accounts: Map<string, JsAccount> = new Map();
  /** Batches under way in all streams, and the bytes that atomic ones hold. */
  readonly batches = { atomic: 0, fast: 0, stagedBytes: 0 };
  memoryUsed = 0;
  storeUsed = 0;
  memoryReserved = 0;
  storeReserved = 0;
  stopping = false;
  #started = false;
  readonly #listening = new Set<Account>();
  #lastResourceWarningMs = -Infinity;
  #streams: Stream[] = [];
  #consumers: Consumer[] = [];

  constructor(readonly host: JetStreamHost) {
    this.core = host.core;
    this.options = host.options;
    this.version = host.version;
    this.storeEnv = host.storeEnv;
    this.client = new InternalClient(host.core);
    const { log } = host.core.env;
    this.config = jetStreamConfig(host.options, host.machine, (text) => log.warn(text));
    this.events = new Advisories(this.client, this.config.domain, {
      name: host.serverName,
      id: host.serverId,
      cluster: host.options.cluster.name,
    });
    this.api = new Api(this);
  }

  get maxMemory(): number {
    return this.config.maxMemory;
  }

  /** Where snapshots are staged; what a crash left there is of no use. */
  get stagingDirectory(): string {
    return `${this.config.storeDir}/.snap-staging`;
  }

  get maxStore(): number {
    return this.config.maxStore;
  }

  /** Lets JetStream use more of the machine. Sizes in bytes. */
  raiseLimits(more: { jetStreamMaxMemory?: number; jetStreamMaxStore?: number }): void {
    const { jetStreamMaxMemory: maxMemory, jetStreamMaxStore: maxStore } = more;
    this.config = {
      ...this.config,
      maxMemory: maxMemory ?? this.config.maxMemory,
      maxStore: maxStore ?? this.config.maxStore,
    };
  }

  /** Opens all that is stored, and listens. Throws {@linkcode JetStreamStartError}. */
  start(): void {
    const { log, clock } = this.core.env;
    const startedMs = clock.monotonicMs();
    log.notice("Starting JetStream");
    this.#prepareDirectory();
    this.#announce();
    this.core.beforeFlush = () => this.endTurn();
    const limits = this.#configuredLimits();
    this.#started = true;
    for (const account of this.core.accounts.values()) {
      // The system account has no JetStream, and is told so.
      const isSystem = account === this.core.systemAccount;
      const tiers = isSystem ? undefined : limits.get(account.name);
      if (tiers !== undefined) this.#enableConfigured(account, tiers);
      this.#listen(account);
    }
    const tookMs = clock.monotonicMs() - startedMs;
    log.notice(`Took ${tookMs.toFixed(3)}ms to start JetStream`);
  }

  #listen(account: Account): void {
    if (this.#listening.has(account)) return;
    this.#listening.add(account);
    this.api.listen(account);
  }

  #unlisten(account: Account): void {
    if (this.#listening.delete(account)) this.api.unlisten(account);
  }

  /** Turns JetStream of an account off that is no more; its streams stay on disk. */
  async removeAccount(account: Account): Promise<void> {
    this.#unlisten(account);
    if (this.accountOf(account) !== null) await this.disable(account);
  }

  /**
   * Makes JetStream of an account what `limits` say; null turns it off, and its streams stay on
   * disk. Before the start nothing happens. Throws ApiError when the server has not as much.
   */
  async configureAccount(account: Account, limits: TierLimits | null): Promise<void> {
    if (!this.#started || this.stopping || account === this.core.systemAccount) return;
    const own = this.accountOf(account);
    if (limits !== null) {
      try {
        if (own === null) this.enable(account, limits);
        else {
          this.#checkPromised(limits, own);
          own.limits = limits;
        }
      } catch (error) {
        // Who was promised JetStream and cannot have it gets no answer, as where there is none.
        if (own === null) this.#unlisten(account);
        throw error;
      }
    }
    this.#listen(account);
    if (limits === null && own !== null) await this.disable(account);
  }

  /**
   * Takes JetStream from an account; its streams stay on disk. Rejects with ApiError when the
   * account has none.
   */
  async disable(account: Account): Promise<void> {
    const own = this.accountOf(account);
    if (own === null) throw apiError("JSNotEnabledForAccountErr");
    this.accounts.delete(account.name);
    for (const stream of [...own.streams.values()]) {
      await stopStream(stream, { deleteState: false, advisory: false });
    }
  }

  #enableConfigured(account: Account, limits: TierLimits): void {
    try {
      this.enable(account, limits);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      throw new JetStreamStartError(
        `Error enabling jetstream on configured accounts: ${error.message}`,
        { cause: error },
      );
    }
  }

  #prepareDirectory(): void {
    const { disk } = this.storeEnv;
    const { storeDir } = this.config;
    const stat = disk.stat(storeDir);
    if (stat !== null && !stat.isDirectory) {
      throw new JetStreamStartError("storage directory is not a directory");
    }
    try {
      relocateAccounts(this);
      disk.makeDirs(storeDir);
      const probe = `${storeDir}/_test_${this.core.env.random.below(1 << 30)}`;
      disk.writeFile(probe, new Uint8Array(0));
      disk.remove(probe);
      disk.removeTree(this.stagingDirectory);
    } catch (cause) {
      const text = stat === null
        ? `could not create storage directory - ${(cause as Error).message}`
        : "storage directory is not writable";
      throw new JetStreamStartError(text, { cause });
    }
  }

  #announce(): void {
    const { log } = this.core.env;
    const { config, options } = this;
    if (!options.disableJetStreamBanner) {
      log.notice("    _ ___ _____ ___ _____ ___ ___   _   __  __");
      log.notice(" _ | | __|_   _/ __|_   _| _ \\ __| /_\\ |  \\/  |");
      log.notice("| || | _|  | | \\__ \\ | | |   / _| / _ \\| |\\/| |");
      log.notice(" \\__/|___| |_| |___/ |_| |_|_\\___/_/ \\_\\_|  |_|");
      log.notice("");
      log.notice("         https://docs.nats.io/jetstream");
      log.notice("");
    }
    log.notice("---------------- JETSTREAM ----------------");
    if (config.strict) log.notice("  Strict:          true");
    log.notice(`  Max Memory:      ${friendlyBytes(config.maxMemory)}`);
    log.notice(`  Max Storage:     ${friendlyBytes(config.maxStore)}`);
    log.notice(`  Store Directory: ${goQuote(config.storeDir)}`);
    if (config.domain !== "") log.notice(`  Domain:          ${config.domain}`);
    if (options.jetStreamKey !== "") {
      log.notice(`  Encryption:      ${storeCipher(options.jetStreamCipher)}`);
    }
    log.notice(`  API Level:       ${API_LEVEL}`);
    log.notice("-------------------------------------------");
  }

  /** Limits of each account that has JetStream, by name. */
  #configuredLimits(): Map<string, TierLimits> {
    const { accounts } = this.options;
    const limits = new Map<string, TierLimits>();
    if (this.core.operators !== null) {
      for (const { name, trust } of this.core.accounts.values()) {
        if (trust !== null && trust.jetStream !== null) limits.set(name, trust.jetStream);
      }
      return limits;
    }
    const declared = accounts.filter(({ name }) => name !== SYSTEM_ACCOUNT);
    if (declared.length === 0) limits.set(this.core.globalAccount.name, unlimitedTiers());
    for (const { name, jetStream } of declared) {
      if (jetStream !== null) limits.set(name, new Map([["", { ...jetStream }]]));
    }
    return limits;
  }

  /**
   * Gives an account of the server JetStream and opens its streams. Throws ApiError when the
   * server has not as much as all accounts together may use.
   */
  enable(account: Account, limits: TierLimits): JsAccount {
    if (this.core.accounts.get(account.name) !== account) {
      throw new JetStreamStartError("jetstream account not registered");
    }
    if (account === this.core.systemAccount) {
      throw new JetStreamStartError("jetstream can not be enabled on the system account");
    }
    this.#checkPromised(limits);
    const own = new JsAccount(this, account, limits);
    this.accounts.set(account.name, own);
    this.core.env.log.debug(`Enabled JetStream for account "${textOfByteString(account.name)}"`);
    recoverAccount(own);
    return own;
  }

  /** Checks that `limits` can be promised to one more account, or to `own` in place of its own. */
  #checkPromised(limits: TierLimits, own: JsAccount | null = null): void {
    const { memory, store } = limitTotals(limits);
    let promisedMemory = 0;
    let promisedStore = 0;
    for (const account of this.accounts.values()) {
      if (account === own) continue;
      const totals = limitTotals(account.limits);
      promisedMemory += totals.memory;
      promisedStore += totals.store;
    }
    if (Math.max(this.memoryReserved, promisedMemory) + memory > this.maxMemory) {
      throw resourcesExceeded("memory");
    }
    if (Math.max(this.storeReserved, promisedStore) + store > this.maxStore) {
      throw resourcesExceeded("file");
    }
  }

  /** JetStream of an account, or null when it has none. */
  accountOf(account: Account): JsAccount | null {
    return this.accounts.get(account.name) ?? null;
  }

  /** Reserves what a stream may use at most; -1 reserves nothing. */
  reserve(storage: StorageType, bytes: number): void {
    if (bytes <= 0) return;
    if (storage === "memory") this.memoryReserved += bytes;
    else this.storeReserved += bytes;
  }

  release(storage: StorageType, bytes: number): void {
    if (bytes <= 0) return;
    if (storage === "memory") this.memoryReserved -= bytes;
    else this.storeReserved -= bytes;
  }

  /** Whether the server's memory or disk for JetStream is used up. */
  limitsExceeded(storage: StorageType): boolean {
    return storage === "memory" ? this.memoryUsed > this.maxMemory : this.storeUsed > this.maxStore;
  }

  /** Tells the operator, at most every ten seconds, that no more fits. */
  warnResourcesExceeded(storage: StorageType): void {
    const nowMs = this.core.env.clock.monotonicMs();
    if (nowMs - this.#lastResourceWarningMs < RESOURCE_WARNING_MS) return;
    this.#lastResourceWarningMs = nowMs;
    this.core.env.log.error(`JetStream ${storage} resource limits exceeded for server`);
  }

  /** Where streams and consumers live: here. */
  clusterInfo(): ClusterInfo {
    return {
      name: this.options.cluster.name,
      raftGroup: "",
      leader: this.host.serverName,
      leaderSince: null,
      systemAcc: false,
      trafficAcc: "",
      replicas: [],
    };
  }

  /** The stream has something to write or to acknowledge at the end of the turn. */
  markStreamDirty(stream: Stream): void {
    if (stream.dirty) return;
    stream.dirty = true;
    this.#streams.push(stream);
    this.core.scheduleFlush();
  }

  /** The consumer has something to deliver at the end of the turn. */
  markConsumerReady(consumer: Consumer): void {
    if (consumer.ready) return;
    consumer.ready = true;
    this.#consumers.push(consumer);
    this.core.scheduleFlush();
  }

  /**
   * Streams write and acknowledge, then consumers deliver, until there is nothing more to do or
   * sockets should have their chance.
   */
  endTurn(): void {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      if (this.#streams.length === 0 && this.#consumers.length === 0) return;
      const streams = this.#streams;
      this.#streams = [];
      for (let i = 0; i < streams.length; i++) streams[i]!.endTurn();
      const consumers = this.#consumers;
      this.#consumers = [];
      for (let i = 0; i < consumers.length; i++) {
        const consumer = consumers[i]!;
        consumer.ready = false;
        if (!consumer.closed) consumer.deliver();
      }
    }
    this.core.env.loop.nextTurn(() => {
      if (!this.stopping) this.core.scheduleFlush();
    });
  }

  /** Tells the pull requests that wait that the server ends; false when there are none. */
  signalPullConsumers(): boolean {
    let told = false;
    for (const { streams } of this.accounts.values()) {
      for (const { consumers } of streams.values()) {
        for (const consumer of consumers.values()) {
          if (consumer.pulls !== null && endRequests(consumer, "409 Server Shutdown")) told = true;
        }
      }
    }
    return told;
  }

  /** Ends all streams; their data stays. */
  async stop(): Promise<void> {
    if (this.stopping) return;
    this.core.env.log.notice("Initiating JetStream Shutdown...");
    this.endTurn();
    this.stopping = true;
    this.api.stop();
    const streams = [...this.accounts.values()].flatMap(({ streams }) => [...streams.values()]);
    const failures: unknown[] = [];
    for (const stream of streams) {
      try {
        await stopStream(stream, { deleteState: false, advisory: false });
      } catch (error) {
        failures.push(error);
      }
    }
    this.core.beforeFlush = null;
    for (const failure of failures) {
      this.core.env.log.error(`JetStream shutdown: ${(failure as Error).message}`);
    }
    this.core.env.log.notice("JetStream Shutdown");
  }

  /** Entries of a directory; none when it is missing. */
  entries(path: string): string[] {
    try {
      return this.storeEnv.disk.list(path).map(({ name }) => name);
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  }
}
