/**
 * Integers and sizes in Go's notation: `strconv.ParseInt` with its error texts, the suffixes of
 * the configuration language (`64MB`), storage sizes (`10G`), and sizes for people.
 *
 * @module
 */
import { byteStringOfText } from "./byte_string.ts";

const INT64_MAX = (1n << 63n) - 1n;
const INT64_MIN = -(1n << 63n);

/** A text is not an integer, or needs more than 64 bits; the message is that of Go's `strconv`. */
export class IntegerError extends Error {
  override readonly name = "IntegerError";
  constructor(
    functionName: "ParseInt" | "Atoi",
    readonly text: string,
    readonly reason: "invalid syntax" | "value out of range",
  ) {
    super(`strconv.${functionName}: parsing ${quoteAscii(text)}: ${reason}`);
  }
}

function quoteAscii(text: string): string {
  let out = '"';
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (char === '"' || char === "\\") out += "\\" + char;
    else if (char === "\n") out += "\\n";
    else if (char === "\r") out += "\\r";
    else if (char === "\t") out += "\\t";
    else if (code < 0x20 || code === 0x7f) {
      out += "\\x" + byteStringOfText(char).charCodeAt(0).toString(16).padStart(2, "0");
    } else out += char;
  }
  return out + '"';
}

/**
 * Reads a decimal 64-bit integer like Go's `strconv.ParseInt(text, 10, 64)`.
 *
 * @throws {IntegerError}
 */
export function parseInt64(text: string, functionName: "ParseInt" | "Atoi" = "ParseInt"): bigint {
  if (!/^[+-]?[0-9]+$/.test(text)) throw new IntegerError(functionName, text, "invalid syntax");
  // A cap on the digits keeps a hostile text from costing a huge multiplication.
  const digits = text.replace(/^[+-]?0*/, "");
  const value = digits.length > 19 ? INT64_MAX + 1n : BigInt(digits === "" ? "0" : digits);
  const signed = text.startsWith("-") ? -value : value;
  if (digits.length > 19 || signed > INT64_MAX || signed < INT64_MIN) {
    throw new IntegerError(functionName, text, "value out of range");
  }
  return signed;
}

/** The value that a suffix of a configured number multiplies by, or null if there is none such. */
export function numberSuffix(suffix: string): bigint | null {
  const power = "kmgtpe".indexOf(suffix.charAt(0).toLowerCase()) + 1;
  if (suffix === "") return 1n;
  if (power === 0) return null;
  const rest = suffix.slice(1).toLowerCase();
  if (rest === "") return 1000n ** BigInt(power);
  return rest === "b" || rest === "i" || rest === "ib" ? 1024n ** BigInt(power) : null;
}

const STORAGE_SHIFT: Readonly<Record<string, bigint>> = { K: 10n, M: 20n, G: 30n, T: 40n };

/**
 * Reads a storage size written as a string: digits and one of K, M, G, T. Empty is 0.
 *
 * @throws {IntegerError} when there is no number
 * @throws {RangeError} when the suffix is missing or unknown
 */
export function parseStorageSize(text: string): bigint {
  if (text === "") return 0n;
  const suffix = text.slice(-1);
  const value = parseInt64(text.slice(0, -1));
  if (!Object.hasOwn(STORAGE_SHIFT, suffix)) {
    throw new RangeError("sizes defined as strings must end in K, M, G, T");
  }
  return BigInt.asIntN(64, value << STORAGE_SHIFT[suffix]!);
}

/** A size for people: `512 B`, `1.50 KB`, `64.00 MB` (powers of 1024). */
export function friendlyBytes(sizeBytes: number): string {
  if (sizeBytes < 1024) return `${sizeBytes} B`;
  const power = Math.min(6, Math.trunc(Math.log(sizeBytes) / Math.log(1024)));
  return `${(sizeBytes / 1024 ** power).toFixed(2)} ${"KMGTPE".charAt(power - 1)}B`;
}
