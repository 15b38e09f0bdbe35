/**
 * CONNECT and INFO between hubs and leaf nodes.
 *
 * Reference: leafConnectInfo in server/leafnode.go, Info in server/server.go.
 *
 * @module
 */
import {
  bool,
  decodeJson,
  encodeJson,
  field,
  int,
  list,
  OMIT,
  optional,
  type Shape,
  shape,
  text,
} from "../base/json/mod.ts";
import { byteStringOfText } from "../base/text/byte_string.ts";
import type { SubjectPermission } from "../config/mod.ts";

/** What the one that makes the connection says about itself. */
export interface LeafConnect {
  version: string;
  nkey: string;
  jwt: string;
  sig: string;
  user: string;
  pass: string;
  token: string;
  serverId: string;
  domain: string;
  name: string;
  /** Only clients have one. */
  lang: string;
  isHub: boolean;
  cluster: string;
  headers: boolean;
  jetStream: boolean;
  denyPub: string[];
  isolate: boolean;
  compressMode: string;
  gateway: string;
  remoteAccount: string;
  protocol: number;
}

/** JSON of {@linkcode LeafConnect}. */
export const leafConnectShape: Shape<LeafConnect> = shape("leafConnectInfo", () => ({
  version: "",
  nkey: "",
  jwt: "",
  sig: "",
  user: "",
  pass: "",
  token: "",
  serverId: "",
  domain: "",
  name: "",
  lang: "",
  isHub: false,
  cluster: "",
  headers: false,
  jetStream: false,
  denyPub: [],
  isolate: false,
  compressMode: "",
  gateway: "",
  remoteAccount: "",
  protocol: 0,
}), {
  version: field("version", text, OMIT),
  nkey: field("nkey", text, OMIT),
  jwt: field("jwt", text, OMIT),
  sig: field("sig", text, OMIT),
  user: field("user", text, OMIT),
  pass: field("pass", text, OMIT),
  token: field("auth_token", text, OMIT),
  serverId: field("server_id", text, OMIT),
  domain: field("domain", text, OMIT),
  name: field("name", text, OMIT),
  lang: field("lang", text, OMIT),
  isHub: field("is_hub", bool, OMIT),
  cluster: field("cluster", text, OMIT),
  headers: field("headers", bool, OMIT),
  jetStream: field("jetstream", bool, OMIT),
  denyPub: field("deny_pub", list(text), OMIT),
  isolate: field("isolate", bool, OMIT),
  compressMode: field("compress_mode", text, OMIT),
  gateway: field("gateway", text, OMIT),
  remoteAccount: field("remote_account", text, OMIT),
  protocol: field("protocol", int, OMIT),
});

const permissionShape: Shape<SubjectPermission> = shape(
  "SubjectPermission",
  () => ({ allow: null, deny: null }),
  {
    allow: field("allow", optional(list(text)), OMIT),
    deny: field("deny", optional(list(text)), OMIT),
  },
);

/** INFO of a leaf node port. */
export interface LeafInfo {
  serverId: string;
  serverName: string;
  version: string;
  proto: number;
  go: string;
  host: string;
  port: number;
  headers: boolean;
  authRequired: boolean;
  tlsRequired: boolean;
  tlsVerify: boolean;
  maxPayload: number;
  jetStream: boolean;
  ip: string;
  clientId: number;
  nonce: string;
  cluster: string;
  domain: string;
  lameDuck: boolean;
  compression: string;
  /** It answers CONNECT. */
  connectInfo: boolean;
  remoteAccount: string;
  isSystemAccount: boolean;
  apiLevel: number;
  /** What the leaf may receive; null is everything. */
  import: SubjectPermission | null;
  /** What the leaf may send; null is everything. */
  export: SubjectPermission | null;
  /** CONNECT is answered by a second INFO. */
  infoOnConnect: boolean;
  /** `host:port` of the hubs that leaf nodes can connect to; null in none of a leaf node port. */
  leafNodeUrls: string[] | null;
}

/** JSON of {@linkcode LeafInfo}. */
export const leafInfoShape: Shape<LeafInfo> = shape("Info", () => ({
  serverId: "",
  serverName: "",
  version: "",
  proto: 0,
  go: "",
  host: "",
  port: 0,
  headers: false,
  authRequired: false,
  tlsRequired: false,
  tlsVerify: false,
  maxPayload: 0,
  jetStream: false,
  ip: "",
  clientId: 0,
  nonce: "",
  cluster: "",
  domain: "",
  lameDuck: false,
  compression: "",
  connectInfo: false,
  remoteAccount: "",
  isSystemAccount: false,
  apiLevel: 0,
  import: null,
  export: null,
  infoOnConnect: false,
  leafNodeUrls: null,
}), {
  serverId: field("server_id", text),
  serverName: field("server_name", text),
  version: field("version", text),
  proto: field("proto", int),
  go: field("go", text),
  host: field("host", text),
  port: field("port", int),
  headers: field("headers", bool),
  authRequired: field("auth_required", bool, OMIT),
  tlsRequired: field("tls_required", bool, OMIT),
  tlsVerify: field("tls_verify", bool, OMIT),
  maxPayload: field("max_payload", int),
  jetStream: field("jetstream", bool, OMIT),
  ip: field("ip", text, OMIT),
  clientId: field("client_id", int, OMIT),
  nonce: field("nonce", text, OMIT),
  cluster: field("cluster", text, OMIT),
  domain: field("domain", text, OMIT),
  lameDuck: field("ldm", bool, OMIT),
  compression: field("compression", text, OMIT),
  connectInfo: field("connect_info", bool, OMIT),
  remoteAccount: field("remote_account", text, OMIT),
  isSystemAccount: field("acc_is_sys", bool, OMIT),
  apiLevel: field("api_lvl", int, OMIT),
  import: field("import", optional(permissionShape), OMIT),
  export: field("export", optional(permissionShape), OMIT),
  infoOnConnect: field("info_on_connect", bool, OMIT),
  leafNodeUrls: field("leafnode_urls", optional(list(text)), OMIT),
});

const decoder = new TextDecoder();

/** Reads CONNECT. Throws JsonSyntaxError or JsonShapeError. */
export function decodeLeafConnect(json: Uint8Array): LeafConnect {
  return decodeJson(leafConnectShape, decoder.decode(json));
}

/** Reads INFO. Throws JsonSyntaxError or JsonShapeError. */
export function decodeLeafInfo(json: Uint8Array): LeafInfo {
  return decodeJson(leafInfoShape, decoder.decode(json));
}

/** The line of INFO as a byte string. */
export function leafInfoLine(info: LeafInfo): string {
  return byteStringOfText(`INFO ${encodeJson(leafInfoShape, info)} \r\n`);
}

/** The line of CONNECT as a byte string. */
export function leafConnectLine(connect: LeafConnect): string {
  return byteStringOfText(`CONNECT ${encodeJson(leafConnectShape, connect)}\r\n`);
}
