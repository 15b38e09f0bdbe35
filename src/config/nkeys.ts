/**
 * Which public keys and seeds a configuration may name.
 *
 * @module
 */
import { fromPublic, fromSeed } from "@nats-io/nkeys";

/** Kinds of public keys by their first letter. */
export type PublicKeyKind = "O" | "A" | "U" | "X";

/** Whether `key` is a public key: of the given kind, or of any that signs or encrypts. */
export function isValidPublicKey(key: string, kind: PublicKeyKind | null = null): boolean {
  if (kind !== null && !key.startsWith(kind)) return false;
  if (!/^[A-Z2-7]{56}$/.test(key)) return false;
  try {
    fromPublic(key);
    return true;
  } catch {
    return false; // the package says why, but the reference's errors do not
  }
}

/** Whether `seed` is the seed of a user. */
export function isValidUserSeed(seed: string): boolean {
  if (!seed.startsWith("SU")) return false;
  const bytes = new TextEncoder().encode(seed);
  try {
    fromSeed(bytes).clear();
    return true;
  } catch {
    return false; // not a seed
  }
}
