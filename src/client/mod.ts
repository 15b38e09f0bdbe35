/**
 * Client connections.
 *
 * @module
 */
export { ClientConnection, type ClientContext } from "./client_connection.ts";
