/**
 * A small subject index: which values are interested in a literal subject. Unlike the routing
 * sublist it has no queue groups and no cache; multi-filter consumers and stores use it
 * (reference: server/gsl). Subjects are byte strings.
 *
 * @module
 */

/** Thrown when a subject has an empty token, or tokens after a full wildcard. */
export class InvalidSublistSubjectError extends Error {
  override readonly name = "InvalidSublistSubjectError";
  constructor() {
    super("gsl: invalid subject");
  }
}

/** Thrown by {@linkcode GenericSublist.remove} for a value that was not inserted. */
export class NoMatchesFoundError extends Error {
  override readonly name = "NoMatchesFoundError";
  constructor() {
    super("gsl: no matches found");
  }
}

class SublistNode<T> {
  next: SublistLevel<T> | null = null;
  /** Value to the subject it was inserted with. */
  readonly subs: Map<T, string> = new Map();
}

class SublistLevel<T> {
  readonly nodes: Map<string, SublistNode<T>> = new Map();
  /** Node of the token `*`. */
  partial: SublistNode<T> | null = null;
  /** Node of the token `>`. */
  full: SublistNode<T> | null = null;

  get(token: string): SublistNode<T> | null {
    if (token === "*") return this.partial;
    if (token === ">") return this.full;
    return this.nodes.get(token) ?? null;
  }

  add(token: string): SublistNode<T> {
    const node = new SublistNode<T>();
    if (token === "*") this.partial = node;
    else if (token === ">") this.full = node;
    else this.nodes.set(token, node);
    return node;
  }

  prune(token: string): void {
    if (token === "*") this.partial = null;
    else if (token === ">") this.full = null;
    else this.nodes.delete(token);
  }

  count(): number {
    return this.nodes.size + (this.partial === null ? 0 : 1) + (this.full === null ? 0 : 1);
  }
}

/** Values by subject pattern. Each (subject, value) pair is held once. */
export class GenericSublist<T> {
  #root = new SublistLevel<T>();
  #count = 0;

  /** Number of inserted pairs. */
  count(): number {
    return this.#count;
  }

  /** Adds `value` under the pattern `subject`. Throws {@linkcode InvalidSublistSubjectError}. */
  insert(subject: string, value: T): void {
    let level = this.#root;
    let node: SublistNode<T> | null = null;
    let sawFull = false;
    for (const token of subject.split(".")) {
      if (token.length === 0 || sawFull) throw new InvalidSublistSubjectError();
      if (token === ">") sawFull = true;
      node = level.get(token) ?? level.add(token);
      level = node.next ??= new SublistLevel<T>();
    }
    node!.subs.set(value, subject);
    this.#count++;
  }

  /**
   * Removes `value` from the pattern `subject`. Throws {@linkcode InvalidSublistSubjectError} or
   * {@linkcode NoMatchesFoundError}.
   */
  remove(subject: string, value: T): void {
    const path: { level: SublistLevel<T>; node: SublistNode<T>; token: string }[] = [];
    let level: SublistLevel<T> | null = this.#root;
    let node: SublistNode<T> | null = null;
    let sawFull = false;
    for (const token of subject.split(".")) {
      if (token.length === 0 || sawFull) throw new InvalidSublistSubjectError();
      if (level === null) throw new NoMatchesFoundError();
      if (token === ">") sawFull = true;
      node = level.get(token);
      if (node !== null) path.push({ level, node, token });
      level = node === null ? null : node.next;
    }
    if (node === null || !node.subs.delete(value)) throw new NoMatchesFoundError();
    this.#count--;
    for (const step of path.reverse()) {
      const empty = step.node.subs.size === 0 && (step.node.next?.count() ?? 0) === 0;
      if (empty) step.level.prune(step.token);
    }
  }

