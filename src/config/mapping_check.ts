/**
 * Checks of subject mappings as the configuration writes them. Only whether they are right: the
 * transforms that run on messages are `src/subject`'s.
 *
 * Reference: AddWeightedMappings in server/accounts.go, ValidateMapping in server/sublist.go,
 * NewSubjectTransform in server/subject_transform.go.
 *
 * @module
 */
import { byteStringOfText } from "../base/text/byte_string.ts";
import { isValidSubject } from "../subject/mod.ts";
import type { MapDestination } from "./account_options.ts";

const INVALID = "invalid mapping destination";

/** A mapping cannot be made; the message is the reference's. */
export class MappingError extends Error {
  override readonly name = "MappingError";
}

function destinationError(reason: string, token: string): MappingError {
  const text = `${INVALID}: ${reason}`;
  return new MappingError(token === "" ? text : `${text} in ${token}`);
}

/** The functions of a destination token `{{name(arguments)}}`; case of some letters is free. */
const FUNCTIONS: readonly { pattern: RegExp; kind: FunctionKind; inMappings: boolean }[] = [
  func("[wW]ildcard", "wildcard"),
  func("[pP]artition", "partition"),
  func("[sS]plit[fF]rom[lL]eft", "index and number"),
  func("[sS]plit[fF]rom[rR]ight", "index and number"),
  func("[sS]lice[fF]rom[lL]eft", "index and number"),
  func("[sS]lice[fF]rom[rR]ight", "index and number"),
  // The reference forgets these two where it checks mappings: only streams may use them.
  { ...func("[rR]ight", "index and number"), inMappings: false },
  { ...func("[lL]eft", "index and number"), inMappings: false },
  func("[sS]plit", "split"),
  func("[rR]andom", "random"),
];

function func(name: string, kind: FunctionKind) {
  return {
    pattern: new RegExp(`\\{\\{\\s*${name}\\s*\\((.*)\\)\\s*\\}\\}`),
    kind,
    inMappings: true,
  };
}

type FunctionKind = "wildcard" | "partition" | "index and number" | "split" | "random";

/** What a token of a destination does: nothing, or a function of some of the wildcards. */
interface TokenUse {
  kind: FunctionKind | "plain";
  wildcards: number[];
}

const PLAIN: TokenUse = { kind: "plain", wildcards: [] };
const INT32_MAX = 2 ** 31 - 1;

function integer(text: string, token: string): number {
  const trimmed = text.replace(/^ +| +$/g, "");
  const value = /^[+-]?\d+$/.test(trimmed) ? Number(trimmed) : NaN;
  if (!Number.isSafeInteger(value)) {
    throw destinationError("function argument is invalid or in the wrong format", token);
  }
  return value;
}

function int32(text: string, token: string): number {
  const value = integer(text, token);
  if (value > INT32_MAX) {
    throw destinationError("function argument is invalid or in the wrong format", token);
  }
  return value;
}

function isMustache(token: string): boolean {
  return token.length > 4 && token.startsWith("{{") && token.endsWith("}}");
}

function useOf(token: string): TokenUse {
  if (token.length > 1 && token.startsWith("$")) {
    if (!/^\$[+-]?\d+$/.test(token)) return PLAIN;
    return { kind: "wildcard", wildcards: [Number(token.slice(1))] };
  }
  if (!isMustache(token)) return PLAIN;
  for (const { pattern, kind } of FUNCTIONS) {
    const match = pattern.exec(token);
    if (match !== null) return { kind, wildcards: checkArguments(kind, match[1]!, token) };
  }
  throw destinationError("unknown function", token);
}

function checkArguments(kind: FunctionKind, text: string, token: string): number[] {
  const args = text.split(/,\s*/);
  const tooFew = () => destinationError("not enough arguments passed to the function", token);
  const tooMany = () => destinationError("too many arguments passed to the function", token);
  switch (kind) {
    case "wildcard":
      if (args.length === 1 && args[0] === "") throw tooFew();
      if (args.length > 1) throw tooMany();
      return [integer(args[0]!, token)];
    case "partition":
      int32(args[0]!, token);
      return args.slice(1).map((arg) => integer(arg, token));
    case "random":
      if (args.length !== 1) throw tooFew();
      int32(args[0]!, token);
      return [];
    case "split": {
      if (args.length < 2) throw tooFew();
      if (args.length > 2) throw tooMany();
      const index = integer(args[0]!, token);
      if (args[1]!.includes(" ") || args[1]!.includes(".")) {
        throw destinationError("function argument is invalid or in the wrong format", token);
      }
      return [index];
    }
    case "index and number": {
      if (args.length < 2) throw tooFew();
      if (args.length > 2) throw tooMany();
      const index = integer(args[0]!, token);
      int32(args[1]!, token);
      return [index];
    }
  }
}

