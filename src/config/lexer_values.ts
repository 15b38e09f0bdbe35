/**
 * The lexer's states for values: strings, numbers, dates, arrays and text blocks.
 *
 * Reference: conf/lex.go.
 *
 * @module
 */
import {
  EOF,
  isBlank,
  isDigit,
  isNewline,
  isSpace,
  type Lexer,
  lexMapKeyStart,
  showRune,
  type State,
} from "./lexer.ts";
import { textOfByteString } from "../base/text/byte_string.ts";

const ARRAY_START = 0x5b;
const ARRAY_END = 0x5d;
const MAP_START = 0x7b;
const MAP_END = 0x7d;
const BLOCK_START = 0x28;
const BLOCK_END = 0x29;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const DOT = 0x2e;
const COLON = 0x3a;
const HASH = 0x23;
const SLASH = 0x2f;
const NEWLINE = 0x0a;
const DOLLAR = 0x24;

/** The start of a value, behind its key or inside an array. */
export function lexValue(lexer: Lexer): State | null {
  const rune = lexer.next();
  if (isBlank(rune)) return lexer.skip(lexValue);
  if (isDigit(rune)) {
    lexer.backup();
    return lexNumberStart;
  }
  if (isNewline(rune)) return lexer.fail("Expected value but found new line");
  switch (rune) {
    case ARRAY_START:
      if (lexer.tooDeep) return lexer.fail("Nesting is too deep.");
      lexer.ignore();
      lexer.emit("ArrayStart");
      return lexArrayValue;
    case MAP_START:
      if (lexer.tooDeep) return lexer.fail("Nesting is too deep.");
      lexer.ignore();
      lexer.emit("MapStart");
      return lexMapKeyStart;
    case SINGLE_QUOTE:
      return lexer.skip(lexQuotedString);
    case DOUBLE_QUOTE:
      lexer.stringState = lexDoubleQuotedString;
      return lexer.skip(lexDoubleQuotedString);
    case MINUS:
      return lexNegativeStart;
    case BLOCK_START:
      return lexer.skip(lexBlock);
    case DOT:
      return lexer.fail("Floats must start with a digit");
  }
  lexer.backup();
  lexer.stringState = lexString;
  return lexString;
}

function lexArrayValue(lexer: Lexer): State | null {
  const rune = lexer.next();
  if (isSpace(rune)) return lexer.skip(lexArrayValue);
  switch (rune) {
    case HASH:
      return lexer.comment(lexArrayValue);
    case SLASH:
      if (lexer.secondSlash()) return lexer.comment(lexArrayValue);
      return lexer.fail("Unexpected array value terminator ','.");
    case COMMA:
      return lexer.fail("Unexpected array value terminator ','.");
    case ARRAY_END:
      return lexArrayEnd;
  }
  lexer.backup();
  lexer.push(lexArrayValueEnd);
  return lexValue;
}

function lexArrayValueEnd(lexer: Lexer): State | null {
  const rune = lexer.next();
  if (isBlank(rune)) return lexer.skip(lexArrayValueEnd);
  if (rune === HASH) return lexer.comment(lexArrayValueEnd);
  if (rune === SLASH) {
    return lexer.secondSlash() ? lexer.comment(lexArrayValueEnd) : lexer.skip(lexArrayValue);
  }
  if (rune === COMMA || isNewline(rune)) return lexer.skip(lexArrayValue);
  if (rune === ARRAY_END) return lexArrayEnd;
  return lexer.fail(
    'Expected an array value terminator "," or an array terminator "]", ' +
      `but got '${showRune(rune)}' instead.`,
  );
}

function lexArrayEnd(lexer: Lexer): State | null {
  lexer.ignore();
  lexer.emit("ArrayEnd");
  return lexer.pop();
}

function endQuotedString(lexer: Lexer, withEscapes: boolean): State | null {
  lexer.backup();
  if (withEscapes) lexer.emitString();
  else lexer.emit("String");
  lexer.next();
  lexer.ignore();
  return lexer.pop();
}

function lexQuotedString(lexer: Lexer): State | null {
  for (;;) {
    const rune = lexer.next();
    if (rune === SINGLE_QUOTE) return endQuotedString(lexer, false);
    if (rune === EOF) return lexer.endOfFile();
  }
}

function lexDoubleQuotedString(lexer: Lexer): State | null {
  for (;;) {
    const rune = lexer.next();
    if (rune === BACKSLASH) {
      lexer.addCurrentPart(1);
      return lexStringEscape;
    }
    if (rune === DOUBLE_QUOTE) return endQuotedString(lexer, true);
    if (rune === EOF) return lexer.endOfFile();
  }
}

const BOOLEANS: ReadonlySet<string> = new Set(["true", "false", "on", "off", "yes", "no"]);

/** A string without quotes: it may turn out to be a boolean or a variable. */
function lexString(lexer: Lexer): State | null {
  for (;;) {
    const rune = lexer.next();
    if (rune === BACKSLASH) {
      lexer.addCurrentPart(1);
      return lexStringEscape;
    }
    if (
      isNewline(rune) || rune === EOF || rune === SEMICOLON || rune === COMMA ||
      rune === ARRAY_END || rune === MAP_END || isBlank(rune)
    ) {
      lexer.backup();
      if (lexer.hasEscapes) lexer.emitString();
      else if (BOOLEANS.has(lexer.currentLower())) lexer.emit("Bool");
      else if (lexer.input.charCodeAt(lexer.start) === DOLLAR) {
        lexer.start++;
        lexer.emit("Variable");
      } else lexer.emitString();
      return lexer.pop();
    }
    if (rune === SINGLE_QUOTE) return endQuotedString(lexer, true);
  }
}

