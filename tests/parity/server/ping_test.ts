// Ports: server/ping_test.go
/**
 * PINGs at their interval.
 *
 * @module
 */
import { assert } from "@std/assert";
import { PING, PONG } from "../../harness/raw_client.ts";
import { testServer } from "../../harness/server.ts";

Deno.test("TestPing", async () => {
  await using server = await testServer({ pingIntervalMs: 50 });
  const client = await server.rawLogin();
  await client.send("PING\r\n");
  await client.expect(PONG);
  for (let i = 0; i < 3; i++) {
    const startMs = performance.now();
    await client.expect(PING);
    const tookMs = performance.now() - startMs;
    // The upper bound of the reference is 75 ms; tests here share two cores.
    assert(tookMs >= 25 && tookMs <= 2000, `pinged after ${tookMs} ms`);
    await client.send("PONG\r\n");
  }
});
