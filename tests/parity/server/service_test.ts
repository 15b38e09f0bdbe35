// Ports: server/service_test.go
/**
 * A server from start to end, as the command line runs it.
 *
 * @module
 */
import { assert } from "@std/assert";
import { startServer } from "../../../src/mod.ts";

Deno.test("TestRun", async () => {
  const server = await startServer({ host: "127.0.0.1", port: -1 });
  assert(server.ready);
  void server.stop();
  await server.finished;
});
