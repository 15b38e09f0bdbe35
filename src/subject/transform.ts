/**
 * Subject transforms: a source pattern and how a matching subject is rewritten.
 *
 * Reference: server/subject_transform.go.
 *
 * @module
 */
import { MappingDestinationError, ServerError } from "../errors/mod.ts";
import { tokensAreSubsetMatch } from "./match.ts";
import { tokenizeSubject } from "./tokens.ts";

const INT32_MAX = 2 ** 31 - 1;

/** What a token of the destination does. */
type TokenFunction =
  | "literal"
  | "wildcard"
  | "partition"
  | "splitFromLeft"
  | "splitFromRight"
  | "sliceFromLeft"
  | "sliceFromRight"
  | "split"
  | "left"
  | "right"
  | "random";

interface DestinationToken {
  readonly kind: TokenFunction;
  /** Indexes of wildcards from 1; after the build indexes of source tokens from 0. */
  readonly indexes: readonly number[];
  readonly size: number;
  readonly text: string;
}

/** Patterns in the order in which the reference tries them. */
const FUNCTIONS: readonly [TokenFunction, RegExp][] = [
  ["wildcard", /{{\s*[wW]ildcard\s*\((.*)\)\s*}}/],
  ["partition", /{{\s*[pP]artition\s*\((.*)\)\s*}}/],
  ["splitFromLeft", /{{\s*[sS]plit[fF]rom[lL]eft\s*\((.*)\)\s*}}/],
  ["splitFromRight", /{{\s*[sS]plit[fF]rom[rR]ight\s*\((.*)\)\s*}}/],
  ["sliceFromLeft", /{{\s*[sS]lice[fF]rom[lL]eft\s*\((.*)\)\s*}}/],
  ["sliceFromRight", /{{\s*[sS]lice[fF]rom[rR]ight\s*\((.*)\)\s*}}/],
  ["right", /{{\s*[rR]ight\s*\((.*)\)\s*}}/],
  ["left", /{{\s*[lL]eft\s*\((.*)\)\s*}}/],
  ["split", /{{\s*[sS]plit\s*\((.*)\)\s*}}/],
  ["random", /{{\s*[rR]andom\s*\((.*)\)\s*}}/],
];

/** A uniform integer in `[0, bound)`. */
export type RandomBelow = (bound: number) => number;

function integer(text: string, token: string): number {
  const trimmed = text.replace(/^ +| +$/g, "");
  const value = /^[+-]?\d+$/.test(trimmed) ? Number(trimmed) : NaN;
  if (!Number.isSafeInteger(value) || value > INT32_MAX) {
    throw new MappingDestinationError(token, "ErrMappingDestinationInvalidArg");
  }
  return value;
}

/** Reads a token of a destination. Throws {@linkcode MappingDestinationError}. */
function parseToken(token: string): DestinationToken {
  const literal: DestinationToken = { kind: "literal", indexes: [], size: 0, text: token };
  if (token.length > 1 && token[0] === "$") {
    if (!/^\$[+-]?\d+$/.test(token)) return literal;
    return { kind: "wildcard", indexes: [Number(token.slice(1))], size: 0, text: "" };
  }
  if (token.length <= 4 || !token.startsWith("{{") || !token.endsWith("}}")) return literal;
  for (const [kind, pattern] of FUNCTIONS) {
    const match = pattern.exec(token);
    if (match !== null) return parseArguments(kind, match[1]!.split(/,\s*/), token);
  }
  throw new MappingDestinationError(token, "ErrUnknownMappingDestinationFunction");
}

function parseArguments(kind: TokenFunction, args: string[], token: string): DestinationToken {
  const tooFew = (): Error =>
    new MappingDestinationError(token, "ErrMappingDestinationNotEnoughArgs");
  const tooMany = (): Error =>
    new MappingDestinationError(token, "ErrMappingDestinationTooManyArgs");
  switch (kind) {
    case "wildcard":
      if (args.length === 1 && args[0] === "") throw tooFew();
      if (args.length > 1) throw tooMany();
      return { kind, indexes: [integer(args[0]!, token)], size: 0, text: "" };
    case "partition": {
      const size = integer(args[0]!, token);
      return { kind, indexes: args.slice(1).map((arg) => integer(arg, token)), size, text: "" };
    }
    case "random":
      if (args.length !== 1) throw tooFew();
      return { kind, indexes: [], size: integer(args[0]!, token), text: "" };
    default: {
      if (args.length < 2) throw tooFew();
      if (args.length > 2) throw tooMany();
      const indexes = [integer(args[0]!, token)];
      if (kind !== "split") return { kind, indexes, size: integer(args[1]!, token), text: "" };
      if (args[1]!.includes(" ") || args[1]!.includes(".")) {
        throw new MappingDestinationError(token, "ErrMappingDestinationInvalidArg");
      }
      return { kind, indexes, size: 0, text: args[1]! };
    }
  }
}

/** Tokens are not looked into for blanks: arguments of functions may have some. */
function isWellFormed(tokens: readonly string[]): boolean {
  const full = tokens.indexOf(">");
  return !tokens.includes("") && (full < 0 || full === tokens.length - 1);
}

/** A source pattern with its destination, ready to use. */
export class SubjectTransform {
  private constructor(
    readonly source: string,
    readonly destination: string,
    readonly sourceTokens: readonly string[],
    readonly tokens: readonly DestinationToken[],
    readonly random: RandomBelow,
  ) {}

