/**
 * JSON documents with a fixed shape, read and written as Go's `encoding/json` does it with a
 * struct: fields in a fixed order, empty ones left out where the shape says so, keys matched
 * without regard to case, unknown keys and wrong types reported in Go's words.
 *
 * ```ts
 * const placement = shape<Placement>("Placement", () => ({ cluster: "", tags: [] }), {
 *   cluster: field("cluster", text, OMIT),
 *   tags: field("tags", list(text), OMIT),
 * });
 * encodeJson(placement, { cluster: "c1", tags: [] }); // {"cluster":"c1"}
 * ```
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../text/byte_string.ts";
import { goJsonString } from "../text/go_format.ts";
import { type JsonValue, parseJson } from "./parse.ts";

/** A document has the wrong shape; the message is `encoding/json`'s. */
export class JsonShapeError extends Error {
  override readonly name = "JsonShapeError";
}

/**
 * A wrong type or an unknown key. Go reads on behind the first of them and reports it in the end,
 * unless something fails that ends the reading.
 */
class LateShapeError extends JsonShapeError {}

/** How documents are read. */
export interface DecodeOptions {
  /** Unknown keys are an error. */
  readonly strict: boolean;
}

/** Where a value stands, for error texts. */
interface Place {
  /** Name of the struct that has the field; empty for the document itself. */
  readonly struct: string;
  /** Keys from the document to the field. */
  readonly path: string;
  readonly options: DecodeOptions;
  /** The first error behind which Go reads on. */
  readonly late: { error: LateShapeError | null };
}

/** How values of one type are read and written. */
export interface JsonType<T> {
  /** Go's name of the type, for error texts. */
  readonly goName: string;
  /** What `null` in a list or a map stands for: Go's zero value. */
  zero(): T;
  /** What `omitempty` leaves out. */
  isEmpty(value: T): boolean;
  encode(value: T): string;
  /** `null` is a value like others, as for Go's types that read their JSON themselves. */
  readonly readsNull?: boolean;
  /** `null` gets here only with {@linkcode readsNull}: it leaves other fields as they are. */
  decode(value: JsonValue, place: Place, current: T): T;
}

/** One field of a shape. */
export interface Field<T> {
  readonly key: string;
  readonly type: JsonType<T>;
  readonly omit: boolean;
  /** Name of the Go struct that the field is embedded with, for error texts. */
  readonly embedded?: string;
}

/** Leave the field out when it is empty. */
export const OMIT = true;

/** A field with the JSON key `key`. */
export function field<T>(key: string, type: JsonType<T>, omit = false): Field<T> {
  return { key, type, omit };
}

/** The same fields, as a Go struct that embeds `struct` has them. */
export function embed<F extends object>(struct: string, fields: F): F {
  return Object.fromEntries(
    Object.entries(fields).map(([name, one]) => [name, { ...one, embedded: struct }]),
  ) as F;
}

type Fields<T> = { readonly [K in keyof T]-?: Field<T[K]> };

/** A type of documents. */
export interface Shape<T> extends JsonType<T> {
  create(): T;
}

function kindOf(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "bigint":
    case "number":
      return "number";
    default:
      return typeof value;
  }
}

/** Types of which Go shows the number that does not fit. */
const NUMERIC_TYPE = /^(u?int|float)\d*$|^time\.Duration$/;

function mismatch(value: JsonValue, type: string, place: Place): JsonShapeError {
  const numeric = typeof value === "number" || typeof value === "bigint";
  const shown = numeric && NUMERIC_TYPE.test(type) ? `number ${String(value)}` : kindOf(value);
  const where = place.struct === "" ? "Go value" : `Go struct field ${place.struct}.${place.path}`;
  return new LateShapeError(`json: cannot unmarshal ${shown} into ${where} of type ${type}`);
}

/** Ordinary text. */
export const text: JsonType<string> = {
  goName: "string",
  zero: () => "",
  isEmpty: (value) => value === "",
  encode: goJsonString,
  decode(value, place) {
    if (typeof value !== "string") throw mismatch(value, "string", place);
    return value;
  },
};

/** A subject: text in JSON, a byte string in memory. */
export const subject: JsonType<string> = {
  goName: "string",
  zero: () => "",
  isEmpty: (value) => value === "",
  encode: (value) => goJsonString(textOfByteString(value)),
  decode: (value, place, current) => byteStringOfText(text.decode(value, place, current)),
};

