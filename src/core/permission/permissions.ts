/**
 * What one connection may publish and subscribe to.
 *
 * Reference: setPermissions, canSubscribe, pubAllowed and checkDenySub in server/client.go.
 *
 * @module
 */
import type { Permissions, ResponsePermission } from "../../config/mod.ts";
import { byteStringOfText } from "../../base/text/byte_string.ts";
import {
  isValidSubject,
  subjectHasWildcard,
  subjectIsSubsetMatch,
  subjectsCollide,
} from "../../subject/mod.ts";
import { Sublist, type SublistEntry } from "../../sublist/mod.ts";

const PUBLISH_CACHE_MAX = 128;
const DENY_CACHE_MAX = 256;
const REPLIES_BEFORE_PRUNE = 4096;
const REPLY_PRUNE_MS = 1000;
const RESPONSES_DEFAULT = 1;
const RESPONSE_EXPIRES_DEFAULT_MS = 120_000;

class Rule implements SublistEntry {
  readonly queueWeight = 1;
  constructor(readonly subject: string, readonly queue: string | null) {}
}

interface TrackedReply {
  sinceMs: number;
  used: number;
}

/** Splits `subject [queue]`; null when it is neither. */
export function splitSubjectQueue(text: string): Rule | null {
  const fields = text.trim().split(/\s+/);
  const subject = byteStringOfText(fields[0] ?? "");
  const queue = fields.length === 2 ? byteStringOfText(fields[1]!) : null;
  if (fields.length > 2 || !isValidSubject(subject)) return null;
  if (queue !== null && !isValidSubject(queue)) return null;
  return new Rule(subject, queue);
}

function queueMatches(queue: string, groups: readonly (readonly Rule[])[]): boolean {
  if (groups.length === 0) return true;
  for (const group of groups) {
    const name = group[0]!.queue!;
    if (queue === name || (subjectHasWildcard(name) && subjectIsSubsetMatch(queue, name))) {
      return true;
    }
  }
  return false;
}

/** The permissions of one connection, compiled. */
export class ConnectionPermissions {
  readonly response: ResponsePermission | null;
  /** Set once a subscription overlaps denied subjects: deliveries are then checked. */
  checksDeliveries = false;
  #publishAllow: Sublist<Rule> | null = null;
  #publishDeny: Sublist<Rule> | null = null;
  #subscribeAllow: Sublist<Rule> | null = null;
  #subscribeDeny: Sublist<Rule> | null = null;
  readonly #subscribeDenyRules: Rule[] = [];
  readonly #publishCache = new Map<string, boolean>();
  readonly #denyCache = new Map<string, boolean>();
  readonly #replies = new Map<string, TrackedReply>();
  #repliesSincePrune = 0;
  #lastPruneMs = 0;

  /** `report` is told of subjects that cannot be used. */
  constructor(readonly source: Permissions, report: (text: string) => void) {
    const { publish, subscribe } = source;
    this.response = withDefaults(source.response);
    // Who may answer requests may publish nothing else unless it is said.
    const publishAllow = publish?.allow ?? (this.response === null ? null : []);
    if (publishAllow !== null) {
      this.#publishAllow = compile(publishAllow, false, "publish subject", report);
    }
    if ((publish?.deny?.length ?? 0) > 0) {
      this.#publishDeny = compile(publish!.deny!, false, "publish deny subject", report);
    }
    if (subscribe !== null) {
      if ((subscribe.allow?.length ?? 0) > 0) {
        this.#subscribeAllow = compile(subscribe.allow!, true, "", report);
      }
      if ((subscribe.deny?.length ?? 0) > 0) {
        this.#subscribeDeny = compile(subscribe.deny!, true, "", report);
        this.#subscribeDenyRules.push(...this.#subscribeDeny.all());
      }
    }
  }

  /** True while some publishes are refused. */
  get limitsPublish(): boolean {
    return this.#publishAllow !== null || this.#publishDeny !== null;
  }

