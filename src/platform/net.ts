/**
 * Byte streams and listeners. TCP, TLS, WebSocket and the in-process pipe all look like a
 * {@linkcode Transport} to the layers above.
 *
 * @module
 */

/** An IP endpoint. */
export interface Endpoint {
  /** IP address without brackets, or a host name where the caller dials. */
  readonly host: string;
  readonly port: number;
}

/** What a server may know about the TLS side of a connection. */
export interface TlsState {
  /** "1.2" or "1.3". */
  readonly version: string;
  /** Name of the cipher suite as Go prints it, e.g. "TLS_AES_128_GCM_SHA256". */
  readonly cipherSuite: string;
  /** DER of the peer's certificates, leaf first; empty when none was sent. */
  readonly peerCertificates: readonly Uint8Array[];
  /** True when the peer's chain was verified against the configured CAs. */
  readonly peerVerified: boolean;
  /** SNI name sent by the client, "" when none. */
  readonly serverName: string;
}

/** A reliable, ordered byte stream with its two ends' addresses. */
export interface Transport {
  /**
   * Reads into `target`; resolves to the number of bytes, or null at the end of the stream.
   * Rejects with {@linkcode TransportError} when the peer resets or the transport is closed.
   * One read at a time.
   */
  read(target: Uint8Array): Promise<number | null>;
  /**
   * Writes at least one byte of `source` and resolves to how many were taken. `source` is
   * borrowed until the promise settles. One write at a time.
   */
  write(source: Uint8Array): Promise<number>;
  /** Ends both directions at once; pending reads and writes reject. Safe to call again. */
  close(): void;
  /** This machine's end. */
  readonly local: Endpoint;
  /** The peer; for PROXY protocol connections the original client. */
  readonly remote: Endpoint;
  /** Null on plain connections. */
  readonly tls: TlsState | null;
}

/** Thrown by transports when the stream broke, was reset, or closed under a pending call. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  constructor(
    /** The short reason, e.g. "connection reset by peer". */
    readonly reason: string,
    /** `message` is the whole text as Go's `net.OpError` prints it; `reason` when left out. */
    options?: ErrorOptions & { message?: string },
  ) {
    super(options?.message ?? reason, options);
  }
}

/** Thrown by transports when the peer breaks the rules of the transport itself. */
export class TransportProtocolError extends TransportError {}

/** An open listening socket. */
export interface Listener {
  readonly address: Endpoint;
  /** Resolves with the next connection; rejects with {@linkcode TransportError} once closed. */
  accept(): Promise<Transport>;
  close(): void;
}

/** Opens sockets. */
export interface Net {
  /** Listens on `host:port` (port 0 picks one). Throws {@linkcode ListenError}. */
  listen(host: string, port: number): Listener;
  /** Connects, or rejects with {@linkcode TransportError} after `timeoutMs`. */
  dial(host: string, port: number, timeoutMs: number): Promise<Transport>;
  /** IP addresses of this machine's interfaces; without `all` no loopback and link-local ones. */
  interfaceAddresses(all?: boolean): string[];
}

/** Thrown when a listening socket cannot be opened; `message` reads as Go prints it. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}