/** `true` or `false`. */
export const bool: JsonType<boolean> = {
  goName: "bool",
  zero: () => false,
  isEmpty: (value) => !value,
  encode: String,
  decode(value, place) {
    if (typeof value !== "boolean") throw mismatch(value, "bool", place);
    return value;
  },
};

function whole(goName: string, minimum: bigint, maximum: bigint): JsonType<number> {
  return {
    goName,
    zero: () => 0,
    isEmpty: (value) => value === 0,
    encode: (value) => Number.isSafeInteger(value) ? String(value) : String(BigInt(value)),
    decode(value, place) {
      const exact = typeof value === "bigint"
        ? value
        : Number.isSafeInteger(value)
        ? BigInt(value as number)
        : null;
      if (exact === null || exact < minimum || exact > maximum) {
        throw mismatch(value, goName, place);
      }
      return Number(exact);
    },
  };
}

const TWO_63 = 1n << 63n;

/** A whole number; beyond 2^53 it is rounded. */
export const int: JsonType<number> = whole("int", -TWO_63, TWO_63 - 1n);
/** As {@linkcode int}, under Go's name for it. */
export const int64: JsonType<number> = whole("int64", -TWO_63, TWO_63 - 1n);
/** A whole number of 32 bits. */
export const int32: JsonType<number> = whole("int32", -(1n << 31n), (1n << 31n) - 1n);
/** A whole number without a sign; beyond 2^53 it is rounded. */
export const uint64: JsonType<number> = whole("uint64", 0n, (1n << 64n) - 1n);
/** A whole number without a sign, of 16 bits. */
export const uint16: JsonType<number> = whole("uint16", 0n, 65_535n);

/** The same values under another of Go's names for their type. */
export function named<T>(goName: string, type: JsonType<T>): JsonType<T> {
  return {
    ...type,
    goName,
    decode(value, place, current) {
      try {
        return type.decode(value, place, current);
      } catch (error) {
        if (!(error instanceof JsonShapeError) || !error.message.endsWith(type.goName)) throw error;
        throw new LateShapeError(error.message.slice(0, -type.goName.length) + goName);
      }
    },
  };
}

/** A number with or without a fraction. */
export const float64: JsonType<number> = {
  goName: "float64",
  zero: () => 0,
  isEmpty: (value) => value === 0,
  encode: (value) => String(value),
  decode(value, place) {
    if (typeof value !== "number" && typeof value !== "bigint") {
      throw mismatch(value, "float64", place);
    }
    return Number(value);
  },
};

/** A duration in nanoseconds. */
export const duration: JsonType<bigint> = {
  goName: "time.Duration",
  zero: () => 0n,
  isEmpty: (value) => value === 0n,
  encode: String,
  decode(value, place) {
    const exact = typeof value === "bigint"
      ? value
      : Number.isSafeInteger(value)
      ? BigInt(value as number)
      : null;
    if (exact === null || exact < -TWO_63 || exact >= TWO_63) {
      throw mismatch(value, "time.Duration", place);
    }
    return exact;
  },
};

const NANOS = 1_000_000_000n;
/** Go's zero time in nanoseconds since the epoch; what JSON shows as year 1. */
export const ZERO_TIME_NS = -62_135_596_800n * NANOS;

/** RFC 3339 with nanoseconds, in UTC, of a time in nanoseconds since the epoch. */
export function encodeTime(timeNs: bigint): string {
  const rest = ((timeNs % NANOS) + NANOS) % NANOS;
  const whole = new Date(Number((timeNs - rest) / 1_000_000n)).toISOString().slice(0, 19);
  const fraction = rest === 0n ? "" : "." + String(rest).padStart(9, "0").replace(/0+$/, "");
  return `${whole}${fraction}Z`;
}

const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(Z|[+-]\d{2}:\d{2})$/;

/** Nanoseconds since the epoch of an RFC 3339 text, or null. */
export function parseTime(value: string): bigint | null {
  const match = RFC3339.exec(value);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(ms) || new Date(ms).getUTCDate() !== Number(day)) return null;
  let ns = BigInt(ms) * 1_000_000n + BigInt((fraction ?? "").slice(0, 9).padEnd(9, "0"));
  if (zone !== "Z") {
    const sign = zone!.startsWith("-") ? -1n : 1n;
    const minutes = BigInt(zone!.slice(1, 3)) * 60n + BigInt(zone!.slice(4, 6));
    ns -= sign * minutes * 60n * NANOS;
  }
  return ns;
}

