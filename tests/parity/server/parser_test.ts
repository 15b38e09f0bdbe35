// Ports: server/parser_test.go
/**
 * The parser byte by byte: states, arguments, and what it refuses.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { ParserState, ParseStatus, protocolSnippet } from "../../../src/protocol/mod.ts";
import { testServer } from "../../harness/server.ts";
import { parse, parsedArguments, recordingParser } from "./_parser.ts";

const S = ParserState;

/** Feeds one byte after the other and compares the state after each. */
function expectStates(text: string, states: readonly ParserState[]): void {
  const { parser } = recordingParser();
  assertEquals(parser.state, S.OP_START);
  for (const [i, state] of states.entries()) {
    assertEquals(parse(parser, text[i]!), ParseStatus.Ok);
    assertEquals(parser.state, state, `after ${JSON.stringify(text.slice(0, i + 1))}`);
  }
}

/** Whole, with blanks before the CR, and with blanks between CR and LF. */
function expectTolerance(operation: "PING" | "PONG", waiting: ParserState): number {
  const { parser, record } = recordingParser();
  assertEquals(parse(parser, `${operation}\r\n`), ParseStatus.Ok);
  assertEquals(parser.state, S.OP_START);
  assertEquals(parse(parser, `${operation}  \r`), ParseStatus.Ok);
  assertEquals(parser.state, waiting);
  parser.state = S.OP_START;
  assertEquals(parse(parser, `${operation}  \r  \n`), ParseStatus.Ok);
  assertEquals(parser.state, S.OP_START);
  return operation === "PING" ? record.pings : record.pongs;
}

Deno.test("TestParsePing", () => {
  expectStates("PING\r\n", [S.OP_P, S.OP_PI, S.OP_PIN, S.OP_PING, S.OP_PING, S.OP_START]);
  assertEquals(expectTolerance("PING", S.OP_PING), 2);
});

Deno.test("TestParsePong", async () => {
  expectStates("PONG\r\n", [S.OP_P, S.OP_PO, S.OP_PON, S.OP_PONG, S.OP_PONG, S.OP_START]);
  assertEquals(expectTolerance("PONG", S.OP_PONG), 2);

  // Any PONG answers all outstanding PINGs.
  await using server = await testServer();
  const { client, connection } = await server.rawWithConnection();
  await client.flush();
  assertEquals(connection.pingsOut, 0);
  connection.pingsOut = 10;
  await client.send("PONG\r\n");
  await client.flush();
  assertEquals(connection.pingsOut, 0);
});

Deno.test("TestParseConnect", () => {
  const { parser, record } = recordingParser();
  const json = '{"verbose":false,"pedantic":true,"tls_required":false}';
  assertEquals(parse(parser, `CONNECT ${json}\r\n`), ParseStatus.Ok);
  assertEquals(parser.state, S.OP_START);
  assertEquals(record.lines, [{ operation: "CONNECT", start: 8, text: json }]);
});

Deno.test("TestParseSub", () => {
  const { parser, record } = recordingParser();
  assertEquals(parse(parser, "SUB foo 1\r"), ParseStatus.Ok);
  assertEquals(parser.state, S.SUB_ARG);
  // The CR was seen and is not an argument.
  assertEquals(parse(parser, "\n"), ParseStatus.Ok);
  assertEquals(record.lines.map((line) => line.text), ["foo 1"]);

  const whole = recordingParser();
  parse(whole.parser, "SUB foo 1\r\n");
  assertEquals(whole.record.lines, [{ operation: "SUB", start: 4, text: "foo 1" }]);
});

function expectPublish(
  text: string,
  headers: boolean,
  wanted: {
    subject: string;
    reply: string | null;
    headerBytes: number;
    headerSize: string;
    size: number;
  },
): void {
  const { parser } = recordingParser();
  parser.headers = headers;
  assertEquals(parse(parser, text), ParseStatus.Ok);
  assertEquals(parser.state, S.MSG_END_N);
  assertEquals(parsedArguments(parser), { ...wanted, sizeText: String(wanted.size) });
}

Deno.test("TestParsePub", () => {
  const plain = { headerBytes: -1, headerSize: "" };
  expectPublish("PUB foo 5\r\nhello\r", false, {
    ...plain,
    subject: "foo",
    reply: null,
    size: 5,
  });
  expectPublish("PUB foo.bar INBOX.22 11\r\nhello world\r", false, {
    ...plain,
    subject: "foo.bar",
    reply: "INBOX.22",
    size: 11,
  });
  // More bytes than the size says.
  const { parser } = recordingParser();
  assertEquals(parse(parser, "PUB foo.bar 11\r\nhello world hello world\r"), ParseStatus.Failed);
  assertEquals(parser.bufferedBytes, 0);
});

