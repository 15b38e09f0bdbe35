/**
 * Changing the options of a running server.
 *
 * @module
 */
export { ReloadError } from "./change.ts";
export { CertificateWatch } from "./certificate_watch.ts";
export { reloadConfiguration, reloadOptions } from "./reload.ts";
