/**
 * Compression of what a requester accepts compressed, as events and answers are.
 *
 * Reference: getAcceptEncoding and the internal send loop in server/events.go.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
import { compressSnappy } from "./s2_stream.ts";

/** Value of `Content-Encoding`. */
export type ContentEncoding = "gzip" | "snappy" | "identity";

/** How to encode for whoever sent this `Accept-Encoding`; null when it was empty. */
export function acceptedEncoding(header: string): ContentEncoding | null {
  if (header === "") return null;
  const accepted = header.toLowerCase();
  if (accepted.includes("snappy") || accepted.includes("s2")) return "snappy";
  return accepted.includes("gzip") ? "gzip" : "identity";
}

/** `body` (borrowed) in `encoding`. */
export function encodeContent(body: Uint8Array, encoding: ContentEncoding): Uint8Array {
  if (encoding === "gzip") return gzipSync(body);
  return encoding === "snappy" ? compressSnappy(body) : body;
}
