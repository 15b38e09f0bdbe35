/**
 * The HTTP request with which a WebSocket begins, and its answer (RFC 6455, section 4.2).
 *
 * Reference: wsUpgrade, checkOrigin and wsReturnHTTPError in server/websocket.go.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { parseIpAddress } from "../../base/text/ip_address.ts";
import { goQuote } from "../../base/text/go_format.ts";
import { cookiesOf, headerHas, headerOf, type HttpRequest } from "./http_request.ts";

const ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY = /^[A-Za-z0-9+/]{22}==$/;
const DEFLATE = "permessage-deflate";
const STATUS_TEXTS: Record<number, string> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  431: "Request Header Fields Too Large",
};

/** A web page's server from which requests may come. */
export interface Origin {
  readonly scheme: string;
  /** In small letters. */
  readonly host: string;
  readonly port: string;
}

/** What a listener asks of handshakes. */
export interface HandshakeRules {
  readonly compression: boolean;
  readonly sameOrigin: boolean;
  /** Empty allows all. */
  readonly allowedOrigins: readonly Origin[];
  /** Headers of the answer. */
  readonly headers: ReadonlyMap<string, string>;
  /** The connection is encrypted. */
  readonly secure: boolean;
  /** MQTT clients are served. */
  readonly mqtt: boolean;
}

/** What a WebSocket carries. */
export type WebsocketKind = "client" | "mqtt" | "leafnode";

/** A handshake that is granted. */
export interface Upgrade {
  readonly kind: WebsocketKind;
  readonly compress: boolean;
  /** The peer masks its frames. */
  readonly masked: boolean;
  /** The peer is a browser, which does better with small frames. */
  readonly browser: boolean;
  /** The browser cannot take compressed messages in several frames. */
  readonly wholeCompressed: boolean;
  /** The client's address as a proxy has told it, or empty. */
  readonly forwardedFor: string;
  readonly cookies: ReadonlyMap<string, string>;
  /** The answer, a byte string. */
  readonly response: string;
}

/** A handshake that is not granted; `message` says why, for the log. */
export class HandshakeError extends Error {
  override readonly name = "HandshakeError";

  constructor(readonly status: number, message: string) {
    super(message);
  }

