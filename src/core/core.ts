/**
 * What the connections of one server share: accounts, totals, and the end of the turn.
 *
 * @module
 */
import { shortHash } from "../base/crypto/short_hash.ts";
import type { Options } from "../config/mod.ts";
import { ServerKeys } from "../identity/mod.ts";
import type {
  Clock,
  Logger,
  Loop,
  PasswordChecker,
  Random,
  TimerHandle,
  TlsState,
} from "../platform/mod.ts";
import { emptyInfo, type Info } from "../protocol/mod.ts";
import { MatchScratch } from "../sublist/mod.ts";
import { Account, GLOBAL_ACCOUNT, SYSTEM_ACCOUNT } from "./account/account.ts";
import type { AccountSource } from "./auth/account_source.ts";
import type { ClientAuthentication } from "./auth/client_authentication.ts";
import type { NamedServer } from "./connection/client_info.ts";
import type { ClientEvents } from "./connection/client_events.ts";
import type { Connection, ConnectionKind } from "./connection/connection.ts";
import type { MessageTrace } from "./trace/message_trace.ts";
import { InternalClient } from "./internal/internal_client.ts";
import { SlabPool } from "./connection/outbound.ts";
import type { Subscription } from "./connection/subscription.ts";

/** The outside world of a core. */
export interface CoreEnvironment {
  readonly clock: Clock;
  readonly loop: Loop;
  readonly random: Random;
  readonly log: Logger;
  readonly passwords: PasswordChecker;
  /** Decides about clients in place of configured users. */
  readonly authenticate?: ClientAuthentication | undefined;
}

/** How many connections of each kind. */
export type KindCounts = Record<ConnectionKind, number>;

function noneOfAnyKind(): KindCounts {
  return { client: 0, route: 0, gateway: 0, leafnode: 0 };
}

/** Totals of a server. */
export class CoreStats {
  inMsgs = 0;
  inBytes = 0;
  outMsgs = 0;
  outBytes = 0;
  inClientMsgs = 0;
  inClientBytes = 0;
  outClientMsgs = 0;
  outClientBytes = 0;
  slowConsumers = 0;
  readonly slowConsumersByKind: KindCounts = noneOfAnyKind();
  staleConnections = 0;
  readonly staleConnectionsByKind: KindCounts = noneOfAnyKind();
  stalls = 0;
}

const RATE_LIMITED_TEXTS_MAX = 10_000;
const RATE_LIMIT_DEFAULT_MS = 60_000;

/** The message core of one server. */
export class Core {
  readonly stats: CoreStats = new CoreStats();
  readonly pool: SlabPool = new SlabPool();
  readonly accounts: Map<string, Account> = new Map();
  /** The server as a client of its accounts. */
  readonly internal: InternalClient = new InternalClient(this);
  readonly globalAccount: Account;
  /** Null with `no_system_account`. */
  systemAccount: Account | null = null;
  /** Whom clients become where only the system account has users; empty elsewhere. */
  openUser = "";
  /** What the server tells clients of itself. */
  info: Info = emptyInfo();
  /** What the server signs and encrypts with. */
  readonly keys: ServerKeys = new ServerKeys();
  /** The ways from a verified client's certificate to trusted ones, as DER; null without TLS. */
  verifiedChains: ((state: TlsState) => Uint8Array[][]) | null = null;
  /** What others call this server. */
  server: NamedServer = { name: "", cluster: "" };
  /** Short for the server's name, in subjects. */
  serverHash = "";
  /** What is being delivered holds secrets, which protocol traces leave out. */
  hidesPayloads = false;
  /** Connections to hubs and leaf nodes that subscriptions may belong to. */
  leafCount = 0;
  /** The trace of the message that is being delivered, or null. */
  trace: MessageTrace | null = null;
  /** The accounts of trusted operators; null without operator mode. */
  operators: AccountSource | null = null;
  /** Hears of clients; null without a system account. */
  events: ClientEvents | null = null;
  /** How this server names itself in events, ready for JSON; null without a system account. */
  describeServer: (() => unknown) | null = null;
  /** Monotonic milliseconds of this turn; read again at each read batch. */
  turnMs: number;
  /** A receiver with so much pending that whoever writes to it should pause for a moment. */
  crowded: Connection | null = null;
  /** How long the same rate-limited log line is held back. */
  rateLimitMs: number = RATE_LIMIT_DEFAULT_MS;
  /** Of all accounts' sublists, which there may be thousands of. */
  readonly #scratch: MatchScratch<Subscription> = new MatchScratch();
  #dirty: Connection[] = [];
  #spare: Connection[] = [];
  #flushScheduled = false;
  readonly #writing = new Set<Connection>();
  #sweep: TimerHandle | null = null;
  readonly #flushDirty = (): void => this.flushDirty();
  readonly #rateLimited = new Map<string, number>();

