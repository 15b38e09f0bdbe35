/**
 * The parser of the configuration language: items become maps, arrays and values, each with its
 * place in the file, with variables and includes resolved.
 *
 * Reference: conf/parse.go (its pedantic form, which is the one the server uses).
 *
 * @module
 */
import { createHash } from "node:crypto";
import { byteStringOf, byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import { IntegerError, numberSuffix, parseInt64 } from "../base/text/size.ts";
import type { ConfigSource } from "../platform/config_source.ts";
import { ConfigParseError } from "./errors.ts";
import { goJson } from "./go_json.ts";
import { type Item, Lexer } from "./lexer.ts";

/** A point in time as written, in UTC to the second: `2016-05-04T18:53:41Z`. */
export class ConfigDate {
  constructor(readonly text: string) {}
}

/** A map of the configuration, in the order of the file. */
export type ConfigMap = Map<string, ConfigToken>;

/** A value: `bigint` is an integer and `number` a float, so that `1` and `1.0` stay apart. */
export type ConfigValue =
  | string
  | boolean
  | bigint
  | number
  | ConfigDate
  | ConfigToken[]
  | ConfigMap;

/** A value and where it was written: in a map the place is its key's. */
export class ConfigToken {
  /** Whether a variable refers to this value; such a key may be unknown to the server. */
  usedVariable = false;

  constructor(
    readonly value: ConfigValue,
    public line: number,
    public pos: number,
    readonly sourceFile: string,
  ) {}
}

/** How deeply files may include each other. */
export const INCLUDE_DEPTH_MAX = 64;

/** Bcrypt hashes start with a dollar sign but are not variables. */
const BCRYPT_PREFIX = "2a$";

/** Key under which the value of an environment variable is parsed. */
const ENV_KEY = "pk";

/**
 * Parses a configuration text.
 *
 * @param text the configuration
 * @param source files to include and the environment
 * @throws {ConfigParseError}
 */
export function parseConfig(text: string, source: ConfigSource): ConfigMap {
  return new Parser(byteStringOfText(text), "", source, [], new Set()).parse();
}

/**
 * Parses a configuration file.
 *
 * @throws {ConfigParseError}
 * @throws {FileError} when the file itself cannot be read
 */
export function parseConfigFile(path: string, source: ConfigSource): ConfigMap {
  return parseFile(path, source, []);
}

/**
 * Parses a configuration file and computes the digest of its meaning: comments, white space,
 * the order of keys and includes do not change it.
 *
 * @throws {ConfigParseError}
 * @throws {FileError} when the file itself cannot be read
 */
export function parseConfigFileWithDigest(
  path: string,
  source: ConfigSource,
): { map: ConfigMap; digest: string } {
  const map = parseFile(path, source, []);
  return { map, digest: configDigest(map) };
}

/**
 * The digest of a configuration: `sha256:` and the hex hash of its JSON.
 *
 * @throws {ConfigParseError} when references blow it up beyond reason
 */
export function configDigest(map: ConfigMap): string {
  const hash = createHash("sha256");
  hash.update(goJson(map) + "\n");
  return `sha256:${hash.digest("hex")}`;
}

function parseFile(path: string, source: ConfigSource, including: readonly string[]): ConfigMap {
  const bytes = source.readFile(path);
  const text = byteStringOf(bytes, 0, bytes.length);
  return new Parser(text, path, source, [...including, path], new Set()).parse();
}

/** The folder of a path, like Go's `filepath.Dir`. */
function folderOf(path: string): string {
  return cleanPath(path.slice(0, path.lastIndexOf("/") + 1));
}

/** A path without `.`, `..` and double slashes, like Go's `filepath.Clean`. */
export function cleanPath(path: string): string {
  const rooted = path.startsWith("/");
  const out: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== ".." || (out.length === 0 && !rooted) || out.at(-1) === "..") out.push(part);
    else out.pop();
  }
  const clean = (rooted ? "/" : "") + out.join("/");
  return clean === "" ? "." : clean;
}

class Parser {
  readonly #lexer: Lexer;
  readonly #folder: string;
  /** Maps and arrays that are open, the outermost first. */
  readonly #contexts: (ConfigMap | ConfigToken[])[] = [new Map()];
  /** Keys whose value has not come yet. */
  readonly #keys: { name: string; line: number; pos: number }[] = [];

  constructor(
    text: string,
    readonly path: string,
    readonly source: ConfigSource,
    /** Files that are being included, the outermost first. */
    readonly including: readonly string[],
    /** Environment variables that are being resolved. */
    readonly resolving: Set<string>,
  ) {
    this.#lexer = new Lexer(text);
    this.#folder = folderOf(path);
  }

  parse(): ConfigMap {
    const top = this.#contexts[0] as ConfigMap;
    let previous: Item | null = null;
    for (;;) {
      const item = this.#lexer.nextItem();
      if (item.type === "EOF") {
        // A last key `}` is the end of a JSON object, for the lexer knows no braces here.
        if (previous?.type === "Key" && previous.value !== "}") {
          throw new ConfigParseError(
            `config is invalid (${this.path}:${item.line}:${item.pos})`,
          );
        }
        return top;
      }
      previous = item;
      this.#process(item);
    }
  }

