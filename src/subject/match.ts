/**
 * Comparing two subjects, of which one or both may have wildcards.
 *
 * Results are the reference's (server/sublist.go), also for input that is no valid subject. The
 * reference cuts both subjects into tokens first; here two positions walk along the subjects,
 * so that nothing is allocated and the functions can run per message.
 *
 * @module
 */
import { fullWildcard, partialWildcard, tokenizeSubject } from "./tokens.ts";

const STAR = 0x2a;
const DOT = 0x2e;
const GREATER = 0x3e;

/**
 * Whether every subject that `subject` matches is also matched by `test`. Both may have
 * wildcards: `foo.*` is a subset of `>`, `*.*` and `foo.*`, but not of `foo.bar`.
 */
export function subjectIsSubsetMatch(subject: string, test: string): boolean {
  const subjectLength = subject.length;
  const testLength = test.length;
  let s = 0;
  let t = 0;
  for (;;) {
    // Both positions are at the start of a token.
    if (t >= testLength) return false;
    const first = test.charCodeAt(t);
    if (first === DOT) return false;
    const testTokenIsOneByte = t + 1 === testLength || test.charCodeAt(t + 1) === DOT;
    if (testTokenIsOneByte && first === GREATER) return true;

    if (s >= subjectLength) return false;
    const c = subject.charCodeAt(s);
    if (c === DOT) return false;
    if (s + 1 === subjectLength || subject.charCodeAt(s + 1) === DOT) {
      if (c === GREATER) return false;
      if (c === STAR && !(testTokenIsOneByte && first === STAR)) return false;
    }
    if (first === STAR) {
      // As in the reference the first byte decides, whatever follows the star.
      while (s < subjectLength && subject.charCodeAt(s) !== DOT) s++;
      while (t < testLength && test.charCodeAt(t) !== DOT) t++;
    } else {
      while (s < subjectLength && t < testLength) {
        const b = subject.charCodeAt(s);
        if (b !== test.charCodeAt(t)) return false;
        if (b === DOT) break;
        s++;
        t++;
      }
      if (s < subjectLength && t >= testLength) {
        if (subject.charCodeAt(s) !== DOT) return false;
      } else if (t < testLength && s >= subjectLength) {
        if (test.charCodeAt(t) !== DOT) return false;
      }
    }
    const subjectEnded = s >= subjectLength;
    const testEnded = t >= testLength;
    if (testEnded) return subjectEnded;
    if (subjectEnded) return false;
    s++;
    t++;
  }
}

/** Whether `filter` matches all of `subject`; see {@linkcode subjectIsSubsetMatch}. */
export function subjectMatchesFilter(subject: string, filter: string): boolean {
  return subjectIsSubsetMatch(subject, filter);
}

/** As {@linkcode subjectMatchesFilter} for the bytes `[start, end)`, which are only borrowed. */
export function subjectMatchesFilterBytes(
  buffer: Uint8Array,
  start: number,
  end: number,
  filter: string,
): boolean {
  const filterLength = filter.length;
  let s = start;
  let t = 0;
  for (;;) {
    if (t >= filterLength) return false;
    const first = filter.charCodeAt(t);
    if (first === DOT) return false;
    const filterTokenIsOneByte = t + 1 === filterLength || filter.charCodeAt(t + 1) === DOT;
    if (filterTokenIsOneByte && first === GREATER) return true;

    if (s >= end) return false;
    const c = buffer[s]!;
    if (c === DOT) return false;
    if (s + 1 === end || buffer[s + 1] === DOT) {
      if (c === GREATER) return false;
      if (c === STAR && !(filterTokenIsOneByte && first === STAR)) return false;
    }
    if (first === STAR) {
      while (s < end && buffer[s] !== DOT) s++;
      while (t < filterLength && filter.charCodeAt(t) !== DOT) t++;
    } else {
      while (s < end && t < filterLength) {
        const b = buffer[s]!;
        if (b !== filter.charCodeAt(t)) return false;
        if (b === DOT) break;
        s++;
        t++;
      }
      if (s < end && t >= filterLength) {
        if (buffer[s] !== DOT) return false;
      } else if (t < filterLength && s >= end) {
        if (filter.charCodeAt(t) !== DOT) return false;
      }
    }
    const subjectEnded = s >= end;
    if (t >= filterLength) return subjectEnded;
    if (subjectEnded) return false;
    s++;
    t++;
  }
}

/**
 * {@linkcode subjectIsSubsetMatch} for subjects that are already cut into tokens, for callers
 * that compare one subject with many.
 */
