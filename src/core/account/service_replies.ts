/**
 * The replies that services of an account still owe to requesters in other accounts.
 *
 * A request that crosses to the exporter carries a reply subject of the server's own,
 * `_R_.<account>.<request>`. The exporter's side remembers where the reply really goes; the
 * importer's side remembers which replies a subject waits for, to forget them when nobody listens
 * to it any more.
 *
 * Reference: addRespServiceImport, removeRespServiceImport, checkForReverseEntry,
 * checkExpiredResponses and newServiceReply in server/accounts.go.
 *
 * @module
 */
import type { ServiceResponseType } from "../../config/mod.ts";
import type { TimerHandle } from "../../platform/mod.ts";
import { subjectHasWildcard, subjectIsSubsetMatch } from "../../subject/mod.ts";
import type { Connection } from "../connection/connection.ts";
import { Subscription } from "../connection/subscription.ts";
import type { Core } from "../core.ts";
import type { Account } from "./account.ts";
import type { LatencyTracking, ServiceExport } from "./exports.ts";
import { reportLostInterest, reportServiceFailure } from "./service_latency.ts";

const REPLY_PREFIX = "_R_.";
const ACCOUNT_TOKEN_LENGTH = 6;
const REQUEST_TOKEN_LENGTH = 6;
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** What is measured of one request. */
export interface TrackedRequest {
  readonly latency: LatencyTracking;
  /** Who asked; null once the measurement was sent. */
  requester: Connection | null;
  /** Headers because of which the request is measured. */
  readonly header: Record<string, string[]> | null;
}

/** What a request says about its replies. */
export interface ReplyTerms {
  readonly service: ServiceExport | null;
  readonly share: boolean;
  readonly responseType: ServiceResponseType;
  /** The latency is measured, which the subject shows. */
  readonly tracking: boolean;
}

/** Who waits for a reply: the account and the subject that it listens to. */
export interface Requester {
  readonly account: Account;
  readonly subject: string;
}

/** Whether `subject` is one for replies to other accounts. */
export function isServiceReply(subject: string): boolean {
  return subject.startsWith(REPLY_PREFIX);
}

/**
 * Who gets what is sent to `subject` in `account` in the end, through all accounts on the way; null
 * when it is not a subject for replies to other accounts.
 */
export function requesterOf(account: Account, subject: string): Requester | null {
  if (!isServiceReply(subject)) return null;
  let requester: Requester = { account, subject };
  for (;;) {
    const owed = requester.account.owedReply(requester.subject);
    if (owed === undefined) return requester;
    requester = { account: owed.importer, subject: owed.reply };
  }
}

/** Why a reply is not waited for any more. */
export type ReplyEnd = "done" | "no delivery" | "timeout";

/** One reply, or a series of them, that is owed. */
export class ServiceReply {
  /** A reply was on its way. */
  delivered = false;
  tracked: TrackedRequest | null = null;

  constructor(
    /** Account of the requester. */
    readonly importer: Account,
    /** Where the service sends the reply. */
    readonly subject: string,
    /** Where the requester expects it. */
    readonly reply: string,
    readonly service: ServiceExport | null,
    readonly responseType: ServiceResponseType,
    readonly share: boolean,
    /** Wall clock of a request that is measured, ms since the epoch; 0 for others. */
    readonly requestedMs: number,
    /** Monotonic ms of the request or of the last reply in a series. */
    public activeMs: number,
  ) {}
}

/** A reply that this account waits for. */
interface Expected {
  readonly exporter: Account;
  readonly subject: string;
}

/** The replies that pass one account, in both directions. */
export class ServiceReplies {
  readonly #owed = new Map<string, ServiceReply>();
  readonly #expected = new Map<string, Expected[]>();
  readonly #timers = new Map<ServiceExport, TimerHandle>();
  #prefix = "";

  constructor(readonly core: Core, readonly account: Account) {}

