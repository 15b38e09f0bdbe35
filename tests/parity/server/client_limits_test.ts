// Ports: server/client_test.go
/**
 * Which limits hold for a client, and by which kind of connection it may come.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { createUser, encodeUser, type KeyPair, signNonce } from "../../harness/jwt.ts";
import { newAccount, operatorServer, userClient } from "../../harness/operator.ts";
import { OK, PONG, RawClient } from "../../harness/raw_client.ts";
import { type TestServer, testServer } from "../../harness/server.ts";

Deno.test("TestClientLimits", async (t) => {
  const account = newAccount();
  await using server = await operatorServer([account]);
  // The account must be known before its limits can be set.
  await (await userClient(server, account)).client.expect(OK);
  const cases: [client: number, account: number, server: number, expected: number][] = [
    // All are the same.
    [1, 1, 1, 1],
    [-1, -1, 0, -1],
    // Only one is a limit.
    [1, -1, 0, 1],
    [-1, 1, 0, 1],
    [-1, -1, 1, 1],
    // All orders of different ones.
    [1, 2, 3, 1],
    [1, 3, 2, 1],
    [2, 1, 3, 1],
    [2, 3, 1, 1],
    [3, 1, 2, 1],
    [3, 2, 1, 1],
  ];
  for (const [ofClient, ofAccount, ofServer, expected] of cases) {
    await t.step(`${ofClient} ${ofAccount} ${ofServer}`, async () => {
      const { options } = server.server;
      options.maxPayload = ofServer;
      options.maxSubs = ofServer;
      const { limits } = server.account(account.key);
      Object.assign(limits, { maxPayload: ofAccount, maxSubscriptions: ofAccount });
      const user = { subs: ofClient, payload: ofClient };
      const { client, info } = await userClient(server, account, user);
      await client.expect(OK);
      const { maxPayload, maxSubscriptions } = server.connection(info.client_id);
      assertEquals([maxPayload, maxSubscriptions], [expected, expected]);
    });
  }
});

type Login = (nonce: string) => Record<string, unknown>;

/** Tries to connect both ways: one is allowed, the other is not. */
async function expectOnly(server: TestServer, type: string, login: Login): Promise<void> {
  const connect = async (client: RawClient, allowed: boolean): Promise<void> => {
    const { nonce = "" } = await client.info();
    const fields = { verbose: false, ...login(nonce) };
    await client.send(`CONNECT ${JSON.stringify(fields)}\r\nPING\r\n`);
    if (allowed) await client.expect(PONG);
    else assertStringIncludes(await client.expectEnd(), "-ERR 'Authorization Violation'");
    await client.end();
  };
  await connect(await server.raw(), type === "STANDARD");
  await connect(new RawClient(server.server.connect()), type === "IN_PROCESS");
}

Deno.test("TestInProcessAllowedConnectionType", async (t) => {
  const types = [["inprocess", "IN_PROCESS"], ["standard", "STANDARD"]] as const;
  for (const [name, type] of types) {
    await t.step(`conf ${name}`, async () => {
      await using server = await testServer(
        {},
        `accounts {
           A { users: [{user: "test", password: "pwd", allowed_connection_types: ["${type}"]}] }
         }
         write_deadline: "500ms"`,
      );
      await expectOnly(server, type, () => ({ user: "test", pass: "pwd" }));
    });
  }
  for (const [name, type] of types) {
    await t.step(`jwt ${name}`, async () => {
      const account = newAccount();
      await using server = await operatorServer([account], { writeDeadlineMs: 500 });
      const user: KeyPair = createUser();
      const jwt = encodeUser(user, account.pair, { allowed_connection_types: [type] });
      await expectOnly(server, type, (nonce) => ({ jwt, sig: signNonce(user, nonce) }));
    });
  }
});
