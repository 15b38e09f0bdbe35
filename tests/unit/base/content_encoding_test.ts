/**
 * Bodies that are compressed because their requester accepts it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { acceptedEncoding, decompressS2, encodeContent } from "../../../src/base/compress/mod.ts";

Deno.test("the first encoding that the reference looks for is taken", () => {
  const answers = ["", "gzip", "GZIP, Snappy", "s2", "deflate"].map(acceptedEncoding);
  assertEquals(answers, [null, "gzip", "snappy", "snappy", "identity"]);
});

Deno.test("encoded bodies decode to what they were", () => {
  const body = new TextEncoder().encode("the quick brown fox ".repeat(10_000));
  assertEquals(new Uint8Array(gunzipSync(encodeContent(body, "gzip"))), body);
  assertEquals(decompressS2(encodeContent(body, "snappy")), body);
  assertEquals(encodeContent(body, "identity"), body);
});
