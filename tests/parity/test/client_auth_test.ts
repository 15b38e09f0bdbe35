// Ports: test/client_auth_test.go
/**
 * Logging in with official clients, and what INFO says afterwards.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { PONG } from "../../harness/raw_client.ts";
import { testServer } from "../../harness/server.ts";

Deno.test("TestMultipleUserAuth", async () => {
  await using server = await testServer(
    {},
    `authorization { users = [ { user: alice, password: foo }, { user: bob, password: bar } ] }`,
  );
  const users = server.server.options.users!;
  assertEquals(users.length, 2);
  const first = await server.connect({ user: users[0]!.username, pass: users[0]!.password });
  assertEquals(first.info!.auth_required, true);
  await server.connect({ user: users[1]!.username, pass: users[1]!.password });
});

Deno.test("TestTokenInConfig", async () => {
  await using server = await testServer(
    {},
    `authorization = {
       token: $2a$05$3sSWEVA1eMCbV0hWavDjXOx.ClBjI6u1CuUdLqf22cbJjXsnzz8/.
       timeout: 5
     }`,
  );
  const client = await server.connect({ token: "test" });
  assertEquals(client.info!.auth_required, true);
});

Deno.test("TestClientConnectInfo", async (t) => {
  const cases = [
    { name: "async info support with explicit system account", sys: true, protocol: 1 },
    { name: "async info support without explicit system account", sys: false, protocol: 1 },
    { name: "no async info support with explicit system account", sys: true, protocol: 0 },
    { name: "no async info support without explicit system account", sys: false, protocol: 0 },
  ];
  for (const { name, sys, protocol } of cases) {
    await t.step(name, async () => {
      await using server = await testServer(
        {},
        `${sys ? "system_account: SYS" : ""}
         accounts {
           SYS: { users: [ { user: sys, password: pwd } ] }
           A: { users: [ { user: a, password: pwd } ] }
           B: { users: [ { user: b, password: pwd } ] }
         }`,
      );
      const users: [string, string, boolean][] = [
        ["a", "A", false],
        ["sys", "SYS", sys],
        ["b", "B", false],
      ];
      for (const [user, account, isSystem] of users) {
        const client = await server.raw();
        await client.login({ user, pass: "pwd", protocol });
        await client.send("PING\r\n");
        await client.expect(PONG);
        if (protocol === 0) await client.expectNothing();
        else {
          const info = await client.info();
          assertEquals(info.connect_info, true);
          assertEquals(info.remote_account, account);
          assertEquals(info.acc_is_sys ?? false, isSystem);
        }
        client.close();
      }
    });
  }
});
