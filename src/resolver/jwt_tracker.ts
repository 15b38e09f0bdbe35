/**
 * Which JWTs a store has: when each is to go, which was used least lately, and one hash of all.
 *
 * Reference: expirationTracker in server/dirstore.go.
 *
 * @module
 */

/** Bytes of a SHA-256. */
export const HASH_BYTES = 32;

interface TrackedJwt {
  expiresMs: number;
  hash: Uint8Array;
}

/** The JWTs of one store by their public keys. */
export class JwtTracker {
  /** XOR of the hashes of all JWTs: the same for the same set, whatever its order. */
  readonly hash: Uint8Array = new Uint8Array(HASH_BYTES);
  /** In the order of their last use when `evicts`, else of their arrival. */
  readonly #tracked = new Map<string, TrackedJwt>();

  /** `ttlMs` 0 leaves expiry to the JWTs; Infinity keeps them for ever. */
  constructor(readonly ttlMs: number, readonly limit: number, readonly evicts: boolean) {}

  get size(): number {
    return this.#tracked.size;
  }

  has(key: string): boolean {
    return this.#tracked.has(key);
  }

  hashOf(key: string): Uint8Array | null {
    return this.#tracked.get(key)?.hash ?? null;
  }

  /** The key that was used least lately, or null. */
  get leastUsed(): string | null {
    return this.#tracked.keys().next().value ?? null;
  }

  /** The key has been used. */
  touch(key: string, nowMs: number): void {
    const tracked = this.#tracked.get(key);
    if (tracked === undefined) return;
    if (this.ttlMs !== 0) tracked.expiresMs = nowMs + this.ttlMs;
    if (!this.evicts) return;
    this.#tracked.delete(key);
    this.#tracked.set(key, tracked);
  }

  /** A JWT is there or has changed; `expiresMs` counts only without a time to live. */
  track(key: string, hash: Uint8Array, expiresMs: number, nowMs: number): void {
    const ends = this.ttlMs === 0 ? expiresMs : nowMs + this.ttlMs;
    const tracked = this.#tracked.get(key);
    if (tracked === undefined) this.#tracked.set(key, { expiresMs: ends, hash });
    else {
      this.#xor(tracked.hash);
      tracked.expiresMs = ends;
      tracked.hash = hash;
    }
    this.#xor(hash);
  }

  /** A JWT is gone. */
  untrack(key: string): void {
    const tracked = this.#tracked.get(key);
    if (tracked === undefined) return;
    this.#tracked.delete(key);
    this.#xor(tracked.hash);
  }

  /** Keys whose time is over. */
  expired(nowMs: number): string[] {
    const keys: string[] = [];
    for (const [key, { expiresMs }] of this.#tracked) if (expiresMs <= nowMs) keys.push(key);
    return keys;
  }

  /** Forgets all; returns the hashes that were known. */
  clear(): Map<string, Uint8Array> {
    const known = new Map([...this.#tracked].map(([key, { hash }]) => [key, hash]));
    this.#tracked.clear();
    this.hash.fill(0);
    return known;
  }

  #xor(other: Uint8Array): void {
    for (let i = 0; i < HASH_BYTES; i++) this.hash[i]! ^= other[i]!;
  }
}
