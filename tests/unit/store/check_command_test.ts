/**
 * `store check` finds the streams of a data directory and tells what is wrong with them.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { STORE_USAGE } from "../../../src/store/check/command.ts";
import { jetStreamServer } from "../../harness/jetstream.ts";
import { temporaryDirectory } from "../../sim/environment.ts";

const main = new URL("../../../main.ts", import.meta.url).pathname;

async function store(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", main, "store", ...args],
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), error: decoder.decode(stderr) };
}

Deno.test("store check verifies, reports and repairs a data directory", async () => {
  using directory = temporaryDirectory();
  await using server = await jetStreamServer({ storeDir: directory.path });
  const js = await server.jetStream();
  await js.addStream({ name: "A", subjects: ["a.*"], max_msgs: 50, storage: "file" });
  await js.addStream({ name: "B", subjects: ["b"], compression: "s2", storage: "file" });
  for (let i = 0; i < 40; i++) await js.publish(`a.${i % 4}`, `body ${i}`);
  await js.publish("b", "only");
  await server.stop();

  const sound = await store("check", directory.path);
  assertEquals(sound.code, 0, sound.error);
  assertMatch(sound.out, /account \$G, stream A: index\.db ok\n/);
  assertMatch(sound.out, /account \$G, stream B: index\.db ok\n/);

  const path = `${directory.path}/jetstream/$G/streams/A`;
  const block = `${path}/msgs/1.blk`;
  const bytes = Deno.readFileSync(block);
  bytes[100]! ^= 1;
  Deno.writeFileSync(block, bytes);
  const found = await store("check", "--json", path);
  assertEquals(found.code, 1, found.error);
  const [report] = JSON.parse(found.out);
  assertEquals([report.stream, report.isSound, report.blocks[0].records], ["A", false, 39]);
  assert(report.blocks[0].damagedBytes > 0);

  const repaired = await store("check", directory.path, "--repair");
  assertEquals(repaired.code, 1);
  assertMatch(repaired.out, /repaired: 1 messages and \d+ bytes were lost/);
  assertEquals((await store("check", directory.path)).code, 0);

  await server.restart();
  const again = await server.jetStream();
  const { config, state } = await again.streamInfo("A");
  assertEquals([config.max_msgs, config.subjects, state.messages], [50, ["a.*"], 39]);
});

Deno.test("store says how it is used", async () => {
  using directory = temporaryDirectory();
  assertEquals(await store(), { code: 2, out: "", error: STORE_USAGE });
  assertEquals(await store("check", "a", "--wrong"), { code: 2, out: "", error: STORE_USAGE });
  const empty = await store("check", directory.path);
  assertEquals([empty.code, empty.error], [2, `no streams in "${directory.path}"\n`]);
});
