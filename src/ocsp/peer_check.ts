/**
 * Decides by OCSP whether a peer with a verified certificate may connect.
 *
 * ```text
 * chains ─▶ links with a responder ─▶ cache ─▶ responder ─▶ signature, time, status
 * ```
 *
 * One good chain is enough; in it each link that names a responder must be good.
 *
 * Reference: peerOCSPValid and certOCSPGood in server/ocsp_peer.go.
 *
 * @module
 */
import type { OcspPeerOptions } from "../config/mod.ts";
import type { Clock, HttpClient, Logger } from "../platform/mod.ts";
import type { ResponseCache } from "./cache.ts";
import type { PeerCertificate } from "./certificate.ts";
import type { Chain } from "./chains.ts";
import { askResponders } from "./responder.ts";
import { isCurrent, type OcspResponse, OcspStatus, statusText } from "./response.ts";

const DEFAULT_TIMEOUT_MS = 2000;

/** Hears of certificates that are not good. */
export interface OcspEvents {
  /** `link` of a chain of `peer`, perhaps itself, is not good. */
  linkInvalid(peer: PeerCertificate, link: PeerCertificate, reason: string): void;
}

/** The world of {@linkcode PeerCheck}. */
export interface PeerCheckEnvironment {
  readonly clock: Clock;
  readonly log: Logger;
  readonly http: HttpClient;
  readonly cache: ResponseCache;
  readonly events: OcspEvents;
}

interface Link {
  readonly certificate: PeerCertificate;
  readonly issuer: PeerCertificate;
  readonly endpoints: readonly string[];
}

/** Checks peers as one `tls` block wants it. */
export class PeerCheck {
  constructor(readonly options: OcspPeerOptions, readonly env: PeerCheckEnvironment) {}

  /** Whether one of the `chains` of a client is good. Takes as long as responders take. */
  async accepts(chains: readonly Chain[]): Promise<boolean> {
    const { log, events } = this.env;
    log.debug(`Peer OCSP enabled: ${chains.length} TLS client chain(s) will be evaluated`);
    const peer = chains[0]?.[0];
    if (peer === undefined) {
      log.error("Peer certificate is nil, rejecting OCSP peer");
      return false;
    }
    for (const [index, chain] of chains.entries()) {
      log.debug(`Chain [${index}]: ${chain.length} total link(s)`);
      if (chain.length === 1) {
        log.debug(`Chain [${index}] is self-signed, thus peer is valid`);
        return true;
      }
      const links = linksOf(chain);
      if (links.length === 0) {
        log.debug(`Chain [${index}] has no OCSP eligible links, thus peer is valid`);
        return true;
      }
      log.debug(`Chain [${index}] has ${links.length} OCSP eligible link(s)`);
      const bad = await this.#firstBad(links);
      if (bad === null) {
        log.debug(`Chain [${index}] is OCSP valid for all eligible links, thus peer is valid`);
        return true;
      }
      log.debug(bad.reason);
      events.linkInvalid(peer, bad.link.certificate, bad.reason);
    }
    log.debug("No OCSP valid chains, thus peer is invalid");
    return false;
  }

