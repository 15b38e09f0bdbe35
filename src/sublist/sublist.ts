/**
 * The set of subscriptions of an account, and the question asked for each message: who matches
 * this subject? (server/sublist.go)
 *
 * @module
 */
import { byteStringOf } from "../base/text/byte_string.ts";
import { isValidSubject, matchLiteral, subjectHasWildcard } from "../subject/mod.ts";
import { SublistError } from "./errors.ts";
import { SublistStats } from "./stats.ts";
import type {
  InterestCount,
  InterestListener,
  RemoveOutcome,
  SublistEntry,
  SublistResult,
} from "./types.ts";

/** Settings of a {@linkcode Sublist}. */
export interface SublistOptions {
  /** Keep results by subject. Default true. */
  readonly cache?: boolean;
}

export class Sublist<S extends SublistEntry> {
  /** Changes with each change of what a match could answer. */
  generation = 0;
  readonly #subs = new Set<S>();
  #listeners = new Map<string, { listeners: InterestListener[]; interest: boolean }>();
  #inserts = 0;
  #removes = 0;

  constructor(readonly options: SublistOptions = {}) {}

  get count(): number {
    return this.#subs.size;
  }

  insert(sub: S): boolean {
    if (!isValidSubject(sub.subject)) return false;
    this.#subs.add(sub);
    this.#inserts++;
    this.generation++;
    this.#notify(sub);
    return true;
  }

  tryRemove(sub: S): RemoveOutcome {
    if (!isValidSubject(sub.subject)) return "invalid subject";
    if (!this.#subs.delete(sub)) return "not found";
    this.#removes++;
    this.generation++;
    this.#notify(sub);
    return "removed";
  }

  remove(sub: S): boolean {
    return this.tryRemove(sub) === "removed";
  }

  removeBatch(subs: readonly S[]): boolean {
    let all = true;
    for (const sub of subs) if (!this.remove(sub)) all = false;
    return all;
  }

  refresh(_sub: S): void {
    this.generation++;
  }

  match(subject: string): SublistResult<S> {
    const psubs: S[] = [];
    const queues = new Map<string, S[]>();
    for (const sub of this.#subs) {
      if (subject.split(".").includes("") || !matchLiteral(subject, sub.subject)) continue;
      if (sub.queue === null) psubs.push(sub);
      else {
        const members = queues.get(sub.queue) ?? [];
        queues.set(sub.queue, members);
        for (let i = 0; i < Math.max(1, sub.queueWeight); i++) members.push(sub);
      }
    }
    return { psubs, qsubs: [...queues.values()] };
  }

  matchBytes(buffer: Uint8Array, start: number, end: number): SublistResult<S> {
    return this.match(byteStringOf(buffer, start, end));
  }

  hasInterest(subject: string): boolean {
    const r = this.match(subject);
    return r.psubs.length + r.qsubs.length > 0;
  }

  hasInterestBytes(buffer: Uint8Array, start: number, end: number): boolean {
    return this.hasInterest(byteStringOf(buffer, start, end));
  }

  numInterest(subject: string): InterestCount {
    const r = this.match(subject);
    let queue = 0;
    for (const group of r.qsubs) queue += new Set(group).size;
    return { plain: r.psubs.length, queue };
  }

  reverseMatch(_subject: string): SublistResult<S> {
    return { psubs: [], qsubs: [] };
  }

  all(): S[] {
    return [...this.#subs];
  }

  localSubs(isLocal: (sub: S) => boolean): S[] {
    return this.all().filter(isLocal);
  }

  stats(): SublistStats {
    const stats = new SublistStats();
    stats.numSubs = this.count;
    stats.numInserts = this.#inserts;
    stats.numRemoves = this.#removes;
    return stats;
  }

  /** Throws {@linkcode SublistError} for wildcards and for a listener that is there already. */
  registerNotification(subject: string, listener: InterestListener): void {
    this.registerQueueNotification(subject, "", listener);
  }

  registerQueueNotification(subject: string, queue: string, listener: InterestListener): void {
    if (subjectHasWildcard(subject)) throw new SublistError("ErrInvalidSubject");
    const key = `${subject} ${queue}`;
    const interest = this.#exact(subject, queue);
    const entry = this.#listeners.get(key) ?? { listeners: [], interest };
    if (entry.listeners.includes(listener)) throw new SublistError("ErrAlreadyRegistered");
    entry.listeners.push(listener);
    this.#listeners.set(key, entry);
    listener(interest);
  }

  clearNotification(subject: string, listener: InterestListener): boolean {
    return this.clearQueueNotification(subject, "", listener);
  }

  clearQueueNotification(subject: string, queue: string, listener: InterestListener): boolean {
    const entry = this.#listeners.get(`${subject} ${queue}`);
    const at = entry?.listeners.indexOf(listener) ?? -1;
    if (at >= 0) entry!.listeners.splice(at, 1);
    return at >= 0;
  }

  #exact(subject: string, queue: string): boolean {
    return this.all().some((sub) => sub.subject === subject && (sub.queue ?? "") === queue);
  }

  #notify(sub: S): void {
    const entry = this.#listeners.get(`${sub.subject} ${sub.queue ?? ""}`);
    if (!entry) return;
    const interest = this.#exact(sub.subject, sub.queue ?? "");
    if (interest === entry.interest) return;
    entry.interest = interest;
    for (const listener of entry.listeners) listener(interest);
  }
}
