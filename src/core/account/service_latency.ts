/**
 * Measurements of how long exported services take, published in the exporter's account.
 *
 * Reference: ServiceLatency, shouldSample and the senders of latency results in
 * server/accounts.go.
 *
 * @module
 */
import { encodeJson, encodeTime } from "../../base/json/mod.ts";
import { goJsonString } from "../../base/text/go_format.ts";
import { nuid } from "../../base/text/nuid.ts";
import {
  briefClientInfo,
  type ClientInfo,
  clientInfoOf,
  clientInfoShape,
} from "../connection/client_info.ts";
import type { Connection } from "../connection/connection.ts";
import type { Core } from "../core.ts";
import type { Account } from "./account.ts";
import type { LatencyTracking } from "./exports.ts";
import type { ServiceReply } from "./service_replies.ts";

const LATENCY_TYPE = "io.nats.server.metric.v1.service_latency";
const NS_PER_MS = 1e6;

/** One measurement; times in ms. */
interface Latency {
  status: number;
  error: string;
  requestor: ClientInfo | null;
  responder: ClientInfo | null;
  header: Record<string, string[]> | null;
  /** Wall clock, ms since the epoch. */
  startMs: number;
  serviceMs: number;
  systemMs: number;
  totalMs: number;
}

function describe(core: Core, client: Connection, share: boolean): ClientInfo {
  return share ? clientInfoOf(client, core.server) : briefClientInfo(client);
}

function nanoseconds(ms: number): string {
  return String(Math.max(0, Math.round(ms * NS_PER_MS)));
}

function headerJson(header: Record<string, string[]>): string {
  const names = Object.keys(header).sort();
  const members = names.map((name) =>
    `${goJsonString(name)}:[${header[name]!.map(goJsonString).join(",")}]`
  );
  return `{${members.join(",")}}`;
}

function publish(core: Core, exporter: Account, subject: string, latency: Latency): void {
  const { clock, random } = core.env;
  const client = (name: string, info: ClientInfo | null): string =>
    info === null ? "" : `,"${name}":${encodeJson(clientInfoShape, info)}`;
  const { header, error } = latency;
  const json = `{"type":"${LATENCY_TYPE}","id":"${nuid(random)}"` +
    `,"timestamp":"${encodeTime(clock.nowNs())}","status":${latency.status}` +
    (error === "" ? "" : `,"description":${goJsonString(error)}`) +
    client("requestor", latency.requestor) + client("responder", latency.responder) +
    (header === null ? "" : `,"header":${headerJson(header)}`) +
    `,"start":"${encodeTime(BigInt(Math.round(latency.startMs * NS_PER_MS)))}"` +
    `,"service":${nanoseconds(latency.serviceMs)},"system":${nanoseconds(latency.systemMs)}` +
    `,"total":${nanoseconds(latency.totalMs)}}`;
  core.internal.publishText(exporter, subject, "", json);
}

/** The request could not have been answered: it had no reply subject. */
export function reportBadRequest(
  core: Core,
  exporter: Account,
  { latency, requester, share, header }: {
    latency: LatencyTracking;
    requester: Connection;
    share: boolean;
    header: Record<string, string[]> | null;
  },
): void {
  publish(core, exporter, latency.subject, {
    status: 400,
    error: "Bad Request",
    requestor: describe(core, requester, share),
    responder: null,
    header,
    startMs: core.env.clock.nowMs() - requester.rttMs,
    serviceMs: 0,
    systemMs: 0,
    totalMs: 0,
  });
}

function reportFailure(
  core: Core,
  exporter: Account,
  owed: ServiceReply,
  status: number,
  error: string,
): void {
  const tracked = owed.tracked!;
  const requester = tracked.requester;
  tracked.requester = null;
  publish(core, exporter, tracked.latency.subject, {
    status,
    error,
    requestor: requester === null ? null : describe(core, requester, owed.share),
    responder: null,
    header: tracked.header,
    startMs: owed.requestedMs - (requester?.rttMs ?? 0),
    serviceMs: 0,
    systemMs: 0,
    totalMs: 0,
  });
}

/** The requester stopped listening before the reply came. */
export function reportLostInterest(core: Core, exporter: Account, owed: ServiceReply): void {
  reportFailure(core, exporter, owed, 408, "Request Timeout");
}

/** The request reached no service, or the service did not answer in time. */
export function reportServiceFailure(
  core: Core,
  exporter: Account,
  owed: ServiceReply,
  reason: "no delivery" | "timeout",
): void {
  if (reason === "timeout") reportFailure(core, exporter, owed, 504, "Service Timeout");
  else reportFailure(core, exporter, owed, 503, "Service Unavailable");
}

/**
 * The service answered by `responder`. Returns false when that is a part of the server, which is
 * not measured.
 */
export function reportLatency(
  core: Core,
  exporter: Account,
  owed: ServiceReply,
  responder: Connection | null,
): boolean {
  const tracked = owed.tracked!;
  const { requester } = tracked;
  if (requester === null) return true;
  if (responder === null) return false;
  tracked.requester = null;
  const serviceMs = core.env.clock.nowMs() - owed.requestedMs;
  const requestRttMs = requester.rttMs;
  const responseRttMs = responder.rttMs;
  publish(core, exporter, tracked.latency.subject, {
    status: 200,
    error: "",
    requestor: describe(core, requester, owed.share),
    responder: clientInfoOf(responder, core.server),
    header: tracked.header,
    startMs: owed.requestedMs - requestRttMs,
    serviceMs: serviceMs - responseRttMs,
    systemMs: 0,
    totalMs: requestRttMs + serviceMs,
  });
  return true;
}
