/**
 * OCSP on the client port of one server: the checks, the cache that they share, and what the system
 * account is told.
 *
 * Reference: plugTLSOCSPPeer in server/ocsp_peer.go, initOCSPResponseCache in
 * server/ocsp_responsecache.go, sendOCSPPeerRejectEvent in server/events.go.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { readCertificate } from "../base/crypto/x509.ts";
import { goJson } from "../base/text/go_format.ts";
import { base64 } from "../base/json/shape.ts";
import type { Options } from "../config/mod.ts";
import { defaultOcspCacheOptions } from "../config/tls_options.ts";
import type { SystemSender } from "../events/sender.ts";
import {
  type CacheStats,
  LocalCache,
  NoCache,
  type OcspEvents,
  PeerCertificate,
  PeerCheck,
  type ResponseCache,
  verifiedChains,
} from "../ocsp/mod.ts";
import type { ConfigSource } from "../platform/config_source.ts";
import type {
  Clock,
  Disk,
  HttpClient,
  HttpClients,
  Logger,
  Loop,
  Random,
  TlsPeerCheck,
  TlsServerContext,
  TlsState,
} from "../platform/mod.ts";
import { StartError } from "./start_error.ts";

const KIND = "Client";
const REFUSAL = "client not OCSP valid";

/** A server with a client port. */
export interface OcspServer {
  readonly options: Options;
  readonly id: string;
  readonly events: { readonly sender: SystemSender } | null;
  readonly env: {
    readonly clock: Clock;
    readonly disk: Disk;
    readonly files: ConfigSource;
    readonly httpClient: HttpClients;
    readonly log: Logger;
    readonly loop: Loop;
    readonly random: Random;
  };
}

/** OCSP of one server's clients. */
export class PeerOcsp implements OcspEvents {
  #check: PeerCheck | null = null;
  #cache: ResponseCache | null = null;
  #http: HttpClient | null = null;
  readonly #trusted = new WeakMap<TlsServerContext, PeerCertificate[]>();

  /** Throws {@linkcode StartError} when clients need not show what is to be checked. */
  constructor(readonly server: OcspServer) {
    this.#requireNoStaple();
    if (this.verifies) this.#requireVerify();
  }

  /** Whether clients are checked. */
  get verifies(): boolean {
    return this.server.options.tlsConfig?.ocspPeer?.verify === true;
  }

  /** Kind and figures of the cache; null where none is kept. */
  get cache(): { readonly type: string; readonly stats: CacheStats } | null {
    const stats = this.#cache?.stats ?? null;
    return stats === null ? null : { type: this.#cache!.type, stats };
  }

  /** Begins to check, with what the cache's file holds. */
  start(): void {
    const { options, env } = this.server;
    const ocspPeer = options.tlsConfig?.ocspPeer;
    if (ocspPeer?.verify !== true) return;
    const cacheOptions = options.ocspCacheConfig ?? defaultOcspCacheOptions();
    const cache = cacheOptions.type === "local" ? new LocalCache(cacheOptions, env) : new NoCache();
    const http = this.#http ?? env.httpClient(null);
    const { clock, log } = env;
    this.#cache = cache;
    this.#http = http;
    this.#check = new PeerCheck(ocspPeer, { clock, log, http, cache, events: this });
    cache.start();
    log.notice(`OCSP peer cache online, type [${cache.type}]`);
  }

  /** Ends requests under way: nobody waits for their clients any more. */
  interrupt(): void {
    this.#http?.close();
    this.#http = null;
  }

  /** Checks no more; resolves when the cache is on disk. */
  async stop(): Promise<void> {
    this.interrupt();
    const cache = this.#cache;
    this.#check = null;
    this.#cache = null;
    await cache?.stop();
  }

  /** Takes changed options over. Checks under way go on, without what is in the cache. */
  async reload(): Promise<void> {
    await this.#cache?.stop();
    this.#cache = null;
    try {
      this.#requireNoStaple();
      if (!this.verifies) return;
      this.#requireVerify();
    } catch (error) {
      this.server.env.log.warn(`Can't restart OCSP features: ${(error as Error).message}`);
      return;
    }
    this.server.env.log.debug(`Plugging TLS OCSP peer for [${KIND}]`);
    this.start();
  }

  /** Certificates that want OCSP answers beside them cannot have them. */
  #requireNoStaple(): void {
    const { options: { tlsConfig: tls, ocspConfig }, env } = this.server;
    if (tls === null) return;
    const pairs = tls.certFile === "" ? tls.certificates : [tls];
    for (const { certFile } of pairs) {
      if (!mustStaple(env.files.readFile(certFile))) continue;
      const text = `Certificate at '${certFile}' has MustStaple`;
      if (ocspConfig?.mode === "never") env.log.warn(`${text} but OCSP is disabled`);
      else if (ocspConfig === null) {
        env.log.warn(`${text} but no answer can be attached: clients that insist are turned away`);
      } else {
        throw new StartError(
          `ocsp: ${text}, and OCSP stapling is not possible: the TLS of Deno cannot attach answers`,
        );
      }
    }
  }

