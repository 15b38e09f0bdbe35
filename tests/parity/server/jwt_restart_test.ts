// Ports: server/jwt_test.go
/**
 * Accounts that import from one another are found again when all their clients come back at once
 * to a server that was started again.
 *
 * @module
 */
import { jwtAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import { type StartOptions, startServer } from "../../../src/mod.ts";
import { createAccount, createUser, encodeAccount, encodeUser } from "../../harness/jwt.ts";
import { newAccount, operatorOptions, type TestAccount } from "../../harness/operator.ts";
import { Inbox, TestServer, until } from "../../harness/server.ts";

const DEADLINE_MS = 20_000;
/** The reference has 100 accounts and restarts five times; signing takes long in JavaScript. */
const ACCOUNTS = 10;
const RESTARTS = 2;

/** A port that no other test gets: those that the system picks are higher. */
function freePort(): number {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** A client that comes back at once, as a user of `account` with `permissions`. */
function connectUser(
  server: TestServer,
  account: TestAccount,
  permissions: Record<string, unknown>,
): Promise<NatsConnection> {
  const user = createUser();
  const jwt = encodeUser(user, account.pair, permissions);
  return server.connect({
    authenticator: jwtAuthenticator(jwt, user.getSeed()),
    reconnect: true,
    reconnectTimeWait: 15,
    reconnectJitter: 0,
    maxReconnectAttempts: -1,
  });
}

Deno.test("TestJWTImportsOnServerRestartAndClientsReconnect", async () => {
  const system = newAccount();
  const mainPair = createAccount();
  const mainKey = mainPair.getPublicKey();
  const secondary = Array.from({ length: ACCOUNTS }, (_, i) =>
    newAccount({
      exports: [{ subject: "internal.*", type: "stream" }],
      imports: [{ subject: `city.${i}-1.*`, type: "stream", account: mainKey }],
    }, { name: `secondary-${i}` }));
  const main: TestAccount = {
    pair: mainPair,
    key: mainKey,
    jwt: encodeAccount(mainPair, {
      exports: [{ subject: "city.>", type: "stream" }],
      imports: secondary.map(({ key }, i) => ({
        subject: `internal.${i}`,
        type: "stream",
        account: key,
      })),
    }, { name: "main" }),
  };
  const start = async (): Promise<TestServer> => {
    const options: StartOptions = {
      ...operatorOptions([system, main, ...secondary]),
      systemAccount: system.key,
      host: "127.0.0.1",
      port,
    };
    return servers.use(new TestServer(await startServer(options)));
  };
  const port = freePort();
  await using servers = new AsyncDisposableStack();
  // The first server closes the clients at the end.
  const clients = await start();
  const permissions = {
    sub: { allow: ["city.>", "internal.*"] },
    pub: { allow: ["internal.*"] },
  };
  const inboxes: Inbox[] = [];
  for (const account of secondary) {
    const client = await connectUser(clients, account, permissions);
    inboxes.push(new Inbox(client, "city.>"));
    await client.flush();
  }
  const publisher = await connectUser(clients, main, { pub: { allow: ["city.>"] } });

  const receive = async (): Promise<void> => {
    for (const inbox of inboxes) while (inbox.count > 0) await inbox.next();
    const publish = async (): Promise<boolean> => {
      for (let i = 0; i < ACCOUNTS; i++) publisher.publish(`city.${i}-1.A4BDB048`, `test:${i}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      return inboxes.every(({ count }) => count > 0);
    };
    const missing = () => `${inboxes.filter(({ count }) => count === 0).length} received nothing`;
    await until(publish, missing, DEADLINE_MS);
  };
  await receive();
  let server = clients;
  for (let i = 0; i < RESTARTS; i++) {
    await server.server.stop();
    server = await start();
    await receive();
  }
});
