/**
 * URLs as the configuration writes them (`nats://user:pass@host:port`), parsed by the rules of
 * Go's `net/url`: the platform's `URL` class normalises hosts, drops default ports and refuses
 * or repairs inputs that the reference treats differently.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";

/** Who a URL logs in as; `password` is null when the URL has a user only. */
export interface UrlUser {
  username: string;
  password: string | null;
}

/** A parsed URL. All parts are decoded text except `rawQuery`. */
export interface ServerUrl {
  /** Lower case, without the colon; empty for a reference without a scheme. */
  scheme: string;
  /** What follows the scheme when that does not start with a slash (`mailto:x`), else empty. */
  opaque: string;
  user: UrlUser | null;
  /** `host`, `host:port` or `[ipv6]:port`, as written. */
  host: string;
  path: string;
  rawQuery: string;
  fragment: string;
}

/**
 * Why a URL could not be parsed; the message is the text of Go's `url.Error`, but for passwords. What
 * the reason quotes of a URL with a password may be a part of that.
 */
export class UrlError extends Error {
  override readonly name = "UrlError";
  /** @param reason the part behind `parse "…": ` */
  constructor(readonly url: string, readonly reason: string) {
    const shown = redactBrokenUrl(url);
    const why = shown === url ? reason : reason.replace(/"[^]*"/, '"xxxxx"');
    super(`parse ${quoteText(shown)}: ${why}`);
  }
}

/** Text that should be a URL, with what looks like its password replaced by `xxxxx`. */
export function redactBrokenUrl(raw: string): string {
  const end = raw.lastIndexOf("@");
  const start = raw.indexOf("//");
  const colon = raw.indexOf(":", start < 0 ? 0 : start + 2);
  return colon < 0 || colon > end ? raw : `${raw.slice(0, colon + 1)}xxxxx${raw.slice(end)}`;
}

/** Text in double quotes with Go's `%q` escapes. */
export function quoteText(text: string): string {
  let out = '"';
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (char === '"' || char === "\\") out += "\\" + char;
    else if (QUOTE_ESCAPES[char] !== undefined) out += QUOTE_ESCAPES[char];
    else if (code < 0x20 || code === 0x7f) out += "\\x" + code.toString(16).padStart(2, "0");
    else if (char !== " " && UNPRINTABLE.test(char)) {
      out += code > 0xffff
        ? "\\U" + code.toString(16).padStart(8, "0")
        : "\\u" + code.toString(16).padStart(4, "0");
    } else out += char;
  }
  return out + '"';
}

const QUOTE_ESCAPES: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};
const UNPRINTABLE = /[\p{C}\p{Z}]/u;

/** Text as Go prints a list of strings with `%q`. */
export function quoteList(texts: readonly string[]): string {
  return `[${texts.map(quoteText).join(" ")}]`;
}

