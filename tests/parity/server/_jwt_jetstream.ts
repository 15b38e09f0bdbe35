/**
 * What the ported tests of JetStream in operator mode share: a server with a full resolver, the
 * system account, and pushes of JWTs through it.
 *
 * @module
 */
import { assert } from "@std/assert";
import {
  type ConnectionOptions,
  jwtAuthenticator,
  type NatsConnection,
} from "@nats-io/transport-node";
import { decodeOperatorClaims } from "../../../src/identity/mod.ts";
import type { StartOptions } from "../../../src/mod.ts";
import {
  createAccount,
  createOperator,
  createUser,
  encodeAccount,
  encodeClaims,
  encodeOperator,
  encodeUser,
  type KeyPair,
} from "../../harness/jwt.ts";
import type { Json } from "../../harness/jetstream.ts";
import { type TestServer, testServer } from "../../harness/server.ts";
import { temporaryDirectory } from "../../sim/environment.ts";

// deno-lint-ignore no-explicit-any -- whatever a test wants to state
type Body = Record<string, any>;

const MIB = 1024 * 1024;
const DEADLINE_MS = 10_000;

/** Who signs, and where things are kept: the same for all servers of one test. */
export class OperatorWorld implements Disposable {
  readonly operator: KeyPair = createOperator();
  readonly signer: KeyPair = createOperator();
  readonly system: KeyPair = createAccount();
  readonly #directory = temporaryDirectory();

  /** Holds `jwts`, the resolver's directory, and `jetstream`. */
  get directory(): string {
    return this.#directory.path;
  }

  /** Starts a server with a full resolver and, unless told otherwise, JetStream of 10 MiB. */
  start(options: StartOptions = {}): Promise<TestServer> {
    const jwt = encodeOperator(this.operator, { signing_keys: [this.signer.getPublicKey()] });
    return testServer({
      trustedOperators: [{ jwt, claims: decodeOperatorClaims(jwt) }],
      systemAccount: this.system.getPublicKey(),
      accountResolver: {
        kind: "full",
        dir: `${this.#directory.path}/jwts`,
        limit: Number.MAX_SAFE_INTEGER,
        syncIntervalMs: 60_000,
        fetchTimeoutMs: 500,
        delete: "rename",
      },
      jetStream: true,
      storeDir: this.#directory.path,
      jetStreamMaxMemory: 10 * MIB,
      jetStreamMaxStore: 10 * MIB,
      ...options,
    });
  }

  /** A user's way to log in. */
  login(account: KeyPair, nats: Body = {}): ConnectionOptions {
    const user = createUser();
    const jwt = encodeUser(user, account, nats);
    return { authenticator: jwtAuthenticator(jwt, user.getSeed()), ignoreAuthErrorAbort: false };
  }

  connect(server: TestServer, account: KeyPair): Promise<NatsConnection> {
    return server.connect(this.login(account));
  }

  /** An account's JWT, signed by the operator's signing key. */
  encode(account: KeyPair, nats: Body = {}, standard: Body = {}): string {
    return encodeAccount(account, nats, standard, this.signer);
  }

  /** `updateJwt`: the system account gives the server an account's JWT. */
  async pushJwt(server: TestServer, account: KeyPair, jwt: string): Promise<void> {
    const client = await this.connect(server, this.system);
    const subject = `$SYS.REQ.ACCOUNT.${account.getPublicKey()}.CLAIMS.UPDATE`;
    const answer = (await client.request(subject, jwt, { timeout: DEADLINE_MS })).json<Json>();
    assert(answer.data !== undefined, `did not get an ok response got: ${JSON.stringify(answer)}`);
    await client.close();
  }

  /** {@linkcode pushJwt} of what {@linkcode encode} makes. */
  async push(
    server: TestServer,
    account: KeyPair,
    nats: Body = {},
    standard: Body = {},
  ): Promise<void> {
    await this.pushJwt(server, account, this.encode(account, nats, standard));
  }

  /** Deletes accounts at the operator's request. */
  async delete(server: TestServer, account: KeyPair): Promise<Json> {
    const request = encodeClaims({
      sub: this.signer.getPublicKey(),
      nats: { accounts: [account.getPublicKey()], type: "generic", version: 2 },
    }, this.signer);
    const client = await this.connect(server, this.system);
    const answer = await client.request("$SYS.REQ.CLAIMS.DELETE", request, {
      timeout: DEADLINE_MS,
    });
    await client.close();
    return answer.json();
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}

/** JetStream limits of an account that is not tiered. */
export function flatLimits(memoryMiB: number, diskMiB: number, more: Body = {}): Body {
  return { limits: { mem_storage: memoryMiB * MIB, disk_storage: diskMiB * MIB, ...more } };
}

/** Asks the JetStream API; the answer may be an error. */
export async function api(client: NatsConnection, name: string, body?: unknown): Promise<Json> {
  const text = body === undefined ? "" : JSON.stringify(body);
  return (await client.request(`$JS.API.${name}`, text, { timeout: DEADLINE_MS })).json();
}