  /** Replies that services of the account owe; only those of `service` when it is given. */
  owed(service: ServiceExport | null = null): number {
    if (service === null) return this.#owed.size;
    let count = 0;
    for (const reply of this.#owed.values()) if (reply.service === service) count++;
    return count;
  }

  /** Subjects on which requesters of the account wait. */
  get expected(): number {
    return this.#expected.size;
  }

  /** All replies that services of the account owe. */
  all(): Iterable<ServiceReply> {
    return this.#owed.values();
  }

  /** The reply that is owed under a subject of {@linkcode expect}, or undefined. */
  find(subject: string): ServiceReply | undefined {
    return this.#owed.get(subject);
  }

  /** Owes `importer` a reply, which its requester expects on `reply`. */
  owe(importer: Account, reply: string, terms: ReplyTerms): ServiceReply {
    const { core } = this;
    const { clock } = core.env;
    const { service } = terms;
    const owed = new ServiceReply(
      importer,
      this.#newSubject(terms.tracking),
      reply,
      service,
      terms.responseType,
      terms.share,
      terms.tracking ? clock.nowMs() : 0,
      clock.monotonicMs(),
    );
    this.#owed.set(owed.subject, owed);
    if (service !== null) this.#startTimer(service);
    importer.replies(core).#expect(reply, { exporter: this.account, subject: owed.subject });
    return owed;
  }

  #expect(reply: string, expected: Expected): void {
    const known = this.#expected.get(reply);
    if (known === undefined) this.#expected.set(reply, [expected]);
    else known.push(expected);
  }

  /** Forgets a reply; says so to those who measure when it never came. */
  remove(owed: ServiceReply, end: ReplyEnd): void {
    if (!this.#owed.delete(owed.subject)) return;
    const { tracked } = owed;
    if (tracked !== null && tracked.requester !== null && !owed.delivered && end !== "done") {
      reportServiceFailure(this.core, this.account, owed, end);
    }
    owed.importer.replies(this.core).#forget(owed);
  }

  #forget({ reply, subject }: ServiceReply): void {
    const known = this.#expected.get(reply);
    if (known === undefined) return;
    const left = known.filter((expected) => expected.subject !== subject);
    if (left.length === 0) this.#expected.delete(reply);
    else this.#expected.set(reply, left);
  }

  /** A subscription to `subject` is gone: replies that nobody waits for any more are forgotten. */
  onInterestLost(subject: string): void {
    if (this.#expected.size === 0 || isServiceReply(subject)) return;
    if (!subjectHasWildcard(subject)) {
      this.#checkInterest(subject);
      return;
    }
    for (const reply of [...this.#expected.keys()]) {
      if (subjectIsSubsetMatch(reply, subject)) this.#checkInterest(reply);
    }
  }

  #checkInterest(reply: string): void {
    const known = this.#expected.get(reply);
    if (known === undefined || this.account.sublist.hasInterest(reply)) return;
    this.#expected.delete(reply);
    for (const { exporter, subject } of known) {
      const replies = exporter.replies(this.core);
      const owed = replies.#owed.get(subject);
      if (owed === undefined || owed.delivered) continue;
      replies.#owed.delete(subject);
      if (owed.tracked !== null && owed.tracked.requester !== null) {
        reportLostInterest(this.core, exporter, owed);
      }
    }
  }

  #newSubject(tracking: boolean): string {
    if (this.#prefix === "") {
      this.#prefix = `${REPLY_PREFIX}${this.#token(ACCOUNT_TOKEN_LENGTH)}.`;
      const subscription = new Subscription(null, `${this.#prefix}>`, null, "replies");
      subscription.carriesReplies = true;
      this.account.sublist.insert(subscription);
      this.account.interest?.interestChanged(this.account, subscription, 1);
    }
    const subject = this.#prefix + this.#token(REQUEST_TOKEN_LENGTH);
    return tracking ? `${subject}.${this.core.serverHash}.T` : subject;
  }

  #token(length: number): string {
    const { random } = this.core.env;
    let token = "";
    for (let i = 0; i < length; i++) token += DIGITS[random.below(DIGITS.length)]!;
    return token;
  }

  #startTimer(service: ServiceExport): void {
    if (this.#timers.has(service)) return;
    const { loop } = this.core.env;
    this.#timers.set(
      service,
      loop.setTimer(() => this.#expire(service), service.thresholdMs),
    );
  }

  /** Forgets the replies of `service` that are overdue. */
  #expire(service: ServiceExport): void {
    this.#timers.delete(service);
    const oldestMs = this.core.env.clock.monotonicMs() - service.thresholdMs;
    let left = 0;
    for (const owed of [...this.#owed.values()]) {
      if (owed.service !== service) continue;
      if (owed.activeMs <= oldestMs) this.remove(owed, "timeout");
      else left++;
    }
    if (left > 0) this.#startTimer(service);
  }

  /** Stops timers. */
  stop(): void {
    for (const timer of this.#timers.values()) this.core.env.loop.clearTimer(timer);
    this.#timers.clear();
  }
}
