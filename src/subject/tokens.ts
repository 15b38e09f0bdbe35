/**
 * Taking subjects apart.
 *
 * Rules as in the reference (server/sublist.go, stream.go tokens helpers). These make strings
 * and arrays: they are for the control plane; the hot path walks the bytes instead.
 *
 * @module
 */

const DOT = 0x2e;

/** Separates the tokens of a subject. */
export const tokenSeparator = ".";
/** As a whole token: matches any one token. */
export const partialWildcard = "*";
/** As the last token: matches one or more tokens. */
export const fullWildcard = ">";

/** Number of tokens; 0 for the empty string. */
export function numTokens(subject: string): number {
  if (subject.length === 0) return 0;
  let count = 1;
  for (let i = 0; i < subject.length; i++) {
    if (subject.charCodeAt(i) === DOT) count++;
  }
  return count;
}

/** As {@linkcode numTokens}, for the bytes `[start, end)`, which are only borrowed. */
export function numTokensBytes(buffer: Uint8Array, start: number, end: number): number {
  if (start >= end) return 0;
  let count = 1;
  for (let i = start; i < end; i++) {
    if (buffer[i] === DOT) count++;
  }
  return count;
}

/** The token at `position`, counted from 1; the empty string where there is none. */
export function tokenAt(subject: string, position: number): string {
  let current = 1;
  let start = 0;
  for (let i = 0; i < subject.length; i++) {
    if (subject.charCodeAt(i) !== DOT) continue;
    if (current === position) return subject.slice(start, i);
    start = i + 1;
    current++;
  }
  return current === position ? subject.slice(start) : "";
}

/** All tokens of `subject`; empty tokens stay, and the empty string has one of them. */
export function tokenizeSubject(subject: string): string[] {
  return subject.split(tokenSeparator);
}