export function tokensAreSubsetMatch(tokens: readonly string[], test: readonly string[]): boolean {
  for (let i = 0; i < test.length; i++) {
    if (i >= tokens.length) return false;
    const wanted = test[i]!;
    if (wanted === "") return false;
    if (wanted === fullWildcard) return true;
    const token = tokens[i]!;
    if (token === "" || token === fullWildcard) return false;
    if (token === partialWildcard) {
      if (wanted !== partialWildcard) return false;
      continue;
    }
    if (wanted.charCodeAt(0) !== STAR && token !== wanted) return false;
  }
  return tokens.length === test.length;
}

/**
 * Whether the literal subject `literal` is matched by `pattern`. `*` and `>` are wildcards in
 * `pattern` only as whole tokens, and plain bytes in `literal`.
 */
export function matchLiteral(literal: string, pattern: string): boolean {
  const literalLength = literal.length;
  const patternLength = pattern.length;
  let li = 0;
  for (let i = 0; i < patternLength; i++) {
    if (li >= literalLength) return false;
    let c = pattern.charCodeAt(i);
    if (c === STAR && (i === 0 || pattern.charCodeAt(i - 1) === DOT)) {
      const last = i === patternLength - 1;
      if (last || pattern.charCodeAt(i + 1) === DOT) {
        while (li < literalLength && literal.charCodeAt(li) !== DOT) li++;
        if (last) return li >= literalLength;
        if (li >= literalLength) return false;
        i++;
        c = DOT;
      }
    } else if (
      c === GREATER && i === patternLength - 1 && (i === 0 || pattern.charCodeAt(i - 1) === DOT)
    ) {
      return true;
    }
    if (c !== literal.charCodeAt(li)) return false;
    li++;
  }
  return li >= literalLength;
}

/** {@linkcode matchLiteral} for the literal in the borrowed bytes `[start, end)`. */
export function matchLiteralBytes(
  buffer: Uint8Array,
  start: number,
  end: number,
  pattern: string,
): boolean {
  const patternLength = pattern.length;
  let li = start;
  for (let i = 0; i < patternLength; i++) {
    if (li >= end) return false;
    let c = pattern.charCodeAt(i);
    if (c === STAR && (i === 0 || pattern.charCodeAt(i - 1) === DOT)) {
      const last = i === patternLength - 1;
      if (last || pattern.charCodeAt(i + 1) === DOT) {
        while (li < end && buffer[li] !== DOT) li++;
        if (last) return li >= end;
        if (li >= end) return false;
        i++;
        c = DOT;
      }
    } else if (
      c === GREATER && i === patternLength - 1 && (i === 0 || pattern.charCodeAt(i - 1) === DOT)
    ) {
      return true;
    }
    if (c !== buffer[li]) return false;
    li++;
  }
  return li >= end;
}

/** Whether some literal subject is matched by both subjects. */
export function subjectsCollide(subject1: string, subject2: string): boolean {
  if (subject1 === subject2) return true;
  // Creating a stream compares its subjects with those of all others: most are plain.
  if (!mayHaveWildcard(subject1) && !mayHaveWildcard(subject2)) return false;
  const tokens1 = tokenizeSubject(subject1);
  const tokens2 = tokenizeSubject(subject2);
  const full1 = tokens1.includes(fullWildcard);
  const full2 = tokens2.includes(fullWildcard);
  const literal1 = !full1 && !tokens1.includes(partialWildcard);
  const literal2 = !full2 && !tokens2.includes(partialWildcard);
  if (literal1 && literal2) return false;
  if (literal1) return tokensAreSubsetMatch(tokens1, tokens2);
  if (literal2) return tokensAreSubsetMatch(tokens2, tokens1);
  // Only a full wildcard lets the shorter subject reach the longer one's tokens.
  if (tokens1.length < tokens2.length && !full1) return false;
  if (tokens2.length < tokens1.length && !full2) return false;
  const shared = Math.min(tokens1.length, tokens2.length);
  for (let i = 0; i < shared; i++) {
    if (!tokensCanMatch(tokens1[i]!, tokens2[i]!)) return false;
  }
  return true;
}

function mayHaveWildcard(subject: string): boolean {
  return subject.includes(partialWildcard) || subject.includes(fullWildcard);
}

function tokensCanMatch(token1: string, token2: string): boolean {
  if (token1 === "" || token2 === "") return false;
  const c1 = token1.charCodeAt(0);
  const c2 = token2.charCodeAt(0);
  if (c1 === STAR || c2 === STAR || c1 === GREATER || c2 === GREATER) return true;
  return token1 === token2;
}
