/** Durations, sizes, URLs, compression, what is not built, and natsts' own keys. */
import { assertEquals, assertThrows } from "@std/assert";
import {
  formatDurationMs,
  formatDurationNs,
  parseDurationMs,
  parseDurationNs,
} from "../../../src/base/text/duration.ts";
import { friendlyBytes, numberSuffix, parseInt64 } from "../../../src/base/text/size.ts";
import { applyBaseline } from "../../../src/config/baseline.ts";
import { normalizeCompression } from "../../../src/config/compression.ts";
import { describeFeatureFlags } from "../../../src/config/feature_flags.ts";
import { emptyOptions, type Options } from "../../../src/config/options.ts";
import { processConfigText } from "../../../src/config/process.ts";
import { unbuiltFeatures } from "../../../src/config/unbuilt.ts";
import {
  formatServerUrl,
  parseServerUrl,
  quoteText,
  redactServerUrl,
} from "../../../src/config/url.ts";
import { memorySource } from "../../parity/conf/_memory_source.ts";

function optionsOf(text: string): Options {
  const options = emptyOptions();
  processConfigText(options, text, memorySource());
  return options;
}

Deno.test("parseDurationNs() reads what Go reads", () => {
  const cases: [string, bigint][] = [
    ["0", 0n],
    ["1ns", 1n],
    ["1.5us", 1500n],
    ["2µs", 2000n],
    ["2μs", 2000n],
    ["-1.5h", -5_400_000_000_000n],
    ["+1h2m3.5s", 3_723_500_000_000n],
    ["1.s", 1_000_000_000n],
    [".5s", 500_000_000n],
    ["9223372036854775807ns", 9_223_372_036_854_775_807n],
    ["-9223372036854775808ns", -9_223_372_036_854_775_808n],
  ];
  for (const [text, ns] of cases) assertEquals(parseDurationNs(text), ns, text);
  assertEquals(parseDurationMs("1.5ms"), 1.5);
});

Deno.test("parseDurationNs() fails with Go's texts", () => {
  const cases: [string, string][] = [
    ["", 'time: invalid duration ""'],
    ["-", 'time: invalid duration "-"'],
    ["5", 'time: missing unit in duration "5"'],
    ["5x", 'time: unknown unit "x" in duration "5x"'],
    [".s", 'time: invalid duration ".s"'],
    ["x", 'time: invalid duration "x"'],
    ["1é", 'time: unknown unit "\\xc3\\xa9" in duration "1\\xc3\\xa9"'],
    ["9223372036854775808ns", 'time: invalid duration "9223372036854775808ns"'],
    ["1constructor", 'time: unknown unit "constructor" in duration "1constructor"'],
  ];
  for (const [text, message] of cases) {
    assertEquals(assertThrows(() => parseDurationNs(text), Error).message, message);
  }
});

Deno.test("formatDurationNs() writes what Go writes", () => {
  const cases: [bigint, string][] = [
    [0n, "0s"],
    [1n, "1ns"],
    [1100n, "1.1µs"],
    [2_200_000n, "2.2ms"],
    [3_300_000_000n, "3.3s"],
    [245_000_000_000n, "4m5s"],
    [245_001_000_000n, "4m5.001s"],
    [18_367_001_000_000n, "5h6m7.001s"],
    [-90_000_000_000n, "-1m30s"],
    [3_600_000_000_000n, "1h0m0s"],
  ];
  for (const [ns, text] of cases) assertEquals(formatDurationNs(ns), text);
  assertEquals(formatDurationMs(1500), "1.5s");
});

Deno.test("sizes have the suffixes of the configuration and of people", () => {
  assertEquals(numberSuffix("KiB"), 1024n);
  assertEquals(numberSuffix("k"), 1000n);
  assertEquals(numberSuffix("bb"), null);
  assertEquals(numberSuffix("kbb"), null);
  assertEquals(parseInt64("-0012"), -12n);
  assertEquals(
    assertThrows(() => parseInt64("9223372036854775808"), Error).message,
    'strconv.ParseInt: parsing "9223372036854775808": value out of range',
  );
  assertEquals(friendlyBytes(100), "100 B");
  assertEquals(friendlyBytes(1536), "1.50 KB");
  assertEquals(friendlyBytes(64 * 1024 ** 2), "64.00 MB");
});