  #requireVerify(): void {
    if (this.server.options.tlsConfig?.verify === true) return;
    throw new StartError(
      "OCSP peer verification for client connections requires TLS verify (mTLS) to be enabled",
    );
  }

  /** What clients of `context` must pass; null without checks. */
  clientCheck(context: TlsServerContext): TlsPeerCheck | null {
    const { options } = this.server;
    if (options.tlsConfig?.ocspPeer?.verify !== true || !options.tlsConfig.verify) return null;
    return (state) => this.#refusal(state, context);
  }

  async #refusal(state: TlsState, context: TlsServerContext): Promise<string | null> {
    const check = this.#check;
    const sent = state.peerCertificates.map((der) => new PeerCertificate(der));
    const nowMs = this.server.env.clock.nowMs();
    const chains = verifiedChains(sent, this.#trustedOf(context), nowMs);
    // Where nobody can be checked nobody passes.
    if (check !== null && await check.accepts(chains)) return null;
    this.#rejected(sent[0], REFUSAL);
    return REFUSAL;
  }

  /** The authorities that can be read. */
  #trustedOf(context: TlsServerContext): PeerCertificate[] {
    let trusted = this.#trusted.get(context);
    if (trusted !== undefined) return trusted;
    trusted = [];
    for (const der of context.authorities) {
      try {
        trusted.push(new PeerCertificate(der));
      } catch (error) {
        this.server.env.log.warn(
          `OCSP: leaving out an authority that cannot be read: ${(error as Error).message}`,
        );
      }
    }
    this.#trusted.set(context, trusted);
    return trusted;
  }

  /** The ways from a client's certificate to the authorities of `context`, as DER. */
  chainsOf(state: TlsState, context: TlsServerContext): Uint8Array[][] {
    const sent = state.peerCertificates.map((der) => new PeerCertificate(der));
    const nowMs = this.server.env.clock.nowMs();
    return verifiedChains(sent, this.#trustedOf(context), nowMs)
      .map((chain) => chain.map(({ der }) => der));
  }

  linkInvalid(peer: PeerCertificate, link: PeerCertificate, reason: string): void {
    const fields = { link: described(link), peer: described(peer) };
    this.#tell("LINK.INVALID", "ocsp_peer_link_invalid", fields, reason);
  }

  #rejected(peer: PeerCertificate | undefined, reason: string): void {
    if (peer === undefined) {
      this.server.env.log.error("Peer certificate is nil, cannot send OCSP peer reject event");
      return;
    }
    const fields = { kind: KIND, peer: described(peer) };
    this.#tell("CONN.REJECT", "ocsp_peer_reject", fields, reason);
  }

  #tell(subject: string, type: string, fields: object, reason: string): void {
    const sender = this.server.events?.sender;
    if (sender === undefined) return;
    const { server, ...head } = sender.eventHead(type);
    sender.send(
      `$SYS.SERVER.${this.server.id}.OCSP.PEER.${subject}`,
      goJson({ ...head, ...fields, server, reason }),
    );
  }
}

/** Whether the first certificate of a PEM file must come with an OCSP answer. */
function mustStaple(pem: Uint8Array): boolean {
  const { raw } = new X509Certificate(pem as Uint8Array<ArrayBuffer>);
  return readCertificate(new Uint8Array(raw)).mustStaple;
}

function described({ subject, issuer, fingerprint, der }: PeerCertificate) {
  return {
    subject: subject === "" ? undefined : subject,
    issuer: issuer === "" ? undefined : issuer,
    fingerprint,
    raw: base64(der),
  };
}
