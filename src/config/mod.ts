/**
 * The server's options: types, defaults, the configuration language and the command line.
 *
 * @module
 */
export * from "./account_options.ts";
export * from "./auth_options.ts";
export * from "./baseline.ts";
export * from "./cluster_options.ts";
export * from "./jetstream_options.ts";
export * from "./leafnode_options.ts";
export * from "./operator_options.ts";
export * from "./options.ts";
export * from "./tls_options.ts";
export * from "./url.ts";
export * from "./websocket_options.ts";
