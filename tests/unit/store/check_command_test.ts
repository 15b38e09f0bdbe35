/**
 * `store check` finds the streams of a data directory and tells what is wrong with them.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { keyGenerator } from "../../../src/jetstream/engine/encryption.ts";
import { runStoreCommand, STORE_USAGE } from "../../../src/store/check/command.ts";
import { jetStreamServer } from "../../harness/jetstream.ts";
import { realEnvironment, temporaryDirectory } from "../../sim/environment.ts";

const main = new URL("../../../main.ts", import.meta.url).pathname;

function store(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  return storeWith({}, ...args);
}

async function storeWith(
  env: Record<string, string>,
  ...args: string[]
): Promise<{ code: number; out: string; error: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", main, "store", ...args],
    env,
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

/** The content of every file below `path`. */
function filesIn(path: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const { name, isDirectory } of Deno.readDirSync(path)) {
    const inside = `${path}/${name}`;
    if (!isDirectory) files.set(inside, Deno.readFileSync(inside).toHex());
    else for (const [file, content] of filesIn(inside)) files.set(file, content);
  }
  return files;
}

for (const cipher of ["chacha", "aes"]) {
  Deno.test(`store check repairs a stream under ${cipher} with its key only`, async () => {
    using directory = temporaryDirectory();
    const env = realEnvironment();
    // Without --cipher: what the stream is under shows by itself, and stays.
    const check = (key: string, ...more: string[]) =>
      runStoreCommand(["check", directory.path, ...more], env, { key, generator: keyGenerator });
    await using server = await jetStreamServer(
      {},
      `jetstream { store_dir: "${directory.path}", key: "right", cipher: ${cipher} }`,
    );
    const js = await server.jetStream();
    await js.addStream({ name: "A", subjects: ["a.*"], max_msgs: 50, storage: "file" });
    for (let i = 0; i < 40; i++) await js.publish(`a.${i % 4}`, `body ${i}`);
    await server.stop();

    const path = `${directory.path}/jetstream/$G/streams/A`;
    const block = `${path}/msgs/1.blk`;
    const bytes = Deno.readFileSync(block);
    bytes[100]! ^= 1;
    Deno.writeFileSync(block, bytes);
    const before = filesIn(directory.path);
    for (
      const [key, reason] of [
        ["", "it is encrypted and needs its key"],
        ["wrong", "the key does not open it"],
      ] as const
    ) {
      const { stdout, exitCode } = await check(key, "--repair");
      assertEquals(exitCode, 1);
      assertMatch(stdout, new RegExp(`\nnot repaired: ${reason}\n$`));
      assertEquals(filesIn(directory.path), before);
    }
    const found = await check("right");
    assertEquals(found.exitCode, 1);
    assertMatch(found.stdout, /bytes damaged/);
    assertEquals(filesIn(directory.path), before);

    const repaired = await check("right", "--repair");
    assertEquals(repaired.exitCode, 1);
    assertMatch(repaired.stdout, /repaired: 1 messages and \d+ bytes were lost/);
    const keys = [`${path}/meta.key`, `${path}/meta.inf`, `${path}/msgs/1.key`];
    const after = filesIn(directory.path);
    for (const file of keys) assertEquals(after.get(file), before.get(file), file);
    assertEquals((await check("right")).exitCode, 0);
    assertEquals((await check("wrong")).exitCode, 1);

    await server.restart();
    const again = await server.jetStream();
    const { config, state } = await again.streamInfo("A");
    assertEquals([config.max_msgs, config.subjects, state.messages], [50, ["a.*"], 39]);
  });
}

Deno.test("store check takes the key from NATS_STORE_KEY", async () => {
  using directory = temporaryDirectory();
  await using server = await jetStreamServer(
    {},
    `jetstream { store_dir: "${directory.path}", key: "right", cipher: aes }`,
  );
  const js = await server.jetStream();
  await js.addStream({ name: "A", subjects: ["a.*"], storage: "file" });
  await js.publish("a.1", "body");
  await server.stop();
  const args = ["check", directory.path];
  const verified = await storeWith({ NATS_STORE_KEY: "right" }, ...args);
  assertEquals(verified.code, 0, verified.out);
  assertMatch(verified.out, /index\.db ok\n/);
  const wrong = await storeWith({ NATS_STORE_KEY: "wrong" }, ...args);
  assertEquals(wrong.code, 1, wrong.out);
  // The command line is the more specific one.
  const overruled = await storeWith({ NATS_STORE_KEY: "wrong" }, ...args, "--key", "right");
  assertEquals(overruled.code, 0, overruled.out);
  for (const { out, error } of [verified, wrong, overruled]) {
    assertEquals(/right|wrong/.test(out + error), false, out);
  }
});

Deno.test("store check finds a damaged or missing meta.inf, and leaves it alone", async () => {
  using directory = temporaryDirectory();
  await using server = await jetStreamServer({ storeDir: directory.path });
  const js = await server.jetStream();
  await js.addStream({ name: "A", subjects: ["a.*"], storage: "file" });
  await js.publish("a.1", "body");
  await server.stop();
  const check = () =>
    runStoreCommand(["check", directory.path, "--repair"], realEnvironment(), {
      key: "",
      generator: keyGenerator,
    });
  const path = `${directory.path}/jetstream/$G/streams/A/meta.inf`;
  const bytes = Deno.readFileSync(path);
  bytes[10]! ^= 1;
  Deno.writeFileSync(path, bytes);
  const before = filesIn(directory.path);
  const damaged = await check();
  assertMatch(damaged.stdout, /meta\.inf checksum mismatch\n[^]*\nnot repaired: metafile/);
  assertEquals(filesIn(directory.path), before);
  Deno.removeSync(path);
  const missing = await check();
  assertMatch(missing.stdout, /meta\.inf missing\n[^]*\nnot repaired: missing metafile/);
  assertEquals([damaged.exitCode, missing.exitCode], [1, 1]);
});
