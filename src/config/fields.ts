/**
 * The tools that read the blocks of a configuration: typed access to values, tables of fields,
 * and the collecting of errors.
 *
 * A block is a table from field names to functions. Some blocks report every wrong field, others
 * end at the first; the reference reads values by type assertions, whose failures it reports at
 * the last token looked at. Both show in what operators see, so both are reproduced here.
 *
 * Reference: unwrapValue, convertPanicToError and convertPanicToErrorList in server/opts.go.
 *
 * @module
 */
import { DurationError, parseDurationMs } from "../base/text/duration.ts";
import type { ConfigSource } from "../platform/config_source.ts";
import { ConfigError, ConfigWarning, UnknownFieldError } from "./errors.ts";
import type { Options } from "./options.ts";
import { ConfigDate, type ConfigMap, ConfigToken, type ConfigValue } from "./parser.ts";

/** A value does not have the type that its field needs. */
export class WrongTypeError extends Error {
  override readonly name = "WrongTypeError";
  constructor(value: ConfigValue, wanted: string) {
    super(`interface conversion: interface {} is ${typeName(value)}, not ${wanted}`);
  }
}

/** The last token that a block looked at: where its type errors are reported. */
export interface Frame {
  last: ConfigToken | null;
}

/** One run over a configuration: what it fills and what it found wrong. */
export class Processing {
  readonly errors: Error[] = [];
  readonly warnings: Error[] = [];

  constructor(readonly options: Options, readonly source: ConfigSource) {}

  /** Runs `body`; a value of the wrong type ends it and is reported, and `fallback` returned. */
  guard<T>(fallback: T, body: (frame: Frame) => T): T {
    const frame: Frame = { last: null };
    try {
      return body(frame);
    } catch (error) {
      if (!(error instanceof WrongTypeError)) throw error;
      this.errors.push(new ConfigError(frame.last, error.message));
      return fallback;
    }
  }

  /** Runs `body`; a value of the wrong type becomes a {@linkcode ConfigError} for the caller. */
  guardThrowing<T>(body: (frame: Frame) => T): T {
    const frame: Frame = { last: null };
    try {
      return body(frame);
    } catch (error) {
      if (!(error instanceof WrongTypeError)) throw error;
      throw new ConfigError(frame.last, error.message);
    }
  }

  /** Runs `body` and reports a {@linkcode ConfigError} that it throws. */
  collect(body: () => void): void {
    try {
      body();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.errors.push(error);
    }
  }

  /** Reports an error and goes on. */
  report(token: ConfigToken | null, reason: string): void {
    this.errors.push(new ConfigError(token, reason));
  }
}

/** One field of a block. */
export class Field {
  constructor(
    readonly process: Processing,
    readonly frame: Frame,
    /** The name as written. */
    readonly key: string,
    readonly token: ConfigToken,
  ) {}

  get value(): ConfigValue {
    return this.token.value;
  }

  /** The error `reason` at this field. */
  error(reason: string): ConfigError {
    return new ConfigError(this.token, reason);
  }

  /** Reports `reason` at this field and goes on. */
  report(reason: string): void {
    this.process.errors.push(this.error(reason));
  }

  /** Warns about this field. */
  warn(warning: string): void {
    this.process.warnings.push(new ConfigWarning(this.token, this.key, warning));
  }

  /** @throws {WrongTypeError} when it is not a string */
  string(): string {
    return asString(this.value);
  }

  /** @throws {WrongTypeError} when it is not a boolean */
  bool(): boolean {
    if (typeof this.value !== "boolean") throw new WrongTypeError(this.value, "bool");
    return this.value;
  }

  /**
   * @throws {WrongTypeError} when it is not an integer
   * @throws {ConfigError} when it is beyond 2^53
   */
  int(): number {
    return asInt(this.value, this.token);
  }

  /** @throws {WrongTypeError} when it is not an array */
  list(): ConfigToken[] {
    if (!Array.isArray(this.value)) throw new WrongTypeError(this.value, "[]interface {}");
    return this.value;
  }

  /** @throws {WrongTypeError} when it is not a map */
  map(): ConfigMap {
    return asMap(this.value);
  }

  /** A duration in ms, called `name` in errors. A bare number is seconds, with a warning. */
  duration(name: string): number {
    if (typeof this.value === "string") {
      try {
        return parseDurationMs(this.value);
      } catch (error) {
        if (!(error instanceof DurationError)) throw error;
        this.report(`error parsing ${name}: ${error.message}`);
        return 0;
      }
    }
    this.process.warnings.push(
      new ConfigWarning(this.token, name, `${name} should be converted to a duration`),
    );
    return this.int() * 1000;
  }

