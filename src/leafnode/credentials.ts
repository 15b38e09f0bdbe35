/**
 * How this server proves to a hub who it is.
 *
 * Reference: sendLeafConnect in server/leafnode.go.
 *
 * @module
 */
import { fromSeed } from "@nats-io/nkeys";
import type { RemoteLeafOptions, UrlUser } from "../config/mod.ts";
import type { LeafConnect } from "./messages.ts";

/** The blocks of a credentials file: a JWT, then a seed. */
const BLOCKS = /-{3,}[^\n]*-{3,}\r?\n([\w\-.=]+)\r?\n-{3,}[^\n]*-{3,}(?:\r?\n|$)/g;

/** Credentials that cannot be used; the message is for the log. */
export class CredentialsError extends Error {
  override readonly name = "CredentialsError";
}

/** Fills in the credentials of `remote`. Throws {@linkcode CredentialsError}. */
export function addCredentials(
  connect: LeafConnect,
  remote: RemoteLeafOptions,
  user: UrlUser | null,
  nonce: string,
  readFile: (path: string) => Uint8Array,
): void {
  if (remote.signatureHandler !== null) {
    const { jwt, signature } = remote.signatureHandler(new TextEncoder().encode(nonce));
    connect.jwt = jwt;
    connect.sig = base64Url(signature);
  } else if (remote.credentials !== "") {
    const [jwt, seed] = readCredentials(readFile(remote.credentials));
    connect.jwt = jwt;
    connect.sig = sign(seed, nonce, "Credentials file has malformed seed").sig;
  } else if (remote.nkey !== "") {
    const { key, sig } = sign(remote.nkey, nonce, "Remote nkey has malformed seed");
    connect.nkey = key;
    connect.sig = sig;
  }
  if (user === null) return;
  connect.user = user.username;
  connect.pass = user.password ?? "";
  // A user without a password may be a token.
  if (user.password === null) connect.token = user.username;
}

function readCredentials(file: Uint8Array): [jwt: string, seed: string] {
  const [jwt, seed] = [...new TextDecoder().decode(file).matchAll(BLOCKS)].map((block) =>
    block[1]!
  );
  if (jwt === undefined || seed === undefined) {
    throw new CredentialsError("Credentials file malformed");
  }
  return [jwt, seed];
}

function sign(seed: string, nonce: string, problem: string): { key: string; sig: string } {
  const encoder = new TextEncoder();
  try {
    const pair = fromSeed(encoder.encode(seed));
    const signed = { key: pair.getPublicKey(), sig: base64Url(pair.sign(encoder.encode(nonce))) };
    pair.clear();
    return signed;
  } catch (cause) {
    throw new CredentialsError(problem, { cause });
  }
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")
    .replaceAll("=", "");
}
