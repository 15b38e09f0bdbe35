// Ports: server/util_test.go
import { assertEquals, assertThrows } from "@std/assert";
import { comma } from "../../../src/base/text/comma.ts";
import { parseDigits } from "../../../src/base/text/digits.ts";
import { parseHostPort } from "../../../src/base/text/host_port.ts";
import {
  formatServerUrl,
  parseServerUrl,
  redactServerUrl,
  redactUrlText,
  serverUrlsAreEqual,
} from "../../../src/config/url.ts";
import { versionAtLeast } from "../../../src/config/validate_leafnode.ts";
import { parseSize } from "../../../src/protocol/size.ts";

function checkParse(parse: (buffer: Uint8Array, start: number, end: number) => number): void {
  const of = (text: string): number => {
    const bytes = new TextEncoder().encode(text);
    return parse(bytes, 0, bytes.length);
  };
  assertEquals(of(""), -1);
  assertEquals(of("12345678"), 12345678);
  assertEquals(of("12345invalid678"), -1);
}

Deno.test("TestParseSize", () => checkParse(parseSize));

Deno.test("TestParseSInt64", () => checkParse(parseDigits));

Deno.test("TestParseHostPort", () => {
  const is = (text: string, portDefault: number, host: string, port: number): void =>
    assertEquals(parseHostPort(text, portDefault), { host, port }, text);
  is("addr:1234", 5678, "addr", 1234);
  is(" addr:1234 ", 5678, "addr", 1234);
  is(" addr : 1234 ", 5678, "addr", 1234);
  is("addr", 5678, "addr", 5678);
  is(" addr ", 5678, "addr", 5678);
  is("addr:-1", 5678, "addr", 5678);
  is(" addr:-1 ", 5678, "addr", 5678);
  is(" addr : -1 ", 5678, "addr", 5678);
  is("addr:0", 5678, "addr", 5678);
  is(" addr:0 ", 5678, "addr", 5678);
  is(" addr : 0 ", 5678, "addr", 5678);
  for (const text of ["addr:addr", "addr:::1234", ""]) assertThrows(() => parseHostPort(text, 0));
});

Deno.test("TestURLsAreEqual", () => {
  const is = (text1: string, text2: string, expected: boolean): void =>
    assertEquals(serverUrlsAreEqual(parseServerUrl(text1), parseServerUrl(text2)), expected, text1);
  for (
    const text of [
      "nats://localhost:4222",
      "nats://ivan:pwd@localhost:4222",
      "nats://ivan@localhost:4222",
      "nats://ivan:@localhost:4222",
    ]
  ) is(text, text, true);
  is("nats://host1:4222", "nats://host2:4222", false);
  is("nats://ivan@localhost:4222", "nats://ivan:@localhost:4222", false);
});

Deno.test("TestComma", () => {
  const cases: [value: number | bigint, text: string][] = [
    [0, "0"],
    [10, "10"],
    [100, "100"],
    [1000, "1,000"],
    [10000, "10,000"],
    [100000, "100,000"],
    [10000000, "10,000,000"],
    [10100000, "10,100,000"],
    [10010000, "10,010,000"],
    [10001000, "10,001,000"],
    [123456789, "123,456,789"],
    [9223372n * 10n ** 12n, "9,223,372,000,000,000,000"],
    [2n ** 63n - 1n, "9,223,372,036,854,775,807"],
    [-(2n ** 63n), "-9,223,372,036,854,775,808"],
    [-9223372n * 10n ** 12n, "-9,223,372,000,000,000,000"],
    [-123456789, "-123,456,789"],
    [-10100000, "-10,100,000"],
    [-10010000, "-10,010,000"],
    [-10001000, "-10,001,000"],
    [-10000000, "-10,000,000"],
    [-100000, "-100,000"],
    [-10000, "-10,000"],
    [-1000, "-1,000"],
    [-100, "-100"],
    [-10, "-10"],
  ];
  for (const [value, text] of cases) assertEquals(comma(value), text);
});

Deno.test("TestURLRedaction", () => {
  const cases: [full: string, safe: string][] = [
    ["nats://foo:bar@example.org", "nats://foo:xxxxx@example.org"],
    ["nats://foo@example.org", "nats://foo@example.org"],
    ["nats://example.org", "nats://example.org"],
    ["nats://example.org/foo?bar=1", "nats://example.org/foo?bar=1"],
  ];
  for (const [full, safe] of cases) assertEquals(redactUrlText(full), safe);
  const redacted = cases.map(([full]) => redactServerUrl(parseServerUrl(full)));
  assertEquals(redacted, cases.map(([, safe]) => formatServerUrl(parseServerUrl(safe))));
});

Deno.test("TestVersionAtLeast", async (t) => {
  const cases: [version: string, atLeast: [number, number, number], result: boolean][] = [
    ["2.0.0-beta", [1, 9, 9], true],
    ["2.0.0", [1, 99, 9], true],
    ["2.2.0", [2, 1, 9], true],
    ["2.2.2", [2, 2, 2], true],
    ["2.2.2", [2, 2, 3], false],
    ["2.2.2", [2, 3, 2], false],
    ["2.2.2", [3, 2, 2], false],
    ["2.22.2", [3, 0, 0], false],
    ["2.2.22", [2, 3, 0], false],
    ["bad.version", [1, 2, 3], false],
  ];
  for (const [version, atLeast, result] of cases) {
    await t.step(`${version} at least ${atLeast.join(".")}`, () => {
      assertEquals(versionAtLeast(version, atLeast) ?? false, result);
    });
  }
});
