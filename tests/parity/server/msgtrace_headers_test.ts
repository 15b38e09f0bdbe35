/**
 * Ports: server/msgtrace_test.go, the headers that ask for a trace and what the configuration says
 * of those of others.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { bytesOfByteString } from "../../../src/base/text/byte_string.ts";
import { emptyOptions, processConfigText } from "../../../src/config/mod.ts";
import { readTraceHeaders } from "../../../src/core/trace/trace_headers.ts";
import { systemConfigSource } from "../../../src/platform/deno/config_source.ts";

const DEST = "Nats-Trace-Dest";
const PARENT = "traceparent";
const CONTEXT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

/** Name, headers behind the first line, what is read of them, whether only the context asks. */
type Case = readonly [string, string, Record<string, string[]>, boolean?];

const SOME = { "Some-Header": ["some value"] };
const DESTINATION = { [DEST]: ["some.dest"] };
const SAMPLED = { [PARENT]: [`${CONTEXT}-01`] };

const CASES: readonly Case[] = [
  ["no trace header present", "Header1: val1\r\nHeader2: val2\r\n", {}],
  ["trace header with some prefix", `Some-Prefix-${DEST}: some value\r\n`, {}],
  ["trace header with some suffix", `${DEST}-Some-Suffix: some value\r\n`, {}],
  ["trace header with space before colon", `${DEST} : some value\r\n`, {}],
  ["trace header with missing cr_lf for value", `${DEST}: bogus`, {}],
  ["trace header with empty value", `${DEST}:      \r\n`, {}],
  ["external trace header with some prefix", `Some-Prefix-${PARENT}: ${CONTEXT}-01\r\n`, {}],
  ["external trace header with some suffix", `${PARENT}-Some-Suffix: ${CONTEXT}-01\r\n`, {}],
  ["external header with space before colon", `${PARENT} : ${CONTEXT}-01\r\n`, {}],
  ["external header with missing cr_lf for value", `${PARENT}: ${CONTEXT}-01`, {}],
  ["external header with empty value", `${PARENT}:      \r\n`, {}],
  ["trace header first", `${DEST}: some.dest\r\nSome-Header: some value\r\n`, {
    ...SOME,
    ...DESTINATION,
  }],
  ["trace header last", `Some-Header: some value\r\n${DEST}: some.dest\r\n`, {
    ...SOME,
    ...DESTINATION,
  }],
  [
    "trace header multiple values",
    `${DEST}: some.dest\r\nSome-Header: some value\r\n${DEST}: some.dest.2`,
    // The second one has no line end, which the reference's test does not look at.
    { ...SOME, ...DESTINATION },
  ],
  [
    "trace header and some empty key",
    `${DEST}: some.dest\r\n: bogus\r\nSome-Header: some value\r\n`,
    { ...SOME, ...DESTINATION },
  ],
  [
    "trace header and some header missing cr_lf for value",
    `${DEST}: some.dest\r\nSome-Header: bogus`,
    DESTINATION,
  ],
  ["trace header and trims value", `${DEST}:    some.dest   \r\n`, DESTINATION],
  [
    "trace header and external after",
    `${DEST}: some.dest\r\n${PARENT}: ${CONTEXT}-01\r\nSome-Header: some value\r\n`,
    { ...SOME, ...DESTINATION, ...SAMPLED },
  ],
  [
    "trace header and external before",
    `${PARENT}: ${CONTEXT}-01\r\n${DEST}: some.dest\r\nSome-Header: some value\r\n`,
    { ...SOME, ...DESTINATION, ...SAMPLED },
  ],
  ["external malformed", `${PARENT}: 00-4bf92f3577b34da6a3ce929d0e0e4736-01\r\n`, {}],
  [
    "external first and sampling",
    `${PARENT}: ${CONTEXT}-01\r\nSome-Header: some value\r\n`,
    { ...SOME, ...SAMPLED },
    true,
  ],
  [
    "external middle and sampling",
    `Some-Header: some value1\r\n${PARENT}: ${CONTEXT}-01\r\nSome-Header: some value2\r\n`,
    { "Some-Header": ["some value1", "some value2"], ...SAMPLED },
    true,
  ],
  [
    "external last and sampling",
    `Some-Header: some value\r\n${PARENT}: ${CONTEXT}-01\r\n`,
    { ...SOME, ...SAMPLED },
    true,
  ],
  [
    "external sampling with not just 01",
    `${PARENT}: ${CONTEXT}-27\r\nSome-Header: some value\r\n`,
    { ...SOME, [PARENT]: [`${CONTEXT}-27`] },
    true,
  ],
  [
    "external trims value",
    `${PARENT}:     ${CONTEXT}-01   \r\nSome-Header: some value\r\n`,
    { ...SOME, ...SAMPLED },
    true,
  ],
  [
    "external with different case and sampling",
    `TrAcEpArEnT: ${CONTEXT}-01\r\nSome-Header: some value\r\n`,
    { ...SOME, TrAcEpArEnT: [`${CONTEXT}-01`] },
    true,
  ],
  [
    "external first and not sampling",
    `${PARENT}: ${CONTEXT}-00\r\nSome-Header: some value\r\n`,
    {},
  ],
  [
    "external middle and not sampling",
    `Some-Header: some value1\r\n${PARENT}: ${CONTEXT}-00\r\nSome-Header: some value2\r\n`,
    {},
  ],
  ["external last and not sampling", `Some-Header: some value\r\n${PARENT}: ${CONTEXT}-00\r\n`, {}],
  [
    "external not sampling with not just 00",
    `${PARENT}: ${CONTEXT}-22\r\nSome-Header: some value\r\n`,
    {},
  ],
];

Deno.test("TestMsgTraceGenHeaderMap", async (t) => {
  const read = (text: string) => readTraceHeaders(bytesOfByteString(text));
  await t.step("missing header line", () => {
    assertEquals(read(`${DEST}: val\r\n`), null);
  });
  for (const [name, lines, expected, external = false] of CASES) {
    await t.step(name, () => {
      const found = read(`NATS/1.0\r\n${lines}`);
      assertEquals(Object.fromEntries(found?.all ?? []), expected);
      assertEquals(found?.external ?? false, external);
    });
  }
});

Deno.test("TestMsgTraceParseAccountDestWithSampling", async (t) => {
  const cases: readonly [string, string, number][] = [
    ["trace sampling no dest", "msg_trace: {sampling: 50}", 0],
    ["trace dest only", "msg_trace: {dest: foo}", 100],
    ["trace dest with number only", "msg_trace: {dest: foo, sampling: 20}", 20],
    ["trace dest with percentage", "msg_trace: {dest: foo, sampling: 50%}", 50],
  ];
  for (const [name, field, expected] of cases) {
    await t.step(name, () => {
      const options = emptyOptions();
      const config = `port: -1, accounts { A { users: [{user: a, password: pwd}]\n ${field} } }`;
      processConfigText(options, config, systemConfigSource());
      assertEquals(options.accounts[0]!.traceDestSampling, expected);
    });
  }
});
