// Ports: server/auth_test.go
/**
 * Users who prove to own a key.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { testServer } from "../../harness/server.ts";

Deno.test("TestNoAuthUserNkey", async () => {
  const nkey = "UBO2MQV67TQTVIRV3XFTEZOACM4WLOCMCDMAWN5QVN5PI2N6JHTVDRON";
  await using server = await testServer(
    {},
    `
    accounts {
      FOO { users [{user: "foo", password: "pwd1"}] }
      BAR { users [{nkey: "${nkey}"}] }
    }
    no_auth_user: "${nkey}"
    `,
  );
  const client = await server.connect();
  const answer = await client.request("$SYS.REQ.USER.INFO", "", { timeout: 10_000 });
  // deno-lint-ignore no-explicit-any -- the test looks into it field by field
  const { data } = answer.json<any>();
  assertEquals([data.user, data.account], [nkey, "BAR"]);
});
