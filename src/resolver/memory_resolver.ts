/**
 * `resolver: MEMORY`: the account JWTs that were preloaded.
 *
 * Reference: MemAccResolver in server/accounts.go.
 *
 * @module
 */
import { serverErrorTexts } from "../errors/mod.ts";
import { type AccountResolver, ResolverError } from "./resolver.ts";

/** Keeps JWTs in memory. */
export class MemoryResolver implements AccountResolver {
  readonly readOnly = false;
  readonly #jwts = new Map<string, string>();

  fetch(name: string): string {
    const jwt = this.#jwts.get(name);
    if (jwt === undefined) throw new ResolverError(serverErrorTexts.ErrMissingAccount);
    return jwt;
  }

  store(name: string, jwt: string): void {
    this.#jwts.set(name, jwt);
  }

  /** Has these JWTs and no others. */
  replace(jwts: ReadonlyMap<string, string>): void {
    this.#jwts.clear();
    for (const [name, jwt] of jwts) this.#jwts.set(name, jwt);
  }

  close(): void {}
}
