// Ports: test/port_test.go
/**
 * Random ports.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { testServer } from "../../harness/server.ts";

Deno.test("TestResolveRandomPort", async () => {
  await using server = await testServer({ port: -1 });
  assert(server.port !== 4222 && server.port !== -1);
  assertEquals(server.server.options.port, server.port);
});
