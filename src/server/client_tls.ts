/**
 * TLS of client connections: when it starts, what it takes, and what is logged about it.
 *
 * Reference: createClientEx in server/server.go, doTLSHandshake in server/client.go,
 * matchesPinnedCert in server/auth.go.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { readCertificate } from "../base/crypto/x509.ts";
import type { Options, TlsOptions } from "../config/mod.ts";
import { goNameText } from "../base/crypto/name_text.ts";
import { ClosedState } from "../core/connection/closed_state.ts";
import type { Connection } from "../core/connection/connection.ts";
import type { ConfigSource } from "../platform/config_source.ts";
import {
  type Clock,
  type Logger,
  type Loop,
  type TimerHandle,
  type TlsPeerCheck,
  type TlsServerContext,
  type TlsServerSettings,
  type TlsState,
  TlsTexts,
  type TlsUpgrader,
  TlsVerificationError,
  type Transport,
  TransportError,
} from "../platform/mod.ts";
import { PeekTransport } from "../transport/peek.ts";
import { tlsServerSettings } from "../transport/tls_context.ts";
import { RateCounter } from "./rate_counter.ts";

const HANDSHAKE_RECORD = 0x16;
const REPORT_INTERVAL_MS = 1000;
/** In-process clients may use TLS or not, so that one that starts with TLS is always told. */
const IN_PROCESS_FALLBACK_MS = 50;

/** The world of {@linkcode ClientTls}. */
export interface ClientTlsEnvironment {
  readonly clock: Clock;
  readonly loop: Loop;
  readonly log: Logger;
  readonly tls: TlsUpgrader;
  readonly files: ConfigSource;
}

/** Checks of clients beyond what TLS does itself. */
export interface ClientChecks {
  /** For clients of `context`; null for none. */
  clientCheck(context: TlsServerContext): TlsPeerCheck | null;
  /** The ways from a client's certificate to the authorities of `context`, as DER. */
  chainsOf(state: TlsState, context: TlsServerContext): Uint8Array[][];
}

/** TLS on the client port of one server. */
export class ClientTls {
  readonly #context: TlsServerContext;
  /** Certificates, keys and rules as they were read. */
  readonly #settings: TlsServerSettings;
  readonly #rate: RateCounter | null;
  /** Some cipher suites or key exchanges are left out. */
  readonly #chooses: boolean;
  #report: TimerHandle | null = null;

  /** Throws FileError or what the platform says of certificates that cannot be used. */
  constructor(
    readonly options: Options,
    tls: TlsOptions,
    readonly env: ClientTlsEnvironment,
  ) {
    const settings = tlsServerSettings(tls, env.files);
    this.#settings = settings;
    this.#context = env.tls.serverContext(settings);
    this.#chooses = settings.ciphers !== null || settings.curves !== null;
    this.#rate = options.tlsRateLimit > 0
      ? new RateCounter(options.tlsRateLimit, env.clock.monotonicMs)
      : null;
  }

