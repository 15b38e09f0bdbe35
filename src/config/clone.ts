/**
 * Copies of options that share nothing that either side may change.
 *
 * Reference: Options.Clone in server/opts.go.
 *
 * @module
 */
import type { Options } from "./options.ts";

function cloneValue<T>(value: T): T {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(cloneValue) as T;
  if (value instanceof Map) {
    return new Map([...value].map(([key, entry]) => [key, cloneValue(entry)])) as T;
  }
  if (value instanceof Set) return new Set(value) as T;
  const out: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) out[key] = cloneValue(entry);
  return out as T;
}

/** A deep copy; functions such as signature handlers are shared. */
export function cloneOptions(options: Options): Options {
  return cloneValue(options);
}
