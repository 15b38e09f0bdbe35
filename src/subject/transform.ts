/**
 * Turning one subject into another: for mappings, imports and JetStream.
 *
 * A transform has a source with wildcards and a destination whose tokens place, cut or hash
 * what the wildcards matched (server/subject_transform.go).
 *
 * @module
 */
import { byteStringOf } from "../base/text/byte_string.ts";
import { MappingDestinationError, ServerError } from "../errors/mod.ts";
import { subjectIsSubsetMatch, subjectMatchesFilterBytes } from "./match.ts";
import {
  isMappingFunction,
  isWildcardPlaceholder,
  looksLikeFunction,
  parsePlaceholder,
  type Placeholder,
  type TransformKind,
} from "./placeholder.ts";
import { fullWildcard, partialWildcard, tokenizeSubject, tokenSeparator } from "./tokens.ts";
import { isValidLiteralSubject, isValidSubject } from "./validate.ts";

/** A uniform integer in `[0, bound)`, for `random` and for weights. */
export type RandomBelow = (bound: number) => number;

/** A destination token, ready to be filled. */
interface DestinationToken {
  readonly kind: TransformKind;
  /** The token as it is written. */
  readonly text: string;
  /** Tokens of the source that it uses, counted from 0. */
  readonly sources: readonly number[];
  readonly number: number;
  readonly delimiter: string;
}

/**
 * Makes a transform from `source` (empty is `>`) to `destination`. Null if `destination` is
 * empty, which means that nothing changes.
 *
 * @throws {ServerError} `ErrBadSubject`
 * @throws {MappingDestinationError}
 */
export function newSubjectTransform(
  source: string,
  destination: string,
  random: RandomBelow,
): SubjectTransform | null {
  return makeTransform(source, destination, random, false);
}

/**
 * {@linkcode newSubjectTransform} for imports, which must be reversible: the destination uses
 * all wildcards and changes none of them.
 */
export function newStrictSubjectTransform(
  source: string,
  destination: string,
  random: RandomBelow,
): SubjectTransform | null {
  return makeTransform(source, destination, random, true);
}

/** A transform of subjects. Immutable. */
export class SubjectTransform {
  readonly #sourceTokens: readonly string[];
  readonly #tokens: readonly DestinationToken[];
  readonly #random: RandomBelow;

  /** Use {@linkcode newSubjectTransform}, which checks. */
  constructor(
    readonly source: string,
    readonly destination: string,
    tokens: readonly DestinationToken[],
    random: RandomBelow,
  ) {
    this.#sourceTokens = tokenizeSubject(source);
    this.#tokens = tokens;
    this.#random = random;
  }

  /** Whether `source` matches everything. */
  get matchesAll(): boolean {
    return this.source === fullWildcard;
  }

  /**
   * The transformed `subject`; null if it is no valid literal subject or `source` does not match
   * it.
   */
  match(subject: string): string | null {
    if (this.matchesAll && this.destination === fullWildcard) return subject;
    if (!isValidLiteralSubject(subject)) return null;
    if (!this.matchesAll && !subjectIsSubsetMatch(subject, this.source)) return null;
    return this.transform(subject);
  }

  /** {@linkcode match} for the borrowed bytes `[start, end)`, without garbage on a mismatch. */
  matchBytes(buffer: Uint8Array, start: number, end: number): string | null {
    if (!this.matchesAll && !subjectMatchesFilterBytes(buffer, start, end, this.source)) {
      return null;
    }
    return this.match(byteStringOf(buffer, start, end));
  }

  /** Transforms `subject`, which `source` must match. */
  transform(subject: string): string {
    return this.transformTokens(tokenizeSubject(subject));
  }

