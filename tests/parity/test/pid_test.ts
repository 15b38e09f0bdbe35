// Ports: test/pid_test.go
/**
 * The file with the process id.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { withLogFolder } from "../../harness/logs.ts";
import { testServer } from "../../harness/server.ts";

Deno.test("TestPidFile", async () => {
  await withLogFolder(async (folder) => {
    const pidFile = `${folder}/nats-server:pid`;
    const { server } = await testServer({ pidFile });
    await server.stop();
    assertEquals(Deno.readTextFileSync(pidFile), String(Deno.pid));
  });
});
