/**
 * The outside world as interfaces; `platform/deno` implements them on Deno.
 *
 * @module
 */
export * from "./clock.ts";
export * from "./disk.ts";
export * from "./http.ts";
export * from "./log.ts";
export * from "./loop.ts";
export * from "./net.ts";
export * from "./passwords.ts";
export * from "./process.ts";
export * from "./profiler.ts";
export * from "./random.ts";
export * from "./tls.ts";
