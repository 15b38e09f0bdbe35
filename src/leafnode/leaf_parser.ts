/**
 * The parser of what hubs and leaf nodes send each other.
 *
 * ```text
 * LS+ subject | LS+ subject queue weight | LS- subject [queue]
 * LMSG subject [reply] size                     HMSG subject [reply] headerSize size
 * LMSG subject + reply queue… size              HMSG subject + reply queue… headerSize size
 * LMSG subject | queue… size                    HMSG subject | queue… headerSize size
 * CONNECT {…} | INFO {…} | PING | PONG | +OK | -ERR text
 * ```
 *
 * What has come is read line by line; an operation that is not complete yet is kept, as much of it
 * as has come. Lines are bounded, and so are messages by what may be published.
 *
 * Reference: server/parser.go, processLeafMsgArgs and processLeafHeaderMsgArgs in
 * server/leafnode.go.
 *
 * @module
 */
import { byteStringOf } from "../base/text/byte_string.ts";
import { goQuoteBytes } from "../base/text/go_format.ts";
import { InboundMessage, parseSize, ParseStatus } from "../protocol/mod.ts";

/** Receives the operations. Buffers are borrowed for the time of the call. */
export interface LeafOperations {
  onInfo(json: Uint8Array): ParseStatus;
  /** A CONNECT; Paused suspends the parser until {@linkcode LeafParser.parse} is called again. */
  onConnect(json: Uint8Array): ParseStatus;
  /** The whole arguments, a byte string; Failed with the parser's `errorText` for bad ones. */
  onSub(args: string): ParseStatus;
  /** The whole arguments, a byte string. */
  onUnsub(args: string): ParseStatus;
  onMessage(message: InboundMessage): void;
  onPing(): void;
  onPong(): void;
  /** An -ERR, as a byte string. */
  onError(text: string): ParseStatus;
  onMaxPayload(sizeBytes: number): ParseStatus;
  onMaxControlLine(text: string): ParseStatus;
  /** Something other than CONNECT has come first. */
  onMissingConnect(): ParseStatus;
  /** Called for each line while `parser.trace` is set. */
  onTrace(line: string): void;
}

const CR = 13;
const LF = 10;
const BLANK = 32;
const TAB = 9;
const PLUS = 43;
const MINUS = 45;
const BAR = 124;
const LETTER_C = 67;
const LOWER_CASE = 32;

/** Lines between servers may be so much longer than those of clients. */
const LINE_FACTOR = 16;
const SNIPPET_BYTES = 128;
const HELD_BYTES_MIN = 1024;
/** What the room for an unfinished operation shrinks to once that is complete. */
const HELD_BYTES_KEPT = 64 * 1024;
const NO_BYTES = new Uint8Array(0);

/** Letters of the operations with arguments, in upper case. */
const LMSG = "LMSG";
const HMSG = "HMSG";
const LS_PLUS = "LS+";
const LS_MINUS = "LS-";
const PING = "PING";
const PONG = "PONG";
const INFO = "INFO";
const CONNECT = "CONNECT";
const OK = "+OK";
const ERR = "-ERR";

/** Reads the operations of one connection. */
export class LeafParser {
  /** Why `parse` failed, for the log. */
  errorText = "";
  /** Longest line of a client; {@linkcode LINE_FACTOR} times as long may lines be here. */
  maxControlLine = 4096;
  /** Largest message; -1 is unlimited. */
  maxPayload = -1;
  awaitingConnect = false;
  trace = false;
  readonly message: InboundMessage = new InboundMessage();
  /** Starts and ends of the arguments of a message. */
  #offsets = new Int32Array(16);
  /** An operation that is not complete; its bytes are `[0, #heldEnd)`. */
  #held: Uint8Array = NO_BYTES;
  #heldEnd = 0;
  /** No end of a line is before this. */
  #searched = 0;
  /** Where the next operation starts. */
  #position = 0;

  constructor(readonly operations: LeafOperations) {}

  /** Bytes kept of an unfinished operation. */
  get heldBytes(): number {
    return this.#heldEnd;
  }

  /**
   * Reads `buffer[start, end)`, behind what is kept from before; what is not complete or was not
   * read for a pause is kept.
   */
  parse(buffer: Uint8Array, start: number, end: number): ParseStatus {
    if (this.#heldEnd === 0) {
      const status = this.#parseAll(buffer, start, end);
      this.#searched = Math.max(0, this.#searched - this.#position);
      if (this.#position < end && status <= ParseStatus.Paused) {
        this.#hold(buffer, this.#position, end);
      }
      return status;
    }
    this.#hold(buffer, start, end);
    const status = this.#parseAll(this.#held, 0, this.#heldEnd);
    this.#dropHeld(this.#position);
    return status;
  }

