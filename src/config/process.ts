/**
 * From a configuration's text to options: runs over its fields and collects what is wrong.
 *
 * Reference: ProcessConfigFile, ProcessConfigString and processConfigFile in server/opts.go.
 *
 * @module
 */
import type { ConfigSource } from "../platform/config_source.ts";
import { ConfigError, ConfigProcessError } from "./errors.ts";
import { Field, Processing, reportUnknown } from "./fields.ts";
import type { Options } from "./options.ts";
import { type ConfigMap, parseConfig, parseConfigFileWithDigest } from "./parser.ts";
import { topFields } from "./process_top.ts";
import { quoteText } from "./url.ts";

/** How a configuration is processed. */
export interface ProcessRules {
  /** Accept top-level fields that the server does not know. */
  allowUnknownTopLevelFields?: boolean;
}

/**
 * Reads a configuration file over `options`: what the file says replaces what they say.
 *
 * @returns the warnings, in the order of the file
 * @throws {ConfigProcessError} when something is wrong; `options` are then half filled
 * @throws {ConfigParseError} when the file cannot be parsed
 * @throws {FileError} when the file cannot be read
 */
export function processConfigFile(
  options: Options,
  path: string,
  source: ConfigSource,
  rules: ProcessRules = {},
): readonly Error[] {
  options.configFile = path;
  if (path === "") return [];
  const { map, digest } = parseConfigFileWithDigest(path, source);
  options.configDigest = digest;
  return processConfig(options, map, path, source, rules);
}

/**
 * Like {@linkcode processConfigFile}, for a configuration that is a text.
 *
 * @throws {ConfigProcessError}
 * @throws {ConfigParseError}
 */
export function processConfigText(
  options: Options,
  text: string,
  source: ConfigSource,
  rules: ProcessRules = {},
): readonly Error[] {
  return processConfig(options, parseConfig(text, source), "", source, rules);
}

function processConfig(
  options: Options,
  map: ConfigMap,
  path: string,
  source: ConfigSource,
  rules: ProcessRules,
): readonly Error[] {
  const process = new Processing(options, source);
  if (map.size === 0) {
    process.warnings.push(new ConfigError(null, `${path}: config has no values or is empty`));
  }
  readSystemAccount(process, map);
  for (const [key, token] of map) {
    process.guard(undefined, (frame) => {
      frame.last = token;
      const field = new Field(process, frame, key, token);
      const reader = topFields.get(key.toLowerCase());
      if (reader !== undefined) process.collect(() => reader(options, field));
      else if (!rules.allowUnknownTopLevelFields) reportUnknown(field);
    });
  }
  checkAllowedAccounts(process);
  if (process.errors.length > 0) {
    throw new ConfigProcessError(process.errors, process.warnings);
  }
  return process.warnings;
}

/** The system account comes first: other fields depend on there being one. */
function readSystemAccount(process: Processing, map: ConfigMap): void {
  const token = map.get("system_account") ?? map.get("system");
  if (token === undefined) return;
  if (typeof token.value === "string") process.options.systemAccount = token.value;
  else process.report(token, "system account name must be a string");
}

function checkAllowedAccounts(process: Processing): void {
  const { authCallout, accounts } = process.options;
  for (const name of authCallout?.allowedAccounts ?? []) {
    if (accounts.some((account) => account.name === name)) continue;
    process.report(
      null,
      `auth_callout allowed account ${quoteText(name)} not found in configured accounts`,
    );
  }
}
