/**
 * The parser of what clients send.
 *
 * Whole `PUB` and `HPUB` operations are read by a fast path; everything else, and whatever is
 * split over two reads, by a state machine that steps through bytes as the reference's does
 * (server/parser.go), so that odd input is taken or refused at the same byte.
 *
 * @module
 */
import { byteStringOf } from "../base/text/byte_string.ts";
import { goQuoteBytes } from "../base/text/go_format.ts";
import { ArgumentList } from "./arguments.ts";
import { InboundMessage } from "./inbound_message.ts";
import { ParserState } from "./parser_state.ts";
import { parseSize } from "./size.ts";

/** What {@linkcode ClientParser.parse} came to. */
export const ParseStatus = {
  /** Everything was read. */
  Ok: 0,
  /** The handler asked to stop; go on at `parser.position` later. */
  Paused: 1,
  /** The connection must be closed for a protocol error; `parser.errorText` says which. */
  Failed: 2,
  /** The handler closed the connection or reported the error itself. */
  Ended: 3,
} as const;

/** One of the values of {@linkcode ParseStatus}. */
export type ParseStatus = typeof ParseStatus[keyof typeof ParseStatus];

/** Receives the operations. Buffers are borrowed for the time of the call. */
export interface ClientOperations {
  /** A CONNECT; Paused suspends the parser until `parse` is called again. */
  onConnect(buffer: Uint8Array, start: number, end: number): ParseStatus;
  /** A SUB; Failed with `parser.errorText` when it cannot be read. */
  onSub(parser: ClientParser, buffer: Uint8Array, start: number, end: number): ParseStatus;
  onUnsub(parser: ClientParser, buffer: Uint8Array, start: number, end: number): ParseStatus;
  onPing(): void;
  onPong(): void;
  /** An -ERR from the client, as a byte string. */
  onError(text: string): ParseStatus;
  /** An INFO, which clients have no reason to send. */
  onInfo(buffer: Uint8Array, start: number, end: number): ParseStatus;
  /** The size of a publish is over the limit. */
  onMaxPayload(sizeBytes: number): ParseStatus;
  /** A control line is over the limit. */
  onMaxControlLine(text: string): ParseStatus;
  /** The subject of a publish in pedantic mode. */
  onPedanticSubject(message: InboundMessage): void;
  /** A complete message. */
  onMessage(message: InboundMessage): void;
  /** An operation other than CONNECT came first although credentials are required. */
  onMissingConnect(): ParseStatus;
  /** An operation that nobody knows. */
  onUnknownOperation(): void;
  /** Called for each control line while `parser.trace` is set. */
  onTrace(operation: string, buffer: Uint8Array, start: number, end: number): void;
}

const {
  OP_START,
  OP_PLUS_OK,
  OP_MINUS_ERR_SPC,
  MINUS_ERR_ARG,
  OP_CONNECT,
  CONNECT_ARG,
  OP_HPUB_SPC,
  HPUB_ARG,
  OP_PUB_SPC,
  PUB_ARG,
  OP_PING,
  OP_PONG,
  MSG_PAYLOAD,
  MSG_END_R,
  MSG_END_N,
  OP_SUB_SPC,
  SUB_ARG,
  OP_UNSUB_SPC,
  UNSUB_ARG,
  OP_INFO,
  INFO_ARG,
} = ParserState;

const CR = 13;
const LF = 10;
const BLANK = 32;
const TAB = 9;

/** Room that a message which comes in pieces starts with. */
const SPLIT_MESSAGE_BYTES_MIN = 32 * 1024;
const NO_BYTES = new Uint8Array(0);

const NO_TRANSITION = 255;

/** `[state][byte]` to the next state while the name of an operation is read. */
const TRANSITIONS = buildTransitions();

