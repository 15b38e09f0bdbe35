/**
 * Servers in operator mode for tests.
 *
 * @module
 */
import { decodeOperatorClaims } from "../../src/identity/mod.ts";
import type { StartOptions } from "../../src/mod.ts";
import {
  createAccount,
  createUser,
  encodeAccount,
  encodeOperator,
  encodeUser,
  type KeyPair,
  operatorKeys,
  signNonce,
} from "./jwt.ts";
import type { RawClient, ReceivedInfo } from "./raw_client.ts";
import { type TestServer, testServer } from "./server.ts";

// deno-lint-ignore no-explicit-any -- whatever a test wants to state
type Body = Record<string, any>;

/** An account and its JWT. */
export interface TestAccount {
  readonly pair: KeyPair;
  readonly key: string;
  readonly jwt: string;
}

/** Makes an account that the operator of the tests has signed. */
export function newAccount(nats: Body = {}, standard: Body = {}): TestAccount {
  const pair = createAccount();
  return { pair, key: pair.getPublicKey(), jwt: encodeAccount(pair, nats, standard) };
}

/** Options of a server that trusts the operator of the tests and knows `accounts`. */
export function operatorOptions(
  accounts: readonly TestAccount[] = [],
  nats: Body = {},
): StartOptions {
  const jwt = encodeOperator(operatorKeys, nats);
  return {
    trustedOperators: [{ jwt, claims: decodeOperatorClaims(jwt) }],
    accountResolver: { kind: "memory" },
    resolverPreloads: new Map(accounts.map(({ key, jwt }) => [key, jwt])),
  };
}

/** Starts such a server. */
export function operatorServer(
  accounts: readonly TestAccount[] = [],
  options: StartOptions = {},
  nats: Body = {},
): Promise<TestServer> {
  return testServer({ ...operatorOptions(accounts, nats), ...options });
}

/** Starts such a server with a system account, which comes first in `accounts`. */
export function operatorServerWithSystem(
  accounts: readonly TestAccount[],
  options: StartOptions = {},
): Promise<TestServer> {
  return operatorServer(accounts, { systemAccount: accounts[0]!.key, ...options });
}

/** A raw connection that has sent CONNECT with a user's JWT and signature. */
export async function jwtClient(
  server: TestServer,
  user: KeyPair,
  jwt: string,
  connect: Body = {},
): Promise<{ client: RawClient; info: ReceivedInfo }> {
  const client = await server.raw();
  const info = await client.info();
  await client.send(`CONNECT ${
    JSON.stringify({
      verbose: true,
      pedantic: true,
      jwt,
      sig: signNonce(user, info.nonce),
      ...connect,
    })
  }\r\nPING\r\n`);
  return { client, info };
}

/** A raw connection of a new user of `account`, not yet accepted. */
export function userClient(
  server: TestServer,
  account: TestAccount,
  nats: Body = {},
  standard: Body = {},
  connect: Body = {},
): Promise<{ client: RawClient; info: ReceivedInfo }> {
  const user = createUser();
  return jwtClient(server, user, encodeUser(user, account.pair, nats, standard), connect);
}
