/**
 * What a server asks an authorization service: who a client says it is, signed by the server.
 *
 * Reference: AuthorizationRequestClaims in nats-io/jwt v2.8 authorization_claims.go, ClaimsData.encode
 * in claims.go.
 *
 * @module
 */
import { createHash } from "node:crypto";
import {
  encodeJson,
  field,
  int,
  list,
  OMIT,
  optional,
  type Shape,
  shape,
  text,
  uint64,
} from "../base/json/mod.ts";
import {
  type ClaimsData,
  claimsDataFields,
  emptyClaimsData,
  emptyGenericFields,
  type GenericFields,
  genericFields,
} from "./claims.ts";
import type { ServerKeys } from "./server_keys.ts";

/** Audience of all requests. */
export const AUTHORIZATION_REQUEST_AUDIENCE = "nats-authorization-request";

const CLAIMS_VERSION = 2;
const HEADER = '{"typ":"JWT","alg":"ed25519-nkey"}';

/** The server that asks. */
export interface RequestServer {
  name: string;
  host: string;
  id: string;
  version: string;
  cluster: string;
  tags: readonly string[];
  /** Curve key for the answer; empty when the request is not encrypted. */
  xkey: string;
}

/** The client, as the server knows it. */
export interface RequestClient {
  host: string;
  id: number;
  user: string;
  name: string;
  tags: readonly string[];
  nameTag: string;
  kind: string;
  type: string;
  mqttId: string;
  nonce: string;
}

/** What the client said in CONNECT, secrets included: the service decides by them. */
export interface RequestConnect {
  jwt: string;
  nkey: string;
  sig: string;
  authToken: string;
  user: string;
  pass: string;
  name: string;
  lang: string;
  version: string;
  protocol: number;
}

/** TLS of the client: its verified chains, or what it sent when nobody verified it. PEM. */
export interface RequestTls {
  version: string;
  cipher: string;
  certs: readonly string[];
  verifiedChains: readonly (readonly string[])[];
}

/** The request. */
export interface AuthorizationRequestBody extends GenericFields {
  server: RequestServer;
  /** Public key that the answer and its user's JWT must be about. */
  userNkey: string;
  client: RequestClient;
  connect: RequestConnect;
  /** Null without TLS. */
  tls: RequestTls | null;
}

interface AuthorizationRequest extends ClaimsData {
  nats: AuthorizationRequestBody;
}

const serverShape: Shape<RequestServer> = shape(
  "ServerID",
  () => ({ name: "", host: "", id: "", version: "", cluster: "", tags: [], xkey: "" }),
  {
    name: field("name", text),
    host: field("host", text),
    id: field("id", text),
    version: field("version", text, OMIT),
    cluster: field("cluster", text, OMIT),
    tags: field<readonly string[]>("tags", list(text), OMIT),
    xkey: field("xkey", text, OMIT),
  },
);

const clientShape: Shape<RequestClient> = shape(
  "ClientInformation",
  () => ({
    host: "",
    id: 0,
    user: "",
    name: "",
    tags: [],
    nameTag: "",
    kind: "",
    type: "",
    mqttId: "",
    nonce: "",
  }),
  {
    host: field("host", text, OMIT),
    id: field("id", uint64, OMIT),
    user: field("user", text, OMIT),
    name: field("name", text, OMIT),
    tags: field<readonly string[]>("tags", list(text), OMIT),
    nameTag: field("name_tag", text, OMIT),
    kind: field("kind", text, OMIT),
    type: field("type", text, OMIT),
    mqttId: field("mqtt_id", text, OMIT),
    nonce: field("nonce", text, OMIT),
  },
);

const connectShape: Shape<RequestConnect> = shape(
  "ConnectOptions",
  () => ({
    jwt: "",
    nkey: "",
    sig: "",
    authToken: "",
    user: "",
    pass: "",
    name: "",
    lang: "",
    version: "",
    protocol: 0,
  }),
  {
    jwt: field("jwt", text, OMIT),
    nkey: field("nkey", text, OMIT),
    sig: field("sig", text, OMIT),
    authToken: field("auth_token", text, OMIT),
    user: field("user", text, OMIT),
    pass: field("pass", text, OMIT),
    name: field("name", text, OMIT),
    lang: field("lang", text, OMIT),
    version: field("version", text, OMIT),
    protocol: field("protocol", int),
  },
);

const tlsShape: Shape<RequestTls> = shape(
  "ClientTLS",
  () => ({ version: "", cipher: "", certs: [], verifiedChains: [] }),
  {
    version: field("version", text, OMIT),
    cipher: field("cipher", text, OMIT),
    certs: field<readonly string[]>("certs", list(text), OMIT),
    verifiedChains: field<readonly (readonly string[])[]>(
      "verified_chains",
      list(list(text)),
      OMIT,
    ),
  },
);

const emptyBody = (): AuthorizationRequestBody => ({
  server: serverShape.create(),
  userNkey: "",
  client: clientShape.create(),
  connect: connectShape.create(),
  tls: null,
  ...emptyGenericFields(),
});

const standardShape: Shape<ClaimsData> = shape("ClaimsData", emptyClaimsData, claimsDataFields);

const requestShape: Shape<AuthorizationRequest> = shape(
  "AuthorizationRequestClaims",
  () => ({ ...emptyClaimsData(), nats: emptyBody() }),
  {
    ...claimsDataFields,
    nats: field(
      "nats",
      shape("AuthorizationRequest", emptyBody, {
        server: field("server_id", serverShape),
        userNkey: field("user_nkey", text),
        client: field("client_info", clientShape),
        connect: field("connect_opts", connectShape),
        tls: field("client_tls", optional(tlsShape), OMIT),
        ...genericFields,
      }),
    ),
  },
);

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** An id that tells requests apart: the hash of the standard claims, in base32. */
function claimsId(claims: ClaimsData): string {
  const hash = createHash("sha512-256").update(encodeJson(standardShape, claims)).digest();
  let bits = "";
  for (const byte of hash) bits += byte.toString(2).padStart(8, "0");
  let id = "";
  for (let i = 0; i < bits.length; i += 5) {
    id += BASE32[parseInt(bits.slice(i, i + 5).padEnd(5, "0"), 2)];
  }
  return id;
}

function base64Url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** The signed JWT of a request to the owner of the account key `subject`. */
export function encodeAuthorizationRequest(
  keys: ServerKeys,
  request: Omit<AuthorizationRequestBody, keyof GenericFields>,
  { subject, nowS, expiresS }: { subject: string; nowS: number; expiresS: number },
): string {
  const claims: AuthorizationRequest = {
    ...emptyClaimsData(),
    audience: AUTHORIZATION_REQUEST_AUDIENCE,
    expires: expiresS,
    issuedAt: nowS,
    issuer: keys.id,
    subject,
    nats: { ...request, tags: [], type: "authorization_request", version: CLAIMS_VERSION },
  };
  claims.id = claimsId(claims);
  const encoder = new TextEncoder();
  const body = base64Url(encoder.encode(encodeJson(requestShape, claims)));
  const signed = `${base64Url(encoder.encode(HEADER))}.${body}`;
  return `${signed}.${base64Url(keys.sign(encoder.encode(signed)))}`;
}