  /** A string or an array of strings, called `name` in errors; null when it is neither. */
  strings(name: string): string[] | null {
    if (typeof this.value === "string") return [this.value];
    if (!Array.isArray(this.value)) {
      this.report(`error parsing ${name}: unsupported type ${typeName(this.value)}`);
      return null;
    }
    const out: string[] = [];
    for (const token of this.value) {
      this.frame.last = token;
      if (typeof token.value === "string") out.push(token.value);
      else {
        this.process.report(
          token,
          `error parsing ${name}: unsupported type in array ${typeName(token.value)}`,
        );
      }
    }
    return out;
  }
}

/** What a field does to the target it belongs to. */
export type FieldReader<T> = (target: T, field: Field) => void;

/** The fields of a kind of block, by lower case name. */
export type FieldTable<T> = ReadonlyMap<string, FieldReader<T>>;

/** Makes a table; a key may name several spellings: `"host|net"`. */
export function fieldTable<T>(readers: Record<string, FieldReader<T>>): FieldTable<T> {
  const table = new Map<string, FieldReader<T>>();
  for (const [names, reader] of Object.entries(readers)) {
    for (const name of names.split("|")) table.set(name, reader);
  }
  return table;
}

/** How {@linkcode readFields} treats what is wrong. */
export interface ReadRules {
  /** `collect` reports a wrong field and goes on with the next; `stop` throws. */
  onError: "collect" | "stop";
  /** Called for a field that the table does not have. */
  unknown?: (field: Field) => void;
}

/** Reads all fields of `map` into `target`. */
export function readFields<T>(
  process: Processing,
  frame: Frame,
  map: ConfigMap,
  target: T,
  table: FieldTable<T>,
  rules: ReadRules,
): void {
  for (const [key, token] of map) {
    frame.last = token;
    const field = new Field(process, frame, key, token);
    const reader = table.get(key.toLowerCase());
    if (reader === undefined) (rules.unknown ?? reportUnknown)(field);
    else if (rules.onError === "collect") process.collect(() => reader(target, field));
    else reader(target, field);
  }
}

/** Reports an unknown field, unless it is only there to be referred to as a variable. */
export function reportUnknown(field: Field): void {
  if (!field.token.usedVariable) {
    field.process.errors.push(new UnknownFieldError(field.token, field.key));
  }
}

/** @throws {WrongTypeError} when `value` is not a string */
export function asString(value: ConfigValue): string {
  if (typeof value !== "string") throw new WrongTypeError(value, "string");
  return value;
}

/** @throws {WrongTypeError} when `value` is not a map */
export function asMap(value: ConfigValue): ConfigMap {
  if (!(value instanceof Map)) throw new WrongTypeError(value, "map[string]interface {}");
  return value;
}

/**
 * @throws {WrongTypeError} when `value` is not an integer
 * @throws {ConfigError} when it is beyond 2^53
 */
export function asInt(value: ConfigValue, token: ConfigToken | null): number {
  if (typeof value !== "bigint") throw new WrongTypeError(value, "int64");
  const number = Number(value);
  if (!Number.isSafeInteger(number)) {
    throw new ConfigError(token, `integer '${value}' is out of the range`);
  }
  return number;
}

/** A number of seconds or a duration, in ms; null when it is something else. */
export function secondsOrDuration(value: ConfigValue): number | null {
  if (typeof value === "bigint" || typeof value === "number") return Number(value) * 1000;
  return typeof value === "string" ? parseDurationMs(value) : null;
}

/** The name of a value's type as the reference prints it. */
export function typeName(value: ConfigValue | ConfigToken): string {
  if (value instanceof ConfigToken) return "*conf.token";
  if (value instanceof ConfigDate) return "time.Time";
  if (Array.isArray(value)) return "[]interface {}";
  if (value instanceof Map) return "map[string]interface {}";
  switch (typeof value) {
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "bigint":
      return "int64";
    default:
      return "float64";
  }
}

/** A value as the reference's `%v` prints it; inside maps and arrays it prints addresses. */
export function showValue(value: ConfigValue): string {
  if (value instanceof ConfigDate) return value.text;
  if (Array.isArray(value)) return `[${value.map((token) => showValue(token.value)).join(" ")}]`;
  if (value instanceof Map) {
    const entries = [...value].sort(([a], [b]) => a < b ? -1 : 1);
    return `map[${entries.map(([key, token]) => `${key}:${showValue(token.value)}`).join(" ")}]`;
  }
  return String(value);
}