/** A time in nanoseconds since the epoch; Go's zero time is {@linkcode ZERO_TIME_NS}. */
export const time: JsonType<bigint> = {
  goName: "time.Time",
  zero: () => ZERO_TIME_NS,
  // A struct is never empty to Go.
  isEmpty: () => false,
  encode: (value) => `"${encodeTime(value)}"`,
  decode(value) {
    if (typeof value !== "string") {
      throw new JsonShapeError("Time.UnmarshalJSON: input is not a JSON string");
    }
    const ns = parseTime(value);
    if (ns === null) {
      const shown = JSON.stringify(value);
      throw new JsonShapeError(
        `parsing time ${shown} as "2006-01-02T15:04:05Z07:00": cannot parse ${shown} as "2006"`,
      );
    }
    return ns;
  },
};

/** Bytes, base64 in JSON. */
export const bytes: JsonType<Uint8Array> = {
  goName: "[]uint8",
  zero: () => new Uint8Array(0),
  isEmpty: (value) => value.length === 0,
  encode: (value) => value.length === 0 ? "null" : `"${base64(value)}"`,
  decode(value, place) {
    if (typeof value !== "string") throw mismatch(value, "[]uint8", place);
    try {
      return Uint8Array.from(atob(value), (char) => char.charCodeAt(0));
    } catch (cause) {
      throw new JsonShapeError("illegal base64 data at input byte 0", { cause });
    }
  },
};

/** Standard base64 of `data`. */
export function base64(data: Uint8Array): string {
  let binary = "";
  for (let i = 0; i < data.length; i += 0x8000) {
    binary += String.fromCharCode(...data.subarray(i, i + 0x8000));
  }
  return btoa(binary);
}

/** Any JSON, kept as its text; empty is none. */
export const raw: JsonType<string> = {
  goName: "json.RawMessage",
  zero: () => "",
  isEmpty: (value) => value === "",
  encode: (value) => value === "" ? "null" : value,
  decode: (value) => encodeValue(value),
};

/** Compact JSON of a parsed value. */
export function encodeValue(value: JsonValue): string {
  if (typeof value === "string") return goJsonString(value);
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `[${value.map(encodeValue).join(",")}]`;
  const parts = Object.keys(value).map((key) => `${goJsonString(key)}:${encodeValue(value[key]!)}`);
  return `{${parts.join(",")}}`;
}

/**
 * One of a few words. `error` gives the text for others, from the JSON that stands there.
 * The word `empty`, if given, is what `omitempty` leaves out. With `asText` Go reads a text first,
 * so that other kinds of values fail as they do for texts.
 */
export function word<T extends string>(
  goName: string,
  words: readonly T[],
  options: {
    empty?: T;
    aliases?: Readonly<Record<string, T>>;
    error?: (shown: string) => string;
    ignoreCase?: boolean;
    asText?: boolean;
  } = {},
): JsonType<T> {
  const known = new Map<string, T>(words.map((name) => [name, name]));
  for (const [alias, name] of Object.entries(options.aliases ?? {})) known.set(alias, name);
  return {
    goName,
    zero: () => words[0]!,
    isEmpty: (value) => value === options.empty,
    encode: goJsonString,
    readsNull: true,
    decode(value, place) {
      if (options.asText === true && value !== null && typeof value !== "string") {
        throw mismatch(value, "string", place);
      }
      const name = typeof value === "string"
        ? known.get(options.ignoreCase === true ? value.toLowerCase() : value)
        : undefined;
      if (name !== undefined) return name;
      const shown = encodeValue(value);
      throw new JsonShapeError(
        options.error?.(shown) ?? `can not unmarshal ${JSON.stringify(shown)}`,
      );
    },
  };
}

function elementOf<T>(item: JsonType<T>, value: JsonValue, place: Place): T {
  return value === null ? item.zero() : item.decode(value, place, undefined as T);
}

/**
 * An array. `null` in JSON is an empty one; an empty one is written as `[]`, or left out. Go may
 * have `pointers` to its elements, as error texts show.
 */
export function list<T>(
  item: JsonType<T>,
  options: { nullWhenEmpty?: boolean; pointers?: boolean } = {},
): JsonType<T[]> {
  const goName = `[]${options.pointers === true ? "*" : ""}${item.goName}`;
  return {
    goName,
    zero: () => [],
    isEmpty: (value) => value.length === 0,
    encode: (value) =>
      value.length === 0 && options.nullWhenEmpty === true
        ? "null"
        : `[${value.map((one) => item.encode(one)).join(",")}]`,
    decode(value, place) {
      if (!Array.isArray(value)) throw mismatch(value, goName, place);
      return value.map((one) => elementOf(item, one, place));
    },
  };
}

