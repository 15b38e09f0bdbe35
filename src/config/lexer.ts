/**
 * The lexer of the configuration language: a state machine that cuts a file into items.
 *
 * It works on byte strings, because positions in error texts count bytes. A state is a function
 * that reads some input, emits at most two items, and returns the next state; a stack holds the
 * states to come back to after a value or a comment. The states of keys and blocks are here,
 * those of values in `lexer_values.ts`.
 *
 * Reference: conf/lex.go.
 *
 * @module
 */
import { byteStringOfText, textOfByteString } from "../base/text/byte_string.ts";
import { lexValue } from "./lexer_values.ts";

/** What an item is. */
export type ItemType =
  | "Error"
  | "EOF"
  | "Key"
  | "Text"
  | "String"
  | "Bool"
  | "Integer"
  | "Float"
  | "DateTime"
  | "ArrayStart"
  | "ArrayEnd"
  | "MapStart"
  | "MapEnd"
  | "CommentStart"
  | "Variable"
  | "Include";

/** A piece of the file. `value` is a byte string; `line` counts from 1, `pos` bytes in the line. */
export interface Item {
  readonly type: ItemType;
  readonly value: string;
  readonly line: number;
  readonly pos: number;
}

/** A state of the lexer: reads, then names the next state, or null at the end. */
export type State = (lexer: Lexer) => State | null;

/** Read at the end of the input. A NUL byte inside the input looks the same, as in the reference. */
export const EOF = 0;

/** How deeply values may be nested before the file is refused. */
export const NESTING_MAX = 1000;

/** Cuts one configuration into items; see {@linkcode Lexer.nextItem}. */
export class Lexer {
  /** Start of the current item, and the place read next. */
  start = 0;
  pos = 0;
  /** State to go back to after an escape inside a string. */
  stringState: State = lexTop;
  #width = 0;
  #line = 1;
  #lineStart = 0;
  #itemLineStart = 0;
  #state: State | null = lexTop;
  readonly #stack: State[] = [];
  readonly #items: Item[] = [];
  #parts = "";
  #hasParts = false;

  /** @param input the file as a byte string */
  constructor(readonly input: string) {}

  /** The next item; after an `Error` or `EOF` item, that item again. */
  nextItem(): Item {
    for (;;) {
      const item = this.#items[0];
      if (item !== undefined) {
        if (item.type !== "Error" && item.type !== "EOF") this.#items.shift();
        return item;
      }
      this.#state = this.#state === null ? this.fail("Unexpected EOF.") : this.#state(this);
    }
  }

  /** Remembers where to go on after a value or comment. */
  push(state: State): void {
    this.#stack.push(state);
  }

  /** Goes back to the state remembered last. */
  pop(): State | null {
    const state = this.#stack.pop();
    return state ?? this.fail("BUG in lexer: no states to pop.");
  }

  /** Whether values are nested more deeply than is accepted. */
  get tooDeep(): boolean {
    return this.#stack.length > NESTING_MAX;
  }

  /** Ends the current item here and hands it out. */
  emit(type: ItemType): void {
    const value = this.#parts + this.input.slice(this.start, this.pos);
    this.#items.push({ type, value, line: this.#line, pos: this.#position(value) });
    this.start = this.pos;
    this.#itemLineStart = this.#lineStart;
  }

  /** Like {@linkcode emit} for a string that may have been put together from escaped parts. */
  emitString(): void {
    this.emit("String");
    this.#parts = "";
    this.#hasParts = false;
  }

