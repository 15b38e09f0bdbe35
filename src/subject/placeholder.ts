/**
 * The tokens of a transform's destination: plain ones, `$1` and functions in double braces.
 *
 * Names, order of the checks and error texts are the reference's (server/subject_transform.go
 * indexPlaceHolders). Its patterns ignore the case of only some letters and need not match the
 * whole token; that is kept.
 *
 * @module
 */
import { MappingDestinationError, type MappingDestinationErrorCode } from "../errors/mod.ts";
import { tokenSeparator } from "./tokens.ts";

/** What a destination token does. */
export type TransformKind =
  | "none"
  | "partition"
  | "wildcard"
  | "splitFromLeft"
  | "splitFromRight"
  | "sliceFromLeft"
  | "sliceFromRight"
  | "split"
  | "left"
  | "right"
  | "random";

/** A destination token, understood. */
export interface Placeholder {
  readonly kind: TransformKind;
  /** Wildcards of the source that it uses, counted from 1. */
  readonly wildcards: readonly number[];
  /** Number of partitions, position, size or bound; -1 where the function has none. */
  readonly number: number;
  /** What `split` splits at. */
  readonly delimiter: string;
}

/** Functions in the order in which the reference tries them. */
const functions: readonly { readonly kind: TransformKind; readonly pattern: RegExp }[] = [
  { kind: "wildcard", pattern: functionPattern("[wW]ildcard") },
  { kind: "partition", pattern: functionPattern("[pP]artition") },
  { kind: "splitFromLeft", pattern: functionPattern("[sS]plit[fF]rom[lL]eft") },
  { kind: "splitFromRight", pattern: functionPattern("[sS]plit[fF]rom[rR]ight") },
  { kind: "sliceFromLeft", pattern: functionPattern("[sS]lice[fF]rom[lL]eft") },
  { kind: "sliceFromRight", pattern: functionPattern("[sS]lice[fF]rom[rR]ight") },
  { kind: "right", pattern: functionPattern("[rR]ight") },
  { kind: "left", pattern: functionPattern("[lL]eft") },
  { kind: "split", pattern: functionPattern("[sS]plit") },
  { kind: "random", pattern: functionPattern("[rR]andom") },
];

const commaPattern = /,[\t\n\f\r ]*/;
const int32Max = 2 ** 31 - 1;
const int32Min = -(2 ** 31);

const plainToken: Placeholder = { kind: "none", wildcards: [], number: -1, delimiter: "" };

/**
 * What the destination token `token` does.
 *
 * @throws {MappingDestinationError} if it looks like a function but is none
 */
export function parsePlaceholder(token: string): Placeholder {
  if (token.length > 1 && token[0] === "$") {
    const wildcard = parseGoInt(token.slice(1));
    // Other subjects start with a dollar too.
    return wildcard === null ? plainToken : placeholder("wildcard", [wildcard]);
  }
  if (!looksLikeFunction(token)) return plainToken;
  for (const { kind, pattern } of functions) {
    const args = argumentsOf(pattern, token);
    if (args !== null) return parseFunction(token, kind, args);
  }
  throw new MappingDestinationError(token, "ErrUnknownMappingDestinationFunction");
}

/** Whether `token` is in double braces with something between them. */
export function looksLikeFunction(token: string): boolean {
  return token.length > 4 && token.startsWith("{{") && token.endsWith("}}");
}

/**
 * Whether `token` holds a function that mappings may use. The reference leaves `left` and
 * `right` out of this check although transforms know them.
 */
export function isMappingFunction(token: string): boolean {
  return functions.some(({ kind, pattern }) =>
    kind !== "left" && kind !== "right" && pattern.test(token)
  );
}

/** Whether `token` stands for one wildcard of the source: `$1` or `{{wildcard(1)}}`. */
export function isWildcardPlaceholder(token: string): boolean {
  if (token.length > 1 && token[0] === "$" && token[1]! >= "1" && token[1]! <= "9") return true;
  const args = argumentsOf(functions[0]!.pattern, token);
  return args !== null && args.length === 1 && args[0] !== "";
}

function functionPattern(name: string): RegExp {
  // Go's `\s` knows no vertical tab and nothing beyond ASCII.
  const s = "[\\t\\n\\f\\r ]*";
  // Go's dot matches anything but a newline, unlike JavaScript's also U+2028 and \r.
  return new RegExp(`\\{\\{${s}${name}${s}\\(([^\\n]*)\\)${s}\\}\\}`);
}

function argumentsOf(pattern: RegExp, token: string): string[] | null {
  const match = pattern.exec(token);
  return match === null ? null : match[1]!.split(commaPattern);
}

function placeholder(
  kind: TransformKind,
  wildcards: readonly number[],
  number = -1,
  delimiter = "",
): Placeholder {
  return { kind, wildcards, number, delimiter };
}

function parseFunction(token: string, kind: TransformKind, args: string[]): Placeholder {
  const fail = (code: MappingDestinationErrorCode): never => {
    throw new MappingDestinationError(token, code);
  };
  const integer = (text: string): number =>
    parseGoInt(trimBlanks(text)) ?? fail("ErrMappingDestinationInvalidArg");
  const upTo32Bits = (text: string): number => {
    const value = integer(text);
    return value > int32Max ? fail("ErrMappingDestinationInvalidArg") : value | 0;
  };
  switch (kind) {
    case "wildcard":
      if (args.length === 1 && args[0] === "") fail("ErrMappingDestinationNotEnoughArgs");
      if (args.length > 1) fail("ErrMappingDestinationTooManyArgs");
      return placeholder(kind, [integer(args[0]!)]);
    case "partition": {
      const partitions = upTo32Bits(args[0]!);
      return placeholder(kind, args.slice(1).map(integer), partitions);
    }
    case "random":
      if (args.length !== 1) fail("ErrMappingDestinationNotEnoughArgs");
      return placeholder(kind, [], upTo32Bits(args[0]!));
    default: {
      if (args.length < 2) fail("ErrMappingDestinationNotEnoughArgs");
      if (args.length > 2) fail("ErrMappingDestinationTooManyArgs");
      const wildcard = integer(args[0]!);
      const second = args[1]!;
      if (kind === "split") {
        if (second.includes(" ") || second.includes(tokenSeparator)) {
          fail("ErrMappingDestinationInvalidArg");
        }
        return placeholder(kind, [wildcard], -1, second);
      }
      const number = integer(second);
      if (number > int32Max || number < int32Min) fail("ErrMappingDestinationInvalidArg");
      return placeholder(kind, [wildcard], number);
    }
  }
}

function trimBlanks(text: string): string {
  return text.replace(/^ +| +$/g, "");
}

/** An integer as Go's `strconv.Atoi` takes it, or null. */
function parseGoInt(text: string): number | null {
  if (!/^[+-]?[0-9]+$/.test(text)) return null;
  const value = BigInt(text.replace("+", ""));
  if (value > 0x7fffffffffffffffn || value < -0x8000000000000000n) return null;
  return Number(value);
}
