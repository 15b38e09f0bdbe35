/**
 * Reads JWTs: nothing that is not signed by the key that it names gets through.
 *
 * ```
 * base64url({"typ":"JWT","alg":"ed25519-nkey"}) . base64url(claims) . base64url(signature)
 * ```
 *
 * Version 2 signs the first two parts, version 1 (`"type"` beside `"nats"`) the second one only.
 *
 * Reference: nats-io/jwt v2.8 decoder*.go, header.go, genericlaims.go, creds_utils.go.
 *
 * @module
 */
import {
  decodeValue,
  encodeValue,
  JsonShapeError,
  JsonSyntaxError,
  type JsonValue,
  parseJsonBytes,
  type Shape,
} from "../base/json/mod.ts";
import { goQuote } from "../base/text/go_format.ts";
import {
  type AccountClaims,
  accountClaimsShape,
  checkV1Account,
  emptyJetStreamLimits,
} from "./account_claims.ts";
import type { ClaimsData, ClaimsKind } from "./claims.ts";
import { isValidPublicKey, type PublicKeyKind, verifySignature } from "./public_key.ts";
import {
  type ActivationClaims,
  activationClaimsShape,
  type OperatorClaims,
  operatorClaimsShape,
  type UserClaims,
  userClaimsShape,
} from "./user_claims.ts";

/** Every JWT starts with the base64 of `{"`. */
export const JWT_PREFIX = "eyJ";

const TOKEN_BYTES_MAX = 1024 * 1024;
const VERSION_MAX = 2;

/** A JWT that cannot be used; the message is nats-io/jwt's and quotes nothing that is secret. */
export class JwtError extends Error {
  override readonly name = "JwtError";
}

/** Who may sign which claims, and what the reference calls them. */
const SIGNERS: Record<ClaimsKind, readonly PublicKeyKind[]> = {
  operator: ["O"],
  account: ["A", "O"],
  user: ["A"],
  activation: ["A", "O"],
  authorization_response: ["A"],
};
const KIND_NAMES: Record<PublicKeyKind, string> = {
  O: "operator",
  A: "account",
  U: "user",
  N: "server",
  C: "cluster",
  X: "curve",
};

type JsonObject = { [key: string]: JsonValue };

const encoder = new TextEncoder();

/** Bytes of base64url without padding; line ends inside are skipped, as Go does it. */
export function decodeBase64Url(text: string): Uint8Array | null {
  const plain = text.replace(/[\r\n]/g, "");
  if (!/^[A-Za-z0-9_-]*$/.test(plain) || plain.length % 4 === 1) return null;
  const binary = atob(plain.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function decodePart(text: string): Uint8Array {
  const bytes = decodeBase64Url(text);
  if (bytes === null) throw new JwtError("illegal base64 data");
  return bytes;
}

function parsePart(text: string): JsonObject {
  const value = parsing(() => parseJsonBytes(decodePart(text)));
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new JwtError("json: cannot unmarshal into Go value of type jwt.identifier");
  }
  return value;
}

/** Runs `parse`; what is wrong with the JSON is wrong with the JWT. */
function parsing<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof JsonShapeError) {
      throw new JwtError(error.message, { cause: error });
    }
    throw error;
  }
}

/** A member as Go finds it: the exact key, or one that differs in case. */
function member(object: JsonObject, key: string): JsonValue | undefined {
  if (object[key] !== undefined) return object[key];
  const other = Object.keys(object).find((name) => name.toLowerCase() === key);
  return other === undefined ? undefined : object[other];
}

function textMember(object: JsonObject, key: string): string {
  const value = member(object, key);
  if (value === undefined || value === null) return "";
  if (typeof value !== "string") {
    throw new JwtError(`json: cannot unmarshal into Go struct field .${key} of type string`);
  }
  return value;
}

function checkHeader(text: string): string {
  const header = parsePart(text);
  const type = textMember(header, "typ");
  if (type.toUpperCase() !== "JWT") throw new JwtError(`not supported type ${goQuote(type)}`);
  const algorithm = textMember(header, "alg");
  const lower = algorithm.toLowerCase();
  if (lower !== "ed25519-nkey" && lower !== "ed25519") {
    throw new JwtError(`unexpected ${goQuote(algorithm)} algorithm`);
  }
  return algorithm;
}

function natsOf(claims: JsonObject): JsonObject {
  const nats = member(claims, "nats");
  if (nats === undefined || nats === null) return {};
  if (typeof nats !== "object" || Array.isArray(nats)) {
    throw new JwtError("json: cannot unmarshal into Go struct field identifier.nats");
  }
  return nats;
}

interface Token {
  readonly chunks: readonly [string, string, string];
  readonly claims: JsonObject;
}

function split(token: string): Token {
  if (token.length > TOKEN_BYTES_MAX) {
    throw new JwtError(
      `token size ${token.length} exceeds maximum of ${TOKEN_BYTES_MAX} bytes: token too large`,
    );
  }
  const chunks = token.split(".");
  if (chunks.length !== 3) throw new JwtError("expected 3 chunks");
  checkHeader(chunks[0]!);
  return { chunks: chunks as unknown as Token["chunks"], claims: parsePart(chunks[1]!) };
}

