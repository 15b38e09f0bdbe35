/**
 * An account: a subject space of its own with the connections bound to it.
 *
 * Reference: server/accounts.go.
 *
 * @module
 */
import { type AccountLimits, type Permissions, unlimitedAccount } from "../../config/mod.ts";
import { Sublist, type SublistOptions, type SublistResult } from "../../sublist/mod.ts";
import type { Connection } from "../connection/connection.ts";
import type { Subscription } from "../connection/subscription.ts";
import type { Core } from "../core.ts";
import type { AccountTrust } from "./account_trust.ts";
import { AccountExports } from "./exports.ts";
import type { ServiceImport, StreamImport } from "./imports.ts";
import type { RemoteConnections } from "./remote_connections.ts";
import { ServiceReplies, type ServiceReply } from "./service_replies.ts";
import { addShadowSubscriptions, removeShadowSubscriptions } from "./shadow_subscriptions.ts";

/** Name of the account of everybody without one. */
export const GLOBAL_ACCOUNT = "$G";
/** Name of the default system account. */
export const SYSTEM_ACCOUNT = "$SYS";

/** Finds where messages of mapped subjects go. */
export interface SubjectMapper {
  /** The mapped subject, null when `subject` is not mapped, empty when the message is lost. */
  map(subject: string): string | null;
  /** What is mapped where, for monitoring; subjects are byte strings. */
  describe(): {
    source: string;
    destinations: { subject: string; weight: number; cluster: string }[];
  }[];
}

/** Gives accounts what each of them has; only once they are used, since there may be thousands. */
export interface AccountSetUp {
  /** Subscriptions that the account gets. */
  readonly subscriptionCount: number;
  setUp(account: Account): void;
}

/** Tells other servers of the interest that an account has. */
export interface InterestSink {
  /** `subscription` has come, or gone when `delta` is negative; its size counts queue members. */
  interestChanged(account: Account, subscription: Subscription, delta: number): void;
}

/** One account. */
export class Account {
  readonly sublist: Sublist<Subscription>;
  readonly connections: Set<Connection> = new Set();
  /** Connections to hubs and leaf nodes, which are not in `connections`; null before the first. */
  leafs: Set<Connection> | null = null;
  /** Hears of interest that comes and goes; null while nobody has to. */
  interest: InterestSink | null = null;
  /** Connections on other servers; null while none was reported. */
  remote: RemoteConnections | null = null;
  limits: AccountLimits = unlimitedAccount();
  defaultPermissions: Permissions | null = null;
  /** Null while the account has no mappings. */
  mapper: SubjectMapper | null = null;
  inMsgs = 0;
  inBytes = 0;
  outMsgs = 0;
  outBytes = 0;
  slowConsumers = 0;
  totalConnections = 0;
  /** When the account was last changed, ms since the epoch. */
  updatedMs = 0;
  /** Where messages with a trace context of W3C are traced to, a byte string; empty is nowhere. */
  traceDestination = "";
  /** Percentage of those messages that is traced, 1 to 100. */
  traceSampling = 100;
  /** How events and monitoring call the account, a byte string; operators may tag accounts. */
  nameTag: string;
  /** What the account's JWT says; null without operator mode. */
  trust: AccountTrust | null = null;
  streamImports: StreamImport[] = [];
  serviceImports: ServiceImport[] = [];
  #used = false;
  #setUp: AccountSetUp | null = null;
  // Most accounts have neither, and there may be many.
  #exports: AccountExports | null = null;
  #replies: ServiceReplies | null = null;

  constructor(readonly name: string, options: SublistOptions<Subscription>) {
    this.nameTag = name;
    this.sublist = new Sublist<Subscription>(options);
  }

  /** True when no further connection may bind. */
  get connectionsExhausted(): boolean {
    const { maxConnections } = this.limits;
    return maxConnections >= 0 &&
      this.connections.size + (this.remote?.clients ?? 0) >= maxConnections;
  }

  /** Takes in the connection of a leaf node; false when the account has as many as it may. */
  addLeaf(connection: Connection): boolean {
    const leafs = this.leafs ??= new Set();
    const { maxLeafNodes } = this.limits;
    const count = leafs.size + (this.remote?.leafNodes ?? 0);
    if (maxLeafNodes >= 0 && count >= maxLeafNodes) return false;
    leafs.add(connection);
    return true;
  }

  /** What other accounts may import. */
  get exports(): AccountExports {
    return this.#exports ??= new AccountExports();
  }

  /** Whether the account exports anything. */
  get hasExports(): boolean {
    return this.#exports !== null &&
      this.#exports.streams.size + this.#exports.services.size > 0;
  }

  /** Replies between services and requesters of different accounts. */
  replies(core: Core): ServiceReplies {
    return this.#replies ??= new ServiceReplies(core, this);
  }

  /** Replies that services of the account owe to requesters of other accounts. */
  get owedReplies(): Iterable<ServiceReply> {
    return this.#replies?.all() ?? [];
  }

  /** The reply that is owed under `subject`, or undefined. */
  owedReply(subject: string): ServiceReply | undefined {
    return this.#replies?.find(subject);
  }

  /** Has `by` set up the account, at once or before it is used for the first time. */
  setUpWhenUsed(by: AccountSetUp): void {
    if (this.#used) by.setUp(this);
    else this.#setUp = by;
  }

  /** To be called before the account is used or described. */
  use(): void {
    if (this.#used) return;
    this.#used = true;
    this.#setUp?.setUp(this);
    this.#setUp = null;
  }

  /** Subscriptions of the account, with those that it gets when it is used. */
  get subscriptionCount(): number {
    return this.sublist.count + (this.#setUp?.subscriptionCount ?? 0);
  }

  /**
   * Makes a subscription match, here and where streams are imported from. False when its subject is
   * no valid one.
   */
  insert(subscription: Subscription): boolean {
    this.use();
    const valid = this.sublist.insert(subscription);
    if (valid) this.interest?.interestChanged(this, subscription, subscription.queueWeight);
    if (this.streamImports.length > 0) addShadowSubscriptions(this, subscription);
    return valid;
  }

  /** Takes a subscription out again. */
  remove(subscription: Subscription): void {
    this.sublist.remove(subscription);
    this.onRemoved(subscription);
  }

  /** Cleans up behind a subscription that the sublist has no more. */
  onRemoved(subscription: Subscription): void {
    this.interest?.interestChanged(this, subscription, -subscription.queueWeight);
    if (subscription.shadows !== null) removeShadowSubscriptions(subscription);
    this.#replies?.onInterestLost(subscription.subject);
  }

  /** Stops timers. */
  stop(): void {
    this.#replies?.stop();
  }

  match(subject: string): SublistResult<Subscription> {
    return this.sublist.match(subject);
  }
}
