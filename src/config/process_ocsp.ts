/**
 * Reads the `ocsp` and `ocsp_cache` fields.
 *
 * Reference: the ocsp case of processConfigFileLine in server/opts.go, parseOCSPResponseCache in
 * server/ocsp_responsecache.go.
 *
 * @module
 */
import { DurationError } from "../base/text/duration.ts";
import { asString, type Field, fieldTable, readFields, secondsOrDuration } from "./fields.ts";
import { typeName, WrongTypeError } from "./fields.ts";
import type { Options } from "./options.ts";
import { defaultOcspCacheOptions, type OcspCacheOptions, type OcspMode } from "./tls_options.ts";
import { quoteText } from "./url.ts";
import { ConfigError } from "./errors.ts";

const MODES: readonly OcspMode[] = ["auto", "always", "never", "must"];

/** Reads `ocsp`: a switch or a block. */
export function readOcsp(options: Options, field: Field): void {
  const { value, process } = field;
  if (typeof value === "boolean") {
    options.ocspConfig = { mode: value ? "auto" : "never", overrideUrls: [] };
    return;
  }
  if (!(value instanceof Map)) {
    throw field.error(`error parsing ocsp config: unsupported type ${typeName(value)}`);
  }
  const ocsp = { mode: "auto" as OcspMode, overrideUrls: [] as string[] };
  for (const [key, token] of value) {
    switch (key) {
      case "mode": {
        const mode = asString(token.value).toLowerCase();
        const known = MODES.find((name) => name === mode);
        // The reference prints the type of the text here and below.
        if (known !== undefined) ocsp.mode = known;
        else process.report(token, "error parsing ocsp config: unsupported ocsp mode string");
        break;
      }
      case "urls":
        // No configuration holds the type that the reference asks for here.
        throw new WrongTypeError(token.value, "[]string");
      case "url":
        ocsp.overrideUrls = [asString(token.value)];
        break;
      default:
        throw new ConfigError(token, "error parsing ocsp config: unsupported field string");
    }
  }
  options.ocspConfig = ocsp;
}

/** Reads `ocsp_cache`: a switch or a block. */
export function readOcspCache(options: Options, field: Field): void {
  const { value, process } = field;
  if (typeof value === "boolean") {
    options.ocspCacheConfig = {
      ...defaultOcspCacheOptions(),
      type: value ? "local" : "none",
    };
  } else if (value instanceof Map) {
    const cache = defaultOcspCacheOptions();
    process.guardThrowing((frame) =>
      readFields(process, frame, value, cache, cacheFields, {
        onError: "stop",
        unknown: (inner) => {
          throw unknown(inner);
        },
      })
    );
    options.ocspCacheConfig = cache;
  } else throw field.error(`error parsing tags: unsupported type ${typeName(value)}`);
}

function unknown(field: Field): ConfigError {
  return field.error(
    `error parsing OCSP peer cache config, unknown field [${quoteText(field.key)}]`,
  );
}

const cacheFields = fieldTable<OcspCacheOptions>({
  "type": (cache, field) => {
    if (typeof field.value !== "string") throw unknown(field);
    const type = field.value.toLowerCase();
    if (type !== "none" && type !== "local") {
      throw field.error(`error parsing OCSP peer cache config, unknown type [${field.value}]`);
    }
    cache.type = type;
  },
  "local_store": (cache, field) => {
    if (typeof field.value !== "string") throw unknown(field);
    cache.localStore = field.value;
  },
  "preserve_revoked": (cache, field) => {
    if (typeof field.value !== "boolean") throw unknown(field);
    cache.preserveRevoked = field.value;
  },
  "save_interval": (cache, field) => {
    try {
      const ms = secondsOrDuration(field.value);
      if (ms === null) {
        throw field.error(
          "error parsing OCSP peer cache config, conversion error: unexpected type",
        );
      }
      cache.saveIntervalMs = Math.max(1000, Math.trunc(ms / 1000) * 1000);
    } catch (error) {
      if (!(error instanceof DurationError)) throw error;
      throw field.error(`error parsing tls peer config, conversion error: ${error.message}`);
    }
  },
});