Deno.test("TestParsePubSizeOverflow", () => {
  const { parser } = recordingParser();
  assertEquals(parse(parser, `PUB foo ${"3".repeat(64)}\r\n`), ParseStatus.Failed);
});

/** Arguments, subject, reply, size. */
const PUB_ARGUMENTS: readonly (readonly [string, string, string, number])[] = [
  ["a 2", "a", "", 2],
  ["a 222", "a", "", 222],
  ["foo 22", "foo", "", 22],
  [" foo 22", "foo", "", 22],
  ["foo 22 ", "foo", "", 22],
  ["foo   22", "foo", "", 22],
  [" foo 22 ", "foo", "", 22],
  [" foo   22 ", "foo", "", 22],
  ["foo bar 22", "foo", "bar", 22],
  [" foo bar 22", "foo", "bar", 22],
  ["foo bar 22 ", "foo", "bar", 22],
  ["foo  bar  22", "foo", "bar", 22],
  [" foo bar 22 ", "foo", "bar", 22],
  ["  foo   bar  22  ", "foo", "bar", 22],
  ["  foo   bar  2222  ", "foo", "bar", 2222],
  ["  foo     2222  ", "foo", "", 2222],
  ["a\t2", "a", "", 2],
  ["a\t222", "a", "", 222],
  ["foo\t22", "foo", "", 22],
  ["\tfoo\t22", "foo", "", 22],
  ["foo\t22\t", "foo", "", 22],
  ["foo\t\t\t22", "foo", "", 22],
  ["\tfoo\t22\t", "foo", "", 22],
  ["\tfoo\t\t\t22\t", "foo", "", 22],
  ["foo\tbar\t22", "foo", "bar", 22],
  ["\tfoo\tbar\t22", "foo", "bar", 22],
  ["foo\tbar\t22\t", "foo", "bar", 22],
  ["foo\t\tbar\t\t22", "foo", "bar", 22],
  ["\tfoo\tbar\t22\t", "foo", "bar", 22],
  ["\t \tfoo\t \t \tbar\t \t22\t \t", "foo", "bar", 22],
  ["\t\tfoo\t\t\tbar\t\t2222\t\t", "foo", "bar", 2222],
  ["\t \tfoo\t \t \t\t\t2222\t \t", "foo", "", 2222],
];

Deno.test("TestParsePubArg", async (t) => {
  for (const [text, subject, reply, size] of PUB_ARGUMENTS) {
    await t.step(JSON.stringify(text), () => {
      const { parser } = recordingParser();
      assertEquals(parse(parser, `PUB ${text}\r\n`), ParseStatus.Ok);
      const parsed = parsedArguments(parser);
      assertEquals(
        [parsed.subject, parsed.reply ?? "", parsed.size, parsed.sizeText],
        [subject, reply, size, String(size)],
      );
    });
  }
});

Deno.test("TestParsePubBadSize", () => {
  const { parser } = recordingParser();
  parser.maxPayload = 32768;
  assertNotEquals(parse(parser, "PUB foo 2222222222222222\r\n"), ParseStatus.Ok);
});

Deno.test("TestParseHeaderPub", () => {
  expectPublish("HPUB foo 12 17\r\nname:derek\r\nHELLO\r", true, {
    subject: "foo",
    reply: null,
    headerBytes: 12,
    headerSize: "12",
    size: 17,
  });
  expectPublish("HPUB foo INBOX.22 12 17\r\nname:derek\r\nHELLO\r", true, {
    subject: "foo",
    reply: "INBOX.22",
    headerBytes: 12,
    headerSize: "12",
    size: 17,
  });
  expectPublish("HPUB foo INBOX.22 0 5\r\nHELLO\r", true, {
    subject: "foo",
    reply: "INBOX.22",
    headerBytes: 0,
    headerSize: "0",
    size: 5,
  });
});