function verify({ chunks, claims }: Token, version: 1 | 2): void {
  const [header, body, signature] = chunks;
  const signed = encoder.encode(version === 1 ? body : `${header}.${body}`);
  if (!verifySignature(textMember(claims, "iss"), signed, decodePart(signature))) {
    throw new JwtError(`claim failed V${version} signature verification`);
  }
}

/** Claims of version 1 in the form of version 2. */
function migrate(kind: ClaimsKind, claims: JsonObject): JsonObject {
  const nats: JsonObject = Object.assign(Object.create(null), natsOf(claims));
  if (kind === "user") {
    // What version 1 did not limit has no limit.
    for (const name of ["subs", "data", "payload"]) nats[name] ??= -1;
  }
  if (kind === "activation") nats.kind = nats.type ?? null;
  nats.type = kind;
  nats.tags = member(claims, "tags") ?? null;
  nats.issuer_account = member(claims, "issuer_account") ?? null;
  nats.version = 1;
  return Object.assign(Object.create(null), claims, { nats });
}

/** Reads a JWT of one kind. Throws {@linkcode JwtError}. */
export function decodeClaims<T extends ClaimsData>(
  token: string,
  kind: ClaimsKind,
  type: Shape<T>,
): T {
  const parsed = split(token);
  const oldKind = textMember(parsed.claims, "type");
  const nats = natsOf(parsed.claims);
  const given = oldKind !== "" ? 1 : member(nats, "version") ?? 0;
  if (typeof given === "number" && given > VERSION_MAX) {
    throw new JwtError("JWT was generated by a newer version ");
  }
  if ((oldKind || textMember(nats, "type")) !== kind) {
    // Whether it is signed does not matter any more, but the reference looks at that first.
    verify(parsed, given === VERSION_MAX ? 2 : 1);
    throw new JwtError(
      kind === "authorization_response"
        ? "not an authorization request claim"
        : `not ${kind} claim`,
    );
  }
  if (given !== 1 && given !== 2) {
    throw new JwtError(
      `library supports version ${VERSION_MAX} or less - received ${encodeValue(given)}`,
    );
  }
  const claims = parsing(() =>
    decodeValue(type, given === 1 ? migrate(kind, parsed.claims) : parsed.claims)
  );
  verify(parsed, given);
  if (!SIGNERS[kind].some((signer) => isValidPublicKey(claims.issuer, signer))) {
    const names = SIGNERS[kind].map((signer) => KIND_NAMES[signer]).join(" ");
    throw new JwtError(`unable to validate expected prefixes - [${names}]`);
  }
  return claims;
}

/** Reads an operator's JWT. Throws {@linkcode JwtError}. */
export function decodeOperatorClaims(token: string): OperatorClaims {
  return decodeClaims(token, "operator", operatorClaimsShape);
}

/** Reads an account's JWT. Throws {@linkcode JwtError}. */
export function decodeAccountClaims(token: string): AccountClaims {
  const claims = decodeClaims(token, "account", accountClaimsShape);
  if (claims.nats.version === 1) {
    parsing(() => checkV1Account(claims));
    Object.assign(claims.nats.limits, emptyJetStreamLimits(), { tieredLimits: new Map() });
  } else if (claims.nats.limits.tieredLimits.size > 0) {
    Object.assign(claims.nats.limits, emptyJetStreamLimits());
  }
  return claims;
}

/** Reads a user's JWT. Throws {@linkcode JwtError}. */
export function decodeUserClaims(token: string): UserClaims {
  return decodeClaims(token, "user", userClaimsShape);
}

/** Reads an activation. Throws {@linkcode JwtError}. */
export function decodeActivationClaims(token: string): ActivationClaims {
  return decodeClaims(token, "activation", activationClaimsShape);
}

/** Claims of any kind, of which only the standard part is understood. */
export interface GenericClaims {
  readonly id: string;
  readonly issuer: string;
  readonly subject: string;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  /** Seconds since the epoch; 0 is never. */
  readonly expires: number;
  readonly data: { readonly [key: string]: JsonValue };
}

/** Reads a JWT of any kind; here the header says how it was signed. Throws {@linkcode JwtError}. */
export function decodeGenericClaims(token: string): GenericClaims {
  const parsed = split(token);
  const { chunks, claims } = parsed;
  verify(parsed, checkHeader(chunks[0]) === "ed25519" ? 1 : 2);
  const seconds = (key: string): number => {
    const value = member(claims, key);
    return typeof value === "number" || typeof value === "bigint" ? Number(value) : 0;
  };
  return {
    id: textMember(claims, "jti"),
    issuer: textMember(claims, "iss"),
    subject: textMember(claims, "sub"),
    issuedAt: seconds("iat"),
    expires: seconds("exp"),
    data: natsOf(claims),
  };
}

/** The JWT in a text that may be decorated with BEGIN and END lines. */
export function parseDecoratedJwt(contents: string): string {
  const decorated = /\s*(?:-{3,}.*-{3,}\r?\n)([\w\-.=]+)(?:\r?\n-{3,}.*-{3,}(?:\r?\n|$))/
    .exec(contents);
  return decorated?.[1] ?? contents.trim();
}
