/**
 * Filters of subjects as both stores look with them.
 *
 * @module
 */
import type { SimpleSublist } from "../base/containers/gsl/mod.ts";
import { intersectSublist, type SubjectTree, type TreeLeaf } from "../base/containers/stree/mod.ts";
import { subjectHasWildcard, subjectMatchesFilterBytes } from "../subject/mod.ts";
import type { StoredMsg } from "./stored_msg.ts";

/** A filter prepared for matching many messages. */
export class MsgFilter {
  readonly isAll: boolean;
  readonly hasWildcard: boolean;

  /** `list` null: the filter is `filter`, "" or ">" for all. */
  constructor(readonly filter: string, readonly list: SimpleSublist | null = null) {
    this.isAll = list === null && (filter === "" || filter === ">");
    this.hasWildcard = list === null && !this.isAll && subjectHasWildcard(filter);
  }

  /** True when the message's subject matches. */
  matches(msg: StoredMsg): boolean {
    if (this.isAll) return true;
    if (this.list !== null) return this.list.hasInterest(msg.subject());
    return this.hasWildcard
      ? subjectMatchesFilterBytes(msg.bytes, msg.subjectAt, msg.subjectEnd, this.filter)
      : msg.hasSubject(this.filter);
  }
}

/** A filter of several: a list with one entry is that entry, null and ">" are all. */
export function filterOfList(list: SimpleSublist | null): MsgFilter {
  if (list === null || list.matchesFullWildcard()) return new MsgFilter("");
  const single = list.singleFilter();
  return single !== null ? new MsgFilter(single) : new MsgFilter("", list);
}

/** Visits the subjects that match, in no particular order. */
export function eachMatch<V extends TreeLeaf>(
  subjects: SubjectTree<V>,
  filter: MsgFilter,
  visit: (subject: string, leaf: V) => void,
): void {
  const each = (subject: string, leaf: V): boolean => {
    visit(subject, leaf);
    return true;
  };
  if (filter.list !== null) intersectSublist(subjects, filter.list, each);
  else if (filter.isAll) subjects.iterFast(each);
  else if (filter.hasWildcard) subjects.matchUntil(filter.filter, each);
  else {
    const leaf = subjects.find(filter.filter);
    if (leaf !== null) visit(filter.filter, leaf);
  }
}
