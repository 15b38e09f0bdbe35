/**
 * An adaptive radix tree over subjects: one leaf object per subject, literal lookup in the depth
 * of the tree, and matching of filters with wildcards without visiting what cannot match
 * (reference: server/stree). Subjects are byte strings and must not contain byte 127.
 *
 * @module
 */
import type { GenericSublist } from "../gsl/mod.ts";
import {
  InnerNode,
  NO_PIVOT,
  NodeKind,
  pathOf,
  pivotOf,
  type TreeLeaf,
  type TreeNode,
} from "./node.ts";
import { matchParts, partsOf } from "./parts.ts";

const NO_PIVOT_CHAR = String.fromCharCode(NO_PIVOT);

/** Called with a subject and its leaf; returns false to stop. */
export type LeafVisitor<V> = (subject: string, leaf: V) => boolean;

/** Subjects mapped to leaves of type `V`. */
export class SubjectTree<V extends TreeLeaf> {
  /** Root node; read by tests only. */
  root: TreeNode | null = null;
  #size = 0;

  /** Number of subjects. */
  size(): number {
    return this.#size;
  }

  /** Removes all subjects. */
  empty(): void {
    this.root = null;
    this.#size = 0;
  }

  /**
   * Puts `leaf` at `subject`. Returns the leaf it replaced, or null for a new subject. A subject
   * with byte 127 is not inserted.
   */
  insert(subject: string, leaf: V): V | null {
    if (subject.includes(NO_PIVOT_CHAR)) return null;
    if (this.root === null) {
      leaf.suffix = subject;
      this.root = leaf;
      this.#size++;
      return null;
    }
    let parent: InnerNode | null = null;
    let parentPivot = 0;
    let node: TreeNode = this.root;
    let at = 0;
    for (;;) {
      let replacement: TreeNode;
      if (node.kind === NodeKind.Leaf) {
        const old = node as V;
        if (endsAt(subject, at, old.suffix)) {
          leaf.suffix = old.suffix;
          replacement = leaf;
          this.#put(parent, parentPivot, replacement);
          return old;
        }
        const common = commonPrefix(old.suffix, subject, at);
        const split: InnerNode = new InnerNode(subject.slice(at, at + common));
        at += common;
        const oldPivot = pivotOf(old.suffix, common);
        old.suffix = old.suffix.slice(common);
        leaf.suffix = subject.slice(at);
        split.addChild(pivotOf(subject, at), leaf);
        split.addChild(oldPivot, old);
        replacement = split;
      } else {
        const inner = node as InnerNode;
        const prefix = inner.prefix;
        const common = commonPrefix(prefix, subject, at);
        if (common === prefix.length) {
          at += common;
          const pivot = pivotOf(subject, at);
          const child = inner.findChild(pivot);
          if (child !== null) {
            parent = inner;
            parentPivot = pivot;
            node = child;
            continue;
          }
          leaf.suffix = subject.slice(at);
          inner.addChild(pivot, leaf);
          this.#size++;
          return null;
        }
        const split: InnerNode = new InnerNode(prefix.slice(0, common));
        at += common;
        inner.prefix = prefix.slice(common);
        split.addChild(pivotOf(inner.prefix, 0), inner);
        leaf.suffix = subject.slice(at);
        split.addChild(pivotOf(subject, at), leaf);
        replacement = split;
      }
      this.#put(parent, parentPivot, replacement);
      this.#size++;
      return null;
    }
  }

