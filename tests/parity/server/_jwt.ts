/**
 * What the ported tests of JWTs share: a server that trusts one operator, with a resolver in memory
 * to which the test adds accounts.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Account } from "../../../src/core/account/account.ts";
import type { StartOptions } from "../../../src/mod.ts";
import {
  createAccount,
  createUser,
  encodeAccount,
  encodeUser,
  fromSeed,
  type KeyPair,
  signNonce,
  type StandardClaims,
} from "../../harness/jwt.ts";
import type { RawClient } from "../../harness/raw_client.ts";
import { type TestServer, testServer } from "../../harness/server.ts";

// deno-lint-ignore no-explicit-any -- whatever a test wants to state
type Body = Record<string, any>;

/** `oKp` of the reference's tests; matches configs/nkeys_jwts/test.seed. */
export const oKp: KeyPair = fromSeed(
  new TextEncoder().encode("SOAFYNORQLQFJYBYNUGC5D7SH2MXMUX5BFEWWGHN3EK4VGG5TPT5DZP7QU"),
);

/** `ojwt` of the reference's tests; `oKp` is one of its signing keys. */
export { operatorJwt as ojwt } from "./_opts_operators.ts";

/** A server of one test. */
export class JwtServer implements AsyncDisposable {
  constructor(readonly test: TestServer) {}

  /** Puts an account's JWT into the resolver. */
  addAccount(pair: KeyPair, nats: Body = {}, standard: StandardClaims = {}): string {
    const jwt = encodeAccount(pair, nats, standard, oKp);
    this.test.server.operators!.resolver!.store(pair.getPublicKey(), jwt);
    return jwt;
  }

  /** The account as the server knows it, or finds it now. */
  async account(pair: KeyPair): Promise<Account> {
    const found = await this.test.server.operators!.lookup(pair.getPublicKey());
    assert(!("failed" in found), `no account: ${"failed" in found ? found.failed : ""}`);
    return found;
  }

  /** Adds the JWT to the resolver and makes the server take it. */
  async update(pair: KeyPair, nats: Body = {}, standard: StandardClaims = {}): Promise<Account> {
    const jwt = this.addAccount(pair, nats, standard);
    const account = this.test.server.core.accounts.get(pair.getPublicKey()) ??
      await this.account(pair);
    assertEquals(this.test.server.operators!.update(account, jwt), null);
    return account;
  }

  /** A client that has sent CONNECT for a user of the account, and PING. */
  async client(
    account: KeyPair,
    nats: Body = {},
    standard: StandardClaims = {},
    connect: Body = {},
  ): Promise<RawClient> {
    const user = createUser();
    return await this.clientOf(user, encodeUser(user, account, nats, standard), connect);
  }

  /** A client that has sent CONNECT with the JWT, and PING. */
  async clientOf(user: KeyPair, jwt: string, connect: Body = {}): Promise<RawClient> {
    const client = await this.test.raw();
    const { nonce } = await client.info();
    const fields = { jwt, sig: signNonce(user, nonce), verbose: false, ...connect };
    await client.send(`CONNECT ${JSON.stringify(fields)}\r\nPING\r\n`);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.test[Symbol.asyncDispose]();
  }
}

/** `opTrustBasicSetup` and `buildMemAccResolver`. */
export async function jwtServer(options: StartOptions = {}): Promise<JwtServer> {
  return new JwtServer(
    await testServer({
      trustedKeys: [oKp.getPublicKey()],
      accountResolver: { kind: "memory" },
      ...options,
    }),
  );
}

/** What {@linkcode setupJwt} made. */
export interface JwtSetup extends AsyncDisposable {
  readonly server: JwtServer;
  readonly account: KeyPair;
  readonly client: RawClient;
}

/** `setupJWTTestWithClaims`: an account, a user of it, and the user's verbose client. */
export async function setupJwt(
  { account = {}, accountStandard = {}, user = {}, userStandard = {}, options = {} }: {
    account?: Body;
    accountStandard?: StandardClaims;
    user?: Body;
    userStandard?: StandardClaims;
    options?: StartOptions;
  },
): Promise<JwtSetup> {
  const server = await jwtServer(options);
  const pair = createAccount();
  server.addAccount(pair, account, accountStandard);
  const client = await server.client(pair, user, userStandard, { verbose: true, pedantic: true });
  return {
    server,
    account: pair,
    client,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
