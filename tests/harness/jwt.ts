/**
 * Makes JWTs for tests, as nats-io/jwt does in the reference's tests.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createPrivateKey, sign } from "node:crypto";
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from "@nats-io/nkeys";

export { createAccount, createOperator, createUser, fromSeed, type KeyPair };

/** The operator of the reference's tests. */
export const operatorKeys: KeyPair = fromSeed(
  new TextEncoder().encode("SOAL7GTNI66CTVVNXBNQMG6V2HTDRWC3HGEP7D2OUTWNWSNYZDXWFOX4SU"),
);

/** The public key of the system account that operators of {@linkcode encodeOperator} may name. */
export function publicKey(pair: KeyPair): string {
  return pair.getPublicKey();
}

/** Seconds since the epoch, now. */
export function nowS(): number {
  return Math.floor(Date.now() / 1000);
}

function base64Url(text: string | Uint8Array): string {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")
    .replaceAll("=", "");
}

/** DER of a PKCS #8 key of Ed25519 up to its 32 bytes. */
const PKCS8 = Uint8Array.fromHex("302e020100300506032b657004220420");
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The 32 bytes that a seed stands for, after its two bytes of prefix. */
function rawSeed(pair: KeyPair): Uint8Array {
  let bits = "";
  for (const byte of pair.getSeed()) {
    bits += BASE32.indexOf(String.fromCharCode(byte)).toString(2).padStart(5, "0");
  }
  return Uint8Array.from({ length: 32 }, (_, i) => parseInt(bits.slice(16 + 8 * i, 24 + 8 * i), 2));
}

/** Signs as `pair.sign` does, which takes a hundred times as long. */
function signWith(pair: KeyPair, text: string): Uint8Array {
  const key = createPrivateKey({
    key: Buffer.of(...PKCS8, ...rawSeed(pair)),
    format: "der",
    type: "pkcs8",
  });
  return new Uint8Array(sign(null, new TextEncoder().encode(text), key));
}

/** Signs claims of version 2, whatever they say. */
export function encodeClaims(
  claims: Record<string, unknown>,
  signer: KeyPair,
  header: Record<string, unknown> = { typ: "JWT", alg: "ed25519-nkey" },
): string {
  const complete = {
    jti: crypto.randomUUID(),
    iat: nowS(),
    iss: signer.getPublicKey(),
    ...claims,
  };
  const payload = `${base64Url(JSON.stringify(header))}.${base64Url(JSON.stringify(complete))}`;
  return `${payload}.${base64Url(signWith(signer, payload))}`;
}

/** What the standard part of claims says. */
export interface StandardClaims {
  name?: string;
  exp?: number;
  iat?: number;
  nbf?: number;
  aud?: string;
}

// deno-lint-ignore no-explicit-any -- whatever a test wants to state
type Body = Record<string, any>;

/** An operator's JWT. */
export function encodeOperator(
  pair: KeyPair = operatorKeys,
  nats: Body = {},
  standard: StandardClaims = {},
): string {
  return encodeClaims({
    sub: pair.getPublicKey(),
    ...standard,
    nats: { ...nats, type: "operator", version: 2 },
  }, pair);
}

/** Limits of an account to which no limit was set. */
export const UNLIMITED_ACCOUNT: Body = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: -1,
};

/** An account's JWT, signed by the operator; `nats.limits` go over no limits. */
export function encodeAccount(
  account: KeyPair | string,
  nats: Body = {},
  standard: StandardClaims = {},
  signer: KeyPair = operatorKeys,
): string {
  return encodeClaims({
    sub: typeof account === "string" ? account : account.getPublicKey(),
    ...standard,
    nats: {
      ...nats,
      limits: { ...UNLIMITED_ACCOUNT, ...nats.limits },
      type: "account",
      version: 2,
    },
  }, signer);
}

/** A user's JWT without limits. */
export function encodeUser(
  user: KeyPair | string,
  signer: KeyPair,
  nats: Body = {},
  standard: StandardClaims = {},
): string {
  return encodeClaims({
    sub: typeof user === "string" ? user : user.getPublicKey(),
    ...standard,
    nats: { subs: -1, data: -1, payload: -1, ...nats, type: "user", version: 2 },
  }, signer);
}

/** The JWT of a user who has the rights of the scope of `signer`. */
export function encodeScopedUser(
  user: KeyPair | string,
  signer: KeyPair,
  account: KeyPair,
  nats: Body = {},
  standard: StandardClaims = {},
): string {
  return encodeUser(user, signer, {
    subs: undefined,
    data: undefined,
    payload: undefined,
    issuer_account: account.getPublicKey(),
    ...nats,
  }, standard);
}

/** The permission of `exporter` for `importer` to import `subject`. */
export function encodeActivation(
  importer: KeyPair,
  exporter: KeyPair,
  kind: "stream" | "service",
  subject: string,
  standard: StandardClaims = {},
  nats: Body = {},
): string {
  return encodeClaims({
    sub: importer.getPublicKey(),
    ...standard,
    nats: { subject, kind, ...nats, type: "activation", version: 2 },
  }, exporter);
}

/** Signature of a nonce as CONNECT carries it. */
export function signNonce(user: KeyPair, nonce: string): string {
  return base64Url(signWith(user, nonce));
}
