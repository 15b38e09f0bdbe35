/**
 * A client as events, traces, and services of other accounts are told of it.
 *
 * Reference: ClientInfo in server/events.go, getClientInfo in server/client.go.
 *
 * @module
 */
import {
  decodeJson,
  duration,
  encodeJson,
  field,
  int,
  list,
  OMIT,
  optional,
  type Shape,
  shape,
  text,
  time,
} from "../../base/json/mod.ts";
import { byteStringOfText, textOfByteString } from "../../base/text/byte_string.ts";
import { decodeBase64Url, decodeUserClaims, JwtError } from "../../identity/mod.ts";
import { appendHeader } from "../../protocol/mod.ts";
import type { Account } from "../account/account.ts";
import type { Connection } from "./connection.ts";

/** Header in which a service of another account finds who asks. */
export const CLIENT_INFO_HEADER = "Nats-Request-Info";

/** What is told of a client; empty fields are left out of the JSON. */
export interface ClientInfo {
  /** Nanoseconds since the epoch. */
  start: bigint | null;
  host: string;
  id: number;
  account: string;
  /** Account that the request came through, when it passed more than one. */
  service: string;
  user: string;
  name: string;
  lang: string;
  version: string;
  /** Nanoseconds. */
  rtt: bigint;
  server: string;
  cluster: string;
  alternates: string[];
  /** Nanoseconds since the epoch. */
  stop: bigint | null;
  jwt: string;
  issuerKey: string;
  nameTag: string;
  tags: string[];
  kind: string;
  clientType: string;
  /** Id of an MQTT client. */
  clientId: string;
  nonce: string;
  /** The requester's own reply subject, where a service must know it. */
  reply: string;
}

/** JSON of a {@linkcode ClientInfo}. */
export const clientInfoShape: Shape<ClientInfo> = shape(
  "ClientInfo",
  () => ({
    start: null,
    host: "",
    id: 0,
    account: "",
    service: "",
    user: "",
    name: "",
    lang: "",
    version: "",
    rtt: 0n,
    server: "",
    cluster: "",
    alternates: [],
    stop: null,
    jwt: "",
    issuerKey: "",
    nameTag: "",
    tags: [],
    kind: "",
    clientType: "",
    clientId: "",
    nonce: "",
    reply: "",
  }),
  {
    start: field("start", optional(time), OMIT),
    host: field("host", text, OMIT),
    id: field("id", int, OMIT),
    account: field("acc", text, OMIT),
    service: field("svc", text, OMIT),
    user: field("user", text, OMIT),
    name: field("name", text, OMIT),
    lang: field("lang", text, OMIT),
    version: field("ver", text, OMIT),
    rtt: field("rtt", duration, OMIT),
    server: field("server", text, OMIT),
    cluster: field("cluster", text, OMIT),
    alternates: field("alts", list(text), OMIT),
    stop: field("stop", optional(time), OMIT),
    jwt: field("jwt", text, OMIT),
    issuerKey: field("issuer_key", text, OMIT),
    nameTag: field("name_tag", text, OMIT),
    tags: field("tags", list(text), OMIT),
    kind: field("kind", text, OMIT),
    clientType: field("client_type", text, OMIT),
    clientId: field("client_id", text, OMIT),
    nonce: field("nonce", text, OMIT),
    reply: field("reply", text, OMIT),
  },
);

/** The server as clients of it name it. */
export interface NamedServer {
  readonly name: string;
  readonly cluster: string;
}

const NS_PER_MS = 1e6;

/** Nanoseconds of `ms`. */
function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * NS_PER_MS));
}

/** Whether what is no JWT looks as if it was one of a bearer, spoiled. */
function mayBeBearer(jwt: string): boolean {
  const body = decodeBase64Url(jwt.split(".")[1] ?? "");
  return body === null || new TextDecoder().decode(body).includes("bearer_token");
}

/**
 * The JWT of CONNECT as others see it. Whoever has a bearer token is its user, so that nobody is
 * shown one, refused ones included; the reference shows them in events.
 */
export function shownJwt({ connect: { jwt }, jwtUser }: Connection): string {
  if (jwt === "") return "";
  try {
    const { nats } = jwtUser?.shown ?? decodeUserClaims(jwt);
    return nats.bearerToken ? "" : jwt;
  } catch (error) {
    if (!(error instanceof JwtError)) throw error;
    return mayBeBearer(jwt) ? "" : jwt;
  }
}

/** What everybody may know of a client: its account and its round trip. */
export function briefClientInfo(connection: Connection): ClientInfo {
  const info = clientInfoShape.create();
  info.account = textOfByteString(connection.account?.name ?? "");
  info.rtt = nanoseconds(connection.rttMs);
  return info;
}

/** Who asks, as the headers of a request say it to a service of another account. */
export class RequesterInfo {
  #headers: Uint8Array | null = null;

  /** `json` is a byte string. */
  constructor(readonly json: string) {}

  /** Headers of a message that has no others. */
  get headers(): Uint8Array {
    return this.#headers ??= appendHeader(null, CLIENT_INFO_HEADER, this.json);
  }
}

/** A {@linkcode RequesterInfo} and what it was made of. */
export interface BriefInfo {
  readonly account: Account | null;
  readonly rttMs: number;
  readonly info: RequesterInfo;
}

/** {@linkcode briefClientInfo}, made once for each round trip that was measured. */
export function briefRequesterInfo(connection: Connection): RequesterInfo {
  const { account, rttMs, briefInfo } = connection;
  if (briefInfo !== null && briefInfo.account === account && briefInfo.rttMs === rttMs) {
    return briefInfo.info;
  }
  const json = encodeJson(clientInfoShape, briefClientInfo(connection));
  const info = new RequesterInfo(byteStringOfText(json));
  connection.briefInfo = { account, rttMs, info };
  return info;
}

/** All that is told of the client at the other end of `connection`. */
export function clientInfoOf(connection: Connection, server: NamedServer): ClientInfo {
  const info = briefClientInfo(connection);
  const { connect } = connection;
  info.start = BigInt(Math.floor(connection.startMs)) * 1_000_000n;
  info.host = connection.host;
  info.id = connection.id;
  info.user = connection.rawAuthUser;
  info.name = connect.name;
  info.lang = connect.lang;
  info.version = connect.version;
  info.server = server.name;
  info.cluster = server.cluster;
  info.jwt = shownJwt(connection);
  info.issuerKey = textOfByteString(connection.issuerKey);
  info.nameTag = connection.jwtUser?.shown?.name ?? "";
  info.tags = connection.jwtUser?.shown?.nats.tags ?? [];
  info.kind = connection.kindName;
  info.clientType = connection.clientType;
  info.clientId = connection.mqttClientId;
  return info;
}

/** JSON of all that is told of a client; of nobody when it is the server itself. */
export function clientInfoJson(connection: Connection | null, server: NamedServer): string {
  return encodeJson(
    clientInfoShape,
    connection === null ? clientInfoShape.create() : clientInfoOf(connection, server),
  );
}

/** Reads what {@linkcode clientInfoShape} wrote. @throws {JsonShapeError} */
export function parseClientInfo(json: string): ClientInfo {
  return decodeJson(clientInfoShape, json);
}