  #position(value: string): number {
    return this.pos - this.#itemLineStart - value.length;
  }

  /** Keeps what was read of a string, without its last `offset` bytes. */
  addCurrentPart(offset: number): void {
    this.#parts += this.input.slice(this.start, this.pos - offset);
    this.#hasParts = true;
    this.start = this.pos;
  }

  /** Adds the meaning of an escape to the string and goes on with it. */
  addPart(bytes: string): State {
    this.#parts += bytes;
    this.#hasParts = true;
    this.start = this.pos;
    return this.stringState;
  }

  /** Whether the current string had an escape. */
  get hasEscapes(): boolean {
    return this.#hasParts;
  }

  /** Reads one character and returns its code point, {@linkcode EOF} at the end. */
  next(): number {
    if (this.pos >= this.input.length) {
      this.#width = 0;
      return EOF;
    }
    const byte = this.input.charCodeAt(this.pos);
    if (byte === 0x0a) {
      this.#line++;
      this.#lineStart = this.pos;
    }
    if (byte < 0x80) {
      this.#width = 1;
      this.pos++;
      return byte;
    }
    const text = decodeRune(this.input, this.pos);
    this.#width = text.width;
    this.pos += text.width;
    return text.rune;
  }

  /** Drops what was read of the current item. */
  ignore(): void {
    this.start = this.pos;
    this.#itemLineStart = this.#lineStart;
  }

  /** Drops what was read and goes to `state`. */
  skip(state: State): State {
    this.ignore();
    return state;
  }

  /** Goes back by the character read last. A second call goes back as far once more. */
  backup(): void {
    this.pos -= this.#width;
    if (this.pos < this.input.length && this.input.charCodeAt(this.pos) === 0x0a) this.#line--;
  }

  /** The next character without reading it. */
  peek(): number {
    const rune = this.next();
    this.backup();
    return rune;
  }

  /** Ends with an error at the current position. */
  fail(message: string): null {
    this.#items.push({
      type: "Error",
      value: byteStringOfText(message),
      line: this.#line,
      pos: this.pos - this.#lineStart,
    });
    return null;
  }

  /** An error at the end of the file, or its regular end if nothing was read of an item. */
  endOfFile(): null {
    if (this.pos > this.start) return this.fail("Unexpected EOF.");
    this.emit("EOF");
    return null;
  }

  /** After a `#` or `//`: goes back to `state` behind the comment. */
  comment(state: State): State {
    this.push(state);
    return lexCommentStart;
  }

  /** After a `/`: reads another one if it is there. */
  secondSlash(): boolean {
    if (this.next() === SLASH) return true;
    this.backup();
    return false;
  }

  /** The current item's bytes in lower case. */
  currentLower(): string {
    return textOfByteString(this.input.slice(this.start, this.pos)).toLowerCase();
  }
}

const SLASH = 0x2f;
const HASH = 0x23;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;
const BRACKET_CLOSE = 0x5d;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;

const replacement = { rune: 0xfffd, width: 1 };

/** The UTF-8 character at `pos` of a byte string; a wrong byte is U+FFFD of width 1. */
function decodeRune(bytes: string, pos: number): { rune: number; width: number } {
  const first = bytes.charCodeAt(pos);
  const width = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || pos + width > bytes.length) return replacement;
  const text = textOfByteString(bytes.slice(pos, pos + width));
  const rune = text.codePointAt(0)!;
  // A valid sequence decodes to exactly one character; U+FFFD itself is EF BF BD.
  const valid = text.length === (rune > 0xffff ? 2 : 1) &&
    (rune !== 0xfffd || bytes.slice(pos, pos + width) === "\xef\xbf\xbd");
  return valid ? { rune, width } : replacement;
}

/** A character as an error text shows it. */
export function showRune(rune: number): string {
  return rune === 0x0a ? "\\n" : String.fromCodePoint(rune);
}

/** Whether a character is white space by Unicode. */
export function isSpace(rune: number): boolean {
  if (rune < 0x80) return (rune >= 0x09 && rune <= 0x0d) || rune === 0x20;
  return rune === 0x85 || rune === 0xa0 || rune === 0x1680 || (rune >= 0x2000 && rune <= 0x200a) ||
    rune === 0x2028 || rune === 0x2029 || rune === 0x202f || rune === 0x205f || rune === 0x3000;
}

/** Whether a character is a blank or tab. */
export function isBlank(rune: number): boolean {
  return rune === 0x20 || rune === 0x09;
}

/** Whether a character ends a line. */
export function isNewline(rune: number): boolean {
  return rune === 0x0a || rune === 0x0d;
}

/** Whether a character is a decimal digit of any script. */
export function isDigit(rune: number): boolean {
  if (rune < 0x80) return rune >= 0x30 && rune <= 0x39;
  return /^\p{Nd}$/u.test(String.fromCodePoint(rune));
}

function isKeySeparator(rune: number): boolean {
  return rune === 0x3d || rune === 0x3a;
}