function buildTransitions(): Uint8Array {
  const table = new Uint8Array(80 * 128).fill(NO_TRANSITION);
  const add = (from: ParserState, bytes: string, to: ParserState): void => {
    for (const byte of bytes) {
      table[from * 128 + byte.toLowerCase().charCodeAt(0)] = to;
      table[from * 128 + byte.toUpperCase().charCodeAt(0)] = to;
    }
  };
  const s = ParserState;
  const word = (letters: string, states: ParserState[]): void => {
    for (let i = 0; i < letters.length; i++) add(states[i]!, letters[i]!, states[i + 1]!);
  };
  word("PUB ", [s.OP_START, s.OP_P, s.OP_PU, s.OP_PUB, s.OP_PUB_SPC]);
  add(s.OP_PUB, "\t", s.OP_PUB_SPC);
  word("HPUB ", [s.OP_START, s.OP_H, s.OP_HP, s.OP_HPU, s.OP_HPUB, s.OP_HPUB_SPC]);
  add(s.OP_HPUB, "\t", s.OP_HPUB_SPC);
  word("SUB ", [s.OP_START, s.OP_S, s.OP_SU, s.OP_SUB, s.OP_SUB_SPC]);
  add(s.OP_SUB, "\t", s.OP_SUB_SPC);
  word("UNSUB ", [s.OP_START, s.OP_U, s.OP_UN, s.OP_UNS, s.OP_UNSU, s.OP_UNSUB, s.OP_UNSUB_SPC]);
  add(s.OP_UNSUB, "\t", s.OP_UNSUB_SPC);
  word("PING", [s.OP_START, s.OP_P, s.OP_PI, s.OP_PIN, s.OP_PING]);
  word("PONG", [s.OP_START, s.OP_P, s.OP_PO, s.OP_PON, s.OP_PONG]);
  word("CONNECT", [
    s.OP_START,
    s.OP_C,
    s.OP_CO,
    s.OP_CON,
    s.OP_CONN,
    s.OP_CONNE,
    s.OP_CONNEC,
    s.OP_CONNECT,
  ]);
  word("INFO", [s.OP_START, s.OP_I, s.OP_IN, s.OP_INF, s.OP_INFO]);
  word("+OK", [s.OP_START, s.OP_PLUS, s.OP_PLUS_O, s.OP_PLUS_OK]);
  word("-ERR ", [
    s.OP_START,
    s.OP_MINUS,
    s.OP_MINUS_E,
    s.OP_MINUS_ER,
    s.OP_MINUS_ERR,
    s.OP_MINUS_ERR_SPC,
  ]);
  add(s.OP_MINUS_ERR, "\t", s.OP_MINUS_ERR_SPC);
  return table;
}

/** Reads the operations of one client connection. */
export class ClientParser {
  state: ParserState = OP_START;
  /** Where `parse` stopped. */
  position = 0;
  /** End of the bytes that were read last. */
  #readEnd = 0;
  /** Why `parse` failed, for the log. */
  errorText = "";
  /** Longest control line. */
  maxControlLine = 4096;
  /** Largest message; -1 is unlimited. */
  maxPayload = 1024 * 1024;
  /** The client and the server both take headers. */
  headers = false;
  pedantic = true;
  /** CONNECT must come first. */
  awaitingConnect = false;
  trace = false;
  readonly message = new InboundMessage();
  readonly arguments = new ArgumentList();
  /** A control line that began in an earlier read; length in `#argLength`. */
  #arg: Uint8Array | null = null;
  #argLength = 0;
  /** A message that began in an earlier read, with room for its CR LF. */
  #msg: Uint8Array | null = null;
  #msgLength = 0;
  #argStart = 0;
  /** 1 once a CR was seen in the control line. */
  #drop = 0;

  constructor(readonly operations: ClientOperations) {}

  /** Bytes kept of an unfinished operation. */
  get bufferedBytes(): number {
    return (this.#arg?.length ?? 0) + (this.#msg?.length ?? 0);
  }

  /** Reads `buffer[start, end)`; calls the operations as they complete. */
  parse(buffer: Uint8Array, start: number, end: number): ParseStatus {
    let i = start;
    this.#argStart = start;
    this.#readEnd = end;
    while (i < end) {
      if (this.state === OP_START && !this.awaitingConnect && !this.trace) {
        const next = this.#fastPublish(buffer, i, end);
        if (next > 0) {
          i = next;
          continue;
        }
        if (next < 0) return this.#stop(i, -next as ParseStatus);
      }
      const status = this.#step(buffer, i, end);
      if (status !== ParseStatus.Ok) return this.#stop(this.position, status);
      i = this.position;
    }
    this.position = end;
    return this.#keepRest(buffer, end);
  }

  #stop(position: number, status: ParseStatus): ParseStatus {
    this.position = position;
    return status;
  }

