/**
 * Which public keys and seeds a configuration may name.
 *
 * @module
 */
import { fromSeed } from "@nats-io/nkeys";

export { isValidPublicKey, type PublicKeyKind } from "../identity/mod.ts";

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
