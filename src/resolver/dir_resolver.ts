/**
 * `resolver { type: full | cache }`: account JWTs in a directory, and other servers to ask for
 * what is not there.
 *
 * Reference: DirAccResolver and CacheDirAccResolver in server/accounts.go.
 *
 * @module
 */
import type { DirStore } from "./dir_store.ts";
import { type AccountResolver, ResolverError } from "./resolver.ts";

/** Asks other servers for an account's JWT; rejects with {@linkcode ResolverError}. */
export type RemoteLookup = (name: string) => Promise<string>;

/** Keeps JWTs in a directory. */
export class DirResolver implements AccountResolver {
  readonly readOnly = false;
  /** Null while the server does not run. */
  remote: RemoteLookup | null = null;

  constructor(readonly jwts: DirStore) {}

  fetch(name: string): string | Promise<string> {
    try {
      const jwt = this.jwts.load(name);
      if (jwt !== "") return jwt;
      throw new ResolverError("invalid JWT");
    } catch (error) {
      if (this.remote === null || !(error instanceof ResolverError)) throw error;
    }
    return this.remote(name).then((jwt) => {
      this.store(name, jwt);
      return jwt;
    });
  }

  store(name: string, jwt: string): void {
    this.jwts.saveIfNewer(name, jwt);
  }

  close(): void {
    this.remote = null;
    this.jwts.close();
  }
}
