/**
 * Listeners that wait for the first or last interest in a subject (server/sublist.go
 * RegisterNotification).
 *
 * Interest is meant exactly: a plain subscription with that very subject, or a member of the
 * given queue group with it. Wildcards do not count.
 *
 * @module
 */
import { SublistError } from "./errors.ts";
import type { InterestListener } from "./types.ts";

/** Listeners by subject and queue group. */
export class InterestNotifications {
  /** Listeners that wait for interest to come. */
  readonly #waiting = new Map<string, InterestListener[]>();
  /** Listeners that know of interest and wait for it to go. */
  readonly #satisfied = new Map<string, InterestListener[]>();

  /** Number of listeners lists, of both kinds. */
  get size(): number {
    return this.#waiting.size + this.#satisfied.size;
  }

  /** Number of subjects whose listeners wait for the interest to go. */
  get satisfiedCount(): number {
    return this.#satisfied.size;
  }

  /**
   * Adds `listener` without telling it anything.
   *
   * @throws {SublistError} `ErrAlreadyRegistered` if it is there in the same state
   */
  add(key: string, hasInterest: boolean, listener: InterestListener): void {
    const lists = hasInterest ? this.#satisfied : this.#waiting;
    const list = lists.get(key);
    if (list === undefined) lists.set(key, [listener]);
    else if (list.includes(listener)) throw new SublistError("ErrAlreadyRegistered");
    else list.push(listener);
  }

  /** Takes out `listener`; false if it is not there. */
  remove(key: string, listener: InterestListener): boolean {
    return removeFrom(this.#satisfied, key, listener) || removeFrom(this.#waiting, key, listener);
  }

  /** Tells those who wait that interest came. */
  interestCame(key: string): void {
    tell(this.#waiting, this.#satisfied, key, true);
  }

  /** Tells those who know of interest that it went. */
  interestWent(key: string): void {
    tell(this.#satisfied, this.#waiting, key, false);
  }
}

/** Key of the listeners of `subject` and `queue`; blanks are in no subject. */
export function notificationKey(subject: string, queue: string | null): string {
  return queue === null || queue === "" ? subject : `${subject} ${queue}`;
}

function removeFrom(
  lists: Map<string, InterestListener[]>,
  key: string,
  listener: InterestListener,
): boolean {
  const list = lists.get(key);
  const at = list?.indexOf(listener) ?? -1;
  if (at < 0) return false;
  list!.splice(at, 1);
  if (list!.length === 0) lists.delete(key);
  return true;
}

/** Moves the listeners of `key` first, since what they call may register and clear. */
function tell(
  from: Map<string, InterestListener[]>,
  to: Map<string, InterestListener[]>,
  key: string,
  hasInterest: boolean,
): void {
  const list = from.get(key);
  if (list === undefined) return;
  from.delete(key);
  to.set(key, [...to.get(key) ?? [], ...list]);
  for (const listener of list) listener(hasInterest);
}
