/**
 * Running a configuration through the checks of `-t`.
 *
 * @module
 */
import { ConfigProcessError } from "../../../src/config/errors.ts";
import { emptyOptions } from "../../../src/config/options.ts";
import { processConfigFile } from "../../../src/config/process.ts";
import type { ConfigSource } from "../../../src/platform/config_source.ts";
import { memorySource } from "../conf/_memory_source.ts";

/** A configuration and the error or warning that it must give. */
export interface ConfigCase {
  name: string;
  config: string;
  error?: string;
  warning?: string;
  reason?: string;
  line?: number;
  pos?: number;
}

/** Where {@linkcode checkConfig} pretends the configuration to be. */
export const CONFIG_PATH = "/c/nats.conf";

/** The errors and warnings of a configuration text, or null when it is fine. */
export function checkConfig(config: string, files: Record<string, string> = {}): Error | null {
  return checkConfigFile(CONFIG_PATH, memorySource({ ...files, [CONFIG_PATH]: config }));
}

/** The errors and warnings of a configuration file, or null when it is fine. */
export function checkConfigFile(path: string, source: ConfigSource): Error | null {
  const options = { ...emptyOptions(), checkConfig: true };
  try {
    const warnings = processConfigFile(options, path, source);
    return warnings.length > 0 ? new ConfigProcessError([], warnings) : null;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}
