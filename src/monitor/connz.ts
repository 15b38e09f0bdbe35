/**
 * `/connz`: the connections, open or closed, filtered, sorted and by pages.
 *
 * Reference: Connz, HandleConnz in server/monitor.go, server/monitor_sort_opts.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import { GLOBAL_ACCOUNT } from "../core/account/account.ts";
import type { Connection } from "../core/connection/connection.ts";
import { fullWildcard, subjectsCollide } from "../subject/mod.ts";
import {
  closedSnapshot,
  connectionInfo,
  type ConnectionSnapshot,
  openSnapshot,
} from "./connection_info.ts";
import { BadRequestError, page, type Query, timeText } from "./go_values.ts";
import type { ClosedRecord, MonitoredServer } from "./source.ts";

/** Connections on a page when nothing is said. */
export const DEFAULT_CONNECTION_LIMIT = 1024;

/** Which connections to look at; `none` is what a number without a meaning asks for. */
export type ConnectionState = "open" | "closed" | "all" | "none";

/** A question to {@linkcode connz}. */
export interface ConnzOptions {
  /** One of the sort keys; empty is by connection id. */
  readonly sort?: string;
  /** Show users and accounts. */
  readonly auth?: boolean;
  readonly subscriptions?: boolean;
  readonly subscriptionsDetail?: boolean;
  readonly offset?: number;
  readonly limit?: number;
  /** One connection alone; 0 is all. */
  readonly cid?: number;
  readonly mqttClient?: string;
  readonly state?: ConnectionState;
  readonly user?: string;
  readonly account?: string;
  /** Only open connections with interest that meets this subject; needs `account`. */
  readonly filterSubject?: string;
}

/** An order of connections. */
export type Compare = (a: ConnectionSnapshot, b: ConnectionSnapshot) => number;

const ascending = (value: (one: ConnectionSnapshot) => number): Compare => (a, b) =>
  value(a) - value(b);
const descending = (value: (one: ConnectionSnapshot) => number): Compare => (a, b) =>
  value(b) - value(a);

const byId = ascending(({ connection }) => connection.id);

