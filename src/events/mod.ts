/**
 * The system account: events and services.
 *
 * @module
 */
export type { EventServer } from "./server_info.ts";
export { SystemEvents } from "./system_events.ts";
export type { ServiceRequest } from "./requests.ts";
export type { SystemSender } from "./sender.ts";
