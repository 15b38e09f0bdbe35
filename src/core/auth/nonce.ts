/**
 * The proof that a client owns its nkey: its signature of the nonce in INFO.
 *
 * @module
 */
import { decodePublicKey, verifySignature } from "../../identity/mod.ts";
import type { Connection } from "../connection/connection.ts";

const encoder = new TextEncoder();

/** Bytes of base64 of either alphabet, padded or not; null for what is none. */
function decodeSignature(text: string): Uint8Array | null {
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, "");
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch (_notBase64) {
    return null;
  }
}

/** Whether the signature in CONNECT is that of `key` for the connection's nonce. */
export function nonceSigned(connection: Connection, key: string): boolean {
  const { sig } = connection.connect;
  if (sig === "") {
    connection.debug("Signature missing");
    return false;
  }
  const signature = decodeSignature(sig);
  if (signature === null) {
    connection.debug("Signature not valid base64");
    return false;
  }
  if (decodePublicKey(key) === null) {
    connection.debug("User nkey not valid: nkeys: invalid public key");
    return false;
  }
  if (verifySignature(key, encoder.encode(connection.nonce), signature)) return true;
  connection.debug("Signature not verified");
  return false;
}
