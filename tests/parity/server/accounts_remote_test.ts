// Ports: server/accounts_test.go, server/jwt_test.go
/**
 * Connections that accounts have on other servers.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { updateRemoteServer } from "../../../src/core/account/remote_connections.ts";
import { testServer, until } from "../../harness/server.ts";
import { setupJwt } from "./_jwt.ts";

Deno.test("TestAccountUpdateRemoteServerDisconnectsNewestFirst", async () => {
  await using server = await testServer(
    {},
    `accounts { TEST { users = [{user: dummy, password: foo}], limits { max_connections: 5 } } }`,
  );
  for (let i = 0; i < 3; i++) {
    await server.connect({ user: "dummy", pass: "foo" });
    // The next one starts later.
    const [newest] = [...server.server.clients.values()].slice(-1);
    await until(() => Date.now() > newest!.startMs);
  }
  const account = server.account("TEST");
  assertEquals(account.connections.size, 3);
  // Four elsewhere and three here are two more than five.
  const excess = updateRemoteServer(account, "fake-server-1", { clients: 4, leafNodes: 0 });
  assertEquals(excess.length, 2);
  assert(excess[0]!.startMs > excess[1]!.startMs);
  const byStart = [...account.connections].sort((a, b) => a.startMs - b.startMs);
  assertEquals(excess, [byStart[2], byStart[1]]);
});

Deno.test("TestJWTAccountLimitsOverflowInt32", async () => {
  const tooMuch = 2 ** 31;
  await using setup = await setupJwt({
    account: { limits: { conn: tooMuch, leaf: tooMuch, subs: tooMuch, payload: tooMuch } },
  });
  const { server, account: pair, client } = setup;
  await client.expect(/^\+OK\r\n/);
  const account = await server.account(pair);
  const most = 2 ** 31 - 1;
  assertEquals(account.limits, {
    maxConnections: most,
    maxLeafNodes: most,
    maxSubscriptions: most,
    maxPayload: most,
  });
  assertEquals(updateRemoteServer(account, "fake-server-1", { clients: 1, leafNodes: 1 }), []);
});
