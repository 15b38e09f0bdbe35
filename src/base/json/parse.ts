/**
 * JSON as Go's `encoding/json` reads it: the same texts for syntax errors, and whole numbers
 * beyond 2^53 come as `bigint`, so that no digit is lost.
 *
 * @module
 */

/** A parsed value. Objects are maps without a prototype. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | JsonValue[]
  | { [key: string]: JsonValue };

/** The text is no JSON; the message is `encoding/json`'s. */
export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";
  /** `offset` is the number of characters read, the wrong one included; 0 at the end of the text. */
  constructor(message: string, readonly offset: number) {
    super(message);
  }
}

/** Nesting that `encoding/json` accepts. */
const DEPTH_MAX = 10_000;

const utf8 = new TextDecoder();

/** Parses `bytes` (borrowed). Throws {@linkcode JsonSyntaxError}. */
export function parseJsonBytes(bytes: Uint8Array): JsonValue {
  return parseJson(utf8.decode(bytes));
}

/** Parses `text`. Throws {@linkcode JsonSyntaxError}. */
export function parseJson(text: string): JsonValue {
  const reader = new Reader(text);
  reader.space();
  const value = reader.value("looking for beginning of value", 0);
  reader.space();
  if (reader.at < text.length) throw reader.invalid("after top-level value");
  return value;
}

class Reader {
  at = 0;
  constructor(readonly text: string) {}

  space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.at++;
    }
  }

  invalid(context: string): JsonSyntaxError {
    const point = this.text.codePointAt(this.at);
    if (point === undefined) return new JsonSyntaxError("unexpected end of JSON input", 0);
    return new JsonSyntaxError(`invalid character ${quoteChar(point)} ${context}`, this.at + 1);
  }

  value(context: string, depth: number): JsonValue {
    if (depth > DEPTH_MAX) throw new JsonSyntaxError("exceeded max depth", this.at + 1);
    const char = this.text[this.at];
    switch (char) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
    }
    if (char === "-" || (char !== undefined && char >= "0" && char <= "9")) return this.#number();
    throw this.invalid(context);
  }

  #word<T>(word: string, value: T): T {
    for (let i = 1; i < word.length; i++) {
      this.at++;
      if (this.text[this.at] !== word[i]) {
        throw this.invalid(`in literal ${word} (expecting '${word[i]}')`);
      }
    }
    this.at++;
    return value;
  }

  #number(): number | bigint {
    const start = this.at;
    const { text } = this;
    const digits = (context: string): void => {
      if (!isDigit(text, this.at)) throw this.invalid(context);
      while (isDigit(text, this.at)) this.at++;
    };
    if (text[this.at] === "-") this.at++;
    if (text[this.at] === "0") this.at++;
    else digits("in numeric literal");
    let whole = true;
    if (text[this.at] === ".") {
      whole = false;
      this.at++;
      digits("after decimal point in numeric literal");
    }
    if (text[this.at] === "e" || text[this.at] === "E") {
      whole = false;
      this.at++;
      if (text[this.at] === "+" || text[this.at] === "-") this.at++;
      digits("in exponent of numeric literal");
    }
    const literal = text.slice(start, this.at);
    const value = Number(literal);
    return whole && !Number.isSafeInteger(value) ? BigInt(literal) : value;
  }

  #string(): string {
    const { text } = this;
    const start = ++this.at;
    for (;; this.at++) {
      const code = text.charCodeAt(this.at);
      if (code === 34) {
        const plain = text.slice(start, this.at);
        this.at++;
        return plain;
      }
      if (code === 92) return this.#escaped(start);
      // NaN, past the end, and control characters.
      if (!(code >= 32)) throw this.invalid("in string literal");
    }
  }

  #escaped(start: number): string {
    const { text } = this;
    let out = text.slice(start, this.at);
    for (;;) {
      const code = text.charCodeAt(this.at);
      if (code === 34) {
        this.at++;
        return out;
      }
      if (!(code >= 32)) throw this.invalid("in string literal");
      if (code !== 92) {
        out += text[this.at++];
        continue;
      }
      this.at++;
      const escape = text[this.at];
      const simple = escape === undefined ? undefined : ESCAPES.get(escape);
      if (simple !== undefined) {
        out += simple;
        this.at++;
      } else if (escape === "u") {
        this.at++;
        for (let i = 0; i < 4; i++) {
          if (!/^[0-9a-fA-F]$/.test(text[this.at + i] ?? "")) {
            this.at += i;
            throw this.invalid("in \\u hexadecimal character escape");
          }
        }
        out += String.fromCharCode(parseInt(text.slice(this.at, this.at + 4), 16));
        this.at += 4;
      } else throw this.invalid("in string escape code");
    }
  }

  #array(depth: number): JsonValue[] {
    const list: JsonValue[] = [];
    this.at++;
    this.space();
    if (this.text[this.at] === "]") {
      this.at++;
      return list;
    }
    for (;;) {
      list.push(this.value("looking for beginning of value", depth + 1));
      this.space();
      const char = this.text[this.at];
      if (char !== "," && char !== "]") throw this.invalid("after array element");
      this.at++;
      if (char === "]") return list;
      this.space();
    }
  }

  #object(depth: number): { [key: string]: JsonValue } {
    const object: { [key: string]: JsonValue } = Object.create(null);
    this.at++;
    this.space();
    if (this.text[this.at] === "}") {
      this.at++;
      return object;
    }
    for (;;) {
      if (this.text[this.at] !== '"') {
        throw this.invalid("looking for beginning of object key string");
      }
      const key = this.#string();
      this.space();
      if (this.text[this.at] !== ":") throw this.invalid("after object key");
      this.at++;
      this.space();
      object[key] = this.value("looking for beginning of value", depth + 1);
      this.space();
      const char = this.text[this.at];
      if (char !== "," && char !== "}") throw this.invalid("after object key:value pair");
      this.at++;
      if (char === "}") return object;
      this.space();
    }
  }
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}

/** A character as Go's error texts quote it. */
function quoteChar(point: number): string {
  if (point === 39) return "'\\''";
  if (point === 34) return "'\"'";
  const simple: Record<number, string> = {
    7: "a",
    8: "b",
    9: "t",
    10: "n",
    11: "v",
    12: "f",
    13: "r",
    92: "\\",
  };
  const escape = simple[point];
  if (escape !== undefined) return `'\\${escape}'`;
  if (point < 32 || point === 127) return `'\\x${point.toString(16).padStart(2, "0")}'`;
  return `'${String.fromCodePoint(point)}'`;
}