Deno.test("parseServerUrl() and formatServerUrl() follow Go", () => {
  for (
    const text of [
      "nats://user:pass@host:4222",
      "nats://[::1]:4222",
      "ws://host/path?query=1#part",
      "nats://u%40x:p%2Fy@host",
      "foo.bar",
      "",
    ]
  ) assertEquals(formatServerUrl(parseServerUrl(text)), text);
  const url = parseServerUrl("NATS://u%40x:p@[fe80::1%25en0]:1/a%20b");
  assertEquals([url.scheme, url.user?.username, url.path], ["nats", "u@x", "/a b"]);
  assertEquals(url.host, "[fe80::1%en0]:1");
  assertEquals(redactServerUrl(parseServerUrl("nats://u:p@h")), "nats://u:xxxxx@h");
  const errors: [string, string][] = [
    [":x", 'parse ":x": missing protocol scheme'],
    ["nats://h:x", 'parse "nats://h:x": invalid port ":x" after host'],
    ["nats://[::1", "parse \"nats://[::1\": missing ']' in host"],
    ["a b:1", 'parse "a b:1": first path segment in URL cannot contain colon'],
    ["x\ny", 'parse "x\\ny": net/url: invalid control character in URL'],
    ["/%zz", 'parse "/%zz": invalid URL escape "%zz"'],
  ];
  for (const [text, message] of errors) {
    assertEquals(assertThrows(() => parseServerUrl(text), Error).message, message);
  }
});

Deno.test("quoteText() escapes as Go's %q", () => {
  assertEquals(
    quoteText('a "b"\\\n\t\0é\u2028 \u{1f600}'),
    '"a \\"b\\"\\\\\\n\\t\\x00é\\u2028 😀"',
  );
});

Deno.test("normalizeCompression() checks modes and thresholds", () => {
  const normal = (mode: string, ...rttThresholdsMs: number[]) => {
    const compression = { mode, rttThresholdsMs };
    normalizeCompression(compression, "s2_fast");
    return [compression.mode, ...compression.rttThresholdsMs];
  };
  assertEquals(normal("on"), ["s2_fast"]);
  assertEquals(normal("Auto"), ["s2_auto", 10, 50, 100]);
  assertEquals(normal("s2_auto", 5, 0, 20, 0), ["s2_auto", 5, 0, 20]);
  const fails = (message: string, mode: string, ...thresholds: number[]) => {
    const error = assertThrows(() => normal(mode, ...thresholds), Error);
    assertEquals(error.message, message);
  };
  fails('unsupported compression mode "gzip"', "gzip");
  fails('unsupported compression mode "constructor"', "constructor");
  fails("RTT threshold values [20ms 10ms] should be in ascending order", "auto", 20, 10);
  fails('compression mode "auto" requires at least one RTT threshold', "auto", 0);
  fails(
    'compression mode "auto" should have no more than 4 RTT thresholds: [1ms 2ms 3ms 4ms 5ms]',
    "auto",
    1,
    2,
    3,
    4,
    5,
  );
});

Deno.test("log_format is text or json", () => {
  assertEquals(emptyOptions().logFormat, "text");
  assertEquals(optionsOf("log_format: json").logFormat, "json");
  assertThrows(() => optionsOf("log_format: xml"), Error, "must be 'text' or 'json'");
});

Deno.test("integers beyond 2^53 are refused", () => {
  assertThrows(
    () => optionsOf("max_pending: 9007199254740993"),
    Error,
    "integer '9007199254740993' is out of the range",
  );
});

Deno.test("unbuiltFeatures() names what an option asks for, and nothing for a plain server", () => {
  const plain = emptyOptions();
  applyBaseline(plain);
  assertEquals(unbuiltFeatures(plain), []);
  const keysOf = (text: string) =>
    unbuiltFeatures(optionsOf(text)).map((line) => line.split(":")[0]);
  assertEquals(keysOf("ocsp { mode: always }"), ["ocsp"]);
});

Deno.test("describeFeatureFlags() shows what was configured", () => {
  assertEquals(describeFeatureFlags(new Map()), []);
  assertEquals(
    describeFeatureFlags(
      new Map([["js_raft_delete_range", false], ["js_ack_fc_v2", true], ["x", true]]),
    ),
    [
      "  Feature flags:",
      "    Configured:    js_ack_fc_v2 (opt-in), js_raft_delete_range (disabled)",
      "    Unsupported:   x",
    ],
  );
});
