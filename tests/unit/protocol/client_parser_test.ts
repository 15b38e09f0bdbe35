/**
 * The client parser: the same operations wherever the input is split, and no crash on noise.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  type ClientOperations,
  ClientParser,
  ConnectDecodeError,
  ConnectOptions,
  decodeConnect,
  type InboundMessage,
  ParserState,
  ParseStatus,
} from "../../../src/protocol/mod.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

/** Writes down what the parser reports. */
class Recorder implements ClientOperations {
  readonly seen: string[] = [];

  #note(text: string): ParseStatus {
    this.seen.push(text);
    return ParseStatus.Ok;
  }

  onConnect(buffer: Uint8Array, start: number, end: number): ParseStatus {
    return this.#note(`CONNECT ${decoder.decode(buffer.subarray(start, end))}`);
  }
  onSub(_: ClientParser, buffer: Uint8Array, start: number, end: number): ParseStatus {
    return this.#note(`SUB ${decoder.decode(buffer.subarray(start, end))}`);
  }
  onUnsub(_: ClientParser, buffer: Uint8Array, start: number, end: number): ParseStatus {
    return this.#note(`UNSUB ${decoder.decode(buffer.subarray(start, end))}`);
  }
  onPing(): void {
    this.#note("PING");
  }
  onPong(): void {
    this.#note("PONG");
  }
  onError(text: string): ParseStatus {
    return this.#note(`ERR ${text}`);
  }
  onInfo(): ParseStatus {
    return this.#note("INFO");
  }
  onMaxPayload(sizeBytes: number): ParseStatus {
    this.#note(`max payload ${sizeBytes}`);
    return ParseStatus.Ended;
  }
  onMaxControlLine(): ParseStatus {
    this.#note("max control line");
    return ParseStatus.Ended;
  }
  onPedanticSubject(): void {}
  onMessage(m: InboundMessage): void {
    const part = (start: number, end: number): string => decoder.decode(m.args.slice(start, end));
    const reply = m.replyStart < 0 ? "-" : part(m.replyStart, m.replyEnd);
    const body = decoder.decode(m.payload.slice(m.payloadStart, m.payloadEnd));
    this.#note(
      `MSG ${part(m.subjectStart, m.subjectEnd)} ${reply} ${m.headerBytes} ` +
        `${part(m.sizeStart, m.sizeEnd)} ${JSON.stringify(body)}`,
    );
  }
  onMissingConnect(): ParseStatus {
    this.#note("missing connect");
    return ParseStatus.Ended;
  }
  onUnknownOperation(): void {
    this.#note("unknown operation");
  }
  onTrace(): void {}
}

/** Feeds `pieces` from one reused buffer, as a connection does. */
function parseAll(pieces: readonly Uint8Array[], maxControlLine = 4096): string[] {
  const recorder = new Recorder();
  const parser = new ClientParser(recorder);
  parser.headers = true;
  parser.maxControlLine = maxControlLine;
  parser.maxPayload = 1000;
  const buffer = new Uint8Array(Math.max(1, ...pieces.map((piece) => piece.length)));
  for (const piece of pieces) {
    buffer.fill(0xaa);
    buffer.set(piece);
    const status = parser.parse(buffer, 0, piece.length);
    assert(parser.bufferedBytes <= 2 * maxControlLine + 1002, "memory is bounded");
    if (status !== ParseStatus.Ok) {
      recorder.seen.push(`ended with ${status}`);
      break;
    }
  }
  return recorder.seen;
}

const STREAM = 'CONNECT {"verbose":false}\r\nPING\r\nSUB foo.* q 1\r\nPUB foo 5\r\nhello\r\n' +
  "pub  foo\t bar 0\r\n\r\nHPUB foo 12 14\r\nNATS/1.0\r\n\r\nok\r\nHPUB a b 12 12\r\n" +
  "NATS/1.0\r\n\r\n\r\nUNSUB 1 2\r\n+OK\r\nPONG\r\nPUB foo 3\nabc\r\nPUB x y 002\r\nhi\r\nPING \r\n";

Deno.test("parse() reports the same wherever the input is split", () => {
  const bytes = encoder.encode(STREAM);
  const whole = parseAll([bytes]);
  assertEquals(whole.filter((line) => line.startsWith("MSG")).length, 6);
  for (let i = 1; i < bytes.length; i++) {
    assertEquals(parseAll([bytes.subarray(0, i), bytes.subarray(i)]), whole, `split at ${i}`);
  }
  assertEquals(parseAll(Array.from(bytes, (byte) => Uint8Array.of(byte))), whole);
});

Deno.test("parse() bounds memory and never throws on noise, however it is split", () => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1_000_000);
  console.log(`seed ${seed}`);
  let state = seed >>> 0;
  const below = (bound: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
  const source = encoder.encode(STREAM);
  const until = Date.now() + 1500;
  for (let round = 0; Date.now() < until; round++) {
    const bytes = source.slice(0, 1 + below(source.length));
    for (let flips = below(4); flips > 0; flips--) bytes[below(bytes.length)] = below(256);
    const whole = parseAll([bytes], 200);
    const at = below(bytes.length + 1);
    const split = parseAll([bytes.subarray(0, at), bytes.subarray(at)], 200);
    // As in the reference, a CR inside a control line counts only when the line was not split.
    if (/\r(?!\n)/.test(decoder.decode(bytes))) continue;
    assertEquals(split, whole, `seed ${seed} round ${round}`);
  }
});

Deno.test("a control line without end is cut off", () => {
  const endless = Array.from({ length: 100 }, () => encoder.encode("SUB " + "x".repeat(100)));
  assertEquals(parseAll(endless), ["max control line", "ended with 3"]);
});

Deno.test("operations before CONNECT are refused while credentials are awaited", () => {
  const recorder = new Recorder();
  const parser = new ClientParser(recorder);
  parser.awaitingConnect = true;
  assertEquals(parser.parse(encoder.encode("PING\r\n"), 0, 6), ParseStatus.Ended);
  assertEquals(recorder.seen, ["missing connect"]);
  assertEquals(parser.state, ParserState.OP_START);
});

Deno.test("decodeConnect() takes any JSON without crashing", () => {
  for (
    const text of ["", "{", "[]", "null", "1", '{"verbose":1}', '{"VERBOSE":false}', '{"a":{}}']
  ) {
    const options = new ConnectOptions();
    try {
      decodeConnect(encoder.encode(text), options);
    } catch (error) {
      assert(error instanceof ConnectDecodeError, text);
    }
    assertEquals(options.verbose, text !== '{"VERBOSE":false}', text);
  }
});
