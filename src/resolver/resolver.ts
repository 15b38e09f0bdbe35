/**
 * Where account JWTs come from.
 *
 * Reference: AccountResolver in server/accounts.go.
 *
 * @module
 */

/** A JWT cannot be had or stored; the message says why. */
export class ResolverError extends Error {
  override readonly name: string = "ResolverError";
}

/** A source of account JWTs. */
export interface AccountResolver {
  /** Nothing can be stored. */
  readonly readOnly: boolean;
  /**
   * The JWT of an account by its public key. Throws {@linkcode ResolverError}; a promise only
   * where others are asked, which then rejects with it.
   */
  fetch(name: string): string | Promise<string>;
  /** Keeps a JWT. Throws {@linkcode ResolverError}. */
  store(name: string, jwt: string): void;
  /** Looks at what is stored anew, where somebody else may have changed it. */
  reload?(): void;
  /** Stops timers. */
  close(): void;
}
