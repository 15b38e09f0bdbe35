/**
 * The vocabulary of JetStream's API: configurations, requests, responses, errors.
 *
 * @module
 */
export * from "./api_error.ts";
export * from "./consumer_config.ts";
export { type JetStreamErrorName, jetStreamErrors } from "./error_table.ts";
export * from "./requests.ts";
export * from "./stream_config.ts";
export * from "./stream_info.ts";
export * from "./versioning.ts";