  /** The answer, a byte string. */
  get response(): string {
    const text = STATUS_TEXTS[this.status] ?? "Error";
    return `HTTP/1.1 ${this.status} ${text}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      "Sec-Websocket-Version: 13\r\nX-Content-Type-Options: nosniff\r\n" +
      `Connection: close\r\nContent-Length: ${text.length + 1}\r\n\r\n${text}\n`;
  }
}

/**
 * Checks a request.
 *
 * @throws {HandshakeError}
 */
export function upgrade(request: HttpRequest, rules: HandshakeRules): Upgrade {
  const kind = kindOf(request.path);
  if (kind === "mqtt" && !rules.mqtt) {
    throw new HandshakeError(404, "mqtt websocket endpoint not enabled");
  }
  if (request.method !== "GET") throw new HandshakeError(405, "request method must be GET");
  if (headerOf(request, "host") === "") {
    throw new HandshakeError(400, "'Host' missing in request");
  }
  if (!headerHas(request, "upgrade", "websocket")) {
    throw new HandshakeError(400, "invalid value for header 'Upgrade'");
  }
  if (!headerHas(request, "connection", "upgrade")) {
    throw new HandshakeError(400, "invalid value for header 'Connection'");
  }
  const key = headerOf(request, "sec-websocket-key");
  if (key === "") throw new HandshakeError(400, "key missing");
  if (!KEY.test(key)) throw new HandshakeError(400, "invalid websocket key");
  if (!headerHas(request, "sec-websocket-version", "13")) {
    throw new HandshakeError(400, "invalid version");
  }
  checkOrigin(request, rules);
  const compress = rules.compression && offersDeflate(request);
  const masked = headerOf(request, "nats-no-masking") !== "true";
  const agent = kind === "leafnode" ? "" : headerOf(request, "user-agent");
  const browser = agent.startsWith("Mozilla/");
  const forwardedFor = headerOf(request, "x-forwarded-for");
  return {
    kind,
    compress,
    masked,
    browser,
    // Safari says so; Chrome on a Mac claims to be Safari, too, but has no "Version/".
    wholeCompressed: browser && compress && agent.includes("Version/") &&
      agent.includes("Safari/"),
    forwardedFor: parseIpAddress(forwardedFor) !== null ? forwardedFor : "",
    cookies: kind === "leafnode" ? new Map() : cookiesOf(request),
    response: responseTo(key, { kind, compress, masked }, rules),
  };
}

function kindOf(path: string): WebsocketKind {
  if (path.endsWith("/leafnode")) return "leafnode";
  return path.endsWith("/mqtt") ? "mqtt" : "client";
}

function responseTo(
  key: string,
  { kind, compress, masked }: { kind: WebsocketKind; compress: boolean; masked: boolean },
  rules: HandshakeRules,
): string {
  const accept = createHash("sha1").update(key + ACCEPT_GUID).digest("base64");
  const extension =
    `Sec-WebSocket-Extensions: ${DEFLATE}; server_no_context_takeover; client_no_context_takeover\r\n`;
  const own = [...rules.headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${accept}\r\n` +
    (compress ? extension : "") +
    (masked ? "" : "Nats-No-Masking: true\r\n") +
    (kind === "mqtt" ? "Sec-Websocket-Protocol: mqtt\r\n" : "") + own + "\r\n";
}

function offersDeflate({ headers }: HttpRequest): boolean {
  return headers.get("sec-websocket-extensions")?.some((list) =>
    list.split(",").some((extension) =>
      extension.split(";").some((part) => part.trim().toLowerCase() === DEFLATE)
    )
  ) ?? false;
}

/** Browsers name the page that asks; other clients say nothing and could say anything. */
function checkOrigin(request: HttpRequest, rules: HandshakeRules): void {
  const { sameOrigin, allowedOrigins, secure } = rules;
  if (!sameOrigin && allowedOrigins.length === 0) return;
  const text = headerOf(request, "origin") || headerOf(request, "sec-websocket-origin");
  if (text === "") return;
  const origin = parseOrigin(text);
  if (sameOrigin) {
    const own = hostAndPort(headerOf(request, "host"), secure);
    const scheme = secure ? "https" : "http";
    if (origin.host !== own.host || origin.port !== own.port || origin.scheme !== scheme) {
      throw refusedOrigin("not same origin");
    }
  }
  if (allowedOrigins.length === 0) return;
  const isAllowed = allowedOrigins.some(({ scheme, host, port }) =>
    origin.scheme === scheme && origin.host === host && origin.port === port
  );
  if (!isAllowed) throw refusedOrigin("not in the allowed list");
}

function refusedOrigin(reason: string): HandshakeError {
  return new HandshakeError(403, `origin not allowed: ${reason}`);
}

/**
 * An origin from its text.
 *
 * @throws {HandshakeError} when it is none
 */
export function parseOrigin(text: string): Origin {
  // A path says nothing of a server.
  if (text.startsWith("/")) return { scheme: "", host: "", port: "80" };
  const [, scheme, authority] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(?:[/?].*)?$/i.exec(text) ?? [];
  if (scheme === undefined || authority === undefined) {
    throw refusedOrigin(`parse ${goQuote(text)}: invalid URI for request`);
  }
  const lower = scheme.toLowerCase();
  return { scheme: lower, ...hostAndPort(authority.replace(/^.*@/, ""), lower === "https") };
}

function hostAndPort(authority: string, secure: boolean): { host: string; port: string } {
  const [, host, port] = /^(\[[^\]]*\]|[^:]*):(\d*)$/.exec(authority) ?? [];
  if (host === undefined || port === undefined) {
    if (authority.includes(":") && !authority.endsWith("]")) {
      throw refusedOrigin(`address ${authority}: too many colons in address`);
    }
    return { host: authority.toLowerCase(), port: secure ? "443" : "80" };
  }
  return { host: host.replace(/^\[(.*)\]$/, "$1").toLowerCase(), port };
}
