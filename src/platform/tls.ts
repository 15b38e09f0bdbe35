/**
 * TLS on the server's side, over any transport. A protocol that starts in plain text (INFO) and
 * goes on in TLS needs the handshake as a step of its own.
 *
 * @module
 */
import { type TlsState, type Transport, TransportError } from "./net.ts";

/** A certificate chain and its private key, in PEM. */
export interface TlsCertificate {
  readonly chainPem: string;
  readonly keyPem: string;
}

/** What a listener offers and asks for. */
export interface TlsServerSettings {
  /** At least one; the first serves clients whose server name fits none. */
  readonly certificates: readonly TlsCertificate[];
  /** Authorities of clients' certificates in PEM; null trusts those of the system. */
  readonly authoritiesPem: string | null;
  /** Clients must send a certificate of one of the authorities. */
  readonly verifyClient: boolean;
  /** Cipher suites of TLS 1.2 that may be used, in the standard's names; null is all. */
  readonly ciphers: readonly string[] | null;
  /** Key exchanges that may be used, in Go's names (`X25519`, `CurveP256`); null is all. */
  readonly curves: readonly string[] | null;
  readonly minVersion: "1.2" | "1.3";
}

/** Looks at a peer whose certificate is verified; resolves to why it is refused, or null. */
export type TlsPeerCheck = (state: TlsState) => Promise<string | null>;

/** Settings that were read once and serve all connections of a listener. */
export interface TlsServerContext {
  /** DER of the authorities of clients' certificates. */
  readonly authorities: readonly Uint8Array[];
  /**
   * Shakes hands over `transport` and owns it from then on. Rejects with
   * {@linkcode TransportError} when the handshake fails, with {@linkcode TlsTexts.timeout} after
   * `timeoutMs`; `transport` is closed then. `check` is the last part of the handshake.
   */
  accept(transport: Transport, timeoutMs: number, check?: TlsPeerCheck | null): Promise<Transport>;
}

/** Makes contexts. */
export interface TlsUpgrader {
  /** Throws an Error when a certificate, key or authority cannot be used. */
  serverContext(settings: TlsServerSettings): TlsServerContext;
}

/** Reasons that callers tell apart, in the words of Go's `crypto/tls`. */
export const TlsTexts = {
  timeout: "i/o timeout",
  notTls: "tls: first record does not look like a TLS handshake",
  noCertificate: "tls: client didn't provide a certificate",
  ended: "EOF",
} as const;

/** The client sent a certificate that no authority vouches for. */
export class TlsVerificationError extends TransportError {
  constructor(
    reason: string,
    /** DER of what the client sent, leaf first. */
    readonly certificates: readonly Uint8Array[],
  ) {
    super(reason);
  }
}