  /** Calls `visit` for each value whose pattern matches the literal `subject`. */
  match(subject: string, visit: (value: T) => void): void {
    const tokens = literalTokens(subject);
    if (tokens !== null) matchLevel(this.#root, tokens, 0, visit);
  }

  /** True when at least one pattern matches the literal `subject`. */
  hasInterest(subject: string): boolean {
    const tokens = literalTokens(subject);
    return tokens !== null && countLevel(this.#root, tokens, 0) > 0;
  }

  /** How many values the first matching pattern found has; 0 for none. */
  numInterest(subject: string): number {
    const tokens = literalTokens(subject);
    return tokens === null ? 0 : countLevel(this.#root, tokens, 0);
  }

  /** True when some pattern could match a subject that starts with the tokens of `prefix`. */
  hasInterestStartingIn(prefix: string): boolean {
    return startingIn(this.#root, prefix.split("."), 0);
  }

  /** True when `test` holds for a value whose pattern and `pattern` can match the same subject. */
  someCollides(pattern: string, test: (value: T) => boolean): boolean {
    return someCollides(this.#root, pattern.split("."), 0, test);
  }

  /** True when the pattern `>` is present. */
  matchesFullWildcard(): boolean {
    return this.#root.full !== null;
  }

  /** The only pattern, or null when there are none or several. */
  singleFilter(): string | null {
    let level = this.#root;
    for (;;) {
      if (level.count() !== 1) return null;
      const node: SublistNode<T> = level.partial ?? level.full ??
        level.nodes.values().next().value!;
      const next = node.next;
      if (node.subs.size > 0) {
        if (next !== null && next.count() > 0) return null;
        return node.subs.values().next().value!;
      }
      if (next === null) return null;
      level = next;
    }
  }

  /** Depth of the tree in tokens. */
  levelCount(): number {
    return depthOf(this.#root, 0);
  }
}

/** A set of filters without values. */
export type SimpleSublist = GenericSublist<null>;

/** A sublist of the given filters. Throws {@linkcode InvalidSublistSubjectError}. */
export function sublistOf(filters: Iterable<string>): SimpleSublist {
  const list = new GenericSublist<null>();
  for (const filter of filters) list.insert(filter, null);
  return list;
}

function literalTokens(subject: string): string[] | null {
  const tokens = subject.split(".");
  for (let i = 0; i < tokens.length; i++) if (tokens[i]!.length === 0) return null;
  return tokens;
}

function matchLevel<T>(
  start: SublistLevel<T>,
  tokens: string[],
  from: number,
  visit: (value: T) => void,
): void {
  let level: SublistLevel<T> | null = start;
  let partial: SublistNode<T> | null = null;
  let node: SublistNode<T> | null = null;
  for (let i = from; i < tokens.length; i++) {
    if (level === null) return;
    if (level.full !== null) { for (const value of level.full.subs.keys()) visit(value); }
    partial = level.partial;
    if (partial !== null && partial.next !== null) matchLevel(partial.next, tokens, i + 1, visit);
    // Literal tokens that read "*" or ">" have no node of their own.
    node = level.nodes.get(tokens[i]!) ?? null;
    level = node === null ? null : node.next;
  }
  if (node !== null) { for (const value of node.subs.keys()) visit(value); }
  if (partial !== null) { for (const value of partial.subs.keys()) visit(value); }
}

/** Number of values at the places that end the search for any interest. */
function countLevel<T>(start: SublistLevel<T>, tokens: string[], from: number): number {
  let level: SublistLevel<T> | null = start;
  let partial: SublistNode<T> | null = null;
  let node: SublistNode<T> | null = null;
  let total = 0;
  for (let i = from; i < tokens.length; i++) {
    if (level === null) return 0;
    if (level.full !== null) return level.full.subs.size;
    partial = level.partial;
    if (partial !== null && partial.next !== null) {
      const found = countLevel(partial.next, tokens, i + 1);
      if (found > 0) return found;
    }
    node = level.nodes.get(tokens[i]!) ?? null;
    level = node === null ? null : node.next;
  }
  if (node !== null) {
    total += node.subs.size;
    if (total > 0) return total;
  }
  return partial === null ? total : total + partial.subs.size;
}

function startingIn<T>(level: SublistLevel<T> | null, tokens: string[], from: number): boolean {
  if (level === null) return false;
  if (from === tokens.length || level.full !== null) return true;
  if (level.partial !== null && startingIn(level.partial.next, tokens, from + 1)) return true;
  const node = level.nodes.get(tokens[from]!);
  return node !== undefined && startingIn(node.next, tokens, from + 1);
}

function someCollides<T>(
  level: SublistLevel<T>,
  tokens: string[],
  from: number,
  test: (value: T) => boolean,
): boolean {
  const token = tokens[from]!;
  if (token === ">") return someBelow(level, test);
  if (level.full !== null && someOf(level.full, test)) return true;
  const goOn = (node: SublistNode<T>): boolean =>
    from + 1 === tokens.length
      ? someOf(node, test)
      : node.next !== null && someCollides(node.next, tokens, from + 1, test);
  if (level.partial !== null && goOn(level.partial)) return true;
  if (token !== "*") {
    const node = level.nodes.get(token);
    return node !== undefined && goOn(node);
  }
  for (const node of level.nodes.values()) if (goOn(node)) return true;
  return false;
}

function someBelow<T>(level: SublistLevel<T>, test: (value: T) => boolean): boolean {
  const holds = (node: SublistNode<T>): boolean =>
    someOf(node, test) || (node.next !== null && someBelow(node.next, test));
  if (level.full !== null && holds(level.full)) return true;
  if (level.partial !== null && holds(level.partial)) return true;
  for (const node of level.nodes.values()) if (holds(node)) return true;
  return false;
}

function someOf<T>(node: SublistNode<T>, test: (value: T) => boolean): boolean {
  for (const value of node.subs.keys()) if (test(value)) return true;
  return false;
}

function depthOf<T>(level: SublistLevel<T> | null, depth: number): number {
  if (level === null || level.count() === 0) return depth;
  let deepest = depth + 1;
  for (const node of level.nodes.values()) {
    deepest = Math.max(deepest, depthOf(node.next, depth + 1));
  }
  if (level.partial !== null) deepest = Math.max(deepest, depthOf(level.partial.next, depth + 1));
  if (level.full !== null) deepest = Math.max(deepest, depthOf(level.full.next, depth + 1));
  return deepest;
}
