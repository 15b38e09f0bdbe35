/**
 * The ports file, as tools that start servers on random ports read it.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { StartError } from "../../../src/mod.ts";
import { withLogFolder } from "../../harness/logs.ts";
import { testServer } from "../../harness/server.ts";

Deno.test("the ports file is there while the server runs", async () => {
  await withLogFolder(async (folder) => {
    const server = await testServer({
      portsFileDir: folder,
      httpHost: "127.0.0.1",
      httpPort: -1,
    });
    const path = `${folder}/nats-server_${Deno.pid}.ports`;
    assertEquals(
      Deno.readTextFileSync(path),
      `{"nats":["nats://127.0.0.1:${server.port}"],` +
        `"monitoring":["http://127.0.0.1:${server.server.monitorPort}"]}`,
    );
    await server[Symbol.asyncDispose]();
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("a server on all addresses lists each of them", async () => {
  await withLogFolder(async (folder) => {
    await using server = await testServer({ host: "0.0.0.0", portsFileDir: folder });
    const { nats } = JSON.parse(
      Deno.readTextFileSync(`${folder}/nats-server_${Deno.pid}.ports`),
    );
    assert(nats.includes(`nats://127.0.0.1:${server.port}`), JSON.stringify(nats));
  });
});

Deno.test("a pid file that cannot be written keeps the server from starting", async () => {
  await assertRejects(
    () => testServer({ pidFile: "/no/such/folder/nats.pid" }),
    StartError,
    "Could not write pidfile: ",
  );
});