function byReason(a: ConnectionSnapshot, b: ConnectionSnapshot): number {
  const [left, right] = [a.closed!.reason, b.closed!.reason];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The orders to ask for, by their keys. */
export const CONNECTION_ORDERS: ReadonlyMap<string, Compare> = new Map<string, Compare>([
  ["cid", byId],
  ["start", byId],
  ["subs", descending(({ subscriptions }) => subscriptions.length)],
  ["pending", descending((one) => one.closed === null ? one.connection.out.pendingBytes : 0)],
  ["msgs_to", descending(({ connection }) => connection.outMsgs)],
  ["msgs_from", descending(({ connection }) => connection.inMsgs)],
  ["bytes_to", descending(({ connection }) => connection.outBytes)],
  ["bytes_from", descending(({ connection }) => connection.inBytes)],
  ["last", descending(({ lastMs }) => lastMs)],
  // The reference measures idleness of closed connections up to now, too: it is by last activity.
  ["idle", ascending(({ lastMs }) => lastMs)],
  ["uptime", ascending(({ startMs, untilMs }) => untilMs - startMs)],
  ["stop", descending(({ untilMs }) => untilMs)],
  ["reason", byReason],
  ["rtt", descending(({ rttNs }) => rttNs)],
]);

/** Reads the question from a request. @throws {BadRequestError} */
export function connzOptions(query: Query): ConnzOptions {
  const auth = query.bool("auth");
  const { list, detail } = query.subscriptions();
  return {
    sort: query.text("sort"),
    auth,
    subscriptions: list,
    subscriptionsDetail: detail,
    offset: query.int("offset"),
    limit: query.int("limit"),
    cid: query.uint("cid"),
    state: connectionState(query.text("state")),
    user: query.text("user"),
    account: query.text("acc"),
    mqttClient: query.text("mqtt_client"),
  };
}

function connectionState(text: string): ConnectionState {
  switch (text.toLowerCase()) {
    case "":
    case "open":
      return "open";
    case "closed":
      return "closed";
    case "any":
    case "all":
      return "all";
  }
  throw new BadRequestError(`Error decoding state for ${text}`);
}

/** A question with nothing left open. */
interface Asked {
  readonly sort: Compare;
  readonly offset: number;
  readonly limit: number;
  readonly cid: number;
  readonly state: ConnectionState;
  readonly filter: string;
}

function checked(options: ConnzOptions): Asked {
  const sort = options.sort || "cid";
  const compare = CONNECTION_ORDERS.get(sort);
  if (compare === undefined) throw new BadRequestError(`invalid sorting option: ${sort}`);
  const state = options.state ?? "open";
  if ((sort === "stop" || sort === "reason") && state !== "closed") {
    throw new BadRequestError(`sort by ${sort} only valid on closed connections`);
  }
  const { filterSubject = "", limit = 0, cid = 0 } = options;
  const filter = filterSubject === fullWildcard ? "" : filterSubject;
  if (filter !== "" && !options.account) {
    throw new BadRequestError("filter by subject only valid with account filtering");
  }
  return {
    sort: compare,
    offset: Math.max(0, options.offset ?? 0),
    limit: cid > 0 ? 1 : limit > 0 ? limit : DEFAULT_CONNECTION_LIMIT,
    cid,
    state,
    filter: byteStringOfText(filter),
  };
}

/** Connections by state before users and subjects narrow them. */
interface Candidates {
  open: Connection[];
  closed: readonly ClosedRecord[];
  readonly total: number;
}

function candidates(server: MonitoredServer, asked: Asked, account: string): Candidates | null {
  let open: Connection[] = [...server.clients.values()];
  if (account !== "") {
    const found = server.core.accounts.get(byteStringOfText(account));
    if (found === undefined) return null;
    open = [...found.connections, ...found.leafs ?? []];
  }
  if (asked.state === "closed" || asked.state === "none") open = [];
  let closed = asked.state === "open" || asked.state === "none"
    ? []
    : server.closedConnections.all();
  if (account !== "") {
    // The reference keeps no account of closed connections of the global one.
    closed = account === GLOBAL_ACCOUNT
      ? []
      : closed.filter(({ accountName }) => textOfByteString(accountName) === account);
  }
  return { open, closed, total: open.length + closed.length };
}

/** Narrows to one connection, which must be among those found: accounts see only their own. */
function pickOne(found: Candidates, asked: Asked): void {
  const one = found.open.find(({ id }) => id === asked.cid);
  found.open = one === undefined ? [] : [one];
  found.closed = one === undefined
    ? found.closed.filter(({ connection }) => connection.id === asked.cid).slice(0, 1)
    : [];
}

function hasInterest(connection: Connection, filter: string): boolean {
  for (const { subject } of connection.subscriptions.values()) {
    if (subjectsCollide(filter, subject)) return true;
  }
  return false;
}

/** What `/connz` shows. @throws {BadRequestError} */
export function connz(server: MonitoredServer, options: ConnzOptions = {}) {
  const asked = checked(options);
  const { clock } = server.env;
  const nowMs = clock.nowMs();
  const now = timeText(clock.nowNs());
  const { user = "", mqttClient = "", account = "" } = options;
  const { offset, limit } = asked;
  const found = candidates(server, asked, account);
  if (found === null) {
    return {
      server_id: "",
      now,
      num_connections: 0,
      total: 0,
      offset,
      limit,
      connections: null,
    };
  }
  const { total } = found;
  const wanted = (connection: Connection): boolean =>
    (user === "" || connection.rawAuthUser === user) &&
    (mqttClient === "" || connection.mqttClientId === mqttClient);
  if (asked.cid > 0) pickOne(found, asked);
  else found.open = found.open.filter(wanted);
  if (asked.filter !== "") {
    found.open = found.open.filter((connection) => hasInterest(connection, asked.filter));
  }
  const snapshots = [
    ...found.open.map((connection) => openSnapshot(connection, nowMs)),
    ...found.closed.filter(({ connection }) => wanted(connection)).map(closedSnapshot),
  ].sort(asked.sort);
  const detail = {
    auth: options.auth ?? false,
    subscriptions: options.subscriptions ?? false,
    subscriptionsDetail: options.subscriptionsDetail ?? false,
  };
  const connections = page(snapshots, offset, limit).map((one) => connectionInfo(one, detail));
  return {
    server_id: server.info.server_id,
    now,
    num_connections: connections.length,
    total,
    offset,
    limit,
    connections,
  };
}
