/**
 * All headers of a message by their names in canonical form, as Go's textproto reads them.
 *
 * @module
 */
import { byteStringOf } from "../base/text/byte_string.ts";

/** Values by canonical name: `traceparent` and `TraceParent` are both `Traceparent`. */
export type MessageHeader = Map<string, string[]>;

/** What RFC 7230 allows in a header's name. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** First letters and those behind hyphens large, all others small; other names stay. */
export function canonicalHeaderName(name: string): string {
  if (!TOKEN.test(name)) return name;
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** The headers of `block`, its version line included; empty when a line is none. */
export function readMessageHeader(block: Uint8Array): MessageHeader {
  const header: MessageHeader = new Map();
  const lines = byteStringOf(block, 0, block.length).split("\n");
  let last: string[] | null = null;
  for (const line of lines.slice(1)) {
    const text = line.endsWith("\r") ? line.slice(0, -1) : line;
    if (text === "") break;
    if ((text.startsWith(" ") || text.startsWith("\t")) && last !== null) {
      last[last.length - 1] += ` ${text.trim()}`;
      continue;
    }
    const colon = text.indexOf(":");
    if (colon <= 0) return new Map();
    const name = canonicalHeaderName(text.slice(0, colon));
    last = header.get(name) ?? [];
    last.push(text.slice(colon + 1).trim());
    header.set(name, last);
  }
  return header;
}
