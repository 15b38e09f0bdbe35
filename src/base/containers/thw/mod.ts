/**
 * The hashed timing wheel.
 *
 * @module
 */
export * from "./hash_wheel.ts";
