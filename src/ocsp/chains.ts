/**
 * The ways that lead from a peer's certificate to an authority that is trusted. TLS has found one
 * and does not say which; checks by OCSP want to see them all.
 *
 * Reference: Certificate.Verify and buildChains of Go's crypto/x509.
 *
 * @module
 */
import type { PeerCertificate } from "./certificate.ts";

/** From the peer's certificate to a trusted one. */
export type Chain = readonly PeerCertificate[];

/** Looking for more would cost a server more than it costs its clients. */
const SIGNATURES_MAX = 100;
/** Usages that let a certificate, or those that it signs, speak for a client: clientAuth, any. */
const CLIENT_USAGES = ["1.3.6.1.5.5.7.3.2", "2.5.29.37.0"];

/**
 * All chains from the first of `sent` to one of `trusted`, over what else was sent. Those that end
 * at once at a trusted certificate come first.
 */
export function verifiedChains(
  sent: readonly PeerCertificate[],
  trusted: readonly PeerCertificate[],
  nowMs: number,
): Chain[] {
  const leaf = sent[0];
  if (leaf === undefined) return [];
  if (trusted.some((root) => root.equals(leaf))) return [[leaf]];
  const chains: Chain[] = [];
  let signatures = 0;
  const follow = (chain: Chain): void => {
    const last = chain.at(-1)!;
    for (const [candidates, ends] of [[trusted, true], [sent, false]] as const) {
      for (const candidate of candidates) {
        if (chain.some((one) => one.equals(candidate))) continue;
        if (!mayHaveIssued(candidate, last, nowMs)) continue;
        if (++signatures > SIGNATURES_MAX) return;
        if (!last.isSignedBy(candidate)) continue;
        const longer = [...chain, candidate];
        if (ends) chains.push(longer);
        else follow(longer);
      }
    }
  };
  follow([leaf]);
  return chains;
}

function mayHaveIssued(
  authority: PeerCertificate,
  issued: PeerCertificate,
  nowMs: number,
): boolean {
  const { subjectBytes, usages } = authority.names;
  return sameBytes(subjectBytes, issued.names.issuerBytes) && authority.isAuthority &&
    authority.isValidAt(nowMs) &&
    (usages === null || usages.some((usage) => CLIENT_USAGES.includes(usage)));
}

/** Whether both hold the same. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
