/**
 * Command-line flags in Go's syntax: `-x`, `--x`, `-x=value`, `-x value`.
 *
 * Reference: the `flag` package of Go.
 *
 * @module
 */
import { quoteText } from "./url.ts";

/** A flag that is wrong; the message is that of Go's `flag` package. */
export class FlagError extends Error {
  override readonly name = "FlagError";
}

/** A flag: its kind, and what a value of it does to a target. */
export type FlagDefinition<T> =
  | { kind: "boolean"; set: (target: T, value: boolean) => void }
  | { kind: "integer"; set: (target: T, value: number) => void }
  | { kind: "text"; set: (target: T, value: string) => void };

/** Flags by name, without their dashes. */
export type FlagDefinitions<T> = ReadonlyMap<string, FlagDefinition<T>>;

/** A flag as it was given. */
interface GivenFlag<T> {
  name: string;
  /** Sets the flag's value on a target, again and again if wanted. */
  apply: (target: T) => void;
}

/** What a command line holds. */
export interface ParsedFlags<T> {
  /** In the order given. */
  flags: GivenFlag<T>[];
  /** Names of the given flags, sorted, as Go visits them. */
  names: string[];
  /** What follows the flags. */
  rest: string[];
}

const TRUE: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE: ReadonlySet<string> = new Set(["0", "f", "F", "FALSE", "false", "False"]);

function parseBoolean(text: string): boolean | null {
  return TRUE.has(text) ? true : FALSE.has(text) ? false : null;
}

const INT64_MAX = (1n << 63n) - 1n;

function parseInteger(text: string): number | string {
  const match = /^([+-]?)(0[xX][0-9a-fA-F_]+|0[oO]?[0-7_]+|0[bB][01_]+|0|[1-9][0-9_]*)$/.exec(
    text,
  );
  if (match === null || /__|_$/.test(text)) return "parse error";
  let digits = match[2]!.replaceAll("_", "");
  if (/^0[0-7]+$/.test(digits)) digits = `0o${digits.slice(1)}`;
  const value = BigInt(digits) * (match[1] === "-" ? -1n : 1n);
  const number = Number(value);
  if (value > INT64_MAX || value < -INT64_MAX - 1n || !Number.isSafeInteger(number)) {
    return "value out of range";
  }
  return number;
}

/**
 * Reads a command line.
 *
 * @throws {FlagError} at the first flag that is wrong; `help` and `h` may be undefined
 */
export function parseFlags<T>(
  args: readonly string[],
  definitions: FlagDefinitions<T>,
): ParsedFlags<T> {
  const flags: GivenFlag<T>[] = [];
  let at = 0;
  while (at < args.length) {
    const arg = args[at]!;
    if (arg.length < 2 || !arg.startsWith("-")) break;
    at++;
    if (arg === "--") break;
    const body = arg.slice(arg.startsWith("--") ? 2 : 1);
    if (body === "" || body.startsWith("-") || body.startsWith("=")) {
      throw new FlagError(`bad flag syntax: ${arg}`);
    }
    const equals = body.indexOf("=");
    const name = equals < 0 ? body : body.slice(0, equals);
    let value = equals < 0 ? null : body.slice(equals + 1);
    const definition = definitions.get(name);
    if (definition === undefined) {
      throw new FlagError(`flag provided but not defined: -${name}`);
    }
    if (value === null && definition.kind !== "boolean") {
      value = args[at++] ?? null;
      if (value === null) throw new FlagError(`flag needs an argument: -${name}`);
    }
    flags.push({ name, apply: valueSetter(name, value, definition) });
  }
  const names = [...new Set(flags.map(({ name }) => name))].sort();
  return { flags, names, rest: args.slice(at) };
}

function valueSetter<T>(
  name: string,
  value: string | null,
  definition: FlagDefinition<T>,
): (target: T) => void {
  switch (definition.kind) {
    case "boolean": {
      const parsed = value === null ? true : parseBoolean(value);
      if (parsed === null) {
        throw new FlagError(
          `invalid boolean value ${quoteText(value!)} for -${name}: parse error`,
        );
      }
      return (target) => definition.set(target, parsed);
    }
    case "integer": {
      const parsed = parseInteger(value!);
      if (typeof parsed === "string") {
        throw new FlagError(`invalid value ${quoteText(value!)} for flag -${name}: ${parsed}`);
      }
      return (target) => definition.set(target, parsed);
    }
    case "text":
      return (target) => definition.set(target, value!);
  }
}
