/**
 * Exports and imports between the accounts of a configuration.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";
import { testServer } from "../../harness/server.ts";

/** X exports a service and a stream twice, on `terms` and on `more`; `importer` wants both. */
function exportedTwice(terms: string, more: string, importer: string): string {
  return `accounts {
    X {
      exports [
        { service: a ${terms} }, { service: a ${more} }, { stream: s ${terms} }, { stream: s ${more} }
      ]
    }
    Y { imports [ ${importer === "Y" ? WANTED : ""} ] }
    Z { imports [ ${importer === "Z" ? WANTED : ""} ] }
  }`;
}

const WANTED = "{ service { account: X, subject: a } }, { stream { account: X, subject: s } }";

Deno.test("exports of one subject add up the accounts that may import", async () => {
  for (const importer of ["Y", "Z"]) {
    const config = exportedTwice(", accounts: [Y]", ", accounts: [Z]", importer);
    await using server = await testServer({}, config);
    const { streamImports, serviceImports } = server.account(importer);
    const own = serviceImports.filter(({ internal }) => !internal);
    assertEquals([streamImports.length, own.length], [1, 1]);
  }
});

Deno.test("an export that names no accounts does not open an earlier one that does", () => {
  const parse = (importer: string) =>
    processConfigText(
      emptyOptions(),
      exportedTwice(", accounts: [Y]", "", importer),
      systemConfigSource(),
    );
  parse("Y");
  assertThrows(() => parse("Z"), Error, "import not authorized");
});

Deno.test("an export that allows one reply does not take back many", async () => {
  const parse = (more: string) =>
    `accounts { A { exports [
       { service: s, response_type: stream, allow_trace: true }, { service: s ${more} }
     ] } }`;
  await using server = await testServer({}, parse(""));
  const service = server.account("A").exports.service("s")!;
  assertEquals([service.responseType, service.allowTrace], ["Streamed", true]);
  await using changed = await testServer({}, parse(", response_type: chunked"));
  assertEquals(changed.account("A").exports.service("s")!.responseType, "Chunked");
  // So its latency cannot be measured either.
  assertThrows(
    () => processConfigText(emptyOptions(), parse(", latency: results"), systemConfigSource()),
    Error,
    'Error adding service latency sampling for "s" on subject "results": bad service response type',
  );
});
