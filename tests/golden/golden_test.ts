/**
 * Data directories that the real server wrote (see make.ts) open here with the same streams,
 * messages and consumers that the real server found in them.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { keyGenerator } from "../../src/jetstream/engine/encryption.ts";
import { runStoreCommand } from "../../src/store/check/command.ts";
import { realEnvironment } from "../sim/environment.ts";
import { testServer } from "../harness/server.ts";
import { JsClient, type Json } from "../harness/jetstream.ts";
import { readContent } from "./content.ts";
import { copyTree } from "./copy.ts";
import { configOf, DIRECTORIES } from "./directories.ts";

const data = new URL("data/", import.meta.url).pathname;

for (const directory of DIRECTORIES) {
  Deno.test(`the directory "${directory.name}" of nats-server opens as it does there`, async () => {
    const storeDir = Deno.makeTempDirSync({ prefix: "natsts-golden-" });
    try {
      copyTree(`${data}${directory.name}/jetstream`, `${storeDir}/jetstream`);
      const expected = JSON.parse(
        Deno.readTextFileSync(`${data}${directory.name}/expected.json`),
      );
      // The second time it is our own files that are opened.
      for (const what of ["as nats-server left it", "as natsts left it"]) {
        await using server = await testServer({}, configOf(directory, storeDir));
        const content = await readContent(await server.connect());
        assertEquals(Object.keys(content).sort(), Object.keys(expected).sort(), what);
        for (const name of Object.keys(expected)) {
          assertEquals(content[name], expected[name], `stream ${name} ${what}`);
        }
      }
    } finally {
      await Deno.remove(storeDir, { recursive: true });
    }
  });
}

for (const directory of DIRECTORIES.filter(({ encryption }) => encryption !== undefined)) {
  Deno.test(`store check verifies "${directory.name}" with its key only`, async () => {
    const env = realEnvironment();
    const path = `${data}${directory.name}/jetstream`;
    const { key, cipher } = directory.encryption!;
    const check = (...more: string[]) =>
      runStoreCommand(["check", path, "--json", ...more], env, {
        key: "",
        generator: keyGenerator,
      });
    const verified = await check("--key", key, "--cipher", cipher);
    assertEquals(verified.exitCode, 0, verified.stdout);
    const records = JSON.parse(verified.stdout)
      .flatMap(({ blocks }: Json) => blocks)
      .reduce((sum: number, block: Json) => sum + block.records, 0);
    assert(records > 50);
    for (const [more, text] of [[[], /not verified without its key/], [["--key=wrong"], /key/]]) {
      const { exitCode, stdout } = await check(...more as string[]);
      assertEquals(exitCode, 1);
      assertMatch(stdout, text as RegExp);
    }
  });
}

Deno.test("streams of nats-server go on here: ids are remembered, limits hold", async () => {
  const storeDir = Deno.makeTempDirSync({ prefix: "natsts-golden-" });
  const directory = DIRECTORIES.find(({ name }) => name === "plain")!;
  try {
    copyTree(`${data}plain/jetstream`, `${storeDir}/jetstream`);
    await using server = await testServer({}, configOf(directory, storeDir));
    const js = new JsClient(await server.connect());
    const again = await js.publish("plain.id", "twice", { "Nats-Msg-Id": "id-1" });
    assert(again.duplicate);
    const { state: before } = await js.streamInfo("PER");
    await js.publish("per.0", "more");
    const { state: after } = await js.streamInfo("PER");
    assertEquals([after.messages, after.last_seq], [before.messages, before.last_seq + 1]);
  } finally {
    await Deno.remove(storeDir, { recursive: true });
  }
});
