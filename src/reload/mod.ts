/**
 * Changing the options of a running server.
 *
 * @module
 */
export { ReloadError } from "./change.ts";
export { reloadConfiguration, reloadOptions } from "./reload.ts";