/** Tokens of a subject; arguments of functions may have blanks, so they are not looked for. */
function wellFormed(tokens: readonly string[]): boolean {
  const full = tokens.indexOf(">");
  return !tokens.includes("") && (full < 0 || full === tokens.length - 1);
}

/**
 * Checks that a transform from `source` to `destination` can be made.
 *
 * @param strict whether it must be reversible, as imports need
 * @throws {MappingError}
 */
export function checkTransform(source: string, destination: string, strict: boolean): void {
  if (destination === "") return;
  const from = (source === "" ? ">" : source).split(".");
  const to = destination.split(".");
  if (
    !wellFormed(from) || !wellFormed(to) || to.includes("*") ||
    from.includes(">") !== to.includes(">")
  ) throw new MappingError("invalid subject");
  const count = from.filter((token) => token === "*").length;
  if (count === 0 && !from.includes(">")) {
    for (const token of to) {
      const { kind } = useOf(token);
      if (kind === "plain" || kind === "random" || kind === "partition") continue;
      throw destinationError("wildcard index out of range", token);
    }
    return;
  }
  let used = 0;
  for (const token of to) {
    const { kind, wildcards } = useOf(token);
    if (strict && kind !== "plain" && kind !== "wildcard") {
      throw destinationError(
        "the only mapping function allowed for import transforms is {{Wildcard()}}",
        token,
      );
    }
    used += wildcards.length;
    const outside = wildcards.find((index) => index > count);
    if (outside !== undefined) {
      throw destinationError("wildcard index out of range", `${token}: [${outside}]`);
    }
  }
  if (strict && used < count) {
    throw destinationError("not using all of the token wildcard(s)", destination);
  }
}

function checkDestination(source: string, destination: string): void {
  let ended = false;
  for (const token of destination === "" ? [] : destination.split(".")) {
    if (token === "" || ended) throw destinationError("invalid transform", token);
    if (isMustache(token)) {
      if (!FUNCTIONS.some(({ pattern, inMappings }) => inMappings && pattern.test(token))) {
        throw destinationError("unknown function", token);
      }
    } else if (token === ">") ended = true;
    else if (/[\t\n\f\r ]/.test(token)) throw destinationError("invalid transform", "");
  }
  checkTransform(source, destination, false);
}

/**
 * Checks a weighted mapping of `source`.
 *
 * @throws {MappingError}
 */
export function checkMapping(source: string, destinations: readonly MapDestination[]): void {
  if (!isValidSubject(byteStringOfText(source))) throw new MappingError("invalid subject");
  const seen = new Set<string>();
  const weights = new Map<string, number>();
  for (const { subject, weight, cluster } of destinations) {
    if (seen.has(subject)) throw new MappingError(`duplicate entry for "${subject}"`);
    seen.add(subject);
    const total = (weights.get(cluster) ?? 0) + weight;
    weights.set(cluster, total);
    if (total > 100) throw new MappingError("total weight needs to be <= 100");
    checkDestination(source, subject);
  }
}

/** Wildcards of a subject as `$1`, `$2`…: a destination that changes nothing. */
export function tokenizeWildcards(subject: string): string {
  let index = 0;
  return subject.split(".").map((token) => token === "*" ? `$${++index}` : token).join(".");
}

/** A destination's wildcard functions as `*`: the subject that it can be matched by. */
export function untokenizeWildcards(subject: string): string {
  const wildcard = /\{\{\s*[wW]ildcard\s*\(([^,]+)\)\s*\}\}/;
  return subject.split(".").map((token) =>
    /^\$[1-9]/.test(token) || wildcard.test(token) ? "*" : token
  ).join(".");
}
