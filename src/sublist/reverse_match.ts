/**
 * The subscriptions that a subject with wildcards would match, taking the subscriptions' own
 * subjects as literals (server/sublist.go ReverseMatch).
 *
 * The reference means this for lists that hold mostly literals (permissions of leaf nodes) and
 * its answers around wildcards *in* the list are peculiar: below a `>` of the list everything
 * matches, a `*` of the list lets the search go on but does not itself count. They are kept.
 *
 * @module
 */
import type { Level } from "./level.ts";
import type { MatchScratch } from "./match_scratch.ts";
import type { Node } from "./node.ts";
import { emptyResult, type MatchResult, mergeResults } from "./result.ts";
import type { Trie } from "./trie.ts";
import type { SublistEntry } from "./types.ts";

const STAR = 0x2a;
const GREATER = 0x3e;

/** The result for `subject`; not remembered. */
export function reverseMatch<S extends SublistEntry>(
  trie: Trie<S>,
  subject: string,
): MatchResult<S> {
  const scratch = trie.scratch;
  scratch.load(subject);
  if (!scratch.split(0, subject.length)) return emptyResult;
  const pieces: MatchResult<S>[] = [];
  matchLevel(trie, scratch, trie.root, 0, null, pieces);
  if (pieces.length === 0) return emptyResult;
  return mergeResults(pieces, pieces.length, trie.merges.takeId());
}

function matchLevel<S extends SublistEntry>(
  trie: Trie<S>,
  scratch: MatchScratch<S>,
  level: Level<S> | null,
  token: number,
  node: Node<S> | null,
  pieces: MatchResult<S>[],
): void {
  for (let i = token; i < scratch.tokenCount; i++) {
    // A node without a level below is as good as one with an empty level.
    if (level === null) return;
    const start = i === 0 ? 0 : scratch.ends[i - 1]! + 1;
    const end = scratch.ends[i]!;
    const first = end - start === 1 ? scratch.view.getUint8(start) : 0;
    if (first === GREATER) {
      addAll(trie, level, pieces);
      return;
    }
    if (first === STAR) {
      for (const child of level.literals()) {
        matchLevel(trie, scratch, child.next, i + 1, child, pieces);
      }
      if (level.pwc !== null) matchLevel(trie, scratch, level.pwc.next, i + 1, node, pieces);
      if (level.fwc !== null) addAll(trie, level, pieces);
      return;
    }
    if (level.fwc !== null) {
      addAll(trie, level, pieces);
      return;
    }
    if (level.pwc !== null) matchLevel(trie, scratch, level.pwc.next, i + 1, node, pieces);
    node = level.find(scratch.view, start, end, trie.tokens, trie.seed);
    if (node === null) return;
    level = node.next;
  }
  if (node !== null) addNode(trie, node, pieces);
}

function addNode<S extends SublistEntry>(
  trie: Trie<S>,
  node: Node<S>,
  pieces: MatchResult<S>[],
): void {
  if (!node.empty) pieces.push(node.result ?? node.makeResult(trie.merges.takeId()));
}

function addAll<S extends SublistEntry>(
  trie: Trie<S>,
  level: Level<S>,
  pieces: MatchResult<S>[],
): void {
  const levels = [level];
  for (let next = levels.pop(); next !== undefined; next = levels.pop()) {
    if (next.pwc !== null) addNode(trie, next.pwc, pieces);
    if (next.fwc !== null) addNode(trie, next.fwc, pieces);
    for (const node of next.literals()) {
      addNode(trie, node, pieces);
      if (node.next !== null) levels.push(node.next);
    }
  }
}
