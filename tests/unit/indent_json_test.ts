/**
 * Compact JSON set on lines.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { indentJson } from "../../src/base/json/mod.ts";

Deno.test("JSON is set on lines as JSON.stringify does it", () => {
  const values = [
    null,
    [],
    {},
    [[], {}],
    { a: [1, -2.5e3, true], 'b"},{': { c: 'x:[y], \\ "' }, d: [{}, [""]] },
  ];
  for (const value of values) {
    assertEquals(indentJson(JSON.stringify(value)), JSON.stringify(value, null, 2));
  }
});