  async #firstBad(links: readonly Link[]): Promise<{ link: Link; reason: string } | null> {
    for (const link of links) {
      const reason = await this.#badReason(link);
      if (reason !== null) return { link, reason };
    }
    return null;
  }

  /** Why the link is not good, or null. */
  async #badReason(link: Link): Promise<string | null> {
    const { cache, log } = this.env;
    const { subject, fingerprint } = link.certificate;
    log.debug(`Checking OCSP peer cache for [${subject}], key [${fingerprint}]`);
    const cached = await this.#cached(link);
    let { response } = cached;
    if (response === null) {
      const fetched = await this.#fetch(link, cached.wasRevoked);
      if ("verdict" in fetched) return fetched.verdict;
      response = fetched.response;
      cache.put(fingerprint, response, subject);
    }
    const { status } = response;
    const isUnknown = status === OcspStatus.Unknown && !this.options.unknownIsGood;
    if (status === OcspStatus.Revoked || isUnknown) {
      const text = statusText(status);
      log.warn(`OCSP verify fail for [${subject}] with CA status [${text}]`);
      return this.#orWarn(link, `Invalid OCSP response status: ${text}`);
    }
    log.debug(`OCSP verify pass for [${subject}]`);
    return null;
  }

  /** The answer in the cache if it can be used, and whether it said "revoked" in any case. */
  async #cached(
    { certificate, issuer }: Link,
  ): Promise<{ response: OcspResponse | null; wasRevoked: boolean }> {
    const { cache, log, clock } = this.env;
    const { subject, fingerprint } = certificate;
    const none = { response: null, wasRevoked: false };
    const der = cache.get(fingerprint);
    if (der === null) return none;
    const { parseResponse, mayAnswerFor } = await import("./asn1.ts");
    let response: OcspResponse | null = null;
    try {
      response = parseResponse(der, certificate, issuer);
    } catch (error) {
      log.debug((error as Error).message);
    }
    if (response === null || !mayAnswerFor(issuer, response)) {
      log.debug(`Invalid cached OCSP response for [${subject}] with fingerprint [${fingerprint}]`);
      cache.delete(fingerprint);
      return none;
    }
    const wasRevoked = response.status === OcspStatus.Revoked;
    const status = statusText(response.status);
    if (isCurrent(response, this.options, clock.nowMs(), (text) => log.debug(text))) {
      log.debug(`Cached OCSP response is current, status [${status}]`);
      return { response, wasRevoked };
    }
    log.debug(`Cached OCSP response is expired, status [${status}]`);
    cache.delete(fingerprint);
    return { response: null, wasRevoked };
  }

  /** A new answer, or what follows from having none: why the link is not good, or null. */
  async #fetch(
    link: Link,
    wasRevoked: boolean,
  ): Promise<{ response: OcspResponse } | { verdict: string | null }> {
    const { log, http, clock } = this.env;
    const { certificate, issuer, endpoints } = link;
    const { subject } = certificate;
    const { encodeRequest, parseResponse, mayAnswerFor } = await import("./asn1.ts");
    const debug = (text: string): void => log.debug(text);
    let der: Uint8Array;
    try {
      const timeoutMs = this.options.timeoutMs > 0 ? this.options.timeoutMs : DEFAULT_TIMEOUT_MS;
      const request = encodeRequest(certificate, issuer);
      der = await askResponders(endpoints, request, { http, timeoutMs, debug });
    } catch (error) {
      return { verdict: this.#unreachable(link, (error as Error).message, wasRevoked) };
    }
    let response: OcspResponse;
    try {
      response = parseResponse(der, certificate, issuer);
    } catch (error) {
      log.error(`Could not parse OCSP CA response for [${subject}]: ${(error as Error).message}`);
      return { verdict: this.#orWarn(link, "Failed OCSP response parse") };
    }
    if (!mayAnswerFor(issuer, response)) {
      const reason = `Invalid OCSP response delegation: ${subject}`;
      log.warn(reason);
      return { verdict: this.#orWarn(link, reason) };
    }
    if (!isCurrent(response, this.options, clock.nowMs(), debug)) {
      log.warn(`New OCSP CA response obtained for [${subject}] but not current`);
      return { verdict: this.#orWarn(link, "OCSP response not in effectivity window") };
    }
    return { response };
  }

  #unreachable(link: Link, why: string, wasRevoked: boolean): string | null {
    const { log } = this.env;
    const { subject } = link.certificate;
    log.warn(`Attempt to obtain OCSP response from CA responder for [${subject}] failed: ${why}`);
    const reason = this.#orWarn(link, "Failed OCSP response fetch");
    if (reason === null || !this.options.allowWhenCaUnreachable) return reason;
    log.warn(
      `Failed to obtain OCSP CA response for [${subject}] but AllowWhenCAUnreachable set; ` +
        (wasRevoked ? "cached revocation exists so rejecting" : "no cached revocation so allowing"),
    );
    return wasRevoked ? reason : null;
  }

  /** `reason`, or null where that is only worth a warning. */
  #orWarn({ certificate: { subject } }: Link, reason: string): string | null {
    if (!this.options.warnOnly) return reason;
    this.env.log.warn(`OCSP verify fail for [${subject}] but WarnOnly is true so allowing`);
    return null;
  }
}

/** The links that name a responder. The authority at the end of the chain is trusted as it is. */
function linksOf(chain: Chain): Link[] {
  const links: Link[] = [];
  for (let i = 0; i + 1 < chain.length; i++) {
    const certificate = chain[i]!;
    const endpoints = certificate.ocspEndpoints;
    if (endpoints.length > 0) links.push({ certificate, issuer: chain[i + 1]!, endpoints });
  }
  return links;
}