  /** {@linkcode transform} for a subject that is already in tokens. */
  transformTokens(tokens: readonly string[]): string {
    let out = "";
    const last = this.#tokens.length - 1;
    for (let i = 0; i <= last; i++) {
      const token = this.#tokens[i]!;
      if (token.kind === "none") {
        if (token.text === fullWildcard) break;
        out += token.text;
      } else {
        out += fill(token, tokens, this.#random);
      }
      if (i < last) out += tokenSeparator;
    }
    if (this.#tokens[last]!.text === fullWildcard) {
      out += tokens.slice(this.#sourceTokens.length - 1).join(tokenSeparator);
    }
    return out;
  }

  /**
   * The transform back from `destination` to `source`; null if there is none. As in the reference
   * the placeholders go back in the order in which they come, so the way back is only right for
   * orders that are their own inverse.
   */
  reverse(): SubjectTransform | null {
    const { subject, placeholders } = untokenizeDestination(this.destination);
    let next = 0;
    const tokens: string[] = [];
    for (const token of this.#sourceTokens) {
      if (token !== partialWildcard) tokens.push(token);
      else if (next < placeholders.length) tokens.push(placeholders[next++]!);
      else return null;
    }
    try {
      return newStrictSubjectTransform(subject, tokens.join(tokenSeparator), this.#random);
    } catch (error) {
      if (error instanceof ServerError) return null;
      throw error;
    }
  }
}

/** A subject with its wildcards as destination tokens: `foo.*.*` becomes `foo.$1.$2`. */
export function tokenizeWildcards(subject: string): string {
  let wildcard = 0;
  return tokenizeSubject(subject)
    .map((token) => token === partialWildcard ? `$${++wildcard}` : token)
    .join(tokenSeparator);
}

/**
 * The way back from {@linkcode tokenizeWildcards}: `foo.$2.{{wildcard(1)}}` becomes `foo.*.*`
 * with the placeholders in their order.
 */
export function untokenizeDestination(
  destination: string,
): { subject: string; placeholders: string[] } {
  const placeholders: string[] = [];
  const tokens = tokenizeSubject(destination).map((token) => {
    if (!isWildcardPlaceholder(token)) return token;
    placeholders.push(token);
    return partialWildcard;
  });
  return { subject: tokens.join(tokenSeparator), placeholders };
}

/**
 * Checks that messages to `source` can be mapped to `destination`.
 *
 * @throws {ServerError} `ErrBadSubject`
 * @throws {MappingDestinationError}
 */
export function validateMapping(source: string, destination: string): void {
  if (destination === "") return;
  let ended = false;
  for (const token of tokenizeSubject(destination)) {
    if (token === "" || ended) {
      throw new MappingDestinationError(token, "ErrInvalidMappingDestinationSubject");
    }
    if (looksLikeFunction(token)) {
      if (!isMappingFunction(token)) {
        throw new MappingDestinationError(token, "ErrUnknownMappingDestinationFunction");
      }
    } else if (token === fullWildcard) {
      ended = true;
    } else if (!isValidSubject(token)) {
      // Of what makes one token invalid only white space is left here.
      throw new MappingDestinationError("", "ErrInvalidMappingDestinationSubject");
    }
  }
  newSubjectTransform(source, destination, noRandom);
}

/** For transforms that are only checked. */
const noRandom: RandomBelow = () => 0;

interface SubjectInfo {
  readonly tokens: readonly string[];
  readonly wildcards: number;
  readonly full: boolean;
}

/** Tokens and wildcards; white space is allowed since functions may have blanks. */
function subjectInfo(subject: string): SubjectInfo {
  const tokens = tokenizeSubject(subject);
  const fullAt = tokens.indexOf(fullWildcard);
  if (tokens.includes("") || (fullAt >= 0 && fullAt < tokens.length - 1)) {
    throw new ServerError("ErrBadSubject");
  }
  const wildcards = tokens.filter((token) => token === partialWildcard).length;
  return { tokens, wildcards, full: fullAt >= 0 };
}

function makeTransform(
  givenSource: string,
  destination: string,
  random: RandomBelow,
  strict: boolean,
): SubjectTransform | null {
  if (destination === "") return null;
  const source = givenSource === "" ? fullWildcard : givenSource;
  const from = subjectInfo(source);
  const to = subjectInfo(destination);
  if (to.wildcards > 0 || from.full !== to.full) throw new ServerError("ErrBadSubject");
  const tokens = from.wildcards > 0 || from.full
    ? placeWildcards(from, to, destination, strict)
    : placeNothing(to);
  return new SubjectTransform(source, destination, tokens, random);
}

function placeWildcards(
  from: SubjectInfo,
  to: SubjectInfo,
  destination: string,
  strict: boolean,
): DestinationToken[] {
  const sourceOf: number[] = [];
  from.tokens.forEach((token, at) => {
    if (token === partialWildcard) sourceOf.push(at);
  });
  let placed = 0;
  const tokens = to.tokens.map((text) => {
    const parsed = parsePlaceholder(text);
    if (strict && parsed.kind !== "none" && parsed.kind !== "wildcard") {
      throw new MappingDestinationError(text, "ErrMappingDestinationNotSupportedForImport");
    }
    placed += parsed.wildcards.length;
    const sources = parsed.wildcards.map((wildcard) => {
      if (wildcard > from.wildcards) {
        throw new MappingDestinationError(
          `${text}: [${wildcard}]`,
          "ErrMappingDestinationIndexOutOfRange",
        );
      }
      // The reference takes numbers below 1 for the first token of the source.
      return sourceOf[wildcard - 1] ?? 0;
    });
    return destinationToken(text, parsed, sources);
  });
  if (strict && placed < from.wildcards) {
    throw new MappingDestinationError(destination, "ErrMappingDestinationNotUsingAllWildcards");
  }
  return tokens;
}

/** Without wildcards in the source only functions that need none can be used. */
function placeNothing(to: SubjectInfo): DestinationToken[] {
  return to.tokens.map((text) => {
    const parsed = parsePlaceholder(text);
    if (parsed.kind !== "none" && parsed.kind !== "random" && parsed.kind !== "partition") {
      throw new MappingDestinationError(text, "ErrMappingDestinationIndexOutOfRange");
    }
    return destinationToken(text, parsed, []);
  });
}

function destinationToken(
  text: string,
  { kind, number, delimiter }: Placeholder,
  sources: readonly number[],
): DestinationToken {
  return { kind, text, sources, number, delimiter };
}

function fill(token: DestinationToken, tokens: readonly string[], random: RandomBelow): string {
  const size = token.number;
  if (token.kind === "random") return String(size === 0 ? 0 : random(Math.abs(size)));
  if (token.kind === "partition") {
    const key = token.sources.length > 0
      ? token.sources.map((at) => tokens[at] ?? "").join("")
      : tokens.join(tokenSeparator);
    return String(size === 0 ? 0 : hashOfKey(key) % (size >>> 0));
  }
  const text = tokens[token.sources[0] ?? 0] ?? "";
  if (token.kind === "wildcard") return text;
  if (token.kind === "split") return splitAt(text, token.delimiter);
  // A size that is none, or that takes in the whole token, leaves it as it is.
  if (size <= 0 || size >= text.length) return text;
  switch (token.kind) {
    case "splitFromLeft":
      return text.slice(0, size) + tokenSeparator + text.slice(size);
    case "splitFromRight":
      return text.slice(0, -size) + tokenSeparator + text.slice(-size);
    case "sliceFromLeft":
      return slices(text, 0, size);
    case "sliceFromRight":
      return slices(text, text.length % size, size);
    case "left":
      return text.slice(0, size);
    case "right":
      return text.slice(-size);
    case "none":
      return token.text;
  }
}

/** Pieces of `size` bytes; a shorter one comes first if `first` is not 0, else last. */
function slices(text: string, first: number, size: number): string {
  const parts: string[] = [];
  if (first > 0) parts.push(text.slice(0, first));
  for (let i = first; i < text.length; i += size) parts.push(text.slice(i, i + size));
  return parts.join(tokenSeparator);
}

/** Parts between delimiters, without the empty ones. */
function splitAt(text: string, delimiter: string): string {
  const parts = text.split(delimiter);
  let out = "";
  for (let i = 0; i < parts.length; i++) {
    out += parts[i]!;
    const more = i < parts.length - 1 && parts[i + 1] !== "";
    if (more && !(i === 0 && parts[i] === "")) out += tokenSeparator;
  }
  return out;
}

/** FNV-1a of the bytes of `key`, unsigned: partitions must be the same on all servers. */
function hashOfKey(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