  /**
   * Builds a transform. An empty source stands for `>`. `strict` allows only what can be
   * reversed, as imports need it.
   *
   * Throws {@linkcode ServerError} `ErrBadSubject` or {@linkcode MappingDestinationError}.
   */
  static create(
    source: string,
    destination: string,
    options: { strict?: boolean; random: RandomBelow },
  ): SubjectTransform {
    const { strict = false, random } = options;
    const from = (source === "" ? ">" : source).split(".");
    const to = destination.split(".");
    const full = from.includes(">");
    if (
      !isWellFormed(from) || !isWellFormed(to) || to.includes("*") || full !== to.includes(">")
    ) throw new ServerError("ErrBadSubject");
    const wildcards: number[] = [];
    from.forEach((token, i) => token === "*" && wildcards.push(i));
    const tokens: DestinationToken[] = [];
    let used = 0;
    for (const token of to) {
      const parsed = parseToken(token);
      const { kind, indexes } = parsed;
      if (wildcards.length === 0 && !full) {
        if (kind !== "literal" && kind !== "random" && kind !== "partition") {
          throw new MappingDestinationError(token, "ErrMappingDestinationIndexOutOfRange");
        }
        tokens.push({ ...parsed, indexes: [] });
        continue;
      }
      if (strict && kind !== "literal" && kind !== "wildcard") {
        throw new MappingDestinationError(token, "ErrMappingDestinationNotSupportedForImport");
      }
      used += indexes.length;
      const outside = indexes.find((index) => index > wildcards.length);
      if (outside !== undefined) {
        throw new MappingDestinationError(
          `${token}: [${outside}]`,
          "ErrMappingDestinationIndexOutOfRange",
        );
      }
      tokens.push({ ...parsed, indexes: indexes.map((index) => wildcards[index - 1] ?? 0) });
    }
    if (strict && used < wildcards.length) {
      throw new MappingDestinationError(destination, "ErrMappingDestinationNotUsingAllWildcards");
    }
    return new SubjectTransform(source || ">", destination, from, tokens, random);
  }

  /** The transformed subject, or null when the source does not match the literal `subject`. */
  match(subject: string): string | null {
    if (this.source === ">" && this.destination === ">") return subject;
    const tokens = tokenizeSubject(subject);
    if (tokens.some((token) => token === "" || token === "*" || token === ">")) {
      throw new ServerError("ErrBadSubject");
    }
    if (this.source !== ">" && !tokensAreSubsetMatch(tokens, this.sourceTokens)) return null;
    return this.apply(tokens);
  }

  /** Transforms a subject that is known to match. */
  transform(subject: string): string {
    return this.apply(tokenizeSubject(subject));
  }

  /** {@linkcode transform} for a subject in tokens. */
  apply(tokens: readonly string[]): string {
    const parts: string[] = [];
    for (const token of this.tokens) {
      if (token.kind === "literal" && token.text === ">") {
        parts.push(...tokens.slice(this.sourceTokens.length - 1));
        break;
      }
      parts.push(this.#tokenOf(token, tokens));
    }
    return parts.join(".");
  }

  #tokenOf(token: DestinationToken, tokens: readonly string[]): string {
    const { indexes, size } = token;
    switch (token.kind) {
      case "literal":
        return token.text;
      case "random":
        return size === 0 ? "0" : String(this.random(size));
      case "partition":
        return partitionOf(
          indexes.length > 0 ? indexes.map((i) => tokens[i] ?? "").join("") : tokens.join("."),
          size,
        );
      case "wildcard":
        return tokens[indexes[0]!] ?? "";
      default:
        return cut(token, tokens[indexes[0]!] ?? "");
    }
  }

  /** The transform back, or null when there is none. */
  reverse(): SubjectTransform | null {
    const placeholders: string[] = [];
    const source = this.destination.split(".").map((token) => {
      if (!/^\$[1-9]/.test(token) && !FUNCTIONS[0]![1].test(token)) return token;
      placeholders.push(token);
      return "*";
    }).join(".");
    // The n-th wildcard of the source was placed by the placeholder that names n.
    const destination: string[] = [];
    for (const token of this.sourceTokens) {
      if (token !== "*") destination.push(token);
      else {
        const next = placeholders.shift();
        if (next === undefined) return null;
        destination.push(next);
      }
    }
    try {
      return SubjectTransform.create(source, destination.join("."), {
        strict: true,
        random: this.random,
      });
    } catch (error) {
      if (error instanceof ServerError) return null;
      throw error;
    }
  }
}

/** FNV-1a of a byte string modulo `buckets`, as Go's hash/fnv computes it. */
function partitionOf(key: string, buckets: number): string {
  if (buckets === 0) return "0";
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return String((hash >>> 0) % buckets);
}

/** The functions that cut one token. Sizes that do not fit leave it whole. */
function cut({ kind, size, text }: DestinationToken, token: string): string {
  if (kind === "split") return token.split(text).filter((part) => part !== "").join(".");
  const length = token.length;
  if (size <= 0 || size >= length) return token;
  switch (kind) {
    case "splitFromLeft":
      return `${token.slice(0, size)}.${token.slice(size)}`;
    case "splitFromRight":
      return `${token.slice(0, length - size)}.${token.slice(length - size)}`;
    case "left":
      return token.slice(0, size);
    case "right":
      return token.slice(length - size);
    default: {
      const slices: string[] = [];
      const first = kind === "sliceFromRight" ? length % size : 0;
      if (first > 0) slices.push(token.slice(0, first));
      for (let i = first; i < length; i += size) slices.push(token.slice(i, i + size));
      return slices.join(".");
    }
  }
}
