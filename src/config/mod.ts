/**
 * The server's options: types, defaults, the configuration language and the command line.
 *
 * @module
 */
export * from "./account_options.ts";
export * from "./auth_options.ts";
export * from "./baseline.ts";
export * from "./clone.ts";
export * from "./cluster_options.ts";
export {
  compressionEquals,
  DEFAULT_RTT_THRESHOLDS_MS,
  normalizeCompression,
} from "./compression.ts";
export {
  ConfigError,
  ConfigParseError,
  ConfigProcessError,
  ConfigWarning,
  OptionsError,
  UnknownFieldError,
} from "./errors.ts";
export * from "./feature_flags.ts";
export {
  type CommandLine,
  mergeFlags,
  mergeOptions,
  readCommandLine,
  routesFromText,
} from "./flags.ts";
export * from "./jetstream_options.ts";
export * from "./leafnode_options.ts";
export * from "./operator_options.ts";
export * from "./options.ts";
export { processConfigFile, processConfigText, type ProcessRules } from "./process.ts";
export { redactArgs } from "./redact_args.ts";
export { checkTlsFiles } from "./tls_files.ts";
export * from "./tls_options.ts";
export { unbuiltFeatures } from "./unbuilt.ts";
export * from "./url.ts";
export { REFERENCE_VERSION, tlsUsage, USAGE, versionText } from "./usage.ts";
export { validateOptions } from "./validate.ts";
export { isWebsocketUrl, versionAtLeast } from "./validate_leafnode.ts";
export * from "./websocket_options.ts";
