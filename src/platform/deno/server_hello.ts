/**
 * Watches what a TLS server settles on, in the plain part of its handshake on the way to the
 * client: the cipher suite (TLS 1.2) and the group of the key exchange. The platform's TLS cannot
 * be told which ones to take, so what the operator left out is refused here, before the client
 * learns of it.
 *
 * ```text
 * TLS 1.2: ServerHello(suite) Certificate ServerKeyExchange(group) …     TLS 1.3: ServerHello(group)
 * ```
 *
 * RFC 8446 section 4.1.3 and 4.2.8, RFC 8422 section 5.4. As in Go, `cipher_suites` does not
 * choose among the suites of TLS 1.3.
 *
 * @module
 */

const RECORD_HEADER_BYTES = 5;
const HANDSHAKE_HEADER_BYTES = 4;
const VERSION_AND_RANDOM_BYTES = 34;
const CHANGE_CIPHER_SPEC_RECORD = 20;
const HANDSHAKE_RECORD = 22;
const SERVER_HELLO = 2;
const SERVER_KEY_EXCHANGE = 12;
const SERVER_HELLO_DONE = 14;
const NAMED_CURVE = 3;
const EXTENSION_SUPPORTED_VERSIONS = 43;
const EXTENSION_KEY_SHARE = 51;
const TLS_1_3 = 0x0304;
/** A handshake that is longer does not come from a server that we know. */
const PLAIN_BYTES_MAX = 256 * 1024;
/** A key share that only names the group: the server asks for another ClientHello. */
const RETRY_SHARE_BYTES = 2;

/** Numbers of the suites of TLS 1.2 that exchange keys by elliptic curves. */
const SUITE_NUMBERS: Readonly<Record<string, number>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 0xc009,
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 0xc00a,
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 0xc013,
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 0xc014,
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 0xc02b,
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 0xc02c,
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 0xc02f,
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 0xc030,
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 0xcca8,
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 0xcca9,
};

/** Numbers of the groups that Go has names for. */
const GROUP_NUMBERS: Readonly<Record<string, number>> = {
  CurveP256: 23,
  CurveP384: 24,
  CurveP521: 25,
  X25519: 29,
  X25519MLKEM768: 0x11ec,
};

function numbers(table: Readonly<Record<string, number>>, names: readonly string[]): Set<number> {
  return new Set(names.map((name) => table[name]).filter((number) => number !== undefined));
}

function nameOf(table: Readonly<Record<string, number>>, number: number): string {
  const known = Object.keys(table).find((name) => table[name] === number);
  return known ?? `0x${number.toString(16).padStart(4, "0")}`;
}

/** Watches one handshake. */
export class NegotiationGuard {
  readonly #suites: Set<number> | null;
  readonly #groups: Set<number> | null;
  /** Everything was seen, and allowed. */
  done = false;
  #helloSeen = false;
  #seen: Uint8Array = new Uint8Array(0);
  #messages: Uint8Array = new Uint8Array(0);

  /** Names as in the configuration; null allows all. */
  constructor(suites: readonly string[] | null, groups: readonly string[] | null) {
    this.#suites = suites === null ? null : numbers(SUITE_NUMBERS, suites);
    this.#groups = groups === null ? null : numbers(GROUP_NUMBERS, groups);
  }

  /** Looks at the next bytes for the client; returns why they must not be sent, or null. */
  inspect(bytes: Uint8Array): string | null {
    if (this.done) return null;
    try {
      return this.#inspect(bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return "tls: the server's own handshake cannot be read";
    }
  }

  #inspect(bytes: Uint8Array): string | null {
    this.#seen = joined(this.#seen, bytes);
    if (this.#seen.length > PLAIN_BYTES_MAX) throw new RangeError("handshake is too long");
    while (!this.done && this.#seen.length >= RECORD_HEADER_BYTES) {
      const end = RECORD_HEADER_BYTES + this.#seen[3]! * 256 + this.#seen[4]!;
      if (this.#seen.length < end) return null;
      const record = this.#seen.subarray(RECORD_HEADER_BYTES, end);
      const type = this.#seen[0];
      this.#seen = this.#seen.subarray(end);
      // A resumed session goes on in secret at once: what it uses was looked at when it began.
      if (type !== HANDSHAKE_RECORD) {
        if (type === CHANGE_CIPHER_SPEC_RECORD) this.done = this.#helloSeen;
        continue;
      }
      this.#messages = joined(this.#messages, record);
      const reason = this.#readMessages();
      if (reason !== null) return reason;
    }
    return null;
  }

  #readMessages(): string | null {
    while (!this.done && this.#messages.length >= HANDSHAKE_HEADER_BYTES) {
      const view = viewOf(this.#messages);
      const end = HANDSHAKE_HEADER_BYTES + view.getUint8(1) * 65536 + view.getUint16(2);
      if (this.#messages.length < end) return null;
      const body = this.#messages.subarray(HANDSHAKE_HEADER_BYTES, end);
      const type = view.getUint8(0);
      this.#messages = this.#messages.subarray(end);
      const reason = this.#readMessage(type, body);
      if (reason !== null) return reason;
    }
    return null;
  }

  #readMessage(type: number, body: Uint8Array): string | null {
    switch (type) {
      case SERVER_HELLO:
        return this.#readHello(viewOf(body));
      case SERVER_KEY_EXCHANGE: {
        const view = viewOf(body);
        this.done = true;
        return view.getUint8(0) === NAMED_CURVE
          ? this.#checkGroup(view.getUint16(1))
          : "tls: the key exchange is not by a named group";
      }
      case SERVER_HELLO_DONE:
        return "tls: the key exchange is not by a named group";
    }
    return null;
  }

  #readHello(view: DataView): string | null {
    this.#helloSeen = true;
    let at = VERSION_AND_RANDOM_BYTES;
    at += 1 + view.getUint8(at); // session id
    const suite = view.getUint16(at);
    at += 3; // suite and compression method
    let version = view.getUint16(0);
    let group = -1;
    let retry = false;
    const end = at + 2 <= view.byteLength ? at + 2 + view.getUint16(at) : at;
    at += 2;
    while (at + 4 <= end) {
      const type = view.getUint16(at);
      const size = view.getUint16(at + 2);
      at += 4;
      if (type === EXTENSION_SUPPORTED_VERSIONS) version = view.getUint16(at);
      if (type === EXTENSION_KEY_SHARE) {
        group = view.getUint16(at);
        retry = size === RETRY_SHARE_BYTES;
      }
      at += size;
    }
    if (version < TLS_1_3) {
      // The group comes with the key exchange.
      if (this.#groups === null) this.done = true;
      return this.#checkSuite(suite);
    }
    this.done = !retry;
    return this.#checkGroup(group);
  }

  #checkSuite(suite: number): string | null {
    if (this.#suites === null || this.#suites.has(suite)) return null;
    return `tls: settled on ${nameOf(SUITE_NUMBERS, suite)}, which cipher_suites leaves out`;
  }

  #checkGroup(group: number): string | null {
    if (this.#groups === null || this.#groups.has(group)) return null;
    return `tls: settled on ${nameOf(GROUP_NUMBERS, group)}, which curve_preferences leaves out`;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const out = new Uint8Array(first.length + second.length);
  out.set(first);
  out.set(second, first.length);
  return out;
}
