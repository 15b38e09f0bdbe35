/**
 * Reading DER, element by element.
 *
 * @module
 */

/** The bytes are not the DER that they should be. */
export class DerError extends Error {
  override readonly name = "DerError";
}

/** A value with its tag; all bytes are views. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  /** With tag and length. */
  readonly whole: Uint8Array;
}

/** The element that begins at `at`. Throws {@linkcode DerError}. */
export function derElementAt(bytes: Uint8Array, at: number): DerElement {
  const tag = bytes[at];
  let length = bytes[at + 1];
  if (tag === undefined || length === undefined) throw new DerError("truncated");
  let start = at + 2;
  if (length >= 0x80) {
    const count = length & 0x7f;
    if (count === 0 || count > 4) throw new DerError("bad length");
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[start++] ?? 0);
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError("truncated");
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) };
}

/** The elements of which `bytes` consist. Throws {@linkcode DerError}. */
export function derElements(bytes: Uint8Array): DerElement[] {
  const found: DerElement[] = [];
  for (let at = 0; at < bytes.length;) {
    const element = derElementAt(bytes, at);
    found.push(element);
    at += element.whole.length;
  }
  return found;
}

/** The content of an object identifier in dots. */
export function oidText(bytes: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of bytes) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  const first = arcs.shift() ?? 0;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...arcs].join(".");
}