function lexTop(lexer: Lexer): State | null {
  const rune = lexer.next();
  if (isSpace(rune)) return lexer.skip(lexTop);
  switch (rune) {
    case BRACE_OPEN:
      lexer.push(lexTop);
      return lexer.skip(lexBlockStart);
    case HASH:
      return lexer.comment(lexTop);
    case SLASH:
      return lexer.secondSlash() ? lexer.comment(lexTop) : lexer.endOfFile();
    case EOF:
      return lexer.endOfFile();
  }
  lexer.backup();
  lexer.push(lexTopValueEnd);
  return lexKeyStart;
}

function lexTopValueEnd(lexer: Lexer): State | null {
  const rune = lexer.next();
  if (rune === HASH) return lexer.comment(lexTop);
  if (rune === SLASH) return lexer.secondSlash() ? lexer.comment(lexTop) : lexTopValueEnd;
  if (isBlank(rune)) return lexTopValueEnd;
  if (
    isNewline(rune) || rune === EOF || rune === SEMICOLON || rune === COMMA || rune === BRACE_CLOSE
  ) return lexer.skip(lexTop);
  return lexer.fail(
    "Expected a top-level value to end with a new line, comment or EOF, " +
      `but got '${showRune(rune)}' instead.`,
  );
}

function lexBlockStart(lexer: Lexer): State | null {
  const rune = lexer.next();
  if (isSpace(rune)) return lexer.skip(lexBlockStart);
  switch (rune) {
    case BRACE_OPEN:
      if (lexer.tooDeep) return lexer.fail("Nesting is too deep.");
      lexer.push(lexBlockEnd);
      return lexer.skip(lexBlockStart);
    case BRACE_CLOSE:
      lexer.ignore();
      return lexer.pop();
    case HASH:
      return lexer.comment(lexBlockStart);
    case SLASH:
      return lexer.secondSlash() ? lexer.comment(lexBlockStart) : lexer.endOfFile();
    case EOF:
      return lexer.endOfFile();
  }
  lexer.backup();
  lexer.push(lexBlockValueEnd);
  return lexKeyStart;
}

function lexBlockValueEnd(lexer: Lexer): State | null {
  const rune = lexer.next();
  if (rune === HASH) return lexer.comment(lexBlockValueEnd);
  if (rune === SLASH) {
    return lexer.secondSlash() ? lexer.comment(lexBlockValueEnd) : lexBlockValueEnd;
  }
  if (isBlank(rune)) return lexBlockValueEnd;
  if (isNewline(rune) || rune === SEMICOLON || rune === COMMA) return lexer.skip(lexBlockStart);
  if (rune === BRACE_CLOSE) {
    lexer.backup();
    return lexBlockEnd;
  }
  return lexer.fail(
    "Expected a block-level value to end with a new line, comment or EOF, " +
      `but got '${showRune(rune)}' instead.`,
  );
}

function lexBlockEnd(lexer: Lexer): State | null {
  const rune = lexer.next();
  if (rune === HASH) return lexer.comment(lexBlockStart);
  if (rune === SLASH) return lexer.secondSlash() ? lexer.comment(lexBlockStart) : lexBlockEnd;
  if (isNewline(rune) || isBlank(rune)) return lexBlockEnd;
  if (rune === SEMICOLON || rune === COMMA) return lexer.skip(lexBlockStart);
  if (rune === BRACE_CLOSE) {
    lexer.ignore();
    return lexer.pop();
  }
  return lexer.fail(
    `Expected a block-level to end with a '}', but got '${showRune(rune)}' instead.`,
  );
}

function lexKeyStart(lexer: Lexer): State | null {
  const rune = lexer.peek();
  if (isKeySeparator(rune)) return lexer.fail(`Unexpected key separator '${showRune(rune)}'`);
  if (isSpace(rune)) {
    lexer.next();
    return lexer.skip(lexKeyStart);
  }
  if (rune === DOUBLE_QUOTE || rune === SINGLE_QUOTE) {
    lexer.next();
    return lexer.skip(rune === DOUBLE_QUOTE ? lexDoubleQuotedKey : lexSingleQuotedKey);
  }
  lexer.ignore();
  lexer.next();
  return lexKey;
}

function lexDoubleQuotedKey(lexer: Lexer): State | null {
  return lexQuotedKey(lexer, DOUBLE_QUOTE);
}

