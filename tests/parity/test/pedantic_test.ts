// Ports: test/pedantic_test.go
/**
 * Clients that want their subjects checked.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { CapturedLog } from "../../harness/captured_log.ts";
import { ERR, type RawClient } from "../../harness/raw_client.ts";
import { testServer } from "../../harness/server.ts";

async function withPedanticClient(use: (client: RawClient) => Promise<void>): Promise<void> {
  await using server = await testServer({ logger: new CapturedLog({ trace: true }) });
  const client = await server.rawLogin({ pedantic: true });
  await client.flush();
  await use(client);
}

Deno.test("TestPedanticSub", async () => {
  await withPedanticClient(async (client) => {
    let error = "";
    for (const subject of ["foo.", ".foo.", "foo..bar", "foo.>.bar"]) {
      await client.send(`SUB ${subject} 1\r\n`);
      error = (await client.expect(ERR))[1]!;
    }
    assertEquals(error, "'Invalid Subject'");
  });
});

Deno.test("TestPedanticPub", async () => {
  await withPedanticClient(async (client) => {
    for (const subject of ["foo.*", "foo.>", "foo.", ".foo", "foo..*"]) {
      await client.send(`PUB ${subject} 2\r\nok\r\n`);
      await client.expect(ERR);
    }
  });
});
