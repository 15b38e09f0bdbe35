/**
 * JetStream: streams, consumers and their API.
 *
 * @module
 */
export { JetStream, type JetStreamHost, JetStreamStartError } from "./engine/jet_stream.ts";
export type { JsAccount } from "./engine/js_account.ts";
export type { JetStreamConfig } from "./engine/js_config.ts";
export { friendlyBytes } from "./engine/js_config.ts";
export { unlimitedTiers } from "./engine/limits.ts";
