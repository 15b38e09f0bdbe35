/**
 * What a sublist holds and what it answers.
 *
 * @module
 */

/** What a sublist needs to know of a subscription. Identity is the object itself. */
export interface SublistEntry {
  /** Subject as a byte string, with or without wildcards. Must not change while inserted. */
  readonly subject: string;
  /** Queue group as a byte string; null for a plain subscription. Must not change. */
  readonly queue: string | null;
  /**
   * How many members this entry stands for in its queue group: more than 1 only for the
   * subscription of a route or leaf node that bundles several. 0 and 1 count once. After a
   * change call {@linkcode Sublist.refresh}.
   */
  readonly queueWeight: number;
}

/**
 * The subscriptions that match a subject. Immutable: a later insert or remove makes a new
 * result and leaves those already handed out alone, so a result can be kept between turns, and
 * two results that are the same object hold the same subscriptions.
 */
export interface SublistResult<S extends SublistEntry> {
  /** Plain subscriptions; each gets the message. */
  readonly psubs: readonly S[];
  /**
   * One list for each queue group, never empty; one member of each gets the message. A member
   * with weight n is in the list n times.
   */
  readonly qsubs: readonly (readonly S[])[];
}

/** What {@linkcode Sublist.tryRemove} says. */
export type RemoveOutcome = "removed" | "invalid subject" | "not found";

/** Number of subscriptions that match a subject, as a match lists them. */
export interface InterestCount {
  readonly plain: number;
  readonly queue: number;
}

/** Told `true` when the first interest in a subject arrives, `false` when the last one goes. */
export type InterestListener = (hasInterest: boolean) => void;
