/**
 * Public nkeys: base32 of a prefix, 32 bytes of Ed25519 (or X25519) and a checksum.
 *
 * The package `@nats-io/nkeys` verifies a signature in some 6 ms, in JavaScript; OpenSSL does it
 * in 0.05 ms, which is what lets thousands of clients a second log in.
 *
 * Reference: nkeys v0.4.16 strkey.go, public.go.
 *
 * @module
 */
import { createPublicKey, verify } from "node:crypto";

/** Kinds of public keys by their first letter. */
export type PublicKeyKind = "O" | "A" | "U" | "N" | "C" | "X";

const KEY_LENGTH = 56;
const RAW_BYTES = 35;
const KEY_BYTES = 32;
const PREFIXES: ReadonlyMap<number, PublicKeyKind> = new Map([
  [14 << 3, "O"],
  [0, "A"],
  [20 << 3, "U"],
  [13 << 3, "N"],
  [2 << 3, "C"],
  [23 << 3, "X"],
]);
const CRC_POLYNOMIAL = 0x1021;
/** What stands before the 32 bytes of an Ed25519 key in its DER (RFC 8410). */
const SPKI_PREFIX = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/** Five bits of a base32 character, or -1. */
function base32Value(code: number): number {
  if (code >= 0x41 && code <= 0x5a) return code - 0x41;
  return code >= 0x32 && code <= 0x37 ? code - 0x32 + 26 : -1;
}

function decodeBase32(text: string): Uint8Array | null {
  const bytes = new Uint8Array(RAW_BYTES);
  let bits = 0;
  let value = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const five = base32Value(text.charCodeAt(i));
    if (five < 0) return null;
    value = (value << 5) | five;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = value >> bits;
    value &= (1 << bits) - 1;
  }
  return bytes;
}

/** CRC-16 of XMODEM. */
function checksum(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 0x8000) !== 0 ? (crc << 1) ^ CRC_POLYNOMIAL : crc << 1;
    }
    crc &= 0xffff;
  }
  return crc;
}

/** The kind and the 32 bytes of a public key; null for what is none. */
export function decodePublicKey(key: string): { kind: PublicKeyKind; bytes: Uint8Array } | null {
  if (key.length !== KEY_LENGTH) return null;
  const raw = decodeBase32(key);
  if (raw === null) return null;
  const kind = PREFIXES.get(raw[0]!);
  const end = 1 + KEY_BYTES;
  if (kind === undefined || checksum(raw.subarray(0, end)) !== (raw[end]! | raw[end + 1]! << 8)) {
    return null;
  }
  return { kind, bytes: raw.subarray(1, end) };
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The public nkey of 32 bytes. */
export function encodePublicKey(kind: PublicKeyKind, key: Uint8Array): string {
  const raw = new Uint8Array(RAW_BYTES);
  raw[0] = [...PREFIXES].find(([, letter]) => letter === kind)![0];
  raw.set(key, 1);
  const end = 1 + KEY_BYTES;
  const sum = checksum(raw.subarray(0, end));
  raw[end] = sum & 0xff;
  raw[end + 1] = sum >> 8;
  let text = "";
  let bits = 0;
  let value = 0;
  for (const byte of raw) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[(value >> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  return text;
}

/** Whether `key` is a public key: of the given kind, or of any. */
export function isValidPublicKey(key: string, kind: PublicKeyKind | null = null): boolean {
  const decoded = decodePublicKey(key);
  return decoded !== null && (kind === null || decoded.kind === kind);
}

/** Whether `signature` is what the owner of the public key `key` makes of `message`. */
export function verifySignature(
  key: string,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const decoded = decodePublicKey(key);
  if (decoded === null || decoded.kind === "X" || signature.length !== 64) return false;
  try {
    const der = Uint8Array.of(...SPKI_PREFIX, ...decoded.bytes);
    const publicKey = createPublicKey({ key: der as never, format: "der", type: "spki" });
    return verify(null, message, publicKey, signature);
  } catch (_notAPoint) {
    return false;
  }
}