/** Arguments, subject, reply, bytes of headers, size. */
const HPUB_ARGUMENTS: readonly (readonly [string, string, string, number, number])[] = [
  ["a 2 4", "a", "", 2, 4],
  ["a 22 222", "a", "", 22, 222],
  ["foo 3 22", "foo", "", 3, 22],
  [" foo   1 22", "foo", "", 1, 22],
  ["foo 0   22 ", "foo", "", 0, 22],
  ["foo  0     22", "foo", "", 0, 22],
  [" foo 1 22 ", "foo", "", 1, 22],
  [" foo   3 22 ", "foo", "", 3, 22],
  ["foo bar 1 22", "foo", "bar", 1, 22],
  [" foo bar 11 22", "foo", "bar", 11, 22],
  ["foo bar 11 22 ", "foo", "bar", 11, 22],
  ["foo  bar  11  22", "foo", "bar", 11, 22],
  [" foo bar  11 22 ", "foo", "bar", 11, 22],
  ["  foo   bar  11   22  ", "foo", "bar", 11, 22],
  ["  foo   bar  22   2222  ", "foo", "bar", 22, 2222],
  ["  foo 1    2222  ", "foo", "", 1, 2222],
  ["a\t2\t22", "a", "", 2, 22],
  ["a\t2\t\t222", "a", "", 2, 222],
  ["foo\t2 22", "foo", "", 2, 22],
  ["\tfoo\t11\t  22", "foo", "", 11, 22],
  ["foo\t11\t22\t", "foo", "", 11, 22],
  ["foo\t\t\t11 22", "foo", "", 11, 22],
  ["\tfoo\t11\t \t 22\t", "foo", "", 11, 22],
  ["\tfoo\t\t\t11 22\t", "foo", "", 11, 22],
  ["foo\tbar\t2 22", "foo", "bar", 2, 22],
  ["\tfoo\tbar\t11\t22", "foo", "bar", 11, 22],
  ["foo\tbar\t11\t\t22\t ", "foo", "bar", 11, 22],
  ["foo\t\tbar\t\t11\t\t\t22", "foo", "bar", 11, 22],
  ["\tfoo\tbar\t11\t22\t", "foo", "bar", 11, 22],
  ["\t \tfoo\t \t \tbar\t \t11\t 22\t \t", "foo", "bar", 11, 22],
  ["\t\tfoo\t\t\tbar\t\t22\t\t\t2222\t\t", "foo", "bar", 22, 2222],
  ["\t \tfoo\t \t \t\t\t11\t\t 2222\t \t", "foo", "", 11, 2222],
];

Deno.test("TestParseHeaderPubArg", async (t) => {
  for (const [text, subject, reply, headerBytes, size] of HPUB_ARGUMENTS) {
    await t.step(JSON.stringify(text), () => {
      const { parser } = recordingParser();
      parser.headers = true;
      assertEquals(parse(parser, `HPUB ${text}\r\n`), ParseStatus.Ok);
      const parsed = parsedArguments(parser);
      assertEquals(
        [parsed.subject, parsed.reply ?? "", parsed.headerBytes, parsed.size, parsed.sizeText],
        [subject, reply, headerBytes, size, String(size)],
      );
    });
  }
});

const WRONG = [
  "xxx",
  "Px",
  "PIx",
  "PINx",
  " PING",
  "POx",
  "PONx",
  "+x",
  "+Ox",
  "-x",
  "-Ex",
  "-ERx",
  "-ERRx",
  "Cx",
  "COx",
  "CONx",
  "CONNx",
  "CONNEx",
  "CONNECx",
  "CONNECx",
  "CONNECT \r\n",
  "PUx",
  "PUB foo\r\n",
  "PUB  \r\n",
  "PUB foo bar       \r\n",
  "PUB foo 2\r\nok \r\n",
  "PUB foo 2\r\nok\r \n",
  "Sx",
  "SUx",
  "SUB\r\n",
  "SUB  \r\n",
  "SUB foo\r\n",
  "SUB foo bar baz 22\r\n",
  "Ux",
  "UNx",
  "UNSx",
  "UNSUx",
  "UNSUBx",
  "UNSUBUNSUB 1\r\n",
  "UNSUB_2\r\n",
  "UNSUB_UNSUB_UNSUB 2\r\n",
  "UNSUB_\t2\r\n",
  "UNSUB\r\n",
  "UNSUB \r\n",
  "UNSUB          \t       \r\n",
  "Ix",
  "INx",
  "INFx",
  "INFO  \r\n",
  // Operations that only routes may send.
  "Mx",
  "MSx",
  "MSGx",
  "MSG  \r\n",
];

Deno.test("TestShouldFail", async () => {
  await using server = await testServer();
  for (const text of WRONG) {
    const client = await server.raw();
    await client.info();
    await client.send(text);
    const answer = await client.expectEnd();
    assert(!answer.includes("PONG"), text);
    client.close();
  }
});

Deno.test("TestProtoSnippet", () => {
  const text = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const sample = new TextEncoder().encode(text);
  for (let start = 0; start < 55; start++) {
    // As the reference has it: a snippet that would reach past the end leaves out the last byte.
    const wanted = start + 32 <= text.length
      ? text.slice(start, start + 32)
      : text.slice(start, Math.max(start, text.length - 1));
    const last = start === 50 ? "Y" : wanted;
    assertEquals(protocolSnippet(sample, start, 32), `"${last}"`);
  }
});

Deno.test("TestParseOK", () => {
  expectStates("+OK\r\n", [S.OP_PLUS, S.OP_PLUS_O, S.OP_PLUS_OK, S.OP_PLUS_OK, S.OP_START]);
});
