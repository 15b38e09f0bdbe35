/**
 * What is a valid subject, and what kind of subject it is.
 *
 * The rules are the reference's (server/sublist.go, client.go, jetstream.go): tokens are
 * separated by dots and not empty, `*` and `>` are wildcards only as whole tokens, `>` only as
 * the last one. Subjects are byte strings; each check that runs per message also exists for
 * `(buffer, start, end)` and then only borrows the buffer.
 *
 * @module
 */
import { Buffer, isUtf8 } from "node:buffer";

const TAB = 0x09;
const NEWLINE = 0x0a;
const FORM_FEED = 0x0c;
const RETURN = 0x0d;
const SPACE = 0x20;
const STAR = 0x2a;
const DOT = 0x2e;
const GREATER = 0x3e;

/** U+FFFD as a byte string: a sign that somebody already lost the original bytes. */
const replacementCharacter = "\xef\xbf\xbd";

/**
 * Whether `subject` is a valid subject, with or without wildcards. `checkRunes` also refuses NUL
 * bytes and everything that is not UTF-8 or holds U+FFFD; the store asks for that because its
 * files keep subjects as text.
 */
export function isValidSubject(subject: string, checkRunes = false): boolean {
  if (checkRunes && !hasValidRunes(subject)) return false;
  const length = subject.length;
  let tokenStart = 0;
  for (let i = 0; i <= length; i++) {
    const c = i === length ? DOT : subject.charCodeAt(i);
    if (c === DOT) {
      if (i === tokenStart) return false;
      // A full wildcard has to be the last token.
      if (i === tokenStart + 1 && i < length && subject.charCodeAt(tokenStart) === GREATER) {
        return false;
      }
      tokenStart = i + 1;
    } else if (isWhiteSpace(c)) {
      return false;
    }
  }
  return true;
}

/** As {@linkcode isValidSubject} without runes, for the bytes `[start, end)`. */
export function isValidSubjectBytes(buffer: Uint8Array, start: number, end: number): boolean {
  let tokenStart = start;
  for (let i = start; i < end; i++) {
    const c = buffer[i]!;
    if (c === DOT) {
      if (i === tokenStart) return false;
      if (i === tokenStart + 1 && buffer[tokenStart] === GREATER) return false;
      tokenStart = i + 1;
    } else if (c <= SPACE && isWhiteSpace(c)) {
      return false;
    }
  }
  return tokenStart < end;
}

/**
 * Whether `subject` has no empty token and no wildcard. As in the reference this does not look
 * for white space; see {@linkcode isValidPublishSubject} for the full check.
 */
export function isValidLiteralSubject(subject: string): boolean {
  const length = subject.length;
  let tokenStart = 0;
  for (let i = 0; i <= length; i++) {
    if (i < length && subject.charCodeAt(i) !== DOT) continue;
    if (i === tokenStart) return false;
    if (i === tokenStart + 1) {
      const c = subject.charCodeAt(tokenStart);
      if (c === STAR || c === GREATER) return false;
    }
    tokenStart = i + 1;
  }
  return true;
}

/** As {@linkcode isValidLiteralSubject}, for the bytes `[start, end)`. */
export function isValidLiteralSubjectBytes(
  buffer: Uint8Array,
  start: number,
  end: number,
): boolean {
  let tokenStart = start;
  for (let i = start; i <= end; i++) {
    if (i < end && buffer[i] !== DOT) continue;
    if (i === tokenStart) return false;
    if (i === tokenStart + 1) {
      const c = buffer[tokenStart]!;
      if (c === STAR || c === GREATER) return false;
    }
    tokenStart = i + 1;
  }
  return true;
}

/** Whether `subject` is valid and has no wildcards, so that one can publish to it. */
export function isValidPublishSubject(subject: string): boolean {
  return isValidSubject(subject) && isLiteralSubject(subject);
}

/** As {@linkcode isValidPublishSubject}, for the bytes `[start, end)`. */
export function isValidPublishSubjectBytes(
  buffer: Uint8Array,
  start: number,
  end: number,
): boolean {
  return isValidSubjectBytes(buffer, start, end) && isLiteralSubjectBytes(buffer, start, end);
}

/** Whether no token of `subject` is a wildcard. Does not check that the subject is valid. */
export function isLiteralSubject(subject: string): boolean {
  const length = subject.length;
  for (let i = 0; i < length; i++) {
    const c = subject.charCodeAt(i);
    if (
      (c === STAR || c === GREATER) &&
      (i === 0 || subject.charCodeAt(i - 1) === DOT) &&
      (i + 1 === length || subject.charCodeAt(i + 1) === DOT)
    ) return false;
  }
  return true;
}

/** As {@linkcode isLiteralSubject}, for the bytes `[start, end)`. */
export function isLiteralSubjectBytes(buffer: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const c = buffer[i]!;
    if (
      (c === STAR || c === GREATER) &&
      (i === start || buffer[i - 1] === DOT) &&
      (i + 1 === end || buffer[i + 1] === DOT)
    ) return false;
  }
  return true;
}

/** Whether some token of `subject` is a wildcard. */
export function subjectHasWildcard(subject: string): boolean {
  return !isLiteralSubject(subject);
}

/**
 * Whether `queue` may name a queue group in a permission: as the reference, a valid subject,
 * since groups there may use wildcards. A SUB itself takes any group name.
 */
export function isValidQueuePattern(queue: string): boolean {
  return isValidSubject(queue);
}

/** Whether `name` fits in one token: not empty, no white space, dots or wildcards. */
export function isValidName(name: string): boolean {
  return name !== "" && !/[ \t\r\n\f.*>]/.test(name);
}

/** Whether `name` may name a stream or consumer: a name without slashes of either kind. */
export function isValidAssetName(name: string): boolean {
  return name !== "" && !/[ \t\r\n\f.*>\\/]/.test(name);
}

function isWhiteSpace(c: number): boolean {
  return c === SPACE || c === TAB || c === NEWLINE || c === RETURN || c === FORM_FEED;
}

function hasValidRunes(subject: string): boolean {
  let ascii = true;
  for (let i = 0; i < subject.length; i++) {
    const c = subject.charCodeAt(i);
    if (c === 0) return false;
    if (c > 127) ascii = false;
  }
  if (ascii) return true;
  return !subject.includes(replacementCharacter) && isUtf8(Buffer.from(subject, "latin1"));
}