function lexSingleQuotedKey(lexer: Lexer): State | null {
  return lexQuotedKey(lexer, SINGLE_QUOTE);
}

function lexQuotedKey(lexer: Lexer, quote: number): State | null {
  for (;;) {
    const rune = lexer.peek();
    if (rune === EOF) return lexer.endOfFile();
    if (rune === quote) {
      lexer.emit("Key");
      lexer.next();
      return lexer.skip(lexKeyEnd);
    }
    lexer.next();
  }
}

function lexKey(lexer: Lexer): State | null {
  for (;;) {
    const rune = lexer.peek();
    if (isSpace(rune)) {
      // White space ends a key, and may end the keyword `include`.
      if (lexer.currentLower() === "include") {
        lexer.ignore();
        return lexIncludeStart;
      }
      lexer.emit("Key");
      return lexKeyEnd;
    }
    if (isKeySeparator(rune) || rune === EOF) {
      lexer.emit("Key");
      return lexKeyEnd;
    }
    lexer.next();
  }
}

function lexKeyEnd(lexer: Lexer): State | null {
  const rune = lexer.next();
  if (isSpace(rune)) return lexer.skip(lexKeyEnd);
  if (isKeySeparator(rune)) return lexer.skip(lexValue);
  if (rune === EOF) {
    lexer.emit("EOF");
    return null;
  }
  lexer.backup();
  return lexValue;
}

function lexIncludeStart(lexer: Lexer): State | null {
  if (isBlank(lexer.next())) return lexer.skip(lexIncludeStart);
  lexer.backup();
  return lexInclude;
}

const NOT_AN_INCLUDE: Readonly<Record<string, string>> = {
  "[": "start of an array",
  "{": "start of a map",
  "(": "start of a block",
  "-": "start of a number",
  "\\": "escape sequence",
  "\n": "new line",
  "\r": "new line",
};

function lexInclude(lexer: Lexer): State | null {
  const rune = lexer.next();
  if (rune === SINGLE_QUOTE || rune === DOUBLE_QUOTE) {
    lexer.ignore();
    return rune === SINGLE_QUOTE ? lexSingleQuotedInclude : lexDoubleQuotedInclude;
  }
  const wrong = isDigit(rune) ? "start of a number" : NOT_AN_INCLUDE[String.fromCodePoint(rune)];
  if (wrong !== undefined) return lexer.fail(`Expected include value but found ${wrong}`);
  lexer.backup();
  return lexIncludeString;
}

function lexSingleQuotedInclude(lexer: Lexer): State | null {
  return lexQuotedInclude(lexer, SINGLE_QUOTE, "Unexpected EOF in quoted include");
}

function lexDoubleQuotedInclude(lexer: Lexer): State | null {
  return lexQuotedInclude(lexer, DOUBLE_QUOTE, "Unexpected EOF in double quoted include");
}

function lexQuotedInclude(lexer: Lexer, quote: number, atEof: string): State | null {
  for (;;) {
    const rune = lexer.next();
    if (rune === EOF) return lexer.fail(atEof);
    if (rune === quote) return endQuoted(lexer, "Include");
  }
}

function endQuoted(lexer: Lexer, type: ItemType): State | null {
  lexer.backup();
  lexer.emit(type);
  lexer.next();
  lexer.ignore();
  return lexer.pop();
}

function lexIncludeString(lexer: Lexer): State | null {
  for (;;) {
    const rune = lexer.next();
    if (rune === SINGLE_QUOTE) return endQuoted(lexer, "Include");
    if (
      isNewline(rune) || rune === EOF || rune === SEMICOLON || rune === BRACE_CLOSE ||
      isBlank(rune)
    ) {
      lexer.backup();
      lexer.emit("Include");
      return lexer.pop();
    }
  }
}

