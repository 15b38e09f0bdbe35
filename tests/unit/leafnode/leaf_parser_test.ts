/**
 * The parser between hubs and leaf nodes: examples, any split over reads, and noise.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { bytesOfByteString, byteStringOf } from "../../../src/base/text/byte_string.ts";
import { type LeafOperations, LeafParser } from "../../../src/leafnode/leaf_parser.ts";
import { ParseStatus } from "../../../src/protocol/mod.ts";

/** Writes down what a parser finds. */
class Found implements LeafOperations {
  readonly all: string[] = [];
  readonly parser = new LeafParser(this);

  #note(text: string): ParseStatus {
    this.all.push(text);
    return ParseStatus.Ok;
  }

  onInfo = (json: Uint8Array) => this.#note(`INFO ${byteStringOf(json, 0, json.length)}`);
  onConnect = (json: Uint8Array) => this.#note(`CONNECT ${byteStringOf(json, 0, json.length)}`);
  onSub = (args: string) => this.#note(`LS+ ${args}`);
  onUnsub = (args: string) => this.#note(`LS- ${args}`);
  onPing = () => void this.#note("PING");
  onPong = () => void this.#note("PONG");
  onError = (text: string) => this.#note(`-ERR ${text}`);
  onTrace = () => {};

  onMessage: LeafOperations["onMessage"] = (m) => {
    const reply = m.replyStart < 0 ? "-" : byteStringOf(m.args, m.replyStart, m.replyEnd);
    const subject = byteStringOf(m.args, m.subjectStart, m.subjectEnd);
    const body = byteStringOf(m.payload, m.payloadStart, m.payloadEnd - 2);
    this.#note(`${subject} ${reply} [${m.queues ?? "none"}] ${m.headerBytes} ${body}`);
  };

  onMaxPayload(): ParseStatus {
    this.#note("too big");
    return ParseStatus.Ended;
  }

  onMaxControlLine(): ParseStatus {
    this.#note("too long");
    return ParseStatus.Ended;
  }

  onMissingConnect(): ParseStatus {
    this.#note("no CONNECT");
    return ParseStatus.Ended;
  }

  parse(text: string): ParseStatus {
    const bytes = bytesOfByteString(text);
    return this.parser.parse(bytes, 0, bytes.length);
  }
}

const STREAM =
  'CONNECT {"a":1}\r\nINFO {}\r\nLS+ foo\r\nLS+ foo q 3\r\nls- foo q\r\nPING\r\nPONG\r\n' +
  "LMSG foo 2\r\nok\r\nLMSG foo reply 0\r\n\r\nLMSG foo + reply q1 q2 3\r\na\r\n\r\nLMSG foo | q1 1\r\nx\r\n" +
  "HMSG foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\nHMSG foo r 12 12\r\nNATS/1.0\r\n\r\n\r\n" +
  "HMSG foo + r q 12 13\r\nNATS/1.0\r\n\r\n!\r\n+OK\r\n-ERR 'no'\r\n";

const EXPECTED = [
  'CONNECT {"a":1}',
  "INFO {}",
  "LS+ foo",
  "LS+ foo q 3",
  "LS- foo q",
  "PING",
  "PONG",
  "foo - [none] -1 ok",
  "foo reply [none] -1 ",
  "foo reply [q1,q2] -1 a\r\n",
  "foo - [q1] -1 x",
  "foo - [none] 12 NATS/1.0\r\n\r\nhi",
  "foo r [none] 12 NATS/1.0\r\n\r\n",
  "foo r [q] 12 NATS/1.0\r\n\r\n!",
  "-ERR 'no'",
];

Deno.test("LeafParser reads all operations, split at every byte", () => {
  for (let at = 0; at <= STREAM.length; at++) {
    const found = new Found();
    assertEquals(found.parse(STREAM.slice(0, at)), ParseStatus.Ok);
    assertEquals(found.parse(STREAM.slice(at)), ParseStatus.Ok);
    assertEquals(found.all, EXPECTED);
    assertEquals(found.parser.heldBytes, 0);
  }
  const byByte = new Found();
  for (const byte of STREAM) assertEquals(byByte.parse(byte), ParseStatus.Ok);
  assertEquals(byByte.all, EXPECTED);
});

Deno.test("LeafParser refuses what cannot be read", () => {
  const bad: [text: string, error: string][] = [
    ["LMSG\r\n", "processLeafMsgArgs Parse Error: ''"],
    ["LMSG foo\r\n", "processLeafMsgArgs Parse Error: 'foo'"],
    ["LMSG foo x\r\n", "processLeafMsgArgs Bad or Missing Size: 'foo x'"],
    ["LMSG foo ! r 2\r\n", "processLeafMsgArgs Bad or Missing Reply Indicator: 'foo ! r 2'"],
    ["HMSG foo 2\r\n", "processLeafHeaderMsgArgs Parse Error: 'foo 2'"],
    ["HMSG foo x 2\r\n", "processLeafHeaderMsgArgs Bad or Missing Header Size: 'foo x 2'"],
    ["HMSG foo 3 2\r\n", "processLeafHeaderMsgArgs Header Size larger then TotalSize: 'foo 3 2'"],
    ["LMSG foo 2\r\nabcd", "processLeafMsgArgs Bad payload end: 'foo 2'"],
    ["SUB foo 1\r\n", `Leafnode parser ERROR, proto='"SUB foo 1"...'`],
  ];
  for (const [text, error] of bad) {
    const found = new Found();
    assertEquals(found.parse(text), ParseStatus.Failed, text);
    assertEquals(found.parser.errorText, error);
  }
});

Deno.test("LeafParser bounds lines and messages, and wants CONNECT first", () => {
  const long = new Found();
  long.parser.maxControlLine = 10;
  assertEquals(long.parse(`LS+ ${"a".repeat(160)}\r\n`), ParseStatus.Ok);
  assertEquals(long.parse(`LS+ ${"a".repeat(161)}\r\n`), ParseStatus.Ended);
  const endless = new Found();
  endless.parser.maxControlLine = 10;
  let status: ParseStatus = ParseStatus.Ok;
  for (let i = 0; i < 200 && status === ParseStatus.Ok; i++) {
    status = endless.parse("LS+ a".slice(0, 5));
  }
  assertEquals([status, endless.all], [ParseStatus.Ended, ["too long"]]);
  const big = new Found();
  big.parser.maxPayload = 5;
  assertEquals(big.parse("LMSG foo 6\r\n"), ParseStatus.Ended);
  assertEquals(big.all, ["too big"]);
  const early = new Found();
  early.parser.awaitingConnect = true;
  assertEquals(early.parse("LS+ foo\r\n"), ParseStatus.Ended);
  assertEquals(early.all, ["no CONNECT"]);
});

Deno.test("LeafParser survives noise and keeps no more than it was sent", () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  console.log(`seed ${seed}`);
  let state = seed || 1;
  const below = (bound: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
  for (let round = 0; round < 3000; round++) {
    const found = new Found();
    found.parser.maxPayload = 1000;
    let text = "";
    for (let i = 0; i < 5; i++) {
      const start = below(STREAM.length);
      text += STREAM.slice(start, start + below(60));
      if (below(3) === 0) text += String.fromCharCode(below(256));
    }
    let sent = 0;
    while (text !== "") {
      const length = 1 + below(40);
      sent += Math.min(length, text.length);
      const status = found.parse(text.slice(0, length));
      assert(found.parser.heldBytes <= sent, `seed ${seed}`);
      if (status !== ParseStatus.Ok) break;
      text = text.slice(length);
    }
  }
});
