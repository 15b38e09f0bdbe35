/**
 * System services and events.
 *
 * @module
 */
export * from "./server_info.ts";
export * from "./system_services.ts";
