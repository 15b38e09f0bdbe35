/**
 * `/routez`, `/gatewayz`: what a server without these features shows.
 *
 * Reference: Routez, Gatewayz in server/monitor.go.
 *
 * @module
 */
import { timeText } from "./go_values.ts";
import type { MonitoredServer } from "./source.ts";

/** What `/routez` shows without routes. */
export function routez(server: MonitoredServer) {
  return {
    server_id: server.info.server_id,
    server_name: server.info.server_name,
    now: timeText(server.env.clock.nowNs()),
    num_routes: 0,
    routes: [],
  };
}

/** What `/gatewayz` shows without gateways. */
export function gatewayz(server: MonitoredServer) {
  return {
    server_id: server.info.server_id,
    now: timeText(server.env.clock.nowNs()),
    outbound_gateways: {},
    inbound_gateways: {},
  };
}
