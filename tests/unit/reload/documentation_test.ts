/**
 * The tables of docs/reload.md: what they say changes does, and what they say stays is refused.
 *
 * @module
 */
import { assert, assertRejects, assertStringIncludes } from "@std/assert";
import { ReloadError } from "../../../src/reload/mod.ts";
import { LISTEN, reloadServer } from "../../harness/reload.ts";

const PAGE = new URL("../../../docs/reload.md", import.meta.url);

/** The examples of the table below a heading. */
async function examplesBelow(heading: string): Promise<string[]> {
  const text = await Deno.readTextFile(PAGE);
  const section = text.split("\n## ").find((part) => part.startsWith(heading));
  assert(section !== undefined, heading);
  return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, example]) => example!);
}

/** Examples write below the test's own folder. */
function below(folder: string, example: string): string {
  return example.replaceAll("/tmp", folder);
}

for (const example of await examplesBelow("What changes")) {
  Deno.test(`a running server takes ${example}, and does without again`, async () => {
    await using server = await reloadServer(LISTEN);
    await server.reload(LISTEN + below(server.folder, example));
    await server.reload(LISTEN);
  });
}

for (const example of await examplesBelow("What does not change")) {
  Deno.test(`a running server refuses ${example}`, async () => {
    await using server = await reloadServer(LISTEN);
    const before = structuredClone({ ...server.server.options, configDigest: "" });
    const error = await assertRejects(
      () => server.reload(LISTEN + below(server.folder, example)),
      ReloadError,
    );
    assertStringIncludes(error.message, "config reload not supported for ");
    const client = await server.accepted();
    await client.flush();
    assert(
      JSON.stringify(before) === JSON.stringify({ ...server.server.options, configDigest: "" }),
    );
  });
}
