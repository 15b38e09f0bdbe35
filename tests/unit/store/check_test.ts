/**
 * The store check finds damage and repairs by moving aside.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { checkStream, formatReport, repairStream } from "../../../src/store/check/check_store.ts";
import { streamStoreConfig } from "../../../src/store/config.ts";
import { FileStore } from "../../../src/store/file/file_store.ts";
import { realEnvironment, temporaryDirectory } from "../../sim/environment.ts";
import { put } from "../../sim/store_permutations.ts";

Deno.test("checkStream() reports a flipped byte and repairStream() moves it aside", async () => {
  using dir = temporaryDirectory();
  const env = realEnvironment();
  const path = `${dir.path}/S`;
  const store = new FileStore(env, { storeDir: path }, streamStoreConfig({ name: "S" }));
  for (let i = 0; i < 20; i++) put(store, "foo", `payload ${i}`);
  await store.stop();
  assert(checkStream(env, path, "S").isSound);
  const block = `${path}/msgs/1.blk`;
  const bytes = Deno.readFileSync(block);
  bytes[200]! ^= 8;
  Deno.writeFileSync(block, bytes);
  const report = checkStream(env, path, "S");
  assertEquals([report.isSound, report.blocks[0]!.records, report.index], [false, 19, "ok"]);
  assertStringIncludes(formatReport(report), "bytes damaged");
  assertEquals((await repairStream(env, path, "S")).msgs, 1);
  assert(checkStream(env, path, "S").isSound);
  assertEquals([...Deno.readDirSync(`${path}/lost`)].length > 0, true);
});

Deno.test("kill -9 of a writing process loses nothing that was flushed", async () => {
  for (let round = 0; round < 5; round++) {
    using dir = temporaryDirectory();
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        new URL("./_killed_writer.ts", import.meta.url).pathname,
        dir.path,
      ],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.getReader();
    const decoder = new TextDecoder();
    let text = "";
    while (text.length < 2000) {
      const { value, done } = await reader.read();
      if (done) break;
      text += decoder.decode(value);
    }
    child.kill("SIGKILL");
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      text += decoder.decode(read.value);
    }
    await child.status;
    const acknowledged = text.split("\n").slice(0, -1).map(Number);
    const last = acknowledged[acknowledged.length - 1]!;
    const env = realEnvironment();
    const config = streamStoreConfig({ name: "S", subjects: ["foo"] });
    const store = new FileStore(env, { storeDir: `${dir.path}/S`, blockBytes: 20_000 }, config);
    const state = store.state();
    assert(state.lastSeq >= last, `round ${round}: ${state.lastSeq} of ${last}`);
    assertEquals([state.msgs, state.firstSeq, state.lost?.msgs.length ?? 0], [state.lastSeq, 1, 0]);
    await store.stop();
  }
});
