/**
 * Subject filters with values.
 *
 * @module
 */
export * from "./generic_sublist.ts";
