/**
 * Operator mode: operators who are trusted to sign accounts, and where account JWTs are found.
 *
 * Reference: the operator and resolver parts of server/opts.go, server/accounts.go.
 *
 * @module
 */

/** What this server needs to know of an operator's JWT. */
export interface TrustedOperator {
  /** The operator's JWT as it was given. */
  jwt: string;
  /** Public operator key. */
  subject: string;
  name: string;
  signingKeys: string[];
  accountServerUrl: string;
  /** Public key of the system account, or empty. */
  systemAccount: string;
  /** Oldest server version that the operator accepts, or empty. */
  assertServerVersion: string;
  strictSigningKeyUsage: boolean;
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
