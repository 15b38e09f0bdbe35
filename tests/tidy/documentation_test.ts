/**
 * What others use is explained where it stands, and nothing is put off in the sources.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { sourceFiles } from "./_files.ts";

const EXPORT =
  /^export (?:default |abstract |async |declare )*(?:class|function\*?|const|let|interface|type|enum) (\w+)/;
/** Signs of unfinished work and of rules that were switched off. */
const PUT_OFF = /\b(TODO|FIXME|XXX)\b|deno-lint-ignore|@ts-(ignore|expect-error|nocheck)/;

Deno.test("every export has a comment, every file a header", async () => {
  const wrong: string[] = [];
  for await (const file of sourceFiles("src")) {
    const lines = (await Deno.readTextFile(file)).split("\n");
    if (!lines[0]!.startsWith("/**")) wrong.push(`${file}: no header`);
    for (const [index, line] of lines.entries()) {
      const found = EXPORT.exec(line);
      if (found === null || lines[index - 1]!.trimEnd().endsWith("*/")) continue;
      // Overloads share the comment of the first one.
      const overload = lines.slice(0, index).some((before) =>
        EXPORT.exec(before)?.[1] === found[1]
      );
      if (!overload) wrong.push(`${file}:${index + 1}: ${found[1]}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("nothing in the sources is put off or switched off", async () => {
  const wrong: string[] = [];
  for await (const file of sourceFiles("src")) {
    for (const [index, line] of (await Deno.readTextFile(file)).split("\n").entries()) {
      if (PUT_OFF.test(line)) wrong.push(`${file}:${index + 1}: ${line.trim()}`);
    }
  }
  assertEquals(wrong, []);
});
