// Ports: test/gosrv_test.go
/**
 * A stopped server leaves nothing behind. Deno's sanitizers count timers and sockets for us, as
 * the reference counts goroutines.
 *
 * @module
 */
import { RawClient } from "../../harness/raw_client.ts";
import { startServer } from "../../../src/mod.ts";

Deno.test("TestSimpleGoServerShutdown", async () => {
  const server = await startServer({ host: "127.0.0.1", port: -1 });
  await server.stop();
});

Deno.test("TestGoServerShutdownWithClients", async () => {
  const server = await startServer({ host: "127.0.0.1", port: -1 });
  const clients: RawClient[] = [];
  for (let i = 0; i < 50; i++) clients.push(await RawClient.connect(server.port));
  await server.stop();
  for (const client of clients) await client.end();
});

Deno.test("TestGoServerMultiShutdown", async () => {
  const server = await startServer({ host: "127.0.0.1", port: -1 });
  await server.stop();
  await server.stop();
});
