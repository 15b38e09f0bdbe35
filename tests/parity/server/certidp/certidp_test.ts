// Ports: server/certidp/certidp_test.go
/**
 * Words for what responders say.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { statusText } from "../../../../src/ocsp/mod.ts";

Deno.test("TestGetStatusAssertionStr", async (t) => {
  for (
    const [name, status, expected] of [
      ["GoodStatus", 0, "good"],
      ["RevokedStatus", 1, "revoked"],
      ["UnknownStatus", 2, "unknown"],
      ["InvalidStatus", 42, "unknown"],
    ] as const
  ) await t.step(name, () => assertEquals(statusText(status), expected));
});