function unescape(text: string, url: string, what: "host" | "other"): string {
  if (!text.includes("%")) return text;
  const bytes: number[] = [];
  const encoded = new TextEncoder().encode(text);
  for (let i = 0; i < encoded.length; i++) {
    const byte = encoded[i]!;
    if (byte !== 0x25) {
      bytes.push(byte);
      continue;
    }
    const hex = String.fromCharCode(...encoded.subarray(i + 1, i + 3));
    if (!/^[0-9a-fA-F]{2}$/.test(hex)) {
      const bad = new TextDecoder().decode(encoded.subarray(i, i + 3));
      throw new UrlError(url, `invalid URL escape ${quoteText(bad)}`);
    }
    const value = parseInt(hex, 16);
    if (what === "host" && value < 0x80 && hex !== "25") {
      throw new UrlError(url, `invalid URL escape ${quoteText("%" + hex)}`);
    }
    bytes.push(value);
    i += 2;
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

function splitScheme(raw: string): [scheme: string, rest: string] {
  const match = /^([a-zA-Z][a-zA-Z0-9+\-.]*):/.exec(raw);
  if (match) return [match[1]!.toLowerCase(), raw.slice(match[0].length)];
  if (raw.startsWith(":")) throw new UrlError(raw, "missing protocol scheme");
  return ["", raw];
}

function checkPort(port: string, url: string): void {
  if (port !== "" && !/^:[0-9]*$/.test(port)) {
    throw new UrlError(url, `invalid port ${quoteText(port)} after host`);
  }
}

function parseHost(host: string, url: string): string {
  const open = host.lastIndexOf("[");
  if (open > 0) throw new UrlError(url, "invalid IP-literal");
  if (open === 0) {
    const close = host.lastIndexOf("]");
    if (close < 0) throw new UrlError(url, "missing ']' in host");
    checkPort(host.slice(close + 1), url);
    const zone = host.slice(0, close).indexOf("%25");
    if (zone >= 0) {
      return host.slice(0, zone) + unescape(host.slice(zone, close), url, "other") +
        host.slice(close);
    }
    return host;
  }
  const colon = host.lastIndexOf(":");
  if (colon !== -1) checkPort(host.slice(colon), url);
  const bad = /[ "<>\\^`{|}]/.exec(host);
  if (bad) throw new UrlError(url, `invalid character ${quoteText(bad[0])} in host name`);
  return unescape(host, url, "host");
}

const USER_CHARACTERS = /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/;

function isAsciiControl(char: string): boolean {
  return char < " " || char === "\x7f";
}

/**
 * Parses `raw` like Go's `url.Parse`.
 *
 * @throws {UrlError} with Go's text
 */
export function parseServerUrl(raw: string): ServerUrl {
  const hash = raw.indexOf("#");
  const whole = hash >= 0 ? raw.slice(0, hash) : raw;
  if ([...whole].some(isAsciiControl)) {
    throw new UrlError(whole, "net/url: invalid control character in URL");
  }
  const url: ServerUrl = {
    scheme: "",
    opaque: "",
    user: null,
    host: "",
    path: "",
    rawQuery: "",
    fragment: hash >= 0 ? unescape(raw.slice(hash + 1), raw, "other") : "",
  };
  if (whole === "*") {
    url.path = "*";
    return url;
  }
  let [scheme, rest] = splitScheme(whole);
  url.scheme = scheme;
  const query = rest.indexOf("?");
  if (query >= 0) {
    url.rawQuery = rest.slice(query + 1);
    rest = rest.slice(0, query);
  }
  if (!rest.startsWith("/")) {
    if (scheme !== "") {
      url.opaque = rest;
      return url;
    }
    const slash = rest.indexOf("/");
    const segment = slash >= 0 ? rest.slice(0, slash) : rest;
    if (segment.includes(":")) {
      throw new UrlError(whole, "first path segment in URL cannot contain colon");
    }
  }
  if ((scheme !== "" || !rest.startsWith("///")) && rest.startsWith("//")) {
    const slash = rest.indexOf("/", 2);
    const authority = slash >= 0 ? rest.slice(2, slash) : rest.slice(2);
    rest = slash >= 0 ? rest.slice(slash) : "";
    const at = authority.lastIndexOf("@");
    url.host = parseHost(authority.slice(at + 1), whole);
    if (at >= 0) {
      const info = authority.slice(0, at);
      if (!USER_CHARACTERS.test(info)) {
        throw new UrlError(whole, "net/url: invalid userinfo");
      }
      const colon = info.indexOf(":");
      url.user = colon < 0 ? { username: unescape(info, whole, "other"), password: null } : {
        username: unescape(info.slice(0, colon), whole, "other"),
        password: unescape(info.slice(colon + 1), whole, "other"),
      };
    }
  }
  url.path = unescape(rest, whole, "other");
  return url;
}

/** The port of a URL's host as written, or empty. */
export function portOfUrl(url: ServerUrl): string {
  const close = url.host.lastIndexOf("]");
  const colon = url.host.lastIndexOf(":");
  if (colon < 0 || colon < close) return "";
  return /^[0-9]*$/.test(url.host.slice(colon + 1)) ? url.host.slice(colon + 1) : "";
}

/** The host of a URL without port and brackets. */
export function hostnameOfUrl(url: ServerUrl): string {
  const port = portOfUrl(url);
  let host = url.host;
  if (port !== "" || host.endsWith(":")) host = host.slice(0, host.lastIndexOf(":"));
  if (host.startsWith("[") && host.endsWith("]")) return host.slice(1, -1);
  return host;
}

function escape(text: string, keep: RegExp): string {
  let out = "";
  for (const byte of new TextEncoder().encode(text)) {
    const char = String.fromCharCode(byte);
    out += byte < 0x80 && keep.test(char)
      ? char
      : "%" + byte.toString(16).toUpperCase().padStart(2, "0");
  }
  return out;
}

const KEEP_IN_USER = /[A-Za-z0-9\-_.~$&+,;=]/;
const KEEP_IN_PATH = /[A-Za-z0-9\-_.~$&+,/:;=@!'()*]/;

/** The URL as text, credentials included. Do not log it: see {@linkcode redactServerUrl}. */
export function formatServerUrl(url: ServerUrl): string {
  let out = url.scheme === "" ? "" : url.scheme + ":";
  if (url.opaque !== "") {
    out += url.opaque;
  } else {
    if (url.scheme !== "" || url.host !== "" || url.user !== null) {
      if (url.host !== "" || url.path !== "" || url.user !== null) out += "//";
      if (url.user !== null) {
        out += escape(url.user.username, KEEP_IN_USER);
        if (url.user.password !== null) out += ":" + escape(url.user.password, KEEP_IN_USER);
        out += "@";
      }
      out += url.host;
    }
    if (url.path !== "" && !url.path.startsWith("/") && url.host !== "") out += "/";
    out += url.path === "*" ? "*" : escape(url.path, KEEP_IN_PATH);
  }
  if (url.rawQuery !== "") out += "?" + url.rawQuery;
  if (url.fragment !== "") out += "#" + escape(url.fragment, KEEP_IN_PATH);
  return out;
}

/** The URL as text with its password replaced by `xxxxx`: what may be logged. */
export function redactServerUrl(url: ServerUrl): string {
  if (url.user === null || url.user.password === null) return formatServerUrl(url);
  return formatServerUrl({
    ...url,
    user: { username: url.user.username, password: "xxxxx" },
  });
}

/** {@linkcode redactServerUrl} for a URL in text, be it one or not. */
export function redactUrlText(raw: string): string {
  if (!raw.includes("@")) return raw;
  try {
    return redactServerUrl(parseServerUrl(raw));
  } catch (error) {
    if (!(error instanceof UrlError)) throw error;
    return redactBrokenUrl(raw);
  }
}

/** Whether two URLs are the same in all their parts. */
export function serverUrlsAreEqual(a: ServerUrl, b: ServerUrl): boolean {
  return isDeepStrictEqual(a, b);
}

/** A copy that shares nothing with `url`. */
export function cloneServerUrl(url: ServerUrl): ServerUrl {
  return { ...url, user: url.user === null ? null : { ...url.user } };
}
