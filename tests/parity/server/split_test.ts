// Ports: server/split_test.go
/**
 * Operations that arrive in pieces.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ParserState, ParseStatus } from "../../../src/protocol/mod.ts";
import { testServer } from "../../harness/server.ts";
import { parse, parsedArguments, recordingParser } from "./_parser.ts";

const S = ParserState;

/** Feeds pieces of `text` that end at `ends`, and compares the state after each. */
function feed(
  recording: ReturnType<typeof recordingParser>,
  text: string,
  ends: readonly number[],
  states: readonly ParserState[],
): void {
  let from = 0;
  for (const [i, end] of ends.entries()) {
    assertEquals(parse(recording.parser, text.slice(from, end)), ParseStatus.Ok);
    assertEquals(recording.parser.state, states[i], `after ${JSON.stringify(text.slice(0, end))}`);
    from = end;
  }
}

Deno.test("TestSplitBufferSubOp", async () => {
  const recording = recordingParser();
  feed(recording, "SUB foo 1\r\n", [6, 11], [S.SUB_ARG, S.OP_START]);
  assertEquals(recording.record.lines.map((line) => line.text), ["foo 1"]);

  await using server = await testServer();
  const client = await server.rawLogin();
  await client.flush();
  await client.send("SUB fo");
  await client.send("o 1\r\n");
  await client.flush();
  const { psubs } = server.server.core.globalAccount.match("foo");
  assertEquals(psubs.map(({ subject, queue, sid }) => ({ subject, queue, sid })), [
    { subject: "foo", queue: null, sid: "1" },
  ]);
});

Deno.test("TestSplitBufferUnsubOp", async () => {
  const recording = recordingParser();
  feed(recording, "SUB foo 1024\r\n", [14], [S.OP_START]);
  feed(recording, "UNSUB 1024\r\n", [8, 12], [S.UNSUB_ARG, S.OP_START]);
  assertEquals(recording.record.lines.map((line) => line.text), ["foo 1024", "1024"]);

  await using server = await testServer();
  const client = await server.rawLogin();
  await client.send("SUB foo 1024\r\n");
  await client.flush();
  await client.send("UNSUB 10");
  await client.send("24\r\n");
  await client.flush();
  assertEquals(server.server.core.globalAccount.match("foo").psubs.length, 0);
});

Deno.test("TestSplitBufferPubOp", () => {
  const recording = recordingParser();
  const text = "PUB foo.bar INBOX.22 11\r\nhello world\r";
  feed(recording, text, [2, 9, 15, 22, 25], [
    S.OP_PU,
    S.PUB_ARG,
    S.PUB_ARG,
    S.PUB_ARG,
    S.MSG_PAYLOAD,
  ]);
  const { subject, reply, size } = parsedArguments(recording.parser);
  assertEquals([subject, reply, size], ["foo.bar", "INBOX.22", 11]);
  assertEquals(parse(recording.parser, text.slice(25, 33)), ParseStatus.Ok);
  assertEquals(recording.parser.state, S.MSG_PAYLOAD);
  assertEquals(parse(recording.parser, text.slice(33)), ParseStatus.Ok);
  assertEquals(recording.parser.state, S.MSG_END_N);
});

Deno.test("TestSplitBufferPubOp2", () => {
  const text = "PUB foo.bar INBOX.22 11\r\nhello world\r\n";
  feed(recordingParser(), text, [30, text.length], [S.MSG_PAYLOAD, S.OP_START]);
});

/** The start of a message is parsed; then its buffer is used for the next read. */
function expectArgumentsKept(text: string, end: number, wanted: [string, string | null]): void {
  const { parser } = recordingParser();
  const buffer = new TextEncoder().encode(text);
  assertEquals(parser.parse(buffer, 0, end), ParseStatus.Ok);
  assertEquals(parsedArguments(parser).subject, wanted[0]);
  buffer.fill(88, 0, end);
  const { subject, reply, sizeText } = parsedArguments(parser);
  assertEquals([subject, reply, sizeText], [wanted[0], wanted[1], "11"]);
}

Deno.test("TestSplitBufferPubOp3", () => {
  expectArgumentsKept("PUB foo bar 11\r\nhello world\r\n", 16, ["foo", "bar"]);
});

Deno.test("TestSplitBufferPubOp4", () => {
  expectArgumentsKept("PUB foo 11\r\nhello world\r\n", 12, ["foo", null]);
});

Deno.test("TestSplitBufferPubOp5", () => {
  const { parser, record } = recordingParser();
  const buffer = new TextEncoder().encode("PUB foo 11\r\nhello world\r\n");
  assertEquals(parser.parse(buffer, 0, buffer.length - 1), ParseStatus.Ok);
  assert(parser.bufferedBytes >= "hello world\r".length);
  buffer.fill(88);
  assertEquals(parse(parser, "\n"), ParseStatus.Ok);
  assertEquals(record.messages, [{ subject: "foo", reply: null, payload: "hello world\r\n" }]);
});

Deno.test("TestSplitConnectArg", () => {
  const { parser, record } = recordingParser();
  const json = '{"verbose":false,"tls_required":false,"user":"test","pedantic":true,"pass":"pass"}';
  const text = `CONNECT ${json}\r\n`;
  const pieces = [[0, 5], [5, 22], [22, text.length - 2], [text.length - 2, text.length]] as const;
  const buffered: boolean[] = [];
  for (const [from, to] of pieces) {
    assertEquals(parse(parser, text.slice(from, to)), ParseStatus.Ok);
    buffered.push(parser.bufferedBytes > 0);
  }
  assertEquals(buffered, [false, true, true, false]);
  assertEquals(record.lines.map((line) => line.text), [json]);
});