/** A text block in parentheses, which ends with a `)` alone on its line. */
function lexBlock(lexer: Lexer): State | null {
  for (;;) {
    const rune = lexer.next();
    if (rune === EOF) return lexer.fail("Unexpected EOF processing block.");
    if (rune !== BLOCK_END) continue;
    lexer.backup();
    lexer.backup();
    if (lexer.next() !== NEWLINE) {
      lexer.next();
      continue;
    }
    lexer.next();
    const after = lexer.next();
    if (after === NEWLINE || after === EOF) {
      lexer.backup();
      lexer.backup();
      lexer.emit("String");
      lexer.next();
      lexer.ignore();
      return lexer.pop();
    }
    lexer.backup();
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  t: "\t",
  n: "\n",
  r: "\r",
  '"': '"',
  "\\": "\\",
};

function lexStringEscape(lexer: Lexer): State | null {
  const rune = lexer.next();
  const char = String.fromCodePoint(rune);
  if (char === "x") return lexStringBinary;
  if (Object.hasOwn(ESCAPES, char)) return lexer.addPart(ESCAPES[char]!);
  return lexer.fail(
    `Invalid escape character '${showRune(rune)}'. Only the following ` +
      'escape characters are allowed: \\xXX, \\t, \\n, \\r, \\", \\\\.',
  );
}

function lexStringBinary(lexer: Lexer): State | null {
  for (let i = 0; i < 2; i++) {
    if (isNewline(lexer.next())) {
      return lexer.fail("Expected two hexadecimal digits after '\\x', but hit end of line");
    }
  }
  const digits = lexer.input.slice(lexer.pos - 2, lexer.pos);
  if (!/^[0-9a-fA-F]{2}$/.test(digits)) {
    return lexer.fail(
      `Expected two hexadecimal digits after '\\x', but got '${textOfByteString(digits)}'`,
    );
  }
  return lexer.addPart(String.fromCharCode(parseInt(digits, 16)));
}

function isValueEnd(rune: number): boolean {
  return isNewline(rune) || rune === EOF || rune === MAP_END || rune === SEMICOLON ||
    rune === COMMA || isBlank(rune);
}

function isNumberSuffix(rune: number): boolean {
  return "kKmMgGtTpPeE".includes(String.fromCodePoint(rune));
}

function lexNumberStart(lexer: Lexer): State | null {
  lexer.next();
  return lexNumber;
}

/** Digits: an integer, a float, a date, an address, or a string that starts with digits. */
function lexNumber(lexer: Lexer): State | null {
  for (;;) {
    const rune = lexer.next();
    if (rune === MINUS) {
      if (lexer.pos - lexer.start !== 5) {
        return lexer.fail("All ISO8601 dates must be in full Zulu form.");
      }
      return lexDateAfterYear;
    }
    if (isDigit(rune)) continue;
    if (rune === DOT) return lexFloatStart;
    if (isNumberSuffix(rune)) return lexConvenientNumber;
    if (!isValueEnd(rune)) {
      lexer.stringState = lexString;
      return lexString;
    }
    lexer.backup();
    lexer.emit("Integer");
    return lexer.pop();
  }
}

function lexConvenientNumber(lexer: Lexer): State | null {
  for (;;) {
    const rune = lexer.next();
    if ("bBiI".includes(String.fromCodePoint(rune))) continue;
    lexer.backup();
    if (isValueEnd(rune) || isDigit(rune)) {
      lexer.emit("Integer");
      return lexer.pop();
    }
    lexer.stringState = lexString;
    return lexString;
  }
}

/** What follows the year of a date; `0` stands for a digit. */
const DATE_FORMAT = "00-00T00:00:00Z";

function lexDateAfterYear(lexer: Lexer): State | null {
  for (const expected of DATE_FORMAT) {
    const rune = lexer.next();
    if (expected === "0") {
      if (!isDigit(rune)) {
        return lexer.fail(
          `Expected digit in ISO8601 datetime, but found '${showRune(rune)}' instead.`,
        );
      }
    } else if (expected.charCodeAt(0) !== rune) {
      return lexer.fail(
        `Expected '${expected}' in ISO8601 datetime, but found '${showRune(rune)}' instead.`,
      );
    }
  }
  lexer.emit("DateTime");
  return lexer.pop();
}

function lexNegativeStart(lexer: Lexer): State | null {
  const rune = lexer.next();
  if (isDigit(rune)) return lexNegative;
  if (rune === DOT) return lexer.fail("Floats must start with a digit, not '.'.");
  return lexer.fail(`Expected a digit but got '${showRune(rune)}'.`);
}

function lexNegative(lexer: Lexer): State | null {
  for (;;) {
    const rune = lexer.next();
    if (isDigit(rune)) continue;
    if (rune === DOT) return lexFloatStart;
    if (isNumberSuffix(rune)) return lexConvenientNumber;
    lexer.backup();
    lexer.emit("Integer");
    return lexer.pop();
  }
}

function lexFloatStart(lexer: Lexer): State | null {
  const rune = lexer.next();
  if (isDigit(rune)) return lexFloat;
  return lexer.fail(
    `Floats must have a digit after the '.', but got '${showRune(rune)}' instead.`,
  );
}

function lexFloat(lexer: Lexer): State | null {
  for (;;) {
    const rune = lexer.next();
    if (isDigit(rune)) continue;
    // A second point: this was the start of an IP address.
    if (rune === DOT) return lexAddress;
    lexer.backup();
    lexer.emit("Float");
    return lexer.pop();
  }
}

function lexAddress(lexer: Lexer): State | null {
  for (;;) {
    const rune = lexer.next();
    if (isDigit(rune) || rune === DOT || rune === COLON || rune === MINUS) continue;
    lexer.backup();
    lexer.emit("String");
    return lexer.pop();
  }
}