  #process(item: Item): void {
    const text = textOfByteString(item.value);
    switch (item.type) {
      case "Error":
        throw new ConfigParseError(`Parse error on line ${item.line}: '${text}'`);
      case "Key":
        this.#keys.push({ name: text, line: item.line, pos: item.pos });
        return;
      case "MapStart":
        this.#contexts.push(new Map());
        return;
      case "ArrayStart":
        this.#contexts.push([]);
        return;
      case "MapEnd":
      case "ArrayEnd":
        this.#set(item, this.#close());
        return;
      case "String":
        this.#set(item, text);
        return;
      case "Integer":
        this.#integer(item, text);
        return;
      case "Float":
        this.#set(item, parseFloatValue(text));
        return;
      case "Bool":
        this.#set(item, ["true", "yes", "on"].includes(text.toLowerCase()));
        return;
      case "DateTime":
        this.#set(item, parseDate(text));
        return;
      case "Variable":
        this.#variable(item, text);
        return;
      case "Include":
        this.#include(text);
        return;
      case "Text":
      case "CommentStart":
        return;
    }
  }

  #close(): ConfigMap | ConfigToken[] {
    const closed = this.#contexts.pop();
    if (closed === undefined || this.#contexts.length === 0) {
      throw new ConfigParseError("BUG in parser, context stack empty");
    }
    return closed;
  }

  #set(item: Item, value: ConfigValue): void {
    this.#setToken(new ConfigToken(value, item.line, item.pos, this.path));
  }

  #setToken(token: ConfigToken): void {
    const context = this.#contexts.at(-1)!;
    if (Array.isArray(context)) {
      context.push(token);
      return;
    }
    const key = this.#keys.pop();
    if (key === undefined) throw new ConfigParseError("BUG in parser, keys stack empty");
    // The place of the key helps more than that of its value.
    token.line = key.line;
    token.pos = key.pos;
    context.set(key.name, token);
  }

  #integer(item: Item, text: string): void {
    const digits = /^[0-9-]*/.exec(text)![0];
    let value: bigint;
    try {
      value = parseInt64(digits);
    } catch (error) {
      if (!(error instanceof IntegerError)) throw error;
      throw new ConfigParseError(
        error.reason === "value out of range"
          ? `integer '${text}' is out of the range`
          : `expected integer, but got '${text}'`,
      );
    }
    const rest = text.slice(digits.length).trim();
    if (/^\P{ASCII}/u.test(rest)) {
      throw new ConfigParseError(`expected integer, but got '${text}'`);
    }
    const factor = numberSuffix(rest);
    // An unknown suffix sets nothing: the reference leaves the key open, and so do we.
    if (factor !== null) this.#set(item, BigInt.asIntN(64, value * factor));
  }

  #variable(item: Item, name: string): void {
    let found: ConfigToken | string | null;
    try {
      found = this.#lookup(name);
    } catch (error) {
      if (!(error instanceof ConfigParseError)) throw error;
      throw new ConfigParseError(
        `variable reference for '${name}' on line ${item.line} could not be parsed: ` +
          error.message,
      );
    }
    if (found === null) {
      throw new ConfigParseError(
        `variable reference for '${name}' on line ${item.line} can not be found`,
      );
    }
    if (typeof found === "string") {
      this.#set(item, found);
    } else {
      found.usedVariable = true;
      this.#set(item, found.value);
    }
  }

  /** A variable's value: from the maps that are open, the innermost first, or the environment. */
  #lookup(name: string): ConfigToken | string | null {
    if (name.startsWith(BCRYPT_PREFIX)) return "$" + name;
    for (let i = this.#contexts.length - 1; i >= 0; i--) {
      const context = this.#contexts[i]!;
      if (Array.isArray(context)) continue;
      const token = context.get(name);
      if (token !== undefined) return token;
    }
    if (this.resolving.has(name)) {
      throw new ConfigParseError(`variable reference cycle for '${name}'`);
    }
    const text = this.source.env(name);
    if (text === null) return null;
    this.resolving.add(name);
    try {
      const parser = new Parser(
        byteStringOfText(`${ENV_KEY}=${text}`),
        "",
        this.source,
        this.including,
        this.resolving,
      );
      return parser.parse().get(ENV_KEY) ?? null;
    } finally {
      this.resolving.delete(name);
    }
  }

  #include(name: string): void {
    const path = cleanPath(`${this.#folder}/${name}`);
    let map: ConfigMap;
    try {
      if (this.including.includes(path)) throw new ConfigParseError("include forms a cycle");
      if (this.including.length >= INCLUDE_DEPTH_MAX) {
        throw new ConfigParseError("includes are nested too deeply");
      }
      map = parseFile(path, this.source, this.including);
    } catch (error) {
      if (!(error instanceof Error) || error instanceof RangeError) throw error;
      throw new ConfigParseError(`error parsing include file '${name}', ${error.message}`);
    }
    for (const [key, token] of map) {
      this.#keys.push({ name: key, line: token.line, pos: token.pos });
      this.#setToken(token);
    }
  }
}

function parseFloatValue(text: string): number {
  const value = /^[0-9-]+\.[0-9]+$/.test(text) ? Number(text) : NaN;
  if (Number.isNaN(value)) throw new ConfigParseError(`expected float, but got '${text}'`);
  if (!Number.isFinite(value)) throw new ConfigParseError(`float '${text}' is out of the range`);
  return value;
}

const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function parseDate(text: string): ConfigDate {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/.exec(text);
  if (match !== null) {
    const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    const days = (DAYS_IN_MONTH[month - 1] ?? 0) + (leap && month === 2 ? 1 : 0);
    if (day >= 1 && day <= days && hour < 24 && minute < 60 && second < 60) {
      return new ConfigDate(text);
    }
  }
  throw new ConfigParseError(`expected Zulu formatted DateTime, but got '${text}'`);
}
