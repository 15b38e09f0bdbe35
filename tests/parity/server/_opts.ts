/**
 * What the ported tests of the options share.
 *
 * @module
 */
import { ConfigProcessError } from "../../../src/config/errors.ts";
import { emptyOptions, type Options } from "../../../src/config/options.ts";
import { processConfigFile, type ProcessRules } from "../../../src/config/process.ts";
import type { ConfigSource } from "../../../src/platform/config_source.ts";
import { memorySource } from "../conf/_memory_source.ts";
import { CERTIFICATE_A, KEY_A } from "./_config_certificates.ts";

/** Where {@linkcode processText} pretends the configuration to be. */
export const PATH = "/c/nats.conf";

/** The certificate files that configurations of these tests name. */
export const CERTIFICATE_FILES: Record<string, string> = {
  "./configs/certs/server.pem": CERTIFICATE_A,
  "./configs/certs/key.pem": KEY_A,
};

/** A source with the configuration `text`, the certificates and what is given besides. */
export function sourceOf(
  text: string,
  env: Record<string, string> = {},
  files: Record<string, string> = {},
): ConfigSource {
  return memorySource({ ...CERTIFICATE_FILES, ...files, [PATH]: text }, env);
}

/** Options from a configuration text; warnings are dropped, as the reference's helper does. */
export function processText(
  text: string,
  env: Record<string, string> = {},
  rules: ProcessRules = {},
): Options {
  const options = emptyOptions();
  processConfigFile(options, PATH, sourceOf(text, env), rules);
  return options;
}

/** The error that a configuration text gives; fails when it gives none. */
export function errorOf(text: string, env: Record<string, string> = {}): string {
  try {
    processText(text, env);
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  throw new Error(`expected an error for ${text}`);
}

/** The warnings and errors of a configuration that is read over `options`. */
export function problemsOf(options: Options, text: string): ConfigProcessError | null {
  try {
    const warnings = processConfigFile(options, PATH, sourceOf(text));
    return warnings.length > 0 ? new ConfigProcessError([], warnings) : null;
  } catch (error) {
    if (error instanceof ConfigProcessError) return error;
    throw error;
  }
}
