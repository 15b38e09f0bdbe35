/**
 * The PROXY protocol, versions 1 (a line of text) and 2 (binary), with which a load balancer says
 * who the client behind it is. The header comes before everything else on a connection.
 *
 * Version 2:
 *
 * | bytes | content |
 * |---|---|
 * | 12 | signature |
 * | 1 | version 2 (high half), command: 0 LOCAL, 1 PROXY |
 * | 1 | family: 0 unspecified, 1 IPv4, 2 IPv6, 3 Unix (high half), protocol: 1 stream |
 * | 2 | length of what follows, big endian |
 * | 12 or 36, then extensions | source address, destination address, source port, destination port |
 *
 * Reference: server/client_proxyproto.go.
 *
 * @module
 */
import { goQuote } from "../base/text/go_format.ts";
import { ipAddressText, isIpv4, parseIpAddress } from "../base/text/ip_address.ts";
import type { Endpoint, Loop, TimerHandle, TlsState, Transport } from "../platform/mod.ts";
import { TransportError } from "../platform/mod.ts";

/** How long a client may take for its header. */
export const PROXY_HEADER_TIMEOUT_MS = 5000;

const DETECT_BYTES = 6;
const READ_BYTES = 4096;

const V1_PREFIX = "PROXY ";
/** The longest line that version 1 allows, with its CR LF. */
const V1_LINE_BYTES_MAX = 107;

const V2_SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
const V2_HEADER_BYTES = 16;
const V2_VERSION = 0x20;
const V2_LOCAL = 0;
const V2_PROXY = 1;
const V2_STREAM = 1;
const V2_FAMILY_UNSPECIFIED = 0x00;
const V2_FAMILY_IPV4 = 0x10;
const V2_FAMILY_IPV6 = 0x20;

