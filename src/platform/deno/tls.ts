/**
 * Server-side TLS by `node:tls`, over any {@linkcode Transport}: Deno's own TLS cannot take over a
 * connection that has already carried plain text as a server.
 *
 * ```text
 * transport ◀─▶ Duplex ◀─▶ TLSSocket ◀─▶ TlsTransport
 * ```
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import {
  createSecureContext,
  type DetailedPeerCertificate,
  rootCertificates,
  TLSSocket,
} from "node:tls";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { readCertificate } from "../../base/crypto/x509.ts";
import { type Endpoint, type TlsState, type Transport, TransportError } from "../net.ts";
import {
  type TlsPeerCheck,
  type TlsServerContext,
  type TlsServerSettings,
  TlsTexts,
  type TlsUpgrader,
  TlsVerificationError,
} from "../tls.ts";
import { readServerName } from "./client_hello.ts";
import { NegotiationGuard } from "./server_hello.ts";

const RAW_READ_BYTES = 16 * 1024;
/** Decrypted bytes that wait for a reader before the socket is paused. */
const QUEUE_BYTES_MAX = 64 * 1024;
const HANDSHAKE_RECORD = 0x16;
/** How long what came before the peer's end may take to complete the handshake. */
const END_MS = 20;
const CLOSED_REASON = "use of closed network connection";

/** Why a certificate is refused, in the words of Go's `crypto/x509`. */
const UNKNOWN_AUTHORITY = "x509: certificate signed by unknown authority";
const WRONG_USAGE = "x509: certificate specifies an incompatible key usage";
const EXPIRED = "x509: certificate has expired or is not yet valid";

/** Extended key usages that let a certificate speak for a client: clientAuth, any. */
const CLIENT_USAGES = ["1.3.6.1.5.5.7.3.2", "2.5.29.37.0"];

/** `handshake_failure`, fatal, as a record of its own. */
const HANDSHAKE_FAILURE_ALERT = new Uint8Array([21, 3, 3, 0, 2, 2, 40]);

/** TLS of this machine. */
export function systemTls(): TlsUpgrader {
  return { serverContext: (settings) => new NodeTlsContext(settings) };
}

/** What is asked of clients. */
interface ClientPolicy {
  /** They must send a certificate of an authority. */
  readonly verify: boolean;
  /** Fingerprints of the configured authorities. */
  readonly authorities: ReadonlySet<string>;
  /** Null allows all. */
  readonly ciphers: readonly string[] | null;
  readonly curves: readonly string[] | null;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function certificatesIn(pem: string): X509Certificate[] {
  return (pem.match(PEM_CERTIFICATE) ?? []).map((block) => new X509Certificate(block));
}

type SecureContext = ReturnType<typeof createSecureContext>;

class NodeTlsContext implements TlsServerContext {
  readonly #contexts: SecureContext[];
  readonly #names: string[][];
  readonly #policy: ClientPolicy;
  readonly #authoritiesPem: string | null;
  #authorities: Uint8Array[] | null = null;

  constructor(settings: TlsServerSettings) {
    this.#authoritiesPem = settings.authoritiesPem;
    const configured = certificatesIn(settings.authoritiesPem ?? "");
    this.#policy = {
      verify: settings.verifyClient,
      authorities: new Set(configured.map(({ fingerprint256 }) => fingerprint256)),
      ciphers: settings.ciphers,
      curves: settings.curves,
    };
    this.#contexts = settings.certificates.map(({ chainPem, keyPem }) =>
      createSecureContext({
        cert: chainPem,
        key: keyPem,
        ...(settings.authoritiesPem === null ? {} : { ca: settings.authoritiesPem }),
        minVersion: settings.minVersion === "1.3" ? "TLSv1.3" : "TLSv1.2",
      })
    );
    this.#names = settings.certificates.map(({ chainPem }) => dnsNames(chainPem));
  }

  get authorities(): readonly Uint8Array[] {
    this.#authorities ??= certificatesIn(this.#authoritiesPem ?? rootCertificates.join("\n"))
      .map(({ raw }) => new Uint8Array(raw));
    return this.#authorities;
  }

  async accept(
    transport: Transport,
    timeoutMs: number,
    check: TlsPeerCheck | null = null,
  ): Promise<Transport> {
    const handshake = new Handshake(transport, timeoutMs);
    try {
      const hello = await handshake.readHello();
      const context = this.#contextFor(readServerName(hello));
      const secured = await handshake.complete(context, hello, this.#policy);
      if (check !== null) await handshake.checkPeer(secured, check);
      return secured;
    } catch (error) {
      transport.close();
      throw handshake.reasonFor(error);
    } finally {
      handshake.end();
    }
  }

  #contextFor(serverName: string): SecureContext {
    const name = serverName.toLowerCase();
    const wildcard = name.replace(/^[^.]+/, "*");
    const index = this.#names.findIndex((names) =>
      names.includes(name) || names.includes(wildcard)
    );
    return this.#contexts[Math.max(index, 0)]!;
  }
}