/** Keys of a map. */
export function lexMapKeyStart(lexer: Lexer): State | null {
  const rune = lexer.peek();
  if (isKeySeparator(rune)) return lexer.fail(`Unexpected key separator '${showRune(rune)}'.`);
  if (rune === BRACKET_CLOSE) {
    return lexer.fail(`Unexpected array end '${showRune(rune)}' processing map.`);
  }
  if (isSpace(rune)) {
    lexer.next();
    return lexer.skip(lexMapKeyStart);
  }
  switch (rune) {
    case BRACE_CLOSE:
      lexer.next();
      return lexer.skip(lexMapEnd);
    case HASH:
      lexer.next();
      return lexer.comment(lexMapKeyStart);
    case SLASH:
      lexer.next();
      if (lexer.secondSlash()) return lexer.comment(lexMapKeyStart);
      break;
    case SINGLE_QUOTE:
      lexer.next();
      return lexer.skip(lexSingleQuotedMapKey);
    case DOUBLE_QUOTE:
      lexer.next();
      return lexer.skip(lexDoubleQuotedMapKey);
    case EOF:
      return lexer.fail("Unexpected EOF processing map.");
  }
  lexer.ignore();
  lexer.next();
  return lexMapKey;
}

function lexSingleQuotedMapKey(lexer: Lexer): State | null {
  return lexQuotedMapKey(lexer, SINGLE_QUOTE, "Unexpected EOF processing quoted map key.");
}

function lexDoubleQuotedMapKey(lexer: Lexer): State | null {
  return lexQuotedMapKey(lexer, DOUBLE_QUOTE, "Unexpected EOF processing double quoted map key.");
}

function lexQuotedMapKey(lexer: Lexer, quote: number, atEof: string): State | null {
  for (;;) {
    const rune = lexer.peek();
    if (rune === EOF) return lexer.fail(atEof);
    if (rune === quote) {
      lexer.emit("Key");
      lexer.next();
      return lexer.skip(lexMapKeyEnd);
    }
    lexer.next();
  }
}

function lexMapKey(lexer: Lexer): State | null {
  for (;;) {
    const rune = lexer.peek();
    if (rune === EOF) return lexer.fail("Unexpected EOF processing map key.");
    if (isSpace(rune)) {
      if (lexer.currentLower() === "include") {
        lexer.ignore();
        lexer.push(lexMapValueEnd);
        return lexIncludeStart;
      }
      lexer.emit("Key");
      return lexMapKeyEnd;
    }
    if (isKeySeparator(rune)) {
      lexer.emit("Key");
      return lexMapKeyEnd;
    }
    lexer.next();
  }
}

function lexMapKeyEnd(lexer: Lexer): State | null {
  const rune = lexer.next();
  if (isSpace(rune)) return lexer.skip(lexMapKeyEnd);
  if (isKeySeparator(rune)) return lexer.skip(lexMapValue);
  lexer.backup();
  return lexMapValue;
}

function lexMapValue(lexer: Lexer): State | null {
  const rune = lexer.next();
  if (isSpace(rune)) return lexer.skip(lexMapValue);
  if (rune === COMMA) return lexer.fail('Unexpected map value terminator ",".');
  if (rune === BRACE_CLOSE) return lexer.skip(lexMapEnd);
  lexer.backup();
  lexer.push(lexMapValueEnd);
  return lexValue;
}

function lexMapValueEnd(lexer: Lexer): State | null {
  const rune = lexer.next();
  if (isBlank(rune)) return lexer.skip(lexMapValueEnd);
  if (rune === HASH) return lexer.comment(lexMapValueEnd);
  if (rune === SLASH) {
    return lexer.secondSlash() ? lexer.comment(lexMapValueEnd) : lexer.skip(lexMapKeyStart);
  }
  if (rune === SEMICOLON || rune === COMMA || isNewline(rune)) return lexer.skip(lexMapKeyStart);
  if (rune === BRACE_CLOSE) return lexer.skip(lexMapEnd);
  return lexer.fail(
    'Expected a map value terminator "," or a map terminator "}", ' +
      `but got '${showRune(rune)}' instead.`,
  );
}

function lexMapEnd(lexer: Lexer): State | null {
  lexer.ignore();
  lexer.emit("MapEnd");
  return lexer.pop();
}

function lexCommentStart(lexer: Lexer): State | null {
  lexer.ignore();
  lexer.emit("CommentStart");
  return lexComment;
}

function lexComment(lexer: Lexer): State | null {
  for (;;) {
    const rune = lexer.peek();
    if (isNewline(rune) || rune === EOF) {
      lexer.emit("Text");
      return lexer.pop();
    }
    lexer.next();
  }
}