/** A map with text keys, written in the order of the keys' bytes. */
export function map<T>(item: JsonType<T>): JsonType<Map<string, T>> {
  const goName = `map[string]${item.goName}`;
  return {
    goName,
    zero: () => new Map(),
    isEmpty: (value) => value.size === 0,
    encode(value) {
      const keys = [...value.keys()].sort(compareText);
      const parts = keys.map((key) => `${goJsonString(key)}:${item.encode(value.get(key)!)}`);
      return `{${parts.join(",")}}`;
    },
    decode(value, place) {
      if (value === null || typeof value !== "object" || Array.isArray(value)) {
        throw mismatch(value, goName, place);
      }
      const decoded = new Map<string, T>();
      for (const key of Object.keys(value)) {
        decoded.set(key, elementOf(item, value[key]!, place));
      }
      return decoded;
    },
  };
}

function compareText(a: string, b: string): number {
  const left = byteStringOfText(a);
  const right = byteStringOfText(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** A value that may be missing: null in memory, and left out or `null` in JSON. */
export function optional<T>(type: JsonType<T>): JsonType<T | null> {
  return {
    goName: type.goName,
    zero: () => null,
    isEmpty: (value) => value === null,
    encode: (value) => value === null ? "null" : type.encode(value),
    decode(value, place, current) {
      return type.decode(value, place, (current ?? undefined) as T);
    },
  };
}

/** Declares a shape. The order of `fields` is the order in JSON. */
export function shape<T extends object>(
  goName: string,
  create: () => NoInfer<T>,
  fields: Fields<NoInfer<T>>,
): Shape<T> {
  const entries = Object.entries(fields) as [keyof T & string, Field<T[keyof T]>][];
  const byKey = new Map(entries.map(([name, { key }]) => [key.toLowerCase(), name]));
  const typeName = `server.${goName}`;
  return {
    goName: typeName,
    create,
    zero: create,
    // A struct is never empty to Go.
    isEmpty: () => false,
    encode(value) {
      const parts: string[] = [];
      for (const [name, { key, type, omit }] of entries) {
        const one = value[name];
        if (omit && type.isEmpty(one)) continue;
        parts.push(`${goJsonString(key)}:${type.encode(one)}`);
      }
      return `{${parts.join(",")}}`;
    },
    decode(value, place, current) {
      if (value === null || typeof value !== "object" || Array.isArray(value)) {
        throw mismatch(value, typeName, place);
      }
      const target = current ?? create();
      for (const key of Object.keys(value)) {
        const name = byKey.get(key) ?? byKey.get(key.toLowerCase());
        if (name === undefined) {
          if (place.options.strict) {
            const text = `json: unknown field ${JSON.stringify(key)}`;
            place.late.error ??= new LateShapeError(text);
          }
          continue;
        }
        const one = value[key]!;
        const { type, key: jsonKey, embedded } = fields[name];
        if (one === null && type.readsNull !== true) continue;
        const own = embedded === undefined ? jsonKey : `${embedded}.${jsonKey}`;
        const path = place.path === "" ? own : `${place.path}.${own}`;
        const { options, late } = place;
        try {
          target[name] = type.decode(one, { struct: goName, path, options, late }, target[name]);
        } catch (error) {
          if (!(error instanceof LateShapeError)) throw error;
          late.error ??= error;
        }
      }
      return target;
    },
  };
}

/** The JSON of `value`. */
export function encodeJson<T>(type: JsonType<T>, value: T): string {
  return type.encode(value);
}

/**
 * Reads `source`. Unknown keys are ignored unless `strict`. The document `null` gives an empty
 * value. Throws {@linkcode JsonShapeError}, and JsonSyntaxError where the text is no JSON.
 */
export function decodeJson<T>(
  type: Shape<T>,
  source: string | Uint8Array,
  options: DecodeOptions = { strict: false },
): T {
  return decodeValue(
    type,
    parseJson(typeof source === "string" ? source : new TextDecoder().decode(source)),
    options,
  );
}

/** As {@linkcode decodeJson} for a parsed document. */
export function decodeValue<T>(
  type: Shape<T>,
  value: JsonValue,
  options: DecodeOptions = { strict: false },
): T {
  if (value === null) return type.create();
  const late: Place["late"] = { error: null };
  const decoded = type.decode(value, { struct: "", path: "", options, late }, type.create());
  if (late.error !== null) throw late.error;
  return decoded;
}