  #put(parent: InnerNode | null, pivot: number, node: TreeNode): void {
    if (parent === null) this.root = node;
    else parent.replaceChild(pivot, node);
  }

  /** The leaf of the literal `subject`, or null. */
  find(subject: string): V | null {
    let node = this.root;
    let at = 0;
    while (node !== null) {
      if (node.kind === NodeKind.Leaf) {
        return endsAt(subject, at, (node as TreeLeaf).suffix) ? node as V : null;
      }
      const inner = node as InnerNode;
      const prefix = inner.prefix;
      if (prefix.length > 0) {
        if (!subject.startsWith(prefix, at)) return null;
        at += prefix.length;
      }
      node = inner.findChild(at >= subject.length ? NO_PIVOT : subject.charCodeAt(at));
    }
    return null;
  }

  /** Removes `subject`; returns its leaf, or null. */
  delete(subject: string): V | null {
    const root = this.root;
    if (root === null || subject.length === 0) return null;
    if (root.kind === NodeKind.Leaf) {
      if ((root as TreeLeaf).suffix !== subject) return null;
      this.root = null;
      this.#size--;
      return root as V;
    }
    let parent: InnerNode | null = null;
    let parentPivot = 0;
    let inner = root as InnerNode;
    let at = 0;
    for (;;) {
      if (!subject.startsWith(inner.prefix, at)) return null;
      at += inner.prefix.length;
      const pivot = pivotOf(subject, at);
      const child = inner.findChild(pivot);
      if (child === null) return null;
      if (child.kind !== NodeKind.Leaf) {
        parent = inner;
        parentPivot = pivot;
        inner = child as InnerNode;
        continue;
      }
      if (!endsAt(subject, at, (child as TreeLeaf).suffix)) return null;
      inner.deleteChild(pivot);
      if (inner.size === 1) {
        const only = inner.children[0]!;
        if (only.kind === NodeKind.Leaf) {
          (only as TreeLeaf).suffix = inner.prefix + (only as TreeLeaf).suffix;
        } else (only as InnerNode).prefix = inner.prefix + (only as InnerNode).prefix;
        this.#put(parent, parentPivot, only);
      }
      this.#size--;
      return child as V;
    }
  }

  /** Calls `visit` for each subject that matches `filter`, in no particular order. */
  match(filter: string, visit: (subject: string, leaf: V) => void): void {
    this.matchUntil(filter, (subject, leaf) => {
      visit(subject, leaf);
      return true;
    });
  }

  /** Like {@linkcode match} until `visit` returns false; false when it was stopped. */
  matchUntil(filter: string, visit: LeafVisitor<V>): boolean {
    if (this.root === null || filter.length === 0) return true;
    return matchNode(this.root, partsOf(filter), "", visit as LeafVisitor<TreeLeaf>);
  }

  /** Visits all subjects in byte order until `visit` returns false. */
  iterOrdered(visit: LeafVisitor<V>): void {
    if (this.root !== null) iterate(this.root, "", true, visit as LeafVisitor<TreeLeaf>);
  }

  /** Visits all subjects in the tree's own order until `visit` returns false. */
  iterFast(visit: LeafVisitor<V>): void {
    if (this.root !== null) iterate(this.root, "", false, visit as LeafVisitor<TreeLeaf>);
  }
}

/** Calls `visit` for each subject that both trees have, walking the smaller one. */
export function lazyIntersect<L extends TreeLeaf, R extends TreeLeaf>(
  left: SubjectTree<L>,
  right: SubjectTree<R>,
  visit: (subject: string, left: L, right: R) => void,
): void {
  if (left.size() <= right.size()) {
    left.iterFast((subject, leaf) => {
      const other = right.find(subject);
      if (other !== null) visit(subject, leaf, other);
      return true;
    });
  } else {
    right.iterFast((subject, leaf) => {
      const other = left.find(subject);
      if (other !== null) visit(subject, other, leaf);
      return true;
    });
  }
}

/**
 * Visits each subject of `tree` that some filter of `list` is interested in, until `visit`
 * returns false. Branches without interest are not walked.
 */
export function intersectSublist<V extends TreeLeaf, T>(
  tree: SubjectTree<V>,
  list: GenericSublist<T>,
  visit: LeafVisitor<V>,
): boolean {
  if (tree.root === null) return true;
  return intersectNode(tree.root, "", list, visit as LeafVisitor<TreeLeaf>);
}

function endsAt(subject: string, at: number, suffix: string): boolean {
  return subject.length === at + suffix.length && subject.startsWith(suffix, at);
}

function commonPrefix(prefix: string, subject: string, at: number): number {
  const limit = Math.min(prefix.length, subject.length - at);
  let i = 0;
  while (i < limit && prefix.charCodeAt(i) === subject.charCodeAt(at + i)) i++;
  return i;
}