  constructor(readonly options: Options, readonly env: CoreEnvironment) {
    this.turnMs = env.clock.monotonicMs();
    this.globalAccount = this.addAccount(GLOBAL_ACCOUNT);
  }

  /** Finds or makes an account. */
  addAccount(name: string): Account {
    let account = this.accounts.get(name);
    if (account === undefined) {
      account = new Account(name, {
        cache: !this.options.noSublistCache,
        hashSeed: this.env.random.below(2 ** 30),
        scratch: this.#scratch,
      });
      account.updatedMs = this.env.clock.nowMs();
      this.accounts.set(name, account);
      this.events?.accountAdded(account);
    }
    return account;
  }

  /** Says what the server is called. */
  identify(server: NamedServer): void {
    this.server = server;
    this.serverHash = shortHash(server.name);
  }

  /** Makes the account of the server's own traffic. */
  setSystemAccount(name: string = SYSTEM_ACCOUNT): void {
    this.systemAccount = this.addAccount(name);
  }

  /** Work of the end of the turn that comes before sockets are written; null for none. */
  beforeFlush: (() => void) | null = null;

  /** Makes the end of the turn come although no connection is dirty. */
  scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.env.loop.endOfTurn(this.#flushDirty);
  }

  /** Puts a connection on the list that is flushed at the end of the turn. */
  markDirty(connection: Connection): void {
    connection.out.dirty = true;
    this.#dirty.push(connection);
    this.scheduleFlush();
  }

  /** Ends the turn: first {@linkcode beforeFlush}, then each dirty connection's slab is written. */
  flushDirty(): void {
    this.#flushScheduled = true;
    if (this.beforeFlush !== null) this.beforeFlush();
    this.#flushScheduled = false;
    const dirty = this.#dirty;
    this.#dirty = this.#spare;
    for (let i = 0; i < dirty.length; i++) {
      const connection = dirty[i]!;
      connection.out.dirty = false;
      connection.lastActivityMs = this.turnMs;
      connection.out.flush();
      if (connection.out.writeStartedMs !== 0) this.#watch(connection);
    }
    dirty.length = 0;
    this.#spare = dirty;
  }

  /** The connection has nothing in flight any more. */
  writeFinished(connection: Connection): void {
    this.#writing.delete(connection);
  }

  #watch(connection: Connection): void {
    this.#writing.add(connection);
    if (this.#sweep !== null) return;
    const intervalMs = Math.min(250, Math.max(5, this.options.writeDeadlineMs / 4));
    this.#sweep = this.env.loop.setTimer(() => this.#sweepWrites(), intervalMs);
  }

  #sweepWrites(): void {
    this.#sweep = null;
    const nowMs = this.env.clock.monotonicMs();
    for (const connection of this.#writing) {
      const startedMs = connection.out.writeStartedMs;
      if (startedMs === 0 || connection.closed) this.#writing.delete(connection);
      else if (nowMs - startedMs >= connection.writeDeadlineMs) {
        connection.onWriteDeadline(nowMs);
      }
    }
    const first = this.#writing.values().next().value;
    if (first !== undefined) this.#watch(first);
  }

  /** True the first time in `rateLimitMs` that `text` is to be logged. */
  mayLog(text: string): boolean {
    const nowMs = this.env.clock.monotonicMs();
    const lastMs = this.#rateLimited.get(text);
    if (lastMs !== undefined && nowMs - lastMs < this.rateLimitMs) return false;
    if (this.#rateLimited.size >= RATE_LIMITED_TEXTS_MAX) this.#rateLimited.clear();
    this.#rateLimited.set(text, nowMs);
    return true;
  }

  /** Logs a warning at most once in `rateLimitMs` for the same `key`. */
  rateLimitedWarn(text: string, key: string = text): void {
    if (this.mayLog(key)) this.env.log.warn(text);
  }

  /** Stops timers. */
  stop(): void {
    if (this.#sweep !== null) this.env.loop.clearTimer(this.#sweep);
    this.#sweep = null;
    for (const account of this.accounts.values()) account.stop();
  }
}