function dnsNames(chainPem: string): string[] {
  const names = new X509Certificate(chainPem).subjectAltName ?? "";
  return [...names.matchAll(/(?:^|, )DNS:([^,]+)/g)].map((match) => match[1]!.toLowerCase());
}

/** One handshake and its deadline. */
class Handshake {
  readonly #transport: Transport;
  readonly #timer: ReturnType<typeof setTimeout>;
  #timedOut = false;
  #ended = false;
  #socket: TLSSocket | null = null;
  #onTimeout: (() => void) | null = null;

  constructor(transport: Transport, timeoutMs: number) {
    this.#transport = transport;
    this.#timer = setTimeout(() => {
      this.#timedOut = true;
      transport.close();
      this.#socket?.destroy();
      this.#onTimeout?.();
    }, timeoutMs);
  }

  /** The first record's worth of bytes, or what came of it. */
  async readHello(): Promise<Uint8Array> {
    let hello = new Uint8Array(0);
    for (;;) {
      if (hello.length > 0 && hello[0] !== HANDSHAKE_RECORD) {
        throw new TransportError(TlsTexts.notTls);
      }
      const needed = hello.length < 5 ? 5 : 5 + hello[3]! * 256 + hello[4]!;
      if (hello.length >= needed) return hello;
      const more = new Uint8Array(RAW_READ_BYTES);
      const count = await this.#transport.read(more);
      if (count === null) {
        this.#ended = true;
        throw new TransportError(TlsTexts.ended);
      }
      const joined = new Uint8Array(hello.length + count);
      joined.set(hello);
      joined.set(more.subarray(0, count), hello.length);
      hello = joined;
    }
  }

  async complete(
    context: SecureContext,
    hello: Uint8Array,
    policy: ClientPolicy,
  ): Promise<Transport> {
    const { ciphers, curves } = policy;
    const guard = ciphers === null && curves === null
      ? null
      : new NegotiationGuard(ciphers, curves);
    const stream = new TransportStream(this.#transport, hello, guard);
    const socket = new TLSSocket(stream as unknown as Socket, {
      isServer: true,
      secureContext: context,
      requestCert: policy.verify,
      rejectUnauthorized: false,
    });
    this.#socket = socket;
    const transport = new TlsTransport(socket, this.#transport, stream);
    let atEnd: ReturnType<typeof setTimeout> | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        // TLSSocket waits for ever when the peer leaves half-way.
        stream.onEnd = () => {
          atEnd = setTimeout(() => {
            this.#ended = true;
            reject(new TransportError(TlsTexts.ended));
          }, END_MS);
        };
        socket.once("secure", resolve);
        socket.once("error", reject);
        stream.once("error", reject);
        socket.once("close", () => {
          this.#ended = stream.ended;
          reject(new TransportError(TlsTexts.ended));
        });
      });
      // What could not be looked at is not let through.
      if (guard?.done === false) throw new TransportError("tls: unknown key exchange");
      transport.tls = stateOf(socket, readServerName(hello), policy);
    } catch (error) {
      transport.close();
      throw error;
    } finally {
      stream.onEnd = null;
      clearTimeout(atEnd);
    }
    return transport;
  }

  /** Closes `secured` and throws when `check` refuses the peer or takes too long. */
  async checkPeer(secured: Transport, check: TlsPeerCheck): Promise<void> {
    const late = Promise.withResolvers<null>();
    this.#onTimeout = () => late.resolve(null);
    try {
      const refusal = await Promise.race([check(secured.tls!), late.promise]);
      if (this.#timedOut) throw new TransportError(TlsTexts.timeout);
      if (refusal !== null) throw new TransportError(refusal);
    } catch (error) {
      secured.close();
      throw error;
    }
  }

  /** What the caller is told about `error`. */
  reasonFor(error: unknown): TransportError {
    const { local, remote } = this.#transport;
    if (this.#timedOut) {
      const ends = `${local.host}:${local.port}->${remote.host}:${remote.port}`;
      const message = `read tcp ${ends}: ${TlsTexts.timeout}`;
      return new TransportError(TlsTexts.timeout, { cause: error, message });
    }
    if (error instanceof TransportError) return error;
    if (this.#ended) return new TransportError(TlsTexts.ended, { cause: error });
    const text = error instanceof Error ? error.message : String(error);
    return new TransportError(text.startsWith("tls: ") ? text : `tls: ${text}`, { cause: error });
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** Parts of the TLS socket's handle that Node's types leave out. */
interface VerifyingHandle {
  /** OpenSSL's code, or empty when the chain is good. */
  verifyError?(): string | { code?: string } | null;
}

function mayBeClient(leaf: Uint8Array): boolean {
  const { usages } = readCertificate(leaf);
  return usages === null || usages.some((usage) => CLIENT_USAGES.includes(usage));
}

/** What is wrong with the certificate's time, or null; the platform's codes do not say. */
function expiryText(leaf: Uint8Array): string | null {
  const { validFrom, validTo } = new X509Certificate(leaf);
  const text = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
  const nowMs = Date.now();
  const fromMs = Date.parse(validFrom);
  const toMs = Date.parse(validTo);
  if (nowMs > toMs) return `${EXPIRED}: current time ${text(nowMs)} is after ${text(toMs)}`;
  if (nowMs < fromMs) return `${EXPIRED}: current time ${text(nowMs)} is before ${text(fromMs)}`;
  return null;
}

function unverified(reason: string, chain: readonly Uint8Array[]): TlsVerificationError {
  return new TlsVerificationError(`tls: failed to verify certificate: ${reason}`, chain);
}

function stateOf(socket: TLSSocket, serverName: string, policy: ClientPolicy): TlsState {
  const peerCertificates = policy.verify ? peerChain(socket, policy.authorities) : [];
  if (policy.verify) {
    if (peerCertificates.length === 0) throw new TransportError(TlsTexts.noCertificate);
    const handle = (socket as unknown as { _handle: VerifyingHandle | null })._handle;
    // Without an answer nothing is verified: refuse, not accept.
    const error = handle?.verifyError === undefined ? "UNAVAILABLE" : handle.verifyError();
    const leaf = peerCertificates[0]!;
    if (!mayBeClient(leaf)) throw unverified(WRONG_USAGE, peerCertificates);
    if (error !== null && error !== "") {
      throw unverified(expiryText(leaf) ?? UNKNOWN_AUTHORITY, peerCertificates);
    }
  }
  return {
    version: (socket.getProtocol() ?? "").replace("TLSv", ""),
    cipherSuite: goCipherName(socket.getCipher().name),
    peerCertificates,
    peerVerified: policy.verify,
    serverName,
  };
}

/** `ECDHE-RSA-AES128-GCM-SHA256` as `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`. */
function goCipherName(name: string): string {
  if (name.startsWith("TLS_")) return name;
  const text = name.replaceAll("-", "_").replace(/AES(\d+)_SHA$/, "AES$1_CBC_SHA")
    .replace(/AES(\d+)/, "AES_$1").replace(/POLY1305$/, "POLY1305_SHA256")
    .replace(/_(AES|CHACHA20)/, "_WITH_$1");
  return `TLS_${text}`;
}

/** What the client sent; the platform adds the authorities that it found itself. */
function peerChain(socket: TLSSocket, authorities: ReadonlySet<string>): Uint8Array[] {
  const chain: Uint8Array[] = [];
  const seen = new Set<string>();
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && !seen.has(next.fingerprint256)) {
    if (chain.length > 0 && authorities.has(next.fingerprint256)) break;
    seen.add(next.fingerprint256);
    chain.push(new Uint8Array(next.raw));
    next = next.issuerCertificate;
  }
  return chain;
}

/** A transport as the stream that TLS wants below it. */
class TransportStream extends Duplex {
  /** The peer ended its side. */
  ended = false;
  /** Called when it does. */
  onEnd: (() => void) | null = null;
  readonly #transport: Transport;
  readonly #buffer = new Uint8Array(RAW_READ_BYTES);
  #first: Uint8Array | null;
  readonly #guard: NegotiationGuard | null;

  constructor(transport: Transport, first: Uint8Array, guard: NegotiationGuard | null) {
    super({ allowHalfOpen: true, emitClose: true });
    this.#transport = transport;
    this.#first = first;
    this.#guard = guard;
  }

  override _read(): void {
    const first = this.#first;
    if (first !== null) {
      this.#first = null;
      // TLSSocket starts a tick after it is made, and cannot bear an end before that.
      setTimeout(() => this.push(first), 0);
      return;
    }
    this.#transport.read(this.#buffer).then((count) => {
      if (count === null) {
        this.ended = true;
        this.onEnd?.();
      }
      this.push(count === null ? null : this.#buffer.slice(0, count));
    }, (error) => this.destroy(error));
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    this.#writeAll(chunk).then(() => done(), done);
  }

  async #writeAll(chunk: Uint8Array): Promise<void> {
    const refusal = this.#guard?.inspect(chunk) ?? null;
    if (refusal !== null) {
      await this.#transport.write(HANDSHAKE_FAILURE_ALERT);
      throw new TransportError(refusal);
    }
    let at = 0;
    while (at < chunk.length) at += await this.#transport.write(chunk.subarray(at));
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#transport.close();
    done(error);
  }
}

