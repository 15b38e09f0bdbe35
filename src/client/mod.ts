/**
 * Client connections.
 *
 * @module
 */
export { ClientConnection, type ClientContext, STALL_MS } from "./client_connection.ts";