  /**
   * Handles a publish that lies whole in `[i, end)`. Returns where the next operation starts,
   * 0 when the state machine must look, or a negated status.
   */
  #fastPublish(buffer: Uint8Array, i: number, end: number): number {
    let p = i;
    let withHeaders = false;
    if ((buffer[p]! | 32) === 104) {
      withHeaders = true;
      p++;
    }
    if (end - p < 12) return 0;
    if (
      (buffer[p]! | 32) !== 112 || (buffer[p + 1]! | 32) !== 117 ||
      (buffer[p + 2]! | 32) !== 98 || buffer[p + 3] !== BLANK || (withHeaders && !this.headers)
    ) return 0;
    p += 4;
    const lineStart = p;
    const m = this.message;
    // Offsets of up to four arguments, each followed by exactly one blank or the CR LF.
    let a1 = -1;
    let a2 = -1;
    let a3 = -1;
    let byte = 0;
    for (; p < end; p++) {
      byte = buffer[p]!;
      if (byte > BLANK) continue;
      if (byte === BLANK) {
        const next = p + 1 < end ? buffer[p + 1]! : 0;
        if (next <= BLANK || p === lineStart) return 0;
        if (a1 < 0) a1 = p;
        else if (a2 < 0) a2 = p;
        else if (a3 < 0) a3 = p;
        else return 0;
        continue;
      }
      if (byte === CR) break;
      return 0;
    }
    if (p + 1 >= end || buffer[p + 1] !== LF || a1 < 0) return 0;
    if (p - lineStart > this.maxControlLine) return 0;
    const lineEnd = p;
    let sizeStart: number;
    let replyStart = -1;
    let replyEnd = -1;
    if (withHeaders) {
      if (a2 < 0) return 0;
      let headerStart: number;
      let headerEnd: number;
      if (a3 < 0) {
        headerStart = a1 + 1;
        headerEnd = a2;
        sizeStart = a2 + 1;
      } else {
        replyStart = a1 + 1;
        replyEnd = a2;
        headerStart = a2 + 1;
        headerEnd = a3;
        sizeStart = a3 + 1;
      }
      const headerBytes = parseSize(buffer, headerStart, headerEnd);
      if (headerBytes < 0) return 0;
      m.headerBytes = headerBytes;
      m.headerSizeStart = headerStart;
      m.headerSizeEnd = headerEnd;
    } else {
      if (a3 >= 0) return 0;
      if (a2 < 0) sizeStart = a1 + 1;
      else {
        replyStart = a1 + 1;
        replyEnd = a2;
        sizeStart = a2 + 1;
      }
      m.headerBytes = -1;
    }
    const size = parseSize(buffer, sizeStart, lineEnd);
    if (size < 0 || m.headerBytes > size) return 0;
    if (this.maxPayload >= 0 && size > this.maxPayload) return 0;
    const payloadStart = lineEnd + 2;
    const payloadEnd = payloadStart + size + 2;
    if (payloadEnd > end || buffer[payloadEnd - 2] !== CR || buffer[payloadEnd - 1] !== LF) {
      return 0;
    }
    m.args = buffer;
    m.subjectStart = lineStart;
    m.subjectEnd = a1;
    m.replyStart = replyStart;
    m.replyEnd = replyEnd;
    m.sizeStart = sizeStart;
    m.sizeEnd = lineEnd;
    m.sizeBytes = size;
    m.payload = buffer;
    m.payloadStart = payloadStart;
    m.payloadEnd = payloadEnd;
    m.contiguous = true;
    if (this.pedantic) this.operations.onPedanticSubject(m);
    this.operations.onMessage(m);
    return payloadEnd;
  }

  /** Takes bytes from `i` until an operation is complete or the buffer ends. */
  #step(buffer: Uint8Array, i: number, end: number): ParseStatus {
    const operations = this.operations;
    for (; i < end; i++) {
      const byte = buffer[i]!;
      const state = this.state;
      switch (state) {
        case OP_START: {
          if (this.awaitingConnect && byte !== 67 && byte !== 99) {
            const status = operations.onMissingConnect();
            if (status !== ParseStatus.Ok) return this.#stop(i, status);
          }
          const next = byte < 128 ? TRANSITIONS[byte]! : NO_TRANSITION;
          if (next === NO_TRANSITION) return this.#unknown(buffer, i, end);
          this.state = next as ParserState;
          break;
        }
        case OP_PUB_SPC:
        case OP_HPUB_SPC:
          if (byte === BLANK || byte === TAB) continue;
          this.message.headerBytes = state === OP_HPUB_SPC ? 0 : -1;
          this.state = state === OP_HPUB_SPC ? HPUB_ARG : PUB_ARG;
          this.#argStart = i;
          break;
        case OP_SUB_SPC:
        case OP_UNSUB_SPC:
        case OP_MINUS_ERR_SPC:
        case OP_CONNECT:
        case OP_INFO:
          if (byte === BLANK || byte === TAB) continue;
          this.state = argumentStateAfter(state);
          this.#argStart = i;
          break;
        case PUB_ARG:
        case HPUB_ARG:
        case SUB_ARG:
        case UNSUB_ARG:
        case CONNECT_ARG:
        case MINUS_ERR_ARG:
        case INFO_ARG:
          if (byte === CR) this.#drop = 1;
          else if (byte === LF) {
            const status = this.#line(state, buffer, i);
            if (status !== ParseStatus.Ok) return this.#stop(i + 1, status);
            if (this.state === OP_START) return this.#stop(i + 1, ParseStatus.Ok);
          } else if (this.#arg !== null) this.#appendArg(byte);
          break;
        case MSG_PAYLOAD:
          i = this.#payload(buffer, i, end);
          break;
        case MSG_END_R:
          if (byte !== CR) return this.#unknown(buffer, i, end);
          if (this.#msg !== null) this.#msg[this.#msgLength++] = byte;
          this.state = MSG_END_N;
          break;
        case MSG_END_N:
          if (byte !== LF) return this.#unknown(buffer, i, end);
          this.#messageComplete(buffer, i);
          return this.#stop(i + 1, ParseStatus.Ok);
        case OP_PING:
        case OP_PONG:
          if (byte !== LF) continue;
          if (this.trace) operations.onTrace(state === OP_PING ? "PING" : "PONG", buffer, -1, -1);
          this.state = OP_START;
          this.#drop = 0;
          if (state === OP_PING) operations.onPing();
          else operations.onPong();
          return this.#stop(i + 1, ParseStatus.Ok);
        case OP_PLUS_OK:
          if (byte !== LF) continue;
          this.state = OP_START;
          return this.#stop(i + 1, ParseStatus.Ok);
        default: {
          const next = byte < 128 ? TRANSITIONS[state * 128 + byte]! : NO_TRANSITION;
          if (next === NO_TRANSITION) return this.#unknown(buffer, i, end);
          this.state = next as ParserState;
        }
      }
    }
    return this.#stop(end, ParseStatus.Ok);
  }

  /** Takes payload bytes; returns the index of the last one taken. */
  #payload(buffer: Uint8Array, i: number, end: number): number {
    const m = this.message;
    if (this.#msg === null) {
      // The payload starts at #argStart in this buffer.
      const last = this.#argStart + m.sizeBytes - 1;
      if (last < end) {
        this.state = MSG_END_R;
        return last;
      }
      return end - 1;
    }
    const wanted = m.sizeBytes - this.#msgLength;
    const taken = Math.min(wanted, end - i);
    if (taken > 0) {
      this.#reserve(this.#msgLength + taken);
      this.#msg.set(buffer.subarray(i, i + taken), this.#msgLength);
      this.#msgLength += taken;
    }
    if (this.#msgLength >= m.sizeBytes) this.state = MSG_END_R;
    return i + taken - 1;
  }

  /**
   * Makes room for `received` bytes of a split message and its line end. The room grows with what
   * has come, not with what was announced: announcing costs a client nothing.
   */
  #reserve(received: number): void {
    const msg = this.#msg!;
    if (received + 2 <= msg.length) return;
    const ahead = Math.max(received * 4, SPLIT_MESSAGE_BYTES_MIN);
    const room = new Uint8Array(Math.max(received, Math.min(this.message.sizeBytes, ahead)) + 2);
    room.set(msg.subarray(0, this.#msgLength));
    this.#msg = room;
  }

  #messageComplete(buffer: Uint8Array, i: number): void {
    const m = this.message;
    if (this.#msg !== null) {
      this.#msg[this.#msgLength++] = LF;
      m.payload = this.#msg;
      m.payloadStart = 0;
      m.payloadEnd = this.#msgLength;
    } else {
      m.payload = buffer;
      m.payloadStart = this.#argStart;
      m.payloadEnd = i + 1;
    }
    m.contiguous = false;
    this.operations.onMessage(m);
    m.clear();
    this.#arg = null;
    this.#msg = null;
    this.#msgLength = 0;
    this.#drop = 0;
    this.state = OP_START;
  }

  /** A control line ended before the LF at `i`. */
  #line(state: ParserState, buffer: Uint8Array, i: number): ParseStatus {
    let args = buffer;
    let start = this.#argStart;
    let end = Math.max(start, i - this.#drop);
    if (this.#arg !== null) {
      args = this.#arg;
      start = 0;
      end = this.#argLength;
      this.#arg = null;
    }
    if (end - start > this.maxControlLine) return this.#tooLong(args, start, end);
    const operations = this.operations;
    let status: ParseStatus = ParseStatus.Ok;
    switch (state) {
      case PUB_ARG:
      case HPUB_ARG:
        if (this.trace) {
          operations.onTrace(state === PUB_ARG ? "PUB" : "HPUB", args, start, end);
        }
        this.#borrowBody(buffer, i + 1);
        status = this.#publishArguments(state === HPUB_ARG, args, start, end);
        if (status !== ParseStatus.Ok) return status;
        this.#drop = 0;
        this.#argStart = i + 1;
        this.state = MSG_PAYLOAD;
        if (this.message.sizeBytes === 0) this.state = MSG_END_R;
        return ParseStatus.Ok;
      case SUB_ARG:
        if (this.trace) operations.onTrace("SUB", args, start, end);
        status = operations.onSub(this, args, start, end);
        break;
      case UNSUB_ARG:
        if (this.trace) operations.onTrace("UNSUB", args, start, end);
        status = operations.onUnsub(this, args, start, end);
        break;
      case CONNECT_ARG:
        if (this.trace) operations.onTrace("CONNECT", args, start, end);
        status = operations.onConnect(args, start, end);
        break;
      case INFO_ARG:
        status = operations.onInfo(args, start, end);
        break;
      default:
        status = operations.onError(byteStringOf(args, start, end));
    }
    this.#drop = 0;
    this.state = OP_START;
    return status;
  }

  #publishArguments(
    withHeaders: boolean,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): ParseStatus {
    const name = withHeaders ? "processHeaderPub" : "processPub";
    if (withHeaders && !this.headers) return this.fail("message headers not supported");
    const list = this.arguments;
    list.split(buffer, start, end, false);
    const m = this.message;
    const least = withHeaders ? 3 : 2;
    if (list.count !== least && list.count !== least + 1) {
      return this.#failLine(`${name} Parse Error`, buffer, start, end);
    }
    const offsets = list.offsets;
    m.args = buffer;
    m.subjectStart = offsets[0]!;
    m.subjectEnd = offsets[1]!;
    let at = 2;
    m.replyStart = -1;
    m.replyEnd = -1;
    if (list.count > least) {
      m.replyStart = offsets[2]!;
      m.replyEnd = offsets[3]!;
      at = 4;
    }
    m.headerBytes = -1;
    if (withHeaders) {
      m.headerSizeStart = offsets[at]!;
      m.headerSizeEnd = offsets[at + 1]!;
      m.headerBytes = parseSize(buffer, m.headerSizeStart, m.headerSizeEnd);
      at += 2;
      if (m.headerBytes < 0) {
        return this.#failLine(`${name} Bad or Missing Header Size`, buffer, start, end);
      }
    }
    m.sizeStart = offsets[at]!;
    m.sizeEnd = offsets[at + 1]!;
    m.sizeBytes = parseSize(buffer, m.sizeStart, m.sizeEnd);
    if (m.sizeBytes < 0) {
      const what = withHeaders ? "Total Size" : "Size";
      return this.#failLine(`${name} Bad or Missing ${what}`, buffer, start, end);
    }
    if (m.headerBytes > m.sizeBytes) {
      return this.#failLine(`${name} Header Size larger then TotalSize`, buffer, start, end);
    }
    if (this.maxPayload >= 0 && m.sizeBytes > this.maxPayload) {
      return this.operations.onMaxPayload(m.sizeBytes);
    }
    if (this.pedantic) this.operations.onPedanticSubject(m);
    return ParseStatus.Ok;
  }

  /** Shows what has come so far of the body of a message, whose arguments are read next. */
  #borrowBody(buffer: Uint8Array, start: number): void {
    const m = this.message;
    m.payload = buffer;
    m.payloadStart = start;
    m.payloadEnd = this.#readEnd;
  }

  /** Keeps what an unfinished operation needs of a buffer that is about to be reused. */
  #keepRest(buffer: Uint8Array, end: number): ParseStatus {
    const state = this.state;
    switch (state) {
      case PUB_ARG:
      case HPUB_ARG:
      case SUB_ARG:
      case UNSUB_ARG:
      case CONNECT_ARG:
      case MINUS_ERR_ARG:
      case INFO_ARG:
        if (this.#arg === null) {
          this.#argLength = 0;
          this.#arg = new Uint8Array(64);
          for (let i = this.#argStart; i < end - this.#drop; i++) this.#appendArg(buffer[i]!);
        }
        if (this.#argLength > this.maxControlLine) {
          return this.#tooLong(this.#arg, 0, this.#argLength);
        }
        break;
      case MSG_PAYLOAD:
      case MSG_END_R:
      case MSG_END_N:
        if (this.#msg === null) {
          this.#keepArguments();
          this.#msg = NO_BYTES;
          this.#reserve(end - this.#argStart);
          this.#msg.set(buffer.subarray(this.#argStart, end));
          this.#msgLength = end - this.#argStart;
        }
    }
    return ParseStatus.Ok;
  }

  /** Moves subject, reply and sizes of a split message out of the read buffer. */
  #keepArguments(): void {
    const m = this.message;
    const from = m.subjectStart;
    m.args = m.args.slice(from, m.sizeEnd);
    m.subjectStart = 0;
    m.subjectEnd -= from;
    if (m.replyStart >= 0) {
      m.replyStart -= from;
      m.replyEnd -= from;
    }
    m.headerSizeStart -= from;
    m.headerSizeEnd -= from;
    m.sizeStart -= from;
    m.sizeEnd -= from;
  }

  #appendArg(byte: number): void {
    let arg = this.#arg!;
    if (this.#argLength === arg.length) {
      arg = new Uint8Array(arg.length * 2);
      arg.set(this.#arg!);
      this.#arg = arg;
    }
    arg[this.#argLength++] = byte;
  }

  #tooLong(args: Uint8Array, start: number, end: number): ParseStatus {
    const kept = this.#arg === null ? 0 : this.#argLength;
    this.errorText = `maximum control line exceeded: State ${this.state}, max_control_line ` +
      `${this.maxControlLine}, Buffer len ${kept} (snip: ${
        protocolSnippet(args, start, 128, end)
      }...)`;
    return this.operations.onMaxControlLine(this.errorText);
  }

  #failLine(what: string, buffer: Uint8Array, start: number, end: number): ParseStatus {
    return this.fail(`${what}: ${quoteBytes(buffer, start, end)}`);
  }

  /** Sets the error text and returns Failed. */
  fail(text: string): ParseStatus {
    this.errorText = text;
    return ParseStatus.Failed;
  }

  #unknown(buffer: Uint8Array, i: number, end: number): ParseStatus {
    this.operations.onUnknownOperation();
    this.position = i;
    const snippet = protocolSnippet(buffer, i, 32, end);
    return this.fail(`Client parser ERROR, state=${this.state}, i=${i}: proto='${snippet}...'`);
  }
}

function argumentStateAfter(state: ParserState): ParserState {
  switch (state) {
    case OP_SUB_SPC:
      return SUB_ARG;
    case OP_UNSUB_SPC:
      return UNSUB_ARG;
    case OP_CONNECT:
      return CONNECT_ARG;
    case OP_INFO:
      return INFO_ARG;
    default:
      return MINUS_ERR_ARG;
  }
}

/** At most `lengthMax` bytes of `buffer` from `start`, quoted for the log. */
export function protocolSnippet(
  buffer: Uint8Array,
  start: number,
  lengthMax: number,
  end: number = buffer.length,
): string {
  if (start >= end) return '""';
  let stop = start + lengthMax;
  if (stop > end) stop = end - 1;
  return quoteBytes(buffer, start, stop);
}

function quoteBytes(buffer: Uint8Array, start: number, end: number): string {
  return goQuoteBytes(buffer.subarray(start, end));
}
