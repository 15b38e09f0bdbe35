/**
 * The subscriptions of an account, kept for fast matching.
 *
 * @module
 */
export { SublistError, type SublistErrorCode, sublistErrorTexts } from "./errors.ts";
export { matchCacheMax } from "./match_cache.ts";
export { MatchScratch } from "./match_scratch.ts";
export { SublistStats } from "./stats.ts";
export { Sublist, type SublistOptions } from "./sublist.ts";
export type {
  InterestCount,
  InterestListener,
  RemoveOutcome,
  SublistEntry,
  SublistResult,
} from "./types.ts";
