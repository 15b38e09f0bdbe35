/**
 * `/leafz`: the connections to leaf nodes and hubs.
 *
 * Reference: Leafz in server/monitor.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import { formatDurationNs } from "../base/text/duration.ts";
import type { Connection } from "../core/connection/connection.ts";
import { shownRttNs } from "./connection_info.ts";
import { omitEmpty, timeText } from "./go_values.ts";
import type { MonitoredServer } from "./source.ts";

/** What `/leafz` is asked. */
export interface LeafzOptions {
  /** The subjects that the other end wants, too. */
  readonly subscriptions?: boolean;
  /** Only those of this account; all when empty. */
  readonly account?: string;
}

/** How many connections to leaf nodes and hubs there are. */
export function leafCount({ leafNodes }: MonitoredServer): number {
  return leafNodes?.connections.size ?? 0;
}

function leafInfo(connection: Connection, withSubjects: boolean) {
  const { account, subscriptions } = connection;
  const leaf = connection.leaf!;
  const subjects = [...subscriptions.values()].map(({ subject }) => textOfByteString(subject));
  return {
    id: connection.id,
    name: leaf.remoteServer,
    is_spoke: leaf.isSpoke,
    is_isolated: omitEmpty(leaf.isolated),
    account: textOfByteString(account?.name ?? ""),
    ip: connection.host,
    port: connection.port,
    rtt: formatDurationNs(BigInt(shownRttNs(connection.rttMs))),
    in_msgs: connection.inMsgs,
    out_msgs: connection.outMsgs,
    in_bytes: connection.inBytes,
    out_bytes: connection.outBytes,
    subscriptions: subscriptions.size,
    subscriptions_list: withSubjects && subjects.length > 0 ? subjects : undefined,
    compression: leaf.compression,
    proxy: connection.proxyKey === "" ? undefined : { key: connection.proxyKey },
  };
}

/** What `/leafz` shows. */
export function leafz(server: MonitoredServer, options: LeafzOptions = {}) {
  const { subscriptions = false, account = "" } = options;
  const name = byteStringOfText(account);
  const leafs = [...server.leafNodes?.connections.values() ?? []]
    .filter((connection) => name === "" || connection.account?.name === name)
    .map((connection) => leafInfo(connection, subscriptions));
  return {
    server_id: server.info.server_id,
    now: timeText(server.env.clock.nowNs()),
    leafnodes: leafs.length,
    leafs,
  };
}
