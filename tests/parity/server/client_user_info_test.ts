// Ports: server/client_test.go
/**
 * What clients learn of themselves.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { NatsConnection } from "@nats-io/transport-node";
import { testServer } from "../../harness/server.ts";

// deno-lint-ignore no-explicit-any -- the tests look into it field by field
async function userInfo(client: NatsConnection): Promise<any> {
  const answer = await client.request("$SYS.REQ.USER.INFO", "", { timeout: 10_000 });
  return answer.json();
}

Deno.test("TestClientUserInfoReq", async () => {
  await using server = await testServer(
    { serverName: "S" },
    `
    PERMS = {
      publish = { allow: "$SYS.REQ.>", deny: "$SYS.REQ.ACCOUNT.>" }
      subscribe = "_INBOX.>"
      allow_responses: true
    }
    accounts: {
      A: { users: [ { user: dlc, password: pass, permissions: $PERMS } ] }
      $SYS { users = [ { user: "admin", pass: "s3cr3t!" } ] }
    }
    no_auth_user: dlc
    `,
  );
  const answer = await userInfo(await server.connect());
  assertEquals(answer.data, {
    user: "dlc",
    account: "A",
    account_name: "A",
    permissions: {
      publish: { allow: ["$SYS.REQ.>"], deny: ["$SYS.REQ.ACCOUNT.>"] },
      subscribe: { allow: ["_INBOX.>"] },
      responses: { max: 1, ttl: 120_000_000_000 },
    },
  });
  assertEquals(answer.server.id, server.server.id);
  assertEquals(answer.server.name, "S");

  const admin = await userInfo(await server.connect({ user: "admin", pass: "s3cr3t!" }));
  assertEquals(admin.data, { user: "admin", account: "$SYS", account_name: "$SYS" });
});
