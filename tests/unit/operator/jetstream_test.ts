/**
 * Own tests of JetStream in operator mode: what is stored works before anybody of the account
 * connects.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { StartOptions } from "../../../src/mod.ts";
import { newAccount, operatorServer } from "../../harness/operator.ts";
import { createUser, encodeUser } from "../../harness/jwt.ts";
import { jwtAuthenticator } from "@nats-io/transport-node";
import { temporaryDirectory } from "../../sim/environment.ts";

Deno.test("streams of accounts without clients are there after a restart", async () => {
  using directory = temporaryDirectory();
  const system = newAccount({}, { name: "SYS" });
  const account = newAccount({ limits: { disk_storage: 1e6, mem_storage: 1e6 } });
  const options: StartOptions = {
    jetStream: true,
    storeDir: directory.path,
    systemAccount: system.key,
  };
  {
    await using server = await operatorServer([system, account], options);
    const user = createUser();
    const jwt = encodeUser(user, account.pair);
    const client = await server.connect({
      authenticator: jwtAuthenticator(jwt, user.getSeed()),
    });
    const config = JSON.stringify({ name: "S", subjects: ["s"] });
    const created = (await client.request("$JS.API.STREAM.CREATE.S", config)).json<
      { error?: unknown }
    >();
    assertEquals(created.error, undefined);
  }
  await using server = await operatorServer([system, account], options);
  const live = server.account(account.key);
  assertEquals(live.connections.size, 0);
  const streams = server.server.jetStream!.accountOf(live)?.streams;
  assertEquals([...streams?.keys() ?? []], ["S"]);
});
