/**
 * `/jsz`, `/routez`, `/gatewayz`, `/leafz`: what a server without these features shows.
 *
 * Reference: Jsz, Routez, Gatewayz, Leafz in server/monitor.go.
 *
 * @module
 */
import { BadRequestError, type Query, timeText } from "./go_values.ts";
import type { MonitoredServer } from "./source.ts";

/** Parameters of `/jsz` that must be booleans, in the order in which they are read. */
const JSZ_FLAGS_BEFORE = ["accounts", "streams", "consumers", "direct-consumers", "config"];
const JSZ_FLAGS_AFTER = ["raft", "stream-leader-only"];

/** Reads what matters of a request to `/jsz`. @throws {BadRequestError} */
export function jszOptions(query: Query): { leaderOnly: boolean } {
  for (const name of JSZ_FLAGS_BEFORE) query.bool(name);
  query.int("offset");
  query.int("limit");
  const leaderOnly = query.bool("leader-only");
  for (const name of JSZ_FLAGS_AFTER) query.bool(name);
  return { leaderOnly };
}

/** What `/jsz` shows without JetStream. @throws {BadRequestError} */
export function jsz(server: MonitoredServer, options: { leaderOnly?: boolean } = {}) {
  if (options.leaderOnly === true) throw new BadRequestError("filtered response: not leader");
  return {
    memory: 0,
    storage: 0,
    reserved_memory: 0,
    reserved_storage: 0,
    accounts: 0,
    ha_assets: 0,
    api: { level: 0, total: 0, errors: 0 },
    server_id: server.info.server_id,
    now: timeText(server.env.clock.nowNs()),
    disabled: true,
    config: { max_memory: 0, max_storage: 0 },
    streams: 0,
    consumers: 0,
    messages: 0,
    bytes: 0,
    total: 0,
  };
}

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

/** What `/leafz` shows without leaf nodes. */
export function leafz(server: MonitoredServer) {
  return {
    server_id: server.info.server_id,
    now: timeText(server.env.clock.nowNs()),
    leafnodes: 0,
    leafs: [],
  };
}
