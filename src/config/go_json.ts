/**
 * JSON as Go's `encoding/json` writes it, to the byte: the configuration's digest is a hash of it.
 *
 * @module
 */
import { ConfigParseError } from "./errors.ts";
import { ConfigDate, type ConfigMap, type ConfigToken, type ConfigValue } from "./parser.ts";

/** Longest JSON that is hashed; references to big maps can multiply without bound. */
const LENGTH_MAX = 32 * 1024 * 1024;

/** Most values that are hashed. */
const VALUES_MAX = 1_000_000;

const SURROGATE = /[\ud800-\udfff]/;

/** What stands in JSON as it is. */
const PLAIN = /^[\w .:/$*-]*$/;

/**
 * The JSON of a configuration value.
 *
 * @throws {ConfigParseError} when it is longer than 32 MiB or has more than a million values
 */
export function goJson(value: ConfigValue): string {
  const writer = new JsonWriter();
  writer.write(value);
  return writer.text;
}

class JsonWriter {
  text = "";
  #values = 0;

  write(value: ConfigValue): void {
    if (this.text.length > LENGTH_MAX || ++this.#values > VALUES_MAX) {
      throw new ConfigParseError("configuration is too large");
    }
    if (typeof value === "string") this.text += jsonString(value);
    else if (typeof value === "number") this.text += jsonFloat(value);
    else if (value instanceof ConfigDate) this.text += jsonString(value.text);
    else if (Array.isArray(value)) this.#array(value);
    else if (value instanceof Map) this.#map(value);
    else this.text += String(value);
  }

  #array(tokens: readonly ConfigToken[]): void {
    this.text += "[";
    for (let i = 0; i < tokens.length; i++) {
      if (i > 0) this.text += ",";
      this.write(tokens[i]!.value);
    }
    this.text += "]";
  }

  #map(map: ConfigMap): void {
    let separator = "{";
    for (const key of sortedKeys(map)) {
      this.text += `${separator}${jsonString(key)}:`;
      separator = ",";
      this.write(map.get(key)!.value);
    }
    this.text += map.size === 0 ? "{}" : "}";
  }
}

/** Go sorts by bytes of UTF-8, JavaScript by UTF-16 units: they differ beyond the basic plane. */
function sortedKeys(map: ReadonlyMap<string, unknown>): string[] {
  const keys = [...map.keys()];
  if (keys.length < 2) return keys;
  if (!keys.some((key) => SURROGATE.test(key))) return keys.sort();
  return keys.sort((a, b) => {
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
  if (PLAIN.test(text)) return `"${text}"`;
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
