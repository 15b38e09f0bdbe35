/**
 * The system account: events and services.
 *
 * @module
 */
export type { EventServer } from "./server_info.ts";
export { SystemEvents } from "./system_events.ts";
