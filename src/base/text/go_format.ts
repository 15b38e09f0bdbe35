/**
 * Texts as Go's standard library prints them: quoted strings and JSON strings.
 *
 * @module
 */

const SIMPLE_ESCAPES: Record<number, string> = {
  7: "\\a",
  8: "\\b",
  9: "\\t",
  10: "\\n",
  11: "\\v",
  12: "\\f",
  13: "\\r",
  34: '\\"',
  92: "\\\\",
};

/** `%q` of a Go byte slice or string given as ordinary text. */
export function goQuote(text: string): string {
  let out = '"';
  for (const char of text) {
    const code = char.codePointAt(0)!;
    const simple = SIMPLE_ESCAPES[code];
    if (simple !== undefined) out += simple;
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, "0")}`;
    else if (code >= 0x80 && !/[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(char)) {
      out += code > 0xffff
        ? `\\U${code.toString(16).padStart(8, "0")}`
        : `\\u${code.toString(16).padStart(4, "0")}`;
    } else out += char;
  }
  return out + '"';
}

const utf8Decoder = new TextDecoder("utf-8", { fatal: true });

/** `%q` of raw bytes: bytes that are not UTF-8 are shown as `\xNN`. */
export function goQuoteBytes(bytes: Uint8Array): string {
  try {
    return goQuote(utf8Decoder.decode(bytes));
  } catch (_notUtf8) {
    let out = '"';
    for (let i = 0; i < bytes.length;) {
      const length = utf8SequenceLength(bytes, i);
      if (length === 0) {
        out += `\\x${bytes[i]!.toString(16).padStart(2, "0")}`;
        i++;
      } else {
        out += goQuote(utf8Decoder.decode(bytes.subarray(i, i + length))).slice(1, -1);
        i += length;
      }
    }
    return out + '"';
  }
}

/** Length of the valid UTF-8 sequence at `at`, or 0 when there is none. */
function utf8SequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  const length = first < 0x80 ? 1 : first >> 5 === 6 ? 2 : first >> 4 === 14 ? 3 : 4;
  if (at + length > bytes.length) return 0;
  try {
    utf8Decoder.decode(bytes.subarray(at, at + length));
    return length;
  } catch (_notUtf8) {
    return 0;
  }
}

const JSON_HTML = /[<>&\u2028\u2029]/g;

function escapeHtml(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** A JSON string literal as `encoding/json` writes it, with `<`, `>` and `&` escaped. */
export function goJsonString(text: string): string {
  return JSON.stringify(text).replace(JSON_HTML, escapeHtml);
}

/** `JSON.stringify` with the escapes of `encoding/json`. */
export function goJson(value: unknown, indent?: string): string {
  return JSON.stringify(value, null, indent).replace(JSON_HTML, escapeHtml);
}
