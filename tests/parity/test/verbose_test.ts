// Ports: test/verbose_test.go
/**
 * Clients that want every operation acknowledged.
 *
 * @module
 */
import { OK, PONG, type RawClient } from "../../harness/raw_client.ts";
import { testServer } from "../../harness/server.ts";

async function withVerboseClient(use: (client: RawClient) => Promise<void>): Promise<void> {
  await using server = await testServer({ maxControlLine: 256, noSystemAccount: true });
  const client = await server.rawLogin({ verbose: true });
  await client.expect(OK);
  await use(client);
}

Deno.test("TestVerbosePing", async () => {
  await withVerboseClient(async (client) => {
    await client.send("PING\r\n");
    await client.expect(PONG);
  });
});

Deno.test("TestVerboseConnect", async () => {
  await withVerboseClient(async (client) => {
    await client.send('CONNECT {"verbose":true,"pedantic":true,"tls_required":false}\r\n');
    await client.expect(OK);
  });
});

Deno.test("TestVerbosePubSub", async () => {
  await withVerboseClient(async (client) => {
    for (const operation of ["PUB foo 2\r\nok\r\n", "SUB foo 1\r\n", "UNSUB 1\r\n"]) {
      await client.send(operation);
      await client.expect(OK);
    }
  });
});
