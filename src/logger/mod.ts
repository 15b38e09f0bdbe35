/**
 * Logs: line formats, files with rotation, syslog.
 *
 * @module
 */
export * from "./log_file.ts";
export * from "./server_log.ts";
export * from "./syslog.ts";
export * from "./text_log.ts";