class TlsTransport implements Transport {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  tls: TlsState | null = null;
  readonly #socket: TLSSocket;
  readonly #stream: TransportStream;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #ended = false;
  #failure: TransportError | null = null;
  #wake: (() => void) | null = null;

  constructor(socket: TLSSocket, under: Transport, stream: TransportStream) {
    this.local = under.local;
    this.remote = under.remote;
    this.#socket = socket;
    this.#stream = stream;
    socket.on("data", (chunk: Uint8Array) => {
      this.#queue.push(chunk);
      this.#queuedBytes += chunk.length;
      if (this.#queuedBytes >= QUEUE_BYTES_MAX) socket.pause();
      this.#awake();
    });
    socket.on("end", () => this.#end());
    socket.on("error", (error: Error) => this.#fail(error));
    stream.on("error", (error: Error) => this.#fail(error));
    socket.on("close", () => this.#end());
    stream.on("close", () => this.#end());
  }

  async read(target: Uint8Array): Promise<number | null> {
    while (this.#queue.length === 0) {
      if (this.#failure !== null) throw this.#failure;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    let at = 0;
    while (at < target.length && this.#queue.length > 0) {
      const chunk = this.#queue[0]!;
      const part = chunk.subarray(0, target.length - at);
      target.set(part, at);
      at += part.length;
      if (part.length === chunk.length) this.#queue.shift();
      else this.#queue[0] = chunk.subarray(part.length);
    }
    this.#queuedBytes -= at;
    if (this.#queuedBytes < QUEUE_BYTES_MAX && this.#socket.isPaused()) this.#socket.resume();
    return at;
  }

  write(source: Uint8Array): Promise<number> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const closed = (): void => reject(this.#failure ?? new TransportError(CLOSED_REASON));
      this.#socket.once("close", closed);
      // The slab goes back to its pool once the promise settles, so TLS gets a copy.
      this.#socket.write(source.slice(), (error) => {
        this.#socket.off("close", closed);
        if (error) reject(this.#failure ?? new TransportError(error.message, { cause: error }));
        else resolve(source.length);
      });
    });
  }

  close(): void {
    this.#failure ??= new TransportError(CLOSED_REASON);
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#socket.destroy();
    this.#stream.destroy();
    this.#awake();
  }

  #fail(error: Error): void {
    this.#failure ??= error instanceof TransportError
      ? error
      : new TransportError(error.message, { cause: error });
    this.#awake();
  }

  #end(): void {
    this.#ended = true;
    this.#awake();
  }

  #awake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
