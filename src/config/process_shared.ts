/**
 * Fields that several kinds of blocks have: addresses, URLs, compression, write timeouts.
 *
 * Reference: parseListen, parseURLs, parseCompression and parseWriteDeadlinePolicy in
 * server/opts.go.
 *
 * @module
 */
import { DurationError, parseDurationMs } from "../base/text/duration.ts";
import type { CompressionOptions, WriteTimeoutPolicy } from "./cluster_options.ts";
import { CompressionMode } from "./cluster_options.ts";
import { ConfigError, ConfigWarning } from "./errors.ts";
import { asString, type Field, typeName } from "./fields.ts";
import { parseListen } from "./go_net.ts";
import type { ConfigToken } from "./parser.ts";
import { parseServerUrl, quoteText, redactBrokenUrl, type ServerUrl, UrlError } from "./url.ts";

/** Reads a `listen` field into a block that has a host and a port. */
export function readListen(target: { host: string; port: number }, field: Field): void {
  try {
    const { host, port } = parseListen(field.value);
    target.host = host;
    target.port = port;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw field.error(error.message);
  }
}

/** Parses a duration or throws at the field, with `prefix` before Go's text. */
export function durationOrFail(field: Field, text: string, prefix = ""): number {
  try {
    return parseDurationMs(text);
  } catch (error) {
    if (!(error instanceof DurationError)) throw error;
    throw field.error(prefix + error.message);
  }
}

/** Reads `write_timeout`. */
export function readWriteTimeout(field: Field): WriteTimeoutPolicy {
  const text = field.string();
  if (text === "default" || text === "close" || text === "retry") return text;
  field.report("write_timeout must be 'default', 'close' or 'retry'");
  return "default";
}

/**
 * Parses a URL of the configuration.
 *
 * @param kind what the URL is for, in errors
 */
export function urlOrFail(text: string, kind: string, token: ConfigToken): ServerUrl {
  const trimmed = text.trim();
  try {
    return parseServerUrl(trimmed);
  } catch (error) {
    if (!(error instanceof UrlError)) throw error;
    throw new ConfigError(
      token,
      `error parsing ${kind} url [${quoteText(redactBrokenUrl(trimmed))}]`,
    );
  }
}

/** Reads an array of URLs; doubles are left out with a warning. Null when one is wrong. */
export function readUrls(field: Field, kind: string): ServerUrl[] | null {
  const process = field.process;
  const seen = new Set<string>();
  const urls: ServerUrl[] = [];
  const before = process.errors.length;
  const tokens = field.list();
  process.guard(undefined, (frame) => {
    for (const token of tokens) {
      frame.last = token;
      const text = asString(token.value);
      if (seen.has(text)) {
        process.warnings.push(
          new ConfigWarning(token, text, `Duplicate ${kind} entry detected`),
        );
        continue;
      }
      seen.add(text);
      process.collect(() => urls.push(urlOrFail(text, kind, token)));
    }
  });
  return process.errors.length > before ? null : urls;
}

/**
 * Reads a `compression` field. Modes are checked with all other options later.
 *
 * @param modeForOn what `true` stands for
 */
export function readCompression(
  target: CompressionOptions,
  modeForOn: string,
  field: Field,
): void {
  const value = field.value;
  if (typeof value === "string") target.mode = value;
  else if (typeof value === "boolean") target.mode = value ? modeForOn : CompressionMode.Off;
  else if (value instanceof Map) {
    field.process.guardThrowing((frame) => {
      for (const [key, token] of value) {
        frame.last = token;
        switch (key.toLowerCase()) {
          case "mode":
            target.mode = asString(token.value);
            break;
          case "rtt_thresholds":
          case "thresholds":
          case "rtts":
          case "rtt":
            readThresholds(target, token, frame);
            break;
          default:
            if (!token.usedVariable) {
              throw new ConfigError(token, `unknown field ${quoteText(key)}`);
            }
        }
      }
    });
  } else {
    throw field.error(
      `field ${quoteText(field.key)} should be a boolean or a structure, got ${typeName(value)}`,
    );
  }
}

function readThresholds(
  target: CompressionOptions,
  list: ConfigToken,
  frame: { last: ConfigToken | null },
): void {
  if (!Array.isArray(list.value)) {
    throw new ConfigError(
      list,
      `interface conversion: interface {} is ${typeName(list.value)}, not []interface {}`,
    );
  }
  for (const token of list.value) {
    frame.last = token;
    const text = asString(token.value);
    try {
      target.rttThresholdsMs.push(parseDurationMs(text));
    } catch (error) {
      if (!(error instanceof DurationError)) throw error;
      throw new ConfigError(list, error.message);
    }
  }
}
