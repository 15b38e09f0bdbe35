// Ports: server/jwt_test.go: TestJWTImportsOnServerRestartAndClientsReconnect.
/**
 * Accounts that import from each other are all there again after a restart, whoever of their
 * clients comes back first (server/jwt_test.go).
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect, jwtAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import { healthz } from "../../../src/monitor/mod.ts";
import { createAccount, createUser, encodeAccount, encodeUser } from "../../harness/jwt.ts";
import { newAccount, operatorOptions, type TestAccount } from "../../harness/operator.ts";
import { Inbox, type TestServer, testServer, until } from "../../harness/server.ts";

/** 100 in the reference. */
const IMPORTERS = 20;
/** 5 in the reference. */
const RESTARTS = 2;
const DEADLINE_MS = 10_000;

/** A free port of those that the system gives to nobody by itself: it is free after a restart. */
function stablePort(): number {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

Deno.test("TestJWTImportsOnServerRestartAndClientsReconnect", async () => {
  const system = newAccount({}, { name: "sys" });
  const main = createAccount();
  const key = main.getPublicKey();
  const importers = Array.from({ length: IMPORTERS }, (_, i): TestAccount =>
    newAccount({
      exports: [{ type: "stream", subject: "internal.*" }],
      imports: [{ type: "stream", subject: `city.${i}-1.*`, account: key }],
    }, { name: `secondary-${i}` }));
  const jwt = encodeAccount(main, {
    exports: [{ type: "stream", subject: "city.>" }],
    imports: importers.map(({ key }, i) => ({
      type: "stream",
      subject: `internal.${i}`,
      account: key,
    })),
  }, { name: "main" });
  const port = stablePort();
  const start = (): Promise<TestServer> =>
    testServer({
      ...operatorOptions([system, { pair: main, key, jwt }, ...importers]),
      systemAccount: system.key,
      port,
    });
  let server = await start();
  const clients: NatsConnection[] = [];
  const login = async (pair: TestAccount["pair"], nats: Record<string, unknown>) => {
    const user = createUser();
    const client = await connect({
      servers: `127.0.0.1:${port}`,
      authenticator: jwtAuthenticator(encodeUser(user, pair, nats), user.getSeed()),
      // Fast, so that they come while the server starts.
      reconnectTimeWait: 15,
      reconnectJitter: 0,
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      timeout: DEADLINE_MS,
    });
    clients.push(client);
    return client;
  };
  const inboxes: Inbox[] = [];
  for (const { pair } of importers) {
    const client = await login(pair, {
      sub: { allow: ["city.>", "internal.*"] },
      pub: { allow: ["internal.*"] },
    });
    inboxes.push(new Inbox(client, "city.>"));
  }
  const publisher = await login(main, { pub: { allow: ["city.>"] } });
  const publishing = setInterval(() => {
    for (let i = 0; i < IMPORTERS; i++) {
      publisher.publish(`city.${i}-1.A4BDB048-69DC-4F10-916C-2B998249DC11`, `test:${i}`);
    }
  }, 50);
  /** Everybody gets something that is sent from now on; the reference is content with half. */
  const receive = async (): Promise<void> => {
    const before = inboxes.map(({ count }) => count);
    const missing = (): number[] =>
      before.flatMap((count, i) => inboxes[i]!.count > count ? [] : [i]);
    await until(() => missing().length === 0, () => `no message at ${missing()}`, DEADLINE_MS);
  };
  try {
    await receive();
    for (let i = 0; i < RESTARTS; i++) {
      await server[Symbol.asyncDispose]();
      server = await start();
      assertEquals(healthz(server.server).code, 200);
      await receive();
    }
  } finally {
    clearInterval(publishing);
    await Promise.all(clients.map((client) => client.close()));
    await server[Symbol.asyncDispose]();
  }
});
