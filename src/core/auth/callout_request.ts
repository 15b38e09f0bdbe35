/**
 * Describes a client to an authorization service.
 *
 * Reference: fillClientInfo, fillConnectOpts and processClientOrLeafCallout in
 * server/auth_callout.go.
 *
 * @module
 */
import { base64 } from "../../base/json/mod.ts";
import type {
  AuthorizationRequestBody,
  GenericFields,
  RequestClient,
  RequestConnect,
  RequestServer,
  RequestTls,
} from "../../identity/mod.ts";
import type { Connection } from "../connection/connection.ts";

const PEM_LINE = 64;

function pem(der: Uint8Array): string {
  const lines = base64(der).match(new RegExp(`.{1,${PEM_LINE}}`, "g")) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function tlsOf(connection: Connection): RequestTls | null {
  const { transport: { tls }, core } = connection;
  if (tls === null) return null;
  const chains = tls.peerVerified ? core.verifiedChains?.(tls) ?? [] : [];
  return {
    version: tls.version,
    cipher: tls.cipherSuite,
    certs: chains.length === 0 ? tls.peerCertificates.map(pem) : [],
    verifiedChains: chains.map((chain) => chain.map(pem)),
  };
}

function serverOf({ core }: Connection, encrypted: boolean): RequestServer {
  const { info, options, keys } = core;
  return {
    name: info.server_name,
    host: info.host,
    id: info.server_id,
    version: info.version,
    cluster: options.cluster.name,
    tags: options.tags,
    xkey: encrypted ? keys.xkey : "",
  };
}

function clientOf(connection: Connection): RequestClient {
  const { connect, jwtUser } = connection;
  return {
    host: connection.host,
    id: connection.id,
    user: connection.rawAuthUser,
    name: connect.name,
    tags: jwtUser?.shown?.nats.tags ?? [],
    nameTag: jwtUser?.shown?.name ?? "",
    kind: connection.kindName,
    type: connection.clientType,
    mqttId: connection.mqttClientId,
    nonce: connect.sig === "" ? "" : connection.nonce,
  };
}

function connectOf({ connect }: Connection): RequestConnect {
  const { jwt, nkey, sig, auth_token, user, pass, name, lang, version, protocol } = connect;
  return { jwt, nkey, sig, authToken: auth_token, user, pass, name, lang, version, protocol };
}

/** The request about a client, who shall become `userNkey`. */
export function requestOf(
  connection: Connection,
  userNkey: string,
  encrypted: boolean,
): Omit<AuthorizationRequestBody, keyof GenericFields> {
  return {
    server: serverOf(connection, encrypted),
    userNkey,
    client: clientOf(connection),
    connect: connectOf(connection),
    tls: tlsOf(connection),
  };
}
