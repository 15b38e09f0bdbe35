/**
 * Statistics of sublists, as monitoring shows them (server/sublist.go SublistStats).
 *
 * @module
 */

/** Counters of one sublist, or the sum over several. */
export class SublistStats {
  /** Subscriptions held now. */
  numSubs = 0;
  /** Results in the match cache now. */
  numCache = 0;
  numInserts = 0;
  numRemoves = 0;
  /** Matches asked for, answered from the cache or not. */
  numMatches = 0;
  /** Share of the matches that the cache answered, 0 to 1. */
  cacheHitRate = 0;
  /** Most plain subscriptions plus queue groups of any cached result. */
  maxFanout = 0;
  /** Mean of plain subscriptions plus queue groups over the cached results. */
  avgFanout = 0;
  /** Sum behind {@linkcode avgFanout}. */
  totalFanout = 0;
  /** Number of cached results behind {@linkcode avgFanout}. */
  cacheCount = 0;
  /** Matches answered from the cache. */
  cacheHits = 0;

  /** Adds another sublist's counters; rates and means follow from the sums. */
  add(other: SublistStats): void {
    this.numSubs += other.numSubs;
    this.numCache += other.numCache;
    this.numInserts += other.numInserts;
    this.numRemoves += other.numRemoves;
    this.numMatches += other.numMatches;
    this.cacheHits += other.cacheHits;
    if (this.maxFanout < other.maxFanout) this.maxFanout = other.maxFanout;
    this.totalFanout += other.totalFanout;
    this.cacheCount += other.cacheCount;
    this.computeRates();
  }

  /** Brings the rate and the mean in line with the counters. */
  computeRates(): void {
    if (this.totalFanout > 0) this.avgFanout = this.totalFanout / this.cacheCount;
    if (this.numMatches > 0) this.cacheHitRate = this.cacheHits / this.numMatches;
  }
}
