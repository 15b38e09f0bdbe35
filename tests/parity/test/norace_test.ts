// Ports: test/norace_test.go
/**
 * Memory of permissions that come with requests.
 *
 * @module
 */
import { assert } from "@std/assert";
import { OK, type RawClient } from "../../harness/raw_client.ts";
import { usedBytes } from "../../harness/memory.ts";
import { type TestServer, testServer } from "../../harness/server.ts";

const CONFIG = `
authorization {
  PASS: $2a$04$P/.bd.7unw9Ew7yWJqXsl.f4oNRLQGvadEL2YnqQXbbb.IVQajRdK
  users = [
    { user: alice, password: $PASS, permissions: { publish = ">", subscribe = ">" } }
    { user: svcb, password: $PASS, permissions: {
        subscribe = "my.service.req", allow_responses = { max: 10, ttl: "10ms" } } }
  ]
}`;

async function login(server: TestServer, user: string): Promise<RawClient> {
  const client = await server.raw();
  await client.login({ user, pass: "foo", verbose: true });
  await client.expect(OK);
  return client;
}

Deno.test("TestNoRaceDynamicResponsePermsMemory", async () => {
  await using server = await testServer({}, CONFIG);
  const requestor = await login(server, "alice");
  const responder = await login(server, "svcb");
  await responder.send("SUB my.service.req 1\r\n");
  await responder.expect(OK);
  const before = usedBytes();
  // Nobody answers these, so the permissions to answer pile up until they run out.
  const requests = 10_000;
  const batch = 100;
  for (let i = 0; i < requests; i += batch) {
    const lines: string[] = [];
    for (let k = i; k < i + batch; k++) lines.push(`PUB my.service.req resp.${k} 2\r\nok\r\n`);
    await requestor.send(lines.join(""));
    for (let k = 0; k < batch; k++) await requestor.expect(OK);
    await responder.messages(batch);
  }
  const grownBytes = usedBytes() - before;
  assert(grownBytes < 20 * 1024 * 1024, `grew by ${grownBytes} bytes`);
});
