/**
 * Operator mode: operators who are trusted to sign accounts, and where account JWTs are found.
 *
 * Reference: the operator and resolver parts of server/opts.go, server/accounts.go.
 *
 * @module
 */
import type { OperatorClaims } from "../identity/mod.ts";

/** An operator whose accounts this server serves. */
export interface TrustedOperator {
  /** The operator's JWT as it was given. */
  jwt: string;
  claims: OperatorClaims;
}

/** Where account JWTs come from. */
export type AccountResolverOptions =
  | { kind: "memory" }
  | { kind: "url"; url: string }
  | {
    kind: "full";
    dir: string;
    /** Most JWTs that are kept. */
    limit: number;
    /** How often servers exchange JWTs. */
    syncIntervalMs: number;
    fetchTimeoutMs: number;
    /** What a deleted account's JWT becomes. */
    delete: "no" | "rename" | "hard";
  }
  | {
    kind: "cache";
    dir: string;
    limit: number;
    /** How long a JWT is kept; 0 is for ever. */
    ttlMs: number;
    fetchTimeoutMs: number;
  };
