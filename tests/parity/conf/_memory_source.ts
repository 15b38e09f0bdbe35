/**
 * A configuration source that needs no disk and no environment.
 *
 * @module
 */
import { type ConfigSource, FileError } from "../../../src/platform/config_source.ts";
import { ConfigDate, ConfigToken, type ConfigValue } from "../../../src/config/parser.ts";

/** Files by path and environment variables by name. */
export function memorySource(
  files: Record<string, string> = {},
  env: Record<string, string> = {},
): ConfigSource {
  return {
    readFile: (path) => {
      if (!Object.hasOwn(files, path)) {
        throw new FileError("open", path, "no such file or directory");
      }
      return new TextEncoder().encode(files[path]!);
    },
    env: (name) => Object.hasOwn(env, name) ? env[name]! : null,
    stat: (path) => Object.hasOwn(files, path) ? { isDirectory: false, ownerMayWrite: true } : null,
  };
}

/** A configuration value without its places, maps as objects. */
export function plain(value: ConfigValue | ConfigToken): unknown {
  if (value instanceof ConfigToken) return plain(value.value);
  if (value instanceof ConfigDate) return value.text;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, token]) => [key, plain(token)]));
  }
  return value;
}