/** Why a header was refused; `code` tells apart what the reference tells apart. */
export class ProxyProtocolError extends Error {
  override readonly name = "ProxyProtocolError";
  constructor(
    readonly code: "invalid" | "unsupported" | "unreadable" | "other",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The two ends that the proxy was asked to connect. */
export interface ProxyAddresses {
  /** The client. */
  readonly source: Endpoint;
  /** Where the client connected to. */
  readonly destination: Endpoint;
  /** As Go names the network of the source. */
  readonly network: "tcp4" | "tcp6";
}

/** What {@linkcode readProxyHeader} found. */
export interface ProxyHeader {
  /** 0 when the connection does not begin with a header. */
  readonly version: 0 | 1 | 2;
  /** Null without a header, and for health checks of the proxy itself (LOCAL, UNKNOWN). */
  readonly addresses: ProxyAddresses | null;
  /** Bytes that were read and do not belong to the header; owned by the caller. */
  readonly rest: Uint8Array;
}

/**
 * Reads the header at the start of `transport`. A client has {@linkcode PROXY_HEADER_TIMEOUT_MS}
 * for the first bytes and as long again for the rest, as in the reference.
 *
 * After a rejection the transport can only be closed: a read may still be under way.
 *
 * @throws {ProxyProtocolError}
 */
export async function readProxyHeader(transport: Transport, loop: Loop): Promise<ProxyHeader> {
  const reader = new HeaderReader(transport, loop);
  try {
    await reader.lookAhead(DETECT_BYTES);
    reader.restartDeadline();
    await reader.fill(0, DETECT_BYTES, "failed to read protocol version");
    const start = reader.text(0, DETECT_BYTES);
    if (start === V1_PREFIX) return await readV1(reader);
    if (start === V2_SIGNATURE.slice(0, DETECT_BYTES)) return await readV2(reader);
    return { version: 0, addresses: null, rest: reader.from(0) };
  } finally {
    reader.stopDeadline();
  }
}

function invalid(detail: string): ProxyProtocolError {
  return new ProxyProtocolError("invalid", `invalid PROXY protocol header: ${detail}`);
}

function unsupported(detail: string): ProxyProtocolError {
  return new ProxyProtocolError("unsupported", `unsupported PROXY protocol feature: ${detail}`);
}

async function readV1(reader: HeaderReader): Promise<ProxyHeader> {
  let end: number;
  for (;;) {
    const line = reader.text(V1_PREFIX.length, V1_LINE_BYTES_MAX);
    end = line.indexOf("\r\n");
    if (end >= 0) break;
    if (reader.heldBytes >= V1_LINE_BYTES_MAX) throw invalid("v1 line too long");
    const wanted = Math.min(reader.heldBytes + 1, V1_LINE_BYTES_MAX);
    await reader.fill(reader.heldBytes, wanted, "failed to read v1 line");
  }
  const line = reader.utf8(V1_PREFIX.length, V1_PREFIX.length + end);
  return {
    version: 1,
    addresses: parseV1Line(line),
    rest: reader.from(V1_PREFIX.length + end + 2),
  };
}

function parseV1Line(line: string): ProxyAddresses | null {
  // Go's strings.Fields.
  const fields = line.split(/[\t\n\v\f\r \x85\xa0\p{Zs}\u2028\u2029]+/u).filter(Boolean);
  const [protocol, sourceText, destinationText, sourcePort, destinationPort] = fields;
  if (protocol === "UNKNOWN") return null;
  if (fields.length !== 5) throw invalid("invalid v1 format");
  const source = parseIpAddress(sourceText!);
  const destination = parseIpAddress(destinationText!);
  if (source === null || destination === null) throw invalid("invalid address");
  const addresses = addressesOf(source, destination, {
    sourcePort: parsePort(sourcePort!, "source"),
    destinationPort: parsePort(destinationPort!, "dest"),
  });
  // The text decides, not the bytes: dual-stack proxies say "::ffff:192.0.2.1" under TCP6.
  const sourceIsV6 = sourceText!.includes(":");
  const destinationIsV6 = destinationText!.includes(":");
  if (protocol === "TCP4" && (sourceIsV6 || destinationIsV6)) {
    throw invalid("TCP4 with IPv6 address");
  }
  if (protocol === "TCP6" && !(sourceIsV6 && destinationIsV6)) {
    throw invalid("TCP6 with IPv4 address");
  }
  if (protocol !== "TCP4" && protocol !== "TCP6") throw invalid(`invalid protocol ${protocol}`);
  return addresses;
}

/** Go's `strconv.ParseUint` for 16 bits: the first thing wrong, from the left, names the error. */
function parsePort(text: string, which: "source" | "dest"): number {
  let port = 0;
  for (const char of text) {
    const digit = "0123456789".indexOf(char);
    port = port * 10 + digit;
    if (digit >= 0 && port <= 0xffff) continue;
    const reason = digit < 0 ? "invalid syntax" : "value out of range";
    throw new ProxyProtocolError(
      "other",
      `invalid ${which} port: strconv.ParseUint: parsing ${goQuote(text)}: ${reason}`,
    );
  }
  return port;
}

async function readV2(reader: HeaderReader): Promise<ProxyHeader> {
  await reader.fill(DETECT_BYTES, V2_SIGNATURE.length, "failed to read v2 signature");
  if (reader.text(0, V2_SIGNATURE.length) !== V2_SIGNATURE) throw invalid("invalid signature");
  await reader.fill(V2_SIGNATURE.length, V2_HEADER_BYTES, "failed to read v2 header");
  const versionAndCommand = reader.byte(12);
  const familyAndProtocol = reader.byte(13);
  const lengthBytes = reader.byte(14) << 8 | reader.byte(15);
  const end = V2_HEADER_BYTES + lengthBytes;
  const version = versionAndCommand & 0xf0;
  const command = versionAndCommand & 0x0f;
  if (version !== V2_VERSION) throw invalid(`invalid version 0x${hexByte(version)}`);
  if (command === V2_LOCAL) {
    await reader.skip(end, "failed to discard LOCAL command address data");
    return { version: 2, addresses: null, rest: reader.from(end) };
  }
  if (command !== V2_PROXY) {
    throw new ProxyProtocolError(
      "other",
      `unknown PROXY protocol command: 0x${hexByte(command)}`,
    );
  }
  if ((familyAndProtocol & 0x0f) !== V2_STREAM) throw unsupported("only STREAM protocol supported");
  const family = familyAndProtocol & 0xf0;
  switch (family) {
    case V2_FAMILY_IPV4:
      return await readV2Addresses(reader, { family: "IPv4", addressBytes: 4, lengthBytes });
    case V2_FAMILY_IPV6:
      return await readV2Addresses(reader, { family: "IPv6", addressBytes: 16, lengthBytes });
    case V2_FAMILY_UNSPECIFIED:
      await reader.skip(end, "failed to discard UNSPEC address address data");
      return { version: 2, addresses: null, rest: reader.from(end) };
    default:
      throw unsupported(`unsupported address family 0x${hexByte(family)}`);
  }
}

async function readV2Addresses(
  reader: HeaderReader,
  block: { family: "IPv4" | "IPv6"; addressBytes: number; lengthBytes: number },
): Promise<ProxyHeader> {
  const { family, addressBytes, lengthBytes } = block;
  const portsAt = V2_HEADER_BYTES + 2 * addressBytes;
  if (lengthBytes < 2 * addressBytes + 4) {
    throw new ProxyProtocolError("other", `${family} address data too short: ${lengthBytes} bytes`);
  }
  const end = V2_HEADER_BYTES + lengthBytes;
  await reader.fill(V2_HEADER_BYTES, end, `failed to read ${family} address data`);
  const addresses = addressesOf(
    reader.view(V2_HEADER_BYTES, V2_HEADER_BYTES + addressBytes),
    reader.view(V2_HEADER_BYTES + addressBytes, portsAt),
    {
      sourcePort: reader.byte(portsAt) << 8 | reader.byte(portsAt + 1),
      destinationPort: reader.byte(portsAt + 2) << 8 | reader.byte(portsAt + 3),
    },
  );
  return { version: 2, addresses, rest: reader.from(end) };
}

function addressesOf(
  source: Uint8Array,
  destination: Uint8Array,
  ports: { sourcePort: number; destinationPort: number },
): ProxyAddresses {
  return {
    source: { host: ipAddressText(source), port: ports.sourcePort },
    destination: { host: ipAddressText(destination), port: ports.destinationPort },
    network: isIpv4(source) ? "tcp4" : "tcp6",
  };
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}

/** A connection as its client sees it: the client's address, and the bytes after the header. */
export class ProxiedTransport implements Transport {
  readonly #under: Transport;
  #rest: Uint8Array;

  constructor(
    under: Transport,
    /** The client; the proxy itself when the header names none. */
    readonly remote: Endpoint,
    rest: Uint8Array,
  ) {
    this.#under = under;
    this.#rest = rest;
  }

  get local(): Endpoint {
    return this.#under.local;
  }

  get tls(): TlsState | null {
    return this.#under.tls;
  }

  read(target: Uint8Array): Promise<number | null> {
    if (this.#rest.length === 0) return this.#under.read(target);
    const part = this.#rest.subarray(0, target.length);
    target.set(part);
    this.#rest = this.#rest.subarray(part.length);
    return Promise.resolve(part.length);
  }

  write(source: Uint8Array): Promise<number> {
    return this.#under.write(source);
  }

  close(): void {
    this.#under.close();
  }
}

/** Collects the start of a stream under a deadline; positions count from its first byte. */
class HeaderReader {
  readonly #transport: Transport;
  readonly #loop: Loop;
  #held = new Uint8Array(0);
  /** A read that outlived the deadline it was started under. */
  #pending: Promise<boolean> | null = null;
  #timer: TimerHandle | null = null;
  #expired!: Promise<"expired">;

  constructor(transport: Transport, loop: Loop) {
    this.#transport = transport;
    this.#loop = loop;
    this.restartDeadline();
  }

  get heldBytes(): number {
    return this.#held.length;
  }

  restartDeadline(): void {
    this.stopDeadline();
    this.#expired = new Promise((resolve) => {
      this.#timer = this.#loop.setTimer(() => resolve("expired"), PROXY_HEADER_TIMEOUT_MS);
    });
  }

  stopDeadline(): void {
    if (this.#timer !== null) this.#loop.clearTimer(this.#timer);
    this.#timer = null;
  }

  /** Waits for `count` bytes, the end, or the deadline, whichever comes first. */
  async lookAhead(count: number): Promise<void> {
    while (this.#held.length < count) {
      if (await this.#more() !== "read") return;
    }
  }

  /**
   * Waits until the bytes up to `to` are there; `from` is where the part that `action` names
   * begins, because Go tells an end before it from one inside it.
   */
  async fill(from: number, to: number, action: string): Promise<void> {
    while (this.#held.length < to) {
      const outcome = await this.#more();
      if (outcome === "read") continue;
      const reason = outcome === "expired"
        ? this.#timeoutText()
        : this.#held.length <= from
        ? "EOF"
        : "unexpected EOF";
      throw new ProxyProtocolError("unreadable", `${action}: ${reason}`);
    }
  }

  /** As {@linkcode fill}, for bytes that are thrown away. */
  async skip(to: number, action: string): Promise<void> {
    await this.fill(to, to, action);
  }

  byte(at: number): number {
    return this.#held[at]!;
  }

  /** Bytes as characters, one for each. */
  text(from: number, to: number): string {
    return String.fromCharCode(...this.#held.subarray(from, to));
  }

  utf8(from: number, to: number): string {
    return new TextDecoder().decode(this.#held.subarray(from, to));
  }

  view(from: number, to: number): Uint8Array {
    return this.#held.subarray(from, to);
  }

  from(position: number): Uint8Array {
    return this.#held.subarray(position);
  }

  async #more(): Promise<"read" | "end" | "expired"> {
    this.#pending ??= this.#read();
    const outcome = await Promise.race([this.#pending, this.#expired]);
    if (outcome === "expired") return outcome;
    this.#pending = null;
    return outcome ? "read" : "end";
  }

  /** False at the end of the stream. */
  async #read(): Promise<boolean> {
    const target = new Uint8Array(READ_BYTES);
    let count: number | null;
    try {
      count = await this.#transport.read(target);
    } catch (error) {
      // The header cannot become complete; whoever goes on meets the same error.
      if (error instanceof TransportError) return false;
      throw error;
    }
    if (count === null) return false;
    const held = new Uint8Array(this.#held.length + count);
    held.set(this.#held);
    held.set(target.subarray(0, count), this.#held.length);
    this.#held = held;
    return true;
  }

  #timeoutText(): string {
    const show = ({ host, port }: Endpoint): string =>
      host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    const { local, remote } = this.#transport;
    return `read tcp ${show(local)}->${show(remote)}: i/o timeout`;
  }
}