  #hold(buffer: Uint8Array, start: number, end: number): void {
    const needed = this.#heldEnd + end - start;
    if (needed > this.#held.length) {
      const room = new Uint8Array(Math.max(HELD_BYTES_MIN, needed * 2));
      room.set(this.#held.subarray(0, this.#heldEnd));
      this.#held = room;
    }
    this.#held.set(buffer.subarray(start, end), this.#heldEnd);
    this.#heldEnd = needed;
  }

  #dropHeld(bytes: number): void {
    if (bytes === 0) return;
    this.#held.copyWithin(0, bytes, this.#heldEnd);
    this.#heldEnd -= bytes;
    this.#searched = Math.max(0, this.#searched - bytes);
    if (this.#heldEnd === 0 && this.#held.length > HELD_BYTES_KEPT) this.#held = NO_BYTES;
  }

  /** Reads whole operations; `#position` is behind the last one. */
  #parseAll(buffer: Uint8Array, start: number, end: number): ParseStatus {
    this.#position = start;
    const searchFrom = this.#searched;
    this.#searched = 0;
    let from = Math.max(start, searchFrom);
    while (this.#position < end) {
      const at = this.#position;
      if (this.awaitingConnect && (buffer[at]! & ~LOWER_CASE) !== LETTER_C) {
        return this.operations.onMissingConnect();
      }
      const lineEnd = buffer.indexOf(LF, from);
      if (lineEnd < 0 || lineEnd >= end) {
        this.#searched = end;
        return this.#checkLine(buffer, at, end);
      }
      const status = this.#line(buffer, at, lineEnd, end);
      if (status !== ParseStatus.Ok) return status;
      // The line stands, but not yet the message behind it.
      if (this.#position === at) {
        this.#searched = lineEnd;
        return ParseStatus.Ok;
      }
      from = this.#position;
    }
    return ParseStatus.Ok;
  }

  #checkLine(buffer: Uint8Array, start: number, end: number): ParseStatus {
    if (end - start <= this.maxControlLine * LINE_FACTOR) return ParseStatus.Ok;
    const snippet = goQuoteBytes(buffer.subarray(start, start + SNIPPET_BYTES));
    return this.operations.onMaxControlLine(
      `maximum control line exceeded: max_control_line ${this.maxControlLine}, ` +
        `Buffer len ${end - start} (snip: ${snippet}...)`,
    );
  }

  /** Reads the line `[start, lineEnd)` and the message behind it. */
  #line(buffer: Uint8Array, start: number, lineEnd: number, end: number): ParseStatus {
    const stop = lineEnd > start && buffer[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    let nameEnd = start;
    while (nameEnd < stop && buffer[nameEnd] !== BLANK && buffer[nameEnd] !== TAB) nameEnd++;
    let args = nameEnd;
    while (args < stop && (buffer[args] === BLANK || buffer[args] === TAB)) args++;
    const long = this.#checkLine(buffer, args, stop);
    if (long !== ParseStatus.Ok) return long;
    const length = nameEnd - start;
    if (length === 4 && (is(buffer, start, LMSG) || is(buffer, start, HMSG))) {
      const withHeaders = (buffer[start]! & ~LOWER_CASE) !== LMSG.charCodeAt(0);
      return this.#message(buffer, { withHeaders, start, args, stop, lineEnd, end });
    }
    if (this.trace) this.operations.onTrace(byteStringOf(buffer, start, stop));
    this.#position = lineEnd + 1;
    return this.#operation(buffer, start, length, args, stop);
  }

  #operation(
    buffer: Uint8Array,
    start: number,
    length: number,
    args: number,
    stop: number,
  ): ParseStatus {
    const { operations } = this;
    switch (length) {
      case 3:
        if (is(buffer, start, LS_PLUS)) return operations.onSub(byteStringOf(buffer, args, stop));
        if (is(buffer, start, LS_MINUS)) {
          return operations.onUnsub(byteStringOf(buffer, args, stop));
        }
        if (is(buffer, start, OK)) return ParseStatus.Ok;
        break;
      case 4:
        if (is(buffer, start, PING)) {
          operations.onPing();
          return ParseStatus.Ok;
        }
        if (is(buffer, start, PONG)) {
          operations.onPong();
          return ParseStatus.Ok;
        }
        if (is(buffer, start, INFO)) return operations.onInfo(buffer.subarray(args, stop));
        if (is(buffer, start, ERR)) return operations.onError(byteStringOf(buffer, args, stop));
        break;
      case 7:
        if (is(buffer, start, CONNECT)) return operations.onConnect(buffer.subarray(args, stop));
    }
    return this.fail(
      `Leafnode parser ERROR, proto='${
        goQuoteBytes(buffer.subarray(start, Math.min(stop, start + 32)))
      }...'`,
    );
  }

  /** Hands a message on once all of it is there. */
  #message(buffer: Uint8Array, at: MessagePlace): ParseStatus {
    const { withHeaders, args, stop } = at;
    const m = this.message;
    const count = this.#split(buffer, args, stop);
    const offsets = this.#offsets;
    const sizes = withHeaders ? 2 : 1;
    const bad = (what: string): ParseStatus =>
      this.fail(
        `processLeaf${withHeaders ? "Header" : ""}MsgArgs ${what}: ` +
          `'${byteStringOf(buffer, args, stop)}'`,
      );
    if (count < 1 + sizes) return bad("Parse Error");
    m.args = buffer;
    m.subjectStart = offsets[0]!;
    m.subjectEnd = offsets[1]!;
    m.replyStart = -1;
    m.replyEnd = -1;
    m.queues = null;
    m.target = "";
    let next = 1;
    if (count === 2 + sizes) next = this.#reply(1);
    else if (count > 2 + sizes) {
      const indicator = offsets[3]! - offsets[2]! === 1 ? buffer[offsets[2]!] : 0;
      if (indicator === PLUS) next = this.#reply(2);
      else if (indicator === BAR) next = 2;
      else return bad("Bad or Missing Reply Indicator");
      m.queues = [];
      for (; next < count - sizes; next++) {
        m.queues.push(byteStringOf(buffer, offsets[2 * next]!, offsets[2 * next + 1]!));
      }
    }
    m.headerBytes = -1;
    if (withHeaders) {
      m.headerSizeStart = offsets[2 * next]!;
      m.headerSizeEnd = offsets[2 * next + 1]!;
      m.headerBytes = parseSize(buffer, m.headerSizeStart, m.headerSizeEnd);
      if (m.headerBytes < 0) return bad("Bad or Missing Header Size");
      next++;
    }
    m.sizeStart = offsets[2 * next]!;
    m.sizeEnd = offsets[2 * next + 1]!;
    m.sizeBytes = parseSize(buffer, m.sizeStart, m.sizeEnd);
    if (m.sizeBytes < 0) return bad("Bad or Missing Size");
    if (m.headerBytes > m.sizeBytes) return bad("Header Size larger then TotalSize");
    if (this.maxPayload >= 0 && m.sizeBytes > this.maxPayload) {
      return this.operations.onMaxPayload(m.sizeBytes);
    }
    const payload = at.lineEnd + 1;
    const payloadEnd = payload + m.sizeBytes + 2;
    if (payloadEnd > at.end) return ParseStatus.Ok;
    if (buffer[payloadEnd - 2] !== CR || buffer[payloadEnd - 1] !== LF) {
      return bad("Bad payload end");
    }
    if (this.trace) this.operations.onTrace(byteStringOf(buffer, at.start, stop));
    m.payload = buffer;
    m.payloadStart = payload;
    m.payloadEnd = payloadEnd;
    m.contiguous = false;
    this.#position = payloadEnd;
    this.operations.onMessage(m);
    m.clear();
    return ParseStatus.Ok;
  }

  /** Takes the argument `index` for the reply; returns the next index. */
  #reply(index: number): number {
    this.message.replyStart = this.#offsets[2 * index]!;
    this.message.replyEnd = this.#offsets[2 * index + 1]!;
    return index + 1;
  }

  /** Finds the arguments in `[start, end)`; returns how many. */
  #split(buffer: Uint8Array, start: number, end: number): number {
    let count = 0;
    let from = -1;
    for (let i = start; i <= end; i++) {
      const byte = i < end ? buffer[i]! : BLANK;
      if (byte !== BLANK && byte !== TAB && byte !== CR) {
        if (from < 0) from = i;
        continue;
      }
      if (from < 0) continue;
      if (2 * count === this.#offsets.length) {
        const more = new Int32Array(this.#offsets.length * 2);
        more.set(this.#offsets);
        this.#offsets = more;
      }
      this.#offsets[2 * count] = from;
      this.#offsets[2 * count + 1] = i;
      count++;
      from = -1;
    }
    return count;
  }

  /** Sets the error text and returns Failed. */
  fail(text: string): ParseStatus {
    this.errorText = text;
    return ParseStatus.Failed;
  }
}

/** Where the line of a message stands: from `start`, its arguments in `[args, stop)`. */
interface MessagePlace {
  readonly withHeaders: boolean;
  readonly start: number;
  readonly args: number;
  readonly stop: number;
  readonly lineEnd: number;
  /** End of the bytes that have come. */
  readonly end: number;
}

/** Whether `name` stands at `start`, in any case. */
function is(buffer: Uint8Array, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const byte = buffer[start + i]!;
    const wanted = name.charCodeAt(i);
    if (byte === wanted) continue;
    if (wanted === PLUS || wanted === MINUS || (byte & ~LOWER_CASE) !== wanted) return false;
  }
  return true;
}
