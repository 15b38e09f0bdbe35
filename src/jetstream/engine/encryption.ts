/**
 * Keys of encrypted stores, derived from the server's key.
 *
 * Reference: jsKeyGen in server/jetstream.go.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import type { StoreCipherName } from "../../base/crypto/mod.ts";
import type { StoreCipher } from "../../config/mod.ts";
import type { KeyGenerator } from "../../store/mod.ts";

/** Derives keys of `account` from the server's key; null when nothing is encrypted. */
export function keyGenerator(serverKey: string, account: string): KeyGenerator | null {
  if (serverKey === "") return null;
  return (context) =>
    new Uint8Array(createHmac("sha256", serverKey).update(account).update(context).digest());
}

/** The cipher that an option names. */
export function storeCipher(option: StoreCipher): StoreCipherName {
  return option === "aes" ? "AES-GCM" : "ChaCha20-Poly1305";
}
