// Ports: test/maxpayload_test.go
/**
 * Messages larger than the server takes.
 *
 * @module
 */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { connectUser } from "../../harness/jwt_login.ts";
import { newAccount, operatorServer } from "../../harness/operator.ts";
import { ERR } from "../../harness/raw_client.ts";
import { testServer } from "../../harness/server.ts";

Deno.test("TestMaxPayload", async () => {
  await using server = await testServer({}, "max_payload: 2222");
  const client = await server.connect();
  const big = new Uint8Array(4 * 1024 * 1024);
  assertThrows(() => client.publish("foo", big), Error, "max_payload");

  const raw = await server.raw();
  await raw.info();
  await raw.send(`PUB bar ${big.length}\r\n`);
  const error = await raw.expect(ERR);
  assertStringIncludes(error[1]!, "Maximum Payload Violation");
  // The client that kept to the limit stays, the one that did not is gone.
  assertEquals(client.isClosed(), false);
  await raw.expectEnd();
});

Deno.test("TestMaxPayloadOverrun", async () => {
  await using server = await testServer({ maxPayload: 10_000 });
  let client = await server.rawLogin();
  await client.send("PUB foo 199380988\r\n");
  await client.expect(ERR);

  // More digits than a size may have: disconnected without a word.
  client = await server.rawLogin();
  await client.send("PUB foo 18446744073709551615123\r\n");
  assertEquals(await client.expectEnd(), "");
});

Deno.test("TestAsyncInfoWithSmallerMaxPayload", async () => {
  const account = newAccount({ limits: { payload: 522 } });
  await using server = await operatorServer([account]);
  const client = await connectUser(server, account);
  await client.flush();
  assertEquals(client.info!.max_payload, 522);
});
