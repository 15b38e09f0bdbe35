/**
 * A certificate of a peer or an authority, as checks by OCSP look at it.
 *
 * Reference: server/certidp/certidp.go.
 *
 * @module
 */
import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import { goNameText } from "../base/crypto/name_text.ts";
import { type CertificateNames, readCertificate } from "../base/crypto/x509.ts";

/** A certificate. */
export class PeerCertificate {
  readonly names: CertificateNames;
  /** The subject as Go prints it; for logs and events, not to compare. */
  readonly subject: string;
  readonly issuer: string;
  /** SHA-256 of the certificate in base64. */
  readonly fingerprint: string;
  readonly #x509: X509Certificate;

  /** Throws DerError, or what the platform says, when `der` (kept) is no certificate. */
  constructor(readonly der: Uint8Array) {
    this.names = readCertificate(der);
    this.subject = goNameText(this.names.subject);
    this.issuer = goNameText(this.names.issuer);
    this.fingerprint = createHash("sha256").update(der).digest("base64");
    this.#x509 = new X509Certificate(der);
  }

  /** It may sign certificates. */
  get isAuthority(): boolean {
    return this.#x509.ca;
  }

  /** Where the authority can be asked by HTTP whether it is revoked. */
  get ocspEndpoints(): string[] {
    return this.names.ocspUrls.filter((url) => /^https?:$/.test(URL.parse(url)?.protocol ?? ""));
  }

  get publicKey(): KeyObject {
    return this.#x509.publicKey;
  }

  isValidAt(nowMs: number): boolean {
    const { validFrom, validTo } = this.#x509;
    return Date.parse(validFrom) <= nowMs && nowMs <= Date.parse(validTo);
  }

  isSignedBy(authority: PeerCertificate): boolean {
    return this.#x509.verify(authority.publicKey);
  }

  equals(other: PeerCertificate): boolean {
    return this.fingerprint === other.fingerprint;
  }
}
