/**
 * The head of an HTTP request, as far as a WebSocket handshake needs it (RFC 9112).
 *
 * @module
 */

/** The head of a request. */
export interface HttpRequest {
  readonly method: string;
  /** As in the request line, without a query. */
  readonly path: string;
  /** Values by the header's name in small letters, in their order. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

const REQUEST_LINE = /^([!#$%&'*+.^_`|~\w-]+) ([^ ]+) HTTP\/1\.[01]$/;
const HEADER_LINE = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/;

/** Reads a head without the empty line at its end, a byte string. Null when it is no request. */
export function parseHttpRequest(head: string): HttpRequest | null {
  const [first = "", ...lines] = head.split(/\r?\n/);
  const [, method, target] = REQUEST_LINE.exec(first) ?? [];
  if (method === undefined || target === undefined) return null;
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const [, name, value] = HEADER_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) return null;
    const key = name.toLowerCase();
    const values = headers.get(key);
    if (values === undefined) headers.set(key, [value]);
    else values.push(value);
  }
  const path = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "").replace(/[?#].*$/, "");
  return { method, path, headers };
}

/** The first value of a header, or empty. `name` is in small letters. */
export function headerOf({ headers }: HttpRequest, name: string): string {
  return headers.get(name)?.[0] ?? "";
}

/** Whether `value` is in a header's list, in whatever case. */
export function headerHas({ headers }: HttpRequest, name: string, value: string): boolean {
  return headers.get(name)?.some((list) =>
    list.split(",").some((token) => token.trim().toLowerCase() === value)
  ) ?? false;
}

/** The cookies of a request, the last of each name. */
export function cookiesOf({ headers }: HttpRequest): Map<string, string> {
  const cookies = new Map<string, string>();
  for (const line of headers.get("cookie") ?? []) {
    for (const pair of line.split(";")) {
      const equals = pair.indexOf("=");
      if (equals < 0) continue;
      const name = pair.slice(0, equals).trim();
      const value = pair.slice(equals + 1).trim().replace(/^"(.*)"$/, "$1");
      if (name !== "") cookies.set(name, value);
    }
  }
  return cookies;
}
