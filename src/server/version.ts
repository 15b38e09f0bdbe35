/**
 * Versions that the server shows.
 *
 * @module
 */

/** The reference's version: clients switch features on by it. */
export const VERSION = "2.14.5";
/** natsts' own version. */
export const NATSTS_VERSION = "0.1.0";
/** Protocol level of INFO. */
export const PROTOCOL_LEVEL = 1;
/** JetStream API level that INFO carries, with or without JetStream. */
export const API_LEVEL = 4;
