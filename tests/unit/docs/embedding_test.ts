/**
 * Runs the example of docs/embedding.md and README.md.
 *
 * @module
 */
import { assert } from "@std/assert";

async function exampleOf(path: string): Promise<string> {
  const text = await Deno.readTextFile(path);
  const code = /```ts\n([\s\S]*?)```/.exec(text)?.[1] ?? "";
  const module = new URL("../../../src/mod.ts", import.meta.url).href;
  return code.replace("jsr:@natsts/server", module);
}

for (const path of ["docs/embedding.md", "README.md"]) {
  Deno.test(`the example of ${path} runs`, async () => {
    const example = await exampleOf(path);
    assert(example.includes("startServer"));
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    await Deno.writeTextFile(file, example);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", "deno.json", file],
      stdout: "null",
      stderr: "piped",
    }).output();
    await Deno.remove(file);
    assert(success, new TextDecoder().decode(stderr));
  });
}
