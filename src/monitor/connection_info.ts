/**
 * One connection as `/connz` shows it.
 *
 * Reference: ConnInfo and its fill in server/monitor.go, saveClosedClient in server/server.go.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { textOfByteString } from "../base/text/byte_string.ts";
import { readCertificate } from "../base/crypto/x509.ts";
import { formatDurationNs } from "../base/text/duration.ts";
import { GLOBAL_ACCOUNT } from "../core/account/account.ts";
import { goNameText } from "../base/crypto/name_text.ts";
import { shownJwt } from "../core/connection/client_info.ts";
import type { Connection } from "../core/connection/connection.ts";
import { nsOfMs, omitEmpty, omitEmptyList, timeText, uptimeText } from "./go_values.ts";
import type { ClosedRecord, ClosedSubscription } from "./source.ts";

/** A connection, open or closed, at one moment: what is sorted and filtered by, and shown. */
export interface ConnectionSnapshot {
  readonly connection: Connection;
  readonly closed: ClosedRecord | null;
  readonly subscriptions: readonly ClosedSubscription[];
  /** Round trip in ns as shown; 0 while unknown. */
  readonly rttNs: number;
  readonly startMs: number;
  readonly lastMs: number;
  /** The moment for a connection that is open, its end for a closed one. */
  readonly untilMs: number;
}

/** What else than the basics to show. */
export interface ConnectionDetail {
  readonly auth: boolean;
  readonly subscriptions: boolean;
  readonly subscriptionsDetail: boolean;
}

const US_PER_MS = 1000;
const NS_PER_MS = 1_000_000;

/** Between a microsecond and a millisecond the reference cuts the nanoseconds off. */
export function shownRttNs(rttMs: number): number {
  return rttMs > 0.001 && rttMs < 1
    ? Math.trunc(rttMs * US_PER_MS) * 1000
    : Math.round(rttMs * NS_PER_MS);
}

/** Wall clock of the last activity, kept steady by counting from the start. */
function lastActivityMs(connection: Connection): number {
  return connection.startMs + Math.max(0, connection.lastActivityMs - connection.startMonotonicMs);
}

/** Looks at an open connection; measures its round trip when that is not known. */
export function openSnapshot(connection: Connection, nowMs: number): ConnectionSnapshot {
  // Only client libraries say their language; people at a terminal would not answer.
  if (connection.rttMs === 0 && connection.connect.lang !== "") connection.sendRttPing();
  return {
    connection,
    closed: null,
    subscriptions: [...connection.subscriptions.values()],
    rttNs: shownRttNs(connection.rttMs),
    startMs: connection.startMs,
    lastMs: lastActivityMs(connection),
    untilMs: nowMs,
  };
}

/** Looks at a closed connection. */
export function closedSnapshot(closed: ClosedRecord): ConnectionSnapshot {
  const { connection, stopMs } = closed;
  return {
    connection,
    closed,
    subscriptions: closed.subscriptions,
    rttNs: shownRttNs(connection.rttMs),
    startMs: connection.startMs,
    // What was in flight at the end may count as activity a little later.
    lastMs: Math.min(lastActivityMs(connection), stopMs),
    untilMs: stopMs,
  };
}

/** One subscription under its connection. */
export function subscriptionDetail(subscription: ClosedSubscription, connectionId: number) {
  return {
    subject: textOfByteString(subscription.subject),
    qgroup: omitEmpty(textOfByteString(subscription.queue ?? "")),
    sid: textOfByteString(subscription.sid),
    msgs: subscription.delivered,
    max: omitEmpty(subscription.max),
    cid: connectionId,
  };
}