  /** Whether a subscription is allowed; turns on delivery checks where it overlaps a deny. */
  canSubscribe(subject: string, queue: string | null): boolean {
    let allowed = true;
    if (this.#subscribeAllow !== null) {
      const found = this.#subscribeAllow.match(subject);
      allowed = found.psubs.length > 0;
      if (queue !== null && found.qsubs.length > 0) allowed = queueMatches(queue, found.qsubs);
    }
    if (allowed && this.#subscribeDeny !== null) {
      const found = this.#subscribeDeny.match(subject);
      allowed = found.psubs.length === 0;
      if (allowed && queue !== null && found.qsubs.length > 0) {
        allowed = !queueMatches(queue, found.qsubs);
      }
    }
    if (!allowed) return false;
    if (!this.checksDeliveries && (queue !== null || subjectHasWildcard(subject))) {
      this.checksDeliveries = this.#subscribeDenyRules.some((rule) =>
        subjectsCollide(rule.subject, subject)
      );
    }
    return true;
  }

  /**
   * Whether another server may be told of interest in `subject`. Wider subjects than those allowed
   * may pass, since that server sees to what it sends.
   */
  mayShowInterest(subject: string): boolean {
    if (this.canSubscribe(subject, null)) return true;
    if (this.#subscribeAllow === null || !subjectHasWildcard(subject)) return false;
    if (this.#subscribeAllow.reverseMatch(subject).psubs.length === 0) return false;
    return this.#subscribeDeny === null || this.#subscribeDeny.match(subject).psubs.length === 0;
  }

  /** Whether the delivery of `subject` to a subscription is denied. */
  deliveryDenied(subject: string, queue: string | null): boolean {
    if (this.#subscribeDeny === null) return false;
    const key = queue === null ? subject : `${subject} ${queue}`;
    const cached = this.#denyCache.get(key);
    if (cached !== undefined) return cached;
    const found = this.#subscribeDeny.match(subject);
    let denied = found.psubs.length > 0;
    if (!denied && queue !== null && found.qsubs.length > 0) {
      denied = queueMatches(queue, found.qsubs);
    }
    if (this.#denyCache.size >= DENY_CACHE_MAX) this.#denyCache.clear();
    this.#denyCache.set(key, denied);
    return denied;
  }

  /** Whether a publish is allowed, tracked replies included unless `replies` is false. */
  canPublish(subject: string, nowMs: number, replies: boolean = true): boolean {
    if (!this.limitsPublish) return true;
    const cached = this.#publishCache.get(subject);
    if (cached !== undefined) return cached;
    let allowed = true;
    if (this.#publishAllow !== null) allowed = this.#publishAllow.numInterest(subject).plain > 0;
    if (allowed && this.#publishDeny !== null) {
      allowed = this.#publishDeny.numInterest(subject).plain === 0;
    }
    if (!allowed && this.response !== null) {
      return replies && this.#replyAllowed(subject, nowMs);
    }
    if (this.#publishCache.size >= PUBLISH_CACHE_MAX) this.#publishCache.clear();
    this.#publishCache.set(subject, allowed);
    return allowed;
  }

  /** Remembers that a request with this reply was delivered to the connection. */
  trackReply(reply: string, nowMs: number): void {
    if (this.response === null || this.canPublish(reply, nowMs)) return;
    this.#replies.set(reply, { sinceMs: nowMs, used: 0 });
    this.#repliesSincePrune++;
    if (
      this.#repliesSincePrune > REPLIES_BEFORE_PRUNE || nowMs - this.#lastPruneMs > REPLY_PRUNE_MS
    ) this.#pruneReplies(nowMs);
  }

  #replyAllowed(subject: string, nowMs: number): boolean {
    const tracked = this.#replies.get(subject);
    if (tracked === undefined) return false;
    tracked.used++;
    const { maxMsgs, expiresMs } = this.response!;
    if (
      (maxMsgs > 0 && tracked.used > maxMsgs) ||
      (expiresMs > 0 && nowMs - tracked.sinceMs > expiresMs)
    ) {
      this.#replies.delete(subject);
      return false;
    }
    return true;
  }

  #pruneReplies(nowMs: number): void {
    const { maxMsgs, expiresMs } = this.response!;
    for (const [subject, tracked] of this.#replies) {
      if (
        (maxMsgs > 0 && tracked.used >= maxMsgs) ||
        (expiresMs > 0 && nowMs - tracked.sinceMs > expiresMs)
      ) this.#replies.delete(subject);
    }
    this.#repliesSincePrune = 0;
    this.#lastPruneMs = nowMs;
  }
}

/** Zero asks for the default: one answer, within two minutes. */
function withDefaults(response: ResponsePermission | null): ResponsePermission | null {
  if (response === null) return null;
  return {
    maxMsgs: response.maxMsgs === 0 ? RESPONSES_DEFAULT : response.maxMsgs,
    expiresMs: response.expiresMs === 0 ? RESPONSE_EXPIRES_DEFAULT_MS : response.expiresMs,
  };
}

function compile(
  subjects: readonly string[],
  withQueues: boolean,
  what: string,
  report: (text: string) => void,
): Sublist<Rule> {
  const rules = new Sublist<Rule>({ cache: false });
  for (const text of subjects) {
    const rule = withQueues ? splitSubjectQueue(text) : publishRule(text, what, report);
    if (rule === null || !rules.insert(rule)) {
      report(withQueues ? `invalid subject-queue "${text}"` : `invalid ${what} "${text}"`);
    }
  }
  return rules;
}

function publishRule(text: string, what: string, report: (text: string) => void): Rule | null {
  const subject = byteStringOfText(text);
  if (isValidSubject(subject)) return new Rule(subject, null);
  if (!what.includes("deny")) return null;
  const rule = splitSubjectQueue(text);
  if (rule === null) return null;
  // A queue means nothing for publishing: the subject stays denied rather than slip through.
  report(`queue qualifier is not valid for publish deny subject "${text}"`);
  return new Rule(rule.subject, null);
}