  /** Whether clients notice no difference between this and `other`. */
  isLike(other: ClientTls): boolean {
    return isDeepStrictEqual(this.#settings, other.#settings);
  }

  /** Starts reporting refused handshakes. */
  start(): void {
    if (this.#chooses) {
      this.env.log.warn(
        "TLS goes by the order of the client: clients that prefer what cipher_suites or " +
          "curve_preferences leave out are refused",
      );
    }
    const rate = this.#rate;
    if (rate === null) return;
    this.#report = this.env.loop.setRepeating(() => {
      const blocked = rate.takeBlocked();
      if (blocked > 0) {
        this.env.log.warn(`Rejected ${blocked} connections due to TLS rate limiting`);
      }
    }, REPORT_INTERVAL_MS);
  }

  stop(): void {
    if (this.#report !== null) this.env.loop.clearTimer(this.#report);
    this.#report = null;
  }

  /**
   * Waits for a client of `handshake_first` to begin. False when it stays silent for the fallback
   * delay and wants INFO.
   */
  async beginsWithTls(connection: Connection): Promise<boolean> {
    const fallbackMs = this.options.tlsHandshakeFirstFallbackMs > 0
      ? this.options.tlsHandshakeFirstFallbackMs
      : connection.inProcess
      ? IN_PROCESS_FALLBACK_MS
      : 0;
    return fallbackMs === 0 || await this.#peek(connection, fallbackMs) !== null;
  }

  /** After INFO, where both are allowed: whether the client's first byte is TLS. */
  async wantsTls(connection: Connection): Promise<boolean> {
    return await this.#peek(connection, this.options.tlsTimeoutMs) === HANDSHAKE_RECORD;
  }

  async #peek(connection: Connection, delayMs: number): Promise<number | null> {
    let { transport } = connection;
    if (!(transport instanceof PeekTransport)) {
      transport = new PeekTransport(transport, this.env.loop);
      connection.replaceTransport(transport);
    }
    return await (transport as PeekTransport).peek(delayMs);
  }

  /** The ways from a client's certificate to those that are trusted, as DER. */
  chainsOf(state: TlsState, checks: ClientChecks): Uint8Array[][] {
    return checks.chainsOf(state, this.#context);
  }

  /** Shakes hands; false when the connection has been closed instead. `ocsp` has the last word. */
  async handshake(connection: Connection, ocsp: ClientChecks): Promise<boolean> {
    if (this.#rate !== null && !this.#rate.allow()) {
      connection.sendError("Connection throttling is active. Please try again later.");
      connection.close(ClosedState.MaxConnectionsExceeded);
      return false;
    }
    connection.debug("Starting TLS client connection handshake");
    let transport: Transport;
    try {
      const check = ocsp.clientCheck(this.#context);
      transport = await this.#context.accept(
        connection.transport,
        this.options.tlsTimeoutMs,
        check,
      );
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      if (!connection.closed) refuse(connection, error);
      return false;
    }
    if (connection.closed) {
      transport.close();
      return false;
    }
    connection.replaceTransport(transport);
    if (!matchesPinned(connection, this.options.tlsPinnedCerts)) {
      connection.error("TLS handshake error: certificate not pinned");
      connection.close(ClosedState.TLSHandshakeError);
      return false;
    }
    return true;
  }
}

function refuse(connection: Connection, error: TransportError): void {
  if (error.reason === TlsTexts.timeout) {
    connection.debug("TLS handshake timeout");
    connection.sendError("Secure Connection - TLS Required");
  }
  const line = `TLS handshake error: ${error.message}${chainText(error)}`;
  // Load balancers and port scans make these; nobody has to act on them.
  const isProbe = error.reason === TlsTexts.timeout || error.reason === TlsTexts.notTls;
  if (isProbe) connection.debug(line);
  else connection.error(line);
  connection.close(ClosedState.TLSHandshakeError);
}

/** Names the certificates that could not be verified, so that an operator can find them. */
function chainText(error: TransportError): string {
  if (!(error instanceof TlsVerificationError)) return "";
  const texts = error.certificates.map((der) => {
    const digest = createHash("sha256").update(der).digest("hex");
    return `${goNameText(readCertificate(der).subject)} SHA-256: ${digest}`;
  });
  return texts.length === 0 ? "" : ` (${texts.join("; ")})`;
}

/** Whether the client's certificate is one of the pinned ones; all are where none is. */
export function matchesPinned(connection: Connection, pinned: ReadonlySet<string> | null): boolean {
  return isPinned(connection.transport, pinned, (text) => connection.debug(text));
}

/** As {@linkcode matchesPinned} for a transport; `debug` hears why not. */
export function isPinned(
  { tls }: Transport,
  pinned: ReadonlySet<string> | null,
  debug: (text: string) => void,
): boolean {
  if (pinned === null) return true;
  const leaf = tls?.peerCertificates[0];
  if (leaf === undefined) {
    debug("Failed pinned cert test as client did not provide a certificate");
    return false;
  }
  const keyId = createHash("sha256").update(readCertificate(leaf).publicKeyInfo).digest("hex");
  if (pinned.has(keyId)) return true;
  debug(`Failed pinned cert test for key id: ${keyId}`);
  return false;
}