/** The account of a subscription, where it is not clear from around it. */
export function accountDetail(accountName: string) {
  const name = textOfByteString(accountName);
  return { account: omitEmpty(name), account_tag: omitEmpty(name) };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Of closed connections the reference does not keep the certificates. */
function tlsFields(connection: Connection, certificates: boolean) {
  const { tls } = connection.transport;
  if (tls === null) return {};
  return {
    tls_version: tls.version,
    tls_cipher_suite: tls.cipherSuite,
    tls_peer_certs: !certificates ? undefined : omitEmptyList(tls.peerCertificates.map((der) => {
      const { subject, publicKeyInfo } = readCertificate(der);
      return {
        subject: omitEmpty(goNameText(subject)),
        spki_sha256: sha256(publicKeyInfo),
        cert_sha256: sha256(der),
      };
    })),
    tls_first: omitEmpty(connection.handshakeFirst),
  };
}

/** Account and its tag. Of closed connections the reference does not keep the global account. */
function accountFields(connection: Connection, closed: ClosedRecord | null) {
  const tag = textOfByteString(connection.account?.nameTag ?? "");
  const name = textOfByteString(closed?.accountName ?? connection.account?.name ?? "");
  const global = name === GLOBAL_ACCOUNT;
  return {
    account: global ? undefined : omitEmpty(name),
    name_tag: global && closed !== null ? undefined : omitEmpty(tag),
  };
}

/** The fields of one connection, in the reference's order. */
export function connectionInfo(snapshot: ConnectionSnapshot, detail: ConnectionDetail) {
  const { connection, closed, subscriptions } = snapshot;
  const { connect } = connection;
  const account = detail.auth ? accountFields(connection, closed) : null;
  const listed = detail.subscriptions && !detail.subscriptionsDetail;
  // Pipes inside the process have no port, and the reference then shows no address.
  const hasAddress = connection.port !== 0;
  return {
    cid: connection.id,
    kind: connection.kindName,
    type: connection.kind === "client" ? connection.clientType : undefined,
    ip: hasAddress ? connection.host : "",
    port: connection.port,
    start: timeText(nsOfMs(snapshot.startMs)),
    last_activity: timeText(nsOfMs(snapshot.lastMs)),
    stop: closed === null ? undefined : timeText(nsOfMs(closed.stopMs)),
    reason: closed?.reason,
    rtt: formatDurationNs(BigInt(snapshot.rttNs)),
    uptime: uptimeText(snapshot.untilMs - snapshot.startMs),
    idle: uptimeText(snapshot.untilMs - snapshot.lastMs),
    pending_bytes: closed === null ? connection.out.pendingBytes : 0,
    in_msgs: connection.inMsgs,
    out_msgs: connection.outMsgs,
    in_bytes: connection.inBytes,
    out_bytes: connection.outBytes,
    stalls: omitEmpty(connection.stalls),
    subscriptions: subscriptions.length,
    name: omitEmpty(connect.name),
    lang: omitEmpty(connect.lang),
    version: omitEmpty(connect.version),
    ...tlsFields(connection, detail.auth && closed === null),
    authorized_user: detail.auth ? omitEmpty(connection.rawAuthUser) : undefined,
    account: account?.account,
    subscriptions_list: listed
      ? omitEmptyList(subscriptions.map(({ subject }) => textOfByteString(subject)))
      : undefined,
    subscriptions_list_detail: detail.subscriptionsDetail
      ? omitEmptyList(subscriptions.map((one) => ({
        ...(closed === null ? {} : accountDetail(closed.accountName)),
        ...subscriptionDetail(one, connection.id),
      })))
      : undefined,
    ...identityFields(connection, detail.auth || closed !== null),
    name_tag: account?.name_tag ??
      (closed === null ? undefined : omitEmpty(connection.jwtUser?.shown?.name ?? "")),
    tags: detail.auth || closed !== null
      ? omitEmptyList(connection.jwtUser?.shown?.nats.tags ?? [])
      : undefined,
    mqtt_client: omitEmpty(connection.mqttClientId),
    proxy: connection.proxyKey === "" ? undefined : { key: connection.proxyKey },
  };
}

function identityFields(connection: Connection, shown: boolean) {
  if (!shown) return {};
  return {
    jwt: omitEmpty(shownJwt(connection)),
    issuer_key: omitEmpty(textOfByteString(connection.issuerKey)),
  };
}
