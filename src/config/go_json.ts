/**
 * JSON as Go's `encoding/json` writes it, to the byte: the configuration's digest is a hash of it.
 *
 * @module
 */
import { ConfigParseError } from "./errors.ts";
import { ConfigDate, ConfigToken, type ConfigValue } from "./parser.ts";

/** Longest JSON that is hashed; references to big maps can multiply without bound. */
const LENGTH_MAX = 64 * 1024 * 1024;

/**
 * The JSON of a configuration value.
 *
 * @throws {ConfigParseError} when it is longer than 64 MiB
 */
export function goJson(value: ConfigValue): string {
  const out: string[] = [];
  write(value, out, { length: 0 });
  return out.join("");
}

function write(value: ConfigValue | ConfigToken, out: string[], size: { length: number }): void {
  const add = (text: string) => {
    size.length += text.length;
    if (size.length > LENGTH_MAX) throw new ConfigParseError("configuration is too large");
    out.push(text);
  };
  if (value instanceof ConfigToken) write(value.value, out, size);
  else if (typeof value === "string") add(jsonString(value));
  else if (typeof value === "number") add(jsonFloat(value));
  else if (value instanceof ConfigDate) add(jsonString(value.text));
  else if (Array.isArray(value)) {
    add("[");
    value.forEach((element, index) => {
      if (index > 0) add(",");
      write(element, out, size);
    });
    add("]");
  } else if (value instanceof Map) {
    add("{");
    sortedKeys(value).forEach((key, index) => {
      if (index > 0) add(",");
      add(jsonString(key) + ":");
      write(value.get(key)!, out, size);
    });
    add("}");
  } else add(String(value));
}

/** Go sorts by bytes of UTF-8, JavaScript by UTF-16 units: they differ beyond the basic plane. */
function sortedKeys(map: ReadonlyMap<string, unknown>): string[] {
  return [...map.keys()].sort((a, b) => {
    const left = [...a];
    const right = [...b];
    for (let i = 0; i < left.length && i < right.length; i++) {
      const difference = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
      if (difference !== 0) return difference;
    }
    return left.length - right.length;
  });
}

/** Go escapes what could end a script block, too. */
function jsonString(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

function jsonFloat(value: number): string {
  if (Object.is(value, -0)) return "-0";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-6 || size >= 1e21)) return value.toExponential();
  return String(value);
}
