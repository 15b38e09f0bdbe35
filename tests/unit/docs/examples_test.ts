/**
 * Runs the examples of the documentation: programs run, configurations are accepted.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { emptyOptions, processConfigText, unbuiltFeatures } from "../../../src/config/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";

async function examplesOf(path: string, language: string): Promise<string[]> {
  const text = await Deno.readTextFile(path);
  const blocks = text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"));
  return [...blocks].map(([, code]) => code!);
}

for (
  const path of [
    "docs/embedding.md",
    "docs/monitoring.md",
    "docs/system_account.md",
    "docs/tracing.md",
    "README.md",
  ]
) {
  Deno.test(`the programs of ${path} run`, async () => {
    const examples = await examplesOf(path, "ts");
    assert(examples.length > 0);
    const module = new URL("../../../src/mod.ts", import.meta.url).href;
    for (const example of examples) {
      assert(example.includes("startServer"));
      const file = await Deno.makeTempFile({ suffix: ".ts" });
      await Deno.writeTextFile(file, example.replace("jsr:@natsts/server", module));
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "--config", "deno.json", file],
        stdout: "null",
        stderr: "piped",
      }).output();
      await Deno.remove(file);
      assert(success, new TextDecoder().decode(stderr));
    }
  });
}

for (
  const path of [
    "docs/operations.md",
    "docs/accounts.md",
    "docs/jetstream.md",
    "docs/operator_mode.md",
    "docs/auth_callout.md",
    "docs/system_account.md",
    "docs/tracing.md",
    "docs/leaf_nodes.md",
  ]
) {
  Deno.test(`the configurations of ${path} ask for nothing that is missing`, async () => {
    const examples = await examplesOf(path, "conf");
    assert(examples.length > 0);
    for (const example of examples) {
      const options = emptyOptions();
      processConfigText(options, example, systemConfigSource());
      assertEquals(unbuiltFeatures(options), []);
    }
  });
}
