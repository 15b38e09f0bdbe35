/**
 * A parser on its own, with operations that write down what they were called with.
 *
 * @module
 */
import { byteStringOf } from "../../../src/base/text/byte_string.ts";
import {
  type ClientOperations,
  ClientParser,
  type InboundMessage,
  ParseStatus,
} from "../../../src/protocol/mod.ts";

const encoder = new TextEncoder();

/** Records operations; control lines as they were handed over. */
export class RecordingOperations implements ClientOperations {
  readonly lines: { operation: string; start: number; text: string }[] = [];
  readonly messages: { subject: string; reply: string | null; payload: string }[] = [];
  pings = 0;
  pongs = 0;

  #line(operation: string, buffer: Uint8Array, start: number, end: number): ParseStatus {
    this.lines.push({ operation, start, text: byteStringOf(buffer, start, end) });
    return ParseStatus.Ok;
  }

  onConnect(buffer: Uint8Array, start: number, end: number): ParseStatus {
    return this.#line("CONNECT", buffer, start, end);
  }

  onSub(_parser: ClientParser, buffer: Uint8Array, start: number, end: number): ParseStatus {
    return this.#line("SUB", buffer, start, end);
  }

  onUnsub(_parser: ClientParser, buffer: Uint8Array, start: number, end: number): ParseStatus {
    return this.#line("UNSUB", buffer, start, end);
  }

  onInfo(buffer: Uint8Array, start: number, end: number): ParseStatus {
    return this.#line("INFO", buffer, start, end);
  }

  onPing(): void {
    this.pings++;
  }

  onPong(): void {
    this.pongs++;
  }

  onError(text: string): ParseStatus {
    this.lines.push({ operation: "-ERR", start: -1, text });
    return ParseStatus.Ok;
  }

  onMaxPayload(): ParseStatus {
    return ParseStatus.Ended;
  }

  onMaxControlLine(): ParseStatus {
    return ParseStatus.Ended;
  }

  onPedanticSubject(): void {}

  onMessage(m: InboundMessage): void {
    this.messages.push({
      subject: byteStringOf(m.args, m.subjectStart, m.subjectEnd),
      reply: m.replyStart < 0 ? null : byteStringOf(m.args, m.replyStart, m.replyEnd),
      payload: byteStringOf(m.payload, m.payloadStart, m.payloadEnd),
    });
  }

  onMissingConnect(): ParseStatus {
    return ParseStatus.Ended;
  }

  onUnknownOperation(): void {}

  onTrace(): void {}
}

/** The parser of a client without limits, and its record. */
export function recordingParser(): { parser: ClientParser; record: RecordingOperations } {
  const record = new RecordingOperations();
  const parser = new ClientParser(record);
  parser.maxPayload = -1;
  return { parser, record };
}

/** Parses text as one read. */
export function parse(parser: ClientParser, text: string): ParseStatus {
  const bytes = encoder.encode(text);
  return parser.parse(bytes, 0, bytes.length);
}

/** Subject, reply and sizes of the message the parser is reading. */
export function parsedArguments(parser: ClientParser): {
  subject: string;
  reply: string | null;
  headerBytes: number;
  headerSize: string;
  size: number;
  sizeText: string;
} {
  const m = parser.message;
  return {
    subject: byteStringOf(m.args, m.subjectStart, m.subjectEnd),
    reply: m.replyStart < 0 ? null : byteStringOf(m.args, m.replyStart, m.replyEnd),
    headerBytes: m.headerBytes,
    headerSize: m.headerBytes < 0 ? "" : byteStringOf(m.args, m.headerSizeStart, m.headerSizeEnd),
    size: m.sizeBytes,
    sizeText: byteStringOf(m.args, m.sizeStart, m.sizeEnd),
  };
}
