/**
 * Official clients that log in with a new user of an account.
 *
 * @module
 */
import {
  type ConnectionOptions,
  jwtAuthenticator,
  type NatsConnection,
} from "@nats-io/transport-node";
import { createUser, encodeUser } from "./jwt.ts";
import type { TestAccount } from "./operator.ts";
import type { TestServer } from "./server.ts";

/** Connects as a new user of `account`. */
export function connectUser(
  server: TestServer,
  account: TestAccount,
  options: ConnectionOptions = {},
): Promise<NatsConnection> {
  const user = createUser();
  const jwt = encodeUser(user, account.pair);
  return server.connect({ authenticator: jwtAuthenticator(jwt, user.getSeed()), ...options });
}
