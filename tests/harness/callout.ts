/**
 * Authorization services for tests: the reference's keys, and what its tests let a service do.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import {
  type ConnectionOptions,
  credsAuthenticator,
  type Msg,
  type NatsConnection,
} from "@nats-io/transport-node";
import { createServer } from "@nats-io/nkeys";
import type { CapturedLog } from "./captured_log.ts";
import {
  createUser,
  encodeClaims,
  encodeScopedUser,
  encodeUser,
  fromSeed,
  type KeyPair,
  nowS,
  type StandardClaims,
} from "./jwt.ts";
import { type TestServer, testServer } from "./server.ts";

// deno-lint-ignore no-explicit-any -- whatever a test wants to state or to look at
type Body = Record<string, any>;

/** The account that signs the answers. */
export const issuerKeys: KeyPair = fromSeed(
  new TextEncoder().encode("SAANDLKMXL6CUS3CP52WIXBEDN6YJ545GDKC65U5JZPPV6WH6ESWUA6YAI"),
);
export const ISSUER: string = issuerKeys.getPublicKey();
/** A user of the configuration who has an nkey. */
export const calloutUserKeys: KeyPair = fromSeed(
  new TextEncoder().encode("SUAP277QP7U4JMFFPVZHLJYEQJ2UHOTYVEIZJYAWRJXQLP4FRSEHYZJJOU"),
);

/** A decoded request. */
export interface CalloutRequest {
  /** The user who is asked about. */
  readonly user: string;
  readonly server: Body;
  readonly client: Body;
  readonly connect: Body;
  readonly tls: Body | null;
  readonly claims: Body;
}

/** Reads a request without looking at its signature. */
export function decodeRequest(jwt: string): CalloutRequest {
  const base64 = jwt.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const claims = JSON.parse(new TextDecoder().decode(bytes));
  const { nats } = claims;
  return {
    user: nats.user_nkey,
    server: nats.server_id,
    client: nats.client_info,
    connect: nats.connect_opts,
    tls: nats.client_tls ?? null,
    claims,
  };
}

/** An answer; `standard` overrides what all answers say. */
export function answer(
  { user, server }: Pick<CalloutRequest, "user" | "server">,
  nats: { jwt?: string; error?: string; issuer_account?: string },
  standard: Body = {},
  signer: KeyPair = issuerKeys,
): string {
  return encodeClaims({
    sub: user,
    aud: server.id,
    ...standard,
    nats: { ...nats, type: "authorization_response", version: 2 },
  }, signer);
}

/** A user of the configuration's account `account`, for `user`. */
export function userIn(
  user: string,
  account: string,
  nats: Body = {},
  standard: StandardClaims = {},
  signer: KeyPair = issuerKeys,
): string {
  return encodeUser(user, signer, nats, { aud: account, ...standard });
}

/** What a service does with a request: the answer, or null to refuse, or undefined for silence. */
export type CalloutHandler = (
  request: CalloutRequest,
  message: Msg,
) => string | Uint8Array | null | undefined;

/** Serves authorization over `client`; `open` decrypts. */
export async function serveCallout(
  client: NatsConnection,
  handler: CalloutHandler,
  open: (message: Msg) => string = (message) => message.string(),
): Promise<void> {
  client.subscribe("$SYS.REQ.USER.AUTH", {
    callback: (error, message) => {
      if (error !== null) throw error;
      const reply = handler(decodeRequest(open(message)), message);
      if (reply === undefined) return;
      message.respond(reply ?? new Uint8Array(0));
    },
  });
  await client.flush();
}

/** A server that asks a service, which is already there. */
export class CalloutServer implements AsyncDisposable {
  constructor(readonly server: TestServer, readonly service: NatsConnection) {}

  connect(options: ConnectionOptions = {}): Promise<NatsConnection> {
    return this.server.connect(options);
  }

  /** The server does not let such a client in. */
  async refuses(options: ConnectionOptions = {}): Promise<void> {
    await assertRejects(() => this.connect(options), Error, "uthorization");
  }

  /** Hears why clients are refused, in the service's account. */
  async refusals(): Promise<() => Promise<Body>> {
    const events = this.service.subscribe("$SYS.ACCOUNT.CLIENT.AUTH.ERR");
    await this.service.flush();
    const iterator = events[Symbol.asyncIterator]();
    return async () => {
      const { value } = await iterator.next();
      return value!.json() as Body;
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]();
  }
}

/** Starts a server with a configuration and its service, who comes with `credentials`. */
export async function calloutServer(
  config: string,
  handler: CalloutHandler,
  credentials: ConnectionOptions = { user: "auth", pass: "pwd" },
  { open, log }: { open?: (message: Msg) => string; log?: CapturedLog } = {},
): Promise<CalloutServer> {
  const server = await testServer(log === undefined ? {} : { logger: log }, config);
  try {
    const service = await server.connect(credentials);
    await serveCallout(service, handler, open);
    return new CalloutServer(server, service);
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** What a client is told of itself. */
export async function userInfo(client: NatsConnection): Promise<Body> {
  const reply = await client.request("$SYS.REQ.USER.INFO");
  return (reply.json() as Body).data;
}

/** Compares what a client is told of itself; `expires` apart, which is returned in seconds. */
export async function assertUserInfo(client: NatsConnection, expected: Body): Promise<number> {
  const { expires = 0, ...rest } = await userInfo(client);
  assertEquals(rest, expected);
  return expires / 1e9;
}

/** Credentials of a user whose JWT is `jwt`. */
export function credentials(jwt: string, user: KeyPair): ConnectionOptions {
  const text = `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n` +
    `-----BEGIN USER NKEY SEED-----\n${new TextDecoder().decode(user.getSeed())}\n` +
    `------END USER NKEY SEED------\n`;
  return { authenticator: credsAuthenticator(new TextEncoder().encode(text)) };
}

/** A new user with a JWT of `account`. */
export function newUser(
  account: KeyPair,
  nats: Body = {},
  standard: StandardClaims = {},
): { key: string; jwt: string; credentials: ConnectionOptions } {
  const user = createUser();
  const jwt = encodeUser(user, account, nats, standard);
  return { key: user.getPublicKey(), jwt, credentials: credentials(jwt, user) };
}

/** A new user with the rights of a scope of `account`. */
export function newScopedUser(account: KeyPair, signer: KeyPair): ConnectionOptions {
  const user = createUser();
  return credentials(encodeScopedUser(user, signer, account), user);
}

/** A public key of a new user. */
export function createUserKey(): string {
  return createUser().getPublicKey();
}

/** A public key of a new server. */
export function createServerKey(): string {
  return createServer().getPublicKey();
}

/** Seconds since the epoch, `seconds` from now. */
export function inSeconds(seconds: number): number {
  return nowS() + seconds;
}
