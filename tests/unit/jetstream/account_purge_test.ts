/**
 * The system account removes what an account has stored.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { testServer } from "../../harness/server.ts";

Deno.test("only the system account purges accounts, and their streams and files are gone", async () => {
  const storeDir = await Deno.makeTempDir();
  {
    await using server = await testServer(
      { storeDir, jetStream: true },
      `accounts { A { jetstream: enabled, users [{user: a, password: a}] }
                  S { users [{user: s, password: s}] } }
       system_account: S`,
    );
    const owner = await server.connect({ user: "a", pass: "a" });
    const system = await server.connect({ user: "s", pass: "s" });
    const ask = async (client: typeof owner, account: string) => {
      const timeout = client === owner ? 200 : 5000;
      return (await client.request(`$JS.API.ACCOUNT.PURGE.${account}`, "", { timeout })).json();
    };
    const config = JSON.stringify({ name: "S1", subjects: ["x"], retention: "limits" });
    await owner.request("$JS.API.STREAM.CREATE.S1", config);
    await owner.request("x", "stored");
    await assertRejects(() => ask(owner, "A"));
    const type = "io.nats.jetstream.api.v1.account_purge_response";
    assertEquals(await ask(system, "A"), { type, initiated: true });
    const { streams } = (await owner.request("$JS.API.STREAM.NAMES", "")).json<
      { streams: string[] | null }
    >();
    assertEquals(streams, null);
    const left = [...Deno.readDirSync(`${storeDir}/jetstream`)].map(({ name }) => name);
    assertEquals(left.filter((name) => name === "A"), []);
    // What has no account, but may have files.
    assertEquals(await ask(system, "NOBODY"), { type, initiated: true });
    const wrong = await ask(system, "a/b");
    assertEquals(
      (wrong as { error: { description: string } }).error.description,
      "account name can not contain path separators",
    );
  }
  await Deno.remove(storeDir, { recursive: true });
});
