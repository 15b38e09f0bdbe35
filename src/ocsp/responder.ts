/**
 * Asks the responders of an authority.
 *
 * Reference: server/certidp/ocsp_responder.go.
 *
 * @module
 */
import { base64 } from "../base/json/shape.ts";
import type { HttpClient } from "../platform/mod.ts";

const OK = 200;

/** No responder gave an answer; the message says what the last one did. */
export class ResponderError extends Error {
  override readonly name = "ResponderError";
}

/** `request` as the last part of a URL. */
export function encodeOcspRequest(request: Uint8Array): string {
  return encodeURIComponent(base64(request));
}

/**
 * Asks one of `endpoints` after the other until there is an answer, each for at most `timeoutMs`.
 * Rejects with {@linkcode ResponderError}.
 */
export async function askResponders(
  endpoints: readonly string[],
  request: Uint8Array,
  { http, timeoutMs, debug }: {
    http: HttpClient;
    timeoutMs: number;
    debug: (text: string) => void;
  },
): Promise<Uint8Array> {
  let last = "no available OCSP servers";
  for (const endpoint of endpoints) {
    debug(`Trying OCSP responder url [${endpoint}]`);
    const url = `${endpoint.replace(/\/$/, "")}/${encodeOcspRequest(request)}`;
    try {
      const { status, bytes } = await http.get(url, timeoutMs);
      if (status === OK) return bytes;
      last = `exhausted OCSP responders: bad OCSP responder http status: [${status}]`;
    } catch (error) {
      last = `exhausted OCSP responders: Get "${url}": ${(error as Error).message}`;
    }
  }
  throw new ResponderError(last);
}