function matchNode(
  start: TreeNode,
  startParts: string[],
  before: string,
  visit: LeafVisitor<TreeLeaf>,
): boolean {
  const lastPart = startParts[startParts.length - 1];
  const endsFull = lastPart !== undefined && lastPart.charCodeAt(0) === 62;
  let node: TreeNode | null = start;
  let parts = startParts;
  while (node !== null) {
    let rest = matchParts(parts, pathOf(node));
    if (rest === null) return true;
    if (node.kind === NodeKind.Leaf) {
      const leaf = node as TreeLeaf;
      if (rest.length === 0 || (endsFull && rest.length === 1)) {
        return visit(before + leaf.suffix, leaf);
      }
      return true;
    }
    const inner = node as InnerNode;
    if (inner.prefix.length > 0) before += inner.prefix;
    if (rest.length === 0 && !endsFull) return matchEnd(inner, parts, before, visit);
    if (endsFull && rest.length === 0) rest = parts.slice(parts.length - 1);
    const first = rest[0]!;
    if (first === "*" || first === ">") {
      const children = inner.children;
      for (let i = 0; i < children.length; i++) {
        const child = children[i]!;
        if (child !== null && !matchNode(child, rest, before, visit)) return false;
      }
      return true;
    }
    node = inner.findChild(pivotOf(first, 0));
    parts = rest;
  }
  return true;
}

/** All parts are used up at an inner node: leaves that end here match, or a last `*` goes on. */
function matchEnd(
  inner: InnerNode,
  parts: string[],
  before: string,
  visit: LeafVisitor<TreeLeaf>,
): boolean {
  const endsPartial = parts[parts.length - 1] === "*";
  const rest = endsPartial ? parts.slice(parts.length - 1) : parts;
  const children = inner.children;
  for (let i = 0; i < children.length; i++) {
    const child = children[i]!;
    if (child === null) continue;
    if (child.kind === NodeKind.Leaf) {
      const leaf = child as TreeLeaf;
      if (leaf.suffix.length === 0 || (endsPartial && !leaf.suffix.includes("."))) {
        if (!visit(before + leaf.suffix, leaf)) return false;
      }
    } else if (endsPartial && !matchNode(child, rest, before, visit)) return false;
  }
  return true;
}

function iterate(
  node: TreeNode,
  before: string,
  ordered: boolean,
  visit: LeafVisitor<TreeLeaf>,
): boolean {
  if (node.kind === NodeKind.Leaf) {
    return visit(before + (node as TreeLeaf).suffix, node as TreeLeaf);
  }
  const inner = node as InnerNode;
  before += inner.prefix;
  let children = inner.children;
  if (ordered) {
    children = children.filter((child) => child !== null);
    children.sort((a, b) => {
      const left = pathOf(a!);
      const right = pathOf(b!);
      return left < right ? -1 : left > right ? 1 : 0;
    });
  }
  for (let i = 0; i < children.length; i++) {
    const child = children[i]!;
    if (child !== null && !iterate(child, before, ordered, visit)) return false;
  }
  return true;
}

function intersectNode<T>(
  node: TreeNode,
  before: string,
  list: GenericSublist<T>,
  visit: LeafVisitor<TreeLeaf>,
): boolean {
  if (node.kind === NodeKind.Leaf) {
    const subject = before + (node as TreeLeaf).suffix;
    return list.hasInterest(subject) ? visit(subject, node as TreeLeaf) : true;
  }
  const inner = node as InnerNode;
  before += inner.prefix;
  const children = inner.children;
  for (let i = 0; i < children.length; i++) {
    const child = children[i]!;
    if (child === null) continue;
    const reach = before + pathOf(child);
    if (!mayHaveInterest(list, reach, before.length)) continue;
    if (!intersectNode(child, before, list, visit)) return false;
  }
  return true;
}

/** False when a whole token of `reach` at or after `since` already rules all filters out. */
function mayHaveInterest<T>(list: GenericSublist<T>, reach: string, since: number): boolean {
  let dot = reach.indexOf(".", since);
  while (dot >= 0) {
    if (!list.hasInterestStartingIn(reach.slice(0, dot))) return false;
    dot = reach.indexOf(".", dot + 1);
  }
  return true;
}
